//! An invocation: the event, its manifests one after another, the answer.

use std::time::SystemTime;

use aws::Clients;
use aws_lambda_events::event::sqs::SqsBatchResponse;
use labeling::job::JobFolder;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tracing::Instrument as _;

use crate::budget::Budget;
use crate::config::Config;
use crate::error::RunError;
use crate::event::{self, Asked, Wanted};
use crate::outcome_log::{log_done, log_error, log_nothing};
use crate::run::{Invocation, update};

/// Answers an event: reports of its manifests, or for a queue the messages to be delivered again.
///
/// # Errors
///
/// [`RunError`] of the first manifest that couldn't be worked through, when the event isn't a queue's.
pub async fn handle(
    clients: &Clients,
    config: &Config,
    event: LambdaEvent<Value>,
) -> Result<Value, RunError> {
    let wanted = Wanted {
        suffix: &config.manifest_suffix,
        jobs_output: config.jobs_output.as_ref(),
    };
    let parsed = event::parse(&event.payload, &wanted);
    match parsed.map_err(|error| log_error(error.into(), None, &event.context))? {
        event::Invocation::Manifests(asked) => {
            let reports = update_all(clients, config, &asked, &event.context).await?;
            Ok(json!({ "manifests": reports }))
        }
        event::Invocation::Queue(messages) => {
            let mut answer = SqsBatchResponse::default();
            for message in messages {
                let result = match message.asked {
                    Ok(asked) => update_all(clients, config, &asked, &event.context).await,
                    Err(error) => Err(log_error(error.into(), None, &event.context)),
                };
                if result.is_err() {
                    answer.add_failure(message.message_id);
                }
            }
            Ok(serde_json::to_value(answer).unwrap_or_default())
        }
    }
}

async fn update_all(
    clients: &Clients,
    config: &Config,
    asked: &[Asked],
    context: &Context,
) -> Result<Vec<Value>, RunError> {
    let invocation = Invocation {
        owner: context.request_id.clone(),
        budget: Budget::new(context.deadline, SystemTime::now(), config.safety_margin),
    };
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
