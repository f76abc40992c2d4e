//! The workers' answers of a finished job.

use std::collections::BTreeMap;
use std::path::Path;

use labeling::consolidation::{Content, DataObject};
use labeling::job::answers::says_something;
use labeling::job::{AnswerSource, AnswersInUse};
use serde_json::json;
use services::ground_truth::WorkerAnswer;

use super::error::FinishedJobError;
use crate::answer_files;

/// The workers' answers that count, and the images that they are about.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// By position in the manifest, from 0.
    pub(super) by_object: BTreeMap<u32, Vec<WorkerAnswer>>,
    /// The images that annotation files name.
    pub(super) source_refs: BTreeMap<u32, String>,
    in_use: AnswersInUse<u32>,
}

impl Answers {
    /// An input manifest of the data objects that were answered.
    pub(super) fn as_manifest(&self) -> String {
        let n_objects = self.by_object.keys().next_back().map_or(0, |last| last + 1);
        (0..n_objects)
            .map(|object_idx| self.line(object_idx) + "\n")
            .collect()
    }

    /// Whether the answers tell the image of each data object that they are about, from this place on.
    pub(super) fn tell_sources_from(&self, place: usize) -> bool {
        let mut later = self.by_object.iter();
        later.all(|(object_idx, answers)| {
            (*object_idx as usize) < place
                || answers.is_empty()
                || self.source_refs.contains_key(object_idx)
        })
    }

    /// The line of an input manifest for a data object.
    pub(super) fn line(&self, object_idx: u32) -> String {
        let source_ref = self
            .source_refs
            .get(&object_idx)
            .cloned()
            .unwrap_or_else(|| format!("s3://unknown-bucket/data-object-{object_idx}"));
        json!({ "source-ref": source_ref }).to_string()
    }

    /// Reads the job's annotation files and worker-response files. What can't be read goes to `left_out`.
    ///
    /// # Errors
    ///
    /// When a file can't be read as one, or no file has an answer.
    pub(super) fn read(
        folder: &Path,
        left_out: &mut Vec<String>,
    ) -> Result<Self, FinishedJobError> {
        let mut answers = Self::default();
        for path in answer_files::of_job(folder)? {
            let read = answer_files::read(&path)?;
            left_out.extend(read.left_out());
            let mut leave_out = |what: &str| left_out.push(format!("{}: {what}", path.display()));
            let source = read.source;
            for object in read.file.objects {
                answers.add(source, object, &mut leave_out);
            }
        }
        if answers.by_object.is_empty() {
            let path = folder.to_path_buf();
            return Err(match left_out.first() {
                Some(first) => FinishedJobError::Answers {
                    path,
                    reason: format!("no answer can be used; {first}"),
                },
                None => FinishedJobError::NoAnswers { path },
            });
        }
        Ok(answers)
    }

    fn add(&mut self, source: AnswerSource, object: DataObject, tell: &mut impl FnMut(&str)) {
        let id = &object.dataset_object_id;
        let Ok(object_idx) = id.parse::<u32>() else {
            tell(&format!(
                "data object {id:?} is left out: its id is not a position in the manifest"
            ));
            return;
        };
        if let Some(reason) = &object.problem {
            tell(&format!("data object {id:?}: {reason}"));
        }
        if let Some(source_ref) = &object.source {
            self.source_refs.insert(object_idx, source_ref.clone());
        }
        let is_said = says_something(&object);
        if !self.in_use.take(object_idx, source, is_said) {
            return;
        }
        let mut found = Vec::with_capacity(object.annotations.len());
        for (idx, annotation) in object.annotations.into_iter().enumerate() {
            let reason = match annotation.content {
                Content::Inline(content) => {
                    // As consolidation names those without an id.
                    let worker_id = annotation.worker_id;
                    let worker_id = worker_id.unwrap_or_else(|| format!("unnamed-{idx}"));
                    found.push(WorkerAnswer { worker_id, content });
                    continue;
                }
                Content::Stored { uri } => format!("it is stored at {uri}"),
                Content::Unreadable(reason) => reason,
            };
            let number = idx + 1;
            tell(&format!(
                "data object {id:?}: answer {number} is left out: {reason}"
            ));
        }
        self.by_object.insert(object_idx, found);
    }
}
