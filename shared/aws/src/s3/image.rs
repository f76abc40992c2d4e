//! What an image in S3 is, from as few of its first bytes as say it.

use manifest::{IMAGE_HEADER_BYTES_MAX, ImageHeader};

use super::{S3, S3Error};

/// Bytes of an image's file that are read first; most headers are far shorter.
const FIRST_BYTES: usize = 64 * 1024;

/// An image's object, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageStart {
    /// Facts that the image's first bytes tell.
    pub header: ImageHeader,
    /// How many bytes were read for that.
    pub n_read: u64,
    /// The object's size in bytes.
    pub n_bytes: u64,
}

impl S3 {
    /// Reads an image's header: 64 KB with a ranged GetObject, and up to [`IMAGE_HEADER_BYTES_MAX`] with a second
    /// one when the size stands behind that.
    ///
    /// # Errors
    ///
    /// As [`S3::read_part`].
    pub async fn read_image_header(&self, bucket: &str, key: &str) -> Result<ImageStart, S3Error> {
        let first = self.read_part(bucket, key, 0, FIRST_BYTES, None).await?;
        let (mut start, n_bytes) = (first.bytes, first.object.n_bytes);
        let mut header = ImageHeader::read(&start);
        if header == ImageHeader::Unfinished && (start.len() as u64) < n_bytes {
            let n_more = IMAGE_HEADER_BYTES_MAX.saturating_sub(start.len());
            let e_tag = Some(first.object.e_tag.as_str());
            let rest = self
                .read_part(bucket, key, start.len() as u64, n_more, e_tag)
                .await?;
            start.extend_from_slice(&rest.bytes);
            header = ImageHeader::read(&start);
        }
        Ok(ImageStart {
            header,
            n_read: start.len() as u64,
            n_bytes,
        })
    }
}
