//! Buckets, and what is in them.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Result, s3_error};

use crate::REGION;
use crate::s3::files::Files;
use crate::s3::listing::{PAGE_KEYS_MAX, Page, PageRequest, parse_token, token};
use crate::s3::unfinished::blocking;

/// Characters of a key that stay as they are where a client wants keys encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

pub(super) async fn create(
    files: Arc<Files>,
    request: S3Request<CreateBucketInput>,
) -> S3Result<CreateBucketOutput> {
    let bucket = request.input.bucket;
    let location = Some(format!("/{bucket}"));
    blocking(move || files.create_bucket(&bucket)).await?;
    Ok(CreateBucketOutput { location })
}

pub(super) async fn delete(
    files: Arc<Files>,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<DeleteBucketOutput> {
    blocking(move || files.delete_bucket(&request.input.bucket)).await?;
    Ok(DeleteBucketOutput::default())
}

pub(super) async fn head(
    files: Arc<Files>,
    request: S3Request<HeadBucketInput>,
) -> S3Result<HeadBucketOutput> {
    blocking(move || files.bucket_folder(&request.input.bucket)).await?;
    Ok(HeadBucketOutput {
        bucket_region: Some(REGION.to_owned()),
        ..HeadBucketOutput::default()
    })
}

/// The region of buckets is the one whose name S3 leaves out here.
pub(super) async fn location(
    files: Arc<Files>,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<GetBucketLocationOutput> {
    blocking(move || files.bucket_folder(&request.input.bucket)).await?;
    Ok(GetBucketLocationOutput::default())
}

pub(super) async fn list(
    files: Arc<Files>,
    _request: S3Request<ListBucketsInput>,
) -> S3Result<ListBucketsOutput> {
    let buckets = blocking(move || files.buckets()).await?;
    let buckets = buckets.into_iter().map(|(name, made)| Bucket {
        name: Some(name),
        creation_date: Some(made.into()),
        ..Bucket::default()
    });
    Ok(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        ..ListBucketsOutput::default()
    })
}

pub(super) async fn put_cors(
    files: Arc<Files>,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<PutBucketCorsOutput> {
    let input = request.input;
    blocking(move || files.put_cors(&input.bucket, &input.cors_configuration)).await?;
    Ok(PutBucketCorsOutput::default())
}

pub(super) async fn get_cors(
    files: Arc<Files>,
    request: S3Request<GetBucketCorsInput>,
) -> S3Result<GetBucketCorsOutput> {
    let rules = blocking(move || files.cors(&request.input.bucket)).await?;
    let rules = rules.ok_or_else(|| {
        s3_error!(
            NoSuchCORSConfiguration,
            "The CORS configuration does not exist"
        )
    })?;
    Ok(GetBucketCorsOutput {
        cors_rules: Some(rules.cors_rules),
    })
}

pub(super) async fn delete_cors(
    files: Arc<Files>,
    request: S3Request<DeleteBucketCorsInput>,
) -> S3Result<DeleteBucketCorsOutput> {
    blocking(move || {
        files.bucket_folder(&request.input.bucket)?;
        files.delete_cors(&request.input.bucket)
    })
    .await?;
    Ok(DeleteBucketCorsOutput::default())
}

pub(super) async fn list_objects_v2(
    files: Arc<Files>,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<ListObjectsV2Output> {
    let input = request.input;
    let after = match &input.continuation_token {
        Some(token) => parse_token(token)?,
        None => input.start_after.clone().unwrap_or_default(),
    };
    let page = PageRequest {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after,
        n_keys_max: n_keys_max(input.max_keys)?,
    };
    let bucket = input.bucket.clone();
    let page = blocking(move || files.list(&bucket, &page)).await?;
    let spelling = Spelling::of(input.encoding_type.as_ref());
    let next = page.next.as_deref().map(token);
    let (contents, common_prefixes) = spelling.page(page);
    Ok(ListObjectsV2Output {
        key_count: i32::try_from(contents.len() + common_prefixes.len()).ok(),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        is_truncated: Some(next.is_some()),
        next_continuation_token: next,
        continuation_token: input.continuation_token,
        max_keys: Some(input.max_keys.unwrap_or(PAGE_KEYS_MAX as i32)),
        prefix: spelling.text(input.prefix),
        delimiter: spelling.text(input.delimiter),
        start_after: spelling.text(input.start_after),
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        ..ListObjectsV2Output::default()
    })
}

pub(super) async fn list_objects(
    files: Arc<Files>,
    request: S3Request<ListObjectsInput>,
) -> S3Result<ListObjectsOutput> {
    let input = request.input;
    let page = PageRequest {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after: input.marker.clone().unwrap_or_default(),
        n_keys_max: n_keys_max(input.max_keys)?,
    };
    let bucket = input.bucket.clone();
    let page = blocking(move || files.list(&bucket, &page)).await?;
    let spelling = Spelling::of(input.encoding_type.as_ref());
    let next = page.next.clone();
    let (contents, common_prefixes) = spelling.page(page);
    Ok(ListObjectsOutput {
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        is_truncated: Some(next.is_some()),
        next_marker: spelling.text(next),
        max_keys: Some(input.max_keys.unwrap_or(PAGE_KEYS_MAX as i32)),
        marker: spelling.text(input.marker),
        prefix: spelling.text(input.prefix),
        delimiter: spelling.text(input.delimiter),
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        ..ListObjectsOutput::default()
    })
}

fn n_keys_max(asked: Option<i32>) -> S3Result<usize> {
    let Some(asked) = asked else {
        return Ok(PAGE_KEYS_MAX);
    };
    let asked = usize::try_from(asked)
        .map_err(|_| s3_error!(InvalidArgument, "max-keys can't be less than 0"))?;
    Ok(asked.min(PAGE_KEYS_MAX))
}

/// How keys are written in an answer: XML has no way to write some characters as they are.
#[derive(Clone, Copy)]
pub(super) struct Spelling {
    is_encoded: bool,
}

impl Spelling {
    pub(super) fn of(encoding: Option<&EncodingType>) -> Self {
        let is_encoded = encoding.is_some_and(|kind| kind.as_str() == EncodingType::URL);
        Self { is_encoded }
    }

    pub(super) fn text(self, text: Option<String>) -> Option<String> {
        let encode = |text: String| utf8_percent_encode(&text, ENCODED).to_string();
        if self.is_encoded {
            text.map(encode)
        } else {
            text
        }
    }

    fn page(self, page: Page) -> (Vec<Object>, Vec<CommonPrefix>) {
        let objects = page.objects.into_iter().map(|listed| Object {
            key: self.text(Some(listed.key)),
            size: i64::try_from(listed.content.size).ok(),
            last_modified: Some(listed.content.modified()),
            e_tag: listed.etag.map(ETag::Strong),
            storage_class: Some(ObjectStorageClass::from_static(
                ObjectStorageClass::STANDARD,
            )),
            ..Object::default()
        });
        let prefixes = page.common_prefixes.into_iter().map(|prefix| CommonPrefix {
            prefix: self.text(Some(prefix)),
        });
        (objects.collect(), prefixes.collect())
    }
}
