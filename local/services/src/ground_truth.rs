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
use output_line::Labeled;

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

/// Runs a labeling job to its end. `answers` holds the workers' answers by data object (position in the manifest, from
/// 0); an object without an entry, or with an empty one, expires.
///
/// # Errors
///
/// [`JobError`] for what fails a job as a whole in Ground Truth, too: an unreadable request, manifest or category
/// file, and an error of a function. A data object without answers is a failed object, not an error.
pub async fn run(
    request: &LabelingJobRequest,
    s3: &Client,
    lambda: &impl InvokeFunction,
    answers: &BTreeMap<u32, Vec<WorkerAnswer>>,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<JobOutcome, JobError> {
    let job = Job {
        request,
        objects: Objects { s3 },
        lambda,
        options,
        folder: request.folder(),
    };
    job.refuse_a_taken_name().await?;
    let lines = job.read_manifest().await?;
    let categories = job.read_label_categories().await?;

    let open: Vec<u32> = (0..)
        .zip(&lines)
        .filter(|(_, line)| !line.contains_key(&request.label_attribute_name))
        .map(|(object_idx, _)| object_idx)
        .collect();
    let asked = job.pre_annotate(&lines, &open, progress).await?;

    let mut labeled = BTreeMap::new();
    for object_idx in &asked {
        if answers.get(object_idx).is_none_or(Vec::is_empty) {
            labeled.insert(
                *object_idx,
                Labeled::Failed {
                    reason: EXPIRED.to_owned(),
                    retry_count: Some(1),
                },
            );
        }
    }
    let mut answered: Vec<u32> = asked
        .iter()
        .copied()
        .filter(|object_idx| !labeled.contains_key(object_idx))
        .collect();
    answered.shuffle(&mut StdRng::seed_from_u64(options.seed));

    let n_batches = answered.len().div_ceil(BATCH_OBJECTS_MAX);
    let mut n_done = 0;
    for (batch_number, batch) in (0i64..).zip(answered.chunks(BATCH_OBJECTS_MAX)) {
        let at = options
            .started
            .saturating_add(SignedDuration::from_secs(60 * (batch_number + 1)))
            .unwrap_or(options.started);
        let stored = job.store_worker_responses(batch, answers, at);
        let consolidated = job.consolidate(batch, &lines, answers, &categories, at);
        let ((), consolidated) = try_join(stored, consolidated).await?;
        labeled.extend(consolidated);
        n_done += batch.len();
        progress(Progress::Consolidated(n_done, answered.len()));
    }

    let outcome = JobOutcome {
        n_objects: lines.len(),
        n_consolidated: labeled
            .values()
            .filter(|labeled| labeled.failure_reason().is_none())
            .count(),
        n_already_labeled: lines.len() - open.len(),
        n_excluded: open.len() - asked.len(),
        failed: labeled
            .iter()
            .filter_map(|(object_idx, labeled)| {
                labeled.failure_reason().map(|reason| FailedObject {
                    object_idx: *object_idx,
                    reason,
                })
            })
            .collect(),
        n_batches,
        folder: job.folder.clone(),
    };
    job.write_output(&lines, &labeled, &categories).await?;
    Ok(outcome)
}
