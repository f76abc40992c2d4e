//! Other ways in: labels that aren't a labeling job's output.
//!
//! A part of a file that can't be used is left out by itself, named and explained, and the others go on. What can't be
//! such a file at all is a [`FileError`].

pub mod coco;
mod coco_file;
mod coco_ids;
pub mod csv;
mod csv_form;
mod csv_rows;
mod image_name;

use serde::Serialize;

use crate::code::Code;
pub use crate::file_error::FileError;
use crate::json::write_text;
use crate::outcome::Entry;

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

    fn leave_out(&mut self, place: impl Into<String>, fault: Fault) {
        let Fault {
            code,
            reason,
            remedy,
        } = fault;
        self.left_out.push(LeftOut {
            place: place.into(),
            code,
            reason,
            remedy: remedy.unwrap_or_else(|| code.remedy().to_owned()),
        });
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

/// Appends the pair of one image-level label whose attribute is named after the label.
fn push_image_level(out: &mut String, label: &str, creation_date: &str) {
    out.push(',');
    write_text(out, label);
    out.push_str(":1,");
    write_text(out, &format!("{label}-metadata"));
    out.push_str(":{\"confidence\":1,\"job-name\":");
    write_text(out, &format!("labeling-job/{label}"));
    out.push_str(",\"class-name\":");
    write_text(out, label);
    out.push_str(",\"human-annotated\":\"yes\",\"creation-date\":");
    write_text(out, creation_date);
    out.push_str(",\"type\":\"groundtruth/image-classification\"}");
}
