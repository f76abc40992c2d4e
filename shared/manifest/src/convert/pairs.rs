//! Which pairs of a line an entry has, and the way to each kind.

use std::borrow::Cow;

use crate::code::Code;
use crate::convert::boxes::convert_boxes;
use crate::convert::entry_writer::{Common, EntryWriter, Label};
use crate::convert::stop::{Stop, rejected};
use crate::convert_options::{ConvertOptions, WhenEmpty};
use crate::date;
use crate::envelope;
use crate::job_attribute::check_destination;
use crate::json::Text;
use crate::label_choice::{Candidate, candidates, choose};
use crate::line::shown;
use crate::outcome::NoteKind;
use crate::pair::{LabelKind, Metadata};
use crate::rules::LABELS_PER_IMAGE_MAX;
use crate::task_type::TaskType;

impl<'l, 'a> EntryWriter<'l, 'a> {
    pub(super) fn write(&mut self, options: &ConvertOptions) -> Result<(), Stop> {
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
}

/// A failure reason for the report, cut to a length that fits there.
fn failure(reason: &str) -> String {
    let end = reason
        .char_indices()
        .nth(500)
        .map_or(reason.len(), |(end, _)| end);
    format!("labeling failed: {}", reason.get(..end).unwrap_or(reason))
}
