//! S3, Rekognition, metrics and the log for the three functions.
//!
//! The only crate of the functions that names an AWS SDK: what leaves it are our own types, so a function can
//! say what went wrong by a variant and not by a service's exception. Retries, waits and call rates live here.
//!
//! What this crate does not do: decide anything about data.

mod clients;
mod failure;
mod http;
mod jitter;
pub mod logs;
pub mod metrics;
pub mod rekognition;
pub mod s3;
mod trust;

pub use clients::{Clients, http_client, plain_http_client};
pub use failure::error_message;
pub use jitter::Jitter;
