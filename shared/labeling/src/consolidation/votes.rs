//! A job's answers as `consensus` takes them, for whoever measures the consolidation.

use consensus::{Problem, boxes, multi_label, single_label};

use super::classes::Classes;

/// What is consolidated: the answers that count, read and named as consolidation reads and names them.
#[derive(Debug, Clone)]
pub struct Votes {
    /// The answers; an item for each data object, also for one without an answer that counts.
    pub problem: VotesProblem,
    /// Places of the data objects, in the order of the items.
    pub places: Vec<u64>,
    classes: Classes,
}

/// The answers, by task type.
#[derive(Debug, Clone)]
pub enum VotesProblem {
    /// One class for a data object.
    SingleLabel(Problem<single_label::Answer>),
    /// Any number of classes for a data object, all offered for each.
    MultiLabel(Problem<multi_label::Answer>),
    /// Boxes.
    BoundingBox(Problem<boxes::Answer>),
}

impl Votes {
    pub(super) fn new(problem: VotesProblem, places: Vec<u64>, classes: Classes) -> Self {
        Self {
            problem,
            places,
            classes,
        }
    }

    /// Index of the class that a name is in an answer; `None` when an answer with this name would not count, or, without
    /// label categories, when nobody answered so.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<u32> {
        self.classes.find(name)
    }

    /// How many classes there are.
    #[must_use]
    pub fn n_classes(&self) -> u32 {
        self.classes.names().len() as u32
    }
}
