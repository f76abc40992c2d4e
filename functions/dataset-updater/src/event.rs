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

use crate::place::is_report_key;

mod job_state;

pub use job_state::JobsOutput;

/// Key ending of a finished job's output. Source: Ground Truth output data, "Output directories".
pub const MANIFEST_SUFFIX: &str = "/manifests/output/output.manifest";

/// Which events act.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'c> {
    /// Ending of the keys that are acted upon.
    pub suffix: &'c str,
    /// Where labeling jobs write, for events that don't tell.
    pub jobs_output: Option<&'c JobsOutput>,
}

/// What an event asks for.
#[derive(Debug, PartialEq)]
pub enum Invocation {
    /// What it tells of; an error is the invocation's.
    Manifests(Vec<Asked>),
    /// Messages of a queue; each one succeeds or fails by itself.
    Queue(Vec<Message>),
}

/// One message of a queue.
#[derive(Debug, PartialEq)]
pub struct Message {
    /// What SQS knows it by.
    pub message_id: String,
    /// Times that it was received, this one included; 0 when unknown.
    pub n_receives: u32,
    /// What it asks for.
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
        /// What the outcome is called.
        outcome: &'static str,
        /// Why.
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
        "the event tells that labeling job {job:?} is completed, but not where its output is: set JOBS_OUTPUT_S3_URI to the jobs' S3OutputPath, or trigger by S3's \"Object Created\" of the job's output.manifest, or send {{\"manifest\": \"s3://…/{job}/manifests/output/output.manifest\"}}"
    )]
    JobsOutputUnknown {
        /// The job's name, in lower case as in its ARN.
        job: String,
    },
    /// The direct request's manifest isn't an S3 URI.
    #[error("\"manifest\" of the event: {reason}")]
    Manifest {
        /// What is wrong with it.
        reason: String,
    },
    /// A record lacks the bucket or the key.
    #[error("record {record_idx} of the event has no usable {missing}")]
    Record {
        /// The record's index, zero-based.
        record_idx: usize,
        /// What it lacks.
        missing: &'static str,
    },
    /// A message's body isn't JSON.
    #[error("the body of the message is not JSON: {reason}")]
    Body {
        /// What the parser says.
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
pub fn parse(event: &Value, wanted: &Wanted<'_>) -> Result<Invocation, EventError> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return parse_one(event, wanted).map(Invocation::Manifests);
    };
    let is_queue = records.iter().any(|record| {
        record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs")
            || (record.get("body").is_some() && record.get("messageId").is_some())
    });
    if !is_queue {
        return parse_one(event, wanted).map(Invocation::Manifests);
    }
    let messages = records.iter().enumerate();
    let messages = messages.map(|(record_idx, record)| message(record_idx, record, wanted));
    messages.collect::<Result<_, _>>().map(Invocation::Queue)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "out/job/manifests/output/output.manifest";

    fn s3(key: &str) -> Value {
        json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "b"}, "object": {"key": key, "eTag": "e1"}}}]})
    }

    fn event_bridge(key: &str) -> Value {
        json!({"source": "aws.s3", "detail-type": "Object Created",
            "detail": {"bucket": {"name": "b"}, "object": {"key": key, "etag": "e1", "version-id": "v1"}}})
    }

    fn queue(bodies: &[String]) -> Value {
        let records = bodies.iter().enumerate().map(|(idx, body)| {
            json!({"messageId": format!("m{idx}"), "eventSource": "aws:sqs", "body": body,
                "attributes": {"ApproximateReceiveCount": "3"}})
        });
        json!({ "Records": records.collect::<Vec<_>>() })
    }

    const WANTED: Wanted<'static> = Wanted {
        suffix: MANIFEST_SUFFIX,
        jobs_output: None,
    };

    /// Keys, or outcomes of what asks for nothing.
    fn keys(event: &Value) -> Result<Vec<String>, &'static str> {
        let name = |asked| match asked {
            Asked::Update(request) => request.key,
            Asked::Nothing { outcome, .. } => outcome.to_owned(),
        };
        match parse(event, &WANTED) {
            Ok(Invocation::Manifests(asked)) => Ok(asked.into_iter().map(name).collect()),
            Ok(Invocation::Queue(_)) => Err("queue"),
            Err(error) => Err(error.code()),
        }
    }

    #[test]
    fn keys_are_decoded_where_the_event_encodes_them() {
        for (encoded, decoded) in [
            ("a+b", "a b"),
            ("a%20b", "a b"),
            ("a%2Bb", "a+b"),
            ("a%2520b", "a%20b"),
            ("%C3%A9%2F%F0%9F%90%A6", "é/🐦"),
            ("my+file+%281%29", "my file (1)"),
            ("100%", "100%"),
        ] {
            assert_eq!(
                keys(&s3(&format!("{encoded}{MANIFEST_SUFFIX}"))),
                Ok(vec![format!("{decoded}{MANIFEST_SUFFIX}")])
            );
            let plain = format!("{encoded}{MANIFEST_SUFFIX}");
            assert_eq!(keys(&event_bridge(&plain)), Ok(vec![plain]));
        }
        assert_eq!(keys(&s3("%FF/output.manifest")), Err("Event.Record"));
    }

    #[test]
    fn only_finished_manifests_act() {
        assert_eq!(keys(&s3(KEY)), Ok(vec![KEY.to_owned()]));
        for key in [
            "out/job/manifests/intermediate/1/output.manifest",
            "manifests/output/output.manifest",
            "out/job/manifests/output/output.manifest.bak",
            "out/job/dataset-updater/entries.manifest",
        ] {
            assert_eq!(keys(&s3(key)), Ok(vec![]), "{key}");
            assert_eq!(keys(&event_bridge(key)), Ok(vec![]), "{key}");
        }
    }

    #[test]
    fn own_files_ask_for_nothing_and_jobs_named_as_this_function_are_manifests() {
        let ask = |event: &Value, suffix| {
            let wanted = Wanted { suffix, ..WANTED };
            match parse(event, &wanted) {
                Ok(Invocation::Manifests(asked)) => Vec::from_iter(
                    asked
                        .into_iter()
                        .map(|asked| matches!(asked, Asked::Update(_))),
                ),
                other => panic!("{other:?}"),
            }
        };
        for (key, suffix, expected) in [
            (KEY, MANIFEST_SUFFIX, vec![true]),
            (
                "dataset-updater/manifests/output/output.manifest",
                MANIFEST_SUFFIX,
                vec![true],
            ),
            (
                "dataset-updater/x/manifests/output/output.manifest",
                MANIFEST_SUFFIX,
                vec![true],
            ),
            (
                "out/job/dataset-updater/entries.manifest",
                ".manifest",
                vec![false],
            ),
            ("out/job/dataset-updater/report.json", ".manifest", vec![]),
        ] {
            assert_eq!(ask(&s3(key), suffix), expected, "{key}");
            assert_eq!(ask(&event_bridge(key), suffix), expected, "{key}");
        }
        let direct = json!({"manifest": "s3://bkt/a/dataset-updater/entries.manifest"});
        assert_eq!(ask(&direct, MANIFEST_SUFFIX), [true]);
    }

    #[test]
    fn what_came_is_named_when_it_is_not_what_is_wanted() {
        let message = |event: Value| parse(&event, &WANTED).unwrap_err().to_string();
        let other =
            message(json!({"source": "aws.ec2", "detail-type": "State Change", "detail": {}}));
        for part in [
            r#"source "aws.ec2" with detail-type "State Change";"#,
            r#""Object Created" from source "aws.s3""#,
            r#"{"manifest": "s3://…"}"#,
        ] {
            assert!(other.contains(part), "{other}");
        }
        let long = message(json!({"source": "x".repeat(1000), "detail-type": "y", "detail": {}}));
        assert!(long.len() < 500, "{long}");
        assert!(message(json!({"hello": 1})).contains(r#"has none of "Records""#));
    }

    #[test]
    fn through_sns_to_this_function_as_through_sns_and_a_queue() {
        let sns = |messages: &[String]| {
            let records = messages.iter().map(|message| {
                json!({"EventSource": "aws:sns", "EventVersion": "1.0",
                    "Sns": {"Type": "Notification", "Message": message}})
            });
            json!({ "Records": records.collect::<Vec<_>>() })
        };
        let (own, other) = (s3(KEY).to_string(), event_bridge(KEY).to_string());
        assert_eq!(keys(&sns(&[own.clone()])), Ok(vec![KEY.to_owned()]));
        assert_eq!(
            keys(&sns(&[own.clone(), other])),
            Ok(vec![KEY.to_owned(); 2])
        );
        assert_eq!(
            keys(&sns(&["{\"Event\":\"s3:TestEvent\"}".to_owned()])),
            Ok(vec![])
        );
        assert_eq!(keys(&sns(&["no JSON".to_owned()])), Err("Event.Body"));
        let twice = sns(&[sns(&[own]).to_string()]);
        assert_eq!(keys(&twice), Err("Event.Unknown"));
    }

    #[test]
    fn other_events_of_a_bucket_ask_for_nothing() {
        let mut removed = s3(KEY);
        removed["Records"][0]["eventName"] = json!("ObjectRemoved:Delete");
        assert_eq!(keys(&removed), Ok(vec![]));
        let mut deleted = event_bridge(KEY);
        deleted["detail-type"] = json!("Object Deleted");
        assert_eq!(keys(&deleted), Ok(vec![]));
        assert_eq!(
            keys(&json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})),
            Ok(vec![])
        );
        assert_eq!(keys(&json!({"Records": []})), Ok(vec![]));
    }

    #[test]
    fn direct_requests() {
        let event =
            json!({"manifest": "s3://bkt/any/place.manifest", "labelAttributeName": "animal"});
        let request = Request {
            bucket: "bkt".to_owned(),
            key: "any/place.manifest".to_owned(),
            label_attribute: Some("animal".to_owned()),
            ..Request::default()
        };
        let expected = Invocation::Manifests(vec![Asked::Update(request)]);
        assert_eq!(parse(&event, &WANTED), Ok(expected));
        assert_eq!(keys(&json!({"manifest": "bkt/any"})), Err("Event.Manifest"));
        assert_eq!(keys(&json!({"manifest": 7})), Err("Event.Manifest"));
    }

    #[test]
    fn unknown_shapes() {
        for event in [
            json!({}),
            json!(null),
            json!([]),
            json!("text"),
            json!({"Message": "{\"Message\": \"{}\"}"}),
        ] {
            assert_eq!(keys(&event), Err("Event.Unknown"), "{event}");
        }
        assert_eq!(
            keys(&json!({"Records": [{"eventSource": "aws:s3"}]})),
            Err("Event.Record")
        );
        assert_eq!(keys(&json!({"detail": {}})), Err("Event.Record"));
    }

    #[test]
    fn messages_of_a_queue_are_judged_one_by_one() {
        let event = queue(&[
            s3(KEY).to_string(),
            event_bridge(KEY).to_string(),
            json!({"Event": "s3:TestEvent"}).to_string(),
            "not json".to_owned(),
            json!({"Type": "Notification", "Message": s3(KEY).to_string()}).to_string(),
        ]);
        let Ok(Invocation::Queue(messages)) = parse(&event, &WANTED) else {
            panic!("not a queue");
        };
        let found: Vec<_> = messages
            .iter()
            .map(|message| {
                message
                    .asked
                    .as_ref()
                    .map(Vec::len)
                    .map_err(EventError::code)
            })
            .collect();
        assert_eq!(found, [Ok(1), Ok(1), Ok(0), Err("Event.Body"), Ok(1)]);
        assert_eq!(messages[4].message_id, "m4");
        assert_eq!(messages[0].n_receives, 3);
    }

    #[test]
    fn the_payloads_in_events() {
        let parse = |text| parse(&serde_json::from_str(text).unwrap(), &WANTED).unwrap();
        let keys = |text| keys(&serde_json::from_str(text).unwrap());
        let key = "output/my birds (1)/manifests/output/output.manifest";
        for text in [
            include_str!("../../../events/dataset-updater-s3.json"),
            include_str!("../../../events/dataset-updater-eventbridge.json"),
        ] {
            assert_eq!(keys(text), Ok(vec![key.to_owned()]));
        }
        let text = include_str!("../../../events/dataset-updater-s3-test.json");
        assert_eq!(parse(text), Invocation::Manifests(vec![]));
        let text = include_str!("../../../events/dataset-updater-direct.json");
        let Invocation::Manifests(asked) = parse(text) else {
            panic!("a queue");
        };
        let [Asked::Update(request)] = asked.as_slice() else {
            panic!("{asked:?}");
        };
        assert_eq!(request.label_attribute.as_deref(), Some("bird"));
        let text = include_str!("../../../events/dataset-updater-sqs.json");
        assert!(
            matches!(parse(text), Invocation::Queue(messages) if messages.len() == 3 && messages.iter().all(|message| message.asked.is_ok()))
        );
    }
}
