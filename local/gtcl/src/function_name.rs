//! The Lambda functions that gtcl holds.

use clap::ValueEnum;

/// The three Lambda functions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FunctionName {
    /// A data object to a worker's task input.
    PreAnnotation,
    /// Several workers' answers to one label a data object.
    AnnotationConsolidation,
    /// A labeling job's output to dataset entries.
    DatasetUpdater,
}

impl FunctionName {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::PreAnnotation,
        Self::AnnotationConsolidation,
        Self::DatasetUpdater,
    ];

    /// As on the command line and in the function's ARN.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreAnnotation => "pre-annotation",
            Self::AnnotationConsolidation => "annotation-consolidation",
            Self::DatasetUpdater => "dataset-updater",
        }
    }
}

/// Names of the functions, as the template gives them in a stack named gtcl.
pub const PRE_ANNOTATION: &str = "gtcl-SageMaker-pre-annotation";
/// See [`PRE_ANNOTATION`].
pub const CONSOLIDATION: &str = "gtcl-SageMaker-annotation-consolidation";
/// See [`PRE_ANNOTATION`].
pub const UPDATER: &str = "gtcl-dataset-updater";
