//! Sizes and boxes in pixels, and what Custom Labels holds against them.

use std::fmt;

use super::{ASPECT_RATIO_MAX, IMAGE_SIDE_PX_MAX, IMAGE_SIDE_PX_MIN};
use crate::code::Code;
use crate::number::Number;
use crate::pair::{Annotation, SizeFields};

/// Images whose longer side is above this are scaled down for training. Source: ERROR_BOUNDING_BOX_TOO_SMALL.
const TRAINING_SIDE_PX_MAX: f64 = 1280.0;

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

    /// What Custom Labels holds against the size.
    pub(super) fn faults(&self) -> impl Iterator<Item = (Code, String)> {
        let dimension = (!self.is_allowed()).then(|| {
            (
                Code::InvalidImageDimension,
                format!("image_size is {self}; {IMAGE_SIDE_PX_MIN} to {IMAGE_SIDE_PX_MAX} px a side are possible"),
            )
        });
        let aspect = self.is_too_long().then(|| {
            (
                Code::InvalidImage,
                format!("image_size is {self}; one side may be at most {ASPECT_RATIO_MAX} times the other"),
            )
        });
        dimension.into_iter().chain(aspect)
    }

    pub(crate) fn is_allowed(&self) -> bool {
        let sides = f64::from(IMAGE_SIDE_PX_MIN)..=f64::from(IMAGE_SIDE_PX_MAX);
        sides.contains(&self.width) && sides.contains(&self.height)
    }

    pub(crate) fn is_too_long(&self) -> bool {
        self.width.max(self.height) > f64::from(ASPECT_RATIO_MAX) * self.width.min(self.height)
    }
}

impl fmt::Display for PixelSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} px", self.width, self.height)
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

impl fmt::Display for PixelBox<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "left {}, top {}, width {}, height {}",
            self.left, self.top, self.width, self.height
        )
    }
}
