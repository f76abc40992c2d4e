//! What the service model asks of each request: required fields, types, bounds, patterns, enumerations.

use std::sync::OnceLock;

use regex_lite::Regex;
use serde_json::Value;

use super::error::ApiError;

/// What a value may be.
pub(crate) enum Shape {
    /// Length in characters, inclusive, and a pattern.
    Text(u64, u64, Option<&'static Pattern>),
    /// Decoded length in bytes, inclusive.
    Blob(u64, u64),
    Integer(i64, i64),
    Float(f64, f64),
    Boolean,
    OneOf(&'static [&'static str]),
    List(u64, u64, &'static Shape),
    /// Most entries; keys of 1 to 128 characters, values of at most 256.
    Tags(u64),
    Structure(&'static [Field]),
}

/// A pattern of the service model, which a text has to match as a whole.
pub(crate) struct Pattern {
    text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self {
            text,
            compiled: OnceLock::new(),
        }
    }

    /// The pattern; none if it is none, which a test holds for all there are.
    fn compiled(&self) -> Option<&Regex> {
        let compile = || Regex::new(&format!("^(?:{})$", self.text)).ok();
        self.compiled.get_or_init(compile).as_ref()
    }

    fn holds(&self, text: &str) -> bool {
        self.compiled()
            .is_some_and(|pattern| pattern.is_match(text))
    }
}

pub(crate) struct Field {
    name: &'static str,
    is_required: bool,
    shape: &'static Shape,
}

pub(crate) const fn required(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        is_required: true,
        shape,
    }
}

pub(crate) const fn optional(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        is_required: false,
        shape,
    }
}

/// Holds a request against the service model. Fields that the model doesn't have are ignored, as AWS does.
///
/// # Errors
///
/// `SerializationException` for a field of another type, `ValidationException` naming every field out of bounds.
pub(crate) fn validate(shape: &Shape, request: &Value) -> Result<(), ApiError> {
    let mut faults = Vec::new();
    check(shape, request, "", &mut faults)?;
    if faults.is_empty() {
        return Ok(());
    }
    let n = faults.len();
    let plural = if n == 1 { "" } else { "s" };
    Err(ApiError::new(
        "ValidationException",
        format!(
            "{n} validation error{plural} detected: {}",
            faults.join("; ")
        ),
    ))
}

fn check(
    shape: &Shape,
    value: &Value,
    path: &str,
    faults: &mut Vec<String>,
) -> Result<(), ApiError> {
    match shape {
        Shape::Text(min, max, pattern) => {
            let text = value.as_str().ok_or_else(|| mismatch(path, "a string"))?;
            check_length(text.chars().count() as u64, *min, *max, value, path, faults);
            if let Some(pattern) = pattern
                && !pattern.holds(text)
            {
                let what = format!("satisfy regular expression pattern: {}", pattern.text);
                faults.push(fault(&shown(value), path, &what));
            }
        }
        Shape::Blob(min, max) => {
            let text = value.as_str().ok_or_else(|| mismatch(path, "a blob"))?;
            let padding = text.bytes().rev().take_while(|b| *b == b'=').count() as u64;
            let n_bytes = (text.len() as u64 / 4 * 3).saturating_sub(padding);
            check_length(n_bytes, *min, *max, &Value::from("a blob"), path, faults);
        }
        Shape::Integer(min, max) => {
            let number = value.as_i64().ok_or_else(|| mismatch(path, "an integer"))?;
            if number < *min {
                let what = format!("have value greater than or equal to {min}");
                faults.push(fault(&shown(value), path, &what));
            }
            if number > *max {
                let what = format!("have value less than or equal to {max}");
                faults.push(fault(&shown(value), path, &what));
            }
        }
        Shape::Float(min, max) => {
            let number = value.as_f64().ok_or_else(|| mismatch(path, "a number"))?;
            if number < *min || number > *max {
                let what = format!("have value between {min} and {max}");
                faults.push(fault(&shown(value), path, &what));
            }
        }
        Shape::Boolean => {
            value.as_bool().ok_or_else(|| mismatch(path, "a boolean"))?;
        }
        Shape::OneOf(allowed) => {
            let text = value.as_str().ok_or_else(|| mismatch(path, "a string"))?;
            if !allowed.contains(&text) {
                let what = format!("satisfy enum value set: [{}]", allowed.join(", "));
                faults.push(fault(&shown(value), path, &what));
            }
        }
        Shape::List(min, max, element) => {
            let list = value.as_array().ok_or_else(|| mismatch(path, "a list"))?;
            check_length(list.len() as u64, *min, *max, value, path, faults);
            for (index, value) in list.iter().enumerate() {
                check(
                    element,
                    value,
                    &format!("{path}.{}.member", index + 1),
                    faults,
                )?;
            }
        }
        Shape::Tags(max) => {
            let map = value.as_object().ok_or_else(|| mismatch(path, "a map"))?;
            check_length(map.len() as u64, 0, *max, value, path, faults);
            for (key, value) in map {
                let text = value.as_str().ok_or_else(|| mismatch(path, "a string"))?;
                check_length(
                    key.chars().count() as u64,
                    1,
                    128,
                    &Value::from(key.as_str()),
                    path,
                    faults,
                );
                check_length(text.chars().count() as u64, 0, 256, value, path, faults);
            }
        }
        Shape::Structure(fields) => {
            let map = value
                .as_object()
                .ok_or_else(|| mismatch(path, "a structure"))?;
            for field in *fields {
                let name = lower_first(field.name);
                let path = if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                };
                match map.get(field.name) {
                    None | Some(Value::Null) if field.is_required => {
                        faults.push(format!(
                            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
                        ));
                    }
                    None | Some(Value::Null) => {}
                    Some(value) => check(field.shape, value, &path, faults)?,
                }
            }
        }
    }
    Ok(())
}

fn check_length(
    length: u64,
    min: u64,
    max: u64,
    value: &Value,
    path: &str,
    faults: &mut Vec<String>,
) {
    if length < min {
        let what = format!("have length greater than or equal to {min}");
        faults.push(fault(&shown(value), path, &what));
    }
    if length > max {
        let what = format!("have length less than or equal to {max}");
        faults.push(fault(&shown(value), path, &what));
    }
}

fn fault(shown: &str, path: &str, what: &str) -> String {
    format!("Value '{shown}' at '{path}' failed to satisfy constraint: Member must {what}")
}

fn mismatch(path: &str, wanted: &str) -> ApiError {
    let place = if path.is_empty() { "the request" } else { path };
    ApiError::new("SerializationException", format!("{place} is not {wanted}"))
}

/// The value as a message shows it: at most 100 characters.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().take(100).collect()
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_ascii_lowercase().to_string() + chars.as_str(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rekognition::arn;
    use crate::rekognition::inputs::CREATE_DATASET;
    use crate::rekognition::operation::Operation;

    const DATASET: &str =
        "arn:aws:rekognition:us-east-1:123456789012:project/birds/dataset/train/1";

    fn code(operation: &str, request: Value) -> String {
        let operation = Operation::of(operation).unwrap();
        match validate(operation.input, &request) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.code,
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        let page = |n: i64| {
            code(
                "ListDatasetEntries",
                json!({"DatasetArn": DATASET, "MaxResults": n}),
            )
        };
        assert_eq!(page(0), "ValidationException");
        assert_eq!(page(1), "ok");
        assert_eq!(page(100), "ok");
        assert_eq!(page(101), "ValidationException");
        let name = |n: usize| code("CreateProject", json!({"ProjectName": "a".repeat(n)}));
        assert_eq!(name(0), "ValidationException");
        assert_eq!(name(1), "ok");
        assert_eq!(name(255), "ok");
        assert_eq!(name(256), "ValidationException");
        let labels = |n: usize| {
            code(
                "ListDatasetEntries",
                json!({"DatasetArn": DATASET, "ContainsLabels": vec!["a"; n]}),
            )
        };
        assert_eq!(labels(0), "ValidationException");
        assert_eq!(labels(10), "ok");
        assert_eq!(labels(11), "ValidationException");
    }

    #[test]
    fn the_blob_is_measured_decoded() {
        use base64::Engine;
        let blob = |n: usize| {
            let text = base64::engine::general_purpose::STANDARD.encode(vec![b'a'; n]);
            code(
                "UpdateDatasetEntries",
                json!({"DatasetArn": DATASET, "Changes": {"GroundTruth": text}}),
            )
        };
        assert_eq!(blob(0), "ValidationException");
        assert_eq!(blob(1), "ok");
        assert_eq!(blob(5_242_880), "ok");
        assert_eq!(blob(5_242_881), "ValidationException");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = validate(&CREATE_DATASET, &json!({"DatasetType": "EVAL"})).unwrap_err();
        assert!(
            error.message.starts_with("2 validation errors detected: "),
            "{}",
            error.message
        );
        assert!(error.message.contains("'datasetType'"), "{}", error.message);
        assert!(error.message.contains("'projectArn'"), "{}", error.message);
        assert_eq!(
            code("DescribeDataset", json!({"DatasetArn": 7})),
            "SerializationException"
        );
        assert_eq!(code("DescribeDataset", json!([])), "SerializationException");
        assert!(Operation::of("DetectFaces").is_none());
        assert_eq!(code("DescribeProjects", json!({"Unknown": 1})), "ok");
    }

    /// All patterns below a shape.
    fn patterns<'a>(shape: &'a Shape, found: &mut Vec<&'a Pattern>) {
        match shape {
            Shape::Text(_, _, pattern) => found.extend(pattern),
            Shape::List(_, _, element) => patterns(element, found),
            Shape::Structure(fields) => {
                for field in *fields {
                    patterns(field.shape, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn all_patterns_compile() {
        let mut found = Vec::new();
        for operation in Operation::all() {
            patterns(operation.input, &mut found);
        }
        assert!(found.len() > 20, "{}", found.len());
        for pattern in found {
            assert!(pattern.compiled().is_some(), "{}", pattern.text);
        }
    }

    #[test]
    fn arns_have_the_documented_form() {
        let project = |arn: &str| code("DeleteProject", json!({"ProjectArn": arn}));
        let dataset = |arn: &str| code("DeleteDataset", json!({"DatasetArn": arn}));
        let version = |arn: &str| code("StopProjectVersion", json!({"ProjectVersionArn": arn}));
        assert_eq!(project(&arn::project("birds", 1)), "ok");
        assert_eq!(dataset(&arn::dataset("birds", "TRAIN", 1)), "ok");
        assert_eq!(version(&arn::version("birds", "v.1", 1)), "ok");
        for arn in [
            "arn:aws:rekognition:us-east-1:1:project/birds/1",
            "arn:aws:rekognition:us-east-1:123456789012:project/birds/x",
            "arn:aws:s3:us-east-1:123456789012:project/birds/1",
            "arn:aws:rekognition:us-east-1:123456789012:project/b rds/1",
            "arn:aws:rekognition:us-east-1:123456789012:project/birds/1\n",
        ] {
            assert_eq!(project(arn), "ValidationException", "{arn}");
        }
        assert_eq!(dataset(&arn::project("birds", 1)), "ValidationException");
        assert_eq!(
            dataset(&arn::dataset("birds", "eval", 1)),
            "ValidationException"
        );
    }

    #[test]
    fn texts_match_their_pattern_as_a_whole() {
        let check = |field: &str, value: Value, expected: &str| {
            let mut request = json!({"DatasetArn": DATASET});
            request[field] = value.clone();
            assert_eq!(
                code("ListDatasetEntries", request),
                expected,
                "{field}: {value}"
            );
        };
        check("SourceRefContains", json!(" a "), "ok");
        check("SourceRefContains", json!("  "), "ValidationException");
        check("ContainsLabels", json!(["Große Eule"]), "ok");
        check("ContainsLabels", json!(["a\nb"]), "ValidationException");
        let name = |name: &str| code("CreateProject", json!({"ProjectName": name}));
        assert_eq!(name("a.b_c-1"), "ok");
        assert_eq!(name("a b"), "ValidationException");
        assert_eq!(name("é"), "ValidationException");
    }
}
