//! Worker-response files: what Ground Truth writes for every data object, whatever the job's functions do.
//!
//! `<job>/annotations/worker-response/iteration-<n>/<datasetObjectId>/<time>.json`:
//! `{"answers":[{"answerContent":{"crowd-image-classifier":{"label":"Falcon"}},"submissionTime":"…","workerId":"…"}]}`.
//! `answerContent` is an object here, while the same thing is a text in annotation files; both are read.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::consolidation::{Annotation, AnnotationFileError, Content, DataObject};
use crate::json::Json;
use crate::shown::shown;

/// Reads a worker-response file.
///
/// # Errors
///
/// [`AnnotationFileError::Json`] or [`AnnotationFileError::NotText`] when it isn't JSON,
/// [`AnnotationFileError::NotAList`] when it has no list `answers`.
/// An answer that can't be read is no error; it is an annotation without content.
pub fn parse(dataset_object_id: &str, file: &[u8]) -> Result<DataObject, AnnotationFileError> {
    let bytes = AnnotationFileError::text_of(file)?;
    let json = |error: serde_json::Error| AnnotationFileError::of_file(file, &error);
    let no_answers = || AnnotationFileError::NotAList {
        found: shown("a worker-response file without a list \"answers\""),
    };
    let annotations = match serde_json::from_slice::<Json<'_>>(bytes) {
        Ok(value) => {
            let answers = value.get("answers").and_then(Json::as_list);
            let answers = answers.ok_or_else(no_answers)?;
            answers.iter().map(annotation).collect()
        }
        // JSON with an answer in it that can't be read: it costs no other.
        Err(error) => {
            let whole: &RawValue = serde_json::from_slice(bytes).map_err(json)?;
            let file: Answers<'_> = serde_json::from_str(whole.get()).map_err(|_| json(error))?;
            let answers = file.answers.into_iter().map(|answer| {
                serde_json::from_str(answer.get()).map_or_else(
                    |error| Annotation::unreadable(&error),
                    |value| annotation(&value),
                )
            });
            answers.collect()
        }
    };
    Ok(DataObject {
        dataset_object_id: dataset_object_id.to_owned(),
        source: None,
        annotations,
        problem: None,
    })
}

/// The answers as they stand in the file.
#[derive(Deserialize)]
struct Answers<'a> {
    #[serde(borrow)]
    answers: Vec<&'a RawValue>,
}

fn annotation(answer: &Json<'_>) -> Annotation {
    Annotation {
        worker_id: answer
            .get("workerId")
            .and_then(Json::as_str)
            .map(str::to_owned),
        content: match answer.get("answerContent") {
            Some(Json::Text(text)) => Content::Inline(text.clone().into_owned()),
            Some(form) => Content::Inline(form.to_string()),
            None => Content::Unreadable("answerContent is missing".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{self, Answer};

    #[test]
    fn files() {
        // Source: worker-response files of real jobs; private jobs have more fields.
        let file = br#"{"answers":[
            {"answerContent":{"crowd-image-classifier":{"label":"Falcon"}},"submissionTime":"2019-04-18T16:11:15Z","workerId":"public.us-east-1.PHMF"},
            {"acceptanceTime":"2020-06-11T00:54:41.833Z","answerContent":{"annotatedResult":{"label":"Owl"}},"timeSpentInSeconds":8.1,"workerId":"private.us-east-1.a","workerMetadata":{"identityData":{"identityProviderType":"Cognito","issuer":"i","sub":"s"}}},
            {"workerId":"private.us-east-1.b"}]}"#;
        let object = parse("0", file).unwrap();
        let labels: Vec<_> = object
            .annotations
            .iter()
            .map(|annotation| match &annotation.content {
                Content::Inline(content) => answers::parse(content).ok(),
                _ => None,
            })
            .collect();
        let single = |label: &str| {
            Some(Answer::SingleLabel {
                label: label.to_owned(),
            })
        };
        assert_eq!(labels, [single("Falcon"), single("Owl"), None]);
        assert!(parse("0", b"[]").is_err());
        assert!(parse("0", b"{").is_err());
        let error = parse("0", br#"{"answers":[],"\ud800":1}"#).unwrap_err();
        assert!(error.to_string().contains("hex escape"), "{error}");
    }

    #[test]
    fn a_bad_answer_costs_no_other() {
        let file = br#"{"answers":[{"answerContent":{"a":{"label":"\ud800"}},"workerId":"b"},
            {"answerContent":{"a":{"label":"Owl"}},"workerId":"a"}]}"#;
        let [bad, good] = &parse("0", file).unwrap().annotations[..] else {
            panic!("not two answers")
        };
        assert!(matches!(&bad.content, Content::Unreadable(why) if why.contains("not readable")));
        let content = r#"{"a":{"label":"Owl"}}"#.to_owned();
        assert_eq!(good.content, Content::Inline(content));
    }
}
