//! S3 URIs.

use std::fmt;

use manifest::{OBJECT_KEY_BYTES_MAX, S3Uri};

/// Where an object lies: `s3://bucket/key`. The key is kept as it is; nothing is decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectUri {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, without a leading slash.
    pub key: String,
}

/// Why a text isn't an S3 URI of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Another scheme, or none.
    #[error("{text:?} is not an s3:// URI")]
    NotS3 {
        /// The text, cut to a readable length.
        text: String,
    },
    /// The bucket's name is not one that S3 allows.
    #[error("{text:?} has no valid bucket name")]
    Bucket {
        /// The text, cut to a readable length.
        text: String,
    },
    /// The key is empty or longer than S3 allows.
    #[error("{text:?} has no object key, or one of more than {OBJECT_KEY_BYTES_MAX} bytes")]
    Key {
        /// The text, cut to a readable length.
        text: String,
    },
}

impl ObjectUri {
    /// A URI from its two parts.
    #[must_use]
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            key: key.into(),
        }
    }

    /// Parses `s3://bucket/key`.
    ///
    /// # Errors
    ///
    /// [`UriError::NotS3`] for another scheme, [`UriError::Bucket`] for a bucket name with other than letters,
    /// digits, `.`, `-` and `_`, [`UriError::Key`] for an empty or overlong key.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let shown = || text.chars().take(200).collect::<String>();
        let parts = S3Uri::split(text).ok_or_else(|| UriError::NotS3 { text: shown() })?;
        if !parts.has_bucket() {
            return Err(UriError::Bucket { text: shown() });
        }
        if !parts.has_key() {
            return Err(UriError::Key { text: shown() });
        }
        Ok(Self::new(parts.bucket, parts.key))
    }
}

impl fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

pub(super) fn show(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let parsed = ObjectUri::parse(text).ok();
        let parts = parsed
            .as_ref()
            .map(|uri| (uri.bucket.as_str(), uri.key.as_str()));
        assert_eq!(parts, expected, "{text}");
        if let Some(uri) = &parsed {
            assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn uris() {
        check("s3://bkt/a", Some(("bkt", "a")));
        check(
            "s3://my.bucket/a b/c+d%20e.json",
            Some(("my.bucket", "a b/c+d%20e.json")),
        );
        check("s3://bkt//a", Some(("bkt", "/a")));
        check("s3://bkt/", None);
        check("s3://bkt", None);
        check("s3:///key", None);
        check("s3://bk t/key", None);
        check("s3://bk/key", None);
        check("https://bkt/key", None);
        check("S3://bkt/key", None);
        check("", None);
    }

    #[test]
    fn key_length() {
        for (n, expected) in [(1023, true), (1024, true), (1025, false)] {
            let text = format!("s3://bkt/{}", "k".repeat(n));
            assert_eq!(ObjectUri::parse(&text).is_ok(), expected, "{n}");
        }
    }
}
