//! Quality of the consolidation of bounding boxes.

use consensus::Problem;
use consensus::boxes::{Answer, BoxLabel, Config, ConsolidatedBox, Estimate, consolidate, iou};
use serde::Serialize;

use super::figures::{self, Calibration, f1};
use super::matching::best_pairs;
use super::{Conditions, consolidate_in_batches};

/// Answers and truth of a set of objects.
#[derive(Debug, Clone)]
pub struct Set {
    /// The answers.
    pub problem: Problem<Answer>,
    /// For each object its true boxes; `None` where they are not known.
    pub truth: Vec<Option<Vec<BoxLabel>>>,
}

/// Quality of one method. Boxes are matched one to one so that the total overlap is largest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// F1 with matches of intersection over union of at least 0.5, in [0, 1].
    pub f1_at_50: f64,
    /// F1 with matches of intersection over union of at least 0.75, in [0, 1].
    pub f1_at_75: f64,
    /// Mean intersection over union of the matches of at least 0.5.
    pub mean_iou: f64,
    /// Expected calibration error of the confidence of accepted boxes, right where matched at 0.5.
    pub ece: f64,
    /// The same over the boxes that were not accepted as well.
    pub ece_all: f64,
}

/// Against boxes that at least half of the workers drew, with mean edges and the vote share as the confidence.
pub type Comparison = figures::Comparison<Figures>;

impl figures::Figures for Figures {
    fn all(&mut self) -> Vec<&mut f64> {
        let Self {
            f1_at_50,
            f1_at_75,
            mean_iou,
            ece,
            ece_all,
        } = self;
        vec![f1_at_50, f1_at_75, mean_iou, ece, ece_all]
    }
}

/// Mean over the seeds.
#[must_use]
pub fn evaluate(set: &Set, conditions: &Conditions, config: &Config) -> Comparison {
    figures::mean(&runs(set, conditions, config))
}

/// One run for each seed.
#[must_use]
pub fn runs(set: &Set, conditions: &Conditions, config: &Config) -> Vec<Comparison> {
    let mut runs = Vec::new();
    for seed in &conditions.seeds {
        let (problem, truth) = conditions.drawn(*seed, &set.problem, &set.truth);
        let estimates = consolidate_in_batches(&problem, conditions, |some, carried, _| {
            consolidate(some, carried, config)
        });
        let votes: Vec<_> = problem.items.iter().map(|answers| vote(answers)).collect();
        runs.push(Comparison {
            consolidation: judge(&estimates, &truth),
            vote: judge(&votes, &truth),
        });
    }
    runs
}

/// Each box joins the first cluster whose mean overlaps by at least one half.
fn vote(answers: &[Answer]) -> Option<Estimate> {
    let mut clusters: Vec<(BoxLabel, u32)> = Vec::new();
    for label in answers.iter().flat_map(|answer| &answer.boxes) {
        let best = clusters
            .iter_mut()
            .find(|(mean, _)| iou(mean, label) >= 0.5);
        match best {
            Some((mean, n)) => {
                *n += 1;
                let part = 1.0 / f64::from(*n);
                mean.left += (label.left - mean.left) * part;
                mean.top += (label.top - mean.top) * part;
                mean.width += (label.width - mean.width) * part;
                mean.height += (label.height - mean.height) * part;
            }
            None => clusters.push((*label, 1)),
        }
    }
    let n_workers = answers.len() as u32;
    let all = clusters.into_iter().map(|(label, n)| {
        let n_votes = n.min(n_workers);
        ConsolidatedBox {
            class: label.class,
            left: label.left,
            top: label.top,
            width: label.width,
            height: label.height,
            confidence: f64::from(n_votes) / f64::from(n_workers),
            n_votes,
            n_workers,
        }
    });
    let (boxes, rejected) = all.partition(|label| label.confidence >= 0.5);
    Some(Estimate {
        boxes,
        rejected,
        left_out: Vec::new(),
    })
}

/// Quality of estimates against the truth; objects without truth are left out.
#[must_use]
pub fn judge(estimates: &[Option<Estimate>], truth: &[&Option<Vec<BoxLabel>>]) -> Figures {
    let (mut n_found, mut n_true, mut n_50, mut n_75, mut sum) = (0, 0, 0, 0, 0.0);
    let mut accepted = Calibration::default();
    let mut all = Calibration::default();
    for (estimate, truth) in estimates.iter().zip(truth) {
        let (Some(estimate), Some(truth)) = (estimate, truth) else {
            continue;
        };
        n_found += estimate.boxes.len();
        n_true += truth.len();
        let overlaps = overlaps(&estimate.boxes, truth);
        n_75 += overlaps.iter().filter(|overlap| **overlap >= 0.75).count();
        for (label, overlap) in estimate.boxes.iter().zip(overlaps) {
            let is_right = overlap >= 0.5;
            if is_right {
                n_50 += 1;
                sum += overlap;
            }
            accepted.add(label.confidence, if is_right { 1.0 } else { 0.0 });
        }
        let every: Vec<ConsolidatedBox> = estimate
            .boxes
            .iter()
            .chain(&estimate.rejected)
            .copied()
            .collect();
        for (label, overlap) in every.iter().zip(self::overlaps(&every, truth)) {
            all.add(label.confidence, if overlap >= 0.5 { 1.0 } else { 0.0 });
        }
    }
    Figures {
        f1_at_50: f1(n_found as f64, n_50 as f64, n_true as f64),
        f1_at_75: f1(n_found as f64, n_75 as f64, n_true as f64),
        mean_iou: sum / n_50 as f64,
        ece: accepted.expected_error(),
        ece_all: all.expected_error(),
    }
}

/// Each box's overlap with the true box it is matched to; 0 without a match or where the class differs.
fn overlaps(boxes: &[ConsolidatedBox], truth: &[BoxLabel]) -> Vec<f64> {
    let weights: Vec<Vec<f64>> = boxes
        .iter()
        .map(|found| {
            let label = BoxLabel {
                class: found.class,
                left: found.left,
                top: found.top,
                width: found.width,
                height: found.height,
            };
            truth
                .iter()
                .map(|real| {
                    if real.class == label.class {
                        iou(&label, real)
                    } else {
                        0.0
                    }
                })
                .collect()
        })
        .collect();
    let mut overlaps = vec![0.0; boxes.len()];
    for (found, real) in best_pairs(&weights) {
        if let (Some(slot), Some(weight)) = (
            overlaps.get_mut(found),
            weights.get(found).and_then(|row| row.get(real)),
        ) {
            *slot = *weight;
        }
    }
    overlaps
}
