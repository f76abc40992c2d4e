//! How long this invocation may go on.

use std::time::{Duration, SystemTime};

/// Deadlines before 2020, in milliseconds since 1970, aren't deadlines: some emulators send a duration.
const DEADLINE_MS_MIN: u64 = 1_577_836_800_000;
/// Longest invocation, inclusive, and how long one without a deadline holds its leases. Source: Lambda quotas, "Function
/// timeout: 900 seconds".
pub const INVOCATION_MAX: Duration = Duration::from_secs(15 * 60);

/// An invocation's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The end of the work, with time left to write down where it stopped; `None` when unknown.
    pub until: Option<SystemTime>,
    /// The end of the invocation.
    pub lease_until: SystemTime,
}

impl Budget {
    /// The time from `now` to a deadline in milliseconds since 1970, less `margin`. A margin of more than half of the
    /// time is cut to that half.
    #[must_use]
    pub fn new(deadline_ms: u64, now: SystemTime, margin: Duration) -> Self {
        if deadline_ms < DEADLINE_MS_MIN {
            return Self {
                until: None,
                lease_until: now + INVOCATION_MAX,
            };
        }
        let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline_ms);
        let left = deadline.duration_since(now).unwrap_or_default();
        Self {
            until: Some(deadline - margin.min(left / 2)),
            lease_until: deadline,
        }
    }

    /// Until when something is waited for so that `work_time` is left for the work, or half of the time where that is less.
    #[must_use]
    pub fn wait_until(&self, now: SystemTime, work_time: Duration) -> SystemTime {
        let end = self.until.unwrap_or(self.lease_until);
        let left = end.duration_since(now).unwrap_or_default();
        end - work_time.min(left / 2)
    }

    /// Whether there is time for something that takes `duration`.
    #[must_use]
    pub fn has(&self, now: SystemTime, duration: Duration) -> bool {
        self.until.is_none_or(|until| now + duration < until)
    }
}

/// Milliseconds since 1970.
#[must_use]
pub fn millis(at: SystemTime) -> i64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_deadlines() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
        for deadline_ms in [0, 600_000, DEADLINE_MS_MIN - 1] {
            let budget = Budget::new(deadline_ms, now, Duration::from_secs(20));
            assert_eq!(budget.until, None);
            assert!(budget.has(now, Duration::from_secs(1_000_000)));
        }
    }

    #[test]
    fn waits_leave_time_for_the_work() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
        for (left_s, waits_s) in [(0, 0), (100, 50), (120, 60), (121, 61), (900, 840)] {
            let until = now + Duration::from_secs(left_s);
            let budget = Budget {
                until: Some(until),
                lease_until: until,
            };
            let waits = budget.wait_until(now, Duration::from_secs(60));
            assert_eq!(waits, now + Duration::from_secs(waits_s), "{left_s}");
        }
    }

    #[test]
    fn margins() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
        for (left_s, margin_s, usable_s) in [(900, 20, 880), (30, 20, 15), (40, 20, 20), (0, 20, 0)]
        {
            let budget = Budget::new(
                1_700_000_000_000 + left_s * 1000,
                now,
                Duration::from_secs(margin_s),
            );
            assert_eq!(budget.until, Some(now + Duration::from_secs(usable_s)));
            assert!(!budget.has(now, Duration::from_secs(usable_s)));
            assert_eq!(
                budget.has(
                    now,
                    Duration::from_millis((usable_s * 1000).saturating_sub(1))
                ),
                usable_s > 0
            );
        }
    }
}
