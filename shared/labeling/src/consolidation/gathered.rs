//! Workers' answers to a batch or a whole job, read one data object after another.

use std::collections::BTreeMap;
use std::sync::Arc;

use consensus::Statistics;

use super::bounds::ANSWERS_PER_OBJECT_MAX;
use super::consolidate::{Batch, Config};
use super::kept::Kept;
use super::object::Object;
use super::quality::Quality;
use super::size::Size;
use super::{AnnotationFile, Content, DataObject, Outcome, Request, Votes};
use crate::answers::{self, Answer};
use crate::job::JobFolder;
use crate::shown::shown;
use crate::worker::pseudonym;

/// Longest answer that is remembered by its text, in bytes, inclusive. Boxes are longer, and no two are the same.
const REMEMBERED_BYTES_MAX: usize = 256;
/// Most answers that are remembered so.
const REMEMBERED_MAX: usize = 1_024;

/// Workers' answers, read and put together. Holds no more of a data object than what its answers say.
///
/// What comes out depends on the data objects' places alone, not on the order in which they are added.
#[derive(Debug)]
pub struct Gathered<'c> {
    config: &'c Config,
    job_key: String,
    /// Numbers of workers by id, for those whose id was seen.
    worker_ids: BTreeMap<String, u32>,
    /// Workers by pseudonym.
    workers: Names,
    /// Names in answers.
    names: Names,
    /// Short answers that were read, by their text: where labels are chosen, most answers say what another one said.
    said_before: BTreeMap<String, Answer<u32>>,
    size: Size,
    objects: BTreeMap<u64, Object>,
    n_unidentified: u32,
    n_beyond_bounds: u32,
}

/// Texts, each held once and numbered as they appeared.
#[derive(Debug, Default)]
struct Names {
    numbers: BTreeMap<Arc<str>, u32>,
    list: Vec<Arc<str>>,
}

impl Names {
    fn number(&mut self, name: String) -> u32 {
        if let Some(number) = self.numbers.get(name.as_str()) {
            return *number;
        }
        let (number, name) = (self.list.len() as u32, Arc::<str>::from(name));
        self.numbers.insert(Arc::clone(&name), number);
        self.list.push(name);
        number
    }

    fn get(&self, number: u32) -> &str {
        self.list.get(number as usize).map_or("", |name| name)
    }

    fn len(&self) -> usize {
        self.list.len()
    }
}

impl<'c> Gathered<'c> {
    /// No answers yet. `job_key` keys the workers' pseudonyms; the job's folder in S3, where it is known.
    #[must_use]
    pub fn new(job_key: &str, config: &'c Config) -> Self {
        Self {
            config,
            job_key: job_key.to_owned(),
            worker_ids: BTreeMap::new(),
            workers: Names::default(),
            names: Names::default(),
            said_before: BTreeMap::new(),
            size: Size::default(),
            objects: BTreeMap::new(),
            n_unidentified: 0,
            n_beyond_bounds: 0,
        }
    }

    /// The data objects of an annotation file, in the file's order.
    #[must_use]
    pub fn from_file(job_key: &str, file: &AnnotationFile, config: &'c Config) -> Self {
        let mut gathered = Self::new(job_key, config);
        gathered.n_unidentified = file.n_unidentified as u32;
        gathered.n_beyond_bounds = file.n_beyond_bounds as u32;
        for (place, object) in (0..).zip(&file.objects) {
            gathered.add(place, object);
        }
        gathered
    }

    /// Adds a data object at its place among the others, instead of an earlier one there: Ground Truth repeats all
    /// answers to a data object when it asks again.
    pub fn add(&mut self, place: u64, object: &DataObject) {
        let mut read = Object {
            dataset_object_id: object.dataset_object_id.clone(),
            problems: object.problem.iter().cloned().collect(),
            n_annotations: object.annotations.len(),
            answers: Vec::with_capacity(object.annotations.len()),
            ..Object::default()
        };
        // One more than may be: it says why there are no more.
        let n_max = ANSWERS_PER_OBJECT_MAX + 1;
        self.n_beyond_bounds += object.annotations.len().saturating_sub(n_max) as u32;
        for (idx, annotation) in object.annotations.iter().take(n_max).enumerate() {
            match self.read(&annotation.content) {
                Ok(Answer::Empty) => {
                    read.n_empty += 1;
                    read.problems.push("an empty form".to_owned());
                }
                Ok(Answer::Unsupported { kind }) => {
                    read.n_unreadable += 1;
                    let reason = format!("answer of kind {kind}, which has no consolidation");
                    read.problems.push(reason);
                }
                Ok(answer) => {
                    let worker = self.number(annotation.worker_id.as_deref(), idx);
                    read.answers.push((worker, answer));
                }
                Err(reason) => {
                    read.n_unreadable += 1;
                    read.problems.push(reason);
                }
            }
        }
        self.insert(place, read);
    }

    fn read(&mut self, content: &Content) -> Result<Answer<u32>, String> {
        let text = match content {
            Content::Inline(text) => text,
            Content::Stored { uri } => {
                return Err(format!("answer stored at {} was not read", shown(uri)));
            }
            Content::Unreadable(reason) => return Err(reason.clone()),
        };
        if let Some(answer) = self.said_before.get(text) {
            return Ok(answer.clone());
        }
        let answer = answers::parse_named(text, self.config.answer_name.as_deref())
            .map_err(|error| error.to_string())?
            .map_names(|name| self.names.number(name));
        if text.len() <= REMEMBERED_BYTES_MAX && self.said_before.len() < REMEMBERED_MAX {
            self.said_before.insert(text.clone(), answer.clone());
        }
        Ok(answer)
    }

    fn insert(&mut self, place: u64, object: Object) {
        self.size.add(Size::of(&object));
        if let Some(earlier) = self.objects.insert(place, object) {
            self.size.remove(Size::of(&earlier));
        }
    }

    /// What is known of the data object at a place, as a JSON Line for [`Gathered::restore`]. Workers stand in it under
    /// their pseudonyms.
    #[must_use]
    pub fn kept(&self, place: u64) -> Option<String> {
        let object = self.objects.get(&place)?;
        let (worker, name) = (|n| self.workers.get(n), |n| self.names.get(n));
        serde_json::to_string(&Kept::of(place, object, worker, name)).ok()
    }

    /// Adds a data object as [`Gathered::kept`] wrote it down for the same job, instead of one that is there. Answers its
    /// place.
    ///
    /// # Errors
    ///
    /// When it is another text.
    pub fn restore(&mut self, line: &[u8]) -> Result<u64, serde_json::Error> {
        let kept: Kept = serde_json::from_slice(line)?;
        let place = kept.place;
        let (workers, names) = (&mut self.workers, &mut self.names);
        let object = kept.into_object(|name| workers.number(name), |name| names.number(name));
        self.insert(place, object);
        Ok(place)
    }

    /// Whether a data object with an answer that can be read, empty forms included, was added at this place.
    #[must_use]
    pub fn has_answers(&self, place: u64) -> bool {
        let object = self.objects.get(&place);
        object.is_some_and(|object| !object.answers.is_empty() || object.n_empty > 0)
    }

    /// Whether no data object was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Memory that consolidating takes, in bytes: what was read, and what is made of it until the labels are there.
    ///
    /// Reckoned from the numbers of data objects, answers, boxes, workers and categories: more than what is taken, with
    /// many categories up to three times as much. For boxes it is reckoned with workers who mostly draw the same objects.
    #[must_use]
    pub fn memory_bytes(&self, categories: Option<&[String]>) -> u64 {
        let categories = categories.or(self.config.label_categories.as_deref());
        let n_categories = categories.map_or(self.names.len(), <[String]>::len);
        let n_workers = self.workers.len() as u64;
        self.size
            .bytes(self.config.task_type, n_workers, n_categories as u64)
    }

    /// Places of the data objects, in order: the order of the outcome's answers.
    pub fn places(&self) -> impl Iterator<Item = u64> {
        self.objects.keys().copied()
    }

    /// Consolidates all of them together; see [`super::consolidate`]. `categories` win over the config's.
    #[must_use]
    pub fn consolidate(
        self,
        label_attribute: &str,
        categories: Option<&[String]>,
        carried: &Statistics,
    ) -> Outcome {
        let config = self.config;
        let (n_unidentified, n_beyond_bounds) = (self.n_unidentified, self.n_beyond_bounds);
        let batch = self.into_batch(categories, config);
        let mut outcome = batch.consolidate(label_attribute, carried, config);
        outcome.counts.n_unidentified = n_unidentified;
        outcome.counts.n_beyond_bounds += n_beyond_bounds;
        outcome
    }

    /// What the answers say about workers, categories and data objects: all of them together, without carried
    /// statistics. `None` when no answer can be read.
    #[must_use]
    pub fn quality(self, categories: Option<&[String]>) -> Option<Quality> {
        // People wait for it, and there is room for it where they are.
        let config = self.config.for_whole_job();
        self.into_batch(categories, &config).quality(&config)
    }

    /// The answers as they are consolidated. `categories` win over the config's. `None` when no answer can be read.
    #[must_use]
    pub fn votes(self, categories: Option<&[String]>) -> Option<Votes> {
        let config = self.config;
        let places = self.places().collect();
        self.into_batch(categories, config).votes(places, config)
    }

    fn into_batch(self, categories: Option<&[String]>, config: &Config) -> Batch {
        let texts = |names: Names| names.list.iter().map(|name| name.to_string()).collect();
        let mut names: Vec<String> = texts(self.workers);
        let mut sorted: Vec<u32> = (0..names.len() as u32).collect();
        sorted.sort_by_key(|number| names.get(*number as usize));
        let mut places = vec![0_u32; names.len()];
        for (place, number) in (0..).zip(&sorted) {
            if let Some(entry) = places.get_mut(*number as usize) {
                *entry = place;
            }
        }
        let mut objects: Vec<Object> = self.objects.into_values().collect();
        for (worker, _) in objects.iter_mut().flat_map(|object| &mut object.answers) {
            *worker = places.get(*worker as usize).copied().unwrap_or_default();
        }
        names.sort_unstable();
        Batch::new(names, texts(self.names), objects, categories, config)
    }

    fn number(&mut self, worker_id: Option<&str>, idx: usize) -> u32 {
        let Some(id) = worker_id else {
            return self.workers.number(format!("unnamed-{idx}"));
        };
        if let Some(number) = self.worker_ids.get(id) {
            return *number;
        }
        let number = self.workers.number(pseudonym(&self.job_key, id));
        self.worker_ids.insert(id.to_owned(), number);
        number
    }
}

/// Consolidates a batch.
///
/// Every `datasetObjectId` of the file gets exactly one element, in the file's order. One that has no answer to count
/// gets the failure envelope with the reason.
///
/// The task type is the configured one, else the kind that most answers of the batch have (boxes before multi-label
/// before single-label among equals). Answers of another kind are counted where they say the same thing (one label in
/// a multi-label job, one of several labels in a single-label job), else they are unreadable.
///
/// Class ids are positions in the label categories of the request, else of the config, else hashes of the names. A
/// name that is no label category (also when case and surrounding space are passed over) doesn't count; a box with
/// such a name is left out, and an answer of nothing but such boxes doesn't count.
///
/// What exceeds one of the bounds of [`Config::bounds`] or of the file is left out, counted in
/// [`super::Counts::n_beyond_bounds`], and costs nothing else.
///
/// Confidences have four decimal places, edges of boxes two; both are rounded half away from zero. Boxes are cut at the
/// image's edges, and those without area after that are left out.
#[must_use]
pub fn consolidate(
    request: &Request,
    file: &AnnotationFile,
    carried: &Statistics,
    config: &Config,
) -> Outcome {
    let gathered = gather(request, file, config);
    let categories = request.label_categories.as_deref();
    gathered.consolidate(&request.label_attribute, categories, carried)
}

/// The first half of [`consolidate`]: the file's answers are read, and the file need not be held any longer.
#[must_use]
pub fn gather<'c>(request: &Request, file: &AnnotationFile, config: &'c Config) -> Gathered<'c> {
    let folder = request.job_folder();
    let job_key = folder
        .as_ref()
        .map_or(request.label_attribute.as_str(), JobFolder::as_str);
    Gathered::from_file(job_key, file, config)
}
