//! `gtcl consolidate`: workers' answers from a job's files to one label a data object.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use consensus::ITEMS_KEPT;
use labeling::TaskType;
use labeling::consolidation::{
    AnnotationFile, Config, Counts, Outcome, Payload, Quality, Request, consolidate,
};
use labeling::job::{categories, layout, whole};
use labeling::statistics_file::Statistics;
use manifest::counted;
use serde::Serialize;

use crate::answer_files::{self, AnswerFileError};
use crate::arguments::Format;
use crate::arguments::task_type;
use crate::error::CommandError;
use crate::finished_job::{self, FinishedJobError};
use crate::input;
use crate::job_report::recorded;
use crate::output::progress::{Detail, Reporter};
use crate::output::quality;
use crate::output::stdout;
use crate::output::text::shown;
use crate::place::local_path;

/// What `gtcl consolidate --help` says after the arguments.
fn after_help() -> String {
    let annotation_files = layout::annotation_files();
    let worker_responses = layout::worker_responses();
    format!(
        "\
Prints one JSON line for each data object, as the annotation-consolidation function answers it, or a report.

Examples:
  gtcl consolidate JOB > labels.jsonl
  gtcl consolidate JOB/{annotation_files}
  gtcl consolidate --whole-job --report text JOB/{worker_responses}

Exit code:
  0  every data object has a label
  2  a file can't be read or holds no workers' answers, or the files are of several jobs
  3  a data object has no label (the report says why), or an element of an annotation file names no data object"
    )
}

/// Arguments of `gtcl consolidate`.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub struct Args {
    /// Annotation files, worker-response files, or folders of them (read in order of their names).
    #[arg(required = true, value_name = "FILE", value_parser = local_path())]
    files: Vec<PathBuf>,
    /// Name of the label attribute in the answer.
    #[arg(long, value_name = "NAME", default_value = "label")]
    label_attribute: String,
    /// Label category file; the copy in the job's folder unless given.
    #[arg(long, value_name = "FILE", value_parser = local_path())]
    categories: Option<PathBuf>,
    /// What workers were asked for: single-label, multi-label or bounding-box; told by the answers unless given.
    #[arg(long, value_name = "TYPE", value_parser = task_type())]
    task_type: Option<TaskType>,
    /// All data objects together, instead of one file after another with the statistics of those before it.
    #[arg(long)]
    whole_job: bool,
    /// Print a report instead of the consolidated annotations.
    #[arg(long, visible_alias = "format", value_enum, value_name = "FORMAT")]
    report: Option<Format>,
}

fn where_answers_lie() -> String {
    format!(
        "annotation files lie in {} of a job's folder, worker-response files in {}",
        layout::annotation_files(),
        layout::worker_responses()
    )
}

/// Prints one JSON line for each data object, as the function would answer it, or a report.
///
/// Answers 0, or 3 when a data object has no label or no id.
///
/// # Errors
///
/// Fails when a file can't be read or is neither an annotation file nor a worker-response file.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    let paths = files(&args.files)?;
    refuse_several_jobs(&args.files, &paths)?;
    let mut read = Vec::with_capacity(paths.len());
    for path in &paths {
        read.push(answer_files::read(path).map_err(unreadable)?);
    }
    let reporter = Reporter::new(Detail::Lines);
    let n_copies = answer_files::leave_out_copies(&mut read);
    if n_copies > 0 {
        reporter.note(&format!(
            "{} left out: the same answers are in another one",
            counted(n_copies as u64, "file")
        ));
    }
    answer_files::refuse_unknown_objects(&read).map_err(unreadable)?;
    let n_left_out = answer_files::leave_out_repeated(&mut read);
    if n_left_out > 0 {
        reporter.note(&format!(
            "{} left out: annotation files hold the same answers",
            counted(n_left_out as u64, "worker-response file")
        ));
    }
    if read.iter().all(|read| read.file.objects.is_empty()) {
        let paths: Vec<String> = args
            .files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Err(
            CommandError::new(format!("{}: no data object", paths.join(", ")))
                .with_help(where_answers_lie()),
        );
    }
    let mut n_unidentified = 0;
    for read in &read {
        n_unidentified += read.file.n_unidentified;
        for left_out in read.left_out() {
            reporter.note(&left_out);
        }
    }
    let batches: Vec<AnnotationFile> = read.into_iter().map(|read| read.file).collect();
    let config = Config {
        label_categories: label_categories(&args, &paths)?,
        task_type: args.task_type,
        ..Config::default()
    };
    let quality = args.report.and_then(|_| {
        let objects = batches.iter().flat_map(|file| file.objects.iter().cloned());
        let mut quality = whole::gather(&args.label_attribute, objects, &config).quality(None)?;
        let objects = batches.iter().flat_map(|file| &file.objects);
        let sources = objects.map(|object| (object.dataset_object_id.as_str(), &object.source));
        let sources: BTreeMap<&str, &Option<String>> = sources.collect();
        quality.name_sources(|id| (*sources.get(id)?).clone());
        quality.add_times(&recorded::times(&paths), &args.label_attribute);
        Some(quality)
    });
    let outcomes = if args.whole_job {
        let objects = batches.into_iter().flat_map(|file| file.objects);
        vec![whole::consolidate(
            &args.label_attribute,
            None,
            &args.label_attribute,
            objects,
            &config,
        )]
    } else {
        one_after_another(&args.label_attribute, &batches, &config)
    };
    let report = Report::new(&outcomes, n_unidentified, quality);
    stdout::write(|mut out| match args.report {
        None => write_annotations(&mut out, &outcomes),
        Some(Format::Text) => report.write_text(&mut out),
        Some(Format::Json) => write_json(&mut out, &report),
    });
    if args.report.is_none() {
        for loss in report.losses() {
            reporter.note(&format!("{loss}; --report text says more"));
        }
    }
    let is_whole = report.failed.is_empty() && n_unidentified == 0;
    Ok(if is_whole { 0 } else { 3 })
}

fn request(label_attribute: &str) -> Request {
    Request {
        payload: Payload::Inline(String::new()),
        label_attribute: label_attribute.to_owned(),
        labeling_job_arn: None,
        label_categories: None,
        output_uri: None,
        kms_key_id: None,
    }
}

/// Worker-response files hold one data object each, so they are batches of one.
fn one_after_another(
    label_attribute: &str,
    batches: &[AnnotationFile],
    config: &Config,
) -> Vec<Outcome> {
    let request = request(label_attribute);
    let mut carried = Statistics::default();
    let outcomes = batches.iter().map(|file| {
        let outcome = consolidate(&request, file, &carried, config);
        carried.merge(&outcome.statistics);
        carried.settle(ITEMS_KEPT);
        outcome
    });
    outcomes.collect()
}

/// The files, and those with answers below the folders, in order of their paths.
fn files(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, CommandError> {
    let mut found = Vec::new();
    for path in arguments {
        if path.is_dir() {
            let in_folder = answer_files::answer_files(path).map_err(unreadable)?;
            if in_folder.is_empty() {
                return Err(
                    CommandError::new(format!("{} holds no .json files", path.display()))
                        .with_help(format!(
                            "name a job's folder, or files; {}",
                            where_answers_lie()
                        )),
                );
            }
            found.extend(in_folder);
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

/// Two jobs' data objects have the same ids, and other label categories: together they would be neither's labels.
fn refuse_several_jobs(arguments: &[PathBuf], paths: &[PathBuf]) -> Result<(), CommandError> {
    let jobs = answer_files::job_folders(paths);
    if jobs.len() < 2 {
        return Ok(());
    }
    let arguments: Vec<String> = arguments
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let error = FinishedJobError::SeveralJobs {
        path: PathBuf::from(arguments.join(", ")),
        names: finished_job::names_of(&jobs),
    };
    Err(CommandError::new(error.to_string()).with_help(error.remedy()))
}

fn unreadable(error: AnswerFileError) -> CommandError {
    let help = match error {
        AnswerFileError::Read { .. } => "look at the path: a file or folder on this machine",
        AnswerFileError::UnknownDataObject { .. } => {
            "give annotation files alone, or worker-response files in their folders, as `aws s3 sync` of the job brings them"
        }
        AnswerFileError::TooLarge { .. }
        | AnswerFileError::Parse { .. }
        | AnswerFileError::NoDataObject { .. } => {
            return CommandError::new(error.to_string()).with_help(where_answers_lie());
        }
    };
    CommandError::new(error.to_string()).with_help(help)
}

fn label_categories(args: &Args, paths: &[PathBuf]) -> Result<Option<Vec<String>>, CommandError> {
    let of_job = || {
        let mut folders = paths.first()?.ancestors();
        let annotations = folders.find(|folder| folder.ends_with(layout::ANNOTATIONS))?;
        let path = annotations.parent()?.join(layout::LABEL_CATEGORIES);
        path.is_file().then_some(path)
    };
    let Some(path) = args.categories.clone().or_else(of_job) else {
        return Ok(None);
    };
    let bytes = input::read(
        &path,
        "the label category file",
        categories::CATEGORY_FILE_BYTES_MAX,
    )?;
    let bytes = input::without_mark(bytes).map_err(|error| {
        CommandError::new(format!("{}: {}", path.display(), error.reason)).with_help(error.remedy)
    })?;
    let names = match args.categories {
        Some(_) => categories::parse_file(&bytes).map(Some),
        None => categories::parse_own_copy(&bytes),
    };
    names.map_err(|error| {
        CommandError::new(format!("{}: {error}", path.display()))
            .with_help("name another one with --categories")
    })
}

fn write_annotations(out: &mut impl Write, outcomes: &[Outcome]) -> io::Result<()> {
    for element in outcomes.iter().flat_map(|outcome| &outcome.response) {
        write_json(out, element)?;
    }
    Ok(())
}

fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// What is worth knowing of a consolidation.
#[derive(Debug, Serialize)]
struct Report {
    n_data_objects: usize,
    n_consolidated: usize,
    n_failed: usize,
    /// Elements of annotation files that name no data object.
    n_unidentified: usize,
    n_answers: u32,
    n_empty_answers: u32,
    n_unreadable_answers: u32,
    task_types: Vec<&'static str>,
    /// Names in answers that are no label category, with the number of answers.
    unknown_categories: BTreeMap<String, u32>,
    /// What the answers say about workers, categories and data objects; `None` when none can be read.
    quality: Option<Quality>,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    dataset_object_id: String,
    reason: String,
}

impl Report {
    fn new(outcomes: &[Outcome], n_unidentified: usize, quality: Option<Quality>) -> Self {
        let mut counts = Counts::default();
        let mut unknown_categories: BTreeMap<String, u32> = BTreeMap::new();
        let (mut failed, mut task_types) = (Vec::new(), Vec::new());
        let mut n_data_objects = 0;
        for outcome in outcomes {
            counts.n_answers += outcome.counts.n_answers;
            counts.n_empty += outcome.counts.n_empty;
            counts.n_unreadable += outcome.counts.n_unreadable;
            n_data_objects += outcome.response.len();
            for (name, n) in &outcome.unknown_categories {
                *unknown_categories.entry(name.clone()).or_default() += n;
            }
            task_types.extend(outcome.task_type.map(TaskType::as_str));
            failed.extend(outcome.failed.iter().map(|object| Failed {
                dataset_object_id: object.dataset_object_id.clone(),
                reason: object.reason.clone(),
            }));
        }
        task_types.sort_unstable();
        task_types.dedup();
        Self {
            n_data_objects,
            n_consolidated: n_data_objects - failed.len(),
            n_failed: failed.len(),
            n_unidentified,
            n_answers: counts.n_answers,
            n_empty_answers: counts.n_empty,
            n_unreadable_answers: counts.n_unreadable,
            task_types,
            unknown_categories,
            quality,
            failed,
        }
    }

    /// What consolidated annotations alone don't tell, a sentence each.
    fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        if self.n_failed > 0 {
            let of = counted(self.n_data_objects as u64, "data object");
            losses.push(format!("{} of {of} without a label", self.n_failed));
        }
        if self.n_unreadable_answers > 0 {
            let n_unreadable = counted(self.n_unreadable_answers.into(), "answer");
            losses.push(format!(
                "{n_unreadable} left out: unreadable, of another kind, of no label category, or too much"
            ));
        }
        losses
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "data objects   {:>7}", self.n_data_objects)?;
        writeln!(out, "  consolidated {:>7}", self.n_consolidated)?;
        writeln!(out, "  failed       {:>7}", self.n_failed)?;
        if self.n_unidentified > 0 {
            writeln!(out, "without an id  {:>7}", self.n_unidentified)?;
        }
        writeln!(out, "answers        {:>7}", self.n_answers)?;
        writeln!(out, "  empty        {:>7}", self.n_empty_answers)?;
        writeln!(out, "  unreadable   {:>7}", self.n_unreadable_answers)?;
        writeln!(out, "task type      {:>7}", self.task_types.join(", "))?;
        if !self.unknown_categories.is_empty() {
            writeln!(out, "\nno label category, and in how many answers")?;
            for (name, n) in &self.unknown_categories {
                writeln!(out, "  {n:>5}  {}", name.escape_debug())?;
            }
        }
        if let Some(quality) = &self.quality {
            quality::write_text(quality, out)?;
        }
        if !self.failed.is_empty() {
            writeln!(out, "\nfailed: data object, reason")?;
            for object in &self.failed {
                writeln!(
                    out,
                    "  {:>7}  {}",
                    object.dataset_object_id.escape_debug(),
                    shown(&object.reason)
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn args(files: &[&Path], whole_job: bool) -> Args {
        Args {
            files: files.iter().map(|path| path.to_path_buf()).collect(),
            label_attribute: "Birds".to_owned(),
            categories: None,
            task_type: None,
            whole_job,
            report: Some(Format::Json),
        }
    }

    fn message(path: &Path) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(run(args(&[path], false)))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn files_that_are_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert!(message(&path).contains("failed to read"));
        assert!(message(folder.path()).contains("holds no .json files"));
        for (bytes, expected) in [
            (&b"[{\"dat"[..], "not valid JSON"),
            (b"\0\x01", "not valid JSON"),
            (b"{}", "not a list"),
            (b"[]", "no data object"),
            (
                b"[1, {}]",
                "none of its 2 elements is a data object with annotations: no datasetObjectId",
            ),
            (
                br#"[{"datasetObjectId":"0","consolidatedAnnotation":{"content":{}}}]"#,
                "none of its 1 element is a data object with annotations: annotations is not a list",
            ),
        ] {
            fs::write(&path, bytes).unwrap();
            assert!(message(&path).contains(expected), "{bytes:?}");
        }
    }

    #[test]
    fn annotation_files_and_worker_responses_say_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let responses = folder.path().join("worker-response/iteration-1/4");
        fs::create_dir_all(&responses).unwrap();
        fs::write(
            responses.join("t.json"),
            r#"{"answers":[{"workerId":"a","answerContent":{"x":{"label":"Owl"}}},{"workerId":"b","answerContent":{"x":{"label":"Owl"}}}]}"#,
        )
        .unwrap();
        let file = folder.path().join("request.json");
        fs::write(
            &file,
            r#"[{"datasetObjectId":"4","annotations":[{"workerId":"a","annotationData":{"content":"{\"x\":{\"label\":\"Owl\"}}"}},{"workerId":"b","annotationData":{"content":"{\"x\":{\"label\":\"Owl\"}}"}}]}]"#,
        )
        .unwrap();
        let label = |path: &Path| {
            let paths = files(&[path.to_path_buf()]).unwrap();
            let read = paths
                .iter()
                .map(|path| answer_files::read(path).unwrap().file);
            let batches: Vec<_> = read.collect();
            let outcomes = one_after_another("Birds", &batches, &Config::default());
            serde_json::to_string(&outcomes[0].response).unwrap()
        };
        assert_eq!(label(&file), label(&folder.path().join("worker-response")));
    }

    #[test]
    fn files_that_are_given_twice_count_once() {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("a.json"), folder.path().join("b.json"));
        let text = r#"[{"datasetObjectId":"0","annotations":[{"workerId":"a","annotationData":{"content":"{\"x\":{\"label\":\"Owl\"}}"}}]}]"#;
        fs::write(&file, text).unwrap();
        fs::write(&copy, format!("{text}\n")).unwrap();
        let again = folder
            .path()
            .join("../")
            .join(folder.path().file_name().unwrap())
            .join("a.json");
        for (paths, n_copies) in [
            (vec![&file], 0),
            (vec![&file, &file], 1),
            (vec![&file, &again, &copy], 2),
        ] {
            let mut read: Vec<_> = paths
                .iter()
                .map(|path| answer_files::read(path).unwrap())
                .collect();
            assert_eq!(answer_files::leave_out_copies(&mut read), n_copies);
            assert_eq!(read.len(), 1);
        }
    }

    #[test]
    fn answers_of_an_unknown_data_object_are_not_added_to_known_ones() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let answer = r#"{"answers":[{"workerId":"a","answerContent":{"x":{"label":"Owl"}}}]}"#;
        let response = write("t.json", answer);
        let request = write(
            "r.json",
            r#"[{"datasetObjectId":"0","annotations":[{"workerId":"a","annotationData":{"content":"{\"x\":{\"label\":\"Owl\"}}"}}]}]"#,
        );
        assert!(
            message(folder.path()).contains("t.json is a worker-response file without its folders")
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let code = |paths: &[&Path]| runtime.block_on(run(args(paths, true)));
        assert_eq!(code(&[&request]).unwrap(), 0);
        assert_eq!(code(&[&response]).unwrap(), 0);
        let namesake = write("other/t.json", answer);
        assert!(code(&[&response, &namesake]).is_err());
        let in_folders = write("worker-response/iteration-1/7/t.json", answer);
        assert_eq!(code(&[&request, &in_folders]).unwrap(), 0);
    }

    #[test]
    fn several_jobs_are_refused_as_run_refuses_them() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"[{"datasetObjectId":"0","annotations":[{"workerId":"a","annotationData":{"content":"{\"x\":{\"label\":\"Owl\"}}"}}]}]"#;
        let requests = "annotations/consolidated-annotation/consolidation-request/iteration-1";
        for job in ["birds", "cats"] {
            let requests = folder.path().join(job).join(requests);
            fs::create_dir_all(&requests).unwrap();
            fs::write(requests.join("t.json"), text).unwrap();
        }
        let of_run = finished_job::read(folder.path(), None).unwrap_err();
        let (message, remedy) = (message(folder.path()), of_run.remedy());
        assert_eq!(message, format!("error: {of_run}\nhelp: {remedy}"));
        let (birds, cats) = (folder.path().join("birds"), folder.path().join("cats"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let code = |paths: &[&Path]| runtime.block_on(run(args(paths, false)));
        assert!(code(&[&birds, &cats]).is_err());
        assert_eq!(code(&[&birds]).unwrap(), 0);
        assert_eq!(code(&[&birds, &birds.join("annotations")]).unwrap(), 0);
    }

    #[test]
    fn elements_without_an_id_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let object = r#"{"datasetObjectId":"0","annotations":[{"workerId":"a","annotationData":{"content":"{\"x\":{\"label\":\"Owl\"}}"}}]}"#;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        for (text, code) in [(format!("[{object}]"), 0), (format!("[{object},{{}}]"), 3)] {
            fs::write(&path, text).unwrap();
            assert_eq!(runtime.block_on(run(args(&[&path], true))).unwrap(), code);
        }
    }

    #[test]
    fn answers_that_stand_in_two_files_count_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let answer = r#"{"answers":[{"workerId":"a","answerContent":{"x":{"label":"Owl"}}}]}"#;
        write(
            "consolidated-annotation/consolidation-request/iteration-1/t.json",
            r#"[{"datasetObjectId":"0","annotations":[{"workerId":"a","annotationData":{"content":"{\"x\":{\"label\":\"Owl\"}}"}}]}]"#,
        );
        write(
            "consolidated-annotation/consolidation-response/iteration-1/t.json",
            r#"[{"datasetObjectId":"0","consolidatedAnnotation":{"content":{}}}]"#,
        );
        write("worker-response/iteration-1/0/t.json", answer);
        write("worker-response/iteration-1/1/t.json", answer);
        let paths = files(&[folder.path().to_path_buf()]).unwrap();
        let mut read: Vec<_> = paths
            .iter()
            .map(|path| answer_files::read(path).unwrap())
            .collect();
        assert_eq!(answer_files::leave_out_repeated(&mut read), 1);
        let ids = read.iter().flat_map(|read| &read.file.objects);
        let ids: Vec<&str> = ids
            .map(|object| object.dataset_object_id.as_str())
            .collect();
        assert_eq!(ids, ["0", "1"]);
    }

    #[test]
    fn what_is_lost_is_told_beside_the_annotations() {
        let mut report = Report::new(&[], 0, None);
        assert_eq!(report.losses(), [""; 0]);
        (report.n_data_objects, report.n_failed) = (3, 1);
        report.n_unreadable_answers = 2;
        let expected = [
            "1 of 3 data objects without a label",
            "2 answers left out: unreadable, of another kind, of no label category, or too much",
        ];
        assert_eq!(report.losses(), expected);
    }
}
