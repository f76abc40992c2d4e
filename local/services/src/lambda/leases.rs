//! What functions keep outside their processes.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;

/// Leases that a function writes somewhere, and that outlive its process.
///
/// In AWS the lease of a process that was killed runs out with its deadline, and the event comes back later than that.
/// Here that a process is gone is seen, and events come back in seconds.
pub trait Leases: fmt::Debug + Send + Sync {
    /// Frees what an invocation held. It has failed and does nothing any more.
    fn free<'a>(&'a self, request_id: &'a str) -> BoxFuture<'a, ()>;

    /// How long another invocation may still hold what the work on an event needs; `None` when nobody does.
    fn held<'a>(&'a self, event: &'a str) -> BoxFuture<'a, Option<Duration>>;
}
