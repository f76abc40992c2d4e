//! A dataset of a target: which one of the two it is, and the service's counts of it.

use aws::rekognition::{DatasetStats, Side};
use serde::{Deserialize, Serialize};

/// [`Side`], as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneSide {
    /// The training dataset.
    Train,
    /// The test dataset.
    Test,
}

impl From<LaneSide> for Side {
    fn from(side: LaneSide) -> Self {
        match side {
            LaneSide::Train => Self::Train,
            LaneSide::Test => Self::Test,
        }
    }
}

impl LaneSide {
    /// `train` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// [`DatasetStats`], as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Entries in the dataset.
    pub total_entries: u64,
    /// Entries with a label.
    pub labeled_entries: u64,
    /// Entries with an error.
    pub error_entries: u64,
    /// Different labels.
    pub total_labels: u64,
}

impl From<DatasetStats> for Stats {
    fn from(stats: DatasetStats) -> Self {
        Self {
            total_entries: stats.n_entries,
            labeled_entries: stats.n_labeled,
            error_entries: stats.n_errors,
            total_labels: stats.n_labels,
        }
    }
}
