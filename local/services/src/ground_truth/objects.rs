//! The job's objects in S3.

use aws::error_message;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use manifest::S3Uri;

use super::error::JobError;

/// Objects by their URIs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objects<'a> {
    pub(super) s3: &'a Client,
}

impl Objects<'_> {
    /// Whether there is an object; `false` also where that can't be found out.
    pub(super) async fn has(&self, uri: &str) -> bool {
        let Some(place) = object_of(uri) else {
            return false;
        };
        let head = self.s3.head_object().bucket(place.bucket).key(place.key);
        head.send().await.is_ok()
    }

    /// An object's bytes.
    ///
    /// # Errors
    ///
    /// [`JobError::Read`].
    pub(super) async fn read(&self, uri: &str) -> Result<Vec<u8>, JobError> {
        let fault = |reason: String| JobError::Read {
            uri: uri.to_owned(),
            reason,
        };
        let place = object_of(uri).ok_or_else(|| fault("not an s3://bucket/key URI".to_owned()))?;
        let object = self
            .s3
            .get_object()
            .bucket(place.bucket)
            .key(place.key)
            .send()
            .await
            .map_err(|error| fault(error_message(&error)))?;
        let body = object
            .body
            .collect()
            .await
            .map_err(|error| fault(error.to_string()))?;
        Ok(body.to_vec())
    }

    /// Writes an object.
    ///
    /// # Errors
    ///
    /// [`JobError::Write`].
    pub(super) async fn write(&self, uri: &str, body: impl Into<Vec<u8>>) -> Result<(), JobError> {
        let fault = |reason: String| JobError::Write {
            uri: uri.to_owned(),
            reason,
        };
        let place = object_of(uri).ok_or_else(|| fault("not an s3://bucket/key URI".to_owned()))?;
        self.s3
            .put_object()
            .bucket(place.bucket)
            .key(place.key)
            .body(ByteStream::from(body.into()))
            .send()
            .await
            .map_err(|error| fault(error_message(&error)))?;
        Ok(())
    }
}

/// Bucket and key of an object's URI; `None` when it is none.
fn object_of(uri: &str) -> Option<S3Uri<'_>> {
    S3Uri::split(uri).filter(|uri| uri.has_bucket() && uri.has_key())
}
