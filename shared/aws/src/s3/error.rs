//! What goes wrong with an object.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::uri;
use crate::failure::{Failure, REQUEST_NOT_BUILT};

/// Error codes about credentials, whatever object they are used for. Source: Amazon S3 API reference, error codes.
const CREDENTIALS_REFUSED: [&str; 5] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// Why an S3 call failed, after the SDK's own retries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3Error {
    /// No such object, or no such bucket.
    #[error("{uri} does not exist")]
    NotFound {
        /// The object as an S3 URI, or `bucket NAME`.
        uri: String,
    },
    /// The function's role may not do this.
    #[error(
        "{operation} of {uri} is denied; allow it in the function's role, the bucket policy and, for encrypted objects, the key policy ({message})"
    )]
    AccessDenied {
        /// The operation's name.
        operation: &'static str,
        /// The object or bucket.
        uri: String,
        /// Message of S3.
        message: String,
    },
    /// The object has another entity tag than asked for, or another writer won.
    #[error("{uri} was written by someone else in the meantime")]
    PreconditionFailed {
        /// The object.
        uri: String,
    },
    /// The object is larger than the caller is ready to hold.
    #[error("{uri} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The object.
        uri: String,
        /// The bound, in bytes, inclusive.
        bytes_max: u64,
    },
    /// S3 didn't answer, or answered that it can't at the moment. Worth another try later.
    #[error("{operation} of {uri} is unavailable: {message}")]
    Unavailable {
        /// The operation's name.
        operation: &'static str,
        /// The object or bucket.
        uri: String,
        /// Reason, in words.
        message: String,
    },
    /// Any other answer.
    #[error("{operation} of {uri} failed with {code}: {message}")]
    Other {
        /// The operation's name.
        operation: &'static str,
        /// The object or bucket.
        uri: String,
        /// S3's error code.
        code: String,
        /// Message of S3.
        message: String,
    },
}

impl S3Error {
    /// A stable name of the variant, for logs, metrics and error types.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "S3.NotFound",
            Self::AccessDenied { .. } => "S3.AccessDenied",
            Self::PreconditionFailed { .. } => "S3.PreconditionFailed",
            Self::TooLarge { .. } => "S3.TooLarge",
            Self::Unavailable { .. } => "S3.Unavailable",
            Self::Other { .. } => "S3.Other",
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether this is about the caller, so that calls for other objects would fail, too: S3 isn't to be reached, or
    /// region or credentials are missing or refused.
    #[must_use]
    pub fn is_about_the_caller(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Other { code, .. } => {
                code == REQUEST_NOT_BUILT || CREDENTIALS_REFUSED.contains(&code.as_str())
            }
            _ => false,
        }
    }

    pub(crate) fn new<E>(
        operation: &'static str,
        bucket: &str,
        key: &str,
        error: &SdkError<E>,
    ) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let uri = uri::show(bucket, key);
        let failure = Failure::new(error);
        let message = failure.message.clone();
        if failure.is_unanswered() {
            return Self::Unavailable {
                operation,
                uri,
                message,
            };
        }
        match (failure.code.as_str(), failure.status) {
            ("NoSuchBucket", _) => Self::NotFound {
                uri: format!("bucket {bucket}"),
            },
            ("NoSuchKey" | "NotFound" | "NoSuchVersion", _) | (_, Some(404)) => {
                Self::NotFound { uri }
            }
            // 409 ConditionalRequestConflict: another conditional write of the same key was under way.
            ("PreconditionFailed" | "ConditionalRequestConflict", _) | (_, Some(409 | 412)) => {
                Self::PreconditionFailed { uri }
            }
            (code, Some(403 | 401)) if !CREDENTIALS_REFUSED.contains(&code) => Self::AccessDenied {
                operation,
                uri,
                message,
            },
            ("SlowDown" | "RequestTimeout" | "InternalError", _) | (_, Some(429 | 500..)) => {
                Self::Unavailable {
                    operation,
                    uri,
                    message,
                }
            }
            _ => Self::Other {
                operation,
                uri,
                code: failure.code,
                message,
            },
        }
    }
}
