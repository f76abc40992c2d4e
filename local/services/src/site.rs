//! A site for people's browsers: the door and the HTTP of the embedded services, with whole requests and answers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::door::Refusal;
use crate::http::{Reply, ReplyBody, Server, full};

/// A site that is there until it is dropped. Requests of other origins' pages and for other hosts are answered with
/// 403 before anybody sees them.
#[derive(Debug)]
pub struct Site {
    server: Server,
}

impl Site {
    /// Listens at `address` (port 0: any free one). A request whose body has more than `body_bytes_max` bytes is
    /// answered with 413.
    ///
    /// # Errors
    ///
    /// The address can't be listened at.
    pub async fn start<H, F>(
        address: SocketAddr,
        body_bytes_max: usize,
        handler: H,
    ) -> io::Result<Self>
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Bytes>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let answer = move |request: Request<Incoming>| {
            let handler = Arc::clone(&handler);
            async move {
                let (parts, body) = request.into_parts();
                let response = match Limited::new(body, body_bytes_max).collect().await {
                    Ok(body) => handler(Request::from_parts(parts, body.to_bytes())).await,
                    Err(_) => text(413, format!("a request has at most {body_bytes_max} bytes")),
                };
                Reply::Answer(response.map(full))
            }
        };
        let server = Server::start(address, refuse, answer).await?;
        Ok(Self { server })
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }
}

fn refuse(refusal: &Refusal) -> Response<ReplyBody> {
    text(Refusal::STATUS, refusal.to_string()).map(full)
}

fn text(status: u16, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
}
