//! The lease of a dataset: waited for, not believed, given back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws::s3::PutOptions;
use dataset_updater::state::dataset_lease::{DatasetLease, LeaseFolder};
use services::faults::Effect;
use tokio::time::sleep;

use crate::lines::mixed;
use crate::world::{BUCKET, KEY, World, error, rekognition, s3};

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() as i64
}

fn key(world: &World) -> String {
    let folder = LeaseFolder {
        bucket: BUCKET.to_owned(),
        prefix: world.key("dataset-updater-leases/"),
    };
    folder.key(&world.train_arn)
}

fn lease(dataset_arn: &str, until_ms: i64) -> Vec<u8> {
    let lease = DatasetLease {
        dataset_arn: dataset_arn.to_owned(),
        owner: "another".to_owned(),
        nonce: "1".to_owned(),
        until_ms,
    };
    serde_json::to_vec(&lease).unwrap()
}

async fn put(world: &World, bytes: Vec<u8>) {
    let options = PutOptions::default();
    let (s3, key) = (&world.clients.s3, key(world));
    let put = s3.put_object(BUCKET, &key, bytes, &options);
    put.await.unwrap();
}

async fn is_given_back(world: &World) -> bool {
    let (s3, key) = (&world.clients.s3, key(world));
    let read = s3.read_object(BUCKET, &key, 4096);
    let lease: DatasetLease = serde_json::from_slice(&read.await.unwrap()).unwrap();
    assert_eq!(lease.dataset_arn, world.train_arn);
    lease.until_ms == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_another_updates_is_waited_for() {
    let world = World::new().await;
    let manifest = mixed(100);
    let request = world.put(KEY, &manifest.text).await;
    put(&world, lease(&world.train_arn, now_ms() + 60_000)).await;
    let config = world.config(&[]);
    let time = Some(Duration::from_secs(60));
    let invocation = world.invoke_for(&config, &request, "waits", time);
    tokio::pin!(invocation);
    tokio::select! {
        done = &mut invocation => panic!("didn't wait: {done:?}"),
        () = sleep(Duration::from_millis(300)) => {}
    }
    assert_eq!(world.n_updates(), 0);
    put(&world, lease(&world.train_arn, 0)).await;
    invocation.await.unwrap();
    world.check_whole(&manifest, &world.report().await).await;
    assert!(is_given_back(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_costs_no_resumption() {
    let world = World::new().await;
    let manifest = mixed(100);
    let request = world.put(KEY, &manifest.text).await;
    put(&world, lease(&world.train_arn, now_ms() + 60_000)).await;
    let config = world.config(&[("MAX_RESUMPTIONS", "1")]);
    for n in 0..4 {
        let time = Some(Duration::from_millis(400));
        let owner = format!("waits-{n}");
        let done = world.invoke_for(&config, &request, &owner, time).await;
        let error = done.unwrap_err();
        assert_eq!(error.code(), "DatasetLeased", "{error}");
        assert!(error.is_temporary());
        assert!(error.to_string().contains("another"), "{error}");
    }
    assert_eq!(world.n_updates(), 0);
    put(&world, lease(&world.train_arn, 0)).await;
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!(report.resumptions, 0);
    world.check_whole(&manifest, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_lease_is_not_waited_for() {
    let arn = "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/train/1";
    let long = format!("{}{}", "x".repeat(5_000), "{}");
    let day_ms = 24 * 3_600_000;
    let world = World::new().await;
    for (n, bytes) in [
        Vec::new(),
        b"{".to_vec(),
        long.into_bytes(),
        lease(arn, now_ms() + 60_000),
        lease(&world.train_arn, now_ms() + day_ms),
        lease(&world.train_arn, now_ms() - 3_000),
    ]
    .into_iter()
    .enumerate()
    {
        put(&world, bytes).await;
        let text = mixed(40 + n as u64).text;
        let request = world.put(KEY, &text).await;
        let time = Some(Duration::from_secs(2));
        let config = world.config(&[]);
        let done = world.invoke_for(&config, &request, "a", time);
        done.await.unwrap();
        assert!(is_given_back(&world).await, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_given_back_at_every_end() {
    let update = "UpdateDatasetEntries";
    for (fault, expected) in [
        (
            rekognition(error(400, "AccessDeniedException"), update),
            "Rekognition.AccessDenied",
        ),
        (
            rekognition(error(500, "InternalServerError"), update),
            "Rekognition.Unavailable",
        ),
        (
            rekognition(Effect::StaleStatus(Duration::from_secs(60)), update),
            "OutOfTime",
        ),
        (
            s3(error(403, "AccessDenied"), "PutObject").target("/parts/"),
            "S3.AccessDenied",
        ),
        (
            s3(error(403, "AccessDenied"), "PutObject").target("report.json"),
            "S3.AccessDenied",
        ),
    ] {
        let world = World::new().await;
        let request = world.put(KEY, &mixed(100).text).await;
        world.faults.add(fault.times(u64::MAX));
        let config = world.config(&[("STALE_STATUS_MAX_MS", "60000")]);
        let time = Some(Duration::from_secs(2));
        let done = world.invoke_for(&config, &request, "a", time).await;
        assert_eq!(done.unwrap_err().code(), expected);
        assert!(is_given_back(&world).await, "{expected}");
    }
}
