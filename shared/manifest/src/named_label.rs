//! What a line's labels say, in names.

use crate::envelope::{self, Envelope};
use crate::label_choice::{Candidate, candidates};
use crate::line::Line;
use crate::pair::{Annotations, BoxLabels, LabelKind, Metadata};
use crate::rules::PixelBox;
use crate::task_type::TaskType;

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

/// What a label says.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedLabels {
    /// What was asked for.
    pub task_type: TaskType,
    /// Width and height of the image in pixels, where a label with boxes states both and neither is 0.
    pub image_size_px: Option<(f64, f64)>,
    /// Its classes or boxes, in its order.
    pub labels: Vec<NamedLabel>,
}

/// A label attribute of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelAttribute {
    /// Its name.
    pub name: String,
    /// `job-name` of its metadata, without `labeling-job/` in front.
    pub job_name: Option<String>,
    /// What its label says, in an envelope or as a built-in job writes it; `None` when the data object has no label,
    /// or one that can't be read.
    pub label: Option<NamedLabels>,
}

/// A line, as far as its labels go.
#[derive(Debug, Clone, PartialEq)]
pub struct LabeledLine {
    /// The image's S3 URI, as it stands in the line.
    pub source_ref: Option<String>,
    /// Its label attributes, in the line's order: each key with metadata, whatever job it is of.
    pub attributes: Vec<LabelAttribute>,
}

impl LabeledLine {
    /// Reads a line; `None` when it can't be opened: it is no JSON object, has a key twice, or is too long.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let line = Line::open(line).ok()?;
        let attributes = candidates(&line).ok()?;
        let source_ref = line.source_ref();
        Some(Self {
            source_ref: source_ref.map(|text| text.decoded().into_owned()),
            attributes: attributes.iter().map(LabelAttribute::of).collect(),
        })
    }

    /// The label at this attribute.
    #[must_use]
    pub fn label(&self, attribute: &str) -> Option<&NamedLabels> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|found| found.name == attribute)?
            .label
            .as_ref()
    }
}

impl LabelAttribute {
    fn of(candidate: &Candidate<'_, '_>) -> Self {
        let value = candidate.label.map(|member| member.value);
        let label = value.and_then(|value| match envelope::parts(value) {
            Ok(Some(_)) => of_envelope(value),
            _ => of_pair(value, candidate.metadata?),
        });
        Self {
            name: candidate.name.to_owned(),
            job_name: candidate.job().map(|name| name.into_owned()),
            label,
        }
    }
}

/// What a labeled data object's label says: of an envelope, in its order.
#[must_use]
pub fn envelope_labels(envelope: &Envelope) -> Vec<NamedLabel> {
    let read = of_envelope(&envelope.to_json());
    read.map(|read| read.labels).unwrap_or_default()
}

/// Reads a label envelope; `None` when it is none, or says that there is no label.
pub(crate) fn of_envelope(value: &str) -> Option<NamedLabels> {
    let (label, metadata) = envelope::parts(value).ok()??;
    of_pair(label, Metadata::read(metadata).ok()??.as_ref())
}

/// Reads a label with the metadata beside it.
pub(crate) fn of_pair(label: &str, metadata: &Metadata<'_>) -> Option<NamedLabels> {
    let LabelKind::Task(task_type) = metadata.label_kind? else {
        return None;
    };
    let mut image_size_px = None;
    let labels = match task_type {
        TaskType::SingleLabel => vec![NamedLabel {
            label: metadata.class_name?.decoded().into_owned(),
            confidence: metadata.confidence.map(|number| number.value),
            edges: None,
        }],
        TaskType::MultiLabel => classes(label, metadata)?,
        TaskType::BoundingBox => {
            let read = BoxLabels::read(label).ok()??;
            image_size_px = size_px(&read);
            boxes(&read, metadata)?
        }
    };
    Some(NamedLabels {
        task_type,
        image_size_px,
        labels,
    })
}

/// The class name; the class id where the class map lacks it.
fn name(id: &str, metadata: &Metadata<'_>) -> String {
    let known = metadata.class_name_of(id);
    known.map_or_else(|| id.to_owned(), |name| name.decoded().into_owned())
}

fn classes(label: &str, metadata: &Metadata<'_>) -> Option<Vec<NamedLabel>> {
    let ids: Vec<serde_json::Value> = serde_json::from_str(label).ok()?;
    let confidences = metadata.confidence_map.as_deref().unwrap_or_default();
    let labels = ids.iter().map(|id| {
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let confidence = confidences.iter().find(|(known, _)| known.is(&id));
        NamedLabel {
            label: name(&id, metadata),
            confidence: confidence.map(|(_, number)| number.value),
            edges: None,
        }
    });
    Some(labels.collect())
}

fn boxes(read: &BoxLabels<'_>, metadata: &Metadata<'_>) -> Option<Vec<NamedLabel>> {
    let Annotations::List(boxes) = &read.annotations else {
        return None;
    };
    let confidences = metadata.objects.as_deref().unwrap_or_default();
    let labels = boxes.iter().enumerate().map(|(idx, found)| {
        let confidence = confidences.get(idx).copied().flatten();
        let pixels = PixelBox::read(found)?;
        Some(NamedLabel {
            label: name(pixels.class_id, metadata),
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

fn size_px(read: &BoxLabels<'_>) -> Option<(f64, f64)> {
    let size = read.first_size()?;
    let (width, height) = (size.width?.value, size.height?.value);
    (width > 0.0 && height > 0.0).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageSize;

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

    fn check(rest: &str, expected: Option<(TaskType, &[&str])>) {
        let line = format!(r#"{{"source-ref":"s3://b/k",{rest}}}"#);
        let line = LabeledLine::read(line.as_bytes()).unwrap();
        assert_eq!(line.source_ref.as_deref(), Some("s3://b/k"));
        let found = line.label("a").map(|label| {
            let names = label.labels.iter().map(|label| label.label.as_str());
            (label.task_type, names.collect::<Vec<_>>())
        });
        let expected = expected.map(|(task_type, names)| (task_type, names.to_vec()));
        assert_eq!(found, expected, "{rest}");
    }

    #[test]
    fn labels_in_envelopes_and_of_built_in_jobs() {
        const SINGLE: &str =
            r#"{"class-name":"Owl","confidence":0.9,"type":"groundtruth/image-classification"}"#;
        let owl = || Some((TaskType::SingleLabel, &["Owl"][..]));
        check(&format!(r#""a":3,"a-metadata":{SINGLE}"#), owl());
        check(
            &format!(r#""a":{{"label":3,"metadata":{SINGLE}}},"a-metadata":{{}}"#),
            owl(),
        );
        check(
            r#""a":{"label":[0,2],"metadata":{"class-map":{"0":"x","2":"y"},"type":"groundtruth/image-classification-multilabel"}},"a-metadata":{}"#,
            Some((TaskType::MultiLabel, &["x", "y"])),
        );
        check(
            r#""a":{"annotations":[{"class_id":0,"left":5,"top":0,"width":10,"height":10}]},"a-metadata":{"class-map":{"0":"x"},"type":"groundtruth/object-detection"}"#,
            Some((TaskType::BoundingBox, &["x"])),
        );
        check(
            r#""a":{"label":null,"metadata":{"failure-reason":"x"}},"a-metadata":{"type":"groundtruth/custom"}"#,
            None,
        );
        check(r#""a-metadata":{"failure-reason":"x"}"#, None);
        assert_eq!(LabeledLine::read(b"{"), None);
    }

    #[test]
    fn attributes_of_several_jobs() {
        let line = r#"{"source-ref":"s3://b/k","a-metadata":{"job-name":"labeling-job/x"},"b":1,"b-metadata":{},"c":2}"#;
        let line = LabeledLine::read(line.as_bytes()).unwrap();
        let found: Vec<_> = line
            .attributes
            .iter()
            .map(|found| (found.name.as_str(), found.job_name.as_deref()))
            .collect();
        assert_eq!(found, [("a", Some("x")), ("b", None)]);
    }
}
