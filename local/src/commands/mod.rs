//! One file a command: its arguments and what it does.

pub mod function;
pub mod job_request;
pub mod preflight;
pub mod run;
