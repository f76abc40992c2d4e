//! What `gtcl evaluate` prints: a table a kind of label, or a line of JSON a set.

use std::path::Path;

use serde::Serialize;

use crate::arguments::Format;
use crate::evaluate::figures::Measured;
use crate::evaluate::{boxes, job, multi_label, single_label};
use crate::output::stdout::print;

/// One set's figures as JSON.
#[derive(Serialize)]
pub(super) struct Report<'a, C> {
    set: &'a str,
    #[serde(flatten)]
    comparison: C,
    /// The job's own output, where a job is evaluated that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_output: Option<job::Recorded>,
}

impl<'a, C> Report<'a, C> {
    pub(super) fn of_set(set: &'a str, comparison: C) -> Self {
        Self::of_job(set, comparison, None)
    }

    pub(super) fn of_job(set: &'a str, comparison: C, own_output: Option<job::Recorded>) -> Self {
        Self {
            set,
            comparison,
            own_output,
        }
    }
}

pub(super) fn print_own(own: job::Recorded) {
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    print(format!(
        "the job's own output: {} of {} exactly right, F1 {}, AUROC {}",
        own.n_right,
        own.n_judged,
        figure(own.f1),
        figure(own.auroc)
    ));
}

pub(super) fn print_single_label(
    runs: &[(String, Measured<single_label::Comparison>)],
    format: Format,
) {
    let comparisons: Vec<_> = runs.iter().map(|(_, comparison)| *comparison).collect();
    let mean = Measured::mean_of(&comparisons);
    let all = runs
        .iter()
        .map(|(set, comparison)| (set.as_str(), comparison));
    let all = all.chain((runs.len() > 1).then_some(("mean", &mean)));
    if matches!(format, Format::Text) {
        print(format!(
            "{:<16} {:<13} {:>8} {:>7} {:>6} {:>6} {:>6} {:>6}",
            "set", "method", "right %", "points", "ECE", "NLL", "Brier", "AUROC"
        ));
    }
    for (set, comparison) in all {
        if matches!(format, Format::Json) {
            print_json(&Report::of_set(set, comparison));
            continue;
        }
        let Measured {
            mean,
            standard_error,
        } = comparison;
        let points = 100.0 * (mean.consolidation.accuracy - mean.vote.accuracy);
        let mut rows = vec![
            ("consolidation", mean.consolidation, format!("{points:+.2}")),
            ("  off by ±", standard_error.consolidation, String::new()),
            ("vote", mean.vote, String::new()),
        ];
        rows.retain(|(_, figures, _)| !figures.accuracy.is_nan());
        for (method, figures, points) in rows {
            print(format!(
                "{set:<16} {method:<13} {:>8.2} {points:>7} {:>6.3} {:>6.3} {:>6.3} {:>6.3}",
                100.0 * figures.accuracy,
                figures.ece,
                figures.nll,
                figures.brier,
                figures.auroc,
            ));
        }
    }
    if runs.len() > 1 && matches!(format, Format::Text) {
        let points = |comparison: &Measured<single_label::Comparison>| {
            let mean = &comparison.mean;
            100.0 * (mean.consolidation.accuracy - mean.vote.accuracy)
        };
        if let Some((set, comparison)) = runs
            .iter()
            .min_by(|a, b| points(&a.1).total_cmp(&points(&b.1)))
        {
            print(format!(
                "worst set against the vote: {set}, {:+.2} points",
                points(comparison)
            ));
        }
    }
}

pub(super) fn print_boxes(comparison: &Measured<boxes::Comparison>, file: &Path, format: Format) {
    let set = name_of(file);
    if matches!(format, Format::Json) {
        return print_json(&Report::of_set(&set, comparison));
    }
    print(format!(
        "{:<16} {:<13} {:>8} {:>8} {:>8} {:>6} {:>8}",
        "set", "method", "F1@0.5", "F1@0.75", "mean IoU", "ECE", "ECE all"
    ));
    for (method, figures) in [
        ("consolidation", comparison.mean.consolidation),
        ("  off by ±", comparison.standard_error.consolidation),
        ("vote and mean", comparison.mean.vote),
    ] {
        print(format!(
            "{set:<16} {method:<13} {:>8} {:>8} {:>8} {:>6} {:>8}",
            three_decimals(figures.f1_at_50),
            three_decimals(figures.f1_at_75),
            three_decimals(figures.mean_iou),
            three_decimals(figures.ece),
            three_decimals(figures.ece_all),
        ));
    }
}

pub(super) fn print_multi_label(
    comparison: &Measured<multi_label::Comparison>,
    file: &Path,
    format: Format,
) {
    let set = name_of(file);
    if matches!(format, Format::Json) {
        return print_json(&Report::of_set(&set, comparison));
    }
    print(format!(
        "{:<20} {:<17} {:>6} {:>6} {:>6} {:>6}",
        "set", "method", "F1", "exact", "ECE", "NLL"
    ));
    for (method, figures) in [
        ("consolidation", comparison.mean.consolidation),
        ("  off by ±", comparison.standard_error.consolidation),
        ("half of the votes", comparison.mean.vote_half),
        ("a third of them", comparison.mean.vote_third),
    ] {
        print(format!(
            "{set:<20} {method:<17} {:>6} {:>6} {:>6} {:>6}",
            three_decimals(figures.f1),
            three_decimals(figures.exact),
            three_decimals(figures.ece),
            three_decimals(figures.nll),
        ));
    }
}

pub(super) fn print_json(report: &impl Serialize) {
    if let Ok(json) = serde_json::to_string(report) {
        print(json);
    }
}

/// A figure of three decimals, or a dash where it can't be said.
fn three_decimals(figure: f64) -> String {
    if figure.is_nan() {
        "-".to_owned()
    } else {
        format!("{figure:.3}")
    }
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_stem()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
