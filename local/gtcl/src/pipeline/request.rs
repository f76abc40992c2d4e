//! The CreateLabelingJob request that a finished job is run again with, and where its inputs lie.

use serde_json::{Value, json};
use services::lambda::function_arn;

use crate::finished_job::FinishedJob;
use crate::function_name::{CONSOLIDATION, PRE_ANNOTATION};
use crate::stack::BUCKET;

/// CreateLabelingJob's input.
pub(super) fn of_job(job: &FinishedJob) -> Value {
    let answers = || job.answers.values().map(Vec::len).max();
    let workers = job.workers_per_object.or_else(answers).unwrap_or(1);
    let mut request = json!({
        "LabelingJobName": job.name,
        "LabelAttributeName": job.label_attribute,
        "InputConfig": {"DataSource": {"S3DataSource": {
            "ManifestS3Uri": uri(job, "input.manifest"),
        }}},
        "OutputConfig": {"S3OutputPath": format!("s3://{BUCKET}/jobs/")},
        "RoleArn": "arn:aws:iam::123456789012:role/gtcl",
        "HumanTaskConfig": {
            "WorkteamArn": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/gtcl",
            "UiConfig": {"UiTemplateS3Uri": format!("s3://{BUCKET}/templates/none.liquid.html")},
            "PreHumanTaskLambdaArn": function_arn(PRE_ANNOTATION),
            "AnnotationConsolidationConfig": {
                "AnnotationConsolidationLambdaArn": function_arn(CONSOLIDATION),
            },
            "TaskTitle": job.name,
            "TaskDescription": job.name,
            "NumberOfHumanWorkersPerDataObject": workers.clamp(1, 9),
            "TaskTimeLimitInSeconds": 600,
        },
    });
    if !job.has_consolidation_function
        && let Some(Value::Object(task)) = request.get_mut("HumanTaskConfig")
    {
        task.remove("AnnotationConsolidationConfig");
    }
    if !job.label_categories.is_empty()
        && let Some(request) = request.as_object_mut()
    {
        let uri = uri(job, "label-categories.json");
        request.insert("LabelCategoryConfigS3Uri".to_owned(), uri.into());
    }
    request
}

/// The key of one of a job's inputs.
pub(super) fn key(job: &FinishedJob, file: &str) -> String {
    format!("inputs/{}/{file}", job.name)
}

/// The S3 URI of one of a job's inputs.
pub(super) fn uri(job: &FinishedJob, file: &str) -> String {
    format!("s3://{BUCKET}/{}", key(job, file))
}
