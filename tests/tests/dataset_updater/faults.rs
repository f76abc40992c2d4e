//! One fault at each call that the updater makes.

use std::time::Duration;

use gtcl::services::faults::{Effect, Fault};

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
    assert_eq!(report.datasets[0].verified_by, "counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rekognition_call_may_fail() {
    let mut n_struck = 0;
    let operations = ["UpdateDatasetEntries", "DescribeDataset"];
    for operation in operations {
        for after in [0, 1, 3] {
            for effect in [
                error(500, "ThrottlingException"),
                error(400, "ProvisionedThroughputExceededException"),
                error(500, "InternalServerError"),
                error(400, "LimitExceededException"),
                error(400, "ResourceInUseException"),
                Effect::ResetBefore,
                Effect::ResetAfter,
                Effect::ResetMidBody,
                Effect::Delay(Duration::from_millis(50)),
            ] {
                let name = format!("{operation} {after} {effect:?}");
                n_struck += check(
                    &name,
                    vec![rekognition(effect, operation).after(after).times(3)],
                )
                .await;
            }
        }
    }
    println!("faults survived: {n_struck}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_s3_call_may_fail() {
    let mut n_struck = 0;
    for operation in ["HeadObject", "GetObject", "PutObject", "DeleteObject"] {
        for after in [0, 1, 4] {
            if operation == "HeadObject" && after > 1 {
                continue;
            }
            for effect in [
                error(503, "SlowDown"),
                error(500, "InternalError"),
                Effect::ResetBefore,
                Effect::ResetAfter,
                Effect::ResetMidBody,
            ] {
                let name = format!("{operation} {after} {effect:?}");
                n_struck += check(&name, vec![s3(effect, operation).after(after)]).await;
            }
        }
    }
    println!("faults survived: {n_struck}");
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
async fn a_stale_status_is_not_believed() {
    let stale = Effect::StaleStatus(Duration::from_millis(200));
    let n_struck = check(
        "stale",
        vec![rekognition(stale, "UpdateDatasetEntries").times(3)],
    )
    .await;
    println!("faults survived: {n_struck}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_update_is_halved_and_lands() {
    for n_times in [1, 2, 3] {
        let failed =
            Effect::UpdateFailed("The manifest file has too many terminal errors.".to_owned());
        check(
            "failed",
            vec![
                rekognition(failed, "UpdateDatasetEntries")
                    .after(1)
                    .times(n_times),
            ],
        )
        .await;
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
async fn permission_denied_is_final_and_named() {
    for fault in [
        rekognition(error(400, "AccessDeniedException"), "UpdateDatasetEntries"),
        rekognition(error(400, "ResourceNotFoundException"), "DescribeDataset"),
        s3(error(403, "AccessDenied"), "GetObject"),
        s3(error(403, "AccessDenied"), "PutObject"),
    ] {
        let world = World::new().await;
        let manifest = mixed(50);
        let request = world.put(crate::world::KEY, &manifest.text).await;
        world.faults.add(fault);
        let error = world
            .invoke(&world.config(&[]), &request, "a")
            .await
            .unwrap_err();
        assert!(!error.is_temporary(), "{error}");
        assert!(
            error.code().ends_with("AccessDenied") || error.code().ends_with("NotFound"),
            "{error}"
        );
        world.faults.clear();
        let (report, _) = world.deliver(&world.config(&[]), &request).await;
        world.check_whole(&manifest, &report).await;
    }
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
