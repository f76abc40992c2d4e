//! Annotation-consolidation: an annotation file → one consolidated annotation for each data object.

mod annotation_file;
mod bounded;
mod bounds;
mod classes;
mod consolidate;
mod gathered;
mod kept;
mod object;
mod outcome;
mod quality;
mod request;
mod size;
mod votes;

pub use annotation_file::{
    ANNOTATION_FILE_BYTES_MAX, Annotation, AnnotationFile, AnnotationFileError, Content, DataObject,
};
pub use bounds::{
    ANSWERS_BYTES_MAX, ANSWERS_PER_BATCH_MAX, ANSWERS_PER_OBJECT_MAX, BATCH_BYTES_MAX,
    BOXES_PER_BATCH_MAX, Bounds, NAMES_PER_BATCH_MAX, OBJECTS_PER_BATCH_MAX,
    QUESTIONS_PER_BATCH_MAX, UNIDENTIFIED_LISTED_MAX,
};
pub use consolidate::Config;
pub use gathered::{Gathered, consolidate, gather};
pub use outcome::{ConsolidatedAnnotation, Counts, FailedObject, Outcome};
pub use quality::{Disputed, Likely, Quality, Worker, WorkerSays};
pub use request::{Payload, Request, RequestError};
pub use votes::{Votes, VotesProblem};
