//! What the embedded services' HTTP servers have in common.

mod expect;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use self::expect::{Expectation, Expected};
use crate::door::{self, Refusal};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, BoxError>;

/// What a handler answers.
pub(crate) enum Reply {
    Answer(Response<ReplyBody>),
    /// The connection ends without an answer.
    Reset,
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> ReplyBody {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Server {
    /// Listens at `address` (port 0: any free one) and answers with `handler` those who may come in, the others with
    /// `refuse`.
    pub(crate) async fn start<H, F>(
        address: SocketAddr,
        refuse: fn(&Refusal) -> Response<ReplyBody>,
        handler: H,
    ) -> io::Result<Self>
    where
        H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let handler = Arc::new(move |request: Request<Incoming>| {
            let admitted = door::admit(request.uri(), request.headers(), address);
            let handled = match admitted {
                Ok(()) => Ok(handler(request)),
                Err(refusal) => Err((refusal, request)),
            };
            async move {
                match handled {
                    Ok(answer) => answer.await,
                    Err((refusal, request)) => {
                        pass_over(request.into_body()).await;
                        Reply::Answer(refuse(&refusal))
                    }
                }
            }
        });
        let accepting = tokio::spawn(accept(listener, handler)).abort_handle();
        Ok(Self { address, accepting })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Connections end with the task that accepts them: the `JoinSet` aborts its tasks when it is dropped.
async fn accept<H, F>(listener: TcpListener, handler: Arc<H>)
where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::task::yield_now().await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        // Answers are small and written whole: waiting for more to send only adds delay.
        let _ = socket.set_nodelay(true);
        let handler = Arc::clone(&handler);
        connections.spawn(async move {
            let expectation = Expectation::new();
            let io = Expected::new(TokioIo::new(socket), Arc::clone(&expectation));
            let service = service_fn(move |request| {
                expectation.note(&request);
                let answer = handler(request);
                async move {
                    match answer.await {
                        Reply::Answer(response) => Ok(response),
                        Reply::Reset => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                    }
                }
            });
            // A client that goes away, or a scripted reset, ends the connection: nothing to do about either.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(io, service)
                .await;
        });
    }
}

/// Reads a body and keeps nothing of it: a client that still sends would see a reset instead of the answer.
pub(crate) async fn pass_over(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// Cuts the answer in the middle of its body: the declared length stays, half of it is sent.
pub(crate) async fn cut(response: Response<ReplyBody>) -> Reply {
    let (parts, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Reply::Reset,
    };
    if body.len() < 2 {
        return Reply::Reset;
    }
    let cut = CutBody {
        first: Some(body.slice(..body.len() / 2)),
        declared: body.len() as u64,
        has_waited: false,
    };
    Reply::Answer(Response::from_parts(parts, cut.boxed_unsync()))
}

struct CutBody {
    first: Option<Bytes>,
    declared: u64,
    has_waited: bool,
}

impl Body for CutBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if !self.has_waited {
            // While the body has nothing to give, hyper sends what it has.
            self.has_waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        Poll::Ready(Some(Err(reset.into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.declared)
    }
}
