//! Scripted faults in front of an S3 server of somebody else's: what goes wrong is ours, what is right is theirs.

use std::io;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::faults::{Effect, Faults};
use super::http::{self, BoxError, Reply, ReplyBody, Server, full};
use super::s3::{refuse, strike};

/// A server that hands each request on as it came, signature and all; ends when dropped.
///
/// Bodies are held whole, and each request has a connection of its own: this is for tests.
#[derive(Debug)]
pub struct S3Front {
    server: Server,
}

impl S3Front {
    /// Stands in front of the server at `behind` (`host:port`, plain HTTP).
    ///
    /// # Errors
    ///
    /// The address can't be listened at.
    pub async fn start(behind: &str, address: SocketAddr, faults: Faults) -> io::Result<Self> {
        let behind = behind.to_owned();
        let server = Server::start(address, refuse, move |request| {
            answer(request, behind.clone(), faults.clone())
        })
        .await?;
        Ok(Self { server })
    }

    /// Base URL, such as `http://127.0.0.1:9000`.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }
}

async fn answer(request: Request<Incoming>, behind: String, faults: Faults) -> Reply {
    let (request, end) = match strike(&faults, request).await {
        Ok(struck) => struck,
        Err(reply) => return reply,
    };
    let response = match hand_on(request, &behind).await {
        Ok(response) => response,
        Err(problem) => {
            tracing::warn!(%problem, behind, "a request could not be handed on");
            return Reply::Reset;
        }
    };
    match end {
        None => Reply::Answer(response),
        Some(Effect::ResetMidBody) => http::cut(response).await,
        Some(_) => Reply::Reset,
    }
}

async fn hand_on(
    request: Request<Incoming>,
    behind: &str,
) -> Result<Response<ReplyBody>, BoxError> {
    let is_head = request.method() == hyper::Method::HEAD;
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    parts.headers.remove(TRANSFER_ENCODING);
    let io = TokioIo::new(TcpStream::connect(behind).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    let answer = sender
        .send_request(Request::from_parts(parts, Full::new(body)))
        .await?;
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    // The answer to a HEAD request tells a body's length and has none.
    if !is_head {
        parts.headers.remove(TRANSFER_ENCODING);
        parts.headers.remove(CONTENT_LENGTH);
    }
    Ok(Response::from_parts(parts, full(body)))
}
