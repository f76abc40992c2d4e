//! Lambda function: a labeling job's output to Custom Labels dataset entries.
//!
//! ```text
//! ! event → · which manifests → (! read answers → · consolidate → ! put labels in, where the job has none or is consolidated whole)
//!         → ! stream lines → · line → dataset entry or rejected line → · batches
//!         → ! update, wait, checkpoint, next → ! look back at what landed → ! write the report
//! ```
//!
//! Pure: [`event`], [`config`], [`target`], [`merge`], [`place`], [`checkpoint`], [`budget`], [`index`], [`pairs`], [`service_keys`],
//! [`report`], [`room`], [`company`], [`buckets`]. Touching the world: [`bootstrap`], [`handler`], [`run`], [`reader`], [`existing`], [`lane`], [`lease`], [`store`], [`verify`], [`files`], [`training`],
//! `consolidation`, `answers`, `reads`, `outcome_log`.

mod answers;
pub mod bootstrap;
pub mod buckets;
pub mod budget;
pub mod checkpoint;
pub mod company;
pub mod config;
mod consolidation;
pub mod error;
pub mod event;
pub mod existing;
pub mod files;
pub mod handler;
pub mod index;
pub mod lane;
pub mod lease;
pub mod manifests;
pub mod merge;
mod outcome_log;
pub mod pairs;
pub mod place;
pub mod reader;
mod reads;
pub mod report;
pub mod room;
pub mod run;
pub mod service_keys;
pub mod store;
pub mod target;
pub mod training;
pub mod verify;
