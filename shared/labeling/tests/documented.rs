//! Samples of AWS's documentation and a real job, from the folder that `GT_SHARED_DATA` names.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use labeling::TaskType;
use labeling::answers::{self, Answer};
use labeling::consolidation::{AnnotationFile, Config, Payload, Request, consolidate};
use labeling::job::categories;
use labeling::job::{layout, whole, worker_response};
use labeling::pre_annotation;
use labeling::statistics_file::Statistics;

#[expect(
    clippy::disallowed_methods,
    reason = "a test's data folder is named by the environment"
)]
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("GT_SHARED_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: GT_SHARED_DATA is not set");
    }
    folder
}

#[expect(clippy::disallowed_methods, reason = "a test reads its data")]
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn crowd_elements_pages() {
    let Some(folder) = folder() else { return };
    let answer = |name: &str| {
        let text = String::from_utf8(read(&folder.join("documented").join(name))).unwrap();
        answers::parse(&text)
    };
    for (name, n_boxes) in [
        ("crowd-bounding-box_output_0.json", 1),
        ("crowd-bounding-box_output_1.json", 2),
        ("crowd-bounding-box_output_2.json", 2),
    ] {
        let Ok(Answer::Boxes {
            boxes,
            image_size: Some(_),
        }) = answer(name)
        else {
            panic!("{name}")
        };
        assert_eq!(boxes.len(), n_boxes, "{name}");
    }
    assert!(matches!(
        answer("crowd-classifier_output_0.json"),
        Ok(Answer::SingleLabel { .. })
    ));
    for (name, kind) in [
        ("crowd-keypoint_output_0.json", "keypoints"),
        ("crowd-polygon_output_1.json", "polygons"),
        ("crowd-semantic-segmentation_output_0.json", "labeledImage"),
    ] {
        assert_eq!(answer(name), Ok(Answer::Unsupported { kind }), "{name}");
    }
}

#[test]
fn requests_and_annotation_files() {
    let Some(folder) = folder() else { return };
    let documented = |name: &str| read(&folder.join("documented").join(name));
    for name in [
        "post_test_event_console_template.json",
        "step3_11_post_request_example.json",
    ] {
        assert!(
            matches!(
                Request::parse(&documented(name)).unwrap().payload,
                Payload::Stored(_)
            ),
            "{name}"
        );
    }
    let pre = pre_annotation::Request::parse(&documented("pre_test_event_console_template.json"))
        .unwrap();
    let response = pre_annotation::respond(&pre, &pre_annotation::Config::default());
    assert_eq!(
        response.task_input.task_object,
        "s3://sagemakerexample/object_to_annotate.jpg"
    );
    let request = Request::parse(&documented("step3_11_post_request_example.json")).unwrap();
    for (name, n_failed) in [
        ("step3_15_payload_bbox.json", 1),
        ("step3_14_payload_semseg.json", 1),
    ] {
        let file = AnnotationFile::parse(&documented(name)).unwrap();
        let outcome = consolidate(&request, &file, &Statistics::default(), &Config::default());
        // "Bird" is not among the example's categories, and masks have no consolidation.
        assert_eq!(
            (outcome.response.len(), outcome.failed.len()),
            (1, n_failed),
            "{name}"
        );
    }
}

#[test]
fn a_real_job() {
    let Some(folder) = folder() else { return };
    let job = folder.join("birds-job/birds-open-images-clone");
    let names = categories::parse_file(&read(&job.join("annotation-tool/data.json"))).unwrap();
    assert_eq!(names.len(), 10);
    let config = Config {
        label_categories: Some(names),
        ..Config::default()
    };
    let mut objects = Vec::new();
    for path in
        below(&job.join("annotations/consolidated-annotation/consolidation-request/iteration-1"))
    {
        objects.extend(AnnotationFile::parse(&read(&path)).unwrap().objects);
    }
    let of_requests = whole::consolidate("birds", None, "s3://bkt/birds", objects, &config);
    assert_eq!(
        (of_requests.response.len(), of_requests.failed.len()),
        (129, 0)
    );
    assert_eq!(of_requests.task_type, Some(TaskType::SingleLabel));
    assert_eq!(of_requests.counts.n_answers, 645);

    let mut objects = Vec::new();
    for object in below(&job.join("annotations/worker-response/iteration-1")) {
        for path in below(&object) {
            let id = layout::dataset_object_id(path.to_str().unwrap())
                .unwrap()
                .to_owned();
            objects.push(worker_response::parse(&id, &read(&path)).unwrap());
        }
    }
    let of_responses = whole::consolidate("birds", None, "s3://bkt/birds", objects, &config);
    let labels = |outcome: &labeling::consolidation::Outcome| {
        let mut labels: Vec<(String, String)> = outcome
            .response
            .iter()
            .map(|element| {
                (
                    element.dataset_object_id.clone(),
                    element.label.get().to_owned(),
                )
            })
            .collect();
        labels.sort();
        labels
    };
    assert_eq!(labels(&of_requests), labels(&of_responses));
}
