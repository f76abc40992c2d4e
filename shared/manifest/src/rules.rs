//! What Custom Labels does with one dataset entry.
//!
//! Source: Custom Labels guide, "Terminal manifest content errors", "Non-terminal JSON Line validation errors" and
//! "warnings", "Guidelines and quotas". Where the guide leaves a rule open, the stricter reading is taken:
//! a box is too small when either side is at most 1 px after scaling the longer image side to 1280 px; a label
//! name has 1 to 255 characters (the guide says 256, the API 255); an image-level label's value is an integer.
//!
//! Scope: a finding at the line or in a label attribute or its metadata spoils the line; a finding on an
//! annotation drops that box. Precedence: when one of `ERROR_NO_LABEL_ATTRIBUTES`,
//! `ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT`, `ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT`,
//! `ERROR_MISSING_BOUNDING_BOX_CONFIDENCE` and `ERROR_MISSING_CLASS_MAP_ID` fires, it is the line's only finding.
//! `ERROR_INVALID_IMAGE` needs the image itself: see [`image_fault`].

mod annotate;
mod image;
mod own;

use serde::Serialize;

pub use annotate::annotate;
pub use image::{ImageFacts, declared_image_size, image_fault};
pub(crate) use own::own_findings;

use crate::code::{Code, Stage};
use crate::json::{JsonError, Reader, Text};
use crate::line::{Line, Member, SERVICE_KEYS};
use crate::number::Number;
use crate::pair::{Annotation, Annotations, LabelKind, Metadata, SizeFields};
use crate::source_ref::SourceRef;

/// Most boxes of one image, inclusive. Source: guidelines and quotas.
pub const BOXES_MAX: usize = 50;
/// Most image-level labels of one image, inclusive. Source: guidelines and quotas.
pub const LABELS_PER_IMAGE_MAX: usize = 50;
/// Shortest side of an image in pixels, inclusive. Source: guidelines and quotas.
pub const IMAGE_SIDE_PX_MIN: u32 = 64;
/// Longest side of an image in pixels, inclusive. Source: guidelines and quotas.
pub const IMAGE_SIDE_PX_MAX: u32 = 4096;
/// Longest image file in bytes, inclusive. Source: guidelines and quotas, "15 MB".
pub const IMAGE_BYTES_MAX: u64 = 15 * 1024 * 1024;
/// Most times an image's longer side may be its shorter one, inclusive. Source: guidelines and quotas.
pub const ASPECT_RATIO_MAX: u32 = 20;
/// Images whose longer side is above this are scaled down for training. Source: ERROR_BOUNDING_BOX_TOO_SMALL.
const TRAINING_SIDE_PX_MAX: f64 = 1280.0;
/// Longest label name in characters, inclusive. Source: DatasetLabel, maximum length 255; the guide says 256.
pub const LABEL_NAME_CHARS_MAX: usize = 255;

/// What becomes of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// The line is removed and no API ever shows it.
    Dropped {
        /// `ERROR_MISSING_SOURCE_REF`, `ERROR_INVALID_SOURCE_REF_FORMAT`, `ERROR_INVALID_JSON_LINE` or
        /// `REJECTED_LINE_TOO_LONG`. The fifth kind, a duplicate, takes the whole manifest to see.
        code: Code,
        /// What exactly is wrong.
        reason: String,
    },
    /// The line is in the dataset, perhaps with findings.
    Kept(Kept),
}

/// A line that is in the dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The image's S3 URI.
    pub source_ref: String,
    /// Errors and warnings in the order of the line.
    pub findings: Vec<Finding>,
    /// Labels of the valid label attributes, each name once, in the order of the line.
    pub labels: Vec<LabelUse>,
    /// The line has a label pair other than boxes without a box, right or wrong.
    pub is_labeled: bool,
}

impl Kept {
    /// Whether training could use the line: no error but on single boxes, and at least one label.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let spoils = |finding: &Finding| {
            let is_light = finding.code.is_warning() || finding.code.is_own_rule();
            !is_light && !matches!(finding.place, Place::Annotation { .. })
        };
        !self.labels.is_empty() && !self.findings.iter().any(spoils)
    }

    /// Whether ListDatasetEntries with `HasErrors` shows the line.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.code.stage() == Stage::Dataset)
    }
}

/// One thing that Custom Labels finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    pub code: Code,
    /// Where it is written down.
    pub place: Place,
    /// Rekognition's message.
    pub message: String,
}

/// The object of a line that carries a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The line itself.
    Line,
    /// The label attribute's value.
    Attribute(String),
    /// The value of `<attribute>-metadata`.
    Metadata(String),
    /// One box of a label attribute.
    Annotation {
        /// The label attribute.
        attribute: String,
        /// Zero-based place in `annotations`.
        annotation_idx: usize,
    },
}

/// A label and how often a line uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelUse {
    /// The class name.
    pub name: String,
    /// Valid boxes of that class; `None` for an image-level label.
    pub n_boxes: Option<u32>,
}

/// Judges one line as UpdateDatasetEntries and training would. `line` has no line ending.
///
/// # Examples
///
/// ```
/// # use manifest::{Code, Judgement, judge};
/// let Judgement::Dropped { code, .. } = judge(br#"{"source-ref":"https://example.com/1.jpg"}"#) else { panic!() };
/// assert_eq!(code, Code::InvalidSourceRefFormat);
/// ```
#[must_use]
pub fn judge(line: &[u8]) -> Judgement {
    match judge_line(line) {
        Ok(kept) => Judgement::Kept(kept),
        Err((code, reason)) => Judgement::Dropped { code, reason },
    }
}

fn judge_line(bytes: &[u8]) -> Result<Kept, (Code, String)> {
    let line = Line::open(bytes)?;
    let source_ref = read_source_ref(&line)?;
    let mut kept = Kept {
        source_ref,
        findings: Vec::new(),
        labels: Vec::new(),
        is_labeled: false,
    };
    let mut pairs = line.pairs().peekable();
    if pairs.peek().is_none() {
        let is_bare = line.members.iter().all(|member| {
            member.key == "source-ref" || SERVICE_KEYS.contains(&member.key.as_ref())
        });
        let code = if is_bare {
            Code::UnannotatedRecord
        } else {
            Code::NoLabelAttributes
        };
        kept.findings.push(finding(code, Place::Line, ""));
        return Ok(kept);
    }
    let mut whole = WholeLine {
        is_human_annotated: true,
        ..WholeLine::default()
    };
    for (attribute, metadata) in pairs {
        match judge_pair(attribute, metadata, &mut kept, &mut whole) {
            Ok(()) => {}
            Err(Stop::Json(error)) => {
                return Err((
                    Code::InvalidJsonLine,
                    format!(
                        "label attribute {:?} is not accepted as JSON: {error}",
                        crate::line::shown(&attribute.key)
                    ),
                ));
            }
            Err(Stop::Only(only)) => {
                kept.findings = vec![only];
                kept.labels.clear();
                kept.is_labeled = true;
                return Ok(kept);
            }
        }
    }
    whole.conclude(&mut kept);
    Ok(kept)
}

/// The source reference as a string.
pub(crate) fn read_source_ref(line: &Line<'_>) -> Result<String, (Code, String)> {
    if line.member("source-ref").is_none() {
        return Err((Code::MissingSourceRef, "line has no source-ref".to_owned()));
    }
    let Some(text) = line.source_ref() else {
        return Err((
            Code::InvalidSourceRefFormat,
            "source-ref is not a string".to_owned(),
        ));
    };
    let text = text.decoded();
    match SourceRef::parse(&text) {
        Ok(_) => Ok(text.into_owned()),
        Err(error) => Err((Code::InvalidSourceRefFormat, error.to_string())),
    }
}

/// Why a line's other checks don't happen.
enum Stop {
    Only(Finding),
    Json(JsonError),
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

fn finding(code: Code, place: Place, attribute: &str) -> Finding {
    Finding {
        code,
        place,
        message: code.message_for(attribute),
    }
}

/// What is only known after the last label attribute.
#[derive(Default)]
struct WholeLine {
    n_pairs: u32,
    n_unsupported: u32,
    n_empty: u32,
    n_boxes: usize,
    n_valid_boxes: usize,
    is_human_annotated: bool,
    has_bad_dimension: bool,
    has_bad_aspect: bool,
}

impl WholeLine {
    fn conclude(&self, kept: &mut Kept) {
        let mut say = |code| kept.findings.push(finding(code, Place::Line, ""));
        if self.n_pairs == self.n_unsupported {
            say(Code::NoValidLabelAttributes);
        }
        if self.has_bad_dimension {
            say(Code::InvalidImageDimension);
        }
        if self.has_bad_aspect {
            say(Code::InvalidImage);
        }
        if self.n_boxes > BOXES_MAX {
            say(Code::TooManyBoundingBoxes);
        }
        if self.n_boxes > 0 && self.n_valid_boxes == 0 {
            say(Code::NoValidAnnotations);
        }
        if self.n_pairs == self.n_empty && self.is_human_annotated {
            say(Code::NoAnnotations);
        }
        kept.is_labeled = self.n_empty < self.n_pairs;
    }
}

fn judge_pair(
    label: &Member<'_>,
    metadata: &Member<'_>,
    kept: &mut Kept,
    whole: &mut WholeLine,
) -> Result<(), Stop> {
    let attribute = label.key.as_ref();
    let bad_metadata = || {
        Stop::Only(finding(
            Code::InvalidLabelAttributeMetadataFormat,
            Place::Metadata(attribute.to_owned()),
            attribute,
        ))
    };
    let metadata = metadata.metadata()?.ok_or_else(bad_metadata)?;
    whole.n_pairs += 1;
    let is_box = match metadata.label_kind {
        Some(LabelKind::SingleLabel) => false,
        Some(LabelKind::Boxes) => true,
        Some(_) => {
            whole.n_unsupported += 1;
            kept.findings.push(finding(
                Code::UnsupportedUseCaseType,
                Place::Metadata(attribute.to_owned()),
                attribute,
            ));
            return Ok(());
        }
        None => return Err(bad_metadata()),
    };
    let is_human = metadata
        .human_annotated
        .and_then(human_annotated)
        .ok_or_else(bad_metadata)?;
    if metadata.creation_date.is_none() {
        return Err(bad_metadata());
    }
    if is_box {
        whole.is_human_annotated &= is_human;
        return judge_boxes(label, metadata, kept, whole);
    }
    let is_integer = Reader::new(label.value)
        .number_or_skip()?
        .is_some_and(|number| number.is_integer());
    if !is_integer {
        return Err(Stop::Only(finding(
            Code::InvalidLabelAttributeFormat,
            Place::Attribute(attribute.to_owned()),
            attribute,
        )));
    }
    let class_name = metadata.class_name.ok_or_else(bad_metadata)?;
    if !metadata
        .confidence
        .is_some_and(|confidence| is_confidence(&confidence))
    {
        return Err(bad_metadata());
    }
    judge_label_name(attribute, class_name, kept);
    note_label(kept, class_name, None);
    Ok(())
}

fn judge_boxes(
    label: &Member<'_>,
    metadata: &Metadata<'_>,
    kept: &mut Kept,
    whole: &mut WholeLine,
) -> Result<(), Stop> {
    let attribute = label.key.as_ref();
    let only = |code, place| Stop::Only(finding(code, place, attribute));
    let bad_value = || {
        only(
            Code::InvalidLabelAttributeFormat,
            Place::Attribute(attribute.to_owned()),
        )
    };
    let bad_metadata = || {
        only(
            Code::InvalidLabelAttributeMetadataFormat,
            Place::Metadata(attribute.to_owned()),
        )
    };
    let labels = label.box_labels()?.ok_or_else(bad_value)?;
    let size = labels
        .only_size()
        .filter(|_| labels.size_is_array)
        .and_then(PixelSize::read)
        .ok_or_else(bad_value)?;
    let annotations = match &labels.annotations {
        Annotations::NotAList => return Err(bad_value()),
        Annotations::Missing => &[][..],
        Annotations::List(list) => list.as_slice(),
    };
    let class_map = metadata.class_map.as_deref().ok_or_else(bad_metadata)?;
    let objects = metadata.objects.as_deref().ok_or_else(bad_metadata)?;
    let boxes: Vec<PixelBox<'_>> = annotations
        .iter()
        .map(PixelBox::read)
        .collect::<Option<_>>()
        .ok_or_else(bad_value)?;
    if objects.len() != boxes.len() || objects.iter().any(Option::is_none) {
        return Err(only(
            Code::MissingBoundingBoxConfidence,
            Place::Metadata(attribute.to_owned()),
        ));
    }
    if objects
        .iter()
        .flatten()
        .any(|confidence| !is_confidence(confidence))
    {
        return Err(bad_metadata());
    }
    if boxes
        .iter()
        .any(|annotation| metadata.class_name_of(annotation.class_id).is_none())
    {
        return Err(only(
            Code::MissingClassMapId,
            Place::Metadata(attribute.to_owned()),
        ));
    }
    for (_, name) in class_map {
        if judge_label_name(attribute, *name, kept) {
            break;
        }
    }
    whole.has_bad_dimension |= !size.is_allowed();
    whole.has_bad_aspect |= size.is_too_long();
    whole.n_boxes += boxes.len();
    if boxes.is_empty() {
        whole.n_empty += 1;
        kept.findings.push(finding(
            Code::NoAttributeAnnotations,
            Place::Attribute(attribute.to_owned()),
            attribute,
        ));
    }
    for (annotation_idx, annotation) in boxes.iter().enumerate() {
        match annotation.fault(&size) {
            Some(code) => kept.findings.push(finding(
                code,
                Place::Annotation {
                    attribute: attribute.to_owned(),
                    annotation_idx,
                },
                attribute,
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

/// Adds a finding for a name of impossible length and says so.
fn judge_label_name(attribute: &str, name: Text<'_>, kept: &mut Kept) -> bool {
    let is_bad = !is_label_name_length(name);
    if is_bad {
        kept.findings.push(finding(
            Code::InvalidLabelNameLength,
            Place::Metadata(attribute.to_owned()),
            attribute,
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

/// Whether a person labeled, for the two values that are allowed.
pub(crate) fn human_annotated(text: Text<'_>) -> Option<bool> {
    match text.decoded().as_ref() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

pub(crate) fn is_confidence(number: &Number<'_>) -> bool {
    (0.0..=1.0).contains(&number.value)
}

/// A whole image's size in pixels, as a label says it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PixelSize {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// By how much training scales the image down.
    training_scale: f64,
}

impl PixelSize {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            training_scale: (TRAINING_SIDE_PX_MAX / width.max(height)).min(1.0),
        }
    }

    /// `None` unless width, height and depth are positive integers.
    pub(crate) fn read(size: &SizeFields<'_>) -> Option<Self> {
        fn positive(number: Option<Number<'_>>) -> Option<f64> {
            number
                .filter(|number| {
                    number.is_integer() && number.value >= 1.0 && number.value.is_finite()
                })
                .map(|number| number.value)
        }
        positive(size.depth)?;
        Some(Self::new(positive(size.width)?, positive(size.height)?))
    }

    pub(crate) fn is_allowed(&self) -> bool {
        let sides = f64::from(IMAGE_SIDE_PX_MIN)..=f64::from(IMAGE_SIDE_PX_MAX);
        sides.contains(&self.width) && sides.contains(&self.height)
    }

    pub(crate) fn is_too_long(&self) -> bool {
        self.width.max(self.height) > f64::from(ASPECT_RATIO_MAX) * self.width.min(self.height)
    }
}

/// A box with all its fields, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PixelBox<'a> {
    pub(crate) class_id: &'a str,
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl<'a> PixelBox<'a> {
    /// `None` unless all five fields are numbers and the class id is an integer.
    pub(crate) fn read(annotation: &Annotation<'a>) -> Option<Self> {
        let class_id = annotation.class_id?;
        let [left, top, width, height] = annotation.pixels;
        annotation
            .pixels
            .iter()
            .all(|pixels| pixels.is_finite())
            .then_some(Self {
                class_id,
                left,
                top,
                width,
                height,
            })
    }

    /// What Custom Labels holds against the box.
    pub(crate) fn fault(&self, size: &PixelSize) -> Option<Code> {
        let is_inside = self.left >= 0.0
            && self.top >= 0.0
            && self.width >= 0.0
            && self.height >= 0.0
            && self.left + self.width <= size.width
            && self.top + self.height <= size.height;
        if !is_inside {
            return Some(Code::InvalidBoundingBox);
        }
        (self.width.min(self.height) * size.training_scale <= 1.0)
            .then_some(Code::BoundingBoxTooSmall)
    }
}
