//! What the items of a COCO file have in common: ids, and fields that are missing or something else.

use crate::json::{JsonError, Kind, Reader};
use crate::line::shown;

/// What items call each other by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Id {
    Number(i64),
    Text(String),
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{:?}", shown(text)),
        }
    }
}

/// A field on its way: nothing, something else, or what it should be.
#[derive(Debug)]
pub(super) enum Field<T> {
    Missing,
    Wrong(String),
    Good(T),
}

impl<T> Field<T> {
    pub(super) fn good(self, name: &str, what: &str) -> Result<T, String> {
        match self {
            Self::Good(value) => Ok(value),
            Self::Missing => Err(format!("it has no {name}")),
            Self::Wrong(raw) => Err(format!("its {name} is {raw}, not {what}")),
        }
    }

    pub(super) fn of(value: Option<T>, raw: &str) -> Self {
        value.map_or_else(|| Self::Wrong(short(raw)), Self::Good)
    }

    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Missing => Field::Missing,
            Self::Wrong(raw) => Field::Wrong(raw),
            Self::Good(value) => Field::Good(map(value)),
        }
    }
}

pub(super) fn short(raw: &str) -> String {
    let flat: String = raw
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .take(60)
        .collect();
    if flat.len() < raw.len() {
        flat + "…"
    } else {
        flat
    }
}

/// An item's id, if it has one, and the item.
pub(super) type ReadItem<T> = (Option<Id>, Result<T, String>);

pub(super) const WHAT_ID: &str = "a number or a string";

pub(super) fn known(id: &Field<Id>) -> Option<Id> {
    match id {
        Field::Good(id) => Some(id.clone()),
        Field::Missing | Field::Wrong(_) => None,
    }
}

/// A string that is a whole number as it is written by programs is that number.
pub(super) fn read_id(reader: &mut Reader<'_>) -> Result<Field<Id>, JsonError> {
    if reader.kind()? == Kind::Text {
        return Ok(text(reader)?.map(|text| match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Id::Number(number),
            _ => Id::Text(text),
        }));
    }
    let start = reader.start()?;
    let number = reader.number_or_skip()?;
    let whole = number.and_then(|number| {
        if number.is_integer() {
            return number.raw.parse::<i64>().ok();
        }
        // Every whole number up to there is a float of its own.
        let is_exact = number.value.fract() == 0.0 && number.value.abs() < 9e15;
        is_exact.then_some(number.value as i64)
    });
    Ok(Field::of(whole.map(Id::Number), reader.since(start)?))
}

pub(super) fn text(reader: &mut Reader<'_>) -> Result<Field<String>, JsonError> {
    let start = reader.start()?;
    let text = reader.text_or_skip()?.map(|text| text.decoded().into());
    Ok(Field::of(text, reader.since(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let id = |json: &str| match read_id(&mut Reader::new(json)).unwrap() {
            Field::Good(id) => id.to_string(),
            other => format!("{other:?}"),
        };
        for (json, expected) in [
            ("7 ", "7"),
            ("-7 ", "-7"),
            ("\"7\"", "7"),
            ("7.0 ", "7"),
            ("7e0 ", "7"),
            ("\"007\"", "\"007\""),
            ("\"a\\u00e9\"", "\"aé\""),
            ("7.5 ", "Wrong(\"7.5\")"),
            ("99999999999999999999 ", "Wrong(\"99999999999999999999\")"),
            ("null", "Wrong(\"null\")"),
            ("[1]", "Wrong(\"[1]\")"),
        ] {
            assert_eq!(id(json), expected, "{json}");
        }
    }
}
