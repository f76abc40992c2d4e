//! What came of a run, for people and, as JSON, for machines.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::agreement::Agreement;
use crate::output::text::shown;

/// Reasons and lines that are shown of each kind; the files hold all.
const SHOWN_MAX: usize = 5;

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// One a labeling job.
    pub jobs: Vec<JobSummary>,
    /// Whether every data object, line and entry is accounted for, in every job.
    pub is_conserved: bool,
    /// Duration in seconds.
    pub seconds: f64,
    /// Everything that was written.
    pub folder: PathBuf,
}

/// One labeling job.
///
/// Data objects = consolidated + failed + already labeled + excluded; lines = entries + rejected + skipped;
/// entries = accepted + refused + vanished.
#[derive(Clone, Debug, Default, Serialize)]
pub struct JobSummary {
    /// The job's name.
    pub name: String,
    /// Its label attribute.
    pub label_attribute: String,
    /// Data objects of the input manifest.
    pub objects: usize,
    /// Workers' answers.
    pub answers: usize,
    /// Data objects with a label.
    pub consolidated: usize,
    /// Data objects without one.
    pub failed: usize,
    /// Data objects that had the label before.
    pub already_labeled: usize,
    /// Data objects that the pre-annotation function kept from the workers.
    pub excluded: usize,
    /// Why data objects failed, with their number.
    pub failures: BTreeMap<String, usize>,
    /// Lines of the output manifest.
    pub lines: u64,
    /// Lines that became dataset entries.
    pub entries: u64,
    /// Entries that are in the dataset.
    pub entries_accepted: u64,
    /// Of these, entries that Custom Labels found errors in.
    pub accepted_with_errors: u64,
    /// Entries whose update failed.
    pub refused: u64,
    /// Entries that Custom Labels dropped without a word.
    pub vanished: u64,
    /// Lines that can't become entries.
    pub rejected: u64,
    /// Lines with nothing to send.
    pub skipped: u64,
    /// Lines by code.
    pub by_code: BTreeMap<String, u64>,
    /// The first lines that are not in the dataset as they should be.
    pub rejections: Vec<Rejection>,
    /// Entries that the dataset lists at the end.
    pub entries_listed: u64,
    /// Agreement of the labels with the known truth.
    pub agreement: Option<AgreementSummary>,
    /// The same of the recorded job's own output.
    pub recorded_agreement: Option<AgreementSummary>,
    /// What the answers say about workers and data objects; `None` when none can be read.
    pub quality: Option<QualitySummary>,
    /// The dataset.
    pub dataset_arn: String,
    /// Where things are, by what they are.
    pub files: BTreeMap<String, PathBuf>,
    /// What of the recorded job's files can't be read and is left out, each with its place and reason.
    pub left_out: Vec<String>,
    /// Sums that don't add up; empty when everything is accounted for.
    pub losses: Vec<String>,
}

/// Confidence below which a disputed label is worth a person's look, exclusive.
pub const WORTH_A_LOOK_BELOW: f64 = 0.9;

/// What the answers say about workers and data objects, in short.
#[derive(Clone, Debug, Serialize)]
pub struct QualitySummary {
    /// Workers who answered.
    pub workers: usize,
    /// Those among them whose answers say next to nothing about the image, by pseudonym.
    pub suspected_workers: Vec<String>,
    /// Data objects that workers disagree on.
    pub disputed_objects: usize,
    /// Those among them whose label is less certain than [`WORTH_A_LOOK_BELOW`].
    pub worth_a_look: usize,
    /// The whole report, as JSON.
    pub file: PathBuf,
}

impl fmt::Display for QualitySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suspected = &self.suspected_workers;
        write!(f, "{}, {} suspected of spam", self.workers, suspected.len())?;
        for (idx, worker) in suspected.iter().take(SHOWN_MAX).enumerate() {
            write!(f, "{}{worker}", if idx == 0 { ": " } else { ", " })?;
        }
        if suspected.len() > SHOWN_MAX {
            write!(f, ", …")?;
        }
        write!(
            f,
            "; they disagree on {} data objects",
            self.disputed_objects
        )?;
        write!(
            f,
            ", {} of them are worth a look: {}",
            self.worth_a_look,
            self.file.display()
        )
    }
}

/// A line that did not go in, or went in with errors.
#[derive(Clone, Debug, Serialize)]
pub struct Rejection {
    /// One-based line of the output manifest.
    pub line_number: u64,
    /// Code.
    pub code: String,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// Agreement with a known truth.
#[derive(Clone, Debug, Serialize)]
pub struct AgreementSummary {
    /// Counts.
    #[serde(flatten)]
    pub counts: Agreement,
    /// Share of objects labeled exactly as the truth.
    pub exact: Option<f64>,
    /// F1 over categories or boxes.
    pub f1: Option<f64>,
}

impl From<Agreement> for AgreementSummary {
    fn from(counts: Agreement) -> Self {
        Self {
            exact: counts.exact(),
            f1: counts.f1(),
            counts,
        }
    }
}

impl fmt::Display for AgreementSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(exact) = self.exact else {
            return f.write_str("no labeled object has a known truth");
        };
        write!(
            f,
            "{} of {} exactly right ({:.1} %)",
            self.counts.n_right,
            self.counts.n_compared,
            100.0 * exact
        )?;
        match self.f1 {
            Some(f1) if (f1 - exact).abs() > 1e-9 => write!(f, ", F1 {f1:.3}"),
            _ => Ok(()),
        }
    }
}

impl JobSummary {
    /// Fills [`JobSummary::losses`] from the counts.
    pub fn account(&mut self) {
        let mut check = |what: &str, whole: u64, parts: u64| {
            if whole != parts {
                self.losses.push(format!("{what}: {whole} is not {parts}"));
            }
        };
        let n = |count: usize| count as u64;
        check(
            "data objects = consolidated + failed + already labeled + excluded",
            n(self.objects),
            n(self.consolidated + self.failed + self.already_labeled + self.excluded),
        );
        check("lines = data objects", self.lines, n(self.objects));
        check(
            "lines = entries + rejected + skipped",
            self.lines,
            self.entries + self.rejected + self.skipped,
        );
        check(
            "entries = accepted + refused + vanished",
            self.entries,
            self.entries_accepted + self.refused + self.vanished,
        );
        check(
            "entries in the dataset = accepted",
            self.entries_listed,
            self.entries_accepted,
        );
    }
}

impl Summary {
    /// The summary in a few lines a job, or in full.
    pub fn shown(&self, is_verbose: bool) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            for job in &self.jobs {
                if is_verbose {
                    writeln!(f, "{job}")?;
                } else {
                    job.fmt_briefly(f)?;
                }
            }
            self.fmt_end(f, is_verbose)
        })
    }

    fn fmt_end(&self, f: &mut fmt::Formatter<'_>, is_verbose: bool) -> fmt::Result {
        if !is_verbose {
            if self.is_conserved {
                writeln!(f, "every data object and line is accounted for")?;
            }
            let files = self.jobs.iter().flat_map(|job| job.files.get("page"));
            match Vec::from_iter(files).as_slice() {
                [] => {}
                [report] => writeln!(f, "report: {}", report.display())?,
                // All of them lie in one folder.
                [report, ..] => {
                    let folder = report.parent().unwrap_or(report);
                    writeln!(f, "reports: {}", folder.display())?;
                }
            }
        }
        let n_jobs = self.jobs.len();
        write!(
            f,
            "{n_jobs} labeling {} in {:.1} s; everything is in {}{}",
            if n_jobs == 1 { "job" } else { "jobs" },
            self.seconds,
            self.folder.display(),
            if is_verbose { "" } else { " (-v tells more)" }
        )
    }
}

impl JobSummary {
    /// What matters first: how many data objects have a label, how many entries landed, what was lost.
    fn fmt_briefly(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_labeled = self.consolidated + self.already_labeled;
        write!(
            f,
            "{}: {n_labeled} of {} data objects have a label",
            shown(&self.name),
            self.objects
        )?;
        if let Some(agreement) = self.agreement.as_ref().filter(|it| it.exact.is_some()) {
            write!(f, ", {agreement}")?;
        }
        writeln!(f, "; {} entries landed", self.entries_accepted)?;
        let codes = self.by_code.iter();
        let not_there =
            Vec::from_iter(codes.map(|(code, n_lines)| format!("{n_lines} × {}", shown(code))));
        if !not_there.is_empty() {
            writeln!(f, "  lines to look at: {}", not_there.join(", "))?;
        }
        if let Some(quality) = &self.quality
            && quality.worth_a_look + quality.suspected_workers.len() > 0
        {
            writeln!(
                f,
                "  labels worth a look: {}; workers suspected of spam: {} of {}",
                quality.worth_a_look,
                quality.suspected_workers.len(),
                quality.workers
            )?;
        }
        self.fmt_losses(f)
    }

    /// What of the job's files was left out, and sums that don't add up.
    fn fmt_losses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for left_out in self.left_out.iter().take(SHOWN_MAX) {
            writeln!(f, "  left out      {}", shown(left_out))?;
        }
        if let Some(n_more) = self.left_out.len().checked_sub(SHOWN_MAX + 1) {
            writeln!(f, "                and {} more", n_more + 1)?;
        }
        for loss in &self.losses {
            writeln!(f, "  LOST          {loss}")?;
        }
        Ok(())
    }
}

impl fmt::Display for JobSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", shown(&self.name))?;
        let mut parts = vec![
            format!("{} consolidated", self.consolidated),
            format!("{} failed", self.failed),
        ];
        if self.already_labeled > 0 {
            parts.push(format!("{} labeled before", self.already_labeled));
        }
        if self.excluded > 0 {
            parts.push(format!("{} excluded", self.excluded));
        }
        writeln!(
            f,
            "  data objects  {} = {}, from {} answers",
            self.objects,
            parts.join(" + "),
            self.answers
        )?;
        for (reason, n_objects) in self.failures.iter().take(SHOWN_MAX) {
            writeln!(f, "                {n_objects} failed: {}", shown(reason))?;
        }
        if let Some(n_more) = self.failures.len().checked_sub(SHOWN_MAX + 1) {
            writeln!(f, "                and {} more reasons", n_more + 1)?;
        }
        writeln!(
            f,
            "  lines         {} = {} entries + {} rejected + {} skipped",
            self.lines, self.entries, self.rejected, self.skipped
        )?;
        let mut entries = format!("{} accepted", self.entries_accepted);
        for (count, what) in [
            (self.accepted_with_errors, "accepted with errors"),
            (self.refused, "refused"),
            (self.vanished, "dropped by Custom Labels"),
        ] {
            if count > 0 {
                let _ = write!(entries, ", {count} {what}");
            }
        }
        writeln!(f, "  entries       {} = {entries}", self.entries)?;
        for (code, n_lines) in &self.by_code {
            writeln!(f, "                {n_lines} × {}", shown(code))?;
            let first = self
                .rejections
                .iter()
                .find(|rejection| rejection.code.split(',').any(|one| one == code));
            if let Some(rejection) = first {
                writeln!(
                    f,
                    "                    line {}: {}",
                    rejection.line_number,
                    shown(&rejection.reason)
                )?;
                if !rejection.remedy.is_empty() {
                    writeln!(f, "                    help: {}", shown(&rejection.remedy))?;
                }
            }
        }
        if let Some(agreement) = &self.agreement {
            writeln!(f, "  known truth   {agreement}")?;
        }
        if let Some(agreement) = &self.recorded_agreement {
            writeln!(f, "  recorded job  {agreement}")?;
        }
        if let Some(quality) = &self.quality {
            writeln!(f, "  workers       {quality}")?;
        }
        self.fmt_losses(f)?;
        if self.losses.is_empty() {
            writeln!(
                f,
                "  conservation  every data object and line is accounted for"
            )?;
        }
        for (what, path) in &self.files {
            writeln!(f, "  {what:13} {}", path.display())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> JobSummary {
        JobSummary {
            objects: 10,
            consolidated: 6,
            failed: 2,
            already_labeled: 1,
            excluded: 1,
            lines: 10,
            entries: 7,
            rejected: 2,
            skipped: 1,
            entries_accepted: 5,
            refused: 1,
            vanished: 1,
            entries_listed: 5,
            ..JobSummary::default()
        }
    }

    #[test]
    fn what_is_lost_is_named() {
        type Change = fn(&mut JobSummary);
        let check = |change: Change, n_losses: usize| {
            let mut job = whole();
            change(&mut job);
            job.account();
            assert_eq!(job.losses.len(), n_losses, "{:?}", job.losses);
        };
        check(|_| {}, 0);
        check(|job| job.consolidated -= 1, 1);
        check(|job| job.failed += 1, 1);
        check(|job| job.skipped = 0, 1);
        check(|job| job.vanished = 0, 1);
        check(|job| job.entries_listed -= 1, 1);
        check(|job| job.lines -= 1, 2);
    }
}
