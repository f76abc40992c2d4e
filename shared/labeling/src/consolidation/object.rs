//! A data object with its answers read.

use crate::answers::Answer;

/// One data object.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) dataset_object_id: String,
    /// Readable answers: worker, answer with numbers of names.
    pub(super) answers: Vec<(u32, Answer<u32>)>,
    /// Why answers don't count.
    pub(super) problems: Vec<String>,
    pub(super) n_annotations: usize,
    pub(super) n_empty: u32,
    pub(super) n_unreadable: u32,
}
