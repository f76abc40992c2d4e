//! The real binary over the Runtime API.

#[path = "../../annotation-consolidation/tests/support/mod.rs"]
mod support;

use serde_json::json;
use support::Function;

const IMAGE: &str = include_str!("../../../events/pre-annotation-image.json");
const ADJUSTMENT: &str = include_str!("../../../events/pre-annotation-adjustment.json");
const TEXT: &str = include_str!("../../../events/pre-annotation-text.json");
const NO_DATA_OBJECT: &str = include_str!("../../../events/pre-annotation-no-data-object.json");

fn start(variables: &[(&str, &str)], objects: &[(&str, &[u8])]) -> Function {
    Function::start(env!("CARGO_BIN_EXE_pre-annotation"), variables, objects)
}

#[test]
fn good_after_bad() {
    let mut function = start(&[("LABEL_CATEGORIES", "Duck, Owl")], &[]);
    assert_eq!(
        function.error_type(NO_DATA_OBJECT),
        "Request.MissingDataObject"
    );
    assert_eq!(function.error_type("7"), "Request.NotAnObject");
    let (kind, answer) = function.invoke(IMAGE);
    assert_eq!(kind, "response");
    let expected = json!({
        "taskInput": {
            "taskObject": "s3://amzn-s3-demo-bucket/images/bird 1.jpg",
            "labels": ["Duck", "Owl"],
            "manifestLine": {"source-ref": "s3://amzn-s3-demo-bucket/images/bird 1.jpg"},
        },
        "isHumanAnnotationRequired": true,
    });
    assert_eq!(answer, expected);
    assert_eq!(
        function.invoke(TEXT).1["taskInput"]["taskObject"],
        "a text to label"
    );
    let odd = r#"{"dataObject":7}"#;
    assert_eq!(function.invoke(odd).1["isHumanAnnotationRequired"], true);
}

#[test]
fn every_line_of_the_log_says_whose_it_is() {
    let mut function = start(&[], &[]);
    assert_eq!(
        function.error_type(NO_DATA_OBJECT),
        "Request.MissingDataObject"
    );
    let odd = r#"{"labelingJobArn":"arn:aws:sagemaker:us-east-1:123456789012:labeling-job/birds","dataObject":7}"#;
    assert_eq!(function.invoke(odd).0, "response");
    let lines = function.log();
    // The first request names no job; the runtime tells of its error, too.
    let jobs = Vec::from_iter(lines.iter().map(|line| line.get("job_name").is_some()));
    assert_eq!(jobs.first(), Some(&false), "{lines:?}");
    assert_eq!(jobs.last(), Some(&true), "{lines:?}");
    for line in &lines {
        assert_eq!(line.get("function_name"), Some(&json!("f")), "{line}");
        assert_eq!(line.get("function_request_id"), Some(&json!("1")), "{line}");
    }
}

#[test]
fn boxes_to_adjust() {
    let mut function = start(&[], &[]);
    let (_, answer) = function.invoke(ADJUSTMENT);
    let expected = json!([
        {"label": "dog", "left": 111.0, "top": 134.0, "width": 61.0, "height": 128.0},
        {"label": "bone", "left": 161.0, "top": 250.0, "width": 30.0, "height": 30.0},
    ]);
    assert_eq!(answer["taskInput"]["initialValue"], expected);
}

#[test]
fn label_category_file() {
    let file: &[u8] =
        br#"{"document-version":"2018-11-28","labels":[{"label":"Swan"},{"label":"Duck"}]}"#;
    let variables = [("LABEL_CATEGORIES_S3_URI", "s3://bkt/categories.json")];
    let mut function = start(&variables, &[("/bkt/categories.json", file)]);
    for _ in 0..2 {
        let (_, answer) = function.invoke(IMAGE);
        assert_eq!(answer["taskInput"]["labels"], json!(["Swan", "Duck"]));
    }
    let reads = function.reads.lock().unwrap();
    assert_eq!(reads.len(), 1, "kept for the process: {reads:?}");
}

#[test]
fn a_category_file_that_cannot_be_read_is_named_and_tried_again() {
    for (uri, expected) in [
        (
            "s3://bkt/missing.json",
            "s3://bkt/missing.json does not exist",
        ),
        ("s3://bkt/denied.json", "denied"),
        ("s3://bkt/broken.json", "not valid JSON"),
        ("categories.json", "is not an s3:// URI"),
    ] {
        let mut function = start(
            &[("LABEL_CATEGORIES_S3_URI", uri)],
            &[("/bkt/broken.json", b"{")],
        );
        let (_, body) = function.invoke(IMAGE);
        let message = body["errorMessage"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(expected), "{uri}: {body}");
        assert_eq!(body["errorType"], "Setting.LABEL_CATEGORIES_S3_URI");
        let labels = br#"["a"]"#.to_vec();
        function
            .objects
            .lock()
            .unwrap()
            .insert("/bkt/missing.json".to_owned(), labels);
        let is_there_now = uri.ends_with("missing.json");
        assert_eq!(
            function.invoke(IMAGE).0 == "response",
            is_there_now,
            "{uri}"
        );
    }
}
