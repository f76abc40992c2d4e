//! Scripted faults: what an embedded service does wrong, to which call.
//!
//! A [`Faults`] handle is shared by the services and by whoever scripts them. It also counts every call, so that a
//! test can say how often a service was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Calls that the log keeps; older ones are only counted.
const CALLS_KEPT_MAX: usize = 10_000;

/// What is left of the effects on a call once it was delayed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is processed. The rest of the effects, in the order in which they were scripted.
    Process(Vec<Effect>),
    /// It isn't processed: the connection ends.
    Reset,
    /// It isn't processed: an error is answered.
    Refuse {
        status: u16,
        code: String,
        message: String,
    },
}

/// Which embedded service a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The embedded S3.
    S3,
    /// The embedded Rekognition Custom Labels.
    Rekognition,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The call is answered with this error and not processed.
    Error {
        /// HTTP status.
        status: u16,
        /// Error code, such as `SlowDown` or `ThrottlingException`.
        code: String,
        /// Text of the error.
        message: String,
    },
    /// The call is processed this much later.
    Delay(Duration),
    /// The connection ends before the call is processed.
    ResetBefore,
    /// The call is processed, and the connection ends before the answer.
    ResetAfter,
    /// The call is processed, and the connection ends in the middle of the answer's body. An answer without a
    /// body is lost whole.
    ResetMidBody,
    /// UpdateDatasetEntries: entries whose source reference contains this text vanish, as terminal content
    /// errors do.
    DropEntries(String),
    /// UpdateDatasetEntries: the update ends as `UPDATE_FAILED` with this status message, nothing is changed.
    UpdateFailed(String),
    /// UpdateDatasetEntries: DescribeDataset goes on answering the status from before for this long.
    StaleStatus(Duration),
}

/// A scripted fault. It is for the calls that match all of its fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    service: Service,
    operation: Option<String>,
    target: Option<String>,
    n_skipped: u64,
    n_times: u64,
    effect: Effect,
}

impl Fault {
    /// A fault at the next call of any operation of `service`, once.
    #[must_use]
    pub fn new(service: Service, effect: Effect) -> Self {
        Self {
            service,
            operation: None,
            target: None,
            n_skipped: 0,
            n_times: 1,
            effect,
        }
    }

    /// Only at this operation, such as `PutObject` or `UpdateDatasetEntries`.
    #[must_use]
    pub fn operation(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    /// Only at calls whose target (`bucket/key`, or an ARN or name) contains this text.
    #[must_use]
    pub fn target(mut self, part: &str) -> Self {
        self.target = Some(part.to_owned());
        self
    }

    /// Lets this many matching calls through first.
    #[must_use]
    pub fn after(mut self, n_calls: u64) -> Self {
        self.n_skipped = n_calls;
        self
    }

    /// Strikes this many matching calls in a row; [`u64::MAX`] is every one.
    #[must_use]
    pub fn times(mut self, n_calls: u64) -> Self {
        self.n_times = n_calls;
        self
    }

    fn matches(&self, service: Service, operation: &str, target: &str) -> bool {
        self.service == service
            && self.operation.as_deref().is_none_or(|o| o == operation)
            && self.target.as_deref().is_none_or(|t| target.contains(t))
    }
}

/// A call that a service got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service that was called.
    pub service: Service,
    /// Operation, such as `PutObject`.
    pub operation: String,
    /// `bucket/key` of S3; the first ARN or name in a Rekognition request.
    pub target: String,
    /// Whether a scripted fault struck.
    pub struck: bool,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    calls: VecDeque<Call>,
    counts: BTreeMap<(Service, String), u64>,
    n_struck: u64,
}

/// Scripted faults and the log of calls; clones share both.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

impl Faults {
    /// Scripts one more fault. Of two that match a call, both strike.
    pub fn add(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Forgets all faults that have not struck yet.
    pub fn clear(&self) {
        self.lock().faults.clear();
    }

    /// How many scripted faults have struck.
    pub fn n_struck(&self) -> u64 {
        self.lock().n_struck
    }

    /// How many calls of this operation came, struck ones included.
    pub fn n_calls(&self, service: Service, operation: &str) -> u64 {
        let key = (service, operation.to_owned());
        self.lock().counts.get(&key).copied().unwrap_or(0)
    }

    /// The latest calls, oldest first; at most 10,000.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    /// The latest calls, oldest first; at most 10,000. They are forgotten.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls).into()
    }

    /// Notes a call and hands out what goes wrong with it, in the order in which it was scripted.
    pub(crate) fn strike(&self, service: Service, operation: &str, target: &str) -> Vec<Effect> {
        let mut state = self.lock();
        let mut effects = Vec::new();
        for fault in &mut state.faults {
            if !fault.matches(service, operation, target) {
                continue;
            }
            if fault.n_skipped > 0 {
                fault.n_skipped -= 1;
            } else if fault.n_times > 0 {
                fault.n_times = if fault.n_times == u64::MAX {
                    u64::MAX
                } else {
                    fault.n_times - 1
                };
                effects.push(fault.effect.clone());
            }
        }
        state.faults.retain(|fault| fault.n_times > 0);
        state.n_struck += effects.len() as u64;
        *state
            .counts
            .entry((service, operation.to_owned()))
            .or_default() += 1;
        if state.calls.len() == CALLS_KEPT_MAX {
            state.calls.pop_front();
        }
        state.calls.push_back(Call {
            service,
            operation: operation.to_owned(),
            target: target.to_owned(),
            struck: !effects.is_empty(),
        });
        effects
    }

    /// [`Faults::strike`], with the delays waited for.
    pub(crate) async fn judge(&self, service: Service, operation: &str, target: &str) -> Verdict {
        let mut left = Vec::new();
        for effect in self.strike(service, operation, target) {
            match effect {
                Effect::Delay(time) => tokio::time::sleep(time).await,
                Effect::ResetBefore => return Verdict::Reset,
                Effect::Error {
                    status,
                    code,
                    message,
                } => {
                    return Verdict::Refuse {
                        status,
                        code,
                        message,
                    };
                }
                effect => left.push(effect),
            }
        }
        Verdict::Process(left)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(fault: Fault, n_calls: usize) -> String {
        let faults = Faults::default();
        faults.add(fault);
        (0..n_calls)
            .map(|_| {
                let effects = faults.strike(Service::S3, "PutObject", "bucket/key");
                if effects.is_empty() { '.' } else { 'x' }
            })
            .collect()
    }

    #[test]
    fn strikes_the_scripted_calls_only() {
        let fault = || Fault::new(Service::S3, Effect::ResetBefore);
        assert_eq!(pattern(fault(), 3), "x..");
        assert_eq!(pattern(fault().after(2).times(2), 6), "..xx..");
        assert_eq!(pattern(fault().times(u64::MAX), 4), "xxxx");
        assert_eq!(pattern(fault().operation("GetObject"), 2), "..");
        assert_eq!(
            pattern(fault().operation("PutObject").target("t/k"), 2),
            "x."
        );
        assert_eq!(pattern(fault().target("other"), 2), "..");
        assert_eq!(
            pattern(Fault::new(Service::Rekognition, Effect::ResetBefore), 2),
            ".."
        );
    }

    #[test]
    fn calls_are_counted_and_logged() {
        let faults = Faults::default();
        faults.add(Fault::new(Service::S3, Effect::ResetAfter));
        for _ in 0..3 {
            faults.strike(Service::S3, "GetObject", "bucket/key");
        }
        assert_eq!(faults.n_calls(Service::S3, "GetObject"), 3);
        assert_eq!(faults.n_calls(Service::Rekognition, "GetObject"), 0);
        assert_eq!(faults.n_struck(), 1);
        let struck: Vec<bool> = faults.calls().iter().map(|call| call.struck).collect();
        assert_eq!(struck, [true, false, false]);
        assert_eq!(faults.take_calls().len(), 3);
        assert_eq!(faults.calls(), []);
        assert_eq!(faults.n_calls(Service::S3, "GetObject"), 3);
    }
}
