//! More than one invocation on one manifest: resumed, at once, repeated, late.

use std::time::Duration;

use aws::s3::PutOptions;
use dataset_updater::run::Done;
use services::faults::Effect;

use crate::lines::mixed;
use crate::world::{BUCKET, KEY, World, s3};

const CHECKPOINT: &str = "out/birds/dataset-updater/checkpoint.json";

#[tokio::test(flavor = "multi_thread")]
async fn short_invocations_hand_over_until_it_is_done() {
    let world = World::new().await;
    let manifest = mixed(400);
    let request = world.put(KEY, &manifest.text).await;
    let config = world.config(&[
        ("CHANGES_BYTES_MAX", "4000"),
        ("POLL_INTERVAL_MS", "20"),
        ("SAFETY_MARGIN_MS", "50"),
    ]);
    let mut n_stops = 0;
    let report = loop {
        let time = Some(Duration::from_millis(500));
        match world
            .invoke_for(&config, &request, &format!("i{n_stops}"), time)
            .await
        {
            Ok(Done::Reported(report)) => break report,
            Ok(Done::Already) => panic!("done without a report"),
            Err(error) => assert_eq!(error.code(), "OutOfTime", "{error}"),
        }
        n_stops += 1;
        assert!(n_stops < 100);
    };
    assert!(n_stops > 0, "it was done in one invocation");
    assert_eq!(report.resumptions, n_stops);
    world.check_whole(&manifest, &report).await;
    let n_bytes = world.file("entries.manifest").await.len() as u64;
    let n_minimum = n_bytes.div_ceil(4000);
    assert!(
        world.n_updates() <= n_minimum + n_minimum / 10 + 1,
        "{} updates for {n_minimum}",
        world.n_updates()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn resumptions_are_bounded_and_what_is_left_is_reported() {
    let world = World::new().await;
    let request = world.put(KEY, &mixed(400).text).await;
    let config = world.config(&[
        ("CHANGES_BYTES_MAX", "2000"),
        ("POLL_INTERVAL_MS", "50"),
        ("SAFETY_MARGIN_MS", "10"),
        ("MAX_RESUMPTIONS", "2"),
    ]);
    let mut codes = Vec::new();
    for n in 0..5 {
        let time = Some(Duration::from_millis(200));
        codes.push(
            world
                .invoke_for(&config, &request, &format!("i{n}"), time)
                .await
                .unwrap_err()
                .code(),
        );
    }
    assert_eq!(
        codes,
        ["OutOfTime", "OutOfTime", "OutOfTime", "GaveUp", "GaveUp"]
    );
    let report = world.report().await;
    assert_eq!(report.outcome.name(), "gave-up");
    assert!(report.left_after_line.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_not_fight() {
    let world = World::new().await;
    let manifest = mixed(200);
    let request = world.put(KEY, &manifest.text).await;
    let config = world.config(&[]);
    let (a, b) = tokio::join!(
        world.invoke(&config, &request, "a"),
        world.invoke(&config, &request, "b")
    );
    let n_done = [&a, &b].iter().filter(|done| done.is_ok()).count();
    assert_eq!(n_done, 1, "{a:?} {b:?}");
    for result in [a, b] {
        if let Err(error) = result {
            assert!(["Leased", "LeaseLost"].contains(&error.code()), "{error}");
        }
    }
    let n_updates = world.n_updates();
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!(world.n_updates(), n_updates, "the second one wrote again");
    world.check_whole(&manifest, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_late_events_change_nothing() {
    let world = World::new().await;
    let manifest = mixed(100);
    let mut request = world.put(KEY, &manifest.text).await;
    let config = world.config(&[]);
    world.deliver(&config, &request).await;
    let n_updates = world.n_updates();
    for e_tag in [None, Some("an-older-version"), Some("a-newer-version")] {
        request.e_tag = e_tag.map(str::to_owned);
        assert_eq!(
            world.invoke(&config, &request, "again").await.unwrap(),
            Done::Already
        );
    }
    assert_eq!(world.n_updates(), n_updates);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_is_worked_on_and_never_overwritten_by_the_older() {
    let world = World::new().await;
    let old = mixed(100);
    let request = world.put(KEY, &old.text).await;
    let config = world.config(&[]);
    world.deliver(&config, &request).await;
    let new = mixed(150);
    world.put(KEY, &new.text).await;
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!(report.lines, 150);
    assert_eq!(report.datasets[0].verified_by, "listing");
    world.check_whole(&new, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_replaced_while_it_is_read_is_read_again() {
    let world = World::new().await;
    let request = world.put(KEY, &mixed(2000).text).await;
    let new = mixed(300);
    let config = world.config(&[]);
    // The first reading's body is slow to come and then breaks off; the rest is of another version.
    world
        .faults
        .add(s3(Effect::Delay(Duration::from_millis(300)), "GetObject").target("output.manifest"));
    let replace = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.put(KEY, &new.text).await;
    };
    let (done, ()) = tokio::join!(world.invoke(&config, &request, "a"), replace);
    let Done::Reported(report) = done.unwrap() else {
        panic!("no report");
    };
    world.check_whole(&new, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_checkpoint_starts_the_work_over() {
    let too_large = "x".repeat(8 * 1024 * 1024 + 1);
    let unreadable = [
        "",
        "{",
        "null",
        "{\"format\": 999}",
        "\u{0}\u{1}",
        &too_large,
    ];
    for text in unreadable {
        let world = World::new().await;
        let manifest = mixed(100);
        let request = world.put(KEY, &manifest.text).await;
        let options = PutOptions::default();
        world
            .clients
            .s3
            .put_object(
                BUCKET,
                &world.key(CHECKPOINT),
                text.as_bytes().to_vec(),
                &options,
            )
            .await
            .unwrap();
        let (report, _) = world.deliver(&world.config(&[]), &request).await;
        world.check_whole(&manifest, &report).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_manifest_has_nothing_to_do() {
    let world = World::new().await;
    let request = world.put(KEY, "").await;
    let (report, _) = world.deliver(&world.config(&[]), &request).await;
    assert_eq!((report.lines, report.outcome.name()), (0, "nothing-to-do"));
    assert_eq!(world.n_updates(), 0);
}
