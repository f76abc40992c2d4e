//! `gtcl evaluate`: how good consolidation is, on answers whose truth is known.

mod tables;

use std::path::{Path, PathBuf};

use labeling::consolidation::Config;

use crate::arguments::Format;
use crate::error::CommandError;
use crate::evaluate::figures::Measured;
use crate::evaluate::job::{self, JobSet};
use crate::evaluate::{Conditions, Mode, boxes, multi_label, read, single_label};
use crate::finished_job;
use crate::input;
use crate::output::progress::{Detail, Reporter};
use crate::output::text::shown;
use crate::place::local_path;
use tables::{
    Report, name_of, print_boxes, print_json, print_multi_label, print_own, print_single_label,
};

/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Arguments of `gtcl evaluate`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "gtcl evaluate <single-label|boxes|multi-label|job> <PATH> [OPTIONS]",
    after_help = "\
Examples:
  gtcl evaluate job ./MY-JOB --gold truth.jsonl
  gtcl evaluate single-label FOLDER --answers-per-object 5 --mode whole-job

Exit code: 0 figures were printed, 2 a file can't be read, or no object has both an answer and a truth."
)]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

/// What is evaluated.
#[derive(Debug, clap::Subcommand)]
enum Kind {
    /// Single-label answers: a folder with label.csv (item,worker,label) and truth.csv (item,truth), or a folder of
    /// such folders.
    SingleLabel {
        /// The folder.
        #[arg(value_parser = local_path())]
        folder: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// Boxes: {"images": {NAME: {"answers": {WORKER: [[x1, y1, x2, y2], …]}, "truth": [[x1, y1, x2, y2], …]}}}.
    Boxes {
        /// The JSON file.
        #[arg(value_parser = local_path())]
        file: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// Multi-label answers: CSV with the columns image,imagenet_label,truth,experts,answers, one character a worker,
    /// 2 where the label was selected.
    MultiLabel {
        /// The CSV file.
        #[arg(value_parser = local_path())]
        file: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// A job of yours: its output folder as `aws s3 sync` brings it, and the truth of some of its objects.
    Job {
        /// The folder.
        #[arg(value_parser = local_path())]
        folder: PathBuf,
        /// Truth, JSON Lines of {"source-ref": "s3://…", "label": …}: a category, a list of categories, or a list of
        /// {"label", "left", "top", "width", "height"}.
        #[arg(long, value_name = "FILE", value_parser = local_path())]
        gold: PathBuf,
        #[command(flatten)]
        options: Options,
    },
}

/// Answers kept where nothing else is said.
const ANSWERS_PER_OBJECT: usize = 3;

/// Under which conditions.
#[derive(Debug, Clone, clap::Args)]
struct Options {
    /// Answers kept of each object, chosen at random [default: 3; all of a job's].
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..))]
    answers_per_object: Option<u32>,
    /// Objects in a batch.
    #[arg(long, value_name = "B", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// How many runs, with seeds from 10 on, or a list of seeds (a list of one ends in a comma); the figures are the runs'
    /// mean.
    #[arg(long, value_name = "N|LIST", default_value = "3", value_parser = seeds)]
    seeds: Seeds,
    /// What a batch knows of the others.
    #[arg(long, value_enum, default_value_t)]
    mode: CommandMode,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// First seed where only their number is given.
const FIRST_SEED: u64 = 10;

/// Most runs.
const N_SEEDS_MAX: u64 = 10_000;

/// One for each run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seeds(Vec<u64>);

fn seeds(text: &str) -> Result<Seeds, String> {
    if let Ok(n) = text.parse::<u64>() {
        if !(1..=N_SEEDS_MAX).contains(&n) {
            return Err(format!("from 1 to {N_SEEDS_MAX} runs"));
        }
        return Ok(Seeds((FIRST_SEED..FIRST_SEED + n).collect()));
    }
    let list = text.strip_suffix(',').unwrap_or(text).split(',');
    let parsed: Result<Vec<u64>, _> = list.map(str::parse).collect();
    let list = parsed.map_err(|_| "a number of runs, or seeds separated by commas".to_owned())?;
    Ok(Seeds(list))
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum CommandMode {
    /// Nothing.
    Batch,
    /// The statistics of earlier batches.
    #[default]
    Carried,
    /// All objects are one batch.
    WholeJob,
}

impl Options {
    fn conditions(&self, answers_per_object: usize) -> Conditions {
        Conditions {
            answers_per_object: self
                .answers_per_object
                .map_or(answers_per_object, |n| n as usize),
            batch: self.batch as usize,
            seeds: self.seeds.0.clone(),
            mode: match self.mode {
                CommandMode::Batch => Mode::Batch,
                CommandMode::Carried => Mode::Carried,
                CommandMode::WholeJob => Mode::WholeJob,
            },
        }
    }
}

/// Evaluates and prints.
///
/// # Errors
///
/// When a file can't be read or has another shape.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    match args.kind {
        Kind::SingleLabel { folder, options } => single_label_sets(&folder, &options)?,
        Kind::Boxes { file, options } => {
            let set = read::boxes(&text(&file)?).map_err(|error| unreadable(&file, &error))?;
            require_truth(
                &file,
                set.n_judged(),
                "an image needs workers' \"answers\", and a box in \"truth\"",
            )?;
            print_boxes(
                &Measured::of(&boxes::runs(
                    &set,
                    &options.conditions(ANSWERS_PER_OBJECT),
                    &Default::default(),
                )),
                &file,
                options.format,
            );
        }
        Kind::MultiLabel { file, options } => {
            let set =
                read::multi_label(&text(&file)?).map_err(|error| unreadable(&file, &error))?;
            require_truth(
                &file,
                set.n_judged(),
                "a row needs a character a worker in answers, and 1 in truth where the label is right",
            )?;
            let comparison = Measured::of(&multi_label::runs(
                &set,
                &options.conditions(ANSWERS_PER_OBJECT),
                &Default::default(),
            ));
            print_multi_label(&comparison, &file, options.format);
        }
        Kind::Job {
            folder,
            gold,
            options,
        } => job(&folder, &gold, &options)?,
    }
    Ok(0)
}

fn job(folder: &Path, gold: &Path, options: &Options) -> Result<(), CommandError> {
    let recorded = finished_job::read(folder, Some(gold))
        .map_err(|error| CommandError::new(error.to_string()).with_help(error.remedy()))?;
    let reporter = Reporter::new(Detail::Lines);
    for left_out in &recorded.left_out {
        reporter.note(left_out);
    }
    let conditions = options.conditions(usize::MAX);
    let own = job::recorded(&recorded);
    let (name, format) = (Path::new(&recorded.name), options.format);
    let config = Config::default();
    let set = job::set_of(&recorded, &config);
    let n_judged = set.as_ref().map(JobSet::n_judged);
    if n_judged == Some(0) {
        let line = recorded.manifest.lines().next().unwrap_or_default();
        return Err(CommandError::new(format!(
            "{}: no data object that workers answered has a truth of the job's kind there",
            gold.display()
        ))
        .with_help(format!(
            "write a line {{\"source-ref\": \"s3://…\", \"label\": …}} for data objects of the job, whose manifest begins with {}",
            shown(line)
        )));
    }
    match set {
        Some(JobSet::SingleLabel(set)) => {
            let comparison =
                Measured::of(&single_label::runs(&set, &conditions, &config.single_label));
            match format {
                Format::Text => print_single_label(&[(recorded.name.clone(), comparison)], format),
                Format::Json => print_json(&Report::of_job(&recorded.name, comparison, own)),
            }
        }
        Some(JobSet::MultiLabel(set)) => {
            let comparison =
                Measured::of(&multi_label::runs(&set, &conditions, &config.multi_label));
            match format {
                Format::Text => print_multi_label(&comparison, name, format),
                Format::Json => print_json(&Report::of_job(&recorded.name, comparison, own)),
            }
        }
        Some(JobSet::BoundingBox(set)) => {
            let comparison = Measured::of(&boxes::runs(&set, &conditions, &config.boxes));
            match format {
                Format::Text => print_boxes(&comparison, name, format),
                Format::Json => print_json(&Report::of_job(&recorded.name, comparison, own)),
            }
        }
        None => {
            return Err(
                CommandError::new(format!("{}: no readable answer", folder.display()))
                    .with_help("gtcl evaluate job reads labels, lists of labels and boxes"),
            );
        }
    }
    if let (Some(own), Format::Text) = (own, format) {
        print_own(own);
    }
    Ok(())
}

fn single_label_sets(folder: &Path, options: &Options) -> Result<(), CommandError> {
    let folders = if folder.join("label.csv").is_file() {
        vec![folder.to_owned()]
    } else {
        let entries = std::fs::read_dir(folder)
            .map_err(|error| input::unreadable(folder, "the folder", &error))?;
        let mut folders: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("label.csv").is_file())
            .collect();
        folders.sort();
        folders
    };
    if folders.is_empty() {
        return Err(CommandError::new(format!(
            "{} holds no label.csv, nor does a folder in it",
            folder.display()
        ))
        .with_help("give a folder with label.csv (item,worker,label) and truth.csv (item,truth)"));
    }
    let mut runs = Vec::new();
    for folder in &folders {
        let (labels, truth) = (
            text(&folder.join("label.csv"))?,
            text(&folder.join("truth.csv"))?,
        );
        let set =
            read::single_label(&labels, &truth).map_err(|error| unreadable(folder, &error))?;
        require_truth(
            folder,
            set.n_judged(),
            "truth.csv names items as label.csv does, one item,truth a row",
        )?;
        runs.push((
            name_of(folder),
            Measured::of(&single_label::runs(
                &set,
                &options.conditions(ANSWERS_PER_OBJECT),
                &Default::default(),
            )),
        ));
    }
    print_single_label(&runs, options.format);
    Ok(())
}

/// Without truth there is nothing to measure against.
fn require_truth(path: &Path, n_judged: usize, help: &str) -> Result<(), CommandError> {
    if n_judged > 0 {
        return Ok(());
    }
    Err(CommandError::new(format!(
        "{}: nothing in it has both a worker's answer and a truth",
        path.display()
    ))
    .with_help(help))
}

fn text(path: &Path) -> Result<String, CommandError> {
    input::read_text(path, "the file", FILE_BYTES_MAX)
}

fn unreadable(path: &Path, error: &read::ReadError) -> CommandError {
    CommandError::new(format!("{}: {error}", path.display()))
        .with_help("gtcl evaluate --help says what each kind of file holds")
}

#[cfg(test)]
mod tests {
    use super::seeds;

    #[test]
    fn seeds_by_number_and_by_name() {
        for (text, expected) in [
            ("1", Some(vec![10])),
            ("3", Some(vec![10, 11, 12])),
            ("7,", Some(vec![7])),
            ("0,5", Some(vec![0, 5])),
            ("0", None),
            ("10001", None),
            ("", None),
            (",", None),
            ("a", None),
            ("1,,2", None),
        ] {
            assert_eq!(seeds(text).ok().map(|seeds| seeds.0), expected, "{text:?}");
        }
    }
}
