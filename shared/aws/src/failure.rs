//! What an SDK error is, without its type.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// The kind of a call that never became a request: no region, say.
pub(crate) const REQUEST_NOT_BUILT: &str = "RequestNotBuilt";

/// The parts of an SDK error that a decision needs.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The service's error code; for failures before an answer, one of the SDK's kinds.
    pub(crate) code: String,
    /// HTTP status, when there was an answer.
    pub(crate) status: Option<u16>,
    /// One line for a person.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new<E>(error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        let (code, message) = match error {
            SdkError::ServiceError(service) => (
                service.err().code().unwrap_or_default().to_owned(),
                service.err().message().unwrap_or_default().to_owned(),
            ),
            SdkError::TimeoutError(_) => ("Timeout".to_owned(), String::new()),
            SdkError::DispatchFailure(_) => ("ConnectionFailed".to_owned(), String::new()),
            SdkError::ResponseError(_) => ("ResponseUnreadable".to_owned(), String::new()),
            _ => (REQUEST_NOT_BUILT.to_owned(), String::new()),
        };
        let message = if message.is_empty() {
            with_causes(error)
        } else {
            message
        };
        Self {
            code,
            status,
            message,
        }
    }

    /// Whether the call never got a usable answer, so it may or may not have had its effect.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(
            self.code.as_str(),
            "Timeout" | "ConnectionFailed" | "ResponseUnreadable"
        )
    }
}

/// What a call's error says, on one line: the service's own message; without one, the failure and its causes.
pub fn error_message<E>(error: &SdkError<E>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    Failure::new(error).message
}

/// The error and what caused it, on one line, outermost first.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    let lines: Vec<&str> = message.lines().map(str::trim).collect();
    lines.join(" ")
}
