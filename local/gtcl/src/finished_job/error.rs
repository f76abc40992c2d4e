//! Why a folder is not a finished job.

use std::io;
use std::path::PathBuf;

use labeling::job::layout::ANNOTATIONS;
use manifest::FileError;

use crate::agreement::TruthError;
use crate::answer_files::AnswerFileError;

/// Largest file that is read, in bytes: Custom Labels' own limit of a manifest.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 30;

/// Why a folder is not a finished job.
#[derive(Debug, thiserror::Error)]
pub enum FinishedJobError {
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
        "{path} has no worker's answer: {ANNOTATIONS}/ holds neither annotation files nor worker-response files"
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

impl FinishedJobError {
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
