//! A labeling job through everything: upload, labeling job, dataset, and what came of it.

mod page;
mod request;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use labeling::job::layout;
use manifest::S3Uri;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::error::CommandError;
use crate::finished_job::FinishedJob;
use crate::function_name::{CONSOLIDATION, FunctionName, PRE_ANNOTATION, UPDATER};
use crate::output::progress::{Reporter, Stage};
use crate::provision::{create_bucket, create_dataset};
use crate::stack::{BUCKET, Stack};
use services::ground_truth::{
    self, JobError, JobOutcome, LabelingJob, LabelingJobRequest, Options, PreparedJob, Progress,
};
use services::lambda::Lambda;
use services::lambda::triggers::{Delivered, Triggers};

/// Images uploaded at a time.
const UPLOADS_AT_ONCE: usize = 8;

/// Where a run in `folder` writes a job's output manifest.
#[must_use]
pub fn output_manifest(folder: &Path, job_name: &str) -> PathBuf {
    folder
        .join("s3")
        .join(BUCKET)
        .join("jobs")
        .join(job_name)
        .join(layout::OUTPUT_MANIFEST)
}

/// The stack with a dataset a job, and the functions wired.
#[derive(Debug)]
pub struct Pipeline<'a> {
    stack: &'a Stack,
    reporter: &'a Reporter,
    s3: aws_sdk_s3::Client,
    rekognition: aws_sdk_rekognition::Client,
    seed: u64,
    /// By job name.
    datasets: BTreeMap<String, String>,
    _triggers: Triggers,
    delivered: broadcast::Receiver<Delivered>,
    /// By manifest key: whether it was worked off, or why it was given up.
    ended: BTreeMap<String, Result<(), String>>,
}

/// A labeling job whose tasks are made.
#[derive(Debug)]
pub struct Begun {
    request: LabelingJobRequest,
    /// Its tasks.
    pub prepared: PreparedJob,
}

impl<'a> Pipeline<'a> {
    /// Makes the bucket, a project and dataset for each of `jobs`, and deploys the functions.
    ///
    /// # Errors
    ///
    /// A service that doesn't do as asked.
    pub async fn prepare(
        stack: &'a Stack,
        jobs: &[FinishedJob],
        seed: u64,
        reporter: &'a Reporter,
    ) -> Result<Self, CommandError> {
        let s3 = stack.s3_client();
        let rekognition = stack.rekognition_client();
        create_bucket(&s3).await?;
        let mut datasets = BTreeMap::new();
        for job in jobs {
            let dataset = create_dataset(&rekognition, &job.name).await?;
            datasets.insert(job.name.clone(), dataset);
        }
        let own_bucket = || ("ALLOWED_BUCKETS".to_owned(), BUCKET.to_owned());
        stack.deploy(
            FunctionName::AnnotationConsolidation,
            CONSOLIDATION,
            [own_bucket()],
        );
        let targets: Value = datasets
            .iter()
            .map(|(job, arn)| (job.clone(), json!({ "trainDatasetArn": arn })))
            .collect::<serde_json::Map<_, _>>()
            .into();
        stack.deploy(
            FunctionName::DatasetUpdater,
            UPDATER,
            [
                own_bucket(),
                ("TARGETS".to_owned(), targets.to_string()),
                // The embedded service settles in fractions of a second, Custom Labels in minutes.
                ("POLL_INTERVAL_MS".to_owned(), "100".to_owned()),
                ("POLL_INTERVAL_MAX_MS".to_owned(), "1000".to_owned()),
                ("STALE_STATUS_MAX_MS".to_owned(), "2000".to_owned()),
            ],
        );
        let triggers = stack.trigger_by_output_manifests(UPDATER);
        Ok(Self {
            stack,
            reporter,
            s3,
            rekognition,
            seed,
            datasets,
            delivered: triggers.delivered(),
            _triggers: triggers,
            ended: BTreeMap::new(),
        })
    }

    /// Runs the labeling job to its end; the dataset is updated meanwhile and after.
    ///
    /// # Errors
    ///
    /// What fails a job as a whole.
    pub async fn label(&self, job: &FinishedJob) -> Result<JobOutcome, CommandError> {
        let request = self.put_inputs(job).await?;
        let tasks = self.tasks_stage(job);
        let labels = self.labels_stage(&job.name, job.answers.len());
        let options = self.options();
        let outcome = ground_truth::run(
            &self.labeling_job(&request, &options),
            &job.answers,
            &|progress| match progress {
                Progress::PreAnnotated(n_done, _) => tasks.set(n_done),
                Progress::Consolidated(n_done, _) => labels.set(n_done),
            },
        )
        .await
        .map_err(|error| self.job_error(&job.name, &error))?;
        let n_tasks = outcome.n_objects - outcome.n_already_labeled;
        tasks.finish(&format!("{n_tasks} made"));
        labels.finish(&consolidated(&outcome));
        Ok(outcome)
    }

    /// Makes the tasks of a labeling job whose answers are still to be given.
    ///
    /// # Errors
    ///
    /// What fails a job as a whole.
    pub async fn begin(&self, job: &FinishedJob) -> Result<Begun, CommandError> {
        let request = self.put_inputs(job).await?;
        let stage = self.tasks_stage(job);
        let options = self.options();
        let prepared = self
            .labeling_job(&request, &options)
            .prepare(&|progress| {
                if let Progress::PreAnnotated(n_done, _) = progress {
                    stage.set(n_done);
                }
            })
            .await
            .map_err(|error| self.job_error(&job.name, &error))?;
        stage.finish(&format!("{} made", prepared.tasks.len()));
        Ok(Begun { request, prepared })
    }

    /// Consolidates the answers that a begun job was given; the dataset is updated after.
    ///
    /// # Errors
    ///
    /// What fails a job as a whole.
    pub async fn finish(
        &self,
        job: &FinishedJob,
        begun: &Begun,
    ) -> Result<JobOutcome, CommandError> {
        let stage = self.labels_stage(&job.name, job.answers.len());
        let options = self.options();
        let outcome = self
            .labeling_job(&begun.request, &options)
            .finish(&begun.prepared, &job.answers, &|progress| {
                if let Progress::Consolidated(n_done, _) = progress {
                    stage.set(n_done);
                }
            })
            .await
            .map_err(|error| self.job_error(&job.name, &error))?;
        stage.finish(&consolidated(&outcome));
        Ok(outcome)
    }

    fn options(&self) -> Options {
        Options {
            seed: self.seed,
            concurrent_calls: 2,
            started: Timestamp::now(),
        }
    }

    fn labeling_job<'b>(
        &'b self,
        request: &'b LabelingJobRequest,
        options: &'b Options,
    ) -> LabelingJob<'b, Lambda> {
        LabelingJob {
            request,
            s3: &self.s3,
            lambda: &self.stack.lambda,
            options,
        }
    }

    fn tasks_stage(&self, job: &FinishedJob) -> Stage {
        let lines = job.manifest.lines();
        let n_objects = lines.filter(|line| !line.trim().is_empty()).count();
        self.reporter
            .stage(&format!("{}: task inputs", job.name), n_objects)
    }

    fn labels_stage(&self, job: &str, n_objects: usize) -> Stage {
        self.reporter
            .stage(&format!("{job}: answers consolidated"), n_objects)
    }

    /// Puts what the job is made of into S3, its images among it, and deploys the pre-annotation function for it.
    async fn put_inputs(&self, job: &FinishedJob) -> Result<LabelingJobRequest, CommandError> {
        let mut environment = Vec::new();
        if !job.label_categories.is_empty() {
            let labels: Vec<Value> = job
                .label_categories
                .iter()
                .map(|category| json!({ "label": category }))
                .collect();
            let file = json!({"document-version": "2018-11-28", "labels": labels});
            let key = request::key(job, "label-categories.json");
            self.put(&key, file.to_string().into_bytes()).await?;
            environment.push((
                "LABEL_CATEGORIES_S3_URI".to_owned(),
                request::uri(job, "label-categories.json"),
            ));
        }
        self.stack
            .deploy(FunctionName::PreAnnotation, PRE_ANNOTATION, environment);
        let manifest = job.manifest.clone().into_bytes();
        self.put(&request::key(job, "input.manifest"), manifest)
            .await?;
        self.put_images(job).await?;
        let request = request::of_job(job).to_string();
        self.put(
            &request::key(job, "create-labeling-job.json"),
            request.clone().into(),
        )
        .await?;
        LabelingJobRequest::parse(request.as_bytes())
            .map_err(|error| self.job_error(&job.name, &error))
    }

    async fn put_images(&self, job: &FinishedJob) -> Result<(), CommandError> {
        if job.images.is_empty() {
            return Ok(());
        }
        let stage = self
            .reporter
            .stage(&format!("{}: images", job.name), job.images.len());
        let puts = job
            .images
            .iter()
            .map(|(key, image)| self.put(key, image.clone()));
        let mut done = stream::iter(puts)
            .buffer_unordered(UPLOADS_AT_ONCE)
            .enumerate();
        while let Some((n_done, put)) = done.next().await {
            put?;
            stage.set(n_done + 1);
        }
        stage.finish(&format!("{} uploaded", job.images.len()));
        Ok(())
    }

    /// Waits until the dataset-updater has worked off the job's manifest.
    ///
    /// # Errors
    ///
    /// When it gave up.
    pub async fn settle(
        &mut self,
        job: &FinishedJob,
        outcome: &JobOutcome,
    ) -> Result<(), CommandError> {
        let manifest = outcome.folder.output_manifest();
        let key = key_of(&manifest);
        let stage = self
            .reporter
            .stage(&format!("{}: dataset update", job.name), 0);
        while !self.ended.contains_key(key) {
            match self.delivered.recv().await {
                Ok(Delivered::Done { event }) => {
                    self.ended.insert(object_key(&event), Ok(()));
                }
                Ok(Delivered::GivenUp { event, reason }) => {
                    self.ended.insert(object_key(&event), Err(reason));
                }
                Ok(Delivered::Failed { event, reason }) => {
                    let key = object_key(&event);
                    self.reporter
                        .note(&format!("dataset-updater, {key} comes again: {reason}"));
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => {
                    return Err(CommandError::new("the event sources ended"));
                }
            }
        }
        if let Some(Err(reason)) = self.ended.get(key) {
            return Err(CommandError::new(format!(
                "the dataset-updater gave up on {manifest}: {reason}"
            ))
            .with_help(self.see_log(UPDATER)));
        }
        stage.finish("done");
        Ok(())
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), CommandError> {
        self.s3
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(bytes.into())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| {
                let error = aws::error_message(&error);
                CommandError::new(format!("s3://{BUCKET}/{key} can't be written: {error}"))
                    .with_help("look whether the disk is full, or name another folder with --dir")
            })
    }

    /// An object's bytes; `None` when it isn't there.
    async fn read(&self, key: &str) -> Option<Vec<u8>> {
        let object = self.s3.get_object().bucket(BUCKET).key(key).send().await;
        Some(object.ok()?.body.collect().await.ok()?.to_vec())
    }

    fn job_error(&self, job: &str, error: &JobError) -> CommandError {
        let remedy = match error {
            JobError::Function { function, .. } | JobError::Answer { function, .. } => {
                self.see_log(function.rsplit(':').next().unwrap_or(function))
            }
            JobError::NameTaken { .. } => {
                "every job of a folder has a name of its own: rename the job's folder, or name a new --dir"
                    .to_owned()
            }
            JobError::Request { .. } => {
                "a job is named as its folder: 1 to 63 letters, digits and inner hyphens".to_owned()
            }
            JobError::EmptyManifest { .. } | JobError::ManifestLine { .. } => {
                "put the job's own input manifest beside its folder, as input.manifest".to_owned()
            }
            JobError::LabelCategories { .. } => {
                format!("look at {} in the job's folder", layout::LABEL_CATEGORIES)
            }
            JobError::Read { .. } | JobError::Write { .. } => {
                "look whether the disk is full, or name another folder with --dir".to_owned()
            }
        };
        CommandError::new(format!("labeling job {job}: {error}")).with_help(remedy)
    }

    fn see_log(&self, function: &str) -> String {
        format!(
            "the function's log is {}",
            self.stack.lambda.log_file(function).display()
        )
    }
}

fn consolidated(outcome: &JobOutcome) -> String {
    format!(
        "{} objects in {} calls",
        outcome.n_consolidated, outcome.n_batches
    )
}

/// The key of an S3 URI in our bucket.
fn key_of(uri: &str) -> &str {
    S3Uri::split(uri).map_or(uri, |uri| uri.key)
}

/// The key of an EventBridge event's object.
fn object_key(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap_or_default();
    event
        .pointer("/detail/object/key")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
