//! Why a call failed.

use aws::s3::{S3Error, UriError};
use labeling::consolidation::{AnnotationFileError, RequestError};
use labeling::settings::SettingError;
use lambda_runtime::Diagnostic;

/// What is answered instead of consolidated annotations. A bad data object is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment has a setting that can't be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The event is not a consolidation request.
    #[error("failed to read the request: {0}")]
    Request(#[from] RequestError),
    /// The annotation file is named by something that is no S3 URI.
    #[error("failed to read the request: payload.s3Uri: {0}")]
    Uri(#[from] UriError),
    /// The annotation file is in a bucket that this function may not read.
    #[error(
        "failed to read the annotation file: bucket {bucket:?} is not in ALLOWED_BUCKETS; add it there and to the function's role"
    )]
    BucketNotAllowed {
        /// The bucket.
        bucket: String,
    },
    /// The annotation file can't be read.
    #[error("failed to read the annotation file: {0}")]
    S3(#[from] S3Error),
    /// The annotation file is no annotation file.
    #[error("failed to read the annotation file: {0}")]
    AnnotationFile(#[from] AnnotationFileError),
}

impl Error {
    /// A stable name: `errorType` of the answer.
    #[must_use]
    pub fn code(&self) -> String {
        let code = match self {
            Self::Setting(error) => return error.code(),
            Self::Request(error) => error.code(),
            Self::Uri(_) => "Request.PayloadUri",
            Self::BucketNotAllowed { .. } => "Request.BucketNotAllowed",
            Self::S3(error) => error.code(),
            Self::AnnotationFile(error) => error.code(),
        };
        code.to_owned()
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        tracing::error!(code = error.code(), error = %error, "batch failed");
        Self {
            error_type: error.code(),
            error_message: error.to_string(),
        }
    }
}
