//! `gtcl check`, `gtcl convert` and `gtcl import` as a user runs them: local files, S3, odd inputs, exit codes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use services::faults::{Effect, Fault, Faults, Service};
use services::s3::S3Server;
use services::{ACCESS_KEY, REGION, SECRET_KEY};
use tempfile::TempDir;

/// What a command left behind.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    #[track_caller]
    fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// The error names the thing and says what to do.
    #[track_caller]
    fn fails(self, message: &str, remedy: &str) -> Self {
        let (error, help) = self.stderr.split_once("\nhelp: ").unwrap_or_default();
        assert!(
            error.starts_with("error: ") && error.contains(message) && help.contains(remedy),
            "no {message:?} and {remedy:?} in {self:#?}"
        );
        self.exits(2)
    }

    fn json(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A folder to work in, with or without an S3 beside it.
struct Desk {
    folder: TempDir,
    endpoint: String,
    _s3: Option<(S3Server, tokio::runtime::Runtime)>,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            // Nothing listens there; commands on local files must not ask.
            endpoint: "http://127.0.0.1:1".to_owned(),
            _s3: None,
        }
    }

    /// With an embedded S3 that has the empty bucket `birds`, its objects in the folder `s3/birds`.
    fn with_s3() -> Self {
        Self::with_faulty_s3(Faults::default())
    }

    fn with_faulty_s3(faults: Faults) -> Self {
        let desk = Self::new();
        fs::create_dir_all(desk.path("s3/birds")).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = runtime
            .block_on(S3Server::start(&desk.path("s3"), address, faults))
            .unwrap();
        Self {
            endpoint: server.endpoint(),
            _s3: Some((server, runtime)),
            ..desk
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Line numbers, or anything else at `pointer`, of a file of JSON Lines.
    fn field(&self, name: &str, pointer: &str) -> Vec<Value> {
        self.read(name)
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                line.pointer(pointer).cloned().unwrap_or_default()
            })
            .collect()
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gtcl"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("AWS_ENDPOINT_URL_S3", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_REGION", REGION);
        command
    }

    fn run(&self, arguments: &str) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn source_ref(n: u32) -> String {
    format!("s3://birds/images/{n}.jpg")
}

/// A single-label job's line.
fn labeled(n: u32, class_name: &str, confidence: f64) -> String {
    format!(
        r#"{{"source-ref":"{}","kind":{},"kind-metadata":{{"class-name":"{class_name}","confidence":{confidence},"type":"groundtruth/image-classification","job-name":"labeling-job/kinds","human-annotated":"yes","creation-date":"2024-05-01T10:00:00.000000"}}}}"#,
        source_ref(n),
        n % 2
    ) + "\n"
}

/// A box job's line with one box of 100 x 80 px on an image of this size.
fn boxed(key: &str, width: u32, height: u32) -> String {
    format!(
        r#"{{"source-ref":"s3://birds/{key}","box":{{"image_size":[{{"width":{width},"height":{height},"depth":3}}],"annotations":[{{"class_id":0,"left":1,"top":2,"width":60,"height":60}}]}},"box-metadata":{{"objects":[{{"confidence":0.9}}],"class-map":{{"0":"owl"}},"type":"groundtruth/object-detection","human-annotated":"yes","creation-date":"2024-05-01T10:00:00.000000","job-name":"labeling-job/boxes"}}}}"#
    ) + "\n"
}

/// Two classes, twenty images each.
fn good_lines() -> String {
    (0..40)
        .map(|n| labeled(n, if n % 2 == 0 { "owl" } else { "falcon" }, 0.9))
        .collect()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_image_data(&vec![0; (width * height) as usize])
        .unwrap();
    writer.finish().unwrap();
    bytes
}

/// The head of a baseline JPEG file, after `n_comment_bytes` of comments.
fn jpeg(width: u16, height: u16, n_comment_bytes: usize) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    for _ in 0..n_comment_bytes / 1000 {
        bytes.extend(b"\xff\xfe\x03\xea");
        bytes.extend([b' '; 1000]);
    }
    bytes.extend(b"\xff\xc0\x00\x11\x08");
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend(b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9");
    bytes
}

#[test]
fn check_says_whether_training_would_start() {
    let desk = Desk::new();
    desk.write("good.manifest", good_lines());
    desk.run("check good.manifest")
        .exits(0)
        .prints("40 lines: 40 usable")
        .prints("training would start");
    let findings = good_lines() + &labeled(0, "owl", 0.5);
    desk.write("duplicate.manifest", findings);
    desk.run("check duplicate.manifest")
        .exits(1)
        .prints("line 41: REJECTED_DUPLICATE_SOURCE_REF: line 1 has the same source-ref; Custom Labels would drop");
    desk.write("one-class.manifest", labeled(0, "owl", 0.5));
    desk.run("check one-class.manifest")
        .exits(2)
        .prints("training would not start");
}

#[test]
fn check_as_json() {
    let desk = Desk::new();
    desk.write("m.manifest", good_lines() + "{}\nnot json\n");
    let ran = desk.run("check m.manifest --format json").exits(1);
    let lines = ran.json();
    let [first, second, last] = lines.as_slice() else {
        panic!("{lines:#?}")
    };
    assert_eq!(
        (&first["lineNumber"], &first["code"]),
        (&41.into(), &"ERROR_MISSING_SOURCE_REF".into())
    );
    assert_eq!(
        (&second["lineNumber"], &second["code"]),
        (&42.into(), &"ERROR_INVALID_JSON_LINE".into())
    );
    assert_eq!(last["wouldTrainingStart"], true);
    assert_eq!(last["summary"]["nLines"], 42);
    assert_eq!(last["summary"]["nDropped"], 2);
}

/// Rekognition's message alone leaves the user to guess which of the fields is meant.
#[test]
fn check_says_what_exactly_is_wrong() {
    let desk = Desk::new();
    let line = labeled(99, "owl", 0.9).replace("\"yes\"", "\"true\"");
    desk.write("m.manifest", good_lines() + &line);
    let detail = r#"human-annotated is "true", neither "yes" nor "no""#;
    desk.run("check m.manifest").exits(1).prints(&format!(
        "line 41: ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT at kind-metadata: The format of the label attribute metadata is invalid. ({detail})"
    ));
    let found = desk.run("check m.manifest --format json").exits(1).json();
    assert_eq!(found[0]["detail"], detail);
    assert_eq!(
        found[0]["message"],
        "The format of the label attribute metadata is invalid."
    );
}

#[test]
fn check_prints_as_many_findings_as_asked() {
    let desk = Desk::new();
    desk.write("m.manifest", good_lines() + &"{}\n".repeat(5));
    let ran = desk.run("check m.manifest --max-findings 2").exits(1);
    assert_eq!(ran.stdout.matches("\nline ").count() + 1, 2, "{ran:#?}");
    ran.prints("further findings are only counted")
        .prints("5 ERROR_MISSING_SOURCE_REF");
    let silent = desk.run("check m.manifest --max-findings 0").exits(1);
    assert!(!silent.stdout.contains("line 41: ERROR"), "{silent:#?}");
}

#[test]
fn check_train_and_test_together() {
    let desk = Desk::new();
    desk.write("train.manifest", good_lines());
    desk.write(
        "test.manifest",
        labeled(100, "owl", 1.0) + &labeled(101, "falcon", 1.0),
    );
    desk.run("check train.manifest --test test.manifest")
        .exits(0)
        .prints("train.manifest with test.manifest as tests: training would start");
    desk.write(
        "other.manifest",
        labeled(100, "wren", 1.0) + &labeled(101, "kite", 1.0),
    );
    desk.run("check train.manifest --test other.manifest")
        .exits(2)
        .prints("train.manifest with other.manifest as tests: training would not start:\n  ERROR_INSUFFICIENT_LABEL_OVERLAP");
    let both = desk
        .run("check train.manifest --test other.manifest --format json")
        .exits(2)
        .json();
    let last = both.last().unwrap();
    assert_eq!(
        (&last["manifest"], &last["test"]),
        (&"train.manifest".into(), &"other.manifest".into())
    );
    assert_eq!(last["wouldTrainingStart"], false);
    assert_eq!(
        last["faults"][0]["code"],
        "ERROR_INSUFFICIENT_LABEL_OVERLAP"
    );
    desk.write(
        "same.manifest",
        labeled(0, "owl", 1.0) + &labeled(101, "falcon", 1.0),
    );
    desk.run("check train.manifest --test same.manifest --format json")
        .exits(1);
    desk.write("empty.manifest", String::new());
    desk.run("check train.manifest --test empty.manifest")
        .exits(2)
        .prints("with empty.manifest as tests: training would not start:");
}

#[test]
fn check_ends_quietly_when_nobody_reads() {
    let desk = Desk::new();
    desk.write("m.manifest", "{}\n".repeat(20_000));
    let mut child = desk
        .command("check m.manifest --format json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn convert_writes_entries_and_rejected_lines() {
    let desk = Desk::new();
    let failed = r#"{"source-ref":"s3://birds/f.jpg","kind-metadata":{"failure-reason":"ClientError: no","type":"groundtruth/image-classification","job-name":"labeling-job/kinds","human-annotated":"yes","creation-date":"2024-05-01T10:00:00.000000"}}"#;
    let lines = format!(
        "{}{failed}\n{{\"source-ref\":\"s3://birds/x.jpg\"}}\n",
        good_lines()
    );
    desk.write("kinds/manifests/output/output.manifest", &lines);
    desk.run(
        "convert kinds/manifests/output/output.manifest --out e.manifest --rejected r.manifest",
    )
    .exits(1)
    .prints("42 lines: 40 entries, 1 rejected, 1 skipped")
    .prints("1 REJECTED_LABELING_FAILED");
    assert_eq!(desk.read("e.manifest"), good_lines());
    assert_eq!(desk.field("r.manifest", "/lineNumber"), [41]);
    assert_eq!(
        desk.field("r.manifest", "/code"),
        ["REJECTED_LABELING_FAILED"]
    );
    for field in ["/reason", "/remedy"] {
        assert!(
            desk.field("r.manifest", field)
                .iter()
                .all(|text| text.is_string())
        );
    }
    desk.run("check e.manifest").exits(0);
    desk.run("convert e.manifest --out again.manifest").exits(0);
    assert_eq!(desk.read("again.manifest"), good_lines());
}

#[test]
fn convert_names_the_label_attributes_that_are_there() {
    let desk = Desk::new();
    desk.write("m.manifest", good_lines() + &boxed("1.jpg", 640, 480));
    desk.run("convert m.manifest --out e --label-attribute knid")
        .prints("41 SKIPPED_OTHER_LABEL_ATTRIBUTE")
        .fails(
            "no line of m.manifest has the label attribute \"knid\"",
            "\"box\" in 1 line, \"kind\" in 40 lines",
        );
    desk.run("convert m.manifest --out e --label-attribute kind")
        .exits(0)
        .prints("40 entries, 0 rejected, 1 skipped");
    let entries = desk.read("e");
    desk.write("bare.manifest", "{\"source-ref\":\"s3://birds/1.jpg\"}\n");
    desk.run("convert bare.manifest --out e --label-attribute kind")
        .fails("has the label attribute", "output manifest");
    assert_eq!(desk.read("e"), entries, "a failure costs what was there");
    let names = fs::read_dir(desk.folder.path()).unwrap();
    assert_eq!(names.count(), 3, "something is left over");
    desk.run("convert bare.manifest --out e")
        .fails("looks like a job's input manifest", "output.manifest");
    assert_eq!(desk.read("e"), entries, "a failure costs what was there");
}

#[test]
fn convert_says_how_one_of_two_jobs_labels_is_named() {
    let desk = Desk::new();
    // The boxes go onto the line of the other job's label.
    let (first, boxes) = (labeled(1, "owl", 0.9), boxed("1.jpg", 640, 480));
    let (first, (_, boxes)) = (
        first.strip_suffix("}\n").unwrap(),
        boxes.split_once(',').unwrap(),
    );
    desk.write("m.manifest", format!("{first},{boxes}"));
    desk.run("convert m.manifest --out e")
        .exits(1)
        .prints("REJECTED_AMBIGUOUS_LABEL_ATTRIBUTE")
        .prints("gtcl convert: --label-attribute, or its job with --job-name");
    for named in ["--label-attribute box", "--job-name boxes"] {
        desk.run(&format!("convert m.manifest --out e {named}"))
            .exits(0)
            .prints("1 entry");
    }
    desk.run("convert m.manifest --out e --job-name third")
        .fails("has a label of this job", "--job-name");
}

#[test]
fn a_manifest_of_another_job_is_no_success() {
    let desk = Desk::new();
    desk.write("renamed/manifests/output/output.manifest", good_lines());
    desk.run("convert renamed/manifests/output/output.manifest --out e")
        .fails("has a label of this job", "--job-name");
    assert!(!desk.path("e").exists());
    desk.run("convert renamed/manifests/output/output.manifest --out e --label-attribute kind")
        .exits(0)
        .prints("40 entries");
}

#[test]
fn convert_counts_the_boxes_that_entries_lose() {
    let desk = Desk::new();
    let boxed = |sizes: &[i32]| {
        let boxes = sizes.iter().map(|size| {
            format!(r#"{{"class_id":0,"left":1.5,"top":1,"width":{size},"height":40}}"#)
        });
        let objects = sizes.iter().map(|_| r#"{"confidence":1}"#.to_owned());
        format!(
            r#"{{"source-ref":"s3://birds/{}.jpg","b":{{"image_size":[{{"width":640,"height":480,"depth":3}}],"annotations":[{}]}},"b-metadata":{{"objects":[{}],"class-map":{{"0":"Owl"}},"type":"groundtruth/object-detection","human-annotated":"yes","creation-date":"2024-01-01T00:00:00","job-name":"b"}}}}{}"#,
            sizes.len(),
            boxes.collect::<Vec<_>>().join(","),
            objects.collect::<Vec<_>>().join(","),
            "\n",
        )
    };
    desk.write("m.manifest", boxed(&[40]) + &boxed(&[40, -10, 0]));
    desk.run("convert m.manifest --out e")
        .exits(0)
        .prints("2 entries")
        .prints("1 box left out: ERROR_INVALID_BOUNDING_BOX")
        .prints("1 box left out: ERROR_BOUNDING_BOX_TOO_SMALL")
        .prints("2 boxes rounded outward");
}

/// The entries are there though nobody reads the counts.
#[test]
fn import_without_a_reader() {
    let desk = Desk::new();
    desk.write("l.csv", "s3://birds/1.jpg,owl\n");
    let mut command = desk.command("import csv l.csv --out e");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(desk.read("e").lines().count(), 1);
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gtcl"));
    let command = command.args(["convert", "nowhere.manifest", "--out", "e"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn convert_splits_by_image() {
    let desk = Desk::new();
    let lines: String = (0..200).map(|n| labeled(n, "owl", 0.9)).collect();
    desk.write("m.manifest", &lines);
    desk.run("convert m.manifest --out e.manifest --split 0.2")
        .exits(0);
    let sorted = |names: &[&str]| {
        let mut all: Vec<String> = Vec::new();
        for name in names {
            all.extend(desk.read(name).lines().map(str::to_owned));
        }
        all.sort();
        all
    };
    let n_test = desk.read("e.test.manifest").lines().count();
    desk.run("convert m.manifest --out e.manifest --split 0.2")
        .prints(&format!(
            "200 entries ({} train, {n_test} test)",
            200 - n_test
        ));
    assert!((20..60).contains(&n_test), "{n_test}");
    assert_eq!(
        sorted(&["e.train.manifest", "e.test.manifest"]),
        sorted(&["m.manifest"])
    );
    assert!(!desk.path("e.manifest").exists());
    // A manifest in another order is split the same.
    let reversed: Vec<&str> = lines.lines().rev().collect();
    desk.write("reversed.manifest", reversed.join("\n"));
    desk.run("convert reversed.manifest --out f.manifest --split 0.2")
        .exits(0);
    assert_eq!(sorted(&["e.test.manifest"]), sorted(&["f.test.manifest"]));
    desk.run("convert m.manifest --out e.manifest --split 1.5")
        .exits(2);
}

#[test]
fn convert_sends_doubtful_lines_to_review() {
    let desk = Desk::new();
    desk.write(
        "m.manifest",
        labeled(1, "owl", 0.9) + &labeled(2, "owl", 0.3),
    );
    desk.run("convert m.manifest --out e.manifest --review v.manifest --min-confidence 0.5")
        .exits(0)
        .prints("2 lines: 1 entry, 0 rejected, 1 skipped (1 of them below the minimum confidence)")
        .prints("1 SKIPPED_BELOW_MIN_CONFIDENCE  line 2\n           confidence 0.3 is below 0.5");
    assert_eq!(desk.field("e.manifest", "/source-ref"), [source_ref(1)]);
    assert_eq!(
        desk.read("v.manifest"),
        format!("{{\"source-ref\":\"{}\"}}\n", source_ref(2))
    );
    desk.run("convert m.manifest --out e.manifest --review v.manifest")
        .exits(2);
}

#[test]
fn convert_takes_confidences_from_0_to_1() {
    let desk = Desk::new();
    desk.write(
        "m.manifest",
        labeled(1, "owl", 1.0) + &labeled(2, "owl", 0.99),
    );
    desk.run("convert m.manifest --out e.manifest --min-confidence 1")
        .exits(0)
        .prints("1 entry, 0 rejected, 1 skipped");
    assert_eq!(desk.field("e.manifest", "/source-ref"), [source_ref(1)]);
    for refused in ["1.01", "-0.1", "nan", "NaN", "inf", "80%", ""] {
        let mut command = desk.command("convert m.manifest --out e.manifest");
        let command = command.arg(format!("--min-confidence={refused}"));
        let refused = ran(command.output().unwrap()).exits(2);
        assert!(refused.stderr.contains("--min-confidence"), "{refused:#?}");
    }
}

#[test]
fn convert_refuses_what_is_no_label_attribute() {
    let desk = Desk::new();
    desk.write("m.manifest", labeled(1, "owl", 0.9));
    for (name, reason) in [
        ("kind-metadata", "name \"kind\""),
        ("source-ref", "what was labeled"),
        ("cl-errors", "Custom Labels adds"),
    ] {
        let refused = desk
            .run(&format!(
                "convert m.manifest --out e --label-attribute {name}"
            ))
            .exits(2);
        assert!(refused.stderr.contains(reason), "{refused:#?}");
    }
    assert!(!desk.path("e").exists());
}

#[test]
fn convert_says_that_text_is_not_for_custom_labels() {
    let desk = Desk::new();
    let of_text = labeled(1, "owl", 0.9)
        .replace("source-ref", "source")
        .replace("image-classification", "text-classification");
    desk.write("t.manifest", &of_text);
    for choice in ["", "--label-attribute kind"] {
        desk.run(&format!("convert t.manifest --out e {choice}"))
            .exits(1)
            .prints("1 REJECTED_UNSUPPORTED_TASK_TYPE  line 1\n")
            .prints("it is of a text job, and Custom Labels takes images only");
    }
    desk.run("convert t.manifest --out e --label-attribute knid")
        .fails("label attribute \"knid\"", "\"kind\" in 1 line");
    let of_image = of_text.replace("\"source\"", "\"source-ref\"");
    desk.write("t.manifest", of_image);
    desk.run("convert t.manifest --out e --label-attribute kind")
        .exits(1)
        .prints("label has type \"groundtruth/text-classification\"; Custom Labels takes");
}

#[test]
fn places_that_are_not_supported() {
    let desk = Desk::new();
    desk.write("m.manifest", labeled(1, "owl", 0.9));
    for (place, reason) in [
        ("-", "/dev/stdin"),
        ("file:///m.manifest", "leave file:// out"),
        ("https://birds.s3.amazonaws.com/m", "s3://BUCKET/KEY"),
        ("", "the path is empty"),
    ] {
        for arguments in [
            [place, "--out=e"],
            ["m.manifest", &format!("--out={place}")],
        ] {
            let output = desk.command("convert").args(arguments).output().unwrap();
            let refused = ran(output).exits(2);
            assert!(refused.stderr.contains(reason), "{refused:#?}");
        }
    }
    desk.run("convert m.manifest --out /dev/stdout")
        .exits(0)
        .prints(&labeled(1, "owl", 0.9));
}

/// Commands that look through folders read none in S3, and say so before anything else.
#[test]
fn folders_in_s3_have_to_be_copied_first() {
    let desk = Desk::new();
    desk.write("m.manifest", labeled(1, "owl", 0.9));
    for arguments in [
        "consolidate s3://birds/jobs/1",
        "consolidate m.manifest --categories s3://birds/jobs/1",
        "evaluate single-label s3://birds/jobs/1",
        "evaluate boxes s3://birds/jobs/1",
        "evaluate multi-label s3://birds/jobs/1",
        "evaluate job s3://birds/jobs/1 --gold m.manifest",
        "evaluate job . --gold s3://birds/jobs/1",
        "run --job s3://birds/jobs/1",
        "run --job . --truth s3://birds/jobs/1",
        "run --dir s3://birds/jobs/1",
        "check m.manifest --images --images-from s3://birds/jobs/1",
    ] {
        let refused = desk.run(arguments).exits(2);
        assert!(
            refused
                .stderr
                .contains("a folder with aws s3 sync s3://birds/jobs/1 FOLDER"),
            "{refused:#?}"
        );
    }
    let refused = desk.run("consolidate https://birds/1.json").exits(2);
    assert!(
        refused
            .stderr
            .contains("https:// is not supported: name a path on this machine"),
        "{refused:#?}"
    );
}

#[test]
fn s3_without_region_or_credentials() {
    let desk = Desk::new();
    let without = |names: &[&str]| {
        let mut command = desk.command("convert s3://birds/m.manifest --out e");
        for name in names {
            command.env_remove(name);
        }
        let command = command.env("AWS_EC2_METADATA_DISABLED", "true");
        ran(command.output().unwrap())
    };
    without(&["AWS_REGION"]).fails("region must be set", "AWS_REGION=NAME");
    without(&["AWS_ACCESS_KEY_ID"]).fails(
        "no credentials found",
        "AWS_PROFILE=NAME, or AWS_ACCESS_KEY_ID",
    );
    without(&[]).fails("Connection refused", "AWS_ENDPOINT_URL_S3");
}

#[test]
fn import_csv() {
    let desk = Desk::new();
    desk.write("l.csv", "image,label\n1.jpg,owl\n2.jpg,falcon\n3.jpg,\n");
    desk.run("import csv l.csv --images s3://birds/images --out e.manifest")
        .exits(0)
        .prints("2 entries in e.manifest, 0 rejected, 2 skipped")
        .prints("1 SKIPPED_HEADER")
        .prints("label the image, or ask for unlabeled lines to be sent (--send-unlabeled)\n           row 4\n")
        .prints("1 image   owl");
    assert_eq!(
        desk.field("e.manifest", "/source-ref"),
        [source_ref(1), source_ref(2)]
    );
    assert_eq!(
        desk.field("e.manifest", "/owl"),
        [Value::from(1), Value::Null]
    );
    desk.run("import csv l.csv --images s3://birds/images --out e.manifest --send-unlabeled")
        .exits(0)
        .prints("3 entries in e.manifest, 0 rejected, 1 skipped");
    desk.write(
        "d.csv",
        "1.jpg,owl\n1.jpg,\"a \"\"b\"\", c\"\n2.jpg,falcon\n",
    );
    desk.run("import csv d.csv --images s3://birds/images --out e.manifest")
        .exits(0)
        .prints("2 entries")
        .prints("1 place with an image that stands before: taken as one image");
    assert_eq!(
        desk.field("e.manifest", "/a \"b\", c"),
        [Value::from(1), Value::Null]
    );
    desk.run("import csv d.csv --images s3://birds/images --out f --refuse-repeated")
        .fails("row 2 that of row 1", "--refuse-repeated");
    assert!(!desk.path("f").exists());
}

#[test]
fn import_csv_names_each_bad_row() {
    let desk = Desk::new();
    desk.write("l.csv", "1.jpg,owl\n,Cat\n\"3.jpg,open\n4.jpg,owl\n");
    desk.run("import csv l.csv --images s3://birds/images --out e --rejected r")
        .exits(1)
        .prints("2 entries in e, 2 rejected, 0 skipped")
        .prints("row 2: ERROR_INVALID_SOURCE_REF_FORMAT image has no name; name the image")
        .prints("row 3: REJECTED_ROW a quotation mark is opened and not closed");
    assert_eq!(desk.field("r", "/place"), ["row 2", "row 3"]);
    assert_eq!(desk.field("r", "/code")[1], "REJECTED_ROW");
    desk.write("l.csv", "1.jpg,owl\n2.jpg,errors\n");
    desk.run("import csv l.csv --images s3://birds/images --out e")
        .exits(1)
        .prints("REJECTED_LABEL_NAME: The label's name has a line break or another control character, or means something else in a manifest.");
    desk.write("l.csv", "1.jpg;owl\n2.jpg;falcon\n");
    desk.run("import csv l.csv --images s3://birds/images --out f --separator ,")
        .fails("l.csv: cells are separated by ;", "--separator ';'");
    desk.run("import csv l.csv --images s3://birds/images --out f")
        .exits(0)
        .prints("2 entries")
        .prints("cells are separated by ;");
    // Nothing that was there is lost to an import that brings nothing.
    desk.run("import csv l.csv --out f --separator ;")
        .prints("row 1: ERROR_INVALID_SOURCE_REF_FORMAT \"1.jpg\" is a name, not an s3:// URI; say which folder the images are in: --images")
        .fails("no entry came of l.csv", "above");
    assert_eq!(desk.read("f").lines().count(), 2);
    desk.write("l.csv", "s3://birds/1.jpg,owl\ns3://nests/1.jpg,owl\n");
    desk.run("import csv l.csv --out g")
        .exits(0)
        .prints("images are in 2 buckets, training takes them from one only: birds; nests");
    desk.write("l.csv", "image,label\n");
    desk.run("import csv l.csv --out g")
        .fails("no entry came of l.csv", "it has no images");
    let many: String = (0..30).map(|n| format!(",n{n}\n")).collect();
    desk.write("l.csv", many + "1.jpg,owl\n");
    desk.run("import csv l.csv --images s3://birds/images --out f")
        .exits(1)
        .prints("10 more rejected: --rejected FILE has them all");
}

#[test]
fn import_coco() {
    let desk = Desk::new();
    let file = r#"{"images":[{"id":1,"file_name":"1.jpg","width":640,"height":480},{"id":2,"file_name":"2.jpg","width":640,"height":480},
        {"id":3,"file_name":"3.jpg","height":480}],
        "annotations":[{"id":11,"image_id":1,"category_id":7,"bbox":[1.5,2.5,30,40]},{"id":12,"image_id":9,"category_id":7,"bbox":[1,2,30,40]}],
        "categories":[{"id":7,"name":"owl"}]}"#;
    desk.write("c.json", file);
    let import =
        "import coco c.json --images s3://birds/images --out e.manifest --label-attribute b";
    desk.run(import)
        .exits(1)
        .prints("1 entry in e.manifest, 2 rejected, 1 skipped")
        .prints(
            "when you want them in the dataset (--send-unlabeled)\n           images[1], id 2\n",
        )
        .prints("images[2], id 3: REJECTED_ITEM it has no width")
        .prints("annotations[1], id 12: REJECTED_UNKNOWN_IMAGE no image has the id 9")
        .prints("1 box rounded outward");
    assert_eq!(desk.field("e.manifest", "/b/annotations/0/left"), [1]);
    desk.run("check e.manifest").exits(0);
    desk.run(&format!("{import} --send-unlabeled"))
        .exits(1)
        .prints("2 entries in e.manifest, 2 rejected, 0 skipped");
    desk.write("c.json", file.replace("\"bbox\"", "\"box\""));
    desk.run(import).fails("no entry came of c.json", "above");
    desk.write(
        "c.json",
        r#"[{"image_id":1,"category_id":7,"bbox":[1,2,3,4],"score":0.9}]"#,
    );
    desk.run(import)
        .fails("as COCO results are", "images and categories");
    desk.run("import coco c.json --out e --label-attribute source-ref")
        .exits(2);
}

#[test]
fn manifests_in_s3() {
    let desk = Desk::with_s3();
    desk.write(
        "s3/birds/jobs/kinds/manifests/output/output.manifest",
        good_lines(),
    );
    let of_other = labeled(900, "owl", 0.9).replace("labeling-job/kinds", "labeling-job/other");
    desk.write("s3/birds/o.manifest", of_other);
    let output = "s3://birds/jobs/kinds/manifests/output/output.manifest";
    desk.run(&format!(
        "convert {output} --out s3://birds/e.manifest --rejected s3://birds/r.manifest"
    ))
    .exits(0);
    assert_eq!(desk.read("s3/birds/e.manifest"), good_lines());
    assert_eq!(desk.read("s3/birds/r.manifest"), "");
    desk.run("check s3://birds/e.manifest")
        .exits(0)
        .prints("40 usable");
    desk.run(&format!(
        "convert {output} --out s3://birds/s.manifest --split 0.5"
    ))
    .exits(0);
    desk.run("check s3://birds/s.train.manifest --test s3://birds/s.test.manifest")
        .exits(0);
    // From S3 to a file and back, larger than one part of an upload.
    let many: String = (0..30_000).map(|n| labeled(n, "owl", 0.9)).collect();
    desk.write("s3/birds/many.manifest", &many);
    desk.run("convert s3://birds/many.manifest --out many.manifest")
        .exits(0);
    desk.run("convert many.manifest --out s3://birds/back.manifest")
        .exits(0);
    assert!(desk.read("many.manifest") == many && desk.read("s3/birds/back.manifest") == many);
    desk.write("s3/birds/l.csv", "1.jpg,owl\n");
    desk.run("import csv s3://birds/l.csv --images s3://birds/images --out s3://birds/i.manifest")
        .exits(0);
    assert_eq!(
        desk.field("s3/birds/i.manifest", "/source-ref"),
        [source_ref(1)]
    );

    desk.run("check s3://birds/none.manifest")
        .fails("s3://birds/none.manifest", "key");
    desk.run("check s3://none/e.manifest").fails(
        "s3://none/e.manifest could not be read: bucket none does not exist",
        "aws s3 mb s3://none",
    );
    desk.run("convert s3://birds/e.manifest --out s3://none/e.manifest")
        .fails(
            "s3://none/e.manifest could not be written: bucket none does not exist",
            "aws s3 mb s3://none",
        );
    desk.run("convert s3://birds/none.manifest --out e.manifest")
        .fails("does not exist", "key");
    assert!(!desk.path("e.manifest").exists());
    desk.run("check s3://birds").exits(2);
}

/// Each image with what is said of it, `None` for a good one.
const IMAGES: [(&str, Option<&str>); 11] = [
    ("good.png", None),
    ("good.jpg", None),
    ("long-head.jpg", None),
    ("small.png", Some("64 to 4096")),
    ("large.jpg", Some("64 to 4096")),
    ("long.jpg", Some("20 times")),
    (
        "mismatch.png",
        Some("image has 100x200 px, but image_size says 200x100"),
    ),
    ("truncated.png", Some("ends before")),
    ("text.png", Some("neither a PNG nor a JPEG")),
    ("empty.jpg", Some("empty")),
    ("missing.png", Some("could not be read")),
];

fn write_images(desk: &Desk, folder: &str) {
    let file = |name: &str| format!("{folder}/birds/{name}");
    desk.write(&file("good.png"), png(200, 100))
        .write(&file("good.jpg"), jpeg(200, 100, 0))
        .write(&file("long-head.jpg"), jpeg(200, 100, 300_000))
        .write(&file("small.png"), png(63, 100))
        .write(&file("large.jpg"), jpeg(4097, 100, 0))
        .write(&file("long.jpg"), jpeg(2000, 99, 0))
        .write(&file("mismatch.png"), png(100, 200))
        .write(&file("truncated.png"), &png(200, 100)[..20])
        .write(
            &file("text.png"),
            "<Error><Code>AccessDenied</Code></Error>",
        )
        .write(&file("empty.jpg"), "");
    let lines: String = IMAGES
        .iter()
        .map(|(name, _)| boxed(name, 200, 100))
        .collect();
    desk.write("m.manifest", lines);
}

#[track_caller]
fn check_images(ran: &Ran) {
    let lines = ran.json();
    let (last, findings) = lines.split_last().unwrap();
    for (line_number, (name, expected)) in (1..).zip(IMAGES) {
        let found: Vec<&str> = findings
            .iter()
            .filter(|finding| finding["lineNumber"] == line_number)
            .map(|finding| {
                let (code, rule) = match name {
                    "mismatch.png" => ("NOTICED_IMAGE_SIZE", "gtcl"),
                    _ => ("ERROR_INVALID_IMAGE", "custom-labels"),
                };
                assert_eq!(
                    (&finding["code"], &finding["rule"]),
                    (&code.into(), &rule.into())
                );
                finding["message"].as_str().unwrap()
            })
            .collect();
        match (expected, found.as_slice()) {
            (None, []) => {}
            (Some(expected), [message]) if message.contains(expected) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(
        last["summary"]["codes"]["ERROR_INVALID_IMAGE"]["nFindings"],
        7
    );
    let numbers: Vec<_> = findings.iter().map(|f| f["lineNumber"].as_u64()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[test]
fn images_in_a_folder() {
    let desk = Desk::new();
    write_images(&desk, "images");
    desk.run("check m.manifest").exits(0);
    check_images(
        &desk
            .run("check m.manifest --images --images-from images --format json")
            .exits(2),
    );
    desk.write("good.manifest", boxed("good.png", 200, 100));
    desk.run("check good.manifest --images --images-from images")
        .exits(0);
    desk.run("check good.manifest --images-from images")
        .exits(2);
}

#[test]
fn images_in_s3() {
    let desk = Desk::with_s3();
    write_images(&desk, "s3");
    check_images(&desk.run("check m.manifest --images --format json").exits(2));
    desk.write("good.manifest", boxed("good.png", 200, 100));
    desk.run("check good.manifest --images").exits(0);
    let refused = desk
        .command("check m.manifest --images")
        .env("AWS_SECRET_ACCESS_KEY", "another")
        .output();
    ran(refused.unwrap()).fails("SignatureDoesNotMatch", "credentials");
}

/// The first image takes longest to look at; findings come in the manifest's order all the same.
#[test]
fn findings_on_images_come_in_order() {
    let faults = Faults::default();
    let late = Effect::Delay(Duration::from_millis(200));
    faults.add(Fault::new(Service::S3, late).target("birds/0.jpg"));
    let desk = Desk::with_faulty_s3(faults);
    let mut lines = String::new();
    for n in 0..60 {
        desk.write(&format!("s3/birds/{n}.jpg"), jpeg(63, 100, 0));
        lines += &boxed(&format!("{n}.jpg"), 200, 100);
        lines += "{}\n";
    }
    desk.write("m.manifest", lines);
    let ran = desk
        .run("check m.manifest --images --max-findings 200")
        .exits(2);
    let told = ran
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("line "));
    let numbers: Vec<u64> = told
        .map(|line| line.split_once(':').unwrap().0.parse().unwrap())
        .collect();
    assert_eq!(numbers, (1..=120).collect::<Vec<_>>());
    ran.prints("ERROR_INVALID_IMAGE  lines 1, 3, 5, 7, 9 and 55 more");
}

#[test]
fn a_folder_of_images_that_is_another() {
    let desk = Desk::new();
    let lines = boxed("1.png", 200, 100) + &boxed("2.png", 200, 100) + "{}\n";
    desk.write("m.manifest", lines)
        .write("images/1.png", png(200, 100));
    let missing = desk.run("check m.manifest --images --images-from none");
    assert_eq!(missing.stdout, "");
    missing.fails("folder of the images none", "BUCKET/KEY");
    // What can be said without images is said, and the folder once.
    let other = desk.run("check m.manifest --images --images-from images");
    assert!(!other.stdout.contains("ERROR_INVALID_IMAGE"), "{other:#?}");
    other
        .prints("line 3: ERROR_MISSING_SOURCE_REF")
        .fails("images has no folder birds", "images/birds/1.png");
    // Of several buckets one may be elsewhere.
    desk.write("images/birds/1.png", png(200, 100));
    let lines = boxed("1.png", 200, 100) + &boxed("2.png", 200, 100).replace("birds", "other");
    desk.write("m.manifest", lines);
    desk.run("check m.manifest --images --images-from images")
        .exits(2)
        .prints("line 2: ERROR_INVALID_IMAGE: image could not be read: images has no folder other");
}

#[test]
fn images_that_may_not_be_read() {
    let faults = Faults::default();
    let denied = Effect::Error {
        status: 403,
        code: "AccessDenied".to_owned(),
        message: "no".to_owned(),
    };
    faults.add(
        Fault::new(Service::S3, denied)
            .target("locked")
            .times(u64::MAX),
    );
    let desk = Desk::with_faulty_s3(faults.clone());
    desk.write("s3/birds/1.jpg", jpeg(200, 100, 0))
        .write("s3/birds/2.jpg", jpeg(200, 100, 300_000));
    let lines: String = ["1.jpg", "locked-1.jpg", "2.jpg", "locked-2.jpg"]
        .iter()
        .map(|key| boxed(key, 200, 100))
        .collect();
    desk.write("m.manifest", lines);
    desk.run("check m.manifest --images")
        .exits(1)
        .prints("4 lines: 4 usable")
        .prints("2 images could not be looked at, line 2's to begin with: GetObject of s3://birds/locked-1.jpg is denied");
    // One ranged request an image, and a second one where the header is longer.
    assert_eq!(faults.n_calls(Service::S3, "GetObject"), 5);
    let last = desk.run("check m.manifest --images --format json").json();
    assert_eq!(last.last().unwrap()["imagesDenied"]["nImages"], 2);
}

#[test]
fn check_knows_the_regions() {
    let desk = Desk::new();
    desk.write("m.manifest", good_lines());
    desk.run("check m.manifest --region eu-west-2").exits(0);
    let unknown = desk.run("check m.manifest --region mars-1").exits(2);
    assert!(
        unknown.stderr.contains("eu-west-2, us-east-1"),
        "{unknown:#?}"
    );
    let lines: String = (0..28_001)
        .map(|n| labeled(n, if n > 0 { "owl" } else { "wren" }, 0.9))
        .collect();
    desk.write("m.manifest", lines);
    desk.run("check m.manifest").exits(0);
    desk.run("check m.manifest --region ap-south-1")
        .exits(2)
        .prints("manifest has 28001 lines; 28000 are possible");
}

#[test]
fn check_tells_its_own_rules_from_custom_labels() {
    let desk = Desk::new();
    let boxes = r#"[{"class_id":0,"left":1,"top":2,"width":60,"height":60},{"class_id":0,"left":1,"top":2,"width":60,"height":60}]"#;
    let line = boxed("1.png", 200, 100)
        .replace(
            r#"[{"class_id":0,"left":1,"top":2,"width":60,"height":60}]"#,
            boxes,
        )
        .replace(
            r#"[{"confidence":0.9}]"#,
            r#"[{"confidence":0.9},{"confidence":0.9}]"#,
        );
    desk.write("m.manifest", line);
    desk.run("check m.manifest")
        .exits(1)
        .prints("line 1: NOTICED_REPEATED_BOX at box/annotations/1: an earlier box has the same class and place (a rule of gtcl's own)")
        .prints("1 line: 1 usable")
        .prints("by rules of gtcl's own, for which Custom Labels has no code:\n         1 NOTICED_REPEATED_BOX  line 1\n")
        .prints("1 label in 1 bucket")
        .prints("1 image        2 boxes  owl");
    let lines = desk.run("check m.manifest --format json").exits(1).json();
    assert_eq!(lines[0]["rule"], "gtcl");
}

/// One error, not one for each image.
#[test]
fn images_without_s3() {
    let desk = Desk::new();
    let lines = boxed("1.png", 200, 100) + &boxed("2.png", 200, 100);
    desk.write("m.manifest", lines);
    let output = desk
        .command("check m.manifest --images")
        .env_remove("AWS_REGION")
        .output();
    let ran = ran(output.unwrap());
    assert!(!ran.stdout.contains("ERROR_INVALID_IMAGE"), "{ran:#?}");
    ran.fails("region must be set", "AWS_REGION");
}

#[test]
fn odd_inputs() {
    let desk = Desk::new();
    desk.write("folder/x", "")
        .write("empty", "")
        .write("blank", "\n \n")
        .write("binary", png(200, 100))
        .write("gzip", b"\x1f\x8b\x08\0\xff\xfe\0\0")
        .write(
            "pretty.json",
            "{\n  \"source-ref\": \"s3://birds/1.jpg\"\n}\n",
        )
        .write(
            "list.json",
            "[\n{\"source-ref\": \"s3://birds/1.jpg\"}\n]\n",
        )
        .write("coco.json", "{\"images\": [], \"annotations\": []}");
    for command in [
        "check {}",
        "convert {} --out e",
        "import csv {} --out e",
        "import coco {} --out e",
    ] {
        let run = |name: &str| desk.run(&command.replace("{}", name));
        run("missing").fails("missing could not be read", "look at the path");
        run("folder").fails("folder could not be read", "name a file");
        assert!(!desk.path("e").exists(), "{command}");
    }
    let request = "--task-type single-label --job-name j --manifest s3://b/m --categories s3://b/c --workteam arn";
    for (command, folder) in [
        ("consolidate {}", "holds no .json files"),
        ("evaluate single-label {}", "holds no label.csv"),
        ("evaluate boxes {}", "name a file"),
        ("evaluate multi-label {}", "name a file"),
        ("evaluate job {} --gold gold", ""),
        ("preflight {} --task-type single-label", "name a file"),
        (
            &format!("job-request --stack-outputs {{}} {request}"),
            "name a file",
        ),
    ] {
        let run = |name: &str| desk.run(&command.replace("{}", name));
        run("missing").fails("missing", "");
        let of_folder = run("folder").exits(2);
        assert!(of_folder.stderr.contains(folder), "{of_folder:#?}");
        let of_binary = run("binary").exits(2);
        assert!(of_binary.stderr.contains("\nhelp: "), "{of_binary:#?}");
    }
    desk.run("evaluate boxes binary")
        .fails("not UTF-8 text at byte 1", "UTF-8");
    desk.run("import coco c.json --images s3://my_bucket!/x --out e")
        .exits(2);
    desk.run("import csv l.csv --images birds --out e").exits(2);
    desk.run("check empty")
        .exits(2)
        .prints("ERROR_MANIFEST_EMPTY");
    for command in ["check {}", "convert {} --out e"] {
        let run = |name: &str| desk.run(&command.replace("{}", name));
        run("gzip").fails("gzip: file is compressed", "unpack");
        run("pretty.json").fails("JSON over several lines", "jq -c . FILE");
        run("list.json").fails("a JSON list", "jq -c '.[]' FILE");
        run("coco.json").fails("a COCO file", "gtcl import coco");
    }
    for unusable in ["binary", "blank"] {
        desk.run(&format!("check {unusable}"))
            .exits(2)
            .prints("ERROR_INVALID_JSON_LINE");
        desk.run(&format!("convert {unusable} --out e"))
            .fails("JSON object", "one JSON object a line");
    }
    desk.run("convert empty --out e")
        .fails("empty is empty", "labeled no data object");
    for format in ["csv", "coco"] {
        desk.run(&format!("import {format} empty --out e"))
            .fails("empty is empty", "export");
    }
    for format in ["csv", "coco"] {
        desk.run(&format!("import {format} binary --out e"))
            .fails("binary: file is no text", "another file");
        desk.run(&format!("import {format} gzip --out e"))
            .fails("gzip: file is compressed", "unpack");
    }
    desk.run("import coco pretty.json --out e")
        .fails("pretty.json: file has no list images", "COCO");
}

#[test]
fn nothing_is_measured_without_a_truth() {
    let desk = Desk::new();
    desk.write("set/label.csv", "item,worker,label\n1,a,x\n")
        .write("set/truth.csv", "item,truth\n9,x\n")
        .write(
            "b.json",
            r#"{"images":{"a":{"answers":{"w":[[1,1,5,5]]},"truth":[]}}}"#,
        )
        .write(
            "m.csv",
            "image,imagenet_label,truth,experts,answers\na,x,0,,22\n",
        )
        .write("gold", r#"{"source-ref":"s3://other/1.jpg","label":"Owl"}"#)
        .write(
            "job/annotations/worker-response/iteration-1/0/t.json",
            r#"{"answers":[{"workerId":"a","answerContent":{"x":{"label":"Owl"}}}]}"#,
        )
        .write(
            "job/manifests/output/output.manifest",
            "{\"source-ref\":\"s3://birds/1.jpg\"}\n",
        );
    let missing = "has both a worker's answer and a truth";
    desk.run("evaluate single-label set")
        .fails(missing, "truth.csv");
    desk.run("evaluate boxes b.json")
        .fails(missing, "\"truth\"");
    desk.run("evaluate multi-label m.csv")
        .fails(missing, "1 in truth");
    desk.run("evaluate job job --gold gold").fails(
        "gold: no data object",
        "begins with {\"source-ref\":\"s3://birds/1.jpg\"}",
    );
    desk.write("gold", r#"{"source-ref":"s3://birds/1.jpg","label":"Owl"}"#);
    desk.run("evaluate job job --gold gold")
        .exits(0)
        .prints("100.00");
    // A worker who draws nowhere near: there is no overlap to take a mean of.
    desk.write(
        "b.json",
        r#"{"images":{"a":{"answers":{"w":[[1,1,5,5]]},"truth":[[100,100,150,150]]}}}"#,
    );
    let ran = desk.run("evaluate boxes b.json").exits(0);
    assert!(!ran.stdout.contains("NaN"), "{ran:#?}");
}

#[test]
fn odd_outputs() {
    let desk = Desk::new();
    desk.write("m.manifest", good_lines())
        .write("folder/x", "")
        .write("l.csv", "s3://birds/1.jpg,owl\n");
    desk.run("convert m.manifest --out none/e")
        .fails("none/e could not be written", "folder first");
    desk.run("convert m.manifest --out folder")
        .fails("folder could not be written", "name a file");
    for overwriting in [
        "convert m.manifest --out m.manifest",
        "convert m.manifest --out ./folder/../m.manifest",
        "convert m.manifest --out e --rejected e",
        "convert m.manifest --out e --split 0.5 --rejected e.test",
        "import csv l.csv --out l.csv",
    ] {
        desk.run(overwriting).fails("is both", "its own path");
    }
    assert_eq!(desk.read("m.manifest"), good_lines());
    assert!(Path::new(&desk.path("l.csv")).exists());
}
