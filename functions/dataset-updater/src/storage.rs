//! Where it is kept: manifests, reports, the checkpoint and the leases, as objects in S3.

pub mod files;
pub mod leases;
pub mod reader;
pub mod store;
