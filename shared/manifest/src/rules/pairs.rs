//! One label attribute and its metadata, judged.

use std::borrow::Cow;

use super::{Finding, Kept, LABEL_NAME_CHARS_MAX, LabelUse, PixelBox, PixelSize, Place, WholeLine};
use crate::code::Code;
use crate::counted::counted;
use crate::date;
use crate::json::{JsonError, Reader, Text};
use crate::line::{Member, shown};
use crate::number::Number;
use crate::pair::{Annotation, Annotations, LabelKind, Metadata};
use crate::task_type::TaskType;

/// Why a line's other checks don't happen.
pub(super) enum Stop {
    Only(Finding),
    Json(JsonError),
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// What is wrong with the metadata of `attribute`, as the line's only finding.
fn bad_metadata(attribute: &str, detail: impl Into<String>) -> Stop {
    only_in_metadata(
        Code::InvalidLabelAttributeMetadataFormat,
        attribute,
        detail.into(),
    )
}

fn only_in_metadata(code: Code, attribute: &str, detail: String) -> Stop {
    let place = Place::Metadata(attribute.to_owned());
    Stop::Only(Finding::of(code, place, attribute, detail))
}

/// What is wrong with the value of `attribute`, as the line's only finding.
fn bad_value(attribute: &str, detail: impl Into<String>) -> Stop {
    Stop::Only(Finding::of(
        Code::InvalidLabelAttributeFormat,
        Place::Attribute(attribute.to_owned()),
        attribute,
        detail.into(),
    ))
}

pub(super) fn judge_pair(
    label: &Member<'_>,
    metadata: &Member<'_>,
    kept: &mut Kept,
    whole: &mut WholeLine,
) -> Result<(), Stop> {
    let attribute = label.key.as_ref();
    let Some(metadata) = metadata.metadata()? else {
        return Err(bad_metadata(attribute, "it is not an object"));
    };
    whole.n_pairs += 1;
    let is_box = match metadata.label_kind {
        Some(LabelKind::Task(TaskType::SingleLabel)) => false,
        Some(LabelKind::Task(TaskType::BoundingBox)) => true,
        Some(_) => {
            whole.n_unsupported += 1;
            let kind = metadata.kind.map(Text::decoded).unwrap_or_default();
            kept.findings.push(Finding::of(
                Code::UnsupportedUseCaseType,
                Place::Metadata(attribute.to_owned()),
                attribute,
                format!("type is {:?}", shown(&kind)),
            ));
            return Ok(());
        }
        None => return Err(bad_metadata(attribute, "type is missing or not a string")),
    };
    let is_human =
        is_human_annotated(metadata).map_err(|detail| bad_metadata(attribute, detail))?;
    check_date(metadata).map_err(|detail| bad_metadata(attribute, detail))?;
    if is_box {
        whole.is_human_annotated &= is_human;
        return judge_boxes(label, metadata, kept, whole);
    }
    let is_integer = Reader::new(label.value)
        .number_or_skip()?
        .is_some_and(|number| number.is_integer());
    if !is_integer {
        return Err(bad_value(
            attribute,
            format!("{} is not an integer", value_shown(label.value)),
        ));
    }
    let Some(class_name) = metadata.class_name else {
        return Err(bad_metadata(
            attribute,
            "class-name is missing or not a string",
        ));
    };
    match &metadata.confidence {
        None => {
            let detail = "confidence is missing or not a number";
            return Err(bad_metadata(attribute, detail));
        }
        Some(confidence) if !is_confidence(confidence) => {
            let detail = format!("confidence is {}, not 0 to 1", shown(confidence.raw));
            return Err(bad_metadata(attribute, detail));
        }
        Some(_) => {}
    }
    judge_label_name(attribute, class_name, kept);
    note_label(kept, class_name, None);
    Ok(())
}

/// A value for a message; of one that holds others, only what it is.
fn value_shown(value: &str) -> &str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        _ => shown(value),
    }
}

fn judge_boxes(
    label: &Member<'_>,
    metadata: &Metadata<'_>,
    kept: &mut Kept,
    whole: &mut WholeLine,
) -> Result<(), Stop> {
    let attribute = label.key.as_ref();
    let Some(labels) = label.box_labels()? else {
        let detail = "it is not an object with image_size and annotations";
        return Err(bad_value(attribute, detail));
    };
    let size = labels
        .only_size()
        .filter(|_| labels.size_is_array)
        .and_then(PixelSize::read);
    let Some(size) = size else {
        let detail = "image_size is not a list of one size with width, height and depth as whole numbers above 0";
        return Err(bad_value(attribute, detail));
    };
    let annotations = match &labels.annotations {
        Annotations::NotAList => return Err(bad_value(attribute, "annotations is not a list")),
        Annotations::Missing => &[][..],
        Annotations::List(list) => list.as_slice(),
    };
    let Some(class_map) = metadata.class_map.as_deref() else {
        let detail = "class-map is missing or not an object of names";
        return Err(bad_metadata(attribute, detail));
    };
    let Some(objects) = metadata.objects.as_deref() else {
        return Err(bad_metadata(attribute, "objects is missing or not a list"));
    };
    let boxes = read_boxes(annotations).map_err(|detail| bad_value(attribute, detail))?;
    judge_confidences(attribute, boxes.len(), objects)?;
    if let Some((idx, unknown)) = boxes
        .iter()
        .enumerate()
        .find(|(_, annotation)| metadata.class_name_of(annotation.class_id).is_none())
    {
        return Err(only_in_metadata(
            Code::MissingClassMapId,
            attribute,
            format!(
                "class_id {} of annotations/{idx} is not in class-map",
                shown(unknown.class_id)
            ),
        ));
    }
    for (_, name) in class_map {
        if judge_label_name(attribute, *name, kept) {
            break;
        }
    }
    whole.add_size(size);
    whole.n_boxes += boxes.len();
    if boxes.is_empty() {
        whole.n_empty += 1;
        kept.findings.push(Finding::of(
            Code::NoAttributeAnnotations,
            Place::Attribute(attribute.to_owned()),
            attribute,
            String::new(),
        ));
    }
    for (annotation_idx, annotation) in boxes.iter().enumerate() {
        match annotation.fault(&size) {
            Some(code) => kept.findings.push(Finding::of(
                code,
                Place::Annotation {
                    attribute: attribute.to_owned(),
                    annotation_idx,
                },
                attribute,
                format!("{annotation} in an image of {size}"),
            )),
            None => {
                whole.n_valid_boxes += 1;
                if let Some(name) = metadata.class_name_of(annotation.class_id) {
                    note_label(kept, name, Some(1));
                }
            }
        }
    }
    Ok(())
}

fn read_boxes<'a>(annotations: &[Annotation<'a>]) -> Result<Vec<PixelBox<'a>>, String> {
    let mut boxes = Vec::with_capacity(annotations.len());
    for (idx, annotation) in annotations.iter().enumerate() {
        boxes.push(PixelBox::read(annotation).ok_or_else(|| {
            format!("annotations/{idx} lacks a whole class_id, or a number for left, top, width or height")
        })?);
    }
    Ok(boxes)
}

/// Each box has one confidence, in the same order.
fn judge_confidences(
    attribute: &str,
    n_boxes: usize,
    objects: &[Option<Number<'_>>],
) -> Result<(), Stop> {
    let missing = |detail| only_in_metadata(Code::MissingBoundingBoxConfidence, attribute, detail);
    if objects.len() != n_boxes {
        return Err(missing(format!(
            "objects has {} for {}",
            counted(objects.len() as u64, "element"),
            counted(n_boxes as u64, "box")
        )));
    }
    if let Some(idx) = objects.iter().position(Option::is_none) {
        return Err(missing(format!(
            "objects/{idx} has no number as confidence"
        )));
    }
    let mut confidences = objects.iter().flatten().enumerate();
    match confidences.find(|(_, confidence)| !is_confidence(confidence)) {
        None => Ok(()),
        Some((idx, confidence)) => Err(bad_metadata(
            attribute,
            format!(
                "confidence of objects/{idx} is {}, not 0 to 1",
                shown(confidence.raw)
            ),
        )),
    }
}

/// Adds a finding for a name of impossible length and says so.
fn judge_label_name(attribute: &str, name: Text<'_>, kept: &mut Kept) -> bool {
    let is_bad = !is_label_name_length(name);
    if is_bad {
        let name = name.decoded();
        kept.findings.push(Finding::of(
            Code::InvalidLabelNameLength,
            Place::Metadata(attribute.to_owned()),
            attribute,
            format!(
                "{:?} has {}; 1 to {LABEL_NAME_CHARS_MAX} are possible",
                shown(&name),
                counted(name.chars().count() as u64, "character")
            ),
        ));
    }
    is_bad
}

pub(crate) fn is_label_name_length(name: Text<'_>) -> bool {
    // As many bytes are at least as many characters, escapes included.
    if (1..=LABEL_NAME_CHARS_MAX).contains(&name.raw.len()) {
        return true;
    }
    (1..=LABEL_NAME_CHARS_MAX).contains(&name.decoded().chars().count())
}

fn note_label(kept: &mut Kept, name: Text<'_>, n_boxes: Option<u32>) {
    let name = name.decoded();
    let is_box = n_boxes.is_some();
    match kept
        .labels
        .iter_mut()
        .find(|label| label.name == name && label.n_boxes.is_some() == is_box)
    {
        Some(known) => known.n_boxes = known.n_boxes.zip(n_boxes).map(|(known, more)| known + more),
        None => kept.labels.push(LabelUse {
            name: name.into_owned(),
            n_boxes,
        }),
    }
}

/// Whether a person labeled.
fn is_human_annotated(metadata: &Metadata<'_>) -> Result<bool, String> {
    let Some(text) = metadata.human_annotated else {
        return Err("human-annotated is missing or not a string".to_owned());
    };
    match text.decoded().as_ref() {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => Err(format!(
            "human-annotated is {:?}, neither \"yes\" nor \"no\"",
            shown(other)
        )),
    }
}

fn check_date(metadata: &Metadata<'_>) -> Result<(), String> {
    let Some(text) = metadata.creation_date else {
        return Err("creation-date is missing or not a string".to_owned());
    };
    let date = text.decoded();
    match date::normalised(Cow::Borrowed(&date)) {
        Some(_) => Ok(()),
        None => Err(format!("creation-date {:?} is not a date", shown(&date))),
    }
}

pub(crate) fn is_confidence(number: &Number<'_>) -> bool {
    (0.0..=1.0).contains(&number.value)
}
