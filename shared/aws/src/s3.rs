//! Objects in S3: whole, in pieces, listed, written on a condition.

mod error;
mod image;
mod stream;
mod upload;
mod uri;

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;

pub use error::S3Error;
pub use image::ImageStart;
pub use stream::ObjectStream;
pub use upload::Upload;
pub use uri::{ObjectUri, UriError};

/// An S3 client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3 {
    client: Arc<aws_sdk_s3::Client>,
}

/// What HeadObject says about one version of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHead {
    /// The entity tag without its quotes. It changes whenever the content does.
    pub e_tag: String,
    /// Size in bytes.
    pub n_bytes: u64,
    /// The version's id, in a bucket with versioning.
    pub version_id: Option<String>,
    /// When it was written, in seconds since 1970.
    pub last_modified_s: i64,
}

/// Some bytes of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPart {
    /// The bytes that were asked for, as far as the object has them.
    pub bytes: Vec<u8>,
    /// The whole object.
    pub object: ObjectHead,
}

/// The condition on which a write takes place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    #[default]
    None,
    /// Only when no object has the key (`If-None-Match: *`).
    Absent,
    /// Only while the object has this entity tag (`If-Match`).
    Unchanged(String),
}

/// Options of a write.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// The condition on which the write takes place.
    pub condition: Condition,
    /// The object's media type.
    pub content_type: Option<String>,
    /// Key for server-side encryption with KMS; `None` leaves the bucket's default.
    pub kms_key_id: Option<String>,
    /// The object's tags, as a URL's query (`name=value&…`); they take the right `s3:PutObjectTagging`.
    pub tags: Option<&'static str>,
}

impl PutOptions {
    /// A JSON object, written always, with the bucket's default encryption.
    #[must_use]
    pub fn json() -> Self {
        Self {
            content_type: Some("application/json".to_owned()),
            ..Self::default()
        }
    }
}

/// Why an object named by a URI can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadUriError {
    /// The URI names no object.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The object can't be read.
    #[error(transparent)]
    S3(#[from] S3Error),
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The object's key.
    pub key: String,
    /// Size in bytes.
    pub n_bytes: u64,
}

impl S3 {
    /// A client over the SDK's.
    #[must_use]
    pub fn new(client: aws_sdk_s3::Client) -> Self {
        Self {
            client: Arc::new(client),
        }
    }

    /// Reads a whole object of at most `bytes_max` bytes (inclusive).
    ///
    /// # Errors
    ///
    /// [`S3Error::TooLarge`] before more than `bytes_max` bytes are held; [`S3Error::NotFound`],
    /// [`S3Error::AccessDenied`] and [`S3Error::Unavailable`] as S3 answers.
    pub async fn read_object(
        &self,
        bucket: &str,
        key: &str,
        bytes_max: u64,
    ) -> Result<Vec<u8>, S3Error> {
        let (bytes, _) = self.read_object_with_tag(bucket, key, bytes_max).await?;
        Ok(bytes)
    }

    /// Like [`S3::read_object`], with the entity tag of what was read.
    ///
    /// # Errors
    ///
    /// As [`S3::read_object`].
    pub async fn read_object_with_tag(
        &self,
        bucket: &str,
        key: &str,
        bytes_max: u64,
    ) -> Result<(Vec<u8>, String), S3Error> {
        let mut stream = self.stream_object(bucket, key, None).await?;
        let too_large = || S3Error::TooLarge {
            uri: uri::show(bucket, key),
            bytes_max,
        };
        if stream.head().n_bytes > bytes_max {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stream.head().n_bytes).unwrap_or(0));
        while let Some(piece) = stream.next_piece().await? {
            if bytes.len() as u64 + piece.len() as u64 > bytes_max {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((bytes, stream.head().e_tag.clone()))
    }

    /// Reads a whole object of at most `bytes_max` bytes (inclusive), named by an `s3://` URI.
    ///
    /// # Errors
    ///
    /// As [`S3::read_object`], and for a text that is no such URI.
    pub async fn read_uri(&self, uri: &str, bytes_max: u64) -> Result<Vec<u8>, ReadUriError> {
        let uri = ObjectUri::parse(uri)?;
        Ok(self.read_object(&uri.bucket, &uri.key, bytes_max).await?)
    }

    /// At most `n_bytes` of an object from byte `from` on, with a ranged GetObject; of the version with entity tag
    /// `e_tag` when one is given. An empty object has an empty part.
    ///
    /// # Errors
    ///
    /// [`S3Error::PreconditionFailed`] when the object has another entity tag, [`S3Error::Other`] with InvalidRange
    /// when it ends before `from`, and as [`S3::read_object`], but for the size.
    pub async fn read_part(
        &self,
        bucket: &str,
        key: &str,
        from: u64,
        n_bytes: usize,
        e_tag: Option<&str>,
    ) -> Result<ObjectPart, S3Error> {
        let last = (from + n_bytes as u64).saturating_sub(1);
        let answer = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .range(format!("bytes={from}-{last}"))
            .set_if_match(e_tag.map(|tag| format!("\"{tag}\"")))
            .send()
            .await
            .map_err(|error| S3Error::new("GetObject", bucket, key, &error));
        let answer = match answer {
            Err(S3Error::Other { code, .. }) if from == 0 && code == "InvalidRange" => {
                return Ok(ObjectPart::default());
            }
            answer => answer?,
        };
        let of_all = answer
            .content_range()
            .and_then(|range| range.rsplit_once('/')?.1.parse().ok());
        let object = ObjectHead {
            e_tag: bare_tag(answer.e_tag()),
            n_bytes: of_all.unwrap_or_else(|| self::n_bytes(answer.content_length())),
            version_id: version_id(answer.version_id()),
            last_modified_s: answer.last_modified().map_or(0, |at| at.secs()),
        };
        let mut body = answer.body;
        let mut bytes = Vec::new();
        while bytes.len() < n_bytes {
            let piece = body.next().await.transpose();
            let piece = piece.map_err(|error| S3Error::Unavailable {
                operation: "GetObject",
                uri: uri::show(bucket, key),
                message: error.to_string(),
            })?;
            let Some(piece) = piece else { break };
            bytes.extend_from_slice(&piece);
        }
        bytes.truncate(n_bytes);
        Ok(ObjectPart { bytes, object })
    }

    /// Opens an object to be read piece by piece, of the version with entity tag `e_tag` when one is given.
    ///
    /// A connection lost half-way is opened again at the byte it stopped at, of the same version.
    ///
    /// # Errors
    ///
    /// [`S3Error::PreconditionFailed`] when the object has another entity tag, and as [`S3::read_object`].
    pub async fn stream_object(
        &self,
        bucket: &str,
        key: &str,
        e_tag: Option<&str>,
    ) -> Result<ObjectStream, S3Error> {
        ObjectStream::open(self.client.clone(), bucket, key, e_tag).await
    }

    /// What an object is at the moment.
    ///
    /// # Errors
    ///
    /// [`S3Error::NotFound`] and the others as S3 answers.
    pub async fn head_object(&self, bucket: &str, key: &str) -> Result<ObjectHead, S3Error> {
        let answer = self
            .client
            .head_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| S3Error::new("HeadObject", bucket, key, &error))?;
        Ok(ObjectHead {
            e_tag: bare_tag(answer.e_tag()),
            n_bytes: n_bytes(answer.content_length()),
            version_id: version_id(answer.version_id()),
            last_modified_s: answer.last_modified().map_or(0, |at| at.secs()),
        })
    }

    /// Writes a whole object and returns its entity tag.
    ///
    /// # Errors
    ///
    /// [`S3Error::PreconditionFailed`] when the condition doesn't hold (also when two writers race), and the
    /// others as S3 answers.
    pub async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        body: impl Into<Bytes>,
        options: &PutOptions,
    ) -> Result<String, S3Error> {
        let mut call = self
            .client
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(ByteStream::from(body.into()))
            .set_content_type(options.content_type.clone())
            .set_tagging(options.tags.map(str::to_owned));
        match &options.condition {
            Condition::None => {}
            Condition::Absent => call = call.if_none_match("*"),
            Condition::Unchanged(e_tag) => call = call.if_match(format!("\"{e_tag}\"")),
        }
        if let Some(kms_key_id) = &options.kms_key_id {
            call = call
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .ssekms_key_id(kms_key_id);
        }
        let answer = call
            .send()
            .await
            .map_err(|error| S3Error::new("PutObject", bucket, key, &error))?;
        Ok(bare_tag(answer.e_tag()))
    }

    /// Starts an object of unknown size, written piece by piece.
    #[must_use]
    pub fn upload(&self, bucket: &str, key: &str, options: &PutOptions) -> Upload {
        Upload::new(self.clone(), bucket, key, options)
    }

    /// The first `n_max` objects whose keys start with `prefix`, in key order.
    ///
    /// # Errors
    ///
    /// As S3 answers.
    pub async fn list_objects(
        &self,
        bucket: &str,
        prefix: &str,
        n_max: usize,
    ) -> Result<Vec<ListedObject>, S3Error> {
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(prefix)
                .set_continuation_token(token.take())
                .send()
                .await
                .map_err(|error| S3Error::new("ListObjectsV2", bucket, prefix, &error))?;
            for object in page.contents() {
                if objects.len() == n_max {
                    return Ok(objects);
                }
                objects.push(ListedObject {
                    key: object.key().unwrap_or_default().to_owned(),
                    n_bytes: n_bytes(object.size()),
                });
            }
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    /// Deletes an object; one that doesn't exist counts as deleted.
    ///
    /// # Errors
    ///
    /// As S3 answers.
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<(), S3Error> {
        self.client
            .delete_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| S3Error::new("DeleteObject", bucket, key, &error))?;
        Ok(())
    }
}

fn bare_tag(e_tag: Option<&str>) -> String {
    e_tag.unwrap_or_default().trim_matches('"').to_owned()
}

fn n_bytes(content_length: Option<i64>) -> u64 {
    content_length
        .and_then(|n| u64::try_from(n).ok())
        .unwrap_or(0)
}

/// S3 answers `null` for objects from before versioning was turned on.
fn version_id(version_id: Option<&str>) -> Option<String> {
    version_id.filter(|id| *id != "null").map(str::to_owned)
}
