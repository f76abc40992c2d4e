//! The HTTP API that SDKs call to invoke a function: `POST /2015-03-31/functions/{name or ARN}/invocations`.
//!
//! `RequestResponse`, `Event` (two retries, as Lambda's default) and `DryRun`; signatures are checked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::{InvokeError, Lambda, Outcome, PAYLOAD_BYTES_MAX};
use crate::door::Refusal;
use crate::door::signature::{self, LAMBDA};
use crate::http::{Reply, ReplyBody, Server, full};
use crate::keys::Keys;

/// Retries of an asynchronous invocation. Source: Lambda Developer Guide, "retries … two more times".
const RETRIES_MAX: u32 = 2;
/// Wait before the first retry, doubled for the second. Lambda waits one minute and two.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// The Invoke API of a [`Lambda`]; ends when dropped.
#[derive(Debug)]
pub struct InvokeApi {
    server: Server,
}

impl InvokeApi {
    /// Listens at `address` (port 0: any free one) to whoever signs with `keys`.
    ///
    /// # Errors
    ///
    /// The address can't be listened at.
    pub async fn start(lambda: Lambda, keys: Keys, address: SocketAddr) -> io::Result<Self> {
        let api = Arc::new((lambda, keys));
        let server = Server::start(address, refuse_at_the_door, move |request| {
            let api = Arc::clone(&api);
            async move { answer(&api.0, &api.1, request).await }
        })
        .await?;
        Ok(Self { server })
    }

    /// Base URL, such as `http://127.0.0.1:9001`.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }
}

async fn answer(lambda: &Lambda, keys: &Keys, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, PAYLOAD_BYTES_MAX).collect().await else {
        return error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            &format!(
                "Request must be smaller than {PAYLOAD_BYTES_MAX} bytes for the InvokeFunction operation"
            ),
        );
    };
    let payload = body.to_bytes();
    if let Err(refusal) = signature::verify(&parts, &payload, keys, LAMBDA, SystemTime::now()) {
        return Reply::Answer(refuse_at_the_door(&refusal));
    }
    let path = parts.uri.path();
    let name = path
        .strip_prefix("/2015-03-31/functions/")
        .and_then(|rest| rest.strip_suffix("/invocations"));
    let Some(name) = name.filter(|_| parts.method == Method::POST) else {
        return error(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            "only Invoke is implemented",
        );
    };
    let name = percent_decode_str(name).decode_utf8_lossy();
    if let Err(problem) = lambda.find(&name) {
        return refuse(&problem);
    }
    let payload = if payload.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        payload
    };
    if let Err(problem) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        return error(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            &format!("Could not parse request body into json: {problem}"),
        );
    }
    let kind = parts.headers.get("x-amz-invocation-type");
    match kind.map_or(b"RequestResponse".as_slice(), |kind| kind.as_bytes()) {
        b"DryRun" => status(StatusCode::NO_CONTENT),
        b"Event" => {
            tokio::spawn(invoke_with_retries(
                lambda.clone(),
                name.into_owned(),
                payload,
            ));
            status(StatusCode::ACCEPTED)
        }
        b"RequestResponse" => match lambda.invoke(&name, payload).await {
            Ok(outcome) => Reply::Answer(answered(outcome)),
            Err(problem) => refuse(&problem),
        },
        kind => error(
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            &format!(
                "InvocationType {:?} is not RequestResponse, Event or DryRun",
                String::from_utf8_lossy(kind)
            ),
        ),
    }
}

fn answered(outcome: Outcome) -> Response<ReplyBody> {
    let mut response = Response::new(full(outcome.payload));
    let headers = response.headers_mut();
    if let Ok(id) = outcome.request_id.parse() {
        headers.insert("x-amzn-requestid", id);
    }
    headers.insert("x-amz-executed-version", LATEST);
    headers.insert("content-type", JSON);
    if outcome.error.is_some() {
        headers.insert("x-amz-function-error", UNHANDLED);
    }
    response
}

const JSON: hyper::header::HeaderValue =
    hyper::header::HeaderValue::from_static("application/json");
const LATEST: hyper::header::HeaderValue = hyper::header::HeaderValue::from_static("$LATEST");
const UNHANDLED: hyper::header::HeaderValue = hyper::header::HeaderValue::from_static("Unhandled");

async fn invoke_with_retries(lambda: Lambda, name: String, payload: Bytes) {
    let mut wait = RETRY_WAIT;
    for attempt in 0..=RETRIES_MAX {
        match lambda.invoke(&name, payload.clone()).await {
            Ok(outcome) if outcome.error.is_none() => return,
            Ok(outcome) => {
                tracing::warn!(name, attempt, error = ?outcome.error, "an asynchronous invocation failed");
            }
            Err(problem) => {
                tracing::warn!(name, attempt, %problem, "an asynchronous invocation failed");
            }
        }
        if attempt < RETRIES_MAX {
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }
}

fn refuse(problem: &InvokeError) -> Reply {
    let (status, code) = match problem {
        InvokeError::NotFound { .. } => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        InvokeError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException"),
        InvokeError::Ended { .. } => (StatusCode::SERVICE_UNAVAILABLE, "ServiceException"),
        InvokeError::Start { .. } => (StatusCode::BAD_GATEWAY, "InvalidRuntimeException"),
    };
    error(status, code, &problem.to_string())
}

fn status(status: StatusCode) -> Reply {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    Reply::Answer(response)
}

/// The Invoke API's form of a refusal at the door.
fn refuse_at_the_door(refusal: &Refusal) -> Response<ReplyBody> {
    error_response(StatusCode::FORBIDDEN, refusal.code(), &refusal.to_string())
}

fn error(status: StatusCode, code: &'static str, message: &str) -> Reply {
    Reply::Answer(error_response(status, code, message))
}

fn error_response(status: StatusCode, code: &'static str, message: &str) -> Response<ReplyBody> {
    let body = serde_json::json!({"Type": "User", "Message": message}).to_string();
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", JSON);
    headers.insert(
        "x-amzn-errortype",
        hyper::header::HeaderValue::from_static(code),
    );
    response
}
