//! A function's process and S3 behind TLS: which certificates it trusts.
//!
//! `tls/root.pem` issued the certificate of `tls/server.pem`, for 127.0.0.1; `tls/other.pem` issued none. They are good
//! until 2126, for these tests alone.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use services::faults::Faults;
use services::lambda::{FunctionSpec, Lambda, Outcome};
use services::s3::S3Server;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const FUNCTION: [&str; 3] = [
    env!("CARGO_BIN_EXE_gtcl-under-test"),
    "function",
    "annotation-consolidation",
];
const ANNOTATIONS: &str =
    "out/birds/annotations/consolidated-annotation/consolidation-request/iteration-1/0.json";

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls")
        .join(name)
}

/// The embedded S3 with one annotation file, and a port in front of it that speaks TLS.
async fn s3_behind_tls(folder: &Path) -> (S3Server, SocketAddr) {
    let file = folder.join("bkt").join(ANNOTATIONS);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let annotations = json!([{
        "datasetObjectId": "0",
        "dataObject": {"s3Uri": "s3://birds/0.jpg"},
        "annotations": [{
            "workerId": "private.us-east-1.a",
            "annotationData": {"content": "{\"c\":{\"label\":\"Owl\"}}"},
        }],
    }]);
    std::fs::write(file, annotations.to_string()).unwrap();
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let s3 = S3Server::start(folder, any_port, Faults::default())
        .await
        .unwrap();

    let server = certificate("server.pem");
    let chain = CertificateDer::pem_file_iter(&server).unwrap();
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(&server).unwrap(),
        )
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind(any_port).await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = s3.endpoint().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (tls, behind) = (tls.clone(), behind.clone());
            tokio::spawn(async move {
                // A client that doesn't trust the certificate goes away.
                let Ok(mut client) = tls.accept(client).await else {
                    return;
                };
                let mut server = TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (s3, address)
}

async fn consolidate(lambda: &Lambda, s3: SocketAddr, trusted: &[(&str, &Path)]) -> Outcome {
    let path = |(name, path): &(&str, &Path)| ((*name).to_owned(), path.display().to_string());
    let mut environment: BTreeMap<_, _> = trusted.iter().map(path).collect();
    environment.insert("AWS_ENDPOINT_URL".to_owned(), format!("https://{s3}"));
    lambda.deploy(FunctionSpec {
        name: "c".to_owned(),
        command: FUNCTION.map(Into::into).to_vec(),
        environment,
        timeout: Duration::from_secs(30),
        concurrency_max: 1,
    });
    let event = json!({
        "version": "2018-10-06",
        "labelingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/birds",
        "labelCategories": ["Owl"],
        "labelAttributeName": "birds",
        "payload": {"s3Uri": format!("s3://bkt/{ANNOTATIONS}")},
    });
    let called = lambda.invoke("c", event.to_string().into()).await;
    called.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_by_the_certificates_that_the_environment_names() {
    let folder = tempfile::tempdir().unwrap();
    let (_s3, address) = s3_behind_tls(&folder.path().join("s3")).await;
    let logs = folder.path().join("logs");
    let (root, other) = (certificate("root.pem"), certificate("other.pem"));
    let both = folder.path().join("both.pem");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    std::fs::write(&both, format!("{}\n# ours\n{}", read(&other), read(&root))).unwrap();
    let one_by_one = folder.path().join("certificates");
    std::fs::create_dir(&one_by_one).unwrap();
    std::fs::copy(&root, one_by_one.join("root.pem")).unwrap();

    let trusted: [&[(&str, &Path)]; 5] = [
        &[("SSL_CERT_FILE", &root)],
        &[("SSL_CERT_FILE", &both)],
        &[("SSL_CERT_DIR", &one_by_one)],
        &[("AWS_CA_BUNDLE", &root)],
        &[("AWS_CA_BUNDLE", &root), ("SSL_CERT_FILE", &other)],
    ];
    for variables in trusted {
        let lambda = Lambda::new(logs.clone());
        let outcome = consolidate(&lambda, address, variables).await;
        assert!(outcome.error.is_none(), "{variables:?}: {outcome:?}");
    }

    let missing = folder.path().join("missing.pem");
    let refused: [&[(&str, &Path)]; 3] = [
        &[("SSL_CERT_FILE", &other)],
        &[("SSL_CERT_FILE", &missing)],
        &[("AWS_CA_BUNDLE", &other), ("SSL_CERT_FILE", &root)],
    ];
    for variables in refused {
        let lambda = Lambda::new(logs.clone());
        let outcome = consolidate(&lambda, address, variables).await;
        let error = outcome.error.unwrap();
        assert_eq!(error.error_type, "S3.Unavailable", "{variables:?}");
        let message = error.error_message;
        assert!(
            message.contains("UnknownIssuer"),
            "{variables:?}: {message}"
        );
    }
}
