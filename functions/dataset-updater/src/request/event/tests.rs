//! Events of all shapes.

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
        Ok(Delivery::Manifests(asked)) => Ok(asked.into_iter().map(name).collect()),
        Ok(Delivery::Queue(_)) => Err("queue"),
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
            Ok(Delivery::Manifests(asked)) => Vec::from_iter(
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
    let other = message(json!({"source": "aws.ec2", "detail-type": "State Change", "detail": {}}));
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
    assert_eq!(
        keys(&sns(std::slice::from_ref(&own))),
        Ok(vec![KEY.to_owned()])
    );
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
    let event = json!({"manifest": "s3://bkt/any/place.manifest", "labelAttributeName": "animal"});
    let request = Request {
        bucket: "bkt".to_owned(),
        key: "any/place.manifest".to_owned(),
        label_attribute: Some("animal".to_owned()),
        ..Request::default()
    };
    let expected = Delivery::Manifests(vec![Asked::Update(request)]);
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
    let Ok(Delivery::Queue(messages)) = parse(&event, &WANTED) else {
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
        include_str!("../../../../../events/dataset-updater-s3.json"),
        include_str!("../../../../../events/dataset-updater-eventbridge.json"),
    ] {
        assert_eq!(keys(text), Ok(vec![key.to_owned()]));
    }
    let text = include_str!("../../../../../events/dataset-updater-s3-test.json");
    assert_eq!(parse(text), Delivery::Manifests(vec![]));
    let text = include_str!("../../../../../events/dataset-updater-direct.json");
    let Delivery::Manifests(asked) = parse(text) else {
        panic!("a queue");
    };
    let [Asked::Update(request)] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(request.label_attribute.as_deref(), Some("bird"));
    let text = include_str!("../../../../../events/dataset-updater-sqs.json");
    assert!(
        matches!(parse(text), Delivery::Queue(messages) if messages.len() == 3 && messages.iter().all(|message| message.asked.is_ok()))
    );
}
