//! What kind of label a job asks for.

use std::str::FromStr;

/// The three task types that have a consolidation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskType {
    /// One label category for the whole image.
    SingleLabel,
    /// Any number of label categories for the whole image.
    MultiLabel,
    /// Boxes, each with a label category.
    BoundingBox,
}

impl TaskType {
    /// All task types, from the simplest answer to the richest.
    pub const ALL: [Self; 3] = [Self::SingleLabel, Self::MultiLabel, Self::BoundingBox];

    /// The task type whose built-in jobs write this `type` into their metadata.
    #[must_use]
    pub fn of_metadata(kind: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|task_type| task_type.metadata_type() == kind)
    }

    /// The `type` of the metadata that Ground Truth's built-in jobs write, and that Custom Labels reads.
    #[must_use]
    pub const fn metadata_type(self) -> &'static str {
        match self {
            Self::SingleLabel => "groundtruth/image-classification",
            Self::MultiLabel => "groundtruth/image-classification-multilabel",
            Self::BoundingBox => "groundtruth/object-detection",
        }
    }

    /// The name used in settings, logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SingleLabel => "single-label",
            Self::MultiLabel => "multi-label",
            Self::BoundingBox => "bounding-box",
        }
    }
}

impl std::fmt::Display for TaskType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no task type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a task type; use {}", names())]
pub struct UnknownTaskType {
    /// The text.
    pub text: String,
}

/// The task types' names, as a sentence lists them.
fn names() -> String {
    let names = TaskType::ALL.map(TaskType::as_str);
    match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

// A task type that `ALL` lacks is found here by the compiler.
const _: () = match TaskType::ALL {
    [first, second, third] => match (first, second, third) {
        (TaskType::SingleLabel, TaskType::MultiLabel, TaskType::BoundingBox) => {}
        (TaskType::SingleLabel | TaskType::MultiLabel | TaskType::BoundingBox, _, _) => {
            panic!("TaskType::ALL lists every task type once")
        }
    },
};

impl FromStr for TaskType {
    type Err = UnknownTaskType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|task_type| task_type.as_str() == text)
            .ok_or_else(|| UnknownTaskType {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types() {
        for task_type in TaskType::ALL {
            assert_eq!(task_type.as_str().parse(), Ok(task_type));
            assert_eq!(
                TaskType::of_metadata(task_type.metadata_type()),
                Some(task_type)
            );
        }
        assert_eq!(TaskType::of_metadata("groundtruth/custom"), None);
        assert_eq!(
            "boxes".parse::<TaskType>().unwrap_err().to_string(),
            "\"boxes\" is not a task type; use single-label, multi-label or bounding-box"
        );
    }
}
