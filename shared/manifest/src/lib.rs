//! JSON Lines manifests, the label envelope, dataset entries, and the rules of Custom Labels.
//!
//! What comes in as bytes: [`LineSplitter`] → [`Converter`] (a labeling job's output line → dataset entry) →
//! [`Batcher`] (changes of one call). What Custom Labels would say of an entry: [`rules::judge`].
//!
//! How odd input behaves: a UTF-8 byte order mark at the start and CR before LF are dropped; the last line may
//! lack its LF; invalid UTF-8, NUL, a key that stands twice in an object that is looked into, and nesting deeper
//! than [`DEPTH_MAX`] make the line `ERROR_INVALID_JSON_LINE`; a line of more than 100,000 characters is refused
//! before it is parsed; numbers are carried as they came and only compared where a rule needs their value.
//!
//! This crate does no I/O and reads no clock and no environment.

mod batch;
mod code;
mod convert;
mod convert_options;
mod counted;
pub mod dataset;
mod date;
mod destination;
mod encoding;
mod envelope;
pub mod export;
mod file_error;
mod file_kind;
mod image_header;
pub mod import;
mod job_attribute;
mod json;
mod label_choice;
mod line;
mod lines;
mod named_label;
mod not_a_manifest;
mod number;
mod outcome;
mod own_label;
mod pair;
pub mod rules;
mod s3_uri;
mod source_index;
mod source_ref;
pub mod split;
mod task_type;
mod verdict;

pub use batch::{Batcher, CHANGES_BYTES_MAX, Changes};
pub use code::{Code, Stage};
pub use convert::{AttributesSeen, Converter};
pub use convert_options::{
    ConvertOptions, WhenEmpty, WhenFaultyBox, WhenTooManyBoxes, label_attribute_fault,
};
pub use counted::counted;
pub use date::seconds_between;
pub use destination::Destination;
pub use encoding::text_start;
pub use envelope::{BoxLabel, Envelope, EnvelopeError, ImageSize};
pub use file_error::FileError;
pub use file_kind::FileKind;
pub use image_header::{IMAGE_HEADER_BYTES_MAX, ImageHeader};
pub use job_attribute::JobAttribute;
pub use json::DEPTH_MAX;
pub use lines::{LINE_BYTES_MAX, LINE_CHARS_MAX, LineSplitter, RawLine};
pub use named_label::{
    LabelAttribute, LabeledLine, NamedBox, NamedLabel, NamedLabels, envelope_labels,
};
pub use not_a_manifest::not_a_manifest;
pub use outcome::{Converted, Counts, Entry, Note, NoteKind, Rejected, Review, Skipped};
pub use own_label::{OwnLabel, mentions_worker_response, own_label, relabeled};
pub use rules::{Finding, Judgement, Kept, LabelUse, Place, annotate, judge};
pub use s3_uri::{OBJECT_KEY_BYTES_MAX, S3Uri};
pub use source_index::SourceIndex;
pub use source_ref::{SourceRef, SourceRefError};
pub use task_type::{TaskType, UnknownTaskType};
