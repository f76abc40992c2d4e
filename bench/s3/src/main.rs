//! S3 behind TLS, as the functions meet it in Lambda: `bench-s3 FOLDER CERTIFICATE ACCESS_KEY SECRET_KEY`.
//!
//! Serves the buckets in FOLDER from memory on a free port, prints its URL, and ends when its standard input does.
//! The protocol is the embedded S3's: signatures are checked.

#![expect(clippy::print_stdout, reason = "its URL is what it has to say")]

mod storage;

use std::error::Error;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, version};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio_rustls::TlsAcceptor;

use storage::Storage;

/// Connections served at the same time; one more waits. The functions open 18 at most.
const CONNECTIONS_MAX: usize = 32;

type Fault = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let (folder, certificate) = (next("FOLDER")?, next("CERTIFICATE")?);
    let (access_key, secret_key) = (next("ACCESS_KEY")?, next("SECRET_KEY")?);

    let mut service = S3ServiceBuilder::new(Storage::of_folder(Path::new(&folder))?);
    service.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = service.build();
    let tls = TlsAcceptor::from(Arc::new(tls(Path::new(&certificate))?));
    let listener = Arc::new(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    // A thread a connection: signing takes longer than any request, and must not hold up the requests of others.
    for _ in 0..CONNECTIONS_MAX {
        let (listener, tls, service) = (listener.clone(), tls.clone(), service.clone());
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::spawn(move || {
            loop {
                // A client that goes away ends its connection, and nothing else.
                let _ = serve(&listener, &runtime, &tls, &service);
            }
        });
    }
    println!("https://{}", listener.local_addr()?);
    let _ = std::io::stdin().read(&mut [0]);
    Ok(())
}

/// What S3 chooses of what a client offers, whatever the client prefers: TLS 1.3 with the shorter AES key.
fn tls(certificate: &Path) -> Result<ServerConfig, Fault> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let provider = CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
        ..aws_lc_rs::default_provider()
    };
    let tls = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(certificate)?)?;
    Ok(tls)
}

/// Takes a connection, and serves it to its end.
fn serve(
    listener: &TcpListener,
    runtime: &Runtime,
    tls: &TlsAcceptor,
    service: &S3Service,
) -> Result<(), Fault> {
    let (client, _) = listener.accept()?;
    client.set_nonblocking(true)?;
    client.set_nodelay(true)?;
    runtime.block_on(async {
        let client = tls.accept(TcpStream::from_std(client)?).await?;
        Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(client), service.clone())
            .await
    })
}
