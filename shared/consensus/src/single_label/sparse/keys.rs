//! What is counted of very many classes, and what earlier batches counted of it.

use std::cmp::Reverse;

use super::{Entry, Model, Sum};
use crate::single_label::earlier::Earlier;
use crate::single_label::votes::{ItemVotes, Votes};
use crate::statistics::THOUSAND;

/// Classes that somebody chose for an item, ascending: all of them, or so many with most votes, the lower ones first among
/// equals.
pub(super) fn chosen(votes: &Votes<'_>, item: &ItemVotes, n_max: Option<usize>) -> Vec<u32> {
    let mut classes: Vec<u32> = votes.classes_of(item).to_vec();
    classes.sort_unstable();
    if let Some(n_max) = n_max {
        let same = classes.chunk_by(|a, b| a == b);
        let mut counted: Vec<(Reverse<usize>, u32)> = same
            .filter_map(|same| Some((Reverse(same.len()), *same.first()?)))
            .collect();
        counted.sort_unstable();
        counted.truncate(n_max);
        classes = counted.into_iter().map(|(_, class)| class).collect();
        classes.sort_unstable();
    }
    classes.dedup();
    classes
}

/// For each vote on an item, for each class that may be true: worker, truth and answer.
pub(super) fn triples<'v>(
    votes: &'v Votes<'_>,
    item: &ItemVotes,
    chosen: &'v [u32],
) -> impl Iterator<Item = [u32; 3]> + 'v {
    let n_classes = votes.classes.len().max(1) as u32;
    let cells = votes.of(item).iter().zip(votes.classes_of(item));
    cells.flat_map(move |(cell, answered)| {
        let worker = cell.saturating_sub(*answered) / n_classes;
        chosen.iter().map(move |truth| [worker, *truth, *answered])
    })
}

/// What is counted, ascending.
pub(super) struct Keys {
    /// Worker, truth and answer.
    entries: Vec<[u32; 3]>,
    /// Worker and truth.
    pub(super) rows: Vec<[u32; 2]>,
    /// Truth and answer.
    pub(super) pairs: Vec<[u32; 2]>,
}

impl Keys {
    pub(super) fn of(votes: &Votes<'_>, n_chosen_max: Option<usize>) -> Self {
        let mut entries = Vec::new();
        for item in &votes.items {
            entries.extend(triples(votes, item, &chosen(votes, item, n_chosen_max)));
        }
        entries.sort_unstable();
        entries.dedup();
        entries.shrink_to_fit();
        let keys = entries.iter();
        let mut rows: Vec<_> = keys.map(|[worker, truth, _]| [*worker, *truth]).collect();
        rows.dedup();
        let keys = entries.iter();
        let mut pairs: Vec<_> = keys
            .map(|[_, truth, answered]| [*truth, *answered])
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        Self {
            entries,
            rows,
            pairs,
        }
    }

    pub(super) fn find(&self, key: &[u32; 3]) -> u32 {
        self.entries.binary_search(key).unwrap_or_default() as u32
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |&[worker, truth, answered]: &[u32; 3]| Entry {
            worker,
            truth,
            answered,
            row_idx: self
                .rows
                .binary_search(&[worker, truth])
                .unwrap_or_default() as u32,
            pair_idx: (self.pairs.binary_search(&[truth, answered])).unwrap_or_default() as u32,
            count: Sum::default(),
            probability: 0.0,
        };
        self.entries.iter().map(entry).collect()
    }
}

/// What earlier batches counted, in thousandths: sums of whole numbers, in whatever order they come.
pub(super) struct Carried {
    entries: Vec<u64>,
    rows: Vec<u64>,
    pairs: Vec<u64>,
    errors: Vec<u64>,
    /// Right answers and answers, of these votes' workers and then of the others.
    workers: Vec<(u64, u64)>,
}

impl Carried {
    pub(super) fn of(earlier: &Earlier<'_>, votes: &Votes<'_>, keys: &Keys) -> Self {
        let (workers, others) = (&votes.workers, earlier.others(&votes.workers));
        let mut carried = Self {
            entries: vec![0; keys.entries.len()],
            rows: vec![0; keys.rows.len()],
            pairs: vec![0; keys.pairs.len()],
            errors: vec![0; votes.classes.len()],
            workers: vec![(0, 0); workers.len() + others.len()],
        };
        let idx = |name: &str| {
            let own = workers.binary_search(&name).ok();
            let other = || Some(workers.len() + others.binary_search(&name).ok()?);
            own.or_else(other).map(|idx| idx as u32)
        };
        earlier.counts(idx, |count| {
            let (worker, truth, answered) = (count.worker, count.truth, count.answered);
            let n = count.n;
            let is_right = truth == answered;
            let places = [
                keys.entries
                    .binary_search(&[worker, truth, answered])
                    .ok()
                    .and_then(|idx| carried.entries.get_mut(idx)),
                keys.rows
                    .binary_search(&[worker, truth])
                    .ok()
                    .and_then(|idx| carried.rows.get_mut(idx)),
                keys.pairs
                    .binary_search(&[truth, answered])
                    .ok()
                    .and_then(|idx| carried.pairs.get_mut(idx)),
                carried.errors.get_mut(truth as usize).filter(|_| !is_right),
            ];
            for sum in places.into_iter().flatten() {
                *sum += n;
            }
            if let Some((right, all)) = carried.workers.get_mut(worker as usize) {
                *right += if is_right { n } else { 0 };
                *all += n;
            }
        });
        carried
    }

    pub(super) fn put_into(self, model: &mut Model<'_>) {
        let whole = |n: u64| n as f64 / f64::from(THOUSAND);
        for (entry, n) in model.entries.iter_mut().zip(self.entries) {
            entry.count.carried = whole(n);
        }
        let sums = [
            (&mut model.rows, self.rows),
            (&mut model.pairs, self.pairs),
            (&mut model.errors, self.errors),
        ];
        for (sums, counted) in sums {
            for (sum, n) in sums.iter_mut().zip(counted) {
                sum.carried = whole(n);
            }
        }
        let (own, others) = self.workers.split_at(model.workers.len());
        for ((of_right, of_all), (right, all)) in model.workers.iter_mut().zip(own) {
            (of_right.carried, of_all.carried) = (whole(*right), whole(*all));
        }
        for (right, all) in others {
            model.absent.add(whole(*right), whole(*all));
            model.absent_sums.0 += whole(*right);
            model.absent_sums.1 += whole(*all);
        }
    }
}
