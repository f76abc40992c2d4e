//! Which file's answers to a data object count.
//!
//! A job leaves a worker's answers twice: in the annotation files that its consolidation function was called with, and
//! in a worker-response file for each data object. Ground Truth repeats all answers to a data object when it asks
//! again, so that a later file about it takes an earlier one's place. Annotation files come before worker-response
//! files: they name the data object's image, too. What is damaged and says nothing takes nobody's place.

use std::collections::BTreeMap;

use super::layout::{REQUESTS, RESPONSES};
use crate::consolidation::{Content, DataObject};

/// The files that hold workers' answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerSource {
    /// What the consolidation function was called with: up to 50 data objects.
    AnnotationFile,
    /// What Ground Truth writes for each data object, whatever the job's functions do.
    WorkerResponse,
}

impl AnswerSource {
    /// What a file of the job's folder holds, told by its folders; `None` when it holds no answers: what lies beside
    /// them is made from these.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        path.split('/').find_map(|folder| match folder {
            REQUESTS => Some(Self::AnnotationFile),
            RESPONSES => Some(Self::WorkerResponse),
            _ => None,
        })
    }
}

/// Whether a file gives at least one worker's answer to the data object.
#[must_use]
pub fn says_something(object: &DataObject) -> bool {
    let mut annotations = object.annotations.iter();
    annotations.any(|annotation| matches!(annotation.content, Content::Inline(_)))
}

/// The answers in use for each data object, while files are read in the order of their names.
///
/// `K` is what tells data objects apart: an id, or a place in the manifest.
#[derive(Debug, Clone)]
pub struct AnswersInUse<K> {
    known: BTreeMap<K, Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    source: AnswerSource,
    says_something: bool,
}

impl<K> Default for AnswersInUse<K> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
        }
    }
}

impl<K: Ord> AnswersInUse<K> {
    /// Whether the answers of the next file take the place of those that were read before; if so, they are in use.
    pub fn take(&mut self, object: K, source: AnswerSource, says_something: bool) -> bool {
        let next = Known {
            source,
            says_something,
        };
        let takes_place = match self.known.get(&object) {
            None => true,
            Some(known) => next.takes_place_of(*known),
        };
        if takes_place {
            self.known.insert(object, next);
        }
        takes_place
    }

    /// Whether the data object's worker-response file is to be read: no annotation file says something of the data
    /// object, and no worker-response file was read.
    #[must_use]
    pub fn wants_response(&self, object: &K) -> bool {
        self.known.get(object).is_none_or(|known| {
            known.source == AnswerSource::AnnotationFile && !known.says_something
        })
    }
}

impl Known {
    fn takes_place_of(self, earlier: Self) -> bool {
        let is_outranked = self.source == AnswerSource::WorkerResponse
            && earlier.source == AnswerSource::AnnotationFile
            && earlier.says_something;
        self.says_something && !is_outranked
    }
}

#[cfg(test)]
mod tests {
    use super::AnswerSource::{AnnotationFile, WorkerResponse};
    use super::*;

    #[test]
    fn paths() {
        for (path, expected) in [
            (
                "out/job/annotations/consolidated-annotation/consolidation-request/iteration-1/x.json",
                Some(AnnotationFile),
            ),
            (
                "out/job/annotations/consolidated-annotation/consolidation-response/iteration-1/x.json",
                None,
            ),
            ("worker-response/iteration-1/0/x.json", Some(WorkerResponse)),
            ("x.json", None),
        ] {
            assert_eq!(AnswerSource::of_path(path), expected, "{path}");
        }
    }

    #[test]
    fn places() {
        let check = |earlier, next, expected| {
            let mut in_use = AnswersInUse::default();
            let (source, says_something) = earlier;
            assert!(in_use.take(0, source, says_something));
            let (source, says_something) = next;
            let taken = in_use.take(0, source, says_something);
            assert_eq!(taken, expected, "{earlier:?} {next:?}");
            assert!(in_use.take(1, source, says_something));
        };
        for (earlier, next, expected) in [
            (AnnotationFile, AnnotationFile, true),
            (AnnotationFile, WorkerResponse, false),
            (WorkerResponse, AnnotationFile, true),
            (WorkerResponse, WorkerResponse, true),
        ] {
            check((earlier, true), (next, true), expected);
            check((earlier, false), (next, true), true);
            check((earlier, true), (next, false), false);
            check((earlier, false), (next, false), false);
        }
    }

    #[test]
    fn wanted_responses() {
        for (source, says_something, expected) in [
            (AnnotationFile, true, false),
            (AnnotationFile, false, true),
            (WorkerResponse, true, false),
            (WorkerResponse, false, false),
        ] {
            let mut in_use = AnswersInUse::default();
            assert!(in_use.wants_response(&0));
            in_use.take(0, source, says_something);
            assert_eq!(
                in_use.wants_response(&0),
                expected,
                "{source:?} {says_something}"
            );
        }
    }
}
