//! What is kept of the work on a manifest between invocations, and told of it in the end.
//!
//! Pure: nothing here reads or writes an object or a clock.

pub mod buckets;
pub mod checkpoint;
pub mod company;
pub mod dataset;
pub mod dataset_lease;
pub mod origin;
pub mod progress;
pub mod rejected;
pub mod report;
pub mod verified;
