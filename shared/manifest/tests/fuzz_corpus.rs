//! What the fuzzer found its way through, once more.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and the corpus is outside the crate"
)]

#[expect(
    unreachable_pub,
    reason = "the fuzz targets call it from another crate"
)]
#[path = "../fuzz/src/lib.rs"]
mod checks;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut n_files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        check(&std::fs::read(file.unwrap().path()).unwrap());
        n_files += 1;
    }
    assert!(n_files > 0);
}

#[test]
fn lines() {
    replay("lines", checks::lines);
}

#[test]
fn imports() {
    replay("imports", checks::imports);
}

#[test]
fn formats() {
    replay("formats", checks::formats);
}

#[test]
fn splitter() {
    replay("splitter", checks::splitter);
}
