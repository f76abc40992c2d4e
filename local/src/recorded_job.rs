//! A finished job on disk, as `aws s3 sync` brings a job's output folder.
//!
//! The folder given may be the job's own (it holds `annotations/` or `manifests/`) or one that holds it. The input
//! manifest, a label category file and a file of known truth are used where they are found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use labeling::consolidation::Content;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::agreement::{TruthBySource, TruthError, parse_truth};
use crate::answer_files::{self, AnswerFile, AnswerFileError, json_files};
use crate::services::ground_truth::WorkerAnswer;

/// Largest file that is read, in bytes: Custom Labels' own limit of a manifest.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A recorded job: what is needed to run it again.
#[derive(Debug, Clone)]
pub struct RecordedJob {
    /// The job's name: its folder's.
    pub name: String,
    /// The label attribute that the recorded output carries; the job's name where there is no output.
    pub label_attribute: String,
    /// The input manifest, one JSON object a line.
    pub manifest: String,
    /// The label categories, in order; empty where no label category file was found.
    pub categories: Vec<String>,
    /// The workers' answers by position in the manifest, from 0.
    pub answers: BTreeMap<u32, Vec<WorkerAnswer>>,
    /// Whether the job had a consolidation function: one without leaves `worker-response-ref` and nothing to consolidate
    /// with.
    pub has_consolidation_function: bool,
    /// The job's own output manifest, where it was found.
    pub recorded_output: Option<String>,
    /// Known truth, where it was found.
    pub truth: Option<TruthBySource>,
    /// What was found where, and what was not, for people.
    pub notes: Vec<String>,
}

/// Why a folder is not a recorded job.
#[derive(Debug, thiserror::Error)]
pub enum RecordedJobError {
    /// Nothing there.
    #[error("{path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that should be text is not.
    #[error("{path} is not a text file: byte {byte} is not UTF-8")]
    NotText {
        /// The file.
        path: PathBuf,
        /// Position of the first such byte, from 0.
        byte: usize,
    },
    /// Too large to be what it is named.
    #[error("{path} has {n_bytes} bytes, more than the {FILE_BYTES_MAX} of a manifest")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        n_bytes: u64,
    },
    /// Neither `annotations/` nor `manifests/` in the folder or right below it.
    #[error(
        "{path} is no labeling job's output: neither it nor a folder in it has annotations/ or manifests/"
    )]
    NoJob {
        /// The folder.
        path: PathBuf,
    },
    /// More than one job below the folder.
    #[error("{path} holds several jobs: {}", names.join(", "))]
    SeveralJobs {
        /// The folder.
        path: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// No answer of any worker.
    #[error(
        "{path} has no worker's answer: annotations/ holds neither worker-response nor consolidation-request files"
    )]
    NoAnswers {
        /// The job's folder.
        path: PathBuf,
    },
    /// A line of a manifest that is not JSON.
    #[error("{path}, line {line_number}: {reason}")]
    ManifestLine {
        /// The manifest.
        path: PathBuf,
        /// One-based.
        line_number: usize,
        /// What is wrong.
        reason: String,
    },
    /// A file of answers that can't be read as one.
    #[error(transparent)]
    AnswerFile(#[from] AnswerFileError),
    /// A file of answers that is not of the documented form.
    #[error("{path}: {reason}")]
    Answers {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Answers to a data object that the manifest does not have.
    #[error(
        "{path} answers data object {object_idx}, but the manifest has only {n_objects}: is it this job's manifest?"
    )]
    UnknownObject {
        /// The job's folder.
        path: PathBuf,
        /// Position, from 0.
        object_idx: u32,
        /// Data objects of the manifest.
        n_objects: usize,
    },
    /// A line of the manifest is about another data object than the answers to it.
    #[error(
        "{path}, line {line_number}: source-ref is {source_ref}, but workers answered for {answered} there: is it this job's manifest?"
    )]
    OtherObject {
        /// The manifest.
        path: PathBuf,
        /// One-based.
        line_number: usize,
        /// The line's.
        source_ref: String,
        /// The data object that the job's own files have at this position.
        answered: String,
    },
    /// The truth file can't be read.
    #[error("{path}: {source}")]
    ReadTruth {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The truth file.
    #[error("{path}, {error}")]
    Truth {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: TruthError,
    },
}

impl RecordedJobError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Read { .. } | Self::NoJob { .. } => {
                "name the folder that `aws s3 sync s3://BUCKET/PREFIX/JOB-NAME ./JOB-NAME` wrote"
            }
            Self::SeveralJobs { .. } => "name one job's folder",
            Self::NoAnswers { .. } => "sync the job's annotations/ folder, too",
            Self::NotText { .. } | Self::TooLarge { .. } | Self::ManifestLine { .. } => {
                "sync the file again; a manifest is JSON Lines, one object a line"
            }
            Self::Answers { .. } | Self::AnswerFile(_) => {
                "sync the file again: it is not as Ground Truth writes it"
            }
            Self::UnknownObject { .. } | Self::OtherObject { .. } => {
                "put the job's own input manifest beside its folder as input.manifest, or take it away"
            }
            Self::ReadTruth { .. } => {
                "name an existing file of known labels with --truth, or --gold of gtcl evaluate"
            }
            Self::Truth { .. } => {
                r#"a truth file is JSON Lines: {"source-ref": "s3://…", "label": …}"#
            }
        }
    }
}

type Line = IndexMap<String, Box<RawValue>>;

/// Reads a recorded job. `truth` names a truth file; without it, `true_labels.jsonl` beside or in the folder is used.
///
/// # Errors
///
/// [`RecordedJobError`], which names the file, the place and, by [`RecordedJobError::remedy`], what to do.
pub fn read(path: &Path, truth: Option<&Path>) -> Result<RecordedJob, RecordedJobError> {
    let folder = find_job(path)?;
    let name = folder
        .canonicalize()
        .ok()
        .and_then(|folder| {
            folder
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
        })
        .unwrap_or_else(|| "job".to_owned());
    let beside: Vec<PathBuf> = [Some(folder.as_path()), Some(path), folder.parent()]
        .into_iter()
        .flatten()
        .map(Path::to_path_buf)
        .collect();
    let mut notes = Vec::new();

    let output_path = folder.join("manifests/output/output.manifest");
    let recorded_output = if output_path.is_file() {
        Some(read_text(&output_path)?)
    } else {
        None
    };
    let output_lines = recorded_output
        .as_deref()
        .map(|text| parse_lines(&output_path, text))
        .transpose()?;
    let label_attribute = output_lines
        .as_deref()
        .and_then(|lines| find_label_attribute(lines, &name))
        .unwrap_or_else(|| name.clone());

    let answers = read_answers(&folder)?;
    let (manifest_path, manifest) = match beside
        .iter()
        .map(|folder| folder.join("input.manifest"))
        .find(|path| path.is_file())
    {
        Some(path) => {
            let text = read_text(&path)?;
            notes.push(format!("input manifest: {}", path.display()));
            (path, text)
        }
        None => match &output_lines {
            Some(lines) => {
                notes.push("input manifest: not found, taken from the output manifest without the job's own label".to_owned());
                (output_path, without_label(lines, &label_attribute))
            }
            None => {
                notes.push(
                    "input manifest: not found, taken from the data objects that were answered"
                        .to_owned(),
                );
                (folder.clone(), answers.as_manifest())
            }
        },
    };
    let manifest_lines = parse_lines(&manifest_path, &manifest)?;
    let n_objects = manifest_lines.len();
    let source_refs = answers.source_refs;
    let answers = answers.by_object;
    if let Some(object_idx) = answers
        .keys()
        .copied()
        .find(|object_idx| *object_idx as usize >= n_objects)
    {
        return Err(RecordedJobError::UnknownObject {
            path: folder,
            object_idx,
            n_objects,
        });
    }
    // The output has the input's lines in the input's order; of a job that was stopped it may have fewer.
    let output_lines = output_lines.filter(|lines| lines.len() == n_objects);
    for (object_idx, line) in manifest_lines.iter().enumerate() {
        let from_answers = u32::try_from(object_idx)
            .ok()
            .and_then(|object_idx| source_refs.get(&object_idx).cloned());
        let from_output = || source_ref(output_lines.as_ref()?.get(object_idx)?);
        let (Some(source_ref), Some(answered)) =
            (source_ref(line), from_answers.or_else(from_output))
        else {
            continue;
        };
        if source_ref != answered {
            return Err(RecordedJobError::OtherObject {
                path: manifest_path,
                line_number: line_number(&manifest, object_idx),
                source_ref,
                answered,
            });
        }
    }

    let truth_path = match truth {
        Some(path) => Some(path.to_path_buf()),
        None => beside
            .iter()
            .map(|folder| folder.join("true_labels.jsonl"))
            .find(|path| path.is_file()),
    };
    let truth = truth_path
        .map(|path| {
            notes.push(format!("known truth: {}", path.display()));
            let text = read_text(&path).map_err(|error| match error {
                RecordedJobError::Read { path, source } => {
                    RecordedJobError::ReadTruth { path, source }
                }
                other => other,
            })?;
            parse_truth(&text).map_err(|error| RecordedJobError::Truth { path, error })
        })
        .transpose()?;

    let requests = folder.join("annotations/consolidated-annotation/consolidation-request");
    let has_consolidation_function = requests.is_dir()
        || recorded_output.as_deref().is_none_or(|output| {
            let mut lines = output.lines();
            !lines.any(|line| manifest::mentions_worker_response(line.as_bytes()))
        });
    Ok(RecordedJob {
        has_consolidation_function,
        categories: read_categories(&folder)?,
        name,
        label_attribute,
        manifest,
        answers,
        recorded_output,
        truth,
        notes,
    })
}

fn find_job(path: &Path) -> Result<PathBuf, RecordedJobError> {
    let is_job =
        |folder: &Path| folder.join("annotations").is_dir() || folder.join("manifests").is_dir();
    if is_job(path) {
        return Ok(path.to_path_buf());
    }
    let mut jobs: Vec<PathBuf> = folder_entries(path)?
        .into_iter()
        .filter(|entry| is_job(entry))
        .collect();
    match jobs.pop() {
        None => Err(RecordedJobError::NoJob {
            path: path.to_path_buf(),
        }),
        Some(job) if jobs.is_empty() => Ok(job),
        Some(job) => {
            jobs.push(job);
            let names = jobs
                .iter()
                .filter_map(|job| {
                    job.file_name()
                        .map(|name| name.to_string_lossy().into_owned())
                })
                .collect();
            Err(RecordedJobError::SeveralJobs {
                path: path.to_path_buf(),
                names,
            })
        }
    }
}

/// What a folder holds, in the order of the names.
fn folder_entries(path: &Path) -> Result<Vec<PathBuf>, RecordedJobError> {
    let fault = |source| RecordedJobError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut entries = fs::read_dir(path)
        .map_err(fault)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(fault)?;
    entries.sort();
    Ok(entries)
}

fn read_text(path: &Path) -> Result<String, RecordedJobError> {
    let fault = |source| RecordedJobError::Read {
        path: path.to_path_buf(),
        source,
    };
    let n_bytes = fs::metadata(path).map_err(fault)?.len();
    if n_bytes > FILE_BYTES_MAX {
        return Err(RecordedJobError::TooLarge {
            path: path.to_path_buf(),
            n_bytes,
        });
    }
    String::from_utf8(fs::read(path).map_err(fault)?).map_err(|error| RecordedJobError::NotText {
        path: path.to_path_buf(),
        byte: error.utf8_error().valid_up_to(),
    })
}

fn parse_lines(path: &Path, text: &str) -> Result<Vec<Line>, RecordedJobError> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(line_number, line)| {
            serde_json::from_str(line).map_err(|error| RecordedJobError::ManifestLine {
                path: path.to_path_buf(),
                line_number,
                reason: error.to_string(),
            })
        })
        .collect()
}

fn source_ref(line: &Line) -> Option<String> {
    serde_json::from_str(line.get("source-ref")?.get()).ok()
}

/// The line, from one, of the data object at this position: lines without text hold none.
fn line_number(manifest: &str, object_idx: usize) -> usize {
    (1..)
        .zip(manifest.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .nth(object_idx)
        .map_or(0, |(line_number, _)| line_number)
}

/// The attribute whose metadata names this job; else the only attribute with metadata.
fn find_label_attribute(lines: &[Line], job_name: &str) -> Option<String> {
    let mut candidates = BTreeSet::new();
    for line in lines {
        for (key, metadata) in line {
            let Some(attribute) = key.strip_suffix("-metadata") else {
                continue;
            };
            let metadata: Value = serde_json::from_str(metadata.get()).unwrap_or_default();
            let named = metadata
                .get("job-name")
                .or_else(|| metadata.get("job_name"))
                .and_then(Value::as_str);
            if named.is_some_and(|named| {
                named
                    .trim_start_matches("labeling-job/")
                    .eq_ignore_ascii_case(job_name)
            }) {
                return Some(attribute.to_owned());
            }
            candidates.insert(attribute.to_owned());
        }
    }
    candidates.pop_first().filter(|_| candidates.is_empty())
}

fn without_label(lines: &[Line], label_attribute: &str) -> String {
    let metadata_key = format!("{label_attribute}-metadata");
    let mut manifest = String::new();
    for line in lines {
        let mut line = line.clone();
        line.shift_remove(label_attribute);
        line.shift_remove(&metadata_key);
        manifest.push_str(&serde_json::to_string(&line).unwrap_or_default());
        manifest.push('\n');
    }
    manifest
}

#[derive(Debug, Default)]
struct Answers {
    by_object: BTreeMap<u32, Vec<WorkerAnswer>>,
    source_refs: BTreeMap<u32, String>,
}

impl Answers {
    fn as_manifest(&self) -> String {
        let n_objects = self.by_object.keys().next_back().map_or(0, |last| last + 1);
        (0..n_objects)
            .map(|object_idx| {
                let source_ref = self
                    .source_refs
                    .get(&object_idx)
                    .cloned()
                    .unwrap_or_else(|| format!("s3://unknown-bucket/data-object-{object_idx}"));
                format!("{}\n", json!({ "source-ref": source_ref }))
            })
            .collect()
    }
}

/// The workers' answers: from the annotation files, and from worker-response files for objects not in these.
fn read_answers(folder: &Path) -> Result<Answers, RecordedJobError> {
    let annotations = folder.join("annotations");
    let mut answers = Answers::default();
    for path in json_files(&annotations.join("consolidated-annotation/consolidation-request"))? {
        // A later file about the same object replaces an earlier one.
        add_answers(&mut answers, answer_files::read(&path)?, |_| false)?;
    }
    let from_requests: BTreeSet<u32> = answers.by_object.keys().copied().collect();
    for path in json_files(&annotations.join("worker-response"))? {
        let is_known = |object_idx| from_requests.contains(&object_idx);
        add_answers(&mut answers, answer_files::read(&path)?, is_known)?;
    }
    if answers.by_object.is_empty() {
        return Err(RecordedJobError::NoAnswers {
            path: folder.to_path_buf(),
        });
    }
    Ok(answers)
}

fn add_answers(
    answers: &mut Answers,
    read: AnswerFile,
    is_known: impl Fn(u32) -> bool,
) -> Result<(), RecordedJobError> {
    let fault = |reason: String| RecordedJobError::Answers {
        path: read.path.clone(),
        reason,
    };
    if let Some((idx, reason)) = read.file.unidentified.first() {
        return Err(fault(format!("element {idx}: {reason}")));
    }
    for object in read.file.objects {
        let id = object.dataset_object_id;
        let object_idx: u32 = id.parse().map_err(|_| {
            fault(format!(
                "{id:?} is not a data object's position in the manifest"
            ))
        })?;
        if let Some(reason) = object.problem {
            return Err(fault(format!("data object {id}: {reason}")));
        }
        if is_known(object_idx) {
            continue;
        }
        let mut found = Vec::with_capacity(object.annotations.len());
        for annotation in object.annotations {
            let content = match annotation.content {
                Content::Inline(content) => content,
                Content::Stored { uri } => {
                    return Err(fault(format!(
                        "data object {id}: an answer is stored at {uri}"
                    )));
                }
                Content::Unreadable(reason) => {
                    return Err(fault(format!("data object {id}: {reason}")));
                }
            };
            let worker_id = annotation.worker_id;
            let worker_id = worker_id
                .ok_or_else(|| fault(format!("data object {id}: an answer has no workerId")))?;
            found.push(WorkerAnswer { worker_id, content });
        }
        if let Some(source_ref) = object.source {
            answers.source_refs.insert(object_idx, source_ref);
        }
        answers.by_object.insert(object_idx, found);
    }
    Ok(())
}

fn read_categories(folder: &Path) -> Result<Vec<String>, RecordedJobError> {
    let path = folder.join("annotation-tool/data.json");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let fault = |reason: String| RecordedJobError::Answers {
        path: path.clone(),
        reason,
    };
    let file: Value =
        serde_json::from_str(&read_text(&path)?).map_err(|error| fault(error.to_string()))?;
    let labels = file
        .get("labels")
        .and_then(Value::as_array)
        .ok_or_else(|| fault("no labels".to_owned()))?;
    Ok(labels
        .iter()
        .filter_map(|label| label.get("label")?.as_str())
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job of two objects; `write` changes or adds files.
    fn job(write: impl FnOnce(&Path)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("birds-1");
        put(
            &root.join("annotations/worker-response/iteration-1/0/2021-11-18_02:19:51.json"),
            r#"{"answers":[{"answerContent":{"crowd-image-classifier":{"label":"Owl"}},"submissionTime":"2021-11-18T02:19:51Z","workerId":"private.x.1"}]}"#,
        );
        put(
            &root.join("annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"),
            r#"[{"datasetObjectId":"1","dataObject":{"s3Uri":"s3://b/1.png"},"annotations":[{"workerId":"private.x.1","annotationData":{"content":"{\"crowd-image-classifier\":{\"label\":\"Owl\"}}"}}]}]"#,
        );
        put(
            &root.join("manifests/output/output.manifest"),
            "{\"source-ref\":\"s3://b/0.png\",\"birds\":0,\"birds-metadata\":{\"job-name\":\"labeling-job/birds-1\"}}\n{\"source-ref\":\"s3://b/1.png\",\"n\":1.0}\n",
        );
        write(folder.path());
        folder
    }

    fn put(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn refused(write: impl FnOnce(&Path), expected: &str) {
        let folder = job(write);
        let error = read(folder.path(), None).expect_err("refused");
        assert!(
            error.to_string().contains(expected),
            "{error} lacks {expected}"
        );
        assert!(!error.remedy().is_empty());
    }

    #[test]
    fn a_synced_job_is_read_from_its_folder_or_the_one_above() {
        let folder = job(|_| {});
        for path in [folder.path().to_path_buf(), folder.path().join("birds-1")] {
            let job = read(&path, None).expect("a job");
            assert_eq!(
                (job.name.as_str(), job.label_attribute.as_str()),
                ("birds-1", "birds")
            );
            assert_eq!(
                job.manifest,
                "{\"source-ref\":\"s3://b/0.png\"}\n{\"source-ref\":\"s3://b/1.png\",\"n\":1.0}\n"
            );
            assert_eq!(job.answers.len(), 2);
            assert_eq!(
                job.answers[&0][0].content,
                r#"{"crowd-image-classifier":{"label":"Owl"}}"#
            );
        }
    }

    #[test]
    fn a_job_without_manifests_is_read_from_its_answers() {
        let folder =
            job(|root| fs::remove_dir_all(root.join("birds-1/manifests")).expect("removed"));
        let job = read(folder.path(), None).expect("a job");
        assert_eq!(job.manifest.lines().count(), 2);
        assert!(job.manifest.contains("s3://b/1.png"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let output = "birds-1/manifests/output/output.manifest";
        refused(
            |root| fs::remove_dir_all(root.join("birds-1")).expect("removed"),
            "is no labeling job's output",
        );
        refused(
            |root| {
                put(
                    &root.join(output),
                    "{\"source-ref\":\"s3://b/0.png\"}\n{\"source-ref\":",
                )
            },
            "line 2",
        );
        refused(
            |root| fs::write(root.join(output), b"\x89PNG\xff\xfe").expect("written"),
            "not a text file",
        );
        refused(
            |root| fs::remove_dir_all(root.join("birds-1/annotations")).expect("removed"),
            "no worker's answer",
        );
        refused(
            |root| {
                put(
                    &root.join("input.manifest"),
                    "{\"source-ref\":\"s3://b/0.png\"}\n",
                )
            },
            "only 1",
        );
        refused(
            |root| {
                put(
                    &root.join("input.manifest"),
                    "{\"source-ref\":\"s3://b/1.png\"}\n\n{\"source-ref\":\"s3://b/0.png\"}\n",
                )
            },
            "line 1: source-ref is s3://b/1.png, but workers answered for s3://b/0.png",
        );
        refused(
            |root| {
                fs::remove_dir_all(root.join("birds-1/manifests")).expect("removed");
                put(
                    &root.join("input.manifest"),
                    "{\"source-ref\":\"s3://b/0.png\"}\n\n{\"source-ref\":\"s3://b/2.png\"}\n",
                )
            },
            "line 3: source-ref is s3://b/2.png, but workers answered for s3://b/1.png",
        );
        refused(
            |root| put(&root.join("true_labels.jsonl"), "nonsense"),
            "true_labels.jsonl, line 1",
        );
        refused(
            |root| put(&root.join("other/annotations/x"), ""),
            "several jobs: birds-1, other",
        );
        let folder = job(|_| {});
        let no_truth = read(folder.path(), Some(Path::new("/no/such/truth"))).expect_err("refused");
        assert!(no_truth.to_string().contains("/no/such/truth"));
        assert!(no_truth.remedy().contains("--truth"));
        let missing = read(Path::new("/no/such/folder"), None).expect_err("refused");
        assert!(missing.to_string().contains("/no/such/folder"));
    }
}
