//! Entries on their way to a dataset: merged into what is there, batched, updated one after another, noted.

pub(crate) mod entries;
pub mod existing;
pub mod index;
pub mod lane;
pub mod merge;
pub mod pairs;
pub mod room;
pub mod service_keys;
