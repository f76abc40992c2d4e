//! A whole job at once, from what it leaves in S3.

use std::collections::BTreeMap;

use consensus::Statistics;

use super::answers::{AnswerSource, AnswersInUse, says_something};
use crate::consolidation::{Config, DataObject, Gathered, Outcome};

/// All answers of a job, from annotation files or worker-response files (also of jobs without a consolidation function,
/// which leave nothing but `worker-response-ref`).
///
/// `job_key` keys the workers' pseudonyms; the job's folder, as in batches, so that both name workers alike.
/// Of data objects with the same id the last one that says something counts, at the first one's place.
#[must_use]
pub fn gather<'c>(
    job_key: &str,
    objects: impl IntoIterator<Item = DataObject>,
    config: &'c Config,
) -> Gathered<'c> {
    let mut gathered = Gathered::new(job_key, config);
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    let mut in_use = AnswersInUse::default();
    for object in objects {
        let next = places.len() as u64;
        let id = object.dataset_object_id.clone();
        let place = *places.entry(id).or_insert(next);
        if in_use.take(place, AnswerSource::AnnotationFile, says_something(&object)) {
            gathered.add(place, &object);
        }
    }
    gathered
}

/// Consolidates all data objects of a job together, with [`Config::for_whole_job`]; see [`gather`].
#[must_use]
pub fn consolidate(
    label_attribute: &str,
    label_categories: Option<Vec<String>>,
    job_key: &str,
    objects: impl IntoIterator<Item = DataObject>,
    config: &Config,
) -> Outcome {
    let carried = Statistics::default();
    let config = config.for_whole_job();
    let gathered = gather(job_key, objects, &config);
    gathered.consolidate(label_attribute, label_categories.as_deref(), &carried)
}
