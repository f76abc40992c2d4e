//! The label envelope: the pair a built-in job would have written, in one value.
//!
//! Ground Truth overwrites `<attribute>-metadata` of custom jobs, so our consolidation puts class names and
//! confidences into the label value itself; the converter takes them out again.
//! A data object that can't be consolidated has `"label": null` and `metadata.failure-reason`.

use serde_json::value::RawValue;

use crate::json::{JsonError, Reader, write_number, write_text};
use crate::task_type::TaskType;

/// An image's size in pixels, and its number of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Channels; Ground Truth always writes 3.
    pub depth: u32,
}

/// A box to put into an envelope: pixels from the top left corner, fractions allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxLabel {
    /// Index of the label category.
    pub class_id: u32,
    /// Columns left of the box.
    pub left: f64,
    /// Rows above the box.
    pub top: f64,
    /// Columns in the box.
    pub width: f64,
    /// Rows in the box.
    pub height: f64,
    /// Probability in [0, 1] that the box is right.
    pub confidence: f64,
}

/// Why a label value that looks like an envelope isn't one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not a JSON value.
    #[error("label envelope is not valid JSON: {reason}")]
    Json {
        /// Where it stops being JSON.
        reason: String,
    },
    /// `metadata` isn't an object.
    #[error("metadata of the label envelope is not a JSON object")]
    Metadata,
}

/// A label value of our consolidation.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// What a built-in job writes at the label attribute; `null` when the data object couldn't be consolidated.
    pub label: Box<RawValue>,
    /// What it writes at `<attribute>-metadata`, but for `job-name`, `human-annotated` and `creation-date`.
    pub metadata: Box<RawValue>,
}

/// The two values of an envelope, borrowed; `None` when the value is something else.
pub(crate) fn parts(value: &str) -> Result<Option<(&str, &str)>, JsonError> {
    let mut reader = Reader::new(value);
    if !reader.enter_object()? {
        return Ok(None);
    }
    let (mut label, mut metadata, mut n_others) = (None, None, 0_u32);
    let mut is_first = true;
    while let Some(key) = reader.next_key(&mut is_first)? {
        let value = reader.skip()?;
        let place = match key.decoded().as_ref() {
            "label" => &mut label,
            "metadata" => &mut metadata,
            _ => {
                n_others += 1;
                continue;
            }
        };
        if place.replace(value).is_some() {
            return Err(JsonError::DuplicateKey);
        }
    }
    reader.finish()?;
    Ok(label.zip(metadata).filter(|_| n_others == 0))
}

impl Envelope {
    /// Reads a label value. `None`: not an envelope, but another custom label.
    ///
    /// An envelope is an object of exactly `label` and `metadata`.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::Json`] when a key stands twice or the value nests too deep.
    /// [`EnvelopeError::Metadata`] when `metadata` isn't an object.
    pub fn parse(value: &RawValue) -> Result<Option<Self>, EnvelopeError> {
        let json = |error: &dyn std::fmt::Display| EnvelopeError::Json {
            reason: error.to_string(),
        };
        let Some((label, metadata)) = parts(value.get()).map_err(|error| json(&error))? else {
            return Ok(None);
        };
        if !metadata.starts_with('{') {
            return Err(EnvelopeError::Metadata);
        }
        Ok(Some(Self {
            label: raw(label.to_owned())?,
            metadata: raw(metadata.to_owned())?,
        }))
    }

    /// Whether it says that the data object couldn't be consolidated.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.label.get() == "null"
    }

    /// The label value as JSON: `label` first, then `metadata`.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!(
            "{{\"label\":{},\"metadata\":{}}}",
            self.label.get(),
            self.metadata.get()
        )
    }

    /// One class for the whole image.
    #[must_use]
    pub fn single_label(class_id: u32, class_name: &str, confidence: f64) -> Self {
        let mut metadata = String::from("{\"class-name\":");
        write_text(&mut metadata, class_name);
        metadata.push_str(",\"confidence\":");
        write_number(&mut metadata, confidence);
        Self::built(class_id.to_string(), metadata, TaskType::SingleLabel)
    }

    /// Any number of classes for the whole image: class id, class name, confidence.
    #[must_use]
    pub fn multi_label(classes: &[(u32, &str, f64)]) -> Self {
        let ids: Vec<String> = classes.iter().map(|(id, _, _)| id.to_string()).collect();
        let mut metadata = String::from("{\"class-map\":");
        write_class_map(
            &mut metadata,
            classes.iter().map(|(id, name, _)| (*id, *name)),
        );
        metadata.push_str(",\"confidence-map\":{");
        for (idx, (id, _, confidence)) in classes.iter().enumerate() {
            metadata.push_str(if idx == 0 { "\"" } else { ",\"" });
            metadata.push_str(&id.to_string());
            metadata.push_str("\":");
            write_number(&mut metadata, *confidence);
        }
        metadata.push('}');
        Self::built(
            format!("[{}]", ids.join(",")),
            metadata,
            TaskType::MultiLabel,
        )
    }

    /// Boxes with their classes. `class_map` gives class id and class name of every class used.
    #[must_use]
    pub fn boxes(image_size: ImageSize, boxes: &[BoxLabel], class_map: &[(u32, &str)]) -> Self {
        let ImageSize {
            width,
            height,
            depth,
        } = image_size;
        let mut label = format!(
            "{{\"image_size\":[{{\"width\":{width},\"height\":{height},\"depth\":{depth}}}],\"annotations\":["
        );
        let mut metadata = String::from("{\"objects\":[");
        for (idx, annotation) in boxes.iter().enumerate() {
            if idx > 0 {
                label.push(',');
                metadata.push(',');
            }
            label.push_str(&format!("{{\"class_id\":{}", annotation.class_id));
            for (key, value) in [
                ("top", annotation.top),
                ("left", annotation.left),
                ("height", annotation.height),
                ("width", annotation.width),
            ] {
                label.push_str(&format!(",\"{key}\":"));
                write_number(&mut label, value);
            }
            label.push('}');
            metadata.push_str("{\"confidence\":");
            write_number(&mut metadata, annotation.confidence);
            metadata.push('}');
        }
        label.push_str("]}");
        metadata.push_str("],\"class-map\":");
        write_class_map(&mut metadata, class_map.iter().copied());
        Self::built(label, metadata, TaskType::BoundingBox)
    }

    /// A data object that can't be consolidated.
    #[must_use]
    pub fn failed(reason: &str) -> Self {
        let mut metadata = String::from("{\"failure-reason\":");
        write_text(&mut metadata, reason);
        metadata.push('}');
        Self {
            label: RawValue::NULL.to_owned(),
            metadata: raw(metadata).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        }
    }

    fn built(label: String, mut metadata: String, task_type: TaskType) -> Self {
        metadata.push_str(",\"type\":\"");
        metadata.push_str(task_type.metadata_type());
        metadata.push_str("\"}");
        let known_json = |json| raw(json).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self {
            label: known_json(label),
            metadata: known_json(metadata),
        }
    }
}

fn raw(json: String) -> Result<Box<RawValue>, EnvelopeError> {
    RawValue::from_string(json).map_err(|error| EnvelopeError::Json {
        reason: error.to_string(),
    })
}

fn write_class_map<'a>(out: &mut String, classes: impl Iterator<Item = (u32, &'a str)>) {
    out.push('{');
    for (idx, (id, name)) in classes.enumerate() {
        if idx > 0 {
            out.push(',');
        }
        out.push_str(&format!("\"{id}\":"));
        write_text(out, name);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(envelope: Envelope, expected: &str) {
        assert_eq!(envelope.to_json(), expected);
        let value = RawValue::from_string(expected.to_owned()).unwrap();
        assert_eq!(
            Envelope::parse(&value).unwrap().unwrap().to_json(),
            expected
        );
    }

    #[test]
    fn written_and_read() {
        check(
            Envelope::single_label(7, "a \"bird\"", 0.93),
            r#"{"label":7,"metadata":{"class-name":"a \"bird\"","confidence":0.93,"type":"groundtruth/image-classification"}}"#,
        );
        check(
            Envelope::multi_label(&[(0, "cat", 1.0), (2, "dog", 0.25)]),
            r#"{"label":[0,2],"metadata":{"class-map":{"0":"cat","2":"dog"},"confidence-map":{"0":1,"2":0.25},"type":"groundtruth/image-classification-multilabel"}}"#,
        );
        check(
            Envelope::multi_label(&[]),
            r#"{"label":[],"metadata":{"class-map":{},"confidence-map":{},"type":"groundtruth/image-classification-multilabel"}}"#,
        );
        check(
            Envelope::boxes(
                ImageSize {
                    width: 640,
                    height: 480,
                    depth: 3,
                },
                &[BoxLabel {
                    class_id: 1,
                    left: 1.5,
                    top: 2.0,
                    width: 3.0,
                    height: 4.0,
                    confidence: 0.5,
                }],
                &[(1, "Echo")],
            ),
            r#"{"label":{"image_size":[{"width":640,"height":480,"depth":3}],"annotations":[{"class_id":1,"top":2,"left":1.5,"height":4,"width":3}]},"metadata":{"objects":[{"confidence":0.5}],"class-map":{"1":"Echo"},"type":"groundtruth/object-detection"}}"#,
        );
        check(
            Envelope::failed("no readable answer"),
            r#"{"label":null,"metadata":{"failure-reason":"no readable answer"}}"#,
        );
    }

    #[test]
    fn not_an_envelope() {
        let parse = |json: &str| Envelope::parse(&RawValue::from_string(json.to_owned()).unwrap());
        for other in [
            "7",
            "{}",
            "[]",
            r#"{"label":1}"#,
            r#"{"label":1,"metadata":{},"more":0}"#,
        ] {
            assert!(parse(other).unwrap().is_none(), "{other}");
        }
        assert_eq!(
            parse(r#"{"label":1,"metadata":2}"#).unwrap_err(),
            EnvelopeError::Metadata
        );
        assert!(matches!(
            parse(r#"{"label":1,"label":1,"metadata":{}}"#).unwrap_err(),
            EnvelopeError::Json { .. }
        ));
    }
}
