//! How a job calls its two functions.

use std::future::Future;

/// Calls a Lambda function and waits for its answer.
pub trait InvokeFunction: Sync {
    /// Calls the function of this name or ARN.
    ///
    /// # Errors
    ///
    /// [`InvokeError`] when the function answers with an error, times out, or does not exist.
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, InvokeError>> + Send;
}

/// A function's error, as Lambda reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct InvokeError {
    /// `errorType`.
    pub error_type: String,
    /// `errorMessage`.
    pub message: String,
}
