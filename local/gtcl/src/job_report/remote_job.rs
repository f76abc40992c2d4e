//! A finished job that lies in S3: the files of it that a report is made of, on this machine for a while.

use std::fs;
use std::path::{Component, Path, PathBuf};

use aws::s3::{ObjectUri, S3, S3Error};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use labeling::job::layout;
use tempfile::TempDir;

use super::recorded::updater_files;
use crate::error::CommandError;
use crate::place::s3_remedy;

/// Objects of a job that are listed, inclusive: a job has at most 100,000 data objects, with a few files each.
const OBJECTS_MAX: usize = 1_000_000;
/// Largest object that is read, in bytes: Custom Labels' own limit of a manifest.
const OBJECT_BYTES_MAX: u64 = 1 << 30;
/// Objects that are read at the same time.
const AT_ONCE: usize = 16;

/// A job's files on this machine, until this is dropped.
#[derive(Debug)]
pub struct RemoteJob {
    uri: String,
    folder: PathBuf,
    _holder: TempDir,
}

impl RemoteJob {
    /// Where the files lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The job's folder in S3.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The error with the job's folder in S3 instead of the one on this machine.
    #[must_use]
    pub fn in_its_words(&self, error: CommandError) -> CommandError {
        let folder = self.folder.display().to_string();
        let told = |text: &str| text.replace(&folder, &self.uri);
        let same = CommandError::new(told(error.message()));
        match error.remedy() {
            Some(remedy) => same.with_help(told(remedy)),
            None => same,
        }
    }
}

/// Fetches a job's manifests, answers and categories, and what the dataset-updater says of it.
///
/// # Errors
///
/// Fails when the bucket or an object can't be read, or there is no such job.
pub async fn fetch(s3: &S3, uri: &ObjectUri) -> Result<RemoteJob, CommandError> {
    let prefix = format!("{}/", uri.key.trim_end_matches('/'));
    let shown = format!("s3://{}/{}", uri.bucket, prefix.trim_end_matches('/'));
    let failed = |error: &S3Error| {
        let told = CommandError::new(format!("{shown} could not be read: {error}"));
        match s3_remedy(error) {
            Some(remedy) => told.with_help(remedy),
            None => told,
        }
    };
    let unwritable = |error: std::io::Error| {
        CommandError::new(format!(
            "{shown} could not be copied to this machine: {error}"
        ))
        .with_help("look whether the disk is full")
    };
    let listed = s3.list_objects(&uri.bucket, &prefix, OBJECTS_MAX).await;
    let listed = listed.map_err(|error| failed(&error))?;
    let wanted: Vec<(String, PathBuf)> = listed
        .into_iter()
        .filter_map(|object| {
            let path = wanted_path(object.key.strip_prefix(&prefix)?)?;
            Some((object.key, path))
        })
        .collect();
    if wanted.is_empty() {
        return Err(CommandError::new(format!(
            "{shown} has neither an output manifest nor answers of workers"
        ))
        .with_help("name the job's own folder: the one that holds annotations/ and manifests/"));
    }
    let holder = TempDir::new().map_err(unwritable)?;
    let name = prefix.trim_end_matches('/').rsplit('/').next();
    let folder = holder.path().join(name.unwrap_or("job"));
    let copies = wanted.into_iter().map(|(key, path)| {
        let to = folder.join(path);
        async move {
            let read = s3.read_object(&uri.bucket, &key, OBJECT_BYTES_MAX).await;
            let bytes = read.map_err(|error| failed(&error))?;
            let parent = to.parent().unwrap_or(&to);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&to, bytes))
                .map_err(unwritable)
        }
    });
    let copies = stream::iter(copies).buffer_unordered(AT_ONCE);
    copies.try_collect::<Vec<()>>().await?;
    Ok(RemoteJob {
        uri: shown,
        folder,
        _holder: holder,
    })
}

/// Where an object of the job's folder is written; `None` for one that says nothing here, or whose key is no path.
fn wanted_path(relative: &str) -> Option<PathBuf> {
    let folders = [layout::annotation_files(), layout::worker_responses()];
    let is_answer = folders.iter().any(|folder| {
        let below = relative.strip_prefix(folder.as_str());
        below.is_some_and(|below| below.starts_with('/'))
    });
    let mut files = vec![
        layout::OUTPUT_MANIFEST.to_owned(),
        layout::LABEL_CATEGORIES.to_owned(),
    ];
    files.extend(updater_files());
    let path = PathBuf::from(relative);
    let mut parts = path.components();
    let is_plain = parts.all(|part| matches!(part, Component::Normal(_)));
    (is_plain && (is_answer || files.iter().any(|file| file == relative))).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_job() {
        for (key, expected) in [
            ("manifests/output/output.manifest", true),
            ("annotations/worker-response/iteration-1/0/x.json", true),
            (
                "annotations/consolidated-annotation/consolidation-request/iteration-1/x.json",
                true,
            ),
            (
                "annotations/consolidated-annotation/consolidation-response/iteration-1/x.json",
                false,
            ),
            ("annotations/worker-response-2/x.json", false),
            ("annotations/worker-response/../../../../x.json", false),
            ("annotation-tool/data.json", true),
            ("annotation-tool/template.liquid", false),
            ("dataset-updater/report.json", true),
            ("dataset-updater/checkpoint.json", false),
            ("images/1.jpg", false),
        ] {
            assert_eq!(wanted_path(key).is_some(), expected, "{key}");
        }
    }
}
