//! How good consolidation is, against the truth: the core of `gtcl evaluate`, without the command line.
//!
//! The conditions of a labeling job are reproduced: some of an object's answers are kept, objects come shuffled and
//! in batches, and each is consolidated once.

pub mod boxes;
pub mod figures;
mod matching;

pub mod multi_label;
mod random;
pub mod read;
pub mod single_label;

pub use random::Random;

use consensus::{Consolidation, Problem, Statistics};

/// What a batch knows of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing.
    Batch,
    /// The statistics of the batches before it.
    Carried,
    /// All objects are one batch.
    WholeJob,
}

/// Conditions of one evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Answers kept of each object; those with fewer keep all.
    pub answers_per_object: usize,
    /// Objects in a batch.
    pub batch: usize,
    /// One run each, of which the mean is taken.
    pub seeds: Vec<u64>,
    /// What a batch knows of the others.
    pub mode: Mode,
}

/// Consolidates batch by batch; estimates come in the order of the items.
pub fn consolidate_in_batches<A: Clone, E>(
    problem: &Problem<A>,
    conditions: &Conditions,
    mut consolidate: impl FnMut(&Problem<A>, &Statistics, std::ops::Range<usize>) -> Consolidation<E>,
) -> Vec<Option<E>> {
    let mut carried = Statistics::default();
    let mut estimates = Vec::with_capacity(problem.items.len());
    let batch = match conditions.mode {
        Mode::WholeJob => problem.items.len(),
        Mode::Batch | Mode::Carried => conditions.batch,
    };
    let mut start = 0;
    for items in problem.items.chunks(batch.max(1)) {
        let some = Problem {
            workers: problem.workers.clone(),
            classes: problem.classes.clone(),
            items: items.to_vec(),
        };
        let done = consolidate(&some, &carried, start..start + items.len());
        start += items.len();
        estimates.extend(done.estimates);
        if conditions.mode == Mode::Carried {
            carried.merge(&done.statistics);
        }
    }
    estimates
}
