//! Custom Labels projects, datasets and models.
//!
//! Each operation keeps to its own call rate (5 calls a second an account by default) and is tried again while
//! the failure is one that passes by itself and the caller's time lasts.

mod error;
mod pace;
mod retry;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_rekognition::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rekognition::primitives::Blob;
use aws_sdk_rekognition::types::{
    CustomLabel, DatasetChanges, DatasetStatus, DatasetStatusMessageCode, DatasetType, Image,
    OutputConfig, ProjectVersionStatus, S3Object,
};
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

pub use error::{ErrorKind, RekognitionError};
pub use retry::RetrySettings;

use crate::jitter::Jitter;
use pace::{Operation, Pace};

/// Entries of one ListDatasetEntries page. Source: its MaxResults, 1 to 100.
pub const ENTRIES_PAGE_MAX: usize = 100;

/// A client of Rekognition Custom Labels. Cheap to clone; clones share the call rate.
#[derive(Clone, Debug)]
pub struct Rekognition {
    client: Arc<aws_sdk_rekognition::Client>,
    pace: Arc<Pace>,
    retry: RetrySettings,
    jitter: Jitter,
}

/// Which of a project's two datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Images to train with.
    Train,
    /// Images to test with.
    Test,
}

/// One dataset of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectDataset {
    /// The side of the project that the dataset is.
    pub side: Side,
    /// ARN of the dataset.
    pub arn: String,
}

/// Where a dataset stands. Source: DatasetStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// CREATE_IN_PROGRESS or UPDATE_IN_PROGRESS.
    Busy,
    /// CREATE_COMPLETE or UPDATE_COMPLETE.
    Complete,
    /// CREATE_FAILED.
    CreateFailed,
    /// UPDATE_FAILED.
    UpdateFailed,
    /// DELETE_IN_PROGRESS.
    Deleting,
    /// A status that this version doesn't know.
    Unknown,
}

/// Counts of a dataset's entries. Source: DatasetStats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatasetStats {
    /// Entries in the dataset.
    pub n_entries: u64,
    /// Entries with a label.
    pub n_labeled: u64,
    /// Entries with an error.
    pub n_errors: u64,
    /// Different labels.
    pub n_labels: u64,
}

/// State of a dataset, as DescribeDataset tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetState {
    /// Status of the dataset's last creation or update.
    pub status: Status,
    /// The status in words; of a failed update the reason.
    pub message: String,
    /// Whether a failure is the service's own (StatusMessageCode SERVICE_ERROR), so that the same update may succeed.
    pub is_service_fault: bool,
    /// When the dataset last changed, in milliseconds since 1970.
    pub last_updated_ms: i64,
    /// Counts of the dataset's entries.
    pub stats: DatasetStats,
}

/// Which entries ListDatasetEntries returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryFilter {
    /// Every entry of the dataset.
    All,
    /// Those with errors.
    WithErrors,
    /// Those whose source-ref contains the text.
    SourceRefContains(String),
}

/// One page of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntriesPage {
    /// JSON Lines without line feeds, with the service's own keys added.
    pub entries: Vec<String>,
    /// What the next page is asked for with; `None` on the last one.
    pub next_token: Option<String>,
}

/// One label of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelCount {
    /// The label's name.
    pub name: String,
    /// Entries that use it.
    pub n_entries: u64,
    /// Bounding boxes that use it.
    pub n_boxes: u64,
}

/// What a model found in an image.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectedLabel {
    /// The label's name.
    pub name: String,
    /// The model's confidence, 0 to 1.
    pub confidence: f64,
    /// Where, for models that find objects.
    pub bounds: Option<Bounds>,
}

/// A box as shares of the image's width and height, from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Left edge, of the width.
    pub left: f64,
    /// Top edge, of the height.
    pub top: f64,
    /// Width, of the width.
    pub width: f64,
    /// Height, of the height.
    pub height: f64,
}

impl Rekognition {
    /// A client over the SDK's, whose own retries should be off.
    #[must_use]
    pub fn new(client: aws_sdk_rekognition::Client) -> Self {
        Self {
            client: Arc::new(client),
            pace: Arc::new(Pace::new(pace::CALLS_PER_SECOND)),
            retry: RetrySettings::default(),
            jitter: Jitter::default(),
        }
    }

    /// The same client at another rate (calls a second, of each operation) and with other retries.
    #[must_use]
    pub fn with_settings(&self, calls_per_second: f64, retry: RetrySettings) -> Self {
        Self {
            client: self.client.clone(),
            pace: Arc::new(Pace::new(calls_per_second)),
            retry,
            jitter: self.jitter,
        }
    }

    /// The same client, its rate included, whose waits before another attempt are an invocation's own.
    #[must_use]
    pub fn with_jitter(&self, jitter: Jitter) -> Self {
        Self {
            jitter,
            ..self.clone()
        }
    }

    /// A project's datasets, by the project's name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] when there is no such project.
    pub async fn project_datasets(
        &self,
        project_name: &str,
        until: Option<SystemTime>,
    ) -> Result<Vec<ProjectDataset>, RekognitionError> {
        let answer = self
            .call(Operation::DescribeProjects, until, || {
                self.client
                    .describe_projects()
                    .project_names(project_name)
                    .send()
            })
            .await?;
        let project = answer
            .project_descriptions()
            .first()
            .ok_or_else(|| RekognitionError {
                operation: Operation::DescribeProjects.name(),
                kind: ErrorKind::NotFound,
                code: "ResourceNotFoundException".to_owned(),
                message: format!("there is no project named {project_name:?} in this region"),
            })?;
        Ok(project
            .datasets()
            .iter()
            .filter_map(|dataset| {
                let side = match dataset.dataset_type()? {
                    DatasetType::Train => Side::Train,
                    DatasetType::Test => Side::Test,
                    _ => return None,
                };
                Some(ProjectDataset {
                    side,
                    arn: dataset.dataset_arn()?.to_owned(),
                })
            })
            .collect())
    }

    /// Creates an empty dataset and returns its ARN. The dataset is busy for a while.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyExists`] when the project has one of this side.
    pub async fn create_dataset(
        &self,
        project_arn: &str,
        side: Side,
        until: Option<SystemTime>,
    ) -> Result<String, RekognitionError> {
        let dataset_type = match side {
            Side::Train => DatasetType::Train,
            Side::Test => DatasetType::Test,
        };
        let answer = self
            .call(Operation::CreateDataset, until, || {
                self.client
                    .create_dataset()
                    .project_arn(project_arn)
                    .dataset_type(dataset_type.clone())
                    .send()
            })
            .await?;
        Ok(answer.dataset_arn().unwrap_or_default().to_owned())
    }

    /// A dataset's status and counts.
    ///
    /// # Errors
    ///
    /// As Rekognition answers.
    pub async fn dataset_state(
        &self,
        dataset_arn: &str,
        until: Option<SystemTime>,
    ) -> Result<DatasetState, RekognitionError> {
        let answer = self
            .call(Operation::DescribeDataset, until, || {
                self.client
                    .describe_dataset()
                    .dataset_arn(dataset_arn)
                    .send()
            })
            .await?;
        let description = answer.dataset_description();
        let count = |n: Option<i32>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let status = match description.and_then(|d| d.status()) {
            Some(DatasetStatus::CreateInProgress | DatasetStatus::UpdateInProgress) => Status::Busy,
            Some(DatasetStatus::CreateComplete | DatasetStatus::UpdateComplete) => Status::Complete,
            Some(DatasetStatus::CreateFailed) => Status::CreateFailed,
            Some(DatasetStatus::UpdateFailed) => Status::UpdateFailed,
            Some(DatasetStatus::DeleteInProgress) => Status::Deleting,
            _ => Status::Unknown,
        };
        let stats = description.and_then(|d| d.dataset_stats());
        Ok(DatasetState {
            status,
            message: description
                .and_then(|d| d.status_message())
                .unwrap_or_default()
                .to_owned(),
            is_service_fault: description.and_then(|d| d.status_message_code())
                == Some(&DatasetStatusMessageCode::ServiceError),
            last_updated_ms: description
                .and_then(|d| d.last_updated_timestamp())
                .and_then(|at| at.to_millis().ok())
                .unwrap_or(0),
            stats: DatasetStats {
                n_entries: count(stats.and_then(|s| s.total_entries())),
                n_labeled: count(stats.and_then(|s| s.labeled_entries())),
                n_errors: count(stats.and_then(|s| s.error_entries())),
                n_labels: count(stats.and_then(|s| s.total_labels())),
            },
        })
    }

    /// Hands changes (JSON Lines) to a dataset. The update goes on after the answer.
    ///
    /// A call whose answer was lost is made again: an entry replaces the one with its source-ref, so a
    /// repeated call changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`] when another update is still under way at the end of the caller's time.
    pub async fn update_entries(
        &self,
        dataset_arn: &str,
        changes: &[u8],
        until: Option<SystemTime>,
    ) -> Result<(), RekognitionError> {
        self.call(Operation::UpdateDatasetEntries, until, || {
            let body = Bytes::from(update_body(dataset_arn, changes));
            let nothing = DatasetChanges::builder().ground_truth(Blob::new([]));
            self.client
                .update_dataset_entries()
                .dataset_arn(dataset_arn)
                .set_changes(nothing.build().ok())
                .customize()
                .mutate_request(move |request| {
                    let n_bytes = body.len().to_string();
                    request.headers_mut().insert("content-length", n_bytes);
                    *request.body_mut() = SdkBody::from(body.clone());
                })
                .send()
        })
        .await?;
        Ok(())
    }

    /// One page of a dataset's entries, at most [`ENTRIES_PAGE_MAX`].
    ///
    /// # Errors
    ///
    /// As Rekognition answers.
    pub async fn entries_page(
        &self,
        dataset_arn: &str,
        filter: &EntryFilter,
        next_token: Option<&str>,
        until: Option<SystemTime>,
    ) -> Result<EntriesPage, RekognitionError> {
        let answer = self
            .call(Operation::ListDatasetEntries, until, || {
                let call = self
                    .client
                    .list_dataset_entries()
                    .dataset_arn(dataset_arn)
                    .max_results(100)
                    .set_next_token(next_token.map(str::to_owned));
                match filter {
                    EntryFilter::All => call,
                    EntryFilter::WithErrors => call.has_errors(true),
                    EntryFilter::SourceRefContains(text) => call.source_ref_contains(text),
                }
                .send()
            })
            .await?;
        Ok(EntriesPage {
            next_token: answer
                .next_token()
                .filter(|token| !token.is_empty())
                .map(str::to_owned),
            entries: answer.dataset_entries.unwrap_or_default(),
        })
    }

    /// A dataset's labels with their counts, all pages.
    ///
    /// # Errors
    ///
    /// As Rekognition answers.
    pub async fn labels(
        &self,
        dataset_arn: &str,
        until: Option<SystemTime>,
    ) -> Result<Vec<LabelCount>, RekognitionError> {
        let mut labels = Vec::new();
        let mut next_token: Option<String> = None;
        loop {
            let answer = self
                .call(Operation::ListDatasetLabels, until, || {
                    self.client
                        .list_dataset_labels()
                        .dataset_arn(dataset_arn)
                        .max_results(100)
                        .set_next_token(next_token.clone())
                        .send()
                })
                .await?;
            for label in answer.dataset_label_descriptions() {
                let stats = label.label_stats();
                let count = |n: Option<i32>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
                labels.push(LabelCount {
                    name: label.label_name().unwrap_or_default().to_owned(),
                    n_entries: count(stats.and_then(|s| s.entry_count())),
                    n_boxes: count(stats.and_then(|s| s.bounding_box_count())),
                });
            }
            next_token = answer
                .next_token()
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if next_token.is_none() {
                return Ok(labels);
            }
        }
    }

    /// Starts the training of a model version and returns its ARN. It costs money.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`], at once, when the version's name is taken (ResourceInUseException) or too many trainings run:
    /// neither passes within an invocation.
    pub async fn start_training(
        &self,
        project_arn: &str,
        version_name: &str,
        output_bucket: &str,
        output_prefix: &str,
        until: Option<SystemTime>,
    ) -> Result<String, RekognitionError> {
        let output = OutputConfig::builder()
            .s3_bucket(output_bucket)
            .s3_key_prefix(output_prefix)
            .build();
        let answer = self
            .call(Operation::CreateProjectVersion, until, || {
                self.client
                    .create_project_version()
                    .project_arn(project_arn)
                    .version_name(version_name)
                    .output_config(output.clone())
                    .send()
            })
            .await?;
        Ok(answer.project_version_arn().unwrap_or_default().to_owned())
    }

    /// Whether a project has a model version of this name, in whatever state but being deleted.
    ///
    /// # Errors
    ///
    /// As Rekognition answers.
    pub async fn has_version(
        &self,
        project_arn: &str,
        version_name: &str,
        until: Option<SystemTime>,
    ) -> Result<bool, RekognitionError> {
        let answer = self
            .call(Operation::DescribeProjectVersions, until, || {
                self.client
                    .describe_project_versions()
                    .project_arn(project_arn)
                    .version_names(version_name)
                    .send()
            })
            .await;
        match answer {
            Ok(answer) => Ok(answer
                .project_version_descriptions()
                .iter()
                .any(|version| version.status() != Some(&ProjectVersionStatus::Deleting))),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What a running model finds in an image in S3, in its own order. `min_confidence` is 0 to 1; `None` leaves it to
    /// the thresholds that the model's training found. Costs nothing beyond the hours that the model runs.
    ///
    /// Rekognition reads the image with the caller's rights.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotRunning`] when the model isn't started; [`ErrorKind::Invalid`] for an image that it can't read.
    pub async fn detect_labels(
        &self,
        model_arn: &str,
        bucket: &str,
        key: &str,
        min_confidence: Option<f64>,
        until: Option<SystemTime>,
    ) -> Result<Vec<DetectedLabel>, RekognitionError> {
        let object = S3Object::builder().bucket(bucket).name(key).build();
        let image = Image::builder().s3_object(object).build();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the service takes a percentage as a single-precision number"
        )]
        let percent = min_confidence.map(|confidence| (confidence * 100.0) as f32);
        let answer = self
            .call(Operation::DetectCustomLabels, until, || {
                self.client
                    .detect_custom_labels()
                    .project_version_arn(model_arn)
                    .image(image.clone())
                    .set_min_confidence(percent)
                    .send()
            })
            .await?;
        let labels = answer.custom_labels.unwrap_or_default();
        Ok(labels.into_iter().map(detected).collect())
    }

    /// Calls of `operation` name made so far by this client and its clones, retries included.
    #[must_use]
    pub fn n_calls(&self, operation_name: &str) -> u64 {
        self.pace.n_calls(operation_name)
    }

    async fn call<T, E, F, Fut>(
        &self,
        operation: Operation,
        until: Option<SystemTime>,
        mut attempt: F,
    ) -> Result<T, RekognitionError>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E>>>,
    {
        let mut n_failures = 0;
        loop {
            self.pace.wait(operation).await;
            let error = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(error) => RekognitionError::new(operation.name(), &error),
            };
            let is_lasting =
                error.kind == ErrorKind::Busy && operation == Operation::CreateProjectVersion;
            let delay = self.retry.delay(error.kind, n_failures, self.jitter);
            let Some(delay) = delay.filter(|_| !is_lasting) else {
                return Err(error);
            };
            n_failures += 1;
            if !fits(delay, until) {
                return Err(error);
            }
            tracing::debug!(
                operation = operation.name(),
                code = error.code,
                n_failures,
                delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                "retry"
            );
            tokio::time::sleep(delay).await;
        }
    }
}

fn detected(label: CustomLabel) -> DetectedLabel {
    let bounds = label.geometry().and_then(|geometry| {
        let found = geometry.bounding_box()?;
        Some(Bounds {
            left: found.left()?.into(),
            top: found.top()?.into(),
            width: found.width()?.into(),
            height: found.height()?.into(),
        })
    });
    DetectedLabel {
        confidence: label.confidence().map_or(0.0, f64::from) / 100.0,
        bounds,
        name: label.name.unwrap_or_default(),
    }
}

/// The body of an UpdateDatasetEntries request. The SDK's own way holds the changes as a blob, in base64 and in JSON at
/// the same time: with the largest update that is 10 MB more than this.
fn update_body(dataset_arn: &str, changes: &[u8]) -> String {
    let arn: String = dataset_arn
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '"' | '\\'))
        .collect();
    let (begin, end) = (
        format!("{{\"DatasetArn\":\"{arn}\",\"Changes\":{{\"GroundTruth\":\""),
        "\"}}",
    );
    let n_bytes = begin.len() + changes.len().div_ceil(3) * 4 + end.len();
    let mut body = String::with_capacity(n_bytes);
    body.push_str(&begin);
    BASE64_STANDARD.encode_string(changes, &mut body);
    body.push_str(end);
    body
}

fn fits(delay: Duration, until: Option<SystemTime>) -> bool {
    until.is_none_or(|until| SystemTime::now() + delay < until)
}
