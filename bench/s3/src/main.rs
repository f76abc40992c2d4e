//! S3 behind TLS, as the functions meet it in Lambda: `bench-s3 FOLDER CERTIFICATE ACCESS_KEY SECRET_KEY`.
//!
//! Serves the buckets in FOLDER from memory on a free port, prints its URL, and ends when its standard input does.
//! The protocol is the embedded S3's: signatures are checked.

#![expect(clippy::print_stdout, reason = "its URL is what it has to say")]

mod storage;

use std::error::Error;
use std::io::Read;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use storage::Storage;

type Fault = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let (folder, certificate) = (next("FOLDER")?, next("CERTIFICATE")?);
    let (access_key, secret_key) = (next("ACCESS_KEY")?, next("SECRET_KEY")?);

    let mut service = S3ServiceBuilder::new(Storage::of_folder(Path::new(&folder))?);
    service.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = service.build();
    let chain = CertificateDer::pem_file_iter(&certificate)?.collect::<Result<_, _>>()?;
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&certificate)?)?;
    let tls = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("https://{}", listener.local_addr()?);

    let accepting = async {
        loop {
            let (client, _) = listener.accept().await?;
            let (tls, service) = (tls.clone(), service.clone());
            // A client that goes away ends its connection, and nothing else.
            tokio::spawn(async move { serve(client, &tls, service).await });
        }
    };
    let input = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    tokio::select! {
        ended = accepting => ended,
        _ = input => Ok(()),
    }
}

async fn serve(client: TcpStream, tls: &TlsAcceptor, service: S3Service) -> Result<(), Fault> {
    client.set_nodelay(true)?;
    let client = TokioIo::new(tls.accept(client).await?);
    Builder::new(TokioExecutor::new())
        .serve_connection(client, service)
        .await
}
