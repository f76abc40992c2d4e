//! A finished labeling job as one HTML file: what it is worth, and where people should look.
//!
//! [`Job`] is what is known of the job, [`Pictures`] its images as far as they are shown, and [`Page`] turns both into
//! the file's text. The page asks nothing of anybody: style, script, data and pictures are in it, and its own policy
//! forbids everything else. Whatever comes from others is escaped by the templates.
//!
//! What this crate does not do: read files, decode images, know the time.

mod job;
mod page;
mod pictures;

pub use job::{
    CodeFaults, DatasetOutcome, FailedObject, FaultyLine, Job, Outcome, Reliability, TruthFigures,
    Wrong,
};
pub use page::Page;
pub use pictures::{Picture, Pictures};
