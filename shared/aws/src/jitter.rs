//! Differences between the waits of invocations that failed, or began, at the same moment.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

/// A sequence of shares from 0 to 1, the same for the same request id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter(u64);

impl Jitter {
    /// The sequence of an invocation, by its request id.
    #[must_use]
    pub fn of(request_id: &str) -> Self {
        // The keys of this hasher are fixed.
        Self(BuildHasherDefault::<DefaultHasher>::new().hash_one(request_id))
    }

    /// The share of the wait number `n_waits`, from 0 to 1, both inclusive.
    ///
    /// Source of the constants: splitmix64, Steele et al., "Fast splittable pseudorandom number generators", 2014.
    #[must_use]
    pub fn share(self, n_waits: u64) -> f64 {
        let step = n_waits.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0.wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from(z >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_differ_by_request_and_by_wait() {
        let shares = |id| {
            (0..100)
                .map(|n| Jitter::of(id).share(n))
                .collect::<Vec<_>>()
        };
        let of_a = shares("a");
        assert_eq!(of_a, shares("a"));
        assert_ne!(of_a, shares("b"));
        assert!(of_a.iter().all(|share| (0.0..=1.0).contains(share)));
        let n_low = of_a.iter().filter(|share| **share < 0.5).count();
        assert!((25..=75).contains(&n_low), "{n_low}");
    }
}
