//! A whole job at once, from what it leaves in S3.

use consensus::Statistics;

use crate::consolidation::{self, AnnotationFile, Config, DataObject, Outcome, Payload, Request};

/// Consolidates all data objects of a job together, from annotation files or worker-response files (also for jobs
/// without a consolidation function, which leave nothing but `worker-response-ref`).
///
/// `job_key` keys the workers' pseudonyms; the job's folder, as in batches, so that both name workers alike.
/// Data objects with the same id are merged; the order is that of the first ones.
#[must_use]
pub fn consolidate(
    label_attribute: &str,
    label_categories: Option<Vec<String>>,
    job_key: &str,
    objects: impl IntoIterator<Item = DataObject>,
    config: &Config,
) -> Outcome {
    let file = AnnotationFile::from_objects(objects);
    let request = Request {
        payload: Payload::Inline(String::new()),
        label_attribute: label_attribute.to_owned(),
        labeling_job_arn: None,
        label_categories,
        output_uri: Some(format!("{job_key}/annotations")),
        kms_key_id: None,
    };
    consolidation::consolidate(&request, &file, &Statistics::default(), config)
}
