//! All embedded services together, and the three functions deployed to them, as `template.yaml` does it in an account.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

use crate::error::CommandError;
use crate::function_name::FunctionName;
use crate::leases::UpdaterLeases;
use services::faults::Faults;
use services::lambda::invoke_api::InvokeApi;
use services::lambda::queue::QueueConfig;
use services::lambda::triggers::{Delivery, Trigger, Triggers};
use services::lambda::{FunctionSpec, Lambda};
use services::rekognition::{self, Rekognition};
use services::s3::S3Server;
use services::{Keys, REGION};

/// Bucket of jobs, images and reports.
pub const BUCKET: &str = "gtcl";

/// Ports of the services; 0 is any free one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Ports {
    /// Port of S3; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port_s3: u16,
    /// Port of Rekognition; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port_rekognition: u16,
    /// Port of Lambda's Invoke API; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port_lambda: u16,
}

/// The running services; they end when it is dropped. The functions' processes end with [`Lambda::end`] before.
#[derive(Debug)]
pub struct Stack {
    /// Objects.
    pub s3: S3Server,
    /// Custom Labels.
    pub rekognition: Rekognition,
    /// Functions.
    pub lambda: Lambda,
    /// Functions for SDKs.
    pub invoke_api: InvokeApi,
    /// Scripted faults of S3 and Rekognition.
    pub faults: Faults,
    /// What the services' clients sign with.
    pub keys: Keys,
    executable: PathBuf,
    folder: PathBuf,
}

impl Stack {
    /// Starts all services with their state in `folder`, for whoever has the keys; `executable` is gtcl itself, started
    /// again for each function.
    ///
    /// # Errors
    ///
    /// A folder that can't be written, or a port that is taken.
    pub async fn start(
        folder: &Path,
        ports: Ports,
        keys: Keys,
        executable: &Path,
    ) -> Result<Self, CommandError> {
        let faults = Faults::default();
        let address = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let s3_folder = folder.join("s3");
        let s3_address = address(ports.port_s3);
        let s3 = S3Server::start_with(&s3_folder, s3_address, keys.clone(), faults.clone())
            .await
            .map_err(|error| start_error("S3", ports.port_s3, "--port-s3", &s3_folder, &error))?;
        let state = folder.join("rekognition");
        let rekognition = Rekognition::start(
            Some(&state),
            address(ports.port_rekognition),
            rekognition::Config {
                s3_endpoint: Some(s3.endpoint()),
                keys: keys.clone(),
                ..rekognition::Config::default()
            },
            faults.clone(),
        )
        .await
        .map_err(|error| {
            let flag = "--port-rekognition";
            start_error("Rekognition", ports.port_rekognition, flag, &state, &error)
        })?;
        let lambda = Lambda::new(folder.join("logs"));
        let lambda_address = address(ports.port_lambda);
        let invoke_api = InvokeApi::start(lambda.clone(), keys.clone(), lambda_address)
            .await
            .map_err(|error| {
                start_error("Lambda", ports.port_lambda, "--port-lambda", folder, &error)
            })?;
        Ok(Self {
            s3,
            rekognition,
            lambda,
            invoke_api,
            faults,
            keys,
            executable: executable.to_path_buf(),
            folder: folder.to_path_buf(),
        })
    }

    /// Where everything is that is written.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder with a folder for each bucket.
    pub fn buckets(&self) -> PathBuf {
        self.folder.join("s3")
    }

    /// Folder of the objects of a bucket.
    pub fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.buckets().join(bucket)
    }

    /// Deploys one of the three functions as `function_name`, with its own settings in `environment`.
    pub fn deploy(
        &self,
        function: FunctionName,
        function_name: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) {
        let own = [
            ("AWS_ENDPOINT_URL_S3", self.s3.endpoint()),
            ("AWS_ENDPOINT_URL_REKOGNITION", self.rekognition.endpoint()),
            ("AWS_ENDPOINT_URL_LAMBDA", self.invoke_api.endpoint()),
            ("AWS_ACCESS_KEY_ID", self.keys.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.keys.secret_key.clone()),
        ];
        let mut all = BTreeMap::from(own.map(|(name, value)| (name.to_owned(), value)));
        all.extend(environment);
        let (timeout_s, concurrency_max) = match function {
            FunctionName::PreAnnotation => (30, 2),
            FunctionName::AnnotationConsolidation => (60, 1),
            FunctionName::DatasetUpdater => (900, 2),
        };
        self.lambda.deploy(FunctionSpec {
            name: function_name.to_owned(),
            command: vec![
                self.executable.clone().into_os_string(),
                "function".into(),
                function.as_str().into(),
            ],
            environment: all,
            timeout: Duration::from_secs(timeout_s),
            concurrency_max,
        });
    }

    /// From now on each finished job's output manifest invokes `function_name`, by EventBridge and a queue as in the
    /// template. What an invocation of it held is free when it fails.
    pub fn trigger_by_output_manifests(&self, function_name: &str) -> Triggers {
        let queue = QueueConfig {
            visibility_timeout: Duration::from_secs(2),
            receives_max: 10,
            batch_messages_max: 1,
        };
        let trigger = Trigger {
            key_suffix: dataset_updater::request::event::MANIFEST_SUFFIX.to_owned(),
            function: function_name.to_owned(),
            delivery: Delivery::EventBridgeQueue(queue),
        };
        let leases = Arc::new(UpdaterLeases::new(self.s3_client(), self.buckets()));
        leases.watch(self.s3.notifications());
        self.lambda.free_leases(function_name, leases);
        Triggers::start(&self.lambda, vec![trigger], || self.s3.notifications())
    }

    /// A client of the embedded S3.
    pub fn s3_client(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(
            aws_sdk_s3::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .http_client(aws::plain_http_client())
                .region(Region::from_static(REGION))
                .endpoint_url(self.s3.endpoint())
                .credentials_provider(self.credentials())
                .force_path_style(true)
                .build(),
        )
    }

    /// A client of the embedded Rekognition.
    pub fn rekognition_client(&self) -> aws_sdk_rekognition::Client {
        aws_sdk_rekognition::Client::from_conf(
            aws_sdk_rekognition::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .http_client(aws::plain_http_client())
                .region(Region::from_static(REGION))
                .endpoint_url(self.rekognition.endpoint())
                .credentials_provider(self.credentials())
                .build(),
        )
    }

    fn credentials(&self) -> Credentials {
        let Keys {
            access_key,
            secret_key,
        } = &self.keys;
        Credentials::new(access_key, secret_key, None, None, "gtcl")
    }
}

fn start_error(
    service: &str,
    port: u16,
    flag: &str,
    folder: &Path,
    error: &io::Error,
) -> CommandError {
    match error.kind() {
        io::ErrorKind::AddrInUse => CommandError::new(format!(
            "{service} can't listen at port {port}: it is in use"
        ))
        .with_help(format!(
            "name another with {flag}, or leave it out for any free port"
        )),
        io::ErrorKind::PermissionDenied if port != 0 && port < 1024 => CommandError::new(format!(
            "{service} can't listen at port {port}: not permitted"
        ))
        .with_help(format!(
            "ports below 1024 are the system's; name another with {flag}"
        )),
        _ => CommandError::new(format!(
            "{service} could not be started with its data in {}: {error}",
            folder.display()
        ))
        .with_help("name a folder that you may write to with --dir"),
    }
}
