//! Rules over a whole manifest: what UpdateDatasetEntries and training would say of all lines together.
//!
//! Source: Custom Labels guide, "Validation rules for manifest files", "Guidelines and quotas". "More than 20 %
//! invalid" counts dropped lines and lines with errors over all lines; lines with warnings only don't count.

mod limits;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::code::Code;
use crate::lines::{LINE_CHARS_MAX, RawLine};
use crate::rules::{Finding, Judgement, Kept, Place, judge_with_own};
use crate::source_index::SourceIndex;
use crate::source_ref::SourceRef;

pub use limits::{
    DatasetFacts, DatasetFault, DatasetKind, LABELS_MAX, MANIFEST_BYTES_MAX, REGIONS, images_max,
    training_faults,
};

/// Names kept apart in the summary; a manifest with more has far too many anyway.
const LABELS_TRACKED_MAX: usize = 10_000;
/// Line numbers kept as examples of a code.
const EXAMPLES_MAX: usize = 5;

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
    /// The line stays, perhaps with findings: Custom Labels' and, behind those, our own.
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
    /// Lines it was found on.
    pub n_lines: u64,
    /// The first of them.
    pub line_numbers: Vec<u64>,
    /// What exactly was wrong the first time.
    pub first_reason: String,
    /// What to do about it.
    pub remedy: String,
    #[serde(skip)]
    last_line_number: u64,
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
    fn facts(&self, kind: DatasetKind, images_max: u64) -> DatasetFacts {
        DatasetFacts {
            kind,
            images_max,
            n_lines: self.n_lines,
            n_invalid: self.n_dropped + self.n_with_errors,
            n_bytes: self.n_bytes,
            n_buckets: self.buckets.len(),
            n_labels: self.labels.len(),
            has_boxes: self.labels.values().any(|stats| stats.n_boxes > 0),
        }
    }

    /// Whether nothing known keeps a training from starting.
    #[must_use]
    pub fn would_training_start(&self) -> bool {
        self.faults.is_empty()
    }

    /// What keeps this dataset from being trained with `test` as its test dataset, beside what is wrong with each.
    #[must_use]
    pub fn faults_with_test(&self, test: &Self) -> Vec<DatasetFault> {
        let n_common = self
            .labels
            .keys()
            .filter(|name| test.labels.contains_key(*name))
            .count();
        let n_buckets = self.buckets.union(&test.buckets).count();
        training_faults(
            &self.facts(DatasetKind::Train, u64::MAX),
            &test.facts(DatasetKind::Test, u64::MAX),
            n_buckets,
            n_common,
        )
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
            RawLine::Line(bytes) => (bytes.len() as u64, judge_with_own(bytes)),
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
        let mut kept = match judgement {
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
        let train = self.expectations.train.as_ref();
        if let Some(first) = train.and_then(|train| train.first_line(&kept.source_ref)) {
            kept.findings.push(Finding {
                code: Code::TestOverlapsTrain,
                place: Place::Line,
                message: format!("line {first} of the training manifest has the same source-ref"),
                detail: String::new(),
            });
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
            self.note(line_number, finding.code, &finding.in_full());
        }
        if let Ok(SourceRef { bucket, .. }) = SourceRef::parse(&kept.source_ref)
            && !self.summary.buckets.contains(bucket)
        {
            self.summary.buckets.insert(bucket.to_owned());
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
        } else if kept.is_spoiled() {
            self.summary.n_with_errors += 1;
        } else {
            self.summary.n_ignored += 1;
        }
    }

    fn note(&mut self, line_number: u64, code: Code, reason: &str) {
        let tally = self.summary.codes.entry(code).or_default();
        if tally.n_findings == 0 {
            tally.first_reason = reason.to_owned();
            tally.remedy = code.remedy().to_owned();
        }
        tally.n_findings += 1;
        if tally.last_line_number == line_number {
            return;
        }
        tally.last_line_number = line_number;
        tally.n_lines += 1;
        if tally.line_numbers.len() < EXAMPLES_MAX {
            tally.line_numbers.push(line_number);
        }
    }

    /// Notes what was found out about a usable line's image.
    pub fn note_image(&mut self, line_number: u64, code: Code, reason: &str) {
        self.note(line_number, code, reason);
        if !code.is_own_rule() {
            self.summary.n_usable = self.summary.n_usable.saturating_sub(1);
            self.summary.n_with_errors += 1;
        }
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
        summary.faults = summary
            .facts(expectations.kind, expectations.images_max)
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

    /// Our own findings don't spoil a line: Custom Labels isn't known to mind.
    #[test]
    fn own_findings_are_told_and_cost_nothing() {
        let mut lines = many(10, 2);
        lines.push(line("bucket", 100, r"label\u0007"));
        let (found, _) = summary(Expectations::default(), &lines);
        assert_eq!((found.n_usable, found.n_with_errors), (11, 0));
        assert_eq!(found.codes[&Code::LabelNameNotPlain].line_numbers, [11]);
        assert!(found.would_training_start());
    }

    #[test]
    fn training_and_test_images_share_a_bucket() {
        let (train, _) = summary(Expectations::default(), &many(10, 2));
        let other: Vec<String> = (0..2)
            .map(|n| line("other-bucket", n, &format!("label-{n}")))
            .collect();
        let (test, _) = summary(Expectations::default(), &other);
        let faults = train.faults_with_test(&test);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].code, Code::ImagesInMultipleBuckets);
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
        assert_eq!(train.faults_with_test(&test), []);
        let (one_label, _) = summary(Expectations::default(), &test_lines[..1]);
        assert_eq!(
            train.faults_with_test(&one_label)[0].code,
            Code::InsufficientLabelOverlap
        );
    }
}
