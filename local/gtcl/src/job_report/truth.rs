//! Labels of an output manifest against a known truth.

use std::collections::BTreeMap;
use std::iter;

use labeling::TaskType;
use manifest::{LabeledLine, NamedBox, NamedLabel, NamedLabels};
use report::{Reliability, TruthFigures, Wrong};

use crate::agreement::{Agreement, LineLabel, TruthBySource, found_boxes};
use crate::example::Truth;

/// Wrong labels that are listed, inclusive.
const WRONG_LISTED_MAX: usize = 50;
/// Ranges of confidence.
const RANGES: usize = 10;

/// Compares the labels at `label_attribute` with what is known.
pub(super) fn figures(output: &[u8], label_attribute: &str, known: &TruthBySource) -> TruthFigures {
    let mut ranges = [(0_u64, 0_u64, 0.0_f64); RANGES];
    let mut figures = TruthFigures::default();
    let mut wrong = Vec::new();
    for line in String::from_utf8_lossy(output).lines() {
        let one = Agreement::of_manifest(iter::once(line), label_attribute, known);
        let read = LabeledLine::read(line.as_bytes());
        let (Some(read), 1) = (read, one.n_compared) else {
            continue;
        };
        figures.n_compared += 1;
        figures.n_right += one.n_right as u64;
        figures.n_found += one.n_found as u64;
        figures.n_true += one.n_true as u64;
        figures.n_labeled += one.n_labeled as u64;
        let source_ref = read.source_ref.clone().unwrap_or_default();
        let (Some(label), Some(truth)) = (read.label(label_attribute), known.get(&source_ref))
        else {
            continue;
        };
        for (confidence, is_right) in judged(label, truth, line, label_attribute) {
            let idx = ((confidence * RANGES as f64) as usize).min(RANGES - 1);
            if let Some((n, n_right, sum)) = ranges.get_mut(idx) {
                *n += 1;
                *n_right += u64::from(is_right);
                *sum += confidence;
            }
        }
        if one.n_right == 0 {
            wrong.push(Wrong {
                label: label_in_words(label),
                truth: truth_in_words(truth),
                confidence: lowest_confidence(label),
                image_size_px: label.image_size_px.map(|(w, h)| (w as u32, h as u32)),
                boxes: boxes_of(label),
                true_boxes: true_boxes(truth),
                source_ref,
            });
        }
    }
    wrong.sort_by(|a, b| {
        let confidence = |one: &Wrong| one.confidence.unwrap_or_default();
        confidence(b)
            .total_cmp(&confidence(a))
            .then(a.source_ref.cmp(&b.source_ref))
    });
    wrong.truncate(WRONG_LISTED_MAX);
    figures.wrong = wrong;
    let filled = (0..).zip(ranges).filter(|(_, (n, _, _))| *n > 0);
    figures.reliability = filled
        .map(|(idx, (n, n_right, sum)): (u32, _)| Reliability {
            from: f64::from(idx) / RANGES as f64,
            n,
            n_right,
            mean_confidence: sum / n as f64,
        })
        .collect();
    figures
}

/// Confidences of the label's categories or boxes, and whether each is right.
fn judged(
    label: &NamedLabels,
    truth: &Truth,
    line: &str,
    label_attribute: &str,
) -> Vec<(f64, bool)> {
    let found = match (
        LineLabel::read(line, label_attribute).map(|read| read.label),
        truth,
    ) {
        (Some(Truth::Boxes(labeled)), Truth::Boxes(known)) => found_boxes(&labeled, known),
        _ => std::collections::BTreeSet::new(),
    };
    let is_right = |idx: usize, name: &String| match truth {
        Truth::SingleLabel(known) => known == name,
        Truth::MultiLabel(known) => known.contains(name),
        Truth::Boxes(_) => found.contains(&idx),
    };
    let labels = label.labels.iter().enumerate();
    labels
        .filter_map(|(idx, one)| Some((one.confidence?, is_right(idx, &one.label))))
        .collect()
}

/// The label's boxes.
fn boxes_of(label: &NamedLabels) -> Vec<NamedLabel> {
    let boxes = label.labels.iter().filter(|one| one.edges.is_some());
    boxes.cloned().collect()
}

fn true_boxes(truth: &Truth) -> Vec<NamedLabel> {
    let Truth::Boxes(boxes) = truth else {
        return Vec::new();
    };
    let named = boxes.iter().map(|known| NamedLabel {
        label: known.label.clone(),
        confidence: None,
        edges: Some(NamedBox {
            left: known.left,
            top: known.top,
            width: known.width,
            height: known.height,
        }),
    });
    named.collect()
}

fn lowest_confidence(label: &NamedLabels) -> Option<f64> {
    let confidences = label.labels.iter().filter_map(|one| one.confidence);
    confidences.min_by(f64::total_cmp)
}

fn label_in_words(label: &NamedLabels) -> String {
    let names: Vec<&str> = label.labels.iter().map(|one| one.label.as_str()).collect();
    match label.task_type {
        TaskType::BoundingBox => counted_names(&names),
        TaskType::SingleLabel | TaskType::MultiLabel => or_none(names.join(", ")),
    }
}

fn truth_in_words(truth: &Truth) -> String {
    match truth {
        Truth::SingleLabel(name) => name.clone(),
        Truth::MultiLabel(names) => or_none(names.join(", ")),
        Truth::Boxes(boxes) => {
            let names: Vec<&str> = boxes.iter().map(|one| one.label.as_str()).collect();
            counted_names(&names)
        }
    }
}

fn or_none(names: String) -> String {
    if names.is_empty() {
        "no category".to_owned()
    } else {
        names
    }
}

/// `2 Owl, 1 Duck`; `no boxes`.
fn counted_names(names: &[&str]) -> String {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    if counts.is_empty() {
        return "no boxes".to_owned();
    }
    let parts = counts.iter().map(|(name, n)| format!("{n} {name}"));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::parse_truth;

    #[test]
    fn single_labels() {
        let known = parse_truth(
            "{\"source-ref\":\"s3://b/0\",\"label\":\"Owl\"}\n{\"source-ref\":\"s3://b/1\",\"label\":\"Owl\"}\n{\"source-ref\":\"s3://b/2\",\"label\":\"Owl\"}",
        )
        .unwrap();
        let line = |key: u32, name: &str, confidence: f64| {
            format!(
                r#"{{"source-ref":"s3://b/{key}","a":0,"a-metadata":{{"class-name":"{name}","confidence":{confidence},"type":"groundtruth/image-classification"}}}}"#
            )
        };
        let output = [
            line(0, "Owl", 0.99),
            line(1, "Duck", 0.91),
            line(2, "Gull", 1.0),
            line(7, "Owl", 0.5),
        ]
        .join("\n");
        let found = figures(output.as_bytes(), "a", &known);
        assert_eq!((found.n_compared, found.n_right), (3, 1));
        let wrong: Vec<&str> = found.wrong.iter().map(|one| one.label.as_str()).collect();
        assert_eq!(wrong, ["Gull", "Duck"]);
        let [range] = &found.reliability[..] else {
            panic!("{:?}", found.reliability)
        };
        assert_eq!((range.from, range.n, range.n_right), (0.9, 3, 1));
        assert!((range.mean_confidence - 2.9 / 3.0).abs() < 1e-12);
    }
}
