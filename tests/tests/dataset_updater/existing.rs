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

/// Another job's entries with this job's label attribute.
async fn world_with_same_attribute(n: u64) -> World {
    let world = World::new().await;
    let line = |n: u64| good_line(n, &format!("s3://images/birds/{n:06}.jpg")) + "\n";
    let text: String = (1..=n).map(line).collect();
    let text = text.replace("labeling-job/birds", "labeling-job/earlier-birds");
    assert!(text.contains("earlier-birds"));
    let key = "out/earlier-birds/manifests/output/output.manifest";
    let request = world.put(key, &text).await;
    let (report, _) = world.deliver(&world.config(&[]), &request).await;
    assert_eq!(world.entries(&world.train_arn).await.len() as u64, n);
    assert_eq!(report.outcome.name(), "updated");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_another_job_that_give_way_are_told() {
    for (n_existing, n_lines) in [(30, 20), (20, 30), (450, 3)] {
        let world = world_with_same_attribute(n_existing).await;
        let line = |n: u64| good_line(n, &format!("s3://images/birds/{n:06}.jpg")) + "\n";
        let text: String = (1..=n_lines).map(line).collect();
        let request = world.put(KEY, &text).await;
        let config = world.config(&[("EXISTING", "merge")]);
        let (report, _) = world.deliver(&config, &request).await;
        let n_lost = n_existing.min(n_lines);
        let expected = std::collections::BTreeMap::from([("earlier-birds".to_owned(), n_lost)]);
        assert_eq!(report.replaced_labels, expected);
        assert_eq!((report.replaced_of_others, report.left_behind), (0, 0));
        // A version with the same images takes nothing from anybody.
        let again = world.put(KEY, &format!("{text}\n")).await;
        let (report, _) = world.deliver(&config, &again).await;
        assert_eq!((report.replaced_labels.len(), report.left_behind), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_replaced_whole_are_told_unless_they_were_this_jobs() {
    let world = world_with_other_labels(30).await;
    let line = |n: u64| good_line(n, &format!("s3://images/birds/{n:06}.jpg")) + "\n";
    let config = world.config(&[]);
    for (n_lines, expected) in [(20, 20), (25, 5), (40, 5)] {
        let request = world
            .put(KEY, &(1..=n_lines).map(line).collect::<String>())
            .await;
        let (report, _) = world.deliver(&config, &request).await;
        assert_eq!(report.replaced_of_others, expected, "{n_lines}");
        assert_eq!(report.left_behind, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_earlier_versions_leave_is_told_and_stays() {
    for mode in ["replace", "merge"] {
        let world = World::new().await;
        let config = world.config(&[("EXISTING", mode)]);
        let line = |n: u64| good_line(n, &format!("s3://images/birds/{n:06}.jpg")) + "\n";
        for (range, n_left) in [
            (1..=30, 0),
            (1..=20, 10),
            (5..=20, 14),
            (1..=30, 0),
            (2..=30, 1),
        ] {
            let request = world.put(KEY, &range.map(line).collect::<String>()).await;
            let (report, _) = world.deliver(&config, &request).await;
            assert_eq!(report.left_behind, n_left, "{mode}");
            assert_eq!(report.replaced_labels.len(), 0);
            assert_eq!(world.entries(&world.train_arn).await.len(), 30);
            if let Some(uri) = report.files.get("left-behind.manifest") {
                assert!(uri.ends_with("/left-behind.manifest"));
                let left = world.json_lines("left-behind.manifest").await;
                assert_eq!(left.len() as u64, n_left);
            }
        }
    }
}

/// What was found of earlier versions survives that their files are written over.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_still_told_after_a_failure_at_the_end() {
    let world = World::new().await;
    let config = world.config(&[]);
    let line = |n: u64| good_line(n, &format!("s3://images/birds/{n:06}.jpg")) + "\n";
    let request = world
        .put(KEY, &(1..=30).map(line).collect::<String>())
        .await;
    world.deliver(&config, &request).await;
    world
        .put(KEY, &(1..=20).map(line).collect::<String>())
        .await;
    let denied = s3(error(403, "AccessDenied"), "PutObject").target("report.json");
    world.faults.add(denied);
    let failed = world.invoke(&config, &request, "a").await.unwrap_err();
    assert_eq!(failed.code(), "S3.AccessDenied");
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!((report.left_behind, report.replaced_of_others), (10, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn images_in_several_buckets_are_sent_and_told() {
    let world = world_with_other_labels(30).await;
    let config = world.config(&[]);
    for (place, n_notices) in [("images/birds", 0), ("pictures/birds", 1)] {
        let line = |n: u64| good_line(n, &format!("s3://{place}/{n:06}.jpg")) + "\n";
        let request = world
            .put(KEY, &(1..=20).map(line).collect::<String>())
            .await;
        let (report, _) = world.deliver(&config, &request).await;
        assert_eq!(report.landed, 20);
        assert_eq!(report.notices.len(), n_notices, "{:?}", report.notices);
        let (bucket, _) = place.split_once('/').unwrap();
        assert_eq!(report.datasets[0].buckets.0[bucket], 20);
        assert_eq!(report.datasets[0].buckets_before.0["images"], 30);
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
