//! One function an operation: the request's JSON → the model → the answer's JSON.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::detect;
use super::entries::Changes;
use super::error::ApiError;
use super::model::{Dataset, Model, UpdateFaults};
use super::time::Time;
use super::version::{NewVersion, Version};

/// Page size when none is asked for, and the largest. Source: service model.
const PAGE_MAX: usize = 100;
/// Largest image in a call in bytes. Source: guidelines and quotas, "4 MB".
const IMAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the shell found out before, or a scripted fault changes.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// CreateDataset: the manifest's lines, or why the creation fails.
    pub(crate) manifest: Option<Result<Changes, String>>,
    pub(crate) update_faults: UpdateFaults,
}

/// A request that [`super::shape::validate`] has passed.
pub(crate) struct Call<'a> {
    pub(crate) model: &'a mut Model,
    pub(crate) request: &'a Value,
    pub(crate) extras: Extras,
    pub(crate) now: Time,
}

impl<'a> Call<'a> {
    /// A text of the request.
    fn text(&self, name: &str) -> Option<&'a str> {
        self.request.get(name).and_then(Value::as_str)
    }

    /// A text that the request has to have.
    fn required(&self, name: &str) -> &'a str {
        self.text(name).unwrap_or_default()
    }
}

pub(crate) fn create_project(call: Call<'_>) -> Result<Value, ApiError> {
    let (feature, auto_update) = (call.text("Feature"), call.text("AutoUpdate"));
    let name = call.required("ProjectName");
    let arn = call
        .model
        .create_project(name, feature, auto_update, call.now)?;
    Ok(json!({"ProjectArn": arn}))
}

pub(crate) fn delete_project(call: Call<'_>) -> Result<Value, ApiError> {
    let arn = call.required("ProjectArn");
    call.model.delete_project(arn, call.now)?;
    Ok(json!({"Status": "DELETING"}))
}

pub(crate) fn describe_dataset(call: Call<'_>) -> Result<Value, ApiError> {
    let dataset = call.model.dataset(call.required("DatasetArn"))?;
    Ok(dataset_description(dataset, call.now))
}

pub(crate) fn delete_dataset(call: Call<'_>) -> Result<Value, ApiError> {
    let arn = call.required("DatasetArn");
    call.model.delete_dataset(arn, call.now)?;
    Ok(json!({}))
}

pub(crate) fn update_entries(call: Call<'_>) -> Result<Value, ApiError> {
    let arn = call.required("DatasetArn");
    let blob = blob(call.request.pointer("/Changes/GroundTruth"))?;
    call.model.dataset(arn)?;
    let faults = call.extras.update_faults;
    call.model
        .update_entries(arn, Changes::of(&blob), faults, call.now)?;
    Ok(json!({}))
}

pub(crate) fn distribute(call: Call<'_>) -> Result<Value, ApiError> {
    let arn = |index: usize| {
        let arn = call.request.pointer(&format!("/Datasets/{index}/Arn"));
        arn.and_then(Value::as_str).unwrap_or_default()
    };
    call.model.distribute([arn(0), arn(1)], call.now)?;
    Ok(json!({}))
}

pub(crate) fn delete_version(call: Call<'_>) -> Result<Value, ApiError> {
    let arn = call.required("ProjectVersionArn");
    call.model.delete_version(arn, call.now)?;
    Ok(json!({"Status": "DELETING"}))
}

pub(crate) fn start_version(call: Call<'_>) -> Result<Value, ApiError> {
    let units = |name: &str| call.request.get(name).and_then(Value::as_u64);
    let (min, max) = (units("MinInferenceUnits"), units("MaxInferenceUnits"));
    let arn = call.required("ProjectVersionArn");
    call.model
        .start_version(arn, min.unwrap_or(1), max, call.now)?;
    Ok(json!({"Status": "STARTING"}))
}

pub(crate) fn stop_version(call: Call<'_>) -> Result<Value, ApiError> {
    let arn = call.required("ProjectVersionArn");
    call.model.stop_version(arn, call.now)?;
    Ok(json!({"Status": "STOPPING"}))
}

/// Bucket and key of the manifest that a CreateDataset request names, after the checks that come before reading.
pub(crate) fn manifest_of(
    model: &mut Model,
    request: &Value,
    now: Time,
) -> Result<Option<(String, String)>, ApiError> {
    model.settle(now);
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
    model.may_create_dataset(
        text("/ProjectArn").unwrap_or_default(),
        text("/DatasetType").unwrap_or_default(),
    )?;
    let Some(source) = request.get("DatasetSource").filter(|s| !s.is_null()) else {
        return Ok(None);
    };
    let is_given = |name: &str| source.get(name).is_some_and(|value| !value.is_null());
    match (is_given("GroundTruthManifest"), is_given("DatasetArn")) {
        (false, true) => Ok(None),
        (true, false) => {
            let place = |name: &str| {
                text(&format!(
                    "/DatasetSource/GroundTruthManifest/S3Object/{name}"
                ))
                .map(str::to_owned)
                .ok_or_else(|| {
                    ApiError::invalid_parameter(format!(
                        "DatasetSource.GroundTruthManifest.S3Object.{name} is missing."
                    ))
                })
            };
            Ok(Some((place("Bucket")?, place("Name")?)))
        }
        _ => Err(ApiError::invalid_parameter(
            "DatasetSource needs either GroundTruthManifest or DatasetArn.",
        )),
    }
}

pub(crate) fn create_dataset(call: Call<'_>) -> Result<Value, ApiError> {
    let source = call.request.pointer("/DatasetSource/DatasetArn");
    let source = source.and_then(Value::as_str);
    let (project, kind) = (call.required("ProjectArn"), call.required("DatasetType"));
    let content = match (call.extras.manifest, source) {
        (Some(manifest), _) => manifest,
        (None, Some(source)) => Ok(call.model.copy_of(source)?),
        (None, None) => Ok(Changes::default()),
    };
    let arn = call
        .model
        .create_dataset(project, kind, content, call.now)?;
    Ok(json!({"DatasetArn": arn}))
}

fn blob(value: Option<&Value>) -> Result<Vec<u8>, ApiError> {
    STANDARD
        .decode(value.and_then(Value::as_str).unwrap_or_default())
        .map_err(|error| {
            ApiError::new(
                "SerializationException",
                format!("a blob isn't base64: {error}"),
            )
        })
}

/// Epoch seconds with three decimals, as awsJson1.1 has timestamps.
fn seconds(time: Time) -> f64 {
    time as f64 / 1000.0
}

// Paging.

fn page_size(request: &Value) -> usize {
    request
        .get("MaxResults")
        .and_then(Value::as_u64)
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(PAGE_MAX)
}

/// Where a page begins; `scope` names the list, so that another list's token is refused.
fn page_start(request: &Value, scope: &str) -> Result<usize, ApiError> {
    let token = request
        .get("NextToken")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if token.is_empty() {
        return Ok(0);
    }
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix(scope)?.strip_prefix('#')?.parse().ok())
        .ok_or_else(|| {
            ApiError::new(
                "InvalidPaginationTokenException",
                "The pagination token is not valid.",
            )
        })
}

fn with_token(mut answer: Value, scope: &str, next: Option<usize>) -> Value {
    if let (Some(next), Some(answer)) = (next, answer.as_object_mut()) {
        let token = URL_SAFE_NO_PAD.encode(format!("{scope}#{next}"));
        answer.insert("NextToken".to_owned(), Value::from(token));
    }
    answer
}

/// One page of `all` under `name`.
fn page(request: &Value, scope: &str, name: &str, all: &[Value]) -> Result<Value, ApiError> {
    let start = page_start(request, scope)?;
    let size = page_size(request);
    let end = (start + size).min(all.len());
    let shown = all.get(start..end).unwrap_or_default();
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::from(shown));
    let next = (end < all.len()).then_some(end);
    Ok(with_token(Value::Object(answer), scope, next))
}

// Answers.

fn names_of<'a>(request: &'a Value, name: &str) -> Option<Vec<&'a str>> {
    let names = request.get(name)?.as_array()?;
    Some(names.iter().filter_map(Value::as_str).collect())
}

pub(crate) fn describe_projects(call: Call<'_>) -> Result<Value, ApiError> {
    let Call {
        model,
        request,
        now,
        ..
    } = call;
    let names = names_of(request, "ProjectNames");
    let features = names_of(request, "Features").unwrap_or_else(|| vec!["CUSTOM_LABELS"]);
    let mut shown = Vec::new();
    for project in model.projects.values().rev() {
        if names
            .as_ref()
            .is_some_and(|names| !names.contains(&project.name.as_str()))
            || !features.contains(&project.feature.as_str())
        {
            continue;
        }
        let datasets: Vec<Value> = model
            .datasets_of(project.id)
            .map(|dataset| {
                let status = dataset.status_shown(now);
                json!({
                    "CreationTimestamp": seconds(dataset.created),
                    "DatasetType": dataset.kind,
                    "DatasetArn": dataset.arn,
                    "Status": status.status,
                    "StatusMessage": status.message,
                    "StatusMessageCode": status.code,
                })
            })
            .collect();
        let status = if project.deleted_at.is_some() {
            "DELETING"
        } else {
            "CREATED"
        };
        let mut description = json!({
            "ProjectArn": project.arn(),
            "CreationTimestamp": seconds(project.created),
            "Status": status,
            "Datasets": datasets,
            "Feature": project.feature,
        });
        put(
            &mut description,
            "AutoUpdate",
            project.auto_update.as_deref(),
        );
        shown.push(description);
    }
    page(request, "projects", "ProjectDescriptions", &shown)
}

fn put<T: Into<Value>>(answer: &mut Value, name: &str, value: Option<T>) {
    if let (Some(value), Some(answer)) = (value, answer.as_object_mut()) {
        answer.insert(name.to_owned(), value.into());
    }
}

fn dataset_description(dataset: &Dataset, now: Time) -> Value {
    let status = dataset.status_shown(now);
    let stats = dataset.entries.stats();
    json!({"DatasetDescription": {
        "CreationTimestamp": seconds(dataset.created),
        "LastUpdatedTimestamp": seconds(status.updated),
        "Status": status.status,
        "StatusMessage": status.message,
        "StatusMessageCode": status.code,
        "DatasetStats": {
            "LabeledEntries": stats.n_labeled,
            "TotalEntries": stats.n_entries,
            "TotalLabels": stats.n_labels,
            "ErrorEntries": stats.n_errors,
        },
    }})
}

pub(crate) fn list_entries(call: Call<'_>) -> Result<Value, ApiError> {
    let dataset = call.model.listable(call.required("DatasetArn"))?;
    let request = call.request;
    let scope = format!("entries/{}", dataset.id);
    let start = page_start(request, &scope)?;
    let size = page_size(request);
    let flag = |name: &str| request.get(name).and_then(Value::as_bool);
    let (labeled, errors) = (flag("Labeled"), flag("HasErrors"));
    let part = request.get("SourceRefContains").and_then(Value::as_str);
    let labels =
        names_of(request, "ContainsLabels").map(|names| dataset.entries.label_numbers(&names));
    let mut lines = Vec::new();
    let mut next = None;
    for (position, source_ref, entry) in dataset.entries.from(start) {
        let is_listed = labeled.is_none_or(|wanted| entry.is_labeled == wanted)
            && errors.is_none_or(|wanted| entry.has_errors == wanted)
            && part.is_none_or(|part| source_ref.contains(part))
            && labels.as_ref().is_none_or(|labels| entry.has_label(labels));
        if is_listed && lines.len() == size {
            next = Some(position);
            break;
        }
        if is_listed {
            lines.push(Value::from(&*entry.line));
        }
    }
    Ok(with_token(json!({"DatasetEntries": lines}), &scope, next))
}

pub(crate) fn list_labels(call: Call<'_>) -> Result<Value, ApiError> {
    let dataset = call.model.listable(call.required("DatasetArn"))?;
    let labels: Vec<Value> = dataset
        .entries
        .labels_by_name()
        .into_iter()
        .map(|(name, stats)| {
            json!({
                "LabelName": name,
                "LabelStats": {"EntryCount": stats.n_entries, "BoundingBoxCount": stats.n_boxes},
            })
        })
        .collect();
    let scope = format!("labels/{}", dataset.id);
    page(call.request, &scope, "DatasetLabelDescriptions", &labels)
}

pub(crate) fn create_version(call: Call<'_>) -> Result<Value, ApiError> {
    let text = |pointer: &str| {
        let text = call.request.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let new = NewVersion {
        name: text("/VersionName").unwrap_or_default(),
        output_bucket: text("/OutputConfig/S3Bucket"),
        output_prefix: text("/OutputConfig/S3KeyPrefix"),
        description: text("/VersionDescription"),
        kms_key: text("/KmsKeyId"),
    };
    let project = call.required("ProjectArn");
    let arn = call.model.create_version(project, new, call.now)?;
    Ok(json!({"ProjectVersionArn": arn}))
}

pub(crate) fn describe_versions(call: Call<'_>) -> Result<Value, ApiError> {
    let project = call.model.project(call.required("ProjectArn"))?;
    let Call { model, request, .. } = &call;
    let names = names_of(request, "VersionNames");
    let shown: Vec<Value> = model
        .versions
        .values()
        .rev()
        .filter(|version| version.project_id == project.id)
        .filter(|version| {
            names
                .as_ref()
                .is_none_or(|names| names.contains(&version.name.as_str()))
        })
        .map(|version| describe_version(version, &project.feature))
        .collect();
    let scope = format!("versions/{}", project.id);
    page(request, &scope, "ProjectVersionDescriptions", &shown)
}

fn describe_version(version: &Version, feature: &str) -> Value {
    let mut output = json!({});
    put(&mut output, "S3Bucket", version.output_bucket.as_deref());
    put(&mut output, "S3KeyPrefix", version.output_prefix.as_deref());
    let mut answer = json!({
        "ProjectVersionArn": version.arn,
        "CreationTimestamp": seconds(version.created),
        "Status": version.status,
        "StatusMessage": version.message,
        "OutputConfig": output,
        "Feature": feature,
    });
    put(
        &mut answer,
        "VersionDescription",
        version.description.as_deref(),
    );
    put(&mut answer, "KmsKeyId", version.kms_key.as_deref());
    put(&mut answer, "MinInferenceUnits", version.min_units);
    put(&mut answer, "MaxInferenceUnits", version.max_units);
    put(
        &mut answer,
        "TrainingEndTimestamp",
        version.training_ended.map(seconds),
    );
    put(
        &mut answer,
        "BillableTrainingTimeInSeconds",
        version
            .training_ended
            .map(|ended| ended.saturating_sub(version.created).div_ceil(1000)),
    );
    answer
}

pub(crate) fn detect_custom_labels(call: Call<'_>) -> Result<Value, ApiError> {
    let Call { model, request, .. } = call;
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
    let version = model.version(text("/ProjectVersionArn").unwrap_or_default())?;
    if version.status != "RUNNING" {
        return Err(ApiError::not_ready(format!(
            "The model version is {}, not RUNNING.",
            version.status
        )));
    }
    let source_ref = match (
        text("/Image/Bytes"),
        text("/Image/S3Object/Bucket"),
        text("/Image/S3Object/Name"),
    ) {
        (Some(_), None, None) => {
            check_image(&blob(request.pointer("/Image/Bytes"))?)?;
            None
        }
        (None, Some(bucket), Some(name)) => Some(format!("s3://{bucket}/{name}")),
        _ => {
            return Err(ApiError::invalid_parameter(
                "Image needs either Bytes or S3Object with Bucket and Name.",
            ));
        }
    };
    let min_confidence = request
        .get("MinConfidence")
        .and_then(Value::as_f64)
        .unwrap_or(0.0);
    let n_max = request
        .get("MaxResults")
        .and_then(Value::as_u64)
        .and_then(|n| usize::try_from(n).ok());
    let entry = source_ref.and_then(|source_ref| {
        model
            .datasets_of(version.project_id)
            .find_map(|dataset| dataset.entries.get(&source_ref))
    });
    let labels = entry.map_or_else(Vec::new, |entry| {
        detect::labels_of(&entry.line, min_confidence, n_max)
    });
    Ok(json!({"CustomLabels": labels}))
}

fn check_image(bytes: &[u8]) -> Result<(), ApiError> {
    if bytes.len() > IMAGE_BYTES_MAX {
        return Err(ApiError::new(
            "ImageTooLargeException",
            format!("The image has more than {IMAGE_BYTES_MAX} bytes."),
        ));
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") || bytes.starts_with(b"\xff\xd8\xff") {
        return Ok(());
    }
    Err(ApiError::new(
        "InvalidImageFormatException",
        "The image is neither PNG nor JPEG.",
    ))
}
