//! What a line of the output manifest says.

use std::collections::BTreeSet;

use consensus::boxes::{BoxLabel, iou};
use manifest::{LabeledLine, NamedBox, NamedLabel};

/// The label attribute that a job's output carries: the one whose metadata names the job (case ignored), else the only
/// one with metadata in all of the lines; `None` when there are several.
#[must_use]
pub fn label_attribute(
    lines: impl IntoIterator<Item = LabeledLine>,
    job_name: &str,
) -> Option<String> {
    let mut candidates = BTreeSet::new();
    for found in lines.into_iter().flat_map(|line| line.attributes) {
        let job = found.job_name.as_deref();
        if job.is_some_and(|job| job.eq_ignore_ascii_case(job_name)) {
            return Some(found.name);
        }
        candidates.insert(found.name);
    }
    candidates.pop_first().filter(|_| candidates.is_empty())
}

/// Whether two labels of an image say different things: other classes, or a box without a counterpart of its class
/// that overlaps it by an IoU of [`SAME_BOX_IOU_MIN`] or more. Confidences don't count, nor does the order.
#[must_use]
pub fn labels_differ(before: &[NamedLabel], after: &[NamedLabel]) -> bool {
    if before.len() != after.len() {
        return true;
    }
    let mut left: Vec<&NamedLabel> = after.iter().collect();
    before.iter().any(|label| {
        let overlap = |other: &NamedLabel| match (label.edges, other.edges) {
            (None, None) => 1.0,
            (Some(a), Some(b)) => overlap_of(a, b),
            _ => 0.0,
        };
        let same = left.iter().enumerate();
        let same = same.filter(|(_, other)| other.label == label.label);
        let best = same.map(|(idx, other)| (idx, overlap(other)));
        let best = best.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        match best {
            Some((idx, overlap)) if overlap >= SAME_BOX_IOU_MIN => {
                left.remove(idx);
                false
            }
            _ => true,
        }
    })
}

/// Intersection over union from which two boxes are the same one, inclusive.
pub const SAME_BOX_IOU_MIN: f64 = 0.5;

/// Intersection over union of two boxes, in [0, 1].
#[must_use]
pub fn overlap_of(a: NamedBox, b: NamedBox) -> f64 {
    let drawn = |found: NamedBox| BoxLabel {
        class: 0,
        left: found.left,
        top: found.top,
        width: found.width,
        height: found.height,
    };
    iou(&drawn(a), &drawn(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_attributes() {
        let read = |line: &str| LabeledLine::read(line.as_bytes()).unwrap();
        let of_job = |name: &str| {
            read(&format!(
                r#"{{"a-metadata":{{}},"b":0,"b-metadata":{{"job-name":"labeling-job/{name}"}}}}"#
            ))
        };
        let other = read(r#"{"a":1,"a-metadata":{"job-name":"other"}}"#);
        let none = read(r#"{"source-ref":"s3://b/k"}"#);
        let check = |lines: &[&LabeledLine], expected: Option<&str>| {
            let found = label_attribute(lines.iter().copied().cloned(), "Birds-1");
            assert_eq!(found.as_deref(), expected, "{lines:?}");
        };
        check(&[], None);
        check(&[&none], None);
        check(&[&none, &other], Some("a"));
        check(&[&other, &of_job("birds-1")], Some("b"));
        check(&[&of_job("x")], None);
    }

    #[test]
    fn differences() {
        let label = |name: &str, left: Option<f64>| NamedLabel {
            label: name.to_owned(),
            confidence: None,
            edges: left.map(|left| NamedBox {
                left,
                top: 0.0,
                width: 30.0,
                height: 10.0,
            }),
        };
        let check = |before: &[(&str, Option<f64>)], after: &[(&str, Option<f64>)], expected| {
            let labels = |of: &[(&str, Option<f64>)]| -> Vec<NamedLabel> {
                of.iter().map(|(name, left)| label(name, *left)).collect()
            };
            assert_eq!(
                labels_differ(&labels(before), &labels(after)),
                expected,
                "{before:?} {after:?}"
            );
        };
        check(&[], &[], false);
        check(&[("Owl", None)], &[("Owl", None)], false);
        check(&[("Owl", None)], &[("Duck", None)], true);
        check(&[("Owl", None)], &[], true);
        check(
            &[("a", None), ("b", None)],
            &[("b", None), ("a", None)],
            false,
        );
        // Shifted by a third of its width, a box has an IoU of one half.
        check(&[("Owl", Some(0.0))], &[("Owl", Some(9.9))], false);
        check(&[("Owl", Some(0.0))], &[("Owl", Some(10.0))], false);
        check(&[("Owl", Some(0.0))], &[("Owl", Some(10.1))], true);
        check(
            &[("a", Some(0.0)), ("a", Some(50.0))],
            &[("a", Some(51.0)), ("a", Some(1.0))],
            false,
        );
        check(
            &[("a", Some(0.0)), ("a", Some(0.0))],
            &[("a", Some(0.0)), ("a", Some(99.0))],
            true,
        );
    }
}
