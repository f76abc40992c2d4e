//! `gtcl serve` from the outside: what it prints, and what it leaves.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what fails in a helper fails the test"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

const LINE: &str = r#"{"source-ref":"s3://birds/1.jpg","birds":1,"birds-metadata":{"class-name":"owl","confidence":0.9,"type":"groundtruth/image-classification","job-name":"labeling-job/birds","human-annotated":"yes","creation-date":"2024-05-01T10:00:00.000000"}}"#;

fn gtcl(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gtcl-under-test"));
    command.current_dir(folder);
    command
}

/// `gtcl serve`, ended when dropped.
struct Serving {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The variables of the printed block.
    environment: Vec<(String, String)>,
}

impl Serving {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = gtcl(folder)
            .args(["serve", "--dir", "data"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("gtcl starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let banner = lines.by_ref().map(Result::unwrap);
        let environment = banner
            .take_while(|line| line != "Ctrl-C ends it.")
            .filter_map(|line| {
                let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect();
        Self {
            child,
            lines,
            environment,
        }
    }

    /// Another gtcl as its client.
    fn client(&self, folder: &Path, arguments: &[&str]) -> Output {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        let mut command = gtcl(folder);
        command.args(arguments).envs(environment).output().unwrap()
    }

    fn end(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already when all went well.
        let _ = self.child.kill();
        // The folder is free from then on.
        let _ = self.child.wait();
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_finished_job_is_told_with_its_outcome_and_report() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut serving = Serving::start(folder);

    let refused = gtcl(folder)
        .args(["serve", "--dir", "data"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let holder = format!(
        "data is in use by gtcl serve, process {}",
        serving.child.id()
    );
    assert!(stderr(&refused).contains(&holder), "{refused:?}");

    // A manifest without rejected lines is converted to itself, which is a way to copy it to S3.
    fs::write(folder.join("good.manifest"), format!("{LINE}\n")).unwrap();
    let uri = "s3://gtcl/jobs/birds/manifests/output/output.manifest";
    let copied = serving.client(folder, &["convert", "good.manifest", "--out", uri]);
    assert!(copied.status.success(), "{copied:?}");
    let told = serving.lines.next().unwrap().unwrap();
    assert_eq!(
        told,
        format!(
            "{uri}: updated: 1 line = 1 entry, 0 rejected, 0 skipped; 1 landed; s3://gtcl/jobs/birds/dataset-updater/report.json"
        )
    );

    assert_eq!(serving.end(), Some(0));
    for file in fs::read_dir(folder.join("data/logs")).unwrap() {
        let log = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!log.contains("ended: "), "{log}");
    }
    // The lock went with the process.
    assert_eq!(Serving::start(folder).end(), Some(0));
}

#[test]
fn keys_of_one_start_are_printed_and_no_others_hold() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("good.manifest"), format!("{LINE}\n")).unwrap();
    let mut serving = Serving::start_with(folder, &["--random-keys"]);
    let uri = "s3://gtcl/jobs/birds/manifests/output/output.manifest";
    let arguments = ["convert", "good.manifest", "--out", uri];
    let copied = serving.client(folder, &arguments);
    assert!(copied.status.success(), "{copied:?}");
    // The functions have them, too.
    let told = serving.lines.next().unwrap().unwrap();
    assert!(told.starts_with(&format!("{uri}: updated: ")), "{told}");
    for (name, value) in &mut serving.environment {
        match name.as_str() {
            "AWS_ACCESS_KEY_ID" => *value = services::ACCESS_KEY.to_owned(),
            "AWS_SECRET_ACCESS_KEY" => *value = services::SECRET_KEY.to_owned(),
            _ => {}
        }
    }
    let refused = serving.client(folder, &arguments);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert_eq!(serving.end(), Some(0));
}

#[test]
fn an_update_under_way_is_told_at_the_next_start_and_can_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let uri = "s3://gtcl/jobs/birds/manifests/output/output.manifest";
    let copy = |serving: &Serving| {
        let copied = serving.client(folder, &["convert", "good.manifest", "--out", uri]);
        assert!(copied.status.success(), "{copied:?}");
    };
    let checkpoint = folder.join("data/s3/gtcl/jobs/birds/dataset-updater/checkpoint.json");
    let is_held = || {
        let checkpoint = fs::read_to_string(&checkpoint).unwrap_or_default();
        checkpoint.contains(r#""lease":{"#)
    };
    fs::write(folder.join("good.manifest"), format!("{LINE}\n")).unwrap();
    let serving = Serving::start(folder);
    copy(&serving);
    while !is_held() {
        std::thread::sleep(Duration::from_millis(2));
    }
    // Killed: nobody gives the lease back.
    drop(serving);

    // It is told until it is done.
    let not_done = format!("{uri}: its update was not done; ");
    for _ in 0..2 {
        let mut serving = Serving::start(folder);
        let told = serving.lines.next().unwrap().unwrap();
        assert!(told.starts_with(&not_done), "{told}");
        assert!(!is_held());
        assert_eq!(serving.end(), Some(0));
    }
    let mut serving = Serving::start(folder);
    let told = serving.lines.next().unwrap().unwrap();
    assert!(told.starts_with(&not_done), "{told}");
    copy(&serving);
    let updated = serving.lines.next().unwrap().unwrap();
    assert!(
        updated.starts_with(&format!("{uri}: updated: 1 line = 1 entry")),
        "{updated}"
    );
    assert_eq!(serving.end(), Some(0));

    fs::write(&checkpoint, "garbage").unwrap();
    let mut serving = Serving::start(folder);
    let told = serving.lines.next().unwrap().unwrap();
    let expected = "s3://gtcl/jobs/birds/dataset-updater/checkpoint.json can't be read: delete it";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(serving.end(), Some(0));
}

/// Processes of the dataset-updater that the gtcl serve with this id has started.
fn updaters(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let read =
            |file: &str| fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
        read("status").contains(&format!("\nPPid:\t{parent}\n"))
            && read("cmdline").contains("\0function\0dataset-updater\0")
    })
    .collect()
}

fn kill(process: u32) {
    let id = process.to_string();
    // It may have ended in the meantime.
    let _ = Command::new("kill").args(["-KILL", &id]).status();
}

/// `GTCL_KILLS=100` for more than a few.
#[test]
fn an_updater_that_is_killed_costs_a_delivery_and_no_manifest() {
    let n_kills: u64 = std::env::var("GTCL_KILLS").map_or(4, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut serving = Serving::start(folder);
    let mut n_struck = 0;
    for n in 0..n_kills {
        let line = LINE.replace("1.jpg", &format!("{n}.jpg"));
        fs::write(folder.join("good.manifest"), format!("{line}\n")).unwrap();
        let job = format!("jobs-{n}/birds");
        let uri = format!("s3://gtcl/{job}/manifests/output/output.manifest");
        let arguments = [
            "convert",
            "good.manifest",
            "--job-name",
            "birds",
            "--out",
            &uri,
        ];
        let copied = serving.client(folder, &arguments);
        assert!(copied.status.success(), "{copied:?}");
        let checkpoint = folder.join(format!(
            "data/s3/gtcl/{job}/dataset-updater/checkpoint.json"
        ));
        while !fs::read_to_string(&checkpoint)
            .unwrap_or_default()
            .contains(r#""lease":{"#)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        // An update takes half a second: early, in the middle, at its end.
        std::thread::sleep(Duration::from_millis(n * 137 % 700));
        updaters(serving.child.id()).into_iter().for_each(kill);
        loop {
            let told = serving.lines.next().unwrap().unwrap();
            if told.starts_with(&format!("{uri} comes again: Runtime.ExitError")) {
                n_struck += 1;
            } else if !told.starts_with(&format!("{uri} comes again: ")) {
                let updated =
                    format!("{uri}: updated: 1 line = 1 entry, 0 rejected, 0 skipped; 1 landed");
                assert!(told.starts_with(&updated), "{n}: {told}");
                break;
            }
        }
    }
    assert!(n_struck >= n_kills / 4, "{n_struck} of {n_kills} struck");
    assert_eq!(serving.end(), Some(0));
}

#[test]
fn an_event_that_kills_each_time_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut serving = Serving::start(folder);
    fs::write(folder.join("good.manifest"), format!("{LINE}\n")).unwrap();
    let uri = "s3://gtcl/jobs/birds/manifests/output/output.manifest";
    let copied = serving.client(folder, &["convert", "good.manifest", "--out", uri]);
    assert!(copied.status.success(), "{copied:?}");
    let log = folder.join("data/logs/gtcl-dataset-updater.log");
    let mut n_failed = 0;
    let (ended, lines) = (
        std::sync::atomic::AtomicBool::new(false),
        &mut serving.lines,
    );
    let process = serving.child.id();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                updaters(process).into_iter().for_each(kill);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        loop {
            let told = lines.next().unwrap().unwrap();
            if told.starts_with(&format!("{uri} was given up: ")) {
                break;
            }
            assert!(told.starts_with(&format!("{uri} comes again: ")), "{told}");
            n_failed += 1;
        }
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(n_failed, 10, "{}", fs::read_to_string(log).unwrap());
    assert_eq!(serving.end(), Some(0));
}
