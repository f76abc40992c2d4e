//! A line of the output manifest, merged as Ground Truth merges a custom job's.

use indexmap::IndexMap;
use serde_json::json;
use serde_json::value::RawValue;

use super::json::{insert, raw};

/// A line of the input manifest, in its own order, values as they came.
pub(super) type ManifestLine = IndexMap<String, Box<RawValue>>;

/// What became of a data object.
#[derive(Debug)]
pub(super) enum Labeled {
    /// The consolidation function answered this label, as it came.
    Consolidated {
        label: Box<RawValue>,
        created: String,
    },
    /// The job has no consolidation function.
    Unconsolidated {
        worker_response: String,
        created: String,
    },
    /// No label.
    Failed {
        reason: String,
        retry_count: Option<u32>,
    },
}

impl Labeled {
    /// Why the object has no label; also where the consolidation function answered with its failure envelope.
    pub(super) fn failure_reason(&self) -> Option<String> {
        match self {
            Self::Failed { reason, .. } => Some(reason.clone()),
            Self::Unconsolidated { .. } => None,
            Self::Consolidated { label, .. } => {
                let value: serde_json::Value = serde_json::from_str(label.get()).ok()?;
                let reason = value.get("metadata")?.get("failure-reason")?;
                value
                    .get("label")?
                    .is_null()
                    .then(|| reason.as_str().unwrap_or_default().to_owned())
            }
        }
    }
}

/// A line of the input manifest, and whose label goes onto it.
pub(super) struct OutputLine<'a> {
    pub(super) line: &'a ManifestLine,
    pub(super) label_attribute: &'a str,
    pub(super) job_name: &'a str,
}

impl OutputLine<'_> {
    /// The output line, without a line end. Other keys keep their order and their bytes; `None` copies the line.
    pub(super) fn with(&self, labeled: Option<&Labeled>) -> String {
        let mut line = self.line.clone();
        let metadata_key = format!("{}-metadata", self.label_attribute);
        if let Some(labeled) = labeled {
            line.shift_remove(self.label_attribute);
            line.shift_remove(&metadata_key);
            let (label, metadata) = self.pair(labeled);
            if let Some(label) = label {
                line.insert(self.label_attribute.to_owned(), label);
            }
            line.insert(metadata_key, metadata);
        }
        serde_json::to_string(&line).unwrap_or_default()
    }

    /// Ground Truth replaces whatever metadata the function answered.
    fn pair(&self, labeled: &Labeled) -> (Option<Box<RawValue>>, Box<RawValue>) {
        match labeled {
            Labeled::Consolidated { label, created } => {
                let metadata = json!({
                    "type": "groundtruth/custom",
                    "job-name": self.job_name,
                    "human-annotated": "yes",
                    "creation-date": created,
                });
                (Some(label.clone()), raw(&metadata))
            }
            Labeled::Unconsolidated {
                worker_response,
                created,
            } => {
                let metadata = json!({
                    "type": "groundtruth/custom",
                    "job-name": self.job_name,
                    "human-annotated": "yes",
                    "creation-date": created,
                    "worker-response-ref": worker_response,
                });
                (Some(raw(&json!({}))), raw(&metadata))
            }
            Labeled::Failed {
                reason,
                retry_count,
            } => {
                let mut metadata = json!({ "failure-reason": reason, "human-annotated": "true" });
                if let Some(retry_count) = retry_count {
                    insert(&mut metadata, "retry-count", json!(retry_count));
                }
                (None, raw(&metadata))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, labeled: Option<&Labeled>, expected: &str) {
        let line: ManifestLine = serde_json::from_str(line).expect("a line");
        let output = OutputLine {
            line: &line,
            label_attribute: "birds",
            job_name: "Birds-1",
        };
        assert_eq!(output.with(labeled), expected);
    }

    fn consolidated(label: &str) -> Labeled {
        Labeled::Consolidated {
            label: RawValue::from_string(label.to_owned()).expect("JSON"),
            created: "2021-11-01T17:42:26.177000".to_owned(),
        }
    }

    #[test]
    fn other_values_keep_their_bytes() {
        check(
            r#"{"source-ref":"s3://b/k","x":1.50,"y":"é\/"}"#,
            Some(&consolidated("7")),
            r#"{"source-ref":"s3://b/k","x":1.50,"y":"é\/","birds":7,"birds-metadata":{"creation-date":"2021-11-01T17:42:26.177000","human-annotated":"yes","job-name":"Birds-1","type":"groundtruth/custom"}}"#,
        );
    }

    #[test]
    fn a_failed_object_has_a_reason_and_no_label() {
        check(
            r#"{"source-ref":"s3://b/k"}"#,
            Some(&Labeled::Failed {
                reason: "x".to_owned(),
                retry_count: Some(1),
            }),
            r#"{"source-ref":"s3://b/k","birds-metadata":{"failure-reason":"x","human-annotated":"true","retry-count":1}}"#,
        );
    }

    #[test]
    fn a_line_without_a_result_is_copied() {
        check(
            r#"{"source-ref":"s3://b/k","birds":1.0}"#,
            None,
            r#"{"source-ref":"s3://b/k","birds":1.0}"#,
        );
    }

    #[test]
    fn a_failure_envelope_is_a_failure() {
        let failed =
            consolidated(r#"{"label":null,"metadata":{"failure-reason":"no readable answer"}}"#);
        assert_eq!(
            failed.failure_reason().as_deref(),
            Some("no readable answer")
        );
        assert_eq!(
            consolidated(r#"{"label":1,"metadata":{}}"#).failure_reason(),
            None
        );
        assert_eq!(consolidated("7").failure_reason(), None);
    }
}
