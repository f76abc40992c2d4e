//! Files of workers' answers, as a job's folder holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use labeling::consolidation::{
    ANNOTATION_FILE_BYTES_MAX, AnnotationFile, AnnotationFileError, DataObject,
};
use labeling::job::answers::says_something;
use labeling::job::{AnswerSource, AnswersInUse, layout, worker_response};
use manifest::counted;

use crate::input;

/// A file of answers.
#[derive(Debug, Clone)]
pub struct AnswerFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is: an annotation file, or one data object's answers.
    pub source: AnswerSource,
    /// Whether its data object is only named as the file is, because the folders that name it are gone.
    pub is_named_by_file: bool,
    /// What it holds.
    pub file: AnnotationFile,
}

impl AnswerFile {
    /// What to say of the elements of the list that name no data object; positions are counted from one.
    pub fn left_out(&self) -> impl Iterator<Item = String> {
        let (file, path) = (&self.file, self.path.display());
        let named = file.unidentified.iter().map(move |(idx, reason)| {
            let path = self.path.display();
            format!(
                "{path}: element {} of the list is left out: {reason}",
                idx + 1
            )
        });
        let n_more = file.n_unidentified - file.unidentified.len();
        let more = (n_more > 0)
            .then(|| format!("{path}: {n_more} more elements of the list are left out"));
        named.chain(more)
    }
}

/// Why a file gives no answers.
#[derive(Debug, thiserror::Error)]
pub enum AnswerFileError {
    /// Not there, or not to be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Too large to be what it is named.
    #[error("{path} has more than the {ANNOTATION_FILE_BYTES_MAX} bytes of an annotation file")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Neither an annotation file nor a worker-response file.
    #[error("{path}: {error}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: AnnotationFileError,
    },
    /// A JSON list of something else.
    #[error(
        "{path} is a JSON list, but none of its {} is a data object with annotations: {reason}", counted(*n_elements as u64, "element")
    )]
    NoDataObject {
        /// The file.
        path: PathBuf,
        /// Elements of the list.
        n_elements: usize,
        /// What is wrong with the first.
        reason: String,
    },
    /// Which data object a file answers can't be told.
    #[error(
        "{path} is a worker-response file without its folders worker-response/iteration-N/ID, so it can't be told whether {other} has the same answers"
    )]
    UnknownDataObject {
        /// The file.
        path: PathBuf,
        /// Another file of answers.
        other: PathBuf,
    },
}

/// JSON files at any depth, in the order of their paths; none where the folder does not exist.
///
/// # Errors
///
/// A folder that can't be read.
pub fn json_files(folder: &Path) -> Result<Vec<PathBuf>, AnswerFileError> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        let fault = |source| AnswerFileError::Read {
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                // To read a pipe is to wait for its writer: only one that is named is meant.
                if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
                    let source = io::Error::other("not a regular file");
                    return Err(AnswerFileError::Read { path, source });
                }
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files of a job's folder that hold answers: annotation files, then worker-response files, both in the order of
/// their paths.
///
/// # Errors
///
/// As [`json_files`].
pub fn of_job(folder: &Path) -> Result<Vec<PathBuf>, AnswerFileError> {
    let mut found = json_files(&folder.join(layout::annotation_files()))?;
    found.extend(json_files(&folder.join(layout::worker_responses()))?);
    Ok(found)
}

/// The files with answers among a folder's JSON files, told by their folders; all of them where no folder tells, as in a
/// folder of copies.
///
/// # Errors
///
/// As [`json_files`].
pub fn answer_files(folder: &Path) -> Result<Vec<PathBuf>, AnswerFileError> {
    let all = json_files(folder)?;
    let is_known = |path: &PathBuf| AnswerSource::of_path(&with_slashes(path)).is_some();
    let known: Vec<PathBuf> = all.iter().filter(|path| is_known(path)).cloned().collect();
    Ok(if known.is_empty() { all } else { known })
}

/// The jobs' folders that files of answers lie in, as far as the paths tell: those with `annotations` in them.
#[must_use]
pub fn job_folders(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let job_folder = |path: &PathBuf| {
        let whole = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let mut folders = whole.ancestors();
        let annotations = folders.find(|folder| folder.ends_with(layout::ANNOTATIONS))?;
        annotations.parent().map(Path::to_path_buf)
    };
    paths.iter().filter_map(job_folder).collect()
}

/// Reads a file of answers. A worker-response file is told by its folders, `worker-response/iteration-<n>/<id>`; one
/// that was taken out of them, by what it holds, and its data object is then named as the file is.
///
/// # Errors
///
/// [`AnswerFileError`], which names the file.
pub fn read(path: &Path) -> Result<AnswerFile, AnswerFileError> {
    let fault = |source| AnswerFileError::Read {
        path: path.to_path_buf(),
        source,
    };
    let bytes = input::bounded(path, ANNOTATION_FILE_BYTES_MAX).map_err(fault)?;
    let bytes = bytes.ok_or_else(|| AnswerFileError::TooLarge {
        path: path.to_path_buf(),
    })?;
    // The folders count that the file lies in, not those that the user named on the way.
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let text = with_slashes(&whole);
    let of_one = |object: DataObject| {
        let file = AnnotationFile::from_objects([object]);
        (AnswerSource::WorkerResponse, file)
    };
    let id = layout::dataset_object_id(&text);
    let parsed = match id {
        Some(id) => worker_response::parse(id, &bytes).map(of_one),
        None => match AnnotationFile::parse(&bytes) {
            Ok(file) => Ok((AnswerSource::AnnotationFile, file)),
            Err(error) => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let object = worker_response::parse(&name, &bytes);
                object.map(of_one).map_err(|_| error)
            }
        },
    };
    let (source, file) = parsed.map_err(|error| AnswerFileError::Parse {
        path: path.to_path_buf(),
        error,
    })?;
    refuse_other_lists(path, &file)?;
    Ok(AnswerFile {
        path: path.to_path_buf(),
        source,
        is_named_by_file: source == AnswerSource::WorkerResponse && id.is_none(),
        file,
    })
}

fn with_slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn refuse_other_lists(path: &Path, file: &AnnotationFile) -> Result<(), AnswerFileError> {
    let problems = file.objects.iter().map(|object| object.problem.as_deref());
    let unidentified = file.unidentified.iter().map(|(_, reason)| reason.as_str());
    let mut problems = problems.chain(unidentified.map(Some)).peekable();
    match problems.peek().copied().flatten() {
        Some(reason) if problems.all(|problem| problem.is_some()) => {
            Err(AnswerFileError::NoDataObject {
                path: path.to_path_buf(),
                n_elements: file.objects.len() + file.n_unidentified,
                reason: reason.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Leaves files out that are there already: the same file named twice, or an annotation file's copy. Answers how many
/// were left out.
pub fn leave_out_copies(files: &mut Vec<AnswerFile>) -> usize {
    let n_before = files.len();
    let mut paths = BTreeSet::new();
    files.retain(|file| {
        paths.insert(fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone()))
    });
    let mut kept: Vec<AnswerFile> = Vec::with_capacity(files.len());
    for file in files.drain(..) {
        let is_copy = |other: &AnswerFile| {
            other.source == AnswerSource::AnnotationFile && other.file == file.file
        };
        if file.source == AnswerSource::WorkerResponse || !kept.iter().any(is_copy) {
            kept.push(file);
        }
    }
    *files = kept;
    n_before - files.len()
}

/// Refuses a worker-response file without its folders beside annotation files, or beside another one of its name: the
/// same answers could count twice, or those of two data objects as one's.
///
/// # Errors
///
/// [`AnswerFileError::UnknownDataObject`].
pub fn refuse_unknown_objects(files: &[AnswerFile]) -> Result<(), AnswerFileError> {
    let mut annotation_files = files.iter();
    let annotation_file = annotation_files.find(|file| file.source == AnswerSource::AnnotationFile);
    let mut named: BTreeMap<_, &AnswerFile> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_named_by_file) {
        let namesake = named.insert(file.path.file_stem(), file);
        if let Some(other) = annotation_file.or(namesake) {
            return Err(AnswerFileError::UnknownDataObject {
                path: file.path.clone(),
                other: other.path.clone(),
            });
        }
    }
    Ok(())
}

/// Leaves answers out that another file's take the place of: worker-response files whose data objects annotation files
/// have, too, or a later worker-response file; and what is damaged in annotation files where a worker-response file says
/// something. Answers how many worker-response files were left out.
pub fn leave_out_repeated(files: &mut Vec<AnswerFile>) -> usize {
    let mut in_use = AnswersInUse::default();
    let mut response_of: BTreeMap<String, Option<usize>> = BTreeMap::new();
    for (idx, file) in files.iter().enumerate() {
        for object in &file.file.objects {
            let id = &object.dataset_object_id;
            if in_use.take(id.clone(), file.source, says_something(object)) {
                let response = (file.source == AnswerSource::WorkerResponse).then_some(idx);
                response_of.insert(id.clone(), response);
            }
        }
    }
    let n_before = files.len();
    let mut idx = 0;
    files.retain_mut(|file| {
        let own = (file.source == AnswerSource::WorkerResponse).then_some(idx);
        idx += 1;
        file.file.objects.retain(|object| {
            let response = response_of.get(&object.dataset_object_id);
            response.is_none_or(|response| *response == own)
        });
        own.is_none() || !file.file.objects.is_empty()
    });
    n_before - files.len()
}
