//! The limits of datasets, and what keeps them from being updated or trained with.

use serde::Serialize;

use crate::code::Code;
use crate::counted::counted;

/// Largest manifest in bytes, inclusive. Source: guidelines and quotas, "1 GB".
pub const MANIFEST_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Most different labels of a dataset, inclusive. Source: guidelines and quotas.
pub const LABELS_MAX: usize = 250;
/// Which of a project's two datasets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DatasetKind {
    /// The training dataset.
    #[default]
    Train,
    /// The test dataset.
    Test,
}

/// Where Custom Labels is. Source: AWS General Reference, Amazon Rekognition endpoints and quotas, "Amazon Rekognition
/// Custom Labels is available in the following Regions only".
pub const REGIONS: [&str; 11] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// Most images of one dataset, inclusive, by Region; of one that isn't in [`REGIONS`], as of most. Source: guidelines and
/// quotas.
///
/// # Examples
///
/// ```
/// # use manifest::dataset::{DatasetKind, images_max};
/// assert_eq!(images_max("eu-west-1", DatasetKind::Train), 250_000);
/// assert_eq!(images_max("eu-west-2", DatasetKind::Test), 7_000);
/// ```
#[must_use]
pub fn images_max(region: &str, kind: DatasetKind) -> u64 {
    match (region, kind) {
        ("ap-south-1" | "eu-west-2", DatasetKind::Train) => 28_000,
        ("ap-south-1" | "eu-west-2", DatasetKind::Test) => 7_000,
        _ => 250_000,
    }
}

/// One reason why an update or a training would fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetFault {
    /// Its name.
    pub code: Code,
    /// The numbers behind it.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// What keeps two datasets from being trained with, beside what is wrong with each of them.
///
/// `n_buckets` is of the images of both, `n_common` of labels that both have.
#[must_use]
pub fn training_faults(
    train: &DatasetFacts,
    test: &DatasetFacts,
    n_buckets: usize,
    n_common: usize,
) -> Vec<DatasetFault> {
    let has_told = train.n_buckets > 1 || test.n_buckets > 1;
    let apart = (n_buckets > 1 && !has_told).then(|| {
        fault(
            Code::ImagesInMultipleBuckets,
            "training and test images are in different buckets".to_owned(),
        )
    });
    let overlap = overlap_fault(n_common, train.n_labels);
    apart.into_iter().chain(overlap).collect()
}

/// What is wrong with a test dataset that has `n_common` of the `n_labels` training labels: fewer than half.
fn overlap_fault(n_common: usize, n_labels: usize) -> Option<DatasetFault> {
    (2 * n_common < n_labels).then(|| {
        fault(
            Code::InsufficientLabelOverlap,
            format!(
                "{n_common} of {} in the test dataset",
                counted(n_labels as u64, "training label")
            ),
        )
    })
}

/// The numbers that decide whether an update or a training would fail, wherever they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetFacts {
    /// Which dataset.
    pub kind: DatasetKind,
    /// Most images, see [`images_max`].
    pub images_max: u64,
    /// All lines.
    pub n_lines: u64,
    /// Lines that are dropped or have errors.
    pub n_invalid: u64,
    /// Bytes of all lines, line endings included.
    pub n_bytes: u64,
    /// Buckets of the images.
    pub n_buckets: usize,
    /// Different labels of usable lines.
    pub n_labels: usize,
    /// One of those labels is of boxes.
    pub has_boxes: bool,
}

impl DatasetFacts {
    /// Why an update or a training would fail; empty: nothing known stands against it.
    #[must_use]
    pub fn faults(&self) -> Vec<DatasetFault> {
        let Self {
            images_max,
            n_lines,
            n_invalid,
            n_bytes,
            n_buckets,
            n_labels,
            ..
        } = *self;
        let labels_min = match (self.kind, self.has_boxes) {
            (DatasetKind::Test, _) => 0,
            (DatasetKind::Train, true) => 1,
            (DatasetKind::Train, false) => 2,
        };
        let mut faults = Vec::new();
        let mut say = |is_so: bool, code: Code, reason: String| {
            if is_so {
                faults.push(fault(code, reason));
            }
        };
        say(
            n_lines == 0,
            Code::ManifestEmpty,
            "manifest has no lines".to_owned(),
        );
        say(
            n_bytes > MANIFEST_BYTES_MAX,
            Code::ManifestSizeTooLarge,
            format!("manifest has {n_bytes} bytes; {MANIFEST_BYTES_MAX} are possible"),
        );
        say(
            n_lines > images_max,
            Code::ManifestRowsExceedMaximum,
            format!(
                "manifest has {}; {images_max} are possible",
                counted(n_lines, "line")
            ),
        );
        say(
            5 * n_invalid > n_lines,
            Code::TooManyInvalidRows,
            format!(
                "{n_invalid} of {} invalid; 20 % are possible",
                counted(n_lines, "line")
            ),
        );
        say(
            n_buckets > 1,
            Code::ImagesInMultipleBuckets,
            format!("images are in {n_buckets} buckets"),
        );
        say(
            n_labels > LABELS_MAX,
            Code::ManifestTooManyLabels,
            format!("usable lines have {n_labels} labels; {LABELS_MAX} are possible"),
        );
        say(
            n_lines > 0 && n_labels < labels_min,
            Code::ManifestTooFewLabels,
            format!(
                "usable lines have {}; {labels_min} needed",
                counted(n_labels as u64, "label")
            ),
        );
        faults
    }
}

fn fault(code: Code, reason: String) -> DatasetFault {
    DatasetFault {
        code,
        reason,
        remedy: code.remedy().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each limit at one less, itself, and one more.
    #[test]
    fn limits() {
        let good = DatasetFacts {
            kind: DatasetKind::Train,
            images_max: images_max("", DatasetKind::Train),
            n_lines: 1000,
            n_invalid: 0,
            n_bytes: 1_000_000,
            n_buckets: 1,
            n_labels: 10,
            has_boxes: false,
        };
        let check = |facts: DatasetFacts, expected: Option<Code>| {
            let found: Vec<Code> = facts.faults().iter().map(|fault| fault.code).collect();
            assert_eq!(found, Vec::from_iter(expected), "{facts:?}");
        };
        check(good, None);
        let gigabyte = 1024 * 1024 * 1024;
        for (n_bytes, expected) in [
            (gigabyte - 1, None),
            (gigabyte, None),
            (gigabyte + 1, Some(Code::ManifestSizeTooLarge)),
        ] {
            check(DatasetFacts { n_bytes, ..good }, expected);
        }
        for (region, kind, limit) in [
            ("us-east-1", DatasetKind::Train, 250_000),
            ("us-east-1", DatasetKind::Test, 250_000),
            ("ap-south-1", DatasetKind::Train, 28_000),
            ("eu-west-2", DatasetKind::Train, 28_000),
            ("ap-south-1", DatasetKind::Test, 7_000),
            ("eu-west-2", DatasetKind::Test, 7_000),
        ] {
            let with = |n_lines| DatasetFacts {
                kind,
                images_max: images_max(region, kind),
                n_lines,
                ..good
            };
            check(with(limit - 1), None);
            check(with(limit), None);
            check(with(limit + 1), Some(Code::ManifestRowsExceedMaximum));
        }
        for (n_invalid, expected) in [
            (199, None),
            (200, None),
            (201, Some(Code::TooManyInvalidRows)),
        ] {
            check(DatasetFacts { n_invalid, ..good }, expected);
        }
        let two_buckets = DatasetFacts {
            n_buckets: 2,
            ..good
        };
        check(two_buckets, Some(Code::ImagesInMultipleBuckets));
        let (few, many) = (Code::ManifestTooFewLabels, Code::ManifestTooManyLabels);
        for (kind, has_boxes, n_labels, expected) in [
            (DatasetKind::Train, false, 1, Some(few)),
            (DatasetKind::Train, false, 2, None),
            (DatasetKind::Train, true, 0, Some(few)),
            (DatasetKind::Train, true, 1, None),
            (DatasetKind::Test, false, 0, None),
            (DatasetKind::Train, false, 249, None),
            (DatasetKind::Train, false, 250, None),
            (DatasetKind::Train, false, 251, Some(many)),
            (DatasetKind::Test, true, 251, Some(many)),
        ] {
            let facts = DatasetFacts {
                kind,
                has_boxes,
                n_labels,
                ..good
            };
            check(facts, expected);
        }
        for (n_common, n_labels, is_enough) in [
            (4, 10, false),
            (5, 10, true),
            (6, 10, true),
            (5, 11, false),
            (6, 11, true),
            (0, 0, true),
        ] {
            assert_eq!(overlap_fault(n_common, n_labels).is_none(), is_enough);
        }
    }

    #[test]
    fn two_datasets() {
        let train = DatasetFacts {
            kind: DatasetKind::Train,
            images_max: 100,
            n_lines: 10,
            n_invalid: 0,
            n_bytes: 100,
            n_buckets: 1,
            n_labels: 10,
            has_boxes: false,
        };
        let codes = |train: DatasetFacts, n_buckets, n_common| {
            let faults = training_faults(&train, &train, n_buckets, n_common);
            Vec::from_iter(faults.into_iter().map(|fault| fault.code))
        };
        assert_eq!(codes(train, 1, 5), []);
        assert_eq!(codes(train, 1, 4), [Code::InsufficientLabelOverlap]);
        assert_eq!(codes(train, 2, 5), [Code::ImagesInMultipleBuckets]);
        // Told of the dataset itself.
        let n_buckets = 2;
        assert_eq!(codes(DatasetFacts { n_buckets, ..train }, 2, 5), []);
    }
}
