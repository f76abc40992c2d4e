//! A data object that workers disagree on.

use labeling::consolidation::Disputed;

use super::figure::{Figure, Figures};
use super::text;
use super::workers::Colors;

/// Answers on a card, inclusive.
const ANSWERS_MAX: usize = 20;
/// Characters of a pseudonym on it, where there is little room: enough to tell a job's workers apart.
const WORKER_CHARS: usize = 8;

/// A card.
pub(super) struct Card {
    pub(super) number: usize,
    pub(super) object_id: String,
    pub(super) file_name: String,
    pub(super) source_ref: Option<String>,
    pub(super) label: String,
    pub(super) confidence: f64,
    pub(super) confidence_shown: String,
    pub(super) bar: String,
    pub(super) n_votes: u32,
    pub(super) n_answers: u32,
    /// The two likeliest categories.
    pub(super) likeliest: Vec<(String, String)>,
    pub(super) figure: Figure,
    pub(super) answers: Vec<Says>,
    pub(super) n_more_answers: usize,
}

/// A worker's answer.
pub(super) struct Says {
    pub(super) worker: String,
    /// The start of the pseudonym.
    pub(super) worker_short: String,
    pub(super) color: usize,
    pub(super) says: String,
    pub(super) is_label: bool,
}

impl Card {
    pub(super) fn of(
        idx: usize,
        object: &Disputed,
        figures: &Figures<'_>,
        colors: &Colors,
    ) -> Self {
        let mut figure = figures.figure(object.source_ref.as_deref(), object.image_size_px);
        let shown = object.answers.get(..ANSWERS_MAX).unwrap_or(&object.answers);
        let workers = shown.iter().map(|answer| answer.worker.as_str());
        let colors = colors.side_by_side(workers);
        for (answer, color) in shown.iter().zip(&colors) {
            figure.draw(&answer.boxes, &color.to_string(), &answer.worker);
        }
        figure.draw(&object.boxes, "a", "the label");
        let answers = shown.iter().zip(colors).map(|(answer, color)| Says {
            worker: text::shown(&answer.worker),
            worker_short: answer.worker.chars().take(WORKER_CHARS).collect(),
            color,
            says: or_nothing(&answer.says),
            is_label: answer.says == object.label,
        });
        let likeliest = object.likeliest.iter().map(|likely| {
            let probability = text::percent(likely.probability);
            (text::shown(&likely.category), probability)
        });
        Self {
            number: idx + 1,
            object_id: text::shown(&object.dataset_object_id),
            file_name: object.source_ref.as_deref().map_or_else(
                || format!("data object {}", text::shown(&object.dataset_object_id)),
                text::file_name,
            ),
            source_ref: object.source_ref.clone(),
            label: or_nothing(&object.label),
            confidence: object.confidence,
            confidence_shown: text::percent(object.confidence),
            bar: format!("{:.1}", 100.0 * object.confidence.clamp(0.0, 1.0)),
            n_votes: object.n_votes,
            n_answers: object.n_answers,
            likeliest: likeliest.collect(),
            figure,
            answers: answers.collect(),
            n_more_answers: object.answers.len() - shown.len(),
        }
    }
}

/// An answer, or a label, in words.
fn or_nothing(text: &str) -> String {
    if text.is_empty() {
        "no category".to_owned()
    } else {
        text::shown(text)
    }
}
