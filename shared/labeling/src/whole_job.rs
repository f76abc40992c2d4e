//! A whole job at once, from what it leaves in S3.

use std::collections::BTreeMap;

use consensus::Statistics;

use crate::consolidation::{Config, DataObject, Gathered, Outcome};

/// Consolidates all data objects of a job together, from annotation files or worker-response files (also for jobs
/// without a consolidation function, which leave nothing but `worker-response-ref`).
///
/// `job_key` keys the workers' pseudonyms; the job's folder, as in batches, so that both name workers alike.
/// Of data objects with the same id the last one counts, at the first one's place.
#[must_use]
pub fn consolidate(
    label_attribute: &str,
    label_categories: Option<Vec<String>>,
    job_key: &str,
    objects: impl IntoIterator<Item = DataObject>,
    config: &Config,
) -> Outcome {
    let mut gathered = Gathered::new(job_key, config);
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    for object in objects {
        let next = places.len() as u64;
        let id = object.dataset_object_id.clone();
        gathered.add(*places.entry(id).or_insert(next), &object);
    }
    let carried = Statistics::default();
    gathered.consolidate(label_attribute, label_categories.as_deref(), &carried)
}
