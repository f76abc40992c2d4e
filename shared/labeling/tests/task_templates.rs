//! The task inputs that the worker task templates are rendered with, and the answers they submit.
//!
//! `tests/templates/check.mjs` does the browser's part of each case; here is ours.

use std::collections::BTreeMap;

use labeling::answers::{self, Answer};
use labeling::consolidation::{self, AnnotationFile};
use labeling::pre_annotation::{self, Finding, respond};
use labeling::statistics_file::Statistics;
use manifest::ImageHeader;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    name: String,
    template: String,
    task_input: Value,
    /// What the worker does: names of label categories, or boxes to draw.
    choose: Vec<Value>,
    /// The form as the template submits it.
    answer: Value,
}

fn cases() -> serde_json::Result<Vec<Case>> {
    serde_json::from_str(include_str!("../../../tests/templates/cases.json"))
}

#[test]
fn task_inputs_are_what_pre_annotation_answers() {
    for case in cases().unwrap() {
        let event = json!({ "dataObject": case.task_input["manifestLine"] }).to_string();
        let request = pre_annotation::Request::parse(event.as_bytes()).unwrap();
        let mut response = respond(&request, &pre_annotation::Config::default());
        let suggested = case.task_input["suggestedLabels"].as_array();
        let findings: Vec<Finding> = suggested.into_iter().flatten().map(finding).collect();
        response.add_findings(&findings, ImageHeader::Other);
        assert_eq!(response.notes, [], "{} {}", case.template, case.name);
        assert_eq!(
            serde_json::to_value(&response.task_input).unwrap(),
            case.task_input,
            "{} {}",
            case.template,
            case.name
        );
    }
}

/// What a model must have said for a suggestion.
fn finding(suggested: &Value) -> Finding {
    Finding {
        label: suggested["label"].as_str().unwrap_or_default().to_owned(),
        confidence: suggested["confidence"].as_f64().unwrap_or_default(),
        bounds: None,
    }
}

#[test]
fn answers_are_what_the_worker_chose() {
    for case in cases().unwrap() {
        let found = match answers::parse(&case.answer.to_string()).unwrap() {
            Answer::SingleLabel { label } => vec![json!(label)],
            Answer::MultiLabel { labels } => labels.into_iter().map(Value::from).collect(),
            Answer::Boxes { image_size, boxes } => {
                let size = image_size.unwrap();
                assert_eq!((size.width, size.height), (320, 200));
                boxes
                    .iter()
                    .map(|drawn| {
                        json!({"label": drawn.label, "left": drawn.left, "top": drawn.top, "width": drawn.width, "height": drawn.height})
                    })
                    .collect()
            }
            other => panic!("{} {}: {other:?}", case.template, case.name),
        };
        let initial = case.task_input["initialValue"].as_array();
        let expected: Vec<Value> = initial
            .into_iter()
            .flatten()
            .chain(&case.choose)
            .map(with_float_edges)
            .collect();
        assert_eq!(found, expected, "{} {}", case.template, case.name);
    }
}

/// 15 and 15.0 are different values to `serde_json`.
fn with_float_edges(value: &Value) -> Value {
    let mut value = value.clone();
    for edge in value
        .as_object_mut()
        .into_iter()
        .flat_map(|object| object.values_mut())
    {
        if let Some(number) = edge.as_f64() {
            *edge = json!(number);
        }
    }
    value
}

#[test]
fn answers_are_consolidated() {
    let mut by_template: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases().unwrap() {
        by_template
            .entry(case.template.clone())
            .or_default()
            .push(case);
    }
    assert_eq!(by_template.len(), 3);
    for (template, cases) in by_template {
        let mut categories: Vec<&Value> = Vec::new();
        for name in cases
            .iter()
            .flat_map(|case| case.task_input["labels"].as_array().unwrap())
        {
            if !categories.contains(&name) {
                categories.push(name);
            }
        }
        let event = json!({"labelAttributeName": "Birds", "labelCategories": categories, "payload": {"s3Uri": "s3://gt/a.json"}});
        let request = consolidation::Request::parse(event.to_string().as_bytes()).unwrap();
        let file: Value = cases
            .iter()
            .map(|case| {
                let data = json!({"content": case.answer.to_string()});
                json!({"datasetObjectId": case.name, "annotations": [{"workerId": "w", "annotationData": data}]})
            })
            .collect();
        let file = AnnotationFile::parse(file.to_string().as_bytes()).unwrap();
        let outcome = consolidation::consolidate(
            &request,
            &file,
            &Statistics::default(),
            &consolidation::Config::default(),
        );
        assert_eq!(outcome.failed, [], "{template}");
        assert!(outcome.unknown_categories.is_empty(), "{template}");
        assert_eq!(outcome.counts.n_unreadable, 0, "{template}");
        assert_eq!(outcome.response.len(), cases.len(), "{template}");
    }
}
