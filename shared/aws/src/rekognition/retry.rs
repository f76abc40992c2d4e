//! How long to wait before a failed call is made again.

use std::time::Duration;

use super::error::ErrorKind;
use crate::jitter::Jitter;

/// Waits between attempts of one call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetrySettings {
    /// First wait after throttling or trouble; it doubles with each failure.
    pub delay: Duration,
    /// First wait for a dataset in use; it doubles with each failure.
    pub busy_delay: Duration,
    /// Longest wait.
    pub delay_max: Duration,
    /// Attempts after throttling or trouble, the first included. A dataset in use is waited for as long as time lasts,
    /// at most ten times as often.
    pub attempts_max: u32,
}

impl Default for RetrySettings {
    /// 0.4 s doubling to 20 s, 8 attempts (about a minute); 5 s for a dataset in use.
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(400),
            busy_delay: Duration::from_secs(5),
            delay_max: Duration::from_secs(20),
            attempts_max: 8,
        }
    }
}

impl RetrySettings {
    /// The wait after the failure number `n_failures` (zero-based); `None` when there is no use in another attempt.
    ///
    /// Jitter takes off up to a quarter: two runs of the same faults under one request id wait the same times.
    pub(super) fn delay(
        &self,
        kind: ErrorKind,
        n_failures: u32,
        jitter: Jitter,
    ) -> Option<Duration> {
        let (first, attempts_max) = match kind {
            ErrorKind::Throttled | ErrorKind::Unavailable => (self.delay, self.attempts_max),
            ErrorKind::Busy => (self.busy_delay, self.attempts_max.saturating_mul(10)),
            _ => return None,
        };
        if n_failures + 1 >= attempts_max {
            return None;
        }
        let doubled = first.saturating_mul(2_u32.saturating_pow(n_failures.min(16)));
        let share = jitter.share(u64::from(n_failures));
        Some(doubled.min(self.delay_max).mul_f64(1.0 - 0.25 * share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_pass_are_retried_and_no_others() {
        let settings = RetrySettings::default();
        for (kind, expected) in [
            (ErrorKind::Throttled, true),
            (ErrorKind::Unavailable, true),
            (ErrorKind::Busy, true),
            (ErrorKind::AccessDenied, false),
            (ErrorKind::NotFound, false),
            (ErrorKind::AlreadyExists, false),
            (ErrorKind::Invalid, false),
            (ErrorKind::Other, false),
        ] {
            assert_eq!(
                settings.delay(kind, 0, Jitter::default()).is_some(),
                expected,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn attempts_end() {
        let settings = RetrySettings::default();
        for (kind, n_failures, expected) in [
            (ErrorKind::Throttled, 5, true),
            (ErrorKind::Throttled, 6, true),
            (ErrorKind::Throttled, 7, false),
            (ErrorKind::Busy, 78, true),
            (ErrorKind::Busy, 79, false),
        ] {
            assert_eq!(
                settings
                    .delay(kind, n_failures, Jitter::default())
                    .is_some(),
                expected,
                "{kind:?} {n_failures}"
            );
        }
    }

    #[test]
    fn waits_grow_to_the_longest_and_stay_within_a_quarter_of_it() {
        let settings = RetrySettings::default();
        for n_failures in 0..7 {
            let full = Duration::from_millis(400)
                .saturating_mul(1 << n_failures)
                .min(settings.delay_max);
            let delay = settings.delay(ErrorKind::Throttled, n_failures, Jitter::of("a"));
            let delay = delay.unwrap();
            assert!(delay <= full && delay >= full.mul_f64(0.75), "{n_failures}");
        }
    }
}
