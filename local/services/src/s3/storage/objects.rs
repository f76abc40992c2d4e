//! Objects: written, read, copied and deleted.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use s3s::dto::*;
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Result, s3_error};

use crate::s3::attributes::{Attributes, CONTENT_TYPE, Headers};
use crate::s3::conditional::{Held, ReadCondition, WriteCondition, precondition_failed};
use crate::s3::digest::{Algorithm, Checksum, Claims, Digesting, checksum_fields, set_checksum};
use crate::s3::error::of_file;
use crate::s3::files::{Files, Found, NewObject};
use crate::s3::keys::KeyPath;
use crate::s3::request::Place;
use crate::s3::unfinished::{Received, blocking, receive};

/// An object's bytes that are read at once.
const PIECE_BYTES_MAX: u64 = 512 * 1024;

/// Most objects that one request deletes, inclusive. Source: S3 API, DeleteObjects.
const DELETED_MAX: usize = 1000;

/// The headers of an object among those of a request.
macro_rules! headers_of {
    ($input:expr) => {
        Headers {
            content_type: Some(
                $input
                    .content_type
                    .unwrap_or_else(|| CONTENT_TYPE.to_owned()),
            ),
            content_encoding: $input.content_encoding.as_deref().and_then(without_framing),
            content_disposition: $input.content_disposition,
            content_language: $input.content_language,
            cache_control: $input.cache_control,
            expires: $input.expires,
            website_redirect_location: $input.website_redirect_location,
            metadata: $input.metadata.into_iter().flatten().collect(),
        }
    };
}
pub(super) use headers_of;

/// The headers of an object in an answer's fields.
macro_rules! set_headers {
    ($output:expr, $headers:expr) => {
        let headers = $headers;
        $output.content_type = headers.content_type;
        $output.content_encoding = headers.content_encoding;
        $output.content_disposition = headers.content_disposition;
        $output.content_language = headers.content_language;
        $output.cache_control = headers.cache_control;
        $output.expires = headers.expires;
        $output.website_redirect_location = headers.website_redirect_location;
        $output.metadata = Some(headers.metadata.into_iter().collect());
    };
}

/// What must hold of what is copied.
macro_rules! source_condition {
    ($input:expr) => {
        ReadCondition {
            if_match: $input.copy_source_if_match,
            if_none_match: $input.copy_source_if_none_match,
            if_modified_since: $input.copy_source_if_modified_since,
            if_unmodified_since: $input.copy_source_if_unmodified_since,
        }
    };
}
pub(super) use source_condition;

/// What a request wants to read.
macro_rules! reading_of {
    ($input:expr) => {
        Reading {
            place: Place::new($input.bucket, $input.key),
            condition: ReadCondition {
                if_match: $input.if_match,
                if_none_match: $input.if_none_match,
                if_modified_since: $input.if_modified_since,
                if_unmodified_since: $input.if_unmodified_since,
            },
            range: $input.range,
            part_number: $input.part_number,
            wants_checksum: wants_checksum($input.checksum_mode.as_ref()),
        }
    };
}

/// An object's encoding without `aws-chunked`, which is the request's.
pub(super) fn without_framing(encoding: &str) -> Option<String> {
    let encodings = encoding.split(',').map(str::trim);
    let own: Vec<_> = encodings
        .filter(|one| !one.is_empty() && !one.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!own.is_empty()).then(|| own.join(","))
}

pub(super) async fn put(
    files: Arc<Files>,
    request: S3Request<PutObjectInput>,
) -> S3Result<PutObjectOutput> {
    let mut input = request.input;
    let place = Place::new(input.bucket, input.key);
    check_place(&files, &place).await?;
    let asked = input.checksum_algorithm.as_ref();
    let asked = asked
        .map(|name| Algorithm::parse(name.as_str()))
        .transpose()?;
    let claims = Claims {
        content_md5: input.content_md5,
        size: input.content_length,
        checksum: Checksum::given(checksum_fields!(input)),
        algorithm: Claims::announced(&request.headers).or(asked),
    };
    let trailers = request.trailing_headers;
    let Received { content, digests } =
        receive(&files.bench, input.body, &claims, trailers).await?;
    let attributes = Attributes {
        etag: digests.md5,
        checksum: digests.checksum,
        headers: headers_of!(input),
    };
    let mut output = PutObjectOutput {
        e_tag: Some(ETag::Strong(attributes.etag.clone())),
        ..PutObjectOutput::default()
    };
    set_checksum!(output, attributes.checksum.as_ref());
    let new = NewObject {
        place,
        content,
        attributes,
        condition: WriteCondition {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
        },
        event_name: "ObjectCreated:Put",
        upload: None,
    };
    blocking(move || files.put(new)).await?;
    Ok(output)
}

/// The algorithm that a request names.
pub(super) fn algorithm_of(name: Option<&ChecksumAlgorithm>) -> S3Result<Option<Algorithm>> {
    name.map(|name| Algorithm::parse(name.as_str())).transpose()
}

/// Says no to what can't be written before its content comes.
pub(super) async fn check_place(files: &Arc<Files>, place: &Place) -> S3Result<()> {
    KeyPath::of(&place.key)?;
    let (files, bucket) = (Arc::clone(files), place.bucket.clone());
    blocking(move || files.bucket_folder(&bucket)).await?;
    Ok(())
}

pub(super) async fn get(
    files: Arc<Files>,
    request: S3Request<GetObjectInput>,
) -> S3Result<GetObjectOutput> {
    let read = reading_of!(request.input);
    let (found, range, body) = blocking(move || {
        let (mut found, range) = read.open(&files)?;
        let body = body(&mut found.file, &read.place, &range)?;
        Ok((found, range, body))
    })
    .await?;
    let mut output = GetObjectOutput {
        body: Some(body.unwrap_or_else(|| in_pieces(found.file, range.n_bytes))),
        content_length: i64::try_from(range.n_bytes).ok(),
        content_range: range.header,
        accept_ranges: Some("bytes".to_owned()),
        last_modified: Some(found.content.modified()),
        e_tag: Some(ETag::Strong(found.attributes.etag)),
        checksum_type: range.checksum.as_ref().map(checksum_type),
        ..GetObjectOutput::default()
    };
    set_checksum!(output, range.checksum.as_ref());
    set_headers!(output, found.attributes.headers);
    Ok(output)
}

pub(super) async fn head(
    files: Arc<Files>,
    request: S3Request<HeadObjectInput>,
) -> S3Result<HeadObjectOutput> {
    let read = reading_of!(request.input);
    let (found, range) = blocking(move || read.open(&files)).await?;
    let mut output = HeadObjectOutput {
        content_length: i64::try_from(range.n_bytes).ok(),
        content_range: range.header,
        accept_ranges: Some("bytes".to_owned()),
        last_modified: Some(found.content.modified()),
        e_tag: Some(ETag::Strong(found.attributes.etag)),
        checksum_type: range.checksum.as_ref().map(checksum_type),
        ..HeadObjectOutput::default()
    };
    set_checksum!(output, range.checksum.as_ref());
    set_headers!(output, found.attributes.headers);
    Ok(output)
}

fn wants_checksum(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn checksum_type(checksum: &Checksum) -> ChecksumType {
    ChecksumType::from_static(if checksum.is_composite() {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    })
}

/// What a request wants to read.
struct Reading {
    place: Place,
    condition: ReadCondition,
    range: Option<Range>,
    part_number: Option<i32>,
    wants_checksum: bool,
}

/// What is read of an object.
struct ReadRange {
    start: u64,
    n_bytes: u64,
    /// Value of the answer's header; none for the whole object.
    header: Option<String>,
    /// The object's, if it is read as a whole and the checksum is wanted.
    checksum: Option<Checksum>,
}

impl Reading {
    fn open(&self, files: &Files) -> S3Result<(Found, ReadRange)> {
        if self.part_number.is_some() {
            return Err(s3_error!(
                NotImplemented,
                "the embedded S3 has no parts of objects: read a range"
            ));
        }
        let found = files.open(&self.place)?;
        let modified = found.content.modified();
        match self.condition.check(&found.attributes.etag, &modified) {
            Held::Yes => {}
            Held::No => return Err(precondition_failed()),
            Held::Unchanged => return Err(S3Error::new(S3ErrorCode::NotModified)),
        }
        let size = found.content.size;
        let Some(range) = self.range else {
            let checksum = found.attributes.checksum.clone();
            let whole = ReadRange {
                start: 0,
                n_bytes: size,
                header: None,
                checksum: checksum.filter(|_| self.wants_checksum),
            };
            return Ok((found, whole));
        };
        let range = range.check(size).ok().filter(|range| !range.is_empty());
        let Some(range) = range else {
            return Err(s3_error!(
                InvalidRange,
                "The requested range is not satisfiable"
            ));
        };
        let some = ReadRange {
            start: range.start,
            n_bytes: range.end - range.start,
            header: Some(format!("bytes {}-{}/{size}", range.start, range.end - 1)),
            checksum: None,
        };
        Ok((found, some))
    }
}

/// Reads the range, if it isn't long; else only goes to its start.
fn body(file: &mut File, place: &Place, range: &ReadRange) -> S3Result<Option<StreamingBlob>> {
    let failed = |error: io::Error| of_file(&error, place.key.as_ref());
    if range.start > 0 {
        file.seek(io::SeekFrom::Start(range.start))
            .map_err(failed)?;
    }
    if range.n_bytes > PIECE_BYTES_MAX {
        return Ok(None);
    }
    let bytes = read_piece(file, range.n_bytes).map_err(failed)?;
    Ok(Some(Body::from(bytes).into()))
}

fn read_piece(file: &mut File, n_bytes: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(usize::try_from(n_bytes).unwrap_or_default());
    file.take(n_bytes).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < n_bytes {
        // Somebody cut the file.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.into())
}

fn in_pieces(file: File, n_bytes: u64) -> StreamingBlob {
    let pieces = stream::try_unfold((file, n_bytes), |(mut file, n_left)| async move {
        if n_left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let piece = read_piece(&mut file, n_left.min(PIECE_BYTES_MAX))?;
            let n_left = n_left - piece.len() as u64;
            Ok(Some((piece, (file, n_left))))
        });
        read.await.map_err(io::Error::other)?
    });
    StreamingBlob::wrap::<_, io::Error>(pieces)
}

pub(super) async fn copy(
    files: Arc<Files>,
    request: S3Request<CopyObjectInput>,
) -> S3Result<CopyObjectOutput> {
    let input = request.input;
    let place = Place::new(input.bucket, input.key);
    check_place(&files, &place).await?;
    let source = Source {
        place: source_place(input.copy_source)?,
        condition: source_condition!(input),
        range: None,
        algorithm: algorithm_of(input.checksum_algorithm.as_ref())?,
    };
    let directive = input.metadata_directive.as_ref();
    let is_replaced = directive.is_some_and(|one| one.as_str() == MetadataDirective::REPLACE);
    let own = headers_of!(input);
    let (attributes, content) = blocking(move || {
        let (received, headers) = source.copy(&files)?;
        let attributes = Attributes {
            etag: received.digests.md5,
            checksum: received.digests.checksum,
            headers: if is_replaced { own } else { headers },
        };
        let new = NewObject {
            place,
            content: received.content,
            attributes: attributes.clone(),
            condition: WriteCondition::default(),
            event_name: "ObjectCreated:Copy",
            upload: None,
        };
        Ok((attributes, files.put(new)?))
    })
    .await?;
    let mut result = CopyObjectResult {
        e_tag: Some(ETag::Strong(attributes.etag)),
        last_modified: Some(content.modified()),
        ..CopyObjectResult::default()
    };
    set_checksum!(result, attributes.checksum.as_ref());
    Ok(CopyObjectOutput {
        copy_object_result: Some(result),
        ..CopyObjectOutput::default()
    })
}

/// What is copied from.
pub(super) struct Source {
    pub(super) place: Place,
    pub(super) condition: ReadCondition,
    pub(super) range: Option<Range>,
    /// Of the copy's checksum; as the source's if nobody says.
    pub(super) algorithm: Option<Algorithm>,
}

impl Source {
    /// Copies the bytes, and hands out the headers.
    pub(super) fn copy(self, files: &Files) -> S3Result<(Received, Headers)> {
        let mut found = files.open(&self.place)?;
        let modified = found.content.modified();
        if self.condition.check(&found.attributes.etag, &modified) != Held::Yes {
            return Err(precondition_failed());
        }
        let size = found.content.size;
        let range = match self.range {
            None => 0..size,
            Some(range) => range.check(size).map_err(|_| {
                s3_error!(
                    InvalidRange,
                    "The specified copy range is invalid for the source object size: {size}"
                )
            })?,
        };
        let checksum = found.attributes.checksum.as_ref();
        let algorithm = self
            .algorithm
            .or(checksum.map(|checksum| checksum.algorithm));
        let (content, mut file) = files.bench.create()?;
        let mut digesting = Digesting::new(algorithm);
        let n_bytes = range.end - range.start;
        let copied = found
            .file
            .seek(io::SeekFrom::Start(range.start))
            .and_then(|_| digesting.copy(&mut found.file.take(n_bytes), &mut file));
        copied.map_err(|error| of_file(&error, content.path()))?;
        let digests = digesting.finish();
        let received = Received { content, digests };
        Ok((received, found.attributes.headers))
    }
}

pub(super) fn source_place(source: CopySource) -> S3Result<Place> {
    match source {
        CopySource::Bucket { bucket, key, .. } => Ok(Place::new(bucket, key)),
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => Err(s3_error!(
            NotImplemented,
            "the embedded S3 copies from buckets only"
        )),
    }
}

pub(super) async fn delete(
    files: Arc<Files>,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<DeleteObjectOutput> {
    let input = request.input;
    let place = Place::new(input.bucket, input.key);
    let condition = WriteCondition {
        if_match: input.if_match,
        if_none_match: None,
    };
    blocking(move || files.delete(&place, &condition)).await?;
    Ok(DeleteObjectOutput::default())
}

/// Deletes objects one by one: what can't be deleted keeps no other from it.
pub(super) async fn delete_many(
    files: Arc<Files>,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<DeleteObjectsOutput> {
    let DeleteObjectsInput { bucket, delete, .. } = request.input;
    if delete.objects.len() > DELETED_MAX {
        return Err(s3_error!(
            MalformedXML,
            "a request deletes at most {DELETED_MAX} objects"
        ));
    }
    let is_quiet = delete.quiet.unwrap_or(false);
    blocking(move || {
        files.bucket_folder(&bucket)?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in delete.objects {
            let place = Place::new(bucket.as_str(), object.key);
            let end = files.delete(&place, &WriteCondition::default());
            let key = Some(place.key);
            match end {
                Ok(()) if is_quiet => {}
                Ok(()) => deleted.push(DeletedObject {
                    key,
                    ..DeletedObject::default()
                }),
                Err(error) => errors.push(told(key, &error)),
            }
        }
        Ok(DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..DeleteObjectsOutput::default()
        })
    })
    .await
}

fn told(key: Option<String>, error: &S3Error) -> Error {
    Error {
        key,
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        ..Error::default()
    }
}
