//! Datasets that have no room for all.

use crate::lines::good_line;
use crate::world::{KEY, World};

fn source_ref(n: u64) -> String {
    format!("s3://images/birds/{n:06}.jpg")
}

fn manifest(numbers: impl IntoIterator<Item = u64>) -> String {
    let lines = numbers
        .into_iter()
        .map(|n| good_line(n, &source_ref(n)) + "\n");
    lines.collect()
}

/// `n_before` images are there; `first..first + n_lines` come. `n_refused` of them don't fit.
async fn check(mode: &str, n_before: u64, first: u64, n_lines: u64, n_refused: u64) {
    let world = World::new().await;
    if n_before > 0 {
        let before = "out/before/manifests/output/output.manifest";
        let text = manifest(1..=n_before).replace("labeling-job/birds", "labeling-job/before");
        let request = world.put(before, &text).await;
        let (report, _) = world.deliver(&world.config(&[]), &request).await;
        assert_eq!(report.landed, n_before);
    }
    let config = world.config(&[
        ("IMAGES_MAX", "300"),
        ("EXISTING", mode),
        ("CHANGES_BYTES_MAX", "20000"),
    ]);
    let text = manifest(first..first + n_lines);
    let request = world.put(KEY, &text).await;
    let (report, _) = world.deliver(&config, &request).await;
    let what = format!("{mode} {n_before} {first} {n_lines}");
    assert_eq!(
        (report.landed, report.refused, report.without_room),
        (n_lines - n_refused, n_refused, n_refused),
        "{what}"
    );
    let expected = match (n_refused, n_lines - n_refused) {
        (0, _) => "updated",
        (_, 0) => "nothing-landed",
        _ => "dataset-full",
    };
    assert_eq!(report.outcome.name(), expected, "{what}");
    let n_there = world.source_refs(&world.train_arn).await.len() as u64;
    assert_eq!(
        n_there,
        n_before.max(first + n_lines - 1 - n_refused),
        "{what}"
    );
    let rejected = world.json_lines("rejected.jsonl").await;
    assert_eq!(rejected.len() as u64, n_refused, "{what}");
    for (record, n) in rejected.iter().rev().zip(1..) {
        assert_eq!(record["code"], "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM");
        assert_eq!(record["lineNumber"], n_lines + 1 - n, "{what}");
        assert_eq!(record["inDataset"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_that_fits_lands_and_only_those_behind_it_are_refused() {
    for (n_lines, n_refused) in [(299, 0), (300, 0), (301, 1), (340, 40)] {
        check("replace", 0, 1, n_lines, n_refused).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_takes_no_room() {
    for mode in ["replace", "merge"] {
        for (n_before, first, n_lines, n_refused) in [
            (300, 1, 300, 0),
            (300, 1, 301, 1),
            (299, 200, 101, 0),
            (299, 200, 102, 1),
            (300, 299, 2, 0),
            (300, 301, 2, 2),
        ] {
            check(mode, n_before, first, n_lines, n_refused).await;
        }
    }
}
