//! The same model for very many classes, where a table of workers × classes × classes doesn't fit.
//!
//! A true class is one that somebody chose for the item; the others share what is kept for items beyond the workers.
//! So there are no more counts than answers times classes chosen for an item, however many classes there are.

use super::earlier::{Count, Earlier, thousandths};
use super::estimate::{choose, exponent, known, power};
use super::probabilities::Table;
use super::skills::Skills;
use super::{Config, Estimate, Votes};
use crate::statistics::{Answered, ClassStatistics, THOUSAND};

/// Smallest probability of an answer, as where there are few classes.
const PROBABILITY_MIN: f64 = 1e-5;

/// A sum: of earlier batches, and with these items.
#[derive(Clone, Copy, Default)]
struct Sum {
    carried: f64,
    all: f64,
}

/// A worker's answer to an item of some true class.
struct Entry {
    worker: usize,
    truth: usize,
    answered: usize,
    /// Index of (worker, truth) and of (truth, answered).
    row_idx: usize,
    pair_idx: usize,
    count: Sum,
    probability: f64,
}

/// An item: the classes chosen, ascending, and for each vote an entry for each of them.
struct Item {
    item_idx: usize,
    chosen: Vec<u32>,
    votes: Vec<u32>,
    entries: Vec<usize>,
}

pub(super) struct Model<'c> {
    config: &'c Config,
    n_classes: usize,
    prior: Vec<f64>,
    items: Vec<Item>,
    entries: Vec<Entry>,
    rows: Vec<Sum>,
    pairs: Vec<Sum>,
    /// Wrong answers by true class.
    errors: Vec<Sum>,
    /// Right answers and answers by worker.
    workers: Vec<(Sum, Sum)>,
    accuracies: Vec<f64>,
    pooled_accuracy: f64,
    absent: Skills,
    /// Right answers and answers of those who did not answer here.
    absent_sums: (f64, f64),
}

impl<'c> Model<'c> {
    pub(super) fn new(votes: &Votes<'_>, earlier: &Earlier<'_>, config: &'c Config) -> Self {
        let n_classes = votes.classes.len();
        let chosen_of = |idx| -> Vec<u32> {
            let mut chosen: Vec<u32> = votes.classes_of(idx).to_vec();
            chosen.sort_unstable();
            chosen.dedup();
            chosen
        };
        let triples = |item| {
            let chosen = chosen_of(item);
            let cells = votes.of(item).iter().zip(votes.classes_of(item));
            let each = cells.flat_map(|(cell, answered)| {
                let worker = cell.saturating_sub(*answered) as usize / n_classes.max(1);
                let triple = move |truth: &u32| (worker, *truth as usize, *answered as usize);
                chosen.iter().map(triple).collect::<Vec<_>>()
            });
            each.collect::<Vec<_>>()
        };
        let mut keys: Vec<_> = votes.items.iter().flat_map(triples).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut rows: Vec<_> = keys
            .iter()
            .map(|(worker, truth, _)| (*worker, *truth))
            .collect();
        rows.dedup();
        let mut pairs: Vec<_> = keys
            .iter()
            .map(|(_, truth, answered)| (*truth, *answered))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let entry = |&(worker, truth, answered): &(usize, usize, usize)| Entry {
            worker,
            truth,
            answered,
            row_idx: rows.binary_search(&(worker, truth)).unwrap_or_default(),
            pair_idx: pairs.binary_search(&(truth, answered)).unwrap_or_default(),
            count: Sum::default(),
            probability: 0.0,
        };
        let find = |key| keys.binary_search(&key).unwrap_or_default();
        let items = votes.items.iter().map(|item| Item {
            item_idx: item.item_idx as usize,
            chosen: chosen_of(item),
            votes: votes.classes_of(item).to_vec(),
            entries: triples(item).into_iter().map(find).collect(),
        });
        let prior = votes.prior(earlier, config);
        let mut model = Self {
            config,
            n_classes,
            prior: prior.into_iter().map(f64::from).collect(),
            items: items.collect(),
            entries: keys.iter().map(entry).collect(),
            rows: vec![Sum::default(); rows.len()],
            pairs: vec![Sum::default(); pairs.len()],
            errors: vec![Sum::default(); n_classes],
            workers: vec![Default::default(); votes.workers.len()],
            accuracies: vec![0.0; votes.workers.len()],
            pooled_accuracy: 0.0,
            absent: Skills::default(),
            absent_sums: (0.0, 0.0),
        };
        let others = earlier.others(&votes.workers);
        let mut of_others = vec![(0.0, 0.0); others.len()];
        for (count, n) in sums(earlier, &votes.workers, &others) {
            let (worker, truth, answered) = (
                count.worker as usize,
                count.truth as usize,
                count.answered as usize,
            );
            let right = if truth == answered { n } else { 0.0 };
            let pair = pairs.binary_search(&(truth, answered)).ok();
            add(pair.and_then(|idx| model.pairs.get_mut(idx)), n);
            if truth != answered {
                add(model.errors.get_mut(truth), n);
            }
            if let Some((of_right, of_all)) = model.workers.get_mut(worker) {
                add(Some(of_right), right);
                add(Some(of_all), n);
                let row = rows.binary_search(&(worker, truth)).ok();
                add(row.and_then(|idx| model.rows.get_mut(idx)), n);
                let entry = keys.binary_search(&(worker, truth, answered)).ok();
                let entry = entry.and_then(|idx| model.entries.get_mut(idx));
                add(entry.map(|entry| &mut entry.count), n);
            } else if let Some(sums) = of_others.get_mut(worker - votes.workers.len()) {
                sums.0 += right;
                sums.1 += n;
            }
        }
        for (right, n_answers) in of_others {
            model.absent.add(right, n_answers);
            model.absent_sums.0 += right;
            model.absent_sums.1 += n_answers;
        }
        model.reset();
        model.count(|item, _| {
            let part = 1.0 / item.votes.len() as f64;
            let share = |class| item.votes.iter().filter(|vote| *vote == class).count() as f64;
            item.chosen
                .iter()
                .map(|class| share(class) * part)
                .collect()
        });
        model.maximise();
        model
    }

    pub(super) fn run(&mut self, n_iterations: u32) {
        for _ in 0..n_iterations {
            self.reset();
            self.count(|item, model| model.posterior(item));
            self.maximise();
        }
    }

    /// Every item's tempered posterior, and the expected counts of these items.
    pub(super) fn conclude(&self, votes: &Votes<'_>) -> (Vec<Option<Estimate>>, ClassStatistics) {
        let mut skills = self.absent;
        for (right, n_answers) in &self.workers {
            skills.add(right.all, n_answers.all);
        }
        let spread = skills.spread(self.pooled_accuracy, self.n_classes, self.config);
        let shrinkage = self.config.accuracy_shrinkage as f32;
        let shares = self.workers.iter();
        let known_shares: Vec<f32> = shares
            .map(|(_, n_answers)| known(n_answers.all as f32, shrinkage))
            .collect();
        let mut table = Table::with_capacity(votes.own_items().count(), self.n_classes);
        let mut answered = Answered::of(
            &votes.workers,
            votes.classes,
            votes.n_items,
            votes.n_votes(),
        );
        let mut probable = Vec::new();
        let n_own = votes.n_items;
        for item in self.items.iter().filter(|item| item.item_idx < n_own) {
            let posterior = self.posterior(item);
            let posterior_f32: Vec<f32> = posterior.iter().map(|q| *q as f32).collect();
            thousandths(&posterior_f32, &mut probable);
            for [class, _] in &mut probable {
                *class = item
                    .chosen
                    .get(*class as usize)
                    .copied()
                    .unwrap_or_default();
            }
            let entries = item.entries.chunks(item.chosen.len().max(1));
            let workers = entries.map(|entries| {
                let entry = entries.first().and_then(|idx| self.entries.get(*idx));
                entry.map_or(0, |entry| entry.worker as u32)
            });
            answered.push(
                workers
                    .clone()
                    .zip(&item.votes)
                    .map(|(worker, class)| [worker, *class]),
                &probable,
            );
            let known = workers.map(|worker| known_shares.get(worker as usize).copied());
            let exponent = exponent(spread, known.map(Option::unwrap_or_default), self.config);
            let mut tempered = vec![0.0; self.n_classes];
            for (class, q) in item.chosen.iter().zip(&posterior) {
                if let Some(p) = tempered.get_mut(*class as usize) {
                    *p = power(*q as f32, exponent);
                }
            }
            let single = match (item.votes.as_slice(), item.entries.as_slice()) {
                ([_], [entry_idx]) => (self.entries.get(*entry_idx))
                    .and_then(|entry| self.accuracies.get(entry.worker).copied()),
                _ => None,
            };
            table.push(item.item_idx as u32, |row| {
                choose(&tempered, row, &item.votes, single, self.config)
            });
        }
        let statistics = if self.config.leaves_statistics {
            ClassStatistics::new(answered)
        } else {
            ClassStatistics::default()
        };
        (table.into_estimates(votes.n_items), statistics)
    }

    /// Probability of each class chosen for the item.
    fn posterior(&self, item: &Item) -> Vec<f64> {
        let mut posterior: Vec<f64> = item
            .chosen
            .iter()
            .map(|class| self.prior.get(*class as usize).copied().unwrap_or_default())
            .collect();
        for entries in item.entries.chunks(item.chosen.len().max(1)) {
            for (q, entry_idx) in posterior.iter_mut().zip(entries) {
                *q *= self
                    .entries
                    .get(*entry_idx)
                    .map_or(1.0, |entry| entry.probability);
            }
            let sum: f64 = posterior.iter().sum();
            for q in &mut posterior {
                *q /= sum;
            }
        }
        posterior
    }

    fn reset(&mut self) {
        let sums = (self.entries.iter_mut().map(|entry| &mut entry.count))
            .chain(&mut self.rows)
            .chain(&mut self.pairs)
            .chain(&mut self.errors)
            .chain(
                self.workers
                    .iter_mut()
                    .flat_map(|(right, all)| [right, all]),
            );
        for sum in sums {
            sum.all = sum.carried;
        }
    }

    /// Adds each item's probabilities to the counts.
    fn count(&mut self, probabilities: impl Fn(&Item, &Self) -> Vec<f64>) {
        let mut added = vec![0.0; self.entries.len()];
        for item in &self.items {
            let probabilities = probabilities(item, self);
            for entries in item.entries.chunks(item.chosen.len().max(1)) {
                for (entry_idx, p) in entries.iter().zip(&probabilities) {
                    if let Some(sum) = added.get_mut(*entry_idx) {
                        *sum += p;
                    }
                }
            }
        }
        for (entry, n) in self.entries.iter_mut().zip(added) {
            let is_right = entry.truth == entry.answered;
            entry.count.all += n;
            let sums = [
                self.rows.get_mut(entry.row_idx),
                self.pairs.get_mut(entry.pair_idx),
                self.errors.get_mut(entry.truth).filter(|_| !is_right),
            ];
            for sum in sums.into_iter().flatten() {
                sum.all += n;
            }
            if let Some((right, all)) = self.workers.get_mut(entry.worker) {
                right.all += if is_right { n } else { 0.0 };
                all.all += n;
            }
        }
    }

    fn maximise(&mut self) {
        let config = self.config;
        let (mut right, mut total) = self.absent_sums;
        for sums in &self.workers {
            right += sums.0.all;
            total += sums.1.all;
        }
        let weight = config.accuracy_prior_weight;
        self.pooled_accuracy = (right + weight * config.accuracy_prior) / (total + weight);
        for (accuracy, (right, all)) in self.accuracies.iter_mut().zip(&self.workers) {
            *accuracy = (right.all + config.accuracy_shrinkage * self.pooled_accuracy)
                / (all.all + config.accuracy_shrinkage);
        }
        let wrong = self.n_classes.saturating_sub(1).max(1) as f64;
        let any_error = weight * (1.0 - config.accuracy_prior);
        for entry in &mut self.entries {
            let accuracy = self
                .accuracies
                .get(entry.worker)
                .copied()
                .unwrap_or_default();
            let of = |sums: &[Sum], idx: usize| sums.get(idx).copied().unwrap_or_default().all;
            let expected = if entry.truth == entry.answered {
                accuracy
            } else {
                (1.0 - accuracy) * (of(&self.pairs, entry.pair_idx) + any_error / wrong)
                    / (of(&self.errors, entry.truth) + any_error)
            };
            entry.probability = ((entry.count.all + config.row_shrinkage * expected)
                / (of(&self.rows, entry.row_idx) + config.row_shrinkage))
                .max(PROBABILITY_MIN);
        }
    }
}

/// What earlier batches counted, each (worker, truth, answer) once: sums of whole numbers, in whatever order they come.
/// Workers are indices into `workers`, then into `others`.
fn sums(
    earlier: &Earlier<'_>,
    workers: &[&str],
    others: &[&str],
) -> impl Iterator<Item = (Count, f64)> {
    let idx = |name: &str| {
        let own = workers.binary_search(&name).ok();
        let other = || Some(workers.len() + others.binary_search(&name).ok()?);
        own.or_else(other).map(|idx| idx as u32)
    };
    let mut counts = Vec::new();
    earlier.counts(idx, |count| counts.push(count));
    let key = |count: &Count| (count.worker, count.truth, count.answered);
    counts.sort_unstable_by_key(key);
    let same: Vec<(Count, f64)> = counts
        .chunk_by(|a, b| key(a) == key(b))
        .filter_map(|same| {
            let n: u64 = same.iter().map(|count| u64::from(count.n)).sum();
            Some((*same.first()?, n as f64 / f64::from(THOUSAND)))
        })
        .collect();
    same.into_iter()
}

fn add(sum: Option<&mut Sum>, n: f64) {
    if let Some(sum) = sum {
        sum.carried += n;
    }
}
