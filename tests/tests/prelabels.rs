//! Pre-annotation with a Custom Labels model: what a running model sees reaches the worker's task, and whatever goes
//! wrong with it costs the task nothing but its pre-labels.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what fails in a helper fails the test"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_rekognition::primitives::Blob;
use aws_sdk_rekognition::types::{DatasetChanges, DatasetType, OutputConfig, ProjectVersionStatus};
use gtcl::function_name::FunctionName;
use gtcl::stack::{BUCKET, Ports, Stack};
use serde_json::{Value, json};
use services::faults::{Effect, Fault, Service};

const GTCL: &str = env!("CARGO_BIN_EXE_gtcl-under-test");
const ADJUSTMENT: &str = include_str!("../../events/pre-annotation-adjustment.json");

/// 640 × 480 pixels, as far as a header says it.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0";

fn source_ref(key: &str) -> String {
    format!("s3://{BUCKET}/images/{key}")
}

fn labeled(key: &str, label: &str) -> String {
    json!({"source-ref": source_ref(key), "a": 0, "a-metadata": {
        "confidence": 0.75, "class-name": label, "human-annotated": "yes",
        "creation-date": "2026-01-02T03:04:05.678", "type": "groundtruth/image-classification"}})
    .to_string()
}

fn boxed(key: &str) -> String {
    json!({"source-ref": source_ref(key),
        "b": {"image_size": [{"width": 320, "height": 240, "depth": 3}], "annotations": [
            {"class_id": 0, "left": 32, "top": 24, "width": 160, "height": 120},
            {"class_id": 1, "left": 0, "top": 0, "width": 320, "height": 240}]},
        "b-metadata": {"objects": [{"confidence": 0.9}, {"confidence": 0.4}],
            "class-map": {"0": "Owl", "1": "Duck"}, "human-annotated": "yes",
            "creation-date": "2026-01-02T03:04:05.678", "type": "groundtruth/object-detection"}})
    .to_string()
}

struct World {
    stack: Stack,
    model: String,
}

impl World {
    /// A trained model, not started, and the images that it knows.
    async fn start(folder: &Path) -> Self {
        let stack = Stack::start(
            folder,
            Ports::default(),
            services::Keys::default(),
            Path::new(GTCL),
        )
        .await
        .expect("the services start");
        let s3 = stack.s3_client();
        s3.create_bucket().bucket(BUCKET).send().await.unwrap();
        for key in ["box.png", "owl 1.png", "duck.png", "unknown.png"] {
            let put = s3.put_object().bucket(BUCKET).key(format!("images/{key}"));
            put.body(PNG.to_vec().into()).send().await.unwrap();
        }
        let client = stack.rekognition_client();
        let project = client.create_project().project_name("birds");
        let project = project.send().await.unwrap().project_arn.unwrap();
        let lines = [
            labeled("owl 1.png", "Owl"),
            labeled("duck.png", "Duck"),
            boxed("box.png"),
            boxed("gone.png"),
        ];
        for kind in [DatasetType::Train, DatasetType::Test] {
            let create = client.create_dataset().project_arn(&project);
            let created = create.dataset_type(kind).send().await.unwrap();
            let arn = created.dataset_arn.unwrap();
            settled(&stack, &arn).await;
            let changes = DatasetChanges::builder().ground_truth(Blob::new(lines.join("\n")));
            let update = client.update_dataset_entries().dataset_arn(&arn);
            let update = update.changes(changes.build().unwrap());
            update.send().await.unwrap();
            settled(&stack, &arn).await;
        }
        let output = OutputConfig::builder().s3_bucket(BUCKET).build();
        let train = client.create_project_version().project_arn(&project);
        let train = train.version_name("v1").output_config(output);
        let model = train.send().await.unwrap().project_version_arn.unwrap();
        let world = Self { stack, model };
        world
            .wait_for(&project, ProjectVersionStatus::TrainingCompleted)
            .await;
        world
    }

    async fn start_model(&self) {
        let client = self.stack.rekognition_client();
        let start = client
            .start_project_version()
            .project_version_arn(&self.model);
        start.min_inference_units(1).send().await.unwrap();
        let (project, _) = self.model.split_once("/version/").unwrap();
        let projects = client.describe_projects().send().await.unwrap();
        let found = projects.project_descriptions();
        let arn = found.iter().filter_map(|it| it.project_arn());
        let arn = arn.into_iter().find(|arn| arn.starts_with(project));
        self.wait_for(arn.unwrap(), ProjectVersionStatus::Running)
            .await;
    }

    async fn wait_for(&self, project: &str, status: ProjectVersionStatus) {
        let client = self.stack.rekognition_client();
        for _ in 0..60 {
            let describe = client.describe_project_versions().project_arn(project);
            let found = describe.send().await.unwrap();
            let version = &found.project_version_descriptions()[0];
            if version.status() == Some(&status) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("the model never came to be {status}");
    }

    fn deploy(&self, name: &str, settings: &[(&str, &str)]) {
        let mut all = vec![
            ("MODEL_ARN".to_owned(), self.model.clone()),
            ("LABEL_CATEGORIES".to_owned(), "Owl,Duck".to_owned()),
            // On a busy machine an answer takes longer than a function would wait.
            ("MODEL_TIMEOUT_S".to_owned(), "20".to_owned()),
        ];
        let settings = settings.iter();
        all.extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.stack.deploy(FunctionName::PreAnnotation, name, all);
    }

    /// `initialValue` and `suggestedLabels` of the task for an image.
    async fn task(&self, function: &str, key: &str) -> (Value, Value) {
        let event = json!({"dataObject": {"source-ref": source_ref(key)}});
        self.task_of(function, &event.to_string()).await
    }

    async fn task_of(&self, function: &str, event: &str) -> (Value, Value) {
        let outcome = self.stack.lambda.invoke(function, event.to_owned().into());
        let outcome = outcome.await.unwrap();
        assert!(outcome.error.is_none(), "{function}: {outcome:?}");
        let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
        assert_eq!(answer["isHumanAnnotationRequired"], true);
        let input = &answer["taskInput"];
        assert_eq!(input["labels"].as_array().unwrap().len(), 2);
        (
            input["initialValue"].clone(),
            input["suggestedLabels"].clone(),
        )
    }

    fn n_asked(&self) -> u64 {
        let faults = &self.stack.faults;
        faults.n_calls(Service::Rekognition, "DetectCustomLabels")
    }

    /// Codes of the function's metric lines, in order, and the sum of a metric.
    fn metrics(&self, function: &str, name: &str) -> (Vec<String>, u64) {
        let log = fs::read_to_string(self.stack.lambda.log_file(function)).unwrap();
        let lines = log.lines().filter_map(|line| {
            let json = line.find('{').map_or(line, |at| &line[at..]);
            serde_json::from_str::<Value>(json).ok()
        });
        let lines: Vec<Value> = lines.filter(|line| line.get("_aws").is_some()).collect();
        let codes = lines.iter().map(|line| line["Code"].as_str().unwrap());
        let sum = lines.iter().map(|line| line[name].as_u64().unwrap()).sum();
        (codes.map(str::to_owned).collect(), sum)
    }
}

async fn settled(stack: &Stack, arn: &str) {
    let client = stack.rekognition_client();
    for _ in 0..60 {
        let describe = client.describe_dataset().dataset_arn(arn);
        let found = describe.send().await.unwrap().dataset_description.unwrap();
        let status = found.status().map(|status| status.as_str().to_owned());
        if status.is_some_and(|status| status.ends_with("_COMPLETE")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    panic!("{arn} is never complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_gives_workers_a_start_and_never_stops_them() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path()).await;
    let nothing = (Value::Null, Value::Null);

    // Not running: asked once, then left alone.
    world.deploy("stopped", &[]);
    for _ in 0..3 {
        assert_eq!(world.task("stopped", "box.png").await, nothing);
    }
    assert_eq!(world.n_asked(), 1);
    let (codes, n_failures) = world.metrics("stopped", "ModelFailures");
    assert_eq!(codes, ["Rekognition.NotRunning", "Resting", "Resting"]);
    assert_eq!(n_failures, 3);

    // Asked again when the rest is over.
    world.deploy("short-rest", &[("MODEL_REST_S", "0.2")]);
    assert_eq!(world.task("short-rest", "box.png").await, nothing);
    world.start_model().await;
    let boxes = json!([
        {"label": "Owl", "left": 64.0, "top": 48.0, "width": 320.0, "height": 240.0},
        {"label": "Duck", "left": 0.0, "top": 0.0, "width": 640.0, "height": 480.0},
    ]);
    let found = world.task("short-rest", "box.png").await;
    assert_eq!(found, (boxes, Value::Null));

    // Running: boxes in pixels of the image, labels of the whole image, nothing for an image that it doesn't know.
    world.deploy("sure", &[("MODEL_MIN_CONFIDENCE", "0.8")]);
    let (boxes, _) = world.task("sure", "box.png").await;
    assert_eq!(boxes.as_array().map(Vec::len), Some(1), "{boxes}");
    assert_eq!(world.task("sure", "owl 1.png").await, nothing);
    world.deploy("running", &[]);
    let suggested = json!([{"label": "Owl", "confidence": 0.75}]);
    let found = world.task("running", "owl 1.png").await;
    assert_eq!(found, (Value::Null, suggested));
    assert_eq!(world.task("running", "unknown.png").await, nothing);
    // The image itself is gone, so its boxes can't become pixels.
    assert_eq!(world.task("running", "gone.png").await, nothing);
    let (codes, n_labels) = world.metrics("running", "PreLabels");
    assert_eq!(codes, ["Answered", "Answered", "S3.NotFound"]);
    assert_eq!(n_labels, 1);

    // A name that the task doesn't offer can't be shown.
    world.deploy("others", &[("LABEL_CATEGORIES", "Owl,Swan")]);
    assert_eq!(world.task("others", "duck.png").await, nothing);
    assert_eq!(world.metrics("others", "PreLabelsLeftOut").1, 1);

    // Boxes of an earlier job come first; the model isn't even asked.
    let n_asked = world.n_asked();
    let mut event: Value = serde_json::from_str(ADJUSTMENT).unwrap();
    event["dataObject"]["source-ref"] = json!(source_ref("box.png"));
    let (boxes, _) = world.task_of("running", &event.to_string()).await;
    assert_eq!(boxes[0]["label"], "dog");
    assert_eq!(world.n_asked(), n_asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_model_are_counted_and_cost_no_task() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path()).await;
    world.start_model().await;
    let nothing = (Value::Null, Value::Null);
    let fault = |effect| Fault::new(Service::Rekognition, effect).operation("DetectCustomLabels");
    let error = |code: &str| Effect::Error {
        status: 400,
        code: code.to_owned(),
        message: "no".to_owned(),
    };
    let wait = Duration::from_secs(60);
    // The function's name, the fault, how often it strikes, the code, and whether the next image is asked about.
    for (function, effect, n_times, code, asks_again) in [
        (
            "throttled",
            error("ThrottlingException"),
            99,
            "Rekognition.Throttled",
            true,
        ),
        (
            "large",
            error("ImageTooLargeException"),
            1,
            "Rekognition.Invalid",
            true,
        ),
        (
            "denied",
            error("AccessDeniedException"),
            1,
            "Rekognition.AccessDenied",
            false,
        ),
        ("hangs", Effect::Delay(wait), 99, "Model.Timeout", false),
        (
            "lost",
            Effect::ResetBefore,
            99,
            "Rekognition.Unavailable",
            true,
        ),
    ] {
        let is_late = code == "Model.Timeout";
        let short = [("MODEL_TIMEOUT_S", "0.3")];
        world.deploy(function, if is_late { &short } else { &[] });
        world.stack.faults.add(fault(effect).times(n_times));
        let n_images = if is_late { 3 } else { 1 };
        for _ in 0..n_images {
            let begin = Instant::now();
            assert_eq!(world.task(function, "owl 1.png").await, nothing);
            let took = begin.elapsed();
            assert!(took < Duration::from_secs(30), "{function}: {took:?}");
        }
        world.stack.faults.clear();
        let (boxes, labels) = world.task(function, "owl 1.png").await;
        assert!(boxes.is_null());
        assert_eq!(!labels.is_null(), asks_again, "{function}: {labels}");
        let (codes, n_failures) = world.metrics(function, "ModelFailures");
        assert_eq!(codes[0], code, "{function}: {codes:?}");
        let n_expected = n_images + u64::from(!asks_again);
        assert_eq!(n_failures, n_expected, "{function}: {codes:?}");
    }
    // One that passes within the time is tried again.
    world.deploy("once", &[]);
    let once = fault(error("ThrottlingException"));
    world.stack.faults.add(once);
    let (_, labels) = world.task("once", "owl 1.png").await;
    assert_eq!(labels[0]["label"], "Owl");
}
