//! Lambda function: several workers' answers to one label a data object.
//!
//! Called by Ground Truth with batches of up to 50 data objects. [`handler::handle`] is the straight line; decisions
//! are made in `labeling::consolidation`.

pub mod bootstrap;
mod error;
pub mod handler;
mod inputs;
mod report;
mod settings;
mod worker_statistics;

pub use error::Error;
pub use settings::Settings;
