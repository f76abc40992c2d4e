//! Quality of multi-label consolidation.

use consensus::Problem;
use consensus::multi_label::{Answer, Config, Estimate, consolidate_offered};
use serde::Serialize;

use super::figures::{self, Calibration, f1, log_loss};
use super::{Conditions, consolidate_in_batches};

/// Answers and truth of a set of objects.
#[derive(Debug, Clone)]
pub struct Set {
    /// The answers.
    pub problem: Problem<Answer>,
    /// For each object the classes that were offered, ascending; `None`: all of them.
    pub offered: Vec<Option<Vec<u32>>>,
    /// For each object its true classes, ascending; `None` where they are not known.
    pub truth: Vec<Option<Vec<u32>>>,
}

/// Quality of one method over all (object, offered class) pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// F1 of the accepted classes, in [0, 1].
    pub f1: f64,
    /// Share of objects whose accepted classes are exactly the true ones.
    pub exact: f64,
    /// Expected calibration error of the probabilities of all offered classes.
    pub ece: f64,
    /// Mean negative log likelihood, in nats.
    pub nll: f64,
}

/// The consolidation and two votes over the same answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Ours.
    pub consolidation: Figures,
    /// Classes that at least half of the workers selected.
    pub vote_half: Figures,
    /// Classes that at least a third of the workers selected.
    pub vote_third: Figures,
}

impl figures::Figures for Figures {
    fn all(&mut self) -> Vec<&mut f64> {
        let Self {
            f1,
            exact,
            ece,
            nll,
        } = self;
        vec![f1, exact, ece, nll]
    }
}

impl figures::Figures for Comparison {
    fn all(&mut self) -> Vec<&mut f64> {
        let Self {
            consolidation,
            vote_half,
            vote_third,
        } = self;
        [consolidation.all(), vote_half.all(), vote_third.all()]
            .into_iter()
            .flatten()
            .collect()
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
        let belongings = set.offered.iter().zip(&set.truth);
        let (problem, belongings) = conditions.drawn(*seed, &set.problem, belongings);
        let (offered, truth): (Vec<_>, Vec<_>) = belongings.into_iter().unzip();
        let estimates = consolidate_in_batches(&problem, conditions, |some, carried, range| {
            let offered = offered.get(range).unwrap_or_default();
            consolidate_offered(some, |idx| offered.get(idx)?.as_deref(), carried, config)
        });
        let votes = |accept_at_least: f64| {
            let estimates: Vec<_> = problem
                .items
                .iter()
                .map(|answers| vote(answers, problem.classes.len(), accept_at_least))
                .collect();
            judge(&estimates, &offered, &truth)
        };
        runs.push(Comparison {
            consolidation: judge(&estimates, &offered, &truth),
            vote_half: votes(1.0 / 2.0),
            vote_third: votes(1.0 / 3.0),
        });
    }
    runs
}

fn vote(answers: &[Answer], n_classes: usize, accept_at_least: f64) -> Option<Estimate> {
    let mut probabilities = vec![0.0; n_classes];
    for class in answers.iter().flat_map(|answer| &answer.classes) {
        if let Some(share) = probabilities.get_mut(*class as usize) {
            *share += 1.0 / answers.len() as f64;
        }
    }
    let accepted = (0u32..)
        .zip(&probabilities)
        .filter(|(_, p)| **p >= accept_at_least - 1e-9);
    let accepted = accepted.map(|(class, _)| class).collect();
    (!answers.is_empty()).then_some(Estimate {
        accepted,
        probabilities,
    })
}

/// Quality of estimates against the truth; objects without truth or without an answer are left out.
#[must_use]
pub fn judge(
    estimates: &[Option<Estimate>],
    offered: &[&Option<Vec<u32>>],
    truth: &[&Option<Vec<u32>>],
) -> Figures {
    let (mut n_found, mut n_right, mut n_true, mut n_exact) = (0, 0, 0, 0);
    let (mut n_pairs, mut sum, mut n_objects) = (0, 0.0, 0);
    let mut calibration = Calibration::default();
    for ((estimate, offered), truth) in estimates.iter().zip(offered).zip(truth) {
        let (Some(estimate), Some(truth)) = (estimate, truth) else {
            continue;
        };
        n_objects += 1;
        n_found += estimate.accepted.len();
        n_true += truth.len();
        n_right += estimate
            .accepted
            .iter()
            .filter(|class| truth.contains(class))
            .count();
        n_exact += usize::from(estimate.accepted == *truth);
        for (class, p) in (0u32..).zip(&estimate.probabilities) {
            if offered.as_ref().is_some_and(|it| !it.contains(&class)) {
                continue;
            }
            let (p, is_true) = (*p, truth.contains(&class));
            n_pairs += 1;
            sum += log_loss(if is_true { p } else { 1.0 - p });
            calibration.add(p, if is_true { 1.0 } else { 0.0 });
        }
    }
    Figures {
        f1: f1(n_found as f64, n_right as f64, n_true as f64),
        exact: n_exact as f64 / f64::from(n_objects),
        ece: calibration.expected_error(),
        nll: sum / f64::from(n_pairs),
    }
}
