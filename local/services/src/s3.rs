//! The embedded S3: `s3s-fs` keeps buckets as folders and objects as files.
//!
//! Around it: scripted faults, notifications of created objects, and what `s3s-fs` answers unlike S3
//! (`NoSuchBucket`; two conditional writes at once).
//!
//! Differs from S3: no versions, no tagging, no ACLs; region and bucket policies are not looked at; a key is a
//! path, so `a` and `a/b` can't both be objects, and what stands between slashes has at most 255 bytes.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::sync::{Mutex, broadcast};

use super::faults::{Effect, Faults, Service, Verdict};
use super::http::{self, Reply, ReplyBody, Server, full};
use super::s3_storage::{FILE_NAME_BYTES_MAX, Storage};
use super::{ACCESS_KEY, SECRET_KEY};

/// Notifications that a slow receiver may lag behind before it loses the oldest.
const NOTIFICATIONS_MAX: usize = 4096;

/// Longest key in bytes, inclusive. Source: S3 User Guide, "Naming Amazon S3 objects".
const KEY_BYTES_MAX: usize = 1024;

/// An object was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    /// Its bucket.
    pub bucket: String,
    /// Its key, not encoded.
    pub key: String,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
    /// As in a notification: `ObjectCreated:Put`, `ObjectCreated:Copy`, `ObjectCreated:CompleteMultipartUpload`.
    pub event_name: &'static str,
}

/// An S3 server on this machine; ends when dropped.
#[derive(Debug)]
pub struct S3Server {
    server: Server,
    created: broadcast::Sender<ObjectCreated>,
}

impl S3Server {
    /// Serves the folder `root`, which is made if it is absent, at `address` (port 0: any free one).
    ///
    /// Credentials are [`ACCESS_KEY`] and [`SECRET_KEY`]; signatures are checked.
    ///
    /// # Errors
    ///
    /// The folder can't be made or opened, or the address can't be listened at.
    pub async fn start(root: &Path, address: SocketAddr, faults: Faults) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let mut builder = S3ServiceBuilder::new(Storage::new(root)?);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let (created, _) = broadcast::channel(NOTIFICATIONS_MAX);
        let shell = Arc::new(Shell {
            root: root.to_path_buf(),
            service: builder.build(),
            created: created.clone(),
            faults,
            conditional: Arc::default(),
        });
        let server = Server::start(address, move |request| {
            let shell = Arc::clone(&shell);
            async move { shell.answer(request).await }
        })
        .await?;
        Ok(Self { server, created })
    }

    /// Base URL, such as `http://127.0.0.1:9000`. An IP address: clients address buckets by path then.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Objects written from now on.
    pub fn notifications(&self) -> broadcast::Receiver<ObjectCreated> {
        self.created.subscribe()
    }
}

struct Shell {
    root: PathBuf,
    service: S3Service,
    created: broadcast::Sender<ObjectCreated>,
    faults: Faults,
    /// `s3s-fs` looks at a condition and writes later: two writers could both meet `If-None-Match`.
    conditional: Arc<Mutex<()>>,
}

impl Shell {
    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let place = Place::of(request.uri());
        let operation = operation(request.method(), request.uri(), request.headers(), &place);
        let target = format!("{}/{}", place.bucket, place.key);
        let end = match self.faults.judge(Service::S3, operation, &target).await {
            Verdict::Process(mut left) => left.pop(),
            Verdict::Reset => return Reply::Reset,
            Verdict::Refuse {
                status,
                code,
                message,
            } => {
                // The body is read first, as S3 does; otherwise the client sees a reset.
                let _ = request.into_body().collect().await;
                return Reply::Answer(error(status, &code, &message));
            }
        };
        if let Some(refusal) = self.refusal(&place, operation) {
            let _ = request.into_body().collect().await;
            return Reply::Answer(refusal);
        }
        let size_declared = size_declared(request.headers());
        let condition = Condition::of(request.headers());
        let is_read = operation == "GetObject" || operation == "HeadObject";
        let one_at_a_time = if condition != Condition::default() && !is_read {
            Some(Arc::clone(&self.conditional).lock_owned().await)
        } else {
            None
        };
        let service = self.service.clone();
        // A task of its own: what was begun is brought to its end though nobody may wait for the answer any more.
        let call = tokio::spawn(async move {
            let _one_at_a_time = one_at_a_time;
            let answer = service.call(request.map(s3s::Body::from)).await;
            answer.map_err(|problem| format!("{problem:?}"))
        });
        let response = match call.await.map_err(|problem| problem.to_string()).flatten() {
            Ok(response) if operation.ends_with("Upload") || operation == "UploadPart" => {
                match upload_is_gone(response.map(BodyExt::boxed_unsync)).await {
                    Ok(response) => response,
                    Err(_) => return Reply::Reset,
                }
            }
            Ok(response) => response.map(BodyExt::boxed_unsync),
            Err(problem) => {
                tracing::warn!(?problem, "a request could not be processed");
                return Reply::Reset;
            }
        };
        let response = if is_read {
            condition.hold(response)
        } else {
            response
        };
        let response = match event_name(operation) {
            Some(event_name) if response.status().is_success() => {
                match self
                    .notify(response, place, event_name, size_declared)
                    .await
                {
                    Ok(response) => response,
                    Err(_) => return Reply::Reset,
                }
            }
            _ => response,
        };
        let response = if matches!(operation, "ListObjects" | "ListObjectsV2") {
            match without_encoding_type(response).await {
                Ok(response) => response,
                Err(_) => return Reply::Reset,
            }
        } else {
            response
        };
        match end {
            None => Reply::Answer(response),
            Some(Effect::ResetMidBody) => http::cut(response).await,
            Some(_) => Reply::Reset,
        }
    }

    /// What `s3s-fs` would answer unlike S3: it makes the folder of a bucket that isn't there when it writes,
    /// answers `NoSuchKey` when it reads, fails at reading a folder of objects, follows `..` out of a bucket, and fails
    /// at names that a file can't have.
    fn refusal(&self, place: &Place, operation: &str) -> Option<Response<ReplyBody>> {
        if place.bucket.is_empty() || operation == "CreateBucket" {
            return None;
        }
        let is_within = !place.bucket.contains(['/', '\\'])
            && !place.bucket.starts_with('.')
            && place.key.split('/').all(|part| part != "." && part != "..");
        if !is_within {
            return Some(error(
                400,
                "InvalidArgument",
                "the embedded S3 keeps objects as files: a key can't have . or .. between slashes",
            ));
        }
        if !self.root.join(&place.bucket).is_dir() {
            return Some(error(
                404,
                "NoSuchBucket",
                "The specified bucket does not exist",
            ));
        }
        let is_folder =
            || !place.key.ends_with('/') && self.root.join(&place.bucket).join(&place.key).is_dir();
        if !place.key.is_empty() && matches!(operation, "GetObject" | "HeadObject") && is_folder() {
            return Some(error(404, "NoSuchKey", "The specified key does not exist."));
        }
        if place.key.len() > KEY_BYTES_MAX {
            return Some(error(400, "KeyTooLongError", "Your key is too long"));
        }
        let mut parts = place.key.split('/');
        parts.any(|part| part.len() > FILE_NAME_BYTES_MAX).then(|| {
            error(
                400,
                "KeyTooLongError",
                "the embedded S3 keeps objects as files: a key can't have more than 255 bytes between slashes",
            )
        })
    }

    /// Tells of the object; the answer's body is read where it holds the entity tag.
    async fn notify(
        &self,
        response: Response<ReplyBody>,
        place: Place,
        event_name: &'static str,
        size_declared: Option<u64>,
    ) -> Result<Response<ReplyBody>, http::BoxError> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let etag = match parts.headers.get(ETAG).and_then(|tag| tag.to_str().ok()) {
            Some(tag) => Some(tag.to_owned()),
            None => etag_in_xml(&String::from_utf8_lossy(&body)),
        };
        // A multipart upload or copy can fail after its status was sent: then its body has no entity tag.
        if let Some(etag) = etag {
            let file = self.root.join(&place.bucket).join(&place.key);
            let size = fs::metadata(file).ok().map(|found| found.len());
            // Nobody may be listening.
            let _ = self.created.send(ObjectCreated {
                bucket: place.bucket,
                key: place.key,
                etag: etag.trim_matches('"').to_owned(),
                size: size_declared.or(size).unwrap_or(0),
                event_name,
            });
        }
        Ok(Response::from_parts(parts, full(body)))
    }
}

/// What a request's headers want of the object's entity tag.
#[derive(Debug, Default, PartialEq, Eq)]
struct Condition {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl Condition {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self {
            if_match: text(IF_MATCH),
            if_none_match: text(IF_NONE_MATCH),
        }
    }

    /// The answer to a read, where the condition holds: `s3s-fs` doesn't look at conditions of reads.
    fn hold(&self, response: Response<ReplyBody>) -> Response<ReplyBody> {
        let etag = response.headers().get(ETAG);
        let Some(etag) = etag.and_then(|tag| tag.to_str().ok()) else {
            return response;
        };
        let is_among = |tags: &String| {
            let mut tags = tags.split(',').map(|tag| tag.trim().trim_matches('"'));
            tags.any(|tag| tag == "*" || tag == etag.trim_matches('"'))
        };
        if self.if_match.as_ref().is_some_and(|tags| !is_among(tags)) {
            let message = "At least one of the pre-conditions you specified did not hold";
            return error(412, "PreconditionFailed", message);
        }
        if self.if_none_match.as_ref().is_some_and(is_among) {
            let mut unchanged = Response::new(full(Vec::new()));
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            if let Some(etag) = response.headers().get(ETAG) {
                unchanged.headers_mut().insert(ETAG, etag.clone());
            }
            return unchanged;
        }
        response
    }
}

/// Bucket and key of a path-style URL, decoded; empty where there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) key: String,
}

impl Place {
    pub(super) fn of(uri: &Uri) -> Self {
        let path = uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Self {
            bucket: decode(bucket),
            key: decode(key),
        }
    }
}

pub(super) fn operation(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    place: &Place,
) -> &'static str {
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

fn event_name(operation: &str) -> Option<&'static str> {
    match operation {
        "PutObject" => Some("ObjectCreated:Put"),
        "CopyObject" => Some("ObjectCreated:Copy"),
        "CompleteMultipartUpload" => Some("ObjectCreated:CompleteMultipartUpload"),
        _ => None,
    }
}

/// The object's size as its writer declared it; a chunked upload's content length counts its framing, too.
fn size_declared(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key("x-amz-copy-source") {
        return None;
    }
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse().ok();
    number("x-amz-decoded-content-length")
}

/// `s3s-fs` denies access to an upload that isn't there.
async fn upload_is_gone(
    response: Response<ReplyBody>,
) -> Result<Response<ReplyBody>, http::BoxError> {
    if response.status() != StatusCode::FORBIDDEN {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    if String::from_utf8_lossy(&body).contains("<Code>AccessDenied</Code>") {
        let message = "The specified upload does not exist. It may have been aborted or completed.";
        return Ok(error(404, "NoSuchUpload", message));
    }
    Ok(Response::from_parts(parts, full(body)))
}

/// `s3s-fs` says that keys are URL-encoded when asked for it, but doesn't encode them: a client would read `a+b` as
/// `a b`. S3 may ignore what is asked for, and a client decodes only what the answer calls encoded.
async fn without_encoding_type(
    response: Response<ReplyBody>,
) -> Result<Response<ReplyBody>, http::BoxError> {
    const SAID: &str = "<EncodingType>url</EncodingType>";
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body);
    let body = if text.contains(SAID) {
        parts.headers.remove(CONTENT_LENGTH);
        hyper::body::Bytes::from(text.replacen(SAID, "", 1))
    } else {
        body
    };
    Ok(Response::from_parts(parts, full(body)))
}

fn etag_in_xml(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("<ETag>")?;
    let (etag, _) = rest.split_once("</ETag>")?;
    Some(etag.replace("&quot;", "\"").replace("&#34;", "\""))
}

pub(super) fn error(status: u16, code: &str, message: &str) -> Response<ReplyBody> {
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
    headers.insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/xml"),
    );
    headers.insert(CONTENT_LENGTH, hyper::header::HeaderValue::from(body.len()));
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

    #[test]
    fn the_entity_tag_of_a_body() {
        let body = "<R><ETag>&quot;abc-2&quot;</ETag></R>";
        assert_eq!(etag_in_xml(body).as_deref(), Some("\"abc-2\""));
        assert_eq!(etag_in_xml("<Error/>"), None);
    }
}
