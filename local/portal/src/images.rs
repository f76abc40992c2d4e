//! The images that tasks show: files below a folder with a folder a bucket.

use std::fs;
use std::path::{Component, Path, PathBuf};

use base64_simd::STANDARD;
use manifest::S3Uri;

/// Bytes of an image, inclusive. Source: Ground Truth, input data quotas.
const IMAGE_BYTES_MAX: u64 = 40_000_000;

/// A folder that holds the object `s3://BUCKET/KEY` as the file `BUCKET/KEY`.
#[derive(Debug, Clone)]
pub struct ImageFolder {
    /// Where it is.
    pub root: PathBuf,
}

impl ImageFolder {
    /// The file of an image.
    ///
    /// # Errors
    ///
    /// Says why no file below the folder can stand for the URI.
    pub fn file_of(&self, uri: &str) -> Result<PathBuf, String> {
        let place = S3Uri::split(uri).filter(|place| place.has_bucket() && place.has_key());
        let place = place.ok_or_else(|| format!("{uri:?} is not an s3://bucket/key URI"))?;
        let below = Path::new(place.bucket).join(place.key);
        let is_plain = below
            .components()
            .all(|component| matches!(component, Component::Normal(_)));
        if !is_plain {
            return Err(format!("{uri:?} can't be a file below a folder"));
        }
        Ok(self.root.join(below))
    }

    /// An address that holds the image itself, so that the page which shows it asks nobody for it.
    ///
    /// # Errors
    ///
    /// Says why the image can't be read, or that it is no JPEG or PNG.
    pub(crate) fn data_url(&self, uri: &str) -> Result<String, String> {
        let path = self.file_of(uri)?;
        let failed = |error: std::io::Error| format!("{} can't be read: {error}", path.display());
        let n_bytes = fs::metadata(&path).map_err(failed)?.len();
        if n_bytes > IMAGE_BYTES_MAX {
            return Err(format!(
                "{} has {n_bytes} bytes; an image has at most {IMAGE_BYTES_MAX}",
                path.display()
            ));
        }
        let bytes = fs::read(&path).map_err(failed)?;
        let media_type = match bytes.as_slice() {
            [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            _ => return Err(format!("{} is neither JPEG nor PNG", path.display())),
        };
        let bytes = match media_type {
            "image/jpeg" => without_exif(&bytes),
            _ => bytes,
        };
        let text = STANDARD.encode_to_string(&bytes);
        Ok(format!("data:{media_type};base64,{text}"))
    }
}

/// A JPEG without its Exif segments: browsers turn an image as they say, while labels are in pixels as they are stored.
fn without_exif(jpeg: &[u8]) -> Vec<u8> {
    let (start, mut rest) = jpeg.split_at_checked(2).unwrap_or((jpeg, &[]));
    let mut kept = start.to_vec();
    // Segments stand before the image's own data: a marker, the length of what follows, and that.
    while let [0xFF, marker, high, low, ..] = *rest {
        let n_bytes = 2 + usize::from(u16::from_be_bytes([high, low]));
        let Some((segment, after)) = rest.split_at_checked(n_bytes) else {
            break;
        };
        if marker == 0xDA {
            break;
        }
        let is_exif =
            marker == 0xE1 && segment.get(4..).is_some_and(|it| it.starts_with(b"Exif\0"));
        if !is_exif {
            kept.extend_from_slice(segment);
        }
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exif() {
        let exif = b"\xFF\xE1\x00\x09Exif\0\0\x2A";
        let check = |parts: &[&[u8]], expected: &[&[u8]]| {
            assert_eq!(without_exif(&parts.concat()), expected.concat());
        };
        let (soi, app0, data) = (
            b"\xFF\xD8",
            b"\xFF\xE0\x00\x03x",
            b"\xFF\xDA\x00\x02\xFF\xE1\x00\x08Exif\0\0",
        );
        check(&[soi, exif, app0, data], &[soi, app0, data]);
        check(&[soi, app0, exif, data], &[soi, app0, data]);
        check(&[soi, app0, data], &[soi, app0, data]);
        check(
            &[soi, b"\xFF\xE1\x00\x06http"],
            &[soi, b"\xFF\xE1\x00\x06http"],
        );
        check(
            &[soi, b"\xFF\xE1\xFF\xFFExif"],
            &[soi, b"\xFF\xE1\xFF\xFFExif"],
        );
        check(&[soi], &[soi]);
        check(&[b"\xFF"], &[b"\xFF"]);
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let images = ImageFolder {
            root: folder.path().to_owned(),
        };
        fs::create_dir(folder.path().join("bkt")).unwrap();
        fs::write(folder.path().join("bkt/1.jpg"), [0xFF, 0xD8, 0xFF]).unwrap();
        fs::write(folder.path().join("bkt/2.svg"), "<svg/>").unwrap();
        let url = images.data_url("s3://bkt/1.jpg").unwrap();
        assert_eq!(url, "data:image/jpeg;base64,/9j/");
        for (uri, expected) in [
            ("s3://bkt/2.svg", "neither JPEG nor PNG"),
            ("s3://bkt/3.jpg", "can't be read"),
            ("s3://bkt/../bkt/1.jpg", "below a folder"),
            ("s3://bkt//etc/passwd", "below a folder"),
            ("/etc/passwd", "not an s3"),
        ] {
            let error = images.data_url(uri).unwrap_err();
            assert!(error.contains(expected), "{uri}: {error}");
        }
    }
}
