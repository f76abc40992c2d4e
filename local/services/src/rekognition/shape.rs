//! What the service model asks of each request: required fields, types, bounds, patterns, enumerations.
//!
//! Source: botocore's copy of the service model, rekognition/2016-06-27.

use serde_json::Value;

use super::arn;
use super::error::ApiError;

/// Largest `Changes.GroundTruth` in bytes before base64, inclusive. Source: GroundTruthBlob.
const CHANGES_BYTES_MAX: u64 = 5_242_880;

enum Shape {
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

struct Pattern {
    text: &'static str,
    holds: fn(&str) -> bool,
}

struct Field {
    name: &'static str,
    is_required: bool,
    shape: &'static Shape,
}

const fn required(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        is_required: true,
        shape,
    }
}

const fn optional(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        is_required: false,
        shape,
    }
}

static PROJECT_ARN: Shape = Shape::Text(
    20,
    2048,
    Some(&Pattern {
        text: r"(^arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:project\/[a-zA-Z0-9_.\-]{1,255}\/[0-9]+$)",
        holds: arn::is_project,
    }),
);
static DATASET_ARN: Shape = Shape::Text(
    20,
    2048,
    Some(&Pattern {
        text: r"(^arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:project\/[a-zA-Z0-9_.\-]{1,255}\/dataset\/(train|test)\/[0-9]+$)",
        holds: arn::is_dataset,
    }),
);
static VERSION_ARN: Shape = Shape::Text(
    20,
    2048,
    Some(&Pattern {
        text: r"(^arn:[a-z\d-]+:rekognition:[a-z\d-]+:\d{12}:project\/[a-zA-Z0-9_.\-]{1,255}\/version\/[a-zA-Z0-9_.\-]{1,255}\/[0-9]+$)",
        holds: arn::is_version,
    }),
);
static NAME: Shape = Shape::Text(
    1,
    255,
    Some(&Pattern {
        text: r"[a-zA-Z0-9_.\-]+",
        holds: arn::is_name,
    }),
);
static NAMES: Shape = Shape::List(1, 10, &NAME);
static TOKEN: Shape = Shape::Text(0, 1024, None);
static PAGE_SIZE: Shape = Shape::Integer(1, 100);
static FEATURE: Shape = Shape::OneOf(&["CONTENT_MODERATION", "CUSTOM_LABELS"]);
static TAGS: Shape = Shape::Tags(200);
static BOOLEAN: Shape = Shape::Boolean;
static LABEL: Shape = Shape::Text(
    1,
    255,
    Some(&Pattern {
        text: ".{1,}",
        holds: |text| !text.is_empty() && !text.contains(['\n', '\r']),
    }),
);
static BUCKET: Shape = Shape::Text(
    3,
    255,
    Some(&Pattern {
        text: r"[0-9A-Za-z\.\-_]*",
        holds: |text| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        },
    }),
);
static KEY: Shape = Shape::Text(1, 1024, None);
static S3_OBJECT: Shape = Shape::Structure(&[
    optional("Bucket", &BUCKET),
    optional("Name", &KEY),
    optional("Version", &KEY),
]);
static MANIFEST: Shape = Shape::Structure(&[optional("S3Object", &S3_OBJECT)]);
static ASSETS: Shape = Shape::List(
    0,
    u64::MAX,
    &Shape::Structure(&[optional("GroundTruthManifest", &MANIFEST)]),
);
static UNITS: Shape = Shape::Integer(1, i64::MAX);

static CREATE_PROJECT: Shape = Shape::Structure(&[
    required("ProjectName", &NAME),
    optional("Feature", &FEATURE),
    optional("AutoUpdate", &Shape::OneOf(&["ENABLED", "DISABLED"])),
    optional("Tags", &TAGS),
]);
static DESCRIBE_PROJECTS: Shape = Shape::Structure(&[
    optional("NextToken", &TOKEN),
    optional("MaxResults", &PAGE_SIZE),
    optional("ProjectNames", &NAMES),
    optional("Features", &Shape::List(1, 2, &FEATURE)),
]);
static ONE_PROJECT: Shape = Shape::Structure(&[required("ProjectArn", &PROJECT_ARN)]);
static CREATE_DATASET: Shape = Shape::Structure(&[
    optional(
        "DatasetSource",
        &Shape::Structure(&[
            optional("GroundTruthManifest", &MANIFEST),
            optional("DatasetArn", &DATASET_ARN),
        ]),
    ),
    required("DatasetType", &Shape::OneOf(&["TRAIN", "TEST"])),
    required("ProjectArn", &PROJECT_ARN),
    optional("Tags", &TAGS),
]);
static ONE_DATASET: Shape = Shape::Structure(&[required("DatasetArn", &DATASET_ARN)]);
static UPDATE_DATASET_ENTRIES: Shape = Shape::Structure(&[
    required("DatasetArn", &DATASET_ARN),
    required(
        "Changes",
        &Shape::Structure(&[required("GroundTruth", &Shape::Blob(1, CHANGES_BYTES_MAX))]),
    ),
]);
static LIST_DATASET_ENTRIES: Shape = Shape::Structure(&[
    required("DatasetArn", &DATASET_ARN),
    optional("ContainsLabels", &Shape::List(1, 10, &LABEL)),
    optional("Labeled", &BOOLEAN),
    optional(
        "SourceRefContains",
        &Shape::Text(
            1,
            2048,
            Some(&Pattern {
                text: r".*\S.*",
                holds: |text| text.chars().any(|c| !c.is_whitespace()),
            }),
        ),
    ),
    optional("HasErrors", &BOOLEAN),
    optional("NextToken", &TOKEN),
    optional("MaxResults", &PAGE_SIZE),
]);
static LIST_DATASET_LABELS: Shape = Shape::Structure(&[
    required("DatasetArn", &DATASET_ARN),
    optional("NextToken", &TOKEN),
    optional("MaxResults", &PAGE_SIZE),
]);
static DISTRIBUTE: Shape = Shape::Structure(&[required(
    "Datasets",
    &Shape::List(2, 2, &Shape::Structure(&[required("Arn", &DATASET_ARN)])),
)]);
static CREATE_PROJECT_VERSION: Shape = Shape::Structure(&[
    required("ProjectArn", &PROJECT_ARN),
    required("VersionName", &NAME),
    required(
        "OutputConfig",
        &Shape::Structure(&[
            optional("S3Bucket", &BUCKET),
            optional("S3KeyPrefix", &Shape::Text(0, 1024, None)),
        ]),
    ),
    optional(
        "TrainingData",
        &Shape::Structure(&[optional("Assets", &ASSETS)]),
    ),
    optional(
        "TestingData",
        &Shape::Structure(&[
            optional("Assets", &ASSETS),
            optional("AutoCreate", &BOOLEAN),
        ]),
    ),
    optional("Tags", &TAGS),
    optional(
        "KmsKeyId",
        &Shape::Text(
            1,
            2048,
            Some(&Pattern {
                text: "^[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,2048}$",
                holds: |text| {
                    text.bytes()
                        .next()
                        .is_some_and(|b| b.is_ascii_alphanumeric())
                        && text
                            .bytes()
                            .all(|b| b.is_ascii_alphanumeric() || b":_/+=,@.-".contains(&b))
                },
            }),
        ),
    ),
    optional(
        "VersionDescription",
        &Shape::Text(
            1,
            255,
            Some(&Pattern {
                text: "[a-zA-Z0-9-_. ()':,;?]+",
                holds: |text| {
                    text.bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_. ()':,;?".contains(&b))
                },
            }),
        ),
    ),
    optional("FeatureConfig", &Shape::Structure(&[])),
]);
static DESCRIBE_PROJECT_VERSIONS: Shape = Shape::Structure(&[
    required("ProjectArn", &PROJECT_ARN),
    optional("VersionNames", &NAMES),
    optional("NextToken", &TOKEN),
    optional("MaxResults", &PAGE_SIZE),
]);
static ONE_VERSION: Shape = Shape::Structure(&[required("ProjectVersionArn", &VERSION_ARN)]);
static START_PROJECT_VERSION: Shape = Shape::Structure(&[
    required("ProjectVersionArn", &VERSION_ARN),
    required("MinInferenceUnits", &UNITS),
    optional("MaxInferenceUnits", &UNITS),
]);
static DETECT_CUSTOM_LABELS: Shape = Shape::Structure(&[
    required("ProjectVersionArn", &VERSION_ARN),
    required(
        "Image",
        &Shape::Structure(&[
            optional("Bytes", &Shape::Blob(1, 5_242_880)),
            optional("S3Object", &S3_OBJECT),
        ]),
    ),
    optional("MaxResults", &Shape::Integer(0, i64::MAX)),
    optional("MinConfidence", &Shape::Float(0.0, 100.0)),
]);

fn input_shape(operation: &str) -> Option<&'static Shape> {
    Some(match operation {
        "CreateProject" => &CREATE_PROJECT,
        "DescribeProjects" => &DESCRIBE_PROJECTS,
        "DeleteProject" => &ONE_PROJECT,
        "CreateDataset" => &CREATE_DATASET,
        "DescribeDataset" | "DeleteDataset" => &ONE_DATASET,
        "UpdateDatasetEntries" => &UPDATE_DATASET_ENTRIES,
        "ListDatasetEntries" => &LIST_DATASET_ENTRIES,
        "ListDatasetLabels" => &LIST_DATASET_LABELS,
        "DistributeDatasetEntries" => &DISTRIBUTE,
        "CreateProjectVersion" => &CREATE_PROJECT_VERSION,
        "DescribeProjectVersions" => &DESCRIBE_PROJECT_VERSIONS,
        "DeleteProjectVersion" | "StopProjectVersion" => &ONE_VERSION,
        "StartProjectVersion" => &START_PROJECT_VERSION,
        "DetectCustomLabels" => &DETECT_CUSTOM_LABELS,
        _ => return None,
    })
}

pub(crate) fn is_known(operation: &str) -> bool {
    input_shape(operation).is_some()
}

/// Holds a request against the service model. Fields that the model doesn't have are ignored, as AWS does.
///
/// # Errors
///
/// `SerializationException` for a field of another type, `ValidationException` naming every field out of bounds.
pub(crate) fn validate(operation: &str, request: &Value) -> Result<(), ApiError> {
    let Some(shape) = input_shape(operation) else {
        return Err(ApiError::new("UnknownOperationException", ""));
    };
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
                && !(pattern.holds)(text)
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

    const DATASET: &str =
        "arn:aws:rekognition:us-east-1:123456789012:project/birds/dataset/train/1";

    fn code(operation: &str, request: Value) -> String {
        match validate(operation, &request) {
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
        let error = validate("CreateDataset", &json!({"DatasetType": "EVAL"})).unwrap_err();
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
        assert_eq!(code("DetectFaces", json!({})), "UnknownOperationException");
        assert_eq!(code("DescribeProjects", json!({"Unknown": 1})), "ok");
    }
}
