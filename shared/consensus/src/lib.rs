//! Truth inference: several workers' answers to one answer and its probability.
//!
//! Three kinds of question: [`single_label`] (which class), [`multi_label`] (which classes) and [`boxes`] (which
//! boxes, of which class, where). Each takes a [`Problem`], the [`Statistics`] of earlier batches of the same job
//! and a config, and gives an estimate for each item together with the statistics of these items alone.
//!
//! The same input gives the same bytes, whatever the order of workers, of answers and of items.
//!
//! What this crate does not do: parse answers, keep statistics, know about jobs or images.

pub mod boxes;
pub mod multi_label;
mod problem;
pub mod quality;
pub mod single_label;
mod statistics;

pub use problem::{Consolidation, Problem};
pub use statistics::{BatchSize, ITEMS_KEPT, Statistics};
