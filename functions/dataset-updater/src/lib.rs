//! Lambda function: a labeling job's output to Custom Labels dataset entries.
//!
//! ```text
//! ! event → · which manifests → (! read answers → · consolidate → ! put labels in, where the job has none or is consolidated whole)
//!         → ! stream lines → · line → dataset entry or rejected line → · batches
//!         → ! update, wait, checkpoint, next → ! look back at what landed → ! write the report
//! ```
//!
//! [`request`] and [`state`] are pure. [`storage`], `consolidate`, [`send`] and [`verify`] touch the world, and [`run`] goes from
//! one to the next.

pub mod bootstrap;
mod consolidate;
pub mod error;
pub mod handler;
pub mod manifests;
mod outcome_log;
mod polling;
pub mod request;
pub mod run;
pub mod send;
pub mod state;
pub mod storage;
pub mod verify;
mod work;
