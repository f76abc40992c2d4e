//! `gtcl function NAME`: one Lambda function, exactly as it is deployed.

use clap::ValueEnum;

use crate::cli::CommandError;

/// Arguments of `gtcl function`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The function to run.
    #[arg(value_enum)]
    name: Name,
}

/// The three Lambda functions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Name {
    /// A data object to a worker's task input.
    PreAnnotation,
    /// Several workers' answers to one label a data object.
    AnnotationConsolidation,
    /// A labeling job's output to dataset entries.
    DatasetUpdater,
}

impl Name {
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

/// Runs until the Runtime API goes away.
///
/// # Errors
///
/// Fails when the function's environment is not usable.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    let ended = match args.name {
        Name::PreAnnotation => pre_annotation::bootstrap::run().await,
        Name::AnnotationConsolidation => annotation_consolidation::bootstrap::run().await,
        Name::DatasetUpdater => dataset_updater::bootstrap::run().await,
    };
    ended.map(|()| 0).map_err(|error| {
        CommandError::new(format!("function {} ended: {error}", args.name.as_str())).with_help(
            "Lambda starts it, or `gtcl run`, with the environment that docs/functions lists",
        )
    })
}
