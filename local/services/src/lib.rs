//! The services that the functions are run against, in this process.

mod door;
pub mod faults;
pub mod ground_truth;
mod http;
mod keys;
pub mod lambda;
pub mod rekognition;
pub mod s3;
pub mod s3_front;
pub mod site;

pub use keys::{ACCESS_KEY, Keys, SECRET_KEY};

/// Region of the embedded services.
pub const REGION: &str = "us-east-1";
