//! Whether the job worked, and what to look at first.

use labeling::consolidation::Quality;

use super::text;
use super::workers::FEW_ANSWERS;
use crate::job::Job;

/// Confidence below which a disputed label is worth a look, exclusive.
const WORTH_A_LOOK_BELOW: f64 = 0.9;
/// Workers and codes that are named, inclusive.
const NAMED_MAX: usize = 5;
/// Width of the bars, in their own units.
const BAR_WIDTH: f64 = 600.0;

/// What came of the job.
pub(super) struct Outcome {
    pub(super) numbers: Vec<Number>,
    pub(super) sums: Vec<Sum>,
    /// Sums that don't add up.
    pub(super) losses: Vec<String>,
}

/// A figure with its name.
pub(super) struct Number {
    pub(super) name: &'static str,
    pub(super) value: u64,
    pub(super) shown: String,
    pub(super) is_bad: bool,
}

/// A whole and its parts.
pub(super) struct Sum {
    pub(super) whole: String,
    pub(super) parts: Vec<Part>,
}

pub(super) struct Part {
    pub(super) told: String,
    /// `good`, `idle` or `bad`.
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) width: String,
}

impl Outcome {
    pub(super) fn of(job: &Job) -> Self {
        let found = &job.outcome;
        let number = |name, value, is_bad| Number {
            name,
            value,
            shown: text::number(value),
            is_bad: is_bad && value > 0,
        };
        let mut numbers = vec![
            number("data objects", found.data_objects, false),
            number("answers", found.answers, false),
            number("labels", found.labeled, false),
        ];
        match &found.dataset {
            Some(dataset) => numbers.push(number("landed", dataset.landed, false)),
            None => numbers.push(number("entries", found.entries, false)),
        }
        numbers.push(number("rejected", found.rejected, true));
        numbers.push(number("failed", found.failed, true));
        let mut sums = vec![
            sum(
                text::counted(found.data_objects, "data object"),
                &[
                    (found.labeled, "labeled", "good"),
                    (found.failed, "failed", "bad"),
                    (found.not_in_output, "without a line in the output", "bad"),
                ],
            ),
            sum(
                text::counted(found.lines, "line"),
                &[
                    (found.entries, "dataset entries", "good"),
                    (found.skipped, "skipped", "idle"),
                    (found.rejected, "rejected", "bad"),
                ],
            ),
        ];
        if let Some(dataset) = &found.dataset {
            sums.push(sum(
                text::counted(found.entries, "entry"),
                &[
                    (dataset.landed, "landed", "good"),
                    (dataset.overwritten, "overwritten", "idle"),
                    (dataset.refused, "refused", "bad"),
                    (dataset.vanished, "dropped by Custom Labels", "bad"),
                ],
            ));
        }
        Self {
            numbers,
            sums,
            losses: found.losses(),
        }
    }
}

fn sum(whole: String, parts: &[(u64, &str, &'static str)]) -> Sum {
    let total = parts.iter().map(|(n, _, _)| n).sum::<u64>().max(1) as f64;
    let mut x = 0.0;
    let there = parts.iter().filter(|(n, _, _)| *n > 0);
    let parts = there.map(|(n, name, class)| {
        let width = BAR_WIDTH * *n as f64 / total;
        let part = Part {
            told: format!("{} {name}", text::number(*n)),
            class,
            x: format!("{x:.1}"),
            width: format!("{width:.1}"),
        };
        x += width;
        part
    });
    Sum {
        whole,
        parts: parts.collect(),
    }
}

/// What to look at first.
pub(super) struct FirstLook {
    pub(super) suspected: Vec<String>,
    pub(super) n_suspected: String,
    pub(super) n_more_suspected: usize,
    pub(super) n_disputed: usize,
    pub(super) disputed: String,
    pub(super) n_worth_a_look: String,
    /// Codes with their numbers of lines.
    pub(super) codes: Vec<(String, String)>,
    pub(super) n_more_codes: usize,
    pub(super) has_few_answers: bool,
}

impl FirstLook {
    pub(super) fn of(job: &Job) -> Self {
        let quality = job.quality.as_ref();
        let suspected: Vec<String> = quality
            .into_iter()
            .flat_map(Quality::suspected)
            .map(|worker| text::shown(&worker.worker))
            .collect();
        let disputed = quality.map_or(&[][..], |found| found.disputed.as_slice());
        let uncertain = disputed
            .iter()
            .filter(|object| object.confidence < WORTH_A_LOOK_BELOW);
        let codes = job.faults.iter().map(|faults| {
            let n = text::counted(faults.n_lines, "line");
            (text::shown(&faults.code), n)
        });
        let has_few_answers = quality.is_some_and(|found| {
            let mut workers = found.workers.iter();
            !workers.any(|worker| worker.quality.n_answers >= FEW_ANSWERS)
        });
        Self {
            n_suspected: text::counted(suspected.len() as u64, "worker"),
            n_more_suspected: suspected.len().saturating_sub(NAMED_MAX),
            suspected: suspected.into_iter().take(NAMED_MAX).collect(),
            n_disputed: disputed.len(),
            disputed: text::counted(disputed.len() as u64, "data object"),
            n_worth_a_look: text::number(uncertain.count() as u64),
            n_more_codes: job.faults.len().saturating_sub(NAMED_MAX),
            codes: codes.take(NAMED_MAX).collect(),
            has_few_answers,
        }
    }
}
