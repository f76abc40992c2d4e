//! Small pictures of images.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};
use report::Picture;

/// Longest side of a thumbnail, in pixels.
const SIDE_PX: u32 = 480;
/// Quality of its JPEG, of 100.
const QUALITY: u8 = 78;
/// Longest side of an image that is decoded, in pixels, inclusive: several times what Custom Labels takes.
const SIDE_PX_MAX: u32 = 16_384;
/// Memory that decoding an image may take, in bytes.
const ALLOCATED_BYTES_MAX: u64 = 256 << 20;

/// How an image is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// As its EXIF orientation says, as people see it.
    Upright,
    /// As the boxes on it were drawn: as it is stored, unless they were drawn on an image of this size in pixels, which it
    /// only has when its EXIF orientation lays it on its side.
    ForBoxes(Option<(u32, u32)>),
}

/// A thumbnail of an image file, or why there is none.
pub(super) fn of(bytes: Vec<u8>, turn: Turn) -> Picture {
    match made(bytes, turn) {
        Ok(picture) => picture,
        Err(reason) => Picture::Broken(reason),
    }
}

fn made(bytes: Vec<u8>, turn: Turn) -> Result<Picture, String> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PX_MAX);
    limits.max_image_height = Some(SIDE_PX_MAX);
    limits.max_alloc = Some(ALLOCATED_BYTES_MAX);
    reader.limits(limits);
    if reader.format().is_none() {
        return Err("neither a JPEG nor a PNG file".to_owned());
    }
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let stored = decoder.dimensions();
    let decoded = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    let is_turned = match turn {
        Turn::Upright => true,
        Turn::ForBoxes(None) => false,
        Turn::ForBoxes(Some((width, height))) => {
            stored != (width, height) && stored == (height, width)
        }
    };
    let mut small = if stored.0.max(stored.1) > SIDE_PX {
        decoded.thumbnail(SIDE_PX, SIDE_PX)
    } else {
        decoded
    };
    let lies_on_side = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let (mut width_px, mut height_px) = stored;
    if is_turned {
        small.apply_orientation(orientation);
        if lies_on_side {
            (width_px, height_px) = (height_px, width_px);
        }
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(&small.to_rgb8())
        .map_err(|error| error.to_string())?;
    Ok(Picture::Shown {
        jpeg,
        width_px,
        height_px,
    })
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder as _, ImageFormat, RgbImage};

    use super::*;

    /// A JPEG of 900 x 600 pixels, stored with a red left half, whose EXIF says `orientation`.
    fn jpeg(orientation: u8) -> Vec<u8> {
        let image = RgbImage::from_fn(900, 600, |x, _| {
            image::Rgb(if x < 450 { [255, 0, 0] } else { [0, 0, 255] })
        });
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        encoder.set_exif_metadata(exif).unwrap();
        encoder
            .write_image(image.as_raw(), 900, 600, ExtendedColorType::Rgb8)
            .unwrap();
        bytes
    }

    /// Size that boxes are counted in, size of the thumbnail, and whether its top left corner and its top right one are red.
    fn look(bytes: Vec<u8>, turn: Turn) -> ((u32, u32), (u32, u32), (bool, bool)) {
        let Picture::Shown {
            jpeg,
            width_px,
            height_px,
        } = of(bytes, turn)
        else {
            panic!("no picture")
        };
        let small = image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg).unwrap();
        let small = small.to_rgb8();
        let (width, height) = small.dimensions();
        let is_red = |x: u32| small.get_pixel(x, 10).0[0] > 128;
        let corners = (is_red(10), is_red(width - 10));
        ((width_px, height_px), (width, height), corners)
    }

    #[test]
    fn orientations() {
        use Turn::{ForBoxes, Upright};
        let stored = ((900, 600), (480, 320), (true, false));
        for (orientation, turn, expected) in [
            (1, Upright, stored),
            (6, ForBoxes(None), stored),
            (6, ForBoxes(Some((900, 600))), stored),
            // Turned clockwise, the left half is on top.
            (6, Upright, ((600, 900), (320, 480), (true, true))),
            (
                6,
                ForBoxes(Some((600, 900))),
                ((600, 900), (320, 480), (true, true)),
            ),
            (3, Upright, ((900, 600), (480, 320), (false, true))),
            (3, ForBoxes(Some((900, 600))), stored),
        ] {
            assert_eq!(
                look(jpeg(orientation), turn),
                expected,
                "{orientation} {turn:?}"
            );
        }
    }

    #[test]
    fn broken_images() {
        let mut cut_off = jpeg(1);
        cut_off.truncate(300);
        let mut huge = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        huge.extend([0, 1, 0, 0, 0, 1, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0]);
        for bytes in [Vec::new(), b"GIF89a".to_vec(), cut_off, huge] {
            assert!(matches!(of(bytes, Turn::Upright), Picture::Broken(_)));
        }
    }
}
