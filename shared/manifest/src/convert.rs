//! A Ground Truth output line becomes a dataset entry.
use crate::code::Code;
use crate::lines::RawLine;
use std::collections::BTreeMap;

/// What to convert, and what to do where there is a choice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConvertOptions {
    /// The label attribute; found from the line when `None`.
    pub label_attribute: Option<String>,
    /// The labeling job's name, from the manifest's key.
    pub job_name: Option<String>,
    /// Labels below this confidence are left out, and lines without any other go to the review manifest.
    pub min_confidence: Option<f64>,
}

/// Something that was changed on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Fields that a dataset entry has no use for were left out.
    FieldsDropped {
        /// How many.
        n: u32,
    },
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Rejected and skipped lines by code.
    pub by_code: BTreeMap<Code, u64>,
}

/// Converts a manifest's lines one after another.
#[derive(Debug)]
pub struct Converter {
    options: ConvertOptions,
    counts: Counts,
}

impl Converter {
    /// Starts a manifest.
    #[must_use]
    pub fn new(options: ConvertOptions) -> Self {
        Self {
            options,
            counts: Counts::default(),
        }
    }

    /// Converts the next line.
    pub fn convert(&mut self, line_number: u64, line: RawLine<'_>) -> Converted {
        self.counts.n_lines += 1;
        let RawLine::Line(bytes) = line else {
            return self.reject(
                line_number,
                Code::LineTooLong,
                "line is too long".to_owned(),
            );
        };
        let opened = crate::line::Line::open(bytes).and_then(|line| {
            crate::rules::read_source_ref(&line).map(|source_ref| (line, source_ref))
        });
        let (opened, source_ref) = match opened {
            Ok(opened) => opened,
            Err((code, reason)) => return self.reject(line_number, code, reason),
        };
        let wanted = self.options.label_attribute.as_deref();
        let Some((label, metadata)) = opened
            .pairs()
            .find(|(label, _)| wanted.is_none_or(|wanted| label.key == wanted))
        else {
            return self.reject(line_number, Code::NoLabelAttributes, "no label".to_owned());
        };
        self.counts.n_entries += 1;
        let json = format!(
            "{{\"source-ref\":{:?},\"{}\":{},\"{}\":{}}}",
            source_ref, label.raw_key, label.value, metadata.raw_key, metadata.value
        );
        Converted::Entry(Entry {
            line_number,
            source_ref,
            json,
            notes: Vec::new(),
        })
    }

    fn reject(&mut self, line_number: u64, code: Code, reason: String) -> Converted {
        self.counts.n_rejected += 1;
        *self.counts.by_code.entry(code).or_default() += 1;
        Converted::Rejected(Rejected {
            line_number,
            code,
            reason,
            remedy: code.remedy().to_owned(),
        })
    }

    /// How many lines became what so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// The labeling job's folder in the key of its output manifest: `<prefix>/<job>/manifests/output/output.manifest`.
#[must_use]
pub fn job_name_from_key(key: &str) -> Option<&str> {
    let before = key.strip_suffix("/manifests/output/output.manifest")?;
    before.rsplit('/').next().filter(|job| !job.is_empty())
}
