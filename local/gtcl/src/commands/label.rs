//! `gtcl label`: people label images in their browsers.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::slice;
use std::time::Instant;

use jiff::SignedDuration;
use labeling::TaskType;
use labeling::aws_names::{JOB_NAME_CHARS_MAX, WORKERS, is_hyphenated};
use labeling::job::JobFolder;
use portal::answers::AnswerStore;
use portal::template::TaskTemplate;
use portal::{ImageFolder, Portal, PortalJob};
use serde_json::{Value, json};
use services::Keys;
use services::ground_truth::Task;

use crate::arguments::task_type;
use crate::environment::Environment;
use crate::error::CommandError;
use crate::finished_job::FinishedJob;
use crate::job_request::label_categories;
use crate::label::images::{self, ImageSet};
use crate::output::folder;
use crate::output::progress::{Detail, Reporter};
use crate::output::stdout::print;
use crate::output::summary::{JobSummary, Summary};
use crate::pipeline::{self, Pipeline};
use crate::place::local_path;
use crate::signals::Signals;
use crate::stack::{BUCKET, Ports, Stack};

/// How long a worker has a task before others may have it, too, in seconds.
const LEASE_S: i64 = 600;

/// Seed of the order in which data objects are consolidated.
const SEED: u64 = 1;

/// Arguments of `gtcl label`.
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("what").required(true)),
    after_help = "\
Example:
  gtcl label --images ./photos --labels cat,dog --task-type single-label --dir ./pets

It prints an address; whoever opens it gives a name and is given image after image. Every answer is on disk before the
page says so: after Ctrl-C, or worse, the same command with the same --dir goes on.

Exit code:
  0  everything is labeled, and entries landed in the dataset
  1  something is lost, or nothing landed
  2  arguments, files or the folder can't be used
  130, 143  ended by Ctrl-C, by SIGTERM; what was answered stays"
)]
pub struct Args {
    /// Folder of JPEG and PNG images.
    #[arg(long, value_name = "FOLDER", group = "what", value_parser = local_path())]
    images: Option<PathBuf>,
    /// Input manifest: one JSON object a line, each with a source-ref. The dataset's entries carry its S3 URIs.
    #[arg(long, value_name = "FILE", group = "what", requires = "images_from", value_parser = local_path())]
    manifest: Option<PathBuf>,
    /// Folder with the manifest's images as BUCKET/KEY.
    #[arg(long, value_name = "FOLDER", requires = "manifest", value_parser = local_path())]
    images_from: Option<PathBuf>,
    /// The label categories, with commas between them.
    #[arg(long, value_name = "A,B,…", required = true, value_delimiter = ',')]
    labels: Vec<String>,
    /// What is asked of those who label.
    #[arg(long, value_parser = task_type())]
    task_type: TaskType,
    /// People that each image is given to, 1 to 9.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    workers: u32,
    /// Name of the labeling job, and of its label attribute.
    #[arg(long, value_name = "NAME", default_value = "labels")]
    name: String,
    /// Worker task template of your own.
    #[arg(long, value_name = "FILE", value_parser = local_path())]
    template: Option<PathBuf>,
    /// Folder for everything that is written; the same one again goes on. Default: the next number in gtcl-out.
    #[arg(long, value_name = "FOLDER", value_parser = local_path())]
    dir: Option<PathBuf>,
    /// Ask nobody any more: make the dataset of the answers that are there.
    #[arg(long)]
    finish: bool,
    /// Port of the pages; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    #[command(flatten)]
    ports: Ports,
}

/// Has images labeled, and turns the answers into a dataset.
///
/// # Errors
///
/// Fails when arguments or files can't be used, a service can't be started, the job fails as a whole, or a signal comes.
pub async fn run(args: Args, environment: &Environment) -> Result<u8, CommandError> {
    let begin = Instant::now();
    check(&args)?;
    let reporter = Reporter::new(Detail::Bars);
    let folder = folder::prepare(args.dir.as_deref(), "gtcl label")?;
    let images = image_set(&args, &folder.path.join("s3"))?;
    for note in &images.notes {
        reporter.note(note);
    }
    let job = job_to_label(&args, images.manifest);
    let asked = Asked {
        store: open_store(&folder.path, &job)?,
        template: read_template(&args, images.folder)?,
        job,
    };
    let mut signals = Signals::listen()?;
    // Nobody else calls these services: the keys are told to nobody.
    let keys = Keys::random();
    let stack = Stack::start(&folder.path, args.ports, keys, &environment.executable).await?;
    let work = label(&args, &stack, asked, &reporter);
    let worked = signals.interrupt(work).await;
    stack.lambda.end().await;
    let summary = worked.map_err(|error| with_way_on(error, &folder.path))?;
    let is_good = summary.losses.is_empty() && summary.entries_accepted > 0;
    let summary = Summary {
        is_conserved: summary.losses.is_empty(),
        jobs: vec![summary],
        seconds: begin.elapsed().as_secs_f64(),
        folder: folder.path.clone(),
    };
    print(summary.shown(false));
    let output = pipeline::output_manifest(&folder.path, &args.name);
    print(next_commands(&output));
    Ok(u8::from(!is_good))
}

/// What people are asked, and what they answered before.
struct Asked {
    job: FinishedJob,
    template: TaskTemplate,
    store: AnswerStore,
}

/// From the tasks to the dataset.
async fn label(
    args: &Args,
    stack: &Stack,
    asked: Asked,
    reporter: &Reporter,
) -> Result<JobSummary, CommandError> {
    let mut job = asked.job;
    let mut pipeline = Pipeline::prepare(stack, slice::from_ref(&job), SEED, reporter).await?;
    let begun = pipeline.begin(&job).await?;
    check_template(&asked.template, &begun.prepared.tasks)?;
    let pages = PortalJob {
        title: format!("{}: {}", args.name, args.task_type.as_str()),
        template: asked.template,
        tasks: begun.prepared.tasks.clone(),
        workers_per_object: args.workers as usize,
        lease: SignedDuration::from_secs(LEASE_S),
    };
    // The pages stay until the dataset is made, and say that all is done.
    let portal = collect(args, pages, asked.store, reporter).await?;
    job.answers = portal.collected().await;
    let outcome = pipeline.finish(&job, &begun).await?;
    pipeline.settle(&job, &outcome).await?;
    pipeline.summarize(&job, &outcome).await
}

fn check(args: &Args) -> Result<(), CommandError> {
    if !WORKERS.contains(&args.workers) {
        return Err(CommandError::new(format!(
            "--workers {} is not {} to {}",
            args.workers,
            WORKERS.start(),
            WORKERS.end()
        )));
    }
    if args.name.len() > JOB_NAME_CHARS_MAX || !is_hyphenated(&args.name) {
        return Err(CommandError::new(format!(
            "--name {:?} must be 1 to {JOB_NAME_CHARS_MAX} letters, digits and inner hyphens",
            args.name
        )));
    }
    let file = category_file(&args.labels).to_string();
    match label_categories::problems(&file, args.task_type).first() {
        Some(problem) => Err(CommandError::new(format!("--labels: {problem}"))),
        None => Ok(()),
    }
}

fn category_file(labels: &[String]) -> Value {
    let labels: Vec<Value> = labels
        .iter()
        .map(|label| json!({ "label": label }))
        .collect();
    json!({"document-version": "2018-11-28", "labels": labels})
}

fn image_set(args: &Args, buckets: &Path) -> Result<ImageSet, CommandError> {
    match (&args.images, &args.manifest, &args.images_from) {
        (Some(images), ..) => images::of_folder(images, buckets, &args.name),
        (None, Some(manifest), Some(from)) => images::of_manifest(manifest, from),
        _ => Err(CommandError::new(
            "neither --images nor --manifest is given",
        )),
    }
}

/// The job before anybody has answered.
fn job_to_label(args: &Args, manifest: String) -> FinishedJob {
    FinishedJob {
        name: args.name.clone(),
        label_attribute: args.name.clone(),
        manifest,
        label_categories: args.labels.clone(),
        answers: BTreeMap::new(),
        workers_per_object: Some(args.workers as usize),
        images: Vec::new(),
        has_consolidation_function: true,
        recorded_output: None,
        truth: None,
        notes: Vec::new(),
        left_out: Vec::new(),
    }
}

/// Opens the answers of an earlier start, which must have asked about the same images and labels.
fn open_store(folder: &Path, job: &FinishedJob) -> Result<AnswerStore, CommandError> {
    let bucket = folder.join("s3").join(BUCKET);
    let jobs = bucket.join("jobs");
    let store = AnswerStore::open(
        JobFolder::of_job(&jobs.to_string_lossy(), &job.name),
        folder.join("answer.unfinished"),
    )
    .map_err(|error| {
        CommandError::new(error.to_string()).with_help("name a new folder with --dir")
    })?;
    if store.given().next().is_none() {
        return Ok(store);
    }
    let inputs = bucket.join("inputs").join(&job.name);
    let categories = category_file(&job.label_categories).to_string();
    for (file, now, what) in [
        ("input.manifest", &job.manifest, "images"),
        ("label-categories.json", &categories, "labels"),
    ] {
        let then = fs::read_to_string(inputs.join(file)).unwrap_or_default();
        if then != *now {
            return Err(CommandError::new(format!(
                "{} has answers about other {what} than these",
                folder.display()
            ))
            .with_help("name the same ones again, or a new folder with --dir"));
        }
    }
    Ok(store)
}

fn read_template(args: &Args, images: ImageFolder) -> Result<TaskTemplate, CommandError> {
    let (name, text) = match &args.template {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| {
                CommandError::new(format!("{} can't be read: {error}", path.display()))
                    .with_help("name a worker task template, or leave --template out")
            })?;
            (path.display().to_string(), text)
        }
        None => {
            let text = match args.task_type {
                TaskType::SingleLabel => {
                    include_str!("../../../../templates/single-label.liquid.html")
                }
                TaskType::MultiLabel => {
                    include_str!("../../../../templates/multi-label.liquid.html")
                }
                TaskType::BoundingBox => {
                    include_str!("../../../../templates/bounding-box.liquid.html")
                }
            };
            (args.task_type.as_str().to_owned(), text.to_owned())
        }
    };
    TaskTemplate::parse(&text, images)
        .map_err(|error| CommandError::new(format!("the template {name}: {error}")))
}

/// Renders the first task, so that a broken template is told before anybody opens it.
fn check_template(template: &TaskTemplate, tasks: &[Task]) -> Result<(), CommandError> {
    let Some(task) = tasks.first() else {
        return Ok(());
    };
    template.page(&task.input).map(|_| ()).map_err(|error| {
        CommandError::new(format!(
            "the template on data object {}: {error}",
            task.object_idx
        ))
    })
}

/// Shows the pages until everything is answered, or at once with `--finish`.
async fn collect(
    args: &Args,
    job: PortalJob,
    store: AnswerStore,
    reporter: &Reporter,
) -> Result<Portal, CommandError> {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), args.port);
    let portal = Portal::start(address, job, store).await.map_err(|error| {
        CommandError::new(format!(
            "the pages can't be shown at port {}: {error}",
            args.port
        ))
        .with_help("name another with --port, or leave it out for any free port")
    })?;
    let mut counts = portal.counts();
    let wanted = *counts.borrow();
    if args.finish || wanted.complete == wanted.objects {
        return Ok(portal);
    }
    let people = match args.workers {
        1 => "one person".to_owned(),
        n_people => format!("{n_people} people each"),
    };
    print(format!(
        "{} images are to be labeled by {people}. Open this address in a browser:\n\n  {}\n\nCtrl-C pauses.",
        wanted.objects - wanted.complete,
        portal.address()
    ));
    let stage = reporter.stage(&format!("{}: answers", args.name), wanted.answers_wanted);
    stage.set(wanted.answers);
    let done = counts
        .wait_for(|counts| {
            stage.set(counts.answers);
            counts.complete == counts.objects
        })
        .await
        .map(|counts| counts.answers)
        .map_err(|_| CommandError::new("the pages ended"))?;
    stage.finish(&format!("{done} given"));
    Ok(portal)
}

/// Says how an interrupted labeling goes on.
fn with_way_on(error: CommandError, folder: &Path) -> CommandError {
    match error.exit_code {
        0..=127 => error,
        _ => error.with_help(format!(
            "what was answered is kept: the same command with --dir {} goes on",
            folder.display()
        )),
    }
}

fn next_commands(output: &Path) -> String {
    let output = output.display();
    format!(
        "the labels: {output}\n\
         next:\n  gtcl convert {output} --out dataset.manifest\n  gtcl export csv {output} --out labels.csv"
    )
}
