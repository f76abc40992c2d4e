//! How far labels agree with a known truth.
//!
//! A truth file is JSON Lines, one object an image: `{"source-ref": "s3://…", "label": …}`. The label is a category for
//! a single-label job, a list of categories for a multi-label job, and a list of
//! `{"label", "left", "top", "width", "height"}` (pixels) for a bounding box job.

use std::collections::{BTreeMap, BTreeSet};

use manifest::Envelope;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::example::{Truth, TruthBox};

/// Least intersection over union at which a box counts as found, inclusive.
const IOU_MIN: f64 = 0.5;

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

/// The label that an output line carries at `label_attribute`: ours, in its envelope, or a built-in job's.
/// `None` where the line has no readable label. With the label comes its confidence, for a single label.
pub fn label_of_line(line: &str, label_attribute: &str) -> Option<(String, Truth, Option<f64>)> {
    let line: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).ok()?;
    let source_ref: String = serde_json::from_str(line.get("source-ref")?.get()).ok()?;
    let value = line.get(label_attribute)?;
    let (label, metadata) = match Envelope::parse(value).ok()? {
        Some(envelope) => (envelope.label, envelope.metadata),
        None => (
            value.clone(),
            line.get(&format!("{label_attribute}-metadata"))?.clone(),
        ),
    };
    let label: Value = serde_json::from_str(label.get()).ok()?;
    let metadata: Value = serde_json::from_str(metadata.get()).ok()?;
    let class_name = |id: &Value| {
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        Some(metadata.get("class-map")?.get(id)?.as_str()?.to_owned())
    };
    let confidence = metadata.get("confidence").and_then(Value::as_f64);
    let found = if let Some(category) = metadata.get("class-name") {
        Truth::SingleLabel(category.as_str()?.to_owned())
    } else if let Some(ids) = label.as_array() {
        Truth::MultiLabel(ids.iter().map(class_name).collect::<Option<_>>()?)
    } else {
        let boxes = label.get("annotations")?.as_array()?;
        let boxes = boxes
            .iter()
            .map(|one| {
                let number = |name: &str| one.get(name)?.as_f64();
                Some(TruthBox {
                    label: class_name(one.get("class_id")?)?,
                    left: number("left")?,
                    top: number("top")?,
                    width: number("width")?,
                    height: number("height")?,
                })
            })
            .collect::<Option<_>>()?;
        Truth::Boxes(boxes)
    };
    Some((source_ref, found, confidence))
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
            let Some((source_ref, label, _)) = label_of_line(line, label_attribute) else {
                continue;
            };
            if let Some(truth) = truth.get(&source_ref) {
                agreement.compare(&label, truth);
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
                (n_boxes_found(label, truth), label.len(), truth.len())
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

/// Boxes of the truth that a labeled box of the same category overlaps enough, one to one: the best pair first.
fn n_boxes_found(label: &[TruthBox], truth: &[TruthBox]) -> usize {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (label_idx, one) in label.iter().enumerate() {
        for (truth_idx, other) in truth.iter().enumerate() {
            let overlap = intersection_over_union(one, other);
            if one.label == other.label && overlap >= IOU_MIN {
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
    labels.len()
}

fn intersection_over_union(one: &TruthBox, other: &TruthBox) -> f64 {
    let across = |low: f64, size: f64, other_low: f64, other_size: f64| {
        ((low + size).min(other_low + other_size) - low.max(other_low)).max(0.0)
    };
    let shared = across(one.left, one.width, other.left, other.width)
        * across(one.top, one.height, other.top, other.height);
    let all = one.width * one.height + other.width * other.height - shared;
    if all > 0.0 { shared / all } else { 0.0 }
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
    fn labels_are_read_from_envelopes_and_from_built_in_jobs() {
        let check = |line: &str, expected: Truth| {
            let (_, found, _) = label_of_line(line, "a").expect(line);
            assert_eq!(found, expected);
        };
        let single = || Truth::SingleLabel("Owl".to_owned());
        check(
            r#"{"source-ref":"s","a":3,"a-metadata":{"class-name":"Owl","confidence":0.9}}"#,
            single(),
        );
        check(
            r#"{"source-ref":"s","a":{"label":3,"metadata":{"class-name":"Owl","confidence":0.9}},"a-metadata":{}}"#,
            single(),
        );
        check(
            r#"{"source-ref":"s","a":{"label":[0,2],"metadata":{"class-map":{"0":"x","2":"y"}}},"a-metadata":{}}"#,
            Truth::MultiLabel(vec!["x".to_owned(), "y".to_owned()]),
        );
        check(
            r#"{"source-ref":"s","a":{"annotations":[{"class_id":0,"left":5,"top":0,"width":10,"height":10}]},"a-metadata":{"class-map":{"0":"x"}}}"#,
            Truth::Boxes(vec![square("x", 5.0)]),
        );
        assert_eq!(
            label_of_line(
                r#"{"source-ref":"s","a":{"label":null,"metadata":{"failure-reason":"x"}}}"#,
                "a"
            ),
            None
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

        let found = |label: &[TruthBox], truth: &[TruthBox]| n_boxes_found(label, truth);
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
