//! DetectCustomLabels: an image's labels as its dataset entry has them.

use serde_json::{Map, Value, json};

/// A label found, with confidence in 0 to 100.
struct Found {
    confidence: f64,
    label: Value,
}

/// Labels of an entry, most confident first; ties stay in the order of the line.
pub(crate) fn labels_of(line: &str, min_confidence: f64, n_max: Option<usize>) -> Vec<Value> {
    let Ok(Value::Object(line)) = serde_json::from_str::<Value>(line) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in &line {
        if let Some(Value::Object(metadata)) = line.get(&format!("{key}-metadata")) {
            match metadata.get("type").and_then(Value::as_str) {
                Some("groundtruth/image-classification") => found.extend(image_label(metadata)),
                Some("groundtruth/object-detection") => found.extend(boxes(value, metadata)),
                _ => {}
            }
        }
    }
    found.retain(|found| found.confidence >= min_confidence);
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(n_max.unwrap_or(usize::MAX));
    found.into_iter().map(|found| found.label).collect()
}

fn percent(confidence: Option<&Value>) -> f64 {
    confidence
        .and_then(Value::as_f64)
        .map_or(0.0, |c| (c * 100.0).clamp(0.0, 100.0))
}

fn image_label(metadata: &Map<String, Value>) -> Option<Found> {
    let name = metadata.get("class-name")?.as_str()?;
    let confidence = percent(metadata.get("confidence"));
    Some(Found {
        confidence,
        label: json!({"Name": name, "Confidence": confidence}),
    })
}

fn boxes(value: &Value, metadata: &Map<String, Value>) -> Vec<Found> {
    let side = |name: &str| {
        value
            .pointer(&format!("/image_size/0/{name}"))?
            .as_f64()
            .filter(|side| *side > 0.0)
    };
    let (Some(width), Some(height)) = (side("width"), side("height")) else {
        return Vec::new();
    };
    let annotations = value.get("annotations").and_then(Value::as_array);
    let mut found = Vec::new();
    for (index, annotation) in annotations.into_iter().flatten().enumerate() {
        let number = |name: &str| annotation.get(name).and_then(Value::as_f64);
        let name = annotation
            .get("class_id")
            .and_then(|id| metadata.get("class-map")?.get(id.to_string())?.as_str());
        let (Some(name), Some(left), Some(top), Some(w), Some(h)) = (
            name,
            number("left"),
            number("top"),
            number("width"),
            number("height"),
        ) else {
            continue;
        };
        let confidence = percent(
            metadata
                .get("objects")
                .and_then(|objects| objects.get(index)?.get("confidence")),
        );
        let geometry = json!({"BoundingBox": {
            "Left": left / width, "Top": top / height, "Width": w / width, "Height": h / height,
        }});
        found.push(Found {
            confidence,
            label: json!({"Name": name, "Confidence": confidence, "Geometry": geometry}),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_ratios_and_confidences_percent() {
        let line = r#"{"source-ref":"s3://b/k.png","b":{"image_size":[{"width":200,"height":100,"depth":3}],"annotations":[{"class_id":0,"left":20,"top":10,"width":100,"height":50}]},"b-metadata":{"objects":[{"confidence":0.5}],"class-map":{"0":"Bird"},"type":"groundtruth/object-detection"},"c":1,"c-metadata":{"class-name":"Owl","confidence":1,"type":"groundtruth/image-classification"}}"#;
        let labels = labels_of(line, 0.0, None);
        assert_eq!(
            labels,
            [
                json!({"Name": "Owl", "Confidence": 100.0}),
                json!({"Name": "Bird", "Confidence": 50.0, "Geometry": {"BoundingBox": {"Left": 0.1, "Top": 0.1, "Width": 0.5, "Height": 0.5}}}),
            ]
        );
        assert_eq!(labels_of(line, 50.1, None).len(), 1);
        assert_eq!(labels_of(line, 50.0, None).len(), 2);
        assert_eq!(labels_of(line, 0.0, Some(1)).len(), 1);
        assert!(labels_of("{", 0.0, None).is_empty());
    }
}
