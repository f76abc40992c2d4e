//! The operations that the service has, each an entry of one table.

use serde_json::Value;

use super::error::ApiError;
use super::inputs;
use super::model::Model;
use super::operations::{self, Call};
use super::shape::Shape;
use super::time::Time;

/// Answers a request that passed.
type Answer = fn(Call<'_>) -> Result<Value, ApiError>;

/// Tells bucket and key of the manifest that a request names.
pub(crate) type ManifestPlace =
    fn(&mut Model, &Value, Time) -> Result<Option<(String, String)>, ApiError>;

/// An operation.
pub(crate) struct Operation {
    /// Its name in the API.
    pub(crate) name: &'static str,
    /// What its requests are held to.
    pub(crate) input: &'static Shape,
    pub(crate) answer: Answer,
    /// How many times as often as others it may be called.
    pub(crate) rate_factor: u32,
    /// The manifest that its request names, to be read before it is answered.
    pub(crate) manifest: Option<ManifestPlace>,
}

impl Operation {
    const fn new(name: &'static str, input: &'static Shape, answer: Answer) -> Self {
        Self {
            name,
            input,
            answer,
            rate_factor: 1,
            manifest: None,
        }
    }

    /// The operation of this name.
    pub(crate) fn of(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|operation| operation.name == name)
    }

    /// All of them.
    pub(crate) fn all() -> &'static [Self] {
        &OPERATIONS
    }
}

static OPERATIONS: [Operation; 16] = [
    Operation::new(
        "CreateProject",
        &inputs::CREATE_PROJECT,
        operations::create_project,
    ),
    Operation::new(
        "DescribeProjects",
        &inputs::DESCRIBE_PROJECTS,
        operations::describe_projects,
    ),
    Operation::new(
        "DeleteProject",
        &inputs::ONE_PROJECT,
        operations::delete_project,
    ),
    Operation {
        manifest: Some(operations::manifest_of),
        ..Operation::new(
            "CreateDataset",
            &inputs::CREATE_DATASET,
            operations::create_dataset,
        )
    },
    Operation::new(
        "DescribeDataset",
        &inputs::ONE_DATASET,
        operations::describe_dataset,
    ),
    Operation::new(
        "DeleteDataset",
        &inputs::ONE_DATASET,
        operations::delete_dataset,
    ),
    Operation::new(
        "UpdateDatasetEntries",
        &inputs::UPDATE_DATASET_ENTRIES,
        operations::update_entries,
    ),
    Operation::new(
        "ListDatasetEntries",
        &inputs::LIST_DATASET_ENTRIES,
        operations::list_entries,
    ),
    Operation::new(
        "ListDatasetLabels",
        &inputs::LIST_DATASET_LABELS,
        operations::list_labels,
    ),
    Operation::new(
        "DistributeDatasetEntries",
        &inputs::DISTRIBUTE,
        operations::distribute,
    ),
    Operation::new(
        "CreateProjectVersion",
        &inputs::CREATE_PROJECT_VERSION,
        operations::create_version,
    ),
    Operation::new(
        "DescribeProjectVersions",
        &inputs::DESCRIBE_PROJECT_VERSIONS,
        operations::describe_versions,
    ),
    Operation::new(
        "DeleteProjectVersion",
        &inputs::ONE_VERSION,
        operations::delete_version,
    ),
    Operation::new(
        "StartProjectVersion",
        &inputs::START_PROJECT_VERSION,
        operations::start_version,
    ),
    Operation::new(
        "StopProjectVersion",
        &inputs::ONE_VERSION,
        operations::stop_version,
    ),
    Operation {
        rate_factor: 10,
        ..Operation::new(
            "DetectCustomLabels",
            &inputs::DETECT_CUSTOM_LABELS,
            operations::detect_custom_labels,
        )
    },
];
