//! The same model for very many classes, where a table of workers × classes × classes doesn't fit.
//!
//! A true class is one that somebody chose for the item; the others share what is kept for items beyond the workers.
//! So there are no more counts than answers times classes chosen for an item, however many classes there are.

use std::collections::BTreeMap;

use super::estimate::{estimate, exponent, power};
use super::skills::Skills;
use super::{Config, Estimate, Votes};
use crate::statistics::{ClassStatistics, Counts, Name, ONE};

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
    pub(super) fn new(votes: &Votes<'_>, carried: &ClassStatistics, config: &'c Config) -> Self {
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
        let prior = votes.prior(carried, config.class_prior_weight);
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
        for (name, counts) in &carried.confusion {
            let worker = votes.workers.binary_search(&name.as_str()).ok();
            let (mut right, mut n_answers) = (0.0, 0.0);
            for (truth, answered, n) in votes.counts(counts) {
                let n = n as f64 / ONE;
                n_answers += n;
                right += if truth == answered { n } else { 0.0 };
                let slot = pairs.binary_search(&(truth, answered)).ok();
                add(slot.and_then(|idx| model.pairs.get_mut(idx)), n);
                if truth != answered {
                    add(model.errors.get_mut(truth), n);
                }
                if let Some(worker) = worker {
                    let slot = rows.binary_search(&(worker, truth)).ok();
                    add(slot.and_then(|idx| model.rows.get_mut(idx)), n);
                    let slot = keys.binary_search(&(worker, truth, answered)).ok();
                    let entry = slot.and_then(|idx| model.entries.get_mut(idx));
                    add(entry.map(|entry| &mut entry.count), n);
                }
            }
            match worker.and_then(|worker| model.workers.get_mut(worker)) {
                Some(sums) => (sums.0.carried, sums.1.carried) = (right, n_answers),
                None => {
                    model.absent.add(right, n_answers);
                    model.absent_sums.0 += right;
                    model.absent_sums.1 += n_answers;
                }
            }
        }
        model.reset();
        if carried.confusion.is_empty() {
            model.count(|item, _| {
                let part = 1.0 / item.votes.len() as f64;
                let share = |class| item.votes.iter().filter(|vote| *vote == class).count() as f64;
                item.chosen
                    .iter()
                    .map(|class| share(class) * part)
                    .collect()
            });
        }
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
        let correlation = skills.correlation(self.pooled_accuracy, self.n_classes, self.config);
        let mut estimates = vec![None; votes.n_items];
        let mut counts = vec![0_u64; self.entries.len()];
        let mut shares: BTreeMap<u32, u64> = BTreeMap::new();
        for item in &self.items {
            let posterior = self.posterior(item);
            for entries in item.entries.chunks(item.chosen.len().max(1)) {
                for (entry_idx, q) in entries.iter().zip(&posterior) {
                    if let Some(n) = counts.get_mut(*entry_idx) {
                        *n += (q * ONE).round() as u64;
                    }
                }
            }
            let share = (ONE / item.votes.len() as f64).round() as u64;
            for class in &item.votes {
                *shares.entry(*class).or_default() += share;
            }
            let exponent = exponent(correlation, item.votes.len());
            let mut probabilities = vec![0.0; self.n_classes];
            for (class, q) in item.chosen.iter().zip(&posterior) {
                if let Some(p) = probabilities.get_mut(*class as usize) {
                    *p = f64::from(power(*q as f32, exponent));
                }
            }
            let single = match (item.votes.as_slice(), item.entries.as_slice()) {
                ([_], [entry_idx]) => (self.entries.get(*entry_idx))
                    .and_then(|entry| self.accuracies.get(entry.worker).copied()),
                _ => None,
            };
            if let Some(slot) = estimates.get_mut(item.item_idx) {
                *slot = Some(estimate(probabilities, &item.votes, single, self.config));
            }
        }
        (estimates, self.statistics(votes, &counts, &shares))
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

    fn statistics(
        &self,
        votes: &Votes<'_>,
        counts: &[u64],
        shares: &BTreeMap<u32, u64>,
    ) -> ClassStatistics {
        let names: Vec<Name> = votes
            .classes
            .iter()
            .map(|name| Name(name.as_str().into()))
            .collect();
        let mut confusion: BTreeMap<String, BTreeMap<Name, Counts>> = BTreeMap::new();
        for (entry, n) in self.entries.iter().zip(counts).filter(|(_, n)| **n > 0) {
            if let (Some(worker), Some(truth), Some(answered)) = (
                votes.workers.get(entry.worker),
                names.get(entry.truth),
                names.get(entry.answered),
            ) {
                let rows = confusion.entry((*worker).to_owned()).or_default();
                let row = rows.entry(truth.clone()).or_default();
                row.insert(answered.clone(), *n);
            }
        }
        let share = |(class, n): (&u32, &u64)| Some((names.get(*class as usize)?.clone(), *n));
        ClassStatistics {
            confusion,
            votes: shares.iter().filter_map(share).collect(),
        }
    }
}

fn add(sum: Option<&mut Sum>, n: f64) {
    if let Some(sum) = sum {
        sum.carried += n;
    }
}
