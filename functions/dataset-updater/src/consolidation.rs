//! A job's answers, consolidated together before its lines are converted.
//!
//! A job without a consolidation function leaves no labels, only the places of its workers' answers. They are read and
//! consolidated, and the manifest with the labels put in is written beside the reports: what follows reads that
//! one, so that an invocation that goes on later sees the same lines.

use std::collections::BTreeMap;

use aws::s3::{ObjectUri, S3, S3Error};
use labeling::consolidation::{DataObject, Outcome};
use labeling::{categories, job_folder, whole_job, worker_response};
use manifest::{ConvertOptions, Envelope, LINE_BYTES_MAX, RawLine};
use tokio::task::JoinSet;

use crate::budget::Budget;
use crate::checkpoint::Origin;
use crate::config::Config;
use crate::error::RunError;
use crate::files::Files;
use crate::reader::{Lines, Source};
use crate::report::ConsolidationReport;

/// Worker-response files read at the same time.
const READS_AT_ONCE: usize = 16;
/// Largest worker-response file that is read, in bytes, inclusive. Source: ours; nine workers' answers of 100 boxes take
/// less than a tenth.
const WORKER_RESPONSE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// The manifest with the labels put in.
pub(crate) const FILE_NAME: &str = "consolidated.manifest";

/// A job whose labels are to be found.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) s3: &'a S3,
    pub(crate) config: &'a Config,
    pub(crate) options: &'a ConvertOptions,
    /// The output manifest, as Ground Truth wrote it.
    pub(crate) manifest: &'a Source,
    pub(crate) files: Files<'a>,
    pub(crate) budget: &'a Budget,
}

impl Job<'_> {
    /// What the entries are made from: the output manifest itself where its lines have their labels, else the one that
    /// is written here.
    pub(crate) async fn origin(&self) -> Result<Origin, RunError> {
        let objects = self.read_answers().await?;
        if objects.is_empty() {
            return Ok(Origin::OutputManifest);
        }
        let label_categories = self.label_categories().await?;
        let line_numbers: Vec<u64> = objects.keys().copied().collect();
        let outcome = whole_job::consolidate(
            self.options.label_attribute.as_deref().unwrap_or_default(),
            label_categories,
            &self.job_folder(),
            objects.into_values(),
            &self.config.consolidation,
        );
        let report = ConsolidationReport::new(&outcome);
        let e_tag = self.write(&labels(line_numbers, outcome)).await?;
        Ok(Origin::Consolidated { e_tag, report })
    }

    /// The answers of the lines that lack a label, by line number.
    async fn read_answers(&self) -> Result<BTreeMap<u64, DataObject>, RunError> {
        let mut objects = BTreeMap::new();
        let mut reads = JoinSet::new();
        let mut lines = Lines::open(self.s3, self.manifest).await?;
        let missing = |line_number, line: RawLine<'_>| match line {
            RawLine::Line(bytes) if manifest::mentions_worker_response(bytes) => {
                let own = manifest::own_label(bytes, self.options)?;
                Some((line_number, own.worker_response_ref?))
            }
            _ => None,
        };
        while let Some(found) = lines.next(missing).await? {
            let Some((line_number, uri)) = found else {
                continue;
            };
            if !self
                .budget
                .has(std::time::SystemTime::now(), std::time::Duration::ZERO)
            {
                return Err(RunError::OutOfTime { settled_line: 0 });
            }
            if reads.len() >= READS_AT_ONCE {
                keep(reads.join_next().await, &mut objects)?;
            }
            let (s3, uri) = (self.s3.clone(), self.permitted(&uri));
            reads.spawn(async move { (line_number, read_one(&s3, uri).await) });
        }
        while !reads.is_empty() {
            keep(reads.join_next().await, &mut objects)?;
        }
        let objects = objects.into_iter().map(|(line_number, read)| {
            let object = read.map(|object| DataObject {
                dataset_object_id: line_number.to_string(),
                ..object
            });
            (
                line_number,
                object.unwrap_or_else(|reason| unreadable(line_number, reason)),
            )
        });
        Ok(objects.collect())
    }

    /// Answers are read from the job's own bucket alone, whatever a manifest says.
    fn permitted(&self, uri: &str) -> Result<ObjectUri, String> {
        let uri = ObjectUri::parse(uri).map_err(|error| format!("worker-response-ref: {error}"))?;
        if uri.bucket != self.manifest.bucket {
            return Err(format!(
                "worker-response-ref lies in bucket {:?}, which is not the job's",
                uri.bucket
            ));
        }
        Ok(uri)
    }

    /// Label categories as the consolidation function finds them: from the settings, else the job's own copy.
    async fn label_categories(&self) -> Result<Option<Vec<String>>, RunError> {
        let bytes_max = categories::CATEGORY_FILE_BYTES_MAX;
        if let Some(uri) = &self.config.label_categories_uri {
            let bytes = self
                .s3
                .read_object(&uri.bucket, &uri.key, bytes_max)
                .await?;
            let names = categories::parse_file(&bytes);
            return names.map(Some).map_err(|error| RunError::LabelCategories {
                uri: uri.to_string(),
                reason: error.to_string(),
            });
        }
        if self.config.consolidation.label_categories.is_some() {
            return Ok(None);
        }
        let Ok(uri) = ObjectUri::parse(&job_folder::category_file(&self.job_folder())) else {
            return Ok(None);
        };
        match self.s3.read_object(&uri.bucket, &uri.key, bytes_max).await {
            Ok(bytes) => Ok(categories::parse_file(&bytes)
                .inspect_err(|error| tracing::warn!(%uri, %error, "label categories passed over"))
                .ok()),
            Err(error) if error.is_temporary() => Err(error.into()),
            Err(error) => {
                tracing::info!(code = error.code(), %uri, "no label categories");
                Ok(None)
            }
        }
    }

    fn job_folder(&self) -> String {
        let key = &self.manifest.key;
        let folder = key.strip_suffix("/manifests/output/output.manifest");
        format!("s3://{}/{}", self.manifest.bucket, folder.unwrap_or(key))
    }

    /// Writes the manifest with the labels put in, and answers its entity tag.
    async fn write(&self, labels: &BTreeMap<u64, Envelope>) -> Result<String, RunError> {
        let mut upload = self.files.upload(FILE_NAME);
        let mut lines = Lines::open(self.s3, self.manifest).await?;
        let relabel = |line_number: u64, line: RawLine<'_>| {
            let mut bytes = match line {
                RawLine::Line(bytes) => labels
                    .get(&line_number)
                    .and_then(|label| manifest::relabeled(bytes, self.options, label))
                    .map_or_else(|| bytes.to_vec(), String::into_bytes),
                // Stays too long, so that it is rejected as before.
                RawLine::TooLong { .. } => vec![b' '; LINE_BYTES_MAX + 1],
            };
            bytes.push(b'\n');
            bytes
        };
        while let Some(bytes) = lines.next(relabel).await? {
            upload.write(&bytes).await?;
        }
        upload.finish().await?;
        let place = self.files.place;
        let head = self
            .s3
            .head_object(&place.bucket, &place.key(FILE_NAME))
            .await?;
        Ok(head.e_tag)
    }
}

/// The manifest that [`Job::origin`] wrote.
pub(crate) fn consolidated(files: &Files<'_>, e_tag: &str) -> Source {
    Source {
        bucket: files.place.bucket.clone(),
        key: files.place.key(FILE_NAME),
        e_tag: e_tag.to_owned(),
    }
}

type Read = Result<DataObject, String>;
type Joined = Option<Result<(u64, Result<Read, S3Error>), tokio::task::JoinError>>;

fn keep(joined: Joined, objects: &mut BTreeMap<u64, Read>) -> Result<(), RunError> {
    match joined {
        Some(Ok((line_number, read))) => {
            objects.insert(line_number, read?);
        }
        Some(Err(error)) => {
            return Err(RunError::Reading {
                reason: error.to_string(),
            });
        }
        None => {}
    }
    Ok(())
}

/// One worker-response file, or why it is of no use; an error when that may pass.
async fn read_one(s3: &S3, uri: Result<ObjectUri, String>) -> Result<Read, S3Error> {
    let uri = match uri {
        Ok(uri) => uri,
        Err(reason) => return Ok(Err(reason)),
    };
    match s3
        .read_object(&uri.bucket, &uri.key, WORKER_RESPONSE_BYTES_MAX)
        .await
    {
        Ok(bytes) => {
            Ok(worker_response::parse("", &bytes).map_err(|error| format!("{uri}: {error}")))
        }
        Err(error) if error.is_temporary() => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn unreadable(line_number: u64, reason: String) -> DataObject {
    DataObject {
        dataset_object_id: line_number.to_string(),
        source: None,
        annotations: Vec::new(),
        problem: Some(reason),
    }
}

fn labels(line_numbers: Vec<u64>, outcome: Outcome) -> BTreeMap<u64, Envelope> {
    let labels = line_numbers.into_iter().zip(outcome.response);
    labels
        .filter_map(|(line_number, answer)| {
            Some((line_number, Envelope::parse(&answer.label).ok()??))
        })
        .collect()
}
