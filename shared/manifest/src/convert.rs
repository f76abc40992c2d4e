//! A Ground Truth output line becomes a dataset entry.
//!
//! The entry has `source-ref` and the pair of one labeling job, nothing else. A value that needs no change leaves
//! byte for byte as it came; where a value must be built anew, the pieces kept in it do.
//!
//! Duplicates: the first line of a source reference that becomes an entry wins, later ones are rejected.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::boxes::convert_boxes;
use crate::code::Code;
use crate::convert_options::{ConvertOptions, WhenEmpty};
use crate::date;
use crate::envelope;
use crate::job_attribute::check_destination;
use crate::json::{JsonError, Reader, Text, write_number};
use crate::label_choice::{Candidate, candidates, choose};
use crate::line::{Line, METADATA_SUFFIX, Member, SERVICE_KEYS, shown};
use crate::lines::{LINE_CHARS_MAX, RawLine};
use crate::number::Number;
use crate::outcome::{Converted, Counts, Entry, Note, NoteKind, Rejected, Review, Skipped};
use crate::pair::{LabelKind, Metadata};
use crate::rules::{
    LABELS_PER_IMAGE_MAX, NOT_PLAIN, is_confidence, is_label_name_length, is_plain, read_source_ref,
};
use crate::source_index::SourceIndex;
use crate::task_type::TaskType;

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

/// Why a line doesn't become an entry.
#[derive(Debug)]
pub(crate) enum Stop {
    Rejected(Code, String),
    Skipped(Code, String),
    /// Below the minimum confidence.
    Review(String),
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Self {
        Self::Rejected(
            Code::InvalidJsonLine,
            format!("label attribute is not accepted as JSON: {error}"),
        )
    }
}

pub(crate) fn rejected<T>(code: Code, reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Rejected(code, reason.into()))
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

/// What all kinds of pairs need from the line's own metadata.
#[derive(Debug)]
pub(crate) struct Common<'a> {
    pub(crate) is_human: bool,
    /// JSON strings without their quotes.
    pub(crate) creation_date: Cow<'a, str>,
    pub(crate) job_name: Cow<'a, str>,
    /// The metadata value when it holds exactly what an entry needs: carried over when the labels are, too.
    pub(crate) whole_metadata: Option<&'a str>,
}

impl Common<'_> {
    /// The confidence for labels without one, as JSON; `None` where none was asked for, or no people labeled.
    pub(crate) fn filled(&self, options: &ConvertOptions) -> Option<String> {
        let confidence = options.missing_confidence.filter(|_| self.is_human)?;
        let mut json = String::new();
        write_number(&mut json, confidence);
        Some(json)
    }

    /// How the confidence of labels that people gave can be filled in.
    pub(crate) fn help_fill(&self) -> &'static str {
        if self.is_human {
            "; people gave the label: a missing confidence can be filled in (gtcl convert: --missing-confidence 1)"
        } else {
            ""
        }
    }
}

/// A label value, the line's own or an envelope's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'l, 'a> {
    pub(crate) json: &'a str,
    /// Whose value it is; `None` for an envelope's.
    pub(crate) member: Option<&'l Member<'a>>,
}

/// Writes an entry for one opened line.
#[derive(Debug)]
pub(crate) struct EntryWriter<'l, 'a> {
    line: &'l Line<'a>,
    pub(crate) json: String,
    pub(crate) notes: Vec<Note>,
    /// The line has a CR somewhere between its values: nothing with white space in it is carried over whole.
    has_return: bool,
    /// Keys of the label attributes that were chosen; only filled for a line that goes to the review manifest.
    chosen: Vec<&'l str>,
    /// The line has the label attribute that was asked for, or one that was found, be it right or wrong.
    has_attribute: bool,
    /// The line's label attributes when it hasn't the one that was asked for.
    others: Vec<&'l str>,
}

impl<'l, 'a> EntryWriter<'l, 'a> {
    fn new(line: &'l Line<'a>, n_bytes: usize, has_return: bool) -> Self {
        Self {
            line,
            json: String::with_capacity(n_bytes + 64),
            notes: Vec::new(),
            has_return,
            chosen: Vec::new(),
            has_attribute: false,
            others: Vec::new(),
        }
    }

    fn write(&mut self, options: &ConvertOptions) -> Result<(), Stop> {
        let line = self.line;
        self.json.push_str("{\"source-ref\":");
        self.json.push_str(
            line.member("source-ref")
                .map_or("null", |member| member.value),
        );
        let candidates = candidates(line)?;
        let chosen = choose(&candidates, line, options);
        match &chosen {
            Err(Stop::Skipped(Code::OtherAttribute, _)) => {
                self.others = candidates.iter().map(|candidate| candidate.name).collect();
            }
            Err(Stop::Skipped(..)) => {}
            _ => self.has_attribute = true,
        }
        let chosen = match chosen {
            Err(Stop::Skipped(Code::Unlabeled | Code::OtherAttribute, _))
                if options.unlabeled == WhenEmpty::Send =>
            {
                Vec::new()
            }
            other => other?,
        };
        check_destination(&candidates, &chosen, options)?;
        let written = self.write_pairs(&chosen, options);
        if let Err(Stop::Review(_)) = written {
            self.chosen = chosen.iter().map(|candidate| candidate.name).collect();
        }
        let n_below = written?;
        if n_below > 0 {
            self.notes
                .push(NoteKind::LabelsBelowMinConfidence.of(n_below));
        }
        self.json.push('}');
        let n_kept = 1 + 2 * chosen.len();
        if line.members.len() > n_kept {
            self.notes.push(
                NoteKind::FieldsDropped
                    .of(u32::try_from(line.members.len() - n_kept).unwrap_or(u32::MAX)),
            );
        }
        Ok(())
    }

    /// Writes the chosen pairs; returns how many image-level labels were below the minimum confidence.
    fn write_pairs(
        &mut self,
        chosen: &[&Candidate<'l, 'a>],
        options: &ConvertOptions,
    ) -> Result<u32, Stop> {
        let mut n_below = 0_u32;
        if chosen.len() > LABELS_PER_IMAGE_MAX {
            return rejected(
                Code::TooManyLabels,
                format!(
                    "image has {} labels; {LABELS_PER_IMAGE_MAX} are possible",
                    chosen.len()
                ),
            );
        }
        for candidate in chosen {
            match self.write_candidate(candidate, options) {
                Ok(n) => n_below += n,
                Err(Stop::Review(_)) if chosen.len() > 1 => n_below += 1,
                Err(stop) => return Err(stop),
            }
        }
        if n_below > 0 && n_below as usize == chosen.len() && chosen.len() > 1 {
            return Err(Stop::Review(format!(
                "all {n_below} labels are below the minimum confidence"
            )));
        }
        Ok(n_below)
    }

    fn write_candidate(
        &mut self,
        candidate: &Candidate<'l, 'a>,
        options: &ConvertOptions,
    ) -> Result<u32, Stop> {
        let name = shown(candidate.name);
        let Some(metadata) = candidate.metadata else {
            return rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                format!("{name:?}-metadata is not an object"),
            );
        };
        if let Some(reason) = metadata.failure_reason {
            return rejected(Code::LabelingFailed, failure(&reason.decoded()));
        }
        let Some(label) = candidate.label else {
            return rejected(
                Code::NoLabelAttributes,
                format!("line has {name:?}-metadata, but no {name:?}"),
            );
        };
        match metadata.label_kind {
            Some(LabelKind::Custom) => {
                self.write_envelope(candidate, label.value, metadata, options)
            }
            Some(kind) => {
                let common = self.common(candidate, metadata, true)?;
                let label = Label {
                    json: label.value,
                    member: Some(label),
                };
                self.write_label(&candidate.raw_name, kind, label, metadata, &common, options)
            }
            None => rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                format!("{name:?}-metadata has no type"),
            ),
        }
    }

    fn write_envelope(
        &mut self,
        candidate: &Candidate<'l, 'a>,
        value: &'a str,
        outer: &Metadata<'a>,
        options: &ConvertOptions,
    ) -> Result<u32, Stop> {
        let name = shown(candidate.name);
        let Some((label, inner)) = envelope::parts(value)? else {
            return if value.contains("annotationsFromAllWorkers")
                || value.contains("\"annotationData\"")
            {
                rejected(
                    Code::NotConsolidated,
                    format!(
                        "{name:?} holds workers' answers, not a label (gtcl import answers makes labels of such a manifest, gtcl consolidate of the job's annotations/)"
                    ),
                )
            } else if outer.has_worker_response_ref {
                rejected(
                    Code::NotConsolidated,
                    format!("{name:?} holds no label, only a worker-response-ref in its metadata"),
                )
            } else {
                rejected(
                    Code::UnsupportedTaskType,
                    format!("{name:?} is a custom label, but not a label envelope"),
                )
            };
        };
        let Some(inner) = Metadata::read(inner)? else {
            return rejected(
                Code::InvalidEnvelope,
                format!("metadata in the label envelope {name:?} is not an object"),
            );
        };
        if let Some(reason) = inner.failure_reason {
            let code = if outer.has_worker_response_ref {
                Code::NotConsolidated
            } else {
                Code::LabelingFailed
            };
            return rejected(code, failure(&reason.decoded()));
        }
        if label == "null" {
            return rejected(
                Code::LabelingFailed,
                "the label envelope has neither a label nor a failure-reason",
            );
        }
        let Some(kind) = inner.label_kind else {
            return rejected(
                Code::InvalidEnvelope,
                format!("metadata in the label envelope {name:?} has no type"),
            );
        };
        let common = self.common(candidate, outer, false)?;
        let label = Label {
            json: label,
            member: None,
        };
        self.write_label(&candidate.raw_name, kind, label, &inner, &common, options)
    }

    fn common(
        &self,
        candidate: &Candidate<'l, 'a>,
        metadata: &Metadata<'a>,
        may_carry: bool,
    ) -> Result<Common<'a>, Stop> {
        let name = shown(candidate.name);
        let bad = |what: &str| {
            rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                format!("{name:?}-metadata {what}"),
            )
        };
        let human = metadata.human_annotated.map(Text::decoded);
        let (is_human, is_usual) = match human.as_deref() {
            Some("yes") => (true, true),
            Some("no") => (false, true),
            Some("true") => (true, false),
            Some("false") => (false, false),
            Some(other) => {
                return bad(&format!(
                    "has human-annotated {:?}, neither \"yes\" nor \"no\"",
                    shown(other)
                ));
            }
            None => return bad("has no human-annotated"),
        };
        let Some(date) = metadata.creation_date else {
            return bad("has no creation-date");
        };
        let Some(normalised) = date::normalised(date.decoded()) else {
            return bad(&format!(
                "has creation-date {:?}, which is not a date",
                shown(&date.decoded())
            ));
        };
        let is_carried_date = !date.has_escape() && matches!(normalised, Cow::Borrowed(_));
        let job_name = match metadata.job_name {
            Some(text) => Cow::Borrowed(text.raw),
            None => Cow::Owned(format!("labeling-job/{}", candidate.raw_name)),
        };
        let is_whole = may_carry
            && is_usual
            && is_carried_date
            && !self.has_return
            && metadata.job_name.is_some()
            && !metadata.is_irregular
            && metadata.n_other_fields == 0;
        Ok(Common {
            is_human,
            creation_date: normalised,
            job_name,
            whole_metadata: is_whole.then_some(candidate.metadata_value),
        })
    }

    fn write_label(
        &mut self,
        raw_name: &str,
        kind: LabelKind,
        label: Label<'_, 'a>,
        metadata: &Metadata<'a>,
        common: &Common<'a>,
        options: &ConvertOptions,
    ) -> Result<u32, Stop> {
        match kind {
            LabelKind::Task(TaskType::SingleLabel) => {
                self.write_single_label(raw_name, label.json, metadata, common, options)
            }
            LabelKind::Task(TaskType::MultiLabel) => {
                self.write_multi_label(raw_name, label.json, metadata, common, options)
            }
            LabelKind::Task(TaskType::BoundingBox) => {
                convert_boxes(self, raw_name, label, metadata, common, options).map(|()| 0)
            }
            LabelKind::Verification => rejected(
                Code::UnsupportedTaskType,
                "label attribute is a verdict on another one",
            ),
            LabelKind::Custom | LabelKind::Other => {
                let kind = metadata.kind.map(Text::decoded).unwrap_or_default();
                rejected(
                    Code::UnsupportedTaskType,
                    format!(
                        "label has type {:?}; Custom Labels takes labels of whole images and boxes",
                        shown(&kind)
                    ),
                )
            }
        }
    }

    fn write_single_label(
        &mut self,
        raw_name: &str,
        label: &'a str,
        metadata: &Metadata<'a>,
        common: &Common<'a>,
        options: &ConvertOptions,
    ) -> Result<u32, Stop> {
        let Some((value, is_number)) = class_id(label)? else {
            return rejected(
                Code::InvalidLabelAttributeFormat,
                format!("label {:?} is not an integer", shown(label)),
            );
        };
        let Some(class_name) = metadata.class_name else {
            return rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                "class-name is missing or not a text",
            );
        };
        let filled = common.filled(options);
        let is_missing = metadata.confidence.is_none();
        let filled = filled.as_deref().and_then(Number::of);
        let Some(confidence) = metadata.confidence.or(filled) else {
            return rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                format!(
                    "confidence is missing or not a number{}",
                    common.help_fill()
                ),
            );
        };
        if !is_confidence(&confidence) {
            return rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                format!("confidence is {}, not 0 to 1", shown(confidence.raw)),
            );
        }
        if is_missing {
            self.notes.push(NoteKind::ConfidenceFilled.of(1));
        }
        check_name(class_name)?;
        if let Some(min) = options.min_confidence {
            if confidence.value == 0.0 {
                self.notes.push(NoteKind::ConfidenceUnknown.of(1));
            } else if confidence.value < min {
                return Err(Stop::Review(format!(
                    "confidence {} is below {min}",
                    confidence.raw
                )));
            }
        }
        self.open_pair(raw_name, &value);
        let has_foreign = metadata.class_map.is_some()
            || metadata.objects.is_some()
            || metadata.confidence_map.is_some();
        let is_whole = is_number && !has_foreign && !is_missing;
        match common.whole_metadata.filter(|_| is_whole) {
            Some(whole) => self.json.push_str(whole),
            None => self.push_single_metadata(class_name, &confidence, common),
        }
        Ok(0)
    }

    fn write_multi_label(
        &mut self,
        raw_name: &str,
        label: &'a str,
        metadata: &Metadata<'a>,
        common: &Common<'a>,
        options: &ConvertOptions,
    ) -> Result<u32, Stop> {
        let ids = class_ids(label)?;
        let Some(class_map) = &metadata.class_map else {
            return rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                "metadata lacks class-map",
            );
        };
        let filled = common.filled(options);
        let filled = filled.as_deref().and_then(Number::of);
        if metadata.confidence_map.is_none() && filled.is_none() && !ids.is_empty() {
            return rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                format!("metadata lacks confidence-map{}", common.help_fill()),
            );
        }
        let confidences = metadata.confidence_map.as_deref().unwrap_or_default();
        let mut n_filled = 0;
        let mut labels: Vec<(Text<'a>, Number<'_>)> = Vec::with_capacity(ids.len());
        let mut used: Vec<&str> = Vec::with_capacity(ids.len());
        for id in &ids {
            let Some((_, name)) = class_map.iter().find(|(known, _)| known.is(id)) else {
                return rejected(
                    Code::MissingClassMapId,
                    format!("class id {} is not in class-map", shown(id)),
                );
            };
            let own = confidences.iter().find(|(known, _)| known.is(id));
            n_filled += u32::from(own.is_none());
            let own = own.map(|(_, number)| *number);
            let Some(confidence) = own.or(filled).filter(is_confidence) else {
                return rejected(
                    Code::InvalidLabelAttributeMetadataFormat,
                    format!(
                        "class id {} has no confidence from 0 to 1 in confidence-map",
                        shown(id)
                    ),
                );
            };
            check_name(*name)?;
            if !used.contains(&id.as_ref()) {
                used.push(id);
                labels.push((*name, confidence));
            }
        }
        if n_filled > 0 {
            self.notes.push(NoteKind::ConfidenceFilled.of(n_filled));
        }
        if labels.len() < ids.len() {
            self.notes
                .push(NoteKind::RepeatedLabels.of((ids.len() - labels.len()) as u32));
        }
        if labels.is_empty() {
            return match options.unlabeled {
                WhenEmpty::Skip => Err(Stop::Skipped(
                    Code::NoLabels,
                    "no class applies to the image".to_owned(),
                )),
                WhenEmpty::Send => Ok(0),
            };
        }
        let n_found = labels.len();
        if let Some(min) = options.min_confidence {
            if labels.iter().all(|(_, confidence)| confidence.value == 0.0) {
                self.notes.push(NoteKind::ConfidenceUnknown.of(1));
            } else {
                labels.retain(|(_, confidence)| confidence.value >= min);
            }
            if labels.is_empty() {
                return Err(Stop::Review(format!(
                    "all {n_found} labels are below {min}"
                )));
            }
        }
        if labels.len() > LABELS_PER_IMAGE_MAX {
            return rejected(
                Code::TooManyLabels,
                format!(
                    "image has {} labels; {LABELS_PER_IMAGE_MAX} are possible",
                    labels.len()
                ),
            );
        }
        for (position, (name, confidence)) in labels.iter().enumerate() {
            self.open_pair(&format!("{raw_name}{position}"), &position.to_string());
            self.push_single_metadata(*name, confidence, common);
        }
        Ok((n_found - labels.len()) as u32)
    }

    fn push_single_metadata(
        &mut self,
        class_name: Text<'_>,
        confidence: &Number<'_>,
        common: &Common<'_>,
    ) {
        for piece in [
            "{\"class-name\":\"",
            class_name.raw,
            "\",\"confidence\":",
            confidence.raw,
            ",\"type\":\"",
            TaskType::SingleLabel.metadata_type(),
            "\",\"job-name\":\"",
            &common.job_name,
            "\",\"human-annotated\":",
        ] {
            self.json.push_str(piece);
        }
        self.json
            .push_str(if common.is_human { "\"yes\"" } else { "\"no\"" });
        self.json.push_str(",\"creation-date\":\"");
        self.json.push_str(&common.creation_date);
        self.json.push_str("\"}");
    }

    /// Writes a pair up to where its metadata's value stands.
    fn open_pair(&mut self, raw_name: &str, value: &str) {
        self.open_value(raw_name);
        self.json.push_str(value);
        self.open_metadata(raw_name);
    }

    pub(crate) fn open_value(&mut self, raw_name: &str) {
        for piece in [",\"", raw_name, "\":"] {
            self.json.push_str(piece);
        }
    }

    pub(crate) fn open_metadata(&mut self, raw_name: &str) {
        for piece in [",\"", raw_name, "-metadata\":"] {
            self.json.push_str(piece);
        }
    }

    pub(crate) fn has_return(&self) -> bool {
        self.has_return
    }

    /// The line for a follow-up job: as it came, but for the chosen pairs, so that a job with the same label
    /// attribute labels it anew, and but for what ListDatasetEntries adds.
    fn review(&self) -> String {
        let is_chosen = |member: &Member<'_>| {
            let name = member
                .key
                .strip_suffix(METADATA_SUFFIX)
                .unwrap_or(&member.key);
            self.chosen.contains(&name) || SERVICE_KEYS.contains(&member.key.as_ref())
        };
        let mut json = String::from("{");
        for member in self.line.members.iter().filter(|member| !is_chosen(member)) {
            json.push_str(if json.len() > 1 { ",\"" } else { "\"" });
            json.push_str(member.raw_key);
            json.push_str("\":");
            json.push_str(member.value);
        }
        json.push('}');
        json
    }
}

/// A failure reason for the report, cut to a length that fits there.
fn failure(reason: &str) -> String {
    let end = reason
        .char_indices()
        .nth(500)
        .map_or(reason.len(), |(end, _)| end);
    format!("labeling failed: {}", reason.get(..end).unwrap_or(reason))
}

/// Refuses names that DatasetLabel can't take.
pub(crate) fn check_name(name: Text<'_>) -> Result<(), Stop> {
    if !is_label_name_length(name) {
        return rejected(
            Code::InvalidLabelNameLength,
            format!(
                "label name {:?} has not 1 to 255 characters",
                shown(&name.decoded())
            ),
        );
    }
    if !is_plain(name) {
        return rejected(
            Code::LabelNameNotPlain,
            format!("label name {:?} {NOT_PLAIN}", shown(&name.decoded())),
        );
    }
    Ok(())
}

/// A class id as JSON, and whether it came as a number.
fn class_id(label: &str) -> Result<Option<(Cow<'_, str>, bool)>, JsonError> {
    let mut reader = Reader::new(label);
    if let Some(number) = reader.clone().number_or_skip()? {
        return Ok(number
            .is_integer()
            .then_some((Cow::Borrowed(number.raw), true)));
    }
    let text = reader.text_or_skip()?;
    let number = text.and_then(|text| text.decoded().parse::<i64>().ok());
    Ok(number.map(|number| (Cow::Owned(number.to_string()), false)))
}

/// The class ids of a multi-label label.
fn class_ids(label: &str) -> Result<Vec<Cow<'_, str>>, Stop> {
    let not_ids = || {
        Stop::Rejected(
            Code::InvalidLabelAttributeFormat,
            "label is not a list of class ids".to_owned(),
        )
    };
    let mut reader = Reader::new(label);
    if !reader.enter_array()? {
        return Err(not_ids());
    }
    let mut ids = Vec::new();
    let mut is_first = true;
    while reader.next_element(&mut is_first)? {
        let (id, _) = class_id(reader.skip()?)?.ok_or_else(not_ids)?;
        ids.push(id);
    }
    Ok(ids)
}
