//! What a job's answers say about its workers, its label categories and its data objects, for people.

mod disputed;

use consensus::quality::agreement::Agreement;
use consensus::quality::histogram::Histogram;
use consensus::quality::{self, BoxHistograms, ClassQuality, Confused, WorkerQuality};
use manifest::NamedLabel;
use serde::Serialize;

pub(super) use self::disputed::Details;
pub use self::disputed::{Likely, WorkerSays};
use crate::TaskType;
use crate::job::times::WorkTimes;

/// Figures against the labels of the whole job together, not against a truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// What workers were asked for.
    pub task_type: TaskType,
    /// Data objects with an answer that counts.
    pub n_answered: u32,
    /// Answers that count.
    pub n_answers: u32,
    /// How far the answers agree with one another; `None` where no data object has two, and of boxes, which have no
    /// published coefficient that everybody knows.
    pub agreement: Option<Agreement>,
    /// Workers by pseudonym, the least accurate first.
    pub workers: Vec<Worker>,
    /// Label categories, those with the least agreement first.
    pub categories: Vec<ClassQuality>,
    /// How often each category was answered where each one is the label.
    pub confusion: Vec<Confused>,
    /// Confidences of labels, or of each category or box of them.
    pub confidences: Histogram,
    /// Of boxes.
    pub boxes: Option<BoxHistograms>,
    /// Data objects that workers disagree on, the least certain first.
    pub disputed: Vec<Disputed>,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worker {
    /// What the answers say of the worker.
    #[serde(flatten)]
    pub quality: WorkerQuality,
    /// Answers whose time is known.
    pub n_timed: u32,
    /// Half of those answers took this long or longer, in seconds.
    pub median_seconds: Option<f64>,
}

/// A data object that workers disagree on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disputed {
    /// Ground Truth's name of the data object.
    pub dataset_object_id: String,
    /// The image's URI, where it is known.
    pub source_ref: Option<String>,
    /// The label, in words.
    pub label: String,
    /// Probability in [0, 1] that it is right; of several decisions, the least certain one's.
    pub confidence: f64,
    /// Answers that say the same.
    pub n_votes: u32,
    /// All answers.
    pub n_answers: u32,
    /// The two likeliest categories, the likelier one first; none where boxes were asked for.
    pub likeliest: Vec<Likely>,
    /// What each worker said, in the order of the pseudonyms.
    pub answers: Vec<WorkerSays>,
    /// Width and height of the image in pixels, as the answers have them, where boxes were asked for.
    pub image_size_px: Option<(u32, u32)>,
    /// The label's boxes.
    pub boxes: Vec<NamedLabel>,
}

impl Quality {
    /// `ids` are the data objects', in the order of the report's items; `details` of its second looks, in their order.
    pub(super) fn new(
        task_type: TaskType,
        report: quality::Report,
        details: Details,
        ids: &[String],
    ) -> Self {
        let quality::Report {
            mut workers,
            classes: mut categories,
            confusion,
            confidences,
            boxes,
            second_look,
        } = report;
        workers.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
        let agreement = |class: &ClassQuality| class.agreement.unwrap_or(1.0);
        categories.sort_by(|a, b| agreement(a).total_cmp(&agreement(b)));
        let second_looks = second_look.into_iter().zip(details.of_second_looks);
        let disputed = second_looks.filter_map(|(item, details)| {
            Some(Disputed {
                dataset_object_id: ids.get(item.item_idx)?.clone(),
                source_ref: None,
                label: item.label,
                confidence: item.confidence,
                n_votes: item.n_votes,
                n_answers: item.n_answers,
                likeliest: details.likeliest,
                answers: details.answers,
                image_size_px: details.image_size_px,
                boxes: details.boxes,
            })
        });
        Self {
            task_type,
            n_answered: details.n_answered,
            n_answers: workers.iter().map(|worker| worker.n_answers).sum(),
            agreement: details.agreement,
            disputed: disputed.collect(),
            workers: workers.into_iter().map(Worker::from).collect(),
            categories,
            confusion,
            confidences,
            boxes,
        }
    }

    /// The same figures with at most so many disputed data objects, and at most `n_rows` workers, categories and cells of
    /// confusion.
    #[must_use]
    pub fn shortened(&self, n_disputed: usize, n_rows: usize) -> Self {
        fn first<T: Clone>(list: &[T], n_max: usize) -> Vec<T> {
            list.iter().take(n_max).cloned().collect()
        }
        Self {
            workers: first(&self.workers, n_rows),
            categories: first(&self.categories, n_rows),
            confusion: first(&self.confusion, n_rows),
            disputed: first(&self.disputed, n_disputed),
            confidences: self.confidences.clone(),
            boxes: self.boxes.clone(),
            ..*self
        }
    }

    /// Workers whose answers say next to nothing about the data objects.
    pub fn suspected(&self) -> impl Iterator<Item = &WorkerQuality> {
        let workers = self.workers.iter().map(|worker| &worker.quality);
        workers.filter(|worker| worker.is_suspected)
    }

    /// Gives disputed data objects their images' URIs, by Ground Truth's names of them.
    pub fn name_sources(&mut self, source_of: impl Fn(&str) -> Option<String>) {
        for object in &mut self.disputed {
            object.source_ref = source_of(&object.dataset_object_id);
        }
    }

    /// Gives workers the times that they took. `job_key` is the one that keyed their pseudonyms.
    pub fn add_times(&mut self, times: &WorkTimes, job_key: &str) {
        let mut found = times.by_pseudonym(job_key);
        for worker in &mut self.workers {
            if let Some(times) = found.remove(&worker.quality.worker) {
                worker.n_timed = times.n_answers;
                worker.median_seconds = Some(times.median_seconds);
            }
        }
    }
}

impl From<WorkerQuality> for Worker {
    fn from(quality: WorkerQuality) -> Self {
        Self {
            quality,
            n_timed: 0,
            median_seconds: None,
        }
    }
}
