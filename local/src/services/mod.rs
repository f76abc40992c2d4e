//! The services that the functions are run against, in this process.

pub mod ground_truth;
