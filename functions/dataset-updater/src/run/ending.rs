//! The end of the work: the reports, a training. And its end before that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws::s3::ObjectUri;
use manifest::Code;

use crate::consolidate::job;
use crate::error::RunError;
use crate::request::budget::millis;
use crate::request::config::{Existing, TrainWhen};
use crate::request::target::Datasets;
use crate::send::entries::Read;
use crate::send::lane::Lane;
use crate::send::room::is_about_room;
use crate::state::buckets::notice;
use crate::state::checkpoint::{Checkpoint, Origin, Stats};
use crate::state::company::replaced_of_others;
use crate::state::report::{DatasetReport, Outcome, Report};
use crate::storage::files::{Files, Trouble, entries_file, left_behind_file};
use crate::verify::look::Verified;
use crate::verify::training::Training;
use crate::work::Work;

impl Work<'_> {
    /// Writes the reports of what was found in each lane's dataset.
    pub(crate) async fn report(
        &mut self,
        lanes: &[Lane<'_>],
        read: Read,
        verified: Vec<(Stats, Verified)>,
    ) -> Result<Report, RunError> {
        let Read {
            mut index,
            counts,
            converting,
            buckets,
            ..
        } = read;
        let refused: BTreeMap<u64, Arc<str>> = self
            .checkpoint
            .refused
            .iter()
            .map(|refused| (refused.line_number, refused.message.clone()))
            .collect();
        let mut report = Report {
            manifest: Some(self.version.clone()),
            job_name: self.options.job_name.clone(),
            lines: counts.n_lines,
            entries: counts.n_entries,
            rejected: counts.n_rejected,
            skipped: counts.n_skipped,
            review: counts.n_review,
            refused: refused.len() as u64,
            without_room: refused.values().filter(|it| is_about_room(it)).count() as u64,
            resumptions: self.checkpoint.n_resumptions,
            converting_seconds: converting.as_secs_f64(),
            by_code: counts
                .by_code
                .iter()
                .map(|(code, n)| (code.as_str().to_owned(), *n))
                .collect(),
            in_entries: in_entries(&counts),
            ..Report::default()
        };
        self.look_at_earlier(&mut index).await?;
        let there = self.checkpoint.buckets_before.clone();
        report
            .notices
            .extend(notice(buckets.values(), there.values()));
        for notice in &report.notices {
            tracing::warn!(
                code = notice.code,
                reason = notice.reason,
                "training will fail"
            );
        }
        let mut troubles = BTreeMap::new();
        for (lane, (after, verified)) in lanes.iter().zip(verified) {
            report.vanished += verified.vanished.len() as u64;
            report.overwritten += verified.overwritten.len() as u64;
            report.landed_with_errors += verified.errors.len() as u64;
            let side = lane.progress.side;
            let n_refused = index.n_of(side, |line_number| refused.contains_key(&line_number));
            let n_lost = n_refused + verified.vanished.len() as u64;
            let n_landed = index.n_entries(side).saturating_sub(n_lost);
            let before = lane.progress.before.unwrap_or_default();
            let earlier = self.checkpoint.earlier.get(&side).copied();
            let earlier = earlier.unwrap_or_default();
            report.left_behind += earlier.left_behind;
            if self.config.existing == Existing::Replace {
                let (before, after) = (before.total_entries, after.total_entries);
                report.replaced_of_others +=
                    replaced_of_others(before, after, n_landed, earlier.again);
            }
            report.datasets.push(DatasetReport {
                side: lane.progress.side.name().to_owned(),
                arn: lane.progress.dataset_arn.clone(),
                entries: index.n_entries(lane.progress.side),
                buckets: buckets.get(&side).cloned().unwrap_or_default(),
                buckets_before: there.get(&side).cloned().unwrap_or_default(),
                before,
                after,
                updates: lane.progress.n_updates,
                update_seconds: lane.progress.update_ms as f64 / 1000.0,
                verified_by: verified.method.name().to_owned(),
                sent_again: verified.n_sent_again,
            });
            troubles.extend(verified_troubles(verified));
        }
        troubles.extend(
            refused
                .into_iter()
                .map(|(line_number, message)| (line_number, refused_trouble(&message))),
        );
        let has_landed = |line_number| {
            let trouble = troubles.get(&line_number);
            trouble.is_none_or(|trouble: &Trouble| trouble.is_in_dataset)
        };
        report.replaced_labels = self.checkpoint.replaced_labels.counts(has_landed);
        for trouble in troubles.values() {
            for code in trouble.code.split(',') {
                *report.by_code.entry(code.to_owned()).or_default() += 1;
            }
        }
        report.landed = report
            .entries
            .saturating_sub(report.refused + report.vanished + report.overwritten);
        report.outcome = report.judge(self.config.rejected_alert_fraction);
        self.files
            .write_lines(&self.lines(), self.options.clone(), &troubles)
            .await?;
        for lane in lanes {
            self.files.join_parts(&lane.progress).await?;
            let name = entries_file(lane.progress.side);
            let uri = self.files.place.uri(name);
            report.files.insert(name.to_owned(), uri);
            if self.checkpoint.earlier.contains_key(&lane.progress.side) {
                let name = left_behind_file(lane.progress.side);
                let uri = self.files.place.uri(name);
                report.files.insert(name.to_owned(), uri);
            }
        }
        if let Some(Origin::Consolidated { report: found, .. }) = &self.checkpoint.origin {
            let names = job::file_names(found);
            report.consolidation = Some(found.clone());
            for name in names {
                let uri = self.files.place.uri(name);
                report.files.insert((*name).to_owned(), uri);
            }
        }
        for name in ["rejected.jsonl", "review.manifest"] {
            let uri = self.files.place.uri(name);
            report.files.insert(name.to_owned(), uri);
        }
        report.training = self.train(&report).await?;
        let now_ms = millis(SystemTime::now());
        report.seconds = (now_ms - self.checkpoint.started_at_ms) as f64 / 1000.0;
        let bytes = serde_json::to_vec_pretty(&report).unwrap_or_default();
        self.files.write_json("report.json", bytes).await?;
        self.checkpoint.is_done = true;
        let (owner, budget) = (&self.invocation.owner, &self.invocation.budget);
        self.store.save(&mut self.checkpoint, owner, budget).await?;
        Ok(report)
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
    let vanished = vanished.map(|line_number| (line_number, trouble(Code::Vanished)));
    let overwritten = verified.overwritten.into_iter();
    let overwritten = overwritten.map(|line_number| (line_number, trouble(Code::Overwritten)));
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

fn trouble(code: Code) -> Trouble {
    Trouble {
        code: code.as_str().to_owned(),
        reason: code.message().to_owned(),
        remedy: code.remedy().to_owned(),
        is_in_dataset: false,
    }
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
        ..trouble(code)
    }
}

pub(crate) async fn give_up(
    files: &Files<'_>,
    job_name: Option<&str>,
    checkpoint: &Checkpoint,
) -> Result<RunError, RunError> {
    let settled_line = checkpoint
        .lanes
        .iter()
        .map(|lane| lane.settled_line)
        .min()
        .unwrap_or(0);
    let report = Report {
        outcome: Outcome::GaveUp,
        manifest: Some(checkpoint.manifest.clone()),
        job_name: job_name.map(str::to_owned),
        refused: checkpoint.refused.len() as u64,
        resumptions: checkpoint.n_resumptions,
        left_after_line: Some(settled_line),
        ..Report::default()
    };
    let bytes = serde_json::to_vec_pretty(&report).unwrap_or_default();
    files.write_json("report.json", bytes).await?;
    Ok(RunError::GaveUp {
        n_resumptions: checkpoint.n_resumptions,
        settled_line,
        report: files.place.uri("report.json"),
        metrics: Box::new(report),
    })
}

pub(crate) async fn report_too_large(
    files: &Files<'_>,
    job_name: Option<&str>,
    checkpoint: &Checkpoint,
    error: &RunError,
) -> Result<(), RunError> {
    let report = Report {
        outcome: Outcome::TooLarge,
        reason: Some(error.to_string()),
        manifest: Some(checkpoint.manifest.clone()),
        job_name: job_name.map(str::to_owned),
        resumptions: checkpoint.n_resumptions,
        ..Report::default()
    };
    let bytes = serde_json::to_vec_pretty(&report).unwrap_or_default();
    Ok(files.write_json("report.json", bytes).await?)
}
