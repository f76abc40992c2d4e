//! Workers' answers → label envelopes.

use std::collections::{BTreeMap, BTreeSet};

use consensus::boxes::Answer as BoxesVote;
use consensus::multi_label::Answer as MultiLabelVote;
use consensus::single_label::Answer as SingleLabelVote;
use consensus::{Consolidation, Problem, Statistics, quality};
use manifest::Envelope;

use super::bounded;
use super::bounds::Bounds;
use super::classes::Classes;
use super::object::Object;
use super::quality::{Details, Quality};
use super::{ConsolidatedAnnotation, Counts, FailedObject, Outcome, Votes, VotesProblem};
use crate::TaskType;
use crate::answers::{Answer, DrawnBox, ImageSize};
use crate::shown::shown;

/// Decimal places of a confidence. Ground Truth's own jobs write two, at which a fifth of all ties in a review order
/// by confidence are due to rounding alone.
const CONFIDENCE_SCALE: f64 = 10_000.0;

/// Decimal places of a box's edges, in pixels.
const PIXEL_SCALE: f64 = 100.0;

/// Channels of an image. Ground Truth always writes 3.
const DEPTH: u32 = 3;

/// Settings of a consolidation.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Label categories for requests that bring none.
    pub label_categories: Option<Vec<String>>,
    /// What kind of label the job asks for; `None`: the kind that most answers of the batch have.
    pub task_type: Option<TaskType>,
    /// The form element to look at, where a form has it; `None`: any.
    pub answer_name: Option<String>,
    /// What a multi-label form submits for "no category applies". Compared without case and surrounding space; a
    /// label category of the same name is a category.
    pub exclusion_label: String,
    /// Settings of single-label jobs.
    pub single_label: consensus::single_label::Config,
    /// Settings of multi-label jobs.
    pub multi_label: consensus::multi_label::Config,
    /// Settings of bounding box jobs.
    pub boxes: consensus::boxes::Config,
    /// What is consolidated together at most.
    pub bounds: Bounds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            label_categories: None,
            task_type: None,
            answer_name: None,
            exclusion_label: "None of the above".to_owned(),
            single_label: consensus::single_label::Config::default(),
            multi_label: consensus::multi_label::Config::default(),
            boxes: consensus::boxes::Config::default(),
            bounds: Bounds::BATCH,
        }
    }
}

impl Config {
    /// The same settings for all of a job's answers at once, of which nothing is left for other batches.
    #[must_use]
    pub fn for_whole_job(&self) -> Self {
        let mut config = self.clone();
        for classes in [&mut config.single_label, &mut config.boxes.classes] {
            classes.leaves_statistics = false;
            classes.choices_max = usize::MAX;
        }
        config.bounds = Bounds::NONE;
        config
    }
}

type Labels = Vec<Option<Envelope>>;

/// The batch with its answers read.
#[derive(Debug)]
pub(super) struct Batch {
    task_type: Option<TaskType>,
    /// Pseudonyms, sorted.
    workers: Vec<String>,
    /// Names in answers, by number.
    names: Vec<String>,
    /// Numbers of names beyond those that a batch may have.
    names_beyond: BTreeSet<u32>,
    classes: Classes,
    objects: Vec<Object>,
    counts: Counts,
    unknown_categories: BTreeMap<String, u32>,
}

impl Batch {
    /// Answers have indices into `workers` and `names`. `categories` win over the config's.
    pub(super) fn new(
        workers: Vec<String>,
        names: Vec<String>,
        mut objects: Vec<Object>,
        categories: Option<&[String]>,
        config: &Config,
    ) -> Self {
        let n_beyond_bounds = bounded::leave_out_boxes(&mut objects, config.bounds.boxes);
        let answers = || objects.iter().flat_map(|object| &object.answers);
        let task_type = config
            .task_type
            .or_else(|| most_frequent(answers().map(|(_, answer)| answer)));
        let categories = categories.or(config.label_categories.as_deref());
        let names_beyond = match categories {
            Some(_) => BTreeSet::new(),
            None => bounded::names_beyond(&objects, &names, config.bounds.names, names_in),
        };
        let answered: BTreeSet<&str> = match categories {
            Some(_) => BTreeSet::new(),
            None => answers()
                .flat_map(|(_, answer)| names_in(answer))
                .collect::<BTreeSet<u32>>()
                .into_iter()
                .filter(|number| !names_beyond.contains(number))
                .filter_map(|number| names.get(number as usize))
                .map(String::as_str)
                .filter(|name| !same(name, &config.exclusion_label))
                .collect(),
        };
        let classes = Classes::new(categories, &answered);
        let mut counts = Counts {
            n_beyond_bounds,
            ..Counts::default()
        };
        for object in &objects {
            counts.n_empty += object.n_empty;
            counts.n_unreadable += object.n_unreadable;
        }
        Self {
            task_type,
            workers,
            names,
            names_beyond,
            classes,
            objects,
            counts,
            unknown_categories: BTreeMap::new(),
        }
    }

    pub(super) fn consolidate(
        mut self,
        label_attribute: &str,
        carried: &Statistics,
        config: &Config,
    ) -> Outcome {
        let (labels, statistics) = match self.task_type {
            Some(TaskType::SingleLabel) => self.single_label(carried, &config.single_label),
            Some(TaskType::MultiLabel) => self.multi_label(carried, config),
            Some(TaskType::BoundingBox) => self.boxes(carried, &config.boxes),
            None => (Vec::new(), Statistics::default()),
        };
        self.into_outcome(label_attribute, labels, statistics)
    }

    /// Turns each answer into what `consensus` takes; an answer that can't be turned is unreadable.
    fn problem<A>(
        &mut self,
        mut convert: impl FnMut(&Named<'_>, u32, &Answer<u32>, &mut Unknown) -> Result<A, String>,
    ) -> Problem<A> {
        let named = Named::new(&self.names, &self.names_beyond, &self.classes);
        let mut items = Vec::with_capacity(self.objects.len());
        for Object {
            answers, problems, ..
        } in &mut self.objects
        {
            let mut converted = Vec::with_capacity(answers.len());
            // Given up here: a whole job's answers need not be held twice.
            for (worker, answer) in std::mem::take(answers) {
                let mut unknown = Unknown::default();
                match convert(&named, worker, &answer, &mut unknown) {
                    Ok(answer) => {
                        self.counts.n_answers += 1;
                        converted.push(answer);
                    }
                    Err(reason) => {
                        self.counts.n_unreadable += 1;
                        problems.push(reason);
                    }
                }
                self.counts.n_beyond_bounds += u32::from(unknown.is_beyond);
                for name in unknown.names {
                    let name = named.name(name).to_owned();
                    *self.unknown_categories.entry(name).or_default() += 1;
                }
            }
            items.push(converted);
        }
        Problem {
            workers: self.workers.clone(),
            classes: self.classes.names().to_vec(),
            items,
        }
    }

    fn single_label_problem(&mut self) -> Problem<SingleLabelVote> {
        self.problem(|named, worker, answer, unknown| {
            let label = match answer {
                Answer::SingleLabel { label } => label,
                Answer::MultiLabel { labels } => match labels.as_slice() {
                    [label] => label,
                    labels => return Err(format!("{} labels in a single-label job", labels.len())),
                },
                _ => return Err("boxes in a single-label job".to_owned()),
            };
            let class = unknown.find(named, *label)?;
            Ok(SingleLabelVote { worker, class })
        })
    }

    fn single_label(
        &mut self,
        carried: &Statistics,
        config: &consensus::single_label::Config,
    ) -> (Labels, Statistics) {
        let problem = self.single_label_problem();
        let mut config = config.clone();
        config.keeps_probabilities = false;
        let Consolidation {
            estimates,
            statistics,
        } = consensus::single_label::consolidate(&problem, carried, &config);
        let labels = estimates.into_iter().map(|estimate| {
            let estimate = estimate?;
            let (id, name) = self.classes.id_and_name(estimate.class)?;
            Some(Envelope::single_label(
                id,
                name,
                rounded_confidence(estimate.confidence),
            ))
        });
        (labels.collect(), statistics)
    }

    fn multi_label(&mut self, carried: &Statistics, config: &Config) -> (Labels, Statistics) {
        let mut problem = self.multi_label_problem(&config.exclusion_label);
        let (asked, n_losing) = bounded::ask_about(&mut problem, config.bounds.questions);
        self.counts.n_beyond_bounds += n_losing;
        let Consolidation {
            estimates,
            statistics,
        } = consensus::multi_label::consolidate(&problem, carried, &config.multi_label);
        let class = |asked_idx: u32| match &asked {
            Some(asked) => asked.get(asked_idx as usize).copied(),
            None => Some(asked_idx),
        };
        let labels = estimates.into_iter().map(|estimate| {
            let estimate = estimate?;
            let accepted = estimate.accepted.iter().filter_map(|asked_idx| {
                let (id, name) = self.classes.id_and_name(class(*asked_idx)?)?;
                let confidence = estimate.probabilities.get(*asked_idx as usize)?;
                Some((id, name, rounded_confidence(*confidence)))
            });
            Some(Envelope::multi_label(&accepted.collect::<Vec<_>>()))
        });
        (labels.collect(), statistics)
    }

    fn multi_label_problem(&mut self, exclusion: &str) -> Problem<MultiLabelVote> {
        self.problem(|named, worker, answer, unknown| {
            let labels = match answer {
                Answer::SingleLabel { label } => std::slice::from_ref(label),
                Answer::MultiLabel { labels } => labels.as_slice(),
                _ => return Err("boxes in a multi-label job".to_owned()),
            };
            let mut selected = Vec::with_capacity(labels.len());
            let mut problem = None;
            for label in labels {
                match named.find(*label) {
                    Some(class) => selected.push(class),
                    None if same(named.name(*label), exclusion) => {}
                    None => problem = unknown.find(named, *label).err(),
                }
            }
            match problem {
                // A form with categories that we don't know says nothing on those that we do.
                Some(reason) if selected.is_empty() => Err(reason),
                _ => Ok(MultiLabelVote {
                    worker,
                    classes: selected,
                }),
            }
        })
    }

    fn boxes(
        &mut self,
        carried: &Statistics,
        config: &consensus::boxes::Config,
    ) -> (Labels, Statistics) {
        let (problem, sizes) = self.boxes_problem();
        let Consolidation {
            estimates,
            statistics,
        } = consensus::boxes::consolidate(&problem, carried, config);
        for estimate in estimates.iter().flatten() {
            let n_left_out = estimate.left_out.len() as u32;
            self.counts.n_answers -= n_left_out;
            self.counts.n_unreadable += n_left_out;
            self.counts.n_beyond_bounds += n_left_out;
        }
        let labels = estimates.into_iter().zip(sizes).map(|(estimate, size)| {
            let (estimate, size) = (estimate?, size?);
            let mut class_map = BTreeMap::new();
            let boxes = estimate.boxes.iter().filter_map(|found| {
                let (class_id, name) = self.classes.id_and_name(found.class)?;
                class_map.insert(class_id, name);
                Some(manifest::BoxLabel {
                    class_id,
                    left: rounded(found.left, PIXEL_SCALE),
                    top: rounded(found.top, PIXEL_SCALE),
                    width: rounded(found.width, PIXEL_SCALE),
                    height: rounded(found.height, PIXEL_SCALE),
                    confidence: rounded_confidence(found.confidence),
                })
            });
            let boxes: Vec<_> = boxes.collect();
            let size = manifest::ImageSize {
                width: size.width,
                height: size.height,
                depth: DEPTH,
            };
            Some(Envelope::boxes(
                size,
                &boxes,
                &class_map.into_iter().collect::<Vec<_>>(),
            ))
        });
        (labels.collect(), statistics)
    }

    fn boxes_problem(&mut self) -> (Problem<BoxesVote>, Vec<Option<ImageSize>>) {
        let sizes: Vec<Option<ImageSize>> = self
            .objects
            .iter()
            .map(|object| image_size(&object.answers))
            .collect();
        for (size, object) in sizes.iter().zip(&mut self.objects) {
            let Object {
                answers, problems, ..
            } = object;
            let has_boxes = answers
                .iter()
                .any(|(_, answer)| matches!(answer, Answer::Boxes { .. }));
            if size.is_none() && has_boxes {
                problems
                    .push("no answer states the image's size (inputImageProperties)".to_owned());
                self.counts.n_unreadable += answers.len() as u32;
                answers.clear();
            }
            for (_, answer) in answers.iter_mut() {
                if let (Answer::Boxes { boxes, .. }, Some(size)) = (answer, size) {
                    *boxes = boxes.iter().filter_map(|drawn| cut(drawn, *size)).collect();
                }
            }
        }
        let problem = self.problem(|named, worker, answer, unknown| {
            let Answer::Boxes { boxes: drawn, .. } = answer else {
                return Err("a label without boxes in a bounding box job".to_owned());
            };
            let mut boxes = Vec::with_capacity(drawn.len());
            let mut problem = None;
            for drawn in drawn {
                match unknown.find(named, drawn.label) {
                    Ok(class) => boxes.push(consensus::boxes::BoxLabel {
                        class,
                        left: drawn.left,
                        top: drawn.top,
                        width: drawn.width,
                        height: drawn.height,
                    }),
                    Err(reason) => problem = Some(reason),
                }
            }
            match problem {
                Some(reason) if boxes.is_empty() => Err(reason),
                _ => Ok(BoxesVote { worker, boxes }),
            }
        });
        (problem, sizes)
    }

    /// As [`super::Gathered::votes`].
    pub(super) fn votes(mut self, places: Vec<u64>, config: &Config) -> Option<Votes> {
        let problem = match self.task_type? {
            TaskType::SingleLabel => VotesProblem::SingleLabel(self.single_label_problem()),
            TaskType::MultiLabel => {
                VotesProblem::MultiLabel(self.multi_label_problem(&config.exclusion_label))
            }
            TaskType::BoundingBox => VotesProblem::BoundingBox(self.boxes_problem().0),
        };
        Some(Votes::new(problem, places, self.classes))
    }

    /// As [`super::Gathered::quality`].
    pub(super) fn quality(mut self, config: &Config) -> Option<Quality> {
        let task_type = self.task_type?;
        let (nothing, n_items) = (Statistics::default(), self.objects.len());
        let (report, details) = match task_type {
            TaskType::SingleLabel => {
                use consensus::single_label::consolidate;
                let problem = self.single_label_problem();
                let found = consolidate(&problem, &nothing, &config.single_label).estimates;
                let report = quality::report(&problem, &found, n_items);
                let details = Details::of_single_label(&problem, &found, &report.second_look);
                (report, details)
            }
            TaskType::MultiLabel => {
                use consensus::multi_label::consolidate;
                let problem = self.multi_label_problem(&config.exclusion_label);
                let found = consolidate(&problem, &nothing, &config.multi_label).estimates;
                let report = quality::multi_label::report(&problem, &found, n_items);
                let details = Details::of_multi_label(&problem, &found, &report.second_look);
                (report, details)
            }
            TaskType::BoundingBox => {
                use consensus::boxes::consolidate;
                let (problem, sizes) = self.boxes_problem();
                let found = consolidate(&problem, &nothing, &config.boxes).estimates;
                let report = quality::boxes::report(&problem, &found, n_items);
                let details = Details::of_boxes(&problem, &found, &sizes, &report.second_look);
                (report, details)
            }
        };
        let objects = self.objects.into_iter();
        let ids: Vec<String> = objects.map(|object| object.dataset_object_id).collect();
        Some(Quality::new(task_type, report, details, &ids))
    }

    fn into_outcome(
        self,
        label_attribute: &str,
        labels: Labels,
        statistics: Statistics,
    ) -> Outcome {
        let mut labels = labels.into_iter();
        let mut response = Vec::with_capacity(self.objects.len());
        let mut failed = Vec::new();
        for object in self.objects {
            let label = labels.next().flatten().unwrap_or_else(|| {
                let reason = failure_reason(&object);
                let envelope = Envelope::failed(&reason);
                failed.push(FailedObject {
                    dataset_object_id: object.dataset_object_id.clone(),
                    reason,
                });
                envelope
            });
            response.push(ConsolidatedAnnotation {
                dataset_object_id: object.dataset_object_id,
                label_attribute: label_attribute.to_owned(),
                // An envelope always is JSON.
                label: serde_json::value::RawValue::from_string(label.to_json())
                    .unwrap_or_else(|_| serde_json::value::RawValue::NULL.to_owned()),
            });
        }
        Outcome {
            response,
            failed,
            task_type: self.task_type,
            statistics,
            counts: self.counts,
            unknown_categories: self.unknown_categories,
        }
    }
}

/// The names in answers, and the class that each one is.
struct Named<'a> {
    names: &'a [String],
    beyond: &'a BTreeSet<u32>,
    classes: &'a Classes,
    found: Vec<Option<u32>>,
}

impl<'a> Named<'a> {
    fn new(names: &'a [String], beyond: &'a BTreeSet<u32>, classes: &'a Classes) -> Self {
        let class = |(number, name): (u32, &String)| {
            let is_beyond = beyond.contains(&number);
            (!is_beyond).then(|| classes.find(name)).flatten()
        };
        Self {
            names,
            beyond,
            classes,
            found: (0..).zip(names).map(class).collect(),
        }
    }

    fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", String::as_str)
    }

    fn find(&self, number: u32) -> Option<u32> {
        self.found.get(number as usize).copied().flatten()
    }
}

/// What of an answer's names doesn't count.
#[derive(Default)]
struct Unknown {
    /// Numbers of names that are no label category.
    names: BTreeSet<u32>,
    /// Whether a name was one too many.
    is_beyond: bool,
}

impl Unknown {
    fn find(&mut self, named: &Named<'_>, number: u32) -> Result<u32, String> {
        named.find(number).ok_or_else(|| {
            let name = shown(named.name(number));
            if named.beyond.contains(&number) {
                self.is_beyond = true;
                let n_names = named.classes.names().len();
                format!("{name} is beyond the {n_names} names that most workers gave")
            } else if named.classes.are_known() {
                self.names.insert(number);
                let n_categories = named.classes.names().len();
                format!("{name} is not one of the {n_categories} label categories")
            } else {
                format!("{name} says that no category applies")
            }
        })
    }
}

fn failure_reason(object: &Object) -> String {
    let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
    for problem in &object.problems {
        *counted.entry(problem).or_default() += 1;
    }
    let mut reasons: Vec<String> = counted
        .iter()
        .take(3)
        .map(|(reason, n)| {
            if *n > 1 {
                format!("{reason} ({n} times)")
            } else {
                (*reason).to_owned()
            }
        })
        .collect();
    if counted.len() > reasons.len() {
        reasons.push(format!("{} more reasons", counted.len() - reasons.len()));
    }
    match object.n_annotations {
        0 if reasons.is_empty() => "no worker answered".to_owned(),
        0 => format!("no readable answer: {}", reasons.join("; ")),
        n => format!(
            "none of {n} worker answers could be counted: {}",
            reasons.join("; ")
        ),
    }
}

fn most_frequent<'a>(answers: impl Iterator<Item = &'a Answer<u32>>) -> Option<TaskType> {
    let mut counts: BTreeMap<TaskType, u32> = BTreeMap::new();
    for answer in answers {
        let task_type = match answer {
            Answer::SingleLabel { .. } => TaskType::SingleLabel,
            Answer::MultiLabel { .. } => TaskType::MultiLabel,
            Answer::Boxes { .. } => TaskType::BoundingBox,
            Answer::Empty | Answer::Unsupported { .. } => continue,
        };
        *counts.entry(task_type).or_default() += 1;
    }
    // The last of several maxima: boxes before multi-label before single-label.
    counts
        .into_iter()
        .max_by_key(|(_, n)| *n)
        .map(|(task_type, _)| task_type)
}

fn names_in(answer: &Answer<u32>) -> Vec<u32> {
    match answer {
        Answer::SingleLabel { label } => vec![*label],
        Answer::MultiLabel { labels } => labels.clone(),
        Answer::Boxes { boxes, .. } => boxes.iter().map(|drawn| drawn.label).collect(),
        Answer::Empty | Answer::Unsupported { .. } => Vec::new(),
    }
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// The size that most answers state, the larger one among equals.
fn image_size(answers: &[(u32, Answer<u32>)]) -> Option<ImageSize> {
    let mut counts: BTreeMap<ImageSize, u32> = BTreeMap::new();
    for (_, answer) in answers {
        if let Answer::Boxes {
            image_size: Some(size),
            ..
        } = answer
        {
            *counts.entry(*size).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .max_by_key(|(_, n)| *n)
        .map(|(size, _)| size)
}

/// The part of a box that lies in the image; `None` when there is none.
fn cut(drawn: &DrawnBox<u32>, size: ImageSize) -> Option<DrawnBox<u32>> {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let (left, top) = (drawn.left.clamp(0.0, width), drawn.top.clamp(0.0, height));
    let right = (drawn.left + drawn.width).clamp(0.0, width);
    let bottom = (drawn.top + drawn.height).clamp(0.0, height);
    (right > left && bottom > top).then_some(DrawnBox {
        label: drawn.label,
        left,
        top,
        width: right - left,
        height: bottom - top,
    })
}

fn rounded(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}

fn rounded_confidence(confidence: f64) -> f64 {
    rounded(confidence.clamp(0.0, 1.0), CONFIDENCE_SCALE)
}
