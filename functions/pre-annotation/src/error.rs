//! Why a call, or the start of the process, failed.

use labeling::pre_annotation::RequestError;
use labeling::settings::SettingError;
use lambda_runtime::Diagnostic;

/// What is answered instead of a task input. A bad data object is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment has a setting that can't be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The event is not a pre-annotation request.
    #[error("failed to read the request: {0}")]
    Request(#[from] RequestError),
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let error_type = match &error {
            Error::Setting(cause) => cause.code(),
            Error::Request(cause) => cause.code().to_owned(),
        };
        tracing::error!(code = error_type, error = %error, "request failed");
        Self {
            error_type,
            error_message: error.to_string(),
        }
    }
}
