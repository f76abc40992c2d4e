//! Why a manifest's work stopped.

use std::fmt;

use aws::rekognition::{ErrorKind, RekognitionError};
use aws::s3::S3Error;

use crate::request::event::EventError;
use crate::state::checkpoint::Lease;
use crate::state::report::Report;

/// What an invocation was at when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Workers' answers were read.
    ReadingAnswers,
    /// A dataset's entries were listed.
    ListingEntries,
    /// A dataset was waited for, or about to be updated.
    Updating,
    /// What has landed was looked for.
    Verifying,
    /// Entries were sent.
    Sending {
        /// The last line that is settled in all datasets; 0 when none is.
        settled_line: u64,
    },
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadingAnswers => formatter.write_str("while reading workers' answers"),
            Self::ListingEntries => formatter.write_str("while listing a dataset's entries"),
            Self::Updating => formatter.write_str("while a dataset was being updated"),
            Self::Verifying => formatter.write_str("while looking for what has landed"),
            Self::Sending { settled_line: 0 } => formatter.write_str("while sending entries"),
            Self::Sending { settled_line } => write!(formatter, "after line {settled_line}"),
        }
    }
}

/// Why the work on a manifest stopped. Whatever was settled until then stays settled.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunError {
    /// The event asks for nothing that this function knows.
    #[error(transparent)]
    Event(#[from] EventError),
    /// S3 failed.
    #[error(transparent)]
    S3(#[from] S3Error),
    /// Rekognition failed.
    #[error(transparent)]
    Rekognition(#[from] RekognitionError),
    /// The bucket isn't one of those that may be read.
    #[error("bucket {bucket:?} is not one of ALLOWED_BUCKETS")]
    BucketNotAllowed {
        /// The bucket.
        bucket: String,
    },
    /// No target for this job.
    #[error(
        "no dataset is named for job {job_name:?} with label attribute {label_attribute:?}; add one of them to TARGETS, or set PROJECT_ARN or TRAIN_DATASET_ARN"
    )]
    NoTarget {
        /// The labeling job's name, when the key tells it.
        job_name: Option<String>,
        /// The label attribute, when it is named or a line tells it.
        label_attribute: Option<String>,
    },
    /// The project has no such dataset.
    #[error("project {project_arn} has no {side} dataset; create one, or set CREATE_DATASETS=true")]
    NoDataset {
        /// The project.
        project_arn: String,
        /// `train` or `test`.
        side: &'static str,
    },
    /// The dataset can't take entries.
    #[error("dataset {dataset_arn} can't be updated: {reason}")]
    DatasetUnusable {
        /// The dataset.
        dataset_arn: String,
        /// Status of the dataset, in words.
        reason: String,
    },
    /// The service failed at the update, several times.
    #[error("updates of dataset {dataset_arn} fail by the service's own fault: {message}")]
    ServiceFault {
        /// The dataset.
        dataset_arn: String,
        /// StatusMessage of the dataset.
        message: String,
    },
    /// The file for the dataset's entries can't be used.
    #[error(
        "scratch file {path}: {reason}; set SCRATCH_FOLDER to a folder with room for the dataset's entries, or raise the function's ephemeral storage"
    )]
    Scratch {
        /// The file.
        path: String,
        /// Message of the operating system.
        reason: String,
    },
    /// The label category file of the settings is none.
    #[error("LABEL_CATEGORIES_S3_URI={uri}: {reason}")]
    LabelCategories {
        /// The file.
        uri: String,
        /// The fault that was found.
        reason: String,
    },
    /// The reading of an answer broke off.
    #[error("reading workers' answers broke off: {reason}")]
    Reading {
        /// Message of the async runtime.
        reason: String,
    },
    /// All answers of the job take more memory than there is.
    #[error(
        "consolidating the job's answers takes {} MB of memory or more, and the function has {} MB; raise MemorySize, or consolidate the job with `gtcl consolidate --whole-job` and take that manifest in; see {report}",
        .needed_bytes.div_ceil(1024 * 1024), .memory_bytes / (1024 * 1024)
    )]
    TooLarge {
        /// What was reckoned when the reading stopped, in bytes.
        needed_bytes: u64,
        /// What the function has, in bytes.
        memory_bytes: u64,
        /// The report's S3 URI.
        report: String,
    },
    /// It was too large before, and the function has no more memory now.
    #[error(
        "the job's answers take more memory than the function has, as an earlier invocation found; see {report}"
    )]
    StillTooLarge {
        /// The report's S3 URI.
        report: String,
    },
    /// The invocation's time is over; the next one goes on.
    #[error("out of time {stage}; the next invocation goes on from there")]
    OutOfTime {
        /// The stage of the work at that moment.
        stage: Stage,
    },
    /// Another invocation works on the manifest.
    #[error("invocation {} works on the manifest until {}", .lease.owner, .lease.until_ms)]
    Leased {
        /// Lease of the other invocation.
        lease: Lease,
    },
    /// Another invocation updates the dataset, from another manifest.
    #[error("invocation {holder:?} updates dataset {dataset_arn}; the next delivery tries again")]
    DatasetLeased {
        /// The dataset.
        dataset_arn: String,
        /// The other one's request id; empty when it was the last of several at that moment.
        holder: String,
    },
    /// The checkpoint was taken over by another invocation.
    #[error("another invocation took the work over")]
    LeaseLost,
    /// The manifest was replaced while it was being read.
    #[error("the manifest was replaced again and again while it was being read")]
    Superseded,
    /// What an update landed was noted in a file that is gone.
    #[error("{uri} is gone; the work starts over, which changes nothing in the dataset")]
    PartLost {
        /// The file.
        uri: String,
    },
    /// The work was resumed as often as it may be.
    #[error(
        "given up after {n_resumptions} resumptions, at line {settled_line}; see {report}, and set MAX_RESUMPTIONS higher to go on"
    )]
    GaveUp {
        /// Number of resumptions so far.
        n_resumptions: u32,
        /// The last line that is settled in all datasets.
        settled_line: u64,
        /// The report's S3 URI.
        report: String,
        /// The report itself, for its metrics.
        metrics: Box<Report>,
    },
}

impl RunError {
    /// A stable name, for logs, metrics and the function's error type.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Event(error) => error.code(),
            Self::S3(error) => error.code(),
            Self::Rekognition(error) => error.code(),
            Self::BucketNotAllowed { .. } => "BucketNotAllowed",
            Self::NoTarget { .. } => "NoTarget",
            Self::NoDataset { .. } => "NoDataset",
            Self::DatasetUnusable { .. } => "DatasetUnusable",
            Self::ServiceFault { .. } => "ServiceFault",
            Self::Scratch { .. } => "Scratch",
            Self::LabelCategories { .. } => "Setting.LABEL_CATEGORIES_S3_URI",
            Self::Reading { .. } => "Reading",
            Self::TooLarge { .. } | Self::StillTooLarge { .. } => "TooLarge",
            Self::OutOfTime { .. } => "OutOfTime",
            Self::Leased { .. } => "Leased",
            Self::DatasetLeased { .. } => "DatasetLeased",
            Self::LeaseLost => "LeaseLost",
            Self::Superseded => "Superseded",
            Self::PartLost { .. } => "PartLost",
            Self::GaveUp { .. } => "GaveUp",
        }
    }

    /// Whether the next delivery of the same event may well succeed, so that nobody needs to be woken yet.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            // Somebody wrote at the same moment; the next time nobody does.
            Self::S3(S3Error::PreconditionFailed { .. }) => true,
            Self::S3(error) => error.is_temporary(),
            Self::Rekognition(error) => error.is_temporary(),
            Self::ServiceFault { .. }
            | Self::Reading { .. }
            | Self::OutOfTime { .. }
            | Self::Leased { .. }
            | Self::DatasetLeased { .. }
            | Self::LeaseLost
            | Self::PartLost { .. }
            | Self::Superseded => true,
            _ => false,
        }
    }
}

impl RunError {
    /// Says after which line the time was over, of an error while entries were sent.
    #[must_use]
    pub fn after_line(self, settled_line: u64) -> Self {
        match self {
            Self::OutOfTime {
                stage: Stage::Updating,
            } => Self::OutOfTime {
                stage: Stage::Sending { settled_line },
            },
            error => error,
        }
    }

    /// Whether it is a service's trouble of the moment: neither a limit of running work nor anybody's mistake.
    #[must_use]
    pub fn may_pass_soon(&self) -> bool {
        match self {
            Self::Rekognition(error) => match error.kind {
                ErrorKind::Throttled | ErrorKind::Unavailable => true,
                // Only a start meets the limit of trainings; a look that found something in use had too little time.
                ErrorKind::Busy => error.operation != "CreateProjectVersion",
                _ => false,
            },
            error => error.is_temporary(),
        }
    }
}

impl From<RunError> for lambda_runtime::Diagnostic {
    fn from(error: RunError) -> Self {
        Self {
            error_type: error.code().to_owned(),
            error_message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_named_only_where_lines_are_settled() {
        for (stage, expected) in [
            (Stage::ReadingAnswers, "while reading workers' answers"),
            (Stage::ListingEntries, "while listing a dataset's entries"),
            (Stage::Verifying, "while looking for what has landed"),
            (Stage::Updating, "while sending entries"),
            (Stage::Sending { settled_line: 0 }, "while sending entries"),
        ] {
            let error = RunError::OutOfTime { stage }.after_line(0);
            let message = format!("out of time {expected}; the next invocation goes on from there");
            assert_eq!(error.to_string(), message);
        }
        let error = RunError::OutOfTime {
            stage: Stage::Updating,
        };
        assert!(error.clone().to_string().contains("while a dataset"));
        assert!(error.after_line(7).to_string().contains("after line 7;"));
    }
}
