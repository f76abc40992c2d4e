//! An entry's text, piece by piece, and what all kinds of pairs need for theirs.

use std::borrow::Cow;

use crate::code::Code;
use crate::convert::stop::{Stop, rejected};
use crate::convert_options::ConvertOptions;
use crate::json::{JsonError, Reader, Text, write_number};
use crate::line::{Line, METADATA_SUFFIX, Member, SERVICE_KEYS, shown};
use crate::number::Number;
use crate::outcome::Note;
use crate::rules::{NOT_PLAIN, is_label_name_length, is_plain};
use crate::task_type::TaskType;

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
    pub(super) line: &'l Line<'a>,
    pub(crate) json: String,
    pub(crate) notes: Vec<Note>,
    /// The line has a CR somewhere between its values: nothing with white space in it is carried over whole.
    pub(super) has_return: bool,
    /// Keys of the label attributes that were chosen; only filled for a line that goes to the review manifest.
    pub(super) chosen: Vec<&'l str>,
    /// The line has the label attribute that was asked for, or one that was found, be it right or wrong.
    pub(super) has_attribute: bool,
    /// The line's label attributes when it hasn't the one that was asked for.
    pub(super) others: Vec<&'l str>,
}

impl<'l, 'a> EntryWriter<'l, 'a> {
    pub(super) fn new(line: &'l Line<'a>, n_bytes: usize, has_return: bool) -> Self {
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

    pub(super) fn push_single_metadata(
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
    pub(super) fn open_pair(&mut self, raw_name: &str, value: &str) {
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
    pub(super) fn review(&self) -> String {
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
pub(super) fn class_id(label: &str) -> Result<Option<(Cow<'_, str>, bool)>, JsonError> {
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
