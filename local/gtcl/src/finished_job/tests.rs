use std::fs;
use std::path::Path;

use serde_json::Value;

use super::read;

/// A job of two objects; `write` changes or adds files.
fn job(write: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("birds-1");
    put(
        &root.join("annotations/worker-response/iteration-1/0/2021-11-18_02:19:51.json"),
        r#"{"answers":[{"answerContent":{"crowd-image-classifier":{"label":"Owl"}},"submissionTime":"2021-11-18T02:19:51Z","workerId":"private.x.1"}]}"#,
    );
    put(
        &root.join("annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"),
        r#"[{"datasetObjectId":"1","dataObject":{"s3Uri":"s3://b/1.png"},"annotations":[{"workerId":"private.x.1","annotationData":{"content":"{\"crowd-image-classifier\":{\"label\":\"Owl\"}}"}}]}]"#,
    );
    put(
        &root.join("manifests/output/output.manifest"),
        "{\"source-ref\":\"s3://b/0.png\",\"birds\":0,\"birds-metadata\":{\"job-name\":\"labeling-job/birds-1\"}}\n{\"source-ref\":\"s3://b/1.png\",\"n\":1.0}\n",
    );
    write(folder.path());
    folder
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn refused(write: impl FnOnce(&Path), expected: &str) {
    let folder = job(write);
    let error = read(folder.path(), None).expect_err("refused");
    assert!(
        error.to_string().contains(expected),
        "{error} lacks {expected}"
    );
    assert!(!error.remedy().is_empty());
}

#[test]
fn a_synced_job_is_read_from_its_folder_or_the_one_above() {
    let folder = job(|_| {});
    for path in [folder.path().to_path_buf(), folder.path().join("birds-1")] {
        let job = read(&path, None).expect("a job");
        assert_eq!(
            (job.name.as_str(), job.label_attribute.as_str()),
            ("birds-1", "birds")
        );
        assert_eq!(
            job.manifest,
            "{\"source-ref\":\"s3://b/0.png\"}\n{\"source-ref\":\"s3://b/1.png\",\"n\":1.0}\n"
        );
        assert_eq!(job.answers.len(), 2);
        assert_eq!(
            job.answers[&0][0].content,
            r#"{"crowd-image-classifier":{"label":"Owl"}}"#
        );
    }
}

#[test]
fn a_job_without_manifests_is_read_from_its_answers() {
    let folder = job(|root| fs::remove_dir_all(root.join("birds-1/manifests")).expect("removed"));
    let job = read(folder.path(), None).expect("a job");
    assert_eq!(job.manifest.lines().count(), 2);
    assert!(job.manifest.contains("s3://b/1.png"));
}

/// The files of [`job`] with as much in them that can't be read as can be left out.
#[test]
fn what_cannot_be_read_is_left_out_and_told() {
    let folder = job(|root| {
        put(
            &root.join("birds-1/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"),
            r#"[7,{"datasetObjectId":"1","dataObject":{"s3Uri":"s3://b/1.png"},"annotations":[
                {"workerId":"\ud800","annotationData":{"content":"{}"}},{"annotationData":{"content":"{\"c\":{\"label\":\"Owl\"}}"}},
                {"workerId":"a","annotationData":{"s3Uri":"s3://b/a.json"}}]},
                {"datasetObjectId":"2"},{"datasetObjectId":"x","annotations":[]},{"datasetObjectId":"4","datasetObjectId":"5"}]"#,
        );
        put(
            &root.join("birds-1/manifests/output/output.manifest"),
            "\u{feff}{\"source-ref\":\"s3://b/0.png\",\"birds\":0,\"birds-metadata\":{\"job-name\":\"labeling-job/birds-1\"}}\n\nnot JSON\n{\"source-ref\":\"s3://b/2.png\"}\n{\"x\":1}\n",
        );
        put(
            &root.join("birds-1/annotation-tool/data.json"),
            "\u{feff}{\"labels\":[{\"label\":\"Owl\"}]}",
        );
    });
    let job = read(folder.path(), None).expect("a job");
    assert_eq!(
        (job.label_categories, job.label_attribute.as_str()),
        (vec!["Owl".to_owned()], "birds")
    );
    let source_ref =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["source-ref"].to_string();
    assert_eq!(
        job.manifest
            .lines()
            .map(source_ref)
            .collect::<Vec<_>>()
            .join(" "),
        r#""s3://b/0.png" "s3://b/1.png" "s3://b/2.png" "s3://unknown-bucket/data-object-3""#
    );
    assert!(
        job.notes[0].ends_with("2 lines of it from the answers"),
        "{:?}",
        job.notes
    );
    let n_answers: Vec<_> = job
        .answers
        .iter()
        .map(|(idx, answers)| (*idx, answers.len()))
        .collect();
    assert_eq!(n_answers, [(0, 1), (1, 1), (2, 0)]);
    assert_eq!(job.answers[&1][0].worker_id, "unnamed-1");
    let expected = [
        "output.manifest: line 3 is left out: expected ident",
        "output.manifest: line 5 is left out: neither source-ref nor source",
        "02:19:51.json: element 1 of the list is left out: no datasetObjectId",
        "02:19:51.json: element 5 of the list is left out: not readable: two datasetObjectId",
        "02:19:51.json: data object \"1\": answer 1 is left out: answer is not readable: ",
        "02:19:51.json: data object \"1\": answer 3 is left out: it is stored at s3://b/a.json",
        "02:19:51.json: data object \"2\": annotations is not a list",
        "02:19:51.json: data object \"x\" is left out: its id is not a position in the manifest",
    ];
    assert_eq!(job.left_out.len(), expected.len(), "{:#?}", job.left_out);
    for (left_out, expected) in job.left_out.iter().zip(expected) {
        assert!(left_out.contains(expected), "{left_out} lacks {expected}");
    }
}

#[test]
fn answers_keep_to_their_images() {
    let worker_response = |root: &Path, label: &str| {
        put(
            &root
                .join("birds-1/annotations/worker-response/iteration-1/1/2021-11-18_02:19:51.json"),
            &format!(
                r#"{{"answers":[{{"answerContent":{{"c":{{"label":"{label}"}}}},"workerId":"a"}}]}}"#
            ),
        );
    };
    let requests = "birds-1/annotations/consolidated-annotation";
    // Without another word for it, the second line's image can't be told from the third's.
    refused(
        |root| {
            worker_response(root, "Owl");
            fs::remove_dir_all(root.join(requests)).expect("removed");
            put(
                &root.join("birds-1/manifests/output/output.manifest"),
                "{\"source-ref\":\"s3://b/0.png\"}\nnot JSON\n{\"source-ref\":\"s3://b/1.png\"}\n",
            );
        },
        "output.manifest, line 2: ",
    );
    // Where the images are told, what contradicts them is the line that can't be read.
    refused(
        |root| {
            put(
                &root.join("birds-1/manifests/output/output.manifest"),
                "not JSON\n{\"source-ref\":\"s3://b/0.png\"}\n{\"source-ref\":\"s3://b/1.png\"}\n",
            );
            fs::remove_dir_all(root.join("birds-1/annotations/worker-response")).expect("removed");
        },
        "output.manifest, line 1: ",
    );
    // A damaged element takes nobody's place.
    let folder = job(|root| {
        worker_response(root, "Duck");
        put(
            &root
                .join(requests)
                .join("consolidation-request/iteration-1/2021-11-18_02:19:51.json"),
            r#"[{"datasetObjectId":"1","annotations":null},{"datasetObjectId":"0","annotations":[{"annotationData":{"content":"{}"}}]}]"#,
        );
    });
    let job = read(folder.path(), None).expect("a job");
    assert_eq!(job.answers[&1][0].content, r#"{"c":{"label":"Duck"}}"#);
    assert_eq!(job.left_out.len(), 1);
}

#[test]
fn what_cannot_be_read_is_named() {
    let output = "birds-1/manifests/output/output.manifest";
    refused(
        |root| fs::remove_dir_all(root.join("birds-1")).expect("removed"),
        "is no labeling job's output",
    );
    refused(
        |root| fs::write(root.join(output), b"\x89PNG\xff\xfe").expect("written"),
        "output.manifest, line 1: expected value",
    );
    refused(
        |root| {
            fs::remove_dir_all(root.join("birds-1/annotations")).expect("removed");
            put(
                &root.join("birds-1/annotations/worker-response/iteration-1/x/1.json"),
                r#"{"answers":[]}"#,
            )
        },
        "no answer can be used; ",
    );
    refused(
        |root| fs::remove_dir_all(root.join("birds-1/annotations")).expect("removed"),
        "no worker's answer",
    );
    refused(
        |root| {
            put(
                &root.join("input.manifest"),
                "{\"source-ref\":\"s3://b/0.png\"}\n",
            )
        },
        "only 1",
    );
    refused(
        |root| {
            put(
                &root.join("input.manifest"),
                "{\"source-ref\":\"s3://b/1.png\"}\n\n{\"source-ref\":\"s3://b/0.png\"}\n",
            )
        },
        "line 1: source-ref is s3://b/1.png, but workers answered for s3://b/0.png",
    );
    refused(
        |root| {
            fs::remove_dir_all(root.join("birds-1/manifests")).expect("removed");
            put(
                &root.join("input.manifest"),
                "{\"source-ref\":\"s3://b/0.png\"}\n\n{\"source-ref\":\"s3://b/2.png\"}\n",
            )
        },
        "line 3: source-ref is s3://b/2.png, but workers answered for s3://b/1.png",
    );
    refused(
        |root| put(&root.join("true_labels.jsonl"), "nonsense"),
        "true_labels.jsonl, line 1",
    );
    refused(
        |root| put(&root.join("other/annotations/x"), ""),
        "several jobs: birds-1, other",
    );
    let folder = job(|_| {});
    let no_truth = read(folder.path(), Some(Path::new("/no/such/truth"))).expect_err("refused");
    assert!(no_truth.to_string().contains("/no/such/truth"));
    assert!(no_truth.remedy().contains("--truth"));
    let missing = read(Path::new("/no/such/folder"), None).expect_err("refused");
    assert!(missing.to_string().contains("/no/such/folder"));
}
