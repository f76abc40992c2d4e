//! A labeling job's change of state, as SageMaker tells EventBridge.
//!
//! Source: "Automate Amazon SageMaker AI with Amazon EventBridge"; the detail holds the status and nothing else.

use manifest::S3Uri;
use serde_json::Value;

use super::{Asked, EventError, Request};

/// The event's detail-type.
pub(super) const DETAIL_TYPE: &str = "SageMaker Ground Truth Labeling Job State Change";

/// Longest name of a labeling job. Source: CreateLabelingJob.
const JOB_NAME_CHARS_MAX: usize = 63;

/// Where labeling jobs write: their S3OutputPath.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsOutput {
    bucket: String,
    /// Empty, or with a slash at its end.
    prefix: String,
}

impl JobsOutput {
    /// Parses `s3://bucket` or `s3://bucket/prefix`, with or without a slash at the end; `None` for anything else.
    #[must_use]
    pub fn parse(uri: &str) -> Option<Self> {
        let S3Uri { bucket, key } = S3Uri::split(uri)?;
        let prefix = key.trim_end_matches('/');
        (!bucket.is_empty()).then(|| Self {
            bucket: bucket.to_owned(),
            prefix: match prefix {
                "" => String::new(),
                prefix => format!("{prefix}/"),
            },
        })
    }
}

/// What a job's change of state asks for: an update when the job is completed, else nothing.
pub(super) fn parse(event: &Value, jobs_output: Option<&JobsOutput>) -> Result<Asked, EventError> {
    let missing = |missing| EventError::Record {
        record_idx: 0,
        missing,
    };
    let arn = event.pointer("/resources/0").and_then(Value::as_str);
    let arn = arn.ok_or_else(|| missing("labeling job in \"resources\""))?;
    let job = job_name(arn).ok_or_else(|| missing("labeling job's ARN in \"resources\""))?;
    let status = event.pointer("/detail/LabelingJobStatus");
    let status = status.and_then(Value::as_str);
    let status = status.ok_or_else(|| missing("\"LabelingJobStatus\""))?;
    if status != "Completed" {
        let status: String = status.chars().take(20).collect();
        return Ok(Asked::Nothing {
            about: arn.to_owned(),
            outcome: "not-completed",
            reason: format!("the labeling job's status is {status:?}"),
        });
    }
    let JobsOutput { bucket, prefix } =
        jobs_output.ok_or_else(|| EventError::JobsOutputUnknown {
            job: job.to_owned(),
        })?;
    Ok(Asked::Update(Request {
        bucket: bucket.clone(),
        key: format!("{prefix}{job}{}", super::MANIFEST_SUFFIX),
        ..Request::default()
    }))
}

/// The job's name in its ARN, in lower case there whatever it is.
fn job_name(arn: &str) -> Option<&str> {
    let (start, job) = arn.split_once(":labeling-job/")?;
    let is_name = (1..=JOB_NAME_CHARS_MAX).contains(&job.len())
        && job
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (start.starts_with("arn:") && is_name).then_some(job)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(status: &str) -> Value {
        json!({"version": "0", "source": "aws.sagemaker", "detail-type": DETAIL_TYPE,
            "resources": ["arn:aws:sagemaker:us-east-1:111122223333:labeling-job/birds-1"],
            "detail": {"LabelingJobStatus": status}})
    }

    #[test]
    fn a_completed_job_is_taken_in_where_its_place_is_known() {
        let key = "birds-1/manifests/output/output.manifest";
        for (uri, prefix) in [
            ("s3://jobs", ""),
            ("s3://jobs/", ""),
            ("s3://jobs/out", "out/"),
            ("s3://jobs/out/more/", "out/more/"),
        ] {
            let output = JobsOutput::parse(uri).unwrap();
            let expected = Asked::Update(Request {
                bucket: "jobs".to_owned(),
                key: format!("{prefix}{key}"),
                ..Request::default()
            });
            assert_eq!(parse(&event("Completed"), Some(&output)), Ok(expected));
        }
        for uri in ["", "jobs", "s3://", "s3:///out"] {
            assert_eq!(JobsOutput::parse(uri), None, "{uri}");
        }
        let error = parse(&event("Completed"), None).unwrap_err();
        assert_eq!(error.code(), "Event.JobsOutputUnknown");
        let message = error.to_string();
        for part in ["\"birds-1\"", "JOBS_OUTPUT_S3_URI", key, "Object Created"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn other_states_ask_for_nothing() {
        for status in ["Failed", "Stopped", "InProgress"] {
            let asked = parse(&event(status), None).unwrap();
            assert!(
                matches!(&asked, Asked::Nothing { about, reason, .. }
                    if about.ends_with("/birds-1") && reason.contains(status)),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn what_is_not_a_job_is_an_error() {
        let code = |change: fn(&mut Value)| {
            let mut event = event("Completed");
            change(&mut event);
            parse(&event, None).unwrap_err().code()
        };
        assert_eq!(code(|event| event["resources"] = json!([])), "Event.Record");
        assert_eq!(code(|event| event["detail"] = json!({})), "Event.Record");
        assert_eq!(
            code(|event| event["resources"] = json!(["arn:aws:sagemaker:::labeling-job/../x"])),
            "Event.Record"
        );
    }
}
