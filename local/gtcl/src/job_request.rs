//! The CreateLabelingJob request: its types, how one is composed for this stack's functions, and (in
//! [`constraints`]) what Ground Truth documents about its values.
//!
//! This module reads no file and calls no service. The types hold what jobs over images with functions of one's own
//! use; a request with other fields is refused by its name, so that nothing goes unchecked.

pub mod availability;
pub mod constraints;
pub mod input_manifest;
pub mod label_categories;
pub mod reminders;
pub mod stack_outputs;
pub mod task_template;

use labeling::TaskType;
use serde::{Deserialize, Serialize};

use stack_outputs::StackOutputs;

fn title(task_type: TaskType) -> &'static str {
    match task_type {
        TaskType::SingleLabel => "Choose the one label that fits the image",
        TaskType::MultiLabel => "Choose every label that fits the image",
        TaskType::BoundingBox => "Draw a tight box around every object",
    }
}

fn description(task_type: TaskType) -> &'static str {
    match task_type {
        TaskType::SingleLabel => {
            "Look at the image and choose the one label that describes it best."
        }
        TaskType::MultiLabel => "Look at the image and choose all labels that apply, or none.",
        TaskType::BoundingBox => {
            "Draw a box around each object that a label names, close to its edges."
        }
    }
}

/// CreateLabelingJob's input.
///
/// Source: CreateLabelingJob, API Reference; botocore's model of SageMaker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct JobRequest {
    pub labeling_job_name: String,
    pub label_attribute_name: String,
    pub input_config: InputConfig,
    pub output_config: OutputConfig,
    pub role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_category_config_s3_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopping_conditions: Option<StoppingConditions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labeling_job_algorithms_config: Option<serde_json::Value>,
    pub human_task_config: HumanTaskConfig,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// `InputConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct InputConfig {
    pub data_source: DataSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_attributes: Option<DataAttributes>,
}

/// `InputConfig.DataSource`; streaming jobs (`SnsDataSource`) have no output manifest to take in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct DataSource {
    pub s3_data_source: S3DataSource,
}

/// `InputConfig.DataSource.S3DataSource`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct S3DataSource {
    pub manifest_s3_uri: String,
}

/// `InputConfig.DataAttributes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct DataAttributes {
    pub content_classifiers: Vec<String>,
}

/// `OutputConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct OutputConfig {
    pub s3_output_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sns_topic_arn: Option<String>,
}

/// `StoppingConditions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct StoppingConditions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_human_labeled_object_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_percentage_of_input_dataset_labeled: Option<u32>,
}

/// `HumanTaskConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct HumanTaskConfig {
    pub workteam_arn: String,
    pub ui_config: UiConfig,
    pub pre_human_task_lambda_arn: String,
    pub annotation_consolidation_config: AnnotationConsolidationConfig,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_keywords: Vec<String>,
    pub task_title: String,
    pub task_description: String,
    pub number_of_human_workers_per_data_object: u32,
    pub task_time_limit_in_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_availability_lifetime_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_task_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_workforce_task_price: Option<PublicWorkforceTaskPrice>,
}

/// `HumanTaskConfig.UiConfig`; `HumanTaskUiArn` is for video and point clouds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct UiConfig {
    pub ui_template_s3_uri: String,
}

/// `HumanTaskConfig.AnnotationConsolidationConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct AnnotationConsolidationConfig {
    pub annotation_consolidation_lambda_arn: String,
}

/// `HumanTaskConfig.PublicWorkforceTaskPrice`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct PublicWorkforceTaskPrice {
    pub amount_in_usd: Usd,
}

/// A price of dollars + cents + tenths of a cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct Usd {
    #[serde(default)]
    pub dollars: u32,
    #[serde(default)]
    pub cents: u32,
    #[serde(default)]
    pub tenth_fractions_of_a_cent: u32,
}

/// One of `Tags`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are documented in the API Reference under their names"
)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// What the person who starts a job chooses; everything else follows from it and from the stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    /// What workers are asked for.
    pub task_type: TaskType,
    /// `LabelingJobName`.
    pub job_name: String,
    /// `LabelAttributeName`; `None`, the job's name, as the console has it.
    pub label_attribute: Option<String>,
    /// The input manifest's S3 URI.
    pub manifest: String,
    /// The label category file's S3 URI.
    pub categories: String,
    /// `WorkteamArn`.
    pub workteam: String,
    /// `S3OutputPath`; `None`, the stack's `JobsPath`.
    pub output: Option<String>,
    /// `UiTemplateS3Uri`; `None`, this project's template in `templates/` of the stack's bucket.
    pub template: Option<String>,
    /// Workers per data object.
    pub n_workers: u32,
    /// `TaskTitle`; `None`, one that fits the task type.
    pub title: Option<String>,
    /// `TaskDescription`; `None`, one that fits the task type.
    pub description: Option<String>,
    /// `TaskKeywords`.
    pub keywords: Vec<String>,
    /// Seconds that a worker has for one task.
    pub task_time_limit_s: u32,
    /// Seconds that a task stays open; `None`, Ground Truth's default.
    pub task_lifetime_s: Option<u32>,
    /// `MaxConcurrentTaskCount`; `None`, Ground Truth's default.
    pub max_concurrent_tasks: Option<u32>,
    /// Stop after so many labeled data objects.
    pub max_objects: Option<u32>,
    /// Stop after this share of the data objects, in percent.
    pub max_percent: Option<u32>,
    /// Price of a task for a Mechanical Turk worker.
    pub price: Option<Usd>,
    /// `Tags`.
    pub tags: Vec<Tag>,
}

/// The request for a job with this stack's functions, role, bucket and key.
pub fn compose(choices: &Choices, stack: &StackOutputs) -> JobRequest {
    let output = choices.output.clone();
    let template = choices.template.clone();
    let stopping_conditions = StoppingConditions {
        max_human_labeled_object_count: choices.max_objects,
        max_percentage_of_input_dataset_labeled: choices.max_percent,
    };
    let stops = choices.max_objects.is_some() || choices.max_percent.is_some();
    JobRequest {
        labeling_job_name: choices.job_name.clone(),
        label_attribute_name: choices
            .label_attribute
            .clone()
            .unwrap_or_else(|| choices.job_name.clone()),
        input_config: InputConfig {
            data_source: DataSource {
                s3_data_source: S3DataSource {
                    manifest_s3_uri: choices.manifest.clone(),
                },
            },
            data_attributes: None,
        },
        output_config: OutputConfig {
            s3_output_path: output.unwrap_or_else(|| stack.jobs_path.clone()),
            kms_key_id: stack.kms_key_arn.clone(),
            sns_topic_arn: None,
        },
        role_arn: stack.labeling_job_role_arn.clone(),
        label_category_config_s3_uri: Some(choices.categories.clone()),
        stopping_conditions: stops.then_some(stopping_conditions),
        labeling_job_algorithms_config: None,
        human_task_config: HumanTaskConfig {
            workteam_arn: choices.workteam.clone(),
            ui_config: UiConfig {
                ui_template_s3_uri: template.unwrap_or_else(|| {
                    format!(
                        "s3://{}/templates/{}.liquid.html",
                        stack.bucket,
                        choices.task_type.as_str()
                    )
                }),
            },
            pre_human_task_lambda_arn: stack.pre_annotation_function_arn.clone(),
            annotation_consolidation_config: AnnotationConsolidationConfig {
                annotation_consolidation_lambda_arn: stack.consolidation_function_arn.clone(),
            },
            task_keywords: choices.keywords.clone(),
            task_title: choices
                .title
                .clone()
                .unwrap_or_else(|| title(choices.task_type).to_owned()),
            task_description: choices
                .description
                .clone()
                .unwrap_or_else(|| description(choices.task_type).to_owned()),
            number_of_human_workers_per_data_object: choices.n_workers,
            task_time_limit_in_seconds: choices.task_time_limit_s,
            task_availability_lifetime_in_seconds: choices.task_lifetime_s,
            max_concurrent_task_count: choices.max_concurrent_tasks,
            public_workforce_task_price: choices
                .price
                .map(|amount_in_usd| PublicWorkforceTaskPrice { amount_in_usd }),
        },
        tags: choices.tags.clone(),
    }
}
