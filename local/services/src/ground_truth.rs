//! Ground Truth, as far as a labeling job's two functions and its readers can see it.
//!
//! [`run`] takes a CreateLabelingJob request, reads the input manifest and the label category file from S3, calls the
//! pre-annotation function once a data object and the consolidation function with batches in arbitrary order, and
//! leaves the same objects in S3 that a finished custom job leaves.
//!
//! What this module does not do: workforces, tasks and prices (the answers are given to it), built-in task types,
//! automated labeling, streaming jobs.

mod batch;
mod error;
mod function;
mod job;
mod json;
mod objects;
mod output_line;
mod request;

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use futures_util::future::try_join;
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

pub use error::JobError;
pub use function::{InvokeError, InvokeFunction};
pub use labeling::job::JobFolder;
pub use request::LabelingJobRequest;

use job::Job;
use objects::Objects;
use output_line::{Labeled, ManifestLine};

/// Data objects in one call of the consolidation function, inclusive. Source: measured on a production job of 302
/// data objects, whose calls held 1 to 50.
pub const BATCH_OBJECTS_MAX: usize = 50;

/// What Ground Truth writes for a data object that no worker answered in time. Source: production output.
pub const EXPIRED: &str = "ClientError: Annotation tasks expired. Probable Reasons are 1) TaskAvailabilityLifetimeInSeconds parameter is too small. 2) Reward is too low for workers to work on the task. 3) If you use a custom html template, your template may be broken. 4) Data (image/video/text) sent for annotation is broken or too big, preventing completion. 5) All workers declined the tasks.";

/// One worker's answer to one data object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerAnswer {
    /// As Ground Truth names workers: `private.<region>.<id>` or `public.<region>.<id>`.
    pub worker_id: String,
    /// JSON text of the submitted form fields, as in `annotationData.content`.
    pub content: String,
}

/// How to run a job.
#[derive(Debug, Clone)]
pub struct Options {
    /// Orders the data objects within and across batches.
    pub seed: u64,
    /// Pre-annotation calls under way at once, at least 1.
    pub concurrent_calls: usize,
    /// When the job starts; the files of its later batches carry later seconds.
    pub started: Timestamp,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many data objects of so many went through the pre-annotation function.
    PreAnnotated(usize, usize),
    /// So many data objects of so many were consolidated.
    Consolidated(usize, usize),
}

/// A data object that ended without a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedObject {
    /// Position in the input manifest, from 0; Ground Truth's `datasetObjectId`.
    pub object_idx: u32,
    /// Why.
    pub reason: String,
}

/// What a finished job left. Data objects = consolidated + failed + excluded + already labeled.
#[derive(Debug, Clone)]
pub struct JobOutcome {
    /// Lines of the input manifest.
    pub n_objects: usize,
    /// Data objects with a label.
    pub n_consolidated: usize,
    /// Data objects that carried the job's label attribute before; their lines are copied.
    pub n_already_labeled: usize,
    /// Data objects that the pre-annotation function kept from the workers; their lines are copied.
    pub n_excluded: usize,
    /// Data objects without a label.
    pub failed: Vec<FailedObject>,
    /// Calls of the consolidation function.
    pub n_batches: usize,
    /// Where the job's objects lie.
    pub folder: JobFolder,
}

/// A data object that workers are to see.
#[derive(Debug, Clone)]
pub struct Task {
    /// Position in the input manifest, from 0; Ground Truth's `datasetObjectId`.
    pub object_idx: u32,
    /// What the template is given as `task.input`.
    pub input: serde_json::Value,
}

/// A job whose tasks can be given to workers.
#[derive(Debug)]
pub struct PreparedJob {
    lines: Vec<ManifestLine>,
    categories: Vec<String>,
    n_open: usize,
    /// The data objects that are to be labeled, in the order of the manifest.
    pub tasks: Vec<Task>,
}

/// Whether finishing a job writes its worker-response files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Responses {
    AreThere,
    AreMissing,
}

/// A labeling job and what it is run with. It is [prepared](Self::prepare), its answers are collected from whoever
/// gives them, and it is [finished](Self::finish).
#[derive(Debug, Clone, Copy)]
pub struct LabelingJob<'a, L> {
    /// What CreateLabelingJob was asked.
    pub request: &'a LabelingJobRequest,
    /// Where its objects lie.
    pub s3: &'a Client,
    /// Calls its functions.
    pub lambda: &'a L,
    /// How it is run.
    pub options: &'a Options,
}

impl<L: InvokeFunction> LabelingJob<'_, L> {
    fn job(&self) -> Job<'_, L> {
        Job {
            request: self.request,
            objects: Objects { s3: self.s3 },
            lambda: self.lambda,
            options: self.options,
            folder: self.request.folder(),
        }
    }

    /// Reads the job's inputs and calls the pre-annotation function for each data object that has no label yet. It may
    /// be asked again for a job that goes on: nothing is written.
    ///
    /// # Errors
    ///
    /// [`JobError`] for an unreadable manifest or category file, and an error of the function.
    pub async fn prepare(
        &self,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<PreparedJob, JobError> {
        let job = self.job();
        let lines = job.read_manifest().await?;
        let categories = job.read_label_categories().await?;
        let open: Vec<u32> = (0..)
            .zip(&lines)
            .filter(|(_, line)| !line.contains_key(&self.request.label_attribute_name))
            .map(|(object_idx, _)| object_idx)
            .collect();
        let tasks = job.pre_annotate(&lines, &open, progress).await?;
        Ok(PreparedJob {
            lines,
            categories,
            n_open: open.len(),
            tasks,
        })
    }

    /// Consolidates the answers and writes the output manifest. `answers` holds the workers' answers by data object;
    /// an object without an entry, or with an empty one, expires. The worker-response files are there already.
    ///
    /// # Errors
    ///
    /// [`JobError::Request`] for a job without a consolidation function; an error of the function; an object that
    /// can't be written.
    pub async fn finish(
        &self,
        prepared: &PreparedJob,
        answers: &BTreeMap<u32, Vec<WorkerAnswer>>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<JobOutcome, JobError> {
        if self.request.annotation_consolidation_lambda_arn.is_none() {
            let reason =
                "AnnotationConsolidationConfig is missing: there is nothing to consolidate with"
                    .to_owned();
            return Err(JobError::Request { reason });
        }
        self.consolidate(prepared, answers, Responses::AreThere, progress)
            .await
    }

    async fn consolidate(
        &self,
        prepared: &PreparedJob,
        answers: &BTreeMap<u32, Vec<WorkerAnswer>>,
        responses: Responses,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<JobOutcome, JobError> {
        let job = self.job();
        let asked = prepared.tasks.iter().map(|task| task.object_idx);
        let (mut answered, unanswered): (Vec<u32>, Vec<u32>) =
            asked.partition(|object_idx| answers.get(object_idx).is_some_and(|it| !it.is_empty()));
        let expired = || Labeled::Failed {
            reason: EXPIRED.to_owned(),
            retry_count: Some(1),
        };
        let mut labeled: BTreeMap<u32, Labeled> = unanswered
            .into_iter()
            .map(|object_idx| (object_idx, expired()))
            .collect();
        answered.shuffle(&mut StdRng::seed_from_u64(self.options.seed));

        let mut n_done = 0;
        for (batch_number, batch) in (0i64..).zip(answered.chunks(BATCH_OBJECTS_MAX)) {
            let at = self
                .options
                .started
                .saturating_add(SignedDuration::from_secs(60 * (batch_number + 1)))
                .unwrap_or(self.options.started);
            let stored = async {
                match responses {
                    Responses::AreThere => Ok(()),
                    Responses::AreMissing => job.store_worker_responses(batch, answers, at).await,
                }
            };
            let consolidated =
                job.consolidate(batch, &prepared.lines, answers, &prepared.categories, at);
            let ((), consolidated) = try_join(stored, consolidated).await?;
            labeled.extend(consolidated);
            n_done += batch.len();
            progress(Progress::Consolidated(n_done, answered.len()));
        }
        job.write_output(&prepared.lines, &labeled, &prepared.categories)
            .await?;
        Ok(JobOutcome {
            n_batches: answered.len().div_ceil(BATCH_OBJECTS_MAX),
            ..prepared.outcome(&labeled, job.folder)
        })
    }
}

impl PreparedJob {
    fn outcome(&self, labeled: &BTreeMap<u32, Labeled>, folder: JobFolder) -> JobOutcome {
        let failed: Vec<FailedObject> = labeled
            .iter()
            .filter_map(|(object_idx, labeled)| {
                labeled.failure_reason().map(|reason| FailedObject {
                    object_idx: *object_idx,
                    reason,
                })
            })
            .collect();
        JobOutcome {
            n_objects: self.lines.len(),
            n_consolidated: labeled.len() - failed.len(),
            n_already_labeled: self.lines.len() - self.n_open,
            n_excluded: self.n_open - self.tasks.len(),
            failed,
            n_batches: 0,
            folder,
        }
    }
}

/// Runs a labeling job to its end. `answers` holds the workers' answers by data object (position in the manifest, from
/// 0); an object without an entry, or with an empty one, expires.
///
/// # Errors
///
/// [`JobError`] for what fails a job as a whole in Ground Truth, too: an unreadable request, manifest or category
/// file, and an error of a function. A data object without answers is a failed object, not an error.
pub async fn run(
    job: &LabelingJob<'_, impl InvokeFunction>,
    answers: &BTreeMap<u32, Vec<WorkerAnswer>>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<JobOutcome, JobError> {
    job.job().refuse_a_taken_name().await?;
    let prepared = job.prepare(progress).await?;
    job.consolidate(&prepared, answers, Responses::AreMissing, progress)
        .await
}
