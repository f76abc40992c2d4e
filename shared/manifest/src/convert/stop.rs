//! Why a line doesn't become an entry.

use crate::code::Code;
use crate::json::JsonError;

/// Why a line doesn't become an entry.
#[derive(Debug)]
pub(crate) enum Stop {
    Rejected(Code, String),
    Skipped(Code, String),
    /// Below the minimum confidence.
    Review(String),
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Self {
        Self::Rejected(
            Code::InvalidJsonLine,
            format!("label attribute is not accepted as JSON: {error}"),
        )
    }
}

pub(crate) fn rejected<T>(code: Code, reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Rejected(code, reason.into()))
}
