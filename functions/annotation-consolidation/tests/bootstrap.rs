//! The real binary over the Runtime API.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::Function;

const STORED: &str = include_str!("../../../events/annotation-consolidation-stored.json");
const INLINE: &str = include_str!("../../../events/annotation-consolidation-inline.json");
const NO_PAYLOAD: &str = include_str!("../../../events/annotation-consolidation-no-payload.json");
const FILE: &[u8] = include_bytes!("../../../events/annotation-file-single-label.json");

const JOB: &str = "/amzn-s3-demo-bucket/out/Birds-20211118T021255";

fn annotation_file() -> String {
    format!(
        "{JOB}/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"
    )
}

fn start(variables: &[(&str, &str)], objects: &[(&str, &[u8])]) -> Function {
    Function::start(
        env!("CARGO_BIN_EXE_annotation-consolidation"),
        variables,
        objects,
    )
}

fn label(answer: &(String, Value), idx: usize, attribute: &str) -> Value {
    assert_eq!(answer.0, "response", "{}", answer.1);
    answer.1[idx]["consolidatedAnnotation"]["content"][attribute].clone()
}

#[test]
fn good_after_bad() {
    let file = annotation_file();
    let mut function = start(&[("LABEL_CATEGORIES", "Duck,Owl")], &[(&file, FILE)]);
    assert_eq!(function.error_type(NO_PAYLOAD), "Request.MissingPayload");
    assert_eq!(function.error_type("[]"), "Request.NotAnObject");
    let denied = STORED.replace("/out/", "/denied/");
    assert_eq!(function.error_type(&denied), "S3.AccessDenied");
    let missing = STORED.replace("02:19:51", "00:00:00");
    assert_eq!(function.error_type(&missing), "S3.NotFound");
    let answer = function.invoke(STORED);
    assert_eq!(label(&answer, 0, "Birds-20211118T021255")["label"], 1);
    let answer = function.invoke(INLINE);
    assert_eq!(label(&answer, 0, "Birds")["metadata"]["class-name"], "Owl");
    assert!(label(&answer, 1, "Birds")["label"].is_null());
}

#[test]
fn every_line_of_the_log_says_whose_it_is() {
    let file = annotation_file();
    let mut function = start(&[], &[(&file, FILE)]);
    assert_eq!(function.error_type(NO_PAYLOAD), "Request.MissingPayload");
    assert_eq!(function.invoke(STORED).0, "response");
    let lines = function.log();
    assert!(lines.len() >= 2, "{lines:?}");
    assert_eq!(lines[0]["cold_start"], true);
    for line in &lines {
        assert_eq!(line["function_name"], "f", "{line}");
        assert_eq!(line["function_request_id"], "1", "{line}");
        assert!(line["cold_start"].is_boolean(), "{line}");
        assert!(
            line["level"].is_string() && line["timestamp"].is_string(),
            "{line}"
        );
    }
    let last = lines.last().unwrap();
    assert_eq!(last["message"], "batch consolidated");
    assert_eq!(last["cold_start"], false);
    assert!(!last["job_name"].as_str().unwrap().is_empty(), "{last}");
    let mut quiet = start(&[("LOG_LEVEL", "error")], &[(&file, FILE)]);
    assert_eq!(quiet.invoke(STORED).0, "response");
    assert_eq!(quiet.log(), Vec::<Value>::new());
}

#[test]
fn truncated_annotation_file() {
    let file = annotation_file();
    let mut function = start(&[], &[(&file, &FILE[..100])]);
    assert_eq!(function.error_type(STORED), "AnnotationFile.Json");
}

#[test]
fn buckets_that_are_not_allowed() {
    let file = annotation_file();
    let mut function = start(&[("ALLOWED_BUCKETS", "one, other")], &[(&file, FILE)]);
    assert_eq!(function.error_type(STORED), "Request.BucketNotAllowed");
    let mut function = start(
        &[("ALLOWED_BUCKETS", "one,amzn-s3-demo-bucket")],
        &[(&file, FILE)],
    );
    assert_eq!(function.invoke(STORED).0, "response");
}

#[test]
fn label_categories_of_the_job_itself() {
    let (file, categories) = (
        annotation_file(),
        format!("{JOB}/annotation-tool/data.json"),
    );
    let labels: &[u8] = br#"{"document-version":"2018-11-28","labels":[{"label":"Swan"},{"label":"Duck"},{"label":"Owl"}]}"#;
    let mut function = start(&[], &[(&file, FILE), (&categories, labels)]);
    assert_eq!(
        label(&function.invoke(STORED), 0, "Birds-20211118T021255")["label"],
        2
    );
}

#[test]
fn answers_stored_elsewhere() {
    let file = annotation_file();
    let stored = json!([{"datasetObjectId": "0", "annotations": [
        {"workerId": "a", "annotationData": {"s3Uri": "s3://amzn-s3-demo-bucket/answers/0.json"}},
        {"workerId": "b", "annotationData": {"s3Uri": "s3://another-bucket/answers/0.json"}},
        {"workerId": "c", "annotationData": {"s3uri": "s3://amzn-s3-demo-bucket/denied.json"}}]}]);
    let answer: &[u8] = br#"{"category":{"label":"Owl"}}"#;
    let duck: &[u8] = br#"{"category":{"label":"Duck"}}"#;
    let objects: &[(&str, &[u8])] = &[
        (&file, stored.to_string().leak().as_bytes()),
        ("/amzn-s3-demo-bucket/answers/0.json", answer),
        ("/another-bucket/answers/0.json", duck),
    ];
    let mut function = start(&[], objects);
    let answer = function.invoke(STORED);
    assert_eq!(
        label(&answer, 0, "Birds-20211118T021255")["metadata"]["class-name"],
        "Owl"
    );
}

#[test]
fn statistics_are_carried_and_repeating_a_batch_changes_nothing() {
    let file = annotation_file();
    let other = file.replace("02:19:51", "02:20:00");
    let mut function = start(&[], &[(&file, FILE), (&other, FILE)]);
    let folder = format!("{JOB}/annotations/consolidated-annotation/worker-statistics/");
    let kept = |function: &Function| {
        let objects = function.objects.lock().unwrap();
        objects
            .iter()
            .filter(|(path, _)| path.starts_with(&folder))
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect::<Vec<_>>()
    };
    let first = function.invoke(STORED);
    let after_first = kept(&function);
    assert_eq!(after_first.len(), 1);
    assert!(!String::from_utf8_lossy(&after_first[0].1).contains("private.us-west-2"));
    assert_eq!(function.invoke(STORED), first);
    assert_eq!(kept(&function), after_first);
    let second = function.invoke(&STORED.replace("02:19:51", "02:20:00"));
    let after_second = kept(&function);
    assert_eq!(after_second.len(), 2);
    assert_eq!(
        function.invoke(&STORED.replace("02:19:51", "02:20:00")),
        second
    );
    assert_eq!(kept(&function), after_second);
}

#[test]
fn unreadable_statistics_are_passed_over() {
    let file = annotation_file();
    let broken = format!("{JOB}/annotations/consolidated-annotation/worker-statistics/ab.json");
    let newer = format!("{JOB}/annotations/consolidated-annotation/worker-statistics/cd.json");
    let mut function = start(
        &[],
        &[
            (&file, FILE),
            (&broken, b"{"),
            (&newer, br#"{"version":99}"#),
        ],
    );
    assert_eq!(function.invoke(STORED).0, "response");
}

#[test]
fn many_batches_take_few_reads() {
    let file = annotation_file();
    let mut function = start(&[], &[]);
    let batch = |idx: u32| format!("{:02}:{:02}:{:02}", idx / 3_600, idx / 60 % 60, idx % 60);
    let mut n_reads = Vec::new();
    for idx in 0..300 {
        let path = file.replace("02:19:51", &batch(idx));
        function.objects.lock().unwrap().insert(path, FILE.to_vec());
        function.reads.lock().unwrap().clear();
        let (kind, _) = function.invoke(&STORED.replace("02:19:51", &batch(idx)));
        assert_eq!(kind, "response");
        let reads = function.reads.lock().unwrap();
        let of_statistics = reads
            .iter()
            .filter(|path| path.contains("/worker-statistics/"));
        n_reads.push(of_statistics.count());
    }
    assert_eq!(
        n_reads[..17],
        std::array::from_fn::<usize, 17, _>(|idx| idx)
    );
    // One of sixteen, then fifteen of sixteen and fifteen single ones, then one of them all.
    assert!(n_reads[18] < 4, "{n_reads:?}");
    assert!(n_reads.iter().all(|n| *n <= 33), "{n_reads:?}");
    assert!(n_reads[299] < 16, "{n_reads:?}");
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    for (name, value, expected) in [
        (
            "TASK_TYPE",
            "boxes",
            "TASK_TYPE: \"boxes\" is not a task type",
        ),
        (
            "WORKER_STATISTICS",
            "maybe",
            "WORKER_STATISTICS: \"maybe\" is not true or false",
        ),
        (
            "LABEL_CATEGORIES",
            "a,a",
            "LABEL_CATEGORIES: label category \"a\" stands twice",
        ),
        (
            "LABEL_CATEGORIES_S3_URI",
            "s3://bkt/denied.json",
            "LABEL_CATEGORIES_S3_URI: GetObject",
        ),
    ] {
        let mut function = start(&[(name, value)], &[]);
        let (_, body) = function.invoke(INLINE);
        let message = body["errorMessage"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(expected), "{name}: {body}");
        assert_eq!(body["errorType"], format!("Setting.{name}"));
    }
}
