//! What one batch may hold, so that it is consolidated within a function's time and memory whatever workers answer.
//!
//! A worker can submit anything, and a function that dies fails the whole labeling job. What exceeds a bound is therefore
//! that answer's own loss: it is counted ([`super::Counts::n_beyond_bounds`]), and everything else goes on. The bounds are
//! far beyond honest answers: Ground Truth makes batches of at most 50 data objects, asks at most 9 workers about each,
//! and has at most 50 categories for boxes and for several labels.
//!
//! Further bounds: [`ANSWER_BYTES_MAX`](crate::answers::ANSWER_BYTES_MAX), `ANSWER_VALUES_MAX` and
//! [`ANSWER_LABELS_MAX`](crate::answers::ANSWER_LABELS_MAX) of an answer,
//! [`BOXES_PER_ITEM_MAX`](consensus::boxes::BOXES_PER_ITEM_MAX) and
//! [`PAIRS_PER_BOX_MAX`](consensus::boxes::PAIRS_PER_BOX_MAX) of an object's boxes.

/// Largest annotation file of a batch that is consolidated, in bytes, inclusive; a larger one fails the batch. All answers
/// that count are half of it ([`ANSWERS_BYTES_MAX`]).
pub const BATCH_BYTES_MAX: u64 = 48 * 1_048_576;

/// Most data objects of a batch, inclusive; further ones are not answered.
pub const OBJECTS_PER_BATCH_MAX: usize = 5_000;

/// Most answers to a data object that are looked at, inclusive.
pub const ANSWERS_PER_OBJECT_MAX: usize = 50;

/// Most answers of a batch that are looked at, inclusive.
pub const ANSWERS_PER_BATCH_MAX: usize = 20_000;

/// Most bytes that a batch's answers have together, inclusive: 450 answers of 300 boxes each have 15 MB. The longest
/// answers are left out first.
pub const ANSWERS_BYTES_MAX: usize = 24 * 1_048_576;

/// Most boxes that a batch's answers have together, inclusive: 450 answers of 220 boxes. Answers with most boxes are left
/// out first.
pub const BOXES_PER_BATCH_MAX: usize = 100_000;

/// Most names that the answers of a batch without label categories may give, inclusive: those that most workers gave.
pub const NAMES_PER_BATCH_MAX: usize = 1_000;

/// Most questions of a batch of multi-label answers, which are its answers times the categories, inclusive. Where there
/// would be more, the categories that most answers selected are asked about.
pub const QUESTIONS_PER_BATCH_MAX: usize = 4_000_000;

/// Most elements without an id that are named; all are counted.
pub const UNIDENTIFIED_LISTED_MAX: usize = 100;

/// What an annotation file may hold.
pub(super) struct FileBounds {
    pub(super) objects: usize,
    pub(super) answers: usize,
    pub(super) answer_bytes: usize,
}

impl FileBounds {
    /// Of a file that is read where there is room for it.
    pub(super) const NONE: Self = Self {
        objects: usize::MAX,
        answers: usize::MAX,
        answer_bytes: usize::MAX,
    };

    /// Of a batch.
    pub(super) const BATCH: Self = Self {
        objects: OBJECTS_PER_BATCH_MAX,
        answers: ANSWERS_PER_BATCH_MAX,
        answer_bytes: ANSWERS_BYTES_MAX,
    };
}

/// What is consolidated together at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Boxes of all answers.
    pub boxes: usize,
    /// Names in answers, where there are no label categories.
    pub names: usize,
    /// Multi-label answers times categories.
    pub questions: usize,
}

impl Bounds {
    /// Of a batch.
    pub const BATCH: Self = Self {
        boxes: BOXES_PER_BATCH_MAX,
        names: NAMES_PER_BATCH_MAX,
        questions: QUESTIONS_PER_BATCH_MAX,
    };

    /// None, for a whole job, whose memory is reckoned from what it has.
    pub const NONE: Self = Self {
        boxes: usize::MAX,
        names: usize::MAX,
        questions: usize::MAX,
    };
}
