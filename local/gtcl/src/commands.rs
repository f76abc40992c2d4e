//! One file a command: its arguments and what it does.

pub mod check;
pub mod consolidate;
pub mod convert;
pub mod evaluate;
pub mod export;
pub mod function;
pub mod import;
pub mod job_request;
pub mod label;
pub(crate) mod manual;
pub mod preflight;
pub mod report;
pub mod run;
pub mod serve;
pub mod soak;
