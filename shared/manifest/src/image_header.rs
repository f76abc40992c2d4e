//! An image's size, from the bytes that its file starts with.

use imagesize::ImageType;

/// Bytes within which a header is looked for; JPEG files may have some 100 KB of camera data before it.
pub const IMAGE_HEADER_BYTES_MAX: usize = 1024 * 1024;

/// What the bytes say that a file starts with. EXIF rotation is not looked at: sides are those of the stored picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageHeader {
    /// Neither PNG nor JPEG, which is all that Custom Labels reads.
    Other,
    /// PNG or JPEG, but its size stands further behind.
    Unfinished,
    /// The picture's sides.
    Size {
        /// Width in pixels.
        width_px: u32,
        /// Height in pixels.
        height_px: u32,
    },
}

impl ImageHeader {
    /// Reads the first bytes of a file.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        match imagesize::image_type(bytes) {
            Ok(ImageType::Png | ImageType::Jpeg) => {}
            _ => return Self::Other,
        }
        let size = imagesize::blob_size(bytes).ok();
        let sides =
            size.and_then(|size| Some((size.width.try_into().ok()?, size.height.try_into().ok()?)));
        sides.map_or(Self::Unfinished, |(width_px, height_px)| Self::Size {
            width_px,
            height_px,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0";
    /// SOI, a comment of two bytes, SOF0.
    const JPEG: &[u8] =
        b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03\x01\x22\0\x02\x11\x01\x03\x11\x01";

    #[test]
    fn sizes() {
        let size = ImageHeader::Size {
            width_px: 640,
            height_px: 480,
        };
        for (bytes, expected) in [
            (PNG, size),
            (JPEG, size),
            (&PNG[..20], ImageHeader::Unfinished),
            (&JPEG[..12], ImageHeader::Unfinished),
            (b"GIF89a\x01\0\x01\0".as_slice(), ImageHeader::Other),
            (b"".as_slice(), ImageHeader::Other),
        ] {
            assert_eq!(ImageHeader::read(bytes), expected, "{bytes:?}");
        }
    }
}
