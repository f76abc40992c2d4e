//! The call rate of each operation.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Calls a second of each control-plane operation, an account. Source: Rekognition quotas, Custom Labels.
pub(super) const CALLS_PER_SECOND: f64 = 5.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateDataset,
    CreateProjectVersion,
    DescribeDataset,
    DescribeProjectVersions,
    DescribeProjects,
    DetectCustomLabels,
    ListDatasetEntries,
    ListDatasetLabels,
    UpdateDatasetEntries,
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CreateDataset => "CreateDataset",
            Self::CreateProjectVersion => "CreateProjectVersion",
            Self::DescribeDataset => "DescribeDataset",
            Self::DescribeProjectVersions => "DescribeProjectVersions",
            Self::DescribeProjects => "DescribeProjects",
            Self::DetectCustomLabels => "DetectCustomLabels",
            Self::ListDatasetEntries => "ListDatasetEntries",
            Self::ListDatasetLabels => "ListDatasetLabels",
            Self::UpdateDatasetEntries => "UpdateDatasetEntries",
        }
    }
}

/// Spaces the calls of each operation evenly: no burst, so that no second ever sees more than the rate.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    lanes: std::sync::Mutex<Vec<(Operation, std::sync::Arc<Lane>)>>,
}

#[derive(Debug, Default)]
struct Lane {
    next: Mutex<Option<Instant>>,
    n_calls: std::sync::atomic::AtomicU64,
}

impl Pace {
    pub(super) fn new(calls_per_second: f64) -> Self {
        Self {
            interval: Duration::try_from_secs_f64(1.0 / calls_per_second).unwrap_or_default(),
            lanes: std::sync::Mutex::default(),
        }
    }

    /// Waits for the operation's turn.
    pub(super) async fn wait(&self, operation: Operation) {
        let lane = self.lane(operation);
        let mut next = lane.next.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        *next = Some(Instant::now() + self.interval);
        lane.n_calls
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn n_calls(&self, operation_name: &str) -> u64 {
        let lanes = self
            .lanes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        lanes
            .iter()
            .find(|(operation, _)| operation.name() == operation_name)
            .map_or(0, |(_, lane)| {
                lane.n_calls.load(std::sync::atomic::Ordering::Relaxed)
            })
    }

    fn lane(&self, operation: Operation) -> std::sync::Arc<Lane> {
        let mut lanes = self
            .lanes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, lane)) = lanes.iter().find(|(known, _)| *known == operation) {
            return lane.clone();
        }
        let lane = std::sync::Arc::<Lane>::default();
        lanes.push((operation, lane.clone()));
        lane
    }
}
