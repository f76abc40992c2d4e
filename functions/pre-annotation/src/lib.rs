//! Lambda function: a data object to a worker's task input.
//!
//! Called by Ground Truth once per data object. [`handler::handle`] is the straight line; decisions are made in
//! `labeling::pre_annotation`.

pub mod bootstrap;
mod error;
pub mod handler;

pub use error::Error;
