//! The whole pipeline on one machine: three Lambda functions, S3, Rekognition datasets and Ground Truth.
//!
//! `gtcl` runs the same functions that are deployed, each in a process of its own, against services of the same
//! wire formats in this process. [`commands`] holds one file a command; the crate `services` the embedded services.

pub mod agreement;
pub mod answer_files;
mod arguments;
pub mod cli;
pub mod commands;
pub mod environment;
pub mod error;
pub mod evaluate;
pub mod example;
pub mod finished_job;
pub mod function_name;
pub mod image_facts;
mod input;
pub mod job_report;
pub mod job_request;
pub mod label;
pub mod leases;
pub mod output;
pub mod pipeline;
pub mod place;
pub mod provision;
pub mod signals;
pub mod stack;
pub mod unfinished;
