//! Who is at work, and how long it may be.

use crate::request::budget::Budget;

/// One invocation of the function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The request id, by which its leases are held.
    pub owner: String,
    /// The time that it may take.
    pub budget: Budget,
}
