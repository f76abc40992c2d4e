//! The one place where images become dataset entries, whatever format they came in.
//!
//! The guide's scripts, line by line of output: of boxes, one entry an image with the class map of the classes on it,
//! confidence 1, and the date of the image where it has one; of image-level labels, a pair for each label whose
//! attribute is named after it. DIFFERENCE: fractional coordinates are rounded outward and cut at the edge, images
//! without a label or box are skipped unless they are asked for, and what can't be used is left out by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::label_names;
use super::parsed::{Class, LabeledBox, LabeledImage, LabelsKind, Parsed, Unit};
use super::{Fault, FileError, Import, LeftOut};
use crate::code::Code;
use crate::convert::Converter;
use crate::convert::boxes::box_fault;
use crate::convert_options::{ConvertOptions, WhenEmpty};
use crate::counted::counted;
use crate::date;
use crate::envelope::{BoxLabel, Envelope, ImageSize};
use crate::json::write_text;
use crate::line::shown;
use crate::lines::RawLine;
use crate::outcome::{Converted, Entry};
use crate::rules::{Judgement, LABELS_PER_IMAGE_MAX, PixelSize, judge};

/// Share of a box's area outside of its image from which it is told by itself, exclusive.
const CUT_SHARE_MAX: f64 = 0.1;
/// Boxes cut by much that are told one by one.
const CUT_SHOWN_MAX: usize = 20;
/// Boxes that have to look like corners before a file is refused for it; fewer may be chance.
const CORNERS_MIN: u64 = 3;

/// What to write into the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOptions {
    /// The label attribute of boxes; image-level labels are named after themselves.
    pub label_attribute: String,
    /// For images without a date of their own.
    pub creation_date: String,
    /// Images without a label or box. Default: skip.
    pub when_empty: WhenEmpty,
}

impl Parsed {
    /// Makes what can be an entry one, in the file's order.
    ///
    /// # Errors
    ///
    /// [`FileError`] when most boxes don't fit their images and would if they were corners.
    pub fn into_import(mut self, options: &EntryOptions) -> Result<Import, FileError> {
        let corners_note = self.refuse_corners()?;
        let images = std::mem::take(&mut self.images);
        let mut making = Making {
            converter: Converter::new(ConvertOptions {
                label_attribute: Some(options.label_attribute.clone()),
                without_boxes: options.when_empty,
                ..ConvertOptions::default()
            }),
            class_faults: self.classes.list.iter().map(class_fault).collect(),
            options,
            parsed: self,
            entries: Vec::with_capacity(images.len()),
            cut: Vec::new(),
            n_cut: 0,
            n_undated: 0,
        };
        for image in images {
            making.image(image);
        }
        Ok(making.finish(corners_note))
    }

    /// Boxes that reach far over the edge and are inside as corners: refused, or the note for what may be chance.
    fn refuse_corners(&self) -> Result<Option<String>, FileError> {
        if !self.may_be_corners {
            return Ok(None);
        }
        let (mut n_boxes, mut n_over) = (0, 0);
        for image in &self.images {
            let Some(size) = image.size else { continue };
            for labeled in &image.boxes {
                let [x, y, x1, y1] = labeled.edges;
                let limits = match labeled.unit {
                    Unit::Pixels => [f64::from(size.0) + 1.0, f64::from(size.1) + 1.0],
                    Unit::Shares => [1.0, 1.0],
                };
                if !(x >= 0.0 && y >= 0.0 && x < x1 && y < y1 && x1 <= limits[0] && y1 <= limits[1])
                {
                    return Ok(None);
                }
                n_boxes += 1;
                let edges = labeled.in_pixels(size);
                n_over += u64::from(share_outside(edges, size) > CUT_SHARE_MAX);
            }
        }
        if 2 * n_over <= n_boxes {
            return Ok(None);
        }
        let what = format!(
            "{} of {} reach far over their image's edge, and all would be inside as corners: these look like left, top, right, bottom",
            n_over,
            counted(n_boxes, "box")
        );
        if n_over < CORNERS_MIN {
            return Ok(Some(what));
        }
        Err(FileError::new(
            what,
            "--boxes corners takes them as corners, --boxes sizes as left, top, width, height",
        ))
    }
}

impl LabeledBox {
    /// Left, top, width, height in pixels.
    fn in_pixels(&self, (width_px, height_px): (u32, u32)) -> [f64; 4] {
        let [left, top, width, height] = self.edges;
        match self.unit {
            Unit::Pixels => self.edges,
            Unit::Shares => {
                let (across, down) = (f64::from(width_px), f64::from(height_px));
                [left * across, top * down, width * across, height * down]
            }
        }
    }
}

fn class_fault(class: &Class) -> Option<Fault> {
    label_names::check(&class.name).err()
}

/// Share of a box's area that lies outside of its image.
fn share_outside([left, top, width, height]: [f64; 4], (width_px, height_px): (u32, u32)) -> f64 {
    let across = (left + width).min(f64::from(width_px)) - left.max(0.0);
    let down = (top + height).min(f64::from(height_px)) - top.max(0.0);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    1.0 - (across.max(0.0) * down.max(0.0)) / (width * height)
}

/// Entries being made.
struct Making<'o> {
    options: &'o EntryOptions,
    parsed: Parsed,
    class_faults: Vec<Option<Fault>>,
    converter: Converter,
    entries: Vec<Entry>,
    /// Boxes of which much was cut off, the first ones.
    cut: Vec<String>,
    n_cut: u64,
    n_undated: u64,
}

impl Making<'_> {
    fn image(&mut self, mut image: LabeledImage) {
        if let Some(fault) = image.fault.take() {
            self.parsed.n_lost += image.n_annotations();
            self.parsed.leave_out(image.order, image.place, fault);
            return;
        }
        let made = match self.parsed.kind {
            LabelsKind::OfImages => self.entry_of_labels(&image),
            LabelsKind::OfBoxes => self.entry_of_boxes(&image),
        };
        match made {
            Ok(entry) => self.entries.push(entry),
            Err(fault) => self.parsed.leave_out(image.order, image.place, fault),
        }
    }

    fn entry_of_labels(&mut self, image: &LabeledImage) -> Result<Entry, Fault> {
        let mut json = String::from("{\"source-ref\":");
        write_text(&mut json, &image.source_ref);
        for label in &image.labels {
            label_names::check_image_level(label)?;
            push_image_level(&mut json, label, &self.options.creation_date);
        }
        if image.labels.len() > LABELS_PER_IMAGE_MAX {
            return Err(Fault::new(
                Code::TooManyLabels,
                format!(
                    "image has {} labels; {LABELS_PER_IMAGE_MAX} are possible",
                    image.labels.len()
                ),
            )
            .with_remedy("keep the labels that matter most"));
        }
        if image.labels.is_empty() && image.n_unusable > 0 {
            return Err(unusable(image));
        }
        if image.labels.is_empty() && self.options.when_empty == WhenEmpty::Skip {
            return Err(Fault::new(Code::Unlabeled, "image has no label"));
        }
        json.push('}');
        match judge(json.as_bytes()) {
            Judgement::Dropped { code, reason } => Err(Fault::new(code, reason)),
            Judgement::Kept(kept) => {
                let mut findings = kept.findings.into_iter();
                match findings.find(|finding| !finding.code.is_warning()) {
                    Some(finding) => Err(Fault::new(finding.code, finding.message)),
                    None => Ok(Entry {
                        line_number: image.number,
                        source_ref: image.source_ref.clone(),
                        json,
                        notes: Vec::new(),
                    }),
                }
            }
        }
    }

    fn entry_of_boxes(&mut self, image: &LabeledImage) -> Result<Entry, Fault> {
        let is_empty = image.boxes.is_empty() && image.n_unusable == 0;
        let Some(size) = image.size else {
            return Err(if is_empty {
                Fault::new(Code::NoBoxes, "image has no box")
            } else {
                unusable(image)
            });
        };
        let boxes = self.usable_boxes(image, size);
        if boxes.is_empty() && !is_empty {
            return Err(unusable(image));
        }
        let (json, is_dated) = self.line(image, size, &boxes);
        match self
            .converter
            .convert(image.number, RawLine::Line(json.as_bytes()))
        {
            Converted::Entry(entry) => {
                self.n_undated += u64::from(!is_dated);
                Ok(entry)
            }
            Converted::Rejected(rejected) => {
                Err(Fault::new(rejected.code, rejected.reason).with_remedy(rejected.remedy))
            }
            Converted::Skipped(skipped) => Err(Fault::new(skipped.code, skipped.reason)),
            // No minimum confidence is asked for.
            Converted::Review(review) => Err(Fault::new(Code::BelowMinConfidence, review.reason)),
        }
    }

    fn usable_boxes(&mut self, image: &LabeledImage, size: (u32, u32)) -> Vec<BoxLabel> {
        let mut boxes = Vec::with_capacity(image.boxes.len());
        for labeled in &image.boxes {
            let edges = labeled.in_pixels(size);
            let class_fault = self.class_faults.get(labeled.class).cloned().flatten();
            let fault = class_fault.or_else(|| edges_fault(edges, labeled.unit, size));
            if let Some(fault) = fault {
                self.parsed
                    .leave_out(image.order, labeled.place.clone(), fault);
                continue;
            }
            let share = share_outside(edges, size);
            if share > CUT_SHARE_MAX {
                self.n_cut += 1;
                if self.cut.len() < CUT_SHOWN_MAX {
                    self.cut.push(format!(
                        "{} on {:?}: {:.0} % of the box lie outside the image of {}x{} px and were cut off",
                        labeled.place,
                        shown(&image.name),
                        100.0 * share,
                        size.0,
                        size.1
                    ));
                }
            }
            let [left, top, width, height] = edges;
            let class = self.parsed.classes.list.get(labeled.class);
            boxes.push(BoxLabel {
                class_id: class.map_or(0, |class| class.id),
                left,
                top,
                width,
                height,
                confidence: 1.0,
            });
        }
        boxes
    }

    /// The image as a bounding box job would have written it, and whether it has a date of its own.
    fn line(&self, image: &LabeledImage, size: (u32, u32), boxes: &[BoxLabel]) -> (String, bool) {
        let classes = image.boxes.iter();
        let classes = classes.filter_map(|labeled| self.parsed.classes.list.get(labeled.class));
        let classes: BTreeMap<u32, &str> = classes
            .map(|class| (class.id, class.name.as_str()))
            .collect();
        let ids: BTreeSet<u32> = boxes.iter().map(|kept| kept.class_id).collect();
        let used = classes.into_iter().filter(|(id, _)| ids.contains(id));
        let used: Vec<(u32, &str)> = used.collect();
        let size = ImageSize {
            width: size.0,
            height: size.1,
            depth: 3,
        };
        let envelope = Envelope::boxes(size, boxes, &used);
        let attribute = &self.options.label_attribute;
        let mut json = String::from("{\"source-ref\":");
        write_text(&mut json, &image.source_ref);
        json.push(',');
        write_text(&mut json, attribute);
        json.push(':');
        json.push_str(envelope.label.get());
        json.push(',');
        write_text(&mut json, &format!("{attribute}-metadata"));
        json.push(':');
        let metadata = envelope.metadata.get();
        json.push_str(metadata.strip_suffix('}').unwrap_or(metadata));
        json.push_str(",\"human-annotated\":\"yes\",\"creation-date\":");
        let date = image.date.as_deref();
        let date = date.and_then(|date| date::normalised(date.into()));
        let default = &self.options.creation_date;
        write_text(&mut json, date.as_deref().unwrap_or(default));
        json.push_str(",\"job-name\":");
        write_text(&mut json, &format!("labeling-job/{attribute}"));
        json.push_str("}}");
        (json, date.is_some())
    }

    fn finish(self, corners_note: Option<String>) -> Import {
        let Parsed {
            mut left_out,
            mut notes,
            n_lost,
            ..
        } = self.parsed;
        if n_lost > 0 {
            notes.push(format!(
                "{} went with images that were left out",
                counted(n_lost, "annotation")
            ));
        }
        let changes = &self.converter.counts().notes;
        notes.extend(changes.iter().map(ToString::to_string));
        notes.extend(corners_note);
        let n_more = self.n_cut - self.cut.len() as u64;
        notes.extend(self.cut);
        if n_more > 0 {
            notes.push(format!(
                "{} more of which over {:.0} % were cut off",
                counted(n_more, "box"),
                100.0 * CUT_SHARE_MAX
            ));
        }
        if self.n_undated > 0 {
            notes.push(format!(
                "{} without a readable date: dated {}",
                counted(self.n_undated, "image"),
                self.options.creation_date
            ));
        }
        left_out.sort_by_key(|one: &LeftOut| one.order);
        Import {
            entries: self.entries,
            left_out,
            notes,
        }
    }
}

fn unusable(image: &LabeledImage) -> Fault {
    let reason = format!(
        "none of its {} can be used",
        counted(image.n_annotations(), "annotation")
    );
    Fault::new(Code::NoValidAnnotations, reason)
}

/// What keeps a box out of an entry.
fn edges_fault(edges: [f64; 4], unit: Unit, (width_px, height_px): (u32, u32)) -> Option<Fault> {
    let [left, top, width, height] = edges;
    let quoted = format!("its box [{left}, {top}, {width}, {height}]");
    if edges.iter().any(|edge| !edge.is_finite()) {
        let reason = format!("{quoted} has an edge that is no number");
        return Some(Fault::new(Code::InvalidBoundingBox, reason));
    }
    let size = PixelSize::new(f64::from(width_px), f64::from(height_px));
    let code = box_fault(edges, &size)?;
    let why = if width <= 0.0 || height <= 0.0 {
        "has a width or height that isn't positive".to_owned()
    } else if code == Code::InvalidBoundingBox {
        format!("lies beside its image of {width_px}x{height_px} px")
    } else {
        format!("is too small on an image of {width_px}x{height_px} px")
    };
    let fault = Fault::new(code, format!("{quoted} {why}"));
    let is_fraction = unit == Unit::Pixels && edges.iter().all(|side| (0.0..=1.0).contains(side));
    Some(if is_fraction && width > 0.0 && height > 0.0 {
        fault.with_remedy("write boxes in pixels: these look like fractions of the image")
    } else if code == Code::InvalidBoundingBox {
        fault.with_remedy("write boxes as left, top, width, height in pixels")
    } else {
        fault
    })
}

/// Appends the pair of one image-level label whose attribute is named after the label.
fn push_image_level(out: &mut String, label: &str, creation_date: &str) {
    out.push(',');
    write_text(out, label);
    out.push_str(":1,");
    write_text(out, &format!("{label}-metadata"));
    out.push_str(":{\"confidence\":1,\"job-name\":");
    write_text(out, &format!("labeling-job/{label}"));
    out.push_str(",\"class-name\":");
    write_text(out, label);
    out.push_str(",\"human-annotated\":\"yes\",\"creation-date\":");
    write_text(out, creation_date);
    out.push_str(",\"type\":\"groundtruth/image-classification\"}");
}
