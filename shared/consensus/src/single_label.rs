//! Which class: one class for each item.

use std::collections::BTreeMap;

use crate::statistics::ONE;
use crate::{Consolidation, Problem, Statistics};

/// One worker's answer to one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// Index into [`Problem::workers`].
    pub worker: u32,
    /// Index into [`Problem::classes`].
    pub class: u32,
}

/// The consolidated class of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Index into [`Problem::classes`]: the most probable class, the lowest index among equals.
    pub class: u32,
    /// Probability in [0, 1] that `class` is right.
    pub confidence: f64,
    /// Probability of each class, in class order; they sum to 1.
    pub probabilities: Vec<f64>,
}

/// Settings.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Config {}

/// Consolidates the items.
#[must_use]
pub fn consolidate(
    problem: &Problem<Answer>,
    _carried: &Statistics,
    _config: &Config,
) -> Consolidation<Estimate> {
    let mut statistics = Statistics::default();
    let mut estimates = Vec::with_capacity(problem.items.len());
    for answers in &problem.items {
        let mut by_worker = BTreeMap::new();
        for answer in answers {
            if (answer.worker as usize) < problem.workers.len()
                && (answer.class as usize) < problem.classes.len()
            {
                by_worker.entry(answer.worker).or_insert(answer.class);
            }
        }
        let mut votes = vec![0.0; problem.classes.len()];
        for class in by_worker.values() {
            if let Some(n) = votes.get_mut(*class as usize) {
                *n += 1.0 / by_worker.len() as f64;
            }
        }
        for (name, share) in problem.classes.iter().zip(&votes) {
            if *share > 0.0 {
                *statistics.votes.entry(name.clone()).or_default() += (share * ONE).round() as u64;
            }
        }
        let best = votes
            .iter()
            .enumerate()
            .rev()
            .max_by(|a, b| a.1.total_cmp(b.1));
        estimates.push(
            best.filter(|_| !by_worker.is_empty())
                .map(|(class, share)| Estimate {
                    class: class as u32,
                    confidence: *share,
                    probabilities: votes.clone(),
                }),
        );
    }
    Consolidation {
        estimates,
        statistics,
    }
}
