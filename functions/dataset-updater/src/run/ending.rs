//! The end of the work: the reports, a training. And its end before that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws::s3::ObjectUri;
use manifest::Code;

use crate::consolidate::relabel;
use crate::error::RunError;
use crate::request::budget::millis;
use crate::request::config::{Existing, TrainWhen};
use crate::request::target::Datasets;
use crate::send::entries::Inventory;
use crate::send::room::is_about_room;
use crate::state::buckets::notice;
use crate::state::checkpoint::Checkpoint;
use crate::state::company::replaced_of_others;
use crate::state::dataset::Stats;
use crate::state::origin::Origin;
use crate::state::rejected::Trouble;
use crate::state::report::{DatasetReport, Outcome, Report};
use crate::state::verified::Verified;
use crate::storage::files::{Files, entries_file, left_behind_file};
use crate::verify::training::Training;
use crate::work::Work;

/// What was found of the entries, and what is said of it line by line.
struct Findings {
    inventory: Inventory,
    refused: BTreeMap<u64, Arc<str>>,
    troubles: BTreeMap<u64, Trouble>,
}

impl Findings {
    fn has_landed(&self, line_number: u64) -> bool {
        let trouble = self.troubles.get(&line_number);
        trouble.is_none_or(|trouble| trouble.is_in_dataset)
    }
}

impl Work<'_> {
    /// Writes the reports of what was found in each lane's dataset.
    pub(super) async fn report(
        &mut self,
        inventory: Inventory,
        verified: Vec<(Stats, Verified)>,
    ) -> Result<Report, RunError> {
        let refused = self.notes.checkpoint.refused.iter();
        let refused = refused.map(|refused| (refused.line_number, refused.message.clone()));
        let mut findings = Findings {
            refused: refused.collect(),
            troubles: BTreeMap::new(),
            inventory,
        };
        self.look_at_earlier(&mut findings.inventory.index).await?;
        let mut report = self.counted(&findings);
        self.add_datasets(&mut report, &mut findings, verified);
        self.add_troubles(&mut report, &mut findings);
        self.write_files(&mut report, &findings).await?;
        report.training = self.train(&report).await?;
        let now_ms = millis(SystemTime::now());
        report.seconds = (now_ms - self.notes.checkpoint.started_at_ms) as f64 / 1000.0;
        write_report(self.files, &report).await?;
        self.notes.checkpoint.is_done = true;
        self.notes.save().await?;
        Ok(report)
    }

    /// A report of the manifest's lines, and of what a training will stumble over.
    fn counted(&self, findings: &Findings) -> Report {
        let (counts, refused) = (&findings.inventory.counts, &findings.refused);
        let by_code = counts.by_code.iter();
        let there = &self.notes.checkpoint.buckets_before;
        let notice = notice(findings.inventory.buckets.values(), there.values());
        if let Some(notice) = &notice {
            tracing::warn!(
                code = notice.code,
                reason = notice.reason,
                "training will fail"
            );
        }
        Report {
            manifest: Some(self.version.clone()),
            job_name: self.options.job_name.clone(),
            lines: counts.n_lines,
            entries: counts.n_entries,
            rejected: counts.n_rejected,
            skipped: counts.n_skipped,
            review: counts.n_review,
            refused: refused.len() as u64,
            without_room: refused.values().filter(|it| is_about_room(it)).count() as u64,
            resumptions: self.notes.checkpoint.n_resumptions,
            converting_seconds: findings.inventory.converting.as_secs_f64(),
            by_code: by_code
                .map(|(code, n)| (code.as_str().to_owned(), *n))
                .collect(),
            in_entries: in_entries(counts),
            notices: notice.into_iter().collect(),
            ..Report::default()
        }
    }

    /// Adds what was found in each dataset; `verified` is in the order of the checkpoint's lanes.
    fn add_datasets(
        &self,
        report: &mut Report,
        findings: &mut Findings,
        verified: Vec<(Stats, Verified)>,
    ) {
        let checkpoint = &self.notes.checkpoint;
        for (progress, (after, verified)) in checkpoint.lanes.iter().zip(verified) {
            report.vanished += verified.vanished.len() as u64;
            report.overwritten += verified.overwritten.len() as u64;
            report.landed_with_errors += verified.errors.len() as u64;
            let (side, index) = (progress.side, &findings.inventory.index);
            let is_refused = |line_number| findings.refused.contains_key(&line_number);
            let n_lost = index.n_of(side, is_refused) + verified.vanished.len() as u64;
            let n_landed = index.n_entries(side).saturating_sub(n_lost);
            let before = progress.before.unwrap_or_default();
            let earlier = checkpoint.earlier.get(&side).copied();
            let earlier = earlier.unwrap_or_default();
            report.left_behind += earlier.left_behind;
            if self.config.existing == Existing::Replace {
                let (before, after) = (before.total_entries, after.total_entries);
                report.replaced_of_others +=
                    replaced_of_others(before, after, n_landed, earlier.again);
            }
            let buckets_before = checkpoint.buckets_before.get(&side);
            report.datasets.push(DatasetReport {
                side: side.name().to_owned(),
                arn: progress.dataset_arn.clone(),
                entries: index.n_entries(side),
                buckets: findings
                    .inventory
                    .buckets
                    .get(&side)
                    .cloned()
                    .unwrap_or_default(),
                buckets_before: buckets_before.cloned().unwrap_or_default(),
                before,
                after,
                updates: progress.n_updates,
                update_seconds: progress.update_ms as f64 / 1000.0,
                verified_by: verified.method.name().to_owned(),
                sent_again: verified.n_sent_again,
            });
            findings.troubles.extend(verified_troubles(verified));
        }
    }

    /// Adds the lines that became entries and aren't as they should be, and with them the outcome.
    fn add_troubles(&self, report: &mut Report, findings: &mut Findings) {
        let refused = std::mem::take(&mut findings.refused).into_iter();
        let refused =
            refused.map(|(line_number, message)| (line_number, refused_trouble(&message)));
        findings.troubles.extend(refused);
        let replaced = &self.notes.checkpoint.replaced_labels;
        report.replaced_labels = replaced.counts(|line_number| findings.has_landed(line_number));
        for trouble in findings.troubles.values() {
            for code in trouble.code.split(',') {
                *report.by_code.entry(code.to_owned()).or_default() += 1;
            }
        }
        let n_lost = report.refused + report.vanished + report.overwritten;
        report.landed = report.entries.saturating_sub(n_lost);
        report.outcome = report.judge(self.config.rejected_alert_fraction);
    }

    /// Writes the files beside the report, and names them in it.
    async fn write_files(&self, report: &mut Report, findings: &Findings) -> Result<(), RunError> {
        let checkpoint = &self.notes.checkpoint;
        let options = self.options.clone();
        let lines = self.lines();
        self.files
            .write_lines(&lines, options, &findings.troubles)
            .await?;
        let mut names = vec!["rejected.jsonl", "review.manifest"];
        for progress in &checkpoint.lanes {
            self.files.join_parts(progress).await?;
            names.push(entries_file(progress.side));
            if checkpoint.earlier.contains_key(&progress.side) {
                names.push(left_behind_file(progress.side));
            }
        }
        if let Some(Origin::Consolidated { report: found, .. }) = &checkpoint.origin {
            names.extend(relabel::file_names(found));
            report.consolidation = Some(found.clone());
        }
        for name in names {
            let uri = self.files.place.uri(name);
            report.files.insert(name.to_owned(), uri);
        }
        Ok(())
    }

    async fn train(&self, report: &Report) -> Result<Option<String>, RunError> {
        let n_lost = report.refused + report.vanished + report.overwritten;
        let is_whole = report.outcome == Outcome::Updated && n_lost == 0;
        let Datasets::OfProject { arn } = &self.target.datasets else {
            return Ok(None);
        };
        if self.config.train_when == TrainWhen::Never || !is_whole {
            return Ok(None);
        }
        let beside = || ObjectUri::new(&self.files.place.bucket, self.files.place.key("model"));
        if let Some(notice) = report.notices.first() {
            return Ok(Some(format!(
                "not started: {}: {}",
                notice.code, notice.reason
            )));
        }
        let output = self.config.training_output.clone().unwrap_or_else(beside);
        let training = Training {
            project_arn: arn,
            e_tag: &self.version.e_tag,
            output: &output,
        };
        let budget = &self.invocation.budget;
        match training.start(self.clients, budget).await {
            Ok(said) => Ok(Some(said)),
            Err(error) if error.may_pass_soon() => Err(error),
            // The entries have landed: what keeps the training from starting is reported, not tried again and again.
            Err(error) => {
                tracing::error!(project_arn = arn, reason = %error, "training not started");
                Ok(Some(format!("not started: {error}")))
            }
        }
    }
}

fn verified_troubles(verified: Verified) -> Vec<(u64, Trouble)> {
    let vanished = verified.vanished.into_iter();
    let vanished = vanished.map(|line_number| (line_number, Trouble::of(Code::Vanished)));
    let overwritten = verified.overwritten.into_iter();
    let overwritten = overwritten.map(|line_number| (line_number, Trouble::of(Code::Overwritten)));
    let errors = verified.errors.into_iter().map(|(line_number, codes)| {
        let trouble = Trouble {
            code: codes.join(","),
            reason: "the entry is in the dataset with these errors and won't be trained on"
                .to_owned(),
            remedy: "repair the label and send the line again".to_owned(),
            is_in_dataset: true,
        };
        (line_number, trouble)
    });
    vanished.chain(overwritten).chain(errors).collect()
}

fn in_entries(counts: &manifest::Counts) -> BTreeMap<String, u64> {
    let fields = ("FieldsDropped".to_owned(), counts.n_fields_dropped);
    let notes = counts.notes.iter();
    notes
        .map(|note| (note.name(), u64::from(note.n)))
        .chain([fields])
        .filter(|(_, n)| *n > 0)
        .collect()
}

fn refused_trouble(message: &str) -> Trouble {
    let code = match is_about_room(message) {
        true => Code::ManifestRowsExceedMaximum,
        false => Code::RefusedByUpdate,
    };
    Trouble {
        reason: message.to_owned(),
        ..Trouble::of(code)
    }
}

pub(crate) async fn give_up(
    files: &Files<'_>,
    checkpoint: &Checkpoint,
) -> Result<RunError, RunError> {
    let settled_line = checkpoint.settled_line();
    let report = Report {
        outcome: Outcome::GaveUp,
        manifest: Some(checkpoint.manifest.clone()),
        job_name: files.job_name.map(str::to_owned),
        refused: checkpoint.refused.len() as u64,
        resumptions: checkpoint.n_resumptions,
        left_after_line: Some(settled_line),
        ..Report::default()
    };
    write_report(files, &report).await?;
    Ok(RunError::GaveUp {
        n_resumptions: checkpoint.n_resumptions,
        settled_line,
        report: files.place.uri("report.json"),
        metrics: Box::new(report),
    })
}

pub(crate) async fn report_too_large(
    files: &Files<'_>,
    checkpoint: &Checkpoint,
    error: &RunError,
) -> Result<(), RunError> {
    let report = Report {
        outcome: Outcome::TooLarge,
        reason: Some(error.to_string()),
        manifest: Some(checkpoint.manifest.clone()),
        job_name: files.job_name.map(str::to_owned),
        resumptions: checkpoint.n_resumptions,
        ..Report::default()
    };
    write_report(files, &report).await
}

async fn write_report(files: &Files<'_>, report: &Report) -> Result<(), RunError> {
    let bytes = serde_json::to_vec_pretty(report).unwrap_or_default();
    Ok(files.write_json("report.json", bytes).await?)
}
