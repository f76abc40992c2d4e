//! `100 Continue` for requests without a body.
//!
//! hyper sends it when a body is read, and so not for `Content-Length: 0`. S3 sends it then, too, and some clients
//! (botocore before 1.44) lose their way when the first thing they see is the answer: they never send the connection's
//! next request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::body::Body;
use hyper::header::EXPECT;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Version};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What the answers of a connection know of its requests.
#[derive(Debug)]
pub(super) struct Expectation {
    /// The next answer is preceded by [`CONTINUE`].
    is_owed: AtomicBool,
    /// All that was answered is sent: what is written next begins an answer.
    is_flushed: AtomicBool,
}

impl Expectation {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            is_owed: AtomicBool::new(false),
            is_flushed: AtomicBool::new(true),
        })
    }

    /// Notes what a request expects. Of one that was sent before the last one was answered, nothing is noted.
    pub(super) fn note(&self, request: &Request<impl Body>) {
        let expects = request
            .headers()
            .get(EXPECT)
            .is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let is_owed = expects
            && request.version() == Version::HTTP_11
            && request.body().is_end_stream()
            && self.is_flushed.load(Ordering::Acquire);
        if is_owed {
            self.is_owed.store(true, Ordering::Release);
        }
    }
}

/// A connection that sends what its requests expect.
pub(super) struct Expected<IO> {
    io: IO,
    expectation: Arc<Expectation>,
    n_sent: usize,
}

impl<IO: Write + Unpin> Expected<IO> {
    pub(super) fn new(io: IO, expectation: Arc<Expectation>) -> Self {
        Self {
            io,
            expectation,
            n_sent: 0,
        }
    }

    /// Sends what is owed before an answer.
    fn poll_owed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.expectation.is_owed.load(Ordering::Acquire) {
            let rest = CONTINUE.get(self.n_sent..).unwrap_or_default();
            if rest.is_empty() {
                self.n_sent = 0;
                self.expectation.is_owed.store(false, Ordering::Release);
                break;
            }
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n_sent => self.n_sent += n_sent,
            }
        }
        self.expectation.is_flushed.store(false, Ordering::Release);
        Poll::Ready(Ok(()))
    }
}

impl<IO: Read + Unpin> Read for Expected<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<IO: Write + Unpin> Write for Expected<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_owed(cx))?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        // Before it flushes, hyper writes all that it has.
        self.expectation.is_flushed.store(true, Ordering::Release);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_owed(cx))?;
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }
}
