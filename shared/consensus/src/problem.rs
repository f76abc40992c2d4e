//! What is asked and what is answered, whatever the kind of question.

use crate::Statistics;

/// Items and the workers' answers to them.
///
/// Answers refer to workers and classes by index into these lists. An answer whose worker or class is out of range
/// is left out. Of several answers of one worker to one item the first counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problem<A> {
    /// Names of the workers, unique; what the statistics are kept under.
    pub workers: Vec<String>,
    /// Names of the classes, unique, in class-id order. Ties go to the lower index.
    pub classes: Vec<String>,
    /// For each item its answers.
    pub items: Vec<Vec<A>>,
}

/// What is known after a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Consolidation<E> {
    /// For each item, in the order of [`Problem::items`], its estimate; `None` for an item without any answer.
    pub estimates: Vec<Option<E>>,
    /// Statistics of these items alone, without the carried ones; merge them to carry on.
    pub statistics: Statistics,
}
