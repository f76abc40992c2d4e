//! The straight line: event → request → task input → what a model sees → answer.

use labeling::pre_annotation::{Config, Request, Response, respond};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::model::Model;
use crate::{Error, outcome_log};

/// Answers one event. With a model, what it sees in the image becomes the worker's starting point.
///
/// # Errors
///
/// [`Error::Request`] when the event has no data object to show.
pub async fn handle(
    event: LambdaEvent<Box<RawValue>>,
    config: &Config,
    model: Option<&Model>,
) -> Result<Response, Error> {
    let request = Request::parse(event.payload.get().as_bytes())?;
    let labeling_job_arn = request.labeling_job_arn.as_deref().unwrap_or_default();
    let job_name = aws::logs::job_name(labeling_job_arn);
    let span = tracing::error_span!("job", job_name);
    answer(&request, &event.context, config, model)
        .instrument(span)
        .await
}

async fn answer(
    request: &Request,
    context: &Context,
    config: &Config,
    model: Option<&Model>,
) -> Result<Response, Error> {
    let mut response = respond(request, config);
    for note in &response.notes {
        outcome_log::log_note(request, note);
    }
    if let Some(model) = model
        && let Some(outcome) = model.add_findings(&mut response, &context.request_id).await
    {
        outcome_log::log_findings(request, &outcome, context);
    }
    Ok(response)
}
