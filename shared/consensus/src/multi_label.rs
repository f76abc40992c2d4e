//! Which classes: any number of classes for each item, none included.

use std::collections::BTreeMap;

use crate::{Consolidation, Problem, Statistics};

/// One worker's answer to one item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// Index into [`Problem::workers`].
    pub worker: u32,
    /// The classes selected, indices into [`Problem::classes`], in any order; empty: none of them, which is evidence.
    pub classes: Vec<u32>,
}

/// The consolidated classes of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The classes accepted, ascending.
    pub accepted: Vec<u32>,
    /// Probability in [0, 1] of each class, in class order; each class by itself, so they don't sum to 1.
    pub probabilities: Vec<f64>,
}

/// Settings.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// A class is accepted when its probability is at least this, in [0, 1].
    pub accept_at_least: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            accept_at_least: 0.5,
        }
    }
}

/// Consolidates the items.
#[must_use]
pub fn consolidate(
    problem: &Problem<Answer>,
    _carried: &Statistics,
    config: &Config,
) -> Consolidation<Estimate> {
    let mut estimates = Vec::with_capacity(problem.items.len());
    for answers in &problem.items {
        let mut by_worker = BTreeMap::new();
        for answer in answers {
            if (answer.worker as usize) < problem.workers.len() {
                by_worker.entry(answer.worker).or_insert(&answer.classes);
            }
        }
        let n_workers = by_worker.len() as f64;
        let probabilities: Vec<f64> = (0..problem.classes.len() as u32)
            .map(|class| {
                by_worker
                    .values()
                    .filter(|classes| classes.contains(&class))
                    .count() as f64
                    / n_workers
            })
            .collect();
        let accepted = (0u32..)
            .zip(&probabilities)
            .filter(|(_, p)| **p >= config.accept_at_least)
            .map(|(class, _)| class);
        estimates.push((!by_worker.is_empty()).then(|| Estimate {
            accepted: accepted.collect(),
            probabilities: probabilities.clone(),
        }));
    }
    Consolidation {
        estimates,
        statistics: Statistics::default(),
    }
}
