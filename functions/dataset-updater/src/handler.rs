//! An invocation: the event, its manifests one after another, the answer.

use aws::Clients;
use aws_lambda_events::event::sqs::SqsBatchResponse;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::error::RunError;
use crate::manifests::update_all;
use crate::outcome_log::log_error;
use crate::request::config::Config;
use crate::request::event::{self, Wanted};

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
        event::Delivery::Manifests(asked) => {
            let reports = update_all(clients, config, &asked, &event.context).await?;
            Ok(json!({ "manifests": reports }))
        }
        event::Delivery::Queue(messages) => {
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
