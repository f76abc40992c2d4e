//! Manifests that CreateDataset reads, over the wire, from the S3 that the service is told.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use manifest::Code;
use manifest::dataset::MANIFEST_BYTES_MAX;

use super::entries::{Changes, ChangesReader};
use super::error::ApiError;
use super::model::status_message;
use crate::REGION;
use crate::keys::Keys;

#[derive(Debug)]
pub(crate) struct Manifests {
    client: Client,
}

impl Manifests {
    pub(crate) fn new(endpoint: &str, keys: &Keys) -> Self {
        let credentials = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "gtcl");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws::plain_http_client())
            .region(Region::new(REGION))
            .credentials_provider(credentials)
            .endpoint_url(endpoint)
            .force_path_style(true)
            .build();
        Self {
            client: Client::from_conf(config),
        }
    }

    /// The manifest's lines, judged; the inner error is the message with which the dataset's creation fails.
    pub(crate) async fn read(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Result<Changes, String>, ApiError> {
        let unreadable = |error: &dyn std::fmt::Debug| {
            tracing::debug!(?error, bucket, key, "a manifest could not be read");
            ApiError::new(
                "InvalidS3ObjectException",
                format!(
                    "Unable to get object metadata from S3: s3://{bucket}/{key} can't be read. Check object key, region and/or access permissions."
                ),
            )
        };
        let object = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| unreadable(&error))?;
        let n_bytes = object.content_length().unwrap_or(0);
        if u64::try_from(n_bytes).is_ok_and(|n| n > MANIFEST_BYTES_MAX) {
            return Ok(Err(status_message(Code::ManifestSizeTooLarge)));
        }
        let name = key.rsplit('/').next().unwrap_or(key);
        if !name.contains('.') {
            return Ok(Err(status_message(Code::ManifestUnsupportedFormat)));
        }
        let mut reader = ChangesReader::default();
        let mut body = object.body;
        while let Some(bytes) = body.try_next().await.map_err(|error| unreadable(&error))? {
            reader.feed(&bytes);
        }
        let changes = reader.finish();
        if changes.is_empty() {
            return Ok(Err(status_message(Code::ManifestUnsupportedFormat)));
        }
        Ok(Ok(changes))
    }
}
