//! A finished job on disk, as `aws s3 sync` brings a job's output folder, or as the bundled example has it.
//!
//! The folder given may be the job's own (it holds `annotations/` or `manifests/`) or one that holds it. The input
//! manifest, a label category file and a file of known truth are used where they are found.

mod answers;
mod error;
mod example;
mod files;
mod input_manifest;
mod lines;
mod output;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use labeling::consolidation::{Annotation, Config, Content, DataObject, Gathered};
use labeling::job::{categories, layout};
use services::ground_truth::WorkerAnswer;

use crate::agreement::{TruthBySource, parse_truth};

pub use error::FinishedJobError;
pub use files::names_of;

use answers::Answers;
use input_manifest::InputManifest;
use output::Output;

/// The name under which a file of known truth is looked for beside a job.
const TRUTH_FILE_NAME: &str = "true_labels.jsonl";

/// A labeling job with the answers of its workers: what is needed to run it again, and to measure it.
#[derive(Debug, Clone)]
pub struct FinishedJob {
    /// The job's name: its folder's.
    pub name: String,
    /// The label attribute that the job's output carries; the job's name where there is no output.
    pub label_attribute: String,
    /// The input manifest, one JSON object a line.
    pub manifest: String,
    /// The label categories, in order; empty where they are not known.
    pub label_categories: Vec<String>,
    /// The workers' answers by position in the manifest, from 0.
    pub answers: BTreeMap<u32, Vec<WorkerAnswer>>,
    /// Workers asked for each data object, where that is known; else as many as answered one at most.
    pub workers_per_object: Option<usize>,
    /// Images by key, where there are some.
    pub images: Vec<(String, Vec<u8>)>,
    /// Whether the job had a consolidation function: one without leaves `worker-response-ref` and nothing to consolidate
    /// with.
    pub has_consolidation_function: bool,
    /// The job's own output manifest, where it was found.
    pub recorded_output: Option<String>,
    /// Known truth, where it was found.
    pub truth: Option<TruthBySource>,
    /// What was found where, and what was not, for people.
    pub notes: Vec<String>,
    /// What can't be read and is left out, each with its file, place and reason; empty when everything is there.
    pub left_out: Vec<String>,
}

impl FinishedJob {
    /// The label categories, where they are known.
    #[must_use]
    pub fn categories(&self) -> Option<&[String]> {
        (!self.label_categories.is_empty()).then_some(self.label_categories.as_slice())
    }

    /// The answers as consolidation takes them, by position in the manifest. `job_key` keys the workers' pseudonyms: the
    /// job's folder in S3, so that workers are named as in its statistics.
    #[must_use]
    pub fn gathered<'c>(&self, job_key: &str, config: &'c Config) -> Gathered<'c> {
        let mut gathered = Gathered::new(job_key, config);
        for (object_idx, answers) in &self.answers {
            let annotations = answers.iter().map(|answer| Annotation {
                worker_id: Some(answer.worker_id.clone()),
                content: Content::Inline(answer.content.clone()),
            });
            let object = DataObject {
                dataset_object_id: object_idx.to_string(),
                source: None,
                annotations: annotations.collect(),
                problem: None,
            };
            gathered.add(u64::from(*object_idx), &object);
        }
        gathered
    }
}

/// Reads a finished job. `truth` names a truth file; without it, `true_labels.jsonl` beside or in the folder is used.
///
/// # Errors
///
/// [`FinishedJobError`], which names the file, the place and, by [`FinishedJobError::remedy`], what to do.
pub fn read(path: &Path, truth: Option<&Path>) -> Result<FinishedJob, FinishedJobError> {
    let folder = files::find_job(path)?;
    let name = files::name_of(&folder);
    let beside: Vec<&Path> = [Some(folder.as_path()), Some(path), folder.parent()]
        .into_iter()
        .flatten()
        .collect();
    let mut left_out = Vec::new();
    let mut output = Output::read(&folder, &mut left_out)?;
    let label_attribute = output.as_ref().and_then(|it| it.label_attribute(&name));
    let label_attribute = label_attribute.unwrap_or_else(|| name.clone());
    let answers = Answers::read(&folder, &mut left_out)?;
    let mut manifest = InputManifest::find(
        &folder,
        &beside,
        output.as_mut(),
        &label_attribute,
        &answers,
    )?;
    manifest.check(&folder, &answers, output.as_ref())?;
    let mut notes = vec![manifest.note];
    let truth = read_truth(truth, &beside, &mut notes)?;
    let has_requests = folder.join(layout::annotation_files()).is_dir();
    Ok(FinishedJob {
        has_consolidation_function: has_requests
            || output
                .as_ref()
                .is_none_or(|it| !it.mentions_worker_response()),
        label_categories: read_categories(&folder)?,
        name,
        label_attribute,
        manifest: manifest.text,
        answers: answers.by_object,
        workers_per_object: None,
        images: Vec::new(),
        recorded_output: output.map(|it| String::from_utf8_lossy(&it.bytes).into_owned()),
        truth,
        notes,
        left_out,
    })
}

/// The job's own folder: the one given, or the only one in it that is a job's.
///
/// # Errors
///
/// Fails when there is none, or several.
pub fn folder_of(path: &Path) -> Result<PathBuf, FinishedJobError> {
    files::find_job(path)
}

fn read_truth(
    named: Option<&Path>,
    beside: &[&Path],
    notes: &mut Vec<String>,
) -> Result<Option<TruthBySource>, FinishedJobError> {
    let found = || files::find_file(beside, TRUTH_FILE_NAME);
    let Some(path) = named.map(Path::to_path_buf).or_else(found) else {
        return Ok(None);
    };
    notes.push(format!("known truth: {}", path.display()));
    let text = files::read_text(&path).map_err(|error| match error {
        FinishedJobError::Read { path, source } => FinishedJobError::ReadTruth { path, source },
        other => other,
    })?;
    let truth = parse_truth(&text);
    truth
        .map(Some)
        .map_err(|error| FinishedJobError::Truth { path, error })
}

fn read_categories(folder: &Path) -> Result<Vec<String>, FinishedJobError> {
    let path = folder.join(layout::LABEL_CATEGORIES);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = files::read_text(&path)?;
    let read = categories::parse_own_copy(text.as_bytes());
    read.map(Option::unwrap_or_default)
        .map_err(|error| FinishedJobError::Answers {
            path,
            reason: error.to_string(),
        })
}
