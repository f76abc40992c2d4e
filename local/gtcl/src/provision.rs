//! What the functions need beside themselves: a bucket, a project, a dataset. All of it is used again when it is there.

use aws::error_message;
use aws_sdk_rekognition::types::{DatasetType, ProjectDescription};
use aws_sdk_s3::types::{CorsConfiguration, CorsRule};

use crate::error::CommandError;
use crate::stack::BUCKET;

/// Makes [`BUCKET`], and lets the browsers of workers fetch images of it, as Ground Truth asks of every bucket.
///
/// # Errors
///
/// S3 says no.
pub async fn create_bucket(s3: &aws_sdk_s3::Client) -> Result<(), CommandError> {
    match s3.create_bucket().bucket(BUCKET).send().await {
        Ok(_) => let_browsers_fetch(s3).await,
        // Of an earlier run in this folder.
        Err(_) if s3.head_bucket().bucket(BUCKET).send().await.is_ok() => Ok(()),
        Err(error) => Err(CommandError::new(format!(
            "bucket {BUCKET}: {}",
            error_message(&error)
        ))),
    }
}

async fn let_browsers_fetch(s3: &aws_sdk_s3::Client) -> Result<(), CommandError> {
    let fault =
        |reason: String| CommandError::new(format!("CORS rules of bucket {BUCKET}: {reason}"));
    let rule = CorsRule::builder()
        .allowed_methods("GET")
        .allowed_origins("*")
        .expose_headers("Access-Control-Allow-Origin")
        .build()
        .map_err(|error| fault(error.to_string()))?;
    let rules = CorsConfiguration::builder()
        .cors_rules(rule)
        .build()
        .map_err(|error| fault(error.to_string()))?;
    let put = s3.put_bucket_cors().bucket(BUCKET);
    let put = put.cors_configuration(rules).send().await;
    put.map(|_| ())
        .map_err(|error| fault(error_message(&error)))
}

/// ARN of the project of this name.
///
/// # Errors
///
/// Rekognition says no.
pub async fn create_project(
    rekognition: &aws_sdk_rekognition::Client,
    name: &str,
) -> Result<String, CommandError> {
    match rekognition.create_project().project_name(name).send().await {
        Ok(created) => Ok(created.project_arn().unwrap_or_default().to_owned()),
        Err(error) => match find_project(rekognition, name).await? {
            Some(project) => Ok(project.project_arn().unwrap_or_default().to_owned()),
            None => Err(fault(name, &error_message(&error))),
        },
    }
}

/// ARN of the training dataset of the project of this name.
///
/// # Errors
///
/// Rekognition says no.
pub async fn create_dataset(
    rekognition: &aws_sdk_rekognition::Client,
    name: &str,
) -> Result<String, CommandError> {
    let created = rekognition
        .create_dataset()
        .project_arn(create_project(rekognition, name).await?)
        .dataset_type(DatasetType::Train)
        .send()
        .await;
    let error = match created {
        Ok(created) => return Ok(created.dataset_arn().unwrap_or_default().to_owned()),
        Err(error) => error,
    };
    find_project(rekognition, name)
        .await?
        .iter()
        .flat_map(|project| project.datasets())
        .find(|dataset| dataset.dataset_type() == Some(&DatasetType::Train))
        .and_then(|dataset| dataset.dataset_arn())
        .map(str::to_owned)
        .ok_or_else(|| fault(name, &error_message(&error)))
}

async fn find_project(
    rekognition: &aws_sdk_rekognition::Client,
    name: &str,
) -> Result<Option<ProjectDescription>, CommandError> {
    let found = rekognition
        .describe_projects()
        .project_names(name)
        .send()
        .await
        .map_err(|error| fault(name, &error_message(&error)))?;
    Ok(found.project_descriptions().first().cloned())
}

fn fault(name: &str, reason: &str) -> CommandError {
    CommandError::new(format!("project {name}: {reason}")).with_help("name a new folder with --dir")
}
