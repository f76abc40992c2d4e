//! `gtcl serve`: the services and the three functions, until Ctrl-C.

use std::path::PathBuf;

use aws::s3::ObjectUri;
use dataset_updater::request::place::Place;
use dataset_updater::state::report::Report;
use manifest::counted;
use tokio::sync::broadcast;

use labeling::job::layout::OUTPUT_MANIFEST_SUFFIX;

use crate::environment::Environment;
use crate::error::CommandError;
use crate::function_name::{CONSOLIDATION, FunctionName, PRE_ANNOTATION, UPDATER};
use crate::leases::UpdaterLeases;
use crate::output::folder;
use crate::output::stdout::print;
use crate::output::text::shown;
use crate::provision::{create_bucket, create_project};
use crate::signals::Signals;
use crate::stack::{BUCKET, Ports, Stack};
use crate::unfinished;
use services::lambda::triggers::Delivered;
use services::{Keys, REGION};

/// Project that finished jobs go to unless a setting of the dataset-updater says otherwise.
const PROJECT: &str = "gtcl";

/// The dataset-updater's report of a manifest.
const REPORT: &str = "report.json";

/// Settings of the dataset-updater that name a dataset or project.
const TARGET_SETTINGS: [&str; 4] = [
    "PROJECT_ARN",
    "TRAIN_DATASET_ARN",
    "TEST_DATASET_ARN",
    "TARGETS",
];

/// Arguments of `gtcl serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints the addresses and credentials of the services, then a line for each finished job: what came of it, and where its
report is. Updates that were under way when it ended are told at the next start with the same --dir.

Examples:
  gtcl serve --dir ./local-aws
  gtcl serve --env MIN_CONFIDENCE=0.8 --env EXISTING=merge --port-s3 9000

Exit code: 0 ended with Ctrl-C or SIGTERM, 2 the services can't be started, or another gtcl works in the folder.")]
pub struct Args {
    /// Folder of the services' data, kept from one start to the next. Default: the next number in gtcl-out.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// A setting of the three functions; may be given more than once.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = setting)]
    environment: Vec<(String, String)>,
    /// Make new keys for this start, instead of access key gtcl and secret gtcl-secret, which everybody knows: for
    /// machines on which others have accounts.
    #[arg(long)]
    random_keys: bool,
    #[command(flatten)]
    ports: Ports,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a setting is NAME=VALUE".to_owned()),
    }
}

/// Serves until Ctrl-C or a request to end.
///
/// # Errors
///
/// Fails when a service can't be started.
pub async fn run(args: Args, environment: &Environment) -> Result<u8, CommandError> {
    let folder = folder::prepare(args.dir.as_deref(), "gtcl serve")?;
    let keys = if args.random_keys {
        Keys::random()
    } else {
        Keys::default()
    };
    let stack = Stack::start(&folder.path, args.ports, keys, &environment.executable).await?;
    create_bucket(&stack.s3_client()).await?;
    let unfinished = unfinished::release(&stack.s3_client(), &stack.buckets()).await;
    let leases = UpdaterLeases::new(stack.s3_client(), stack.buckets());
    leases.end_all().await;
    let mut updater = Vec::new();
    let is_target = |(name, _): &(String, String)| TARGET_SETTINGS.contains(&name.as_str());
    if !args.environment.iter().any(is_target) {
        let arn = create_project(&stack.rekognition_client(), PROJECT).await?;
        updater.push(("PROJECT_ARN".to_owned(), arn));
        updater.push(("CREATE_DATASETS".to_owned(), "true".to_owned()));
    }
    updater.push(("POLL_INTERVAL_MS".to_owned(), "200".to_owned()));
    for (function, name, own) in [
        (FunctionName::PreAnnotation, PRE_ANNOTATION, Vec::new()),
        (
            FunctionName::AnnotationConsolidation,
            CONSOLIDATION,
            Vec::new(),
        ),
        (FunctionName::DatasetUpdater, UPDATER, updater),
    ] {
        let settings = own.into_iter().chain(args.environment.iter().cloned());
        stack.deploy(function, name, settings);
    }
    let triggers = stack.trigger_by_output_manifests(UPDATER);
    let delivered = triggers.delivered();
    let reports = Reports::new(stack.s3_client(), &args.environment);
    let mut signals = Signals::listen()?;
    print(banner(&stack, &folder.path.display().to_string()));
    for sentence in unfinished {
        print(shown(&sentence));
    }
    tokio::select! {
        _ = signals.next() => {}
        () = tell(delivered, reports, stack.lambda.log_file(UPDATER)) => {}
    }
    stack.lambda.end().await;
    Ok(0)
}

fn banner(stack: &Stack, folder: &str) -> String {
    let (s3, rekognition, lambda) = (
        stack.s3.endpoint(),
        stack.rekognition.endpoint(),
        stack.invoke_api.endpoint(),
    );
    let Keys {
        access_key,
        secret_key,
    } = &stack.keys;
    format!(
        "S3           {s3}, with a bucket named {BUCKET}\n\
         Rekognition  {rekognition}\n\
         Lambda       {lambda}, with {PRE_ANNOTATION}, {CONSOLIDATION} and {UPDATER}\n\
         data, logs   {folder}\n\
         \n\
         An object whose key ends with {OUTPUT_MANIFEST_SUFFIX} is given to {UPDATER}.\n\
         For AWS clients in another terminal:\n\
         \n\
         export AWS_ENDPOINT_URL_S3={s3}\n\
         export AWS_ENDPOINT_URL_REKOGNITION={rekognition}\n\
         export AWS_ENDPOINT_URL_LAMBDA={lambda}\n\
         export AWS_REGION={REGION}\n\
         export AWS_DEFAULT_REGION={REGION}\n\
         export AWS_ACCESS_KEY_ID={access_key}\n\
         export AWS_SECRET_ACCESS_KEY={secret_key}\n\
         \n\
         Ctrl-C ends it."
    )
}

/// Where the dataset-updater's reports are.
struct Reports {
    s3: aws_sdk_s3::Client,
    /// Set by the user, as of the function.
    bucket: Option<String>,
    prefix: Option<String>,
}

impl Reports {
    fn new(s3: aws_sdk_s3::Client, settings: &[(String, String)]) -> Self {
        let setting = |wanted: &str| {
            let mut found = settings.iter().rev().filter(|(name, _)| name == wanted);
            found.next().map(|(_, value)| value.clone())
        };
        Self {
            s3,
            bucket: setting("REPORT_BUCKET"),
            prefix: setting("REPORT_PREFIX"),
        }
    }

    /// What came of a manifest.
    async fn of(&self, manifest: &ObjectUri) -> String {
        let place = Place::of(
            &manifest.bucket,
            &manifest.key,
            self.bucket.as_deref(),
            self.prefix.as_deref(),
        );
        let uri = place.uri(REPORT);
        match self.read(&place).await {
            Ok(report) => format!("{}; {uri}", outcome(&report)),
            Err(reason) => format!("worked off; {uri} could not be read: {reason}"),
        }
    }

    async fn read(&self, place: &Place) -> Result<Report, String> {
        let request = self.s3.get_object().bucket(&place.bucket);
        let object = request.key(place.key(REPORT)).send().await;
        let object = object.map_err(|error| error.into_service_error().to_string())?;
        let bytes = object.body.collect().await;
        let bytes = bytes.map_err(|error| error.to_string())?.into_bytes();
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }
}

/// A report in one line.
fn outcome(report: &Report) -> String {
    let mut text = format!(
        "{}: {} = {}, {} rejected, {} skipped; {} landed",
        report.outcome.name(),
        counted(report.lines, "line"),
        counted(report.entries, "entry"),
        report.rejected,
        report.skipped,
        report.landed,
    );
    for (n_entries, what) in [
        (report.landed_with_errors, "of them with errors"),
        (report.refused, "refused"),
        (report.vanished, "dropped by Custom Labels"),
    ] {
        if n_entries > 0 {
            text += &format!(", {n_entries} {what}");
        }
    }
    let mut lost = report.by_code.iter().peekable();
    if lost.peek().is_some() {
        let codes: Vec<String> = lost.map(|(code, n)| format!("{n} × {code}")).collect();
        text += &format!(" ({})", codes.join(", "));
    }
    text
}

/// Tells of finished jobs for as long as there are event sources.
async fn tell(mut delivered: broadcast::Receiver<Delivered>, reports: Reports, log: PathBuf) {
    let log = log.display();
    loop {
        let line = match delivered.recv().await {
            Ok(Delivered::Done { event }) => {
                let manifest = object(&event);
                format!(
                    "{}: {}",
                    shown(&manifest.to_string()),
                    reports.of(&manifest).await
                )
            }
            Ok(Delivered::Failed { event, reason }) => {
                format!(
                    "{} comes again: {reason}; {log} says why",
                    shown(&object(&event).to_string())
                )
            }
            Ok(Delivered::GivenUp { event, reason }) => {
                format!(
                    "{} was given up: {reason}; {log} says why",
                    shown(&object(&event).to_string())
                )
            }
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        print(line);
    }
}

/// The object of an EventBridge event.
fn object(event: &str) -> ObjectUri {
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
    let text = |pointer| {
        event
            .pointer(pointer)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("?")
    };
    ObjectUri::new(text("/detail/bucket/name"), text("/detail/object/key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_in_one_line() {
        let mut report = Report {
            lines: 3,
            entries: 1,
            rejected: 1,
            skipped: 1,
            landed: 1,
            ..Report::default()
        };
        assert_eq!(
            outcome(&report),
            "updated: 3 lines = 1 entry, 1 rejected, 1 skipped; 1 landed"
        );
        report.landed_with_errors = 1;
        report.by_code.insert("SKIPPED_UNLABELED".to_owned(), 1);
        report
            .by_code
            .insert("REJECTED_LABELING_FAILED".to_owned(), 1);
        assert!(outcome(&report).ends_with(
            "1 landed, 1 of them with errors (1 × REJECTED_LABELING_FAILED, 1 × SKIPPED_UNLABELED)"
        ));
    }
}
