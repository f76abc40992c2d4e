//! A finished job's folder and files on disk.

use std::fs;
use std::path::{Path, PathBuf};

use labeling::job::layout;
use manifest::FileError;

use super::error::{FILE_BYTES_MAX, FinishedJobError};
use crate::input;

/// A job's name: its folder's.
pub(super) fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize().ok();
    let name = whole.as_deref().and_then(Path::file_name);
    name.map_or_else(
        || "job".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The first file of this name in one of the folders.
pub(super) fn find_file(folders: &[&Path], name: &str) -> Option<PathBuf> {
    let mut paths = folders.iter().map(|folder| folder.join(name));
    paths.find(|path| path.is_file())
}

/// The job's own folder: the one given, or the only one in it.
pub(super) fn find_job(path: &Path) -> Result<PathBuf, FinishedJobError> {
    let is_job = |folder: &Path| {
        folder.join(layout::ANNOTATIONS).is_dir() || folder.join(layout::MANIFESTS).is_dir()
    };
    if is_job(path) {
        return Ok(path.to_path_buf());
    }
    let mut jobs: Vec<PathBuf> = folder_entries(path)?
        .into_iter()
        .filter(|entry| is_job(entry))
        .collect();
    match jobs.pop() {
        None => Err(FinishedJobError::NoJob {
            path: path.to_path_buf(),
        }),
        Some(job) if jobs.is_empty() => Ok(job),
        Some(job) => {
            jobs.push(job);
            Err(FinishedJobError::SeveralJobs {
                path: path.to_path_buf(),
                names: names_of(&jobs),
            })
        }
    }
}

/// Jobs are named as their folders are.
pub fn names_of<'a>(jobs: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
    jobs.into_iter()
        .filter_map(|job| Some(job.file_name()?.to_string_lossy().into_owned()))
        .collect()
}

/// What a folder holds, in the order of the names.
fn folder_entries(path: &Path) -> Result<Vec<PathBuf>, FinishedJobError> {
    let fault = |source| FinishedJobError::Read {
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
fn read_bytes(path: &Path) -> Result<Vec<u8>, FinishedJobError> {
    let fault = |source| FinishedJobError::Read {
        path: path.to_path_buf(),
        source,
    };
    let bytes = input::bounded(path, FILE_BYTES_MAX).map_err(fault)?;
    bytes.ok_or_else(|| FinishedJobError::TooLarge {
        path: path.to_path_buf(),
    })
}

/// A file of UTF-8 without the byte order mark that it may start with.
pub(super) fn read_text(path: &Path) -> Result<String, FinishedJobError> {
    input::text(read_bytes(path)?).map_err(|error| not_text(path, error))
}

/// A file without the byte order mark; a line of it may be no text.
pub(super) fn read_lines(path: &Path) -> Result<Vec<u8>, FinishedJobError> {
    input::without_mark(read_bytes(path)?).map_err(|error| not_text(path, error))
}

fn not_text(path: &Path, error: FileError) -> FinishedJobError {
    FinishedJobError::NotText {
        path: path.to_path_buf(),
        error,
    }
}
