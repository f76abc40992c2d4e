//! The annotation file: the workers' answers to a batch of data objects.

mod data_object;
mod elements;
mod reading;

use std::collections::BTreeSet;

use manifest::text_start;
use serde::de::Error;
use serde_json::value::RawValue;

use self::elements::{Element, tolerant};
use self::reading::Reading;
use super::bounds::{ANSWERS_BYTES_MAX, FileBounds};
use crate::shown::shown;

pub use self::data_object::{Annotation, AnnotationFile, Content, DataObject};

/// Largest annotation file, and largest answer stored elsewhere, that is read, in bytes, inclusive. Source: ours;
/// Ground Truth puts at most 50 data objects into a batch.
pub const ANNOTATION_FILE_BYTES_MAX: u64 = 64 * 1_048_576;

/// Why a file is not an annotation file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationFileError {
    /// Not JSON, or cut off.
    #[error("annotation file is not valid JSON: {reason}")]
    Json {
        /// Line and column.
        reason: String,
    },
    /// No text in UTF-8: compressed, of another encoding, or with a byte in it that is not UTF-8.
    #[error("annotation {reason}; {remedy}")]
    NotText {
        /// What it is.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// JSON, but not a list of data objects.
    #[error("annotation file is not a list of data objects but {found}")]
    NotAList {
        /// How it starts, in quotes.
        found: String,
    },
}

impl AnnotationFileError {
    /// A stable name of the variant: `errorType` of the function's answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "AnnotationFile.Json",
            Self::NotText { .. } => "AnnotationFile.NotText",
            Self::NotAList { .. } => "AnnotationFile.NotAList",
        }
    }

    /// The file's text, without a byte order mark.
    pub(crate) fn text_of(file: &[u8]) -> Result<&[u8], Self> {
        text_start(file).map_err(|error| Self::NotText {
            reason: error.reason,
            remedy: error.remedy,
        })
    }

    /// Why a file can't be read as JSON: a byte that is not UTF-8 says more than where the parser stopped.
    pub(crate) fn of_file(file: &[u8], error: &serde_json::Error) -> Self {
        match std::str::from_utf8(file) {
            // A file that is cut off within a character is cut off.
            Err(error) if error.error_len().is_some() => Self::NotText {
                reason: format!("file is not UTF-8 at byte {}", error.valid_up_to() + 1),
                remedy: "save it as UTF-8".to_owned(),
            },
            _ => Self::Json {
                reason: error.to_string(),
            },
        }
    }
}

impl AnnotationFile {
    /// Reads an annotation file: a list of data objects, or one data object by itself. An object has no more than
    /// [`super::ANSWERS_PER_OBJECT_MAX`] answers.
    ///
    /// # Errors
    ///
    /// [`AnnotationFileError`], for the file as a whole; a data object that can't be read is no error.
    pub fn parse(file: &[u8]) -> Result<Self, AnnotationFileError> {
        Self::parse_within(file, &FileBounds::NONE)
    }

    /// Like [`Self::parse`], of no more than one batch may hold: what exceeds a bound is left out and counted, the
    /// longest answers first.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`].
    pub fn parse_batch(file: &[u8]) -> Result<Self, AnnotationFileError> {
        Self::parse_within(file, &FileBounds::BATCH)
    }

    fn parse_within(file: &[u8], bounds: &FileBounds) -> Result<Self, AnnotationFileError> {
        let bytes = AnnotationFileError::text_of(file)?;
        let json = |error: serde_json::Error| AnnotationFileError::of_file(file, &error);
        // A file in which nothing is wrong is parsed once; that it is UTF-8 is found out faster of all of it than of
        // each text in it.
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(read) = Reading::new(bounds).each(text, |Element(object)| object)
        {
            return Ok(read);
        }
        let no_text = |_| serde_json::from_slice::<&RawValue>(bytes).err();
        let text = std::str::from_utf8(bytes).map_err(no_text);
        let text =
            text.map_err(|error| json(error.unwrap_or_else(|| Error::custom("not UTF-8"))))?;
        if text.trim_ascii_start().starts_with('[') {
            return Reading::new(bounds).each(text, tolerant).map_err(json);
        }
        let whole: &RawValue = serde_json::from_str(text).map_err(json)?;
        let element = whole.get();
        if !element.starts_with('{') || !element.contains("\"datasetObjectId\"") {
            let found = shown(element);
            return Err(AnnotationFileError::NotAList { found });
        }
        let mut reading = Reading::new(bounds);
        reading.push(tolerant(whole));
        Ok(reading.into_file())
    }

    /// A file of these data objects; those with the same id are merged at the first one's place.
    #[must_use]
    pub fn from_objects(objects: impl IntoIterator<Item = DataObject>) -> Self {
        let mut reading = Reading::new(&FileBounds::NONE);
        for object in objects {
            reading.push(Ok((object, 0)));
        }
        reading.into_file()
    }

    /// URIs of the answers that are stored elsewhere, each once, in order of the URIs.
    #[must_use]
    pub fn stored_answers(&self) -> Vec<String> {
        let uris = self
            .annotations()
            .filter_map(|annotation| match &annotation.content {
                Content::Stored { uri } => Some(uri.clone()),
                Content::Inline(_) | Content::Unreadable(_) => None,
            });
        uris.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Puts in place what was read from `uri`, or why it couldn't be read. Answers that would make all of them together
    /// longer than [`super::ANSWERS_BYTES_MAX`] are left out and counted.
    pub fn resolve(&mut self, uri: &str, answer: Result<Vec<u8>, String>) {
        let inline = self
            .annotations()
            .map(|annotation| match &annotation.content {
                Content::Inline(text) => text.len(),
                Content::Stored { .. } | Content::Unreadable(_) => 0,
            });
        let mut n_bytes: usize = inline.sum();
        let content = match answer.map(String::from_utf8) {
            Ok(Ok(text)) => Content::Inline(text),
            Ok(Err(_)) => Content::Unreadable(format!("{} is not UTF-8 text", shown(uri))),
            Err(reason) => Content::Unreadable(reason),
        };
        let is_of_uri = |annotation: &&mut Annotation| matches!(&annotation.content, Content::Stored { uri: stored } if stored == uri);
        let annotations = self.objects.iter_mut().flat_map(|it| &mut it.annotations);
        for annotation in annotations.filter(is_of_uri) {
            let n_more = match &content {
                Content::Inline(text) => text.len(),
                Content::Stored { .. } | Content::Unreadable(_) => 0,
            };
            annotation.content = if n_bytes + n_more > ANSWERS_BYTES_MAX {
                self.n_beyond_bounds += 1;
                Content::Unreadable(reading::beyond_bytes(n_more))
            } else {
                n_bytes += n_more;
                content.clone()
            };
        }
    }

    fn annotations(&self) -> impl Iterator<Item = &Annotation> {
        self.objects.iter().flat_map(|object| &object.annotations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(file: &str) -> AnnotationFile {
        AnnotationFile::parse(file.as_bytes()).unwrap()
    }

    fn ids(file: &AnnotationFile) -> Vec<&str> {
        file.objects
            .iter()
            .map(|object| object.dataset_object_id.as_str())
            .collect()
    }

    #[test]
    fn arbitrary_order_is_kept() {
        let file = parse(
            r#"[{"datasetObjectId":"7","annotations":[]},{"datasetObjectId":"5","annotations":[]}]"#,
        );
        assert_eq!(ids(&file), ["7", "5"]);
        assert_eq!(
            ids(&parse(r#"{"datasetObjectId":3,"annotations":[]}"#)),
            ["3"]
        );
        assert_eq!(ids(&parse("\u{feff} []")), [""; 0]);
    }

    #[test]
    fn repeated_objects_are_merged() {
        let file = parse(
            r#"[{"datasetObjectId":"1","dataObject":{"s3Uri":"s3://b/1"},"annotations":[{"workerId":"a","annotationData":{"content":"{}"}}]},
                {"datasetObjectId":"0","annotations":[]},
                {"datasetObjectId":"1","annotations":[{"workerId":"b","annotationData":{"content":"{}"}}]}]"#,
        );
        assert_eq!(ids(&file), ["1", "0"]);
        assert_eq!(file.objects[0].annotations.len(), 2);
        assert_eq!(file.objects[0].source.as_deref(), Some("s3://b/1"));
    }

    /// A file with one element that can't be read is read the slow way; what it says of the others is the same.
    #[test]
    fn both_ways_of_reading_agree() {
        let good = r#"{"datasetObjectId":"1","dataObject":{"s3Uri":"s3://b/1"},"annotations":[{"workerId":"a","annotationData":{"content":"{\"x\":\"\u00e4\"}"}}],"more":[1]},
            {"datasetObjectId":2,"annotations":[]},{"datasetObjectId":2,"annotations":{}},{"annotations":[]},
            {"datasetObjectId":"5","annotations":[{}],"annotations":[{},{}]},
            {"datasetObjectId":"6","annotations":[{"workerId":1,"annotationData":{"s3uri":"s3://b/2","s3Uri":7}},
                {"workerId":"b","workerId":"c","annotationData":{"content":{"b":1,"a":[]}},"submissionTime":"t"},
                {"annotationData":{"content":"x","s3Uri":"s3://b/3"},"annotationData":{"content":null}}]}"#;
        let fast = parse(&format!("[{good}]"));
        let mut slow = parse(&format!(r#"[{good},"\ud800"]"#));
        assert_eq!(
            slow.unidentified.pop(),
            Some((6, "no datasetObjectId".to_owned()))
        );
        slow.n_unidentified -= 1;
        assert_eq!(fast, slow);
        assert_eq!(ids(&fast), ["1", "2", "5", "6"]);
        assert_eq!(fast.objects[2].annotations.len(), 3);
        assert_eq!(fast.unidentified.len(), 1);
    }

    #[test]
    fn a_bad_answer_costs_no_other() {
        let good = r#"{"workerId":"a","annotationData":{"content":"{}"}}"#;
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for bad in [
            r#"{"workerId":"b","annotationData":{"content":"\ud800"}}"#,
            r#"{"workerId":"b","annotationData":{"content":{"label":"\udc00x"}}}"#,
            &format!(r#"{{"workerId":"b","annotationData":{{"content":{deep}}}}}"#),
        ] {
            let file = parse(&format!(
                r#"[{{"datasetObjectId":"1","dataObject":{{"s3Uri":"s3://b/1"}},"annotations":[{good},{bad},{good}]}},
                    {{"datasetObjectId":"2","dataObject":{{"s3Uri":"\ud800"}},"annotations":[{good}],"x":"\ud800"}}]"#
            ));
            assert_eq!((ids(&file), file.unidentified.len()), (vec!["1", "2"], 0));
            assert_eq!(file.objects[0].source.as_deref(), Some("s3://b/1"));
            let contents: Vec<_> = file.annotations().map(|answer| &answer.content).collect();
            let read = &Content::Inline("{}".to_owned());
            assert!(
                matches!(contents[..], [a, Content::Unreadable(why), b, c]
                    if [a, b, c] == [read; 3] && why.contains("at line 1 column")),
                "{bad}: {contents:?}"
            );
        }
    }

    #[test]
    fn an_element_that_cannot_be_told_apart_is_named() {
        for (element, expected) in [
            (
                r#"{"datasetObjectId":"4","datasetObjectId":"5","annotations":[]}"#,
                "two datasetObjectId",
            ),
            (
                r#"{"datasetObjectId":"\ud800","annotations":[]}"#,
                "datasetObjectId is not readable: unexpected end of hex escape",
            ),
            (
                r#"{"\ud800":"","datasetObjectId":"4","annotations":[]}"#,
                "not readable: ",
            ),
            (
                r#"{"annotations":[{"workerId":"\ud800"}]}"#,
                "no datasetObjectId",
            ),
        ] {
            let file = parse(&format!(
                r#"[{{"datasetObjectId":"3","annotations":[]}},{element}]"#
            ));
            assert_eq!(ids(&file), ["3"], "{element}");
            let (place, reason) = &file.unidentified[0];
            assert!(
                *place == 1 && reason.contains(expected),
                "{element}: {reason}"
            );
        }
    }

    #[test]
    fn one_bad_object_touches_no_other() {
        let file = parse(
            r#"[7,{"annotations":[]},{"datasetObjectId":"2"},{"datasetObjectId":"3","annotations":[{}]}]"#,
        );
        assert_eq!(file.unidentified.len(), 2);
        assert_eq!(ids(&file), ["2", "3"]);
        assert!(file.objects[0].problem.is_some());
        assert!(matches!(
            file.objects[1].annotations[0].content,
            Content::Unreadable(_)
        ));
    }

    #[test]
    fn answers_stored_elsewhere() {
        let mut file = parse(
            r#"[{"datasetObjectId":"0","annotations":[
                {"workerId":"a","annotationData":{"s3Uri":"s3://b/2"}},
                {"workerId":"b","annotationData":{"s3uri":"s3://b/1"}},
                {"workerId":"c","annotationData":{"s3Uri":"s3://b/2"}}]}]"#,
        );
        assert_eq!(file.stored_answers(), ["s3://b/1", "s3://b/2"]);
        file.resolve("s3://b/2", Ok(b"{}".to_vec()));
        file.resolve("s3://b/1", Err("denied".to_owned()));
        let contents: Vec<_> = file
            .annotations()
            .map(|annotation| annotation.content.clone())
            .collect();
        let read = Content::Inline("{}".to_owned());
        assert_eq!(
            contents,
            [read.clone(), Content::Unreadable("denied".to_owned()), read]
        );
        assert!(file.stored_answers().is_empty());
    }

    #[test]
    fn files_that_are_no_text_are_told_what_they_are() {
        let utf_16: Vec<u8> = "[]".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (file, expected) in [
            (
                &b"\x1f\x8b\x08\0"[..],
                "annotation file is compressed: gzip; unpack it",
            ),
            (
                &utf_16,
                "annotation file is text in UTF-16LE; save it as UTF-8: iconv -f UTF-16LE -t UTF-8 FILE",
            ),
            (
                b"\xff\xfe[\0]\0",
                "annotation file is text in UTF-16; save it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE",
            ),
            (
                b"[{\"datasetObjectId\":\"0\",\"annotations\":[\"\xe4\"]}]",
                "annotation file is not UTF-8 at byte 41; save it as UTF-8",
            ),
            (
                b"\xef\xbb\xbf\"\xe4\"",
                "annotation file is not UTF-8 at byte 5; save it as UTF-8",
            ),
        ] {
            let error = AnnotationFile::parse(file).unwrap_err();
            assert_eq!(
                (error.to_string().as_str(), error.code()),
                (expected, "AnnotationFile.NotText")
            );
            let response = crate::job::worker_response::parse("0", file).unwrap_err();
            assert_eq!(response, error);
        }
        let cut = AnnotationFile::parse(b"[{\"datasetObjectId\":\"\xc3").unwrap_err();
        assert_eq!(cut.code(), "AnnotationFile.Json");
    }

    #[test]
    fn not_annotation_files() {
        for (file, code) in [
            ("", "AnnotationFile.Json"),
            ("[{\"datasetObjectId\":", "AnnotationFile.Json"),
            ("\u{0}\u{1}", "AnnotationFile.Json"),
            ("7", "AnnotationFile.NotAList"),
            ("{\"answers\":[]}", "AnnotationFile.NotAList"),
        ] {
            assert_eq!(
                AnnotationFile::parse(file.as_bytes()).unwrap_err().code(),
                code,
                "{file}"
            );
        }
    }
}
