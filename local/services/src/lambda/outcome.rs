//! What became of an invocation.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

/// The end of one invocation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The invocation's identifier, as in the function's log.
    pub request_id: String,
    /// What the function answered; of a failed one, the error as JSON.
    pub payload: Bytes,
    /// Set when the function failed.
    pub error: Option<FunctionError>,
    /// Time from hand-over to answer.
    pub duration: Duration,
    /// Time from the start of the process to its first request for work, when a process was started for it.
    pub init: Option<Duration>,
    /// Processor time of the process's threads up to its first request for work, and up to this answer; `None` where
    /// the system does not tell.
    pub processor_init: Option<Duration>,
    /// See `processor_init`.
    pub processor: Option<Duration>,
    /// Most memory that the process has held, in KiB; `None` where the system does not tell.
    pub memory_max_kib: Option<u64>,
}

/// Lambda's JSON of a failed invocation.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct FunctionError {
    /// Machine-readable kind, such as `Sandbox.Timedout`.
    pub error_type: String,
    /// What happened.
    pub error_message: String,
}

impl FunctionError {
    pub(super) fn new(error_type: &str, error_message: String) -> Self {
        Self {
            error_type: error_type.to_owned(),
            error_message,
        }
    }

    /// Reads what a runtime reported; anything that isn't the documented JSON becomes the message.
    pub(super) fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| {
            Self::new(
                "Runtime.Unknown",
                String::from_utf8_lossy(body).into_owned(),
            )
        })
    }

    pub(super) fn to_payload(&self) -> Bytes {
        serde_json::json!({"errorType": self.error_type, "errorMessage": self.error_message})
            .to_string()
            .into()
    }
}

impl std::fmt::Display for FunctionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.error_type, self.error_message)
    }
}
