//! How the service behaves.

use crate::keys::Keys;

/// How the service behaves where AWS leaves it open, or where tests want it otherwise. Times in milliseconds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Calls a second of each operation; DetectCustomLabels may come ten times as often. `None`: no limit.
    pub calls_per_second: Option<u32>,
    /// How long a creation or update of a dataset is under way.
    pub update_time_ms: u64,
    /// How long after an update DescribeDataset still answers the status from before it.
    pub stale_status_ms: u64,
    /// How long a deletion is under way.
    pub delete_time_ms: u64,
    /// How long a training takes.
    pub training_time_ms: u64,
    /// How long a model takes to start or stop.
    pub start_time_ms: u64,
    /// An update fails whole when more than this share of its lines has terminal content errors.
    pub dropped_share_max: f64,
    /// Most entries of a dataset, inclusive.
    pub n_entries_max: usize,
    /// The S3 from which CreateDataset reads manifests. `None`: there is none, every manifest is missing.
    pub s3_endpoint: Option<String>,
    /// The keys that requests are signed with, those to that S3, too.
    pub keys: Keys,
}

impl Default for Config {
    /// Five calls a second, half a second for an update or deletion, two for a training, a fresh status, the
    /// documented 20 % and 250,000 entries, no S3, the default keys.
    fn default() -> Self {
        Self {
            calls_per_second: Some(5),
            update_time_ms: 500,
            stale_status_ms: 0,
            delete_time_ms: 500,
            training_time_ms: 2000,
            start_time_ms: 500,
            dropped_share_max: 0.2,
            n_entries_max: 250_000,
            s3_endpoint: None,
            keys: Keys::default(),
        }
    }
}
