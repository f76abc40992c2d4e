//! The lines of `rejected.jsonl`: what didn't become an entry, or isn't in the dataset as it should be.

use manifest::{Code, Rejected};
use serde::Serialize;

/// What is wrong with a line that became an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Codes, joined by commas.
    pub code: String,
    /// Reason, in a sentence.
    pub reason: String,
    /// Remedy: the step that a person can take.
    pub remedy: String,
    /// Whether the entry is in the dataset nevertheless.
    pub is_in_dataset: bool,
}

impl Trouble {
    /// The trouble that a code stands for, with an entry that isn't in the dataset.
    #[must_use]
    pub fn of(code: Code) -> Self {
        Self {
            code: code.as_str().to_owned(),
            reason: code.message().to_owned(),
            remedy: code.remedy().to_owned(),
            is_in_dataset: false,
        }
    }
}

/// One line of `rejected.jsonl`, its fields in alphabetical order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectedLine<'a> {
    code: &'a str,
    in_dataset: bool,
    /// The line as it stands in the manifest; what isn't UTF-8 is replaced.
    line: &'a str,
    line_number: u64,
    reason: &'a str,
    remedy: &'a str,
}

impl<'a> RejectedLine<'a> {
    /// A line that can't become an entry.
    #[must_use]
    pub fn rejected(rejected: &'a Rejected, line: &'a str) -> Self {
        Self {
            code: rejected.code.as_str(),
            in_dataset: false,
            line,
            line_number: rejected.line_number,
            reason: &rejected.reason,
            remedy: &rejected.remedy,
        }
    }

    /// A line whose entry is in trouble.
    #[must_use]
    pub fn in_trouble(line_number: u64, trouble: &'a Trouble, line: &'a str) -> Self {
        Self {
            code: &trouble.code,
            in_dataset: trouble.is_in_dataset,
            line,
            line_number,
            reason: &trouble.reason,
            remedy: &trouble.remedy,
        }
    }

    /// The JSON Line, with its line feed.
    #[must_use]
    pub fn to_json_line(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_have_the_same_fields() {
        let rejected = Rejected {
            line_number: 7,
            code: Code::InvalidJsonLine,
            reason: "r".to_owned(),
            remedy: "m".to_owned(),
        };
        let trouble = Trouble {
            code: "A,B".to_owned(),
            reason: "r".to_owned(),
            remedy: "m".to_owned(),
            is_in_dataset: true,
        };
        for (line, expected) in [
            (
                RejectedLine::rejected(&rejected, "{\""),
                r#"{"code":"ERROR_INVALID_JSON_LINE","inDataset":false,"line":"{\"","lineNumber":7,"reason":"r","remedy":"m"}"#,
            ),
            (
                RejectedLine::in_trouble(8, &trouble, ""),
                r#"{"code":"A,B","inDataset":true,"line":"","lineNumber":8,"reason":"r","remedy":"m"}"#,
            ),
        ] {
            let json = String::from_utf8(line.to_json_line()).unwrap();
            assert_eq!(json, format!("{expected}\n"));
        }
    }
}
