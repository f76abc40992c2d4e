//! JSON whose texts stay where they are: a batch is hundreds of small answers, and most of what it takes to make a
//! `serde_json::Value` of each is memory that is handed out and given back.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Number;

/// Most values in an answer, inclusive: 1,000 boxes have 6,000. In memory a value takes up to 20 times what it takes in a
/// text.
pub const ANSWER_VALUES_MAX: usize = 100_000;

/// A JSON value, as tolerant as `serde_json::Value`: of a key that stands in an object twice, the last value counts. One
/// of more than [`ANSWER_VALUES_MAX`] values is an error.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In order of the keys, each once.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// An object's value at a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let entries = self.as_object()?;
        let (_, value) = entries.iter().find(|(found, _)| found == key)?;
        Some(value)
    }

    pub(crate) fn as_object(&self) -> Option<&[(Cow<'a, str>, Self)]> {
        match self {
            Self::Object(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reading(&Cell::new(ANSWER_VALUES_MAX)).deserialize(deserializer)
    }
}

/// With the number of values that may still come.
#[derive(Clone, Copy)]
struct Reading<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        let left = self.0.get().checked_sub(1).ok_or_else(|| {
            D::Error::custom(format_args!("more than {ANSWER_VALUES_MAX} values"))
        })?;
        self.0.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            list.push(element);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut entries: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            entries.push((key, map.next_value_seed(self)?));
        }
        // Equal keys stay in the order of the text; what comes later takes the earlier one's place.
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|later, earlier| {
            let is_again = later.0 == earlier.0;
            if is_again {
                std::mem::swap(later, earlier);
            }
            is_again
        });
        Ok(Json::Object(entries))
    }
}

/// An object's key.
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(Reading(&Cell::new(1)))? {
            Json::Text(text) => Ok(Self(text)),
            _ => Err(Error::custom("a key that is no text")),
        }
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

/// The JSON text of the value.
impl fmt::Display for Json<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        formatter.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn check(text: &str) {
        let ours = serde_json::from_str::<Json<'_>>(text);
        let theirs = serde_json::from_str::<Value>(text);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours.to_string(), theirs.to_string(), "{text}"),
            (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string(), "{text}"),
            (ours, theirs) => panic!("{text}: {ours:?} {theirs:?}"),
        }
    }

    #[test]
    fn values_are_bounded() {
        // The list is one, too.
        for (n, expected) in [(98_999, true), (99_999, true), (100_000, false)] {
            let list = format!("[{}0]", "0,".repeat(n - 1));
            let object = format!("{{{}\"\":0}}", "\"\":0,".repeat(n - 1));
            for text in [list, object] {
                let read = serde_json::from_str::<Json<'_>>(&text);
                assert_eq!(read.is_ok(), expected, "{n}");
            }
        }
    }

    #[test]
    fn as_serde_json_reads() {
        for text in [
            r#"{"b":1,"a":[null,true,-2,1.5,18446744073709551615,"x"],"b":{"ä\n":"\u00e9"}}"#,
            r#"{"a":1,"a":2,"a":3,"b":4,"":{}}"#,
            r#"{"\u0061":1,"a":2}"#,
            "1e400",
            "1e-400",
            "[",
            "{\"a\"}",
            "\"\\ud800\"",
            "",
        ] {
            check(text);
        }
        check(&"[".repeat(200));
        check(&format!("{}{}", "[".repeat(127), "]".repeat(127)));
    }

    proptest! {
        #[test]
        fn anything_as_serde_json_reads_it(text in r#"[\[\]{}:,"a-c0-9.e\\ -]{0,40}"#) {
            check(&text);
        }
    }
}
