//! Ground Truth, as far as a labeling job's two functions and its readers can see it.
//!
//! [`run`] takes a CreateLabelingJob request, reads the input manifest and the label category file from S3, calls the
//! pre-annotation function once a data object and the consolidation function with batches in arbitrary order, and
//! leaves the same objects in S3 that a finished custom job leaves.
//!
//! What this module does not do: workforces, tasks and prices (the answers are given to it), built-in task types,
//! automated labeling, streaming jobs.

mod layout;
mod output_line;
mod request;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use futures_util::{StreamExt, stream};
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

pub use layout::JobFolder;
pub use request::LabelingJobRequest;

use output_line::{Labeled, OutputLine};
use request::S3Location;

/// Data objects in one call of the consolidation function, inclusive. Source: measured on a production job of 302
/// data objects, whose calls held 1 to 50.
pub const BATCH_OBJECTS_MAX: usize = 50;

/// What Ground Truth writes for a data object that no worker answered in time. Source: production output.
pub const EXPIRED: &str = "ClientError: Annotation tasks expired. Probable Reasons are 1) TaskAvailabilityLifetimeInSeconds parameter is too small. 2) Reward is too low for workers to work on the task. 3) If you use a custom html template, your template may be broken. 4) Data (image/video/text) sent for annotation is broken or too big, preventing completion. 5) All workers declined the tasks.";

/// Calls a Lambda function and waits for its answer.
pub trait InvokeFunction: Sync {
    /// Calls the function of this name or ARN.
    ///
    /// # Errors
    ///
    /// [`InvokeError`] when the function answers with an error, times out, or does not exist.
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, InvokeError>> + Send;
}

/// A function's error, as Lambda reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct InvokeError {
    /// `errorType`.
    pub error_type: String,
    /// `errorMessage`.
    pub message: String,
}

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

/// Why a job failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The request is not one that CreateLabelingJob takes.
    #[error("the labeling job's request: {reason}")]
    Request {
        /// What is wrong and where.
        reason: String,
    },
    /// An object of the job cannot be read.
    #[error("reading {uri}: {reason}")]
    Read {
        /// The object.
        uri: String,
        /// What S3 said.
        reason: String,
    },
    /// An object of the job cannot be written.
    #[error("writing {uri}: {reason}")]
    Write {
        /// The object.
        uri: String,
        /// What S3 said.
        reason: String,
    },
    /// The input manifest holds no data object.
    #[error(
        "{uri} holds no data object: an input manifest is one JSON object a line, each with a source-ref"
    )]
    EmptyManifest {
        /// The input manifest.
        uri: String,
    },
    /// A line of the input manifest is not one.
    #[error(
        "{uri}, line {line_number}: {reason}; every line must be a JSON object with a source-ref (or source)"
    )]
    ManifestLine {
        /// The input manifest.
        uri: String,
        /// One-based.
        line_number: usize,
        /// What is wrong.
        reason: String,
    },
    /// The label category file is not one.
    #[error(
        "{uri}: {reason}; it must be {{\"document-version\": \"2018-11-28\", \"labels\": [{{\"label\": …}}, …]}}"
    )]
    LabelCategories {
        /// The label category file.
        uri: String,
        /// What is wrong.
        reason: String,
    },
    /// The job's name is taken: its folder has an output manifest.
    #[error(
        "{uri} exists: a labeling job of this name ran here before; choose another LabelingJobName or S3OutputPath"
    )]
    NameTaken {
        /// The earlier job's output manifest.
        uri: String,
    },
    /// A function failed, and with it the job.
    #[error("exception invoking the Lambda function {function}: {error}")]
    Function {
        /// Name or ARN.
        function: String,
        /// What it answered.
        error: InvokeError,
    },
    /// A function's answer is not what Ground Truth asks for.
    #[error("the answer of the Lambda function {function}: {reason}")]
    Answer {
        /// Name or ARN.
        function: String,
        /// What is wrong.
        reason: String,
    },
}

/// A line of the input manifest, in its own order, values as they came.
type ManifestLine = IndexMap<String, Box<RawValue>>;

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
        s3,
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
        job.store_worker_responses(batch, answers, at).await?;
        labeled.extend(
            job.consolidate(batch, &lines, answers, &categories, at)
                .await?,
        );
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

struct Job<'a, L> {
    request: &'a LabelingJobRequest,
    s3: &'a Client,
    lambda: &'a L,
    options: &'a Options,
    folder: JobFolder,
}

impl<L: InvokeFunction> Job<'_, L> {
    async fn refuse_a_taken_name(&self) -> Result<(), JobError> {
        let uri = self.folder.output_manifest();
        let Some(place) = S3Location::parse(&uri) else {
            return Ok(());
        };
        match self
            .s3
            .head_object()
            .bucket(place.bucket)
            .key(place.key)
            .send()
            .await
        {
            Ok(_) => Err(JobError::NameTaken { uri }),
            Err(_) => Ok(()),
        }
    }

    async fn read_manifest(&self) -> Result<Vec<ManifestLine>, JobError> {
        let uri = &self.request.manifest_s3_uri;
        let bytes = self.read(uri).await?;
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let mut lines = Vec::new();
        for (line_number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let fault = |reason: String| JobError::ManifestLine {
                uri: uri.clone(),
                line_number,
                reason,
            };
            let line: ManifestLine =
                serde_json::from_slice(line).map_err(|error| fault(error.to_string()))?;
            if !line.contains_key("source-ref") && !line.contains_key("source") {
                return Err(fault("neither source-ref nor source".to_owned()));
            }
            lines.push(line);
        }
        if lines.is_empty() {
            return Err(JobError::EmptyManifest { uri: uri.clone() });
        }
        Ok(lines)
    }

    async fn read_label_categories(&self) -> Result<Vec<String>, JobError> {
        #[derive(Deserialize)]
        struct File {
            labels: Vec<Label>,
        }
        #[derive(Deserialize)]
        struct Label {
            label: String,
        }
        let Some(uri) = &self.request.label_category_config_s3_uri else {
            return Ok(Vec::new());
        };
        let fault = |reason: String| JobError::LabelCategories {
            uri: uri.clone(),
            reason,
        };
        let bytes = self.read(uri).await?;
        let file: File =
            serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
        let categories: Vec<String> = file.labels.into_iter().map(|label| label.label).collect();
        let mut seen = BTreeSet::new();
        if let Some(twice) = categories
            .iter()
            .find(|category| !seen.insert(category.as_str()))
        {
            return Err(fault(format!("the label {twice:?} stands twice")));
        }
        if categories.is_empty() {
            return Err(fault("no labels".to_owned()));
        }
        Ok(categories)
    }

    /// Calls the pre-annotation function for each open object; returns those that workers are to see, in order.
    async fn pre_annotate(
        &self,
        lines: &[ManifestLine],
        open: &[u32],
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<u32>, JobError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            #[serde(rename = "taskInput")]
            _task_input: serde_json::Map<String, Value>,
            #[serde(default = "yes")]
            is_human_annotation_required: bool,
        }
        const fn yes() -> bool {
            true
        }

        let Some(function) = &self.request.pre_human_task_lambda_arn else {
            return Ok(open.to_vec());
        };
        let calls = open.iter().filter_map(|object_idx| {
            let line = lines.get(*object_idx as usize)?;
            let event = json!({
                "version": "2018-10-06",
                "labelingJobArn": self.request.arn(),
                "dataObject": line,
            });
            Some(async move {
                (
                    *object_idx,
                    self.lambda
                        .invoke(function, event.to_string().into_bytes())
                        .await,
                )
            })
        });
        let mut answered = pin!(stream::iter(calls).buffered(self.options.concurrent_calls.max(1)));
        let mut asked = Vec::new();
        let mut n_done = 0;
        while let Some((object_idx, answer)) = answered.next().await {
            let answer = answer.map_err(|error| JobError::Function {
                function: function.clone(),
                error,
            })?;
            let answer: Answer =
                serde_json::from_slice(&answer).map_err(|error| JobError::Answer {
                    function: function.clone(),
                    reason: format!("data object {object_idx}: {error}"),
                })?;
            if answer.is_human_annotation_required {
                asked.push(object_idx);
            }
            n_done += 1;
            progress(Progress::PreAnnotated(n_done, open.len()));
        }
        Ok(asked)
    }

    async fn store_worker_responses(
        &self,
        batch: &[u32],
        answers: &BTreeMap<u32, Vec<WorkerAnswer>>,
        at: Timestamp,
    ) -> Result<(), JobError> {
        for object_idx in batch {
            let answers: Vec<Value> = answers
                .get(object_idx)
                .into_iter()
                .flatten()
                .map(|answer| {
                    json!({
                        // An object here, though the consolidation request has it as text.
                        "answerContent": serde_json::from_str::<Value>(&answer.content)
                            .unwrap_or_else(|_| Value::String(answer.content.clone())),
                        "submissionTime": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                        "workerId": answer.worker_id,
                    })
                })
                .collect();
            let uri = self.folder.worker_response(*object_idx, at);
            self.write(&uri, json!({ "answers": answers }).to_string())
                .await?;
        }
        Ok(())
    }

    async fn consolidate(
        &self,
        batch: &[u32],
        lines: &[ManifestLine],
        answers: &BTreeMap<u32, Vec<WorkerAnswer>>,
        categories: &[String],
        at: Timestamp,
    ) -> Result<BTreeMap<u32, Labeled>, JobError> {
        let created = at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        let Some(function) = &self.request.annotation_consolidation_lambda_arn else {
            return Ok(batch
                .iter()
                .map(|object_idx| {
                    let worker_response = self.folder.worker_response(*object_idx, at);
                    (
                        *object_idx,
                        Labeled::Unconsolidated {
                            worker_response,
                            created: created.clone(),
                        },
                    )
                })
                .collect());
        };
        let file: Vec<Value> = batch
            .iter()
            .filter_map(|object_idx| {
                let line = lines.get(*object_idx as usize)?;
                let data_object = match line.get("source-ref") {
                    Some(source_ref) => json!({ "s3Uri": source_ref }),
                    None => json!({ "content": line.get("source") }),
                };
                let annotations: Vec<Value> = answers
                    .get(object_idx)
                    .into_iter()
                    .flatten()
                    .map(|answer| json!({"workerId": answer.worker_id, "annotationData": {"content": answer.content}}))
                    .collect();
                Some(json!({
                    "datasetObjectId": object_idx.to_string(),
                    "dataObject": data_object,
                    "annotations": annotations,
                }))
            })
            .collect();
        let uri = self.folder.consolidation_request(at);
        self.write(&uri, Value::Array(file).to_string()).await?;

        let mut event = json!({
            "version": "2018-10-06",
            "labelingJobArn": self.request.arn(),
            "labelAttributeName": self.request.label_attribute_name,
            "roleArn": self.request.role_arn,
            "payload": { "s3Uri": uri },
            "outputConfig": self.folder.annotations(),
            "maxHumanWorkersPerDataObject": self.request.workers_per_object,
        });
        if !categories.is_empty() {
            insert(&mut event, "labelCategories", json!(categories));
        }
        let answer = self
            .lambda
            .invoke(function, event.to_string().into_bytes())
            .await
            .map_err(|error| JobError::Function {
                function: function.clone(),
                error,
            })?;
        self.write(&self.folder.consolidation_response(at), answer.clone())
            .await?;
        self.read_consolidation(function, &answer, batch, &created)
    }

    /// Joins the function's answer with the batch it was asked about; an object left out of it has failed.
    fn read_consolidation(
        &self,
        function: &str,
        answer: &[u8],
        batch: &[u32],
        created: &str,
    ) -> Result<BTreeMap<u32, Labeled>, JobError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Element {
            dataset_object_id: String,
            consolidated_annotation: Consolidated,
        }
        #[derive(Deserialize)]
        struct Consolidated {
            content: IndexMap<String, Box<RawValue>>,
        }
        let fault = |reason: String| JobError::Answer {
            function: function.to_owned(),
            reason,
        };
        let elements: Vec<Element> =
            serde_json::from_slice(answer).map_err(|error| fault(error.to_string()))?;
        let mut labeled = BTreeMap::new();
        for mut element in elements {
            let id = &element.dataset_object_id;
            let object_idx = id
                .parse()
                .ok()
                .filter(|object_idx| batch.contains(object_idx))
                .ok_or_else(|| fault(format!("datasetObjectId {id:?} was not asked for")))?;
            let Some(label) = element
                .consolidated_annotation
                .content
                .swap_remove(&self.request.label_attribute_name)
            else {
                return Err(fault(format!(
                    "datasetObjectId {id:?} has no {:?}",
                    self.request.label_attribute_name
                )));
            };
            if labeled
                .insert(
                    object_idx,
                    Labeled::Consolidated {
                        label,
                        created: created.to_owned(),
                    },
                )
                .is_some()
            {
                return Err(fault(format!("datasetObjectId {id:?} stands twice")));
            }
        }
        for object_idx in batch {
            labeled
                .entry(*object_idx)
                .or_insert_with(|| Labeled::Failed {
                    reason:
                        "ClientError: the consolidation function's answer left this data object out"
                            .to_owned(),
                    retry_count: None,
                });
        }
        Ok(labeled)
    }

    async fn write_output(
        &self,
        lines: &[ManifestLine],
        labeled: &BTreeMap<u32, Labeled>,
        categories: &[String],
    ) -> Result<(), JobError> {
        let labels: Vec<Value> = categories
            .iter()
            .map(|category| json!({ "label": category }))
            .collect();
        let tool = json!({"document-version": "2018-11-28", "labels": labels});
        self.write(&self.folder.label_categories(), tool.to_string())
            .await?;

        let mut output = String::new();
        for (object_idx, line) in (0..).zip(lines) {
            let line = OutputLine {
                line,
                label_attribute: &self.request.label_attribute_name,
                job_name: &self.request.labeling_job_name,
            };
            output.push_str(&line.with(labeled.get(&object_idx)));
            output.push('\n');
        }
        self.write(&self.folder.output_manifest(), output).await
    }

    async fn read(&self, uri: &str) -> Result<Vec<u8>, JobError> {
        let fault = |reason: String| JobError::Read {
            uri: uri.to_owned(),
            reason,
        };
        let place =
            S3Location::parse(uri).ok_or_else(|| fault("not an s3://bucket/key URI".to_owned()))?;
        let object = self
            .s3
            .get_object()
            .bucket(place.bucket)
            .key(place.key)
            .send()
            .await
            .map_err(|error| fault(DisplayErrorContext(&error).to_string()))?;
        let body = object
            .body
            .collect()
            .await
            .map_err(|error| fault(error.to_string()))?;
        Ok(body.to_vec())
    }

    async fn write(&self, uri: &str, body: impl Into<Vec<u8>>) -> Result<(), JobError> {
        let fault = |reason: String| JobError::Write {
            uri: uri.to_owned(),
            reason,
        };
        let place =
            S3Location::parse(uri).ok_or_else(|| fault("not an s3://bucket/key URI".to_owned()))?;
        self.s3
            .put_object()
            .bucket(place.bucket)
            .key(place.key)
            .body(ByteStream::from(body.into()))
            .send()
            .await
            .map_err(|error| fault(DisplayErrorContext(&error).to_string()))?;
        Ok(())
    }
}

/// Adds a member to a JSON object.
fn insert(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

/// A JSON value that is known to be one.
fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
