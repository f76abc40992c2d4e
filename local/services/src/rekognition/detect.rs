//! DetectCustomLabels: an image's labels as its dataset entry has them.

use manifest::{LabeledLine, NamedLabels, TaskType};
use serde_json::{Value, json};

/// A label found, with confidence in 0 to 100.
struct Found {
    confidence: f64,
    label: Value,
}

/// Labels of an entry, most confident first; ties stay in the order of the line.
pub(crate) fn labels_of(line: &str, min_confidence: f64, n_max: Option<usize>) -> Vec<Value> {
    let Some(line) = LabeledLine::read(line.as_bytes()) else {
        return Vec::new();
    };
    let labels = line.attributes.iter().filter_map(|it| it.label.as_ref());
    let mut found: Vec<Found> = labels.flat_map(found_in).collect();
    found.retain(|found| found.confidence >= min_confidence);
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(n_max.unwrap_or(usize::MAX));
    found.into_iter().map(|found| found.label).collect()
}

/// Labels of a type that Custom Labels has no use for give nothing.
fn found_in(label: &NamedLabels) -> Vec<Found> {
    let found = label.labels.iter().filter_map(|one| {
        let confidence = percent(one.confidence);
        let geometry = match (label.task_type, one.edges, label.image_size_px) {
            (TaskType::SingleLabel, ..) => None,
            (TaskType::BoundingBox, Some(edges), Some((width, height))) => {
                Some(json!({"BoundingBox": {
                    "Left": edges.left / width,
                    "Top": edges.top / height,
                    "Width": edges.width / width,
                    "Height": edges.height / height,
                }}))
            }
            (TaskType::BoundingBox | TaskType::MultiLabel, ..) => return None,
        };
        let mut label = json!({"Name": one.label, "Confidence": confidence});
        if let (Some(geometry), Value::Object(members)) = (geometry, &mut label) {
            members.insert("Geometry".to_owned(), geometry);
        }
        Some(Found { confidence, label })
    });
    found.collect()
}

fn percent(confidence: Option<f64>) -> f64 {
    confidence.map_or(0.0, |share| (share * 100.0).clamp(0.0, 100.0))
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
