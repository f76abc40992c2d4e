//! How many values lie where.

use serde::Serialize;

/// Counts of values by range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// Where each range begins, inclusive, ascending; it ends, exclusive, where the next one begins, and the last one
    /// has no end. Smaller values count in the first one.
    pub from: Vec<f64>,
    /// Values in each range.
    pub counts: Vec<u32>,
}

impl Default for Histogram {
    /// An empty one of shares.
    fn default() -> Self {
        Self::of_shares()
    }
}

impl Histogram {
    /// An empty one of shares, in twentieths.
    #[must_use]
    pub fn of_shares() -> Self {
        Self::with_ranges(
            (0..20)
                .map(|twentieth| f64::from(twentieth) / 20.0)
                .collect(),
        )
    }

    /// An empty one of lengths in pixels, each range twice as long as the one before: 0, 8, 16, … 2048.
    #[must_use]
    pub fn of_lengths_px() -> Self {
        let doubled = (3..12).map(|power| f64::from(1_u32 << power));
        Self::with_ranges(std::iter::once(0.0).chain(doubled).collect())
    }

    fn with_ranges(from: Vec<f64>) -> Self {
        let counts = vec![0; from.len()];
        Self { from, counts }
    }

    /// Counts a value.
    pub fn add(&mut self, value: f64) {
        let n_begun = self.from.iter().filter(|from| **from <= value).count();
        if let Some(count) = self.counts.get_mut(n_begun.saturating_sub(1)) {
            *count += 1;
        }
    }

    /// How many values were counted.
    #[must_use]
    pub fn n_values(&self) -> u32 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let check = |mut histogram: Histogram, value: f64, expected: usize| {
            histogram.add(value);
            let found = histogram.counts.iter().position(|n| *n == 1);
            assert_eq!(found, Some(expected), "{value}");
            assert_eq!(histogram.n_values(), 1);
        };
        for (value, expected) in [
            (-0.1, 0),
            (0.0, 0),
            (0.049, 0),
            (0.05, 1),
            (0.5, 10),
            (0.95, 19),
            (1.0, 19),
            (7.0, 19),
        ] {
            check(Histogram::of_shares(), value, expected);
        }
        for (value, expected) in [
            (0.0, 0),
            (7.9, 0),
            (8.0, 1),
            (16.0, 2),
            (2047.9, 8),
            (2048.0, 9),
            (1e9, 9),
        ] {
            check(Histogram::of_lengths_px(), value, expected);
        }
    }
}
