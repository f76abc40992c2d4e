//! One table of probabilities for all items of a call: a list for each item would cost more than what it holds.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::Estimate;

/// Probability of each class of one item, in class order; read it as a slice. Empty where none were asked for.
///
/// All items of a call share one table, which stays in memory as long as any of them.
#[derive(Clone)]
pub struct Probabilities {
    table: Arc<Vec<f64>>,
    row: u32,
    n_classes: u32,
}

impl Deref for Probabilities {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        let n_classes = self.n_classes as usize;
        let start = self.row as usize * n_classes;
        self.table.get(start..start + n_classes).unwrap_or_default()
    }
}

impl PartialEq for Probabilities {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Probabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The table while it grows, row after row.
pub(super) struct Table {
    n_classes: usize,
    probabilities: Vec<f64>,
    /// Whether rows are kept; else all of them are one after another in the only one there is.
    is_kept: bool,
    rows: Vec<Row>,
}

/// What is known of an item.
struct Row {
    item_idx: u32,
    class: u32,
    confidence: f64,
}

impl Table {
    /// Without rows, and with room for no more than so many. Rows are kept if `is_kept`.
    pub(super) fn with_capacity(n_rows: usize, n_classes: usize, is_kept: bool) -> Self {
        let n_rows_kept = if is_kept { n_rows } else { 1 };
        Self {
            n_classes,
            // Zeros cost nothing: memory comes as such.
            probabilities: vec![0.0; n_rows_kept * n_classes],
            is_kept,
            rows: Vec::with_capacity(n_rows),
        }
    }

    /// Adds an item's row. `choose` fills in all of it and returns the item's class.
    #[inline(always)]
    pub(super) fn push(&mut self, item_idx: u32, choose: impl FnOnce(&mut [f64]) -> u32) {
        let row_idx = if self.is_kept { self.rows.len() } else { 0 };
        let start = row_idx * self.n_classes;
        let row = self.probabilities.get_mut(start..start + self.n_classes);
        let row = row.unwrap_or_default();
        let class = choose(row);
        self.rows.push(Row {
            item_idx,
            class,
            confidence: row.get(class as usize).copied().unwrap_or_default(),
        });
    }

    /// Adds an item whose probabilities are not kept.
    pub(super) fn push_class(&mut self, item_idx: u32, class: u32, confidence: f64) {
        self.rows.push(Row {
            item_idx,
            class,
            confidence,
        });
    }

    /// Estimates in the order of the items; `None` for those without a row.
    pub(super) fn into_estimates(self, n_items: usize) -> Vec<Option<Estimate>> {
        let n_classes = if self.is_kept { self.n_classes } else { 0 };
        let table = Arc::new(self.probabilities);
        let mut estimates = vec![None; n_items];
        for (row_idx, row) in (0u32..).zip(self.rows) {
            let probabilities = Probabilities {
                table: Arc::clone(&table),
                row: row_idx,
                n_classes: n_classes as u32,
            };
            if let Some(slot) = estimates.get_mut(row.item_idx as usize) {
                *slot = Some(Estimate {
                    class: row.class,
                    confidence: row.confidence,
                    probabilities,
                });
            }
        }
        estimates
    }
}
