//! Worker statistics as they lie in S3: one object for each batch, and now and then one for many.
//!
//! A file maps batch names to the batch's statistics. The name of a batch is a hash of its annotation file's URI, so
//! a batch that is consolidated twice overwrites itself, and a reader that leaves its own name out sees the same as
//! the first time. A compacted file holds many batches under their names; a batch that stands in several files counts
//! once.

use std::collections::BTreeMap;

pub use consensus::Statistics;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::worker::hex;

/// Version of the format. A file of another version is passed over.
pub const VERSION: u32 = 2;

/// Largest file that is read, in bytes, inclusive.
pub const FILE_BYTES_MAX: u64 = 8 * 1_048_576;

/// Statistics by batch name.
pub type Batches = BTreeMap<String, Statistics>;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    batches: Batches,
}

/// Why a file is passed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatisticsError {
    /// Not our JSON.
    #[error("worker statistics are not readable: {reason}")]
    Json {
        /// What is wrong.
        reason: String,
    },
    /// Written by another version of this function.
    #[error("worker statistics have version {found}, not {VERSION}")]
    Version {
        /// The version in the file.
        found: u64,
    },
}

/// The name of a batch: 32 hexadecimal digits.
#[must_use]
pub fn batch_name(annotation_file_uri: &str) -> String {
    let mut name = hex(&Sha256::digest(annotation_file_uri.as_bytes()));
    name.truncate(32);
    name
}

/// The name of a compacted file, without extension: depends on the batches in it alone.
#[must_use]
pub fn compacted_name(batches: &Batches) -> String {
    let names: Vec<&str> = batches.keys().map(String::as_str).collect();
    format!("compacted-{}", batch_name(&names.join(",")))
}

/// The file's bytes. The same batches give the same bytes.
#[must_use]
pub fn to_json(batches: &Batches) -> Vec<u8> {
    let file = File {
        version: VERSION,
        batches: batches.clone(),
    };
    // Maps with text keys and whole numbers always serialise.
    serde_json::to_vec(&file).unwrap_or_default()
}

/// Reads a file.
///
/// # Errors
///
/// [`StatisticsError`]; the caller goes on without the file.
pub fn parse(bytes: &[u8]) -> Result<Batches, StatisticsError> {
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    let json = |error: serde_json::Error| StatisticsError::Json {
        reason: error.to_string(),
    };
    let Version { version } = serde_json::from_slice(bytes).map_err(json)?;
    if version != u64::from(VERSION) {
        return Err(StatisticsError::Version { found: version });
    }
    let file: File = serde_json::from_slice(bytes).map_err(json)?;
    Ok(file.batches)
}

/// The sum of all batches but `own_name`.
#[must_use]
pub fn carried(batches: &Batches, own_name: &str) -> Statistics {
    let mut sum = Statistics::default();
    for (name, statistics) in batches {
        if name != own_name {
            sum.merge(statistics);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = batch_name(
            "s3://bkt/job/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json",
        );
        assert_eq!(name.len(), 32);
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(name, batch_name("s3://bkt/other"));
    }

    #[test]
    fn written_and_read() {
        let batches = Batches::from([("a".to_owned(), Statistics::default())]);
        assert_eq!(parse(&to_json(&batches)), Ok(batches));
    }

    #[test]
    fn passed_over() {
        assert!(matches!(parse(b"{"), Err(StatisticsError::Json { .. })));
        assert!(matches!(parse(b"[]"), Err(StatisticsError::Json { .. })));
        assert_eq!(
            parse(br#"{"version":1,"batches":[]}"#),
            Err(StatisticsError::Version { found: 1 })
        );
    }
}
