//! The CreateLabelingJob request, as far as running the job needs it.

use serde::Deserialize;

use labeling::job::JobFolder;

use super::error::JobError;
use labeling::aws_names::{JOB_NAME_CHARS_MAX, LABEL_ATTRIBUTE_CHARS_MAX, WORKERS, is_hyphenated};

/// A CreateLabelingJob request. Members that change nothing here (workteam, prices, times, tags) are not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelingJobRequest {
    /// The job's name: 1 to 63 letters, digits and inner hyphens.
    pub labeling_job_name: String,
    /// The key of the label in the output manifest: 1 to 127 letters, digits and inner hyphens.
    pub label_attribute_name: String,
    /// The input manifest.
    pub manifest_s3_uri: String,
    /// Where the job's folder goes.
    pub s3_output_path: String,
    /// The execution role.
    pub role_arn: String,
    /// The label category file.
    pub label_category_config_s3_uri: Option<String>,
    /// The pre-annotation function; without one, the manifest's line is the task input.
    pub pre_human_task_lambda_arn: Option<String>,
    /// The consolidation function; without one, the label stays empty and the metadata names the workers' answers.
    pub annotation_consolidation_lambda_arn: Option<String>,
    /// Workers asked for each data object, 1 to 9.
    pub workers_per_object: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    labeling_job_name: String,
    label_attribute_name: String,
    input_config: InputConfig,
    output_config: OutputConfig,
    role_arn: String,
    label_category_config_s3_uri: Option<String>,
    human_task_config: HumanTaskConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InputConfig {
    data_source: DataSource,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataSource {
    s3_data_source: Option<S3DataSource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct S3DataSource {
    manifest_s3_uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OutputConfig {
    s3_output_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HumanTaskConfig {
    pre_human_task_lambda_arn: Option<String>,
    annotation_consolidation_config: Option<AnnotationConsolidationConfig>,
    number_of_human_workers_per_data_object: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AnnotationConsolidationConfig {
    annotation_consolidation_lambda_arn: String,
}

impl LabelingJobRequest {
    /// Reads the request's JSON, as `aws sagemaker create-labeling-job --cli-input-json` takes it.
    ///
    /// # Errors
    ///
    /// [`JobError::Request`] when it is no JSON, lacks a required member, names a job or attribute outside the
    /// documented pattern, or asks for a streaming job, which has no manifest.
    pub fn parse(json: &[u8]) -> Result<Self, JobError> {
        let fault = |reason: String| JobError::Request { reason };
        let wire: Wire = serde_json::from_slice(json).map_err(|error| fault(error.to_string()))?;
        for (member, name, length_max) in [
            (
                "LabelingJobName",
                &wire.labeling_job_name,
                JOB_NAME_CHARS_MAX,
            ),
            (
                "LabelAttributeName",
                &wire.label_attribute_name,
                LABEL_ATTRIBUTE_CHARS_MAX,
            ),
        ] {
            if name.is_empty() || name.len() > length_max || !is_hyphenated(name) {
                return Err(fault(format!(
                    "{member} {name:?} must be 1 to {length_max} letters, digits and inner hyphens"
                )));
            }
        }
        if wire.label_attribute_name.ends_with("-metadata") {
            return Err(fault(format!(
                "LabelAttributeName {:?} must not end with -metadata",
                wire.label_attribute_name
            )));
        }
        if !WORKERS.contains(
            &wire
                .human_task_config
                .number_of_human_workers_per_data_object,
        ) {
            return Err(fault(format!(
                "NumberOfHumanWorkersPerDataObject must be {} to {}",
                WORKERS.start(),
                WORKERS.end()
            )));
        }
        let source = wire
            .input_config
            .data_source
            .s3_data_source
            .ok_or_else(|| {
                fault(
                    "InputConfig.DataSource has no S3DataSource: streaming jobs cannot be run here"
                        .to_owned(),
                )
            })?;
        Ok(Self {
            labeling_job_name: wire.labeling_job_name,
            label_attribute_name: wire.label_attribute_name,
            manifest_s3_uri: source.manifest_s3_uri,
            s3_output_path: wire.output_config.s3_output_path,
            role_arn: wire.role_arn,
            label_category_config_s3_uri: wire.label_category_config_s3_uri,
            pre_human_task_lambda_arn: wire.human_task_config.pre_human_task_lambda_arn,
            annotation_consolidation_lambda_arn: wire
                .human_task_config
                .annotation_consolidation_config
                .map(|config| config.annotation_consolidation_lambda_arn),
            workers_per_object: wire
                .human_task_config
                .number_of_human_workers_per_data_object,
        })
    }

    /// Where the job's objects go.
    pub fn folder(&self) -> JobFolder {
        JobFolder::of_job(&self.s3_output_path, &self.labeling_job_name)
    }

    /// The job's ARN; the name in it is lower-cased, as in Ground Truth's events.
    pub fn arn(&self) -> String {
        format!(
            "arn:aws:sagemaker:us-east-1:000000000000:labeling-job/{}",
            self.labeling_job_name.to_lowercase()
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(change: impl FnOnce(&mut Value)) -> Result<LabelingJobRequest, JobError> {
        let mut value = json!({
            "LabelingJobName": "Birds-1", "LabelAttributeName": "birds", "RoleArn": "arn:aws:iam::000000000000:role/x",
            "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://b/in.manifest"}}},
            "OutputConfig": {"S3OutputPath": "s3://b/out/"},
            "HumanTaskConfig": {
                "WorkteamArn": "arn:aws:sagemaker:us-east-1:000000000000:workteam/private-crowd/x",
                "UiConfig": {"UiTemplateS3Uri": "s3://b/t.html"}, "TaskTitle": "t", "TaskDescription": "d",
                "NumberOfHumanWorkersPerDataObject": 3, "TaskTimeLimitInSeconds": 60
            }
        });
        change(&mut value);
        LabelingJobRequest::parse(value.to_string().as_bytes())
    }

    #[test]
    fn reads_a_request() {
        let request = request(|_| {}).expect("a request");
        assert_eq!(request.folder().as_str(), "s3://b/out/Birds-1");
        assert_eq!(
            request.arn(),
            "arn:aws:sagemaker:us-east-1:000000000000:labeling-job/birds-1"
        );
        assert_eq!(request.pre_human_task_lambda_arn, None);
    }

    #[test]
    fn names_what_is_wrong() {
        let check = |change: fn(&mut Value), expected: &str| {
            let error = request(change).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error} lacks {expected}");
        };
        check(
            |v| v["LabelingJobName"] = json!("birds_1"),
            "LabelingJobName",
        );
        check(|v| v["LabelingJobName"] = json!("a".repeat(64)), "1 to 63");
        check(
            |v| v["LabelAttributeName"] = json!("-birds"),
            "LabelAttributeName",
        );
        check(
            |v| v["LabelAttributeName"] = json!("birds-metadata"),
            "-metadata",
        );
        check(
            |v| v["HumanTaskConfig"]["NumberOfHumanWorkersPerDataObject"] = json!(10),
            "1 to 9",
        );
        check(
            |v| v["InputConfig"]["DataSource"] = json!({"SnsDataSource": {"SnsTopicArn": "x"}}),
            "streaming",
        );
        check(|v| v["OutputConfig"] = json!({}), "S3OutputPath");
        assert!(request(|v| v["LabelingJobName"] = json!("a".repeat(63))).is_ok());
    }
}
