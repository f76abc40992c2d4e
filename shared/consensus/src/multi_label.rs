//! Which classes: any number of classes for each item, none included.
//!
//! Every (item, class) pair is a question of its own, answered by two coins a worker: how often a true class is
//! selected (sensitivity) and how often a false one is left (specificity). Both are shrunk to all workers' rates,
//! because people who pick from a list overlook far more than they invent. An empty answer is evidence against every
//! class.
//!
//! Source: Dawid and Skene 1979 with two classes, per label as in "binary relevance"; Raykar et al., "Learning from
//! crowds", JMLR 2010, for the two coins.

use crate::statistics::{Coins, ONE};
use crate::{Consolidation, Problem, Statistics};

/// One worker's answer to one item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// Index into [`Problem::workers`].
    pub worker: u32,
    /// The classes selected, indices into [`Problem::classes`], in any order; empty: none of them, which is evidence.
    pub classes: Vec<u32>,
}

/// The consolidated classes of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The classes accepted, ascending.
    pub accepted: Vec<u32>,
    /// Probability in [0, 1] of each class, in class order; each class by itself, so they don't sum to 1.
    pub probabilities: Vec<f64>,
}

/// Settings. The defaults were chosen on the raters' answers of "Are we done with ImageNet?" (Beyer et al. 2020), 86
/// images, as a round value on a plateau: thresholds from 0.2 to 0.3 give the same F1 to 0.005 with five answers, and
/// with three it falls off above 0.25.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// A class is accepted when its probability is at least this, in [0, 1]. Below one half, because a class that a
    /// third of the workers saw is more often overlooked by the others than invented.
    pub accept_at_least: f64,
    /// Iterations of expectation maximisation.
    pub n_iterations: u32,
    /// Weight of all workers' rates in a worker's, in (item, class) pairs.
    pub worker_shrinkage: f64,
    /// Sensitivity in [0, 1] taken before anything is known.
    pub sensitivity_prior: f64,
    /// Specificity in [0, 1] taken before anything is known.
    pub specificity_prior: f64,
    /// Weight of the two priors, in (item, class) pairs.
    pub rate_prior_weight: f64,
    /// Weight of all classes' share of selections in a class's prior, in items.
    pub class_prior_weight: f64,
    /// How much the errors of workers go together, in [0, 1]: n answers count as n / (1 + (n - 1) `correlation`).
    pub correlation: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            accept_at_least: 0.25,
            n_iterations: 5,
            worker_shrinkage: 20.0,
            sensitivity_prior: 0.6,
            specificity_prior: 0.97,
            rate_prior_weight: 200.0,
            class_prior_weight: 100.0,
            correlation: 0.3,
        }
    }
}

/// Consolidates the items; every class is offered for every item.
#[must_use]
pub fn consolidate(
    problem: &Problem<Answer>,
    carried: &Statistics,
    config: &Config,
) -> Consolidation<Estimate> {
    consolidate_offered(problem, |_| None, carried, config)
}

/// Consolidates items for which not all classes were offered: `offered` gives an item's classes by the item's index,
/// ascending, `None` for all. A class that was not offered has probability 0 and says nothing about the workers.
#[must_use]
pub fn consolidate_offered<'o>(
    problem: &Problem<Answer>,
    offered: impl Fn(usize) -> Option<&'o [u32]>,
    carried: &Statistics,
    config: &Config,
) -> Consolidation<Estimate> {
    let mut model = Model::new(problem, &offered, carried, config);
    for _ in 0..config.n_iterations {
        model.expect();
        model.maximise();
    }
    model.expect();
    model.into_consolidation(problem)
}

/// One (item, class) pair.
struct Pair {
    item_idx: u32,
    class: u32,
    /// Where its votes begin among all that say whether the class was selected; they are as many as the item has ranks.
    votes_start: u32,
    /// Log odds that the class is true.
    log_odds: f64,
}

/// The votes on all pairs, in few large rows: there may be a million of them.
#[derive(Default)]
struct Votes {
    /// Ranks of the workers who answered an item, ascending, item after item.
    ranks: Vec<u32>,
    /// Where each item's ranks begin; one more than there are items.
    starts: Vec<u32>,
    /// Whether the class was selected, pair after pair.
    are_selected: Vec<bool>,
}

impl Votes {
    fn ranks(&self, item_idx: u32) -> &[u32] {
        let place = |idx: u32| self.starts.get(idx as usize).map(|start| *start as usize);
        let range = place(item_idx).zip(place(item_idx + 1));
        let ranks = range.and_then(|(start, end)| self.ranks.get(start..end));
        ranks.unwrap_or_default()
    }

    /// Rank of each worker who answered, and whether the class was selected.
    fn of(&self, pair: &Pair) -> impl ExactSizeIterator<Item = (usize, bool)> {
        let selected = self.are_selected.get(pair.votes_start as usize..);
        let ranks = self.ranks(pair.item_idx).iter();
        let votes = ranks.zip(selected.unwrap_or_default());
        votes.map(|(rank, selected)| (*rank as usize, *selected))
    }
}

struct Model<'c> {
    config: &'c Config,
    workers: Vec<&'c str>,
    carried: Vec<Coins>,
    absent: Coins,
    pairs: Vec<Pair>,
    votes: Votes,
    prior_log_odds: Vec<f64>,
    /// Log likelihood ratios of a worker's selection and of his leaving it.
    ratios: Vec<(f64, f64)>,
    class_votes: Vec<(u64, u64)>,
}

/// The first answer of each worker to an item: rank of the worker and the classes, ascending; in order of ranks.
fn ranked(problem: &Problem<Answer>, workers: &[&str], answers: &[Answer]) -> Vec<(u32, Vec<u32>)> {
    let by_rank = answers.iter().filter_map(|answer| {
        let name = problem.workers.get(answer.worker as usize)?.as_str();
        let rank = workers.binary_search(&name).ok()? as u32;
        Some((rank, &answer.classes))
    });
    let mut by_rank: Vec<_> = by_rank.collect();
    by_rank.sort_by_key(|(rank, _)| *rank);
    by_rank.dedup_by_key(|(rank, _)| *rank);
    let sorted = by_rank.into_iter().map(|(rank, classes)| {
        let mut classes = classes.clone();
        classes.sort_unstable();
        (rank, classes)
    });
    sorted.collect()
}

impl<'c> Model<'c> {
    fn new<'o>(
        problem: &'c Problem<Answer>,
        offered: &impl Fn(usize) -> Option<&'o [u32]>,
        carried: &Statistics,
        config: &'c Config,
    ) -> Self {
        let answers = problem.items.iter().flatten();
        let names = answers.filter_map(|answer| problem.workers.get(answer.worker as usize));
        let mut workers: Vec<&str> = names.map(String::as_str).collect();
        workers.sort_unstable();
        workers.dedup();
        let mut absent = Coins::default();
        for (worker, coins) in &carried.coins {
            if workers.binary_search(&worker.as_str()).is_err() {
                absent.merge(coins);
            }
        }
        let mut model = Self {
            config,
            carried: workers
                .iter()
                .map(|worker| carried.coins.get(*worker).copied().unwrap_or_default())
                .collect(),
            ratios: vec![(0.0, 0.0); workers.len()],
            workers,
            absent,
            pairs: Vec::new(),
            votes: Votes::default(),
            prior_log_odds: Vec::new(),
            class_votes: vec![(0, 0); problem.classes.len()],
        };
        model.lay_out(problem, offered);
        model.prior_log_odds = model.priors(problem, carried);
        model.rates(&vec![Coins::default(); model.workers.len()]);
        model
    }

    /// Makes the pairs and their votes, and counts each class's vote shares.
    fn lay_out<'o>(
        &mut self,
        problem: &Problem<Answer>,
        offered: &impl Fn(usize) -> Option<&'o [u32]>,
    ) {
        let all: Vec<u32> = (0..problem.classes.len() as u32).collect();
        let votes = &mut self.votes;
        votes.starts.push(0);
        for (item_idx, answers) in problem.items.iter().enumerate() {
            let ranked = ranked(problem, &self.workers, answers);
            votes.ranks.extend(ranked.iter().map(|(rank, _)| rank));
            votes.starts.push(votes.ranks.len() as u32);
            let classes = offered(item_idx).unwrap_or(&all);
            for class in classes.iter().filter(|_| !ranked.is_empty()) {
                let Some(sums) = self.class_votes.get_mut(*class as usize) else {
                    continue;
                };
                let votes_start = votes.are_selected.len();
                let selected = ranked.iter();
                let selected = selected.map(|(_, classes)| classes.binary_search(class).is_ok());
                votes.are_selected.extend(selected);
                let selected = votes.are_selected.get(votes_start..).unwrap_or_default();
                let n_selected = selected.iter().filter(|selected| **selected).count();
                sums.0 += (ONE * n_selected as f64 / ranked.len() as f64).round() as u64;
                sums.1 += ONE as u64;
                self.pairs.push(Pair {
                    item_idx: item_idx as u32,
                    class: *class,
                    votes_start: votes_start as u32,
                    log_odds: 0.0,
                });
            }
        }
    }

    /// A class's share of selections, put right for what workers overlook and invent, shrunk to all classes' share.
    fn priors(&self, problem: &Problem<Answer>, carried: &Statistics) -> Vec<f64> {
        let sums: Vec<(f64, f64)> = problem
            .classes
            .iter()
            .zip(&self.class_votes)
            .map(|(name, (selected, offered))| {
                let before = carried.selections.get(name).copied().unwrap_or_default();
                (
                    (selected + before.selected) as f64 / ONE,
                    (offered + before.offered) as f64 / ONE,
                )
            })
            .collect();
        let selected: f64 = sums.iter().map(|sum| sum.0).sum();
        let offered: f64 = sums.iter().map(|sum| sum.1).sum();
        let overall = (selected + 1.0) / (offered + 4.0);
        let Config {
            sensitivity_prior: sensitivity,
            specificity_prior: specificity,
            class_prior_weight: weight,
            ..
        } = *self.config;
        sums.iter()
            .map(|(selected, offered)| {
                let share = (selected + weight * overall) / (offered + weight);
                let true_share = (share - (1.0 - specificity)) / (sensitivity + specificity - 1.0);
                let true_share = true_share.clamp(0.02, 0.98);
                (true_share / (1.0 - true_share)).ln()
            })
            .collect()
    }

    fn expect(&mut self) {
        for pair in &mut self.pairs {
            let prior = self.prior_log_odds.get(pair.class as usize);
            let mut log_odds = prior.copied().unwrap_or_default();
            for (rank, selected) in self.votes.of(pair) {
                if let Some((yes, no)) = self.ratios.get(rank) {
                    log_odds += if selected { yes } else { no };
                }
            }
            pair.log_odds = log_odds;
        }
    }

    /// Expected counts of these items; whole numbers, so that their order doesn't matter.
    fn counts(&self) -> Vec<Coins> {
        let mut counts = vec![Coins::default(); self.workers.len()];
        for pair in &self.pairs {
            let is_true = (logistic(pair.log_odds) * ONE).round() as u64;
            let is_false = ONE as u64 - is_true;
            for (rank, selected) in self.votes.of(pair) {
                if let Some(coins) = counts.get_mut(rank) {
                    if selected {
                        coins.selected_and_true += is_true;
                        coins.selected_and_false += is_false;
                    } else {
                        coins.left_and_true += is_true;
                        coins.left_and_false += is_false;
                    }
                }
            }
        }
        counts
    }

    fn maximise(&mut self) {
        let counts = self.counts();
        self.rates(&counts);
    }

    fn rates(&mut self, counts: &[Coins]) {
        let mut pooled = self.absent;
        for coins in counts.iter().chain(&self.carried) {
            pooled.merge(coins);
        }
        let Config {
            sensitivity_prior,
            specificity_prior,
            rate_prior_weight,
            worker_shrinkage,
            ..
        } = *self.config;
        let sensitivity = pooled.sensitivity(sensitivity_prior, rate_prior_weight);
        let specificity = pooled.specificity(specificity_prior, rate_prior_weight);
        for ((ratio, carried), counts) in self.ratios.iter_mut().zip(&self.carried).zip(counts) {
            let mut coins = *carried;
            coins.merge(counts);
            let sensitivity = coins
                .sensitivity(sensitivity, worker_shrinkage)
                .clamp(0.01, 0.99);
            let specificity = coins
                .specificity(specificity, worker_shrinkage)
                .clamp(0.01, 0.99);
            *ratio = (
                (sensitivity / (1.0 - specificity)).ln(),
                ((1.0 - sensitivity) / specificity).ln(),
            );
        }
    }

    fn into_consolidation(self, problem: &Problem<Answer>) -> Consolidation<Estimate> {
        let counts = self.counts();
        let mut estimates: Vec<Option<Estimate>> = vec![None; problem.items.len()];
        for (answers, slot) in problem.items.iter().zip(&mut estimates) {
            if answers
                .iter()
                .any(|answer| (answer.worker as usize) < problem.workers.len())
            {
                *slot = Some(Estimate {
                    accepted: Vec::new(),
                    probabilities: vec![0.0; problem.classes.len()],
                });
            }
        }
        for pair in &self.pairs {
            let votes = self.votes.of(pair);
            let n_votes = votes.len();
            let correlated = 1.0 + self.config.correlation * (n_votes as f64 - 1.0);
            let p = logistic(pair.log_odds / correlated);
            let n_selected = votes.filter(|(_, selected)| *selected).count();
            let is_accepted = match n_selected {
                0 => false,
                n_selected if n_selected == n_votes => true,
                _ => p >= self.config.accept_at_least,
            };
            if let Some(Some(estimate)) = estimates.get_mut(pair.item_idx as usize) {
                if is_accepted {
                    estimate.accepted.push(pair.class);
                }
                if let Some(slot) = estimate.probabilities.get_mut(pair.class as usize) {
                    *slot = p;
                }
            }
        }
        let mut statistics = Statistics::default();
        for (worker, coins) in self.workers.iter().zip(counts) {
            statistics.coins.insert((*worker).to_owned(), coins);
        }
        for (class, (selected, offered)) in problem.classes.iter().zip(&self.class_votes) {
            if *offered > 0 {
                let sums = statistics.selections.entry(class.clone()).or_default();
                (sums.selected, sums.offered) = (*selected, *offered);
            }
        }
        Consolidation {
            estimates,
            statistics,
        }
    }
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}
