//! How fast a job's output is converted and judged, beside peers that do the same in the same run.
//!
//! `cargo bench -p manifest`; `python3 shared/manifest/benches/peer.py` prints the ratio to a Python script.

#![expect(clippy::unwrap_used, reason = "a bench stops where it fails")]

use std::fmt::Write as _;

use divan::counter::{BytesCount, ItemsCount};
use manifest::{
    ConvertOptions, Converted, Converter, LINE_BYTES_MAX, LineSplitter, RawLine, judge,
};

fn main() {
    divan::main();
}

const N_LINES: usize = 100_000;

/// Bounding box lines as jobs with one worker (whole pixels) or several (fractions) write them.
fn object_detection_lines(is_whole: bool) -> Vec<u8> {
    let mut out = String::new();
    for n in 0..N_LINES {
        let n_boxes = 1 + n % 7;
        let _ = write!(
            out,
            r#"{{"source-ref":"s3://birds-open-images/all_data/{n:016x}.jpg","birds":{{"image_size":[{{"width":1024,"height":683,"depth":3}}],"annotations":["#
        );
        for idx in 0..n_boxes {
            let comma = if idx > 0 { "," } else { "" };
            let (left, top) = (idx * 97 + n % 50, idx * 43 + n % 30);
            if is_whole {
                let _ = write!(
                    out,
                    r#"{comma}{{"class_id":{},"left":{left},"top":{top},"width":{},"height":{}}}"#,
                    idx % 3,
                    120 + idx,
                    90 + idx
                );
            } else {
                let _ = write!(
                    out,
                    r#"{comma}{{"class_id":{},"left":{left}.60000000000002,"top":{top}.2,"width":{}.4,"height":{}.8}}"#,
                    idx % 3,
                    120 + idx,
                    90 + idx
                );
            }
        }
        out.push_str(r#"]},"birds-metadata":{"objects":["#);
        for idx in 0..n_boxes {
            let _ = write!(
                out,
                r#"{}{{"confidence":0.{}}}"#,
                if idx > 0 { "," } else { "" },
                5 + idx % 5
            );
        }
        let classes: Vec<_> = ["owl", "falcon", "parrot"]
            .iter()
            .enumerate()
            .take(n_boxes)
            .map(|(id, name)| format!(r#""{id}":"{name}""#))
            .collect();
        let _ = writeln!(
            out,
            r#"],"class-map":{{{}}},"type":"groundtruth/object-detection","human-annotated":"yes","creation-date":"2018-10-18T22:18:13.527256","job-name":"labeling-job/birds"}}}}"#,
            classes.join(",")
        );
    }
    out.into_bytes()
}

fn each_line(bytes: &[u8], mut work: impl FnMut(u64, RawLine<'_>)) {
    let mut splitter = LineSplitter::new(LINE_BYTES_MAX);
    for block in bytes.chunks(256 * 1024) {
        splitter.feed(block);
        while let Some((number, line)) = splitter.next_line() {
            work(number, line);
        }
    }
    splitter.finish();
    while let Some((number, line)) = splitter.next_line() {
        work(number, line);
    }
}

fn options() -> ConvertOptions {
    ConvertOptions {
        job_name: Some("birds".to_owned()),
        ..ConvertOptions::default()
    }
}

fn convert(bytes: &[u8]) -> u64 {
    let mut converter = Converter::new(options());
    each_line(bytes, |number, line| {
        divan::black_box(converter.convert(number, line));
    });
    assert_eq!(converter.counts().n_entries, N_LINES as u64);
    converter.counts().n_entries
}

fn convert_and_judge(bytes: &[u8]) {
    let mut converter = Converter::new(options());
    each_line(bytes, |number, line| {
        let Converted::Entry(entry) = converter.convert(number, line) else {
            panic!("line {number}")
        };
        divan::black_box(judge(entry.json.as_bytes()));
    });
}

#[divan::bench(args = ["whole", "fractions"], sample_count = 10)]
fn lines_converted(bencher: divan::Bencher<'_, '_>, pixels: &str) {
    let bytes = object_detection_lines(pixels == "whole");
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(N_LINES))
        .bench_local(|| convert(&bytes));
}

#[divan::bench(args = ["whole", "fractions"], sample_count = 10)]
fn lines_converted_and_entries_judged(bencher: divan::Bencher<'_, '_>, pixels: &str) {
    let bytes = object_detection_lines(pixels == "whole");
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(N_LINES))
        .bench_local(|| convert_and_judge(&bytes));
}

#[divan::bench(sample_count = 10)]
fn lines_judged(bencher: divan::Bencher<'_, '_>) {
    let bytes = object_detection_lines(true);
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(N_LINES))
        .bench_local(|| {
            each_line(&bytes, |_, line| {
                if let RawLine::Line(line) = line {
                    divan::black_box(judge(line));
                }
            });
        });
}

/// The least a conversion over `serde_json::Value` does: read, no rule at all, write.
#[divan::bench(args = ["whole", "fractions"], sample_count = 10)]
fn peer_serde_json_value_read_and_written(bencher: divan::Bencher<'_, '_>, pixels: &str) {
    let bytes = object_detection_lines(pixels == "whole");
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(N_LINES))
        .bench_local(|| {
            each_line(&bytes, |_, line| {
                if let RawLine::Line(line) = line {
                    let value: serde_json::Value = serde_json::from_slice(line).unwrap();
                    divan::black_box(serde_json::to_string(&value).unwrap());
                }
            });
        });
}
