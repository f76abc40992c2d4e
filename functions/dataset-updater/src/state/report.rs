//! What happened to a manifest, as `report.json` says it, and as log and metrics do.

use std::collections::BTreeMap;

use aws::metrics::{self, Figure};
use serde::{Deserialize, Serialize};

use crate::state::buckets::{Buckets, Notice};
use crate::state::checkpoint::ManifestVersion;
use crate::state::dataset::Stats;
use crate::state::origin::ConsolidationReport;

/// `report.json`. `lines` = `entries` + `rejected` + `skipped`, `entries` = `landed` + `refused` + `vanished` +
/// `overwritten`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Outcome of the work on the manifest.
    pub outcome: Outcome,
    /// Why nothing was sent, and what a person can do, of an outcome that the figures don't explain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The manifest's version.
    pub manifest: Option<ManifestVersion>,
    /// The labeling job's name, when the key tells it.
    pub job_name: Option<String>,
    /// Lines of the manifest.
    pub lines: u64,
    /// Lines that became dataset entries.
    pub entries: u64,
    /// Entries that are in the dataset.
    pub landed: u64,
    /// Of those, entries that the service has found errors in.
    pub landed_with_errors: u64,
    /// Entries that the service's update failed over, or that weren't sent for want of room.
    pub refused: u64,
    /// Of those, entries that the dataset has no room for.
    #[serde(default)]
    pub without_room: u64,
    /// Entries that the service dropped without a word.
    pub vanished: u64,
    /// Entries whose images have other labels in the dataset than were sent: another writer's.
    #[serde(default)]
    pub overwritten: u64,
    /// Lines that can't become entries.
    pub rejected: u64,
    /// Lines with nothing to send.
    pub skipped: u64,
    /// Of those, lines for another look.
    pub review: u64,
    /// Lines by code: rejected, skipped, refused, vanished, overwritten and landed with errors.
    pub by_code: BTreeMap<String, u64>,
    /// What was left out of entries or changed in them, by kind: boxes, labels, fields.
    #[serde(default)]
    pub in_entries: BTreeMap<String, u64>,
    /// With EXISTING=merge: images on which a label of this job took the place of another job's of the same label
    /// attribute, by that job.
    #[serde(default)]
    pub replaced_labels: BTreeMap<String, u64>,
    /// With EXISTING=replace: entries of the datasets that gave way whole, and that no earlier version of the manifest
    /// had landed. By the datasets' counts, so that somebody else's changes of the time count along.
    #[serde(default)]
    pub replaced_of_others: u64,
    /// Entries that earlier versions of the manifest have landed, and that this one has none of. They stay where they are.
    #[serde(default)]
    pub left_behind: u64,
    /// What a training will stumble over, although everything has landed.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// The consolidation, where the labels come from one that was made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consolidation: Option<ConsolidationReport>,
    /// The datasets.
    pub datasets: Vec<DatasetReport>,
    /// Invocations after the first one.
    pub resumptions: u32,
    /// From the first invocation's start to the last one's end, in seconds.
    pub seconds: f64,
    /// Time of the last invocation that went into reading and converting lines, in seconds.
    pub converting_seconds: f64,
    /// Lines that are left, when the work was given up.
    pub left_after_line: Option<u64>,
    /// The training that was started.
    pub training: Option<String>,
    /// S3 URIs of the other files.
    pub files: BTreeMap<String, String>,
}

/// One dataset of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetReport {
    /// `train` or `test`.
    pub side: String,
    /// ARN of the dataset.
    pub arn: String,
    /// Entries that were sent.
    pub entries: u64,
    /// Images of those entries by bucket.
    #[serde(default)]
    pub buckets: Buckets,
    /// Images of the first 100 entries that it had before, by bucket.
    #[serde(default)]
    pub buckets_before: Buckets,
    /// Its counts before the first update.
    pub before: Stats,
    /// Its counts after the last one.
    pub after: Stats,
    /// UpdateDatasetEntries calls that were accepted.
    pub updates: u64,
    /// Time from their acceptance to their end, in seconds.
    pub update_seconds: f64,
    /// How it was made sure that the entries are there.
    pub verified_by: String,
    /// Entries that were sent again because they weren't there as they had been sent.
    #[serde(default)]
    pub sent_again: u64,
}

/// The outcome of the work on a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every entry that was sent has landed, and few lines were rejected.
    #[default]
    Updated,
    /// The manifest has no lines.
    NothingToDo,
    /// More lines were lost than is normal.
    ManyRejected,
    /// No entry has landed.
    NothingLanded,
    /// The dataset has as many images as it takes: entries were refused for want of room, and the others have landed.
    DatasetFull,
    /// The work was given up.
    GaveUp,
    /// The workers' answers take more memory than the function has: nothing was sent.
    TooLarge,
}

impl Outcome {
    /// Whether somebody should look at it.
    #[must_use]
    pub fn is_alarming(self) -> bool {
        matches!(
            self,
            Self::ManyRejected
                | Self::NothingLanded
                | Self::DatasetFull
                | Self::GaveUp
                | Self::TooLarge
        )
    }

    /// Name of the outcome in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::NothingToDo => "nothing-to-do",
            Self::ManyRejected => "many-rejected",
            Self::NothingLanded => "nothing-landed",
            Self::DatasetFull => "dataset-full",
            Self::GaveUp => "gave-up",
            Self::TooLarge => "too-large",
        }
    }
}

impl Report {
    /// What came of it, by its counts. A share of lost lines equal to `alert_fraction` is still normal; skipped lines count
    /// neither way, but a manifest of nothing else is as alarming as one of rejected lines: the job was for nothing.
    #[must_use]
    pub fn judge(&self, alert_fraction: f64) -> Outcome {
        let lost = self.rejected + self.refused + self.vanished + self.overwritten;
        let tried = self.entries + self.rejected;
        if self.lines == 0 {
            Outcome::NothingToDo
        } else if self.landed == 0 {
            Outcome::NothingLanded
        } else if self.without_room > 0 {
            Outcome::DatasetFull
        } else if lost as f64 > alert_fraction * tried as f64 {
            Outcome::ManyRejected
        } else {
            Outcome::Updated
        }
    }

    /// A line of metrics; see [`metrics::line`].
    #[must_use]
    pub fn metrics(&self, function_name: &str, now_ms: i64) -> String {
        let n_updates = self.datasets.iter().map(|dataset| dataset.updates).sum();
        let seconds = self.datasets.iter().map(|it| it.update_seconds).sum();
        let figures = [
            ("Lines", Figure::Count(self.lines)),
            ("Entries", Figure::Count(self.entries)),
            ("Landed", Figure::Count(self.landed)),
            ("LandedWithErrors", Figure::Count(self.landed_with_errors)),
            ("Rejected", Figure::Count(self.rejected)),
            ("Skipped", Figure::Count(self.skipped)),
            ("Vanished", Figure::Count(self.vanished)),
            ("Overwritten", Figure::Count(self.overwritten)),
            ("Refused", Figure::Count(self.refused)),
            ("Updates", Figure::Count(n_updates)),
            ("UpdateSeconds", Figure::Seconds(seconds)),
            ("Resumptions", Figure::Count(self.resumptions.into())),
            ("Alarming", Figure::Count(self.outcome.is_alarming().into())),
        ];
        let outcome = [("Outcome", self.outcome.name())];
        metrics::line(
            now_ms,
            &[("FunctionName", function_name)],
            &outcome,
            &figures,
        )
    }

    /// Metrics of the lines by code, one line a code: the code is a dimension.
    #[must_use]
    pub fn code_metrics(&self, function_name: &str, now_ms: i64) -> Vec<String> {
        let line = |(code, n): (&String, &u64)| {
            let dimensions = [("FunctionName", function_name), ("Code", code.as_str())];
            metrics::line(
                now_ms,
                &dimensions,
                &[],
                &[("LinesByCode", Figure::Count(*n))],
            )
        };
        self.by_code.iter().map(line).collect()
    }
}

/// Metrics of a manifest that can't be taken in until somebody mends what `code` stands for: a queue that gets
/// its message back counts no error of the function's, so this is what an alarm sees.
#[must_use]
pub fn failure_metrics(code: &str, function_name: &str, now_ms: i64) -> String {
    let figures = [("Failed", Figure::Count(1)), ("Alarming", Figure::Count(1))];
    let properties = [("Outcome", "failed"), ("Code", code)];
    metrics::line(
        now_ms,
        &[("FunctionName", function_name)],
        &properties,
        &figures,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn outcomes() {
        for (landed, rejected, refused, vanished, expected) in [
            (0, 0, 0, 0, Outcome::NothingToDo),
            (100, 0, 0, 0, Outcome::Updated),
            (79, 20, 0, 0, Outcome::ManyRejected),
            (80, 20, 0, 0, Outcome::Updated),
            (81, 20, 0, 0, Outcome::Updated),
            (80, 10, 5, 6, Outcome::ManyRejected),
            (0, 1, 0, 0, Outcome::NothingLanded),
            (0, 0, 1, 0, Outcome::NothingLanded),
            (0, 0, 0, 1, Outcome::NothingLanded),
        ] {
            let report = Report {
                landed,
                rejected,
                refused,
                vanished,
                entries: landed + refused + vanished,
                lines: landed + rejected + refused + vanished,
                ..Report::default()
            };
            assert_eq!(report.judge(0.2), expected, "{report:?}");
        }
        for (landed, without_room, expected) in [
            (0, 1, Outcome::NothingLanded),
            (99_999, 0, Outcome::Updated),
            (99_999, 1, Outcome::DatasetFull),
            (1, 99_999, Outcome::DatasetFull),
        ] {
            let report = Report {
                landed,
                refused: without_room,
                without_room,
                entries: landed + without_room,
                lines: landed + without_room,
                ..Report::default()
            };
            assert_eq!(report.judge(0.2), expected, "{report:?}");
        }
        let report = Report {
            lines: 1,
            skipped: 1,
            ..Report::default()
        };
        assert_eq!(report.judge(0.2), Outcome::NothingLanded);
    }

    #[test]
    fn metrics_name_what_they_carry() {
        let mut report = Report::default();
        report.by_code.insert("ERROR_X".to_owned(), 3);
        let lines = vec![
            report.metrics("f", 1),
            failure_metrics("S3.AccessDenied", "f", 1),
        ];
        let lines = [lines, report.code_metrics("f", 1)].concat();
        assert_eq!(lines.len(), 3);
        for line in lines {
            let line: Value = serde_json::from_str(&line).unwrap();
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(
                    line[metric["Name"].as_str().unwrap()].is_number(),
                    "{metric}"
                );
            }
            for dimension in directive["Dimensions"][0].as_array().unwrap() {
                assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
            }
        }
    }
}
