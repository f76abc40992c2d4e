//! What becomes of a manifest's lines.

use std::collections::BTreeMap;
use std::fmt;

use crate::code::Code;
use crate::counted::counted;

/// Something that was changed on the way from line to entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Fields that a dataset entry has no use for were left out.
    FieldsDropped {
        /// How many of the line's keys.
        n: u32,
    },
    /// Boxes with fractional coordinates were rounded outward.
    BoxesRounded {
        /// How many boxes.
        n: u32,
    },
    /// Boxes that reached beyond the image were cut at its edge.
    BoxesClamped {
        /// How many boxes.
        n: u32,
    },
    /// Boxes that Custom Labels would not use were left out.
    BoxesDropped {
        /// What was wrong with them.
        code: Code,
        /// How many boxes.
        n: u32,
    },
    /// Boxes below the minimum confidence were left out.
    BoxesBelowMinConfidence {
        /// How many boxes.
        n: u32,
    },
    /// Labels below the minimum confidence were left out.
    LabelsBelowMinConfidence {
        /// How many labels.
        n: u32,
    },
    /// Classes without a label on the image were taken out of the class map.
    ClassMapReduced {
        /// How many classes.
        n: u32,
    },
    /// A class that stood more than once was kept once.
    RepeatedLabels {
        /// How many were left out.
        n: u32,
    },
    /// Every confidence is 0, which tells nothing: the minimum confidence wasn't applied.
    ConfidenceUnknown,
}

impl Note {
    /// Name of its kind, with the code where there is one.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match self {
            Self::FieldsDropped { .. } => "FieldsDropped",
            Self::BoxesRounded { .. } => "BoxesRounded",
            Self::BoxesClamped { .. } => "BoxesClamped",
            Self::BoxesDropped { code, .. } => return format!("BoxesDropped.{code}"),
            Self::BoxesBelowMinConfidence { .. } => "BoxesBelowMinConfidence",
            Self::LabelsBelowMinConfidence { .. } => "LabelsBelowMinConfidence",
            Self::ClassMapReduced { .. } => "ClassMapReduced",
            Self::RepeatedLabels { .. } => "RepeatedLabels",
            Self::ConfidenceUnknown => "ConfidenceUnknown",
        };
        name.to_owned()
    }

    /// How many boxes, labels, fields or classes it is about; of unknown confidences, one.
    #[must_use]
    pub fn n(&self) -> u32 {
        match self {
            Self::FieldsDropped { n }
            | Self::BoxesRounded { n }
            | Self::BoxesClamped { n }
            | Self::BoxesDropped { n, .. }
            | Self::BoxesBelowMinConfidence { n }
            | Self::LabelsBelowMinConfidence { n }
            | Self::ClassMapReduced { n }
            | Self::RepeatedLabels { n } => *n,
            Self::ConfidenceUnknown => 1,
        }
    }

    /// Adds one of the same kind (of the same code); answers whether it is.
    fn add(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::BoxesDropped { code: a, n }, Self::BoxesDropped { code: b, n: more }) => {
                if a == b {
                    *n += more;
                }
                a == b
            }
            (Self::FieldsDropped { n }, Self::FieldsDropped { n: more })
            | (Self::BoxesRounded { n }, Self::BoxesRounded { n: more })
            | (Self::BoxesClamped { n }, Self::BoxesClamped { n: more })
            | (Self::BoxesBelowMinConfidence { n }, Self::BoxesBelowMinConfidence { n: more })
            | (Self::LabelsBelowMinConfidence { n }, Self::LabelsBelowMinConfidence { n: more })
            | (Self::ClassMapReduced { n }, Self::ClassMapReduced { n: more })
            | (Self::RepeatedLabels { n }, Self::RepeatedLabels { n: more }) => {
                *n += more;
                true
            }
            (Self::ConfidenceUnknown, Self::ConfidenceUnknown) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = |noun| counted(u64::from(self.n()), noun);
        match self {
            Self::FieldsDropped { .. } => write!(formatter, "{} left out", n("field")),
            Self::BoxesRounded { .. } => write!(formatter, "{} rounded outward", n("box")),
            Self::BoxesClamped { .. } => write!(formatter, "{} cut at the image's edge", n("box")),
            Self::BoxesDropped { code, .. } => write!(formatter, "{} left out: {code}", n("box")),
            Self::BoxesBelowMinConfidence { .. } => {
                write!(
                    formatter,
                    "{} below the minimum confidence left out",
                    n("box")
                )
            }
            Self::LabelsBelowMinConfidence { .. } => {
                write!(
                    formatter,
                    "{} below the minimum confidence left out",
                    n("label")
                )
            }
            Self::ClassMapReduced { .. } => {
                write!(
                    formatter,
                    "{} taken out of the class map",
                    n("unused class")
                )
            }
            Self::RepeatedLabels { .. } => {
                write!(formatter, "{} left out", n("repeated label"))
            }
            Self::ConfidenceUnknown => write!(
                formatter,
                "all confidences are 0: minimum confidence not applied"
            ),
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
                    match note {
                        Note::FieldsDropped { n } => self.n_fields_dropped += u64::from(*n),
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
