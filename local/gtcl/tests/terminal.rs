//! Standard output that is full or closed, names that a terminal would obey, inputs without an end, Ctrl-C.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const LINE: &str = r#"{"source-ref":"s3://birds/1.jpg","birds":1,"birds-metadata":{"class-name":"owl","confidence":0.9,"type":"groundtruth/image-classification","job-name":"labeling-job/birds","human-annotated":"yes","creation-date":"2024-05-01T10:00:00.000000"}}"#;
const ANSWERS: &str = r#"[{"datasetObjectId":"0","dataObject":{"s3Uri":"s3://birds/1.jpg"},"annotations":[{"workerId":"w","annotationData":{"content":"{\"label\":\"owl\"}"}}]}]"#;
const ESCAPES: &str = "\u{1b}[2J\u{7f}\u{9b}2J\u{202e}\u{2066}";

fn gtcl(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gtcl"));
    command.current_dir(folder).args(arguments);
    command
}

/// A folder with one input for each command; the arguments read them.
fn prepare(folder: &Path) {
    fs::write(folder.join("good.manifest"), format!("{LINE}\n")).unwrap();
    fs::write(folder.join("answers.json"), ANSWERS).unwrap();
    fs::write(
        folder.join("label.csv"),
        "item,worker,label\n1,a,x\n1,b,x\n2,a,y\n",
    )
    .unwrap();
    fs::write(folder.join("truth.csv"), "item,truth\n1,x\n2,y\n").unwrap();
}

const COMMANDS: [&[&str]; 9] = [
    &["--help"],
    &["--version"],
    &["check", "good.manifest"],
    &["check", "good.manifest", "--format", "json"],
    &["convert", "good.manifest", "--out", "out.manifest"],
    &["consolidate", "answers.json"],
    &["consolidate", "answers.json", "--report", "text"],
    &["consolidate", "answers.json", "--report", "json"],
    &["evaluate", "single-label", "."],
];

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_full_standard_output_is_an_error_and_a_closed_one_is_none() {
    for arguments in COMMANDS {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let expected = gtcl(folder.path(), arguments).output().unwrap();
        assert!(!expected.stdout.is_empty(), "{arguments:?}: {expected:?}");

        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = gtcl(folder.path(), arguments)
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let said = stderr(&output);
        let last = said.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("error: standard output could not be written: No space left"),
            "{arguments:?}: {said}"
        );

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = gtcl(folder.path(), arguments)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            expected.status.code(),
            "{arguments:?}"
        );
        assert_eq!(output.stderr, expected.stderr, "{arguments:?}");
        // What is written beside is whole all the same.
        if arguments.contains(&"--out") {
            let written = fs::read_to_string(folder.path().join("out.manifest")).unwrap();
            assert!(written.ends_with("}\n"), "{written}");
        }
    }
}

#[test]
fn names_of_files_do_not_reach_the_terminal_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let name = |file: &str| format!("{ESCAPES}{file}");
    for file in ["good.manifest", "answers.json"] {
        fs::rename(folder.path().join(file), folder.path().join(name(file))).unwrap();
    }
    fs::write(folder.path().join(name("bad.json")), "[1]").unwrap();
    let (manifest, answers, bad) = (
        name("good.manifest"),
        name("answers.json"),
        name("bad.json"),
    );
    let out = name("out.manifest");
    for arguments in [
        &["check", manifest.as_str()][..],
        &["check", &manifest, "--format", "json"],
        &["check", &bad, "--format", "json"],
        &["convert", &manifest, "--out", &out],
        &["convert", &manifest, "--out", &manifest],
        &["consolidate", &answers],
        &["consolidate", &bad],
        &["evaluate", "boxes", &bad],
        &["run", "--job", &bad],
        &["check", &manifest, ESCAPES],
        &["check", "s3:\u{1b}//\u{9b}"],
    ] {
        let output = gtcl(folder.path(), arguments).output().unwrap();
        let text =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        let is_obeyed = |c: char| {
            c.is_control() && !matches!(c, '\n' | '\t')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!text.is_empty());
        assert!(!text.chars().any(is_obeyed), "{arguments:?}: {text:?}");
    }
    let output = gtcl(folder.path(), &["check", &manifest, "--format", "json"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["manifest"], serde_json::json!(manifest));
}

#[test]
fn inputs_without_an_end_are_read_to_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    for arguments in [
        &["consolidate", "/dev/zero"][..],
        &["consolidate", "answers.json", "--categories", "/dev/zero"],
        &["check", "/dev/zero"],
        &["preflight", "/dev/zero", "--task-type", "single-label"],
        &["evaluate", "boxes", "/dev/zero"],
    ] {
        let output = gtcl(folder.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(
            stderr(&output).contains("/dev/zero"),
            "{arguments:?}: {output:?}"
        );
    }
    // A pipe that somebody writes is an input like others; one that lies about in a folder has no writer.
    let pipe = folder.path().join("pipe.json");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let reading = gtcl(folder.path(), &["consolidate", "pipe.json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    File::options()
        .write(true)
        .open(&pipe)
        .unwrap()
        .write_all(ANSWERS.as_bytes())
        .unwrap();
    let output = reading.wait_with_output().unwrap();
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{output:?}"
    );
    let output = gtcl(folder.path(), &["consolidate", "."]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        stderr(&output).contains("pipe.json: not a regular file"),
        "{output:?}"
    );
}

#[test]
fn a_signal_leaves_no_unfinished_file() {
    let files = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|it| it.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("out.manifest"), "before\n").unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let arguments = [
            "convert",
            "pipe",
            "--job-name",
            "birds",
            "--out",
            "out.manifest",
        ];
        let child = gtcl(folder.path(), &arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        writer.write_all(format!("{LINE}\n").as_bytes()).unwrap();
        while files(folder.path()).len() < 3 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let id = child.id().to_string();
        let killed = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(killed.unwrap().success());
        // The pipe is still open: the command doesn't wait for its end.
        let output = child.wait_with_output().unwrap();
        drop(writer);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(files(folder.path()), ["out.manifest", "pipe"], "{output:?}");
        let kept = fs::read_to_string(folder.path().join("out.manifest")).unwrap();
        assert_eq!(kept, "before\n");
    }
}
