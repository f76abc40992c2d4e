//! Ground Truth calls its functions through [`Lambda`].

use super::Lambda;
use crate::ground_truth::{InvokeError, InvokeFunction};

impl InvokeFunction for Lambda {
    async fn invoke(&self, function: &str, payload: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        let outcome = Self::invoke(self, function, payload.into())
            .await
            .map_err(|error| InvokeError {
                error_type: "Lambda".to_owned(),
                message: error.to_string(),
            })?;
        match outcome.error {
            None => Ok(outcome.payload.into()),
            Some(error) => Err(InvokeError {
                error_type: error.error_type,
                message: error.error_message,
            }),
        }
    }
}
