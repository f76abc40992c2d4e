//! The guides' own lines. Their folder is named by GT_SHARED_DATA; without it there is nothing to hold against.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the lines are outside the repository"
)]

use std::path::PathBuf;

use manifest::{
    Code, ConvertOptions, Converted, Converter, Judgement, Place, RawLine, annotate, judge,
};
use serde_json::Value;

fn documented(name: &str) -> Option<Vec<String>> {
    let Some(folder) = std::env::var_os("GT_SHARED_DATA") else {
        println!("skipped: GT_SHARED_DATA is not set");
        return None;
    };
    let text =
        std::fs::read_to_string(PathBuf::from(folder).join("documented").join(name)).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn valid_lines_are_valid() {
    for file in [
        "docs_cl_valid_lines.jsonl",
        "docs_cl_valid_pretty_compacted.jsonl",
    ] {
        for line in documented(file).unwrap_or_default() {
            match judge(line.as_bytes()) {
                Judgement::Dropped { code, .. } => assert!(
                    code == Code::InvalidSourceRefFormat && line.contains("S3 bucket location"),
                    "{line}"
                ),
                Judgement::Kept(kept) => assert!(
                    kept.findings.is_empty() && kept.is_usable(),
                    "{:?} {line}",
                    kept.findings
                ),
            }
        }
    }
}

/// Takes the codes out of a line that Custom Labels annotated: (place, code).
fn take_codes(value: &mut Value, place: String, codes: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for key in ["errors", "warnings", "cl-errors", "cl-warnings"] {
                for code in object
                    .remove(key)
                    .iter()
                    .flat_map(|list| list.as_array().unwrap())
                {
                    codes.push((place.clone(), code["code"].as_str().unwrap().to_owned()));
                }
            }
            for (key, value) in object {
                take_codes(value, format!("{place}/{key}"), codes);
            }
        }
        Value::Array(list) => list
            .iter_mut()
            .enumerate()
            .for_each(|(idx, value)| take_codes(value, format!("{place}/{idx}"), codes)),
        _ => {}
    }
}

#[test]
fn annotated_lines_get_their_codes() {
    for line in documented("docs_cl_validation_results_annotated.jsonl").unwrap_or_default() {
        let mut value: Value = serde_json::from_str(&line).unwrap();
        let mut expected = Vec::new();
        take_codes(&mut value, String::new(), &mut expected);
        let stripped = value.to_string();
        let Judgement::Kept(kept) = judge(stripped.as_bytes()) else {
            panic!("{line}")
        };
        let place = |place: &Place| match place {
            Place::Line => String::new(),
            Place::Attribute(name) => format!("/{name}"),
            Place::Metadata(name) => format!("/{name}-metadata"),
            Place::Annotation {
                attribute,
                annotation_idx,
            } => format!("/{attribute}/annotations/{annotation_idx}"),
        };
        let mut found: Vec<_> = kept
            .findings
            .iter()
            .map(|finding| (place(&finding.place), finding.code.as_str().to_owned()))
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{line}");
        if line.contains("cl-errors") {
            let annotated: Value =
                serde_json::from_str(&annotate(stripped.as_bytes(), &kept)).unwrap();
            assert_eq!(annotated, serde_json::from_str::<Value>(&line).unwrap());
        }
    }
}

#[test]
fn documented_transformation() {
    let (Some(before), Some(after)) = (
        documented("multilabel_before.jsonl"),
        documented("multilabel_after_expected_fixed_type.jsonl"),
    ) else {
        return;
    };
    let mut converter = Converter::new(ConvertOptions::default());
    let Converted::Entry(entry) = converter.convert(1, RawLine::Line(before[0].as_bytes())) else {
        panic!()
    };
    assert_eq!(
        serde_json::from_str::<Value>(&entry.json).unwrap(),
        serde_json::from_str::<Value>(&after[0]).unwrap()
    );
}

#[test]
fn output_of_every_job_type() {
    let Some(lines) = documented("docs_gt_output_all_types_compacted.jsonl") else {
        return;
    };
    let found: Vec<String> = lines
        .iter()
        .map(|line| {
            match Converter::new(ConvertOptions::default())
                .convert(1, RawLine::Line(line.as_bytes()))
            {
                Converted::Entry(entry) => {
                    let Judgement::Kept(kept) = judge(entry.json.as_bytes()) else {
                        panic!("{}", entry.json)
                    };
                    assert!(
                        kept.findings.is_empty() && kept.is_usable(),
                        "{:?}",
                        kept.findings
                    );
                    "entry".to_owned()
                }
                Converted::Rejected(rejected) => rejected.code.to_string(),
                Converted::Skipped(skipped) => skipped.code.to_string(),
                Converted::Review(_) => "review".to_owned(),
            }
        })
        .collect();
    let expected = [
        "entry",
        "entry",
        "REJECTED_UNSUPPORTED_TASK_TYPE",
        "entry",
        "ERROR_INVALID_SOURCE_REF_FORMAT",
        "entry",
        "ERROR_INVALID_SOURCE_REF_FORMAT",
        "REJECTED_UNSUPPORTED_TASK_TYPE",
        "REJECTED_BY_VERIFICATION",
        "REJECTED_UNSUPPORTED_TASK_TYPE",
        "REJECTED_UNSUPPORTED_TASK_TYPE",
    ];
    assert_eq!(found, expected);
}
