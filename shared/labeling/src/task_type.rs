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
    /// The name used in settings, logs and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
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
#[error("{text:?} is not a task type; use single-label, multi-label or bounding-box")]
pub struct UnknownTaskType {
    /// The text.
    pub text: String,
}

impl FromStr for TaskType {
    type Err = UnknownTaskType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::SingleLabel, Self::MultiLabel, Self::BoundingBox]
            .into_iter()
            .find(|task_type| task_type.as_str() == text)
            .ok_or_else(|| UnknownTaskType {
                text: text.to_owned(),
            })
    }
}
