//! Which class: one class for each item.
//!
//! Hierarchical Dawid-Skene: expectation maximisation over one confusion matrix a worker, each row shrunk to the
//! worker's own accuracy and to the errors that all workers make, the worker's accuracy shrunk to all workers'
//! accuracy. So a worker with three answers counts as an average one, and a worker with three hundred as himself.
//! Earlier batches come in as [`Statistics`]: the items that say most of these workers are estimated again, together
//! with the batch, for what they were taken for when nobody was known would stay wrong; the others are expected counts.
//!
//! Expectation maximisation is overconfident for two reasons, and both are seen to after the last iteration only. An item
//! counts among what is known of its workers, and so confirms itself: its probabilities are therefore told from what its
//! workers answered to the other items. And workers err together: the probabilities are therefore tempered; tempered
//! within, classes collapse into one another. Which class it is, all answers tell.
//!
//! Sources: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", 1979;
//! shrinkage between workers as in Paun et al., "Comparing Bayesian models of annotation", TACL 2018.

mod earlier;
mod em;
mod estimate;
mod probabilities;
mod skills;
mod sparse;
mod votes;

use crate::statistics::ClassStatistics;
use crate::{Consolidation, Problem, Statistics};
use earlier::Earlier;
pub use probabilities::Probabilities;
use votes::Votes;

/// One worker's answer to one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// Index into [`Problem::workers`].
    pub worker: u32,
    /// Index into [`Problem::classes`].
    pub class: u32,
}

/// The consolidated class of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Index into [`Problem::classes`]: the most probable class by all answers, the lowest index among equals, and always
    /// the class that all workers chose where they agree.
    pub class: u32,
    /// Probability in [0, 1] that `class` is right.
    pub confidence: f64,
    /// Probability of each class, in class order; they sum to 1. Empty without [`Config::keeps_probabilities`].
    pub probabilities: Probabilities,
}

/// Settings. The defaults were chosen on 7 public sets of crowd answers and judged on other seeds of them. Among 70
/// neighbours, each value halved to doubled at random, none has a mean accuracy lower by more than 0.5 points or a mean
/// negative log-likelihood lower by more than 0.001; choosing among them with one set left out gives that set 0.1 (three
/// answers) and 0.5 points (five) less than the defaults and a calibration error higher by 0.005 and 0.017.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Iterations of expectation maximisation, at least one; more change next to nothing.
    pub n_iterations: u32,
    /// Items of earlier batches that are asked again with a batch, at most; the others count as they were taken then.
    pub items_again_max: usize,
    /// Whether to leave statistics: of no use where nothing comes after, as with a whole job.
    pub leaves_statistics: bool,
    /// Whether estimates have the probability of each class, which takes a number for each item and class.
    pub keeps_probabilities: bool,
    /// Largest table of workers × classes × classes, in cells of 20 bytes. Where it would be larger, only classes that
    /// somebody chose for an item are thought of as its true one.
    pub table_cells_max: usize,
    /// Beyond that table, the votes on an item times the classes that somebody chose for it, summed over all items, up to
    /// which each of those classes may be the true one, in cells of about 100 bytes; where there would be more, the three
    /// with most votes.
    pub choices_max: usize,
    /// Weight of what is known about all workers' errors in a row of a worker's confusion matrix, in answers.
    pub row_shrinkage: f64,
    /// Weight of all workers' accuracy in a worker's accuracy, in answers.
    pub accuracy_shrinkage: f64,
    /// Accuracy in [0, 1] that workers are taken to have before anything is known.
    pub accuracy_prior: f64,
    /// Weight of `accuracy_prior` in each row of all workers' confusion matrix, in answers.
    pub accuracy_prior_weight: f64,
    /// Items, spread evenly over the classes, that are added to the vote shares to give the classes' prior; fewer where
    /// the shares are skewed.
    pub class_prior_weight: f64,
    /// Skew of the vote shares at which half as many are added: the variance of the shares, in squares of their mean,
    /// beyond what chance gives.
    pub class_skew_at_half: f64,
    /// How much the errors of workers who are all alike go together, in [0, 1]: n answers count as
    /// n / (1 + (n - 1) `correlation`). What workers of equal skill disagree on is hard for all of them; where skills
    /// differ, it is the worse ones who err, each for himself.
    pub correlation: f64,
    /// Spread of the workers' skill at which the correlation is half of that, and a fifth at twice the spread: the
    /// variance of their accuracies, in squares of how far all workers' accuracy lies above chance. It counts as far as
    /// the item's workers are known, which is the share that their own answers have in their accuracies.
    pub spread_at_half: f64,
    /// Spread taken before anything is known.
    pub spread_prior: f64,
    /// Weight of `spread_prior`, in answers.
    pub spread_prior_weight: f64,
    /// How much less certain an item is on which workers disagree, for it is a hard one: the logarithms of its
    /// probabilities are divided by 1 + `disagreement` (1 - s), where s is the share of votes of the class with most of
    /// them. Seven sets and a real job, each left out once, would have it from 0 to 0.5, most of them 0; up to 0.15 they differ little.
    pub disagreement: f64,
    /// Share of items, in [0, 1], that are taken to be beyond the workers: any class may be theirs.
    pub beyond_workers: f64,
}

/// [`Config::accuracy_shrinkage`] unless told otherwise; reports on workers shrink their accuracy alike.
pub(crate) const ACCURACY_SHRINKAGE: f64 = 18.0;

impl Default for Config {
    fn default() -> Self {
        Self {
            n_iterations: 5,
            items_again_max: 600,
            leaves_statistics: true,
            keeps_probabilities: true,
            table_cells_max: 1 << 20,
            choices_max: 300_000,
            row_shrinkage: 5.0,
            accuracy_shrinkage: ACCURACY_SHRINKAGE,
            accuracy_prior: 0.7,
            accuracy_prior_weight: 20.0,
            class_prior_weight: 1600.0,
            class_skew_at_half: 0.05,
            correlation: 0.6,
            spread_at_half: 0.12,
            spread_prior: 0.2,
            spread_prior_weight: 400.0,
            disagreement: 0.1,
            beyond_workers: 0.02,
        }
    }
}

/// Consolidates the items.
///
/// A single answer stays as it is, with its worker's shrunk accuracy as confidence. Where all workers of an item
/// agree, their class stays. Should another class be more probable than the item's by what its workers answered to other
/// items, both get the same probability.
#[must_use]
pub fn consolidate(
    problem: &Problem<Answer>,
    carried: &Statistics,
    config: &Config,
) -> Consolidation<Estimate> {
    let (estimates, single_label) = consolidate_classes(problem, &carried.single_label, config);
    Consolidation {
        estimates,
        statistics: Statistics {
            single_label,
            ..Statistics::default()
        },
    }
}

/// The same for any answers that are one class each, with statistics of their own.
pub(crate) fn consolidate_classes(
    problem: &Problem<Answer>,
    carried: &ClassStatistics,
    config: &Config,
) -> (Vec<Option<Estimate>>, ClassStatistics) {
    let earlier = Earlier::new(problem, carried, config.items_again_max);
    let votes = Votes::new(problem, &earlier);
    let n_cells = votes.workers.len() * problem.classes.len() * problem.classes.len();
    if n_cells <= config.table_cells_max {
        let mut model = em::Model::new(&votes, &earlier, config);
        model.run(&votes, config.n_iterations);
        model.conclude(&votes)
    } else {
        let mut model = sparse::Model::new(&votes, &earlier, config);
        model.run(config.n_iterations);
        model.conclude(&votes)
    }
}
