//! How the figures about a job's workers, categories and data objects are printed.

use std::io::{self, Write};

use consensus::quality::agreement::Agreement;
use labeling::TaskType;
use labeling::consolidation::{Quality, Worker};

/// Data objects that are shown; the JSON form has all.
const DISPUTED_MAX: usize = 20;

/// Writes the figures as tables.
///
/// # Errors
///
/// As `out` does.
pub fn write_text(quality: &Quality, out: &mut impl Write) -> io::Result<()> {
    let columns = match quality.task_type {
        TaskType::SingleLabel => "",
        TaskType::MultiLabel => ", share of true categories selected, of false ones left",
        TaskType::BoundingBox => ", boxes matched, missed, extra, their mean IoU",
    };
    if let Some(agreement) = &quality.agreement {
        write_agreement(agreement, out)?;
    }
    writeln!(
        out,
        "\nworkers, the least accurate first: answers, estimated accuracy, share of disagreement{columns}"
    )?;
    for worker in &quality.workers {
        write_worker(worker, out)?;
    }
    let what = match quality.task_type {
        TaskType::BoundingBox => "boxes",
        TaskType::SingleLabel | TaskType::MultiLabel => "data objects",
    };
    writeln!(
        out,
        "\ncategories, the least agreed on first: {what}, agreement, answers elsewhere"
    )?;
    for category in &quality.categories {
        writeln!(
            out,
            "  {:>5}  {:>7}  {:>5}  {}",
            category.n_items,
            percent(category.agreement),
            category.n_answered_elsewhere,
            category.class.escape_debug()
        )?;
    }
    if !quality.disputed.is_empty() {
        writeln!(
            out,
            "\nworth a second look, the least certain first: data object, confidence, answers that say so, label"
        )?;
    }
    for object in quality.disputed.iter().take(DISPUTED_MAX) {
        writeln!(
            out,
            "  {:>7}  {:.4}  {} of {}  {}",
            object.dataset_object_id.escape_debug(),
            object.confidence,
            object.n_votes,
            object.n_answers,
            object.label.escape_debug()
        )?;
    }
    match quality.disputed.len().checked_sub(DISPUTED_MAX + 1) {
        Some(n_more) => writeln!(out, "  and {} more", n_more + 1),
        None => Ok(()),
    }
}

fn write_agreement(agreement: &Agreement, out: &mut impl Write) -> io::Result<()> {
    let alpha = agreement
        .alpha
        .map_or_else(|| "-".to_owned(), |alpha| format!("{alpha:.3}"));
    writeln!(
        out,
        "\nagreement      {:>7} of pairs of answers, Krippendorff's alpha {alpha}, {} data objects with two answers or more",
        percent(Some(agreement.share_of_pairs)),
        agreement.n_items
    )
}

fn write_worker(found: &Worker, out: &mut impl Write) -> io::Result<()> {
    let worker = &found.quality;
    write!(
        out,
        "  {}  {:>5}  {:>7}  {:>7}",
        worker.worker,
        worker.n_answers,
        percent(Some(worker.accuracy)),
        percent(Some(worker.disagreement)),
    )?;
    if let Some(rates) = &worker.rates {
        let (selected, left) = (Some(rates.sensitivity), Some(rates.specificity));
        write!(out, "  {:>7}  {:>7}", percent(selected), percent(left))?;
    }
    if let Some(boxes) = &worker.boxes {
        let iou = boxes
            .mean_iou
            .map_or_else(|| "-".to_owned(), |iou| format!("{iou:.2}"));
        write!(
            out,
            "  {:>5}  {:>5}  {:>5}  {iou:>4}",
            boxes.n_matched, boxes.n_missed, boxes.n_extra
        )?;
    }
    if let Some(pair) = &worker.most_confused {
        write!(
            out,
            "  {} × {} for {}",
            pair.n,
            pair.answered.escape_debug(),
            pair.consolidated.escape_debug()
        )?;
    }
    if let Some(seconds) = found.median_seconds {
        write!(out, "  {seconds:.1} s")?;
    }
    let mark = if worker.is_suspected {
        "  suspected: the answers say next to nothing about the image"
    } else {
        ""
    };
    writeln!(out, "{mark}")
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}
