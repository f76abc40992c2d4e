//! The annotation file: the workers' answers to a batch of data objects.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use manifest::text_start;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{Json, Key};
use crate::shown::shown;

/// Largest annotation file, and largest answer stored elsewhere, that is read, in bytes, inclusive. Source: ours;
/// Ground Truth puts at most 50 data objects into a batch.
pub const ANNOTATION_FILE_BYTES_MAX: u64 = 64 * 1_048_576;

/// The workers' answers to a batch of data objects, in the file's order.
///
/// Data objects that stand in the file more than once are merged at their first place. What can't be read of one data
/// object is that data object's problem, and an answer that can't be read is that answer's; the others are not touched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnnotationFile {
    /// The data objects, each `dataset_object_id` once.
    pub objects: Vec<DataObject>,
    /// Elements of the file without a usable `datasetObjectId`: position (zero-based) and reason. They can't be answered.
    pub unidentified: Vec<(usize, String)>,
}

/// A data object and the workers' answers to it.
#[derive(Debug, Clone, PartialEq)]
pub struct DataObject {
    /// Ground Truth's name for it: the zero-based number of its line in the input manifest, as text.
    pub dataset_object_id: String,
    /// The image's URI, where the file has one.
    pub source: Option<String>,
    /// The answers, in the file's order.
    pub annotations: Vec<Annotation>,
    /// Why its element of the file couldn't be read, if so.
    pub problem: Option<String>,
}

/// One worker's answer, not looked into yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// The worker's id, where the file has one.
    pub worker_id: Option<String>,
    /// The answer.
    pub content: Content,
}

impl Annotation {
    /// An answer that isn't JSON, though what stands around it is.
    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        Self {
            worker_id: None,
            content: Content::Unreadable(format!("answer is not readable: {error}")),
        }
    }
}

/// Where an answer is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Here.
    Inline(String),
    /// In an object of its own.
    Stored {
        /// Its S3 URI.
        uri: String,
    },
    /// Nowhere; why.
    Unreadable(String),
}

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
    /// Reads an annotation file: a list of data objects, or one data object by itself.
    ///
    /// # Errors
    ///
    /// [`AnnotationFileError`], for the file as a whole; a data object that can't be read is no error.
    pub fn parse(file: &[u8]) -> Result<Self, AnnotationFileError> {
        let bytes = AnnotationFileError::text_of(file)?;
        let json = |error: serde_json::Error| AnnotationFileError::of_file(file, &error);
        // A file in which nothing is wrong is parsed once; that it is UTF-8 is found out faster of all of it than of
        // each text in it.
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(elements) = serde_json::from_str::<Vec<Element>>(text)
        {
            let elements = elements.into_iter().map(|Element(object)| object);
            return Ok(Self::from_elements(elements));
        }
        let elements: Vec<&RawValue> = if bytes.trim_ascii_start().starts_with(b"[") {
            serde_json::from_slice(bytes).map_err(json)?
        } else {
            let whole: &RawValue = serde_json::from_slice(bytes).map_err(json)?;
            let text = whole.get();
            if !text.starts_with('{') || !text.contains("\"datasetObjectId\"") {
                return Err(AnnotationFileError::NotAList { found: shown(text) });
            }
            vec![whole]
        };
        Ok(Self::from_elements(elements.into_iter().map(tolerant)))
    }

    /// A file of these data objects; those with the same id are merged at the first one's place.
    #[must_use]
    pub fn from_objects(objects: impl IntoIterator<Item = DataObject>) -> Self {
        Self::from_elements(objects.into_iter().map(Ok))
    }

    fn from_elements(elements: impl Iterator<Item = Result<DataObject, String>>) -> Self {
        let mut file = Self::default();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for (idx, element) in elements.enumerate() {
            let object = match element {
                Ok(object) => object,
                Err(reason) => {
                    file.unidentified.push((idx, reason));
                    continue;
                }
            };
            let place = *places
                .entry(object.dataset_object_id.clone())
                .or_insert(file.objects.len());
            match file.objects.get_mut(place) {
                Some(earlier) => {
                    earlier.annotations.extend(object.annotations);
                    earlier.source = earlier.source.take().or(object.source);
                    earlier.problem = earlier.problem.take().or(object.problem);
                }
                None => file.objects.push(object),
            }
        }
        file
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

    /// Puts in place what was read from `uri`, or why it couldn't be read.
    pub fn resolve(&mut self, uri: &str, answer: Result<Vec<u8>, String>) {
        let content = match answer.map(String::from_utf8) {
            Ok(Ok(text)) => Content::Inline(text),
            Ok(Err(_)) => Content::Unreadable(format!("{} is not UTF-8 text", shown(uri))),
            Err(reason) => Content::Unreadable(reason),
        };
        for annotation in self
            .objects
            .iter_mut()
            .flat_map(|object| &mut object.annotations)
        {
            if matches!(&annotation.content, Content::Stored { uri: stored } if stored == uri) {
                annotation.content = content.clone();
            }
        }
    }

    fn annotations(&self) -> impl Iterator<Item = &Annotation> {
        self.objects.iter().flat_map(|object| &object.annotations)
    }
}

/// An element of a file in which nothing is wrong and everything is of the kind that it should be.
struct Element(Result<DataObject, String>);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::<Json<'_>, Vec<Answer>>::deserialize(deserializer)?;
        let (id, source) = (members.dataset_object_id.as_ref(), &members.data_object);
        let lists = members.annotations.into_iter();
        let lists = lists.map(|list| Some(list.into_iter().map(|Answer(annotation)| annotation)));
        Ok(Self(data_object(id, source.as_ref(), lists)))
    }
}

/// An element of a file in which something is wrong, wherever: an answer of it that can't be read costs no other.
fn tolerant(element: &RawValue) -> Result<DataObject, String> {
    if !element.get().starts_with('{') {
        return Err("no datasetObjectId".to_owned());
    }
    let members: Members<&RawValue, &RawValue> =
        serde_json::from_str(element.get()).map_err(|error| format!("not readable: {error}"))?;
    let id = members.dataset_object_id.map(json).transpose();
    let id = id.map_err(|error| format!("datasetObjectId is not readable: {error}"))?;
    let source = members.data_object.and_then(|raw| json(raw).ok());
    let lists = members.annotations.iter().map(|raw| {
        let list: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
        Some(list.into_iter().map(|raw| match json(raw) {
            Ok(value) => annotation(value),
            Err(error) => Annotation::unreadable(&error),
        }))
    });
    data_object(id.as_ref(), source.as_ref(), lists)
}

fn json(raw: &RawValue) -> Result<Json<'_>, serde_json::Error> {
    serde_json::from_str(raw.get())
}

/// What counts of an element, each as a `T`, and the answers as an `L`.
struct Members<T, L> {
    dataset_object_id: Option<T>,
    data_object: Option<T>,
    /// One, unless the element has the key more than once: no answer is dropped.
    annotations: Vec<L>,
}

impl<'de, T: Deserialize<'de>, L: Deserialize<'de>> Deserialize<'de> for Members<T, L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadingMembers(PhantomData))
    }
}

struct ReadingMembers<T, L>(PhantomData<(T, L)>);

impl<'de, T: Deserialize<'de>, L: Deserialize<'de>> Visitor<'de> for ReadingMembers<T, L> {
    type Value = Members<T, L>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a data object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<T, L>, A::Error> {
        let mut members = Members {
            dataset_object_id: None,
            data_object: None,
            annotations: Vec::new(),
        };
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "datasetObjectId" => {
                    let earlier = members.dataset_object_id.replace(map.next_value()?);
                    if earlier.is_some() {
                        // Whose answers they are can't be told.
                        return Err(A::Error::custom("two datasetObjectId"));
                    }
                }
                "dataObject" => members.data_object = Some(map.next_value()?),
                "annotations" => members.annotations.push(map.next_value()?),
                _ => {
                    map.next_value::<T>()?;
                }
            }
        }
        Ok(members)
    }
}

/// `lists`: the answers, `None` where there is something else in their place.
fn data_object<L: IntoIterator<Item = Annotation>>(
    dataset_object_id: Option<&Json<'_>>,
    data_object: Option<&Json<'_>>,
    lists: impl Iterator<Item = Option<L>>,
) -> Result<DataObject, String> {
    let dataset_object_id = match dataset_object_id {
        Some(Json::Text(id)) if !id.is_empty() => id.clone().into_owned(),
        Some(Json::Number(id)) => id.to_string(),
        _ => return Err("no datasetObjectId".to_owned()),
    };
    let source = data_object.and_then(|object| {
        let text = ["s3Uri", "s3uri", "source-ref"]
            .iter()
            .find_map(|key| object.get(key)?.as_str());
        text.map(str::to_owned)
    });
    let mut annotations = Vec::new();
    let (mut n_lists, mut n_others) = (0, 0);
    for list in lists {
        match list {
            Some(list) => {
                n_lists += 1;
                annotations.extend(list);
            }
            None => n_others += 1,
        }
    }
    Ok(DataObject {
        dataset_object_id,
        source,
        problem: (n_lists == 0 || n_others > 0).then(|| "annotations is not a list".to_owned()),
        annotations,
    })
}

/// An answer that is an object, with an object `annotationData`.
struct Answer(Annotation);

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadingAnswer)
    }
}

struct ReadingAnswer;

impl<'de> Visitor<'de> for ReadingAnswer {
    type Value = Answer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an annotation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answer, A::Error> {
        let (mut data, mut worker_id) = (Data::default(), None);
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "annotationData" => data = map.next_value()?,
                "workerId" => worker_id = Some(map.next_value()?),
                _ => {
                    map.next_value::<Json<'_>>()?;
                }
            }
        }
        Ok(Answer(data.into_annotation(worker_id)))
    }
}

/// What counts of `annotationData`.
#[derive(Default)]
struct Data<'a> {
    content: Option<Json<'a>>,
    s3_uri: Option<Json<'a>>,
    s3uri: Option<Json<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadingData)
    }
}

struct ReadingData;

impl<'de> Visitor<'de> for ReadingData {
    type Value = Data<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("annotationData")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data<'de>, A::Error> {
        let mut data = Data::default();
        while let Some(Key(key)) = map.next_key()? {
            let value = Some(map.next_value()?);
            match &*key {
                "content" => data.content = value,
                "s3Uri" => data.s3_uri = value,
                "s3uri" => data.s3uri = value,
                _ => {}
            }
        }
        Ok(data)
    }
}

impl Data<'_> {
    fn into_annotation(self, worker_id: Option<Json<'_>>) -> Annotation {
        let uris = [self.s3_uri, self.s3uri].into_iter();
        let uri = uris.flatten().find_map(Json::into_text);
        let content = match (self.content, uri) {
            (Some(Json::Text(text)), _) => Content::Inline(text.into_owned()),
            (Some(form @ (Json::Object(_) | Json::List(_))), _) => {
                Content::Inline(form.to_string())
            }
            (_, Some(uri)) => Content::Stored { uri },
            (Some(Json::Null), None) => Content::Inline(String::new()),
            _ => Content::Unreadable("annotationData has neither content nor s3Uri".to_owned()),
        };
        Annotation {
            worker_id: worker_id.and_then(Json::into_text),
            content,
        }
    }
}

/// Any answer, of whatever kind.
fn annotation(mut value: Json<'_>) -> Annotation {
    let mut data = value.take("annotationData").unwrap_or(Json::Null);
    let data = Data {
        content: data.take("content"),
        s3_uri: data.take("s3Uri"),
        s3uri: data.take("s3uri"),
    };
    data.into_annotation(value.take("workerId"))
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
            let response = crate::worker_response::parse("0", file).unwrap_err();
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
