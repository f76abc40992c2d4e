//! The image's S3 URI.

use crate::s3_uri::S3Uri;

/// Longest bucket name in characters, inclusive. Source: S3 User Guide, bucket names.
const BUCKET_CHARS_MAX: usize = 63;

/// A source reference `s3://bucket/key`, taken as it stands: nothing is decoded or normalised, because Custom
/// Labels tells entries apart by this string.
///
/// # Examples
///
/// ```
/// # use manifest::SourceRef;
/// let source_ref = SourceRef::parse("s3://birds/a b/1.jpg").unwrap();
/// assert_eq!((source_ref.bucket, source_ref.key), ("birds", "a b/1.jpg"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRef<'a> {
    /// The bucket, 3 to 63 of letters, digits, dots, hyphens, underscores: old buckets have upper case, and so do the guides.
    pub bucket: &'a str,
    /// The object key, 1 to 1024 bytes, not URL-encoded.
    pub key: &'a str,
}

/// Why a text isn't a source reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceRefError {
    /// Something else than `s3://` in front; the letters must be lower-case.
    #[error("{uri:?} is not an s3:// URI of an object")]
    NotS3 {
        /// The text, cut to 100 characters.
        uri: String,
    },
    /// Not a bucket name.
    #[error(
        "bucket {bucket:?} can't be: a bucket's name has 3 to 63 letters, digits, dots, hyphens and underscores"
    )]
    Bucket {
        /// What stands for the bucket, cut to 100 characters.
        bucket: String,
    },
    /// No key, or one longer than 1024 bytes.
    #[error("object key of the source-ref has {n_bytes} bytes; 1 to 1024 are possible")]
    Key {
        /// The key's length.
        n_bytes: usize,
    },
}

impl<'a> SourceRef<'a> {
    /// Reads an S3 URI.
    ///
    /// # Errors
    ///
    /// [`SourceRefError`] says which part is wrong.
    pub fn parse(uri: &'a str) -> Result<Self, SourceRefError> {
        let shown = |text: &str| text.chars().take(100).collect();
        let parts = S3Uri::split(uri).ok_or_else(|| SourceRefError::NotS3 { uri: shown(uri) })?;
        let S3Uri { bucket, key } = parts;
        if !parts.has_bucket() || bucket.len() > BUCKET_CHARS_MAX {
            return Err(SourceRefError::Bucket {
                bucket: shown(bucket),
            });
        }
        if !parts.has_key() {
            return Err(SourceRefError::Key { n_bytes: key.len() });
        }
        Ok(Self { bucket, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse() {
        let good = |uri: &str| assert!(SourceRef::parse(uri).is_ok(), "{uri}");
        let bad = |uri: &str| assert!(SourceRef::parse(uri).is_err(), "{uri}");
        good("s3://abc/k");
        good("s3://AWSDOC-EXAMPLE-BUCKET/image_example.png");
        good("s3://abc//k");
        good("s3://abc/k with space+%20é");
        bad("s3://ab/k");
        good(&format!("s3://{}/k", "a".repeat(63)));
        bad(&format!("s3://{}/k", "a".repeat(64)));
        good(&format!("s3://abc/{}", "k".repeat(1024)));
        bad(&format!("s3://abc/{}", "k".repeat(1025)));
        bad("s3://abc/");
        bad("s3://abc");
        bad("s3://");
        bad("S3://abc/k");
        bad("https://abc/k");
        bad("S3 bucket location");
        bad("s3://a b c/k");
    }
}
