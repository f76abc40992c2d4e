//! The function as processes of their own, killed at a call of theirs or two at once.

use std::time::Duration;

use aws::s3::PutOptions;
use serde_json::{Value, json};
use services::faults::{Effect, Fault, Service};
use services::lambda::{FunctionSpec, Lambda, Outcome};

use crate::lines::mixed;
use crate::world::{BUCKET, KEY, World, rekognition, s3};

pub(crate) const FUNCTION: &str = "dataset-updater";
/// Time of one invocation: a dead one's lease lasts so long.
const TIME: Duration = Duration::from_secs(12);

/// A function of its own for each process that is to be killed: dropping the service kills its processes.
fn lambda(world: &World, n_instances: usize) -> Lambda {
    let lambda = Lambda::new(world.logs());
    lambda.deploy(function(world, FUNCTION, &[], n_instances));
    lambda
}

/// The function under a name, in a world and with settings of its own.
pub(crate) fn function(
    world: &World,
    name: &str,
    settings: &[(&str, &str)],
    n_instances: usize,
) -> FunctionSpec {
    let (s3_endpoint, rekognition_endpoint) = world.endpoints();
    let leases = world.leases();
    let variables = [
        ("TRAIN_DATASET_ARN", world.train_arn.as_str()),
        ("LEASES_S3_URI", &leases),
        ("CHANGES_BYTES_MAX", "10000"),
        ("POLL_INTERVAL_MS", "5"),
        ("POLL_INTERVAL_MAX_MS", "20"),
        ("SAFETY_MARGIN_MS", "500"),
        ("CALLS_PER_SECOND", "1000"),
        ("AWS_ENDPOINT_URL_S3", &s3_endpoint),
        ("AWS_ENDPOINT_URL_REKOGNITION", &rekognition_endpoint),
    ];
    let variables = variables.iter().chain(settings);
    FunctionSpec {
        name: name.to_owned(),
        command: [env!("CARGO_BIN_EXE_gtcl-under-test"), "function", FUNCTION]
            .map(Into::into)
            .to_vec(),
        environment: variables
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        timeout: TIME,
        concurrency_max: n_instances,
    }
}

/// A queue's message, as it comes again and again.
async fn deliver(world: &World, lambda: &Lambda) -> Outcome {
    deliver_to(lambda, FUNCTION, &world.key(KEY)).await
}

pub(crate) async fn deliver_to(lambda: &Lambda, function: &str, key: &str) -> Outcome {
    let notification = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}]});
    let event = json!({"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": notification.to_string()}]});
    let payload = event.to_string().into_bytes();
    lambda.invoke(function, payload.into()).await.unwrap()
}

pub(crate) fn is_done(outcome: &Outcome) -> bool {
    let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
    outcome.error.is_none() && answer.get("batchItemFailures") == Some(&json!([]))
}

/// SIGKILL at the moment of a call, then delivered again until it is done.
async fn check(operation: &str, fault: Fault) {
    let world = World::new().await;
    let manifest = mixed(120);
    world.put(KEY, &manifest.text).await;
    let n_struck = world.faults.n_struck();
    world.faults.add(fault);
    let killed = lambda(&world, 1);
    {
        let dies = deliver(&world, &killed);
        tokio::pin!(dies);
        while world.faults.n_struck() == n_struck {
            tokio::select! {
                outcome = &mut dies => panic!("{operation}: survived with {outcome:?}"),
                () = tokio::time::sleep(Duration::from_millis(2)) => {}
            }
        }
        // The instance is part of the invocation that is dropped here; its process is killed with it.
    }
    drop(killed);
    world.faults.clear();
    let again = lambda(&world, 1);
    let mut n_deliveries = 1;
    while !is_done(&deliver(&world, &again).await) {
        n_deliveries += 1;
        assert!(n_deliveries < 100, "{operation}: not done");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let report = world.report().await;
    assert!(report.resumptions <= 1, "{operation}");
    world.check_whole(&manifest, &report).await;
}

/// Each kill is followed by the wait for the dead one's lease; they wait together.
async fn check_all(kills: Vec<(&'static str, Fault)>) {
    let all: Vec<_> = kills
        .into_iter()
        .map(|(operation, fault)| tokio::spawn(check(operation, fault)))
        .collect();
    for one in all {
        one.await.unwrap();
    }
}

fn stop() -> Effect {
    Effect::Delay(Duration::from_secs(3600))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_batch_boundary() {
    let updates = (0..4).map(|n| {
        let operation = "UpdateDatasetEntries";
        (operation, rekognition(stop(), operation).after(n))
    });
    let parts = (0..4).map(|n| {
        let fault = s3(stop(), "PutObject").target("/parts/").after(n);
        ("PutObject of a part", fault)
    });
    check_all(updates.chain(parts).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_batch() {
    let looks = [0, 1, 3].map(|n| {
        let operation = "DescribeDataset";
        (operation, rekognition(stop(), operation).after(n))
    });
    let others = [
        (
            "GetObject",
            s3(stop(), "GetObject").target("output.manifest"),
        ),
        ("report", s3(stop(), "PutObject").target("report.json")),
        (
            "deletion",
            s3(stop(), "DeleteObject").target("/parts/").after(1),
        ),
    ];
    check_all(looks.into_iter().chain(others).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once() {
    let world = World::new().await;
    let manifest = mixed(300);
    world.put(KEY, &manifest.text).await;
    let lambda = lambda(&world, 2);
    let (a, b) = tokio::join!(deliver(&world, &lambda), deliver(&world, &lambda));
    // One has done the work; the other was told to come again, or came when it was done.
    assert!(is_done(&a) || is_done(&b));
    let n_updates = world.n_updates();
    let n_needed = world.file("entries.manifest").await.len().div_ceil(10_000) as u64;
    assert!(
        n_updates <= n_needed + 1,
        "{n_updates} updates, {n_needed} needed"
    );
    while !is_done(&deliver(&world, &lambda).await) {}
    assert_eq!(world.n_updates(), n_updates);
    world.check_whole(&manifest, &world.report().await).await;
}

/// While the manifest's body is on its way, and again before the next of its ranges is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_replaced_in_the_middle_of_its_body() {
    for n_versions in [1, 2] {
        let world = World::new().await;
        world.put(KEY, &mixed(500).text).await;
        let new = mixed(100);
        for n in 0..n_versions {
            let reset = Fault::new(Service::S3, Effect::ResetMidBody);
            let reset = reset.operation("GetObject").target("output.manifest");
            world.faults.add(reset.after(n));
        }
        let lambda = lambda(&world, 1);
        let n_struck = world.faults.n_struck();
        let delivered = deliver(&world, &lambda);
        tokio::pin!(delivered);
        let mut n_replaced = 0;
        let outcome = loop {
            tokio::select! {
                outcome = &mut delivered => break outcome,
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
            if world.faults.n_struck() - n_struck > n_replaced {
                n_replaced += 1;
                let text = match n_replaced == n_versions {
                    true => new.text.clone(),
                    false => mixed(400).text,
                };
                let key = world.key(KEY);
                let options = PutOptions::default();
                let s3 = &world.clients.s3;
                s3.put_object(BUCKET, &key, text.into_bytes(), &options)
                    .await
                    .unwrap();
            }
        };
        assert_eq!(n_replaced, n_versions, "the body was not broken off");
        let log = std::fs::read_to_string(lambda.log_file(FUNCTION)).unwrap();
        assert!(is_done(&outcome), "{log}");
        let report = world.report().await;
        assert_eq!(report.lines, 100);
        let there = world.source_refs(&world.train_arn).await;
        assert!(there.is_superset(&new.good));
    }
}
