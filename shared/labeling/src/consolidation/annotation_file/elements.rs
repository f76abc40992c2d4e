//! An element of the annotation file: a data object and its answers, as they stand in the JSON.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_json::value::RawValue;

use super::super::bounds::ANSWERS_PER_OBJECT_MAX;
use super::data_object::{Annotation, Content, DataObject};
use crate::json::{Json, Key};

/// A data object as it was read, and how many more answers it has that were not taken in; or why it can't be told which
/// one it is.
pub(super) type Read = Result<(DataObject, usize), String>;

/// An element of a file in which nothing is wrong and everything is of the kind that it should be.
pub(super) struct Element(pub(super) Read);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::<Scalar<'_>, Source, Answer>::deserialize(deserializer)?;
        let source = members.data_object.and_then(|Source(source)| source);
        let lists = members.annotations.into_iter();
        let lists = lists.map(|list| Some(list.map(|Answer(annotation)| annotation)));
        let id = members.dataset_object_id.as_ref();
        Ok(Self(data_object(id, source, lists)))
    }
}

/// An element of a file in which something is wrong, wherever: an answer of it that can't be read costs no other.
pub(super) fn tolerant(element: &RawValue) -> Read {
    if !element.get().starts_with('{') {
        return Err("no datasetObjectId".to_owned());
    }
    let members: Members<&RawValue, &RawValue, &RawValue> =
        serde_json::from_str(element.get()).map_err(|error| format!("not readable: {error}"))?;
    let id = members.dataset_object_id;
    let id = id.map(|raw| serde_json::from_str::<Scalar<'_>>(raw.get()));
    let id = id.transpose();
    let id = id.map_err(|error| format!("datasetObjectId is not readable: {error}"))?;
    let source = members.data_object;
    let source = source.and_then(|raw| serde_json::from_str::<Source>(raw.get()).ok()?.0);
    let lists = members.annotations.into_iter();
    let lists = lists.map(|list| list.is_list.then(|| list.map(annotation)));
    data_object(id.as_ref(), source, lists)
}

/// A text or a number; anything else is not looked into.
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(Number),
    Null,
    Other,
}

impl Scalar<'_> {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadingScalar)
    }
}

struct ReadingScalar;

impl<'de> Visitor<'de> for ReadingScalar {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Number::from_f64(value).map_or(Scalar::Null, Scalar::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// The image's URI in a `dataObject`.
struct Source(Option<String>);

/// Keys of an image's URI, the first one that is there wins.
const SOURCE_KEYS: [&str; 3] = ["s3Uri", "s3uri", "source-ref"];

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadingSource;
        impl<'de> Visitor<'de> for ReadingSource {
            type Value = Source;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a data object's source")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Source, A::Error> {
                let mut found: [Option<String>; 3] = Default::default();
                while let Some(Key(key)) = map.next_key()? {
                    let idx = SOURCE_KEYS.iter().position(|known| *known == key);
                    match idx.and_then(|idx| found.get_mut(idx)) {
                        Some(slot) => *slot = map.next_value::<Scalar<'_>>()?.into_text(),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Source(found.into_iter().flatten().next()))
            }
        }
        deserializer.deserialize_map(ReadingSource)
    }
}

/// What counts of an element.
struct Members<I, S, A> {
    dataset_object_id: Option<I>,
    data_object: Option<S>,
    /// One, unless the element has the key more than once: no answer is dropped.
    annotations: Vec<Answers<A>>,
}

impl<'de, I, S, A> Deserialize<'de> for Members<I, S, A>
where
    I: Deserialize<'de>,
    S: Deserialize<'de>,
    A: Deserialize<'de>,
    Answers<A>: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadingMembers(PhantomData))
    }
}

struct ReadingMembers<I, S, A>(PhantomData<(I, S, A)>);

impl<'de, I, S, A> Visitor<'de> for ReadingMembers<I, S, A>
where
    I: Deserialize<'de>,
    S: Deserialize<'de>,
    Answers<A>: Deserialize<'de>,
{
    type Value = Members<I, S, A>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a data object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<I, S, A>, M::Error> {
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
                        return Err(M::Error::custom("two datasetObjectId"));
                    }
                }
                "dataObject" => members.data_object = Some(map.next_value()?),
                "annotations" => members.annotations.push(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

/// A list of answers, of which no more are taken in than an object may have.
struct Answers<A> {
    /// Whether it is a list at all.
    is_list: bool,
    answers: Vec<A>,
    n_more: usize,
}

impl<A> Answers<A> {
    fn map(self, into: impl Fn(A) -> Annotation) -> (Vec<Annotation>, usize) {
        (self.answers.into_iter().map(into).collect(), self.n_more)
    }
}

impl<'de> Deserialize<'de> for Answers<Answer> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ReadingAnswers(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Answers<&'a RawValue> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('[') {
            return Ok(Self {
                is_list: false,
                answers: Vec::new(),
                n_more: 0,
            });
        }
        let mut list = serde_json::Deserializer::from_str(raw.get());
        list.deserialize_seq(ReadingAnswers(PhantomData))
            .map_err(D::Error::custom)
    }
}

struct ReadingAnswers<A>(PhantomData<A>);

impl<'de, A: Deserialize<'de>> Visitor<'de> for ReadingAnswers<A> {
    type Value = Answers<A>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of annotations")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Answers<A>, S::Error> {
        let mut answers = Vec::new();
        while answers.len() < ANSWERS_PER_OBJECT_MAX
            && let Some(answer) = list.next_element()?
        {
            answers.push(answer);
        }
        let mut n_more = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            n_more += 1;
        }
        Ok(Answers {
            is_list: true,
            answers,
            n_more,
        })
    }
}

/// `lists`: the answers, and how many more there are that were not taken in; `None` where there is something else in
/// their place.
fn data_object(
    dataset_object_id: Option<&Scalar<'_>>,
    source: Option<String>,
    lists: impl Iterator<Item = Option<(Vec<Annotation>, usize)>>,
) -> Read {
    let dataset_object_id = match dataset_object_id {
        Some(Scalar::Text(id)) if !id.is_empty() => id.clone().into_owned(),
        Some(Scalar::Number(id)) => id.to_string(),
        _ => return Err("no datasetObjectId".to_owned()),
    };
    let mut annotations = Vec::new();
    let (mut n_lists, mut n_others, mut n_more) = (0, 0, 0);
    for list in lists {
        match list {
            Some((list, n_more_of_list)) => {
                n_lists += 1;
                n_more += n_more_of_list;
                annotations.extend(list);
            }
            None => n_others += 1,
        }
    }
    let object = DataObject {
        dataset_object_id,
        source,
        problem: (n_lists == 0 || n_others > 0).then(|| "annotations is not a list".to_owned()),
        annotations,
    };
    Ok((object, n_more))
}

/// An answer that is an object, with an object `annotationData` whose content is a text.
struct Answer(Annotation);

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let answer = Raw::<Data<'_, Scalar<'_>>>::deserialize(deserializer)?;
        let data = answer.data.unwrap_or_default();
        let is_null = matches!(data.content, Some(Scalar::Null));
        let content = match data.content {
            // Looked into by those who look at one answer after another.
            Some(Scalar::Other) => return Err(D::Error::custom("an answer that is no text")),
            Some(Scalar::Text(text)) => Some(Content::Inline(text.into_owned())),
            Some(Scalar::Null | Scalar::Number(_)) | None => None,
        };
        let uri = [data.s3_uri, data.s3uri].into_iter().flatten();
        let uri = uri.filter_map(Scalar::into_text).next();
        Ok(Self(Annotation {
            worker_id: answer.worker_id.and_then(Scalar::into_text),
            content: either(content, is_null, uri),
        }))
    }
}

fn no_content() -> Content {
    Content::Unreadable("annotationData has neither content nor s3Uri".to_owned())
}

/// The content, else the place where it is stored.
fn either(content: Option<Content>, is_null: bool, uri: Option<String>) -> Content {
    match (content, uri) {
        (Some(content @ Content::Inline(_)), _) => content,
        (_, Some(uri)) => Content::Stored { uri },
        (None, None) if is_null => Content::Inline(String::new()),
        (content, None) => content.unwrap_or_else(no_content),
    }
}

/// What counts of an annotation.
struct Raw<'a, D> {
    data: Option<D>,
    worker_id: Option<Scalar<'a>>,
}

impl<'de: 'a, 'a, D: Deserialize<'de>> Deserialize<'de> for Raw<'a, D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        struct ReadingRaw<D>(PhantomData<D>);
        impl<'de, D: Deserialize<'de>> Visitor<'de> for ReadingRaw<D> {
            type Value = Raw<'de, D>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an annotation")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de, D>, A::Error> {
                let (mut data, mut worker_id) = (None, None);
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        "annotationData" => data = Some(map.next_value()?),
                        "workerId" => worker_id = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Raw { data, worker_id })
            }
        }
        deserializer.deserialize_map(ReadingRaw(PhantomData))
    }
}

/// What counts of `annotationData`.
struct Data<'a, C> {
    content: Option<C>,
    s3_uri: Option<Scalar<'a>>,
    s3uri: Option<Scalar<'a>>,
}

impl<C> Default for Data<'_, C> {
    fn default() -> Self {
        Self {
            content: None,
            s3_uri: None,
            s3uri: None,
        }
    }
}

impl<'de: 'a, 'a, C: Deserialize<'de>> Deserialize<'de> for Data<'a, C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadingData<C>(PhantomData<C>);
        impl<'de, C: Deserialize<'de>> Visitor<'de> for ReadingData<C> {
            type Value = Data<'de, C>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("annotationData")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data<'de, C>, A::Error> {
                let mut data = Data::default();
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        "content" => data.content = Some(map.next_value()?),
                        "s3Uri" => data.s3_uri = Some(map.next_value()?),
                        "s3uri" => data.s3uri = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(data)
            }
        }
        deserializer.deserialize_map(ReadingData(PhantomData))
    }
}

/// Any answer, of whatever kind.
fn annotation(raw: &RawValue) -> Annotation {
    if !raw.get().starts_with('{') {
        return Annotation {
            worker_id: None,
            content: no_content(),
        };
    }
    let answer: Raw<'_, &RawValue> = match serde_json::from_str(raw.get()) {
        Ok(answer) => answer,
        Err(error) => return Annotation::unreadable(&error),
    };
    let data = answer.data.filter(|raw| raw.get().starts_with('{'));
    let data = data.map(|raw| serde_json::from_str::<Data<'_, &RawValue>>(raw.get()));
    let data = match data.transpose() {
        Ok(data) => data.unwrap_or_default(),
        Err(error) => return Annotation::unreadable(&error),
    };
    let is_null = data.content.is_some_and(|raw| raw.get() == "null");
    let content = data.content.filter(|_| !is_null).map(content);
    let uri = [data.s3_uri, data.s3uri].into_iter().flatten();
    let uri = uri.filter_map(Scalar::into_text).next();
    Annotation {
        worker_id: answer.worker_id.and_then(Scalar::into_text),
        content: either(content, is_null, uri),
    }
}

/// A text, or a form that stands where its text should be.
fn content(raw: &RawValue) -> Content {
    let text = match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw.get()),
        Some(b'{' | b'[') => {
            serde_json::from_str::<Json<'_>>(raw.get()).map(|form| form.to_string())
        }
        _ => return no_content(),
    };
    text.map_or_else(
        |error| Annotation::unreadable(&error).content,
        Content::Inline,
    )
}
