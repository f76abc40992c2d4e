//! What an annotation file holds: data objects and the answers to them.

/// The workers' answers to a batch of data objects, in the file's order.
///
/// Data objects that stand in the file more than once are merged at their first place. What can't be read of one data
/// object is that data object's problem, and an answer that can't be read is that answer's; the others are not touched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnnotationFile {
    /// The data objects, each `dataset_object_id` once.
    pub objects: Vec<DataObject>,
    /// Elements of the file without a usable `datasetObjectId`: position (zero-based) and reason. They can't be answered.
    /// The first [`crate::consolidation::UNIDENTIFIED_LISTED_MAX`] of them.
    pub unidentified: Vec<(usize, String)>,
    /// How many there are of them.
    pub n_unidentified: usize,
    /// Answers that were not taken in because a bound was exceeded; among an object's answers stands why.
    pub n_beyond_bounds: usize,
}

/// A data object and the workers' answers to it.
#[derive(Debug, Clone, PartialEq)]
pub struct DataObject {
    /// Ground Truth's name for it: the zero-based number of its line in the input manifest, as text.
    pub dataset_object_id: String,
    /// The image's URI, where the file has one.
    pub source: Option<String>,
    /// The answers, in the file's order.
    pub annotations: Vec<Annotation>,
    /// Why its element of the file couldn't be read, if so.
    pub problem: Option<String>,
}

/// One worker's answer, not looked into yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// The worker's id, where the file has one.
    pub worker_id: Option<String>,
    /// The answer.
    pub content: Content,
}

impl Annotation {
    /// An answer that isn't JSON, though what stands around it is.
    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        Self::without_content(format!("answer is not readable: {error}"))
    }

    pub(super) fn without_content(reason: String) -> Self {
        Self {
            worker_id: None,
            content: Content::Unreadable(reason),
        }
    }
}

/// Where an answer is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Here.
    Inline(String),
    /// In an object of its own.
    Stored {
        /// Its S3 URI.
        uri: String,
    },
    /// Nowhere; why.
    Unreadable(String),
}
