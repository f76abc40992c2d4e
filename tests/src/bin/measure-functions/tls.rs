//! TLS before a plain HTTP server, as S3 has it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Takes TLS connections on a free port and hands their bytes to the server at `plain`, until the program ends.
///
/// `certificate` is a PEM file with certificate and key. Returns the port's base URL.
pub(crate) async fn start(
    plain: SocketAddr,
    certificate: &Path,
) -> Result<String, Box<dyn std::error::Error>> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(certificate)?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let endpoint = format!("https://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // A client that goes away ends its connection, and nothing else.
            tokio::spawn(async move { forward(client, plain, &acceptor).await });
        }
    });
    Ok(endpoint)
}

async fn forward(client: TcpStream, plain: SocketAddr, acceptor: &TlsAcceptor) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(plain).await?;
    server.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
