//! One log line for a batch, one for each data object without a label.

use labeling::consolidation::{AnnotationFile, Outcome, Request};

/// Most names of unknown categories in a log line.
const NAMES_MAX: usize = 10;

pub(crate) fn log(request: &Request, file: &AnnotationFile, outcome: &Outcome) {
    let labeling_job_arn = request.labeling_job_arn.as_deref().unwrap_or_default();
    let label_attribute = request.label_attribute.as_str();
    for failed in &outcome.failed {
        tracing::warn!(
            labeling_job_arn,
            label_attribute,
            dataset_object_id = failed.dataset_object_id,
            reason = failed.reason,
            "data object failed"
        );
    }
    // The first ones; all are counted below.
    for (position, reason) in &file.unidentified {
        tracing::error!(
            labeling_job_arn,
            label_attribute,
            position,
            reason,
            "element of the annotation file can't be answered"
        );
    }
    if !outcome.unknown_categories.is_empty() {
        let names: Vec<_> = outcome.unknown_categories.iter().take(NAMES_MAX).collect();
        tracing::warn!(
            labeling_job_arn,
            label_attribute,
            n_names = outcome.unknown_categories.len(),
            names = ?names,
            "names that are no label category"
        );
    }
    if outcome.counts.n_beyond_bounds > 0 {
        tracing::warn!(
            labeling_job_arn,
            label_attribute,
            n_beyond_bounds = outcome.counts.n_beyond_bounds,
            "answers beyond what one batch may hold"
        );
    }
    tracing::info!(
        labeling_job_arn,
        label_attribute,
        annotation_file = request.annotation_file_uri(),
        task_type = outcome
            .task_type
            .map_or("none", |task_type| task_type.as_str()),
        n_data_objects = outcome.response.len(),
        n_consolidated = outcome.response.len() - outcome.failed.len(),
        n_failed = outcome.failed.len(),
        n_answers = outcome.counts.n_answers,
        n_empty = outcome.counts.n_empty,
        n_unreadable = outcome.counts.n_unreadable,
        n_beyond_bounds = outcome.counts.n_beyond_bounds,
        n_unidentified = outcome.counts.n_unidentified,
        "batch consolidated"
    );
}
