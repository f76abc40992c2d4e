//! How much of a set can be judged: without any of it there are no figures.

use super::job::JobSet;
use super::{boxes, multi_label, single_label};

impl single_label::Set {
    /// Objects with an answer and a known truth.
    #[must_use]
    pub fn n_judged(&self) -> usize {
        let objects = self.problem.items.iter().zip(&self.truth);
        objects
            .filter(|(answers, truth)| !answers.is_empty() && truth.is_some())
            .count()
    }
}

impl multi_label::Set {
    /// True classes of objects with an answer.
    #[must_use]
    pub fn n_judged(&self) -> usize {
        let objects = self.problem.items.iter().zip(&self.truth);
        let judged = objects.filter(|(answers, _)| !answers.is_empty());
        judged.flat_map(|(_, truth)| truth.iter().flatten()).count()
    }
}

impl boxes::Set {
    /// True boxes of objects with an answer.
    #[must_use]
    pub fn n_judged(&self) -> usize {
        let objects = self.problem.items.iter().zip(&self.truth);
        let judged = objects.filter(|(answers, _)| !answers.is_empty());
        judged.flat_map(|(_, truth)| truth.iter().flatten()).count()
    }
}

impl JobSet {
    /// What of it can be judged: objects, true classes or true boxes.
    #[must_use]
    pub fn n_judged(&self) -> usize {
        match self {
            Self::SingleLabel(set) => set.n_judged(),
            Self::MultiLabel(set) => set.n_judged(),
            Self::BoundingBox(set) => set.n_judged(),
        }
    }
}
