//! Whether a training of two datasets would succeed.

use std::collections::{BTreeMap, BTreeSet};

use manifest::SourceRef;
use manifest::dataset::{DatasetFacts, DatasetKind, training_faults};

use super::entries::Entries;

/// The dataset-level rules that a training would fail at, with their codes.
pub(crate) fn training_failure(train: &Entries, test: &Entries) -> Option<String> {
    let (of_train, of_test) = (Trained::of(train), Trained::of(test));
    let buckets: BTreeSet<&str> = buckets(train).chain(buckets(test)).collect();
    let n_common = of_train
        .labels
        .keys()
        .filter(|name| of_test.labels.contains_key(*name))
        .count();
    let train_facts = of_train.facts(DatasetKind::Train);
    let test_facts = of_test.facts(DatasetKind::Test);
    let mut faults = train_facts.faults();
    faults.extend(training_faults(
        &train_facts,
        &test_facts,
        buckets.len(),
        n_common,
    ));
    let of_test_alone = test_facts.faults();
    let told: Vec<String> = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.code, fault.reason))
        .chain(
            of_test_alone
                .iter()
                .map(|fault| format!("{}: test dataset: {}", fault.code, fault.reason)),
        )
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// What a training would take of a dataset.
struct Trained<'a> {
    /// Labels of usable entries, and their boxes.
    labels: BTreeMap<&'a str, u64>,
    n_entries: u64,
    n_invalid: u64,
    n_buckets: usize,
}

impl<'a> Trained<'a> {
    fn of(entries: &'a Entries) -> Self {
        let mut labels = BTreeMap::new();
        let mut n_invalid = 0;
        for (_, _, entry) in entries.from(0) {
            n_invalid += u64::from(entry.is_spoiled);
            if entry.is_usable {
                for (name, n_boxes) in entries.labels_of(entry) {
                    *labels.entry(name).or_default() += u64::from(n_boxes);
                }
            }
        }
        Self {
            labels,
            n_entries: entries.len() as u64,
            n_invalid,
            n_buckets: buckets(entries).collect::<BTreeSet<_>>().len(),
        }
    }

    fn facts(&self, kind: DatasetKind) -> DatasetFacts {
        DatasetFacts {
            kind,
            // Both are held to their limits when entries come in.
            images_max: u64::MAX,
            n_bytes: 0,
            n_lines: self.n_entries,
            n_invalid: self.n_invalid,
            n_buckets: self.n_buckets,
            n_labels: self.labels.len(),
            has_boxes: self.labels.values().any(|n_boxes| *n_boxes > 0),
        }
    }
}

fn buckets(entries: &Entries) -> impl Iterator<Item = &str> {
    entries
        .from(0)
        .filter_map(|(_, source_ref, _)| Some(SourceRef::parse(source_ref).ok()?.bucket))
}

#[cfg(test)]
mod tests {
    use manifest::RawLine;
    use manifest::dataset::{DatasetCheck, DatasetSummary, Expectations};

    use super::super::entries::Changes;
    use super::*;

    fn label(n: u32, name: &str) -> String {
        format!(
            r#"{{"source-ref":"s3://bucket/{n}.png","a":1,"a-metadata":{{"confidence":1,"class-name":"{name}","human-annotated":"yes","creation-date":"2026-01-02T03:04:05.678","type":"groundtruth/image-classification"}}}}"#
        )
    }

    /// Two boxes, the second of this width on an image of 200 px.
    fn boxes(n: u32, name: &str, width_px: u32) -> String {
        format!(
            r#"{{"source-ref":"s3://bucket/{n}.png","b":{{"image_size":[{{"width":200,"height":100,"depth":3}}],"annotations":[{{"class_id":0,"left":9,"top":9,"width":50,"height":50}},{{"class_id":0,"left":9,"top":9,"width":{width_px},"height":50}}]}},"b-metadata":{{"objects":[{{"confidence":0.5}},{{"confidence":0.5}}],"class-map":{{"0":"{name}"}},"human-annotated":"yes","creation-date":"2026-01-02T03:04:05.678","type":"groundtruth/object-detection"}}}}"#
        )
    }

    fn two_labels(from: u32, n: u32) -> Vec<String> {
        (from..from + n)
            .map(|n| label(n, if n % 2 == 0 { "Owl" } else { "Duck" }))
            .collect()
    }

    fn entries(lines: &[String]) -> Entries {
        let mut entries = Entries::default();
        entries.apply(Changes::of(lines.join("\n").as_bytes()));
        entries
    }

    fn checked(kind: DatasetKind, lines: &[String]) -> DatasetSummary {
        let mut check = DatasetCheck::new(Expectations {
            kind,
            ..Expectations::default()
        });
        for (n, line) in (1..).zip(lines) {
            check.feed(n, RawLine::Line(line.as_bytes()));
        }
        check.finish().0
    }

    /// What the service says; `gtcl check` has to say the same.
    #[track_caller]
    fn check(train: &[String], test: &[String], expected: Option<&str>) {
        let said = training_failure(&entries(train), &entries(test));
        assert_eq!(said.as_deref(), expected);
        let (train, test) = (
            checked(DatasetKind::Train, train),
            checked(DatasetKind::Test, test),
        );
        let of_both = train.faults_with_test(&test);
        let told = train.faults.iter().chain(&of_both);
        let told = told.map(|fault| format!("{}: {}", fault.code, fault.reason));
        let of_test = test.faults.iter();
        let of_test =
            of_test.map(|fault| format!("{}: test dataset: {}", fault.code, fault.reason));
        let told: Vec<String> = told.chain(of_test).collect();
        assert_eq!(told.join("; "), expected.unwrap_or_default());
    }

    #[test]
    fn labels_and_lines() {
        let test = two_labels(100, 2);
        check(&two_labels(0, 10), &test, None);
        check(
            &[label(0, "Owl")],
            &test,
            Some("ERROR_MANIFEST_TOO_FEW_LABELS: usable lines have 1 label; 2 needed"),
        );
        check(&[boxes(0, "Owl", 50)], &test, None);
        let unsupported = |n| label(n, "Owl").replace("image-classification", "text");
        let mut train = two_labels(0, 8);
        train.extend([unsupported(8), unsupported(9)]);
        check(&train, &test, None);
        train.push(unsupported(10));
        check(
            &train,
            &test,
            Some(
                "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST: 3 of 11 lines invalid; 20 % are possible",
            ),
        );
    }

    /// A box that is dropped costs its box, an image that can't be trained on its whole line.
    #[test]
    fn what_spoils_a_line() {
        let test = [boxes(100, "Owl", 50)];
        let dropped_boxes: Vec<String> = (0..10).map(|n| boxes(n, "Owl", 999)).collect();
        check(&dropped_boxes, &test, None);
        let too_long = |n| boxes(n, "Duck", 50).replace("\"width\":200", "\"width\":2001");
        let mut train: Vec<String> = (0..4).map(|n| boxes(n, "Owl", 50)).collect();
        train.push(too_long(4));
        check(&train, &test, None);
        train.push(too_long(5));
        check(
            &train,
            &test,
            Some(
                "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST: 2 of 6 lines invalid; 20 % are possible",
            ),
        );
    }

    #[test]
    fn test_datasets() {
        let train = two_labels(0, 10);
        check(
            &train,
            &[],
            Some(
                "ERROR_INSUFFICIENT_LABEL_OVERLAP: 0 of 2 training labels in the test dataset; \
                 ERROR_MANIFEST_EMPTY: test dataset: manifest has no lines",
            ),
        );
        check(&train, &[label(100, "Owl")], None);
        let unsupported = label(101, "Owl").replace("image-classification", "text");
        check(
            &train,
            &[label(100, "Owl"), unsupported],
            Some(
                "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST: test dataset: 1 of 2 lines invalid; \
                 20 % are possible",
            ),
        );
        // A label that only spoiled lines have is not in common.
        let mut test: Vec<String> = (0..8).map(|n| label(200 + n, "Kite")).collect();
        test.push(boxes(300, "Owl", 50).replace("\"width\":200", "\"width\":63"));
        check(
            &train,
            &test,
            Some("ERROR_INSUFFICIENT_LABEL_OVERLAP: 0 of 2 training labels in the test dataset"),
        );
        let elsewhere = two_labels(100, 2)
            .iter()
            .map(|line| line.replace("s3://bucket", "s3://other"))
            .collect::<Vec<_>>();
        check(
            &train,
            &elsewhere,
            Some(
                "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS: training and test images are in different buckets",
            ),
        );
        let mut both = elsewhere.clone();
        both.push(label(500, "Owl"));
        check(
            &train,
            &both,
            Some("ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS: test dataset: images are in 2 buckets"),
        );
        let many: Vec<String> = (0..251)
            .map(|n| label(100 + n, &format!("label {n}")))
            .chain(two_labels(1000, 2))
            .collect();
        check(
            &train,
            &many,
            Some(
                "ERROR_MANIFEST_TOO_MANY_LABELS: test dataset: usable lines have 253 labels; 250 are possible",
            ),
        );
    }
}
