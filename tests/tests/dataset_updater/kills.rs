//! Invocations that die: at every batch boundary, in the middle of a batch, and while reporting.

use std::time::Duration;

use gtcl::services::faults::Effect;

use crate::lines::mixed;
use crate::world::{KEY, World, rekognition, s3};

/// Kills the first invocation at the moment of a call, then delivers again.
async fn check(service_is_s3: bool, operation: &str, after: u64) {
    let world = World::new().await;
    let manifest = mixed(200);
    let request = world.put(KEY, &manifest.text).await;
    let stop = Effect::Delay(Duration::from_secs(3600));
    let fault = if service_is_s3 {
        s3(stop, operation)
    } else {
        rekognition(stop, operation)
    };
    let n_before = world.faults.n_struck();
    world.faults.add(fault.after(after));
    let config = world.config(&[]);
    {
        let died = world.invoke(&config, &request, "dies");
        tokio::pin!(died);
        loop {
            tokio::select! {
                done = &mut died => panic!("{operation} {after}: survived with {done:?}"),
                () = tokio::time::sleep(Duration::from_millis(2)) => {}
            }
            if world.faults.n_struck() > n_before {
                break;
            }
        }
    }
    world.faults.clear();
    // The dead invocation's lease holds others back, until Lambda delivers again under its name.
    let error = world.invoke(&config, &request, "other").await;
    let is_held = matches!(&error, Err(error) if error.code() == "Leased");
    let done = world.invoke(&config, &request, "dies").await;
    assert!(is_held || done.is_ok(), "{operation} {after}: {error:?}");
    let report = world.report().await;
    world.check_whole(&manifest, &report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_update() {
    for after in 0..7 {
        check(false, "UpdateDatasetEntries", after).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_waiting_for_an_update() {
    for after in [0, 1, 2, 5, 9] {
        check(false, "DescribeDataset", after).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_write() {
    for after in 0..16 {
        check(true, "PutObject", after).await;
    }
}
