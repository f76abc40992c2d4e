//! Faults that last, and those that the matrix of single ones has no place for.

use std::time::Duration;

use services::faults::{Effect, Fault, Service};

use crate::lines::mixed;
use crate::world::{BUCKET, World, error, rekognition, s3};

/// Works through 200 lines while `faults` strike; afterwards all is as if they hadn't. Returns how many struck.
async fn check(name: &str, faults: Vec<Fault>) -> u64 {
    let world = World::new().await;
    let manifest = mixed(200);
    let request = world.put(crate::world::KEY, &manifest.text).await;
    let n_before = world.faults.n_struck();
    for fault in faults {
        world.faults.add(fault);
    }
    let time = Duration::from_secs(2);
    let (report, _) = world.deliver_for(&world.config(&[]), &request, time).await;
    let n_struck = world.faults.n_struck() - n_before;
    assert!(n_struck > 0, "{name}: no fault struck");
    world.faults.clear();
    world.check_whole(&manifest, &report).await;
    n_struck
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fault_no_call_is_wasted() {
    let world = World::new().await;
    let manifest = mixed(200);
    let request = world.put(crate::world::KEY, &manifest.text).await;
    let (report, n_deliveries) = world.deliver(&world.config(&[]), &request).await;
    world.check_whole(&manifest, &report).await;
    assert_eq!(n_deliveries, 1);
    let n_bytes = world.file("entries.manifest").await.len();
    let n_minimum = n_bytes.div_ceil(10_000) as u64;
    assert!(
        world.n_updates() <= n_minimum + 1,
        "{} updates, at least {n_minimum} needed",
        world.n_updates()
    );
    assert_eq!(report.datasets[0].updates, world.n_updates());
    assert_eq!(report.datasets[0].verified_by, "listing");
}

#[tokio::test(flavor = "multi_thread")]
async fn longer_outages_are_waited_for_by_redelivery() {
    let mut n_struck = 0;
    for (operation, code) in [
        ("UpdateDatasetEntries", "ThrottlingException"),
        ("DescribeDataset", "InternalServerError"),
    ] {
        let fault = rekognition(error(500, code), operation).after(2).times(20);
        n_struck += check(operation, vec![fault]).await;
    }
    n_struck += check(
        "PutObject",
        vec![s3(error(503, "SlowDown"), "PutObject").after(2).times(9)],
    )
    .await;
    println!("faults survived: {n_struck}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_update_is_halved_and_lands() {
    for n_times in [2, 3] {
        let failed =
            Effect::UpdateFailed("The manifest file has too many terminal errors.".to_owned());
        let fault = rekognition(failed, "UpdateDatasetEntries");
        check("failed", vec![fault.after(1).times(n_times)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_vanish_are_named() {
    let world = World::new().await;
    let mut manifest = mixed(200);
    let request = world.put(crate::world::KEY, &manifest.text).await;
    for lost in ["birds/000010", "birds/000150"] {
        let vanish = Effect::DropEntries(lost.to_owned());
        world
            .faults
            .add(rekognition(vanish, "UpdateDatasetEntries").times(u64::MAX));
    }
    let (report, _) = world.deliver(&world.config(&[]), &request).await;
    assert_eq!((report.vanished, report.refused), (2, 0));
    let rejected = world.json_lines("rejected.jsonl").await;
    let lines: Vec<u64> = rejected
        .iter()
        .filter(|record| record["code"] == "REJECTED_VANISHED")
        .map(|record| record["lineNumber"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [10, 150]);
    crate::world::check_account(&manifest, &report);
    for n in [10, 150] {
        manifest
            .good
            .remove(&format!("s3://images/birds/{n:06}.jpg"));
    }
    assert_eq!(world.source_refs(&world.train_arn).await, manifest.good);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_gone_is_named() {
    let world = World::new().await;
    let mut request = world.put(crate::world::KEY, "").await;
    request.key = "gone/manifests/output/output.manifest".to_owned();
    let error = world
        .invoke(&world.config(&[]), &request, "a")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "S3.NotFound");
    let place = format!("s3://{BUCKET}/{}", request.key);
    assert!(error.to_string().contains(&place), "{error}");
}

/// A report of more than 5 MiB is uploaded in parts, and an upload that fails is given up.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_in_parts_may_fail() {
    for (operation, after, effect, n_aborted) in [
        ("CreateMultipartUpload", 0, Effect::ResetAfter, 0),
        ("UploadPart", 0, error(503, "SlowDown"), 0),
        ("UploadPart", 1, error(403, "AccessDenied"), 1),
        // S3 may begin its answer before it knows how it ends.
        ("CompleteMultipartUpload", 0, error(200, "InternalError"), 0),
        ("CompleteMultipartUpload", 0, Effect::ResetAfter, 0),
        ("CompleteMultipartUpload", 0, error(403, "AccessDenied"), 1),
    ] {
        let mut world = World::new().await;
        // They take longer than the updater's patience with the small files of other tests.
        world.updater.s3 = world.clients.s3.clone();
        let mut manifest = mixed(66);
        let bad_line = format!("{}\n", "x".repeat(95_000));
        manifest.text.push_str(&bad_line.repeat(60));
        manifest.n_lines += 60;
        manifest.n_bad += 60;
        let request = world.put(crate::world::KEY, &manifest.text).await;
        world.faults.add(s3(effect.clone(), operation).after(after));
        let config = world.config(&[]);
        let mut done = world.invoke(&config, &request, "a").await;
        if n_aborted > 0 {
            assert_eq!(done.unwrap_err().code(), "S3.AccessDenied", "{operation}");
            done = world.invoke(&config, &request, "b").await;
        }
        assert!(done.is_ok(), "{operation} {effect:?}: {done:?}");
        let aborted = world.faults.n_calls(Service::S3, "AbortMultipartUpload");
        assert_eq!(aborted, n_aborted, "{operation} {effect:?}");
        world.check_whole(&manifest, &world.report().await).await;
    }
}
