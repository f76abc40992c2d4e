//! The label categories.

use std::collections::BTreeMap;

use labeling::TaskType;
use labeling::consolidation::Quality;

use super::chart::Histogram;
use super::table::{Cell, Column, Row, Table};
use super::text;

/// Categories in the table, inclusive.
const CATEGORIES_MAX: usize = 500;
/// Categories in the table of confusion, inclusive.
const CONFUSED_MAX: usize = 20;
/// Shades of its cells.
const SHADES: f64 = 5.0;

/// The categories' section.
pub(super) struct Categories {
    pub(super) n_categories: String,
    pub(super) table: Table,
    pub(super) n_left_out: usize,
    pub(super) confusion: Option<Confusion>,
    pub(super) confidences: Option<Histogram>,
}

/// How often each category was answered where each one is the label.
pub(super) struct Confusion {
    pub(super) categories: Vec<String>,
    pub(super) rows: Vec<ConfusionRow>,
    pub(super) is_cut: bool,
}

pub(super) struct ConfusionRow {
    pub(super) category: String,
    pub(super) cells: Vec<ConfusionCell>,
}

pub(super) struct ConfusionCell {
    pub(super) n: u32,
    /// Shade, from 0 for none.
    pub(super) shade: u32,
    pub(super) is_same: bool,
}

impl Categories {
    pub(super) fn of(quality: &Quality) -> Self {
        let what = match quality.task_type {
            TaskType::BoundingBox => Column::number("boxes", "boxes of labels"),
            TaskType::SingleLabel | TaskType::MultiLabel => {
                Column::number("images", "data objects with this label")
            }
        };
        let shown = quality.categories.iter().take(CATEGORIES_MAX);
        let rows = shown.map(|category| Row {
            cells: vec![
                Cell::text(&category.class),
                Cell::count(category.n_items),
                Cell::share(category.agreement),
                Cell::count(category.n_answered_elsewhere),
            ],
            is_marked: false,
        });
        Self {
            n_categories: text::counted(quality.categories.len() as u64, "category"),
            table: Table {
                caption: "Categories",
                columns: vec![
                    Column::text("category", "label category"),
                    what,
                    Column::number(
                        "agreement",
                        "share of the answers to these that are the same",
                    ),
                    Column::number(
                        "elsewhere",
                        "answers of this category where the label is another",
                    ),
                ],
                rows: rows.collect(),
            },
            n_left_out: quality.categories.len().saturating_sub(CATEGORIES_MAX),
            confusion: Confusion::of(quality),
            confidences: (quality.confidences.n_values() > 0)
                .then(|| Histogram::of_confidences(&quality.confidences)),
        }
    }
}

impl Confusion {
    /// The categories with the most answers that are something else; `None` when there are none of these.
    fn of(quality: &Quality) -> Option<Self> {
        let mut wrong: BTreeMap<&str, u32> = BTreeMap::new();
        let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for cell in &quality.confusion {
            let (label, answer) = (cell.consolidated.as_str(), cell.answered.as_str());
            counts.insert((label, answer), cell.n);
            if label != answer {
                *wrong.entry(label).or_default() += cell.n;
                *wrong.entry(answer).or_default() += cell.n;
            }
        }
        let mut sorted: Vec<(&str, u32)> = wrong.into_iter().collect();
        sorted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let is_cut = sorted.len() > CONFUSED_MAX;
        sorted.truncate(CONFUSED_MAX);
        let mut names: Vec<&str> = sorted.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let rows = names.iter().map(|label| {
            let n = |answer: &str| counts.get(&(*label, answer)).copied().unwrap_or_default();
            let whole = f64::from(names.iter().map(|answer| n(answer)).sum::<u32>().max(1));
            let cell = |answer: &&str| ConfusionCell {
                n: n(answer),
                shade: (SHADES * f64::from(n(answer)) / whole).ceil() as u32,
                is_same: label == answer,
            };
            ConfusionRow {
                category: text::shown(label),
                cells: names.iter().map(cell).collect(),
            }
        });
        (!names.is_empty()).then(|| Self {
            rows: rows.collect(),
            categories: names.iter().map(|name| text::shown(name)).collect(),
            is_cut,
        })
    }
}
