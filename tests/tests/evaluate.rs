//! `gtcl evaluate job` from the outside: jobs of every kind with a gold file.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails in a helper fails the test"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const N_OBJECTS: usize = 40;

/// A finished job: its workers' answers, its own output, and the truth, by the data object's number.
struct Job {
    answers: fn(usize) -> Vec<Value>,
    /// Value and metadata of the label attribute, without what all lines have.
    output: fn(usize) -> (Value, Value),
    truth: fn(usize) -> Value,
}

fn source_ref(n: usize) -> String {
    format!("s3://birds/{n}.jpg")
}

fn write_job(folder: &Path, job: &Job) {
    let mut objects = Vec::new();
    let (mut output, mut gold) = (String::new(), String::new());
    for n in 0..N_OBJECTS {
        let answers = (job.answers)(n).into_iter().enumerate();
        let annotations: Vec<Value> = answers
            .map(|(worker, answer)| {
                let content = json!({ "annotatedResult": answer }).to_string();
                json!({"workerId": format!("w{worker}"), "annotationData": {"content": content}})
            })
            .collect();
        objects.push(
            json!({"datasetObjectId": n.to_string(), "dataObject": {"s3Uri": source_ref(n)},
            "annotations": annotations}),
        );
        let (label, mut metadata) = (job.output)(n);
        let common = json!({"job-name": "labeling-job/birds", "human-annotated": "yes",
            "creation-date": "2021-03-08T23:06:49.111000"});
        metadata
            .as_object_mut()
            .unwrap()
            .extend(common.as_object().unwrap().clone());
        let line = json!({"source-ref": source_ref(n), "bird": label, "bird-metadata": metadata});
        output += &format!("{line}\n");
        // What nobody knows isn't judged.
        if n % 4 != 3 {
            let line = json!({"source-ref": source_ref(n), "label": (job.truth)(n)});
            gold += &format!("{line}\n");
        }
    }
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let requests = "birds/annotations/consolidated-annotation/consolidation-request/iteration-1";
    put(&format!("{requests}/t.json"), json!(objects).to_string());
    put("birds/manifests/output/output.manifest", output);
    put("gold.jsonl", gold);
}

fn evaluate(job: &Job, format: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write_job(folder.path(), job);
    let output = Command::new(env!("CARGO_BIN_EXE_gtcl-under-test"))
        .args([
            "evaluate",
            "job",
            "birds",
            "--gold",
            "gold.jsonl",
            "--format",
            format,
        ])
        .current_dir(folder.path())
        .output()
        .expect("gtcl starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn figures(job: &Job) -> Value {
    let text = evaluate(job, "text");
    assert!(text.contains("the job's own output: "), "{text}");
    let found: Value = serde_json::from_str(&evaluate(job, "json")).unwrap();
    assert_eq!(found["set"], "birds");
    assert_eq!(found["own_output"]["n_judged"], 30);
    found
}

fn number(found: &Value, pointer: &str) -> f64 {
    found
        .pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{pointer}: {found}"))
}

fn bird(n: usize) -> &'static str {
    ["Owl", "Duck"][n % 2]
}

fn colors(n: usize) -> [&'static str; 2] {
    [["Red", "Blue"], ["Red", "Green"]][n % 2]
}

#[test]
fn single_label() {
    let found = figures(&Job {
        answers: |n| vec![json!({ "label": bird(n) }); 3],
        // Of the 30 that are judged, the first 8 in 10 are right, and more certain.
        output: |n| {
            let is_right = n % 10 < 8;
            let name = bird(if is_right { n } else { n + 1 });
            let confidence = if is_right { 0.9 } else { 0.6 };
            let metadata = json!({"class-name": name, "confidence": confidence,
                "type": "groundtruth/image-classification"});
            (json!(n % 2), metadata)
        },
        truth: |n| json!(bird(n)),
    });
    let n_right = (0..N_OBJECTS).filter(|n| n % 4 != 3 && n % 10 < 8).count();
    assert_eq!(number(&found, "/consolidation/accuracy"), 1.0);
    assert_eq!(number(&found, "/own_output/n_right"), n_right as f64);
    assert_eq!(number(&found, "/own_output/auroc"), 1.0);
}

#[test]
fn multi_label() {
    let found = figures(&Job {
        answers: |n| {
            let all = json!({ "labels": colors(n) });
            vec![all.clone(), all.clone(), all, json!({"labels": ["Red"]})]
        },
        output: |_| {
            let metadata = json!({"class-map": {"0": "Red"}, "confidence-map": {"0": 0.9},
                "type": "groundtruth/image-classification-multilabel"});
            (json!([0]), metadata)
        },
        truth: |n| json!(colors(n)),
    });
    assert_eq!(number(&found, "/consolidation/f1"), 1.0);
    assert_eq!(number(&found, "/consolidation/exact"), 1.0);
    assert_eq!(number(&found, "/own_output/n_right"), 0.0);
    // All that the output says is right, and half of what there is.
    assert!((number(&found, "/own_output/f1") - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!(found["own_output"]["auroc"], Value::Null);
}

#[test]
fn boxes() {
    let found = figures(&Job {
        answers: |n| {
            let drawn = |left: usize| {
                json!({"inputImageProperties": {"width": 640, "height": 480},
                    "boundingBoxes": [{"label": "Owl", "left": left, "top": 10, "width": 50, "height": 40}]})
            };
            vec![drawn(n), drawn(n + 1), drawn(n + 2)]
        },
        // Every other one has no box.
        output: |n| {
            let drawn = json!({"class_id": 0, "left": n + 1, "top": 10, "width": 50, "height": 40});
            let boxes = if n % 2 == 0 { vec![drawn] } else { vec![] };
            let label = json!({"image_size": [{"width": 640, "height": 480, "depth": 3}], "annotations": boxes});
            let objects = vec![json!({"confidence": 0.9}); boxes.len()];
            let metadata = json!({"objects": objects, "class-map": {"0": "Owl"}, "type": "groundtruth/object-detection"});
            (label, metadata)
        },
        truth: |n| json!([{"label": "Owl", "left": n + 1, "top": 10, "width": 50, "height": 40}]),
    });
    assert_eq!(number(&found, "/consolidation/f1_at_75"), 1.0);
    assert!(number(&found, "/consolidation/mean_iou") > 0.98, "{found}");
    assert_eq!(number(&found, "/own_output/n_right"), 20.0);
    assert!(
        (number(&found, "/own_output/f1") - 0.8).abs() < 1e-9,
        "{found}"
    );
}

#[test]
fn evaluate_measures_what_consolidate_answers() {
    const N_OBJECTS: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let truth = |n: usize| bird(n);
    let objects: Vec<Value> = (0..N_OBJECTS)
        .map(|n| {
            let label = ["owl", "Owl", "OWL ", "Duck"][n / 2 % 4];
            let content = json!({"annotatedResult": {"label": label}}).to_string();
            let annotations: Vec<Value> = (0..3)
                .map(|worker| {
                    json!({"workerId": format!("w{worker}"), "annotationData": {"content": content}})
                })
                .collect();
            json!({"datasetObjectId": n.to_string(), "dataObject": {"s3Uri": source_ref(n)},
                "annotations": annotations})
        })
        .collect();
    let requests = "birds/annotations/consolidated-annotation/consolidation-request/iteration-1";
    put(&format!("{requests}/t.json"), json!(objects).to_string());
    let categories = json!({"document-version": "2018-11-28",
        "labels": [{"label": "Owl"}, {"label": "Duck"}]});
    put("birds/annotation-tool/data.json", categories.to_string());
    let gold: String = (0..N_OBJECTS)
        .map(|n| {
            format!(
                "{}\n",
                json!({"source-ref": source_ref(n), "label": truth(n)})
            )
        })
        .collect();
    put("gold.jsonl", gold);

    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gtcl-under-test"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("gtcl starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    let consolidated = run(&["consolidate", "birds", "--label-attribute", "bird"]);
    let n_right = consolidated
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| {
            let n: usize = line["datasetObjectId"].as_str().unwrap().parse().unwrap();
            let label = &line["consolidatedAnnotation"]["content"]["bird"];
            label["metadata"]["class-name"] == truth(n)
        })
        .count();
    assert_eq!(n_right, N_OBJECTS / 2);
    let arguments = [
        "evaluate",
        "job",
        "birds",
        "--gold",
        "gold.jsonl",
        "--format",
        "json",
    ];
    let found: Value = serde_json::from_str(&run(&arguments)).unwrap();
    assert_eq!(number(&found, "/consolidation/accuracy"), 0.5, "{found}");
}
