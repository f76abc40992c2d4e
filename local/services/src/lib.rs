//! The services that the functions are run against, in this process.

pub mod faults;
pub mod ground_truth;
mod http;
pub mod lambda;
pub mod rekognition;
pub mod s3;
pub mod s3_front;

/// Access key of the embedded services.
pub const ACCESS_KEY: &str = "gtcl";
/// Secret key of the embedded services.
pub const SECRET_KEY: &str = "gtcl-secret";
/// Region of the embedded services.
pub const REGION: &str = "us-east-1";
