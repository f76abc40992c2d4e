//! Lambda function: a data object to a worker's task input.
//!
//! Called by Ground Truth once per data object. [`handler::handle`] is the straight line; decisions are made in
//! `labeling::pre_annotation`. [`model`] asks a Custom Labels model where one is set.

pub mod bootstrap;
mod error;
pub mod handler;
pub mod model;
mod outcome_log;

pub use error::Error;
