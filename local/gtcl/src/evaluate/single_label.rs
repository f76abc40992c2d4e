//! Quality of single-label consolidation.

use consensus::Problem;
use consensus::single_label::{Answer, Config, Estimate, consolidate};
use serde::Serialize;

use super::figures::{self, Calibration, log_loss};
use super::{Conditions, consolidate_in_batches};

/// Answers and truth of a set of objects.
#[derive(Debug, Clone)]
pub struct Set {
    /// The answers.
    pub problem: Problem<Answer>,
    /// For each object its true class; `None` where it is not known.
    pub truth: Vec<Option<u32>>,
}

/// Quality of one method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Share of right answers, ties counted in part.
    pub accuracy: f64,
    /// Expected calibration error of the confidence.
    pub ece: f64,
    /// Mean negative log likelihood of the true class, in nats.
    pub nll: f64,
    /// Mean squared error of the probabilities, summed over the classes, in [0, 2].
    pub brier: f64,
    /// How well the confidence ranks right before wrong answers; 0.5 is by chance, and where all are right.
    pub auroc: f64,
}

/// Against the plain vote, with its share as the confidence.
pub type Comparison = figures::Comparison<Figures>;

impl figures::Figures for Figures {
    fn all(&mut self) -> Vec<&mut f64> {
        let Self {
            accuracy,
            ece,
            nll,
            brier,
            auroc,
        } = self;
        vec![accuracy, ece, nll, brier, auroc]
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
        let truth = set.truth.iter().copied();
        let (problem, truth) = conditions.drawn(*seed, &set.problem, truth);
        let estimates = consolidate_in_batches(&problem, conditions, |some, carried, _| {
            consolidate(some, carried, config)
        });
        let votes = problem
            .items
            .iter()
            .map(|answers| shares(answers, problem.classes.len()));
        runs.push(Comparison {
            consolidation: judge(&estimates, &truth),
            vote: judge_votes(votes, &truth),
        });
    }
    runs
}

fn shares(answers: &[Answer], n_classes: usize) -> Vec<f64> {
    let mut shares = vec![0.0; n_classes];
    for answer in answers {
        if let Some(share) = shares.get_mut(answer.class as usize) {
            *share += 1.0 / answers.len() as f64;
        }
    }
    shares
}

/// Quality of estimates against the truth; objects without truth or without an answer are left out.
#[must_use]
pub fn judge(estimates: &[Option<Estimate>], truth: &[Option<u32>]) -> Figures {
    let mut sums = Sums::default();
    for (estimate, truth) in estimates.iter().zip(truth) {
        if let (Some(estimate), Some(truth)) = (estimate, truth) {
            let is_right = if estimate.class == *truth { 1.0 } else { 0.0 };
            sums.add(
                is_right,
                estimate.confidence,
                &estimate.probabilities,
                *truth,
            );
        }
    }
    sums.figures()
}

fn judge_votes(votes: impl Iterator<Item = Vec<f64>>, truth: &[Option<u32>]) -> Figures {
    let mut sums = Sums::default();
    for (shares, truth) in votes.zip(truth) {
        let top = shares.iter().copied().fold(0.0, f64::max);
        let (Some(truth), true) = (truth, top > 0.0) else {
            continue;
        };
        let tied: Vec<usize> = shares
            .iter()
            .enumerate()
            .filter(|(_, share)| **share > top - 1e-9)
            .map(|(class, _)| class)
            .collect();
        let is_right = if tied.contains(&(*truth as usize)) {
            1.0 / tied.len() as f64
        } else {
            0.0
        };
        sums.add(is_right, top, &shares, *truth);
    }
    sums.figures()
}

#[derive(Default)]
struct Sums {
    n: f64,
    right: f64,
    log_loss: f64,
    brier: f64,
    calibration: Calibration,
}

impl Sums {
    fn add(&mut self, is_right: f64, confidence: f64, probabilities: &[f64], truth: u32) {
        self.n += 1.0;
        self.right += is_right;
        self.log_loss += log_loss(
            probabilities
                .get(truth as usize)
                .copied()
                .unwrap_or_default(),
        );
        self.brier += (0u32..)
            .zip(probabilities)
            .map(|(class, p)| {
                if class == truth {
                    (1.0 - p) * (1.0 - p)
                } else {
                    p * p
                }
            })
            .sum::<f64>();
        self.calibration.add(confidence, is_right);
    }

    fn figures(&self) -> Figures {
        Figures {
            accuracy: self.right / self.n,
            ece: self.calibration.expected_error(),
            nll: self.log_loss / self.n,
            brier: self.brier / self.n,
            auroc: self.calibration.auroc().unwrap_or(0.5),
        }
    }
}
