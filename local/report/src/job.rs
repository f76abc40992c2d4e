//! What a report is made of.

use std::collections::BTreeMap;

use labeling::consolidation::Quality;
use manifest::NamedLabel;
use serde::Serialize;

/// A finished job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// The job's name.
    pub name: String,
    /// The attribute of its labels.
    pub label_attribute: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What the answers say about workers, categories and data objects; `None` when none can be read.
    pub quality: Option<Quality>,
    /// Lines that did not become what they should, by code, in the order of the codes.
    pub faults: Vec<CodeFaults>,
    /// The first data objects without a label; [`Outcome::failed`] counts all of them.
    pub failed: Vec<FailedObject>,
    /// The labels against a known truth, where there is one.
    pub truth: Option<TruthFigures>,
    /// What can't be read and is left out, each with its place and reason.
    pub left_out: Vec<String>,
}

/// What came of a job, in numbers. `data_objects` = `labeled` + `failed` + `not_in_output`; `lines` = `entries` +
/// `rejected` + `skipped`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Data objects of the input manifest.
    pub data_objects: u64,
    /// Answers of workers, also those that can't be read.
    pub answers: u64,
    /// Data objects whose label stands in the output.
    pub labeled: u64,
    /// Data objects whose line in the output has no label that can be read.
    pub failed: u64,
    /// Data objects without a line in the output: of a job that was stopped.
    pub not_in_output: u64,
    /// Lines of the output manifest.
    pub lines: u64,
    /// Lines that become dataset entries.
    pub entries: u64,
    /// Lines that can't.
    pub rejected: u64,
    /// Lines with nothing to send.
    pub skipped: u64,
    /// Lines by code.
    pub by_code: BTreeMap<String, u64>,
    /// What became of the entries, where the dataset-updater's report is at hand.
    pub dataset: Option<DatasetOutcome>,
}

/// What became of the dataset entries. Their sum is the number of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DatasetOutcome {
    /// Entries that are in the dataset.
    pub landed: u64,
    /// Of those, entries that Custom Labels found errors in.
    pub landed_with_errors: u64,
    /// Entries that Custom Labels refused.
    pub refused: u64,
    /// Entries that it dropped without a word.
    pub vanished: u64,
    /// Entries that somebody else's took the place of.
    pub overwritten: u64,
}

impl Outcome {
    /// Sums that don't add up, each in words; empty when everything is accounted for.
    #[must_use]
    pub fn losses(&self) -> Vec<String> {
        let mut sums = vec![
            (
                "data objects",
                self.data_objects,
                self.labeled + self.failed + self.not_in_output,
            ),
            (
                "lines",
                self.lines,
                self.entries + self.rejected + self.skipped,
            ),
        ];
        if let Some(dataset) = &self.dataset {
            let sum = dataset.landed + dataset.refused + dataset.vanished + dataset.overwritten;
            sums.push(("entries", self.entries, sum));
        }
        let wrong = sums.into_iter().filter(|(_, whole, parts)| whole != parts);
        wrong
            .map(|(what, whole, parts)| format!("{whole} {what} are not the {parts} accounted for"))
            .collect()
    }
}

/// Lines with the same code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeFaults {
    /// The code.
    pub code: String,
    /// How many there are.
    pub n_lines: u64,
    /// What to do about them.
    pub remedy: String,
    /// The first of them.
    pub lines: Vec<FaultyLine>,
}

/// A line of the output manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultyLine {
    /// One-based.
    pub line_number: u64,
    /// The image's URI, where it is known.
    pub source_ref: Option<String>,
    /// What exactly is wrong.
    pub reason: String,
}

/// A data object without a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedObject {
    /// Ground Truth's name of the data object.
    pub dataset_object_id: String,
    /// The image's URI.
    pub source_ref: Option<String>,
    /// Why, where it is known.
    pub reason: String,
}

/// Labels against a known truth.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TruthFigures {
    /// Data objects with a label and a known truth.
    pub n_compared: u64,
    /// Of these, labeled exactly as the truth.
    pub n_right: u64,
    /// Categories or boxes that are in both.
    pub n_found: u64,
    /// Categories or boxes of the truth.
    pub n_true: u64,
    /// Categories or boxes of the labels.
    pub n_labeled: u64,
    /// How often labels of a confidence are right, by tenths of confidence; those without any left out.
    pub reliability: Vec<Reliability>,
    /// The first data objects that are labeled otherwise, the most confident first.
    pub wrong: Vec<Wrong>,
}

/// Labels, categories or boxes of a range of confidences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reliability {
    /// Where the range begins, inclusive; it is a tenth long.
    pub from: f64,
    /// How many there are.
    pub n: u64,
    /// How many of them are right.
    pub n_right: u64,
    /// The mean of their confidences.
    pub mean_confidence: f64,
}

/// A data object that is labeled otherwise than the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wrong {
    /// The image's URI.
    pub source_ref: String,
    /// The label, in words.
    pub label: String,
    /// The truth, in words.
    pub truth: String,
    /// The label's confidence; of several, the lowest.
    pub confidence: Option<f64>,
    /// Width and height of the image in pixels, as the label has them, where it has boxes.
    pub image_size_px: Option<(u32, u32)>,
    /// The label's boxes.
    pub boxes: Vec<NamedLabel>,
    /// Those of the truth.
    pub true_boxes: Vec<NamedLabel>,
}
