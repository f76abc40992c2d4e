//! What Ground Truth sends.

use serde_json::Value;

use crate::job::{JobFolder, categories};
use crate::shown::shown;

/// A consolidation request.
///
/// Only `payload` and `labelAttributeName` are needed; whatever else is missing, `null` or unknown is passed over.
/// `version` is never looked at: documentation says 2018-10-16, real events say 2018-10-06.
///
/// Source: Developer Guide, "Post-annotation Lambda"; published events of real jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Where the workers' answers are.
    pub payload: Payload,
    /// The label attribute, in the user's spelling.
    pub label_attribute: String,
    /// The job's ARN, for logs. The job's name is in lower case in it, so nothing is derived from it.
    pub labeling_job_arn: Option<String>,
    /// Names of the label categories in class-id order; `None` for jobs made in the console, among others.
    pub label_categories: Option<Vec<String>>,
    /// `s3://…/<job>/annotations`, where the request says.
    pub output_uri: Option<String>,
    /// The job's KMS key, to encrypt what is written with.
    pub kms_key_id: Option<String>,
}

/// Where the workers' answers are.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// In an annotation file in S3. The URI is kept as it came: its key has colons and is not URL-encoded.
    Stored(String),
    /// In the request itself, as the annotation file's text.
    Inline(String),
}

/// Why an event is not a consolidation request.
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
    /// No payload, or one without anything to read.
    #[error("event has no payload.s3Uri; Ground Truth sends the annotation file's S3 URI there")]
    MissingPayload,
    /// The annotation file's place is not an S3 URI.
    #[error("payload.s3Uri {uri} is not an s3:// URI")]
    PayloadUri {
        /// What stands there, in quotes.
        uri: String,
    },
    /// No label attribute.
    #[error("event has no labelAttributeName; the label can't be answered without it")]
    MissingLabelAttribute,
}

impl RequestError {
    /// A stable name of the variant: `errorType` of the function's answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "Request.Json",
            Self::NotAnObject => "Request.NotAnObject",
            Self::MissingPayload => "Request.MissingPayload",
            Self::PayloadUri { .. } => "Request.PayloadUri",
            Self::MissingLabelAttribute => "Request.MissingLabelAttribute",
        }
    }
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    ///
    /// [`RequestError`], one variant for each thing that can be wrong.
    pub fn parse(event: &[u8]) -> Result<Self, RequestError> {
        let event: Value = serde_json::from_slice(event).map_err(|error| RequestError::Json {
            reason: error.to_string(),
        })?;
        if !event.is_object() {
            return Err(RequestError::NotAnObject);
        }
        let text = |key: &str| event.get(key).and_then(Value::as_str).map(str::to_owned);
        let output = event.get("outputConfig");
        Ok(Self {
            payload: payload(event.get("payload"))?,
            label_attribute: text("labelAttributeName")
                .filter(|name| !name.is_empty())
                .ok_or(RequestError::MissingLabelAttribute)?,
            labeling_job_arn: text("labelingJobArn"),
            label_categories: categories::from_value(event.get("labelCategories")),
            output_uri: output
                .and_then(|output| first_text(output, &["s3Uri", "s3OutputPath", "S3OutputPath"]))
                .filter(|uri| uri.starts_with("s3://")),
            kms_key_id: text("kmsKeyId")
                .or_else(|| {
                    let keys = ["kmsKeyId", "KmsKeyId"];
                    keys.iter()
                        .find_map(|key| output?.get(key)?.as_str().map(str::to_owned))
                })
                .filter(|key| !key.is_empty()),
        })
    }

    /// The annotation file's URI, when there is a file.
    #[must_use]
    pub fn annotation_file_uri(&self) -> Option<&str> {
        match &self.payload {
            Payload::Stored(uri) => Some(uri),
            Payload::Inline(_) => None,
        }
    }

    /// The job's folder in S3; see [`JobFolder::of_request`].
    #[must_use]
    pub fn job_folder(&self) -> Option<JobFolder> {
        JobFolder::of_request(self.output_uri.as_deref(), self.annotation_file_uri())
    }
}

/// `{"s3Uri": …}`, `{"s3uri": …}` (as the official sample looks it up), `{"content": …}`, or the content itself.
fn payload(value: Option<&Value>) -> Result<Payload, RequestError> {
    let value = value.ok_or(RequestError::MissingPayload)?;
    for key in ["s3Uri", "s3uri"] {
        if let Some(uri) = value.get(key).filter(|uri| !uri.is_null()) {
            let text = uri.as_str().unwrap_or_default();
            if !text.starts_with("s3://") {
                return Err(RequestError::PayloadUri {
                    uri: shown(uri.as_str().unwrap_or("(not a text)")),
                });
            }
            return Ok(Payload::Stored(text.to_owned()));
        }
    }
    match value.get("content").unwrap_or(value) {
        Value::String(text) if !text.is_empty() => Ok(Payload::Inline(text.clone())),
        list @ Value::Array(_) => Ok(Payload::Inline(list.to_string())),
        _ => Err(RequestError::MissingPayload),
    }
}

/// The value itself when it is a text, else the text under the first of the keys.
fn first_text(value: &Value, keys: &[&str]) -> Option<String> {
    let text = value
        .as_str()
        .or_else(|| keys.iter().find_map(|key| value.get(key)?.as_str()));
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(event: &str) -> Result<Request, RequestError> {
        Request::parse(event.as_bytes())
    }

    fn check_err(event: &str, expected: RequestError) {
        assert_eq!(parse(event), Err(expected), "{event}");
    }

    #[test]
    fn least() {
        let request =
            parse(r#"{"payload":{"s3Uri":"s3://bkt/a.json"},"labelAttributeName":"Animal"}"#)
                .unwrap();
        assert_eq!(request.annotation_file_uri(), Some("s3://bkt/a.json"));
        assert_eq!(request.label_attribute, "Animal");
        assert_eq!(
            (
                request.label_categories,
                request.output_uri,
                request.kms_key_id
            ),
            (None, None, None)
        );
    }

    #[test]
    fn captured() {
        // Source: published event of a real job. The ARN has the job's name in lower case, outputConfig is a text,
        // labelCategories is absent, two fields are documented nowhere.
        let request = parse(
            r#"{"version":"2018-10-06",
            "labelingJobArn":"arn:aws:sagemaker:us-west-2:123456789010:labeling-job/test-labeling-job-20211118t021255",
            "labelAttributeName":"test-labeling-job-20211118T021255","roleArn":"arn:aws:iam::123456789010:role/r",
            "payload":{"s3Uri":"s3://out/test-labeling-job-20211118T021255/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"},
            "outputConfig":"s3://out/test-labeling-job-20211118T021255/annotations",
            "maxHumanWorkersPerDataObject":1,"vpcEnabled":false}"#,
        )
        .unwrap();
        assert_eq!(request.label_attribute, "test-labeling-job-20211118T021255");
        assert!(
            request
                .annotation_file_uri()
                .unwrap()
                .ends_with("/2021-11-18_02:19:51.json")
        );
        assert_eq!(
            request.job_folder(),
            Some(JobFolder::at("s3://out/test-labeling-job-20211118T021255"))
        );
    }

    #[test]
    fn variants() {
        let with = |more: &str| parse(&format!(r#"{{"labelAttributeName":"a",{more}}}"#)).unwrap();
        let stored = r#""payload":{"s3Uri":"s3://bkt/a"}"#;
        assert_eq!(
            with(r#""payload":{"s3uri":"s3://bkt/a"}"#).annotation_file_uri(),
            Some("s3://bkt/a")
        );
        assert_eq!(
            with(r#""payload":{"content":"[]"}"#).payload,
            Payload::Inline("[]".into())
        );
        assert_eq!(
            with(r#""payload":{"content":[1]}"#).payload,
            Payload::Inline("[1]".into())
        );
        assert_eq!(
            with(r#""payload":[]"#).payload,
            Payload::Inline("[]".into())
        );
        for categories in ["null", "[]", "7"] {
            assert_eq!(
                with(&format!(r#"{stored},"labelCategories":{categories}"#)).label_categories,
                None
            );
        }
        let request = with(&format!(
            r#"{stored},"labelCategories":["b","a"],"kmsKeyId":"k""#
        ));
        assert_eq!(
            request.label_categories,
            Some(vec!["b".to_owned(), "a".to_owned()])
        );
        assert_eq!(request.kms_key_id.as_deref(), Some("k"));
        let request = with(&format!(
            r#"{stored},"outputConfig":{{"s3OutputPath":"s3://bkt/job/annotations","kmsKeyId":"k"}}"#
        ));
        assert_eq!(request.job_folder(), Some(JobFolder::at("s3://bkt/job")));
        assert_eq!(request.kms_key_id.as_deref(), Some("k"));
        assert_eq!(
            with(&format!(r#"{stored},"outputConfig":null,"kmsKeyId":"""#)).kms_key_id,
            None
        );
    }

    #[test]
    fn errors() {
        check_err("[]", RequestError::NotAnObject);
        check_err(
            r#"{"labelAttributeName":"a"}"#,
            RequestError::MissingPayload,
        );
        check_err(
            r#"{"labelAttributeName":"a","payload":{}}"#,
            RequestError::MissingPayload,
        );
        check_err(
            r#"{"labelAttributeName":"a","payload":null}"#,
            RequestError::MissingPayload,
        );
        check_err(
            r#"{"payload":{"s3Uri":"s3://bkt/a"}}"#,
            RequestError::MissingLabelAttribute,
        );
        check_err(
            r#"{"payload":{"s3Uri":"s3://bkt/a"},"labelAttributeName":""}"#,
            RequestError::MissingLabelAttribute,
        );
        let uri = "\"https://bkt/a\"".to_owned();
        check_err(
            r#"{"labelAttributeName":"a","payload":{"s3Uri":"https://bkt/a"}}"#,
            RequestError::PayloadUri { uri },
        );
        assert_eq!(parse("{").unwrap_err().code(), "Request.Json");
    }
}
