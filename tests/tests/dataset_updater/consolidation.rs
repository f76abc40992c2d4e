//! Consolidation of whole jobs: those without a consolidation function, and all of them on request.

use std::collections::BTreeMap;

use aws::s3::PutOptions;
use dataset_updater::request::event::Request;
use dataset_updater::run::Done;
use dataset_updater::state::report::Report;
use serde_json::{Value, json};

use crate::world::{BUCKET, KEY, World, error, rekognition, s3};

fn worker_response_key(n: usize) -> String {
    format!("out/birds/annotations/worker-response/iteration-1/{n}/2021-03-08_23:06:49.json")
}

fn source_ref(n: usize) -> String {
    format!("s3://images/birds/{n:06}.jpg")
}

/// A line as Ground Truth writes it for a job without a consolidation function.
fn line(world: &World, n: usize) -> Value {
    let uri = format!("s3://{BUCKET}/{}", world.key(&worker_response_key(n)));
    json!({"source-ref": source_ref(n), "bird": {}, "bird-metadata": {
        "type": "groundtruth/custom", "job-name": "birds", "human-annotated": "yes",
        "creation-date": "2021-03-08T23:06:49.111000", "worker-response-ref": uri}})
}

async fn put(world: &World, key: &str, value: &Value) {
    let bytes = value.to_string().into_bytes();
    let options = PutOptions::json();
    world
        .clients
        .s3
        .put_object(BUCKET, &world.key(key), bytes, &options)
        .await
        .unwrap();
}

/// Stores each data object's answers by workers w0, w1, …, and the job's categories and manifest.
async fn job(world: &World, categories: &[&str], answers: &[Vec<Value>]) -> Request {
    for (n, answers) in answers.iter().enumerate() {
        let answers: Vec<Value> = answers
            .iter()
            .enumerate()
            .map(|(worker, answer)| {
                json!({"workerId": format!("private.us-east-1.w{worker}"), "submissionTime": "2021-03-08T23:06:49Z",
                    "answerContent": {"annotatedResult": answer}})
            })
            .collect();
        put(
            world,
            &worker_response_key(n),
            &json!({ "answers": answers }),
        )
        .await;
    }
    let labels: Vec<Value> = categories
        .iter()
        .map(|name| json!({ "label": name }))
        .collect();
    let file = json!({"document-version": "2018-11-28", "labels": labels});
    put(world, "out/birds/annotation-tool/data.json", &file).await;
    let lines = (0..answers.len()).map(|n| format!("{}\n", line(world, n)));
    world.put(KEY, &lines.collect::<String>()).await
}

async fn entries(world: &World) -> BTreeMap<String, Value> {
    let entries = world.entries(&world.train_arn).await;
    let by_source = |entry: Value| {
        let source_ref = entry.get("source-ref").and_then(Value::as_str);
        (source_ref.unwrap().to_owned(), entry)
    };
    entries.into_iter().map(by_source).collect()
}

fn label(name: &str) -> Value {
    json!({ "label": name })
}

#[tokio::test(flavor = "multi_thread")]
async fn single_label() {
    let world = World::new().await;
    let mut answers = vec![vec![label("Owl"), label("Owl"), label("Duck")]];
    answers.extend((1..20).map(|n| vec![label(["Duck", "Owl"][n % 2]); 3]));
    let request = job(&world, &["Duck", "Owl"], &answers).await;
    let (report, _) = world.deliver(&world.config(&[]), &request).await;
    assert_eq!((report.lines, report.landed, report.rejected), (20, 20, 0));
    let found = report.consolidation.unwrap();
    assert_eq!(
        (found.data_objects, found.consolidated, found.answers),
        (20, 20, 60)
    );
    assert_eq!(found.task_type.as_deref(), Some("single-label"));
    let entries = entries(&world).await;
    for (n, answers) in answers.iter().enumerate() {
        let entry = &entries[&source_ref(n)];
        assert_eq!(
            entry["bird-metadata"]["class-name"], answers[0]["label"],
            "{entry}"
        );
        assert_eq!(
            entry["bird"],
            u64::from(answers[0]["label"] == "Owl"),
            "{entry}"
        );
    }
    let doubtful = entries[&source_ref(0)]["bird-metadata"]["confidence"]
        .as_f64()
        .unwrap();
    let sure = entries[&source_ref(1)]["bird-metadata"]["confidence"]
        .as_f64()
        .unwrap();
    assert!(doubtful < sure && sure > 0.9, "{doubtful} {sure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn multi_label() {
    let world = World::new().await;
    let answers: Vec<Vec<Value>> = [&["Red", "Blue"][..], &["Red"], &[]]
        .iter()
        .cycle()
        .take(12)
        .map(|labels| vec![json!({ "labels": labels }); 3])
        .collect();
    let request = job(&world, &["Red", "Blue"], &answers).await;
    let (report, _) = world.deliver(&world.config(&[]), &request).await;
    assert_eq!((report.landed, report.rejected, report.skipped), (8, 0, 4));
    assert_eq!(report.by_code["SKIPPED_NO_LABELS"], 4);
    let entries = entries(&world).await;
    let both = &entries[&source_ref(0)];
    assert_eq!(both["bird0-metadata"]["class-name"], "Red", "{both}");
    assert_eq!(both["bird1-metadata"]["class-name"], "Blue", "{both}");
    assert!(entries[&source_ref(1)].get("bird1").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn boxes() {
    let world = World::new().await;
    let drawn = |shift: u32| {
        json!({"inputImageProperties": {"width": 256, "height": 192},
            "boundingBoxes": [{"label": "Owl", "left": 20 + shift, "top": 12, "width": 40, "height": 30}]})
    };
    let answers: Vec<Vec<Value>> = (0..6).map(|_| vec![drawn(0), drawn(1), drawn(2)]).collect();
    let request = job(&world, &["Duck", "Owl"], &answers).await;
    let (report, _) = world.deliver(&world.config(&[]), &request).await;
    assert_eq!((report.landed, report.rejected), (6, 0));
    for entry in entries(&world).await.values() {
        let found = &entry["bird"]["annotations"][0];
        assert_eq!(found["class_id"], 1, "{entry}");
        let left = found["left"].as_f64().unwrap();
        assert!((20.0..=22.0).contains(&left), "{entry}");
        assert_eq!(entry["bird-metadata"]["class-map"], json!({"1": "Owl"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_costs_its_own_line_alone() {
    let world = World::new().await;
    let answers: Vec<_> = (0..10)
        .map(|n| vec![label(["Duck", "Owl"][n % 2]); 3])
        .collect();
    let request = job(&world, &["Duck", "Owl"], &answers).await;
    let s3 = &world.clients.s3;
    let gone = world.key(&worker_response_key(3));
    s3.delete_object(BUCKET, &gone).await.unwrap();
    put(&world, &worker_response_key(5), &json!({"answers": "none"})).await;
    put(&world, &worker_response_key(6), &json!({"answers": []})).await;
    let text = s3.read_object(BUCKET, &request.key, 1 << 20).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let place = format!("s3://{BUCKET}/{}", world.key(&worker_response_key(7)));
    let elsewhere = text.replace(&place, "s3://other/7.json");
    assert_ne!(text, elsewhere);
    let request = world.put(KEY, &elsewhere).await;
    let config = world.config(&[("REJECTED_ALERT_FRACTION", "0.5")]);
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!((report.landed, report.rejected), (6, 4));
    assert_eq!(report.by_code["REJECTED_NOT_CONSOLIDATED"], 4);
    assert_eq!(report.consolidation.unwrap().failed, 4);
    let rejected = world.json_lines("rejected.jsonl").await;
    let reasons = [
        (4, "does not exist"),
        (6, "without a list"),
        (7, "no worker answered"),
        (8, "not the job's"),
    ];
    for (record, (line_number, reason)) in rejected.iter().zip(reasons) {
        assert_eq!(record["lineNumber"], line_number);
        assert!(
            record["reason"].as_str().unwrap().contains(reason),
            "{record}"
        );
        assert!(
            record["remedy"]
                .as_str()
                .unwrap()
                .contains("worker-response-ref"),
            "{record}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_event_does_nothing() {
    let world = World::new().await;
    let answers: Vec<_> = (0..10)
        .map(|n| vec![label(["Duck", "Owl"][n % 2]); 3])
        .collect();
    let request = job(&world, &["Duck", "Owl"], &answers).await;
    let config = world.config(&[]);
    world.deliver(&config, &request).await;
    let (before, n_updates) = (entries(&world).await, world.n_updates());
    assert_eq!(
        world.invoke(&config, &request, "again").await.unwrap(),
        Done::Already
    );
    assert_eq!(
        (entries(&world).await, world.n_updates()),
        (before, n_updates)
    );
}

const CLASSES: [&str; 3] = ["Duck", "Owl", "Gull"];

fn truth(n: usize) -> &'static str {
    CLASSES.iter().cycle().nth(n).unwrap()
}

/// Of a job whose function saw batches alone: 60 data objects that three good workers and two who always say "Owl"
/// answered, and one, the last, that both of these and a single good worker did.
fn answers_with_spammers() -> Vec<Vec<(&'static str, &'static str)>> {
    let mut answers: Vec<_> = (0..60)
        .map(|n| {
            let good = truth(n);
            vec![
                ("g0", good),
                ("g1", good),
                ("g2", good),
                ("s0", "Owl"),
                ("s1", "Owl"),
            ]
        })
        .collect();
    answers.push(vec![("s0", "Owl"), ("s1", "Owl"), ("g0", "Gull")]);
    answers
}

/// The job's files: annotation files of 20 data objects, in which the data objects `left_out` are missing.
async fn built_in_job(world: &World, left_out: &[usize]) -> Request {
    let answers = answers_with_spammers();
    let mut objects = Vec::new();
    for (n, answers) in answers
        .iter()
        .enumerate()
        .filter(|(n, _)| !left_out.contains(n))
    {
        let annotations: Vec<Value> = answers
            .iter()
            .map(|(worker, name)| {
                let content = json!({"crowd-image-classifier": label(name)}).to_string();
                json!({"workerId": worker, "annotationData": {"content": content}})
            })
            .collect();
        objects.push(
            json!({"datasetObjectId": n.to_string(), "dataObject": {"s3Uri": source_ref(n)},
            "annotations": annotations}),
        );
    }
    for (n, objects) in objects.chunks(20).enumerate() {
        let folder =
            "out/birds/annotations/consolidated-annotation/consolidation-request/iteration-1";
        put(
            world,
            &format!("{folder}/2021-03-08_23:0{n}:00.json"),
            &json!(objects),
        )
        .await;
    }
    let categories = json!({"labels": CLASSES.map(label)});
    put(world, "out/birds/annotation-tool/data.json", &categories).await;
    let lines = (0..answers.len()).map(|n| {
        let name = if n == 60 { "Owl" } else { truth(n) };
        let class = CLASSES.iter().position(|class| *class == name);
        let line = json!({"source-ref": source_ref(n), "birds": class, "birds-metadata": {
            "class-name": name, "confidence": 0.66, "type": "groundtruth/image-classification",
            "job-name": "labeling-job/birds", "human-annotated": "yes", "creation-date": "2021-03-08T23:06:49.111000"}});
        format!("{line}\n")
    });
    world.put(KEY, &lines.collect::<String>()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_job_tells_more_than_its_batches() {
    let world = World::new().await;
    let request = built_in_job(&world, &[]).await;
    let config = world.config(&[("CONSOLIDATE", "whole-job")]);
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!((report.lines, report.landed), (61, 61));
    let found = report.consolidation.unwrap();
    assert!(found.is_whole_job);
    assert_eq!(
        (
            found.data_objects,
            found.answers,
            found.changed,
            found.unmatched
        ),
        (61, 303, 1, 0)
    );
    let changes = world.json_lines("changes.jsonl").await;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["lineNumber"], 61);
    assert_eq!(changes[0]["source-ref"], source_ref(60));
    assert_eq!(
        changes[0]["before"],
        json!([{"label": "Owl", "confidence": 0.66}])
    );
    assert_eq!(changes[0]["after"][0]["label"], "Gull");
    let entries = entries(&world).await;
    assert_eq!(entries[&source_ref(60)]["birds"], 2);
    assert_eq!(
        entries[&source_ref(60)]["birds-metadata"]["job-name"],
        "labeling-job/birds"
    );
    let confidence = |n| {
        entries[&source_ref(n)]["birds-metadata"]["confidence"]
            .as_f64()
            .unwrap()
    };
    assert!(confidence(60) < confidence(0) && confidence(0) != 0.66);
    assert_eq!(
        world.invoke(&config, &request, "again").await.unwrap(),
        Done::Already
    );
    // Without the setting the output manifest's own labels are taken in.
    let (report, _) = world.deliver(&world.config(&[]), &request).await;
    assert_eq!((report.landed, report.consolidation), (61, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_found_wherever_the_job_left_them() {
    let world = World::new().await;
    let request = built_in_job(&world, &[3, 60]).await;
    let answers: Vec<Value> = answers_with_spammers()[60]
        .iter()
        .map(|(worker, name)| json!({"workerId": worker, "answerContent": {"crowd-image-classifier": label(name)}}))
        .collect();
    put(
        &world,
        &worker_response_key(60),
        &json!({ "answers": answers }),
    )
    .await;
    put(
        &world,
        &worker_response_key(99),
        &json!({ "answers": answers }),
    )
    .await;
    let (report, _) = world
        .deliver(&world.config(&[("CONSOLIDATE", "whole-job")]), &request)
        .await;
    assert_eq!((report.landed, report.rejected), (61, 0));
    let found = report.consolidation.unwrap();
    assert_eq!(
        (found.data_objects, found.changed, found.unmatched),
        (60, 1, 1)
    );
    let entries = entries(&world).await;
    assert_eq!(entries[&source_ref(60)]["birds"], 2);
    // Nothing is known of this one but the output manifest's label.
    assert_eq!(
        entries[&source_ref(3)]["birds-metadata"]["confidence"],
        0.66
    );
}

/// A job whose last data object's answers are in a worker-response file alone.
pub(crate) async fn job_in_two_places(world: &World) -> Request {
    let request = built_in_job(world, &[60]).await;
    let answers = answers_with_spammers().pop().unwrap_or_default();
    let answers: Vec<Value> = answers
        .iter()
        .map(|(worker, name)| json!({"workerId": worker, "answerContent": {"crowd-image-classifier": label(name)}}))
        .collect();
    let answers = json!({ "answers": answers });
    put(world, &worker_response_key(60), &answers).await;
    request
}

/// All answers were consolidated together, and have landed.
pub(crate) async fn check_job_in_two_places(world: &World, report: &Report) {
    assert_eq!((report.lines, report.landed, report.rejected), (61, 61, 0));
    let found = report.consolidation.as_ref().unwrap();
    assert_eq!(
        (found.data_objects, found.answers, found.changed),
        (61, 303, 1)
    );
    assert_eq!((found.unmatched, found.unreadable_files), (0, 0));
    let entries = entries(world).await;
    assert_eq!(entries.len(), 61);
    let last = entries.get(&source_ref(60)).unwrap();
    assert_eq!(last.get("birds"), Some(&json!(2)));
    assert_eq!(world.json_lines("changes.jsonl").await.len(), 1);
    assert_eq!(world.n_parts().await, 0);
}

/// Reads of answers whose key holds `part`.
fn n_reads(world: &World, part: &str) -> usize {
    let calls = world.faults.calls();
    let of_answers = calls.iter().filter(|call| {
        call.operation == "GetObject"
            && call.target.contains("/annotations/")
            && call.target.contains(part)
    });
    of_answers.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_iterations_the_last_answers_count() {
    let world = World::new().await;
    let request = job_in_two_places(&world).await;
    let key = worker_response_key(60).replace("iteration-1", "iteration-2");
    let answers: Vec<Value> = ["g0", "g1", "g2"]
        .iter()
        .map(|worker| json!({"workerId": worker, "answerContent": {"crowd-image-classifier": label("Duck")}}))
        .collect();
    put(&world, &key, &json!({ "answers": answers })).await;
    let config = world.config(&[("CONSOLIDATE", "whole-job")]);
    world.deliver(&config, &request).await;
    assert_eq!(entries(&world).await[&source_ref(60)]["birds"], 0);
    assert_eq!(n_reads(&world, "/worker-response/"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_that_breaks_off_is_gone_on_with() {
    let world = World::new().await;
    let request = job_in_two_places(&world).await;
    let folder = "out/birds/annotations/consolidated-annotation/consolidation-request/iteration-1";
    let stray = json!([{"datasetObjectId": "700", "annotations": []}, {"annotations": []}, 7]);
    put(
        &world,
        &format!("{folder}/2021-03-08_22:00:00.json"),
        &stray,
    )
    .await;
    put(
        &world,
        &format!("{folder}/2021-03-08_22:01:00.json"),
        &json!(7),
    )
    .await;
    let config = world.config(&[("CONSOLIDATE", "whole-job")]);
    for (n, target) in ["23:02:00", "/worker-response/"].into_iter().enumerate() {
        let outage = error(500, "InternalServerError");
        let outage = s3(outage, "GetObject").target(target).times(u64::MAX);
        world.faults.add(outage);
        let failed = world.invoke(&config, &request, target).await.unwrap_err();
        assert!(failed.is_temporary(), "{failed}");
        world.faults.clear();
        assert_eq!(world.n_parts().await, n + 1);
    }
    let text = world.file("parts/answers-000001.jsonl").await;
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), 40);
    assert!(!text.contains("\"g0\""), "a worker's id in the clear");
    let n_before = ["22:0", "23:00", "23:01"].map(|part| n_reads(&world, part));
    assert_eq!(n_before, [2, 1, 1]);
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!(
        ["22:0", "23:00", "23:01"].map(|part| n_reads(&world, part)),
        n_before,
        "answers are read once"
    );
    assert_eq!(report.resumptions, 2);
    let found = report.consolidation.clone().unwrap();
    assert_eq!(
        (found.unmatched, found.unidentified, found.unreadable_files),
        (1, 2, 1)
    );
    assert_eq!((found.data_objects, found.changed), (61, 1));
    assert_eq!(entries(&world).await[&source_ref(60)]["birds"], 2);
    assert_eq!(world.n_parts().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_were_kept_and_are_gone_are_read_again() {
    let world = World::new().await;
    let request = job_in_two_places(&world).await;
    let config = world.config(&[("CONSOLIDATE", "whole-job")]);
    let outage = error(500, "InternalServerError");
    let outage = s3(outage, "GetObject").target("/worker-response/");
    world.faults.add(outage.times(u64::MAX));
    world.invoke(&config, &request, "first").await.unwrap_err();
    world.faults.clear();
    let key = world.key("out/birds/dataset-updater/parts/answers-000001.jsonl");
    let s3 = &world.clients.s3;
    s3.delete_object(BUCKET, &key).await.unwrap();
    let lost = world.invoke(&config, &request, "second").await.unwrap_err();
    assert_eq!(lost.code(), "PartLost");
    let (report, _) = world.deliver(&config, &request).await;
    check_job_in_two_places(&world, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_larger_than_the_memory_ends_with_a_report() {
    let world = World::new().await;
    let request = job_in_two_places(&world).await;
    let config = |memory_mb| {
        world.config(&[
            ("CONSOLIDATE", "whole-job"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb),
        ])
    };
    let small = config("64");
    let error = world.invoke(&small, &request, "a").await.unwrap_err();
    assert_eq!((error.code(), error.is_temporary()), ("TooLarge", false));
    let report = world.report().await;
    assert_eq!(report.outcome.name(), "too-large");
    assert!(report.outcome.is_alarming());
    let reason = report.reason.unwrap();
    for part in ["64 MB", "MemorySize", "gtcl consolidate --whole-job"] {
        assert!(reason.contains(part), "{reason}");
    }
    // As a queue delivers it, again and again: at no cost.
    let n_before = n_reads(&world, "");
    assert!(n_before > 0);
    for owner in ["b", "c"] {
        let error = world.invoke(&small, &request, owner).await.unwrap_err();
        assert_eq!((error.code(), error.is_temporary()), ("TooLarge", false));
    }
    assert_eq!(n_reads(&world, ""), n_before);
    assert_eq!(world.n_updates(), 0);
    // With more memory it goes on.
    let done = world.invoke(&config("512"), &request, "d").await.unwrap();
    let Done::Reported(report) = done else {
        panic!("{done:?}");
    };
    check_job_in_two_places(&world, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_that_ends_early_is_gone_on_with() {
    let world = World::new().await;
    let request = built_in_job(&world, &[]).await;
    let config = world.config(&[("CONSOLIDATE", "whole-job"), ("CHANGES_BYTES_MAX", "2000")]);
    let outage = error(500, "InternalServerError");
    let outage = rekognition(outage, "UpdateDatasetEntries")
        .after(2)
        .times(20);
    world.faults.add(outage);
    let failed = world.invoke(&config, &request, "first").await.unwrap_err();
    assert!(failed.is_temporary(), "{failed}");
    world.faults.clear();
    let reads = |world: &World| {
        let calls = world.faults.calls();
        let of_answers = calls
            .iter()
            .filter(|it| it.target.contains("/annotations/"));
        of_answers.count()
    };
    let n_reads = reads(&world);
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!((report.landed, report.resumptions), (61, 1));
    assert!(n_reads > 0);
    assert_eq!(reads(&world), n_reads, "answers are read once");
    assert_eq!(entries(&world).await[&source_ref(60)]["birds"], 2);
    assert_eq!(report.consolidation.unwrap().changed, 1);
}
