//! Bounding boxes of a Ground Truth line, made fit for Custom Labels.
//!
//! Workers' boxes are averaged, so coordinates are fractions and may reach over the edge. A box is rounded outward
//! to whole pixels and cut at the image's edge; boxes that are whole and inside stay as they came.

use crate::code::Code;
use crate::convert::entry_writer::{Common, EntryWriter, Label, check_name};
use crate::convert::stop::{Stop, rejected};
use crate::convert_options::{ConvertOptions, WhenEmpty, WhenFaultyBox, WhenTooManyBoxes};
use crate::counted::counted;
use crate::json::Text;
use crate::line::shown;
use crate::number::Number;
use crate::outcome::{Note, NoteKind};
use crate::pair::{Annotation, Annotations, BoxLabels, Metadata, SizeFields};
use crate::rules::{
    BOXES_MAX, IMAGE_SIDE_PX_MAX, IMAGE_SIDE_PX_MIN, PixelBox, PixelSize, is_confidence,
};
use crate::task_type::TaskType;

/// Averages of whole pixels are off by less than this; it isn't a reason to add a pixel.
const ROUNDING_SLACK_PX: f64 = 1e-6;

/// A box on its way into the entry.
struct KeptBox<'l, 'a> {
    annotation: &'l Annotation<'a>,
    confidence: &'l Number<'a>,
    /// Where its class stands in the class map.
    class_idx: usize,
    /// New left, top, width, height; `None` when the box stays as it came.
    changed: Option<[u16; 4]>,
}

/// Writes the pair of a bounding box job.
pub(crate) fn convert_boxes<'a>(
    out: &mut EntryWriter<'_, 'a>,
    raw_name: &str,
    label: Label<'_, 'a>,
    metadata: &Metadata<'a>,
    common: &Common<'a>,
    options: &ConvertOptions,
) -> Result<(), Stop> {
    let read;
    let labels = match label.member {
        Some(member) => member.box_labels()?,
        None => {
            read = BoxLabels::read(label.json)?;
            read.as_deref()
        }
    };
    let Some(labels) = labels else {
        return rejected(
            Code::InvalidLabelAttributeFormat,
            "label is not an object with image_size and annotations",
        );
    };
    let Some(size_fields) = labels.only_size() else {
        return rejected(
            Code::InvalidLabelAttributeFormat,
            "image_size is not a list of one size",
        );
    };
    let Some((size, size_as_came)) = read_size(size_fields) else {
        return rejected(
            Code::InvalidLabelAttributeFormat,
            "image_size has no positive whole width and height",
        );
    };
    if !size.is_allowed() {
        let reason = format!(
            "image has {}x{} px; {IMAGE_SIDE_PX_MIN} to {IMAGE_SIDE_PX_MAX} a side are possible",
            size.width, size.height
        );
        return rejected(Code::InvalidImageDimension, reason);
    }
    if size.is_too_long() {
        return rejected(
            Code::InvalidImage,
            format!(
                "image has {}x{} px; one side may be at most 20 times the other",
                size.width, size.height
            ),
        );
    }
    let annotations = match &labels.annotations {
        Annotations::List(annotations) => annotations.as_slice(),
        Annotations::Missing => &[],
        Annotations::NotAList => {
            return rejected(
                Code::InvalidLabelAttributeFormat,
                "annotations is not a list",
            );
        }
    };
    let Some(class_map) = &metadata.class_map else {
        return rejected(
            Code::InvalidLabelAttributeMetadataFormat,
            "metadata lacks a class-map of names",
        );
    };
    let filled = common.filled(options);
    let filled = filled.as_deref().and_then(Number::of);
    let unfilled;
    let objects = match (&metadata.objects, filled) {
        (Some(objects), _) => objects,
        (None, Some(_)) => {
            unfilled = vec![None; annotations.len()];
            &unfilled
        }
        (None, None) => {
            return rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                format!("metadata lacks objects{}", common.help_fill()),
            );
        }
    };
    if annotations.len() != objects.len() {
        return rejected(
            Code::MissingBoundingBoxConfidence,
            format!(
                "objects has {} for {}",
                counted(objects.len() as u64, "element"),
                counted(annotations.len() as u64, "box")
            ),
        );
    }

    let mut boxes = Vec::with_capacity(annotations.len());
    let mut tally = Tally::default();
    let mut n_filled = 0;
    for (idx, (annotation, confidence)) in annotations.iter().zip(objects).enumerate() {
        let n = idx + 1;
        let Some(pixels) = PixelBox::read(annotation) else {
            return rejected(
                Code::InvalidLabelAttributeFormat,
                format!("box {n} lacks a whole class_id or one of left, top, width, height"),
            );
        };
        n_filled += u32::from(confidence.is_none());
        let Some(confidence) = confidence.as_ref().or(filled.as_ref()) else {
            return rejected(
                Code::MissingBoundingBoxConfidence,
                format!("box {n} has no confidence{}", common.help_fill()),
            );
        };
        if !is_confidence(confidence) {
            return rejected(
                Code::InvalidLabelAttributeMetadataFormat,
                format!(
                    "box {n} has confidence {}, not 0 to 1",
                    shown(confidence.raw)
                ),
            );
        }
        let Some(class_idx) = metadata.class_idx_of(pixels.class_id) else {
            return rejected(
                Code::MissingClassMapId,
                format!(
                    "class id {} of box {n} is not in class-map",
                    shown(pixels.class_id)
                ),
            );
        };
        match fitted(annotation.is_whole, pixels, &size, &mut tally) {
            Ok(changed) => boxes.push(KeptBox {
                annotation,
                confidence,
                class_idx,
                changed,
            }),
            Err(code) if options.faulty_boxes == WhenFaultyBox::Reject => {
                return rejected(code, format!("box {n}: {}", code.message()));
            }
            Err(code) => tally.drop(code),
        }
    }
    if !annotations.is_empty() && boxes.is_empty() {
        return rejected(
            Code::NoValidAnnotations,
            format!(
                "no box of {} can be used: {}",
                annotations.len(),
                tally.reasons()
            ),
        );
    }
    if boxes.is_empty() && options.without_boxes == WhenEmpty::Skip {
        return Err(Stop::Skipped(Code::NoBoxes, "image has no box".to_owned()));
    }
    apply_min_confidence(&mut boxes, out, options)?;
    limit(&mut boxes, out, options)?;

    let used = |(class_idx, _): &(usize, &(Text<'_>, Text<'_>))| {
        boxes.iter().any(|kept| kept.class_idx == *class_idx)
    };
    let mut n_used = 0;
    for (_, (_, name)) in class_map.iter().enumerate().filter(used) {
        check_name(*name)?;
        n_used += 1;
    }

    let has_all = boxes.len() == annotations.len();
    let is_carried = has_all
        && matches!(labels.annotations, Annotations::List(_))
        && labels.size_is_array
        && size_as_came
        && !labels.is_irregular
        && !out.has_return()
        && boxes.iter().all(|kept| kept.changed.is_none());
    out.open_value(raw_name);
    if is_carried {
        out.json.push_str(label.json);
    } else {
        push_label(&mut out.json, size_fields, &size, &boxes);
    }
    out.open_metadata(raw_name);
    let has_foreign = metadata.class_name.is_some()
        || metadata.confidence.is_some()
        || metadata.confidence_map.is_some();
    match common
        .whole_metadata
        .filter(|_| has_all && n_used == class_map.len() && !has_foreign && n_filled == 0)
    {
        Some(whole) => out.json.push_str(whole),
        None => {
            let json = &mut out.json;
            json.push_str("{\"objects\":[");
            for (idx, kept) in boxes.iter().enumerate() {
                json.push_str(if idx == 0 {
                    "{\"confidence\":"
                } else {
                    ",{\"confidence\":"
                });
                json.push_str(kept.confidence.raw);
                json.push('}');
            }
            json.push_str("],\"class-map\":{");
            for (nth, (_, (id, name))) in class_map.iter().enumerate().filter(used).enumerate() {
                json.push_str(if nth == 0 { "\"" } else { ",\"" });
                for piece in [id.raw, "\":\"", name.raw, "\""] {
                    json.push_str(piece);
                }
            }
            for piece in [
                "},\"type\":\"",
                TaskType::BoundingBox.metadata_type(),
                "\",\"human-annotated\":",
                if common.is_human { "\"yes\"" } else { "\"no\"" },
                ",\"creation-date\":\"",
                &common.creation_date,
                "\",\"job-name\":\"",
                &common.job_name,
                "\"}",
            ] {
                json.push_str(piece);
            }
        }
    }
    if n_used < class_map.len() {
        out.notes
            .push(NoteKind::ClassMapReduced.of((class_map.len() - n_used) as u32));
    }
    if n_filled > 0 {
        out.notes.push(NoteKind::ConfidenceFilled.of(n_filled));
    }
    tally.report(&mut out.notes);
    Ok(())
}

#[derive(Default)]
struct Tally {
    n_rounded: u32,
    n_clamped: u32,
    n_off_frame: u32,
    n_too_small: u32,
}

impl Tally {
    fn drop(&mut self, code: Code) {
        match code {
            Code::BoundingBoxTooSmall => self.n_too_small += 1,
            _ => self.n_off_frame += 1,
        }
    }

    /// Boxes that can't be used, by code.
    fn dropped(&self) -> impl Iterator<Item = (Code, u32)> {
        let all = [
            (Code::InvalidBoundingBox, self.n_off_frame),
            (Code::BoundingBoxTooSmall, self.n_too_small),
        ];
        all.into_iter().filter(|(_, n)| *n > 0)
    }

    fn reasons(&self) -> String {
        let reasons: Vec<String> = self
            .dropped()
            .map(|(code, n)| format!("{n} with {code}"))
            .collect();
        reasons.join(", ")
    }

    fn report(&self, notes: &mut Vec<Note>) {
        if self.n_rounded > 0 {
            notes.push(NoteKind::BoxesRounded.of(self.n_rounded));
        }
        if self.n_clamped > 0 {
            notes.push(NoteKind::BoxesClamped.of(self.n_clamped));
        }
        let dropped = self.dropped();
        notes.extend(dropped.map(|(code, n)| NoteKind::BoxesDropped(code).of(n)));
    }
}

/// The size in whole pixels, and whether its fields can be carried over. A missing depth becomes 3.
pub(crate) fn read_size(fields: &SizeFields<'_>) -> Option<(PixelSize, bool)> {
    if let Some(size) = PixelSize::read(fields) {
        return Some((size, true));
    }
    let side = |number: Option<Number<'_>>| {
        number
            .map(|number| number.value)
            .filter(|value| *value >= 1.0 && value.fract() == 0.0 && value.is_finite())
    };
    Some((
        PixelSize::new(side(fields.width)?, side(fields.height)?),
        false,
    ))
}

/// The box within the image: `Ok(None)` when it needs no change.
fn fitted(
    is_whole: bool,
    pixels: PixelBox<'_>,
    size: &PixelSize,
    tally: &mut Tally,
) -> Result<Option<[u16; 4]>, Code> {
    if is_whole {
        match pixels.fault(size) {
            None => return Ok(None),
            Some(code @ Code::BoundingBoxTooSmall) => return Err(code),
            Some(_) => {}
        }
    }
    if pixels.width < 0.0 || pixels.height < 0.0 {
        return Err(Code::InvalidBoundingBox);
    }
    let left = floor(pixels.left + ROUNDING_SLACK_PX);
    let top = floor(pixels.top + ROUNDING_SLACK_PX);
    let right = -floor(-(pixels.left + pixels.width - ROUNDING_SLACK_PX));
    let bottom = -floor(-(pixels.top + pixels.height - ROUNDING_SLACK_PX));
    let inside = [
        left.clamp(0.0, size.width),
        top.clamp(0.0, size.height),
        right.clamp(0.0, size.width),
        bottom.clamp(0.0, size.height),
    ];
    let [x0, y0, x1, y1] = inside;
    if x1 <= x0 || y1 <= y0 {
        // Wholly beside the image, or nothing of a box to begin with.
        let is_beside = right <= 0.0 || bottom <= 0.0 || left >= size.width || top >= size.height;
        return Err(if is_beside {
            Code::InvalidBoundingBox
        } else {
            Code::BoundingBoxTooSmall
        });
    }
    let fitted = PixelBox {
        class_id: pixels.class_id,
        left: x0,
        top: y0,
        width: x1 - x0,
        height: y1 - y0,
    };
    if let Some(code) = fitted.fault(size) {
        return Err(code);
    }
    tally.n_rounded += u32::from(!is_whole);
    tally.n_clamped += u32::from(inside != [left, top, right, bottom]);
    // All four lie within an image of at most 4096 px.
    Ok(Some([
        x0 as u16,
        y0 as u16,
        (x1 - x0) as u16,
        (y1 - y0) as u16,
    ]))
}

/// What keeps a box (left, top, width, height in pixels) out of an entry once it is rounded and cut at the image's edge.
pub(crate) fn box_fault([left, top, width, height]: [f64; 4], size: &PixelSize) -> Option<Code> {
    let is_whole = [left, top, width, height]
        .iter()
        .all(|pixels| pixels.fract() == 0.0);
    let pixels = PixelBox {
        class_id: "",
        left,
        top,
        width,
        height,
    };
    fitted(is_whole, pixels, size, &mut Tally::default()).err()
}

/// A sum with it has no places for a fraction and is rounded to a whole number; half as much again as 2^52, where that
/// begins, so that it holds for negative numbers, too.
const NO_FRACTION: f64 = 1.5 * (1_u64 << (f64::MANTISSA_DIGITS - 1)) as f64;

/// As `f64::floor`, without the call that it is on processors of the basic kind; far off any image it isn't exact.
#[inline(always)]
fn floor(value: f64) -> f64 {
    let nearest = (value + NO_FRACTION) - NO_FRACTION;
    if nearest > value {
        nearest - 1.0
    } else {
        nearest
    }
}

fn apply_min_confidence(
    boxes: &mut Vec<KeptBox<'_, '_>>,
    out: &mut EntryWriter<'_, '_>,
    options: &ConvertOptions,
) -> Result<(), Stop> {
    let Some(min) = options.min_confidence.filter(|_| !boxes.is_empty()) else {
        return Ok(());
    };
    if boxes.iter().all(|kept| kept.confidence.value == 0.0) {
        out.notes.push(NoteKind::ConfidenceUnknown.of(1));
        return Ok(());
    }
    let n_found = boxes.len();
    boxes.retain(|kept| kept.confidence.value >= min);
    if boxes.is_empty() {
        return Err(Stop::Review(format!("all {n_found} boxes are below {min}")));
    }
    if boxes.len() < n_found {
        out.notes
            .push(NoteKind::BoxesBelowMinConfidence.of((n_found - boxes.len()) as u32));
    }
    Ok(())
}

fn limit(
    boxes: &mut Vec<KeptBox<'_, '_>>,
    out: &mut EntryWriter<'_, '_>,
    options: &ConvertOptions,
) -> Result<(), Stop> {
    if boxes.len() <= BOXES_MAX {
        return Ok(());
    }
    if options.too_many_boxes == WhenTooManyBoxes::Reject {
        return rejected(
            Code::TooManyBoundingBoxes,
            format!("image has {} boxes; {BOXES_MAX} are possible", boxes.len()),
        );
    }
    let n_too_many = boxes.len() - BOXES_MAX;
    let mut ranks: Vec<(usize, f64)> = boxes
        .iter()
        .enumerate()
        .map(|(idx, kept)| (idx, kept.confidence.value))
        .collect();
    ranks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut kept_idxs: Vec<usize> = ranks
        .into_iter()
        .take(BOXES_MAX)
        .map(|(idx, _)| idx)
        .collect();
    kept_idxs.sort_unstable();
    let mut idx = 0;
    boxes.retain(|_| {
        let is_kept = kept_idxs.binary_search(&idx).is_ok();
        idx += 1;
        is_kept
    });
    out.notes
        .push(NoteKind::BoxesDropped(Code::TooManyBoundingBoxes).of(n_too_many as u32));
    Ok(())
}

fn push_label(
    json: &mut String,
    fields: &SizeFields<'_>,
    size: &PixelSize,
    boxes: &[KeptBox<'_, '_>],
) {
    let depth = fields
        .depth
        .filter(|depth| depth.is_integer() && depth.value >= 1.0)
        .map_or("3", |depth| depth.raw);
    // Digits are cheaper to write as bytes than as characters, even with the look over all of it at the end.
    let mut out = std::mem::take(json).into_bytes();
    out.extend_from_slice(b"{\"image_size\":[{\"width\":");
    push_whole(&mut out, size.width as u16);
    out.extend_from_slice(b",\"height\":");
    push_whole(&mut out, size.height as u16);
    for piece in [",\"depth\":", depth, "}],\"annotations\":["] {
        out.extend_from_slice(piece.as_bytes());
    }
    for (idx, kept) in boxes.iter().enumerate() {
        if idx > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"class_id\":");
        out.extend_from_slice(kept.annotation.class_id.unwrap_or("0").as_bytes());
        match kept.changed {
            Some([left, top, width, height]) => {
                out.extend_from_slice(b",\"left\":");
                push_whole(&mut out, left);
                out.extend_from_slice(b",\"top\":");
                push_whole(&mut out, top);
                out.extend_from_slice(b",\"width\":");
                push_whole(&mut out, width);
                out.extend_from_slice(b",\"height\":");
                push_whole(&mut out, height);
            }
            None => {
                const KEYS: [&str; 4] = [",\"left\":", ",\"top\":", ",\"width\":", ",\"height\":"];
                for (key, raw) in KEYS.iter().zip(kept.annotation.raw) {
                    out.extend_from_slice(key.as_bytes());
                    out.extend_from_slice(raw.as_bytes());
                }
            }
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    *json = String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
}

/// Appends a number of at most 9999, which no pixel of an image exceeds. All four digits are found and written at once,
/// a lane of a word for each; zeros in front are shifted out.
#[inline(always)]
fn push_whole(out: &mut Vec<u8>, number: u16) {
    let number = u32::from(number);
    let pairs = (number / 100) | ((number % 100) << 16);
    // 103 / 1024 divides by ten, rounded down, up to 178.
    let tens = ((pairs * 103) >> 10) & 0x000F_000F;
    let digits = tens | ((pairs - tens * 10) << 8);
    let n_zeros = (digits | (1 << 24)).trailing_zeros() / 8;
    let text = (digits | 0x3030_3030) >> (8 * n_zeros);
    out.extend_from_slice(&text.to_le_bytes());
    out.truncate(out.len() - n_zeros as usize);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_written() {
        for number in 0..=9999 {
            let mut out = b"left:".to_vec();
            push_whole(&mut out, number);
            assert_eq!(out, format!("left:{number}").into_bytes());
        }
    }

    #[test]
    fn floor_is_that_of_the_standard_library() {
        for nth in -80_000..=80_000 {
            for off in [-1e-6, -1e-12, 0.0, 1e-12, 1e-6] {
                let value = f64::from(nth) / 16.0 + off;
                assert_eq!(floor(value), value.floor(), "{value}");
            }
        }
        for far in [1e12, 1e15, 1e16, 1e300, f64::INFINITY] {
            assert!(floor(far) >= 1e12 && floor(-far) <= -1e12, "{far}");
        }
    }
}
