//! The worst of many hostile batches: memory and processor time of each, in a process of its own.
//!
//! `hostile-batches N [FIRST]` consolidates the batches of N seeds, from FIRST on, with the statistics that lie beside them,
//! and prints the five that take most time and the five that take most memory. Fails when one takes more than 15 s or 128 MiB.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "the figures are what this program is for"
)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use hostile::HostileBatch;
use labeling::consolidation::{AnnotationFile, BATCH_BYTES_MAX, Config, Request, gather};
use labeling::statistics_file::Read;
use serde_json::{Value, json};

#[path = "../../../shared/labeling/tests/support/hostile.rs"]
mod hostile;

/// The largest annotation file that a batch may have, and as many data objects as Ground Truth puts into one.
const WHOLE: hostile::Scale = hostile::Scale {
    file_bytes: BATCH_BYTES_MAX as usize,
    objects: 50,
};

/// The function's memory in template.yaml, in KiB; a process that wants more dies.
const LAMBDA_KIB: u64 = 256 * 1024;

const CPU_S_MAX: f64 = 15.0;
const MEMORY_BYTES_MAX: u64 = 128 * 1_048_576;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["one", folder] => one(Path::new(folder)),
        [n] => many(0, n.parse()?),
        [n, first] => many(first.parse()?, n.parse()?),
        _ => Err("arguments: N [FIRST]".into()),
    }
}

/// As the function does it, with files in the place of objects.
fn one(folder: &Path) -> Result<(), Box<dyn Error>> {
    let before_s = cpu_s()?;
    let request = Request::parse(&fs::read(folder.join("event.json"))?)?;
    let mut read = Read::default();
    let (mut n_left_out, mut n_read) = (0, 0);
    while let Ok(file) = fs::read(folder.join(format!("{n_read}.json"))) {
        n_left_out += u64::from(read.add_file(&n_read.to_string(), &file).is_err());
        n_read += 1;
    }
    let carried = read.carried("own");
    let compacted = read.to_compact();
    let bytes = fs::read(folder.join("annotation-file.json"))?;
    let mut parsed = AnnotationFile::parse_batch(&bytes)?;
    drop(bytes);
    let config = Config::default();
    let gathered = gather(&request, &parsed, &config);
    parsed.objects = Vec::new();
    let categories = request.label_categories.as_deref();
    let outcome = gathered.consolidate("label", categories, &carried);
    let answer = serde_json::to_vec(&outcome.response)?;
    println!(
        "{}",
        json!({"cpu_s": cpu_s()? - before_s, "memory_bytes": peak_bytes()?, "n_labels": outcome.response.len() - outcome.failed.len(),
            "n_failed": outcome.failed.len(), "n_beyond_bounds": outcome.counts.n_beyond_bounds,
            "n_unidentified": outcome.counts.n_unidentified, "n_statistics_left_out": n_left_out,
            "n_compacted": compacted.len(), "answer_bytes": answer.len()})
    );
    Ok(())
}

/// Puts a batch where [`one`] finds it.
fn lay_out(batch: &HostileBatch, folder: &Path) -> Result<(), Box<dyn Error>> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    let event = json!({"labelAttributeName": "label", "payload": {"s3Uri": "s3://bucket/a.json"},
        "labelCategories": batch.categories});
    fs::write(folder.join("event.json"), event.to_string())?;
    fs::write(folder.join("annotation-file.json"), &batch.annotation_file)?;
    for (nth, file) in batch.statistics_files.iter().enumerate() {
        fs::write(folder.join(format!("{nth}.json")), file)?;
    }
    Ok(())
}

fn many(first: u64, n: u64) -> Result<(), Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let folder = std::env::temp_dir().join(format!("hostile-batches-{}", std::process::id()));
    let mut figures: Vec<Value> = Vec::new();
    let mut n_died = 0;
    for seed in first..first + n {
        let batch = hostile::batch(seed, WHOLE);
        lay_out(&batch, &folder)?;
        let run = limited(&program, &folder).output()?;
        match serde_json::from_slice::<Value>(&run.stdout) {
            Ok(mut found) => {
                found["seed"] = json!(seed);
                found["batch"] = json!(batch.name);
                figures.push(found);
            }
            Err(_) => {
                n_died += 1;
                let error = String::from_utf8_lossy(&run.stderr);
                println!("seed {seed} died: {}: {error} {}", run.status, batch.name);
            }
        }
    }
    fs::remove_dir_all(&folder)?;
    for figure in ["cpu_s", "memory_bytes"] {
        let of = |found: &Value| found[figure].as_f64().unwrap_or_default();
        figures.sort_by(|a, b| of(b).total_cmp(&of(a)));
        println!("worst of {n} seeds by {figure}:");
        for found in figures.iter().take(5) {
            println!("{found}");
        }
    }
    let is_too_much = |found: &&Value| {
        found["cpu_s"].as_f64() > Some(CPU_S_MAX)
            || found["memory_bytes"].as_u64() > Some(MEMORY_BYTES_MAX)
    };
    let n_too_much = figures.iter().filter(is_too_much).count();
    println!(
        "{n} seeds: {n_died} died, {n_too_much} took more than {CPU_S_MAX} s or {MEMORY_BYTES_MAX} bytes"
    );
    if n_died + n_too_much > 0 {
        return Err("a batch takes too much".into());
    }
    Ok(())
}

/// This program, for one batch, with as much memory as the function has.
fn limited(program: &Path, folder: &Path) -> Command {
    let script = format!("ulimit -v {LAMBDA_KIB}; exec \"$0\" one \"$1\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program).arg(folder);
    command
}

/// Processor time of this process, in seconds.
fn cpu_s() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/schedstat")?;
    let ns: f64 = text
        .split_whitespace()
        .next()
        .ok_or("no schedstat")?
        .parse()?;
    Ok(ns / 1e9)
}

/// The most memory that this process had, in bytes.
fn peak_bytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no VmHWM")?.parse::<u64>()? * 1024)
}
