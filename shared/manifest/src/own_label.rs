//! The label that a labeling job gave a line, and the line with another label in its place.

use memchr::memmem;

use crate::convert_options::ConvertOptions;
use crate::envelope::{self, Envelope};
use crate::label_choice::{Candidate, candidates, choose};
use crate::line::Line;
use crate::pair::{Annotations, BoxLabels, LabelKind, Metadata};
use crate::rules::PixelBox;

const WORKER_RESPONSE_REF: &[u8] = b"worker-response-ref";

/// A line's label of the labeling job that wrote the line.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnLabel {
    /// The image's S3 URI, as it stands in the line.
    pub source_ref: String,
    /// The label attribute.
    pub attribute: String,
    /// What the metadata's `type` says.
    pub kind: OwnKind,
    /// S3 URI of the workers' answers, in a job without a consolidation function.
    pub worker_response_ref: Option<String>,
    /// What the label says, in its order; empty also when it can't be read.
    pub labels: Vec<NamedLabel>,
}

/// What kind of labeling job wrote a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnKind {
    /// One with a worker task template of its own.
    Custom,
    /// The built-in image classification.
    SingleLabel,
    /// The built-in image classification with several labels.
    MultiLabel,
    /// The built-in bounding boxes.
    Boxes,
}

/// One class on an image, or one box.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct NamedLabel {
    /// The class name; the class id where the class map lacks it.
    pub label: String,
    /// Probability in [0, 1] that it is right, as the line has it.
    pub confidence: Option<f64>,
    /// The box.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub edges: Option<NamedBox>,
}

/// A box in pixels from the top left corner.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct NamedBox {
    /// Columns left of the box.
    pub left: f64,
    /// Rows above the box.
    pub top: f64,
    /// Columns in the box.
    pub width: f64,
    /// Rows in the box.
    pub height: f64,
}

/// Whether a line may be one of a job without a consolidation function: quick, and never `false` for such a line.
#[must_use]
pub fn mentions_worker_response(line: &[u8]) -> bool {
    // A key may also be written with escapes; nobody does, but then the line has a backslash.
    memmem::find(line, WORKER_RESPONSE_REF).is_some()
        || (memchr::memchr(b'\\', line).is_some() && memmem::find(line, b"\\u").is_some())
}

/// The label that conversion with these options would take from the line; `None` when it would take none, or several,
/// or one that is not about the whole image or boxes on it. Lines that are not JSON have none.
#[must_use]
pub fn own_label(line: &[u8], options: &ConvertOptions) -> Option<OwnLabel> {
    let line = Line::open(line).ok()?;
    let candidates = candidates(&line).ok()?;
    let (candidate, metadata, kind) = own(&candidates, &line, options)?;
    let label = candidate.label?.value;
    let text = metadata.worker_response_ref;
    Some(OwnLabel {
        source_ref: line.source_ref()?.decoded().into_owned(),
        attribute: candidate.name.to_owned(),
        kind,
        worker_response_ref: text.map(|text| text.decoded().into_owned()),
        labels: match kind {
            OwnKind::Custom => of_envelope(label),
            _ => named_labels(label, metadata),
        }
        .unwrap_or_default(),
    })
}

/// The line with `envelope` in the place of the label that [`own_label`] finds; everything else stays byte for byte.
///
/// In a custom job's line the envelope becomes the label's value. In a built-in job's line it becomes value and
/// metadata, which keeps `job-name`, `human-annotated` and `creation-date`. `None` where [`own_label`] answers `None`.
#[must_use]
pub fn relabeled(line: &[u8], options: &ConvertOptions, envelope: &Envelope) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?;
    let line = Line::open(line).ok()?;
    let candidates = candidates(&line).ok()?;
    let (candidate, _, kind) = own(&candidates, &line, options)?;
    let label = candidate.label?.value;
    if kind == OwnKind::Custom {
        return replaced(text, &mut [(label, &envelope.to_json())]);
    }
    let metadata = metadata_of_built_in(candidate.metadata_value, envelope)?;
    let old_metadata = candidate.metadata_value;
    replaced(
        text,
        &mut [(label, envelope.label.get()), (old_metadata, &metadata)],
    )
}

/// What a labeled data object's label says: of an envelope, in its order.
#[must_use]
pub fn envelope_labels(envelope: &Envelope) -> Vec<NamedLabel> {
    of_envelope(&envelope.to_json()).unwrap_or_default()
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
            (Some(a), Some(b)) => iou(a, b),
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

fn iou(a: NamedBox, b: NamedBox) -> f64 {
    let width = (a.left + a.width).min(b.left + b.width) - a.left.max(b.left);
    let height = (a.top + a.height).min(b.top + b.height) - a.top.max(b.top);
    let intersection = width.max(0.0) * height.max(0.0);
    let union = a.width * a.height + b.width * b.height - intersection;
    if union > 0.0 {
        intersection / union
    } else {
        0.0
    }
}

fn own<'c, 'l, 'a>(
    candidates: &'c [Candidate<'l, 'a>],
    line: &Line<'a>,
    options: &ConvertOptions,
) -> Option<(&'c Candidate<'l, 'a>, &'l Metadata<'a>, OwnKind)> {
    let chosen = choose(candidates, line, options).ok()?;
    let [candidate] = chosen.as_slice() else {
        return None;
    };
    let kind = match candidate.kind()? {
        LabelKind::Custom => OwnKind::Custom,
        LabelKind::SingleLabel => OwnKind::SingleLabel,
        LabelKind::MultiLabel => OwnKind::MultiLabel,
        LabelKind::Boxes => OwnKind::Boxes,
        LabelKind::Verification | LabelKind::Other => return None,
    };
    Some((candidate, candidate.metadata?, kind))
}

/// `text` with some of its parts replaced. The parts are slices of it, so that their addresses tell where they stand.
fn replaced(text: &str, parts: &mut [(&str, &str)]) -> Option<String> {
    parts.sort_by_key(|(old, _)| old.as_ptr());
    let mut result = String::with_capacity(text.len() + 256);
    let mut end = 0;
    for (old, new) in parts {
        let start = (old.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        result.push_str(text.get(end..start)?);
        result.push_str(new);
        end = start + old.len();
    }
    result.push_str(text.get(end..)?);
    Some(result)
}

fn metadata_of_built_in(old: &str, envelope: &Envelope) -> Option<String> {
    let fields: indexmap::IndexMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(old).ok()?;
    let mut metadata = envelope
        .metadata
        .get()
        .trim_end()
        .strip_suffix('}')?
        .to_owned();
    for key in ["job-name", "human-annotated", "creation-date"] {
        if let Some(value) = fields.get(key) {
            metadata.push_str(&format!(",\"{key}\":{}", value.get()));
        }
    }
    metadata.push('}');
    Some(metadata)
}

pub(crate) fn of_envelope(value: &str) -> Option<Vec<NamedLabel>> {
    let (label, metadata) = envelope::parts(value).ok()??;
    named_labels(label, Metadata::read(metadata).ok()??.as_ref())
}

pub(crate) fn named_labels(label: &str, metadata: &Metadata<'_>) -> Option<Vec<NamedLabel>> {
    let name = |id: &str| {
        let known = metadata.class_name_of(id);
        known.map_or_else(|| id.to_owned(), |name| name.decoded().into_owned())
    };
    match metadata.label_kind? {
        LabelKind::SingleLabel => Some(vec![NamedLabel {
            label: metadata.class_name?.decoded().into_owned(),
            confidence: metadata.confidence.map(|number| number.value),
            edges: None,
        }]),
        LabelKind::MultiLabel => {
            let ids: Vec<serde_json::Value> = serde_json::from_str(label).ok()?;
            let confidences = metadata.confidence_map.as_deref().unwrap_or_default();
            let labels = ids.iter().map(|id| {
                let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
                let confidence = confidences.iter().find(|(known, _)| known.is(&id));
                NamedLabel {
                    label: name(&id),
                    confidence: confidence.map(|(_, number)| number.value),
                    edges: None,
                }
            });
            Some(labels.collect())
        }
        LabelKind::Boxes => {
            let Annotations::List(boxes) = BoxLabels::read(label).ok()??.annotations else {
                return None;
            };
            let confidences = metadata.objects.as_deref().unwrap_or_default();
            let labels = boxes.iter().enumerate().map(|(idx, found)| {
                let confidence = confidences.get(idx).copied().flatten();
                let pixels = PixelBox::read(found)?;
                Some(NamedLabel {
                    label: name(pixels.class_id),
                    confidence: confidence.map(|number| number.value),
                    edges: Some(NamedBox {
                        left: pixels.left,
                        top: pixels.top,
                        width: pixels.width,
                        height: pixels.height,
                    }),
                })
            });
            labels.collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::Converter;
    use crate::lines::RawLine;
    use crate::outcome::Converted;
    use crate::{Code, ImageSize};

    const WITHOUT_FUNCTION: &str = r#"{"source-ref": "s3://birds/1.jpg", "bird": {}, "note": 1.50, "bird-metadata": {"type": "groundtruth/custom", "job-name": "birds", "human-annotated": "yes", "creation-date": "2021-03-08T23:06:49.111000", "worker-response-ref": "s3://b/job/annotations/worker-response/iteration-1/0/2021-03-08_23:06:49.json"}}"#;
    const BUILT_IN: &str = r#"{"source-ref":"s3://birds/1.jpg","bird":4,"bird-metadata":{"confidence":0.95,"job-name":"labeling-job/birds","class-name":"Owl","human-annotated":"yes","creation-date":"2019-04-18T16:37:19.203746","type":"groundtruth/image-classification"}}"#;

    fn options() -> ConvertOptions {
        ConvertOptions {
            job_name: Some("birds".to_owned()),
            ..ConvertOptions::default()
        }
    }

    fn converted(line: &str) -> Converted {
        Converter::new(options()).convert(1, RawLine::Line(line.as_bytes()))
    }

    #[test]
    fn a_line_without_consolidation_takes_the_envelope() {
        assert!(mentions_worker_response(WITHOUT_FUNCTION.as_bytes()));
        assert!(!mentions_worker_response(BUILT_IN.as_bytes()));
        let own = own_label(WITHOUT_FUNCTION.as_bytes(), &options()).unwrap();
        assert_eq!(
            (own.attribute.as_str(), own.kind),
            ("bird", OwnKind::Custom)
        );
        assert!(own.worker_response_ref.unwrap().ends_with("23:06:49.json"));
        assert_eq!(own.labels, []);
        let envelope = Envelope::single_label(3, "Owl", 0.75);
        let line = relabeled(WITHOUT_FUNCTION.as_bytes(), &options(), &envelope).unwrap();
        assert_eq!(line, WITHOUT_FUNCTION.replace("{}", &envelope.to_json()));
        let Converted::Entry(entry) = converted(&line) else {
            panic!("no entry");
        };
        assert!(
            entry
                .json
                .contains(r#""bird":3,"bird-metadata":{"class-name":"Owl","confidence":0.75"#)
        );
        let own = own_label(line.as_bytes(), &options()).unwrap();
        assert_eq!(own.labels, envelope_labels(&envelope));
    }

    #[test]
    fn a_line_whose_answers_gave_no_label_says_why() {
        let failed = Envelope::failed("no object s3://b/x");
        let line = relabeled(WITHOUT_FUNCTION.as_bytes(), &options(), &failed).unwrap();
        let Converted::Rejected(line) = converted(&line) else {
            panic!("not rejected");
        };
        assert_eq!(line.code, Code::NotConsolidated);
        assert!(
            line.reason.contains("no object s3://b/x"),
            "{}",
            line.reason
        );
    }

    #[test]
    fn a_built_in_line_keeps_what_is_not_the_label() {
        let own = own_label(BUILT_IN.as_bytes(), &options()).unwrap();
        let labels: Vec<_> = own
            .labels
            .iter()
            .map(|label| (label.label.as_str(), label.confidence))
            .collect();
        assert_eq!(
            (own.kind, labels),
            (OwnKind::SingleLabel, vec![("Owl", Some(0.95))])
        );
        let envelope = Envelope::single_label(7, "Duck", 0.5);
        let line = relabeled(BUILT_IN.as_bytes(), &options(), &envelope).unwrap();
        assert_eq!(
            line,
            r#"{"source-ref":"s3://birds/1.jpg","bird":7,"bird-metadata":{"class-name":"Duck","confidence":0.5,"type":"groundtruth/image-classification","job-name":"labeling-job/birds","human-annotated":"yes","creation-date":"2019-04-18T16:37:19.203746"}}"#
        );
        assert!(matches!(converted(&line), Converted::Entry(_)));
    }

    #[test]
    fn labels_of_every_kind() {
        let labels = envelope_labels(&Envelope::multi_label(&[(0, "Red", 0.9), (2, "Blue", 0.4)]));
        let names: Vec<_> = labels
            .iter()
            .map(|label| (label.label.as_str(), label.confidence))
            .collect();
        assert_eq!(names, [("Red", Some(0.9)), ("Blue", Some(0.4))]);
        let size = ImageSize {
            width: 100,
            height: 80,
            depth: 3,
        };
        let drawn = crate::BoxLabel {
            class_id: 1,
            left: 1.5,
            top: 2.0,
            width: 30.0,
            height: 40.0,
            confidence: 0.8,
        };
        let labels = envelope_labels(&Envelope::boxes(size, &[drawn], &[(1, "Owl")]));
        assert_eq!(labels[0].label, "Owl");
        assert_eq!(labels[0].edges.unwrap().left, 1.5);
        assert_eq!(envelope_labels(&Envelope::failed("x")), []);
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

    #[test]
    fn lines_without_an_own_label() {
        for line in [
            "",
            "{",
            r#"{"source-ref":"s3://birds/1.jpg"}"#,
            r#"{"source-ref":"s3://birds/1.jpg","bird-metadata":{"failure-reason":"x","human-annotated":"true"}}"#,
            &BUILT_IN.replace("image-classification", "label-verification"),
            &BUILT_IN.replace("labeling-job/birds", "labeling-job/other"),
        ] {
            assert_eq!(own_label(line.as_bytes(), &options()), None, "{line}");
            assert_eq!(
                relabeled(line.as_bytes(), &options(), &Envelope::failed("x")),
                None
            );
        }
    }
}
