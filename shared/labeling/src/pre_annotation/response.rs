//! What is answered.

use manifest::{ImageHeader, SourceRef};
use serde::Serialize;
use serde_json::{Map, Value};

use super::findings::{self, Added, Finding};
use super::initial_value::initial_value;
use super::request::Request;
use super::task_input::TaskInput;
use crate::job::categories;
use crate::shown::shown;

/// Settings of pre-annotation.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Label categories for lines that bring none.
    pub labels: Vec<String>,
    /// The manifest field with a line's own label categories (a list of names); `None`: `labels`.
    pub labels_field: Option<String>,
    /// The label attribute whose boxes workers adjust; `None`: the one with the latest boxes.
    pub initial_value_attribute: Option<String>,
    /// Whether the texts `"true"` and `"false"` count in `isHumanAnnotationRequired`, beside the booleans.
    pub reads_required_as_text: bool,
}

/// Field of a data object that says whether workers are to be asked about it: a boolean.
///
/// Source: Developer Guide, "Input data", `isHumanAnnotationRequired` of a data object: false excludes it from labeling.
const IS_REQUIRED: &str = "isHumanAnnotationRequired";

/// The function's answer.
///
/// Source: Developer Guide, "Pre-annotation Lambda". DIFFERENCE: the official sample answers
/// `"humanAnnotationRequired": "true"`; the contract's name is `isHumanAnnotationRequired`, a boolean.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// What the worker task template sees as `task.input`.
    pub task_input: TaskInput,
    /// Whether workers are asked: what the data object's `isHumanAnnotationRequired` says, else true.
    pub is_human_annotation_required: bool,
    /// What is worth a log line; not part of the answer.
    #[serde(skip)]
    pub notes: Vec<Note>,
    #[serde(skip)]
    is_image: bool,
}

impl Response {
    /// The image that a model may be asked about; `None` for texts, for addresses outside S3, and when the line has boxes
    /// of an earlier job, be they none at all: people looked at the image then. `None`, too, when no worker is asked.
    #[must_use]
    pub fn image_to_ask_about(&self) -> Option<SourceRef<'_>> {
        let is_open = self.is_human_annotation_required
            && self.is_image
            && self.task_input.initial_value.is_none();
        is_open
            .then(|| SourceRef::parse(&self.task_input.task_object).ok())
            .flatten()
    }

    /// Puts what a model found into the task input; `image` is the header of the image's file, for boxes.
    pub fn add_findings(&mut self, findings: &[Finding], image: ImageHeader) -> Added {
        findings::add(&mut self.task_input, findings, image)
    }
}

/// What is odd about a data object. None of it fails the call: an error of this function fails the whole job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The data object is not a JSON object.
    NotAnObject,
    /// Neither `source-ref` nor `source` is a text.
    NoSource,
    /// `source-ref` is not an S3 URI, so that templates can't grant workers access to it.
    NotS3 {
        /// What it is, in quotes.
        source_ref: String,
    },
    /// No label categories from anywhere.
    NoLabels,
    /// `isHumanAnnotationRequired` is there and can't be read, so workers are asked.
    NotABoolean,
}

impl Note {
    /// A stable name, for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject => "DataObject.NotAnObject",
            Self::NoSource => "DataObject.NoSource",
            Self::NotS3 { .. } => "DataObject.NotS3",
            Self::NoLabels => "DataObject.NoLabels",
            Self::NotABoolean => "DataObject.NotABoolean",
        }
    }
}

/// Answers a request. Label categories are the line's own, else the configured ones.
#[must_use]
pub fn respond(request: &Request, config: &Config) -> Response {
    let mut notes = Vec::new();
    let line: Value = serde_json::from_str(request.data_object.get()).unwrap_or_default();
    let no_fields = Map::new();
    let line = line.as_object().unwrap_or_else(|| {
        notes.push(Note::NotAnObject);
        &no_fields
    });
    let text = |key: &str| {
        line.get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let task_object = text("source-ref")
        .or_else(|| text("source"))
        .unwrap_or_default();
    if task_object.is_empty() {
        notes.push(Note::NoSource);
    } else if text("source-ref").is_some_and(|uri| !uri.starts_with("s3://")) {
        notes.push(Note::NotS3 {
            source_ref: shown(task_object),
        });
    }
    let field = config.labels_field.as_deref().unwrap_or("labels");
    let labels = categories::from_value(line.get(field)).unwrap_or_else(|| config.labels.clone());
    if labels.is_empty() {
        notes.push(Note::NoLabels);
    }
    let required = is_required(line.get(IS_REQUIRED), config.reads_required_as_text);
    if required.is_none() {
        notes.push(Note::NotABoolean);
    }
    Response {
        task_input: TaskInput {
            task_object: task_object.to_owned(),
            labels,
            manifest_line: request.data_object.clone(),
            initial_value: initial_value(line, config.initial_value_attribute.as_deref()),
            suggested_labels: None,
        },
        is_human_annotation_required: required.unwrap_or(true),
        is_image: text("source-ref").is_some(),
        notes,
    }
}

/// What a data object says of itself; true when it says nothing, `None` when it can't be read.
fn is_required(value: Option<&Value>, reads_text: bool) -> Option<bool> {
    match value {
        None => Some(true),
        Some(Value::Bool(required)) => Some(*required),
        Some(Value::String(text)) if reads_text => text.trim().to_lowercase().parse().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            labels: vec!["cat".to_owned(), "dog".to_owned()],
            ..Config::default()
        }
    }

    fn check(data_object: &str, task_input: &str, codes: &[&str]) {
        let event = format!(r#"{{"dataObject":{data_object}}}"#);
        let response = respond(&Request::parse(event.as_bytes()).unwrap(), &config());
        let expected = format!(r#"{{"taskInput":{task_input},"isHumanAnnotationRequired":true}}"#);
        assert_eq!(serde_json::to_string(&response).unwrap(), expected);
        assert_eq!(
            response.notes.iter().map(Note::code).collect::<Vec<_>>(),
            codes,
            "{data_object}"
        );
    }

    #[test]
    fn usable() {
        check(
            r#"{"source-ref":"s3://b/k","x":1.10}"#,
            r#"{"taskObject":"s3://b/k","labels":["cat","dog"],"manifestLine":{"source-ref":"s3://b/k","x":1.10}}"#,
            &[],
        );
        check(
            r#"{"source":"a text"}"#,
            r#"{"taskObject":"a text","labels":["cat","dog"],"manifestLine":{"source":"a text"}}"#,
            &[],
        );
        check(
            r#"{"source-ref":"s3://b/k","labels":["bird"]}"#,
            r#"{"taskObject":"s3://b/k","labels":["bird"],"manifestLine":{"source-ref":"s3://b/k","labels":["bird"]}}"#,
            &[],
        );
    }

    #[test]
    fn odd_data_objects_never_fail() {
        check(
            "7",
            r#"{"taskObject":"","labels":["cat","dog"],"manifestLine":7}"#,
            &["DataObject.NotAnObject", "DataObject.NoSource"],
        );
        check(
            "{}",
            r#"{"taskObject":"","labels":["cat","dog"],"manifestLine":{}}"#,
            &["DataObject.NoSource"],
        );
        check(
            r#"{"source-ref":7}"#,
            r#"{"taskObject":"","labels":["cat","dog"],"manifestLine":{"source-ref":7}}"#,
            &["DataObject.NoSource"],
        );
        // Source: a published custom job whose source-ref is an https URL.
        check(
            r#"{"source-ref":"https://x/y"}"#,
            r#"{"taskObject":"https://x/y","labels":["cat","dog"],"manifestLine":{"source-ref":"https://x/y"}}"#,
            &["DataObject.NotS3"],
        );
    }

    #[test]
    fn whether_workers_are_asked() {
        for (value, as_boolean, as_text) in [
            ("true", Some(true), Some(true)),
            ("false", Some(false), Some(false)),
            (r#""false""#, None, Some(false)),
            (r#"" True""#, None, Some(true)),
            (r#""no""#, None, None),
            ("0", None, None),
            ("null", None, None),
        ] {
            let line = format!(r#"{{"source-ref":"s3://bkt/k","{IS_REQUIRED}":{value}}}"#);
            let event = format!(r#"{{"dataObject":{line}}}"#);
            let request = Request::parse(event.as_bytes()).unwrap();
            for (reads_required_as_text, expected) in [(false, as_boolean), (true, as_text)] {
                let config = Config {
                    reads_required_as_text,
                    ..config()
                };
                let response = respond(&request, &config);
                assert_eq!(
                    response.is_human_annotation_required,
                    expected.unwrap_or(true),
                    "{value}"
                );
                let is_noted = response.notes.contains(&Note::NotABoolean);
                assert_eq!(is_noted, expected.is_none(), "{value}");
                // A model costs money; nobody would see what it says.
                let is_asked_about = response.image_to_ask_about().is_some();
                assert_eq!(is_asked_about, expected != Some(false), "{value}");
                assert_eq!(response.task_input.manifest_line.get(), line);
            }
        }
    }

    #[test]
    fn images_that_a_model_may_be_asked_about() {
        let earlier = r#""a":{"annotations":[],"image_size":[]},"a-metadata":{"class-map":{},"objects":[],"type":"groundtruth/object-detection"}"#;
        for (line, expected) in [
            (
                r#"{"source-ref":"s3://bkt/a b.jpg"}"#.to_owned(),
                Some("a b.jpg"),
            ),
            (r#"{"source-ref":"https://x/y"}"#.to_owned(), None),
            (r#"{"source":"s3://bkt/k"}"#.to_owned(), None),
            ("7".to_owned(), None),
            (format!(r#"{{"source-ref":"s3://bkt/k",{earlier}}}"#), None),
        ] {
            let event = format!(r#"{{"dataObject":{line}}}"#);
            let response = respond(&Request::parse(event.as_bytes()).unwrap(), &config());
            let key = response.image_to_ask_about().map(|image| image.key);
            assert_eq!(key, expected, "{line}");
        }
    }

    #[test]
    fn without_labels() {
        let request = Request::parse(br#"{"dataObject":{"source-ref":"s3://b/k"}}"#).unwrap();
        let response = respond(&request, &Config::default());
        assert_eq!(response.notes, [Note::NoLabels]);
        assert!(response.task_input.labels.is_empty());
    }
}
