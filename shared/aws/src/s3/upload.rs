//! An object written piece by piece, without ever being held whole.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, ServerSideEncryption};
use bytes::Bytes;

use super::{PutOptions, S3, S3Error};

/// Size of a part, in bytes. Source: S3 "Multipart upload limits", at least 5 MiB for each part but the last.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// An upload under way. One that fits into a single part is written with a single PutObject.
///
/// The condition in the options is not used: the object appears at once, by [`Upload::finish`], or not at all.
#[derive(Debug)]
pub struct Upload {
    s3: S3,
    bucket: String,
    key: String,
    options: PutOptions,
    pending: Vec<u8>,
    upload_id: Option<String>,
    parts: Vec<CompletedPart>,
    n_bytes: u64,
}

impl Upload {
    pub(super) fn new(s3: S3, bucket: &str, key: &str, options: &PutOptions) -> Self {
        Self {
            s3,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            options: options.clone(),
            pending: Vec::new(),
            upload_id: None,
            parts: Vec::new(),
            n_bytes: 0,
        }
    }

    /// Adds bytes; sends a part when enough have come together.
    ///
    /// # Errors
    ///
    /// As S3 answers. The upload is of no further use then; [`Upload::abort`] frees what it holds.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), S3Error> {
        self.n_bytes += bytes.len() as u64;
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PART_BYTES {
            self.send_part().await?;
        }
        Ok(())
    }

    /// Makes the object appear.
    ///
    /// # Errors
    ///
    /// As S3 answers; the upload is aborted then.
    pub async fn finish(mut self) -> Result<(), S3Error> {
        let result = self.complete().await;
        if result.is_err() {
            self.abort().await;
        }
        result
    }

    async fn complete(&mut self) -> Result<(), S3Error> {
        if self.upload_id.is_none() {
            let body = std::mem::take(&mut self.pending);
            self.s3
                .put_object(&self.bucket, &self.key, body, &self.options)
                .await?;
            return Ok(());
        }
        if !self.pending.is_empty() {
            self.send_part().await?;
        }
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(self.parts.clone()))
            .build();
        let completed = self
            .s3
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key)
            .set_upload_id(self.upload_id.clone())
            .multipart_upload(parts)
            .send()
            .await;
        let Err(error) = completed else {
            return Ok(());
        };
        let error = S3Error::new("CompleteMultipartUpload", &self.bucket, &self.key, &error);
        match error {
            error if error.is_temporary() => Err(error),
            _ if self.is_there().await => Ok(()),
            S3Error::NotFound { uri } => Err(S3Error::Unavailable {
                operation: "CompleteMultipartUpload",
                uri,
                message: "the upload is gone, and what it uploaded isn't there".to_owned(),
            }),
            error => Err(error),
        }
    }

    /// Whether the object is what was uploaded: when a first attempt's answer was lost, a second one finds no upload.
    async fn is_there(&self) -> bool {
        let head = self.s3.head_object(&self.bucket, &self.key).await;
        let n_parts = format!("-{}", self.parts.len());
        head.is_ok_and(|head| head.n_bytes == self.n_bytes && head.e_tag.ends_with(&n_parts))
    }

    /// Gives the upload up, so that its parts don't stay in the bucket and cost money. It is called after something else
    /// has failed: that this fails, too, is told in the log only.
    pub async fn abort(self) {
        let Some(upload_id) = &self.upload_id else {
            return;
        };
        let aborted = self
            .s3
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(upload_id)
            .send()
            .await;
        if let Err(error) = aborted {
            let error = S3Error::new("AbortMultipartUpload", &self.bucket, &self.key, &error);
            tracing::warn!(reason = %error, "an upload is left open");
        }
    }

    async fn send_part(&mut self) -> Result<(), S3Error> {
        let upload_id = self.upload_id().await?;
        let part_number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let body = Bytes::from(std::mem::take(&mut self.pending));
        let answer = self
            .s3
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(upload_id)
            .part_number(part_number)
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|error| S3Error::new("UploadPart", &self.bucket, &self.key, &error))?;
        self.parts.push(
            CompletedPart::builder()
                .part_number(part_number)
                .set_e_tag(answer.e_tag().map(str::to_owned))
                .set_checksum_crc32(answer.checksum_crc32().map(str::to_owned))
                .build(),
        );
        Ok(())
    }

    async fn upload_id(&mut self) -> Result<String, S3Error> {
        if let Some(upload_id) = &self.upload_id {
            return Ok(upload_id.clone());
        }
        let mut call = self
            .s3
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key)
            .set_content_type(self.options.content_type.clone())
            .set_tagging(self.options.tags.map(str::to_owned));
        if let Some(kms_key_id) = &self.options.kms_key_id {
            call = call
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .ssekms_key_id(kms_key_id);
        }
        let answer = call.send().await.map_err(|error| {
            S3Error::new("CreateMultipartUpload", &self.bucket, &self.key, &error)
        })?;
        let upload_id = answer.upload_id().unwrap_or_default().to_owned();
        self.upload_id = Some(upload_id.clone());
        Ok(upload_id)
    }
}
