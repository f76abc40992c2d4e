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
use manifest::{FileError, counted};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::agreement::{TruthBySource, TruthError, parse_truth};
use crate::answer_files::{self, AnswerFile, AnswerFileError, json_files};
use crate::input;
use services::ground_truth::WorkerAnswer;

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
    /// What can't be read and is left out, each with its file, place and reason; empty when everything is there.
    pub left_out: Vec<String>,
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
    #[error("{path}: {}", error.reason)]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        error: FileError,
    },
    /// Too large to be what it is named.
    #[error("{path} has more than the {FILE_BYTES_MAX} bytes of a manifest")]
    TooLarge {
        /// The file.
        path: PathBuf,
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
    pub fn remedy(&self) -> &str {
        match self {
            Self::NotText { error, .. } => &error.remedy,
            Self::Read { .. } | Self::NoJob { .. } => {
                "name the folder that `aws s3 sync s3://BUCKET/PREFIX/JOB-NAME ./JOB-NAME` wrote"
            }
            Self::SeveralJobs { .. } => "name one job's folder",
            Self::NoAnswers { .. } => "sync the job's annotations/ folder, too",
            Self::TooLarge { .. } | Self::ManifestLine { .. } => {
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
        Some(read_lines(&output_path)?)
    } else {
        None
    };
    let mut left_out = Vec::new();
    let (output_lines, output_fault) = recorded_output
        .as_deref()
        .map(|bytes| parse_output(&output_path, bytes, &mut left_out))
        .transpose()?
        .unzip();
    let mut output_fault = output_fault.flatten();
    let label_attribute = output_lines
        .as_deref()
        .and_then(|lines| find_label_attribute(lines, &name))
        .unwrap_or_else(|| name.clone());

    let answers = read_answers(&folder, &mut left_out)?;
    let (manifest_path, manifest) = match beside
        .iter()
        .map(|folder| folder.join("input.manifest"))
        .find(|path| path.is_file())
    {
        Some(path) => {
            let text = read_text(&path)?;
            notes.push(format!("input manifest: {}", path.display()));
            output_fault = None;
            (path, text)
        }
        None => match &output_lines {
            Some(lines) => {
                // It may stand for no data object at all: then every line after it would be another one's.
                let place = lines
                    .iter()
                    .position(Option::is_none)
                    .unwrap_or(lines.len());
                if let Some(fault) = output_fault.take_if(|_| !answers.tell_sources_from(place)) {
                    return Err(fault);
                }
                let n_unreadable = lines.iter().filter(|line| line.is_none()).count();
                notes.push(match n_unreadable {
                    0 => "input manifest: not found, taken from the output manifest without the job's own label".to_owned(),
                    n => format!("input manifest: not found, taken from the output manifest without the job's own label, and {} of it from the answers", counted(n as u64, "line")),
                });
                let manifest = without_label(lines, &label_attribute, &answers);
                (output_path, manifest)
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
        let from_output = || source_ref(output_lines.as_ref()?.get(object_idx)?.as_ref()?);
        let (Some(source_ref), Some(answered)) =
            (source_ref(line), from_answers.or_else(from_output))
        else {
            continue;
        };
        if source_ref != answered {
            return Err(output_fault.unwrap_or(RecordedJobError::OtherObject {
                path: manifest_path,
                line_number: line_number(&manifest, object_idx),
                source_ref,
                answered,
            }));
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
            let mut lines = output.split(|byte| *byte == b'\n');
            !lines.any(manifest::mentions_worker_response)
        });
    Ok(RecordedJob {
        has_consolidation_function,
        categories: read_categories(&folder)?,
        name,
        label_attribute,
        manifest,
        answers,
        recorded_output: recorded_output.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        truth,
        notes,
        left_out,
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
            Err(RecordedJobError::SeveralJobs {
                path: path.to_path_buf(),
                names: names_of(&jobs),
            })
        }
    }
}

/// Jobs are named as their folders are.
pub(crate) fn names_of<'a>(jobs: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
    jobs.into_iter()
        .filter_map(|job| Some(job.file_name()?.to_string_lossy().into_owned()))
        .collect()
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

/// A file's bytes, as they are.
fn read_bytes(path: &Path) -> Result<Vec<u8>, RecordedJobError> {
    let fault = |source| RecordedJobError::Read {
        path: path.to_path_buf(),
        source,
    };
    let bytes = input::bounded(path, FILE_BYTES_MAX).map_err(fault)?;
    bytes.ok_or_else(|| RecordedJobError::TooLarge {
        path: path.to_path_buf(),
    })
}

/// A file of UTF-8 without the byte order mark that it may start with.
fn read_text(path: &Path) -> Result<String, RecordedJobError> {
    input::text(read_bytes(path)?).map_err(|error| not_text(path, error))
}

/// A file without the byte order mark; a line of it may be no text.
fn read_lines(path: &Path) -> Result<Vec<u8>, RecordedJobError> {
    input::without_mark(read_bytes(path)?).map_err(|error| not_text(path, error))
}

fn not_text(path: &Path, error: FileError) -> RecordedJobError {
    RecordedJobError::NotText {
        path: path.to_path_buf(),
        error,
    }
}

/// The lines with text, each with its number, from one.
fn numbered_lines(manifest: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..)
        .zip(manifest.split(|byte| *byte == b'\n'))
        .map(|(line_number, line)| (line_number, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty())
}

fn parse_line(line: &[u8]) -> Result<Line, String> {
    // The values, too, have to be ones that the functions can be asked about.
    serde_json::from_slice::<Value>(line)
        .and_then(|_| serde_json::from_slice(line))
        .map_err(|error| error.to_string())
}

fn parse_lines(path: &Path, text: &str) -> Result<Vec<Line>, RecordedJobError> {
    numbered_lines(text.as_bytes())
        .map(|(line_number, line)| {
            parse_line(line).map_err(|reason| RecordedJobError::ManifestLine {
                path: path.to_path_buf(),
                line_number,
                reason,
            })
        })
        .collect()
}

/// The output's lines, and what is wrong with the first that can't be read. Such a line keeps its place, as `None`: it
/// stands for a data object, whose answers are found by the place.
fn parse_output(
    path: &Path,
    bytes: &[u8],
    left_out: &mut Vec<String>,
) -> Result<(Vec<Option<Line>>, Option<RecordedJobError>), RecordedJobError> {
    let mut lines = Vec::new();
    let mut first_fault = None;
    for (line_number, line) in numbered_lines(bytes) {
        let line = parse_line(line).and_then(|line| {
            let has_source = line.contains_key("source-ref") || line.contains_key("source");
            has_source
                .then_some(line)
                .ok_or_else(|| "neither source-ref nor source".to_owned())
        });
        if let Err(reason) = &line {
            left_out.push(format!(
                "{}: line {line_number} is left out: {reason}",
                path.display()
            ));
            first_fault.get_or_insert_with(|| RecordedJobError::ManifestLine {
                path: path.to_path_buf(),
                line_number,
                reason: reason.clone(),
            });
        }
        lines.push(line.ok());
    }
    match first_fault {
        // It is something else.
        Some(fault) if lines.iter().all(Option::is_none) => Err(fault),
        fault => Ok((lines, fault)),
    }
}

fn source_ref(line: &Line) -> Option<String> {
    serde_json::from_str(line.get("source-ref")?.get()).ok()
}

/// The line, from one, of the data object at this position: lines without text hold none.
fn line_number(manifest: &str, object_idx: usize) -> usize {
    numbered_lines(manifest.as_bytes())
        .nth(object_idx)
        .map_or(0, |(line_number, _)| line_number)
}

/// The attribute whose metadata names this job; else the only attribute with metadata.
fn find_label_attribute(lines: &[Option<Line>], job_name: &str) -> Option<String> {
    let mut candidates = BTreeSet::new();
    for line in lines.iter().flatten() {
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

/// The input's lines, as far as the output tells; a line that can't be read is what the answers say of its place.
fn without_label(lines: &[Option<Line>], label_attribute: &str, answers: &Answers) -> String {
    let metadata_key = format!("{label_attribute}-metadata");
    let mut manifest = String::new();
    for (object_idx, line) in (0..).zip(lines) {
        match line.clone() {
            Some(mut line) => {
                line.shift_remove(label_attribute);
                line.shift_remove(&metadata_key);
                manifest.push_str(&serde_json::to_string(&line).unwrap_or_default());
            }
            None => manifest.push_str(&answers.line(object_idx)),
        }
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
            .map(|object_idx| self.line(object_idx) + "\n")
            .collect()
    }

    /// Whether the answers tell the image of each data object that they are about, from this place on.
    fn tell_sources_from(&self, place: usize) -> bool {
        let mut later = self.by_object.iter();
        later.all(|(object_idx, answers)| {
            (*object_idx as usize) < place
                || answers.is_empty()
                || self.source_refs.contains_key(object_idx)
        })
    }

    /// The line of an input manifest for a data object.
    fn line(&self, object_idx: u32) -> String {
        let source_ref = self
            .source_refs
            .get(&object_idx)
            .cloned()
            .unwrap_or_else(|| format!("s3://unknown-bucket/data-object-{object_idx}"));
        json!({ "source-ref": source_ref }).to_string()
    }
}

/// The workers' answers: from the annotation files, and from worker-response files for objects not in these.
fn read_answers(folder: &Path, left_out: &mut Vec<String>) -> Result<Answers, RecordedJobError> {
    let annotations = folder.join("annotations");
    let mut answers = Answers::default();
    for path in json_files(&annotations.join("consolidated-annotation/consolidation-request"))? {
        // A later file about the same object replaces an earlier one.
        add_answers(
            &mut answers,
            answer_files::read(&path)?,
            |_| false,
            left_out,
        );
    }
    let answered = answers.by_object.iter();
    let answered = answered.filter(|(_, found)| !found.is_empty());
    let from_requests: BTreeSet<u32> = answered.map(|(object_idx, _)| *object_idx).collect();
    for path in json_files(&annotations.join("worker-response"))? {
        let is_known = |object_idx| from_requests.contains(&object_idx);
        add_answers(&mut answers, answer_files::read(&path)?, is_known, left_out);
    }
    if answers.by_object.is_empty() {
        let path = folder.to_path_buf();
        return Err(match left_out.first() {
            Some(first) => RecordedJobError::Answers {
                path,
                reason: format!("no answer can be used; {first}"),
            },
            None => RecordedJobError::NoAnswers { path },
        });
    }
    Ok(answers)
}

fn add_answers(
    answers: &mut Answers,
    read: AnswerFile,
    is_known: impl Fn(u32) -> bool,
    left_out: &mut Vec<String>,
) {
    left_out.extend(read.left_out());
    let path = read.path.display();
    for object in read.file.objects {
        let id = object.dataset_object_id;
        let mut tell = |what: &str| left_out.push(format!("{path}: {what}"));
        let data_object = format!("data object {id:?}");
        let Ok(object_idx) = id.parse::<u32>() else {
            tell(&format!(
                "{data_object} is left out: its id is not a position in the manifest"
            ));
            continue;
        };
        let is_damaged = object.problem.is_some();
        if let Some(reason) = object.problem {
            tell(&format!("{data_object}: {reason}"));
        }
        if is_known(object_idx) {
            continue;
        }
        let mut found = Vec::with_capacity(object.annotations.len());
        for (idx, annotation) in object.annotations.into_iter().enumerate() {
            let mut leave_out = |reason: &str| {
                tell(&format!(
                    "{data_object}: answer {} is left out: {reason}",
                    idx + 1
                ))
            };
            let content = match annotation.content {
                Content::Inline(content) => content,
                Content::Stored { uri } => {
                    leave_out(&format!("it is stored at {uri}"));
                    continue;
                }
                Content::Unreadable(reason) => {
                    leave_out(&reason);
                    continue;
                }
            };
            // As consolidation names those without an id.
            let worker_id = annotation.worker_id;
            let worker_id = worker_id.unwrap_or_else(|| format!("unnamed-{idx}"));
            found.push(WorkerAnswer { worker_id, content });
        }
        if let Some(source_ref) = object.source {
            answers.source_refs.insert(object_idx, source_ref);
        }
        // What is damaged and says nothing takes nobody's place.
        if found.is_empty() && is_damaged {
            answers.by_object.entry(object_idx).or_insert(found);
        } else {
            answers.by_object.insert(object_idx, found);
        }
    }
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

    /// The files of [`job`] with as much in them that can't be read as can be left out.
    #[test]
    fn what_cannot_be_read_is_left_out_and_told() {
        let folder = job(|root| {
            put(
                &root.join("birds-1/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"),
                r#"[7,{"datasetObjectId":"1","dataObject":{"s3Uri":"s3://b/1.png"},"annotations":[
                    {"workerId":"\ud800","annotationData":{"content":"{}"}},{"annotationData":{"content":"{\"c\":{\"label\":\"Owl\"}}"}},
                    {"workerId":"a","annotationData":{"s3Uri":"s3://b/a.json"}}]},
                    {"datasetObjectId":"2"},{"datasetObjectId":"x","annotations":[]},{"datasetObjectId":"4","datasetObjectId":"5"}]"#,
            );
            put(
                &root.join("birds-1/manifests/output/output.manifest"),
                "\u{feff}{\"source-ref\":\"s3://b/0.png\",\"birds\":0,\"birds-metadata\":{\"job-name\":\"labeling-job/birds-1\"}}\n\nnot JSON\n{\"source-ref\":\"s3://b/2.png\"}\n{\"x\":1}\n",
            );
            put(
                &root.join("birds-1/annotation-tool/data.json"),
                "\u{feff}{\"labels\":[{\"label\":\"Owl\"}]}",
            );
        });
        let job = read(folder.path(), None).expect("a job");
        assert_eq!(
            (job.categories, job.label_attribute.as_str()),
            (vec!["Owl".to_owned()], "birds")
        );
        let source_ref = |line: &str| {
            serde_json::from_str::<Value>(line).expect("JSON")["source-ref"].to_string()
        };
        assert_eq!(
            job.manifest
                .lines()
                .map(source_ref)
                .collect::<Vec<_>>()
                .join(" "),
            r#""s3://b/0.png" "s3://b/1.png" "s3://b/2.png" "s3://unknown-bucket/data-object-3""#
        );
        assert!(
            job.notes[0].ends_with("2 lines of it from the answers"),
            "{:?}",
            job.notes
        );
        let n_answers: Vec<_> = job
            .answers
            .iter()
            .map(|(idx, answers)| (*idx, answers.len()))
            .collect();
        assert_eq!(n_answers, [(0, 1), (1, 1), (2, 0)]);
        assert_eq!(job.answers[&1][0].worker_id, "unnamed-1");
        let expected = [
            "output.manifest: line 3 is left out: expected ident",
            "output.manifest: line 5 is left out: neither source-ref nor source",
            "02:19:51.json: element 1 of the list is left out: no datasetObjectId",
            "02:19:51.json: element 5 of the list is left out: not readable: two datasetObjectId",
            "02:19:51.json: data object \"1\": answer 1 is left out: answer is not readable: ",
            "02:19:51.json: data object \"1\": answer 3 is left out: it is stored at s3://b/a.json",
            "02:19:51.json: data object \"2\": annotations is not a list",
            "02:19:51.json: data object \"x\" is left out: its id is not a position in the manifest",
        ];
        assert_eq!(job.left_out.len(), expected.len(), "{:#?}", job.left_out);
        for (left_out, expected) in job.left_out.iter().zip(expected) {
            assert!(left_out.contains(expected), "{left_out} lacks {expected}");
        }
    }

    #[test]
    fn answers_keep_to_their_images() {
        let worker_response = |root: &Path, label: &str| {
            put(
                &root.join(
                    "birds-1/annotations/worker-response/iteration-1/1/2021-11-18_02:19:51.json",
                ),
                &format!(
                    r#"{{"answers":[{{"answerContent":{{"c":{{"label":"{label}"}}}},"workerId":"a"}}]}}"#
                ),
            );
        };
        let requests = "birds-1/annotations/consolidated-annotation";
        // Without another word for it, the second line's image can't be told from the third's.
        refused(
            |root| {
                worker_response(root, "Owl");
                fs::remove_dir_all(root.join(requests)).expect("removed");
                put(
                    &root.join("birds-1/manifests/output/output.manifest"),
                    "{\"source-ref\":\"s3://b/0.png\"}\nnot JSON\n{\"source-ref\":\"s3://b/1.png\"}\n",
                );
            },
            "output.manifest, line 2: ",
        );
        // Where the images are told, what contradicts them is the line that can't be read.
        refused(
            |root| {
                put(
                    &root.join("birds-1/manifests/output/output.manifest"),
                    "not JSON\n{\"source-ref\":\"s3://b/0.png\"}\n{\"source-ref\":\"s3://b/1.png\"}\n",
                );
                fs::remove_dir_all(root.join("birds-1/annotations/worker-response"))
                    .expect("removed");
            },
            "output.manifest, line 1: ",
        );
        // A damaged element takes nobody's place.
        let folder = job(|root| {
            worker_response(root, "Duck");
            put(
                &root
                    .join(requests)
                    .join("consolidation-request/iteration-1/2021-11-18_02:19:51.json"),
                r#"[{"datasetObjectId":"1","annotations":null},{"datasetObjectId":"0","annotations":[{"annotationData":{"content":"{}"}}]}]"#,
            );
        });
        let job = read(folder.path(), None).expect("a job");
        assert_eq!(job.answers[&1][0].content, r#"{"c":{"label":"Duck"}}"#);
        assert_eq!(job.left_out.len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let output = "birds-1/manifests/output/output.manifest";
        refused(
            |root| fs::remove_dir_all(root.join("birds-1")).expect("removed"),
            "is no labeling job's output",
        );
        refused(
            |root| fs::write(root.join(output), b"\x89PNG\xff\xfe").expect("written"),
            "output.manifest, line 1: expected value",
        );
        refused(
            |root| {
                fs::remove_dir_all(root.join("birds-1/annotations")).expect("removed");
                put(
                    &root.join("birds-1/annotations/worker-response/iteration-1/x/1.json"),
                    r#"{"answers":[]}"#,
                )
            },
            "no answer can be used; ",
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
