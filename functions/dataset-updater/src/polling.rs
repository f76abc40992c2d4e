//! Waits between two looks at something that changes without telling: a dataset that is being updated, somebody else's
//! lease.

use std::time::{Duration, SystemTime};

use aws::Jitter;
use tokio::time::sleep;

/// Factor from one wait to the next, where waits grow.
const GROWTH: f64 = 1.5;

/// Looks at one thing, and the waits between them.
#[derive(Clone, Debug)]
pub(crate) struct Polling {
    wait: Duration,
    wait_max: Duration,
    /// Spreads equal waits of several writers.
    jitter: Option<Jitter>,
    /// No wait reaches this time; `None`: waits have no end.
    until: Option<SystemTime>,
    n_waits: u64,
}

impl Polling {
    /// Waits that begin with `first` and grow by half up to `longest`.
    pub(crate) fn growing(first: Duration, longest: Duration, until: Option<SystemTime>) -> Self {
        Self {
            wait: first,
            wait_max: longest.max(first),
            jitter: None,
            until,
            n_waits: 0,
        }
    }

    /// Waits from half of `interval` to one and a half of it.
    pub(crate) fn spread(interval: Duration, jitter: Jitter, until: SystemTime) -> Self {
        Self {
            wait: interval,
            wait_max: interval,
            jitter: Some(jitter),
            until: Some(until),
            n_waits: 0,
        }
    }

    /// Whether nothing was waited for yet.
    pub(crate) fn is_first(&self) -> bool {
        self.n_waits == 0
    }

    /// Waits before the next look; answers `false` at once when there is no time left for it.
    pub(crate) async fn pause(&mut self) -> bool {
        let Some(wait) = self.next(SystemTime::now()) else {
            return false;
        };
        sleep(wait).await;
        true
    }

    /// The next wait; `None` when it would not end before the time is over.
    fn next(&mut self, now: SystemTime) -> Option<Duration> {
        let wait = match self.jitter {
            None => self.wait,
            Some(jitter) => self.wait.mul_f64(0.5 + jitter.share(self.n_waits)),
        };
        if self.until.is_some_and(|until| now + wait >= until) {
            return None;
        }
        self.n_waits += 1;
        self.wait = self.wait.mul_f64(GROWTH).min(self.wait_max);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn waits(mut polling: Polling, n: usize) -> Vec<u128> {
        let next = || polling.next(NOW).map(|wait| wait.as_millis());
        std::iter::from_fn(next).take(n).collect()
    }

    #[test]
    fn waits_grow_to_the_longest() {
        let ms = Duration::from_millis;
        let check = |first, longest, expected: &[u128]| {
            let polling = Polling::growing(ms(first), ms(longest), None);
            assert_eq!(waits(polling, expected.len()), expected);
        };
        check(200, 500, &[200, 300, 450, 500, 500]);
        check(200, 100, &[200, 200]);
        check(0, 100, &[0, 0]);
    }

    #[test]
    fn no_wait_reaches_the_end() {
        let second = Duration::from_secs(1);
        for (left_ms, expected) in [(0, 0), (999, 0), (1000, 0), (1001, 1)] {
            let until = Some(NOW + Duration::from_millis(left_ms));
            let polling = Polling::growing(second, second * 9, until);
            assert_eq!(waits(polling, 9).len(), expected, "{left_ms}");
        }
    }

    #[test]
    fn looks_are_spread() {
        let spread = |owner| {
            let until = NOW + Duration::from_secs(1000);
            waits(
                Polling::spread(Duration::from_secs(1), Jitter::of(owner), until),
                100,
            )
        };
        let all: BTreeSet<_> = spread("a").into_iter().collect();
        assert!(all.len() > 90);
        assert!(all.iter().all(|ms| (500..=1500).contains(ms)));
        assert_eq!(spread("a"), spread("a"));
        assert_ne!(spread("a"), spread("b"));
    }
}
