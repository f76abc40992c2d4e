//! What the answers say about the workers, the classes and the items: for people who look after a job.
//!
//! Figures are taken against the consolidated classes, not against a truth: a majority that errs together makes the
//! ones who are right look bad.

pub mod agreement;
pub mod boxes;
pub mod histogram;
pub mod multi_label;

use std::collections::BTreeMap;

use serde::Serialize;

use self::histogram::Histogram;
use crate::single_label::{ACCURACY_SHRINKAGE, Answer, Estimate};
use crate::{Problem, Statistics};

/// Answers that a worker must have given before being suspected.
const SUSPECT_ANSWERS_MIN: u32 = 10;

/// A worker is suspected whose answers tell this little about the class, as a share of what the consolidated
/// classes hold.
const SUSPECT_INFORMATION_MAX: f64 = 0.1;

/// Share of disagreement from which a worker is suspected, inclusive: who agrees with the others nearly always is no
/// spammer, even where the few items he saw tell the classes badly apart.
const SUSPECT_DISAGREEMENT_MIN: f64 = 0.25;

/// Quality of a job's answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Workers, by name.
    pub workers: Vec<WorkerQuality>,
    /// Classes, in class order, those that nobody chose left out. Of boxes: figures by box.
    pub classes: Vec<ClassQuality>,
    /// How often each class was answered where each class was consolidated, in class order, what never happened left
    /// out. Of boxes: of those that match. Of answers that name any number of classes, a consolidated class that a worker
    /// didn't select stands with each one that he selected in vain.
    pub confusion: Vec<Confused>,
    /// Probabilities that classes or boxes are right, of those that were consolidated; as many as there are of these.
    pub confidences: Histogram,
    /// Of answers that draw boxes.
    pub boxes: Option<BoxHistograms>,
    /// Items whose answer is least certain, the least certain first, then by index; unanimous ones left out.
    pub second_look: Vec<SecondLook>,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkerQuality {
    /// Name as in [`Problem::workers`].
    pub worker: String,
    /// Items answered.
    pub n_answers: u32,
    /// Expected share of right answers, in [0, 1], shrunk to all workers' share.
    pub accuracy: f64,
    /// Share of answers that are not the consolidated class, in [0, 1].
    pub disagreement: f64,
    /// Of answers that name any number of classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// Of answers that draw boxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boxes: Option<BoxCounts>,
    /// The most frequent disagreement; ties go to the lower classes.
    pub most_confused: Option<Confused>,
    /// Whether the answers tell next to nothing about the class: always the same one, or any at random.
    pub is_suspected: bool,
}

/// How often a worker selects what is true, and leaves what is not; shrunk to all workers' rates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Share of true classes that are selected, in [0, 1].
    pub sensitivity: f64,
    /// Share of false classes that are left, in [0, 1].
    pub specificity: f64,
}

/// How well boxes were drawn, and how large they are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoxHistograms {
    /// Intersection over union of each worker's box with the consolidated one that it matches.
    pub ious: Histogram,
    /// Square roots of the consolidated boxes' areas, in pixels.
    pub sides_px: Histogram,
}

impl Default for BoxHistograms {
    fn default() -> Self {
        Self {
            ious: Histogram::of_shares(),
            sides_px: Histogram::of_lengths_px(),
        }
    }
}

/// A worker's boxes against the consolidated ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BoxCounts {
    /// Boxes that overlap a consolidated one by an IoU of one half or more.
    pub n_matched: u32,
    /// Consolidated boxes that the worker didn't draw.
    pub n_missed: u32,
    /// Boxes that overlap none.
    pub n_extra: u32,
    /// Mean intersection over union of those that match, in [0, 1].
    pub mean_iou: Option<f64>,
}

/// How often a class was answered where another one, or the same, was consolidated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confused {
    /// The consolidated class.
    pub consolidated: String,
    /// The class answered.
    pub answered: String,
    /// How often.
    pub n: u32,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassQuality {
    /// Name as in [`Problem::classes`].
    pub class: String,
    /// Items, or boxes, consolidated to it.
    pub n_items: u32,
    /// Share of those items' answers that are this class, in [0, 1]; `None` without such items.
    pub agreement: Option<f64>,
    /// Answers of this class to items of another.
    pub n_answered_elsewhere: u32,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecondLook {
    /// Index into [`Problem::items`].
    pub item_idx: usize,
    /// What it was consolidated to, in words: a class, several, or how many boxes of which.
    pub label: String,
    /// Probability in [0, 1] that it is right; where there are several decisions, of the least certain one.
    pub confidence: f64,
    /// Answers that say the same.
    pub n_votes: u32,
    /// All answers.
    pub n_answers: u32,
}

/// Reports on answers and the estimates made of them; at most `n_second_looks` items are listed.
///
/// `estimates` are those of [`crate::single_label::consolidate`] for the same problem, best over a whole job.
#[must_use]
pub fn report(
    problem: &Problem<Answer>,
    estimates: &[Option<Estimate>],
    n_second_looks: usize,
) -> Report {
    let n_classes = problem.classes.len();
    let mut tables = vec![Table::default(); problem.workers.len()];
    let mut all = Table::default();
    let mut items_of_class = vec![0_u32; n_classes];
    let mut second_look = Vec::new();
    let mut confidences = Histogram::of_shares();
    for (item_idx, (answers, estimate)) in problem.items.iter().zip(estimates).enumerate() {
        let Some(estimate) = estimate else { continue };
        confidences.add(estimate.confidence);
        if let Some(n) = items_of_class.get_mut(estimate.class as usize) {
            *n += 1;
        }
        let (mut n_votes, mut n_answers) = (0, 0);
        let mut seen: Vec<u32> = Vec::with_capacity(answers.len());
        for answer in answers {
            let Some(table) = tables.get_mut(answer.worker as usize) else {
                continue;
            };
            if (answer.class as usize) >= n_classes || seen.contains(&answer.worker) {
                continue;
            }
            seen.push(answer.worker);
            n_answers += 1;
            n_votes += u32::from(answer.class == estimate.class);
            let right = estimate
                .probabilities
                .get(answer.class as usize)
                .copied()
                .unwrap_or_default();
            table.add(estimate.class, answer.class, right);
            all.add(estimate.class, answer.class, right);
        }
        if n_votes < n_answers {
            second_look.push(SecondLook {
                item_idx,
                label: problem
                    .classes
                    .get(estimate.class as usize)
                    .cloned()
                    .unwrap_or_default(),
                confidence: estimate.confidence,
                n_votes,
                n_answers,
            });
        }
    }
    let pooled = all.right / f64::from(all.n_answers).max(1.0);
    let workers = problem.workers.iter().zip(&tables);
    let workers = workers
        .filter(|(_, table)| table.n_answers > 0)
        .map(|(worker, table)| table.quality(worker, &problem.classes, pooled));
    Report {
        confusion: confusion(&all.counts, &problem.classes),
        confidences,
        ..Report::sorted(
            workers.collect(),
            all.classes(&problem.classes, &items_of_class),
            second_look,
            n_second_looks,
        )
    }
}

impl Report {
    fn sorted(
        mut workers: Vec<WorkerQuality>,
        classes: Vec<ClassQuality>,
        mut second_look: Vec<SecondLook>,
        n_second_looks: usize,
    ) -> Self {
        workers.sort_by(|a, b| a.worker.cmp(&b.worker));
        second_look.sort_by(|a, b| {
            a.confidence
                .total_cmp(&b.confidence)
                .then(a.item_idx.cmp(&b.item_idx))
        });
        second_look.truncate(n_second_looks);
        Self {
            workers,
            classes,
            confusion: Vec::new(),
            confidences: Histogram::default(),
            boxes: None,
            second_look,
        }
    }
}

/// The table, by consolidated and answered class, in names.
fn confusion(counts: &BTreeMap<(u32, u32), u32>, classes: &[String]) -> Vec<Confused> {
    let name = |class: u32| classes.get(class as usize).cloned().unwrap_or_default();
    let cells = counts.iter().filter(|(_, n)| **n > 0);
    let named = cells.map(|((consolidated, answered), n)| Confused {
        consolidated: name(*consolidated),
        answered: name(*answered),
        n: *n,
    });
    named.collect()
}

/// The answers to an item without later ones of the same worker.
fn first_of_each<A>(answers: &[A], worker: impl Fn(&A) -> u32) -> impl Iterator<Item = &A> {
    let mut seen: Vec<u32> = Vec::with_capacity(answers.len());
    answers.iter().filter(move |answer| {
        let worker = worker(answer);
        let is_new = !seen.contains(&worker);
        if is_new {
            seen.push(worker);
        }
        is_new
    })
}

/// Expected accuracy in [0, 1] of every worker with single-label statistics, by name, shrunk to all workers'; with
/// the number of answers behind it.
#[must_use]
pub fn accuracies(statistics: &Statistics) -> Vec<(String, f64, f64)> {
    let sums = statistics.single_label.sums();
    let right: f64 = sums.values().map(|sum| sum.0).sum();
    let total: f64 = sums.values().map(|sum| sum.1).sum();
    let pooled = if total > 0.0 { right / total } else { 0.0 };
    let shrunk = |(worker, (right, total)): (&str, (f64, f64))| {
        (
            worker.to_owned(),
            (right + ACCURACY_SHRINKAGE * pooled) / (total + ACCURACY_SHRINKAGE),
            total,
        )
    };
    sums.into_iter().map(shrunk).collect()
}

/// How often each class was answered where each class was consolidated; what never happened is left out, for there may
/// be many workers and many classes.
#[derive(Clone, Default)]
struct Table {
    /// By consolidated class and answered class.
    counts: BTreeMap<(u32, u32), u32>,
    n_answers: u32,
    right: f64,
}

impl Table {
    fn add(&mut self, consolidated: u32, answered: u32, right: f64) {
        *self.counts.entry((consolidated, answered)).or_default() += 1;
        self.n_answers += 1;
        self.right += right;
    }

    fn count(&self, consolidated: u32, answered: u32) -> u32 {
        let found = self.counts.get(&(consolidated, answered));
        found.copied().unwrap_or_default()
    }

    /// Answers by consolidated class, and by answered class.
    fn sums(&self) -> [BTreeMap<u32, u32>; 2] {
        let mut sums = [BTreeMap::new(), BTreeMap::new()];
        let [rows, columns] = &mut sums;
        for ((consolidated, answered), n) in &self.counts {
            *rows.entry(*consolidated).or_default() += n;
            *columns.entry(*answered).or_default() += n;
        }
        sums
    }

    fn quality(&self, worker: &str, classes: &[String], pooled: f64) -> WorkerQuality {
        let mut most: Option<(u32, u32, u32)> = None;
        let mut n_agreed = 0;
        for ((consolidated, answered), n) in &self.counts {
            if consolidated == answered {
                n_agreed += n;
            } else if *n > most.map_or(0, |most| most.0) {
                most = Some((*n, *consolidated, *answered));
            }
        }
        let n_answers = f64::from(self.n_answers);
        let disagreement = 1.0 - f64::from(n_agreed) / n_answers;
        let name = |class: u32| classes.get(class as usize).cloned().unwrap_or_default();
        WorkerQuality {
            worker: worker.to_owned(),
            n_answers: self.n_answers,
            accuracy: (self.right + ACCURACY_SHRINKAGE * pooled) / (n_answers + ACCURACY_SHRINKAGE),
            disagreement,
            rates: None,
            boxes: None,
            most_confused: most.map(|(n, consolidated, answered)| Confused {
                consolidated: name(consolidated),
                answered: name(answered),
                n,
            }),
            is_suspected: self.n_answers >= SUSPECT_ANSWERS_MIN
                && disagreement >= SUSPECT_DISAGREEMENT_MIN
                && self.tells_nothing(),
        }
    }

    /// Whether the answers hold next to no information about the consolidated class. Where all items are of one
    /// class nobody can be told from a spammer, and nobody is suspected.
    fn tells_nothing(&self) -> bool {
        let total = f64::from(self.n_answers);
        let [rows, columns] = self.sums();
        let share = |n: &u32| f64::from(*n) / total;
        let entropy: f64 = rows.values().map(|n| -share(n) * share(n).ln()).sum();
        let mut information = 0.0;
        for ((consolidated, answered), n) in &self.counts {
            if let (Some(row), Some(column)) = (rows.get(consolidated), columns.get(answered)) {
                information += share(n) * (share(n) / (share(row) * share(column))).ln();
            }
        }
        // A random table seems to hold (cells − rows − columns + 1) / 2n (Miller and Madow): taken off.
        let (n_rows, n_columns) = (rows.len() as f64, columns.len() as f64);
        information -= (n_rows * n_columns - n_rows - n_columns + 1.0) / (2.0 * total);
        entropy > 0.1 && information < SUSPECT_INFORMATION_MAX * entropy
    }

    fn classes(&self, names: &[String], items_of_class: &[u32]) -> Vec<ClassQuality> {
        let [consolidated, answered] = self.sums();
        let of = |sums: &BTreeMap<u32, u32>, class| sums.get(&class).copied().unwrap_or_default();
        let quality = |(class, (name, n_items)): (u32, (&String, &u32))| {
            let n_answers = of(&consolidated, class);
            let n_answered = of(&answered, class);
            let n_agreed = self.count(class, class);
            (*n_items > 0 || n_answered > 0).then(|| ClassQuality {
                class: name.clone(),
                n_items: *n_items,
                agreement: (n_answers > 0).then(|| f64::from(n_agreed) / f64::from(n_answers)),
                n_answered_elsewhere: n_answered - n_agreed,
            })
        };
        (0u32..)
            .zip(names.iter().zip(items_of_class))
            .filter_map(quality)
            .collect()
    }
}
