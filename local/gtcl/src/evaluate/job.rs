//! A finished job with known truth as a set to evaluate on: what is consolidated, and the truth beside it.

use std::collections::BTreeMap;

use consensus::boxes::BoxLabel;
use labeling::consolidation::{Config, Votes, VotesProblem};

use super::figures::Calibration;
use super::{boxes, multi_label, single_label};
use crate::agreement::{Agreement, LineLabel};
use crate::example::Truth;
use crate::finished_job::FinishedJob;

/// A job's answers and truth, by task type.
#[derive(Debug, Clone)]
pub enum JobSet {
    /// One class an object.
    SingleLabel(single_label::Set),
    /// Any number of classes an object, all offered for each.
    MultiLabel(multi_label::Set),
    /// Boxes.
    BoundingBox(boxes::Set),
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

/// Takes a job's answers as consolidation does, with names and classes as it finds them, and puts the truth beside them;
/// `None` when the job has no known truth or no readable answer.
#[must_use]
pub fn set_of(job: &FinishedJob, config: &Config) -> Option<JobSet> {
    let truth = job.truth.as_ref()?;
    let votes = job.gathered(&job.name, config).votes(job.categories())?;
    let source_refs: Vec<Option<String>> = job.manifest.lines().map(source_ref).collect();
    let known: Vec<Option<&Truth>> = votes
        .places
        .iter()
        .map(|place| {
            let source_ref = source_refs.get(*place as usize)?.as_ref()?;
            truth.get(source_ref)
        })
        .collect();
    let classes = TruthClasses::of(&votes, &known);
    Some(match votes.problem {
        VotesProblem::SingleLabel(problem) => JobSet::SingleLabel(single_label::Set {
            truth: known.into_iter().map(|it| classes.label(it?)).collect(),
            problem,
        }),
        VotesProblem::MultiLabel(problem) => JobSet::MultiLabel(multi_label::Set {
            offered: vec![None; problem.items.len()],
            truth: known.into_iter().map(|it| classes.labels(it?)).collect(),
            problem,
        }),
        VotesProblem::BoundingBox(problem) => JobSet::BoundingBox(boxes::Set {
            truth: known.into_iter().map(|it| classes.boxes(it?)).collect(),
            problem,
        }),
    })
}

/// Classes of the truth's names. A name that no answer can have counts as a class of its own behind the others: true,
/// and never found.
struct TruthClasses {
    by_name: BTreeMap<String, u32>,
}

impl TruthClasses {
    fn of(votes: &Votes, known: &[Option<&Truth>]) -> Self {
        let mut by_name = BTreeMap::new();
        let mut next = votes.n_classes();
        for name in known.iter().flatten().flat_map(|truth| names(truth)) {
            by_name.entry(name.to_owned()).or_insert_with(|| {
                votes.class(name).unwrap_or_else(|| {
                    next += 1;
                    next - 1
                })
            });
        }
        Self { by_name }
    }

    fn class(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    fn label(&self, truth: &Truth) -> Option<u32> {
        match truth {
            Truth::SingleLabel(label) => self.class(label),
            Truth::MultiLabel(_) | Truth::Boxes(_) => None,
        }
    }

    fn labels(&self, truth: &Truth) -> Option<Vec<u32>> {
        let Truth::MultiLabel(labels) = truth else {
            return None;
        };
        let mut labels: Vec<u32> = labels.iter().filter_map(|it| self.class(it)).collect();
        labels.sort_unstable();
        labels.dedup();
        Some(labels)
    }

    fn boxes(&self, truth: &Truth) -> Option<Vec<BoxLabel>> {
        let Truth::Boxes(boxes) = truth else {
            return None;
        };
        let boxes = boxes.iter().filter_map(|one| {
            Some(BoxLabel {
                class: self.class(&one.label)?,
                left: one.left,
                top: one.top,
                width: one.width,
                height: one.height,
            })
        });
        Some(boxes.collect())
    }
}

fn names(truth: &Truth) -> Vec<&str> {
    match truth {
        Truth::SingleLabel(label) => vec![label],
        Truth::MultiLabel(labels) => labels.iter().map(String::as_str).collect(),
        Truth::Boxes(boxes) => boxes.iter().map(|one| one.label.as_str()).collect(),
    }
}

/// Judges the job's own output; `None` when there is none with a known truth.
#[must_use]
pub fn recorded(job: &FinishedJob) -> Option<Recorded> {
    let truth = job.truth.as_ref()?;
    let lines = || Some(job.recorded_output.as_ref()?.lines());
    let agreement = Agreement::of_manifest(lines()?, &job.label_attribute, truth);
    let mut calibration = Calibration::default();
    for line in lines()? {
        if let Some(found) = LineLabel::read(line, &job.label_attribute)
            && let (Some(confidence), Some(known)) =
                (found.confidence, truth.get(&found.source_ref))
        {
            let is_right = found.label == *known;
            calibration.add(confidence, if is_right { 1.0 } else { 0.0 });
        }
    }
    (agreement.n_compared > 0).then(|| Recorded {
        n_right: agreement.n_right,
        n_judged: agreement.n_compared,
        f1: agreement.f1(),
        auroc: calibration.auroc(),
    })
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
