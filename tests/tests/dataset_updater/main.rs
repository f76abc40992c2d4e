//! The dataset-updater against embedded services that misbehave by script.
//!
//! After each fault: the dataset holds exactly the manifest's good lines, the report accounts for every line, and
//! no more updates were made than the fault explains.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper of these tests that fails has failed the test"
)]

mod company;
mod consolidation;
mod events;
mod existing;
mod faults;
mod leases;
mod lines;
mod looks;
mod matrix;
mod places;
mod processes;
mod resumption;
mod room;
mod targets;
mod training;
mod world;
