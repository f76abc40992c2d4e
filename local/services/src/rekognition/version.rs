//! A model version, as it is kept.

use serde::{Deserialize, Serialize};

use super::time::Time;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) id: u64,
    pub(crate) project_id: u64,
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) created: Time,
    pub(crate) status: String,
    pub(crate) message: String,
    pub(crate) training_ended: Option<Time>,
    pub(crate) output_bucket: Option<String>,
    pub(crate) output_prefix: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) min_units: Option<u64>,
    pub(crate) max_units: Option<u64>,
    /// When the state under way ends, and as what.
    pub(crate) next: Option<(Time, String, String)>,
}

/// What CreateProjectVersion is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewVersion {
    pub(crate) name: String,
    pub(crate) output_bucket: Option<String>,
    pub(crate) output_prefix: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) kms_key: Option<String>,
}
