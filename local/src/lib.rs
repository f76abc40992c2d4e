//! The whole pipeline on one machine: three Lambda functions, S3, Rekognition datasets and Ground Truth.

pub mod example;
pub mod job_request;
