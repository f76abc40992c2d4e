//! What came of a job: its reports and dataset, read when everything has ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use dataset_updater::request::place::Place;
use dataset_updater::state::report::Report;
use labeling::consolidation::Quality;
use labeling::job::times::WorkTimes;
use serde::Deserialize;
use services::ground_truth::JobOutcome;

use super::{Pipeline, key_of, page};
use crate::agreement::Agreement;
use crate::error::CommandError;
use crate::finished_job::FinishedJob;
use crate::job_report::{self, Recorded};
use crate::output::summary::{JobSummary, QualitySummary, Rejection, WORTH_A_LOOK_BELOW};
use crate::stack::BUCKET;

/// Lines of `rejected.jsonl` that a summary carries.
const REJECTIONS_MAX: usize = 1000;

impl Pipeline<'_> {
    /// What came of a job.
    ///
    /// # Errors
    ///
    /// A report or dataset that can't be read.
    pub async fn summarize(
        &self,
        job: &FinishedJob,
        outcome: &JobOutcome,
    ) -> Result<JobSummary, CommandError> {
        let manifest_uri = outcome.folder.output_manifest();
        let manifest_key = key_of(&manifest_uri);
        let place = report_place(manifest_key);
        let missing = |key: &str| CommandError::new(format!("s3://{BUCKET}/{key} is not there"));
        let report_key = place.key("report.json");
        let report = self
            .read(&report_key)
            .await
            .ok_or_else(|| missing(&report_key))?;
        let report: Report = serde_json::from_slice(&report)
            .map_err(|error| CommandError::new(format!("s3://{BUCKET}/{report_key}: {error}")))?;
        // Where the dataset-updater consolidated, its manifest has the labels.
        let labeled_key = match &report.consolidation {
            Some(_) => place.key("consolidated.manifest"),
            None => manifest_key.to_owned(),
        };
        let labeled = self
            .read(&labeled_key)
            .await
            .ok_or_else(|| missing(&labeled_key))?;
        let agreement = |manifest: &str| {
            job.truth.as_ref().map(|truth| {
                Agreement::of_manifest(manifest.lines(), &job.label_attribute, truth).into()
            })
        };
        let dataset_arn = self.datasets.get(&job.name).cloned().unwrap_or_default();
        let mut failures = BTreeMap::new();
        for object in &outcome.failed {
            *failures.entry(object.reason.clone()).or_default() += 1;
        }
        let found = report.consolidation.as_ref();
        let n_unconsolidated = found.map_or(0, |found| found.failed as usize);
        if n_unconsolidated > 0 {
            let reason = "the dataset-updater found no label in the answers".to_owned();
            failures.insert(reason, n_unconsolidated);
        }
        let rejected = self.read(&place.key("rejected.jsonl")).await;
        let rejected = rejected.unwrap_or_default();
        let rejections = rejections(&rejected);
        let recorded = Recorded {
            output: labeled,
            updater: Some((report.clone(), rejected)),
            times: WorkTimes::default(),
        };
        let found = job_report::of(job, &recorded, outcome.folder.as_str());
        let page = page::write(self.stack, job, &found).await?;
        let quality = found.quality.as_ref();
        let quality = quality.map(|found| self.keep_quality(&job.name, found));
        let folder = self.stack.bucket_folder(BUCKET);
        let path = |key: &str| -> PathBuf { folder.join(key) };
        let mut summary = JobSummary {
            name: job.name.clone(),
            label_attribute: job.label_attribute.clone(),
            objects: outcome.n_objects,
            answers: job.answers.values().map(Vec::len).sum(),
            consolidated: outcome.n_consolidated - n_unconsolidated,
            failed: outcome.failed.len() + n_unconsolidated,
            already_labeled: outcome.n_already_labeled,
            excluded: outcome.n_excluded,
            failures,
            lines: report.lines,
            entries: report.entries,
            entries_accepted: report.landed,
            accepted_with_errors: report.landed_with_errors,
            refused: report.refused,
            vanished: report.vanished,
            rejected: report.rejected,
            skipped: report.skipped,
            by_code: report.by_code,
            rejections,
            entries_listed: self.count_entries(&dataset_arn).await?,
            agreement: agreement(&String::from_utf8_lossy(&recorded.output)),
            recorded_agreement: job.recorded_output.as_deref().and_then(agreement),
            quality: quality.transpose()?,
            dataset_arn,
            files: BTreeMap::from([
                ("output".to_owned(), path(manifest_key)),
                ("report".to_owned(), path(&report_key)),
                ("entries".to_owned(), path(&place.key("entries.manifest"))),
                ("rejected".to_owned(), path(&place.key("rejected.jsonl"))),
                ("page".to_owned(), page),
            ]),
            left_out: job.left_out.clone(),
            losses: Vec::new(),
        };
        summary.files.retain(|_, path| path.is_file());
        summary.account();
        Ok(summary)
    }

    /// Writes what the answers say about workers and data objects to a file of its own.
    fn keep_quality(&self, job: &str, found: &Quality) -> Result<QualitySummary, CommandError> {
        let folder = self.stack.folder().join("quality");
        let path = folder.join(format!("{job}.json"));
        let json = serde_json::to_vec_pretty(found).unwrap_or_default();
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, json));
        written.map_err(|error| {
            CommandError::new(format!("{} can't be written: {error}", path.display()))
                .with_help("name a folder that you may write to with --dir")
        })?;
        Ok(QualitySummary {
            workers: found.workers.len(),
            suspected_workers: found
                .suspected()
                .map(|worker| worker.worker.clone())
                .collect(),
            disputed_objects: found.disputed.len(),
            worth_a_look: found
                .disputed
                .iter()
                .filter(|object| object.confidence < WORTH_A_LOOK_BELOW)
                .count(),
            file: path,
        })
    }

    /// Entries of a dataset, by its own count.
    async fn count_entries(&self, dataset_arn: &str) -> Result<u64, CommandError> {
        let dataset = self
            .rekognition
            .describe_dataset()
            .dataset_arn(dataset_arn)
            .send()
            .await
            .map_err(|error| {
                let error = aws::error_message(&error);
                CommandError::new(format!("dataset {dataset_arn}: {error}"))
            })?;
        let n_entries = dataset
            .dataset_description()
            .and_then(|dataset| dataset.dataset_stats())
            .and_then(|stats| stats.total_entries());
        Ok(n_entries.map_or(0, i32::unsigned_abs).into())
    }
}

/// The first lines of `rejected.jsonl`.
fn rejections(file: &[u8]) -> Vec<Rejection> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Line {
        line_number: u64,
        code: String,
        reason: String,
        remedy: String,
    }
    String::from_utf8_lossy(file)
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok())
        .take(REJECTIONS_MAX)
        .map(|line| Rejection {
            line_number: line.line_number,
            code: line.code,
            reason: line.reason,
            remedy: line.remedy,
        })
        .collect()
}

fn report_place(manifest_key: &str) -> Place {
    Place::of(BUCKET, manifest_key, None, None)
}
