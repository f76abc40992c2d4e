//! What a request asks for, by its URL: known before its signature is checked, for faults to strike by it.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::faults::{Effect, Faults, Service, Verdict};
use crate::http::{Reply, ReplyBody, full};

/// Bucket and key of a path-style URL, decoded; empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Place {
    pub(crate) fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            key: key.into(),
        }
    }

    pub(crate) fn of(uri: &Uri) -> Self {
        let path = uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Self {
            bucket: decode(bucket),
            key: decode(key),
        }
    }
}

/// Lets scripted faults strike a request: the request, and what is to become of its answer, or the reply instead.
pub(crate) async fn strike(
    faults: &Faults,
    request: Request<Incoming>,
) -> Result<(Request<Incoming>, Option<Effect>), Reply> {
    let place = Place::of(request.uri());
    let operation = operation(request.method(), request.uri(), request.headers(), &place);
    let target = format!("{}/{}", place.bucket, place.key);
    match faults.judge(Service::S3, operation, &target).await {
        Verdict::Process(mut left) => Ok((request, left.pop())),
        Verdict::Reset => Err(Reply::Reset),
        Verdict::Refuse {
            status,
            code,
            message,
        } => {
            // The body is read first, as S3 does; otherwise the client sees a reset.
            let _ = request.into_body().collect().await;
            Err(Reply::Answer(error(status, &code, &message)))
        }
    }
}

fn operation(method: &Method, uri: &Uri, headers: &HeaderMap, place: &Place) -> &'static str {
    let query = uri.query().unwrap_or("");
    let has = |name: &str| {
        query
            .split('&')
            .any(|part| part.split('=').next() == Some(name))
    };
    let is_copy = headers.contains_key("x-amz-copy-source");
    match (
        method.as_str(),
        place.bucket.is_empty(),
        place.key.is_empty(),
    ) {
        ("GET", true, _) => "ListBuckets",
        ("GET", _, true) if has("cors") => "GetBucketCors",
        ("PUT", _, true) if has("cors") => "PutBucketCors",
        ("DELETE", _, true) if has("cors") => "DeleteBucketCors",
        ("GET", _, true) if has("location") => "GetBucketLocation",
        ("GET", _, true) if has("uploads") => "ListMultipartUploads",
        ("GET", _, true) if has("list-type") => "ListObjectsV2",
        ("GET", _, true) => "ListObjects",
        ("PUT", _, true) => "CreateBucket",
        ("HEAD", _, true) => "HeadBucket",
        ("DELETE", _, true) => "DeleteBucket",
        ("POST", _, true) => "DeleteObjects",
        ("GET", _, _) if has("uploadId") => "ListParts",
        ("GET", _, _) => "GetObject",
        ("HEAD", _, _) => "HeadObject",
        ("PUT", _, _) if has("uploadId") && is_copy => "UploadPartCopy",
        ("PUT", _, _) if has("uploadId") => "UploadPart",
        ("PUT", _, _) if is_copy => "CopyObject",
        ("PUT", _, _) if has("tagging") => "PutObjectTagging",
        ("PUT", _, _) if has("acl") => "PutObjectAcl",
        ("PUT", _, _) => "PutObject",
        ("POST", _, _) if has("uploads") => "CreateMultipartUpload",
        ("POST", _, _) if has("uploadId") => "CompleteMultipartUpload",
        ("DELETE", _, _) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", _, _) => "DeleteObject",
        _ => "Unknown",
    }
}

pub(crate) fn error(status: u16, code: &str, message: &str) -> Response<ReplyBody> {
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><RequestId>gtcl</RequestId></Error>",
        escape(code),
        escape(message)
    );
    let mut response = Response::new(full(body.clone()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, uri: &str, expected: &str, bucket: &str, key: &str) {
        let uri: Uri = uri.parse().unwrap();
        let place = Place::of(&uri);
        let found = operation(&method.parse().unwrap(), &uri, &HeaderMap::new(), &place);
        assert_eq!(found, expected, "{method} {uri}");
        assert_eq!((place.bucket.as_str(), place.key.as_str()), (bucket, key));
    }

    #[test]
    fn operations_are_told_apart() {
        check("GET", "/", "ListBuckets", "", "");
        check("GET", "/b?list-type=2&prefix=a", "ListObjectsV2", "b", "");
        check("PUT", "/b/", "CreateBucket", "b", "");
        check(
            "GET",
            "/b/a%20b/c%2Bd?x-id=GetObject",
            "GetObject",
            "b",
            "a b/c+d",
        );
        check(
            "PUT",
            "/b/k?uploadId=1&partNumber=2",
            "UploadPart",
            "b",
            "k",
        );
        check("POST", "/b/k?uploads", "CreateMultipartUpload", "b", "k");
        check(
            "POST",
            "/b/k?uploadId=1",
            "CompleteMultipartUpload",
            "b",
            "k",
        );
        check("PUT", "/b/uploadId", "PutObject", "b", "uploadId");
    }
}
