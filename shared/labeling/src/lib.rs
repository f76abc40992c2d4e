//! What Ground Truth asks the two labeling functions, and what they answer.
//!
//! [`pre_annotation`]: a data object → a worker's task input. [`consolidation`]: an annotation file → one
//! consolidated annotation for each data object. [`answers`] reads what a worker submitted, by its shape and not by
//! the names a template gives; [`job`] knows what a finished job leaves in S3.
//!
//! Everything that comes in is untrusted: it is bounded before it is looked into, one bad answer is an unreadable
//! answer, one bad data object is a failed object, and only a bad request is an error.
//!
//! What this crate does not do: read S3, read a clock or the environment, decide how votes are weighed (that is
//! `consensus`).

pub mod answers;
pub mod aws_names;
pub mod consolidation;
pub mod job;
mod json;
pub mod pre_annotation;
pub mod settings;
mod shown;
pub mod statistics_file;
pub mod worker;

pub use manifest::TaskType;
