//! An annotation file while it is read: one element after another, within bounds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, SeqAccess, Visitor};
use serde_json::Deserializer;

use super::super::bounds::{
    ANSWERS_BYTES_MAX, ANSWERS_PER_OBJECT_MAX, FileBounds, UNIDENTIFIED_LISTED_MAX,
};
use super::data_object::{Annotation, AnnotationFile, Content, DataObject};
use super::elements::Read;
use crate::answers::{ANSWER_BYTES_MAX, AnswerError};

/// Why an answer beyond an object's bound doesn't count.
pub(super) const BEYOND_ANSWERS: &str = "one answer too many";

/// Why an answer of so many bytes doesn't count, where all of a batch are too long together.
pub(super) fn beyond_bytes(n_bytes: usize) -> String {
    format!("answer has {n_bytes} bytes, and those of its batch more than {ANSWERS_BYTES_MAX}")
}

/// What was read so far.
pub(super) struct Reading<'b> {
    bounds: &'b FileBounds,
    file: AnnotationFile,
    places: BTreeMap<String, usize>,
    n_elements: usize,
    n_answers: usize,
    n_answer_bytes: usize,
    /// Answers by length, with the place of the object and of the answer; the earlier one first among equals.
    by_length: BinaryHeap<(usize, Reverse<(usize, usize)>)>,
}

impl<'b> Reading<'b> {
    pub(super) fn new(bounds: &'b FileBounds) -> Self {
        Self {
            bounds,
            file: AnnotationFile::default(),
            places: BTreeMap::new(),
            n_elements: 0,
            n_answers: 0,
            n_answer_bytes: 0,
            by_length: BinaryHeap::new(),
        }
    }

    /// Reads a list, of which nothing is held but what is kept.
    pub(super) fn each<'t, E: Deserialize<'t>>(
        mut self,
        text: &'t str,
        read: impl Fn(E) -> Read,
    ) -> Result<AnnotationFile, serde_json::Error> {
        let mut deserializer = Deserializer::from_str(text);
        let each = Each {
            push: |element| self.push(read(element)),
            element: std::marker::PhantomData,
        };
        each.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(self.into_file())
    }

    pub(super) fn into_file(self) -> AnnotationFile {
        self.file
    }

    pub(super) fn push(&mut self, element: Read) {
        let position = self.n_elements;
        self.n_elements += 1;
        let objects_max = self.bounds.objects;
        let is_full = self.file.objects.len() >= objects_max;
        let beyond = || format!("more than {objects_max} data objects");
        match element {
            Ok((object, n_more))
                if !is_full || self.places.contains_key(&object.dataset_object_id) =>
            {
                self.add(object, n_more);
            }
            unidentified => {
                self.file.n_unidentified += 1;
                if self.file.unidentified.len() < UNIDENTIFIED_LISTED_MAX {
                    let reason = unidentified.err().unwrap_or_else(beyond);
                    self.file.unidentified.push((position, reason));
                }
            }
        }
    }

    fn add(&mut self, object: DataObject, n_more: usize) {
        let n_objects = self.file.objects.len();
        let id = object.dataset_object_id.clone();
        let place = *self.places.entry(id).or_insert(n_objects);
        if place == n_objects {
            self.file.objects.push(DataObject {
                dataset_object_id: object.dataset_object_id,
                source: None,
                annotations: Vec::new(),
                problem: None,
            });
        }
        let annotations = self.within_bounds(place, object.annotations, n_more);
        if let Some(merged) = self.file.objects.get_mut(place) {
            merged.annotations.extend(annotations);
            merged.source = merged.source.take().or(object.source);
            merged.problem = merged.problem.take().or(object.problem);
        }
        self.leave_out_longest();
    }

    /// The answers that are kept, to be added to the object at this place, with one that says so if there are more.
    /// `n_more` of them were not even taken in.
    fn within_bounds(
        &mut self,
        place: usize,
        annotations: Vec<Annotation>,
        n_more: usize,
    ) -> Vec<Annotation> {
        let n_before = self.file.objects.get(place);
        let n_before = n_before.map_or(0, |object| object.annotations.len());
        let mut kept = Vec::with_capacity(annotations.len());
        let mut is_beyond = n_more > 0;
        self.file.n_beyond_bounds += n_more;
        for mut annotation in annotations {
            let n_of_object = n_before + kept.len();
            if n_of_object >= ANSWERS_PER_OBJECT_MAX || self.n_answers >= self.bounds.answers {
                self.file.n_beyond_bounds += 1;
                is_beyond = true;
                continue;
            }
            self.n_answers += 1;
            if let Content::Inline(text) = &annotation.content {
                let n_bytes = text.len();
                if n_bytes > ANSWER_BYTES_MAX {
                    let reason = AnswerError::TooLong { n_bytes }.to_string();
                    annotation.content = Content::Unreadable(reason);
                } else if self.bounds.answer_bytes < usize::MAX {
                    self.n_answer_bytes += n_bytes;
                    self.by_length
                        .push((n_bytes, Reverse((place, n_of_object))));
                }
            }
            kept.push(annotation);
        }
        // The one that says so may be one more than the bound, once.
        if is_beyond && n_before + kept.len() <= ANSWERS_PER_OBJECT_MAX {
            kept.push(Annotation::without_content(BEYOND_ANSWERS.to_owned()));
        }
        kept
    }

    fn leave_out_longest(&mut self) {
        while self.n_answer_bytes > self.bounds.answer_bytes {
            let Some((n_bytes, Reverse((place, idx)))) = self.by_length.pop() else {
                return;
            };
            self.n_answer_bytes -= n_bytes;
            self.file.n_beyond_bounds += 1;
            let object = self.file.objects.get_mut(place);
            if let Some(annotation) = object.and_then(|it| it.annotations.get_mut(idx)) {
                annotation.content = Content::Unreadable(beyond_bytes(n_bytes));
            }
        }
    }
}

/// Pushes each element of a list.
struct Each<F, E> {
    push: F,
    element: std::marker::PhantomData<E>,
}

impl<'de, E: Deserialize<'de>, F: FnMut(E)> DeserializeSeed<'de> for Each<F, E> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, E: Deserialize<'de>, F: FnMut(E)> Visitor<'de> for Each<F, E> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of data objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            (self.push)(element);
        }
        Ok(())
    }
}
