//! `gtcl run` from the outside: the bundled example, a real job, and input that can't be used.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails in a helper fails the test"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gtcl::example::OBJECTS_PER_JOB;
use manifest::{Judgement, judge};
use serde_json::Value;

fn gtcl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gtcl-under-test"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("gtcl starts")
}

fn run(folder: &Path, arguments: &[&str]) -> Value {
    let output = gtcl(folder, &[&["run", "--json"], arguments].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("the summary is JSON")
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines().map(str::to_owned).collect()
}

fn value(line: &str, key: &str) -> Value {
    serde_json::from_str::<Value>(line).expect(line)[key].clone()
}

/// Every data object, line and entry of the summary, counted anew.
fn assert_conserved(job: &Value) {
    let n = |name: &str| job[name].as_u64().expect(name);
    assert_eq!(
        n("objects"),
        n("consolidated") + n("failed") + n("already_labeled") + n("excluded")
    );
    assert_eq!(n("lines"), n("objects"));
    assert_eq!(n("lines"), n("entries") + n("rejected") + n("skipped"));
    assert_eq!(n("entries"), n("entries_accepted"));
    assert_eq!(n("entries_accepted"), n("entries_listed"));
    assert_eq!(
        job["rejections"].as_array().unwrap().len() as u64,
        n("rejected")
    );
    assert!(job["losses"].as_array().unwrap().is_empty());
}

#[test]
fn the_example_goes_through_everything() {
    let folder = tempfile::tempdir().unwrap();
    let summary = run(folder.path(), &[]);
    assert_eq!(summary["is_conserved"], true);
    assert_eq!(summary["folder"], "gtcl-out/1");
    let jobs = summary["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 3);
    let n_objects = OBJECTS_PER_JOB as usize;
    for job in jobs {
        assert_conserved(job);
        let name = job["name"].as_str().unwrap();
        let n = |key: &str| job[key].as_u64().unwrap() as usize;
        assert_eq!(n("objects"), n_objects, "{name}");
        assert!(n("failed") > 0, "{name}: some objects stay unanswered");
        assert!(job["agreement"]["f1"].as_f64().unwrap() > 0.9, "{name}");
        // One of the eight simulated workers is a spammer.
        assert_eq!(
            job["quality"]["suspected_workers"]
                .as_array()
                .unwrap()
                .len(),
            1,
            "{name}"
        );
        let file = folder.path().join(job["quality"]["file"].as_str().unwrap());
        let quality: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(quality["workers"].as_array().unwrap().len(), 8, "{name}");
        assert_eq!(
            quality["disputed"].as_array().unwrap().len() as u64,
            job["quality"]["disputed_objects"]
        );
        let page = folder.path().join(job["files"]["page"].as_str().unwrap());
        let page = fs::read_to_string(page).unwrap();
        let suspected = job["quality"]["suspected_workers"][0].as_str().unwrap();
        assert!(
            page.contains(suspected) && page.contains("data:image/jpeg"),
            "{name}"
        );
        let jobs_folder = folder.path().join("gtcl-out/1/s3/gtcl/jobs").join(name);
        let output = lines(&jobs_folder.join("manifests/output/output.manifest"));
        assert_eq!(output.len(), n_objects);
        for line in &output {
            let metadata = value(line, &format!("{name}-metadata"));
            match value(line, name) {
                Value::Null => assert_eq!(metadata["human-annotated"], "true", "{line}"),
                _ => assert_eq!(metadata["type"], "groundtruth/custom", "{line}"),
            }
        }
        let entries = lines(&jobs_folder.join("dataset-updater/entries.manifest"));
        assert_eq!(entries.len(), n("entries"));
        for entry in &entries {
            match judge(entry.as_bytes()) {
                Judgement::Kept(kept) => assert!(kept.findings.is_empty(), "{entry}"),
                Judgement::Dropped { reason, .. } => panic!("{reason}: {entry}"),
            }
        }
    }

    // What a run leaves is a finished job of its own: it is read back, and gives the same labels.
    let shapes = folder.path().join("gtcl-out/1/s3/gtcl/jobs/shapes");
    let again = run(folder.path(), &["--job", shapes.to_str().unwrap()]);
    assert_eq!(again["folder"], "gtcl-out/2");
    let job = &again["jobs"][0];
    assert_eq!(job["objects"], n_objects);
    assert_eq!(job["consolidated"], jobs[0]["consolidated"]);
    let labels = |folder_number: u32| -> Vec<Value> {
        let path = format!(
            "gtcl-out/{folder_number}/s3/gtcl/jobs/shapes/manifests/output/output.manifest"
        );
        lines(&folder.path().join(path))
            .iter()
            .map(|line| value(line, "shapes")["label"].clone())
            .collect()
    };
    assert_eq!(labels(1), labels(2));
}

#[test]
fn a_real_job_is_no_worse_than_production() {
    let Some(shared) = std::env::var_os("GT_SHARED_DATA") else {
        eprintln!("skipped: GT_SHARED_DATA is not set");
        return;
    };
    let recorded = Path::new(&shared).join("birds-job");
    let folder = tempfile::tempdir().unwrap();
    let summary = run(folder.path(), &["--job", recorded.to_str().unwrap()]);
    let job = &summary["jobs"][0];
    assert_conserved(job);
    assert_eq!(job["consolidated"], 129);
    assert_eq!(job["entries_accepted"], 129);
    assert_eq!(job["rejected"], 0);
    let exact = |name: &str| job[name]["exact"].as_f64().expect(name);
    assert!(exact("agreement") >= exact("recorded_agreement"));

    // The input manifest's lines are carried over as they came.
    let name = job["name"].as_str().unwrap();
    let input = lines(&recorded.join("input.manifest"));
    let output = folder
        .path()
        .join("gtcl-out/1/s3/gtcl/jobs")
        .join(name)
        .join("manifests/output/output.manifest");
    for (input, output) in input.iter().zip(lines(&output)) {
        let start = input.trim_end_matches('}');
        assert!(
            output.starts_with(start),
            "{output} does not start with {start}"
        );
    }
}

/// A finished job of two images and two workers, with answers as given.
fn write_job(folder: &Path, manifest: &[u8], categories: &[&str], content: &Value) {
    let requests =
        folder.join("annotations/consolidated-annotation/consolidation-request/iteration-1");
    fs::create_dir_all(&requests).unwrap();
    fs::create_dir_all(folder.join("annotation-tool")).unwrap();
    let annotation = |worker: &str| serde_json::json!({"workerId": worker, "annotationData": {"content": content.to_string()}});
    let objects: Vec<Value> = (0..2)
        .map(|object_idx| {
            serde_json::json!({
                "datasetObjectId": object_idx.to_string(),
                "dataObject": {"s3Uri": format!("s3://birds/{object_idx}.jpg")},
                "annotations": [annotation("private.us-east-1.a"), annotation("private.us-east-1.b")],
            })
        })
        .collect();
    let text = serde_json::to_string(&objects).unwrap();
    fs::write(requests.join("2026-01-01_00:00:00.json"), text).unwrap();
    let labels: Vec<Value> = categories
        .iter()
        .map(|category| serde_json::json!({ "label": category }))
        .collect();
    let categories = serde_json::json!({"document-version": "2018-11-28", "labels": labels});
    fs::write(
        folder.join("annotation-tool/data.json"),
        categories.to_string(),
    )
    .unwrap();
    fs::write(folder.join("input.manifest"), manifest).unwrap();
}

const MANIFEST: &[u8] =
    b"{\"source-ref\":\"s3://birds/0.jpg\"}\n{\"source-ref\":\"s3://birds/1.jpg\"}\n";

#[test]
fn a_folder_takes_jobs_of_other_names_and_no_job_twice() {
    let folder = tempfile::tempdir().unwrap();
    let owl = serde_json::json!({"c": {"label": "Owl"}});
    for job in ["birds", "others"] {
        write_job(&folder.path().join(job), MANIFEST, &["Owl", "Duck"], &owl);
        run(folder.path(), &["--job", job, "--dir", "out"]);
    }
    let output = gtcl(folder.path(), &["run", "--job", "birds", "--dir", "out"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("error: out has the results of a labeling job named birds"),
        "{text}"
    );
    assert!(
        text.contains("help: name a new folder with --dir"),
        "{text}"
    );
    assert!(
        !text.contains("task inputs"),
        "it is refused before any work: {text}"
    );
}

#[test]
fn the_summary_is_short_and_whole_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let owl = serde_json::json!({"c": {"label": "Owl"}});
    write_job(
        &folder.path().join("birds"),
        MANIFEST,
        &["Owl", "Duck"],
        &owl,
    );
    for (options, expected, n_lines_max) in [
        (
            vec!["--dir", "a"],
            "birds: 2 of 2 data objects have a label",
            7,
        ),
        (vec!["--dir", "b", "-q"], "2 entries landed", 7),
        (vec!["--dir", "c", "-v"], "birds: dataset update: done", 40),
        (
            vec!["--dir", "d", "--format", "json"],
            "\"is_conserved\": true",
            200,
        ),
    ] {
        let output = gtcl(
            folder.path(),
            &[&["run", "--job", "birds"], &*options].concat(),
        );
        let text = String::from_utf8([output.stderr, output.stdout].concat()).unwrap();
        assert!(output.status.success(), "{options:?}: {text}");
        assert!(text.contains(expected), "{options:?}: {text}");
        assert!(text.lines().count() <= n_lines_max, "{options:?}: {text}");
    }
}

#[test]
fn completions_and_manual_pages_are_the_programs_own() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = gtcl(folder.path(), arguments);
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (shell, expected) in [
        ("bash", "complete -F _gtcl"),
        ("zsh", "#compdef gtcl"),
        ("fish", "complete -c gtcl"),
    ] {
        assert!(said(&["completions", shell]).contains(expected), "{shell}");
    }
    assert!(said(&["man"]).contains("gtcl\\-import"));
    assert!(said(&["man", "import"]).contains(".SH NAME"));
    assert!(said(&["--version"]).starts_with("gtcl "));
    let output = gtcl(folder.path(), &["man", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
    let script = folder.path().join("gtcl.bash");
    std::fs::write(&script, said(&["completions", "bash"])).unwrap();
    let bash = Command::new("bash")
        .args(["-c", "source \"$0\" && complete -p gtcl"])
        .arg(&script)
        .output();
    // Not every machine has bash.
    if let Ok(bash) = bash {
        assert!(bash.status.success(), "{bash:?}");
    }
}

/// As with Ctrl-C in a terminal, where the functions don't get the signal.
#[test]
fn an_interrupted_run_ends_its_functions_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gtcl-under-test"))
        .args(["run", "--dir", "out"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("gtcl starts");
    let log = folder
        .path()
        .join("out/logs/gtcl-SageMaker-pre-annotation.log");
    // A line for each invocation: a function is up then, and dozens of its invocations are to come.
    while !fs::read_to_string(&log).is_ok_and(|log| log.contains("REPORT")) {
        assert_eq!(child.try_wait().unwrap(), None, "still at work");
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &id]).status();
    assert!(kill.unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("ended by signal 2"), "{said}");
    for file in fs::read_dir(folder.path().join("out/logs")).unwrap() {
        let log = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!log.contains("ended: "), "{log}");
    }
}

/// A line that wraps, or that is drawn before it belongs to the others, stays on the terminal for good.
#[test]
fn bars_fit_a_terminal_and_are_drawn_over() {
    let folder = tempfile::tempdir().unwrap();
    let owl = serde_json::json!({"c": {"label": "Owl"}});
    let job = folder.path().join("birds");
    write_job(&job, MANIFEST, &["Owl", "Duck"], &owl);
    let gtcl = env!("CARGO_BIN_EXE_gtcl-under-test");
    let command = format!("stty cols 60 rows 30; {gtcl} run --job birds");
    let output = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(folder.path())
        .env("TERM", "xterm")
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no `script`, which makes a terminal");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    // What is drawn before the cursor goes back, bars of several jobs' stages one after another.
    let mut drawn = text.split(['\r', '\n', '\u{1b}']);
    let first = drawn
        .find(|drawn| drawn.contains("] 0/2"))
        .expect("a bar is drawn");
    assert_eq!(first.matches("] 0/2").count(), 1, "{first}");
    let bar = first.rsplit("birds: ").next().unwrap();
    assert_eq!("birds: ".len() + bar.chars().count(), 60, "{first}");
}

#[test]
fn input_that_cannot_be_used_is_named_with_its_place_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let owl = serde_json::json!({"c": {"label": "Owl"}});
    fs::create_dir_all(path("nothing")).unwrap();
    fs::create_dir_all(path("empty/annotations")).unwrap();
    write_job(&path("truncated"), &MANIFEST[..50], &["Owl", "Duck"], &owl);
    write_job(&path("binary"), b"\x7fELF\xff\xfe", &["Owl", "Duck"], &owl);
    write_job(&path("gzip"), b"\x1f\x8b\x08", &["Owl", "Duck"], &owl);
    write_job(&path("blank"), b"\n\n", &["Owl", "Duck"], &owl);
    write_job(&path("bad_name"), MANIFEST, &["Owl", "Duck"], &owl);
    write_job(&path("twice"), MANIFEST, &["Owl", "Owl"], &owl);
    write_job(&path("a/birds"), MANIFEST, &["Owl", "Duck"], &owl);
    write_job(&path("b/Birds"), MANIFEST, &["Owl", "Duck"], &owl);
    fs::write(path("truth.jsonl"), "{\"source-ref\": 1}\n").unwrap();
    fs::write(path("mine.txt"), "").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (arguments, expected) in [
        (&["--job", "absent"][..], "absent: No such file"),
        (&["--job", "mine.txt"], "mine.txt: Not a directory"),
        (&["--job", "nothing"], "nothing is no labeling job's output"),
        (&["--job", "empty"], "empty has no worker's answer"),
        (&["--job", "truncated"], "truncated/input.manifest, line 2"),
        (
            &["--job", "binary"],
            "binary/input.manifest: file is not UTF-8 text at byte 5",
        ),
        (
            &["--job", "gzip"],
            "gzip/input.manifest: file is compressed: gzip",
        ),
        (&["--job", "blank"], "the manifest has only 0"),
        (&["--job", "bad_name"], "LabelingJobName \"bad_name\""),
        (&["--job", "twice"], "label category \"Owl\" stands twice"),
        (
            &["--job", "a/birds", "--job", "b/Birds"],
            "two jobs are named Birds",
        ),
        (
            &["--job", "a/birds", "--truth", "truth.jsonl"],
            "truth.jsonl, line 1",
        ),
        (
            &["--port-s3", &port],
            &format!("S3 can't listen at port {port}"),
        ),
        (&["--dir", "."], ". has files in it that are not gtcl's"),
        (&["--dir", "mine.txt"], "mine.txt can't be written"),
    ] {
        let output = gtcl(folder.path(), &[&["run"], arguments].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        let error = text
            .lines()
            .find(|line| line.starts_with("error: "))
            .unwrap_or_else(|| panic!("{arguments:?}: {text}"));
        assert!(error.contains(expected), "{arguments:?}: {error}");
        let help = text.lines().any(|line| line.starts_with("help: "));
        assert!(help, "{arguments:?} has no remedy: {text}");
    }
}

/// What `run` says of the job in `birds`, of which nothing lands or a part is left out: that is not a success.
fn run_birds(folder: &Path) -> Value {
    let output = gtcl(folder, &["run", "--json", "--job", "birds"]);
    let summary: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(output.status.code(), Some(1), "{summary:#}");
    let job = &summary["jobs"][0];
    assert_conserved(job);
    job.clone()
}

/// Garbage in a job's files costs what it stands for, not the run, and the summary names it.
#[test]
fn garbage_in_a_jobs_files_is_left_out_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("birds");
    let owl = serde_json::json!({"c": {"label": "Owl"}});
    write_job(&job, MANIFEST, &["Owl", "Duck"], &owl);
    let requests = "annotations/consolidated-annotation/consolidation-request/iteration-1";
    let request = job.join(requests).join("2026-01-01_00:00:00.json");
    let text = fs::read_to_string(&request).unwrap();
    let (first, rest) = text.split_at(text.find("private.us-east-1.b").unwrap());
    let text = format!("{first}\\ud800{rest}").replacen('[', "[7,", 1);
    fs::write(&request, text).unwrap();
    fs::remove_file(job.join("input.manifest")).unwrap();
    fs::create_dir_all(job.join("manifests/output")).unwrap();
    let output = [b"\xef\xbb\xbf", &MANIFEST[..35], b"garbage\n"].concat();
    fs::write(job.join("manifests/output/output.manifest"), output).unwrap();
    let job = run_birds(folder.path());
    assert_eq!(job["consolidated"], 2, "{job:#}");
    assert_eq!(job["entries_accepted"], 2, "{job:#}");
    let left_out = job["left_out"].as_array().unwrap();
    for (left_out, expected) in left_out.iter().zip([
        "output.manifest: line 2 is left out: ",
        "element 1 of the list is left out: no datasetObjectId",
        "data object \"0\": answer 2 is left out: answer is not readable",
    ]) {
        assert!(left_out.as_str().unwrap().contains(expected), "{left_out}");
    }
    assert_eq!(left_out.len(), 3, "{job:#}");
}

#[test]
fn answers_that_cannot_be_read_fail_their_data_objects_and_no_more() {
    let check = |content: Value, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        write_job(
            &folder.path().join("birds"),
            MANIFEST,
            &["Owl", "Duck"],
            &content,
        );
        let job = run_birds(folder.path());
        assert_eq!(job["failed"], 2, "{job:#}");
        assert_eq!(job["rejected"], 2, "{job:#}");
        let failures = job["failures"].to_string();
        assert!(failures.contains(expected), "{failures}");
    };
    check(serde_json::json!({"mood": "sunny"}), "the form has");
    check(serde_json::json!({"c": {"label": "Walrus"}}), "Walrus");
}

#[test]
fn a_job_without_a_consolidation_function_is_run_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path().join("birds");
    let owl = serde_json::json!({"c": {"label": "Owl"}});
    write_job(&job, MANIFEST, &["Owl", "Duck"], &owl);
    fs::remove_dir_all(job.join("annotations")).unwrap();
    let mut output = String::new();
    for object_idx in 0..2 {
        let file = format!(
            "annotations/worker-response/iteration-1/{object_idx}/2026-01-01_00:00:00.json"
        );
        let answers = ["private.us-east-1.a", "private.us-east-1.b"]
            .map(|worker| serde_json::json!({"workerId": worker, "answerContent": owl}));
        fs::create_dir_all(job.join(&file).parent().unwrap()).unwrap();
        let answers = serde_json::json!({ "answers": answers });
        fs::write(job.join(&file), answers.to_string()).unwrap();
        let line = serde_json::json!({"source-ref": format!("s3://birds/{object_idx}.jpg"), "owl": {},
            "owl-metadata": {"type": "groundtruth/custom", "job-name": "birds", "human-annotated": "yes",
                "creation-date": "2026-01-01T00:00:00.000000", "worker-response-ref": format!("s3://bkt/birds/{file}")}});
        output += &format!("{line}\n");
    }
    fs::create_dir_all(job.join("manifests/output")).unwrap();
    fs::write(job.join("manifests/output/output.manifest"), output).unwrap();
    let summary = run(folder.path(), &["--job", "birds", "--dir", "out"]);
    let job = &summary["jobs"][0];
    assert_conserved(job);
    assert_eq!(
        (&job["consolidated"], &job["entries_accepted"]),
        (&2.into(), &2.into())
    );
    let folder = folder.path().join("out/s3/gtcl/jobs/birds");
    for (file, expected) in [
        ("manifests/output/output.manifest", "worker-response-ref"),
        ("dataset-updater/consolidated.manifest", "Owl"),
        ("dataset-updater/entries.manifest", "Owl"),
    ] {
        let lines = lines(&folder.join(file));
        assert!(
            lines.len() == 2 && lines.iter().all(|line| line.contains(expected)),
            "{lines:?}"
        );
    }
}
