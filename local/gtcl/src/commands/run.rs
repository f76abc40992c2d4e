//! `gtcl run`: labeling jobs through the whole pipeline.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::arguments::Format;
use crate::environment::Environment;
use crate::error::CommandError;
use crate::example;
use crate::finished_job::{self, FinishedJob};
use crate::output::folder;
use crate::output::progress::{Detail, Reporter};
use crate::output::stdout::print;
use crate::output::summary::{JobSummary, Summary};
use crate::pipeline::{self, Pipeline};
use crate::place::local_path;
use crate::signals::Signals;
use crate::stack::{Ports, Stack};
use services::Keys;

/// Arguments of `gtcl run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gtcl run
  gtcl run --job ./MY-JOB --truth truth.jsonl --dir ./results

Exit code:
  0  everything is accounted for, and every job landed at least one entry
  1  something is lost, a job landed nothing, or a part of its files can't be read and is left out
  2  arguments, files or the folder can't be used
  130, 143  ended by Ctrl-C, by SIGTERM")]
pub struct Args {
    /// Folder of a finished job, as `aws s3 sync` brings it; may be given more than once. Without it, the bundled
    /// example is run.
    #[arg(long, value_name = "FOLDER", value_parser = local_path())]
    job: Vec<PathBuf>,
    /// Known truth of the job: JSON Lines with source-ref and label. Default: true_labels.jsonl beside the job.
    #[arg(long, value_name = "FILE", requires = "job", value_parser = local_path())]
    truth: Option<PathBuf>,
    /// Folder for everything that is written: new, empty, or of earlier runs with jobs of other names, whose results
    /// stay. Default: the next number in gtcl-out.
    #[arg(long, value_name = "FOLDER", value_parser = local_path())]
    dir: Option<PathBuf>,
    /// How the summary is printed; JSON has all of it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as --format json.
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
    /// Tell each stage of the work, and the whole summary.
    #[arg(long, short)]
    verbose: bool,
    /// Tell nothing but the summary.
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
    /// Seed of the example's images and workers, and of the order in which objects are consolidated.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    ports: Ports,
}

/// Runs the jobs. The exit code is 0 when every job's data objects and lines are accounted for, something landed and
/// nothing of a recorded job is left out.
///
/// # Errors
///
/// Fails when a job can't be read, a service can't be started, a job fails as a whole, or a signal comes.
pub async fn run(args: Args, environment: &Environment) -> Result<u8, CommandError> {
    let begin = Instant::now();
    let is_json = args.json || args.format == Format::Json;
    let reporter = Reporter::new(match (args.verbose, args.quiet || is_json) {
        (true, _) => Detail::Lines,
        (false, true) => Detail::Nothing,
        (false, false) => Detail::Bars,
    });
    let jobs = read_jobs(&args, &reporter)?;
    let folder = folder::prepare(args.dir.as_deref(), "gtcl run")?;
    refuse_jobs_of_earlier_runs(&folder.path, &jobs)?;
    let mut signals = Signals::listen()?;
    // Nobody else calls these services: the keys are told to nobody.
    let keys = Keys::random();
    let stack = Stack::start(&folder.path, args.ports, keys, &environment.executable).await?;
    let work = run_jobs(&stack, &jobs, args.seed, &reporter);
    let worked = signals.interrupt(work).await;
    stack.lambda.end().await;
    let summaries = worked?;
    let is_good = |summary: &Summary| {
        let is_good = |job: &JobSummary| job.entries_accepted > 0 && job.left_out.is_empty();
        summary.is_conserved && summary.jobs.iter().all(is_good)
    };
    let summary = Summary {
        is_conserved: summaries.iter().all(|job| job.losses.is_empty()),
        jobs: summaries,
        seconds: begin.elapsed().as_secs_f64(),
        folder: folder.path.clone(),
    };
    if is_json {
        let json = serde_json::to_string_pretty(&summary).map_err(|error| {
            CommandError::new(format!("the summary can't be written as JSON: {error}"))
                .with_help("name folders and files whose names are UTF-8")
        })?;
        print(&json);
    } else {
        print(summary.shown(args.verbose));
    }
    Ok(u8::from(!is_good(&summary)))
}

async fn run_jobs(
    stack: &Stack,
    jobs: &[FinishedJob],
    seed: u64,
    reporter: &Reporter,
) -> Result<Vec<JobSummary>, CommandError> {
    let mut pipeline = Pipeline::prepare(stack, jobs, seed, reporter).await?;
    let mut outcomes = Vec::new();
    for job in jobs {
        outcomes.push(pipeline.label(job).await?);
    }
    let mut summaries = Vec::new();
    for (job, outcome) in jobs.iter().zip(&outcomes) {
        pipeline.settle(job, outcome).await?;
        summaries.push(pipeline.summarize(job, outcome).await?);
    }
    Ok(summaries)
}

/// A labeling job's name is used once: nothing of an earlier run is overwritten.
fn refuse_jobs_of_earlier_runs(folder: &Path, jobs: &[FinishedJob]) -> Result<(), CommandError> {
    for job in jobs {
        let output = pipeline::output_manifest(folder, &job.name);
        if output.exists() {
            return Err(CommandError::new(format!(
                "{} has the results of a labeling job named {}, of an earlier run",
                folder.display(),
                job.name
            ))
            .with_help(
                "name a new folder with --dir, or leave --dir out for the next number in gtcl-out",
            ));
        }
    }
    Ok(())
}

fn read_jobs(args: &Args, reporter: &Reporter) -> Result<Vec<FinishedJob>, CommandError> {
    if args.job.is_empty() {
        reporter.note("the bundled example: three labeling jobs on generated images");
        return Ok(example::jobs(args.seed)
            .into_iter()
            .map(FinishedJob::from)
            .collect());
    }
    let mut names = BTreeSet::new();
    let mut jobs = Vec::new();
    for path in &args.job {
        let job = finished_job::read(path, args.truth.as_deref())
            .map_err(|error| CommandError::new(error.to_string()).with_help(error.remedy()))?;
        if !names.insert(job.name.to_lowercase()) {
            return Err(CommandError::new(format!(
                "two jobs are named {}: the second is {}",
                job.name,
                path.display()
            ))
            .with_help(
                "a job is named as its folder, and case does not tell names apart: rename one",
            ));
        }
        for note in job.notes.iter().chain(&job.left_out) {
            reporter.note(&format!("{}: {note}", job.name));
        }
        jobs.push(job);
    }
    Ok(jobs)
}
