//! Entries that the dataset has already.

use serde_json::json;
use services::faults::Service;

use crate::lines::{good_line, mixed};
use crate::world::{KEY, World, error, s3};

async fn world_with_other_labels(n: u64) -> World {
    let world = World::new().await;
    let mut lines = Vec::new();
    for n in 1..=n {
        let line = json!({
            "source-ref": format!("s3://images/birds/{n:06}.jpg"), "weather": 1,
            "weather-metadata": {"class-name": "rain", "confidence": 1, "human-annotated": "yes", "job-name": "labeling-job/weather",
                "creation-date": "2025-01-01T00:00:00.000000", "type": "groundtruth/image-classification"}
        });
        lines.extend(format!("{line}\n").into_bytes());
    }
    world
        .clients
        .rekognition
        .dataset_state(&world.train_arn, None)
        .await
        .unwrap();
    let request = world
        .put(
            "out/weather/manifests/output/output.manifest",
            &String::from_utf8(lines).unwrap(),
        )
        .await;
    world
        .deliver(&world.config(&[("CHANGES_BYTES_MAX", "1000000")]), &request)
        .await;
    world
}

async fn check(mode: &str, n_existing: u64, n_lines: u64, expected_weather: u64) {
    let world = world_with_other_labels(n_existing).await;
    let mut text = String::new();
    for n in 1..=n_lines {
        text.push_str(&good_line(n, &format!("s3://images/birds/{n:06}.jpg")));
        text.push('\n');
    }
    let request = world.put(KEY, &text).await;
    let scratch = tempfile::tempdir().unwrap();
    let config = world.config(&[
        ("EXISTING", mode),
        ("SCRATCH_FOLDER", scratch.path().to_str().unwrap()),
    ]);
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!(
        (report.landed, report.vanished, report.refused),
        (n_lines, 0, 0)
    );
    let entries = world.entries(&world.train_arn).await;
    assert_eq!(entries.len() as u64, n_existing.max(n_lines));
    let n_weather = entries
        .iter()
        .filter(|entry| entry.get("weather-metadata").is_some())
        .count();
    assert_eq!(n_weather as u64, expected_weather);
    let of_birds = |entry: &&serde_json::Value| {
        entry
            .as_object()
            .unwrap()
            .keys()
            .any(|key| key.starts_with("birds"))
    };
    assert_eq!(entries.iter().filter(of_birds).count() as u64, n_lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced() {
    check("replace", 30, 20, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_by_a_listing() {
    check("merge", 30, 20, 30).await;
    check("merge", 10, 20, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_by_looking_each_entry_up() {
    check("merge", 450, 3, 450).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_twice_is_merged_once() {
    let world = world_with_other_labels(30).await;
    let config = world.config(&[("EXISTING", "merge")]);
    let mut first = None;
    for n_lines in [60, 61] {
        let request = world.put(KEY, &mixed(n_lines).text).await;
        world.deliver(&config, &request).await;
        let mut entries = world.entries(&world.train_arn).await;
        entries.retain(|entry| entry["source-ref"] != "s3://images/birds/000061.jpg");
        entries.sort_by_key(|entry| entry["source-ref"].to_string());
        assert_eq!(*first.get_or_insert(entries.clone()), entries);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_listed_is_not_listed_again() {
    let world = world_with_other_labels(30).await;
    let config = world.config(&[("EXISTING", "merge")]);
    let manifest = mixed(60);
    let request = world.put(KEY, &manifest.text).await;
    let denied = s3(error(403, "AccessDenied"), "PutObject").target("report.json");
    world.faults.add(denied);
    let failed = world.invoke(&config, &request, "a").await.unwrap_err();
    assert_eq!(failed.code(), "S3.AccessDenied");
    let n_listed = |world: &World| {
        world
            .faults
            .n_calls(Service::Rekognition, "ListDatasetEntries")
    };
    let n_before = n_listed(&world);
    assert!(n_before > 1);
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!(n_listed(&world), n_before);
    assert_eq!(report.datasets[0].verified_by, "listing");
    world.check_whole(&manifest, &report).await;
}
