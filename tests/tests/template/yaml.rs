//! template.yaml as JSON: `!Ref X` is `{"!Ref": "X"}`.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

use super::{read, root};

pub(super) fn template() -> Value {
    let text = read(&root().join("template.yaml"));
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let [document] = documents.as_slice() else {
        panic!("template.yaml is not one document");
    };
    json(document)
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::from(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => Value::from(value.as_ref()),
        Yaml::Sequence(values) => values.iter().map(json).collect(),
        Yaml::Mapping(fields) => {
            let fields = fields.iter().map(|(key, value)| {
                let Value::String(key) = json(key) else {
                    panic!("template.yaml has a key that is no text: {key:?}");
                };
                (key, json(value))
            });
            Value::Object(fields.collect())
        }
        Yaml::Tagged(tag, value) => {
            let name = format!("!{}", tag.suffix);
            Value::Object(Map::from_iter([(name, json(value))]))
        }
        other => panic!("template.yaml has something that isn't known here: {other:?}"),
    }
}

/// All objects in a part of the template, itself included.
pub(super) fn objects(part: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    let mut open = vec![part];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                found.push(value);
                open.extend(fields.values());
            }
            Value::Array(values) => open.extend(values),
            _ => {}
        }
    }
    found
}

/// Everything that stands under `key` in a part of the template, at any depth.
pub(super) fn each<'t>(part: &'t Value, key: &str) -> Vec<&'t Value> {
    let objects = objects(part).into_iter();
    objects.filter_map(|object| object.get(key)).collect()
}

/// All texts in a part of the template, in the order in which they stand there but for an object's keys.
pub(super) fn texts(part: &Value) -> Vec<&str> {
    match part {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn short_forms_are_objects() {
    let check = |yaml: &str, expected: Value| {
        let documents = Yaml::load_from_str(yaml).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(json(&documents[0]), expected, "{yaml}");
    };
    check("a: !Ref B", serde_json::json!({"a": {"!Ref": "B"}}));
    check(
        "!If [C, !Ref B, 7]",
        serde_json::json!({"!If": ["C", {"!Ref": "B"}, 7]}),
    );
    check("\"7\"", serde_json::json!("7"));
}
