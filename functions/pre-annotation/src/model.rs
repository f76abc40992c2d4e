//! A Custom Labels model, asked what it sees in an image before a worker does.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws::rekognition::{DetectedLabel, ErrorKind, Rekognition, RekognitionError, RetrySettings};
use aws::s3::{S3, S3Error};
use aws::{Clients, Jitter};
use labeling::pre_annotation::{Added, Bounds, Finding, ModelFailure, ModelRest, Response};
use manifest::ImageHeader;

/// DetectCustomLabels calls a second, an account. Source: Rekognition quotas, Custom Labels.
const CALLS_PER_SECOND: f64 = 50.0;

/// Settings of a model.
#[derive(Debug, Clone)]
pub(crate) struct ModelSettings {
    /// The model version's ARN.
    pub(crate) arn: String,
    /// Least confidence of what is taken over, 0 to 1; `None`: the model's own thresholds.
    pub(crate) min_confidence: Option<f64>,
    /// Longest wait for all of an image's answers.
    pub(crate) timeout: Duration,
    /// How long the model isn't asked after it turned out not to run.
    pub(crate) rest: Duration,
}

/// A model and what this process knows of it.
#[derive(Debug)]
pub struct Model {
    settings: ModelSettings,
    rekognition: Rekognition,
    s3: S3,
    rest: Mutex<ModelRest>,
    started: Instant,
}

/// The answer of a model, or the reason for none.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The model answered, be it that it sees nothing.
    Answered(Added),
    /// The model is left alone for now.
    Resting,
    /// The model couldn't be asked. The worker starts from nothing then.
    Failed {
        /// A stable name.
        code: &'static str,
        /// Reason, in words.
        reason: String,
        /// Seconds that it is left alone from now on.
        rest_s: Option<u64>,
    },
}

/// Reason for which there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Rekognition(#[from] RekognitionError),
    #[error("failed to read the image's size: {0}")]
    S3(#[from] S3Error),
    #[error("no answer in time")]
    Timeout(#[from] tokio::time::error::Elapsed),
}

impl Model {
    pub(crate) fn new(clients: &Clients, settings: ModelSettings) -> Self {
        let retry = RetrySettings {
            delay: Duration::from_millis(200),
            attempts_max: 4,
            ..RetrySettings::default()
        };
        Self {
            rekognition: clients.rekognition.with_settings(CALLS_PER_SECOND, retry),
            s3: clients.s3.clone(),
            rest: Mutex::default(),
            started: Instant::now(),
            settings,
        }
    }

    /// Puts what the model sees into the task input. `None` when there is nothing to ask about; never an error.
    pub(crate) async fn add_findings(
        &self,
        response: &mut Response,
        request_id: &str,
    ) -> Option<Outcome> {
        let image = response.image_to_ask_about()?;
        if self.with_rest(|rest, now| rest.rests(now)) {
            return Some(Outcome::Resting);
        }
        let looked = tokio::time::timeout(
            self.settings.timeout,
            self.look(image.bucket, image.key, Jitter::of(request_id)),
        );
        let looked = looked.await.map_err(Failure::from).flatten();
        Some(match looked {
            Ok((findings, header)) => {
                self.with_rest(|rest, _| rest.answered());
                Outcome::Answered(response.add_findings(&findings, header))
            }
            Err(failure) => {
                let lasting = failure.lasting();
                let rest = self.settings.rest;
                let begins = self.with_rest(|it, now| it.failed(lasting, now, rest));
                Outcome::Failed {
                    code: failure.code(),
                    reason: failure.to_string(),
                    rest_s: begins.then_some(rest.as_secs()),
                }
            }
        })
    }

    async fn look(
        &self,
        bucket: &str,
        key: &str,
        jitter: Jitter,
    ) -> Result<(Vec<Finding>, ImageHeader), Failure> {
        let until = Some(SystemTime::now() + self.settings.timeout);
        let (arn, min_confidence) = (&self.settings.arn, self.settings.min_confidence);
        let labels = self
            .rekognition
            .with_jitter(jitter)
            .detect_labels(arn, bucket, key, min_confidence, until)
            .await?;
        let header = if labels.iter().any(|label| label.bounds.is_some()) {
            self.s3.read_image_header(bucket, key).await?.header
        } else {
            ImageHeader::Unfinished
        };
        Ok((labels.into_iter().map(finding).collect(), header))
    }

    fn with_rest<T>(&self, with: impl FnOnce(&mut ModelRest, Duration) -> T) -> T {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        with(&mut rest, self.started.elapsed())
    }
}

impl Failure {
    fn code(&self) -> &'static str {
        match self {
            Self::Rekognition(error) => error.code(),
            Self::S3(error) => error.code(),
            Self::Timeout(_) => "Model.Timeout",
        }
    }

    fn lasting(&self) -> ModelFailure {
        match self {
            Self::Timeout(_) => ModelFailure::Passing,
            Self::S3(_) => ModelFailure::ThisImage,
            Self::Rekognition(error) => match error.kind {
                ErrorKind::NotRunning | ErrorKind::NotFound | ErrorKind::AccessDenied => {
                    ModelFailure::Lasting
                }
                ErrorKind::Unavailable | ErrorKind::Busy => ModelFailure::Passing,
                ErrorKind::Throttled
                | ErrorKind::AlreadyExists
                | ErrorKind::Invalid
                | ErrorKind::Other => ModelFailure::ThisImage,
            },
        }
    }
}

fn finding(label: DetectedLabel) -> Finding {
    let bounds = label.bounds.map(|bounds| Bounds {
        left: bounds.left,
        top: bounds.top,
        width: bounds.width,
        height: bounds.height,
    });
    Finding {
        label: label.name,
        confidence: label.confidence,
        bounds,
    }
}
