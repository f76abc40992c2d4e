//! One table of probabilities for all items of a call: a list for each item would cost more than what it holds.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::Estimate;

/// Probability of each class of one item, in class order; read it as a slice.
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
    /// Item and class of each row.
    rows: Vec<(u32, u32)>,
}

impl Table {
    /// Without rows, and with room for no more than so many.
    pub(super) fn with_capacity(n_rows: usize, n_classes: usize) -> Self {
        Self {
            n_classes,
            // Zeros cost nothing: memory comes as such.
            probabilities: vec![0.0; n_rows * n_classes],
            rows: Vec::with_capacity(n_rows),
        }
    }

    /// Adds an item's row. `choose` fills it in, which is of zeros, and returns the item's class.
    #[inline(always)]
    pub(super) fn push(&mut self, item_idx: u32, choose: impl FnOnce(&mut [f64]) -> u32) {
        let start = self.rows.len() * self.n_classes;
        let row = self.probabilities.get_mut(start..start + self.n_classes);
        self.rows.push((item_idx, choose(row.unwrap_or_default())));
    }

    /// Estimates in the order of the items; `None` for those without a row.
    pub(super) fn into_estimates(self, n_items: usize) -> Vec<Option<Estimate>> {
        let table = Arc::new(self.probabilities);
        let mut estimates = vec![None; n_items];
        for (row, (item_idx, class)) in (0u32..).zip(self.rows) {
            let probabilities = Probabilities {
                table: Arc::clone(&table),
                row,
                n_classes: self.n_classes as u32,
            };
            if let Some(slot) = estimates.get_mut(item_idx as usize) {
                *slot = Some(Estimate {
                    class,
                    confidence: (probabilities.get(class as usize).copied()).unwrap_or_default(),
                    probabilities,
                });
            }
        }
        estimates
    }
}
