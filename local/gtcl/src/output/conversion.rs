//! What became of a manifest's lines, for people.

use std::collections::BTreeMap;
use std::fmt;

use manifest::{Code, Converted, Counts, counted};

use crate::output::text::{first_of, line_numbers};

/// Line numbers that are kept of each code.
const LINES_SHOWN_MAX: usize = 5;

/// Lines that did not become entries, by code.
#[derive(Debug, Default)]
pub struct Tallies(BTreeMap<Code, Tally>);

#[derive(Debug)]
struct Tally {
    n_lines: u64,
    line_numbers: Vec<u64>,
    first_reason: String,
}

impl Tallies {
    /// Counts a line; one that became an entry says nothing.
    pub fn add(&mut self, converted: &Converted) {
        let (code, line_number, reason) = match converted {
            Converted::Entry(_) => return,
            Converted::Rejected(line) => (line.code, line.line_number, &line.reason),
            Converted::Skipped(line) => (line.code, line.line_number, &line.reason),
            Converted::Review(line) => (Code::BelowMinConfidence, line.line_number, &line.reason),
        };
        let tally = self.0.entry(code).or_insert_with(|| Tally {
            n_lines: 0,
            line_numbers: Vec::new(),
            first_reason: reason.clone(),
        });
        tally.n_lines += 1;
        if tally.line_numbers.len() < LINES_SHOWN_MAX {
            tally.line_numbers.push(line_number);
        }
    }

    /// What was wrong with the first line of this code.
    #[must_use]
    pub fn first_reason(&self, code: Code) -> Option<&str> {
        Some(&self.0.get(&code)?.first_reason)
    }
}

/// A conversion's counts as text.
#[derive(Debug)]
pub struct Conversion<'a> {
    /// Counts of all lines.
    pub counts: &'a Counts,
    /// Lines that did not become entries.
    pub tallies: &'a Tallies,
    /// Entries for training and for tests, where they are split.
    pub split: Option<(u64, u64)>,
}

impl fmt::Display for Conversion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            n_lines,
            n_entries,
            n_rejected,
            n_skipped,
            n_review,
            n_fields_dropped,
            ..
        } = self.counts;
        write!(
            f,
            "{}: {}",
            counted(*n_lines, "line"),
            counted(*n_entries, "entry")
        )?;
        if let Some((n_train, n_test)) = self.split {
            write!(f, " ({n_train} train, {n_test} test)")?;
        }
        write!(f, ", {n_rejected} rejected, {n_skipped} skipped")?;
        if *n_review > 0 {
            write!(f, " ({n_review} of them below the minimum confidence)")?;
        }
        if *n_fields_dropped > 0 {
            write!(
                f,
                "\n  {} left out",
                counted(*n_fields_dropped, "other field")
            )?;
        }
        for note in &self.counts.notes {
            write!(f, "\n  {note}")?;
        }
        for (code, tally) in &self.tallies.0 {
            write!(
                f,
                "\n  {:>8} {code}  {}\n           {}\n           help: {}",
                tally.n_lines,
                line_numbers(&tally.line_numbers, tally.n_lines),
                first_of(&tally.line_numbers, tally.n_lines, &tally.first_reason),
                code.remedy()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use manifest::Rejected;

    use super::*;

    #[test]
    fn the_first_lines_of_a_code_are_named() {
        let mut tallies = Tallies::default();
        let mut counts = Counts::default();
        for line_number in 1..=7 {
            counts.n_lines += 1;
            counts.n_rejected += 1;
            tallies.add(&Converted::Rejected(Rejected {
                line_number,
                code: Code::InvalidLabelAttributeFormat,
                reason: format!("label \"{line_number}\" is not an integer"),
                remedy: String::new(),
            }));
        }
        let conversion = Conversion {
            counts: &counts,
            tallies: &tallies,
            split: Some((0, 0)),
        };
        assert_eq!(
            conversion.to_string(),
            "7 lines: 0 entries (0 train, 0 test), 7 rejected, 0 skipped\n         7 ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT  \
             lines 1, 2, 3, 4, 5 and 2 more\n           line 1: label \"1\" is not an integer\n           \
             help: write an integer for an image-level label, image_size and annotations for boxes"
        );
    }
}
