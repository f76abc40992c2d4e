//! The pairs of a multi-label job: one for each label of the image.

use std::borrow::Cow;

use crate::code::Code;
use crate::convert::entry_writer::{Common, EntryWriter, check_name, class_id};
use crate::convert::stop::{Stop, rejected};
use crate::convert_options::{ConvertOptions, WhenEmpty};
use crate::json::{Reader, Text};
use crate::line::shown;
use crate::number::Number;
use crate::outcome::NoteKind;
use crate::pair::Metadata;
use crate::rules::{LABELS_PER_IMAGE_MAX, is_confidence};

impl<'a> EntryWriter<'_, 'a> {
    pub(super) fn write_multi_label(
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
