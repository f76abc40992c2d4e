//! How far labels agree with a known truth.
//!
//! A truth file is JSON Lines, one object an image: `{"source-ref": "s3://…", "label": …}`. The label is a category for
//! a single-label job, a list of categories for a multi-label job, and a list of
//! `{"label", "left", "top", "width", "height"}` (pixels) for a bounding box job.

use std::collections::{BTreeMap, BTreeSet};

use labeling::TaskType;
use labeling::job::line::{SAME_BOX_IOU_MIN, overlap_of};
use manifest::{LabeledLine, NamedBox, NamedLabel};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::example::{Truth, TruthBox};

/// Known truth by source reference.
pub type TruthBySource = BTreeMap<String, Truth>;

/// A line of a truth file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line_number}: {reason}")]
pub struct TruthError {
    /// One-based.
    pub line_number: usize,
    /// What is wrong.
    pub reason: String,
}

/// Reads a truth file; blank lines are passed over.
///
/// # Errors
///
/// [`TruthError`] for the first line that is not of the form in this module's documentation.
pub fn parse_truth(text: &str) -> Result<TruthBySource, TruthError> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "source-ref")]
        source_ref: String,
        label: Value,
    }
    let mut truth = TruthBySource::new();
    for (line_number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let fault = |reason: String| TruthError {
            line_number,
            reason,
        };
        let line: Line = serde_json::from_str(line).map_err(|error| fault(error.to_string()))?;
        let label = parse_label(&line.label).ok_or_else(|| {
            fault("label must be a category, a list of categories, or a list of boxes with label, left, top, width and height".to_owned())
        })?;
        truth.insert(line.source_ref, label);
    }
    Ok(truth)
}

fn parse_label(label: &Value) -> Option<Truth> {
    match label {
        Value::String(category) => Some(Truth::SingleLabel(category.clone())),
        Value::Array(list) if list.iter().all(Value::is_string) && !list.is_empty() => {
            Some(Truth::MultiLabel(
                list.iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            ))
        }
        Value::Array(list) => list
            .iter()
            .map(|one| {
                let number = |name: &str| one.get(name)?.as_f64();
                Some(TruthBox {
                    label: one.get("label")?.as_str()?.to_owned(),
                    left: number("left")?,
                    top: number("top")?,
                    width: number("width")?,
                    height: number("height")?,
                })
            })
            .collect::<Option<Vec<TruthBox>>>()
            .map(Truth::Boxes),
        _ => None,
    }
}

/// An output line's label, in the words of a truth file.
#[derive(Debug, Clone, PartialEq)]
pub struct LineLabel {
    /// The line's image.
    pub source_ref: String,
    /// The label.
    pub label: Truth,
    /// Its confidence, for a single label.
    pub confidence: Option<f64>,
}

impl LineLabel {
    /// Reads the label at `label_attribute`: ours, in its envelope, or a built-in job's; `None` where the line has no
    /// readable one.
    pub fn read(line: &str, label_attribute: &str) -> Option<Self> {
        let line = LabeledLine::read(line.as_bytes())?;
        let found = line.label(label_attribute)?;
        let mut confidence = None;
        let label = match found.task_type {
            TaskType::SingleLabel => {
                let only = found.labels.first()?;
                confidence = only.confidence;
                Truth::SingleLabel(only.label.clone())
            }
            TaskType::MultiLabel => {
                let names = found.labels.iter().map(|found| found.label.clone());
                Truth::MultiLabel(names.collect())
            }
            TaskType::BoundingBox => {
                Truth::Boxes(found.labels.iter().map(truth_box).collect::<Option<_>>()?)
            }
        };
        Some(Self {
            source_ref: line.source_ref?,
            label,
            confidence,
        })
    }
}

fn truth_box(found: &NamedLabel) -> Option<TruthBox> {
    let edges = found.edges?;
    Some(TruthBox {
        label: found.label.clone(),
        left: edges.left,
        top: edges.top,
        width: edges.width,
        height: edges.height,
    })
}

/// Agreement of labels with a known truth. Objects without a label, or without a known truth, are not compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Data objects compared.
    pub n_compared: usize,
    /// Of these, labeled exactly as the truth: the same category, the same set of categories, or the same number of
    /// boxes, each found.
    pub n_right: usize,
    /// Categories or boxes that are in both.
    pub n_found: usize,
    /// Categories or boxes of the truth.
    pub n_true: usize,
    /// Categories or boxes of the labels.
    pub n_labeled: usize,
}

impl Agreement {
    /// Compares the labels of an output manifest's lines.
    pub fn of_manifest<'a>(
        lines: impl Iterator<Item = &'a str>,
        label_attribute: &str,
        truth: &TruthBySource,
    ) -> Self {
        let mut agreement = Self::default();
        for line in lines {
            let Some(found) = LineLabel::read(line, label_attribute) else {
                continue;
            };
            if let Some(truth) = truth.get(&found.source_ref) {
                agreement.compare(&found.label, truth);
            }
        }
        agreement
    }

    fn compare(&mut self, label: &Truth, truth: &Truth) {
        let (n_found, n_labeled, n_true) = match (label, truth) {
            (Truth::SingleLabel(label), Truth::SingleLabel(truth)) => {
                (usize::from(label == truth), 1, 1)
            }
            (Truth::MultiLabel(label), Truth::MultiLabel(truth)) => {
                let label: BTreeSet<&String> = label.iter().collect();
                let truth: BTreeSet<&String> = truth.iter().collect();
                (label.intersection(&truth).count(), label.len(), truth.len())
            }
            // An empty list in a truth file can mean either.
            (Truth::MultiLabel(label), Truth::Boxes(truth)) if truth.is_empty() => {
                (0, label.len(), 0)
            }
            (Truth::Boxes(label), Truth::Boxes(truth)) => {
                (found_boxes(label, truth).len(), label.len(), truth.len())
            }
            _ => return,
        };
        self.n_compared += 1;
        self.n_right += usize::from(n_found == n_labeled && n_found == n_true);
        self.n_found += n_found;
        self.n_labeled += n_labeled;
        self.n_true += n_true;
    }

    /// Share of the compared objects that are labeled exactly as the truth, in \[0, 1\]; `None` when none was compared.
    pub fn exact(&self) -> Option<f64> {
        (self.n_compared > 0).then(|| self.n_right as f64 / self.n_compared as f64)
    }

    /// F1 over categories or boxes, in \[0, 1\]; 1 when there are none on either side, `None` when none was compared.
    pub fn f1(&self) -> Option<f64> {
        let n_both = self.n_true + self.n_labeled;
        (self.n_compared > 0).then(|| {
            if n_both == 0 {
                1.0
            } else {
                2.0 * self.n_found as f64 / n_both as f64
            }
        })
    }
}

/// Positions of the labeled boxes that overlap one of the truth of the same category enough, one to one: the best pair
/// first.
pub(crate) fn found_boxes(label: &[TruthBox], truth: &[TruthBox]) -> BTreeSet<usize> {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (label_idx, one) in label.iter().enumerate() {
        for (truth_idx, other) in truth.iter().enumerate() {
            let overlap = overlap_of(edges(one), edges(other));
            if one.label == other.label && overlap >= SAME_BOX_IOU_MIN {
                pairs.push((overlap, label_idx, truth_idx));
            }
        }
    }
    pairs.sort_by(|one, other| {
        other
            .0
            .total_cmp(&one.0)
            .then_with(|| (one.1, one.2).cmp(&(other.1, other.2)))
    });
    let (mut labels, mut truths) = (BTreeSet::new(), BTreeSet::new());
    for (_, label_idx, truth_idx) in pairs {
        if !labels.contains(&label_idx) && truths.insert(truth_idx) {
            labels.insert(label_idx);
        }
    }
    labels
}

fn edges(drawn: &TruthBox) -> NamedBox {
    NamedBox {
        left: drawn.left,
        top: drawn.top,
        width: drawn.width,
        height: drawn.height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(label: &str, left: f64) -> TruthBox {
        TruthBox {
            label: label.to_owned(),
            left,
            top: 0.0,
            width: 10.0,
            height: 10.0,
        }
    }

    #[test]
    fn labels_of_lines() {
        const OWL: &str =
            r#"{"class-name":"Owl","confidence":0.9,"type":"groundtruth/image-classification"}"#;
        let check = |rest: &str, expected: Option<(Truth, Option<f64>)>| {
            let found = LineLabel::read(&format!(r#"{{"source-ref":"s3://b/k",{rest}}}"#), "a");
            let found = found.map(|found| (found.label, found.confidence));
            assert_eq!(found, expected, "{rest}");
        };
        let single = || Some((Truth::SingleLabel("Owl".to_owned()), Some(0.9)));
        check(&format!(r#""a":3,"a-metadata":{OWL}"#), single());
        check(
            &format!(r#""a":{{"label":3,"metadata":{OWL}}},"a-metadata":{{}}"#),
            single(),
        );
        check(
            r#""a":{"label":[0,2],"metadata":{"class-map":{"0":"x","2":"y"},"type":"groundtruth/image-classification-multilabel"}},"a-metadata":{}"#,
            Some((
                Truth::MultiLabel(vec!["x".to_owned(), "y".to_owned()]),
                None,
            )),
        );
        check(
            r#""a":{"annotations":[{"class_id":0,"left":5,"top":0,"width":10,"height":10}]},"a-metadata":{"class-map":{"0":"x"},"type":"groundtruth/object-detection"}"#,
            Some((Truth::Boxes(vec![square("x", 5.0)]), None)),
        );
        check(
            r#""a":{"label":null,"metadata":{"failure-reason":"x"}},"a-metadata":{}"#,
            None,
        );
    }

    #[test]
    fn agreement_counts_what_is_in_both() {
        let mut agreement = Agreement::default();
        agreement.compare(
            &Truth::SingleLabel("a".to_owned()),
            &Truth::SingleLabel("a".to_owned()),
        );
        agreement.compare(
            &Truth::SingleLabel("a".to_owned()),
            &Truth::SingleLabel("b".to_owned()),
        );
        assert_eq!(agreement.exact(), Some(0.5));
        assert_eq!(Agreement::default().exact(), None);

        let found = |label: &[TruthBox], truth: &[TruthBox]| found_boxes(label, truth).len();
        assert_eq!(found(&[square("x", 0.0)], &[square("x", 2.0)]), 1);
        assert_eq!(found(&[square("x", 0.0)], &[square("y", 0.0)]), 0);
        assert_eq!(found(&[square("x", 0.0)], &[square("x", 9.0)]), 0);
        assert_eq!(
            found(&[square("x", 0.0), square("x", 1.0)], &[square("x", 0.0)]),
            1
        );
    }

    #[test]
    fn a_truth_file_says_which_line_is_wrong() {
        let truth = parse_truth("{\"source-ref\":\"s\",\"label\":\"Owl\"}\n\n{\"source-ref\":\"t\",\"label\":[\"a\",\"b\"]}\n").expect("truth");
        assert_eq!(truth.len(), 2);
        assert_eq!(
            parse_truth("{\"source-ref\":\"s\",\"label\":1}")
                .expect_err("refused")
                .line_number,
            1
        );
        assert_eq!(parse_truth("{}\n").expect_err("refused").line_number, 1);
    }
}
