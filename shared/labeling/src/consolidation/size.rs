//! How much memory a consolidation takes, reckoned from what was read.

use super::object::Object;
use crate::TaskType;
use crate::answers::Answer;

/// What a data object takes without its answers: its place in the map, its name, its label as it is written.
const OBJECT_BYTES: u64 = 500;
/// What an answer takes without its boxes.
const ANSWER_BYTES: u64 = 60;
/// What a single label takes beyond that where there are too many categories for tables of workers × categories ×
/// categories.
const SPARSE_ANSWER_BYTES: u64 = 240;
/// Cells of those tables above which they are not made, and what a cell takes in them.
const TABLE_CELLS_MAX: u64 = 1 << 20;
const TABLE_CELL_BYTES: u64 = 16;
/// What a data object's question about one category takes, and each worker's answer to it.
const QUESTION_BYTES: u64 = 80;
const QUESTION_ANSWER_BYTES: u64 = 20;
/// What a drawn box takes, as it was read, as it is compared, and in its cluster.
const BOX_BYTES: u64 = 105;
/// What the cluster of several workers' boxes of one object takes.
const CLUSTER_BYTES: u64 = 250;
/// Of the boxes beyond those of the worker who drew most, the share, one in so many, that is taken to be objects which
/// that worker did not draw.
const BOXES_PER_FURTHER_CLUSTER: u64 = 8;

/// What there is of everything that takes memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) n_objects: u64,
    /// Readable answers by what they are: single-label, multi-label, boxes.
    n_answers: [u64; 3],
    n_boxes: u64,
    /// In parts of [`BOXES_PER_FURTHER_CLUSTER`].
    n_cluster_parts: u64,
    /// Text of reasons and names.
    pub(super) n_text_bytes: u64,
}

impl Size {
    pub(super) fn of(object: &Object) -> Self {
        let mut size = Self {
            n_objects: 1,
            ..Self::default()
        };
        let mut n_boxes_max = 0;
        for (_, answer) in &object.answers {
            let [single_label, multi_label, boxes] = &mut size.n_answers;
            match answer {
                Answer::SingleLabel { .. } => *single_label += 1,
                Answer::MultiLabel { .. } => *multi_label += 1,
                Answer::Boxes { boxes: drawn, .. } => {
                    *boxes += 1;
                    size.n_boxes += drawn.len() as u64;
                    n_boxes_max = n_boxes_max.max(drawn.len() as u64);
                }
                Answer::Empty | Answer::Unsupported { .. } => {}
            }
        }
        size.n_cluster_parts =
            n_boxes_max * BOXES_PER_FURTHER_CLUSTER + (size.n_boxes - n_boxes_max);
        let problems = object.problems.iter();
        size.n_text_bytes = problems
            .map(|problem| (problem.len() + size_of::<String>()) as u64)
            .sum();
        size
    }

    pub(super) fn add(&mut self, other: Self) {
        self.each(other, |n, other| n + other);
    }

    pub(super) fn remove(&mut self, other: Self) {
        self.each(other, u64::saturating_sub);
    }

    fn each(&mut self, other: Self, change: impl Fn(u64, u64) -> u64) {
        for (n, other) in self.n_answers.iter_mut().zip(other.n_answers) {
            *n = change(*n, other);
        }
        self.n_objects = change(self.n_objects, other.n_objects);
        self.n_boxes = change(self.n_boxes, other.n_boxes);
        self.n_cluster_parts = change(self.n_cluster_parts, other.n_cluster_parts);
        self.n_text_bytes = change(self.n_text_bytes, other.n_text_bytes);
    }

    /// Bytes of memory at the most, while all of it is consolidated as answers of `task_type`, else of the kind that
    /// most answers have.
    pub(super) fn bytes(
        &self,
        task_type: Option<TaskType>,
        n_workers: u64,
        n_categories: u64,
    ) -> u64 {
        let [single_label, multi_label, boxes] = self.n_answers;
        let n_answers = single_label + multi_label + boxes;
        let by_frequency = || {
            let kinds = [
                (single_label, TaskType::SingleLabel),
                (multi_label, TaskType::MultiLabel),
                (boxes, TaskType::BoundingBox),
            ];
            kinds
                .into_iter()
                .max_by_key(|(n, _)| *n)
                .map(|(_, kind)| kind)
        };
        let n_cells = n_workers * n_categories * n_categories;
        let tables = n_cells.min(TABLE_CELLS_MAX) * TABLE_CELL_BYTES;
        let of_kind = match task_type.or_else(by_frequency) {
            Some(TaskType::MultiLabel) => {
                n_categories * (self.n_objects * QUESTION_BYTES + n_answers * QUESTION_ANSWER_BYTES)
            }
            Some(TaskType::BoundingBox) => {
                let n_clusters = self.n_cluster_parts / BOXES_PER_FURTHER_CLUSTER;
                tables + self.n_boxes * BOX_BYTES + n_clusters * CLUSTER_BYTES
            }
            _ if n_cells > TABLE_CELLS_MAX => n_answers * SPARSE_ANSWER_BYTES,
            _ => tables,
        };
        self.n_objects * OBJECT_BYTES + n_answers * ANSWER_BYTES + self.n_text_bytes + of_kind
    }
}
