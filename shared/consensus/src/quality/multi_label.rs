//! Quality of answers that name any number of classes.

use std::collections::BTreeMap;

use super::histogram::Histogram;
use super::{
    ClassQuality, Confused, Rates, Report, SUSPECT_ANSWERS_MIN, SUSPECT_DISAGREEMENT_MIN,
    SUSPECT_INFORMATION_MAX, SecondLook, WorkerQuality, confusion, first_of_each,
};
use crate::Problem;
use crate::multi_label::{Answer, Estimate};
use crate::single_label::ACCURACY_SHRINKAGE;

/// Expected true classes that a worker must have been shown before being suspected.
const SUSPECT_TRUE_CLASSES_MIN: f64 = 5.0;

/// As [`super::report`], for [`crate::multi_label::consolidate`].
///
/// A worker's accuracy is the expected share of classes, selected by the worker or true, that are both; disagreement is
/// the share of those, selected or consolidated, that aren't both. A worker is suspected whose selections hardly
/// depend on whether the class is true: sensitivity + specificity is hardly above 1.
#[must_use]
pub fn report(
    problem: &Problem<Answer>,
    estimates: &[Option<Estimate>],
    n_second_looks: usize,
) -> Report {
    let mut tables = vec![Table::default(); problem.workers.len()];
    let mut all = Table::default();
    let mut classes = vec![Class::default(); problem.classes.len()];
    let mut second_look = Vec::new();
    let mut confidences = Histogram::of_shares();
    for (item_idx, (answers, estimate)) in problem.items.iter().zip(estimates).enumerate() {
        let Some(estimate) = estimate else { continue };
        count_labels(estimate, &mut classes, &mut confidences);
        let (mut n_votes, mut n_answers) = (0, 0);
        for answer in first_of_each(answers, |answer| answer.worker) {
            let Some(table) = tables.get_mut(answer.worker as usize) else {
                continue;
            };
            n_answers += 1;
            let is_same = table.add(estimate, answer);
            all.add(estimate, answer);
            n_votes += u32::from(is_same);
            for (idx, class) in classes.iter_mut().enumerate() {
                class.add(estimate, answer, idx as u32);
            }
        }
        if n_votes < n_answers {
            let names = estimate.accepted.iter();
            let names = names.filter_map(|class| problem.classes.get(*class as usize));
            second_look.push(SecondLook {
                item_idx,
                label: names.cloned().collect::<Vec<_>>().join(", "),
                confidence: confidence(estimate),
                n_votes,
                n_answers,
            });
        }
    }
    let pooled = all.rates(&Rates::default(), 0.0);
    let workers = problem.workers.iter().zip(&tables);
    let workers = workers
        .filter(|(_, table)| table.n_answers > 0)
        .map(|(worker, table)| table.quality(worker, &problem.classes, &pooled, all.accuracy()));
    let found = problem.classes.iter().zip(&classes);
    Report {
        confusion: confusion(&all.with_agreed(&classes), &problem.classes),
        confidences,
        ..Report::sorted(
            workers.collect(),
            found
                .filter_map(|(name, class)| class.quality(name))
                .collect(),
            second_look,
            n_second_looks,
        )
    }
}

/// Counts an item's classes.
fn count_labels(estimate: &Estimate, classes: &mut [Class], confidences: &mut Histogram) {
    for class in &estimate.accepted {
        let probability = estimate.probabilities.get(*class as usize);
        confidences.add(probability.copied().unwrap_or_default());
        if let Some(class) = classes.get_mut(*class as usize) {
            class.n_items += 1;
        }
    }
}

/// The least certain decision on the item.
fn confidence(estimate: &Estimate) -> f64 {
    let decisions = (0..).zip(&estimate.probabilities);
    let decisions = decisions.map(|(class, probability)| {
        if estimate.accepted.contains(&class) {
            *probability
        } else {
            1.0 - probability
        }
    });
    decisions.fold(1.0, f64::min)
}

#[derive(Debug, Clone, Default)]
struct Table {
    n_answers: u32,
    /// Expected number of true classes, and of those that were selected.
    n_true: f64,
    n_true_selected: f64,
    /// The same of false classes that were left.
    n_false: f64,
    n_false_left: f64,
    /// Classes that were selected.
    n_selected: u32,
    /// Classes selected or consolidated, and those that are both.
    n_either: u32,
    n_both: u32,
    /// Consolidated but not selected, selected but not consolidated, on the same item.
    confused: BTreeMap<(u32, u32), u32>,
}

impl Table {
    /// Whether the answer is the consolidated one.
    fn add(&mut self, estimate: &Estimate, answer: &Answer) -> bool {
        self.n_answers += 1;
        let (mut overlooked, mut invented) = (Vec::new(), Vec::new());
        for (class, probability) in (0..).zip(&estimate.probabilities) {
            let is_selected = answer.classes.contains(&class);
            let is_accepted = estimate.accepted.contains(&class);
            self.n_true += probability;
            self.n_false += 1.0 - probability;
            if is_selected {
                self.n_selected += 1;
                self.n_true_selected += probability;
            } else {
                self.n_false_left += 1.0 - probability;
            }
            self.n_either += u32::from(is_selected || is_accepted);
            self.n_both += u32::from(is_selected && is_accepted);
            match (is_accepted, is_selected) {
                (true, false) => overlooked.push(class),
                (false, true) => invented.push(class),
                _ => {}
            }
        }
        for overlooked in &overlooked {
            for invented in &invented {
                *self.confused.entry((*overlooked, *invented)).or_default() += 1;
            }
        }
        overlooked.is_empty() && invented.is_empty()
    }

    /// Confused classes, and those that are selected where they are consolidated.
    fn with_agreed(&self, classes: &[Class]) -> BTreeMap<(u32, u32), u32> {
        let agreed = (0..).zip(classes);
        let agreed = agreed.map(|(class, found)| ((class, class), found.n_agreed));
        self.confused.clone().into_iter().chain(agreed).collect()
    }

    fn rates(&self, pooled: &Rates, weight: f64) -> Rates {
        let rate = |n: f64, of: f64, pooled: f64| {
            let total = of + weight;
            if total > 0.0 {
                (n + weight * pooled) / total
            } else {
                0.0
            }
        };
        Rates {
            sensitivity: rate(self.n_true_selected, self.n_true, pooled.sensitivity),
            specificity: rate(self.n_false_left, self.n_false, pooled.specificity),
        }
    }

    /// Expected share of classes, selected or true, that are both, with what it is a share of.
    fn accuracy(&self) -> (f64, f64) {
        let either = f64::from(self.n_selected) + self.n_true - self.n_true_selected;
        (self.n_true_selected, either)
    }

    fn quality(
        &self,
        worker: &str,
        classes: &[String],
        pooled: &Rates,
        all: (f64, f64),
    ) -> WorkerQuality {
        let name = |class: u32| classes.get(class as usize).cloned().unwrap_or_default();
        let most = self.confused.iter();
        let most = most.max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        let (right, either) = self.accuracy();
        let pooled_accuracy = all.0 / all.1.max(f64::MIN_POSITIVE);
        let disagreement = if self.n_either == 0 {
            0.0
        } else {
            1.0 - f64::from(self.n_both) / f64::from(self.n_either)
        };
        let own = self.rates(pooled, 0.0);
        let informedness = own.sensitivity + own.specificity - 1.0;
        WorkerQuality {
            worker: worker.to_owned(),
            n_answers: self.n_answers,
            accuracy: (right + ACCURACY_SHRINKAGE * pooled_accuracy)
                / (either + ACCURACY_SHRINKAGE),
            disagreement,
            rates: Some(self.rates(pooled, ACCURACY_SHRINKAGE)),
            boxes: None,
            most_confused: most.map(|((overlooked, invented), n)| Confused {
                consolidated: name(*overlooked),
                answered: name(*invented),
                n: *n,
            }),
            is_suspected: self.n_answers >= SUSPECT_ANSWERS_MIN
                && self.n_true >= SUSPECT_TRUE_CLASSES_MIN
                && self.n_false >= SUSPECT_TRUE_CLASSES_MIN
                && disagreement >= SUSPECT_DISAGREEMENT_MIN
                && informedness < SUSPECT_INFORMATION_MAX,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Class {
    n_items: u32,
    /// Answers to items that were consolidated to have it, and those that selected it.
    n_answers: u32,
    n_agreed: u32,
    n_answered_elsewhere: u32,
}

impl Class {
    fn add(&mut self, estimate: &Estimate, answer: &Answer, class: u32) {
        let is_selected = answer.classes.contains(&class);
        if estimate.accepted.contains(&class) {
            self.n_answers += 1;
            self.n_agreed += u32::from(is_selected);
        } else {
            self.n_answered_elsewhere += u32::from(is_selected);
        }
    }

    fn quality(&self, name: &str) -> Option<ClassQuality> {
        (self.n_items > 0 || self.n_answered_elsewhere > 0).then(|| ClassQuality {
            class: name.to_owned(),
            n_items: self.n_items,
            agreement: (self.n_answers > 0)
                .then(|| f64::from(self.n_agreed) / f64::from(self.n_answers)),
            n_answered_elsewhere: self.n_answered_elsewhere,
        })
    }
}
