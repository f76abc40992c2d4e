use std::time::Duration;

use aws_sdk_rekognition::error::ProvideErrorMetadata;
use aws_sdk_rekognition::operation::update_dataset_entries::UpdateDatasetEntriesError;
use aws_sdk_rekognition::primitives::Blob;
use aws_sdk_rekognition::types::{
    DatasetChanges, DatasetDescription, DatasetSource, DatasetStatus, DatasetType,
    DistributeDataset, GroundTruthManifest, Image, OutputConfig, ProjectVersionStatus, S3Object,
};
use services::faults::{Effect, Fault, Service};
use services::rekognition::Config;

use super::{Services, fast};

fn line(name: &str, label: &str) -> String {
    format!(
        r#"{{"source-ref":"s3://bucket/{name}.png","a":1,"a-metadata":{{"confidence":0.75,"class-name":"{label}","human-annotated":"yes","creation-date":"2026-01-02T03:04:05.678","type":"groundtruth/image-classification"}}}}"#
    )
}

fn lines(n: usize) -> String {
    let line = |i: usize| {
        line(
            &format!("{i:03}"),
            if i.is_multiple_of(2) { "Owl" } else { "Duck" },
        ) + "\n"
    };
    (0..n).map(line).collect()
}

impl Services {
    async fn project(&self) -> String {
        let create = self.rekognition.create_project().project_name("birds");
        create.send().await.unwrap().project_arn.unwrap()
    }

    async fn dataset(&self, project: &str, kind: DatasetType) -> String {
        let create = self.rekognition.create_dataset().project_arn(project);
        let arn = create
            .dataset_type(kind)
            .send()
            .await
            .unwrap()
            .dataset_arn
            .unwrap();
        self.settled(&arn).await;
        arn
    }

    async fn train(&self) -> String {
        self.dataset(&self.project().await, DatasetType::Train)
            .await
    }

    async fn describe(&self, arn: &str) -> DatasetDescription {
        let describe = self.rekognition.describe_dataset().dataset_arn(arn);
        describe.send().await.unwrap().dataset_description.unwrap()
    }

    async fn settled(&self, arn: &str) -> DatasetDescription {
        loop {
            let description = self.describe(arn).await;
            if !description
                .status()
                .unwrap()
                .as_str()
                .ends_with("_IN_PROGRESS")
            {
                return description;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn update(&self, arn: &str, lines: &str) -> Result<(), UpdateDatasetEntriesError> {
        let changes = DatasetChanges::builder().ground_truth(Blob::new(lines));
        self.rekognition
            .update_dataset_entries()
            .dataset_arn(arn)
            .changes(changes.build().unwrap())
            .send()
            .await
            .map(drop)
            .map_err(|error| error.into_service_error())
    }

    /// `(total, labeled, errors, labels)` once the dataset is settled.
    async fn stats(&self, arn: &str) -> (i32, i32, i32, i32) {
        let stats = self.settled(arn).await.dataset_stats.unwrap();
        (
            stats.total_entries.unwrap(),
            stats.labeled_entries.unwrap(),
            stats.error_entries.unwrap(),
            stats.total_labels.unwrap(),
        )
    }

    async fn entries(&self, arn: &str) -> Vec<String> {
        let list = self.rekognition.list_dataset_entries().dataset_arn(arn);
        let pages = list.into_paginator().page_size(7).items().send();
        pages.collect::<Result<Vec<_>, _>>().await.unwrap()
    }
}

#[tokio::test]
async fn an_update_replaces_by_source_ref_and_is_paged_whole() {
    let services = Services::start(fast()).await;
    let train = services.train().await;
    services.update(&train, &lines(20)).await.unwrap();
    assert_eq!(services.stats(&train).await, (20, 20, 0, 2));
    services
        .update(&train, &(line("000", "Swan") + "\n" + &line("new", "Swan")))
        .await
        .unwrap();
    assert_eq!(services.stats(&train).await, (21, 21, 0, 3));
    let entries = services.entries(&train).await;
    assert_eq!(entries.len(), 21);
    assert!(
        entries[0].contains("Swan") && entries[0].contains(r#""cl-metadata":{"is_labeled":true}"#)
    );
}

#[tokio::test]
async fn the_answer_comes_before_the_status() {
    let config = Config {
        update_time_ms: 400,
        stale_status_ms: 200,
        ..fast()
    };
    let services = Services::start(config).await;
    let train = services.train().await;
    let before = services.describe(&train).await;
    services.update(&train, &line("1", "Owl")).await.unwrap();
    let stale = services.describe(&train).await;
    assert_eq!(stale.status, Some(DatasetStatus::CreateComplete));
    assert_eq!(stale.last_updated_timestamp, before.last_updated_timestamp);
    let busy = services
        .update(&train, &line("2", "Owl"))
        .await
        .unwrap_err();
    assert!(busy.is_resource_in_use_exception(), "{busy:?}");
    let listed = services
        .rekognition
        .list_dataset_entries()
        .dataset_arn(&train)
        .send()
        .await;
    assert!(
        listed
            .unwrap_err()
            .into_service_error()
            .is_resource_in_use_exception()
    );
    while services.describe(&train).await.status != Some(DatasetStatus::UpdateInProgress) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        services.settled(&train).await.status,
        Some(DatasetStatus::UpdateComplete)
    );
    assert_eq!(services.stats(&train).await.0, 1);
}

#[tokio::test]
async fn a_fifth_of_bad_lines_is_dropped_more_fail_the_update() {
    for (n_bad, status, n_entries) in [
        (0, DatasetStatus::UpdateComplete, 8),
        (1, DatasetStatus::UpdateComplete, 8),
        (2, DatasetStatus::UpdateComplete, 8),
        (3, DatasetStatus::UpdateFailed, 0),
    ] {
        let services = Services::start(fast()).await;
        let train = services.train().await;
        services
            .update(&train, &(lines(8) + &"{\n".repeat(n_bad)))
            .await
            .unwrap();
        let description = services.settled(&train).await;
        assert_eq!(description.status, Some(status), "{n_bad}");
        assert_eq!(services.stats(&train).await.0, n_entries, "{n_bad}");
    }
}

#[tokio::test]
async fn limits_hold_at_their_edges() {
    let services = Services::start(Config {
        n_entries_max: 10,
        ..fast()
    })
    .await;
    let train = services.train().await;
    let padded = |n: usize| {
        let line = line("1", "Owl");
        let mut blob = line.clone() + "\n";
        blob.push_str(&" ".repeat(n - blob.len()));
        blob
    };
    // The padding is one line that is not JSON, which fails the update, but only after it was taken.
    services.update(&train, &padded(5_242_880)).await.unwrap();
    services.settled(&train).await;
    let error = services
        .update(&train, &padded(5_242_881))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
    services.update(&train, &lines(10)).await.unwrap();
    assert_eq!(services.stats(&train).await.0, 10);
    services.update(&train, &lines(11)).await.unwrap();
    let failed = services.settled(&train).await;
    assert_eq!(failed.status, Some(DatasetStatus::UpdateFailed));
    assert!(
        failed
            .status_message
            .unwrap()
            .contains("ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM")
    );
    assert_eq!(services.stats(&train).await.0, 10);
}

#[tokio::test]
async fn more_than_five_calls_a_second_are_refused() {
    let services = Services::start(Config {
        calls_per_second: Some(5),
        ..fast()
    })
    .await;
    let mut n_refused = 0;
    for _ in 0..10 {
        if let Err(error) = services.rekognition.describe_projects().send().await {
            assert!(
                error
                    .into_service_error()
                    .is_provisioned_throughput_exceeded_exception()
            );
            n_refused += 1;
        }
    }
    assert!((1..=5).contains(&n_refused), "{n_refused}");
}

#[tokio::test]
async fn the_state_outlives_the_service() {
    let mut services = Services::start(Config {
        training_time_ms: 3_600_000,
        ..fast()
    })
    .await;
    let project = services.project().await;
    let train = services.dataset(&project, DatasetType::Train).await;
    let test = services.dataset(&project, DatasetType::Test).await;
    services.update(&train, &lines(20)).await.unwrap();
    services.settled(&train).await;
    services.update(&train, &line("000", "Swan")).await.unwrap();
    services.settled(&train).await;
    let pair = [&train, &test].map(|arn| DistributeDataset::builder().arn(arn).build().unwrap());
    let distribute = services.rekognition.distribute_dataset_entries();
    distribute
        .set_datasets(Some(pair.to_vec()))
        .send()
        .await
        .unwrap();
    assert_eq!(services.stats(&train).await.0, 16);
    assert_eq!(services.stats(&test).await.0, 4);
    let before = (
        services.entries(&train).await,
        services.entries(&test).await,
    );

    // What a crash leaves: lines that were added, but never counted.
    let state = services.folder.path().join("rekognition");
    for file in std::fs::read_dir(&state).unwrap() {
        let path = file.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text + &line("half", "Owl")[..40]).unwrap();
        }
    }
    services.restart(fast()).await;
    let after = (
        services.entries(&train).await,
        services.entries(&test).await,
    );
    assert_eq!(before, after);
    services.update(&train, &line("more", "Owl")).await.unwrap();
    assert_eq!(services.stats(&train).await.0, 17);
    services.restart(fast()).await;
    assert_eq!(services.stats(&train).await.0, 17);
}

#[tokio::test]
async fn a_dataset_comes_from_a_manifest_or_from_a_dataset() {
    let services = Services::start(fast()).await;
    services
        .s3
        .create_bucket()
        .bucket("manifests")
        .send()
        .await
        .unwrap();
    for (key, text) in [
        ("a.manifest", lines(5)),
        ("noextension", lines(5)),
        ("bad.manifest", "\0".to_owned()),
    ] {
        let put = services.s3.put_object().bucket("manifests").key(key);
        put.body(text.into_bytes().into()).send().await.unwrap();
    }
    let project = services.project().await;
    let create = |source: DatasetSource| {
        let create = services.rekognition.create_dataset().project_arn(&project);
        create
            .dataset_type(DatasetType::Train)
            .dataset_source(source)
            .send()
    };
    let manifest = |key: &str| {
        let object = S3Object::builder().bucket("manifests").name(key).build();
        let manifest = GroundTruthManifest::builder().s3_object(object).build();
        DatasetSource::builder()
            .ground_truth_manifest(manifest)
            .build()
    };
    let missing = create(manifest("none.manifest"))
        .await
        .unwrap_err()
        .into_service_error();
    assert!(missing.is_invalid_s3_object_exception(), "{missing:?}");
    for key in ["noextension", "bad.manifest"] {
        let arn = create(manifest(key)).await.unwrap().dataset_arn.unwrap();
        assert_eq!(
            services.settled(&arn).await.status,
            Some(DatasetStatus::CreateFailed),
            "{key}"
        );
        services
            .rekognition
            .delete_dataset()
            .dataset_arn(&arn)
            .send()
            .await
            .unwrap();
    }
    let train = create(manifest("a.manifest"))
        .await
        .unwrap()
        .dataset_arn
        .unwrap();
    assert_eq!(services.stats(&train).await, (5, 5, 0, 2));
    let copy = services.rekognition.create_dataset().project_arn(&project);
    let copy = copy
        .dataset_type(DatasetType::Test)
        .dataset_source(DatasetSource::builder().dataset_arn(&train).build());
    let test = copy.send().await.unwrap().dataset_arn.unwrap();
    assert_eq!(services.stats(&test).await, (5, 5, 0, 2));
    assert_eq!(
        services.entries(&train).await,
        services.entries(&test).await
    );
}

#[tokio::test]
async fn scripted_faults_strike() {
    let services = Services::start(fast()).await;
    let train = services.train().await;
    let fault = |effect| Fault::new(Service::Rekognition, effect).operation("UpdateDatasetEntries");
    let faults = &services.faults;

    faults.add(fault(Effect::Error {
        status: 500,
        code: "ThrottlingException".to_owned(),
        message: "slow down".to_owned(),
    }));
    let error = services.update(&train, &lines(4)).await.unwrap_err();
    assert!(error.is_throttling_exception(), "{error:?}");
    assert_eq!(error.message(), Some("slow down"));

    faults.add(fault(Effect::ResetAfter));
    services.update(&train, &lines(4)).await.unwrap_err();
    assert_eq!(services.stats(&train).await.0, 4);

    faults.add(fault(Effect::DropEntries("/new".to_owned())));
    services
        .update(&train, &(line("new", "Owl") + "\n" + &line("other", "Owl")))
        .await
        .unwrap();
    assert_eq!(services.stats(&train).await.0, 5);

    faults.add(fault(Effect::UpdateFailed("poison".to_owned())));
    services.update(&train, &line("new", "Owl")).await.unwrap();
    let failed = services.settled(&train).await;
    assert_eq!(failed.status, Some(DatasetStatus::UpdateFailed));
    assert_eq!(failed.status_message.as_deref(), Some("poison"));

    faults.add(fault(Effect::StaleStatus(Duration::from_secs(3600))));
    services.update(&train, &line("new", "Owl")).await.unwrap();
    assert_eq!(
        services.describe(&train).await.status,
        Some(DatasetStatus::UpdateFailed)
    );
    assert_eq!(faults.n_struck(), 5);
}

#[tokio::test]
async fn a_model_is_trained_run_and_asked() {
    let services = Services::start(fast()).await;
    let project = services.project().await;
    let train = services.dataset(&project, DatasetType::Train).await;
    let test = services.dataset(&project, DatasetType::Test).await;
    let client = &services.rekognition;
    let create = |name: &str| {
        let output = OutputConfig::builder().s3_bucket("bucket").build();
        let create = client.create_project_version().project_arn(&project);
        create.version_name(name).output_config(output).send()
    };
    let status = async |name: &str| {
        let describe = client.describe_project_versions().project_arn(&project);
        let found = describe.version_names(name).send().await.unwrap();
        let found = found.project_version_descriptions()[0].clone();
        (
            found.status.unwrap(),
            found.status_message.unwrap_or_default(),
        )
    };
    create("empty").await.unwrap();
    let (failed, message) = status("empty").await;
    assert_eq!(failed, ProjectVersionStatus::TrainingFailed);
    assert!(message.contains("ERROR_MANIFEST_EMPTY"), "{message}");

    for arn in [&train, &test] {
        services.update(arn, &lines(4)).await.unwrap();
        services.settled(arn).await;
    }
    let version = create("v1").await.unwrap().project_version_arn.unwrap();
    assert!(
        create("v1")
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_in_use_exception()
    );
    assert_eq!(
        status("v1").await.0,
        ProjectVersionStatus::TrainingCompleted
    );

    let detect = |key: &str| {
        let object = S3Object::builder().bucket("bucket").name(key).build();
        let image = Image::builder().s3_object(object).build();
        client
            .detect_custom_labels()
            .project_version_arn(&version)
            .image(image)
            .send()
    };
    assert!(
        detect("000.png")
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_ready_exception()
    );
    let start = client.start_project_version().project_version_arn(&version);
    start.min_inference_units(1).send().await.unwrap();
    assert_eq!(status("v1").await.0, ProjectVersionStatus::Running);
    let labels = detect("000.png").await.unwrap().custom_labels.unwrap();
    assert_eq!(
        (labels[0].name(), labels[0].confidence()),
        (Some("Owl"), Some(75.0))
    );
    assert!(
        detect("none.png")
            .await
            .unwrap()
            .custom_labels
            .unwrap()
            .is_empty()
    );

    client
        .stop_project_version()
        .project_version_arn(&version)
        .send()
        .await
        .unwrap();
    assert_eq!(status("v1").await.0, ProjectVersionStatus::Stopped);
    client
        .delete_project_version()
        .project_version_arn(&version)
        .send()
        .await
        .unwrap();
    let describe = client
        .describe_project_versions()
        .project_arn(&project)
        .version_names("v1");
    assert!(
        describe
            .send()
            .await
            .unwrap()
            .project_version_descriptions()
            .is_empty()
    );
}

/// The documented lines, as Custom Labels hands them back.
#[tokio::test]
async fn documented_lines_come_back_as_documented() {
    let Ok(data) = std::env::var("GT_SHARED_DATA") else {
        println!("skipped: GT_SHARED_DATA is not set");
        return;
    };
    let folder = std::path::Path::new(&data).join("documented");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let services = Services::start(Config {
        dropped_share_max: 1.0,
        ..fast()
    })
    .await;
    let train = services.train().await;

    // The one answer of ListDatasetEntries with errors that the guide prints.
    let annotated = read("docs_cl_validation_results_annotated.jsonl");
    let documented = annotated
        .lines()
        .find(|line| line.contains("cl-errors"))
        .unwrap();
    services.update(&train, documented).await.unwrap();
    assert_eq!(services.stats(&train).await.2, 1);
    let entries = services.entries(&train).await;
    assert_eq!(entries[0], documented);

    for name in [
        "docs_cl_valid_lines.jsonl",
        "docs_cl_valid_pretty_compacted.jsonl",
    ] {
        let valid = read(name);
        let usable: Vec<&str> = valid
            .lines()
            .filter(|line| line.contains(r#""s3://"#))
            .collect();
        for line in usable {
            services.update(&train, line).await.unwrap();
            assert_eq!(
                services.stats(&train).await.2,
                1,
                "a valid line has errors: {line}"
            );
        }
    }
}
