//! The Lambda Runtime API of one instance.
//!
//! Source: Lambda Developer Guide, "Using the Lambda runtime API", version 2018-06-01. Nothing in it is signed, as in
//! Lambda: its port is any free one, and no page reaches it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{Mutex, mpsc};

use super::PAYLOAD_BYTES_MAX;
use crate::door::Refusal;
use crate::http::{Reply, ReplyBody, Server, full};

/// Bytes that are read of an answer: enough to say by how much it is too large.
const BODY_BYTES_MAX: usize = 4 * PAYLOAD_BYTES_MAX;

/// What an instance is given to do.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) arn: String,
    pub(super) timeout: Duration,
}

/// What an instance's process said.
#[derive(Debug)]
pub(super) enum Report {
    /// It took the invocation.
    Taken,
    Answer {
        request_id: String,
        payload: Bytes,
    },
    Error {
        request_id: String,
        body: Bytes,
    },
    InitError {
        body: Bytes,
    },
}

#[derive(Debug)]
pub(super) struct RuntimeApi {
    server: Server,
    work: mpsc::UnboundedSender<Invocation>,
    reports: mpsc::UnboundedReceiver<(Instant, Report)>,
}

impl RuntimeApi {
    pub(super) async fn start(address: SocketAddr) -> io::Result<Self> {
        let (work, waiting) = mpsc::unbounded_channel();
        let (said, reports) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let server = Server::start(address, refuse, move |request| {
            answer(request, Arc::clone(&waiting), said.clone())
        })
        .await?;
        Ok(Self {
            server,
            work,
            reports,
        })
    }

    /// `host:port`, for `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> String {
        self.server
            .endpoint()
            .trim_start_matches("http://")
            .to_owned()
    }

    pub(super) fn hand_over(&self, invocation: Invocation) {
        // The receiver lives as long as the server, which this value holds.
        let _ = self.work.send(invocation);
    }

    /// What the process says next, and when it was said: figures don't take in what comes after.
    ///
    /// Waits without an end when the server is gone; the process' own end is seen then.
    pub(super) async fn next_report(&mut self) -> (Instant, Report) {
        match self.reports.recv().await {
            Some(report) => report,
            None => std::future::pending().await,
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    waiting: Arc<Mutex<mpsc::UnboundedReceiver<Invocation>>>,
    said: mpsc::UnboundedSender<(Instant, Report)>,
) -> Reply {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let report = match (request.method(), parts.as_slice()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => {
            let Some(invocation) = waiting.lock().await.recv().await else {
                return Reply::Reset;
            };
            let _ = said.send((Instant::now(), Report::Taken));
            return Reply::Answer(next(invocation));
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
            let request_id = (*id).to_owned();
            match body(request).await {
                Ok(payload) => Report::Answer {
                    request_id,
                    payload,
                },
                Err(reply) => return reply,
            }
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
            let request_id = (*id).to_owned();
            match body(request).await {
                Ok(body) => Report::Error { request_id, body },
                Err(reply) => return reply,
            }
        }
        (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => match body(request).await {
            Ok(body) => Report::InitError { body },
            Err(reply) => return reply,
        },
        _ => {
            return json(
                StatusCode::NOT_FOUND,
                r#"{"errorType":"InvalidRoute","errorMessage":"not a path of the Runtime API"}"#,
            );
        }
    };
    // Nobody listens any more when the service ends.
    let _ = said.send((Instant::now(), report));
    json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

fn next(invocation: Invocation) -> Response<ReplyBody> {
    let deadline_ms = (SystemTime::now() + invocation.timeout)
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let trace = format!("Root=1-{:08x}-{:024x};Sampled=0", deadline_ms / 1000, 0);
    let mut response = Response::new(full(invocation.payload));
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", &invocation.request_id),
        ("lambda-runtime-deadline-ms", &deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", &invocation.arn),
        ("lambda-runtime-trace-id", &trace),
    ] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    response
}

async fn body(request: Request<Incoming>) -> Result<Bytes, Reply> {
    match Limited::new(request.into_body(), BODY_BYTES_MAX)
        .collect()
        .await
    {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(json(
            StatusCode::PAYLOAD_TOO_LARGE,
            r#"{"errorType":"RequestEntityTooLarge","errorMessage":"the answer is too large"}"#,
        )),
    }
}

fn refuse(refusal: &Refusal) -> Response<ReplyBody> {
    let body =
        serde_json::json!({"errorType": refusal.code(), "errorMessage": refusal.to_string()});
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

fn json(status: StatusCode, body: &'static str) -> Reply {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    Reply::Answer(response)
}
