//! A look back at a dataset that somebody else writes to meanwhile.

use std::time::Duration;

use serde_json::json;
use services::faults::{Effect, Service};
use tokio::time::sleep;

use crate::lines::good_line;
use crate::world::{KEY, World, rekognition};

/// Three pages of ListDatasetEntries.
const N_LINES: u64 = 250;
/// Images of the first page.
const N_TAKEN: u64 = 100;

fn source_ref(n: u64) -> String {
    format!("s3://images/birds/{n:06}.jpg")
}

/// Takes the images of the first page while the second one is asked for.
async fn take_after_the_first_page(world: &World) {
    let n_pages = || {
        world
            .faults
            .n_calls(Service::Rekognition, "ListDatasetEntries")
    };
    while world.n_updates() == 0 {
        sleep(Duration::from_millis(2)).await;
    }
    let n_before = n_pages();
    while n_pages() < n_before + 2 {
        sleep(Duration::from_millis(2)).await;
    }
    let metadata = json!({"class-name": "rain", "confidence": 1, "human-annotated": "yes",
        "job-name": "labeling-job/weather", "creation-date": "2025-01-01T00:00:00.000000",
        "type": "groundtruth/image-classification"});
    let taken = (1..=N_TAKEN).map(|n| {
        let line = json!({"source-ref": source_ref(n), "weather": 1, "weather-metadata": metadata});
        format!("{line}\n")
    });
    let changes = taken.collect::<String>();
    let client = &world.clients.rekognition;
    client
        .update_entries(&world.train_arn, changes.as_bytes(), None)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_between_two_pages_is_noticed() {
    let world = World::new().await;
    let lines = (1..=N_LINES).map(|n| good_line(n, &source_ref(n)) + "\n");
    let request = world.put(KEY, &lines.collect::<String>()).await;
    let slow = Effect::Delay(Duration::from_millis(200));
    world
        .faults
        .add(rekognition(slow, "ListDatasetEntries").times(100));
    let config = world.config(&[("CHANGES_BYTES_MAX", "1000000")]);
    let ((report, _), ()) = tokio::join!(
        world.deliver(&config, &request),
        take_after_the_first_page(&world)
    );
    assert_eq!(report.landed, N_LINES, "{report:?}");
    assert_eq!(report.datasets[0].sent_again, N_TAKEN, "{report:?}");
    let entries = world.entries(&world.train_arn).await;
    let n_ours = entries
        .iter()
        .filter(|entry| entry.get("weather").is_none());
    assert_eq!(n_ours.count() as u64, N_LINES);
}
