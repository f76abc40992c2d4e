//! A recorded job with known truth as a set to evaluate on.

use std::collections::BTreeMap;

use consensus::Problem;
use labeling::answers;

use super::figures::Calibration;
use super::{boxes, multi_label, single_label};
use crate::agreement::{Agreement, label_of_line};
use crate::example::Truth;
use crate::recorded_job::RecordedJob;

/// A job's answers and truth, by its kind.
#[derive(Debug, Clone)]
pub enum JobSet {
    /// One class an object.
    SingleLabel(single_label::Set),
    /// Any number of classes an object, all offered for each.
    MultiLabel(multi_label::Set),
    /// Boxes.
    Boxes(boxes::Set),
}

/// What the job's own output manifest got right.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Recorded {
    /// Objects labeled exactly as the truth.
    pub n_right: usize,
    /// Objects with a label and a truth.
    pub n_judged: usize,
    /// F1 over categories, or over boxes at an IoU of one half or more, in [0, 1].
    pub f1: Option<f64>,
    /// How well the confidence ranks right before wrong, in [0, 1]; `None` where that can't be said: for other than
    /// single labels, and where all are right or all wrong.
    pub auroc: Option<f64>,
}

/// Reads a job's answers; `None` when it has no known truth or no readable answer.
#[must_use]
pub fn set_of(job: &RecordedJob) -> Option<JobSet> {
    let truth = job.truth.as_ref()?;
    let mut workers = Index::default();
    let mut classes = Index::default();
    for category in &job.categories {
        classes.of(category);
    }
    let source_refs: Vec<Option<String>> = job.manifest.lines().map(source_ref).collect();
    let mut single = single_label::Set {
        problem: empty(),
        truth: Vec::new(),
    };
    let mut multi = multi_label::Set {
        problem: empty(),
        offered: Vec::new(),
        truth: Vec::new(),
    };
    let mut drawn = boxes::Set {
        problem: empty(),
        truth: Vec::new(),
    };
    for (object_idx, given) in &job.answers {
        let known = source_refs
            .get(*object_idx as usize)
            .and_then(Option::as_ref)
            .and_then(|uri| truth.get(uri));
        let (mut labels, mut sets, mut boxes) = (Vec::new(), Vec::new(), Vec::new());
        for answer in given {
            let worker = workers.of(&answer.worker_id);
            match answers::parse(&answer.content) {
                Ok(answers::Answer::SingleLabel { label }) => {
                    labels.push(consensus::single_label::Answer {
                        worker,
                        class: classes.of(&label),
                    });
                }
                Ok(answers::Answer::MultiLabel { labels }) => {
                    sets.push(consensus::multi_label::Answer {
                        worker,
                        classes: labels.iter().map(|label| classes.of(label)).collect(),
                    })
                }
                Ok(answers::Answer::Boxes { boxes: given, .. }) => {
                    let mut label = |one: &answers::DrawnBox| consensus::boxes::BoxLabel {
                        class: classes.of(&one.label),
                        left: one.left,
                        top: one.top,
                        width: one.width,
                        height: one.height,
                    };
                    boxes.push(consensus::boxes::Answer {
                        worker,
                        boxes: given.iter().map(&mut label).collect(),
                    });
                }
                Ok(answers::Answer::Empty | answers::Answer::Unsupported { .. }) | Err(_) => {}
            }
        }
        single.problem.items.push(labels);
        single.truth.push(match known {
            Some(Truth::SingleLabel(label)) => Some(classes.of(label)),
            _ => None,
        });
        // Objects without truth can't be left unjudged here.
        if let Some(Truth::MultiLabel(labels)) = known {
            let mut labels: Vec<u32> = labels.iter().map(|label| classes.of(label)).collect();
            labels.sort_unstable();
            multi.problem.items.push(sets);
            multi.truth.push(labels);
        }
        drawn.problem.items.push(boxes);
        drawn.truth.push(match known {
            Some(Truth::Boxes(boxes)) => Some(
                boxes
                    .iter()
                    .map(|one| consensus::boxes::BoxLabel {
                        class: classes.of(&one.label),
                        left: one.left,
                        top: one.top,
                        width: one.width,
                        height: one.height,
                    })
                    .collect(),
            ),
            _ => None,
        });
    }
    let (workers, classes) = (workers.names, classes.names);
    if single
        .problem
        .items
        .iter()
        .any(|answers| !answers.is_empty())
    {
        (single.problem.workers, single.problem.classes) = (workers, classes);
        Some(JobSet::SingleLabel(single))
    } else if multi
        .problem
        .items
        .iter()
        .any(|answers| !answers.is_empty())
    {
        multi.offered = vec![(0..classes.len() as u32).collect(); multi.problem.items.len()];
        (multi.problem.workers, multi.problem.classes) = (workers, classes);
        Some(JobSet::MultiLabel(multi))
    } else if drawn
        .problem
        .items
        .iter()
        .any(|answers| !answers.is_empty())
    {
        (drawn.problem.workers, drawn.problem.classes) = (workers, classes);
        Some(JobSet::Boxes(drawn))
    } else {
        None
    }
}

/// Judges the job's own output; `None` when there is none with a known truth.
#[must_use]
pub fn recorded(job: &RecordedJob) -> Option<Recorded> {
    let truth = job.truth.as_ref()?;
    let lines = || Some(job.recorded_output.as_ref()?.lines());
    let agreement = Agreement::of_manifest(lines()?, &job.label_attribute, truth);
    let mut calibration = Calibration::default();
    for line in lines()? {
        if let Some((uri, label, Some(confidence))) = label_of_line(line, &job.label_attribute)
            && let Some(known) = truth.get(&uri)
        {
            calibration.add(confidence, if label == *known { 1.0 } else { 0.0 });
        }
    }
    (agreement.n_compared > 0).then(|| Recorded {
        n_right: agreement.n_right,
        n_judged: agreement.n_compared,
        f1: agreement.f1(),
        auroc: calibration.auroc(),
    })
}

fn empty<A>() -> Problem<A> {
    Problem {
        workers: Vec::new(),
        classes: Vec::new(),
        items: Vec::new(),
    }
}

fn source_ref(line: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(rename = "source-ref")]
        source_ref: String,
    }
    serde_json::from_str::<Line>(line)
        .ok()
        .map(|line| line.source_ref)
}

/// Names by first appearance.
#[derive(Default)]
struct Index {
    names: Vec<String>,
    by_name: BTreeMap<String, u32>,
}

impl Index {
    fn of(&mut self, name: &str) -> u32 {
        if let Some(idx) = self.by_name.get(name) {
            return *idx;
        }
        let idx = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), idx);
        idx
    }
}
