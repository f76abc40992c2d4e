//! Rules over a whole manifest: what UpdateDatasetEntries and training would say of all lines together.
//!
//! Source: Custom Labels guide, "Validation rules for manifest files", "Guidelines and quotas". "More than 20 %
//! invalid" counts dropped lines and lines with errors over all lines; lines with warnings only don't count.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::code::Code;
use crate::lines::{LINE_CHARS_MAX, RawLine};
use crate::rules::{Finding, Judgement, Kept, judge};
use crate::source_index::SourceIndex;
use crate::source_ref::SourceRef;

/// Largest manifest in bytes, inclusive. Source: guidelines and quotas, "1 GB".
pub const MANIFEST_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Most different labels of a dataset, inclusive. Source: guidelines and quotas.
pub const LABELS_MAX: usize = 250;
/// Names kept apart in the summary; a manifest with more has far too many anyway.
const LABELS_TRACKED_MAX: usize = 10_000;
/// Line numbers kept as examples of a code.
const EXAMPLES_MAX: usize = 5;

/// Which of a project's two datasets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DatasetKind {
    /// The training dataset.
    #[default]
    Train,
    /// The test dataset.
    Test,
}

/// Most images of one dataset, inclusive, by Region. Source: guidelines and quotas.
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

/// What to check a manifest against.
#[derive(Debug)]
pub struct Expectations {
    /// Which dataset the manifest is for.
    pub kind: DatasetKind,
    /// Most images, see [`images_max`].
    pub images_max: u64,
    /// Source references of the training dataset, when this one is for tests.
    pub train: Option<SourceIndex>,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            kind: DatasetKind::Train,
            images_max: images_max("", DatasetKind::Train),
            train: None,
        }
    }
}

/// What is said of one line.
#[derive(Debug, Clone, PartialEq)]
pub enum LineVerdict {
    /// Custom Labels removes the line without a trace.
    Dropped {
        /// Why, one of the five kinds.
        code: Code,
        /// What exactly is wrong.
        reason: String,
    },
    /// The line stays, perhaps with findings.
    Kept(Kept),
}

impl LineVerdict {
    /// The findings of a line that stays.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Dropped { .. } => &[],
            Self::Kept(kept) => &kept.findings,
        }
    }
}

/// How often a code came up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeTally {
    /// Times it was found; more than once on a line with several bad boxes.
    pub n_findings: u64,
    /// The first lines it was found on.
    pub line_numbers: Vec<u64>,
    /// What exactly was wrong the first time.
    pub first_reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// How often a label is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelStats {
    /// Usable lines with the label.
    pub n_images: u64,
    /// Boxes with the label on usable lines.
    pub n_boxes: u64,
    /// Usable lines where it stands for the whole image.
    pub n_image_level: u64,
}

/// What a training would learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UseCase {
    /// Labels of whole images.
    ImageLevelLabels,
    /// Boxes.
    ObjectLocalization,
    /// Both, or neither: Custom Labels would choose.
    NotDetermined,
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

/// What is known after the last line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetSummary {
    /// All lines.
    pub n_lines: u64,
    /// Lines that training could use.
    pub n_usable: u64,
    /// Lines that are removed without a trace.
    pub n_dropped: u64,
    /// Lines that stay, with errors that keep training from using them.
    pub n_with_errors: u64,
    /// Lines without errors and without a label: they are not trained on.
    pub n_ignored: u64,
    /// Bytes of all lines, line endings included.
    pub n_bytes: u64,
    /// Codes by name.
    pub codes: BTreeMap<Code, CodeTally>,
    /// Labels of usable lines by name.
    pub labels: BTreeMap<String, LabelStats>,
    /// Buckets of the images.
    pub buckets: BTreeSet<String>,
    /// What a training would learn.
    pub use_case: UseCase,
    /// Why it would not start; empty: nothing known stands against it.
    pub faults: Vec<DatasetFault>,
}

impl DatasetSummary {
    /// Whether nothing known keeps a training from starting.
    #[must_use]
    pub fn would_training_start(&self) -> bool {
        self.faults.is_empty()
    }

    /// What is wrong with `test` as the test dataset of this training dataset: fewer than half of the labels.
    #[must_use]
    pub fn fault_with_test(&self, test: &Self) -> Option<DatasetFault> {
        let n_common = self
            .labels
            .keys()
            .filter(|name| test.labels.contains_key(*name))
            .count();
        overlap_fault(n_common, self.labels.len())
    }
}

/// What is wrong with a test dataset that has `n_common` of the `n_labels` training labels: fewer than half.
#[must_use]
pub fn overlap_fault(n_common: usize, n_labels: usize) -> Option<DatasetFault> {
    (2 * n_common < n_labels).then(|| {
        fault(
            Code::InsufficientLabelOverlap,
            format!("{n_common} of {n_labels} training labels are in the test dataset"),
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
            format!("manifest has {n_lines} lines; {images_max} are possible"),
        );
        say(
            5 * n_invalid > n_lines,
            Code::TooManyInvalidRows,
            format!("{n_invalid} of {n_lines} lines are invalid; 20 % are possible"),
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
            format!("usable lines have {n_labels} labels; {labels_min} are needed"),
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

/// Feed it a manifest's lines, then ask for the summary. Memory: 30 bytes a line, and the label names.
#[derive(Debug)]
pub struct DatasetCheck {
    expectations: Expectations,
    index: SourceIndex,
    summary: DatasetSummary,
}

impl DatasetCheck {
    /// Starts a manifest.
    #[must_use]
    pub fn new(expectations: Expectations) -> Self {
        let summary = DatasetSummary {
            n_lines: 0,
            n_usable: 0,
            n_dropped: 0,
            n_with_errors: 0,
            n_ignored: 0,
            n_bytes: 0,
            codes: BTreeMap::new(),
            labels: BTreeMap::new(),
            buckets: BTreeSet::new(),
            use_case: UseCase::NotDetermined,
            faults: Vec::new(),
        };
        Self {
            expectations,
            index: SourceIndex::default(),
            summary,
        }
    }

    /// Judges the next line. Of lines with the same source reference the first is kept.
    pub fn feed(&mut self, line_number: u64, line: RawLine<'_>) -> LineVerdict {
        self.summary.n_lines += 1;
        let (n_bytes, judgement) = match line {
            RawLine::Line(bytes) => (bytes.len() as u64, judge(bytes)),
            RawLine::TooLong { n_bytes } => {
                let reason =
                    format!("line has {n_bytes} bytes; {LINE_CHARS_MAX} characters are possible");
                (
                    n_bytes,
                    Judgement::Dropped {
                        code: Code::LineTooLong,
                        reason,
                    },
                )
            }
        };
        self.summary.n_bytes += n_bytes + 1;
        let kept = match judgement {
            Judgement::Dropped { code, reason } => return self.dropped(line_number, code, reason),
            Judgement::Kept(kept) => kept,
        };
        if let Some(first) = self.index.note(&kept.source_ref, line_number) {
            return self.dropped(
                line_number,
                Code::DuplicateSourceRef,
                format!("line {first} has the same source-ref"),
            );
        }
        self.count(line_number, &kept);
        LineVerdict::Kept(kept)
    }

    fn dropped(&mut self, line_number: u64, code: Code, reason: String) -> LineVerdict {
        self.summary.n_dropped += 1;
        self.note(line_number, code, &reason);
        LineVerdict::Dropped { code, reason }
    }

    fn count(&mut self, line_number: u64, kept: &Kept) {
        for finding in &kept.findings {
            self.note(line_number, finding.code, &finding.message);
        }
        if let Ok(SourceRef { bucket, .. }) = SourceRef::parse(&kept.source_ref)
            && !self.summary.buckets.contains(bucket)
        {
            self.summary.buckets.insert(bucket.to_owned());
        }
        if let Some(first) = self
            .expectations
            .train
            .as_ref()
            .and_then(|train| train.first_line(&kept.source_ref))
        {
            self.note(
                line_number,
                Code::TestOverlapsTrain,
                &format!("line {first} of the training manifest has the same source-ref"),
            );
        }
        if kept.is_usable() {
            self.summary.n_usable += 1;
            for label in &kept.labels {
                if self.summary.labels.len() >= LABELS_TRACKED_MAX
                    && !self.summary.labels.contains_key(&label.name)
                {
                    continue;
                }
                let stats = match self.summary.labels.get_mut(&label.name) {
                    Some(stats) => stats,
                    None => self.summary.labels.entry(label.name.clone()).or_default(),
                };
                stats.n_images += 1;
                stats.n_boxes += u64::from(label.n_boxes.unwrap_or(0));
                stats.n_image_level += u64::from(label.n_boxes.is_none());
            }
        } else if kept
            .findings
            .iter()
            .any(|finding| !finding.code.is_warning())
        {
            self.summary.n_with_errors += 1;
        } else {
            self.summary.n_ignored += 1;
        }
    }

    /// Adds what was found out about a line by other means, such as `ERROR_INVALID_IMAGE` from the image itself.
    pub fn note(&mut self, line_number: u64, code: Code, reason: &str) {
        let tally = self.summary.codes.entry(code).or_default();
        if tally.n_findings == 0 {
            tally.first_reason = reason.to_owned();
            tally.remedy = code.remedy().to_owned();
        }
        tally.n_findings += 1;
        if tally.line_numbers.len() < EXAMPLES_MAX
            && tally.line_numbers.last() != Some(&line_number)
        {
            tally.line_numbers.push(line_number);
        }
    }

    /// Notes that a usable line's image turned out to be invalid.
    pub fn note_invalid_image(&mut self, line_number: u64, reason: &str) {
        self.note(line_number, Code::InvalidImage, reason);
        self.summary.n_usable = self.summary.n_usable.saturating_sub(1);
        self.summary.n_with_errors += 1;
    }

    /// Ends the manifest: the summary, and the source references to check a test manifest against.
    #[must_use]
    pub fn finish(self) -> (DatasetSummary, SourceIndex) {
        let Self {
            expectations,
            index,
            mut summary,
        } = self;
        let n_with = |has: fn(&LabelStats) -> bool| {
            summary.labels.values().filter(|stats| has(stats)).count()
        };
        let (n_of_boxes, n_image_level) = (
            n_with(|stats| stats.n_boxes > 0),
            n_with(|stats| stats.n_image_level > 0),
        );
        summary.use_case = match (n_of_boxes > 0, n_image_level > 0) {
            (true, false) => UseCase::ObjectLocalization,
            (false, true) => UseCase::ImageLevelLabels,
            _ => UseCase::NotDetermined,
        };
        summary.faults = DatasetFacts {
            kind: expectations.kind,
            images_max: expectations.images_max,
            n_lines: summary.n_lines,
            n_invalid: summary.n_dropped + summary.n_with_errors,
            n_bytes: summary.n_bytes,
            n_buckets: summary.buckets.len(),
            n_labels: summary.labels.len(),
            has_boxes: n_of_boxes > 0,
        }
        .faults();
        (summary, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bucket: &str, n: usize, label: &str) -> String {
        format!(
            r#"{{"source-ref":"s3://{bucket}/{n}.jpg","a":0,"a-metadata":{{"class-name":"{label}","confidence":1,"type":"groundtruth/image-classification","human-annotated":"yes","creation-date":"2020-01-01T00:00:00"}}}}"#
        )
    }

    fn summary(expectations: Expectations, lines: &[String]) -> (DatasetSummary, SourceIndex) {
        let mut check = DatasetCheck::new(expectations);
        for (idx, line) in lines.iter().enumerate() {
            check.feed(idx as u64 + 1, RawLine::Line(line.as_bytes()));
        }
        check.finish()
    }

    fn faults(lines: &[String]) -> Vec<Code> {
        summary(Expectations::default(), lines)
            .0
            .faults
            .into_iter()
            .map(|fault| fault.code)
            .collect()
    }

    fn many(n: usize, n_labels: usize) -> Vec<String> {
        (0..n)
            .map(|idx| line("bucket", idx, &format!("label-{}", idx % n_labels)))
            .collect()
    }

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
    fn labels() {
        assert_eq!(faults(&many(10, 1)), [Code::ManifestTooFewLabels]);
        assert_eq!(faults(&many(10, 2)), []);
        assert_eq!(faults(&many(249, 249)), []);
        assert_eq!(faults(&many(250, 250)), []);
        assert_eq!(faults(&many(251, 251)), [Code::ManifestTooManyLabels]);
        assert_eq!(faults(&[]), [Code::ManifestEmpty]);
    }

    #[test]
    fn twenty_percent() {
        let with_bad = |n_bad: usize| {
            let mut lines = many(100 - n_bad, 2);
            lines.extend((0..n_bad).map(|_| "nonsense".to_owned()));
            faults(&lines)
        };
        assert_eq!(
            (with_bad(19), with_bad(20), with_bad(21)),
            (vec![], vec![], vec![Code::TooManyInvalidRows])
        );
    }

    #[test]
    fn buckets_duplicates_and_rows() {
        let mut lines = many(10, 2);
        lines.push(line("other-bucket", 1, "label-0"));
        assert_eq!(faults(&lines), [Code::ImagesInMultipleBuckets]);
        lines = many(10, 2);
        lines.push(line("bucket", 3, "label-0"));
        let (found, _) = summary(Expectations::default(), &lines);
        assert_eq!((found.n_dropped, found.n_usable), (1, 10));
        assert_eq!(found.codes[&Code::DuplicateSourceRef].line_numbers, [11]);
        for (images_max, expected) in [
            (9, vec![Code::ManifestRowsExceedMaximum]),
            (10, vec![]),
            (11, vec![]),
        ] {
            let (found, _) = summary(
                Expectations {
                    images_max,
                    ..Expectations::default()
                },
                &many(10, 2),
            );
            assert_eq!(
                found
                    .faults
                    .into_iter()
                    .map(|fault| fault.code)
                    .collect::<Vec<_>>(),
                expected
            );
        }
    }

    #[test]
    fn test_against_train() {
        let (train, index) = summary(Expectations::default(), &many(10, 4));
        let test_lines = [line("bucket", 3, "label-0"), line("bucket", 300, "label-1")];
        let (test, _) = summary(
            Expectations {
                kind: DatasetKind::Test,
                train: Some(index),
                ..Expectations::default()
            },
            &test_lines,
        );
        assert_eq!(test.codes[&Code::TestOverlapsTrain].line_numbers, [1]);
        assert_eq!(train.fault_with_test(&test), None);
        let (one_label, _) = summary(Expectations::default(), &test_lines[..1]);
        assert_eq!(
            train.fault_with_test(&one_label).unwrap().code,
            Code::InsufficientLabelOverlap
        );
    }
}
