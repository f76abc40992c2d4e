//! Annotation files → consolidated annotations.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write;

use labeling::TaskType;
use labeling::consolidation::{AnnotationFile, Config, Outcome, Request, consolidate};
use labeling::statistics_file::Statistics;
use serde_json::{Value, json};

fn request(more: &str) -> Request {
    let event = format!(
        r#"{{"labelAttributeName":"Animal","payload":{{"s3Uri":"s3://bkt/Job/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"}}{more}}}"#
    );
    Request::parse(event.as_bytes()).unwrap()
}

fn outcome_with(categories: &str, objects: &[(&str, &[&str])], config: &Config) -> Outcome {
    let mut file = String::from("[");
    for (idx, (id, answers)) in objects.iter().enumerate() {
        let comma = if idx == 0 { "" } else { "," };
        let annotations: Vec<String> = answers
            .iter()
            .enumerate()
            .map(|(worker, content)| {
                let content = serde_json::to_string(content).unwrap();
                format!(r#"{{"workerId":"private.us-east-1.w{worker}","annotationData":{{"content":{content}}}}}"#)
            })
            .collect();
        write!(
            file,
            r#"{comma}{{"datasetObjectId":"{id}","annotations":[{}]}}"#,
            annotations.join(",")
        )
        .unwrap();
    }
    file.push(']');
    let request = request(&format!(r#","labelCategories":{categories}"#));
    let file = AnnotationFile::parse(file.as_bytes()).unwrap();
    consolidate(&request, &file, &Statistics::default(), config)
}

fn outcome(categories: &str, objects: &[(&str, &[&str])]) -> Outcome {
    outcome_with(categories, objects, &Config::default())
}

/// The label envelope of the n-th element.
fn envelope(outcome: &Outcome, idx: usize) -> Value {
    serde_json::from_str(outcome.response[idx].label.get()).unwrap()
}

fn failure(outcome: &Outcome, idx: usize) -> String {
    let envelope = envelope(outcome, idx);
    assert!(envelope["label"].is_null(), "{envelope}");
    envelope["metadata"]["failure-reason"]
        .as_str()
        .unwrap()
        .to_owned()
}

const OWL: &str = r#"{"crowd-image-classifier":{"label":"Owl"}}"#;
const DUCK: &str = r#"{"category":{"label":"Duck"}}"#;
const GOOSE: &str = r#"{"category":{"label":"Goose"}}"#;
const BIRDS: &str = r#"["Duck","Owl"]"#;

#[test]
fn one_element_for_each_object_in_the_files_order() {
    let outcome = outcome(
        BIRDS,
        &[("7", &[OWL, OWL, DUCK]), ("5", &["{}"]), ("2", &[])],
    );
    let answer = serde_json::to_value(&outcome.response).unwrap();
    assert_eq!(answer[0]["datasetObjectId"], "7");
    assert_eq!(
        answer[0]["consolidatedAnnotation"]["content"]["Animal"]["label"],
        1
    );
    assert_eq!(
        answer[0]["consolidatedAnnotation"]["content"]["Animal"]["metadata"]["class-name"],
        "Owl"
    );
    assert_eq!(
        answer[0]["consolidatedAnnotation"]["content"]["Animal"]["metadata"]["type"],
        "groundtruth/image-classification"
    );
    assert_eq!(answer[1]["datasetObjectId"], "5");
    assert_eq!(
        failure(&outcome, 1),
        "none of 1 worker answers could be counted: an empty form"
    );
    assert_eq!(failure(&outcome, 2), "no worker answered");
    assert_eq!(outcome.failed.len(), 2);
    assert_eq!((outcome.counts.n_answers, outcome.counts.n_empty), (3, 1));
}

#[test]
fn repeated_objects_are_one_element() {
    let outcome = outcome(
        BIRDS,
        &[("1", &[OWL]), ("0", &[DUCK]), ("1", &[OWL, OWL, OWL])],
    );
    let ids: Vec<_> = outcome
        .response
        .iter()
        .map(|element| element.dataset_object_id.as_str())
        .collect();
    assert_eq!(ids, ["1", "0"]);
}

#[test]
fn names_that_are_no_category() {
    let outcome = outcome(
        BIRDS,
        &[("0", &[GOOSE, GOOSE, OWL]), ("1", &[GOOSE, GOOSE])],
    );
    assert_eq!(envelope(&outcome, 0)["label"], 1);
    assert_eq!(
        failure(&outcome, 1),
        r#"none of 2 worker answers could be counted: "Goose" is not one of the 2 label categories (2 times)"#
    );
    assert_eq!(outcome.unknown_categories.get("Goose"), Some(&4));
    assert_eq!(outcome.counts.n_unreadable, 4);
}

#[test]
fn without_categories_ids_agree_between_batches() {
    let one = outcome("null", &[("0", &[OWL, OWL])]);
    let other = outcome("null", &[("1", &[DUCK, DUCK]), ("2", &[OWL, OWL])]);
    assert_eq!(envelope(&one, 0)["label"], envelope(&other, 1)["label"]);
    assert_ne!(envelope(&other, 0)["label"], envelope(&other, 1)["label"]);
    assert_eq!(envelope(&one, 0)["metadata"]["class-name"], "Owl");
    let config = Config {
        label_categories: Some(vec!["Owl".to_owned()]),
        ..Config::default()
    };
    let configured = outcome_with("null", &[("0", &[OWL])], &config);
    assert_eq!(envelope(&configured, 0)["label"], 0);
}

const BOTH: &str = r#"{"a":{"labels":["Owl","Duck"]}}"#;
const ONLY_OWL: &str = r#"{"a":{"labels":["Owl"]}}"#;
const NONE: &str = r#"{"a":{"labels":[]}}"#;
const NONE_OF_THE_ABOVE: &str = r#"{"a":{"labels":["None of the above"]}}"#;

#[test]
fn multi_label() {
    let objects: &[(&str, &[&str])] = &[
        ("0", &[BOTH, BOTH, BOTH]),
        ("1", &[NONE, NONE_OF_THE_ABOVE, NONE]),
        ("2", &[ONLY_OWL, ONLY_OWL, OWL]),
        ("3", &["{}"]),
    ];
    let outcome = outcome(BIRDS, objects);
    assert_eq!(outcome.task_type, Some(TaskType::MultiLabel));
    assert_eq!(envelope(&outcome, 0)["label"], serde_json::json!([0, 1]));
    assert_eq!(
        envelope(&outcome, 0)["metadata"]["class-map"],
        serde_json::json!({"0": "Duck", "1": "Owl"})
    );
    assert_eq!(envelope(&outcome, 1)["label"], serde_json::json!([]));
    assert_eq!(
        envelope(&outcome, 1)["metadata"]["type"],
        "groundtruth/image-classification-multilabel"
    );
    assert_eq!(envelope(&outcome, 2)["label"], serde_json::json!([1]));
    assert!(failure(&outcome, 3).contains("an empty form"));
    assert!(outcome.unknown_categories.is_empty());
}

#[test]
fn none_of_the_above_is_a_category_when_it_is_one() {
    let outcome = outcome(
        r#"["None of the above","Owl"]"#,
        &[("0", &[NONE_OF_THE_ABOVE, NONE_OF_THE_ABOVE])],
    );
    assert_eq!(envelope(&outcome, 0)["label"], serde_json::json!([0]));
}

fn drawn(label: &str, left: i32, width: i32) -> String {
    format!(
        r#"{{"boundingBox":{{"boundingBoxes":[{{"label":"{label}","left":{left},"top":10,"width":{width},"height":20}}],"inputImageProperties":{{"width":100,"height":50}}}}}}"#
    )
}

#[test]
fn boxes() {
    let owl = drawn("Owl", 10, 20);
    let nothing =
        r#"{"boundingBox":{"boundingBoxes":[],"inputImageProperties":{"width":100,"height":50}}}"#;
    let beyond = drawn("Owl", 90, 30);
    let outside = drawn("Owl", 101, 5);
    let sizeless = r#"{"boundingBox":{"boundingBoxes":[]}}"#;
    let goose = drawn("Goose", 10, 20);
    let objects: &[(&str, &[&str])] = &[
        ("0", &[&owl, &owl, &owl]),
        ("1", &[nothing, nothing]),
        ("2", &[&beyond, &beyond]),
        ("3", &[&outside, &outside]),
        ("4", &[sizeless, sizeless]),
        ("5", &[&goose]),
    ];
    let outcome = outcome(BIRDS, objects);
    assert_eq!(outcome.task_type, Some(TaskType::BoundingBox));
    let first = envelope(&outcome, 0);
    assert_eq!(
        first["label"]["image_size"],
        serde_json::json!([{"width": 100, "height": 50, "depth": 3}])
    );
    assert_eq!(
        first["label"]["annotations"],
        serde_json::json!([{"class_id": 1, "top": 10, "left": 10, "height": 20, "width": 20}])
    );
    assert_eq!(
        first["metadata"]["class-map"],
        serde_json::json!({"1": "Owl"})
    );
    assert_eq!(first["metadata"]["objects"].as_array().unwrap().len(), 1);
    for idx in [1, 3] {
        assert_eq!(
            envelope(&outcome, idx)["label"]["annotations"],
            serde_json::json!([]),
            "{idx}"
        );
        assert_eq!(
            envelope(&outcome, idx)["metadata"]["class-map"],
            serde_json::json!({}),
            "{idx}"
        );
    }
    assert_eq!(
        envelope(&outcome, 2)["label"]["annotations"][0]["width"],
        10
    );
    assert!(failure(&outcome, 4).contains("inputImageProperties"));
    assert!(failure(&outcome, 5).contains("\"Goose\" is not one of the 2"));
}

#[test]
fn mixed_kinds() {
    let owl = drawn("Owl", 10, 20);
    let polygons = r#"{"a":{"polygons":[]}}"#;
    let outcome = outcome(
        BIRDS,
        &[
            ("0", &[OWL, OWL, OWL]),
            ("1", &[&owl]),
            ("2", &[polygons]),
            ("3", &[ONLY_OWL, BOTH]),
        ],
    );
    assert_eq!(outcome.task_type, Some(TaskType::SingleLabel));
    assert!(failure(&outcome, 1).contains("boxes in a single-label job"));
    assert!(failure(&outcome, 2).contains("kind polygons"));
    assert_eq!(envelope(&outcome, 3)["label"], 1);
    let config = Config {
        task_type: Some(TaskType::BoundingBox),
        ..Config::default()
    };
    let forced = outcome_with(BIRDS, &[("0", &[OWL]), ("1", &[&owl])], &config);
    assert!(failure(&forced, 0).contains("a label without boxes"));
    assert!(envelope(&forced, 1)["label"]["annotations"].is_array());
}

#[test]
fn nothing_to_consolidate() {
    assert!(outcome(BIRDS, &[]).response.is_empty());
    let all_failed = outcome(BIRDS, &[("0", &["{"])]);
    assert_eq!(all_failed.task_type, None);
    assert!(failure(&all_failed, 0).contains("not valid JSON"));
}

#[test]
fn order_of_workers_changes_nothing() {
    let ab = outcome(BIRDS, &[("0", &[OWL, DUCK])]);
    let request = request(r#","labelCategories":["Duck","Owl"]"#);
    let turned = r#"[{"datasetObjectId":"0","annotations":[
        {"workerId":"private.us-east-1.w1","annotationData":{"content":"{\"category\":{\"label\":\"Duck\"}}"}},
        {"workerId":"private.us-east-1.w0","annotationData":{"content":"{\"category\":{\"label\":\"Owl\"}}"}}]}]"#;
    let file = AnnotationFile::parse(turned.as_bytes()).unwrap();
    let ba = consolidate(&request, &file, &Statistics::default(), &Config::default());
    assert_eq!(ab.response[0].label.get(), ba.response[0].label.get());
    assert_eq!(ab.statistics, ba.statistics);
}

#[test]
fn no_worker_id_leaves_the_function() {
    let outcome = outcome(BIRDS, &[("0", &[OWL, DUCK, "{"])]);
    let statistics = serde_json::to_string(&outcome.statistics).unwrap();
    let response = serde_json::to_string(&outcome.response).unwrap();
    assert!(!statistics.contains("private.us-east-1") && !response.contains("private.us-east-1"));
}

#[test]
fn bundled_annotation_files() {
    let boxes = AnnotationFile::parse(include_bytes!("../../../events/annotation-file-boxes.json"))
        .unwrap();
    let outcome = consolidate(
        &request(""),
        &boxes,
        &Statistics::default(),
        &Config::default(),
    );
    assert_eq!(outcome.task_type, Some(TaskType::BoundingBox));
    assert!(outcome.failed.is_empty());
}

/// A worker's text with half of a surrogate pair, as Ground Truth's JSON carries it, takes no data object's label away.
#[test]
fn a_lone_surrogate_costs_its_own_answer_only() {
    let answer = |label: &str| {
        let content = json!({"crowd-image-classifier": {"label": label}}).to_string();
        json!({"workerId": label, "annotationData": {"content": content}}).to_string()
    };
    let (owl, broken) = (answer("Owl"), answer("Owl").replacen("Owl", r"\ud800", 1));
    let file = format!(
        r#"[{{"datasetObjectId":"0","annotations":[{owl},{broken},{owl}]}},
            {{"datasetObjectId":"1","annotations":[{broken}]}}]"#
    );
    let file = AnnotationFile::parse(file.as_bytes()).unwrap();
    let outcome = consolidate(
        &request(r#","labelCategories":["Owl"]"#),
        &file,
        &Statistics::default(),
        &Config::default(),
    );
    assert_eq!(envelope(&outcome, 0)["metadata"]["class-name"], "Owl");
    assert!(failure(&outcome, 1).contains("answer is not readable"));
    let counts = &outcome.counts;
    assert_eq!(
        (counts.n_answers, counts.n_unreadable, counts.n_unidentified),
        (2, 2, 0)
    );
}

/// An answer's text is looked into once, as long as it is short and not too many others were; nobody sees a difference.
#[test]
fn equal_answers_are_equal_labels() {
    let n_categories = 1_100;
    let names: Vec<String> = (0..n_categories).map(|n| format!("c{n:04}")).collect();
    let answer = |name: &String, comment: &str| {
        json!({"category": {"label": name}, "comment": {"text": comment}}).to_string()
    };
    let long = "x".repeat(300);
    let answers: Vec<[String; 2]> = names
        .iter()
        .map(|name| [answer(name, ""), answer(name, &long)])
        .collect();
    let ids: Vec<String> = (0..2 * n_categories).map(|n| n.to_string()).collect();
    let objects: Vec<(&str, Vec<&str>)> = ids
        .iter()
        .zip(answers.iter().chain(&answers))
        .map(|(id, [short, long])| (id.as_str(), vec![short.as_str(), long, short]))
        .collect();
    let objects: Vec<(&str, &[&str])> = objects
        .iter()
        .map(|(id, answers)| (*id, answers.as_slice()))
        .collect();
    let outcome = outcome(&json!(names).to_string(), &objects);
    assert!(outcome.failed.is_empty());
    for (idx, name) in names.iter().chain(&names).enumerate() {
        assert_eq!(&envelope(&outcome, idx)["metadata"]["class-name"], name);
    }
}
