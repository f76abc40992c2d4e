//! How far answers to the same items agree with one another, whatever the labels made of them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::first_of_each;
use crate::{Problem, multi_label, single_label};

/// Agreement of answers to the same items. Only items with two answers or more count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Items with two answers or more.
    pub n_items: u32,
    /// Answers to these items.
    pub n_answers: u32,
    /// Share in [0, 1] of pairs of answers to the same item that are the same; of answers that name any number of
    /// classes, those that name the same ones.
    pub share_of_pairs: f64,
    /// Krippendorff's α for nominal data, at most 1: 0 where answers agree as often as chance would have it, less where
    /// they agree more seldom. Of answers that name any number of classes, over the decisions for or against each class
    /// on each item. `None` where all answers are the same, for then chance explains everything and nothing.
    ///
    /// Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C.
    pub alpha: Option<f64>,
}

/// Agreement of answers that name one class; `None` when no item has two answers.
#[must_use]
pub fn of_single_label(problem: &Problem<single_label::Answer>) -> Option<Agreement> {
    let n_classes = problem.classes.len();
    let (mut pairs, mut decisions) = (Pairs::default(), Decisions::default());
    for answers in &problem.items {
        let valid = first_of_each(answers, |answer| answer.worker)
            .filter(|answer| (answer.class as usize) < n_classes);
        let counts = counted(valid.map(|answer| answer.class));
        pairs.add(counts.values().copied());
        decisions.add(counts, 1);
    }
    pairs.agreement(decisions.alpha())
}

/// Agreement of answers that name any number of classes; `None` when no item has two answers.
#[must_use]
pub fn of_multi_label(problem: &Problem<multi_label::Answer>) -> Option<Agreement> {
    let n_classes = problem.classes.len() as u64;
    let (mut pairs, mut decisions) = (Pairs::default(), Decisions::default());
    for answers in &problem.items {
        let sets = first_of_each(answers, |answer| answer.worker).map(|answer| {
            let valid = answer.classes.iter().copied();
            let mut classes: Vec<u32> = valid
                .filter(|class| u64::from(*class) < n_classes)
                .collect();
            classes.sort_unstable();
            classes.dedup();
            classes
        });
        let sets: Vec<Vec<u32>> = sets.collect();
        let n_answers = sets.len() as u64;
        let selected = counted(sets.iter().flatten().copied());
        pairs.add(counted(sets).into_values());
        // Classes that nobody selected are as many decisions against.
        decisions.add(
            BTreeMap::from([(0, n_answers)]),
            n_classes - selected.len() as u64,
        );
        for n_selected in selected.into_values() {
            decisions.add(
                BTreeMap::from([(0, n_answers - n_selected), (1, n_selected)]),
                1,
            );
        }
    }
    pairs.agreement(decisions.alpha())
}

fn counted<T: Ord>(values: impl IntoIterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// Pairs of answers to the same item.
#[derive(Default)]
struct Pairs {
    n_items: u32,
    n_answers: u32,
    n_pairs: u64,
    n_same: u64,
}

impl Pairs {
    /// Adds an item: how many answers say each of the things that are said.
    fn add(&mut self, counts: impl Iterator<Item = u64>) {
        let pairs_of = |n: u64| n * n.saturating_sub(1) / 2;
        let (mut n_answers, mut n_same) = (0, 0);
        for n in counts {
            n_answers += n;
            n_same += pairs_of(n);
        }
        if n_answers >= 2 {
            self.n_items += 1;
            self.n_answers += n_answers as u32;
            self.n_pairs += pairs_of(n_answers);
            self.n_same += n_same;
        }
    }

    fn agreement(self, alpha: Option<f64>) -> Option<Agreement> {
        (self.n_pairs > 0).then(|| Agreement {
            n_items: self.n_items,
            n_answers: self.n_answers,
            share_of_pairs: self.n_same as f64 / self.n_pairs as f64,
            alpha,
        })
    }
}

/// What Krippendorff's α is reckoned from: the coincidences of equal values, and how often there is each value.
#[derive(Default)]
struct Decisions {
    n_values: u64,
    n_of_value: BTreeMap<u32, u64>,
    coincidences: f64,
}

impl Decisions {
    /// Adds `n_units` units of the same values: how many answers give each value.
    fn add(&mut self, counts: BTreeMap<u32, u64>, n_units: u64) {
        let n_answers: u64 = counts.values().sum();
        if n_answers < 2 {
            return;
        }
        self.n_values += n_answers * n_units;
        for (value, n) in counts {
            *self.n_of_value.entry(value).or_default() += n * n_units;
            let pairs = (n * n.saturating_sub(1) * n_units) as f64;
            self.coincidences += pairs / (n_answers - 1) as f64;
        }
    }

    fn alpha(&self) -> Option<f64> {
        let n = self.n_values as f64;
        let squares = self
            .n_of_value
            .values()
            .map(|n| *n as f64 * (*n as f64 - 1.0));
        let expected = squares.sum::<f64>() / (n - 1.0);
        let disagreement_expected = n - expected;
        (self.n_values > 1 && disagreement_expected > 0.0)
            .then(|| 1.0 - (n - self.coincidences) / disagreement_expected)
    }
}
