//! What a call leaves in the log: a line for what is odd, and embedded metrics of what a model was asked.

use std::time::{SystemTime, UNIX_EPOCH};

use aws::metrics::{self, Figure};
use labeling::pre_annotation::{Note, Request};
use lambda_runtime::Context;

use crate::model::Outcome;

pub(crate) fn log_note(request: &Request, note: &Note) {
    let labeling_job_arn = arn(request);
    tracing::warn!(labeling_job_arn, code = note.code(), note = ?note, "odd data object");
}

/// One line with metrics an image, and one more for a person when the model couldn't be asked.
pub(crate) fn log_findings(request: &Request, outcome: &Outcome, context: &Context) {
    if let Outcome::Failed {
        code,
        reason,
        rest_s,
    } = outcome
    {
        tracing::warn!(
            labeling_job_arn = arn(request),
            code,
            reason,
            rest_s,
            "no pre-labels"
        );
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = i64::try_from(now.unwrap_or_default().as_millis()).unwrap_or_default();
    let line = line(outcome, &context.env_config.function_name, now_ms);
    metrics::log(&[line]);
}

fn arn(request: &Request) -> &str {
    request.labeling_job_arn.as_deref().unwrap_or_default()
}

fn line(outcome: &Outcome, function_name: &str, now_ms: i64) -> String {
    let (code, added) = match outcome {
        Outcome::Answered(added) => ("Answered", *added),
        Outcome::Resting => ("Resting", Default::default()),
        Outcome::Failed { code, .. } => (*code, Default::default()),
    };
    let is_answered = matches!(outcome, Outcome::Answered(_));
    let n_left_out = added.n_unknown + added.n_without_area + added.n_without_size;
    let figures = [
        ("ModelAnswers", usize::from(is_answered)),
        ("ModelFailures", usize::from(!is_answered)),
        ("PreLabels", added.n_boxes + added.n_labels),
        ("PreLabelsLeftOut", n_left_out),
    ];
    let figures = figures.map(|(name, n)| (name, Figure::Count(n as u64)));
    let dimensions = [("FunctionName", function_name)];
    metrics::line(now_ms, &dimensions, &[("Code", code)], &figures)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use labeling::pre_annotation::Added;

    #[test]
    fn each_metric_has_its_value() {
        let added = Added {
            n_boxes: 2,
            n_unknown: 1,
            ..Added::default()
        };
        for (outcome, expected) in [
            (Outcome::Answered(added), [1, 0, 2, 1]),
            (Outcome::Resting, [0, 1, 0, 0]),
        ] {
            let line = line(&outcome, "f", 7);
            let line: Value = serde_json::from_str(&line).unwrap();
            let names = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
            let names = names.unwrap().iter().map(|it| it["Name"].as_str().unwrap());
            let found: Vec<_> = names.map(|name| line[name].as_u64().unwrap()).collect();
            assert_eq!(found, expected, "{line}");
        }
    }
}
