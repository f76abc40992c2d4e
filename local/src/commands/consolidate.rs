//! `gtcl consolidate`: workers' answers from a job's files to one label a data object.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use consensus::quality::{self, ClassQuality, WorkerQuality};
use labeling::consolidation::{
    ANNOTATION_FILE_BYTES_MAX, AnnotationFile, Config, Counts, DataObject, Outcome, Payload,
    Request, consolidate, worker_quality,
};
use labeling::statistics_file::Statistics;
use labeling::{TaskType, categories, whole_job, worker_response};
use serde::Serialize;

use crate::cli::CommandError;

/// Data objects in the report's list of those worth a second look, inclusive.
const SECOND_LOOK_MAX: usize = 20;

/// Arguments of `gtcl consolidate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gtcl consolidate JOB/annotations/consolidated-annotation/consolidation-request
  gtcl consolidate --whole-job --report text JOB/annotations/worker-response")]
pub struct Args {
    /// Annotation files, worker-response files, or folders of them (read in order of their names).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Name of the label attribute in the answer.
    #[arg(long, value_name = "NAME", default_value = "label")]
    label_attribute: String,
    /// Label category file; annotation-tool/data.json of the job's folder unless given.
    #[arg(long, value_name = "FILE")]
    categories: Option<PathBuf>,
    /// What workers were asked for: single-label, multi-label or bounding-box; told by the answers unless given.
    #[arg(long, value_name = "TYPE", value_parser = |text: &str| text.parse::<TaskType>())]
    task_type: Option<TaskType>,
    /// All data objects together, instead of one file after another with the statistics of those before it.
    #[arg(long)]
    whole_job: bool,
    /// Print a report instead of the consolidated annotations.
    #[arg(long, value_enum, value_name = "FORMAT")]
    report: Option<ReportFormat>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ReportFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Prints one JSON line for each data object, as the function would answer it, or a report.
///
/// Answers 0, or 3 when a data object has no label.
///
/// # Errors
///
/// Fails when a file can't be read or is neither an annotation file nor a worker-response file.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    let paths = files(&args.files)?;
    let mut batches = Vec::with_capacity(paths.len());
    for path in &paths {
        batches.push(parse(path)?);
    }
    let config = Config {
        label_categories: label_categories(&args, &paths)?,
        task_type: args.task_type,
        ..Config::default()
    };
    let quality = args.report.and_then(|_| {
        let objects = batches.iter().flat_map(|file| file.objects.iter().cloned());
        let file = AnnotationFile::from_objects(objects);
        let report = worker_quality(&request(&args.label_attribute), &file, &config)?;
        Some(Quality::new(report, &file))
    });
    let outcomes = if args.whole_job {
        let objects = batches.into_iter().flat_map(|file| file.objects);
        vec![whole_job::consolidate(
            &args.label_attribute,
            None,
            &args.label_attribute,
            objects,
            &config,
        )]
    } else {
        one_after_another(&args.label_attribute, &batches, &config)
    };
    let report = Report::new(&outcomes, quality);
    let mut out = io::stdout().lock();
    let written = match args.report {
        None => write_annotations(&mut out, &outcomes),
        Some(ReportFormat::Text) => report.write_text(&mut out),
        Some(ReportFormat::Json) => write_json(&mut out, &report),
    };
    match written {
        // Whoever reads the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other
            .map_err(|error| CommandError::new(format!("failed to write the output: {error}")))?,
    }
    Ok(if report.failed.is_empty() { 0 } else { 3 })
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
        outcome
    });
    outcomes.collect()
}

/// The files, and the JSON files below the folders, in order of their paths.
fn files(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, CommandError> {
    let mut found = Vec::new();
    for path in arguments {
        if path.is_dir() {
            let n_before = found.len();
            collect(path, &mut found)?;
            if found.len() == n_before {
                return Err(CommandError::new(format!("{} holds no .json files", path.display()))
                    .with_help("name a folder consolidation-request or worker-response of a job, or files"));
            }
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), CommandError> {
    let failed = |error: io::Error| {
        CommandError::new(format!("failed to read {}: {error}", folder.display()))
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
    Ok(())
}

fn parse(path: &Path) -> Result<AnnotationFile, CommandError> {
    let bytes = read(path)?;
    let text = path.to_string_lossy().replace('\\', "/");
    let parsed = match worker_response::dataset_object_id(&text) {
        Some(id) => {
            worker_response::parse(id, &bytes).map(|object| AnnotationFile::from_objects([object]))
        }
        None => AnnotationFile::parse(&bytes).or_else(|error| {
            // A worker-response file that was taken out of its folder is named by its own name.
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let object: Result<DataObject, _> = worker_response::parse(&name, &bytes);
            object
                .map(|object| AnnotationFile::from_objects([object]))
                .map_err(|_| error)
        }),
    };
    parsed.map_err(|error| {
        CommandError::new(format!("{}: {error}", path.display())).with_help(
            "annotation files lie in annotations/consolidated-annotation/consolidation-request of a job's folder, \
             worker-response files in annotations/worker-response",
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let failed = |error: io::Error| {
        CommandError::new(format!("failed to read {}: {error}", path.display()))
            .with_help("look at the path: a file or folder on this machine")
    };
    let n_bytes = fs::metadata(path).map_err(failed)?.len();
    if n_bytes > ANNOTATION_FILE_BYTES_MAX {
        return Err(CommandError::new(format!(
            "{} has {n_bytes} bytes, more than {ANNOTATION_FILE_BYTES_MAX}",
            path.display()
        )));
    }
    fs::read(path).map_err(failed)
}

fn label_categories(args: &Args, paths: &[PathBuf]) -> Result<Option<Vec<String>>, CommandError> {
    let path = args.categories.clone().or_else(|| {
        let folder = paths
            .first()?
            .ancestors()
            .find(|folder| folder.file_name().is_some_and(|name| name == "annotations"))?;
        Some(folder.parent()?.join("annotation-tool/data.json")).filter(|path| path.is_file())
    });
    let Some(path) = path else {
        return Ok(None);
    };
    let names = categories::parse_file(&read(&path)?);
    names.map(Some).map_err(|error| {
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
    n_answers: u32,
    n_empty_answers: u32,
    n_unreadable_answers: u32,
    task_types: Vec<&'static str>,
    /// Names in answers that are no label category, with the number of answers.
    unknown_categories: BTreeMap<String, u32>,
    /// Data objects by how much they deserve a second look: those of the lowest confidence first.
    second_look: Vec<SecondLook>,
    /// Of a single-label job: what its answers say about its workers and categories.
    quality: Option<Quality>,
    failed: Vec<Failed>,
}

/// Figures against the consolidated labels of the whole job, not against a truth.
#[derive(Debug, Serialize)]
struct Quality {
    /// Workers by pseudonym, the least accurate first.
    workers: Vec<WorkerQuality>,
    /// Categories, those with the least agreement first.
    categories: Vec<ClassQuality>,
    /// Data objects that workers disagree on, the least certain first.
    disputed: Vec<Disputed>,
}

#[derive(Debug, Serialize)]
struct Disputed {
    dataset_object_id: String,
    label: String,
    confidence: f64,
    n_votes: u32,
    n_answers: u32,
}

impl Quality {
    fn new(report: quality::Report, file: &AnnotationFile) -> Self {
        let quality::Report {
            mut workers,
            mut classes,
            second_look,
        } = report;
        workers.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
        let agreement = |class: &ClassQuality| class.agreement.unwrap_or(1.0);
        classes.sort_by(|a, b| agreement(a).total_cmp(&agreement(b)));
        let disputed = second_look.into_iter().filter_map(|item| {
            Some(Disputed {
                dataset_object_id: file.objects.get(item.item_idx)?.dataset_object_id.clone(),
                label: item.class,
                confidence: item.confidence,
                n_votes: item.n_votes,
                n_answers: item.n_answers,
            })
        });
        Self {
            disputed: disputed.collect(),
            workers,
            categories: classes,
        }
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "\nworkers, the least accurate first: answers, estimated accuracy, share of disagreement"
        )?;
        for worker in &self.workers {
            write!(
                out,
                "  {}  {:>5}  {:>5.1} %  {:>5.1} %",
                worker.worker,
                worker.n_answers,
                worker.accuracy * 100.0,
                worker.disagreement * 100.0
            )?;
            if let Some(pair) = &worker.most_confused {
                write!(
                    out,
                    "  {} × {} for {}",
                    pair.n,
                    pair.answered.escape_debug(),
                    pair.consolidated.escape_debug()
                )?;
            }
            let mark = if worker.is_suspected {
                "  suspected: the answers say next to nothing about the image"
            } else {
                ""
            };
            writeln!(out, "{mark}")?;
        }
        writeln!(
            out,
            "\ncategories, the least agreed on first: data objects, agreement, answers elsewhere"
        )?;
        for class in &self.categories {
            let agreement = class.agreement.map_or_else(
                || "-".to_owned(),
                |agreement| format!("{:.1} %", agreement * 100.0),
            );
            writeln!(
                out,
                "  {:>5}  {agreement:>7}  {:>5}  {}",
                class.n_items,
                class.n_answered_elsewhere,
                class.class.escape_debug()
            )?;
        }
        Ok(())
    }
}

#[derive(Debug, Serialize)]
struct SecondLook {
    dataset_object_id: String,
    confidence: f64,
}

#[derive(Debug, Serialize)]
struct Failed {
    dataset_object_id: String,
    reason: String,
}

impl Report {
    fn new(outcomes: &[Outcome], quality: Option<Quality>) -> Self {
        let mut counts = Counts::default();
        let mut unknown_categories: BTreeMap<String, u32> = BTreeMap::new();
        let (mut second_look, mut failed, mut task_types) = (Vec::new(), Vec::new(), Vec::new());
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
            second_look.extend(outcome.response.iter().filter_map(|element| {
                Some(SecondLook {
                    dataset_object_id: element.dataset_object_id.clone(),
                    confidence: lowest_confidence(
                        &serde_json::from_str(element.label.get()).ok()?,
                    )?,
                })
            }));
        }
        task_types.sort_unstable();
        task_types.dedup();
        second_look.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
        second_look.truncate(SECOND_LOOK_MAX);
        Self {
            n_data_objects,
            n_consolidated: n_data_objects - failed.len(),
            n_failed: failed.len(),
            n_answers: counts.n_answers,
            n_empty_answers: counts.n_empty,
            n_unreadable_answers: counts.n_unreadable,
            task_types,
            unknown_categories,
            second_look,
            quality,
            failed,
        }
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "data objects   {:>7}", self.n_data_objects)?;
        writeln!(out, "  consolidated {:>7}", self.n_consolidated)?;
        writeln!(out, "  failed       {:>7}", self.n_failed)?;
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
            quality.write_text(out)?;
        }
        if !self.second_look.is_empty() {
            writeln!(out, "\nworth a second look: data object, confidence")?;
            for object in &self.second_look {
                writeln!(
                    out,
                    "  {:>7}  {:.4}",
                    object.dataset_object_id.escape_debug(),
                    object.confidence
                )?;
            }
        }
        if !self.failed.is_empty() {
            writeln!(out, "\nfailed: data object, reason")?;
            for object in &self.failed {
                writeln!(
                    out,
                    "  {:>7}  {}",
                    object.dataset_object_id.escape_debug(),
                    object.reason
                )?;
            }
        }
        Ok(())
    }
}

/// The lowest confidence in a label envelope; `None` when it has none (a failed data object, nothing in the image).
fn lowest_confidence(envelope: &serde_json::Value) -> Option<f64> {
    let metadata = envelope.get("metadata")?;
    let single = metadata
        .get("confidence")
        .and_then(serde_json::Value::as_f64);
    let of_map = metadata
        .get("confidence-map")
        .and_then(serde_json::Value::as_object);
    let of_boxes = metadata
        .get("objects")
        .and_then(serde_json::Value::as_array);
    let others = of_map.into_iter().flat_map(|map| map.values()).chain(
        of_boxes
            .into_iter()
            .flatten()
            .filter_map(|object| object.get("confidence")),
    );
    let lowest = others
        .filter_map(serde_json::Value::as_f64)
        .min_by(f64::total_cmp);
    single.or(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(files: &[&Path], whole_job: bool) -> Args {
        Args {
            files: files.iter().map(|path| path.to_path_buf()).collect(),
            label_attribute: "Birds".to_owned(),
            categories: None,
            task_type: None,
            whole_job,
            report: Some(ReportFormat::Json),
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
            let batches: Vec<_> = paths.iter().map(|path| parse(path).unwrap()).collect();
            let outcomes = one_after_another("Birds", &batches, &Config::default());
            serde_json::to_string(&outcomes[0].response).unwrap()
        };
        assert_eq!(label(&file), label(&folder.path().join("worker-response")));
    }

    #[test]
    fn confidences() {
        for (envelope, expected) in [
            (r#"{"label":1,"metadata":{"confidence":0.5}}"#, Some(0.5)),
            (
                r#"{"label":[1],"metadata":{"confidence-map":{"1":0.9,"2":0.4}}}"#,
                Some(0.4),
            ),
            (
                r#"{"label":{},"metadata":{"objects":[{"confidence":0.7},{"confidence":0.6}]}}"#,
                Some(0.6),
            ),
            (r#"{"label":null,"metadata":{"failure-reason":"x"}}"#, None),
        ] {
            assert_eq!(
                lowest_confidence(&serde_json::from_str(envelope).unwrap()),
                expected,
                "{envelope}"
            );
        }
    }
}
