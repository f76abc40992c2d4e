//! A Ground Truth output line becomes a dataset entry.
//!
//! The entry has `source-ref` and the pair of one labeling job, nothing else. A value that needs no change leaves
//! byte for byte as it came; where a value must be built anew, the pieces kept in it do.
//!
//! Duplicates: the first line of a source reference that becomes an entry wins, later ones are rejected.

pub(crate) mod boxes;
mod entry_writer;
mod multi_label;
mod pairs;
mod single_label;
pub(crate) mod stop;

use std::collections::BTreeMap;

use crate::code::Code;
use crate::convert::entry_writer::EntryWriter;
use crate::convert::stop::Stop;
use crate::convert_options::ConvertOptions;
use crate::label_choice::candidates;
use crate::line::{Line, shown};
use crate::lines::{LINE_CHARS_MAX, RawLine};
use crate::outcome::{Converted, Counts, Entry, Rejected, Review, Skipped};
use crate::rules::read_source_ref;
use crate::source_index::SourceIndex;

/// Converts a manifest's lines one after another; remembers source references to find duplicates.
///
/// # Examples
///
/// ```
/// # use manifest::{Converted, ConvertOptions, Converter, RawLine};
/// let line = br#"{"source-ref":"s3://birds/1.jpg","bird":"0","bird-metadata":{"class-name":"owl","confidence":0.9,
///     "type":"groundtruth/image-classification","job-name":"labeling-job/birds","human-annotated":"yes",
///     "creation-date":"2018-10-18T22:18:13.527256"}}"#;
/// let mut converter = Converter::new(ConvertOptions::default());
/// let Converted::Entry(entry) = converter.convert(1, RawLine::Line(line)) else { panic!() };
/// assert!(entry.json.starts_with(r#"{"source-ref":"s3://birds/1.jpg","bird":0,"bird-metadata":{"#));
/// ```
#[derive(Debug)]
pub struct Converter {
    options: ConvertOptions,
    counts: Counts,
    attributes: AttributesSeen,
    index: SourceIndex,
}

/// Which label attributes a manifest's lines have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributesSeen {
    /// Lines with the label attribute that was asked for, or with one that was found, whatever became of them.
    pub n_lines_with: u64,
    /// Label attributes of lines that lack the one that was asked for, with the number of those lines; the first 100.
    pub others: BTreeMap<String, u64>,
}

impl AttributesSeen {
    const OTHERS_MAX: usize = 100;

    fn add(&mut self, entry: &EntryWriter<'_, '_>) {
        self.n_lines_with += u64::from(entry.has_attribute);
        self.add_others(&entry.others);
    }

    /// Of a line that has no usable source reference.
    fn add_of_refused(&mut self, line: &Line<'_>, options: &ConvertOptions) {
        let names: Vec<&str> = match candidates(line) {
            Ok(candidates) => candidates.iter().map(|candidate| candidate.name).collect(),
            Err(_) => Vec::new(),
        };
        let has_wanted = match &options.label_attribute {
            Some(wanted) => names.contains(&wanted.as_str()) || line.member(wanted).is_some(),
            None => !names.is_empty(),
        };
        if has_wanted {
            self.n_lines_with += 1;
        } else {
            self.add_others(&names);
        }
    }

    fn add_others(&mut self, names: &[&str]) {
        for name in names {
            if let Some(n_lines) = self.others.get_mut(*name) {
                *n_lines += 1;
            } else if self.others.len() < Self::OTHERS_MAX {
                self.others.insert((*name).to_owned(), 1);
            }
        }
    }
}

impl Converter {
    /// Starts a manifest.
    #[must_use]
    pub fn new(options: ConvertOptions) -> Self {
        Self {
            options,
            counts: Counts::default(),
            attributes: AttributesSeen::default(),
            index: SourceIndex::default(),
        }
    }

    /// Converts the next line. Never panics, whatever the bytes.
    pub fn convert(&mut self, line_number: u64, line: RawLine<'_>) -> Converted {
        let converted = self.convert_one(line_number, line);
        self.counts.add(&converted);
        converted
    }

    fn convert_one(&mut self, line_number: u64, line: RawLine<'_>) -> Converted {
        let reject = |code: Code, reason| {
            Converted::Rejected(Rejected {
                line_number,
                code,
                reason,
                remedy: code.remedy().to_owned(),
            })
        };
        let bytes = match line {
            RawLine::Line(bytes) => bytes,
            RawLine::TooLong { n_bytes } => {
                return reject(
                    Code::LineTooLong,
                    format!("line has {n_bytes} bytes; {LINE_CHARS_MAX} characters are possible"),
                );
            }
        };
        if bytes.trim_ascii().is_empty() {
            return Converted::Skipped(Skipped {
                line_number,
                code: Code::BlankLine,
                reason: "line is blank".to_owned(),
            });
        }
        let line = match Line::open(bytes) {
            Ok(line) => line,
            Err((code, reason)) => return reject(code, reason),
        };
        let has_return = memchr::memchr(b'\r', bytes).is_some();
        let source_ref = match read_source_ref(&line) {
            Ok(source_ref) => source_ref,
            Err((code, reason)) => {
                self.attributes.add_of_refused(&line, &self.options);
                if code == Code::MissingSourceRef && line.member("source").is_some() {
                    return reject(
                        Code::UnsupportedTaskType,
                        "line has source instead of source-ref: it is of a text job, and Custom Labels takes images only"
                            .to_owned(),
                    );
                }
                return reject(code, reason);
            }
        };
        let mut entry = EntryWriter::new(&line, bytes.len(), has_return);
        let written = entry.write(&self.options);
        self.attributes.add(&entry);
        match written {
            Ok(()) => {}
            Err(Stop::Rejected(code, reason)) => return reject(code, reason),
            Err(Stop::Skipped(code, reason)) => {
                return Converted::Skipped(Skipped {
                    line_number,
                    code,
                    reason,
                });
            }
            Err(Stop::Review(reason)) => {
                return Converted::Review(Review {
                    line_number,
                    json: entry.review(),
                    reason,
                });
            }
        }
        let EntryWriter { json, notes, .. } = entry;
        if json.len() > LINE_CHARS_MAX && json.chars().count() > LINE_CHARS_MAX {
            return reject(
                Code::LineTooLong,
                format!("entry has more than {LINE_CHARS_MAX} characters once converted"),
            );
        }
        if let Some(first) = self.index.note(&source_ref, line_number) {
            return reject(
                Code::DuplicateSourceRef,
                format!(
                    "line {first} has the same source-ref {:?}",
                    shown(&source_ref)
                ),
            );
        }
        Converted::Entry(Entry {
            line_number,
            source_ref,
            json,
            notes,
        })
    }

    /// Where the label attribute was found so far, and what stood in its place.
    #[must_use]
    pub fn attributes(&self) -> &AttributesSeen {
        &self.attributes
    }

    /// How many lines became what so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
