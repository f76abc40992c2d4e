//! The clients, made once per process.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::rekognition::Rekognition;
use crate::s3::S3;

/// Attempts of one S3 call, the first included. Six attempts with the SDK's exponential backoff span about half a minute.
const S3_ATTEMPTS_MAX: u32 = 6;
/// Longest wait between two attempts of one S3 call.
const S3_BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the first byte of an answer. An UpdateDatasetEntries call carries up to 7 MB of base64, so it is generous.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// S3 and Rekognition, from the environment's region, credentials and endpoints.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Objects.
    pub s3: S3,
    /// Custom Labels projects and datasets.
    pub rekognition: Rekognition,
}

impl Clients {
    /// Both clients, from the variables that every AWS SDK reads (`AWS_REGION`, credentials, `AWS_ENDPOINT_URL`,
    /// `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL_REKOGNITION`).
    ///
    /// S3 is addressed path-style when its endpoint is set and isn't one of Amazon's: a server on
    /// `127.0.0.1` has no host name per bucket.
    pub async fn from_env() -> Self {
        let shared = sdk_config().await;
        Self {
            s3: S3::new(s3_client(&shared)),
            rekognition: Rekognition::new(rekognition_client(&shared)),
        }
    }

    /// S3 alone, for processes that need nothing else: no code of Rekognition gets into them.
    pub async fn s3_from_env() -> S3 {
        S3::new(s3_client(&sdk_config().await))
    }
}

async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    // One for all clients: each of their own would read the system's certificates again, 4 ms of a cold start.
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
        .timeout_config(timeouts)
        .load()
        .await
}

fn s3_client(shared: &SdkConfig) -> aws_sdk_s3::Client {
    let endpoint = std::env::var("AWS_ENDPOINT_URL_S3")
        .ok()
        .or_else(|| shared.endpoint_url().map(str::to_owned));
    let config = aws_sdk_s3::config::Builder::from(shared)
        .force_path_style(endpoint.is_some_and(|url| needs_path_style(&url)))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(S3_ATTEMPTS_MAX)
                .with_max_backoff(S3_BACKOFF_MAX),
        )
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// One attempt a call: [`Rekognition`] retries by itself, so that each attempt keeps to the call rate and a
/// dataset in use is waited for longer than a lost connection.
fn rekognition_client(shared: &SdkConfig) -> aws_sdk_rekognition::Client {
    let config = aws_sdk_rekognition::config::Builder::from(shared)
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_rekognition::Client::from_conf(config)
}

fn needs_path_style(endpoint_url: &str) -> bool {
    let host = endpoint_url
        .split_once("://")
        .map_or(endpoint_url, |(_, rest)| rest)
        .split(['/', ':'])
        .next()
        .unwrap_or_default();
    !(host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_endpoints_need_path_style() {
        for (url, expected) in [
            ("http://127.0.0.1:9000", true),
            ("http://localhost:9000/", true),
            ("https://s3.eu-central-1.amazonaws.com", false),
            (
                "https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com:443/",
                false,
            ),
            ("https://s3.cn-north-1.amazonaws.com.cn", false),
            ("https://minio.example.com/amazonaws.com", true),
        ] {
            assert_eq!(needs_path_style(url), expected, "{url}");
        }
    }
}
