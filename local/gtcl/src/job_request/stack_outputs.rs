//! The deployed stack's outputs, as the AWS CLI prints them.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a labeling job needs to know of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackOutputs {
    /// ARN of the pre-annotation function.
    pub pre_annotation_function_arn: String,
    /// ARN of the annotation-consolidation function.
    pub consolidation_function_arn: String,
    /// ARN of the execution role for labeling jobs.
    pub labeling_job_role_arn: String,
    /// Name of the bucket.
    pub bucket: String,
    /// S3 URI below which jobs write their output; it ends with a slash.
    pub jobs_path: String,
    /// ARN of the KMS key that encrypts the output, when the stack has one.
    pub kms_key_arn: Option<String>,
}

/// Why a file is not a stack's outputs.
#[derive(Debug, thiserror::Error)]
pub enum StackOutputsError {
    /// The file is not JSON.
    #[error("not JSON: {0}; add --output json to the command")]
    NotJson(#[from] serde_json::Error),
    /// The file is JSON of another shape.
    #[error("holds no stack outputs")]
    NoOutputs,
    /// The stack has none: it is not deployed, or not to the end.
    #[error("the stack has no outputs, it is {status}; deploy it to the end first")]
    Unfinished {
        /// As in `ROLLBACK_COMPLETE`.
        status: String,
    },
    /// The file holds the outputs of several stacks.
    #[error("holds {n_stacks} stacks; name one with --stack-name")]
    SeveralStacks {
        /// How many.
        n_stacks: usize,
    },
    /// The outputs are those of another template, or of an unfinished deployment.
    #[error("has no output {name}: is it this project's stack, deployed to the end?")]
    Missing {
        /// Name of the output.
        name: &'static str,
    },
}

impl StackOutputs {
    /// Reads what `aws cloudformation describe-stacks` prints, its `Outputs` array alone (`--query
    /// 'Stacks[0].Outputs'`), what `sam list stack-outputs --output json` prints, or one plain object of names and
    /// values.
    ///
    /// # Errors
    ///
    /// [`StackOutputsError`] says which of the above it is not.
    pub fn parse(text: &str) -> Result<Self, StackOutputsError> {
        let outputs = outputs_of(&serde_json::from_str(text)?)?;
        let take = |name: &'static str| {
            outputs
                .get(name)
                .cloned()
                .ok_or(StackOutputsError::Missing { name })
        };
        Ok(Self {
            pre_annotation_function_arn: take("PreAnnotationFunctionArn")?,
            consolidation_function_arn: take("ConsolidationFunctionArn")?,
            labeling_job_role_arn: take("LabelingJobRoleArn")?,
            bucket: take("Bucket")?,
            jobs_path: take("JobsPath")?,
            kms_key_arn: outputs.get("KmsKeyArn").cloned(),
        })
    }
}

fn outputs_of(value: &Value) -> Result<BTreeMap<String, String>, StackOutputsError> {
    if let Some(stacks) = value.get("Stacks").and_then(Value::as_array) {
        return match stacks.as_slice() {
            [stack] => match (stack.get("Outputs"), text_at(stack, "StackStatus")) {
                (None, Some(status)) => Err(StackOutputsError::Unfinished { status }),
                (outputs, _) => outputs_of(outputs.unwrap_or(&Value::Null)),
            },
            _ => Err(StackOutputsError::SeveralStacks {
                n_stacks: stacks.len(),
            }),
        };
    }
    let outputs: Option<BTreeMap<String, String>> = match value {
        Value::Array(outputs) => outputs
            .iter()
            .map(|output| {
                Some((
                    text_at(output, "OutputKey")?,
                    text_at(output, "OutputValue")?,
                ))
            })
            .collect(),
        Value::Object(outputs) => outputs
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
        _ => None,
    };
    outputs.ok_or(StackOutputsError::NoOutputs)
}

fn text_at(output: &Value, name: &str) -> Option<String> {
    output.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{"PreAnnotationFunctionArn":"p","ConsolidationFunctionArn":"c","LabelingJobRoleArn":"r",
        "Bucket":"b","JobsPath":"s3://b/labeling-jobs/"}"#;

    fn as_array() -> String {
        let plain: BTreeMap<String, String> = serde_json::from_str(PLAIN).unwrap();
        let outputs: Vec<Value> = plain
            .iter()
            .map(|(key, value)| serde_json::json!({"OutputKey": key, "OutputValue": value, "Description": "…"}))
            .collect();
        serde_json::to_string(&outputs).unwrap()
    }

    #[test]
    fn every_way_to_print_them_reads_the_same() {
        let array = as_array();
        let stacks = format!(r#"{{"Stacks":[{{"StackName":"s","Outputs":{array}}}]}}"#);
        let expected = StackOutputs::parse(PLAIN).unwrap();
        assert_eq!(expected.bucket, "b");
        assert_eq!(expected.kms_key_arn, None);
        assert_eq!(StackOutputs::parse(&array).unwrap(), expected);
        assert_eq!(StackOutputs::parse(&stacks).unwrap(), expected);
    }

    #[test]
    fn other_files_are_named() {
        for (text, expected) in [
            ("", "not JSON"),
            ("gt\tCREATE_COMPLETE", "--output json"),
            (
                r#"{"Stacks":[{"StackName":"s","StackStatus":"ROLLBACK_COMPLETE"}]}"#,
                "it is ROLLBACK_COMPLETE; deploy it",
            ),
            ("[1]", "holds no stack outputs"),
            (
                r#"{"Stacks":[{"StackName":"s"}]}"#,
                "holds no stack outputs",
            ),
            (r#"{"Stacks":[]}"#, "holds 0 stacks"),
            (r#"{"Stacks":[{},{}]}"#, "holds 2 stacks"),
            (
                r#"{"Bucket":"b"}"#,
                "has no output PreAnnotationFunctionArn",
            ),
            (r#"{"Bucket":3}"#, "holds no stack outputs"),
        ] {
            let error = StackOutputs::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
