//! The manifests that an event names, one after another.

use std::time::SystemTime;

use aws::Clients;
use labeling::job::JobFolder;
use lambda_runtime::Context;
use serde_json::Value;
use tracing::Instrument as _;

use crate::error::RunError;
use crate::outcome_log::{log_done, log_error, log_nothing};
use crate::request::budget::Budget;
use crate::request::config::Config;
use crate::request::event::Asked;
use crate::request::invocation::Invocation;
use crate::run::update;

/// Works on what was asked, and returns a report of each manifest.
///
/// # Errors
///
/// [`RunError`] of the first manifest that couldn't be worked through; those after it aren't begun.
pub async fn update_all(
    clients: &Clients,
    config: &Config,
    asked: &[Asked],
    context: &Context,
) -> Result<Vec<Value>, RunError> {
    let invocation = Invocation {
        owner: context.request_id.clone(),
        budget: Budget::new(context.deadline, SystemTime::now(), config.safety_margin),
    };
    let clients = &clients.for_invocation(&context.request_id);
    let mut reports = Vec::new();
    for asked in asked {
        let request = match asked {
            Asked::Update(request) => request,
            Asked::Nothing {
                about,
                outcome,
                reason,
            } => {
                reports.push(log_nothing(about, outcome, reason));
                continue;
            }
        };
        let folder = JobFolder::of_output_manifest(&request.key);
        let span = tracing::error_span!(
            "manifest",
            job_name = folder.as_ref().map_or("", JobFolder::name),
            manifest = format!("s3://{}/{}", request.bucket, request.key),
        );
        let work = async {
            let done = update(clients, config, request, &invocation).await;
            let done = done.map_err(|error| log_error(error, Some(request), context))?;
            Ok::<_, RunError>(log_done(&done, request, context))
        };
        reports.push(Box::pin(work).instrument(span).await?);
    }
    Ok(reports)
}
