//! What becomes of a manifest's lines.

use std::collections::BTreeMap;
use std::fmt;

use crate::code::Code;
use crate::counted::counted;

/// Something that was changed on the way from line to entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// What was done.
    pub kind: NoteKind,
    /// To how many boxes, labels, fields or classes; of unknown confidences, one.
    pub n: u32,
}

/// What was done to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// Fields that a dataset entry has no use for were left out.
    FieldsDropped,
    /// Boxes with fractional coordinates were rounded outward.
    BoxesRounded,
    /// Boxes that reached beyond the image were cut at its edge.
    BoxesClamped,
    /// Boxes that Custom Labels would not use were left out, for what was wrong with them.
    BoxesDropped(Code),
    /// Boxes below the minimum confidence were left out.
    BoxesBelowMinConfidence,
    /// Labels below the minimum confidence were left out.
    LabelsBelowMinConfidence,
    /// Classes without a label on the image were taken out of the class map.
    ClassMapReduced,
    /// A class that stood more than once was kept once; how many were left out.
    RepeatedLabels,
    /// Labels and boxes that people gave without a confidence were given the one that was asked for.
    ConfidenceFilled,
    /// Every confidence is 0, which tells nothing: the minimum confidence wasn't applied.
    ConfidenceUnknown,
}

impl NoteKind {
    /// A note of this kind.
    pub(crate) fn of(self, n: u32) -> Note {
        Note { kind: self, n }
    }
}

impl Note {
    /// Name of its kind, with the code where there is one.
    #[must_use]
    pub fn name(&self) -> String {
        match self.kind {
            NoteKind::BoxesDropped(code) => format!("BoxesDropped.{code}"),
            kind => format!("{kind:?}"),
        }
    }

    /// Adds one of the same kind (of the same code); answers whether it is.
    fn add(&mut self, other: &Self) -> bool {
        let is_same = self.kind == other.kind;
        if is_same && self.kind != NoteKind::ConfidenceUnknown {
            self.n += other.n;
        }
        is_same
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, done) = match self.kind {
            NoteKind::FieldsDropped => ("field", "left out"),
            NoteKind::BoxesRounded => ("box", "rounded outward"),
            NoteKind::BoxesClamped => ("box", "cut at the image's edge"),
            NoteKind::BoxesDropped(_) => ("box", "left out"),
            NoteKind::BoxesBelowMinConfidence => ("box", "below the minimum confidence left out"),
            NoteKind::LabelsBelowMinConfidence => {
                ("label", "below the minimum confidence left out")
            }
            NoteKind::ClassMapReduced => ("unused class", "taken out of the class map"),
            NoteKind::RepeatedLabels => ("repeated label", "left out"),
            NoteKind::ConfidenceFilled => ("missing confidence", "filled in"),
            NoteKind::ConfidenceUnknown => {
                return formatter
                    .write_str("all confidences are 0: minimum confidence not applied");
            }
        };
        write!(formatter, "{} {done}", counted(u64::from(self.n), noun))?;
        match self.kind {
            NoteKind::BoxesDropped(code) => write!(formatter, ": {code}"),
            _ => Ok(()),
        }
    }
}

/// A dataset entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// One-based line in the manifest.
    pub line_number: u64,
    /// The image's S3 URI.
    pub source_ref: String,
    /// The JSON Line, without line ending.
    pub json: String,
    /// What was changed.
    pub notes: Vec<Note>,
}

/// A line that can't become an entry.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// One-based line in the manifest.
    pub line_number: u64,
    /// Its kind.
    pub code: Code,
    /// What exactly is wrong.
    pub reason: String,
    /// What the user can do.
    pub remedy: String,
}

/// A line with nothing to send.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// One-based line in the manifest.
    pub line_number: u64,
    /// Its kind.
    pub code: Code,
    /// Why.
    pub reason: String,
}

/// A line for the review manifest; counted as skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// One-based line in the manifest.
    pub line_number: u64,
    /// The line for a follow-up labeling job, without line ending.
    pub json: String,
    /// Why.
    pub reason: String,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Converted {
    /// It is a dataset entry.
    Entry(Entry),
    /// It can't become one.
    Rejected(Rejected),
    /// It has nothing to send.
    Skipped(Skipped),
    /// It is below the minimum confidence.
    Review(Review),
}

/// How many lines became what. `n_lines` = `n_entries` + `n_rejected` + `n_skipped`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// All lines.
    pub n_lines: u64,
    /// Dataset entries.
    pub n_entries: u64,
    /// Rejected lines.
    pub n_rejected: u64,
    /// Skipped lines, those for review included.
    pub n_skipped: u64,
    /// Lines for the review manifest.
    pub n_review: u64,
    /// Fields of entries' lines that were left out.
    pub n_fields_dropped: u64,
    /// What else was changed in entries, each kind once, in the order in which they were met.
    #[serde(skip)]
    pub notes: Vec<Note>,
    /// Rejected and skipped lines by code.
    pub by_code: BTreeMap<Code, u64>,
}

impl Counts {
    pub(crate) fn add(&mut self, converted: &Converted) {
        self.n_lines += 1;
        let code = match converted {
            Converted::Entry(entry) => {
                self.n_entries += 1;
                for note in &entry.notes {
                    match note.kind {
                        NoteKind::FieldsDropped => self.n_fields_dropped += u64::from(note.n),
                        _ if self.notes.iter_mut().any(|known| known.add(note)) => {}
                        _ => self.notes.push(*note),
                    }
                }
                return;
            }
            Converted::Rejected(rejected) => {
                self.n_rejected += 1;
                rejected.code
            }
            Converted::Skipped(skipped) => {
                self.n_skipped += 1;
                skipped.code
            }
            Converted::Review(_) => {
                self.n_skipped += 1;
                self.n_review += 1;
                Code::BelowMinConfidence
            }
        };
        *self.by_code.entry(code).or_default() += 1;
    }
}
