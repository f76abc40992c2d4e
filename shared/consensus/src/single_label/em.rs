//! Expectation maximisation over flat tables.
//!
//! Probabilities are multiplied, not their logarithms added: the only operations are `+ × ÷`, which every machine
//! rounds alike, and an item costs no exponential. Tables are laid out worker, answered class, true class, the last
//! padded to whole lanes of four.

mod passes;

use super::earlier::{Earlier, thousandths};
use super::estimate::{TopShare, choose, exponent, known, most_probable, power};
use super::probabilities::Table;
use super::skills::Skills;
use super::{Config, Estimate, Votes};
use crate::statistics::{Answered, ClassStatistics, THOUSAND};
use passes::{count_shares, diagonal, expect, expect_one, expect_one_wide, expect_wide, row, sum};

const LANES: usize = 4;

/// Smallest probability of an answer, for the same reason.
const PROBABILITY_MIN: f32 = 1e-5;

pub(super) struct Model<'c> {
    config: &'c Config,
    n_classes: usize,
    /// Lanes of a row: the number of classes, rounded up.
    width: usize,
    /// Counts of earlier batches.
    carried: Vec<f32>,
    /// Counts of earlier batches and of these items.
    counts: Vec<f32>,
    /// Probability of an answer given the truth.
    likelihood: Vec<f32>,
    prior: Vec<f32>,
    /// Counts of earlier batches, of workers who did not answer here.
    absent: Vec<f32>,
    absent_skills: Skills,
    workers: Vec<Worker>,
    /// By worker and true class the answers that are counted.
    totals: Vec<f32>,
    /// By answered class and true class the share that the answer has in the errors where the class is true.
    error_shape: Vec<f32>,
    pooled_accuracy: f32,
}

/// What all answers of a worker say of him.
#[derive(Clone, Copy, Default)]
struct Worker {
    /// Expected right answers.
    right: f32,
    n_answers: f32,
    accuracy: f32,
}

impl<'c> Model<'c> {
    pub(super) fn new(votes: &Votes<'_>, earlier: &Earlier<'_>, config: &'c Config) -> Self {
        let n_classes = votes.classes.len();
        let width = n_classes.div_ceil(LANES).max(1) * LANES;
        let n_cells = votes.workers.len() * n_classes * width;
        let carried = carried(votes, earlier, width, n_cells);
        let mut prior: Vec<f32> = votes.prior(earlier, config);
        prior.resize(width, 0.0);
        let (absent, absent_skills) = absent(votes, earlier, width);
        let mut model = Self {
            config,
            n_classes,
            width,
            counts: carried.clone(),
            likelihood: vec![0.0; n_cells],
            carried,
            prior,
            absent,
            absent_skills,
            workers: vec![Worker::default(); votes.workers.len()],
            totals: vec![0.0; votes.workers.len() * width],
            error_shape: Vec::new(),
            pooled_accuracy: 0.0,
        };
        model.count_shares(votes);
        model.sum_up();
        model
    }
}

impl Model<'_> {
    pub(super) fn run(&mut self, votes: &Votes<'_>, n_iterations: u32) {
        for _ in 0..n_iterations.max(1) {
            self.maximise();
            self.expect(votes);
            self.sum_up();
        }
    }

    /// Counts each item's vote shares as if they were probabilities, to begin with: what items were taken for when less
    /// was known would hold them there.
    fn count_shares(&mut self, votes: &Votes<'_>) {
        let counts = &mut self.counts;
        match self.width {
            4 => count_shares(votes, counts, &mut [0.0; 4]),
            8 => count_shares(votes, counts, &mut [0.0; 8]),
            12 => count_shares(votes, counts, &mut [0.0; 12]),
            16 => count_shares(votes, counts, &mut [0.0; 16]),
            width => count_shares(votes, counts, &mut vec![0.0; width]),
        }
    }

    /// Counts each item's posterior.
    fn expect(&mut self, votes: &Votes<'_>) {
        self.counts.copy_from_slice(&self.carried);
        let Self {
            counts,
            likelihood,
            prior,
            width,
            ..
        } = self;
        // The loops over a row are unrolled for a width known when compiled, here and below.
        match *width {
            4 => expect_wide::<4>(votes, prior, likelihood, counts),
            8 => expect_wide::<8>(votes, prior, likelihood, counts),
            12 => expect_wide::<12>(votes, prior, likelihood, counts),
            16 => expect_wide::<16>(votes, prior, likelihood, counts),
            width => expect(votes, prior, likelihood, counts, width),
        }
    }

    /// Sums up the counts: all workers' accuracy and errors, and what is counted of each worker.
    fn sum_up(&mut self) {
        match self.width {
            4 => self.sum_up_wide(4),
            8 => self.sum_up_wide(8),
            12 => self.sum_up_wide(12),
            16 => self.sum_up_wide(16),
            width => self.sum_up_wide(width),
        }
    }

    #[inline(always)]
    fn sum_up_wide(&mut self, width: usize) {
        let config = self.config;
        let per_worker = (self.n_classes * width).max(1);
        let mut pooled = self.absent.clone();
        for table in self.counts.chunks_exact(per_worker) {
            for (sum, n) in pooled.iter_mut().zip(table) {
                *sum += n;
            }
        }
        let right: f32 = diagonal(&pooled, width).sum();
        let total: f32 = pooled.iter().sum();
        let weight = config.accuracy_prior_weight as f32;
        self.pooled_accuracy = (right + weight * config.accuracy_prior as f32) / (total + weight);
        self.error_shape = error_shape(pooled, width, self.n_classes, config);

        let shrinkage = config.accuracy_shrinkage as f32;
        let tables = self.counts.chunks_exact(per_worker);
        let sums = self.totals.chunks_exact_mut(width).zip(&mut self.workers);
        for (counts, (totals, worker)) in tables.zip(sums) {
            totals.fill(0.0);
            for row in counts.chunks_exact(width) {
                for (sum, n) in totals.iter_mut().zip(row) {
                    *sum += n;
                }
            }
            worker.n_answers = totals.iter().sum();
            worker.right = diagonal(counts, width).sum();
            worker.accuracy =
                (worker.right + shrinkage * self.pooled_accuracy) / (worker.n_answers + shrinkage);
        }
    }

    /// Estimates every worker's confusion matrix from the counts that were summed up.
    fn maximise(&mut self) {
        match self.width {
            4 => self.maximise_wide(4),
            8 => self.maximise_wide(8),
            12 => self.maximise_wide(12),
            16 => self.maximise_wide(16),
            width => self.maximise_wide(width),
        }
    }

    #[inline(always)]
    fn maximise_wide(&mut self, width: usize) {
        let per_worker = (self.n_classes * width).max(1);
        let shrinkage = self.config.row_shrinkage as f32;
        let mut scales = vec![0.0_f32; width];
        let tables = (self.counts.chunks_exact(per_worker))
            .zip(self.likelihood.chunks_exact_mut(per_worker));
        let sums = self.totals.chunks_exact(width).zip(&self.workers);
        for ((counts, likelihood), (totals, worker)) in tables.zip(sums) {
            for (scale, total) in scales.iter_mut().zip(totals) {
                *scale = 1.0 / (total + shrinkage);
            }
            let of_right = shrinkage * worker.accuracy;
            let of_wrong = shrinkage * (1.0 - worker.accuracy);
            let rows = counts
                .chunks_exact(width)
                .zip(likelihood.chunks_exact_mut(width));
            let rows = rows.zip(self.error_shape.chunks_exact(width));
            for (l, ((n, p), shape)) in rows.enumerate() {
                for (((p, n), shape), scale) in p.iter_mut().zip(n).zip(shape).zip(&scales) {
                    *p = ((n + of_wrong * shape) * scale).max(PROBABILITY_MIN);
                }
                if let (Some(p), Some(n), Some(scale)) = (p.get_mut(l), n.get(l), scales.get(l)) {
                    *p = ((n + of_right) * scale).max(PROBABILITY_MIN);
                }
            }
        }
    }

    /// The posterior of one item by what its workers answered to the other items: what an item itself says of its workers
    /// would make it surer of what it says. `counted` is its posterior as it was counted.
    #[inline(always)]
    fn by_others(&self, cells: &[u32], classes: &[u32], counted: &[f32], posterior: &mut [f32]) {
        let (width, n_classes) = (self.width, self.n_classes.max(1) as u32);
        let accuracy_shrinkage = self.config.accuracy_shrinkage as f32;
        let row_shrinkage = self.config.row_shrinkage as f32;
        posterior.copy_from_slice(&self.prior);
        for (cell, class) in cells.iter().zip(classes) {
            let worker_idx = (cell - class) / n_classes;
            let worker = self.workers.get(worker_idx as usize).copied();
            let worker = worker.unwrap_or_default();
            let was_right = counted.get(*class as usize).copied().unwrap_or_default();
            let accuracy = (worker.right - was_right + accuracy_shrinkage * self.pooled_accuracy)
                / (worker.n_answers - 1.0 + accuracy_shrinkage);
            let of_wrong = row_shrinkage * (1.0 - accuracy);
            let rows = row(&self.counts, *cell, width)
                .iter()
                .zip(row(&self.totals, worker_idx, width))
                .zip(row(&self.error_shape, *class, width));
            let before = posterior.get(*class as usize).copied().unwrap_or_default();
            for ((q, own), ((n, total), shape)) in posterior.iter_mut().zip(counted).zip(rows) {
                let p = ((n - own).max(0.0) + of_wrong * shape)
                    / ((total - own).max(0.0) + row_shrinkage);
                *q *= p.max(PROBABILITY_MIN);
            }
            let n = row(&self.counts, *cell, width).get(*class as usize);
            let total = row(&self.totals, worker_idx, width).get(*class as usize);
            if let (Some(q), Some(n), Some(total)) = (posterior.get_mut(*class as usize), n, total)
            {
                let p = ((n - was_right).max(0.0) + row_shrinkage * accuracy)
                    / ((total - was_right).max(0.0) + row_shrinkage);
                *q = before * p.max(PROBABILITY_MIN);
            }
            let scale = 1.0 / sum(posterior);
            for q in posterior.iter_mut() {
                *q *= scale;
            }
        }
    }

    /// Every item's tempered posterior by what its workers answered to other items, and what items were counted as.
    pub(super) fn conclude(&self, votes: &Votes<'_>) -> (Vec<Option<Estimate>>, ClassStatistics) {
        match self.width {
            4 => self.conclude_wide::<4>(votes),
            8 => self.conclude_wide::<8>(votes),
            12 => self.conclude_wide::<12>(votes),
            16 => self.conclude_wide::<16>(votes),
            width => {
                let posterior = |cells: &[u32], posterior: &mut [f32]| {
                    expect_one(cells, &self.prior, &self.likelihood, posterior, width);
                };
                self.conclude_each(votes, &mut vec![0.0; width], posterior)
            }
        }
    }

    /// [`Self::conclude`] for a width known when compiled.
    fn conclude_wide<const WIDTH: usize>(
        &self,
        votes: &Votes<'_>,
    ) -> (Vec<Option<Estimate>>, ClassStatistics) {
        let likelihood = self.likelihood.as_chunks::<WIDTH>().0;
        let mut prior = [0.0; WIDTH];
        prior.copy_from_slice(&self.prior);
        let expect = |cells: &[u32], posterior: &mut [f32]| {
            posterior.copy_from_slice(&expect_one_wide(cells, &prior, likelihood));
        };
        self.conclude_each(votes, &mut [0.0; WIDTH], expect)
    }

    /// `expect` puts the posterior of an item's cells into `posterior`.
    #[inline(always)]
    fn conclude_each(
        &self,
        votes: &Votes<'_>,
        posterior: &mut [f32],
        expect: impl Fn(&[u32], &mut [f32]),
    ) -> (Vec<Option<Estimate>>, ClassStatistics) {
        let n_classes = self.n_classes.max(1);
        let is_kept = self.config.keeps_probabilities;
        let mut table = Table::with_capacity(votes.own_items().count(), self.n_classes, is_kept);
        let mut probable = Vec::with_capacity(self.width);
        let mut answered = (self.config.leaves_statistics).then(|| {
            Answered::of(
                &votes.workers,
                votes.classes,
                votes.n_items,
                votes.n_votes(),
            )
        });
        let spread = self.spread();
        let shrinkage = self.config.accuracy_shrinkage as f32;
        // By cell: a division saved for each vote.
        let each =
            |worker: &Worker| std::iter::repeat_n(known(worker.n_answers, shrinkage), n_classes);
        let known: Vec<f32> = self.workers.iter().flat_map(each).collect();
        let mut counted = vec![0.0_f32; self.width];
        let mut shares = TopShare::new(self.n_classes);
        for item in votes.own_items() {
            let (cells, classes) = (votes.of(item), votes.classes_of(item));
            expect(cells, &mut counted);
            self.by_others(cells, classes, &counted, posterior);
            if let Some(answered) = &mut answered {
                let counted = counted.get(..self.n_classes).unwrap_or_default();
                thousandths(counted, &mut probable);
                let votes = cells.iter().zip(classes);
                let worker = |cell: &u32, class: &u32| (cell - class) / n_classes as u32;
                let votes = votes.map(|(cell, class)| [worker(cell, class), *class]);
                answered.push(votes, &probable);
            }
            let known = cells.iter().map(|cell| known.get(*cell as usize).copied());
            let known = known.map(Option::unwrap_or_default);
            let exponent = exponent(spread, known, shares.of(classes), self.config);
            for q in posterior.iter_mut() {
                *q = power(*q, exponent);
            }
            let single = if let ([cell], [class]) = (cells, classes) {
                let worker = cell.saturating_sub(*class) as usize / n_classes;
                self.workers
                    .get(worker)
                    .map(|worker| f64::from(worker.accuracy))
            } else {
                None
            };
            let most_probable = most_probable(&counted);
            table.push(item.item_idx, |row| {
                choose(posterior, row, most_probable, classes, single, self.config)
            });
        }
        (
            table.into_estimates(votes.n_items),
            answered.map_or_else(ClassStatistics::default, ClassStatistics::new),
        )
    }

    /// How much the skills of these workers differ.
    fn spread(&self) -> f64 {
        let mut skills = self.absent_skills;
        for worker in &self.workers {
            skills.add(f64::from(worker.right), f64::from(worker.n_answers));
        }
        skills.spread(f64::from(self.pooled_accuracy), self.n_classes, self.config)
    }
}

/// From all workers' answers by answered class and true class to the share that each answer has in the errors where a
/// class is true.
#[inline(always)]
fn error_shape(mut pooled: Vec<f32>, width: usize, n_classes: usize, config: &Config) -> Vec<f32> {
    let errors = 1.0 / (n_classes.saturating_sub(1).max(1)) as f32;
    let weight = config.accuracy_prior_weight as f32 * (1.0 - config.accuracy_prior as f32);
    for (l, row) in pooled.chunks_exact_mut(width).enumerate() {
        for (k, n) in row.iter_mut().enumerate() {
            *n = if k == l { 0.0 } else { *n + weight * errors };
        }
    }
    let mut error_sums = vec![0.0_f32; width];
    for row in pooled.chunks_exact(width) {
        for (sum, n) in error_sums.iter_mut().zip(row) {
            *sum += n;
        }
    }
    for row in pooled.chunks_exact_mut(width) {
        for (n, sum) in row.iter_mut().zip(&error_sums) {
            *n = if *sum > 0.0 { *n / *sum } else { errors };
        }
    }
    pooled
}

/// Thousandths to whole answers.
fn whole(thousandths: u64) -> f64 {
    thousandths as f64 / f64::from(THOUSAND)
}

/// Answers of earlier batches by these votes' workers, summed exactly.
fn carried(votes: &Votes<'_>, earlier: &Earlier<'_>, width: usize, n_cells: usize) -> Vec<f32> {
    if earlier.is_empty() {
        return vec![0.0; n_cells];
    }
    let n_classes = votes.classes.len();
    let mut sums = vec![0_u64; n_cells];
    let rank = |name: &str| {
        votes
            .workers
            .binary_search(&name)
            .ok()
            .map(|rank| rank as u32)
    };
    earlier.counts(rank, |count| {
        let row = count.worker as usize * n_classes + count.answered as usize;
        if let Some(sum) = sums.get_mut(row * width + count.truth as usize) {
            *sum += count.n;
        }
    });
    sums.into_iter().map(|n| whole(n) as f32).collect()
}

/// Answers of earlier batches by workers who are not among these votes' workers, summed exactly, and how their
/// accuracies differ.
fn absent(votes: &Votes<'_>, earlier: &Earlier<'_>, width: usize) -> (Vec<f32>, Skills) {
    let names = earlier.others(&votes.workers);
    let mut sums = vec![0_u64; votes.classes.len() * width];
    let mut of_workers = vec![(0_u64, 0_u64); names.len()];
    let idx = |name: &str| names.binary_search(&name).ok().map(|idx| idx as u32);
    earlier.counts(idx, |count| {
        let n = count.n;
        if let Some(sum) = sums.get_mut(count.answered as usize * width + count.truth as usize) {
            *sum += n;
        }
        if let Some((right, all)) = of_workers.get_mut(count.worker as usize) {
            *right += if count.truth == count.answered { n } else { 0 };
            *all += n;
        }
    });
    let mut skills = Skills::default();
    for (right, all) in of_workers {
        skills.add(whole(right), whole(all));
    }
    let sums = sums.into_iter().map(|n| whole(n) as f32);
    (sums.collect(), skills)
}
