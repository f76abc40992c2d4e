//! The embedded services, driven by the real Rust SDK over the wire.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper of tests fails as a test does"
)]

mod door;
mod rekognition;
mod s3;

use aws_sdk_rekognition::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use services::faults::Faults;
use services::rekognition::{Config, Rekognition};
use services::s3::S3Server;
use services::{ACCESS_KEY, REGION, SECRET_KEY};
use tempfile::TempDir;

/// Both services, without limits of calls, and one client each that doesn't retry.
struct Services {
    faults: Faults,
    s3_server: S3Server,
    s3: aws_sdk_s3::Client,
    rekognition: aws_sdk_rekognition::Client,
    service: Option<Rekognition>,
    folder: TempDir,
}

fn fast() -> Config {
    Config {
        calls_per_second: None,
        update_time_ms: 0,
        delete_time_ms: 0,
        training_time_ms: 0,
        start_time_ms: 0,
        ..Config::default()
    }
}

impl Services {
    async fn start(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::default();
        let root = folder.path().join("s3");
        let s3_server = S3Server::start(&root, local(), faults.clone())
            .await
            .unwrap();
        let config = Config {
            s3_endpoint: Some(s3_server.endpoint()),
            ..config
        };
        let state = folder.path().join("rekognition");
        let service = Rekognition::start(Some(&state), local(), config, faults.clone())
            .await
            .unwrap();
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws::plain_http_client())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(s3_server.endpoint())
            .retry_config(RetryConfig::disabled())
            .build();
        Self {
            faults,
            s3: aws_sdk_s3::Client::from_conf(s3),
            rekognition: client(&service.endpoint()),
            s3_server,
            service: Some(service),
            folder,
        }
    }

    /// Ends the Rekognition service and starts it again on its folder.
    async fn restart(&mut self, config: Config) {
        self.service = None;
        let state = self.folder.path().join("rekognition");
        let service = Rekognition::start(Some(&state), local(), config, self.faults.clone())
            .await
            .unwrap();
        self.rekognition = client(&service.endpoint());
        self.service = Some(service);
    }
}

fn local() -> std::net::SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests")
}

fn client(endpoint: &str) -> aws_sdk_rekognition::Client {
    let config = aws_sdk_rekognition::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws::plain_http_client())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_rekognition::Client::from_conf(config)
}
