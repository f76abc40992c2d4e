//! What a file of labels says, before any of it is judged: the one form that all formats become.

use std::collections::HashMap;

use super::image_name::{NameOptions, source_ref};
use super::{Fault, FileError, LeftOut};
use crate::code::Code;
use crate::convert_options::WhenEmpty;
use crate::counted::counted;

/// What a file of labels says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    pub(super) images: Vec<LabeledImage>,
    pub(super) classes: Classes,
    pub(super) kind: LabelsKind,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) notes: Vec<String>,
    /// Boxes and labels of images that were left out, and went with them.
    pub(super) n_lost: u64,
    /// Boxes are left, top, width, height, but nothing in the file says that they aren't corners.
    pub(super) may_be_corners: bool,
}

/// Whether labels are of whole images or of boxes on them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LabelsKind {
    #[default]
    OfImages,
    OfBoxes,
}

/// An image and what is on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LabeledImage {
    /// Row, or place in the list of images; from 1.
    pub(super) number: u64,
    /// See [`LeftOut::order`].
    pub(super) order: u64,
    /// Where it stands: `row 7`, `images[3], id 9`.
    pub(super) place: String,
    /// What it is called in the file.
    pub(super) name: String,
    /// The image's S3 URI, once it is located.
    pub(super) source_ref: String,
    /// Width and height in pixels, both above 0.
    pub(super) size: Option<(u32, u32)>,
    pub(super) date: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) boxes: Vec<LabeledBox>,
    /// Labels and boxes that had to be left out: an image that has such isn't an empty one.
    pub(super) n_unusable: u64,
    /// Why it can't be an entry after all.
    pub(super) fault: Option<Fault>,
}

/// A box on an image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LabeledBox {
    pub(super) place: String,
    /// Index into the classes.
    pub(super) class: usize,
    /// Left, top, width, height.
    pub(super) edges: [f64; 4],
    pub(super) unit: Unit,
}

/// What a box is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Pixels,
    /// Shares of the image's width and height, 0 to 1.
    Shares,
}

/// What the four numbers of a box are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoxForm {
    /// Left, top, right, bottom.
    Corners,
    /// Left, top, width, height.
    Sizes,
    /// Centre from the left, centre from the top, width, height.
    Centers,
}

impl BoxForm {
    /// Left, top, width, height.
    pub(super) fn edges(self, [a, b, c, d]: [f64; 4]) -> [f64; 4] {
        match self {
            Self::Corners => [a, b, c - a, d - b],
            Self::Sizes => [a, b, c, d],
            Self::Centers => [a - c / 2.0, b - d / 2.0, c, d],
        }
    }
}

/// Classes of boxes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Classes {
    pub(super) list: Vec<Class>,
    by_name: HashMap<String, usize>,
}

/// A class of boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) id: u32,
    pub(super) name: String,
}

impl Classes {
    /// The class of this name; a new one has the next number.
    pub(super) fn named(&mut self, name: &str) -> usize {
        if let Some(idx) = self.by_name.get(name) {
            return *idx;
        }
        let idx = self.list.len();
        self.add(idx as u32, name.to_owned());
        idx
    }

    /// Adds a class with an id of its own.
    pub(super) fn add(&mut self, id: u32, name: String) -> usize {
        let idx = self.list.len();
        self.by_name.insert(name.clone(), idx);
        self.list.push(Class { id, name });
        idx
    }
}

impl LabeledImage {
    pub(super) fn n_annotations(&self) -> u64 {
        self.n_unusable + (self.boxes.len() + self.labels.len()) as u64
    }

    /// Takes what stands at another place of the file about the same image.
    fn absorb(&mut self, other: Self) {
        for label in other.labels {
            if !self.labels.contains(&label) {
                self.labels.push(label);
            }
        }
        self.boxes.extend(other.boxes);
        self.n_unusable += other.n_unusable;
        self.size = self.size.or(other.size);
        self.date = self.date.take().or(other.date);
    }
}

/// An image whose size the file doesn't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithoutSize<'p> {
    /// What [`Parsed::set_size`] calls it.
    pub idx: usize,
    /// Its S3 URI.
    pub source_ref: &'p str,
    /// What it is called in the file.
    pub name: &'p str,
}

impl Parsed {
    pub(super) fn leave_out(&mut self, order: u64, place: impl Into<String>, fault: Fault) {
        self.left_out.push(LeftOut::new(order, place, fault));
    }

    /// Makes names source references and images that stand several times one image with all their labels.
    ///
    /// An image that stands there with different sizes is left out, and so is one whose name can't be an object's.
    ///
    /// # Errors
    ///
    /// [`FileError`] when an image stands several times and the options refuse that.
    pub fn locate(&mut self, options: &NameOptions) -> Result<(), FileError> {
        let mut firsts: HashMap<String, usize> = HashMap::with_capacity(self.images.len());
        let mut kept: Vec<LabeledImage> = Vec::with_capacity(self.images.len());
        let mut repeated: Vec<String> = Vec::new();
        for mut image in std::mem::take(&mut self.images) {
            image.source_ref = match source_ref(options, &image.name) {
                Ok(source_ref) => source_ref,
                Err(fault) => {
                    self.n_lost += image.n_annotations();
                    self.leave_out(image.order, image.place, fault);
                    continue;
                }
            };
            let Some(first) = firsts
                .get(&image.source_ref)
                .and_then(|at| kept.get_mut(*at))
            else {
                firsts.insert(image.source_ref.clone(), kept.len());
                kept.push(image);
                continue;
            };
            repeated.push(format!("{} that of {}", image.place, first.place));
            match clash(first, &image) {
                None => first.absorb(image),
                Some(fault) => {
                    first.fault.get_or_insert(fault.clone());
                    self.n_lost += image.n_annotations();
                    self.leave_out(image.order, image.place, fault);
                }
            }
        }
        self.images = kept;
        if repeated.is_empty() {
            return Ok(());
        }
        if options.refuse_repeated {
            return Err(refused(repeated));
        }
        self.notes.push(format!(
            "{} with an image that stands before: taken as one image with all its labels",
            counted(repeated.len() as u64, "place")
        ));
        Ok(())
    }

    /// The images whose size is needed and unknown.
    pub fn without_size(&self, when_empty: WhenEmpty) -> impl Iterator<Item = WithoutSize<'_>> {
        let images = self.images.iter().enumerate();
        images.filter_map(move |(idx, image)| {
            let is_needed = self.kind == LabelsKind::OfBoxes
                && image.size.is_none()
                && image.fault.is_none()
                && (!image.boxes.is_empty() || when_empty == WhenEmpty::Send);
            is_needed.then_some(WithoutSize {
                idx,
                source_ref: &image.source_ref,
                name: &image.name,
            })
        })
    }

    /// Gives an image its size in pixels, or says why it isn't known.
    pub fn set_size(&mut self, idx: usize, size: Result<(u32, u32), String>) {
        let Some(image) = self.images.get_mut(idx) else {
            return;
        };
        match size {
            Ok(size) => image.size = Some(size),
            Err(reason) => {
                let reason = format!("image's size isn't known: {reason}");
                image.fault = Some(
                    Fault::new(Code::InvalidImage, reason)
                        .with_remedy("let the file or the image itself say its width and height"),
                );
            }
        }
    }
}

/// What keeps two images of one name from being one.
fn clash(first: &LabeledImage, image: &LabeledImage) -> Option<Fault> {
    let (one, other) = (first.size?, image.size?);
    (one != other).then(|| {
        Fault::new(
            Code::DuplicateSourceRef,
            format!(
                "{} has the same image with {}x{} px, and {} with {}x{} px: one of them is another image",
                first.place, one.0, one.1, image.place, other.0, other.1
            ),
        )
        .with_remedy("give each image a name of its own, with its folder for instance")
    })
}

fn refused(mut repeated: Vec<String>) -> FileError {
    const SHOWN_MAX: usize = 20;
    let n = repeated.len() as u64;
    if repeated.len() > SHOWN_MAX {
        repeated.truncate(SHOWN_MAX);
        repeated.push("…".to_owned());
    }
    FileError::new(
        format!(
            "{} with an image that stands before: {}",
            counted(n, "place"),
            repeated.join(", ")
        ),
        "leave --refuse-repeated out to take them as one image with all their labels, or remove them",
    )
}
