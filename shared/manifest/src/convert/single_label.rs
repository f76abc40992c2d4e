//! The pair of a single-label job.

use crate::code::Code;
use crate::convert::entry_writer::{Common, EntryWriter, check_name, class_id};
use crate::convert::stop::{Stop, rejected};
use crate::convert_options::ConvertOptions;
use crate::line::shown;
use crate::number::Number;
use crate::outcome::NoteKind;
use crate::pair::Metadata;
use crate::rules::is_confidence;

impl<'a> EntryWriter<'_, 'a> {
    pub(super) fn write_single_label(
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
}
