//! What a job's answers say about its workers, its label categories and its data objects, for people.

use consensus::quality::{self, ClassQuality, WorkerQuality};
use serde::Serialize;

use crate::TaskType;

/// Figures against the labels of the whole job together, not against a truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// What workers were asked for.
    pub task_type: TaskType,
    /// Workers by pseudonym, the least accurate first.
    pub workers: Vec<WorkerQuality>,
    /// Label categories, those with the least agreement first.
    pub categories: Vec<ClassQuality>,
    /// Data objects that workers disagree on, the least certain first.
    pub disputed: Vec<Disputed>,
}

/// A data object that workers disagree on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disputed {
    /// Ground Truth's name of the data object.
    pub dataset_object_id: String,
    /// The label, in words.
    pub label: String,
    /// Probability in [0, 1] that it is right; of several decisions, the least certain one's.
    pub confidence: f64,
    /// Answers that say the same.
    pub n_votes: u32,
    /// All answers.
    pub n_answers: u32,
}

impl Quality {
    /// `ids` are the data objects', in the order of the report's items.
    pub(super) fn new(task_type: TaskType, report: quality::Report, ids: &[String]) -> Self {
        let quality::Report {
            mut workers,
            classes: mut categories,
            second_look,
        } = report;
        workers.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
        let agreement = |class: &ClassQuality| class.agreement.unwrap_or(1.0);
        categories.sort_by(|a, b| agreement(a).total_cmp(&agreement(b)));
        let disputed = second_look.into_iter().filter_map(|item| {
            Some(Disputed {
                dataset_object_id: ids.get(item.item_idx)?.clone(),
                label: item.label,
                confidence: item.confidence,
                n_votes: item.n_votes,
                n_answers: item.n_answers,
            })
        });
        Self {
            task_type,
            disputed: disputed.collect(),
            workers,
            categories,
        }
    }

    /// Workers whose answers say next to nothing about the data objects.
    pub fn suspected(&self) -> impl Iterator<Item = &WorkerQuality> {
        self.workers.iter().filter(|worker| worker.is_suspected)
    }
}
