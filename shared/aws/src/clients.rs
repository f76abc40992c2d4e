//! The clients, made once per process.

use std::env;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use rustls::RootCertStore;

use crate::jitter::Jitter;
use crate::rekognition::Rekognition;
use crate::s3::S3;
use crate::{http, trust};

/// Attempts of one S3 call, the first included. Six attempts with the SDK's exponential backoff span about half a minute.
const S3_ATTEMPTS_MAX: u32 = 6;
/// Longest wait between two attempts of one S3 call.
const S3_BACKOFF_MAX: Duration = Duration::from_secs(10);

/// S3 and Rekognition, from the environment's region, credentials and endpoints.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Objects.
    pub s3: S3,
    /// Custom Labels projects and datasets.
    pub rekognition: Rekognition,
}

impl Clients {
    /// Both clients, from the variables that Lambda sets (`AWS_REGION`, credentials) and those that every AWS SDK reads
    /// for another endpoint (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL_REKOGNITION`,
    /// `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`).
    ///
    /// No profile, no metadata service, no role to assume: a function has its credentials in the environment, and the
    /// code for everything else is a tenth of its start and size.
    ///
    /// S3 is addressed path-style when its endpoint is set and isn't one of Amazon's: a server on
    /// `127.0.0.1` has no host name per bucket.
    #[must_use]
    pub fn from_env() -> Self {
        let shared = environment();
        Self {
            s3: S3::new(s3_client(&shared)),
            rekognition: Rekognition::new(rekognition_client(&shared)),
        }
    }

    /// The same clients for one invocation, by its request id.
    #[must_use]
    pub fn for_invocation(&self, request_id: &str) -> Self {
        Self {
            s3: self.s3.clone(),
            rekognition: self.rekognition.with_jitter(Jitter::of(request_id)),
        }
    }

    /// S3 alone, for processes that need nothing else: no code of Rekognition gets into them.
    #[must_use]
    pub fn s3_from_env() -> S3 {
        S3::new(s3_client(&environment()))
    }

    /// S3 as a person's shell is set up: profiles and everything else that AWS SDKs look at, besides the variables.
    pub async fn s3_from_profile() -> S3 {
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client())
            .load()
            .await;
        S3::new(s3_client(&shared))
    }
}

fn environment() -> SdkConfig {
    let is_on = |name| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(variable("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ))
        .use_fips(is_on("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT"))
        .http_client(http_client());
    config.set_sleep_impl(default_async_sleep());
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    config.build()
}

/// The HTTPS client of an SDK client that is made elsewhere: the SDKs are built without theirs. One for all clients of
/// a process.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    http::https_client(trust::roots(&trusted()))
}

/// The same for servers on this machine, without TLS: no certificates are read, and none is trusted.
#[must_use]
pub fn plain_http_client() -> SharedHttpClient {
    http::https_client(RootCertStore::empty())
}

fn trusted() -> trust::Source {
    if let Some(path) = variable("AWS_CA_BUNDLE") {
        return trust::Source::File(path);
    }
    match (variable("SSL_CERT_FILE"), variable("SSL_CERT_DIR")) {
        (_, Some(_)) => trust::Source::OpenSsl,
        (Some(path), None) => trust::Source::File(path),
        (None, None) => trust::Source::System,
    }
}

fn s3_client(shared: &SdkConfig) -> aws_sdk_s3::Client {
    let mut config = aws_sdk_s3::config::Builder::from(shared).retry_config(
        RetryConfig::standard()
            .with_max_attempts(S3_ATTEMPTS_MAX)
            .with_max_backoff(S3_BACKOFF_MAX),
    );
    if let Some(url) = variable("AWS_ENDPOINT_URL_S3").or(shared.endpoint_url().map(str::to_owned))
    {
        config = config
            .force_path_style(needs_path_style(&url))
            .endpoint_url(url);
    }
    aws_sdk_s3::Client::from_conf(config.build())
}

/// One attempt a call: [`Rekognition`] retries by itself, so that each attempt keeps to the call rate and a
/// dataset in use is waited for longer than a lost connection.
fn rekognition_client(shared: &SdkConfig) -> aws_sdk_rekognition::Client {
    let mut config =
        aws_sdk_rekognition::config::Builder::from(shared).retry_config(RetryConfig::disabled());
    if let Some(url) = variable("AWS_ENDPOINT_URL_REKOGNITION") {
        config = config.endpoint_url(url);
    }
    aws_sdk_rekognition::Client::from_conf(config.build())
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
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
