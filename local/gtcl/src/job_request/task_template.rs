//! The worker task template: does it show the task, and does it ask for what the job is about?

use std::collections::BTreeSet;

use labeling::TaskType;

/// The crowd element that asks for an answer of the task type.
///
/// Source: SageMaker Developer Guide, Crowd HTML Elements.
fn element_of(task_type: TaskType) -> &'static str {
    match task_type {
        TaskType::SingleLabel => "crowd-image-classifier",
        TaskType::MultiLabel => "crowd-image-classifier-multi-select",
        TaskType::BoundingBox => "crowd-bounding-box",
    }
}

/// Why workers could not answer with this template, a fragment that follows its name.
///
/// A template may ask in elements of its own; one of another task type, with none of the job's, is the wrong file.
pub fn problem(text: &str, task_type: TaskType) -> Option<String> {
    if !text.contains("task.input") {
        return Some("never uses task.input; workers would see no image".to_owned());
    }
    let elements = crowd_elements(text);
    if elements.contains(element_of(task_type)) {
        return None;
    }
    let other = TaskType::ALL
        .into_iter()
        .find(|&other| elements.contains(element_of(other)))?;
    Some(format!(
        "has {}, which asks for {} answers; a {} job takes templates/{}.liquid.html, or another --task-type",
        element_of(other),
        other.as_str(),
        task_type.as_str(),
        task_type.as_str()
    ))
}

/// Whether the answer is submitted by Ground Truth's own form.
pub fn has_form(text: &str) -> bool {
    text.contains("crowd-form") || text.contains("crowd-html-elements")
}

/// Names of the crowd elements that are opened.
fn crowd_elements(text: &str) -> BTreeSet<&str> {
    text.split('<')
        .skip(1)
        .filter_map(|tag| {
            tag.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .next()
        })
        .filter(|name| name.starts_with("crowd-"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [(TaskType, &str); 3] = [
        (
            TaskType::SingleLabel,
            include_str!("../../../../templates/single-label.liquid.html"),
        ),
        (
            TaskType::MultiLabel,
            include_str!("../../../../templates/multi-label.liquid.html"),
        ),
        (
            TaskType::BoundingBox,
            include_str!("../../../../templates/bounding-box.liquid.html"),
        ),
    ];

    #[test]
    fn each_template_fits_its_own_task_type_only() {
        for (of, text) in OWN {
            assert!(has_form(text), "{of:?}");
            for (task_type, _) in OWN {
                let found = problem(text, task_type);
                if of == task_type {
                    assert_eq!(found, None);
                } else {
                    let found = found.unwrap();
                    for part in [element_of(of), of.as_str(), task_type.as_str()] {
                        assert!(found.contains(part), "{found}");
                    }
                }
            }
        }
    }

    #[test]
    fn templates_of_other_make() {
        let check = |text: &str, expected: Option<&str>| {
            let found = problem(text, TaskType::BoundingBox);
            assert_eq!(found.is_some(), expected.is_some(), "{text}: {found:?}");
            assert!(
                found
                    .unwrap_or_default()
                    .contains(expected.unwrap_or_default()),
                "{text}"
            );
        };
        check("<form>{{ task.input.taskObject }}</form>", None);
        check("<my-boxes src={{ task.input.taskObject }}>", None);
        check(
            "<crowd-bounding-box/><crowd-image-classifier/>{{ task.input.labels }}",
            None,
        );
        check(
            "<crowd-image-classifier\nsrc={{ task.input.taskObject }}>",
            Some("asks for single-label"),
        );
        check("<crowd-bounding-box>", Some("never uses task.input"));
    }
}
