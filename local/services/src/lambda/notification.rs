//! What S3 sends when an object was written, and how it is wrapped on its way to a function.
//!
//! Keys are form-encoded in an S3 notification (`+` for a space) and raw in an EventBridge event.
//! Source: S3 User Guide, "Event message structure" and "EventBridge event message structure".

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::ACCOUNT;
use crate::REGION;
use crate::s3::ObjectCreated;

/// What stays as it is in a notification's key, beside letters and digits; a space becomes `+`.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

/// The payload of a bucket's notification to a function or queue.
pub fn s3_event(created: &ObjectCreated, at: Timestamp) -> Value {
    let key = utf8_percent_encode(&created.key, KEY)
        .to_string()
        .replace(' ', "+");
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": format!("{at:.3}"),
        "eventName": created.event_name,
        "userIdentity": {"principalId": "AWS:gtcl"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "gtcl", "x-amz-id-2": "gtcl"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "gtcl",
            "bucket": {
                "name": created.bucket,
                "ownerIdentity": {"principalId": "gtcl"},
                "arn": format!("arn:aws:s3:::{}", created.bucket),
            },
            "object": {
                "key": key,
                "size": created.size,
                "eTag": created.etag,
                "sequencer": sequencer(at),
            },
        },
    }]})
}

/// The event that a bucket with EventBridge turned on sends.
pub fn event_bridge_event(created: &ObjectCreated, id: &str, at: Timestamp) -> Value {
    let reason = created
        .event_name
        .rsplit_once(':')
        .map_or("Put", |(_, kind)| kind);
    let reason = match reason {
        "Copy" => "CopyObject",
        "CompleteMultipartUpload" => "CompleteMultipartUpload",
        _ => "PutObject",
    };
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": format!("{at:.0}"),
        "region": REGION,
        "resources": [format!("arn:aws:s3:::{}", created.bucket)],
        "detail": {
            "version": "0",
            "bucket": {"name": created.bucket},
            "object": {
                "key": created.key,
                "size": created.size,
                "etag": created.etag,
                "sequencer": sequencer(at),
            },
            "request-id": "gtcl",
            "requester": ACCOUNT,
            "source-ip-address": "127.0.0.1",
            "reason": reason,
        },
    })
}

/// A batch of queue messages, as Lambda hands it to a function.
pub fn sqs_event(messages: &[SqsMessage<'_>]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.message_id,
                "receiptHandle": format!("{}#{}", message.message_id, message.n_receives),
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": message.n_receives.to_string(),
                    "SentTimestamp": message.sent.as_millisecond().to_string(),
                    "SenderId": ACCOUNT,
                    "ApproximateFirstReceiveTimestamp": message.sent.as_millisecond().to_string(),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", message.queue),
                "awsRegion": REGION,
            })
        })
        .collect();
    json!({ "Records": records })
}

/// One message of a queue.
#[derive(Clone, Copy, Debug)]
pub struct SqsMessage<'a> {
    /// The queue's name.
    pub queue: &'a str,
    /// Identifies the message; partial batch answers name it.
    pub message_id: &'a str,
    /// Text of the message.
    pub body: &'a str,
    /// How often it was received, this time included.
    pub n_receives: u32,
    /// When it was sent.
    pub sent: Timestamp,
}

/// Orders events of one key: hexadecimal, growing.
fn sequencer(at: Timestamp) -> String {
    format!("{:016X}", at.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(key: &str) -> ObjectCreated {
        ObjectCreated {
            bucket: "bkt".to_owned(),
            key: key.to_owned(),
            etag: "e".to_owned(),
            size: 3,
            event_name: "ObjectCreated:Put",
        }
    }

    #[test]
    fn keys() {
        for (key, encoded) in [
            ("a/b.json", "a/b.json"),
            ("a b", "a+b"),
            ("a+b", "a%2Bb"),
            ("2021-11-18_02:19:51", "2021-11-18_02%3A19%3A51"),
            ("ü", "%C3%BC"),
            ("100%", "100%25"),
        ] {
            let at = Timestamp::UNIX_EPOCH;
            let direct = s3_event(&created(key), at);
            assert_eq!(direct["Records"][0]["s3"]["object"]["key"], encoded);
            assert_eq!(
                direct["Records"][0]["eventTime"],
                "1970-01-01T00:00:00.000Z"
            );
            let bridged = event_bridge_event(&created(key), "id", at);
            assert_eq!(bridged["detail"]["object"]["key"], key);
            assert_eq!(bridged["time"], "1970-01-01T00:00:00Z");
        }
    }
}
