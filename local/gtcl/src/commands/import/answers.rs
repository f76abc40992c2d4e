//! Workers' answers that stand in an output manifest itself, made labels as the annotation-consolidation function does.
//!
//! Consolidation functions after AWS's recipe write all answers into the label: `annotationsFromAllWorkers`.

use std::collections::HashMap;

use labeling::consolidation::{AnnotationFile, Config};
use labeling::job::whole;
use manifest::import::{Import, LeftOut};
use manifest::{
    Code, ConvertOptions, Converted, Converter, LINE_BYTES_MAX, LineSplitter, RawLine, counted,
};
use serde_json::{Value, json};

use super::Places;
use crate::error::CommandError;

/// A line with answers.
struct Line {
    number: u64,
    line: serde_json::Map<String, Value>,
    attribute: String,
}

/// Makes entries of the answers in a manifest.
pub(super) fn consolidate(
    file: &[u8],
    places: &Places,
    answer_name: Option<String>,
) -> Result<Import, CommandError> {
    places
        .file
        .refuse_other_than_manifest(file.get(..64 * 1024).unwrap_or(file))?;
    let mut import = Import::default();
    let mut elements: Vec<Value> = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    each_line(file, |number, line| match with_answers(line) {
        Ok((line, attribute, answers)) => {
            elements.push(json!({
                "datasetObjectId": number.to_string(),
                "dataObject": {"s3Uri": line.get("source-ref")},
                "annotations": answers,
            }));
            lines.push(Line {
                number,
                line,
                attribute,
            });
        }
        Err((code, reason)) => import.left_out.push(left_out(number, code, reason)),
    });
    if lines.is_empty() {
        return Err(CommandError::new(format!(
            "no line of {} has workers' answers (annotationsFromAllWorkers) in it",
            places.file
        ))
        .with_help("gtcl convert takes an output manifest with labels, gtcl consolidate a job's annotations/"));
    }
    let failed = |error: &dyn std::fmt::Display| {
        CommandError::new(format!(
            "answers in {} could not be read: {error}",
            places.file
        ))
    };
    let annotations = serde_json::to_vec(&elements).map_err(|error| failed(&error))?;
    let annotations = AnnotationFile::parse(&annotations).map_err(|error| failed(&error))?;
    let config = Config {
        answer_name,
        ..Config::default()
    };
    let attribute = lines.first().map_or("", |line| line.attribute.as_str());
    let outcome = whole::consolidate(
        attribute,
        None,
        &places.file.to_string(),
        annotations.objects,
        &config,
    );
    let labels: HashMap<&str, &str> = outcome
        .response
        .iter()
        .map(|one| (one.dataset_object_id.as_str(), one.label.get()))
        .collect();
    import.notes.push(format!(
        "{} on {} consolidated, {} not readable",
        counted(u64::from(outcome.counts.n_answers), "answer"),
        counted(lines.len() as u64, "image"),
        outcome.counts.n_unreadable
    ));
    convert(lines, &labels, places, &mut import);
    Ok(import)
}

fn each_line(file: &[u8], mut work: impl FnMut(u64, &[u8])) {
    let mut lines = LineSplitter::new(LINE_BYTES_MAX.max(file.len()));
    lines.feed(file);
    lines.finish();
    while let Some((number, line)) = lines.next_line() {
        if let RawLine::Line(line) = line
            && !line.trim_ascii().is_empty()
        {
            work(number, line);
        }
    }
}

type WithAnswers = (serde_json::Map<String, Value>, String, Value);

/// The line, the label attribute whose value has answers, and these.
fn with_answers(line: &[u8]) -> Result<WithAnswers, (Code, String)> {
    let line: serde_json::Map<String, Value> = serde_json::from_slice(line).map_err(|error| {
        (
            Code::InvalidJsonLine,
            format!("line is not valid JSON: {error}"),
        )
    })?;
    let mut found = line
        .iter()
        .filter_map(|(key, value)| Some((key, answers_in(value)?)));
    match (found.next(), found.next()) {
        (Some((attribute, answers)), None) => {
            let (attribute, answers) = (attribute.clone(), answers.clone());
            Ok((line, attribute, answers))
        }
        (None, _) => Err((
            Code::Unlabeled,
            "line has no workers' answers in it".to_owned(),
        )),
        (Some((one, _)), Some((other, _))) => Err((
            Code::AmbiguousLabelAttribute,
            format!("both {one:?} and {other:?} have workers' answers"),
        )),
    }
}

/// A list of answers, or an object that has one.
fn answers_in(value: &Value) -> Option<&Value> {
    let is_answers = |value: &&Value| {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_answer = |one: &Value| one.get("annotationData").is_some();
        !list.is_empty() && list.iter().all(is_answer)
    };
    let inside = || value.as_object()?.values().find(is_answers);
    Some(value).filter(is_answers).or_else(inside)
}

/// Puts the labels into their lines, and makes these entries.
fn convert(lines: Vec<Line>, labels: &HashMap<&str, &str>, places: &Places, import: &mut Import) {
    let mut converters: HashMap<String, Converter> = HashMap::new();
    for Line {
        number,
        mut line,
        attribute,
    } in lines
    {
        let label = labels.get(number.to_string().as_str()).copied();
        let label = label.and_then(|label| serde_json::from_str(label).ok());
        line.insert(attribute.clone(), label.unwrap_or(Value::Null));
        let options = ConvertOptions {
            label_attribute: Some(attribute.clone()),
            unlabeled: places.when_empty(),
            without_boxes: places.when_empty(),
            ..ConvertOptions::default()
        };
        let converter = converters
            .entry(attribute)
            .or_insert_with(|| Converter::new(options));
        let json = Value::Object(line).to_string();
        match converter.convert(number, RawLine::Line(json.as_bytes())) {
            Converted::Entry(entry) => import.entries.push(entry),
            Converted::Rejected(one) => {
                import.left_out.push(left_out(number, one.code, one.reason))
            }
            Converted::Skipped(one) => import.left_out.push(left_out(number, one.code, one.reason)),
            // No minimum confidence is asked for.
            Converted::Review(one) => {
                import
                    .left_out
                    .push(left_out(number, Code::BelowMinConfidence, one.reason));
            }
        }
    }
}

fn left_out(number: u64, code: Code, reason: String) -> LeftOut {
    LeftOut::of(
        format!("line {number}"),
        code,
        reason,
        code.remedy().to_owned(),
    )
}
