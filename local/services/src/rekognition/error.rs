//! Errors as Rekognition answers them.

use serde_json::{Value, json};

/// An error of an operation: which exception, its HTTP status and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl ApiError {
    /// Server errors are answered with 500, the client's with 400; the service model says which is which.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        let status = match code {
            "InternalServerError" | "ThrottlingException" => 500,
            _ => 400,
        };
        Self {
            code: code.to_owned(),
            status,
            message: message.into(),
        }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(crate) fn not_found(arn: &str) -> Self {
        Self::new(
            "ResourceNotFoundException",
            format!("The resource {arn} does not exist."),
        )
    }

    pub(crate) fn in_use(message: impl Into<String>) -> Self {
        Self::new("ResourceInUseException", message)
    }

    pub(crate) fn not_ready(message: impl Into<String>) -> Self {
        Self::new("ResourceNotReadyException", message)
    }

    /// The answer's body; `logref` is the request's id.
    pub(crate) fn body(&self, logref: &str) -> Value {
        json!({"__type": self.code, "Code": self.code, "Message": self.message, "Logref": logref})
    }
}
