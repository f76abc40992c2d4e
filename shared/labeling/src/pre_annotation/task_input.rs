//! What the worker task template sees.

use serde::Serialize;
use serde_json::value::RawValue;

use super::initial_value::InitialBox;

/// What the worker task template sees as `task.input`; has what the built-in templates use.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskInput {
    /// The image's S3 URI (`source-ref`), or the text (`source`); empty when the line has neither.
    pub task_object: String,
    /// Names of the label categories.
    pub labels: Vec<String>,
    /// The line of the input manifest, byte for byte.
    pub manifest_line: Box<RawValue>,
    /// Boxes to adjust: of the line, else a model's; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_value: Option<Vec<InitialBox>>,
    /// What a model takes the whole image for; absent when it wasn't asked or said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_labels: Option<Vec<Suggestion>>,
}

/// A label for the whole image, as `task.input.suggestedLabels` has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// Name of the label category.
    pub label: String,
    /// The model's confidence, 0 to 1, in four decimal places.
    pub confidence: f64,
}
