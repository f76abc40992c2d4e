//! Figures that say how good answers and their confidences are.

use serde::Serialize;

/// Bins of equal width of the expected calibration error.
/// Source: Guo et al., "On calibration of modern neural networks", ICML 2017, 15 bins.
const N_BINS: usize = 15;

/// Smallest probability that a logarithm is taken of.
const PROBABILITY_MIN: f64 = 1e-12;

/// Confidences against what came true.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    bins: [(f64, f64, f64); N_BINS],
    /// Each confidence, and how far it came true.
    pairs: Vec<(f64, f64)>,
}

impl Calibration {
    /// Adds one confidence in [0, 1]; `is_right` is 1 where the answer is right, 0 where it is not, between where it
    /// is a tie of several answers.
    pub fn add(&mut self, confidence: f64, is_right: f64) {
        // Bins are open below and closed above; 0 goes to the first.
        let bin_idx = ((confidence * N_BINS as f64).ceil() as usize).clamp(1, N_BINS) - 1;
        if let Some(bin) = self.bins.get_mut(bin_idx) {
            bin.0 += 1.0;
            bin.1 += confidence;
            bin.2 += is_right;
        }
        self.pairs.push((confidence, is_right));
    }

    /// Expected calibration error, in [0, 1].
    #[must_use]
    pub fn expected_error(&self) -> f64 {
        let n: f64 = self.bins.iter().map(|bin| bin.0).sum();
        self.bins
            .iter()
            .map(|bin| (bin.1 - bin.2).abs())
            .sum::<f64>()
            / n
    }

    /// Area under the receiver operating characteristic: the chance that a right answer has a higher confidence than a
    /// wrong one, equal confidences counted half; `None` where all are right or all are wrong. An answer that is a tie of
    /// several counts as right in part and as wrong in part.
    #[must_use]
    pub fn auroc(&self) -> Option<f64> {
        let mut pairs = self.pairs.clone();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut n_wrong, mut n_right, mut area) = (0.0, 0.0, 0.0);
        for same in pairs.chunk_by(|a, b| a.0 == b.0) {
            let right: f64 = same.iter().map(|(_, is_right)| is_right).sum();
            let wrong = same.len() as f64 - right;
            area += right * (n_wrong + wrong / 2.0);
            n_right += right;
            n_wrong += wrong;
        }
        (n_right > 0.0 && n_wrong > 0.0).then(|| area / (n_right * n_wrong))
    }
}

/// Several figures at once.
pub trait Figures: Copy + Default {
    /// Every figure, in a fixed order.
    fn all(&mut self) -> Vec<&mut f64>;
}

/// The consolidation and the plain vote over the same answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Comparison<F> {
    /// Ours.
    pub consolidation: F,
    /// The plain vote's.
    pub vote: F,
}

impl<F: Figures> Figures for Comparison<F> {
    fn all(&mut self) -> Vec<&mut f64> {
        let mut all = self.consolidation.all();
        all.extend(self.vote.all());
        all
    }
}

/// Mean of several runs, figure by figure; 0 without runs.
#[must_use]
pub fn mean<F: Figures>(runs: &[F]) -> F {
    let mut mean = F::default();
    for run in runs {
        let mut run = *run;
        for (sum, figure) in mean.all().into_iter().zip(run.all()) {
            *sum += *figure;
        }
    }
    for sum in mean.all() {
        *sum /= runs.len().max(1) as f64;
    }
    mean
}

/// Figures of several runs: their mean, and how far it may be off by the chance of the runs alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Measured<F> {
    /// The mean.
    #[serde(flatten)]
    pub mean: F,
    /// The mean's standard error, figure by figure; not a number of fewer than two runs.
    pub standard_error: F,
}

impl<F: Figures> Measured<F> {
    /// Of runs that differ by their seed.
    #[must_use]
    pub fn of(runs: &[F]) -> Self {
        let mut mean = mean(runs);
        let mut standard_error = F::default();
        for run in runs {
            let mut run = *run;
            let figures = run.all().into_iter().zip(mean.all());
            for (sum, (figure, mean)) in standard_error.all().into_iter().zip(figures) {
                *sum += (*figure - *mean).powi(2);
            }
        }
        let n = runs.len() as f64;
        for sum in standard_error.all() {
            *sum = (*sum / (n * (n - 1.0))).sqrt();
        }
        Self {
            mean,
            standard_error,
        }
    }

    /// The mean over sets that were measured each by itself.
    #[must_use]
    pub fn mean_of(sets: &[Self]) -> Self {
        let means: Vec<F> = sets.iter().map(|set| set.mean).collect();
        let mut standard_error = F::default();
        for set in sets {
            let mut of_set = set.standard_error;
            for (sum, error) in standard_error.all().into_iter().zip(of_set.all()) {
                *sum += *error * *error;
            }
        }
        for sum in standard_error.all() {
            *sum = sum.sqrt() / sets.len().max(1) as f64;
        }
        Self {
            mean: mean(&means),
            standard_error,
        }
    }
}

/// Negative logarithm of a probability, in nats.
#[must_use]
pub fn log_loss(probability: f64) -> f64 {
    -probability.max(PROBABILITY_MIN).ln()
}

/// Harmonic mean of precision and recall, in [0, 1]; 0 where nothing is found.
#[must_use]
pub fn f1(n_found: f64, n_right: f64, n_true: f64) -> f64 {
    if n_found + n_true > 0.0 {
        2.0 * n_right / (n_found + n_true)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    struct One(f64);

    impl Figures for One {
        fn all(&mut self) -> Vec<&mut f64> {
            vec![&mut self.0]
        }
    }

    #[test]
    fn standard_errors() {
        assert!(Measured::of(&[One(1.0)]).standard_error.0.is_nan());
        let pair = Measured::of(&[One(1.0), One(3.0)]);
        assert_eq!((pair.mean, pair.standard_error), (One(2.0), One(1.0)));
        let exact = Measured::of(&[One(4.0); 3]);
        assert_eq!(exact.standard_error, One(0.0));
        let both = Measured::mean_of(&[pair, exact]);
        assert_eq!((both.mean, both.standard_error), (One(3.0), One(0.5)));
    }

    #[test]
    fn ranking_by_confidence() {
        for (pairs, expected) in [
            (&[(0.5, 1.0)][..], None),
            (&[(0.5, 0.0)], None),
            (&[(0.4, 0.0), (0.6, 1.0)], Some(1.0)),
            (&[(0.6, 0.0), (0.4, 1.0)], Some(0.0)),
            (&[(0.5, 0.0), (0.5, 1.0)], Some(0.5)),
            // A tie of two, one of which is right, says nothing by itself.
            (&[(0.5, 0.5)], Some(0.5)),
            (&[(0.5, 0.5), (1.0, 1.0)], Some(2.5 / 3.0)),
        ] {
            let mut calibration = Calibration::default();
            for (confidence, is_right) in pairs {
                calibration.add(*confidence, *is_right);
            }
            let found = calibration.auroc();
            let is_expected = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(is_expected, "{pairs:?}: {found:?}");
        }
    }
}
