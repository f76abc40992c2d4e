//! `gtcl soak`: the dataset-updater at the service's largest size, with random faults and too little time.
//!
//! The function runs in a process of its own behind the embedded Runtime API, with a time limit that stops it again
//! and again. At the end every good line must be in the dataset, every bad one in the report.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::rekognition::{EntryFilter, Rekognition as Client, RetrySettings, Side};
use aws::s3::{PutOptions, S3};
use aws_sdk_rekognition::config::{BehaviorVersion, Credentials, Region};
use bytes::Bytes;
use dataset_updater::state::report::Report;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::error::CommandError;
use crate::leases::UpdaterLeases;
use crate::output::stdout::print;
use crate::signals::Signals;
use labeling::job::JobFolder;
use services::faults::{Effect, Fault, Faults, Service};
use services::lambda::{FunctionSpec, Lambda};
use services::rekognition::{Config, Rekognition};
use services::s3::S3Server;
use services::{ACCESS_KEY, REGION, SECRET_KEY};

/// One line in this many is bad: 3 %.
pub const BAD_EVERY: u64 = 33;
const BUCKET: &str = "jobs";
const PROJECT: &str = "soak";
/// Folder of the images that [`line`] names.
const IMAGES: &str = "s3://images/birds/";
/// Deliveries after which a soak has failed.
const DELIVERIES_MAX: u32 = 10_000;

/// Arguments of `gtcl soak`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Lines of all manifests.
    #[arg(long, default_value_t = 250_000)]
    pub entries: u64,
    /// Jobs that share the lines and the dataset.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=10))]
    pub jobs: u64,
    /// Time of one invocation in milliseconds.
    #[arg(long, default_value_t = 30_000)]
    pub time_limit_ms: u64,
    /// Time kept back before the end of one in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    pub safety_margin_ms: u64,
    /// Time of one update in milliseconds.
    #[arg(long, default_value_t = 16_000)]
    pub update_time_ms: u64,
    /// Largest update in bytes.
    #[arg(long, default_value_t = manifest::CHANGES_BYTES_MAX)]
    pub changes_bytes_max: usize,
    /// Resumptions of all jobs that there must be at least.
    #[arg(long, default_value_t = 10)]
    pub min_resumptions: u32,
    /// Most memory that the function may hold, in MB.
    #[arg(long, default_value_t = 64)]
    pub memory_max_mb: u64,
    /// Random faults of S3 and Rekognition.
    #[arg(long, default_value_t = 60)]
    pub faults: u64,
    /// Seed of the faults.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The function's program as it is deployed (`target/lambda/dataset-updater/bootstrap`); this program by default.
    #[arg(long, value_name = "FILE")]
    pub function: Option<PathBuf>,
    /// Folder for the embedded S3; a folder of its own is made below it and deleted at the end.
    #[arg(long, default_value = "/tmp")]
    pub folder: PathBuf,
}

/// What a soak brought.
#[derive(Debug)]
pub struct Soaked {
    /// The function's own reports, job by job.
    pub reports: Vec<Report>,
    /// Times that events were delivered.
    pub n_deliveries: u32,
    /// Faults that struck.
    pub n_faults: u64,
    /// Calls of UpdateDatasetEntries, and how many the entries need at least.
    pub n_updates: (u64, u64),
    /// Most memory that one of the function's processes held, in KiB.
    pub memory_max_kib: u64,
    /// Time of all of it.
    pub time: Duration,
    /// What isn't as it must be.
    pub complaints: Vec<String>,
}

impl Soaked {
    fn sum(&self, figure: impl Fn(&Report) -> u64) -> u64 {
        self.reports.iter().map(figure).sum()
    }

    fn converting_seconds(&self) -> f64 {
        let reports = self.reports.iter();
        reports.map(|report| report.converting_seconds).sum()
    }
}

/// Runs the soak and prints what it brought; exit code 1 when something isn't as it must be.
///
/// # Errors
///
/// When the services can't be started.
pub async fn run(args: Args, environment: &Environment) -> Result<u8, CommandError> {
    let soaked = soak(&args, &environment.executable).await?;
    print(format!("jobs         {}", soaked.reports.len()));
    print(format!(
        "lines        {}",
        soaked.sum(|report| report.lines)
    ));
    print(format!(
        "landed       {}",
        soaked.sum(|report| report.landed)
    ));
    print(format!(
        "rejected     {} (skipped {})",
        soaked.sum(|report| report.rejected),
        soaked.sum(|report| report.skipped)
    ));
    print(format!(
        "refused      {}, vanished {}, overwritten {}",
        soaked.sum(|report| report.refused),
        soaked.sum(|report| report.vanished),
        soaked.sum(|report| report.overwritten)
    ));
    print(format!(
        "deliveries   {}, resumptions {}",
        soaked.n_deliveries,
        soaked.sum(|report| report.resumptions.into())
    ));
    print(format!("faults       {} survived", soaked.n_faults));
    print(format!(
        "updates      {}, of which the entries need {} at least",
        soaked.n_updates.0, soaked.n_updates.1
    ));
    print(format!(
        "memory       {:.1} MB at most",
        soaked.memory_max_kib as f64 / 1024.0
    ));
    print(format!(
        "our own time {:.2} s to convert 250,000 lines",
        soaked.converting_seconds() * 250_000.0 / soaked.sum(|report| report.lines).max(1) as f64
    ));
    print(format!("whole time   {:.1} s", soaked.time.as_secs_f64()));
    for complaint in &soaked.complaints {
        print(format!("NOT AS IT MUST BE: {complaint}"));
    }
    Ok(u8::from(!soaked.complaints.is_empty()))
}

/// Runs the soak.
///
/// # Errors
///
/// When the services can't be started, the function fails for good, or a signal comes.
pub async fn soak(args: &Args, executable: &Path) -> Result<Soaked, CommandError> {
    let folder = args
        .folder
        .join(format!("gtcl-soak-{}", std::process::id()));
    let work = soak_in(&folder, args, executable);
    let soaked = Signals::listen()?.interrupt(work).await;
    let _ = std::fs::remove_dir_all(&folder);
    soaked
}

async fn soak_in(folder: &Path, args: &Args, executable: &Path) -> Result<Soaked, CommandError> {
    let started = Instant::now();
    let failed = |what: &'static str| {
        move |error: &dyn std::fmt::Display| CommandError::new(format!("{what}: {error}"))
    };
    std::fs::create_dir_all(folder.join("s3").join(BUCKET)).map_err(|error| {
        failed("the soak's folder can't be made")(&error).with_help("name another with --folder")
    })?;
    let faults = Faults::default();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let s3_server = S3Server::start(&folder.join("s3"), address, faults.clone())
        .await
        .map_err(|error| failed("the embedded S3 can't start")(&error))?;
    let config = Config {
        calls_per_second: None,
        update_time_ms: args.update_time_ms,
        ..Config::default()
    };
    let rekognition_server = Rekognition::start(None, address, config, faults.clone())
        .await
        .map_err(|error| failed("the embedded Rekognition can't start")(&error))?;
    let s3_client = s3_client(&s3_server.endpoint());
    let s3 = S3::new(s3_client.clone());
    let (rekognition, sdk) = rekognition_clients(&rekognition_server.endpoint());
    let project = sdk.create_project().project_name(PROJECT).send().await;
    let project = project.map_err(|error| failed("no project")(&error))?;
    let project_arn = project.project_arn().unwrap_or_default();
    let dataset_arn = rekognition
        .create_dataset(project_arn, Side::Train, None)
        .await
        .map_err(|error| failed("no dataset")(&error))?;
    for job in 1..=args.jobs {
        let written = write_manifest(&s3, job, args.entries / args.jobs).await;
        written.map_err(|error| failed("no manifest")(&error))?;
    }
    script(&faults, args);

    let lambda = Lambda::new(folder.join("logs"));
    let leases = Arc::new(UpdaterLeases::new(s3_client, folder.join("s3")));
    leases.watch(s3_server.notifications());
    lambda.free_leases("dataset-updater", leases);
    lambda.deploy(FunctionSpec {
        name: "dataset-updater".to_owned(),
        command: match &args.function {
            Some(program) => vec![program.into()],
            None => vec![
                executable.into(),
                "function".into(),
                "dataset-updater".into(),
            ],
        },
        environment: variables(args, &dataset_arn, &s3_server, &rekognition_server),
        timeout: Duration::from_millis(args.time_limit_ms),
        concurrency_max: usize::try_from(args.jobs).unwrap_or(1),
    });
    let (n_deliveries, memory_max_kib) = deliver_all(&lambda, args.jobs).await?;
    lambda.end().await;
    let n_faults = faults.n_struck();
    faults.clear();
    let n_updates = faults.n_calls(Service::Rekognition, "UpdateDatasetEntries");
    let (mut reports, mut n_minimum) = (Vec::new(), 0);
    for job in 1..=args.jobs {
        let (report, n_bytes) = read_report(&s3, job).await?;
        reports.push(report);
        n_minimum += n_bytes.div_ceil(args.changes_bytes_max as u64);
    }
    let there = read_source_refs(&rekognition, &dataset_arn).await;
    let there = there.map_err(|error| failed("the dataset can't be listed")(&error))?;
    let mut soaked = Soaked {
        reports,
        n_deliveries,
        n_faults,
        n_updates: (n_updates, n_minimum),
        memory_max_kib,
        time: started.elapsed(),
        complaints: Vec::new(),
    };
    soaked.complaints = complaints(&soaked, args, &there);
    Ok(soaked)
}

/// A job's report, and the size of the entries that it sent in bytes.
async fn read_report(s3: &S3, job: u64) -> Result<(Report, u64), CommandError> {
    let folder = format!("out/{}/dataset-updater", job_name(job));
    let key = format!("{folder}/report.json");
    let bytes = s3.read_object(BUCKET, &key, 1 << 24).await;
    let bytes = bytes.map_err(|error| CommandError::new(format!("no report: {error}")))?;
    let report = serde_json::from_slice(&bytes);
    let report = report.map_err(|error| CommandError::new(format!("the report: {error}")))?;
    let entries_key = format!("{folder}/entries.manifest");
    let entries = s3.head_object(BUCKET, &entries_key).await;
    let entries =
        entries.map_err(|error| CommandError::new(format!("no entries.manifest: {error}")))?;
    Ok((report, entries.n_bytes))
}

/// What isn't as it must be. `there` are the images that the dataset has.
fn complaints(soaked: &Soaked, args: &Args, there: &BTreeSet<String>) -> Vec<String> {
    let n_lines = args.entries / args.jobs;
    let sum = |figure: fn(&Report) -> u64| soaked.sum(figure);
    let (n_updates, n_minimum) = soaked.n_updates;
    let mut complaints = Vec::new();
    let mut must = |holds: bool, complaint: String| {
        if !holds {
            complaints.push(complaint);
        }
    };
    let good: BTreeSet<String> = (1..=args.jobs)
        .flat_map(|job| (1..=n_lines).map(move |n| (job, n)))
        .filter(|(_, n)| !n.is_multiple_of(BAD_EVERY))
        .map(|(job, n)| source_ref(job, n))
        .collect();
    let n_missing = good.difference(there).count();
    let n_foreign = there.difference(&good).count();
    must(
        n_missing == 0,
        format!("{n_missing} good lines are not in the dataset"),
    );
    must(
        n_foreign == 0,
        format!("{n_foreign} bad lines are in the dataset"),
    );
    let n_all = n_lines * args.jobs;
    let n_reported = sum(|report| report.lines);
    must(
        n_reported == n_all,
        format!("{n_reported} of {n_all} lines reported"),
    );
    let n_bad = n_lines / BAD_EVERY * args.jobs;
    let n_reported = sum(|report| report.rejected + report.skipped);
    must(
        n_reported == n_bad,
        format!("{n_bad} bad lines, {n_reported} reported"),
    );
    let n_landed = sum(|report| report.landed);
    must(
        n_landed == good.len() as u64,
        format!("{n_landed} of {} landed by the report", good.len()),
    );
    let n_resumptions = sum(|report| report.resumptions.into());
    must(
        n_resumptions >= args.min_resumptions.into(),
        format!(
            "{n_resumptions} resumptions, {} are asked for",
            args.min_resumptions
        ),
    );
    // A fault may cost an update; without faults there is one more at most for each hundred, and one for each job.
    let n_allowed = n_minimum + n_minimum / 100 + args.jobs + soaked.n_faults;
    must(
        n_updates <= n_allowed,
        format!("{n_updates} updates, {n_minimum} are needed"),
    );
    must(
        soaked.memory_max_kib <= args.memory_max_mb * 1024,
        format!("{} KiB of memory", soaked.memory_max_kib),
    );
    complaints
}

fn job_name(job: u64) -> String {
    format!("soak-{job}")
}

/// The image of a job's line.
fn source_ref(job: u64, n: u64) -> String {
    format!("{}{n:06}.jpg", images(job))
}

fn images(job: u64) -> String {
    format!("s3://images/birds-{job}/")
}

/// Delivers all jobs' events at once; returns how often, and the most memory that a process held.
async fn deliver_all(lambda: &Lambda, n_jobs: u64) -> Result<(u32, u64), CommandError> {
    let mut jobs = tokio::task::JoinSet::new();
    for job in 1..=n_jobs {
        let lambda = lambda.clone();
        jobs.spawn(async move { deliver(&lambda, job).await });
    }
    let (mut n_deliveries, mut memory_max_kib) = (0, 0);
    while let Some(done) = jobs.join_next().await {
        let done = done.map_err(|error| CommandError::new(error.to_string()))?;
        let (n, kib) = done?;
        n_deliveries += n;
        memory_max_kib = memory_max_kib.max(kib);
    }
    Ok((n_deliveries, memory_max_kib))
}

/// Delivers the event as a queue does, until the function doesn't give it back.
async fn deliver(lambda: &Lambda, job: u64) -> Result<(u32, u64), CommandError> {
    let notification = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:CompleteMultipartUpload",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": manifest_key(job)}}}]});
    let event = json!({"Records": [{"messageId": "soak", "eventSource": "aws:sqs", "body": notification.to_string()}]});
    let payload = Bytes::from(event.to_string());
    let mut memory_max_kib = 0;
    for n_deliveries in 1..=DELIVERIES_MAX {
        let outcome = lambda.invoke("dataset-updater", payload.clone()).await;
        let outcome = outcome.map_err(|error| CommandError::new(error.to_string()))?;
        memory_max_kib = memory_max_kib.max(outcome.memory_max_kib.unwrap_or(0));
        let answer: Value = serde_json::from_slice(&outcome.payload).unwrap_or_default();
        let failures = answer.get("batchItemFailures").and_then(Value::as_array);
        if outcome.error.is_none() && failures.is_some_and(Vec::is_empty) {
            return Ok((n_deliveries, memory_max_kib));
        }
    }
    Err(CommandError::new(format!(
        "not done after {DELIVERIES_MAX} deliveries"
    )))
}

/// Line `n` (one-based) of a soak's manifest: single-label, multi-label and boxes in turn, each
/// [`BAD_EVERY`]th bad in one of five ways.
#[must_use]
pub fn line(n: u64) -> String {
    let source_ref = format!("{IMAGES}{n:06}.jpg");
    if !n.is_multiple_of(BAD_EVERY) {
        return good_line(n, &source_ref);
    }
    match n / BAD_EVERY % 5 {
        0 => "{\"source-ref\": \"s3://images/cut".to_owned(),
        1 => json!({"birds": 1, "birds-metadata": {}}).to_string(),
        2 => json!({"source-ref": source_ref, "birds-metadata": {"retry-count": 1,
            "failure-reason": "ClientError: Annotation tasks expired.", "human-annotated": "true"}})
        .to_string(),
        3 => good_line(1, "s3://images/birds/000001.jpg"),
        _ => json!({"source-ref": source_ref, "birds-ref": "s3://images/mask.png",
            "birds-ref-metadata": {"type": "groundtruth/semantic-segmentation", "human-annotated": "yes",
                "creation-date": "2026-03-02T09:30:05.117000", "job-name": "labeling-job/birds", "internal-color-map": {}}})
        .to_string(),
    }
}

/// A line that Custom Labels takes.
#[must_use]
pub fn good_line(n: u64, source_ref: &str) -> String {
    let date = "2026-03-02T09:30:05.117000";
    let name = if n.is_multiple_of(2) {
        "heron"
    } else {
        "stork"
    };
    let line = match n % 3 {
        0 => json!({
            "source-ref": source_ref, "birds": n % 2,
            "birds-metadata": {"class-name": name, "confidence": 0.9, "job-name": "labeling-job/birds",
                "human-annotated": "yes", "creation-date": date, "type": "groundtruth/image-classification"}
        }),
        1 => json!({
            "source-ref": source_ref, "birds": [0, 1],
            "birds-metadata": {"class-map": {"0": "heron", "1": "stork"}, "confidence-map": {"0": 0.9, "1": 0.8},
                "job-name": "labeling-job/birds", "human-annotated": "yes", "creation-date": date,
                "type": "groundtruth/image-classification-multilabel"}
        }),
        _ => json!({
            "source-ref": source_ref,
            "birds": {"image_size": [{"width": 640, "height": 480, "depth": 3}],
                "annotations": [{"class_id": 0, "left": 10, "top": 20, "width": 100, "height": 50}]},
            "birds-metadata": {"objects": [{"confidence": 0.9}], "class-map": {"0": "heron"},
                "job-name": "labeling-job/birds", "human-annotated": "yes", "creation-date": date,
                "type": "groundtruth/object-detection"}
        }),
    };
    line.to_string()
}

fn manifest_key(job: u64) -> String {
    JobFolder::of_job("out", &job_name(job)).output_manifest()
}

async fn write_manifest(s3: &S3, job: u64, n_lines: u64) -> Result<(), aws::s3::S3Error> {
    let mut upload = s3.upload(BUCKET, &manifest_key(job), &PutOptions::default());
    for n in 1..=n_lines {
        let line = line(n).replace(IMAGES, &images(job));
        upload.write(format!("{line}\n").as_bytes()).await?;
    }
    upload.finish().await
}

/// Faults at random calls. Each passes by itself: what doesn't is no soak's matter.
fn script(faults: &Faults, args: &Args) {
    let mut random = SmallRng::seed_from_u64(args.seed);
    let error = |status, code: &str| Effect::Error {
        status,
        code: code.to_owned(),
        message: "soak".to_owned(),
    };
    for _ in 0..args.faults {
        let fault = match random.random_range(0..10) {
            0 => Fault::new(Service::S3, error(503, "SlowDown")),
            1 => Fault::new(Service::S3, Effect::ResetMidBody).operation("GetObject"),
            2 => Fault::new(Service::S3, Effect::ResetAfter).operation("PutObject"),
            3 => Fault::new(Service::S3, Effect::Delay(Duration::from_millis(500))),
            4 => Fault::new(Service::Rekognition, error(500, "ThrottlingException")),
            5 => Fault::new(Service::Rekognition, error(500, "InternalServerError")),
            6 => Fault::new(Service::Rekognition, error(400, "ResourceInUseException")),
            7 => Fault::new(Service::Rekognition, Effect::ResetAfter),
            8 => Fault::new(Service::Rekognition, Effect::ResetBefore),
            _ => Fault::new(
                Service::Rekognition,
                Effect::StaleStatus(Duration::from_millis(700)),
            )
            .operation("UpdateDatasetEntries"),
        };
        faults.add(fault.after(random.random_range(0..100)));
    }
}

fn variables(
    args: &Args,
    dataset_arn: &str,
    s3: &S3Server,
    rekognition: &Rekognition,
) -> BTreeMap<String, String> {
    [
        ("TRAIN_DATASET_ARN", dataset_arn.to_owned()),
        ("LABEL_ATTRIBUTE", "birds".to_owned()),
        ("CHANGES_BYTES_MAX", args.changes_bytes_max.to_string()),
        (
            "POLL_INTERVAL_MS",
            (args.update_time_ms / 8).max(1).to_string(),
        ),
        (
            "POLL_INTERVAL_MAX_MS",
            (args.update_time_ms / 4).max(1).to_string(),
        ),
        ("SAFETY_MARGIN_MS", args.safety_margin_ms.to_string()),
        ("MAX_RESUMPTIONS", DELIVERIES_MAX.to_string()),
        ("CALLS_PER_SECOND", "1000".to_owned()),
        // As template.yaml sets it.
        ("MALLOC_MMAP_THRESHOLD_", "262144".to_owned()),
        ("AWS_ENDPOINT_URL_S3", s3.endpoint()),
        ("AWS_ENDPOINT_URL_REKOGNITION", rekognition.endpoint()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The images of a dataset.
async fn read_source_refs(
    rekognition: &Client,
    dataset_arn: &str,
) -> Result<BTreeSet<String>, aws::rekognition::RekognitionError> {
    let mut source_refs = BTreeSet::new();
    let mut next_token: Option<String> = None;
    loop {
        let token = next_token.as_deref();
        let page = rekognition
            .entries_page(dataset_arn, &EntryFilter::All, token, None)
            .await?;
        for entry in &page.entries {
            let entry: Value = serde_json::from_str(entry).unwrap_or_default();
            let source_ref = entry.get("source-ref").and_then(Value::as_str);
            source_refs.insert(source_ref.unwrap_or_default().to_owned());
        }
        next_token = page.next_token;
        if next_token.is_none() {
            return Ok(source_refs);
        }
    }
}

fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "gtcl")
}

/// A client of an embedded S3 that has the default keys.
pub(crate) fn s3_client(endpoint: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws::plain_http_client())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

fn rekognition_clients(endpoint: &str) -> (Client, aws_sdk_rekognition::Client) {
    let rekognition = aws_sdk_rekognition::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws::plain_http_client())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .build();
    let sdk = aws_sdk_rekognition::Client::from_conf(rekognition);
    let client = Client::new(sdk.clone()).with_settings(100_000.0, RetrySettings::default());
    (client, sdk)
}
