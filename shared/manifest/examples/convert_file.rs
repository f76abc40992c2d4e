//! Converts a manifest file and prints how long it took and what the process' memory was at most, as JSON.
//!
//! `cargo run --release -p manifest --example convert_file FILE`

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the file is outside the crate, and the time is what this is about"
)]

use std::io::Read as _;
use std::time::{Duration, Instant};

use manifest::{ConvertOptions, Converter, LINE_BYTES_MAX, LineSplitter};

fn main() -> std::io::Result<()> {
    let path = std::env::args_os().nth(1).unwrap_or_default();
    let mut file = std::fs::File::open(path)?;
    let options = ConvertOptions {
        job_name: Some("birds".to_owned()),
        ..ConvertOptions::default()
    };
    let mut converter = Converter::new(options);
    let mut lines = LineSplitter::new(LINE_BYTES_MAX);
    let mut block = vec![0; 256 * 1024];
    let start = Instant::now();
    let mut reading = Duration::ZERO;
    while !lines.is_finished() {
        let before = Instant::now();
        let n = file.read(&mut block)?;
        reading += before.elapsed();
        match block.get(..n) {
            Some(bytes) if n > 0 => lines.feed(bytes),
            _ => lines.finish(),
        }
        while let Some((line_number, line)) = lines.next_line() {
            converter.convert(line_number, line);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("unknown")
        .trim();
    println!(
        "{{\"n_lines\":{},\"n_entries\":{},\"seconds\":{seconds:.4},\"reading_seconds\":{:.4},\"peak_memory\":\"{peak}\"}}",
        converter.counts().n_lines,
        converter.counts().n_entries,
        reading.as_secs_f64()
    );
    Ok(())
}
