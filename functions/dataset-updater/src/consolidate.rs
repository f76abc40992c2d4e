//! Labels for a job that has none, or that is consolidated whole: which answers count, and the manifest with their labels put in.

pub(crate) mod answers;
pub(crate) mod job;
pub(crate) mod reads;
pub(crate) mod relabel;
