//! What Ground Truth sends, once per data object.

use serde_json::Value;
use serde_json::value::RawValue;

/// A pre-annotation request.
///
/// `version` is never looked at: documentation says 2018-10-16, real events say 2018-10-06.
///
/// Source: Developer Guide, "Pre-annotation Lambda"; published events of real jobs.
#[derive(Debug, Clone)]
pub struct Request {
    /// The data object: the whole line of the input manifest, byte for byte.
    pub data_object: Box<RawValue>,
    /// The job's ARN, for logs. The job's name is in lower case in it, so nothing is derived from it.
    pub labeling_job_arn: Option<String>,
}

/// Why an event is not a pre-annotation request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not JSON.
    #[error("event is not valid JSON: {reason}")]
    Json {
        /// Line and column.
        reason: String,
    },
    /// JSON, but not an object.
    #[error("event is not a JSON object")]
    NotAnObject,
    /// No data object.
    #[error("event has no dataObject; Ground Truth sends the manifest's line there")]
    MissingDataObject,
}

impl RequestError {
    /// A stable name of the variant: `errorType` of the function's answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "Request.Json",
            Self::NotAnObject => "Request.NotAnObject",
            Self::MissingDataObject => "Request.MissingDataObject",
        }
    }
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    ///
    /// [`RequestError`]. A data object that can't be shown is no error.
    pub fn parse(event: &[u8]) -> Result<Self, RequestError> {
        let json = |error: serde_json::Error| RequestError::Json {
            reason: error.to_string(),
        };
        let whole: &RawValue = serde_json::from_slice(event).map_err(json)?;
        if !whole.get().starts_with('{') {
            return Err(RequestError::NotAnObject);
        }
        let mut fields: std::collections::BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(whole.get()).map_err(json)?;
        let arn = fields.remove("labelingJobArn");
        let arn: Option<Value> = arn.and_then(|raw| serde_json::from_str(raw.get()).ok());
        Ok(Self {
            data_object: fields
                .remove("dataObject")
                .filter(|raw| raw.get() != "null")
                .ok_or(RequestError::MissingDataObject)?,
            labeling_job_arn: arn.and_then(|arn| arn.as_str().map(str::to_owned)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_kept_byte_for_byte() {
        let line = r#"{"source-ref":"s3://b/k","x":1.10,"y":12345678901234567890123,"z":"\u00e9"}"#;
        let event = format!(
            r#"{{"version":"2018-10-06","labelingJobArn":"arn:x","dataObject":{line},"new":1}}"#
        );
        let request = Request::parse(event.as_bytes()).unwrap();
        assert_eq!(request.data_object.get(), line);
        assert_eq!(request.labeling_job_arn.as_deref(), Some("arn:x"));
    }

    #[test]
    fn errors() {
        for (event, code) in [
            ("{", "Request.Json"),
            ("[]", "Request.NotAnObject"),
            ("{}", "Request.MissingDataObject"),
            (r#"{"dataObject":null}"#, "Request.MissingDataObject"),
        ] {
            assert_eq!(
                Request::parse(event.as_bytes()).unwrap_err().code(),
                code,
                "{event}"
            );
        }
        assert!(Request::parse(br#"{"dataObject":"s3://b/k","labelingJobArn":7}"#).is_ok());
    }
}
