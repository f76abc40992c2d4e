//! What entries are made from, and how far the work towards it is.

use std::collections::BTreeMap;

use labeling::consolidation::Outcome as Consolidated;
use serde::{Deserialize, Serialize};

/// The manifest that entries are made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The output manifest, as Ground Truth wrote it.
    OutputManifest,
    /// The manifest beside the reports that has the labels put in.
    Consolidated {
        /// Entity tag of that version.
        e_tag: String,
        /// Figures of the consolidation.
        report: ConsolidationReport,
    },
}

/// How much of the workers' answers is kept in files below `parts/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersKept {
    /// Those files, numbered from one.
    pub n_parts: u64,
    /// Key of the last annotation file in them, in the order of their names.
    pub after_file: Option<String>,
    /// Data objects in those annotation files that no line is.
    pub n_unmatched: u64,
    /// Elements of those annotation files that can't be read, or don't tell their data object.
    #[serde(default)]
    pub n_unidentified: u64,
    /// Files until then that can't be read.
    pub n_unreadable_files: u64,
}

/// What became of the workers' answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsolidationReport {
    /// Whether labels that the output manifest has were made anew, too.
    pub is_whole_job: bool,
    /// Data objects whose answers were looked for.
    pub data_objects: u64,
    /// Of those, data objects with a label now.
    pub consolidated: u64,
    /// Of those, data objects without one: their files or answers are unreadable.
    pub failed: u64,
    /// Answers that were counted.
    pub answers: u64,
    /// Forms without anything in them.
    pub empty_answers: u64,
    /// Answers that couldn't be read, were of another kind, or named no label category.
    pub unreadable_answers: u64,
    /// Labels that say something else than the output manifest's; `changes.jsonl` has them.
    pub changed: u64,
    /// Data objects in annotation files that no line of the manifest is.
    pub unmatched: u64,
    /// Elements of annotation files that can't be read, or don't tell their data object. Those data objects keep the
    /// labels that they have, if any.
    #[serde(default)]
    pub unidentified: u64,
    /// Files of answers that can't be read. Their data objects keep the labels that they have, if any. With such files,
    /// or such elements, a manifest isn't done for good: its next event starts over.
    pub unreadable_files: u64,
    /// `single-label`, `multi-label` or `bounding-box`; `None` when no answer could be read.
    pub task_type: Option<String>,
    /// Names in answers that are no label category, with the number of answers; the first 100 by name.
    pub unknown_categories: BTreeMap<String, u32>,
}

impl ConsolidationReport {
    /// Names of unknown categories in a report, inclusive.
    const UNKNOWN_CATEGORIES_MAX: usize = 100;

    /// The figures of a consolidation.
    #[must_use]
    pub fn new(outcome: &Consolidated) -> Self {
        let failed = outcome.failed.len() as u64;
        let data_objects = outcome.response.len() as u64;
        let unknown = outcome.unknown_categories.iter();
        Self {
            data_objects,
            consolidated: data_objects - failed,
            failed,
            answers: outcome.counts.n_answers.into(),
            empty_answers: outcome.counts.n_empty.into(),
            unreadable_answers: outcome.counts.n_unreadable.into(),
            task_type: outcome.task_type.map(|kind| kind.as_str().to_owned()),
            unknown_categories: unknown
                .take(Self::UNKNOWN_CATEGORIES_MAX)
                .map(|(name, n)| (name.clone(), *n))
                .collect(),
            ..Self::default()
        }
    }
}
