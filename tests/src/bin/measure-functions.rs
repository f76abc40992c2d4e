//! Starts each function as cargo-lambda built it, and its peers, again and again, in turns, and prints medians and ratios.
//!
//! Usage: `measure-functions LAMBDA_FOLDER S3_PROGRAM PYTHON PEER_FOLDER CERTIFICATES_FOLDER [ROUNDS]`; `bench/run` calls it.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use services::lambda::{FunctionSpec, Lambda};
use services::{ACCESS_KEY, SECRET_KEY};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

type Fault = Box<dyn std::error::Error>;

/// Rounds unless said otherwise; an odd number has a median of its own.
const ROUNDS: usize = 31;
/// Invocations of a running process after its first.
const WARM_CALLS: usize = 20;

/// Time in which a killed process gives back what it held, before the next is started.
const SETTLING: Duration = Duration::from_millis(50);

/// The peers: consolidation on boto3, with the same requests and without the LIST.
const PEER: &str = "boto3 peer of consolidation";
/// See [`PEER`].
const PEER_WITHOUT_LISTING: &str = "boto3 peer, one GET, one PUT";

/// What is measured of one program.
struct Subject {
    name: &'static str,
    /// The subject that it is held against.
    peer: &'static str,
    command: Vec<OsString>,
    environment: BTreeMap<String, String>,
    event: Value,
    init_ms: Vec<f64>,
    first_answer_ms: Vec<f64>,
    warm_ms: Vec<f64>,
    processor_ms: Vec<f64>,
    memory_mb: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = |name: &str| {
        arguments
            .next()
            .ok_or(format!("{name} is missing: see bench/run"))
    };
    let built = PathBuf::from(next("LAMBDA_FOLDER")?);
    let s3_program = next("S3_PROGRAM")?;
    let python = next("PYTHON")?;
    let peer = PathBuf::from(next("PEER_FOLDER")?);
    let certificates = PathBuf::from(next("CERTIFICATES_FOLDER")?);
    let rounds = match arguments.next() {
        Some(rounds) => rounds.to_string_lossy().parse()?,
        None => ROUNDS,
    };

    let scratch = tempfile::tempdir()?;
    let buckets = scratch.path().join("s3");
    write_annotation_file(&buckets)?;
    let (endpoint, _running) = start_s3(&s3_program, &buckets, &certificates).await?;
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("SSL_CERT_FILE", certificates.join("trusted.pem")),
        ("AWS_CA_BUNDLE", certificates.join("trusted.pem")),
        ("PYTHONPATH", peer),
    ];
    let environment =
        environment.map(|(name, value)| (name.to_owned(), value.display().to_string()));
    let mut subjects = subjects(&built, &python, &BTreeMap::from(environment));
    for round in 0..rounds {
        for subject in &mut subjects {
            measure(subject, &scratch.path().join(format!("logs-{round}"))).await?;
            tokio::time::sleep(SETTLING).await;
        }
    }
    print_table(&subjects, rounds);
    Ok(())
}

fn subjects(
    built: &Path,
    python_program: &OsString,
    environment: &BTreeMap<String, String>,
) -> Vec<Subject> {
    let consolidation = json!({
        "version": "2018-10-06",
        "labelingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/bench",
        "labelCategories": ["Circle", "Square", "Triangle", "Cross"],
        "labelAttributeName": "bench",
        "roleArn": "arn:aws:iam::123456789012:role/bench",
        "payload": {"s3Uri": format!("s3://bench/{ANNOTATION_FILE}")},
        "outputConfig": "s3://bench/out/bench/annotations",
    });
    let pre_annotation = json!({
        "version": "2018-10-06",
        "labelingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/bench",
        "dataObject": {"source-ref": "s3://bench/images/0.png"},
    });
    // No work to do: measures the start, with both clients built.
    let test_event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-01T00:00:00.000Z", "Bucket": "bench"});
    let subject = |name, command: Vec<OsString>, extra: &[(&str, &str)], event: &Value| Subject {
        name,
        peer: PEER,
        command,
        environment: environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(extra.iter().copied())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        event: event.clone(),
        init_ms: Vec::new(),
        first_answer_ms: Vec::new(),
        warm_ms: Vec::new(),
        processor_ms: Vec::new(),
        memory_mb: Vec::new(),
    };
    let binary = |name: &str| vec![built.join(name).join("bootstrap").into_os_string()];
    let python = |handler: &str| {
        let module = ["-m", "awslambdaric", handler].map(OsString::from);
        [vec![python_program.clone()], module.to_vec()].concat()
    };
    vec![
        subject(
            "echo on lambda_runtime",
            binary("echo"),
            &[],
            &pre_annotation,
        ),
        subject(
            "pre-annotation",
            binary("pre-annotation"),
            &[("LABEL_CATEGORIES", "Circle,Square")],
            &pre_annotation,
        ),
        subject(
            "annotation-consolidation",
            binary("annotation-consolidation"),
            &[],
            &consolidation,
        ),
        Subject {
            peer: PEER_WITHOUT_LISTING,
            ..subject(
                "the same, one GET, one PUT",
                binary("without-listing"),
                &[],
                &consolidation,
            )
        },
        subject(
            "dataset-updater (test event)",
            binary("dataset-updater"),
            &[(
                "TRAIN_DATASET_ARN",
                "arn:aws:rekognition:us-east-1:123456789012:project/bench/dataset/train/1",
            )],
            &test_event,
        ),
        subject(PEER, python("peer.handler"), &[], &consolidation),
        Subject {
            peer: PEER_WITHOUT_LISTING,
            ..subject(
                PEER_WITHOUT_LISTING,
                python("peer.without_listing"),
                &[],
                &consolidation,
            )
        },
    ]
}

const ANNOTATION_FILE: &str = "out/bench/annotations/consolidated-annotation/consolidation-request/iteration-1/2026-01-01_00:00:00.json";

/// Fifty data objects with five answers each: Ground Truth's largest batch.
fn write_annotation_file(buckets: &Path) -> Result<(), Fault> {
    let job = gtcl::example::jobs(1)
        .into_iter()
        .next()
        .ok_or("no example job")?;
    let answered: Vec<_> = job
        .objects
        .iter()
        .filter(|object| !object.answers.is_empty())
        .collect();
    let file: Vec<Value> = answered
        .iter()
        .cycle()
        .take(50)
        .enumerate()
        .map(|(id, object)| {
            let annotations: Vec<Value> = object
                .answers
                .iter()
                .map(|answer| json!({"workerId": answer.worker_id, "annotationData": {"content": answer.content}}))
                .collect();
            json!({
                "datasetObjectId": id.to_string(),
                "dataObject": {"s3Uri": format!("s3://bench/{}", object.key)},
                "annotations": annotations,
            })
        })
        .collect();
    let path = buckets.join("bench").join(ANNOTATION_FILE);
    std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    std::fs::write(path, Value::Array(file).to_string())?;
    Ok(())
}

/// Starts `bench-s3`; it ends with the handle that is returned.
async fn start_s3(
    program: &OsString,
    buckets: &Path,
    certificates: &Path,
) -> Result<(PathBuf, Child), Fault> {
    let mut s3 = Command::new(program)
        .arg(buckets)
        .arg(certificates.join("server.pem"))
        .args([ACCESS_KEY, SECRET_KEY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let said = s3.stdout.take().ok_or("bench-s3 has no output")?;
    let url = BufReader::new(said).lines().next_line().await?;
    Ok((url.ok_or("bench-s3 ended at once")?.into(), s3))
}

/// One process: its start, its first answer, its later ones, its memory.
async fn measure(subject: &mut Subject, logs: &Path) -> Result<(), Fault> {
    let lambda = Lambda::new(logs.to_path_buf());
    lambda.deploy(FunctionSpec {
        name: "subject".to_owned(),
        command: subject.command.clone(),
        environment: subject.environment.clone(),
        timeout: Duration::from_secs(30),
        concurrency_max: 1,
    });
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    for call in 0..=WARM_CALLS {
        let outcome = lambda
            .invoke("subject", subject.event.to_string().into())
            .await?;
        if let Some(error) = outcome.error {
            return Err(format!(
                "{}: {error}; its log is {}",
                subject.name,
                lambda.log_file("subject").display()
            )
            .into());
        }
        match outcome.init {
            Some(init) => {
                subject.init_ms.push(ms(init));
                subject.first_answer_ms.push(ms(init + outcome.duration));
                subject.processor_ms.extend(outcome.processor.map(ms));
            }
            None => subject.warm_ms.push(ms(outcome.duration)),
        }
        if call == WARM_CALLS {
            subject
                .memory_mb
                .extend(outcome.memory_max_kib.map(|kib| kib as f64 / 1024.0));
        }
    }
    Ok(())
}

fn print_table(subjects: &[Subject], rounds: usize) {
    let figures = |subject: &Subject| {
        [
            &subject.init_ms,
            &subject.first_answer_ms,
            &subject.warm_ms,
            &subject.processor_ms,
            &subject.memory_mb,
        ]
        .map(|values| median(values))
    };
    let peer = |name| {
        let peer = subjects.iter().find(|subject| subject.name == name);
        peer.map(figures).unwrap_or_default()
    };
    println!("{rounds} rounds in turns, medians; × is the boto3 peer's figure divided by this one");
    println!();
    println!(
        "| | start → first /next, ms | start → first answer, ms | warm answer, ms | processor time to first answer, ms | most memory, MB |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    for subject in subjects {
        let cells: Vec<String> = figures(subject)
            .iter()
            .zip(peer(subject.peer))
            .map(|(own, peer)| format!("{own:.1} ({:.1}×)", peer / own))
            .collect();
        println!("| {} | {} |", subject.name, cells.join(" | "));
    }
}

/// The middle value; of an even number of them, the upper of the two.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
