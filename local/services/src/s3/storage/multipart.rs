//! Uploads in parts.

use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use super::buckets::Spelling;
use super::objects::{
    Source, algorithm_of, check_place, headers_of, source_condition, source_place, without_framing,
};
use crate::s3::attributes::{CONTENT_TYPE, Headers};
use crate::s3::conditional::{ReadCondition, WriteCondition};
use crate::s3::digest::{Algorithm, Checksum, Claims, checksum_fields, set_checksum};
use crate::s3::files::Files;
use crate::s3::request::Place;
use crate::s3::unfinished::{blocking, receive};
use crate::s3::uploads::{self, Completion, PARTS_MAX, Upload, WantedPart};

/// Most parts or uploads of a page, inclusive. Source: S3 API, ListParts.
const PAGE_MAX: usize = 1000;

pub(super) async fn begin(
    files: Arc<Files>,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let input = request.input;
    let algorithm = algorithm_of(input.checksum_algorithm.as_ref())?;
    let kind = input.checksum_type.as_ref();
    let upload = Upload {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        headers: headers_of!(input),
        algorithm,
        // CRC64NVME has no other form. Source: S3 User Guide, "Checking object integrity".
        is_of_full_object: algorithm == Some(Algorithm::Crc64Nvme)
            || kind.is_some_and(|kind| kind.as_str() == ChecksumType::FULL_OBJECT),
        begun: SystemTime::now(),
    };
    let checksum_type = algorithm.map(|_| {
        ChecksumType::from_static(if upload.is_of_full_object {
            ChecksumType::FULL_OBJECT
        } else {
            ChecksumType::COMPOSITE
        })
    });
    let id = blocking(move || files.begin_upload(&upload)).await?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type,
        ..CreateMultipartUploadOutput::default()
    })
}

fn check_number(number: i32) -> S3Result<()> {
    if (1..=PARTS_MAX).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(
        InvalidArgument,
        "Part number must be an integer between 1 and {PARTS_MAX}, inclusive"
    ))
}

pub(super) async fn put_part(
    files: Arc<Files>,
    request: S3Request<UploadPartInput>,
) -> S3Result<UploadPartOutput> {
    let mut input = request.input;
    let number = input.part_number;
    check_number(number)?;
    let place = Place::new(input.bucket, input.key);
    let id = input.upload_id;
    let upload = {
        let (files, place, id) = (Arc::clone(&files), place.clone(), id.clone());
        blocking(move || files.upload(&place, &id)).await?
    };
    let claims = Claims {
        content_md5: input.content_md5,
        size: input.content_length,
        checksum: Checksum::given(checksum_fields!(input)),
        algorithm: Claims::announced(&request.headers).or(upload.algorithm),
    };
    let trailers = request.trailing_headers;
    let received = receive(&files.bench, input.body, &claims, trailers).await?;
    let part = blocking(move || files.put_part(&place, &id, number, received)).await?;
    let mut output = UploadPartOutput {
        e_tag: Some(ETag::Strong(part.attributes.etag)),
        ..UploadPartOutput::default()
    };
    set_checksum!(output, part.attributes.checksum.as_ref());
    Ok(output)
}

pub(super) async fn copy_part(
    files: Arc<Files>,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<UploadPartCopyOutput> {
    let input = request.input;
    let number = input.part_number;
    check_number(number)?;
    let place = Place::new(input.bucket, input.key);
    check_place(&files, &place).await?;
    let range = copied_range(input.copy_source_range.as_deref())?;
    let mut source = Source {
        place: source_place(input.copy_source)?,
        condition: source_condition!(input),
        range,
        algorithm: None,
    };
    let id = input.upload_id;
    let part = blocking(move || {
        source.algorithm = files.upload(&place, &id)?.algorithm;
        let (received, _) = source.copy(&files)?;
        files.put_part(&place, &id, number, received)
    })
    .await?;
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.attributes.etag)),
        last_modified: Some(part.content.modified()),
        ..CopyPartResult::default()
    };
    set_checksum!(result, part.attributes.checksum.as_ref());
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..UploadPartCopyOutput::default()
    })
}

fn copied_range(range: Option<&str>) -> S3Result<Option<Range>> {
    range.map(Range::parse).transpose().map_err(|_| {
        s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last"
        )
    })
}

/// A page's length: what is asked for, as far as a page goes.
fn page_len(asked: Option<i32>) -> usize {
    let asked = asked.and_then(|asked| usize::try_from(asked).ok());
    asked.map_or(PAGE_MAX, |asked| asked.min(PAGE_MAX))
}

pub(super) async fn list_parts(
    files: Arc<Files>,
    request: S3Request<ListPartsInput>,
) -> S3Result<ListPartsOutput> {
    let input = request.input;
    let place = Place::new(input.bucket.as_str(), input.key.as_str());
    let id = input.upload_id.clone();
    let (upload, mut parts) = blocking(move || {
        let upload = files.upload(&place, &id)?;
        Ok((upload, files.parts(&place, &id)?))
    })
    .await?;
    parts.retain(|part| part.number > input.part_number_marker.unwrap_or(0));
    let n_parts_max = page_len(input.max_parts);
    let is_truncated = parts.len() > n_parts_max;
    parts.truncate(n_parts_max);
    let next = parts.last().map(|part| part.number);
    let parts = parts.into_iter().map(listed_part);
    Ok(ListPartsOutput {
        parts: Some(parts.collect()),
        is_truncated: Some(is_truncated),
        next_part_number_marker: next.filter(|_| is_truncated),
        part_number_marker: input.part_number_marker,
        max_parts: i32::try_from(n_parts_max).ok(),
        checksum_algorithm: upload
            .algorithm
            .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    })
}

fn listed_part(part: uploads::Part) -> Part {
    let mut listed = Part {
        part_number: Some(part.number),
        size: i64::try_from(part.content.size).ok(),
        last_modified: Some(part.content.modified()),
        e_tag: Some(ETag::Strong(part.attributes.etag)),
        ..Part::default()
    };
    set_checksum!(listed, part.attributes.checksum.as_ref());
    listed
}

pub(super) async fn list(
    files: Arc<Files>,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<ListMultipartUploadsOutput> {
    let input = request.input;
    if input
        .delimiter
        .as_ref()
        .is_some_and(|text| !text.is_empty())
    {
        return Err(s3_error!(
            NotImplemented,
            "the embedded S3 lists uploads without delimiters"
        ));
    }
    let bucket = input.bucket.clone();
    let mut uploads = blocking(move || files.uploads(&bucket)).await?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    uploads.retain(|(_, upload)| upload.key.starts_with(prefix));
    let key_marker = input.key_marker.as_deref().unwrap_or_default();
    skip_to(&mut uploads, key_marker, input.upload_id_marker.as_deref());
    let n_uploads_max = page_len(input.max_uploads);
    let is_truncated = uploads.len() > n_uploads_max;
    uploads.truncate(n_uploads_max);
    let next = uploads.last().filter(|_| is_truncated).cloned();
    let (next_id, next) = next.unzip();
    let spelling = Spelling::of(input.encoding_type.as_ref());
    let uploads = uploads.into_iter().map(|(id, upload)| MultipartUpload {
        upload_id: Some(id),
        key: spelling.text(Some(upload.key)),
        initiated: Some(upload.begun.into()),
        ..MultipartUpload::default()
    });
    Ok(ListMultipartUploadsOutput {
        uploads: Some(uploads.collect()),
        is_truncated: Some(is_truncated),
        next_key_marker: spelling.text(next.map(|upload| upload.key)),
        next_upload_id_marker: next_id,
        key_marker: spelling.text(input.key_marker),
        upload_id_marker: input.upload_id_marker,
        max_uploads: i32::try_from(n_uploads_max).ok(),
        prefix: spelling.text(input.prefix),
        encoding_type: input.encoding_type,
        bucket: Some(input.bucket),
        ..ListMultipartUploadsOutput::default()
    })
}

/// Skips the uploads up to the marker's key, and of this key up to the marker's upload, if one is named.
fn skip_to(uploads: &mut Vec<(String, Upload)>, key_marker: &str, id_marker: Option<&str>) {
    let mut has_passed = false;
    uploads.retain(|(id, upload)| {
        let is_marker = upload.key == key_marker && Some(id.as_str()) == id_marker;
        has_passed |= is_marker;
        let is_of_marker = upload.key == key_marker && has_passed && !is_marker;
        upload.key.as_str() > key_marker || is_of_marker
    });
}

pub(super) async fn complete(
    files: Arc<Files>,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let mut input = request.input;
    let parts = input
        .multipart_upload
        .take()
        .and_then(|upload| upload.parts);
    let parts = parts.into_iter().flatten().map(|mut part| WantedPart {
        number: part.part_number.unwrap_or_default(),
        etag: part.e_tag.take().map(ETag::into_value),
        checksum: Checksum::given(checksum_fields!(part)),
    });
    let completion = Completion {
        place: Place::new(input.bucket.as_str(), input.key.as_str()),
        upload_id: input.upload_id.clone(),
        parts: parts.collect(),
        checksum: Checksum::given(checksum_fields!(input)),
        condition: WriteCondition {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
        },
    };
    let attributes = blocking(move || files.complete_upload(completion)).await?;
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(ETag::Strong(attributes.etag)),
        ..CompleteMultipartUploadOutput::default()
    };
    set_checksum!(output, attributes.checksum.as_ref());
    Ok(output)
}

pub(super) async fn abort(
    files: Arc<Files>,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<AbortMultipartUploadOutput> {
    let input = request.input;
    let place = Place::new(input.bucket, input.key);
    blocking(move || files.abort_upload(&place, &input.upload_id)).await?;
    Ok(AbortMultipartUploadOutput::default())
}
