//! What goes wrong with a dataset.

use aws_sdk_rekognition::error::{ProvideErrorMetadata, SdkError};

use super::pace::Operation;
use crate::failure::Failure;

/// What a failure asks of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Too many calls: slower.
    Throttled,
    /// The dataset is in use, not ready, or a limit of running work is reached: later.
    Busy,
    /// The model doesn't run: somebody has to start it.
    NotRunning,
    /// No answer, or the service has trouble: again.
    Unavailable,
    /// The function's role may not do this.
    AccessDenied,
    /// No such project or dataset.
    NotFound,
    /// The resource exists already.
    AlreadyExists,
    /// The request itself is refused.
    Invalid,
    /// Anything else.
    Other,
}

/// Why a Rekognition call failed, after the retries of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed with {code}: {message}")]
pub struct RekognitionError {
    /// The operation's name.
    pub operation: &'static str,
    /// Kind of the error: it decides what the caller does about it.
    pub kind: ErrorKind,
    /// The service's error code, or the SDK's kind of failure.
    pub code: String,
    /// Message of the service.
    pub message: String,
}

impl RekognitionError {
    /// A stable name of the kind, for logs, metrics and error types.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind {
            ErrorKind::Throttled => "Rekognition.Throttled",
            ErrorKind::Busy => "Rekognition.Busy",
            ErrorKind::NotRunning => "Rekognition.NotRunning",
            ErrorKind::Unavailable => "Rekognition.Unavailable",
            ErrorKind::AccessDenied => "Rekognition.AccessDenied",
            ErrorKind::NotFound => "Rekognition.NotFound",
            ErrorKind::AlreadyExists => "Rekognition.AlreadyExists",
            ErrorKind::Invalid => "Rekognition.Invalid",
            ErrorKind::Other => "Rekognition.Other",
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Throttled | ErrorKind::Busy | ErrorKind::Unavailable
        )
    }

    pub(super) fn new<E>(operation: &'static str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let failure = Failure::new(error);
        let kind = if failure.is_unanswered() {
            ErrorKind::Unavailable
        } else {
            kind(operation, &failure.code, failure.status)
        };
        Self {
            operation,
            kind,
            code: failure.code,
            message: failure.message,
        }
    }
}

/// Source: the errors of UpdateDatasetEntries, DescribeDataset, ListDatasetEntries, CreateDataset and
/// DetectCustomLabels. ThrottlingException comes with status 500.
fn kind(operation: &str, code: &str, status: Option<u16>) -> ErrorKind {
    match code {
        "ResourceNotReadyException" if operation == Operation::DetectCustomLabels.name() => {
            ErrorKind::NotRunning
        }
        "ThrottlingException"
        | "ProvisionedThroughputExceededException"
        | "TooManyRequestsException" => ErrorKind::Throttled,
        "ResourceInUseException" | "LimitExceededException" | "ResourceNotReadyException" => {
            ErrorKind::Busy
        }
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "ExpiredTokenException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException" => ErrorKind::AccessDenied,
        "ResourceNotFoundException" => ErrorKind::NotFound,
        "ResourceAlreadyExistsException" => ErrorKind::AlreadyExists,
        "InvalidParameterException"
        | "ValidationException"
        | "RequestNotBuilt"
        | "ImageTooLargeException"
        | "InvalidImageFormatException"
        | "InvalidS3ObjectException" => ErrorKind::Invalid,
        "InternalServerError" | "ServiceUnavailableException" => ErrorKind::Unavailable,
        _ => match status {
            Some(429) => ErrorKind::Throttled,
            Some(500..) => ErrorKind::Unavailable,
            Some(403) => ErrorKind::AccessDenied,
            Some(413) => ErrorKind::Invalid,
            _ => ErrorKind::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (code, status, expected) in [
            ("ThrottlingException", 500, ErrorKind::Throttled),
            (
                "ProvisionedThroughputExceededException",
                400,
                ErrorKind::Throttled,
            ),
            ("InternalServerError", 500, ErrorKind::Unavailable),
            ("ResourceInUseException", 400, ErrorKind::Busy),
            ("LimitExceededException", 400, ErrorKind::Busy),
            ("ResourceNotReadyException", 400, ErrorKind::Busy),
            ("InvalidParameterException", 400, ErrorKind::Invalid),
            ("ValidationException", 400, ErrorKind::Invalid),
            ("AccessDeniedException", 400, ErrorKind::AccessDenied),
            ("ResourceNotFoundException", 400, ErrorKind::NotFound),
            (
                "ResourceAlreadyExistsException",
                400,
                ErrorKind::AlreadyExists,
            ),
            ("", 503, ErrorKind::Unavailable),
            ("", 429, ErrorKind::Throttled),
            ("", 413, ErrorKind::Invalid),
            ("SomethingNew", 400, ErrorKind::Other),
        ] {
            let found = kind("UpdateDatasetEntries", code, Some(status));
            assert_eq!(found, expected, "{code} {status}");
        }
        for (code, expected) in [
            ("ResourceNotReadyException", ErrorKind::NotRunning),
            ("ImageTooLargeException", ErrorKind::Invalid),
            ("InvalidImageFormatException", ErrorKind::Invalid),
            ("InvalidS3ObjectException", ErrorKind::Invalid),
        ] {
            let found = kind("DetectCustomLabels", code, Some(400));
            assert_eq!(found, expected, "{code}");
        }
    }
}
