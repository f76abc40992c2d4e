//! A finished job's report: what is known of it, taken together.

pub mod pictures;
pub mod recorded;
pub mod remote_job;
mod thumbnail;
mod truth;

use std::collections::BTreeMap;

use dataset_updater::state::report::Report;
use labeling::TaskType;
use labeling::consolidation::{Config, Quality};
use labeling::job::times::WorkTimes;
use manifest::{
    Code, ConvertOptions, Converted, Converter, LINE_BYTES_MAX, LabeledLine, LineSplitter, RawLine,
};
use report::{CodeFaults, DatasetOutcome, FailedObject, FaultyLine, Job, Outcome};
use serde::Deserialize;

use crate::finished_job::FinishedJob;

/// Size of a page at most, in bytes, unless another one is asked for: above ten megabytes a browser feels stuck.
pub const PAGE_BYTES_MAX: usize = 8_000_000;

/// Lines of a code that are listed, inclusive.
const LINES_LISTED_MAX: usize = 20;
/// Data objects without a label that are listed, inclusive.
const FAILED_LISTED_MAX: usize = 50;

/// What a job has left besides its answers.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The manifest that the dataset entries are made of: the job's output, or the one that the dataset-updater has put
    /// labels into.
    pub output: Vec<u8>,
    /// What the dataset-updater says, where it has worked on the job: its report and its rejected lines.
    pub updater: Option<(Report, Vec<u8>)>,
    /// How long workers took.
    pub times: WorkTimes,
}

/// A line that the dataset-updater names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RejectedLine {
    line_number: u64,
    code: String,
    reason: String,
    #[serde(default)]
    remedy: String,
}

/// Puts together what is known of a job. `job_key` keys the workers' pseudonyms.
#[must_use]
pub fn of(job: &FinishedJob, recorded: &Recorded, job_key: &str) -> Job {
    let sources = sources(&job.manifest);
    let mut quality = quality(job, job_key);
    if let Some(quality) = &mut quality {
        quality.name_sources(|id| sources.get(id.parse::<usize>().ok()?)?.clone());
        quality.add_times(&recorded.times, job_key);
    }
    let mut lines = Lines::of(job, &recorded.output);
    let (mut outcome, failed) = (lines.outcome(job, sources.len()), lines.failed);
    let mut faults = lines.faults;
    if let Some((updater, rejected)) = &recorded.updater {
        outcome = with_figures_of(updater, outcome);
        faults.retain(|code, _| code.is_skip());
        lines.named.clear();
        for line in rejected.split(|byte| *byte == b'\n') {
            if let Ok(line) = serde_json::from_slice::<RejectedLine>(line) {
                add_rejected(&mut lines.named, line, &lines.sources);
            }
        }
    }
    let mut faults: BTreeMap<String, CodeFaults> = faults
        .into_iter()
        .map(|(code, found)| (code.to_string(), found))
        .collect();
    faults.extend(lines.named);
    for (code, n) in &outcome.by_code {
        if let Some(found) = faults.get_mut(code) {
            found.n_lines = *n;
        }
    }
    Job {
        name: job.name.clone(),
        label_attribute: job.label_attribute.clone(),
        outcome,
        quality,
        faults: faults.into_values().collect(),
        failed,
        truth: (job.truth.as_ref())
            .map(|known| truth::figures(&recorded.output, &job.label_attribute, known)),
        left_out: job.left_out.clone(),
    }
}

/// What the answers say of workers, categories and data objects; `None` when none can be read. `job_key` keys the
/// workers' pseudonyms.
#[must_use]
pub fn quality(job: &FinishedJob, job_key: &str) -> Option<Quality> {
    let config = Config::default();
    job.gathered(job_key, &config).quality(job.categories())
}

/// Whether the job asks for boxes.
#[must_use]
pub fn has_boxes(job: &Job) -> bool {
    let quality = job.quality.as_ref();
    quality.is_some_and(|quality| quality.task_type == TaskType::BoundingBox)
}

/// The images of an input manifest's data objects, by their place.
fn sources(manifest: &str) -> Vec<Option<String>> {
    let lines = manifest.lines().filter(|line| !line.trim().is_empty());
    let read = lines.map(|line| LabeledLine::read(line.as_bytes())?.source_ref);
    read.collect()
}

/// The outcome with the dataset-updater's figures.
fn with_figures_of(updater: &Report, outcome: Outcome) -> Outcome {
    Outcome {
        lines: updater.lines,
        entries: updater.entries,
        rejected: updater.rejected,
        skipped: updater.skipped,
        by_code: updater.by_code.clone(),
        dataset: Some(DatasetOutcome {
            landed: updater.landed,
            landed_with_errors: updater.landed_with_errors,
            refused: updater.refused,
            vanished: updater.vanished,
            overwritten: updater.overwritten,
        }),
        ..outcome
    }
}

fn add_rejected(
    faults: &mut BTreeMap<String, CodeFaults>,
    line: RejectedLine,
    sources: &BTreeMap<u64, String>,
) {
    let found = faults
        .entry(line.code.clone())
        .or_insert_with(|| CodeFaults {
            code: line.code,
            n_lines: 0,
            remedy: line.remedy,
            lines: Vec::new(),
        });
    found.n_lines += 1;
    if found.lines.len() < LINES_LISTED_MAX {
        found.lines.push(FaultyLine {
            line_number: line.line_number,
            source_ref: sources.get(&line.line_number).cloned(),
            reason: line.reason,
        });
    }
}

/// What becomes of an output manifest's lines.
#[derive(Debug, Default)]
struct Lines {
    n_labeled: u64,
    n_failed: u64,
    failed: Vec<FailedObject>,
    faults: BTreeMap<Code, CodeFaults>,
    /// Faults that the dataset-updater names.
    named: BTreeMap<String, CodeFaults>,
    /// Images of the lines, by number.
    sources: BTreeMap<u64, String>,
    counts: manifest::Counts,
}

impl Lines {
    fn of(job: &FinishedJob, output: &[u8]) -> Self {
        let mut found = Self::default();
        let mut converter = Converter::new(ConvertOptions {
            label_attribute: Some(job.label_attribute.clone()),
            job_name: Some(job.name.clone()),
            ..ConvertOptions::default()
        });
        let mut lines = LineSplitter::new(LINE_BYTES_MAX);
        lines.feed(output);
        lines.finish();
        let mut object_idx = 0;
        while let Some((line_number, line)) = lines.next_line() {
            let read = match line {
                RawLine::Line(bytes) if bytes.trim_ascii().is_empty() => {
                    found.add(line_number, converter.convert(line_number, line));
                    continue;
                }
                RawLine::Line(bytes) => LabeledLine::read(bytes),
                _ => None,
            };
            let converted = converter.convert(line_number, line);
            let source = read.as_ref().and_then(|read| read.source_ref.clone());
            if let Some(source) = &source {
                found.sources.insert(line_number, source.clone());
            }
            let label = read
                .as_ref()
                .and_then(|read| read.label(&job.label_attribute));
            if label.is_some() {
                found.n_labeled += 1;
            } else {
                found.fail(object_idx, source, &converted);
            }
            found.add(line_number, converted);
            object_idx += 1;
        }
        found.counts = converter.counts().clone();
        found
    }

    fn fail(&mut self, object_idx: u64, source_ref: Option<String>, converted: &Converted) {
        self.n_failed += 1;
        if self.failed.len() < FAILED_LISTED_MAX {
            let reason = match converted {
                Converted::Rejected(rejected) => rejected.reason.clone(),
                Converted::Skipped(skipped) => skipped.reason.clone(),
                Converted::Entry(_) | Converted::Review(_) => "the line has no label".to_owned(),
            };
            self.failed.push(FailedObject {
                dataset_object_id: object_idx.to_string(),
                source_ref,
                reason,
            });
        }
    }

    fn add(&mut self, line_number: u64, converted: Converted) {
        let (code, reason, remedy) = match converted {
            Converted::Rejected(line) => (line.code, line.reason, line.remedy),
            Converted::Skipped(line) => (line.code, line.reason, line.code.remedy().to_owned()),
            Converted::Entry(_) | Converted::Review(_) => return,
        };
        let found = self.faults.entry(code).or_insert_with(|| CodeFaults {
            code: code.to_string(),
            n_lines: 0,
            remedy,
            lines: Vec::new(),
        });
        found.n_lines += 1;
        if found.lines.len() < LINES_LISTED_MAX {
            found.lines.push(FaultyLine {
                line_number,
                source_ref: self.sources.get(&line_number).cloned(),
                reason,
            });
        }
    }

    fn outcome(&self, job: &FinishedJob, n_objects: usize) -> Outcome {
        let counts = &self.counts;
        let data_objects = n_objects as u64;
        let by_code = counts.by_code.iter();
        Outcome {
            data_objects,
            answers: job
                .answers
                .values()
                .map(|answers| answers.len() as u64)
                .sum(),
            labeled: self.n_labeled,
            failed: self.n_failed,
            not_in_output: data_objects.saturating_sub(self.n_labeled + self.n_failed),
            lines: counts.n_lines,
            entries: counts.n_entries,
            rejected: counts.n_rejected,
            skipped: counts.n_skipped,
            by_code: by_code.map(|(code, n)| (code.to_string(), *n)).collect(),
            dataset: None,
        }
    }
}
