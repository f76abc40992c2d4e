//! What a whole job's consolidation is reckoned to take of memory, against what it takes, each in a process of its own.

#![cfg(target_os = "linux")]
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what fails in a helper fails the test"
)]

use std::process::Command;

use serde_json::Value;

/// What a process takes beside its data, such as code that is run for the first time.
const PROCESS_BYTES: u64 = 2 * 1024 * 1024;

/// Arguments of the program.
fn check(arguments: &str) {
    let run = Command::new(env!("CARGO_BIN_EXE_whole-job-memory"))
        .args(arguments.split(' '))
        // As in template.yaml.
        .env("MALLOC_MMAP_THRESHOLD_", "262144")
        .output()
        .unwrap();
    assert!(run.status.success(), "{arguments}: {run:?}");
    let figures: Value = serde_json::from_slice(&run.stdout).unwrap();
    let figure = |name: &str| figures[name].as_u64().unwrap();
    let (reckoned, taken) = (figure("reckoned"), figure("taken"));
    assert!(
        taken <= reckoned + PROCESS_BYTES && reckoned <= 4 * taken,
        "{arguments}: {figures}"
    );
}

#[test]
fn single_labels() {
    check("single-label 10 12000 1 1");
    check("single-label 10 12000 9 1");
    check("single-label 250 3000 5 1");
}

#[test]
fn multi_labels() {
    check("multi-label 10 3000 5 2");
    check("multi-label 250 500 5 4");
}

#[test]
fn boxes() {
    check("bounding-box 10 3000 5 1");
    check("bounding-box 10 3000 1 3");
    check("bounding-box 10 3000 5 3");
    check("bounding-box 10 300 5 50");
    check("bounding-box 250 1500 5 3");
}
