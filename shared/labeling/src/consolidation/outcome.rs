//! What is answered, and what is worth a log line.

use std::collections::BTreeMap;

use consensus::Statistics;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::TaskType;

/// The result of a batch.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One element for each `datasetObjectId` of the annotation file, in the file's order. The function's answer.
    pub response: Vec<ConsolidatedAnnotation>,
    /// The data objects among them that have no label, with the reason.
    pub failed: Vec<FailedObject>,
    /// What kind of answers the batch has; `None` when it has none that can be read.
    pub task_type: Option<TaskType>,
    /// Statistics of this batch alone, under workers' pseudonyms.
    pub statistics: Statistics,
    /// How the answers were read.
    pub counts: Counts,
    /// Names in answers that are no label category, and how many answers hold each.
    pub unknown_categories: BTreeMap<String, u32>,
}

/// How many of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers that were counted.
    pub n_answers: u32,
    /// Forms without anything in them.
    pub n_empty: u32,
    /// Answers that couldn't be read, were of another kind, named no label category, or exceeded a bound.
    pub n_unreadable: u32,
    /// Answers that were left out, or of which a part was, because of a bound of what a batch may hold.
    pub n_beyond_bounds: u32,
    /// Elements of the annotation file without `datasetObjectId`.
    pub n_unidentified: u32,
}

/// One element of the function's answer:
/// `{"datasetObjectId": …, "consolidatedAnnotation": {"content": {"<label attribute>": <label envelope>}}}`.
#[derive(Debug, Clone)]
pub struct ConsolidatedAnnotation {
    /// Ground Truth's name of the data object.
    pub dataset_object_id: String,
    /// The label attribute.
    pub label_attribute: String,
    /// The label envelope.
    pub label: Box<RawValue>,
}

/// A data object without a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedObject {
    /// Ground Truth's name of the data object.
    pub dataset_object_id: String,
    /// Why there is no label; the same as `failure-reason` in the answer.
    pub reason: String,
}

impl Serialize for ConsolidatedAnnotation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Content<'a>(&'a ConsolidatedAnnotation);
        struct Annotation<'a>(&'a ConsolidatedAnnotation);
        impl Serialize for Content<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(&self.0.label_attribute, &self.0.label)?;
                map.end()
            }
        }
        impl Serialize for Annotation<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("content", &Content(self.0))?;
                map.end()
            }
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("datasetObjectId", &self.dataset_object_id)?;
        map.serialize_entry("consolidatedAnnotation", &Annotation(self))?;
        map.end()
    }
}
