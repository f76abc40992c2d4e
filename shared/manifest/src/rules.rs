//! What Custom Labels does with one dataset entry.
//!
//! Source: Custom Labels guide, "Terminal manifest content errors", "Non-terminal JSON Line validation errors" and
//! "warnings", "Guidelines and quotas". Where the guide leaves a rule open, the stricter reading is taken:
//! a box is too small when either side is at most 1 px after scaling the longer image side to 1280 px; a label
//! name has 1 to 255 characters (the guide says 256, the API 255); an image-level label's value is an integer; a
//! creation-date is a date.
//!
//! Scope: a finding at the line or in a label attribute or its metadata spoils the line; a finding on an
//! annotation drops that box. Precedence: when one of `ERROR_NO_LABEL_ATTRIBUTES`,
//! `ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT`, `ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT`,
//! `ERROR_MISSING_BOUNDING_BOX_CONFIDENCE` and `ERROR_MISSING_CLASS_MAP_ID` fires, it is the line's only finding.
//! `ERROR_INVALID_IMAGE` needs the image itself: see [`image_fault`].

mod annotate;
mod image;
mod own;
mod pairs;
mod pixels;

use serde::Serialize;

pub use annotate::annotate;
pub use image::{ImageFacts, declared_image_size, image_fault};
pub(crate) use pairs::{is_confidence, is_label_name_length};
pub(crate) use pixels::{PixelBox, PixelSize};

use crate::code::{Code, Stage};
use crate::line::{Line, METADATA_SUFFIX, SERVICE_KEYS, is_label_key, shown};
use crate::source_ref::SourceRef;
use own::own_findings;
pub(crate) use own::{NOT_PLAIN, is_plain};
use pairs::{Stop, judge_pair};

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

    /// Whether errors keep training from using the line; one that has only no label is not spoiled.
    #[must_use]
    pub fn is_spoiled(&self) -> bool {
        let is_error =
            |finding: &Finding| !finding.code.is_warning() && !finding.code.is_own_rule();
        !self.is_usable() && self.findings.iter().any(is_error)
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
    /// What exactly is wrong here; empty where the message says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Finding {
    fn of(code: Code, place: Place, attribute: &str, detail: String) -> Self {
        Self {
            code,
            place,
            message: code.message_for(attribute),
            detail,
        }
    }

    /// The message and, in parentheses, what exactly is wrong.
    #[must_use]
    pub fn in_full(&self) -> String {
        if self.detail.is_empty() {
            return self.message.clone();
        }
        format!("{} ({})", self.message, self.detail)
    }
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
    judgement(Line::open(line).and_then(|line| judge_line(&line)))
}

/// As [`judge`], with our own findings behind those of Custom Labels.
pub(crate) fn judge_with_own(line: &[u8]) -> Judgement {
    judgement(Line::open(line).and_then(|line| {
        let mut kept = judge_line(&line)?;
        kept.findings.extend(own_findings(&line));
        Ok(kept)
    }))
}

fn judgement(judged: Result<Kept, (Code, String)>) -> Judgement {
    match judged {
        Ok(kept) => Judgement::Kept(kept),
        Err((code, reason)) => Judgement::Dropped { code, reason },
    }
}

fn judge_line(line: &Line<'_>) -> Result<Kept, (Code, String)> {
    let source_ref = read_source_ref(line)?;
    let mut kept = Kept {
        source_ref,
        findings: Vec::new(),
        labels: Vec::new(),
        is_labeled: false,
    };
    let mut pairs = line.pairs().peekable();
    if pairs.peek().is_none() {
        let (code, detail) = match half_pair(line) {
            Some(detail) => (Code::NoLabelAttributes, detail),
            None => (Code::UnannotatedRecord, String::new()),
        };
        kept.findings
            .push(Finding::of(code, Place::Line, "", detail));
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
    if text.has_half_pair() {
        // No object's key: it would name another one.
        return Err((
            Code::InvalidSourceRefFormat,
            "source-ref has half of a surrogate pair, which no text has".to_owned(),
        ));
    }
    let text = text.decoded();
    match SourceRef::parse(&text) {
        Ok(_) => Ok(text.into_owned()),
        Err(error) => Err((Code::InvalidSourceRefFormat, error.to_string())),
    }
}

/// What keeps the keys of a line without a label attribute from being one; `None` when there are none beside the image's.
fn half_pair(line: &Line<'_>) -> Option<String> {
    let keys = || {
        let keys = line.members.iter().map(|member| member.key.as_ref());
        keys.filter(|key| !SERVICE_KEYS.contains(key))
    };
    let of_metadata = keys().find_map(|key| key.strip_suffix(METADATA_SUFFIX));
    if let Some(name) = of_metadata {
        let name = shown(name);
        return Some(format!(
            "there is {:?}, but no {name:?}",
            format!("{name}{METADATA_SUFFIX}")
        ));
    }
    let name = shown(keys().find(|key| is_label_key(key))?);
    Some(format!(
        "there is {name:?}, but no {:?}",
        format!("{name}{METADATA_SUFFIX}")
    ))
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
    /// What is wrong with a label attribute's `image_size`, each code once.
    size_faults: Vec<(Code, String)>,
}

impl WholeLine {
    fn add_size(&mut self, size: PixelSize) {
        for (code, detail) in size.faults() {
            if self.size_faults.iter().all(|(known, _)| *known != code) {
                self.size_faults.push((code, detail));
            }
        }
    }

    fn conclude(self, kept: &mut Kept) {
        let mut say = |code, detail| {
            kept.findings
                .push(Finding::of(code, Place::Line, "", detail));
        };
        if self.n_pairs == self.n_unsupported {
            say(Code::NoValidLabelAttributes, String::new());
        }
        for (code, detail) in self.size_faults {
            say(code, detail);
        }
        if self.n_boxes > BOXES_MAX {
            let detail = format!("line has {} boxes; {BOXES_MAX} are possible", self.n_boxes);
            say(Code::TooManyBoundingBoxes, detail);
        }
        if self.n_boxes > 0 && self.n_valid_boxes == 0 {
            say(Code::NoValidAnnotations, String::new());
        }
        if self.n_pairs == self.n_empty && self.is_human_annotated {
            say(Code::NoAnnotations, String::new());
        }
        kept.is_labeled = self.n_empty < self.n_pairs;
    }
}
