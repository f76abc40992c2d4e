//! What went wrong: lines by code, data objects without a label, labels that are not the truth.

use super::chart::ReliabilityChart;
use super::figure::{Figure, Figures};
use super::text;
use crate::job::{Job, TruthFigures};

/// The section of what did not go in.
pub(super) struct Faults {
    pub(super) by_code: Vec<OfCode>,
    pub(super) n_failed: String,
    pub(super) failed: Vec<Item>,
    pub(super) n_failed_left_out: u64,
    pub(super) is_there: bool,
}

/// Lines with the same code.
pub(super) struct OfCode {
    pub(super) code: String,
    pub(super) n: String,
    pub(super) n_value: u64,
    pub(super) remedy: String,
    pub(super) lines: Vec<Item>,
    pub(super) n_left_out: u64,
}

/// Something with a picture.
pub(super) struct Item {
    /// What it is: a line, a data object, a file.
    pub(super) what: String,
    pub(super) source_ref: Option<String>,
    pub(super) told: String,
    pub(super) figure: Option<Figure>,
}

impl Faults {
    pub(super) fn of(job: &Job, figures: &Figures<'_>) -> Self {
        let picture = |source: &Option<String>| {
            source
                .as_deref()
                .map(|source| figures.figure(Some(source), None))
        };
        let of_code = job.faults.iter().map(|faults| OfCode {
            code: text::shown(&faults.code),
            n: text::counted(faults.n_lines, "line"),
            n_value: faults.n_lines,
            remedy: text::shown(&faults.remedy),
            n_left_out: faults.n_lines.saturating_sub(faults.lines.len() as u64),
            lines: faults
                .lines
                .iter()
                .map(|line| Item {
                    what: format!("line {}", text::number(line.line_number)),
                    source_ref: line.source_ref.clone(),
                    told: text::shown(&line.reason),
                    figure: picture(&line.source_ref),
                })
                .collect(),
        });
        let failed = job.failed.iter().map(|object| Item {
            what: format!("data object {}", text::shown(&object.dataset_object_id)),
            source_ref: object.source_ref.clone(),
            told: text::shown(&object.reason),
            figure: picture(&object.source_ref),
        });
        let n_failed = job.outcome.failed;
        let (by_code, failed): (Vec<OfCode>, Vec<Item>) = (of_code.collect(), failed.collect());
        Self {
            is_there: !by_code.is_empty() || !failed.is_empty() || n_failed > 0,
            by_code,
            n_failed: text::counted(n_failed, "data object"),
            n_failed_left_out: n_failed.saturating_sub(failed.len() as u64),
            failed,
        }
    }
}

/// The section of the known truth.
pub(super) struct Truth {
    pub(super) n_compared: String,
    pub(super) n_right: String,
    pub(super) exact: String,
    pub(super) exact_value: f64,
    pub(super) f1: Option<String>,
    pub(super) reliability: Option<ReliabilityChart>,
    pub(super) wrong: Vec<Item>,
    pub(super) has_boxes: bool,
    pub(super) n_wrong_left_out: u64,
}

impl Truth {
    pub(super) fn of(truth: &TruthFigures, figures: &Figures<'_>) -> Self {
        let exact = truth.n_right as f64 / truth.n_compared.max(1) as f64;
        let n_both = truth.n_true + truth.n_labeled;
        let f1 = 2.0 * truth.n_found as f64 / n_both.max(1) as f64;
        let wrong = truth.wrong.iter().map(|wrong| {
            let confidence = wrong.confidence.map(text::percent);
            let confidence = confidence.map_or_else(String::new, |it| format!(", confidence {it}"));
            let (label, known) = (text::shown(&wrong.label), text::shown(&wrong.truth));
            let mut figure = figures.figure(Some(&wrong.source_ref), wrong.image_size_px);
            figure.draw(&wrong.true_boxes, "t", "the truth");
            figure.draw(&wrong.boxes, "a", "the label");
            Item {
                what: text::file_name(&wrong.source_ref),
                source_ref: Some(wrong.source_ref.clone()),
                told: format!("label: {label}{confidence}; truth: {known}"),
                figure: Some(figure),
            }
        });
        let n_wrong = truth.n_compared.saturating_sub(truth.n_right);
        Self {
            n_compared: text::counted(truth.n_compared, "data object"),
            n_right: text::number(truth.n_right),
            exact: text::percent(exact),
            exact_value: exact,
            f1: ((f1 - exact).abs() > 1e-9 && n_both > 0).then(|| format!("{f1:.3}")),
            reliability: ReliabilityChart::of(&truth.reliability),
            n_wrong_left_out: n_wrong.saturating_sub(truth.wrong.len() as u64),
            wrong: wrong.collect(),
            has_boxes: truth.wrong.iter().any(|wrong| !wrong.true_boxes.is_empty()),
        }
    }
}
