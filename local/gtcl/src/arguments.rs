//! Arguments that several commands have.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use labeling::TaskType;

/// How a command prints its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Reads what workers are asked for, by the name that settings and reports use.
pub(crate) fn task_type() -> impl TypedValueParser<Value = TaskType> {
    let values = TaskType::ALL.map(|task_type| {
        PossibleValue::new(task_type.as_str()).help(match task_type {
            TaskType::SingleLabel => "One label category per image",
            TaskType::MultiLabel => "Any number of label categories per image",
            TaskType::BoundingBox => "Boxes, each with a label category",
        })
    });
    PossibleValuesParser::new(values).try_map(|text| text.parse::<TaskType>())
}
