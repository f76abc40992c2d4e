//! `gtcl function NAME`: one Lambda function, exactly as it is deployed.

use crate::error::CommandError;
use crate::function_name::FunctionName;

/// Arguments of `gtcl function`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The function to run.
    #[arg(value_enum)]
    name: FunctionName,
}

/// Runs until the Runtime API goes away.
///
/// # Errors
///
/// Fails when the function's environment is not usable.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    let ended = match args.name {
        FunctionName::PreAnnotation => pre_annotation::bootstrap::run().await,
        FunctionName::AnnotationConsolidation => annotation_consolidation::bootstrap::run().await,
        FunctionName::DatasetUpdater => dataset_updater::bootstrap::run().await,
    };
    ended.map(|()| 0).map_err(|error| {
        CommandError::new(format!("function {} ended: {error}", args.name.as_str())).with_help(
            "Lambda starts it, or `gtcl run`, with the environment that docs/functions lists",
        )
    })
}
