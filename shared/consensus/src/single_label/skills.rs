//! How much the workers' skills differ.

use super::Config;

/// Least distance of accuracy from chance that a spread is measured in.
const SKILL_MIN: f64 = 0.05;

/// Sums over workers that tell how much their accuracies differ.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Skills {
    n_workers: f64,
    n_answers: f64,
    n_answers_squared: f64,
    right: f64,
    /// Right answers times accuracy.
    right_by_accuracy: f64,
}

impl Skills {
    pub(super) fn add(&mut self, right: f64, n_answers: f64) {
        if n_answers > 0.0 {
            self.n_workers += 1.0;
            self.n_answers += n_answers;
            self.n_answers_squared += n_answers * n_answers;
            self.right += right;
            self.right_by_accuracy += right * right / n_answers;
        }
    }

    /// Variance of the workers' accuracies beyond what their numbers of answers explain, in squares of the distance
    /// from chance to their common `accuracy`.
    pub(super) fn spread(&self, accuracy: f64, n_classes: usize, config: &Config) -> f64 {
        let (prior, prior_weight) = (config.spread_prior, config.spread_prior_weight);
        let chance = 1.0 / n_classes.max(1) as f64;
        let skill = (accuracy - chance).max(SKILL_MIN);
        let squares = self.right_by_accuracy - 2.0 * accuracy * self.right
            + accuracy * accuracy * self.n_answers;
        let by_chance = (self.n_workers - 1.0) * accuracy * (1.0 - accuracy);
        let weight = if self.n_answers > 0.0 {
            self.n_answers - self.n_answers_squared / self.n_answers
        } else {
            0.0
        };
        let sum = (squares - by_chance) / (skill * skill) + prior_weight * prior;
        (sum / (weight + prior_weight)).max(0.0)
    }
}
