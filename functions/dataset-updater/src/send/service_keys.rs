//! What the service adds to an entry: `cl-metadata`, and error lists at the line, the label attribute, its
//! metadata and its annotations.
//!
//! Source: ListDatasetEntries names the lists `cl-errors`; the training's validation manifests name them `errors` and
//! `warnings`. All of them are read, at every level.

use std::collections::BTreeSet;

use serde_json::Value;

const LISTS: [&str; 4] = ["cl-errors", "cl-warnings", "errors", "warnings"];

/// Takes away whatever the service added, so that the entry can be sent again.
pub fn strip(entry: &mut Value) {
    if let Value::Object(object) = entry {
        object.remove("cl-metadata");
    }
    strip_lists(entry);
}

fn strip_lists(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for list in LISTS {
                object.remove(list);
            }
            object.iter_mut().for_each(|(_, value)| strip_lists(value));
        }
        Value::Array(values) => values.iter_mut().for_each(strip_lists),
        _ => {}
    }
}

/// Codes of the errors of an entry, at any level.
#[must_use]
pub fn error_codes(entry: &Value) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    collect(entry, &mut codes);
    codes
}

fn collect(value: &Value, codes: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                if key == "cl-errors" || key == "errors" {
                    let errors = value.as_array().into_iter().flatten();
                    let found = errors.filter_map(|error| error.get("code")?.as_str());
                    codes.extend(found.map(str::to_owned));
                }
                collect(value, codes);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, codes)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry() -> Value {
        json!({
            "source-ref": "s3://b/k", "cl-metadata": {"is_labeled": true},
            "cl-errors": [{"code": "A", "message": ""}],
            "box": {"errors": [{"code": "B"}], "annotations": [{"left": 1, "cl-errors": [{"code": "C"}]}]},
            "box-metadata": {"type": "groundtruth/object-detection", "warnings": [{"code": "W"}], "cl-errors": [{"code": "D"}, {}]}
        })
    }

    #[test]
    fn every_level() {
        let codes = error_codes(&entry());
        assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["A", "B", "C", "D"]);
        let mut stripped = entry();
        strip(&mut stripped);
        assert_eq!(
            stripped,
            json!({"source-ref": "s3://b/k", "box": {"annotations": [{"left": 1}]}, "box-metadata": {"type": "groundtruth/object-detection"}})
        );
        assert!(error_codes(&stripped).is_empty());
    }
}
