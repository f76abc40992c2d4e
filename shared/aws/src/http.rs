//! The HTTPS client that all SDK clients of a process share: HTTP/1.1, one pool of connections, one list of trusted
//! certificates.
//!
//! Not the SDKs' own: that one reads the certificates the slow way, and for each client of a service, and brings HTTP/2
//! and proxies, which S3 doesn't speak and functions don't have. What it does about connections is done here, too.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{self, CaptureConnection, capture_connection};
use hyper_util::client::legacy::{self as client, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

/// Longest wait for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the first byte of an answer, unless an SDK client has another. An UpdateDatasetEntries call carries up to 7 MB of base64, so it is generous.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The SDKs' own choice, AES with the longer key first. Source: aws-smithy-http-client.
const CIPHER_SUITES: [CipherSuite; 7] = [
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

type Fault = Box<dyn Error + Send + Sync>;

/// A client that trusts these certificates.
pub(crate) fn https_client(roots: RootCertStore) -> SharedHttpClient {
    let mut tcp = connect::HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let https = HttpsConnector::from((tcp, tls(roots)));
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new());
    let client = builder.build(Connect { https });
    http_client_fn(move |settings, _| {
        SharedHttpConnector::new(Https {
            client: client.clone(),
            read_timeout: settings.read_timeout().unwrap_or(READ_TIMEOUT),
        })
    })
}

#[expect(
    clippy::expect_used,
    reason = "AWS-LC has a cipher suite for both versions of TLS"
)]
fn tls(roots: RootCertStore) -> ClientConfig {
    let all = aws_lc_rs::default_provider();
    let suite = |wanted: &CipherSuite| {
        let mut known = all.cipher_suites.iter();
        known.find(|suite| suite.suite() == *wanted).copied()
    };
    let provider = CryptoProvider {
        cipher_suites: CIPHER_SUITES.iter().filter_map(suite).collect(),
        ..all
    };
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

struct Https {
    client: Client<Connect, SdkBody>,
    read_timeout: Duration,
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Https")
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        if let Some(asked) = request.extensions().get::<CaptureSmithyConnection>() {
            asked.set_connection_retriever(move || poisonable(connection.clone()));
        }
        let read_timeout = self.read_timeout;
        let answer = tokio::time::timeout(read_timeout, self.client.request(request));
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(Ok(answer)) => HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                Ok(Err(error)) => Err(failure(error)),
                Err(_) => Err(ConnectorError::timeout(too_late("answer", read_timeout))),
            }
        })
    }
}

/// Whatever happens before an answer is worth another try, but for a server that isn't trusted.
fn failure(error: client::Error) -> ConnectorError {
    let is_late = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    if causes(&error).any(<dyn Error>::is::<rustls::Error>) {
        ConnectorError::other(error.into(), None)
    } else if causes(&error).any(|cause| cause.downcast_ref().is_some_and(is_late)) {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

/// An error and what caused it. An [`io::Error`] is no cause of itself: what it wraps comes next.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// The SDK gives up connections over which a server said that it is in trouble.
fn poisonable(connection: CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let poison = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    let metadata = ConnectionMetadata::builder().proxied(false);
    Some(metadata.poison_fn(poison).build())
}

/// TCP, then TLS for `https`, both within [`CONNECT_TIMEOUT`].
#[derive(Clone)]
struct Connect {
    https: HttpsConnector<connect::HttpConnector>,
}

impl Service<http::Uri> for Connect {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Fault>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let connection = tokio::time::timeout(CONNECT_TIMEOUT, self.https.call(uri));
        Box::pin(async move {
            connection
                .await
                .unwrap_or_else(|_| Err(too_late("connection", CONNECT_TIMEOUT)))
        })
    }
}

fn too_late(what: &str, limit: Duration) -> Fault {
    let message = format!("no {what} within {} s", limit.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, message).into()
}
