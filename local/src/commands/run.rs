//! `gtcl run`: a labeling job through the whole pipeline.

use crate::cli::{CommandError, Environment};

/// Arguments of `gtcl run`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the job.
///
/// # Errors
///
/// Fails when the job can't be read or a service can't be started.
pub async fn run(_args: Args, _environment: &Environment) -> Result<u8, CommandError> {
    Err(CommandError::new("the example is not part of this build"))
}
