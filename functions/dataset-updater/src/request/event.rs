//! Which manifests an event is about.
//!
//! Understood: S3 notifications, EventBridge "Object Created", either of them through SNS and in the bodies of SQS
//! messages, a labeling job's change of state, and a direct `{"manifest": "s3://…", "labelAttributeName": "…"}`. S3's test
//! event is understood and asks for nothing.
//!
//! What this module does not do: look at the objects.

use aws_lambda_events::event::s3::S3Entity;
use aws_lambda_events::event::sqs::SqsMessage;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use crate::request::place::is_report_key;

mod job_state;
#[cfg(test)]
mod tests;

pub use job_state::JobsOutput;

/// Key ending of a finished job's output. Source: Ground Truth output data, "Output directories".
pub const MANIFEST_SUFFIX: &str = labeling::job::layout::OUTPUT_MANIFEST_SUFFIX;

/// The events that lead to an update.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'c> {
    /// Ending of the keys that are acted upon.
    pub suffix: &'c str,
    /// Where labeling jobs write, for events that don't tell.
    pub jobs_output: Option<&'c JobsOutput>,
}

/// The manifests or messages that an event brings.
#[derive(Debug, PartialEq)]
pub enum Delivery {
    /// What it tells of; an error is the invocation's.
    Manifests(Vec<Asked>),
    /// Messages of a queue; each one succeeds or fails by itself.
    Queue(Vec<Message>),
}

/// One message of a queue.
#[derive(Debug, PartialEq)]
pub struct Message {
    /// The message's id in SQS.
    pub message_id: String,
    /// Times that it was received, this one included; 0 when unknown.
    pub n_receives: u32,
    /// The updates that the message's body asks for.
    pub asked: Result<Vec<Asked>, EventError>,
}

/// What one event of an object or a job asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// An update from a manifest.
    Update(Request),
    /// Nothing, and somebody may wonder why.
    Nothing {
        /// The object's S3 URI, or the job's ARN.
        about: String,
        /// Name of the outcome in log and answer.
        outcome: &'static str,
        /// Reason for doing nothing.
        reason: String,
    },
}

/// One manifest to update datasets from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The manifest's bucket.
    pub bucket: String,
    /// The manifest's key, decoded.
    pub key: String,
    /// The entity tag of the version that the event tells of.
    pub e_tag: Option<String>,
    /// The version that the event tells of, in a bucket with versioning.
    pub version_id: Option<String>,
    /// The label attribute to use, by a direct request.
    pub label_attribute: Option<String>,
}

/// Why an event can't be understood.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EventError {
    /// Not a shape that this function knows.
    #[error(
        "the event {came}; wanted are \"Object Created\" from source \"aws.s3\", an S3 notification (either also through SNS or SQS), or {{\"manifest\": \"s3://…\"}}"
    )]
    Unknown {
        /// What came instead: fits after "the event".
        came: String,
    },
    /// A job is done, and nothing says where its output is.
    #[error(
        "the event tells that labeling job {job:?} is completed, but not where its output is: set JOBS_OUTPUT_S3_URI to the jobs' S3OutputPath, or trigger by S3's \"Object Created\" of the job's output.manifest, or send {{\"manifest\": \"s3://…/{job}{MANIFEST_SUFFIX}\"}}"
    )]
    JobsOutputUnknown {
        /// The job's name, in lower case as in its ARN.
        job: String,
    },
    /// The direct request's manifest isn't an S3 URI.
    #[error("\"manifest\" of the event: {reason}")]
    Manifest {
        /// The fault that was found.
        reason: String,
    },
    /// A record lacks the bucket or the key.
    #[error("record {record_idx} of the event has no usable {missing}")]
    Record {
        /// The record's index, zero-based.
        record_idx: usize,
        /// Name of the part that is missing.
        missing: &'static str,
    },
    /// A message's body isn't JSON.
    #[error("the body of the message is not JSON: {reason}")]
    Body {
        /// Message of the JSON parser.
        reason: String,
    },
}

impl EventError {
    /// A stable name, for logs and error types.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "Event.Unknown",
            Self::JobsOutputUnknown { .. } => "Event.JobsOutputUnknown",
            Self::Manifest { .. } => "Event.Manifest",
            Self::Record { .. } => "Event.Record",
            Self::Body { .. } => "Event.Body",
        }
    }
}

/// Parses an event. Keys that don't end with the suffix are left out; our own files ask for nothing; a direct request
/// always acts.
///
/// # Errors
///
/// [`EventError::Unknown`] for another shape; the others for a known shape with parts missing.
pub fn parse(event: &Value, wanted: &Wanted<'_>) -> Result<Delivery, EventError> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return parse_one(event, wanted).map(Delivery::Manifests);
    };
    let is_queue = records.iter().any(|record| {
        record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs")
            || (record.get("body").is_some() && record.get("messageId").is_some())
    });
    if !is_queue {
        return parse_one(event, wanted).map(Delivery::Manifests);
    }
    let messages = records.iter().enumerate();
    let messages = messages.map(|(record_idx, record)| message(record_idx, record, wanted));
    messages.collect::<Result<_, _>>().map(Delivery::Queue)
}

fn message(record_idx: usize, record: &Value, wanted: &Wanted<'_>) -> Result<Message, EventError> {
    let missing = |missing| EventError::Record {
        record_idx,
        missing,
    };
    let message = SqsMessage::deserialize(record).map_err(|_| missing("message"))?;
    let body = parse_text(message.body.as_deref().unwrap_or_default());
    let asked = body.and_then(|body| parse_one(&body, wanted));
    Ok(Message {
        message_id: message.message_id.ok_or_else(|| missing("messageId"))?,
        n_receives: message
            .attributes
            .get("ApproximateReceiveCount")
            .and_then(|n| n.parse().ok())
            .unwrap_or(0),
        asked,
    })
}

fn parse_text(text: &str) -> Result<Value, EventError> {
    serde_json::from_str(text).map_err(|error| EventError::Body {
        reason: error.to_string(),
    })
}

fn parse_one(event: &Value, wanted: &Wanted<'_>) -> Result<Vec<Asked>, EventError> {
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if let Some(manifest) = event.get("manifest") {
        return direct(event, manifest).map(|request| vec![Asked::Update(request)]);
    }
    if event.get("detail").is_some() {
        return event_bridge(event, wanted);
    }
    if let Some(records) = event.get("Records").and_then(Value::as_array) {
        return of_records(records, wanted);
    }
    if let Some(text) = event.get("Message").and_then(Value::as_str) {
        return from_sns(text, wanted);
    }
    Err(EventError::Unknown {
        came: r#"has none of "Records", "detail" and "manifest""#.to_owned(),
    })
}

fn of_records(records: &[Value], wanted: &Wanted<'_>) -> Result<Vec<Asked>, EventError> {
    let mut asked = Vec::new();
    for (record_idx, record) in records.iter().enumerate() {
        if let Some(text) = record.pointer("/Sns/Message").and_then(Value::as_str) {
            asked.extend(from_sns(text, wanted)?);
            continue;
        }
        let name = record.get("eventName").and_then(Value::as_str);
        if name.is_none_or(is_created) {
            asked.extend(of_object(notification(record_idx, record)?, wanted));
        }
    }
    Ok(asked)
}

/// What was sent through SNS first; SNS in SNS is none of it.
fn from_sns(text: &str, wanted: &Wanted<'_>) -> Result<Vec<Asked>, EventError> {
    let inner = parse_text(text)?;
    if inner.get("Message").is_some() || inner.pointer("/Records/0/Sns").is_some() {
        return Err(EventError::Unknown {
            came: "is an SNS message in another one".to_owned(),
        });
    }
    parse_one(&inner, wanted)
}

/// What an object asks for; `None` when its key isn't a manifest's.
fn of_object(request: Request, wanted: &Wanted<'_>) -> Option<Asked> {
    if !request.key.ends_with(wanted.suffix) {
        return None;
    }
    if is_report_key(&request.key) {
        return Some(Asked::Nothing {
            about: format!("s3://{}/{}", request.bucket, request.key),
            outcome: "own-file",
            reason: "this function wrote it: it is no manifest to update from".to_owned(),
        });
    }
    Some(Asked::Update(request))
}

fn event_bridge(event: &Value, wanted: &Wanted<'_>) -> Result<Vec<Asked>, EventError> {
    let text = |key: &str| event.get(key).and_then(Value::as_str);
    let (source, detail_type) = (text("source"), text("detail-type"));
    let detail = event.get("detail").unwrap_or(&Value::Null);
    match (source, detail_type) {
        (_, Some(job_state::DETAIL_TYPE)) => {
            job_state::parse(event, wanted.jobs_output).map(|asked| vec![asked])
        }
        (None | Some("aws.s3"), None | Some("Object Created")) => {
            Ok(of_object(object_created(detail)?, wanted)
                .into_iter()
                .collect())
        }
        // Objects that are deleted, restored, tagged, …
        (Some("aws.s3"), Some(_)) => Ok(Vec::new()),
        _ => Err(EventError::Unknown {
            came: format!(
                "comes from source {:?} with detail-type {:?}",
                shown(source.unwrap_or_default()),
                shown(detail_type.unwrap_or_default())
            ),
        }),
    }
}

/// The first 100 characters of somebody else's text.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// `ObjectCreated:Put` in a message, `s3:ObjectCreated:*` in the configuration.
fn is_created(event_name: &str) -> bool {
    event_name
        .strip_prefix("s3:")
        .unwrap_or(event_name)
        .starts_with("ObjectCreated:")
}

fn direct(event: &Value, manifest: &Value) -> Result<Request, EventError> {
    let error = |reason: String| EventError::Manifest { reason };
    let text = manifest
        .as_str()
        .ok_or_else(|| error("it is not a string".to_owned()))?;
    let uri = aws::s3::ObjectUri::parse(text).map_err(|reason| error(reason.to_string()))?;
    Ok(Request {
        bucket: uri.bucket,
        key: uri.key,
        label_attribute: event
            .get("labelAttributeName")
            .and_then(Value::as_str)
            .map(str::to_owned),
        ..Request::default()
    })
}

/// EventBridge carries the key as it is.
fn object_created(detail: &Value) -> Result<Request, EventError> {
    let text = |pointer| {
        detail
            .pointer(pointer)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let missing = |missing| EventError::Record {
        record_idx: 0,
        missing,
    };
    Ok(Request {
        bucket: text("/bucket/name").ok_or_else(|| missing("bucket name"))?,
        key: text("/object/key").ok_or_else(|| missing("object key"))?,
        e_tag: text("/object/etag").map(|tag| tag.trim_matches('"').to_owned()),
        version_id: text("/object/version-id"),
        ..Request::default()
    })
}

/// An S3 notification carries the key form-encoded. Of the record only the part about S3 is looked at, since
/// the others are required by the library's type and missing in many a hand-made event.
fn notification(record_idx: usize, record: &Value) -> Result<Request, EventError> {
    let missing = |missing| EventError::Record {
        record_idx,
        missing,
    };
    let entity = record.get("s3").ok_or_else(|| missing("\"s3\""))?;
    let entity = S3Entity::deserialize(entity).map_err(|_| missing("\"s3\""))?;
    let key = entity.object.key.filter(|key| !key.is_empty());
    Ok(Request {
        bucket: entity
            .bucket
            .name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| missing("bucket name"))?,
        key: decode_key(&key.ok_or_else(|| missing("object key"))?)
            .ok_or_else(|| missing("object key (it is not UTF-8)"))?,
        e_tag: entity.object.e_tag,
        version_id: entity.object.version_id,
        ..Request::default()
    })
}

/// Decodes a form-encoded key: `+` is a space, then `%XX` is a byte. `None` when the bytes aren't UTF-8.
fn decode_key(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}
