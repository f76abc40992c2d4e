//! Which manifests an event is about.
//!
//! Understood: S3 notifications, EventBridge "Object Created", either of them in the bodies of SQS messages, and a
//! direct `{"manifest": "s3://…", "labelAttributeName": "…"}`. S3's test event is understood and asks for nothing.
//!
//! What this module does not do: look at the objects.

use aws_lambda_events::event::s3::S3Entity;
use aws_lambda_events::event::sqs::SqsMessage;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use crate::place::is_report_key;

/// Key ending of a finished job's output. Source: Ground Truth output data, "Output directories".
pub const MANIFEST_SUFFIX: &str = "/manifests/output/output.manifest";

/// What an event asks for.
#[derive(Debug, PartialEq)]
pub enum Invocation {
    /// Manifests; an error is the invocation's.
    Manifests(Vec<Request>),
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
    pub requests: Result<Vec<Request>, EventError>,
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
    /// The event tells of one of this function's own files, which is no manifest to update from.
    pub is_own_file: bool,
}

/// Why an event can't be understood.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EventError {
    /// Not a shape that this function knows.
    #[error(
        "the event is neither an S3 notification, an EventBridge event, an SQS batch nor {{\"manifest\": \"s3://…\"}}: {reason}"
    )]
    Unknown {
        /// What was looked for and not found.
        reason: String,
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
            Self::Manifest { .. } => "Event.Manifest",
            Self::Record { .. } => "Event.Record",
            Self::Body { .. } => "Event.Body",
        }
    }
}

/// Parses an event. Keys that don't end with `suffix` are left out, and our own reports are marked; a direct request is
/// always kept.
///
/// # Errors
///
/// [`EventError::Unknown`] for another shape; the others for a known shape with parts missing.
pub fn parse(event: &Value, suffix: &str) -> Result<Invocation, EventError> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return parse_requests(event, suffix).map(Invocation::Manifests);
    };
    let is_queue = records.iter().any(|record| {
        record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs")
            || (record.get("body").is_some() && record.get("messageId").is_some())
    });
    if !is_queue {
        return parse_requests(event, suffix).map(Invocation::Manifests);
    }
    let messages = records.iter().enumerate();
    let messages = messages.map(|(record_idx, record)| message(record_idx, record, suffix));
    messages.collect::<Result<_, _>>().map(Invocation::Queue)
}

fn message(record_idx: usize, record: &Value, suffix: &str) -> Result<Message, EventError> {
    let missing = |missing| EventError::Record {
        record_idx,
        missing,
    };
    let message = SqsMessage::deserialize(record).map_err(|_| missing("message"))?;
    let requests = serde_json::from_str::<Value>(message.body.as_deref().unwrap_or_default())
        .map_err(|error| EventError::Body {
            reason: error.to_string(),
        })
        .and_then(|body| parse_requests(&body, suffix));
    Ok(Message {
        message_id: message.message_id.ok_or_else(|| missing("messageId"))?,
        n_receives: message
            .attributes
            .get("ApproximateReceiveCount")
            .and_then(|n| n.parse().ok())
            .unwrap_or(0),
        requests,
    })
}

fn parse_requests(event: &Value, suffix: &str) -> Result<Vec<Request>, EventError> {
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if let Some(manifest) = event.get("manifest") {
        return direct(event, manifest).map(|request| vec![request]);
    }
    if let Some(detail) = event.get("detail") {
        return Ok(of_suffix(vec![event_bridge(detail)?], suffix));
    }
    if let Some(records) = event.get("Records").and_then(Value::as_array) {
        let mut requests = Vec::new();
        for (record_idx, record) in records.iter().enumerate() {
            let name = record.get("eventName").and_then(Value::as_str);
            if name.is_some_and(|name| !is_created(name)) {
                continue;
            }
            requests.push(notification(record_idx, record)?);
        }
        return Ok(of_suffix(requests, suffix));
    }
    // A notification that was sent through SNS first.
    if let Some(text) = event.get("Message").and_then(Value::as_str) {
        let inner: Value = serde_json::from_str(text).map_err(|error| EventError::Body {
            reason: error.to_string(),
        })?;
        if inner.get("Message").is_none() {
            return parse_requests(&inner, suffix);
        }
    }
    Err(EventError::Unknown {
        reason: "it has none of \"Records\", \"detail\" and \"manifest\"".to_owned(),
    })
}

/// The requests for keys that end with `suffix`; of those, our own files are marked.
fn of_suffix(mut requests: Vec<Request>, suffix: &str) -> Vec<Request> {
    requests.retain(|request| request.key.ends_with(suffix));
    for request in &mut requests {
        request.is_own_file = is_report_key(&request.key);
    }
    requests
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
fn event_bridge(detail: &Value) -> Result<Request, EventError> {
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

    fn keys(event: &Value) -> Result<Vec<String>, &'static str> {
        match parse(event, MANIFEST_SUFFIX) {
            Ok(Invocation::Manifests(requests)) => {
                Ok(requests.into_iter().map(|request| request.key).collect())
            }
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
    fn own_files_are_marked_and_jobs_named_as_this_function_are_manifests() {
        let marks = |event: &Value, suffix| match parse(event, suffix) {
            Ok(Invocation::Manifests(requests)) => {
                Vec::from_iter(requests.into_iter().map(|request| request.is_own_file))
            }
            other => panic!("{other:?}"),
        };
        for (key, suffix, expected) in [
            (KEY, MANIFEST_SUFFIX, vec![false]),
            (
                "dataset-updater/manifests/output/output.manifest",
                MANIFEST_SUFFIX,
                vec![false],
            ),
            (
                "dataset-updater/x/manifests/output/output.manifest",
                MANIFEST_SUFFIX,
                vec![false],
            ),
            (
                "out/job/dataset-updater/entries.manifest",
                ".manifest",
                vec![true],
            ),
            ("out/job/dataset-updater/report.json", ".manifest", vec![]),
        ] {
            assert_eq!(marks(&s3(key), suffix), expected, "{key}");
            assert_eq!(marks(&event_bridge(key), suffix), expected, "{key}");
        }
        let direct = json!({"manifest": "s3://bkt/a/dataset-updater/entries.manifest"});
        assert_eq!(marks(&direct, MANIFEST_SUFFIX), [false]);
    }

    #[test]
    fn other_events_of_a_bucket_ask_for_nothing() {
        let mut removed = s3(KEY);
        removed["Records"][0]["eventName"] = json!("ObjectRemoved:Delete");
        assert_eq!(keys(&removed), Ok(vec![]));
        assert_eq!(
            keys(&json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})),
            Ok(vec![])
        );
        assert_eq!(keys(&json!({"Records": []})), Ok(vec![]));
    }

    #[test]
    fn direct_requests() {
        let Ok(Invocation::Manifests(requests)) = parse(
            &json!({"manifest": "s3://bkt/any/place.manifest", "labelAttributeName": "animal"}),
            MANIFEST_SUFFIX,
        ) else {
            panic!("not understood");
        };
        assert_eq!(requests[0].key, "any/place.manifest");
        assert_eq!(requests[0].label_attribute.as_deref(), Some("animal"));
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
        let Ok(Invocation::Queue(messages)) = parse(&event, MANIFEST_SUFFIX) else {
            panic!("not a queue");
        };
        let found: Vec<_> = messages
            .iter()
            .map(|message| {
                message
                    .requests
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
        let parse = |text| parse(&serde_json::from_str(text).unwrap(), MANIFEST_SUFFIX).unwrap();
        let key = "output/my birds (1)/manifests/output/output.manifest";
        for text in [
            include_str!("../../../events/dataset-updater-s3.json"),
            include_str!("../../../events/dataset-updater-eventbridge.json"),
        ] {
            let Invocation::Manifests(requests) = parse(text) else {
                panic!("a queue");
            };
            assert_eq!((requests.len(), requests[0].key.as_str()), (1, key));
        }
        let text = include_str!("../../../events/dataset-updater-s3-test.json");
        assert_eq!(parse(text), Invocation::Manifests(vec![]));
        let text = include_str!("../../../events/dataset-updater-direct.json");
        assert!(
            matches!(parse(text), Invocation::Manifests(requests) if requests[0].label_attribute.as_deref() == Some("bird"))
        );
        let text = include_str!("../../../events/dataset-updater-sqs.json");
        assert!(
            matches!(parse(text), Invocation::Queue(messages) if messages.len() == 3 && messages.iter().all(|message| message.requests.is_ok()))
        );
    }
}
