//! S3 URIs.

/// Longest bucket name in characters, inclusive. Source: S3 User Guide, bucket names: buckets of us-east-1 made before
/// March 2018.
const BUCKET_CHARS_MAX: usize = 255;

/// Longest object key in bytes, inclusive. Source: S3 User Guide, object keys.
pub const OBJECT_KEY_BYTES_MAX: usize = 1024;

/// Bucket and key of an `s3://` URI, taken as they stand: nothing is decoded or normalised.
///
/// # Examples
///
/// ```
/// # use manifest::S3Uri;
/// let uri = S3Uri::split("s3://birds/a b/1.jpg").unwrap();
/// assert_eq!((uri.bucket, uri.key), ("birds", "a b/1.jpg"));
/// assert_eq!(S3Uri::split("s3://birds").unwrap().key, "");
/// assert_eq!(S3Uri::split("https://birds/1.jpg"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct S3Uri<'a> {
    /// What stands up to the first slash.
    pub bucket: &'a str,
    /// What stands after it.
    pub key: &'a str,
}

impl<'a> S3Uri<'a> {
    /// Splits a URI; bucket and key may be empty, or names that S3 doesn't have. `None` for another scheme; the letters
    /// of `s3` must be lower-case.
    #[must_use]
    pub fn split(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self { bucket, key })
    }

    /// Whether the bucket's name is one that a bucket may have: 3 to 255 letters, digits, dots, hyphens and
    /// underscores. Old buckets have upper case.
    #[must_use]
    pub fn has_bucket(&self) -> bool {
        (3..=BUCKET_CHARS_MAX).contains(&self.bucket.len())
            && self
                .bucket
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    }

    /// Whether the key is one that an object may have: 1 to 1024 bytes.
    #[must_use]
    pub fn has_key(&self) -> bool {
        (1..=OBJECT_KEY_BYTES_MAX).contains(&self.key.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for (n, is_bucket) in [(2, false), (3, true), (255, true), (256, false)] {
            let text = format!("s3://{}/k", "b".repeat(n));
            assert_eq!(S3Uri::split(&text).unwrap().has_bucket(), is_bucket, "{n}");
        }
        for (n, is_key) in [(0, false), (1, true), (1024, true), (1025, false)] {
            let text = format!("s3://bkt/{}", "k".repeat(n));
            assert_eq!(S3Uri::split(&text).unwrap().has_key(), is_key, "{n}");
        }
    }
}
