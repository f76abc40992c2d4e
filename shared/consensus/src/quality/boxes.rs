//! Quality of answers that draw boxes.

use std::collections::BTreeMap;

use super::histogram::Histogram;
use super::{
    BoxCounts, BoxHistograms, ClassQuality, Confused, Report, SUSPECT_ANSWERS_MIN, SecondLook,
    WorkerQuality, confusion, first_of_each,
};
use crate::Problem;
use crate::boxes::{Answer, BoxLabel, ConsolidatedBox, Estimate, iou};
use crate::single_label::ACCURACY_SHRINKAGE;

/// Intersection over union from which a worker's box is the consolidated one, inclusive, whatever their classes.
const SAME_BOX_IOU_MIN: f64 = 0.5;

/// A worker is suspected when less than this share of the boxes, drawn or consolidated, match, and less than half of all
/// workers' share.
const SUSPECT_MATCHED_MAX: f64 = 0.25;

/// As [`super::report`], for [`crate::boxes::consolidate`].
///
/// A worker's boxes are matched with the consolidated ones, one to one, the best overlap first. Accuracy and
/// disagreement are about the boxes, drawn or consolidated: the share that match and have the consolidated class.
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
    let (mut confidences, mut histograms) = (Histogram::of_shares(), BoxHistograms::default());
    for (item_idx, (answers, estimate)) in problem.items.iter().zip(estimates).enumerate() {
        let Some(estimate) = estimate else { continue };
        count_labels(estimate, &mut classes, &mut confidences, &mut histograms);
        let (mut n_votes, mut n_answers) = (0, 0);
        for answer in first_of_each(answers, |answer| answer.worker) {
            let Some(table) = tables.get_mut(answer.worker as usize) else {
                continue;
            };
            let matched = match_boxes(&answer.boxes, &estimate.boxes);
            n_answers += 1;
            n_votes += u32::from(table.add(answer, &estimate.boxes, &matched));
            all.add(answer, &estimate.boxes, &matched);
            for pair in &matched {
                histograms.ious.add(pair.iou);
            }
            count_drawn(answer, estimate, &matched, &mut classes);
        }
        if n_votes < n_answers {
            second_look.push(SecondLook {
                item_idx,
                label: described(
                    estimate.boxes.iter().map(|label| label.class),
                    &problem.classes,
                ),
                confidence: confidence(estimate),
                n_votes,
                n_answers,
            });
        }
    }
    let workers = problem.workers.iter().zip(&tables);
    let workers = workers
        .filter(|(_, table)| table.n_answers > 0)
        .map(|(worker, table)| table.quality(worker, &problem.classes, all.share_right()));
    let found = problem.classes.iter().zip(&classes);
    Report {
        confusion: confusion(&all.with_agreed(&classes), &problem.classes),
        confidences,
        boxes: Some(histograms),
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

/// Counts an item's boxes.
fn count_labels(
    estimate: &Estimate,
    classes: &mut [Class],
    confidences: &mut Histogram,
    histograms: &mut BoxHistograms,
) {
    for label in &estimate.boxes {
        confidences.add(label.confidence);
        histograms.sides_px.add((label.width * label.height).sqrt());
        if let Some(class) = classes.get_mut(label.class as usize) {
            class.n_boxes += 1;
            class.n_workers += label.n_workers;
        }
    }
}

/// Counts the boxes that a worker drew.
fn count_drawn(answer: &Answer, estimate: &Estimate, matched: &[Match], classes: &mut [Class]) {
    for (idx, drawn) in answer.boxes.iter().enumerate() {
        let found = matched.iter().find(|pair| pair.drawn == idx);
        let found = found.and_then(|pair| estimate.boxes.get(pair.consolidated));
        if let Some(class) = classes.get_mut(drawn.class as usize) {
            let is_agreed = found.is_some_and(|found| found.class == drawn.class);
            class.n_agreed += u32::from(is_agreed);
            class.n_answered_elsewhere += u32::from(!is_agreed);
        }
    }
}

/// The least certain decision on the item: for a box, or against one.
fn confidence(estimate: &Estimate) -> f64 {
    let accepted = estimate.boxes.iter().map(|label| label.confidence);
    let rejected = estimate.rejected.iter().map(|label| 1.0 - label.confidence);
    accepted.chain(rejected).fold(1.0, f64::min)
}

/// How many boxes of which class there are, in words: `2 Owl, 1 Duck`; `no boxes`.
#[must_use]
pub fn described(boxes: impl Iterator<Item = u32>, classes: &[String]) -> String {
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    for class in boxes {
        *counts.entry(class).or_default() += 1;
    }
    let parts = counts.iter().filter_map(|(class, n)| {
        let name = classes.get(*class as usize)?;
        Some(format!("{n} {name}"))
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        "no boxes".to_owned()
    } else {
        parts.join(", ")
    }
}

#[derive(Debug, Clone, Copy)]
struct Match {
    drawn: usize,
    consolidated: usize,
    iou: f64,
}

fn match_boxes(drawn: &[BoxLabel], consolidated: &[ConsolidatedBox]) -> Vec<Match> {
    let mut pairs: Vec<Match> = Vec::new();
    for (drawn_idx, drawn) in drawn.iter().enumerate() {
        for (consolidated_idx, found) in consolidated.iter().enumerate() {
            let found = BoxLabel {
                class: found.class,
                left: found.left,
                top: found.top,
                width: found.width,
                height: found.height,
            };
            let iou = iou(drawn, &found);
            if iou >= SAME_BOX_IOU_MIN {
                pairs.push(Match {
                    drawn: drawn_idx,
                    consolidated: consolidated_idx,
                    iou,
                });
            }
        }
    }
    pairs.sort_by(|a, b| {
        let place = |pair: &Match| (pair.consolidated, pair.drawn);
        b.iou.total_cmp(&a.iou).then(place(a).cmp(&place(b)))
    });
    let mut chosen: Vec<Match> = Vec::new();
    for pair in pairs {
        let is_free = chosen
            .iter()
            .all(|other| other.drawn != pair.drawn && other.consolidated != pair.consolidated);
        if is_free {
            chosen.push(pair);
        }
    }
    chosen
}

#[derive(Debug, Clone, Default)]
struct Table {
    n_answers: u32,
    n_matched: u32,
    n_missed: u32,
    n_extra: u32,
    /// Matched, with the consolidated class.
    n_right: u32,
    sum_iou: f64,
    confused: BTreeMap<(u32, u32), u32>,
}

impl Table {
    /// Whether the answer has the consolidated boxes, no more and no less.
    fn add(&mut self, answer: &Answer, boxes: &[ConsolidatedBox], matched: &[Match]) -> bool {
        self.n_answers += 1;
        let mut n_right = 0;
        for pair in matched {
            self.sum_iou += pair.iou;
            let drawn = answer.boxes.get(pair.drawn).map(|label| label.class);
            let found = boxes.get(pair.consolidated).map(|label| label.class);
            match (found, drawn) {
                (Some(found), Some(drawn)) if found != drawn => {
                    *self.confused.entry((found, drawn)).or_default() += 1;
                }
                _ => n_right += 1,
            }
        }
        let n_missed = boxes.len() - matched.len();
        let n_extra = answer.boxes.len() - matched.len();
        self.n_matched += matched.len() as u32;
        self.n_missed += n_missed as u32;
        self.n_extra += n_extra as u32;
        self.n_right += n_right;
        n_missed + n_extra == 0 && n_right as usize == matched.len()
    }

    /// Confused classes, and those that are the consolidated one.
    fn with_agreed(&self, classes: &[Class]) -> BTreeMap<(u32, u32), u32> {
        let agreed = (0..).zip(classes);
        let agreed = agreed.map(|(class, found)| ((class, class), found.n_agreed));
        self.confused.clone().into_iter().chain(agreed).collect()
    }

    fn n_boxes(&self) -> f64 {
        f64::from(self.n_matched + self.n_missed + self.n_extra)
    }

    fn share_right(&self) -> f64 {
        f64::from(self.n_right) / self.n_boxes().max(1.0)
    }

    fn quality(&self, worker: &str, classes: &[String], pooled: f64) -> WorkerQuality {
        let name = |class: u32| classes.get(class as usize).cloned().unwrap_or_default();
        let most = self.confused.iter();
        let most = most.max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        let n_boxes = self.n_boxes();
        let n_matched = f64::from(self.n_matched);
        WorkerQuality {
            worker: worker.to_owned(),
            n_answers: self.n_answers,
            accuracy: (f64::from(self.n_right) + ACCURACY_SHRINKAGE * pooled)
                / (n_boxes + ACCURACY_SHRINKAGE),
            disagreement: if n_boxes > 0.0 {
                1.0 - self.share_right()
            } else {
                0.0
            },
            rates: None,
            boxes: Some(BoxCounts {
                n_matched: self.n_matched,
                n_missed: self.n_missed,
                n_extra: self.n_extra,
                mean_iou: (self.n_matched > 0).then(|| self.sum_iou / n_matched),
            }),
            most_confused: most.map(|((consolidated, answered), n)| Confused {
                consolidated: name(*consolidated),
                answered: name(*answered),
                n: *n,
            }),
            is_suspected: self.n_answers >= SUSPECT_ANSWERS_MIN
                && n_boxes >= f64::from(SUSPECT_ANSWERS_MIN)
                && n_matched < SUSPECT_MATCHED_MAX * n_boxes
                && self.share_right() < pooled / 2.0,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Class {
    n_boxes: u32,
    /// Workers who saw the images of those boxes, once a box.
    n_workers: u32,
    n_agreed: u32,
    n_answered_elsewhere: u32,
}

impl Class {
    fn quality(&self, name: &str) -> Option<ClassQuality> {
        (self.n_boxes > 0 || self.n_answered_elsewhere > 0).then(|| ClassQuality {
            class: name.to_owned(),
            n_items: self.n_boxes,
            agreement: (self.n_workers > 0)
                .then(|| (f64::from(self.n_agreed) / f64::from(self.n_workers)).min(1.0)),
            n_answered_elsewhere: self.n_answered_elsewhere,
        })
    }
}
