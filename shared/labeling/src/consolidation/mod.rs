//! Annotation-consolidation: an annotation file → one consolidated annotation for each data object.

mod annotation_file;
mod classes;
mod consolidate;
mod gathered;
mod kept;
mod outcome;
mod quality;
mod request;
mod size;

pub use annotation_file::{
    ANNOTATION_FILE_BYTES_MAX, Annotation, AnnotationFile, AnnotationFileError, Content, DataObject,
};
pub use consolidate::{Config, consolidate};
pub use gathered::Gathered;
pub use outcome::{ConsolidatedAnnotation, Counts, FailedObject, Outcome};
pub use quality::{Disputed, Quality};
pub use request::{Payload, Request, RequestError};
