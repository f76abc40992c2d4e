//! What an invocation leaves in the log: one line an outcome, and embedded metrics.

use std::time::SystemTime;

use aws::metrics;
use lambda_runtime::Context;
use serde_json::{Value, json};

use crate::error::RunError;
use crate::request::budget::millis;
use crate::request::event::Request;
use crate::run::Done;
use crate::state::report::{Report, failure_metrics};

/// One line for a manifest that was worked through, at error level when someone should look, and its metrics.
pub(crate) fn log_done(done: &Done, request: &Request, context: &Context) -> Value {
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
                overwritten = report.overwritten,
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
    write_metrics(report, context);
    serde_json::to_value(report).unwrap_or_default()
}

/// One line for an event that asks for nothing, where somebody may wonder.
pub(crate) fn log_nothing(about: &str, outcome: &str, reason: &str) -> Value {
    tracing::info!(about, outcome, reason);
    json!({"outcome": outcome, "reason": reason})
}

fn write_metrics(report: &Report, context: &Context) {
    let name = &context.env_config.function_name;
    let now_ms = millis(SystemTime::now());
    let mut lines = report.code_metrics(name, now_ms);
    lines.push(report.metrics(name, now_ms));
    metrics::log(&lines);
}

/// One line for a manifest or message that failed, and metrics unless the next delivery may well succeed; hands the
/// error on.
pub(crate) fn log_error(error: RunError, request: Option<&Request>, context: &Context) -> RunError {
    let bucket = request.map(|request| request.bucket.as_str());
    let key = request.map(|request| request.key.as_str());
    let code = error.code();
    if error.is_temporary() {
        tracing::warn!(bucket, key, code, reason = %error, outcome = "later");
    } else {
        tracing::error!(bucket, key, code, reason = %error, outcome = "failed");
    }
    match &error {
        RunError::GaveUp { metrics, .. } => write_metrics(metrics, context),
        error if error.is_temporary() => {}
        _ => {
            let name = &context.env_config.function_name;
            metrics::log(&[failure_metrics(code, name, millis(SystemTime::now()))]);
        }
    }
    error
}
