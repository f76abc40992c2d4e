//! Which dataset an entry goes to.

use std::time::Duration;

use aws_sdk_rekognition::types::{
    DatasetSource, DatasetStatus, DatasetType, GroundTruthManifest, S3Object,
};

use dataset_updater::run::Done;

use crate::lines::mixed;
use crate::world::{BUCKET, KEY, World};

#[tokio::test(flavor = "multi_thread")]
async fn images_are_shared_out_and_stay_where_they_are() {
    let world = World::new().await;
    let manifest = mixed(300);
    let request = world.put(KEY, &manifest.text).await;
    let arn = world.project_arn.clone();
    let variables = [
        ("PROJECT_ARN", arn.as_str()),
        ("TEST_FRACTION", "0.2"),
        ("CREATE_DATASETS", "true"),
    ];
    let config = world.config(&variables);
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!(report.landed, manifest.good.len() as u64);
    let sides: Vec<&str> = report
        .datasets
        .iter()
        .map(|dataset| dataset.side.as_str())
        .collect();
    assert_eq!(sides, ["train", "test"]);
    let train = world.source_refs(&report.datasets[0].arn).await;
    let test = world.source_refs(&report.datasets[1].arn).await;
    assert!(train.is_disjoint(&test));
    assert_eq!(&train | &test, manifest.good);
    assert!((30..90).contains(&test.len()), "{}", test.len());
    world.put(KEY, &mixed(310).text).await;
    let (report, _) = world.deliver(&config, &request).await;
    let train_then = world.source_refs(&report.datasets[0].arn).await;
    assert!(train.is_subset(&train_then) && train_then.is_disjoint(&test));
    assert_eq!(
        world.json_lines("entries.test.manifest").await.len() as u64,
        report.datasets[1].entries
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_dataset_is_created_only_when_allowed() {
    let world = World::new().await;
    let request = world.put(KEY, &mixed(20).text).await;
    let arn = world.project_arn.clone();
    let config = world.config(&[("PROJECT_ARN", &arn), ("TEST_FRACTION", "0.5")]);
    let error = world.invoke(&config, &request, "a").await.unwrap_err();
    assert_eq!(error.code(), "NoDataset");
    assert!(error.to_string().contains("CREATE_DATASETS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_label_attributes_have_their_own_targets() {
    let world = World::new().await;
    let manifest = mixed(20);
    let request = world.put(KEY, &manifest.text).await;
    for (whom, expected) in [("birds", true), ("cats", false)] {
        let targets = format!("{{\"{whom}\": \"{}\"}}", world.train_arn);
        let config = world.config(&[("TARGETS", &targets)]);
        let done = world.invoke(&config, &request, "a").await;
        assert_eq!(done.is_ok(), expected, "{done:?}");
        if let Err(error) = done {
            assert_eq!(error.code(), "NoTarget");
        }
    }
    let request = world
        .put("elsewhere/renamed.manifest", &manifest.text)
        .await;
    let targets = format!("{{\"birds\": \"{}\"}}", world.train_arn);
    assert!(
        world
            .invoke(&world.config(&[("TARGETS", &targets)]), &request, "b")
            .await
            .is_ok()
    );
}

fn labels(pairs: &[(&str, &str)], n: u64) -> String {
    let pairs = pairs.iter().map(|(attribute, job)| {
        format!(
            r#","{attribute}":0,"{attribute}-metadata":{{"class-name":"x","confidence":0.9,"human-annotated":"yes","job-name":"labeling-job/{job}","creation-date":"2026-01-01T00:00:00","type":"groundtruth/image-classification"}}"#
        )
    });
    let pairs: String = pairs.collect();
    format!(r#"{{"source-ref":"s3://images/pets/{n:06}.jpg"{pairs}}}"#)
}

/// Whatever the first line is, entries of a job's label attribute go to that one's dataset, and no line of another one does.
#[tokio::test(flavor = "multi_thread")]
async fn the_label_attribute_of_the_job_decides_whatever_stands_first() {
    let failed = r#"{"source-ref":"s3://images/pets/0.jpg","cat":0,"cat-metadata":{"class-name":"x","confidence":1,"human-annotated":"yes","job-name":"labeling-job/cats-1","creation-date":"2026-01-01T00:00:00","type":"groundtruth/image-classification"},"dog-metadata":{"failure-reason":"ClientError: expired","job-name":"labeling-job/dogs-1"}}"#;
    let others = labels(&[("cat", "cats-1")], 0);
    let ambiguous = labels(&[("dog", "dogs-1"), ("cat", "cats-1")], 0);
    let nobodys =
        labels(&[("cat", "cats-1")], 0).replace(r#""job-name":"labeling-job/cats-1","#, "");
    for (start, n_lines, n_more) in [
        ("\u{feff}".to_owned(), 19, 0),
        ("\n  \n".to_owned(), 21, 0),
        ("{broken\n".to_owned(), 20, 0),
        (format!("{failed}\n"), 20, 0),
        (format!("{others}\n"), 20, 0),
        (format!("{ambiguous}\n"), 20, 1),
        (format!("{nobodys}\n"), 20, 0),
        (format!("{others}\n").repeat(3000), 3019, 0),
    ] {
        let world = World::new().await;
        let created = world.sdk.create_dataset().project_arn(&world.project_arn);
        let created = created
            .dataset_type(DatasetType::Test)
            .send()
            .await
            .unwrap();
        let cats_arn = created.dataset_arn.unwrap();
        let dogs: Vec<String> = (1..=19)
            .map(|n| match n % 2 {
                0 => labels(&[("cat", "cats-1"), ("dog", "dogs-1")], n),
                _ => labels(&[("dog", "dogs-1")], n),
            })
            .collect();
        let key = "out/dogs-1/manifests/output/output.manifest";
        let request = world
            .put(key, &format!("{start}{}\n", dogs.join("\n")))
            .await;
        let targets = format!(r#"{{"cat": "{cats_arn}", "dog": "{}"}}"#, world.train_arn);
        let config = world.config(&[("TARGETS", &targets)]);
        let Done::Reported(report) = world.invoke(&config, &request, "a").await.unwrap() else {
            panic!("already done");
        };
        assert_eq!(
            (report.lines, report.landed),
            (n_lines, 19 + n_more),
            "{start:.100}"
        );
        assert_eq!(
            report.lines,
            report.entries + report.rejected + report.skipped
        );
        let there = world.entries(&world.train_arn).await;
        assert_eq!(there.len() as u64, 19 + n_more);
        assert!(there.iter().all(|entry| entry.get("dog").is_some()));
        assert_eq!(world.source_refs(&cats_arn).await.len(), 0, "{start:.100}");
        let n_elsewhere = report.by_code.get("REJECTED_OTHER_DESTINATION");
        assert_eq!(
            n_elsewhere.copied(),
            start
                .contains("\"cat\":0")
                .then_some(1)
                .filter(|_| start.starts_with(&nobodys))
        );
    }
}

/// What was sent can be sent again without the function: as the manifest that a dataset is made from.
#[tokio::test(flavor = "multi_thread")]
async fn entries_manifest_makes_a_dataset() {
    let world = World::new().await;
    let manifest = mixed(60);
    let request = world.put(KEY, &manifest.text).await;
    world.deliver(&world.config(&[]), &request).await;
    let object = S3Object::builder()
        .bucket(BUCKET)
        .name(world.key("out/birds/dataset-updater/entries.manifest"))
        .build();
    let source = GroundTruthManifest::builder().s3_object(object).build();
    let created = world
        .sdk
        .create_dataset()
        .project_arn(&world.project_arn)
        .dataset_type(DatasetType::Test)
        .dataset_source(
            DatasetSource::builder()
                .ground_truth_manifest(source)
                .build(),
        )
        .send()
        .await
        .unwrap();
    let arn = created.dataset_arn.unwrap();
    let made = loop {
        let described = world.sdk.describe_dataset().dataset_arn(&arn).send().await;
        let described = described.unwrap().dataset_description.unwrap();
        if described.status != Some(DatasetStatus::CreateInProgress) {
            break described;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(made.status, Some(DatasetStatus::CreateComplete));
    let n_with_errors = made.dataset_stats.and_then(|stats| stats.error_entries);
    assert_eq!(n_with_errors, Some(0));
    assert_eq!(
        world.source_refs(&arn).await,
        world.source_refs(&world.train_arn).await
    );
}
