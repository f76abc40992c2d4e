//! `gtcl serve`: the services and the three functions, until Ctrl-C.

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast;

use crate::cli::{CommandError, Environment};
use crate::commands::function::Name;
use crate::output::folder;
use crate::output::progress::print;
use crate::pipeline::{CONSOLIDATION, PRE_ANNOTATION, UPDATER};
use crate::provision::{create_bucket, create_project};
use crate::services::lambda::triggers::Delivered;
use crate::services::{ACCESS_KEY, REGION, SECRET_KEY};
use crate::stack::{BUCKET, Ports, Stack};

/// Project that finished jobs go to unless a setting of the dataset-updater says otherwise.
const PROJECT: &str = "gtcl";

/// Settings of the dataset-updater that name a dataset or project.
const TARGET_SETTINGS: [&str; 4] = [
    "PROJECT_ARN",
    "TRAIN_DATASET_ARN",
    "TEST_DATASET_ARN",
    "TARGETS",
];

/// Arguments of `gtcl serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the services' data, kept from one start to the next. Default: the next number in gtcl-out.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// A setting of the three functions; may be given more than once.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = setting)]
    environment: Vec<(String, String)>,
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
    let folder = folder::prepare(args.dir.as_deref())?;
    let stack = Stack::start(&folder, args.ports, &environment.executable).await?;
    create_bucket(&stack.s3_client()).await?;
    let mut updater = Vec::new();
    let is_target = |(name, _): &(String, String)| TARGET_SETTINGS.contains(&name.as_str());
    if !args.environment.iter().any(is_target) {
        let arn = create_project(&stack.rekognition_client(), PROJECT).await?;
        updater.push(("PROJECT_ARN".to_owned(), arn));
        updater.push(("CREATE_DATASETS".to_owned(), "true".to_owned()));
    }
    updater.push(("POLL_INTERVAL_MS".to_owned(), "200".to_owned()));
    for (function, name, own) in [
        (Name::PreAnnotation, PRE_ANNOTATION, Vec::new()),
        (Name::AnnotationConsolidation, CONSOLIDATION, Vec::new()),
        (Name::DatasetUpdater, UPDATER, updater),
    ] {
        let settings = own.into_iter().chain(args.environment.iter().cloned());
        stack.deploy(function, name, settings);
    }
    let triggers = stack.trigger_by_output_manifests(UPDATER);
    let delivered = triggers.delivered();
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| CommandError::new(format!("signals can't be waited for: {error}")))?;
    print(&banner(&stack, &folder.display().to_string()));
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        () = tell(delivered) => {}
    }
    Ok(0)
}

fn banner(stack: &Stack, folder: &str) -> String {
    let (s3, rekognition, lambda) = (
        stack.s3.endpoint(),
        stack.rekognition.endpoint(),
        stack.invoke_api.endpoint(),
    );
    format!(
        "S3           {s3}, with a bucket named {BUCKET}\n\
         Rekognition  {rekognition}\n\
         Lambda       {lambda}, with {PRE_ANNOTATION}, {CONSOLIDATION} and {UPDATER}\n\
         data, logs   {folder}\n\
         \n\
         An object whose key ends with /manifests/output/output.manifest is given to {UPDATER}.\n\
         For AWS clients in another terminal:\n\
         \n\
         export AWS_ENDPOINT_URL_S3={s3}\n\
         export AWS_ENDPOINT_URL_REKOGNITION={rekognition}\n\
         export AWS_ENDPOINT_URL_LAMBDA={lambda}\n\
         export AWS_REGION={REGION}\n\
         export AWS_DEFAULT_REGION={REGION}\n\
         export AWS_ACCESS_KEY_ID={ACCESS_KEY}\n\
         export AWS_SECRET_ACCESS_KEY={SECRET_KEY}\n\
         \n\
         Ctrl-C ends it."
    )
}

/// Tells of finished jobs for as long as there are event sources.
async fn tell(mut delivered: broadcast::Receiver<Delivered>) {
    loop {
        let line = match delivered.recv().await {
            Ok(Delivered::Done { event }) => format!("{} was worked off", object(&event)),
            Ok(Delivered::Failed { event, reason }) => {
                format!("{} comes again: {reason}", object(&event))
            }
            Ok(Delivered::GivenUp { event, reason }) => {
                format!("{} was given up: {reason}", object(&event))
            }
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        print(&line);
    }
}

/// The object of an EventBridge event, for people.
fn object(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
    let text = |pointer| {
        event
            .pointer(pointer)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("?")
    };
    let uri = format!(
        "s3://{}/{}",
        text("/detail/bucket/name"),
        text("/detail/object/key")
    );
    uri.chars().filter(|c| !c.is_control()).collect()
}
