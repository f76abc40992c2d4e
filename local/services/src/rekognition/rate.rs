//! Calls a second, each operation by itself.

use std::collections::BTreeMap;

use super::time::Time;

/// Calls of an operation that may come within any second; a bucket that refills steadily.
#[derive(Debug)]
pub(crate) struct Rates {
    per_second: Option<u32>,
    /// Tokens left in thousandths of a call, and when that was.
    buckets: BTreeMap<&'static str, (u64, Time)>,
}

impl Rates {
    pub(crate) fn new(per_second: Option<u32>) -> Self {
        Self {
            per_second,
            buckets: BTreeMap::new(),
        }
    }

    /// Takes one call; `false` when there were too many. The operation may come `factor` times as often as others.
    pub(crate) fn take(&mut self, operation: &'static str, factor: u32, now: Time) -> bool {
        let Some(per_second) = self.per_second else {
            return true;
        };
        let per_second = u64::from(per_second) * u64::from(factor);
        let full = per_second * 1000;
        let (left, since) = self.buckets.entry(operation).or_insert((full, now));
        *left = full.min(*left + now.saturating_sub(*since) * per_second);
        *since = now;
        match left.checked_sub(1000) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_calls_then_one_every_fifth_of_a_second() {
        let mut rates = Rates::new(Some(5));
        let taken: Vec<bool> = (0..6).map(|_| rates.take("A", 1, 1000)).collect();
        assert_eq!(taken, [true, true, true, true, true, false]);
        assert!(rates.take("B", 1, 1000));
        assert!(!rates.take("A", 1, 1199));
        assert!(rates.take("A", 1, 1200));
        assert!(!rates.take("A", 1, 1201));
        let detections = (0..60).filter(|_| rates.take("C", 10, 2000));
        assert_eq!(detections.count(), 50);
        assert!((0..10).all(|_| Rates::new(None).take("A", 1, 0)));
    }
}
