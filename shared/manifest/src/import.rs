//! Other ways in: labels that aren't a labeling job's output.
//!
//! Each format is parsed into one form, [`Parsed`]: images with labels or boxes, and where each stood. From there on
//! there is one way: names become source references and images that stand several times become one
//! ([`Parsed::locate`]), sizes that the file lacks are looked up by the caller ([`Parsed::without_size`],
//! [`Parsed::set_size`]), and what can be an entry is made one ([`Parsed::into_import`]).
//!
//! A part of a file that can't be used is left out by itself, named and explained, and the others go on. What can't be
//! such a file at all, or could mean several things, is a [`FileError`].

pub mod coco;
pub mod csv;
mod entries;
pub mod folders;
mod image_name;
mod label_names;
pub mod label_studio;
mod parsed;
pub mod voc;
pub mod yolo;

use serde::Serialize;

use crate::code::Code;
pub use crate::file_error::FileError;
use crate::outcome::Entry;

pub use entries::EntryOptions;
pub use image_name::{NameOptions, NameRule, has_image_extension};
pub use parsed::{BoxForm, Parsed, WithoutSize};

/// What a file of labels becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// Dataset entries in the file's order; `line_number` is the row or the image's place, from 1.
    pub entries: Vec<Entry>,
    /// What isn't in an entry, each part of the file that was left out for itself.
    pub left_out: Vec<LeftOut>,
    /// What is remarkable and cost nothing, a sentence each.
    pub notes: Vec<String>,
}

impl Import {
    /// How many of the parts that were left out are wrong, and how many have nothing to send.
    #[must_use]
    pub fn n_rejected_and_skipped(&self) -> (u64, u64) {
        let n_skipped = self.left_out.iter().filter(|one| one.code.is_skip());
        let n_skipped = n_skipped.count() as u64;
        (self.left_out.len() as u64 - n_skipped, n_skipped)
    }
}

/// A part of a file that isn't in an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Which part: `row 7` (from 1), or `annotations[7], id 125` (from 0, as JSON counts).
    pub place: String,
    /// Its kind: `REJECTED_…` and `ERROR_…` are wrong, `SKIPPED_…` have nothing to send.
    pub code: Code,
    /// What exactly is the matter.
    pub reason: String,
    /// What the user can do.
    pub remedy: String,
    /// What it is told after: the row, or 0 where the order of finding is the file's.
    #[serde(skip)]
    order: u64,
}

impl LeftOut {
    /// A part that a caller left out itself.
    #[must_use]
    pub fn of(place: String, code: Code, reason: String, remedy: String) -> Self {
        Self {
            place,
            code,
            reason,
            remedy,
            order: 0,
        }
    }

    fn new(order: u64, place: impl Into<String>, fault: Fault) -> Self {
        let Fault {
            code,
            reason,
            remedy,
        } = fault;
        Self {
            place: place.into(),
            code,
            reason,
            remedy: remedy.unwrap_or_else(|| code.remedy().to_owned()),
            order,
        }
    }
}

/// Why a part of a file is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    code: Code,
    reason: String,
    /// `None`: what the code says.
    remedy: Option<String>,
}

impl Fault {
    fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            remedy: None,
        }
    }

    fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}
