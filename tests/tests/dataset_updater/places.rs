//! Where reports lie, and which keys are manifests.

use aws::s3::PutOptions;
use dataset_updater::request::event::Request;
use dataset_updater::request::place::is_report_key;
use dataset_updater::run::Done;

use crate::lines::{good_line, mixed};
use crate::world::{BUCKET, KEY, World};

/// One job's key in two buckets: each has a checkpoint and a report of its own.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_key_in_two_buckets_share_nothing() {
    let world = World::new().await;
    let config = world.config(&[("REPORT_BUCKET", BUCKET), ("REPORT_PREFIX", "reports")]);
    let other = world.make_bucket("other-jobs").await;
    let line = |n: u64| good_line(n, &format!("s3://images/birds/{n:06}.jpg")) + "\n";
    let first = world
        .put(KEY, &(1..=20).map(line).collect::<String>())
        .await;
    let text: String = (21..=50).map(line).collect();
    let options = PutOptions::default();
    let put = world
        .clients
        .s3
        .put_object(&other, &first.key, text.into_bytes(), &options);
    put.await.unwrap();
    let second = Request {
        bucket: other.clone(),
        ..first.clone()
    };
    for (request, n_lines) in [(&first, 20), (&second, 30)] {
        let done = world.invoke(&config, request, "a").await.unwrap();
        assert!(matches!(done, Done::Reported(report) if report.landed == n_lines));
    }
    for (request, n_lines) in [(&first, 20), (&second, 30)] {
        let done = world.invoke(&config, request, "b").await.unwrap();
        assert_eq!(done, Done::Already);
        let job = request
            .key
            .strip_suffix("manifests/output/output.manifest")
            .unwrap();
        let key = format!(
            "reports/{}/{job}dataset-updater/report.json",
            request.bucket
        );
        let report = world
            .clients
            .s3
            .read_object(BUCKET, &key, 1 << 20)
            .await
            .unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["lines"], n_lines);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_that_is_written_is_known_as_own() {
    let world = World::new().await;
    let arn = world.project_arn.clone();
    let config = world.config(&[
        ("PROJECT_ARN", &arn),
        ("TEST_FRACTION", "0.5"),
        ("CREATE_DATASETS", "true"),
    ]);
    for n_lines in [60, 40] {
        let request = world.put(KEY, &mixed(n_lines).text).await;
        world.deliver(&config, &request).await;
    }
    let prefix = world.key("out/birds/dataset-updater/");
    let written = world.clients.s3.list_objects(BUCKET, &prefix, 100).await;
    let written = written.unwrap();
    assert!(written.len() >= 8, "{written:?}");
    for object in written {
        assert!(is_report_key(&object.key), "{}", object.key);
    }
    let report = world.report().await;
    assert!(report.files.contains_key("left-behind.test.manifest"));
}
