//! An object read piece by piece.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::{ObjectHead, S3Error, bare_tag, n_bytes, uri, version_id};

/// Times a lost body is opened again without a byte having arrived in between.
const REOPENS_MAX: u32 = 5;
/// Wait before the first reopening; it doubles with each.
const REOPEN_DELAY: Duration = Duration::from_millis(100);
/// Longest silence in the middle of a body.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// One version of an object, as a sequence of pieces of whatever size the network gives.
#[derive(Debug)]
pub struct ObjectStream {
    client: Arc<aws_sdk_s3::Client>,
    bucket: String,
    key: String,
    head: ObjectHead,
    body: Option<ByteStream>,
    n_read: u64,
}

impl ObjectStream {
    pub(super) async fn open(
        client: Arc<aws_sdk_s3::Client>,
        bucket: &str,
        key: &str,
        e_tag: Option<&str>,
    ) -> Result<Self, S3Error> {
        let answer = client
            .get_object()
            .bucket(bucket)
            .key(key)
            .set_if_match(e_tag.map(|tag| format!("\"{tag}\"")))
            .send()
            .await
            .map_err(|error| S3Error::new("GetObject", bucket, key, &error))?;
        let head = ObjectHead {
            e_tag: bare_tag(answer.e_tag()),
            n_bytes: n_bytes(answer.content_length()),
            version_id: version_id(answer.version_id()),
            last_modified_s: answer.last_modified().map_or(0, |at| at.secs()),
        };
        Ok(Self {
            client,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            head,
            body: Some(answer.body),
            n_read: 0,
        })
    }

    /// S3 URI of the object that is read.
    #[must_use]
    pub fn head(&self) -> &ObjectHead {
        &self.head
    }

    /// The next bytes; `None` at the end of the object.
    ///
    /// # Errors
    ///
    /// [`S3Error::PreconditionFailed`] when the object was replaced and the rest of this version is no longer
    /// to be had; [`S3Error::Unavailable`] when the connection is lost again and again.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, S3Error> {
        let mut n_reopens = 0;
        loop {
            if self.n_read >= self.head.n_bytes {
                return Ok(None);
            }
            let lost = match &mut self.body {
                None => "not connected".to_owned(),
                Some(body) => match tokio::time::timeout(SILENCE_MAX, body.next()).await {
                    Ok(Some(Ok(piece))) => {
                        self.n_read += piece.len() as u64;
                        return Ok(Some(piece));
                    }
                    Ok(Some(Err(error))) => error.to_string(),
                    Ok(None) => "the body ended early".to_owned(),
                    Err(_) => format!("silent for {} s", SILENCE_MAX.as_secs()),
                },
            };
            self.body = None;
            if n_reopens == REOPENS_MAX {
                return Err(S3Error::Unavailable {
                    operation: "GetObject",
                    uri: uri::show(&self.bucket, &self.key),
                    message: format!("at byte {}: {lost}", self.n_read),
                });
            }
            tokio::time::sleep(REOPEN_DELAY * 2_u32.pow(n_reopens)).await;
            n_reopens += 1;
            match self.reopen().await {
                Ok(body) => self.body = Some(body),
                Err(error) if error.is_temporary() => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn reopen(&self) -> Result<ByteStream, S3Error> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .if_match(format!("\"{}\"", self.head.e_tag))
            .range(format!("bytes={}-", self.n_read))
            .send()
            .await;
        let answer = answer.map_err(|error| {
            match S3Error::new("GetObject", &self.bucket, &self.key, &error) {
                // Of this version there is more: a server that looks at the range first has a shorter one.
                S3Error::Other { code, uri, .. } if code == "InvalidRange" => {
                    S3Error::PreconditionFailed { uri }
                }
                error => error,
            }
        })?;
        Ok(answer.body)
    }
}
