//! What Custom Labels holds against an image.

use super::{ASPECT_RATIO_MAX, IMAGE_BYTES_MAX, IMAGE_SIDE_PX_MAX, IMAGE_SIDE_PX_MIN, PixelSize};
use crate::code::Code;
use crate::line::Line;

/// What is known of an image from its object's size and its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageFacts {
    /// The file's length in bytes.
    pub n_bytes: u64,
    /// Width and height in pixels; `None` when the file is neither PNG nor JPEG.
    pub size: Option<(u32, u32)>,
}

/// What is wrong with an image: `ERROR_INVALID_IMAGE`, or our own finding that `declared`, the `image_size` of its boxes,
/// isn't the image's.
#[must_use]
pub fn image_fault(facts: &ImageFacts, declared: Option<(u32, u32)>) -> Option<(Code, String)> {
    if let Some(reason) = invalid_image(facts) {
        return Some((Code::InvalidImage, reason));
    }
    let ((width, height), (declared_width, declared_height)) = facts.size.zip(declared)?;
    ((width, height) != (declared_width, declared_height)).then(|| {
        let reason = format!(
            "image has {width}x{height} px, but image_size says {declared_width}x{declared_height}"
        );
        (Code::ImageSizeDiffers, reason)
    })
}

/// Why `ERROR_INVALID_IMAGE` would be raised, if it would.
fn invalid_image(facts: &ImageFacts) -> Option<String> {
    if facts.n_bytes > IMAGE_BYTES_MAX {
        return Some(format!(
            "image has {} bytes; {IMAGE_BYTES_MAX} are possible",
            facts.n_bytes
        ));
    }
    let Some((width, height)) = facts.size else {
        return Some("image is neither a PNG nor a JPEG file".to_owned());
    };
    let size = PixelSize::new(f64::from(width), f64::from(height));
    if !size.is_allowed() {
        return Some(format!(
            "image has {width}x{height} px; {IMAGE_SIDE_PX_MIN} to {IMAGE_SIDE_PX_MAX} a side are possible"
        ));
    }
    if size.is_too_long() {
        return Some(format!(
            "image has {width}x{height} px; one side may be at most {ASPECT_RATIO_MAX} times the other"
        ));
    }
    None
}

/// The `image_size` that a line's first box label declares, in pixels.
#[must_use]
pub fn declared_image_size(line: &[u8]) -> Option<(u32, u32)> {
    let line = Line::open(line).ok()?;
    let side = |value: f64| (value <= f64::from(u32::MAX)).then_some(value as u32);
    line.pairs().find_map(|(attribute, _)| {
        let labels = attribute.box_labels().ok()??;
        let size = PixelSize::read(labels.first_size()?)?;
        Some((side(size.width)?, side(size.height)?))
    })
}
