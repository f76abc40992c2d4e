//! The job that is consolidated, and the time for it.

use std::time::{Duration, SystemTime};

use aws::s3::S3;
use labeling::job::JobFolder;
use manifest::ConvertOptions;

use crate::error::{RunError, Stage};
use crate::request::budget::Budget;
use crate::request::config::Config;
use crate::storage::files::Files;
use crate::storage::reader::LinesObject;

/// A job whose labels are to be found.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) s3: &'a S3,
    pub(crate) config: &'a Config,
    pub(crate) options: &'a ConvertOptions,
    /// The output manifest, as Ground Truth wrote it.
    pub(crate) manifest: &'a LinesObject,
    pub(crate) files: &'a Files<'a>,
    pub(crate) budget: &'a Budget,
}

impl Job<'_> {
    /// Ends the invocation's work when its time is over.
    pub(crate) fn check_time(&self) -> Result<(), RunError> {
        if self.budget.has(SystemTime::now(), Duration::ZERO) {
            Ok(())
        } else {
            Err(RunError::OutOfTime {
                stage: Stage::ReadingAnswers,
            })
        }
    }

    /// `s3://bucket/prefix/job`; of a manifest that lies elsewhere, its own URI.
    pub(crate) fn job_folder(&self) -> JobFolder {
        let manifest = format!("s3://{}/{}", self.manifest.bucket, self.manifest.key);
        JobFolder::of_output_manifest(&manifest).unwrap_or_else(|| JobFolder::at(&manifest))
    }
}
