//! One JSON Line, opened: its keys and its values as they came.

use std::borrow::Cow;

use crate::code::Code;
use crate::json::{JsonError, Reader, Text};
use crate::lines::LINE_CHARS_MAX;
use crate::pair::{BoxLabels, Metadata};

/// Keys that ListDatasetEntries and training add; they are never labels and are not sent back.
pub(crate) const SERVICE_KEYS: [&str; 5] = [
    "cl-metadata",
    "cl-errors",
    "cl-warnings",
    "errors",
    "warnings",
];

/// What makes `<attribute>-metadata` of a label attribute.
pub(crate) const METADATA_SUFFIX: &str = "-metadata";

/// Up to this many keys a linear search is the fastest one.
const KEYS_SEARCHED_MAX: usize = 24;

/// What a value was found to be on the way past it.
#[derive(Debug)]
enum Passed<'a> {
    /// An object below a key that ends as metadata's does.
    Metadata(Box<Metadata<'a>>),
    /// An object below another key.
    Label(Box<BoxLabels<'a>>),
    /// No object.
    Other,
}

#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, str>,
    /// The key as it came, without quotes.
    pub(crate) raw_key: &'a str,
    pub(crate) value: &'a str,
    passed: Passed<'a>,
}

impl<'a> Member<'a> {
    /// The value of a label attribute's metadata; `None` when it isn't an object.
    pub(crate) fn metadata(&self) -> Result<Option<&Metadata<'a>>, JsonError> {
        match &self.passed {
            Passed::Metadata(metadata) => metadata.checked().map(|()| Some(metadata.as_ref())),
            Passed::Label(_) | Passed::Other => Ok(None),
        }
    }

    /// The value of a label attribute; `None` when it isn't an object.
    pub(crate) fn box_labels(&self) -> Result<Option<&BoxLabels<'a>>, JsonError> {
        match &self.passed {
            Passed::Label(labels) => labels.checked().map(|()| Some(labels.as_ref())),
            Passed::Metadata(_) | Passed::Other => Ok(None),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) members: Vec<Member<'a>>,
    /// Member indices in key order; only built when there are many.
    sorted: Vec<u32>,
}

/// Why a line can't be opened, in the words of the report.
pub(crate) type Refusal = (Code, String);

impl<'a> Line<'a> {
    /// Opens a line.
    ///
    /// # Errors
    ///
    /// [`Code::LineTooLong`] above 100,000 characters. [`Code::InvalidJsonLine`] when the line is blank, isn't UTF-8,
    /// isn't one JSON object, nests too deep, or has a key twice.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let invalid = |reason: String| (Code::InvalidJsonLine, reason);
        let too_long = |n: usize| {
            (
                Code::LineTooLong,
                format!("line has {n} characters; {LINE_CHARS_MAX} are possible"),
            )
        };
        if bytes.len() > crate::lines::LINE_BYTES_MAX {
            return Err((
                Code::LineTooLong,
                format!(
                    "line has {} bytes; {LINE_CHARS_MAX} characters are possible",
                    bytes.len()
                ),
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            invalid(format!(
                "line is not UTF-8 at byte {}",
                error.valid_up_to() + 1
            ))
        })?;
        if text.len() > LINE_CHARS_MAX {
            let n_chars = text.chars().count();
            if n_chars > LINE_CHARS_MAX {
                return Err(too_long(n_chars));
            }
        }
        if text.trim_ascii().is_empty() {
            return Err(invalid("line is blank".to_owned()));
        }
        let line = Self::read(text).map_err(|error| {
            invalid(match error {
                JsonError::Syntax { at } => syntax_fault(text, at),
                other => format!("line is not accepted as JSON: {other}"),
            })
        })?;
        let Some(line) = line else {
            return Err(invalid("line is JSON, but not a JSON object".to_owned()));
        };
        if let Some(key) = line.duplicate_key() {
            return Err(invalid(format!("key {:?} stands twice", shown(key))));
        }
        Ok(line)
    }

    fn read(text: &'a str) -> Result<Option<Self>, JsonError> {
        let mut reader = Reader::new(text);
        if !reader.enter_object()? {
            reader.skip()?;
            reader.finish()?;
            return Ok(None);
        }
        let mut members = Vec::with_capacity(8);
        let mut is_first = true;
        while let Some(key) = reader.next_key(&mut is_first)? {
            let raw_key = key.raw;
            let key = key.decoded();
            let start = reader.start()?;
            let passed = if key.ends_with(METADATA_SUFFIX) {
                Metadata::pass(&mut reader)?.map(Passed::Metadata)
            } else {
                BoxLabels::pass(&mut reader)?.map(Passed::Label)
            };
            let passed = match passed {
                Some(passed) => passed,
                None => {
                    reader.skip()?;
                    Passed::Other
                }
            };
            members.push(Member {
                key,
                raw_key,
                value: reader.since(start)?,
                passed,
            });
        }
        reader.finish()?;
        let mut line = Self {
            members,
            sorted: Vec::new(),
        };
        if line.members.len() > KEYS_SEARCHED_MAX {
            let members = &line.members;
            let key = |idx: &u32| members.get(*idx as usize).map(|member| member.key.as_ref());
            let mut sorted: Vec<u32> = (0..members.len() as u32).collect();
            sorted.sort_by(|a, b| key(a).cmp(&key(b)));
            line.sorted = sorted;
        }
        Ok(Some(line))
    }

    fn duplicate_key(&self) -> Option<&str> {
        if self.sorted.is_empty() {
            return self.members.iter().enumerate().find_map(|(idx, member)| {
                let is_again = self
                    .members
                    .iter()
                    .take(idx)
                    .any(|earlier| earlier.key == member.key);
                is_again.then_some(member.key.as_ref())
            });
        }
        let in_order: Vec<&str> = self
            .sorted
            .iter()
            .filter_map(|idx| self.members.get(*idx as usize))
            .map(|member| member.key.as_ref())
            .collect();
        in_order.windows(2).find_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        })
    }

    pub(crate) fn member(&self, key: &str) -> Option<&Member<'a>> {
        if self.sorted.is_empty() {
            return self.members.iter().find(|member| member.key == key);
        }
        let at = self
            .sorted
            .binary_search_by(|idx| match self.members.get(*idx as usize) {
                Some(member) => member.key.as_ref().cmp(key),
                None => std::cmp::Ordering::Less,
            });
        self.sorted
            .get(at.ok()?)
            .and_then(|idx| self.members.get(*idx as usize))
    }

    /// `<attribute>-metadata` of a label attribute.
    pub(crate) fn metadata_of(&self, attribute: &str) -> Option<&Member<'a>> {
        if self.sorted.is_empty() {
            return self
                .members
                .iter()
                .find(|member| member.key.strip_suffix(METADATA_SUFFIX) == Some(attribute));
        }
        self.member(&format!("{attribute}{METADATA_SUFFIX}"))
    }

    /// The label attributes that have metadata, in the order of their metadata's keys' label attributes.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Member<'a>, &Member<'a>)> {
        self.members
            .iter()
            .filter(|member| is_label_key(&member.key))
            .filter_map(|member| Some((member, self.metadata_of(&member.key)?)))
    }

    /// The value of `source-ref` when it is a string.
    pub(crate) fn source_ref(&self) -> Option<Text<'a>> {
        Reader::new(self.member("source-ref")?.value)
            .text_or_skip()
            .ok()
            .flatten()
    }
}

/// Whether a key may be a label attribute's.
pub(crate) fn is_label_key(key: &str) -> bool {
    key != "source-ref" && !key.ends_with(METADATA_SUFFIX) && !SERVICE_KEYS.contains(&key)
}

/// Where and before what a line stops being JSON.
fn syntax_fault(text: &str, at: usize) -> String {
    if text.starts_with('\u{feff}') {
        return "line starts with a byte order mark, which only a file may".to_owned();
    }
    let rest: String = text
        .get(at..)
        .unwrap_or_default()
        .chars()
        .take(20)
        .collect();
    if rest.is_empty() {
        return format!(
            "line breaks off: not valid JSON at its end, byte {}",
            at + 1
        );
    }
    format!("line is not valid JSON at byte {}, before {rest:?}", at + 1)
}

/// A piece of untrusted text for a message, cut to 100 characters.
pub(crate) fn shown(text: &str) -> &str {
    match text.char_indices().nth(100) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &[u8]) -> Option<Code> {
        Line::open(line).err().map(|(code, _)| code)
    }

    #[test]
    fn refusals() {
        assert_eq!(code(b"{}"), None);
        for bad in [
            &b""[..],
            b"  \t",
            b"[]",
            b"null",
            b"{} {}",
            b"{\"a\":1,\"a\":2}",
            b"{\"a\":1,\"\\u0061\":2}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\0\"}",
            b"\0",
            b"{",
        ] {
            assert_eq!(code(bad), Some(Code::InvalidJsonLine), "{bad:?}");
        }
        let many: Vec<String> = (0..1000).map(|n| format!("\"k{n}\":0")).collect();
        assert_eq!(code(format!("{{{}}}", many.join(",")).as_bytes()), None);
        assert_eq!(
            code(format!("{{{},\"k7\":1}}", many.join(",")).as_bytes()),
            Some(Code::InvalidJsonLine)
        );
    }

    #[test]
    fn faults_are_shown_in_their_place() {
        let reason = |line: &str| Line::open(line.as_bytes()).err().map(|(_, reason)| reason);
        for (line, expected) in [
            (
                r#"{"a":1,}"#,
                r#"line is not valid JSON at byte 8, before "}""#,
            ),
            (
                r#"{'source-ref': 's3://birds/1.jpg'}"#,
                r#"line is not valid JSON at byte 2, before "'source-ref': 's3://""#,
            ),
            (
                r#"{"a":1"#,
                "line breaks off: not valid JSON at its end, byte 7",
            ),
            (
                "\u{feff}{}",
                "line starts with a byte order mark, which only a file may",
            ),
        ] {
            assert_eq!(reason(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn length_in_characters() {
        for char in ["x", "é", "\u{1F600}"] {
            let line = |n_chars: usize| format!("{{\"a\":\"{}\"}}", char.repeat(n_chars - 8));
            assert_eq!(code(line(99_999).as_bytes()), None);
            assert_eq!(code(line(100_000).as_bytes()), None);
            assert_eq!(code(line(100_001).as_bytes()), Some(Code::LineTooLong));
        }
    }

    #[test]
    fn members_are_found() {
        let many: Vec<String> = (0..100).map(|n| format!("\"k{n}\":{n}")).collect();
        for text in [
            "{\"k1\":1,\"k7\":7,\"k7-metadata\":8}".to_owned(),
            format!("{{\"k7-metadata\":8,{}}}", many.join(",")),
        ] {
            let line = Line::open(text.as_bytes()).unwrap();
            assert_eq!(line.member("k7").unwrap().value, "7");
            assert_eq!(line.metadata_of("k7").unwrap().value, "8");
            assert!(line.member("missing").is_none() && line.metadata_of("k1").is_none());
            assert_eq!(line.pairs().count(), 1);
        }
    }
}
