//! An invocation: the event, its manifests one after another, the answer.

use std::io::Write as _;
use std::time::SystemTime;

use aws::Clients;
use aws_lambda_events::event::sqs::SqsBatchResponse;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::{Value, json};

use crate::budget::{Budget, millis};
use crate::config::Config;
use crate::error::RunError;
use crate::event::{self, Request};
use crate::run::{Done, Invocation, update};

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
    match event::parse(&event.payload, &config.manifest_suffix)? {
        event::Invocation::Manifests(requests) => {
            let reports = update_all(clients, config, &requests, &event.context).await?;
            Ok(json!({ "manifests": reports }))
        }
        event::Invocation::Queue(messages) => {
            let mut answer = SqsBatchResponse::default();
            for message in messages {
                let result = match message.requests {
                    Ok(requests) => update_all(clients, config, &requests, &event.context).await,
                    Err(error) => Err(log_error(error.into(), None)),
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
    requests: &[Request],
    context: &Context,
) -> Result<Vec<Value>, RunError> {
    let invocation = Invocation {
        owner: context.request_id.clone(),
        budget: Budget::new(context.deadline, SystemTime::now(), config.safety_margin),
    };
    let mut reports = Vec::new();
    for request in requests {
        let done = update(clients, config, request, &invocation).await;
        let done = done.map_err(|error| log_error(error, Some(request)))?;
        reports.push(log_done(&done, request, context));
    }
    Ok(reports)
}

fn log_done(done: &Done, request: &Request, context: &Context) -> Value {
    let Done::Reported(report) = done else {
        tracing::info!(
            bucket = request.bucket,
            key = request.key,
            outcome = "already-done"
        );
        return json!({"outcome": "already-done"});
    };
    macro_rules! outcome {
        ($level:ident) => {
            tracing::$level!(
                bucket = request.bucket,
                key = request.key,
                outcome = report.outcome.name(),
                lines = report.lines,
                entries = report.entries,
                landed = report.landed,
                landed_with_errors = report.landed_with_errors,
                rejected = report.rejected,
                skipped = report.skipped,
                refused = report.refused,
                vanished = report.vanished,
                resumptions = report.resumptions,
                seconds = report.seconds,
            )
        };
    }
    if report.outcome.is_alarming() {
        outcome!(error);
    } else {
        outcome!(info);
    }
    let name = &context.env_config.function_name;
    let now_ms = millis(SystemTime::now());
    let mut lines = report.code_metrics(name, now_ms);
    lines.push(report.metrics(name, now_ms));
    let text = format!("{}\n", lines.join("\n"));
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        tracing::warn!(%error, "metrics not written");
    }
    serde_json::to_value(report).unwrap_or_default()
}

fn log_error(error: RunError, request: Option<&Request>) -> RunError {
    let bucket = request.map(|request| request.bucket.as_str());
    let key = request.map(|request| request.key.as_str());
    let code = error.code();
    if error.is_temporary() {
        tracing::warn!(bucket, key, code, reason = %error, outcome = "later");
    } else {
        tracing::error!(bucket, key, code, reason = %error, outcome = "failed");
    }
    error
}

impl From<RunError> for Diagnostic {
    fn from(error: RunError) -> Self {
        Self {
            error_type: error.code().to_owned(),
            error_message: error.to_string(),
        }
    }
}
