//! The same model for very many classes, where a table of workers × classes × classes doesn't fit.
//!
//! A true class is one that somebody chose for the item; the others share what is kept for items beyond the workers.
//! So there are no more counts than answers times classes chosen for an item, however many classes there are. Where even
//! these are too many, as when everybody always chooses another class, the three with most votes for an item are it.

mod keys;

use super::earlier::{Earlier, thousandths};
use super::estimate::{TopShare, choose, choose_among, exponent, known, most_probable, power};
use super::probabilities::Table;
use super::skills::Skills;
use super::votes::ItemVotes;
use super::{Config, Estimate, Votes};
use crate::statistics::{Answered, ClassStatistics};
use keys::{Carried, Keys, chosen, triples};

/// Smallest probability of an answer, as where there are few classes.
const PROBABILITY_MIN: f64 = 1e-5;

/// Classes of an item that may be true where there are too many choices.
const CHOSEN_FEW: usize = 3;

/// A sum: of earlier batches, and with these items.
#[derive(Clone, Copy, Default)]
struct Sum {
    carried: f64,
    all: f64,
}

/// A worker's answer to an item of some true class.
struct Entry {
    worker: u32,
    truth: u32,
    answered: u32,
    /// Index of (worker, truth) and of (truth, answered).
    row_idx: u32,
    pair_idx: u32,
    count: Sum,
    probability: f64,
}

/// An item: the classes that may be true, ascending, and for each vote an entry for each of them.
struct Item {
    item_idx: u32,
    chosen: Vec<u32>,
    votes: Vec<u32>,
    entries: Vec<u32>,
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
        let n_choices = |item: &ItemVotes| votes.of(item).len() * chosen(votes, item, None).len();
        let is_too_much = votes.items.iter().map(n_choices).sum::<usize>() > config.choices_max;
        let n_chosen_max = is_too_much.then_some(CHOSEN_FEW);
        let keys = Keys::of(votes, n_chosen_max);
        let items = votes.items.iter().map(|item| {
            let chosen = chosen(votes, item, n_chosen_max);
            let entries = triples(votes, item, &chosen).map(|key| keys.find(&key));
            Item {
                item_idx: item.item_idx,
                entries: entries.collect(),
                votes: votes.classes_of(item).to_vec(),
                chosen,
            }
        });
        let prior = votes.prior(earlier, config);
        let mut model = Self {
            config,
            n_classes,
            prior: prior.into_iter().map(f64::from).collect(),
            items: items.collect(),
            entries: keys.entries(),
            rows: vec![Sum::default(); keys.rows.len()],
            pairs: vec![Sum::default(); keys.pairs.len()],
            errors: vec![Sum::default(); n_classes],
            workers: vec![Default::default(); votes.workers.len()],
            accuracies: vec![0.0; votes.workers.len()],
            pooled_accuracy: 0.0,
            absent: Skills::default(),
            absent_sums: (0.0, 0.0),
        };
        if !earlier.is_empty() {
            Carried::of(earlier, votes, &keys).put_into(&mut model);
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
        model.sum_up();
        model
    }

    pub(super) fn run(&mut self, n_iterations: u32) {
        for _ in 0..n_iterations.max(1) {
            self.maximise();
            self.reset();
            self.count(|item, model| model.posterior(item));
            self.sum_up();
        }
    }

    /// Every item's tempered posterior by what its workers answered to other items, and what items were counted as.
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
        let is_kept = self.config.keeps_probabilities;
        let mut table = Table::with_capacity(votes.own_items().count(), self.n_classes, is_kept);
        let mut answered = Answered::of(
            &votes.workers,
            votes.classes,
            votes.n_items,
            votes.n_votes(),
        );
        let mut probable = Vec::new();
        let mut shares = TopShare::new(self.n_classes);
        let n_own = votes.n_items as u32;
        let mut tempered = vec![0.0; if is_kept { self.n_classes } else { 0 }];
        for item in self.items.iter().filter(|item| item.item_idx < n_own) {
            let counted = self.posterior(item);
            let counted_f32: Vec<f32> = counted.iter().map(|q| *q as f32).collect();
            thousandths(&counted_f32, &mut probable);
            for [class, _] in &mut probable {
                *class = item
                    .chosen
                    .get(*class as usize)
                    .copied()
                    .unwrap_or_default();
            }
            let entries = item.entries.chunks(item.chosen.len().max(1));
            let workers = entries.map(|entries| {
                let entry = entries.first().and_then(|idx| self.entry(*idx));
                entry.map_or(0, |entry| entry.worker)
            });
            answered.push(
                workers
                    .clone()
                    .zip(&item.votes)
                    .map(|(worker, class)| [worker, *class]),
                &probable,
            );
            let known = workers.map(|worker| known_shares.get(worker as usize).copied());
            let known = known.map(Option::unwrap_or_default);
            let exponent = exponent(spread, known, shares.of(&item.votes), self.config);
            let by_others = self.by_others(item, &counted).into_iter();
            let of_chosen = by_others.map(|q| power(q as f32, exponent));
            let of_chosen: Vec<f32> = of_chosen.collect();
            let single = match (item.votes.as_slice(), item.entries.as_slice()) {
                ([_], [entry_idx]) => (self.entry(*entry_idx))
                    .and_then(|entry| self.accuracies.get(entry.worker as usize).copied()),
                _ => None,
            };
            let most_probable = most_probable(&counted_f32);
            if !is_kept {
                let (class, p) = choose_among(
                    &of_chosen,
                    &item.chosen,
                    most_probable,
                    self.n_classes,
                    single,
                    self.config,
                );
                table.push_class(item.item_idx, class, p);
                continue;
            }
            tempered.fill(0.0);
            for (class, q) in item.chosen.iter().zip(of_chosen) {
                if let Some(p) = tempered.get_mut(*class as usize) {
                    *p = q;
                }
            }
            let most_probable =
                item.chosen.get(most_probable).copied().unwrap_or_default() as usize;
            table.push(item.item_idx, |row| {
                choose(
                    &tempered,
                    row,
                    most_probable,
                    &item.votes,
                    single,
                    self.config,
                )
            });
        }
        let statistics = if self.config.leaves_statistics {
            ClassStatistics::new(answered)
        } else {
            ClassStatistics::default()
        };
        (table.into_estimates(votes.n_items), statistics)
    }

    fn entry(&self, idx: u32) -> Option<&Entry> {
        self.entries.get(idx as usize)
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
                    .entry(*entry_idx)
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
                    if let Some(sum) = added.get_mut(*entry_idx as usize) {
                        *sum += p;
                    }
                }
            }
        }
        for (entry, n) in self.entries.iter_mut().zip(added) {
            let is_right = entry.truth == entry.answered;
            entry.count.all += n;
            let sums = [
                self.rows.get_mut(entry.row_idx as usize),
                self.pairs.get_mut(entry.pair_idx as usize),
                self.errors
                    .get_mut(entry.truth as usize)
                    .filter(|_| !is_right),
            ];
            for sum in sums.into_iter().flatten() {
                sum.all += n;
            }
            if let Some((right, all)) = self.workers.get_mut(entry.worker as usize) {
                right.all += if is_right { n } else { 0.0 };
                all.all += n;
            }
        }
    }

    /// Sums up the counts: all workers' accuracy, and each worker's.
    fn sum_up(&mut self) {
        let config = self.config;
        let (mut right, mut total) = self.absent_sums;
        for sums in &self.workers {
            right += sums.0.all;
            total += sums.1.all;
        }
        let weight = config.accuracy_prior_weight;
        self.pooled_accuracy = (right + weight * config.accuracy_prior) / (total + weight);
        let workers = self.workers.iter();
        self.accuracies = workers
            .map(|(right, all)| self.accuracy(right.all, all.all))
            .collect();
    }

    /// A worker's accuracy, shrunk to all workers'.
    fn accuracy(&self, right: f64, n_answers: f64) -> f64 {
        let shrinkage = self.config.accuracy_shrinkage;
        (right + shrinkage * self.pooled_accuracy) / (n_answers + shrinkage)
    }

    /// Estimates what each worker answers where a class is true from the counts that were summed up.
    fn maximise(&mut self) {
        let probability = |entry: &Entry| {
            let accuracy = self.accuracies.get(entry.worker as usize).copied();
            self.probability(entry, accuracy.unwrap_or_default(), 0.0)
        };
        let probabilities: Vec<f64> = self.entries.iter().map(probability).collect();
        for (entry, probability) in self.entries.iter_mut().zip(probabilities) {
            entry.probability = probability;
        }
    }

    /// Probability of an answer by a worker of this accuracy, without `own` of what is counted of both.
    fn probability(&self, entry: &Entry, accuracy: f64, own: f64) -> f64 {
        let config = self.config;
        let of = |sums: &[Sum], idx: u32| sums.get(idx as usize).copied().unwrap_or_default().all;
        let expected = if entry.truth == entry.answered {
            accuracy
        } else {
            let any_error = config.accuracy_prior_weight * (1.0 - config.accuracy_prior);
            let wrong = self.n_classes.saturating_sub(1).max(1) as f64;
            (1.0 - accuracy) * (of(&self.pairs, entry.pair_idx) + any_error / wrong)
                / (of(&self.errors, entry.truth) + any_error)
        };
        let n = (entry.count.all - own).max(0.0) + config.row_shrinkage * expected;
        let n_row = (of(&self.rows, entry.row_idx) - own).max(0.0) + config.row_shrinkage;
        (n / n_row).max(PROBABILITY_MIN)
    }

    /// Probability of each class chosen for the item by what its workers answered to the other items. `counted` is what
    /// the item was counted as.
    fn by_others(&self, item: &Item, counted: &[f64]) -> Vec<f64> {
        let prior = item
            .chosen
            .iter()
            .map(|class| self.prior.get(*class as usize));
        let mut posterior: Vec<f64> = prior.map(|p| p.copied().unwrap_or_default()).collect();
        let votes = item
            .entries
            .chunks(item.chosen.len().max(1))
            .zip(&item.votes);
        for (entries, answered) in votes {
            let of_vote = entries.first().and_then(|idx| self.entry(*idx));
            let worker = of_vote.and_then(|entry| self.workers.get(entry.worker as usize));
            let (right, all) = worker.copied().unwrap_or_default();
            let place = item.chosen.binary_search(answered).ok();
            let was_right = place.and_then(|place| counted.get(place)).copied();
            let accuracy = self.accuracy(right.all - was_right.unwrap_or_default(), all.all - 1.0);
            for ((q, own), entry_idx) in posterior.iter_mut().zip(counted).zip(entries) {
                let entry = self.entry(*entry_idx);
                *q *= entry.map_or(1.0, |entry| self.probability(entry, accuracy, *own));
            }
            let sum: f64 = posterior.iter().sum();
            for q in &mut posterior {
                *q /= sum;
            }
        }
        posterior
    }
}
