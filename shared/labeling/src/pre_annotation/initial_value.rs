//! Boxes of an earlier job, for workers to adjust.

use serde::Serialize;
use serde_json::{Map, Value};

/// A box as `crowd-bounding-box` takes it in `initial-value`, in pixels from the upper left corner.
///
/// Source: Developer Guide, crowd-bounding-box.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InitialBox {
    /// Name of the label category.
    pub label: String,
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

const METADATA: &str = "-metadata";
const KIND: &str = "groundtruth/object-detection";

/// The boxes in a manifest line: those of the configured label attribute, else of the attribute with the latest
/// `creation-date` (the last one in name order among equals). `None` when no attribute holds boxes.
///
/// Read are what built-in bounding box jobs write and our label envelope. Boxes whose class isn't in the class map, or
/// with something else than numbers for edges, are left out.
pub(super) fn initial_value(
    line: &Map<String, Value>,
    attribute: Option<&str>,
) -> Option<Vec<InitialBox>> {
    let with_date = |name: &str| {
        let boxes = boxes_at(line, name)?;
        let date = line
            .get(&format!("{name}{METADATA}"))
            .and_then(|metadata| metadata.get("creation-date"));
        Some((
            date.and_then(Value::as_str).unwrap_or_default().to_owned(),
            boxes,
        ))
    };
    match attribute {
        Some(name) => with_date(name).map(|(_, boxes)| boxes),
        None => {
            let found = line.keys().filter_map(|name| with_date(name));
            found.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, boxes)| boxes)
        }
    }
}

fn boxes_at(line: &Map<String, Value>, name: &str) -> Option<Vec<InitialBox>> {
    let value = line.get(name)?;
    let envelope = value.get("label").zip(value.get("metadata"));
    let (label, metadata) = match envelope {
        Some(pair) => pair,
        None => (value, line.get(&format!("{name}{METADATA}"))?),
    };
    if metadata
        .get("type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind != KIND)
    {
        return None;
    }
    let class_map = metadata.get("class-map")?.as_object()?;
    let annotations = label.get("annotations")?.as_array()?;
    Some(
        annotations
            .iter()
            .filter_map(|annotation| to_box(annotation, class_map))
            .collect(),
    )
}

fn to_box(annotation: &Value, class_map: &Map<String, Value>) -> Option<InitialBox> {
    let class_id = match annotation.get("class_id")? {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    let edge = |key| annotation.get(key).and_then(Value::as_f64);
    Some(InitialBox {
        label: class_map.get(&class_id)?.as_str()?.to_owned(),
        left: edge("left")?,
        top: edge("top")?,
        width: edge("width")?,
        height: edge("height")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, attribute: Option<&str>, expected: Option<&[(&str, f64)]>) {
        let line = serde_json::from_str(line).unwrap();
        let boxes = initial_value(&line, attribute);
        let found: Option<Vec<(&str, f64)>> = boxes.as_ref().map(|boxes| {
            boxes
                .iter()
                .map(|found| (found.label.as_str(), found.left))
                .collect()
        });
        assert_eq!(found.as_deref(), expected, "{line:?}");
    }

    fn pair(name: &str, left: &str, date: &str) -> String {
        format!(
            r#""{name}":{{"image_size":[{{"width":5,"height":5,"depth":3}}],"annotations":[{{"class_id":0,"left":{left},"top":0,"width":1,"height":1}}]}},
            "{name}-metadata":{{"objects":[{{"confidence":0}}],"class-map":{{"0":"dog"}},"type":"groundtruth/object-detection","creation-date":"{date}"}}"#
        )
    }

    #[test]
    fn of_built_in_jobs() {
        let one = pair("b", "1", "2018-10-18T22:18:13.527256");
        let two = pair("a", "2.5", "2018-11-20T22:18:13.527256");
        check(&format!("{{{one}}}"), None, Some(&[("dog", 1.0)]));
        // A chained job: the latest counts.
        check(&format!("{{{one},{two}}}"), None, Some(&[("dog", 2.5)]));
        check(
            &format!("{{{one},{two}}}"),
            Some("b"),
            Some(&[("dog", 1.0)]),
        );
        check(&format!("{{{one}}}"), Some("c"), None);
    }

    #[test]
    fn of_our_envelope() {
        check(
            r#"{"a":{"label":{"image_size":[],"annotations":[{"class_id":3,"left":1,"top":0,"width":1,"height":1}]},
                "metadata":{"class-map":{"3":"cat"},"objects":[],"type":"groundtruth/object-detection"}},
                "a-metadata":{"type":"groundtruth/custom"}}"#,
            None,
            Some(&[("cat", 1.0)]),
        );
    }

    #[test]
    fn of_nothing() {
        check(r#"{"source-ref":"s3://b/k"}"#, None, None);
        check(
            r#"{"a":7,"a-metadata":{"class-name":"x","type":"groundtruth/image-classification"}}"#,
            None,
            None,
        );
        // Source: aws/amazon-sagemaker-examples#643, an image with nothing on it.
        check(
            r#"{"a":{"annotations":[],"image_size":[]},"a-metadata":{"class-map":{},"objects":[],"type":"groundtruth/object-detection"}}"#,
            None,
            Some(&[]),
        );
        check(
            r#"{"a":{"annotations":[{"class_id":1,"left":0,"top":0,"width":1,"height":1},{"class_id":0,"left":"x","top":0,"width":1,"height":1},7]},"a-metadata":{"class-map":{"0":"x"}}}"#,
            None,
            Some(&[]),
        );
    }
}
