//! Embedded services, a project with datasets, and an updater with short waits.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use aws::Clients;
use aws::rekognition::{EntryFilter, Rekognition, RetrySettings, Side};
use aws::s3::{PutOptions, S3};
use aws_sdk_rekognition::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use dataset_updater::error::RunError;
use dataset_updater::request::budget::Budget;
use dataset_updater::request::config::Config;
use dataset_updater::request::event::Request;
use dataset_updater::request::invocation::Invocation;
use dataset_updater::run::{Done, update};
use dataset_updater::state::report::Report;
use labeling::settings::Settings;
use serde_json::Value;
use services::faults::{Effect, Fault, Faults, Service};
use services::rekognition::{Config as RekognitionConfig, Rekognition as RekognitionServer};
use services::s3::S3Server;
use services::s3_front::S3Front;
use services::{ACCESS_KEY, REGION, SECRET_KEY};

use crate::lines::Manifest;

/// How long an update is under way, in milliseconds.
const UPDATE_TIME_MS: u64 = 15;
/// Longest wait for an answer.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_millis(500);
/// Environment variable: `host:port` of an S3 server that is not ours, with the embedded services' keys. Everything here
/// then runs against that one, in a bucket with versions as `template.yaml` makes it.
const FOREIGN_S3: &str = "GTCL_TEST_S3";
pub(crate) const BUCKET: &str = "jobs";
pub(crate) const KEY: &str = "out/birds/manifests/output/output.manifest";

pub(crate) struct World {
    folder: tempfile::TempDir,
    s3_server: Storage,
    rekognition_server: RekognitionServer,
    /// Of all keys: a foreign server is there for all worlds.
    prefix: String,
    pub(crate) faults: Faults,
    /// The tests' own.
    pub(crate) clients: Clients,
    /// The updater's.
    pub(crate) updater: Clients,
    pub(crate) sdk: aws_sdk_rekognition::Client,
    sdk_s3: aws_sdk_s3::Client,
    pub(crate) project_arn: String,
    pub(crate) train_arn: String,
}

enum Storage {
    Ours(S3Server),
    Foreign(S3Front),
}

impl Storage {
    #[expect(clippy::print_stdout, reason = "says which S3 the tests ran against")]
    async fn start(folder: &Path, faults: &Faults) -> Self {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        match std::env::var(FOREIGN_S3) {
            Ok(behind) => {
                println!("foreign S3: {behind}");
                let front = S3Front::start(&behind, address, faults.clone()).await;
                Self::Foreign(front.unwrap())
            }
            Err(_) => Self::Ours(
                S3Server::start(folder, address, faults.clone())
                    .await
                    .unwrap(),
            ),
        }
    }

    fn endpoint(&self) -> String {
        match self {
            Self::Ours(server) => server.endpoint(),
            Self::Foreign(front) => front.endpoint(),
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::default();
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let s3_server = Storage::start(&folder.path().join("s3"), &faults).await;
        let config = RekognitionConfig {
            calls_per_second: None,
            update_time_ms: UPDATE_TIME_MS,
            dropped_share_max: 1.0,
            s3_endpoint: Some(s3_server.endpoint()),
            ..RekognitionConfig::default()
        };
        let rekognition_server = RekognitionServer::start(None, address, config, faults.clone())
            .await
            .unwrap();
        let (s3, sdk, updater) = clients(&s3_server.endpoint(), &rekognition_server.endpoint());
        let prefix = match s3_server {
            Storage::Ours(_) => String::new(),
            Storage::Foreign(_) => next_prefix(),
        };
        make_bucket(&s3, !prefix.is_empty()).await;
        let retry = RetrySettings::default();
        let clients = Clients {
            s3: S3::new(s3.clone()),
            rekognition: Rekognition::new(sdk.clone()).with_settings(10_000.0, retry),
        };
        let project = sdk
            .create_project()
            .project_name("birds")
            .send()
            .await
            .unwrap();
        let project_arn = project.project_arn().unwrap().to_owned();
        let train_arn = clients
            .rekognition
            .create_dataset(&project_arn, Side::Train, None)
            .await
            .unwrap();
        Self {
            folder,
            s3_server,
            rekognition_server,
            prefix,
            faults,
            clients,
            updater,
            sdk,
            sdk_s3: s3,
            project_arn,
            train_arn,
        }
    }

    pub(crate) fn config(&self, variables: &[(&str, &str)]) -> Config {
        let mut environment: BTreeMap<String, String> = [
            ("POLL_INTERVAL_MS", "5"),
            ("POLL_INTERVAL_MAX_MS", "20"),
            ("STALE_STATUS_MAX_MS", "2000"),
            ("SAFETY_MARGIN_MS", "100"),
            ("CHANGES_BYTES_MAX", "10000"),
        ]
        .into_iter()
        .chain(variables.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        environment.insert("LEASES_S3_URI".to_owned(), self.leases());
        if !variables
            .iter()
            .any(|(name, _)| name.ends_with("_ARN") || *name == "TARGETS")
        {
            environment.insert("TRAIN_DATASET_ARN".to_owned(), self.train_arn.clone());
        }
        Config::parse(&Settings::new(environment)).unwrap()
    }

    /// Folder of this world's leases.
    pub(crate) fn leases(&self) -> String {
        format!("s3://{BUCKET}/{}", self.key("dataset-updater-leases/"))
    }

    /// A key of this world.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(crate) async fn put(&self, key: &str, text: &str) -> Request {
        self.clients
            .s3
            .put_object(
                BUCKET,
                &self.key(key),
                text.as_bytes().to_vec(),
                &PutOptions::default(),
            )
            .await
            .unwrap();
        Request {
            bucket: BUCKET.to_owned(),
            key: self.key(key),
            ..Request::default()
        }
    }

    /// One invocation without a deadline.
    pub(crate) async fn invoke(
        &self,
        config: &Config,
        request: &Request,
        owner: &str,
    ) -> Result<Done, RunError> {
        self.invoke_for(config, request, owner, None).await
    }

    /// One invocation of at most `time`.
    pub(crate) async fn invoke_for(
        &self,
        config: &Config,
        request: &Request,
        owner: &str,
        time: Option<Duration>,
    ) -> Result<Done, RunError> {
        let now = SystemTime::now();
        let deadline_ms = time.map_or(0, |time| {
            (now + time)
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_millis() as u64
        });
        let invocation = Invocation {
            owner: owner.to_owned(),
            budget: Budget::new(deadline_ms, now, config.safety_margin),
        };
        update(&self.updater, config, request, &invocation).await
    }

    /// Delivers the event again and again, as a queue does, until it is worked through.
    pub(crate) async fn deliver(&self, config: &Config, request: &Request) -> (Report, u32) {
        self.deliver_for(config, request, Duration::from_secs(60))
            .await
    }

    /// Delivers with a time limit; a lease that a failed invocation could not give back is waited for, as a queue's
    /// visibility timeout does.
    pub(crate) async fn deliver_for(
        &self,
        config: &Config,
        request: &Request,
        time: Duration,
    ) -> (Report, u32) {
        for n in 0..20 {
            let owner = format!("delivery-{n}");
            match self.invoke_for(config, request, &owner, Some(time)).await {
                Ok(Done::Reported(report)) => return (*report, n + 1),
                Ok(Done::Already) => return (self.report().await, n + 1),
                Err(RunError::Leased { .. }) => tokio::time::sleep(time).await,
                Err(error) => assert!(error.is_temporary(), "{error}"),
            }
        }
        panic!("not done after 20 deliveries");
    }

    /// Makes another bucket, with a name of this world's own.
    pub(crate) async fn make_bucket(&self, name: &str) -> String {
        let name = format!("{}{name}", self.prefix.trim_end_matches('/'));
        let made = self.sdk_s3.create_bucket().bucket(&name).send().await;
        made.unwrap();
        name
    }

    pub(crate) async fn report(&self) -> Report {
        serde_json::from_slice(&self.file("report.json").await).unwrap()
    }

    pub(crate) async fn file(&self, name: &str) -> Vec<u8> {
        self.file_of("birds", name).await
    }

    /// A file beside the report of a job.
    pub(crate) async fn file_of(&self, job: &str, name: &str) -> Vec<u8> {
        let key = self.key(&format!("out/{job}/dataset-updater/{name}"));
        self.clients
            .s3
            .read_object(BUCKET, &key, 1 << 30)
            .await
            .unwrap()
    }

    pub(crate) async fn json_lines(&self, name: &str) -> Vec<Value> {
        let text = String::from_utf8(self.file(name).await).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// A dataset's entries, service keys included.
    pub(crate) async fn entries(&self, arn: &str) -> Vec<Value> {
        let rekognition = &self.clients.rekognition;
        let mut entries = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = rekognition
                .entries_page(arn, &EntryFilter::All, token.as_deref(), None)
                .await
                .unwrap();
            entries.extend(
                page.entries
                    .iter()
                    .map(|entry| serde_json::from_str(entry).unwrap()),
            );
            token = page.next_token;
            if token.is_none() {
                return entries;
            }
        }
    }

    pub(crate) async fn source_refs(&self, arn: &str) -> BTreeSet<String> {
        let entries = self.entries(arn).await;
        let source_refs: BTreeSet<String> = entries
            .iter()
            .map(|entry| entry["source-ref"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            source_refs.len(),
            entries.len(),
            "an image is in the dataset twice"
        );
        source_refs
    }

    /// The dataset equals the good lines, and everything is accounted for.
    pub(crate) async fn check_whole(&self, manifest: &Manifest, report: &Report) {
        assert_eq!(self.source_refs(&self.train_arn).await, manifest.good);
        check_account(manifest, report);
        assert_eq!(report.landed, manifest.good.len() as u64);
        let sent = self.json_lines("entries.manifest").await;
        let sent: BTreeSet<String> = sent
            .iter()
            .map(|entry| entry["source-ref"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(sent, manifest.good);
        let rejected = self.json_lines("rejected.jsonl").await;
        assert_eq!(
            rejected.len() as u64,
            report.rejected
                + report.refused
                + report.vanished
                + report.overwritten
                + report.landed_with_errors
        );
        for record in &rejected {
            for key in ["code", "reason", "remedy"] {
                assert!(!record[key].as_str().unwrap().is_empty(), "{record}");
            }
        }
        assert_eq!(self.n_parts().await, 0);
    }

    /// Endpoints of S3 and Rekognition.
    pub(crate) fn endpoints(&self) -> (String, String) {
        (
            self.s3_server.endpoint(),
            self.rekognition_server.endpoint(),
        )
    }

    /// Folder of the logs of functions that are processes of their own.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    pub(crate) async fn n_parts(&self) -> usize {
        let prefix = self.key("out/birds/dataset-updater/parts/");
        let left = self.clients.s3.list_objects(BUCKET, &prefix, 100).await;
        left.unwrap().len()
    }

    pub(crate) fn n_updates(&self) -> u64 {
        self.faults
            .n_calls(Service::Rekognition, "UpdateDatasetEntries")
    }
}

pub(crate) fn check_account(manifest: &Manifest, report: &Report) {
    assert_eq!(report.lines, manifest.n_lines);
    assert_eq!(
        report.lines,
        report.entries + report.rejected + report.skipped
    );
    assert_eq!(
        report.entries,
        report.landed + report.refused + report.vanished + report.overwritten
    );
    assert_eq!(report.entries, manifest.good.len() as u64);
    assert_eq!(report.rejected + report.skipped, manifest.n_bad);
}

pub(crate) fn s3(effect: Effect, operation: &str) -> Fault {
    Fault::new(Service::S3, effect).operation(operation)
}

pub(crate) fn rekognition(effect: Effect, operation: &str) -> Fault {
    Fault::new(Service::Rekognition, effect).operation(operation)
}

pub(crate) fn error(status: u16, code: &str) -> Effect {
    Effect::Error {
        status,
        code: code.to_owned(),
        message: "scripted".to_owned(),
    }
}

/// Makes the bucket, unless another world of a foreign server has made it.
async fn make_bucket(s3: &aws_sdk_s3::Client, is_foreign: bool) {
    let made = s3.create_bucket().bucket(BUCKET).send().await;
    if !is_foreign {
        made.unwrap();
        return;
    }
    let versions = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    let call = s3.put_bucket_versioning().bucket(BUCKET);
    let versioned = call.versioning_configuration(versions).send().await;
    versioned.unwrap();
}

fn next_prefix() -> String {
    static N_WORLDS: AtomicU32 = AtomicU32::new(0);
    let number = N_WORLDS.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}/", std::process::id())
}

/// Clients that wait as long as it takes, and the updater's, which don't.
fn clients(
    s3_endpoint: &str,
    rekognition_endpoint: &str,
) -> (aws_sdk_s3::Client, aws_sdk_rekognition::Client, Clients) {
    let http = aws::plain_http_client();
    let credentials = || Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests");
    let s3_config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .http_client(http.clone())
        .endpoint_url(s3_endpoint)
        .force_path_style(true)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(5)),
        );
    let rekognition_config = aws_sdk_rekognition::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .http_client(http)
        .endpoint_url(rekognition_endpoint)
        .retry_config(RetryConfig::disabled());
    let timeouts = TimeoutConfig::builder().read_timeout(READ_TIMEOUT).build();
    let retry = RetrySettings {
        delay: Duration::from_millis(5),
        busy_delay: Duration::from_millis(10),
        delay_max: Duration::from_millis(50),
        attempts_max: 6,
    };
    let impatient_s3 = s3_config.clone().timeout_config(timeouts.clone()).build();
    let impatient_sdk = rekognition_config.clone().timeout_config(timeouts).build();
    let impatient_sdk = aws_sdk_rekognition::Client::from_conf(impatient_sdk);
    let updater = Clients {
        s3: S3::new(aws_sdk_s3::Client::from_conf(impatient_s3)),
        rekognition: Rekognition::new(impatient_sdk).with_settings(10_000.0, retry),
    };
    (
        aws_sdk_s3::Client::from_conf(s3_config.build()),
        aws_sdk_rekognition::Client::from_conf(rekognition_config.build()),
        updater,
    )
}
