//! The straight line: event → request → task input → answer.

use labeling::pre_annotation::{Config, Note, Request, Response, respond};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;

use crate::Error;

/// Answers one event.
///
/// # Errors
///
/// [`Error::Request`] when the event has no data object to show.
pub fn handle(event: LambdaEvent<Box<RawValue>>, config: &Config) -> Result<Response, Error> {
    let request = Request::parse(event.payload.get().as_bytes())?;
    let response = respond(&request, config);
    for note in &response.notes {
        log(&request, note);
    }
    Ok(response)
}

fn log(request: &Request, note: &Note) {
    let labeling_job_arn = request.labeling_job_arn.as_deref().unwrap_or_default();
    tracing::warn!(labeling_job_arn, code = note.code(), note = ?note, "odd data object");
}
