//! The label category file of image and custom jobs: `{"document-version":"2018-11-28","labels":[{"label":"…"},…]}`.

use std::collections::BTreeSet;

use serde::Deserialize;

use labeling::TaskType;

/// Characters of a label category's name at most. Source: Ground Truth, label category quotas.
pub const CATEGORY_CHARS_MAX: usize = 256;
/// Label categories of a multi-label or bounding-box job at most. Source: Ground Truth, label category quotas.
pub const CATEGORIES_MAX: usize = 50;

#[derive(Deserialize)]
struct File {
    #[serde(rename = "document-version")]
    document_version: Option<String>,
    labels: Vec<Category>,
}

#[derive(Deserialize)]
struct Category {
    label: String,
}

/// What Ground Truth would refuse about a label category file, one sentence each; empty when there is nothing.
///
/// Source: CreateLabelingJob, LabelCategoryConfigS3Uri; Ground Truth quotas ("multi-label image classification and
/// bounding box: 50"; single-label has no limit through the API).
pub fn problems(text: &str, task_type: TaskType) -> Vec<String> {
    let file: File = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            return vec![format!(
                r#"it is not a label category file ({error}); write {{"document-version": "2018-11-28", "labels": [{{"label": "cat"}}, {{"label": "dog"}}]}}"#
            )];
        }
    };
    let mut found = Vec::new();
    match file.document_version.as_deref() {
        Some("2018-11-28") => {}
        Some(other) => found.push(format!(
            "document-version is {other:?}; image jobs need \"2018-11-28\""
        )),
        None => {}
    }
    let n_categories_min = if task_type == TaskType::BoundingBox {
        1
    } else {
        2
    };
    if file.labels.len() < n_categories_min {
        found.push(format!(
            "it has {} label categories; a {} job needs at least {n_categories_min}",
            file.labels.len(),
            task_type.as_str()
        ));
    }
    if task_type != TaskType::SingleLabel && file.labels.len() > CATEGORIES_MAX {
        found.push(format!(
            "it has {} label categories; a {} job may have {CATEGORIES_MAX}",
            file.labels.len(),
            task_type.as_str()
        ));
    }
    let mut seen = BTreeSet::new();
    for Category { label } in &file.labels {
        if label.trim().is_empty() {
            found.push("a label category has no name".to_owned());
        }
        if label.chars().count() > CATEGORY_CHARS_MAX {
            found.push(format!(
                "a label category has {} characters; {CATEGORY_CHARS_MAX} is the limit",
                label.chars().count()
            ));
        }
        if !seen.insert(label.as_str()) {
            found.push(format!("the label category {label:?} stands there twice"));
        }
    }
    found
}

/// What is remarkable about a label category file and doesn't keep a job from running.
pub fn notes(text: &str) -> Vec<String> {
    let is_without_version =
        serde_json::from_str(text).is_ok_and(|file: File| file.document_version.is_none());
    is_without_version
        .then(|| {
            "document-version is missing: Ground Truth's guide has \"2018-11-28\" there, jobs without it were seen to run".to_owned()
        })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(labels: &[String]) -> String {
        let labels: Vec<_> = labels
            .iter()
            .map(|label| serde_json::json!({ "label": label }))
            .collect();
        serde_json::json!({"document-version": "2018-11-28", "labels": labels}).to_string()
    }

    fn check(labels: &[String], task_type: TaskType, expected: Option<&str>) {
        let found = problems(&file(labels), task_type);
        match expected {
            None => assert!(found.is_empty(), "{found:?}"),
            Some(part) => assert!(
                found.len() == 1 && found.iter().all(|problem| problem.contains(part)),
                "{found:?} should be about {part:?}"
            ),
        }
    }

    fn numbered(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("label {i}")).collect()
    }

    #[test]
    fn counts_have_limits() {
        use TaskType::{BoundingBox, MultiLabel, SingleLabel};
        for (task_type, n_min, n_max) in [
            (SingleLabel, 2, None),
            (MultiLabel, 2, Some(50)),
            (BoundingBox, 1, Some(50)),
        ] {
            check(&numbered(n_min - 1), task_type, Some("needs at least"));
            check(&numbered(n_min), task_type, None);
            check(&numbered(n_min + 1), task_type, None);
            if let Some(n_max) = n_max {
                check(&numbered(n_max - 1), task_type, None);
                check(&numbered(n_max), task_type, None);
                check(&numbered(n_max + 1), task_type, Some("may have 50"));
            }
        }
        check(&numbered(500), SingleLabel, None);
    }

    #[test]
    fn names_are_short_unique_and_there() {
        let with = |label: String| vec!["cat".to_owned(), label];
        let single = TaskType::SingleLabel;
        check(&with("x".repeat(255)), single, None);
        check(&with("é".repeat(256)), single, None);
        check(&with("x".repeat(257)), single, Some("257 characters"));
        check(&with("cat".to_owned()), single, Some("twice"));
        check(&with("Cat".to_owned()), single, None);
        check(&with(" ".to_owned()), single, Some("no name"));
    }

    #[test]
    fn the_file_has_the_documented_shape() {
        for (text, expected) in [
            ("{", "not a label category file"),
            (r#"{"labels":["cat","dog"]}"#, "not a label category file"),
            (
                r#"{"document-version":"2020-03-01","labels":[{"label":"a"},{"label":"b"}]}"#,
                "document-version is \"2020-03-01\"",
            ),
        ] {
            let found = problems(text, TaskType::SingleLabel);
            assert!(
                found.iter().any(|problem| problem.contains(expected)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn a_missing_version_is_a_note() {
        for (text, n_notes) in [
            (r#"{"labels":[{"label":"a"},{"label":"b"}]}"#, 1),
            (
                r#"{"documentVersion":"2018-11-28","labels":[{"label":"a"},{"label":"b"}]}"#,
                1,
            ),
            (
                r#"{"document-version":"2018-11-28","labels":[{"label":"a"},{"label":"b"}]}"#,
                0,
            ),
        ] {
            assert!(problems(text, TaskType::SingleLabel).is_empty(), "{text}");
            assert_eq!(notes(text).len(), n_notes, "{text}");
        }
        assert!(notes("{").is_empty());
    }
}
