//! What is behind a label that workers disagree on.

use consensus::boxes::{self, BoxLabel};
use consensus::quality::SecondLook;
use consensus::quality::agreement::{self, Agreement};
use consensus::quality::boxes::described;
use consensus::{Problem, multi_label, single_label};
use manifest::{NamedBox, NamedLabel};
use serde::Serialize;

use crate::answers::ImageSize;

/// Categories that are named as the likeliest.
const LIKELIEST: usize = 2;

/// A category that may be the right one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Likely {
    /// The category.
    pub category: String,
    /// Probability in [0, 1] that it is right.
    pub probability: f64,
}

/// One worker's answer to a data object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkerSays {
    /// The worker's pseudonym.
    pub worker: String,
    /// The answer, in the words of the label.
    pub says: String,
    /// The boxes drawn.
    pub boxes: Vec<NamedLabel>,
}

/// What [`consensus::quality`] doesn't tell.
pub(in super::super) struct Details {
    /// Items with an answer.
    pub(super) n_answered: u32,
    pub(super) agreement: Option<Agreement>,
    /// Of each second look, in their order.
    pub(super) of_second_looks: Vec<Behind>,
}

/// What is behind one label.
#[derive(Default)]
pub(super) struct Behind {
    pub(super) likeliest: Vec<Likely>,
    pub(super) answers: Vec<WorkerSays>,
    pub(super) image_size_px: Option<(u32, u32)>,
    pub(super) boxes: Vec<NamedLabel>,
}

impl Details {
    pub(in super::super) fn of_single_label(
        problem: &Problem<single_label::Answer>,
        estimates: &[Option<single_label::Estimate>],
        second_looks: &[SecondLook],
    ) -> Self {
        let behind = |item_idx: usize| {
            let estimate = estimates.get(item_idx)?.as_ref()?;
            let answers = problem
                .items
                .get(item_idx)?
                .iter()
                .map(|answer| WorkerSays {
                    worker: name(&problem.workers, answer.worker),
                    says: name(&problem.classes, answer.class),
                    boxes: Vec::new(),
                });
            Some(Behind {
                likeliest: likeliest(&estimate.probabilities, &problem.classes),
                answers: answers.collect(),
                ..Behind::default()
            })
        };
        let agreement = agreement::of_single_label(problem);
        Self::new(&problem.items, agreement, second_looks, behind)
    }

    pub(in super::super) fn of_multi_label(
        problem: &Problem<multi_label::Answer>,
        estimates: &[Option<multi_label::Estimate>],
        second_looks: &[SecondLook],
    ) -> Self {
        let behind = |item_idx: usize| {
            let estimate = estimates.get(item_idx)?.as_ref()?;
            let answers = problem.items.get(item_idx)?.iter().map(|answer| {
                let mut classes = answer.classes.clone();
                classes.sort_unstable();
                let names = classes.iter().map(|class| name(&problem.classes, *class));
                WorkerSays {
                    worker: name(&problem.workers, answer.worker),
                    says: names.collect::<Vec<_>>().join(", "),
                    boxes: Vec::new(),
                }
            });
            Some(Behind {
                likeliest: likeliest(&estimate.probabilities, &problem.classes),
                answers: answers.collect(),
                ..Behind::default()
            })
        };
        let agreement = agreement::of_multi_label(problem);
        Self::new(&problem.items, agreement, second_looks, behind)
    }

    /// `sizes` are the images', in the order of the problem's items.
    pub(in super::super) fn of_boxes(
        problem: &Problem<boxes::Answer>,
        estimates: &[Option<boxes::Estimate>],
        sizes: &[Option<ImageSize>],
        second_looks: &[SecondLook],
    ) -> Self {
        let behind = |item_idx: usize| {
            let estimate = estimates.get(item_idx)?.as_ref()?;
            let answers = problem.items.get(item_idx)?.iter().map(|answer| {
                let classes = answer.boxes.iter().map(|drawn| drawn.class);
                let drawn = answer.boxes.iter().map(|drawn| NamedLabel {
                    label: name(&problem.classes, drawn.class),
                    confidence: None,
                    edges: Some(edges(drawn)),
                });
                WorkerSays {
                    worker: name(&problem.workers, answer.worker),
                    says: described(classes, &problem.classes),
                    boxes: drawn.collect(),
                }
            });
            let found = estimate.boxes.iter().map(|found| NamedLabel {
                label: name(&problem.classes, found.class),
                confidence: Some(found.confidence),
                edges: Some(NamedBox {
                    left: found.left,
                    top: found.top,
                    width: found.width,
                    height: found.height,
                }),
            });
            let size = sizes.get(item_idx).copied().flatten();
            Some(Behind {
                answers: answers.collect(),
                image_size_px: size.map(|size| (size.width, size.height)),
                boxes: found.collect(),
                ..Behind::default()
            })
        };
        Self::new(&problem.items, None, second_looks, behind)
    }

    fn new<A>(
        items: &[Vec<A>],
        agreement: Option<Agreement>,
        second_looks: &[SecondLook],
        behind: impl Fn(usize) -> Option<Behind>,
    ) -> Self {
        let details = second_looks.iter().map(|item| {
            let mut details = behind(item.item_idx).unwrap_or_default();
            details.answers.sort_by(|a, b| a.worker.cmp(&b.worker));
            details
        });
        Self {
            n_answered: items.iter().filter(|answers| !answers.is_empty()).count() as u32,
            agreement,
            of_second_looks: details.collect(),
        }
    }
}

fn name(names: &[String], idx: u32) -> String {
    names.get(idx as usize).cloned().unwrap_or_default()
}

fn edges(drawn: &BoxLabel) -> NamedBox {
    NamedBox {
        left: drawn.left,
        top: drawn.top,
        width: drawn.width,
        height: drawn.height,
    }
}

/// The likeliest categories; the first one among equals.
fn likeliest(probabilities: &[f64], classes: &[String]) -> Vec<Likely> {
    let mut first: Vec<(u32, f64)> = Vec::with_capacity(LIKELIEST + 1);
    for (class, probability) in (0..).zip(probabilities) {
        let at = first.partition_point(|(_, other)| other >= probability);
        first.insert(at, (class, *probability));
        first.truncate(LIKELIEST);
    }
    let named = first.into_iter().map(|(class, probability)| Likely {
        category: name(classes, class),
        probability,
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeliest_categories() {
        let classes = ["a", "b", "c"].map(str::to_owned);
        let check = |probabilities: &[f64], expected: &[&str]| {
            let found = likeliest(probabilities, &classes);
            let names: Vec<&str> = found.iter().map(|one| one.category.as_str()).collect();
            assert_eq!(names, expected, "{probabilities:?}");
        };
        check(&[], &[]);
        check(&[1.0], &["a"]);
        check(&[0.1, 0.5, 0.4], &["b", "c"]);
        check(&[0.4, 0.2, 0.4], &["a", "c"]);
        check(&[0.3, 0.3, 0.3], &["a", "b"]);
    }
}
