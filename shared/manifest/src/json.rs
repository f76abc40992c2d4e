//! A strict, borrowing reader of one JSON text.
//!
//! A manifest's values must leave as they came, byte for byte, and a line is looked at once or twice at most,
//! so values are handed out as slices of the line. Grammar: RFC 8259 exactly (what `serde_json` accepts; a
//! property holds the two together), with a bounded depth. Duplicate keys are the caller's to refuse.
//!
//! This module does not check UTF-8: it starts from a `&str`.

use std::borrow::Cow;

use crate::number::Number;

/// How deep arrays and objects may nest in one line, inclusive. Ground Truth's deepest documented label has 5 levels.
pub const DEPTH_MAX: u32 = 64;

/// Why a text isn't one JSON value. Positions are byte offsets from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("unexpected byte or end at offset {at}")]
    Syntax { at: usize },
    #[error("nested deeper than {DEPTH_MAX} levels at offset {at}")]
    TooDeep { at: usize },
    #[error("a key stands twice in one object")]
    DuplicateKey,
}

/// A JSON string's characters between its quotes, escapes as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a str,
    n_escapes: usize,
}

impl<'a> Text<'a> {
    /// Whether `raw` has escapes, that is, differs from the string.
    pub(crate) fn has_escape(self) -> bool {
        self.n_escapes > 0
    }

    /// The string itself; a lone surrogate escape becomes U+FFFD.
    pub(crate) fn decoded(self) -> Cow<'a, str> {
        if !self.has_escape() {
            return Cow::Borrowed(self.raw);
        }
        Cow::Owned(decode(self.raw))
    }

    /// Whether half of a surrogate pair is lost in [`Self::decoded`]: U+FFFD may stand there by right, too.
    pub(crate) fn has_half_pair(self) -> bool {
        self.has_escape()
            && self.decoded().contains('\u{FFFD}')
            && serde_json::from_str::<String>(&format!("\"{}\"", self.raw)).is_err()
    }

    pub(crate) fn is(self, other: &str) -> bool {
        if self.has_escape() {
            decode(self.raw) == other
        } else {
            self.raw == other
        }
    }

    /// What the key stands for, see [`Reader::next_known_key`].
    #[cold]
    #[inline(never)]
    fn meaning<T: Copy>(self, known: &[(&'static str, T)]) -> Option<T> {
        let key = self.decoded();
        known
            .iter()
            .find(|(written, _)| written.trim_matches(['"', ':']) == key)
            .map(|(_, meaning)| *meaning)
    }
}

/// A key of an object that is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'a, T> {
    /// One of those that were asked for.
    Known(T),
    Other(Text<'a>),
}

/// What kind of value comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Literal,
}

/// A position in a JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the lanes that end a run of plain string bytes; exact for the lowest marked lane.
fn ends_plain_run(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let escape = word ^ (ONES * b'\\' as u64);
    ((quote.wrapping_sub(ONES) & !quote)
        | (escape.wrapping_sub(ONES) & !escape)
        | (word.wrapping_sub(ONES * 0x20) & !word))
        & HIGHS
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn syntax<T>(&self) -> Result<T, JsonError> {
        Err(JsonError::Syntax { at: self.at })
    }

    fn slice(&self, start: usize, end: usize) -> Result<&'a str, JsonError> {
        self.text
            .get(start..end)
            .ok_or(JsonError::Syntax { at: start })
    }

    /// The next byte that isn't white space.
    #[inline(always)]
    fn peek(&mut self) -> Result<u8, JsonError> {
        match self.byte(self.at) {
            Some(byte) if byte > b' ' => Ok(byte),
            _ => self.peek_behind_space(),
        }
    }

    #[cold]
    #[inline(never)]
    fn peek_behind_space(&mut self) -> Result<u8, JsonError> {
        loop {
            match self.byte(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return Ok(byte),
                None => return self.syntax(),
            }
        }
    }

    /// # Errors
    ///
    /// [`JsonError::Syntax`] when anything but white space is left.
    pub(crate) fn finish(mut self) -> Result<(), JsonError> {
        match self.peek() {
            Err(_) => Ok(()),
            Ok(_) => self.syntax(),
        }
    }

    #[inline]
    pub(crate) fn kind(&mut self) -> Result<Kind, JsonError> {
        Ok(match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::Text,
            b'-' | b'0'..=b'9' => Kind::Number,
            b't' | b'f' | b'n' => Kind::Literal,
            _ => return self.syntax(),
        })
    }

    #[inline]
    fn open(&mut self) -> Result<(), JsonError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(JsonError::TooDeep { at: self.at });
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn close(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    /// Enters an object; `false` when something else comes next, which is then left unread.
    #[inline]
    pub(crate) fn enter_object(&mut self) -> Result<bool, JsonError> {
        if self.peek()? != b'{' {
            return Ok(false);
        }
        self.open()?;
        Ok(true)
    }

    /// Enters an array; `false` when something else comes next, which is then left unread.
    #[inline]
    pub(crate) fn enter_array(&mut self) -> Result<bool, JsonError> {
        if self.peek()? != b'[' {
            return Ok(false);
        }
        self.open()?;
        Ok(true)
    }

    /// Goes to the next key of the entered object; `false` leaves the object.
    #[inline(always)]
    fn go_to_key(&mut self, is_first: &mut bool) -> Result<bool, JsonError> {
        let byte = self.peek()?;
        if byte == b'}' {
            self.close();
            return Ok(false);
        }
        if !std::mem::replace(is_first, false) {
            if byte != b',' {
                return self.syntax();
            }
            self.at += 1;
        }
        Ok(true)
    }

    /// A key and its colon, which must come next.
    #[inline]
    fn key(&mut self) -> Result<Text<'a>, JsonError> {
        self.peek()?;
        let key = self.text()?;
        if self.peek()? != b':' {
            return self.syntax();
        }
        self.at += 1;
        Ok(key)
    }

    /// The next key of the entered object; its value must be read next. `None` leaves the object.
    #[inline]
    pub(crate) fn next_key(&mut self, is_first: &mut bool) -> Result<Option<Text<'a>>, JsonError> {
        if !self.go_to_key(is_first)? {
            return Ok(None);
        }
        self.key().map(Some)
    }

    /// As [`Reader::next_key`], for an object whose keys are known but for a few. `known` has each key as
    /// programs write it, `"key":`, and what it stands for; keys written otherwise are recognised as well.
    #[inline(always)]
    pub(crate) fn next_known_key<T: Copy, const N: usize>(
        &mut self,
        is_first: &mut bool,
        known: &[(&'static str, T); N],
    ) -> Result<Option<Key<'a, T>>, JsonError> {
        if !self.go_to_key(is_first)? {
            return Ok(None);
        }
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        for (written, meaning) in known {
            if rest.starts_with(written.as_bytes()) {
                self.at += written.len();
                return Ok(Some(Key::Known(*meaning)));
            }
        }
        let key = self.key()?;
        Ok(Some(key.meaning(known).map_or(Key::Other(key), Key::Known)))
    }

    /// Whether the entered array has another element, which must be read next. `false` leaves the array.
    #[inline]
    pub(crate) fn next_element(&mut self, is_first: &mut bool) -> Result<bool, JsonError> {
        let byte = self.peek()?;
        if byte == b']' {
            self.close();
            return Ok(false);
        }
        if !std::mem::replace(is_first, false) {
            if byte != b',' {
                return self.syntax();
            }
            self.at += 1;
        }
        Ok(true)
    }

    /// A string that must come next.
    #[inline]
    fn text(&mut self) -> Result<Text<'a>, JsonError> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return self.syntax();
        }
        let start = self.at + 1;
        self.at = start;
        while let Some(chunk) = bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk::<8>())
        {
            let ends = ends_plain_run(u64::from_le_bytes(*chunk));
            if ends == 0 {
                self.at += 8;
                continue;
            }
            self.at += (ends.trailing_zeros() / 8) as usize;
            if bytes.get(self.at) == Some(&b'"') {
                let raw = self.slice(start, self.at)?;
                self.at += 1;
                return Ok(Text { raw, n_escapes: 0 });
            }
            break;
        }
        self.rest_of_text(start)
    }

    /// A string with an escape, or near the end of the line.
    #[inline(never)]
    fn rest_of_text(&mut self, start: usize) -> Result<Text<'a>, JsonError> {
        let mut n_escapes = 0;
        loop {
            match self.byte(self.at) {
                Some(b'"') => {
                    let raw = self.slice(start, self.at)?;
                    self.at += 1;
                    return Ok(Text { raw, n_escapes });
                }
                Some(b'\\') => {
                    n_escapes += 1;
                    self.escape()?;
                }
                Some(0..=0x1f) | None => return self.syntax(),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.byte(self.at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                for _ in 0..4 {
                    self.at += 1;
                    if !self
                        .byte(self.at)
                        .is_some_and(|digit| digit.is_ascii_hexdigit())
                    {
                        return self.syntax();
                    }
                }
                self.at += 1;
            }
            _ => return self.syntax(),
        }
        Ok(())
    }

    fn pass_literal(&mut self) -> Result<(), JsonError> {
        for literal in ["true", "false", "null"] {
            if self
                .text
                .as_bytes()
                .get(self.at..)
                .is_some_and(|rest| rest.starts_with(literal.as_bytes()))
            {
                self.at += literal.len();
                return Ok(());
            }
        }
        self.syntax()
    }

    /// Passes the next value, whatever it is, and returns it as it came.
    pub(crate) fn skip(&mut self) -> Result<&'a str, JsonError> {
        self.peek()?;
        let start = self.at;
        self.pass()?;
        self.slice(start, self.at)
    }

    fn pass(&mut self) -> Result<(), JsonError> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b'{' => {
                self.open()?;
                let mut is_first = true;
                while self.next_key(&mut is_first)?.is_some() {
                    self.pass()?;
                }
                Ok(())
            }
            b'[' => {
                self.open()?;
                let mut is_first = true;
                while self.next_element(&mut is_first)? {
                    self.pass()?;
                }
                Ok(())
            }
            _ => self.pass_literal(),
        }
    }

    /// The next value when it is a string; another value is passed.
    #[inline]
    pub(crate) fn text_or_skip(&mut self) -> Result<Option<Text<'a>>, JsonError> {
        if self.peek()? == b'"' {
            return self.text().map(Some);
        }
        self.pass().map(|()| None)
    }

    /// The next value when it is a number; another value is passed.
    #[inline(always)]
    pub(crate) fn number_or_skip(&mut self) -> Result<Option<Number<'a>>, JsonError> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            return self.pass().map(|()| None);
        }
        self.number().map(Some)
    }

    /// Passes `before`, which must come next byte for byte, and a number at once behind it. `None` when they don't come.
    /// For objects whose keys mostly stand in one order: read ahead with a clone, and key by key when that fails.
    #[inline(always)]
    pub(crate) fn number_behind(&mut self, before: &'static str) -> Option<Number<'a>> {
        self.expect(before)?;
        let number = Number::read(self.text, self.at).ok()?;
        self.at += number.raw.len();
        Some(number)
    }

    /// Passes `text`, which must come next byte for byte.
    #[inline(always)]
    pub(crate) fn expect(&mut self, text: &'static str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        rest.starts_with(text.as_bytes()).then_some(())?;
        self.at += text.len();
        Some(())
    }

    /// A number that must come next.
    #[inline(always)]
    fn number(&mut self) -> Result<Number<'a>, JsonError> {
        let number = Number::read(self.text, self.at).map_err(|at| JsonError::Syntax { at })?;
        self.at += number.raw.len();
        Ok(number)
    }

    /// Where the next value starts.
    #[inline]
    pub(crate) fn start(&mut self) -> Result<usize, JsonError> {
        self.peek().map(|_| self.at)
    }

    /// What was read from `start` on.
    #[inline]
    pub(crate) fn since(&self, start: usize) -> Result<&'a str, JsonError> {
        self.slice(start, self.at)
    }
}

fn decode(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    let mut pending_high: Option<u32> = None;
    while let Some(char) = chars.next() {
        let unit = match char {
            '\\' => match chars.next() {
                Some('u') => {
                    let hex: String = chars.by_ref().take(4).collect();
                    u32::from_str_radix(&hex, 16).unwrap_or(0xFFFD)
                }
                Some('b') => 0x08,
                Some('f') => 0x0C,
                Some('n') => 0x0A,
                Some('r') => 0x0D,
                Some('t') => 0x09,
                Some(other) => u32::from(other),
                None => 0xFFFD,
            },
            other => u32::from(other),
        };
        if let Some(high) = pending_high.take() {
            if (0xDC00..0xE000).contains(&unit) {
                let both = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
                out.push(char::from_u32(both).unwrap_or('\u{FFFD}'));
                continue;
            }
            out.push('\u{FFFD}');
        }
        if (0xD800..0xDC00).contains(&unit) {
            pending_high = Some(unit);
        } else {
            out.push(char::from_u32(unit).unwrap_or('\u{FFFD}'));
        }
    }
    if pending_high.is_some() {
        out.push('\u{FFFD}');
    }
    out
}

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => {
                out.push_str("\\u00");
                for digit in [u32::from(char) >> 4, u32::from(char) & 15] {
                    out.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Appends a number with the fewest digits that read back the same; integers without a fraction.
pub(crate) fn write_number(out: &mut String, value: f64) {
    use std::fmt::Write as _;
    if value.is_finite() {
        // Writing to a String can't fail.
        let _ = write!(out, "{value}");
    } else {
        out.push('0');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepts(text: &str) -> bool {
        let mut reader = Reader::new(text);
        reader.skip().is_ok() && reader.finish().is_ok()
    }

    #[test]
    fn grammar() {
        for good in [
            "0",
            "-0",
            "1",
            "-12.5e+3",
            "1E400",
            "\"\"",
            "\"a\\u00e9\\n\\/\"",
            "[]",
            "{}",
            " [ 1 , 2 ] ",
            "{\"a\":{\"b\":[null,true,false]}}",
            "\"\u{7f}\u{e9}\u{1F600} longer than eight bytes\"",
            "\t\r\n 1 ",
        ] {
            assert!(accepts(good), "{good}");
            assert!(
                serde_json::from_str::<serde::de::IgnoredAny>(good).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "",
            " ",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\"}",
            "{\"a\" 1}",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"a\nb\"",
            "\"a\0b\"",
            "\"open",
            "tru",
            "nulll",
            "1 2",
            "{\"a\":1}}",
            "[",
            "{",
            "'a'",
            "NaN",
            "\u{FEFF}1",
        ] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(accepts(&nested(63)));
        assert!(accepts(&nested(64)));
        assert!(!accepts(&nested(65)));
        assert!(!accepts(&"[".repeat(100_000)));
    }

    #[test]
    fn decoded_text() {
        let check = |raw: &str, expected: &str| {
            assert_eq!(
                Text {
                    raw,
                    n_escapes: raw.matches('\\').count()
                }
                .decoded(),
                expected
            )
        };
        check("plain", "plain");
        check("a\\n\\t\\/\\\\\\\"", "a\n\t/\\\"");
        check("\\u00e9\\ud83d\\ude00", "\u{e9}\u{1F600}");
        check("\\ud83d", "\u{FFFD}");
        check("\\ud83dx", "\u{FFFD}x");
        check("\\ude00", "\u{FFFD}");
    }

    fn json_like() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"key\":", "1", "-", "0", ".5",
            "e3", "null", "true", " ", "\\u00", "\u{e9}", "\u{1}",
        ]);
        prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn accepts_what_serde_json_accepts(text in prop_oneof![json_like(), ".*"]) {
            prop_assert_eq!(accepts(&text), serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        }

        #[test]
        fn text_round_trip(text in ".*") {
            let mut json = String::new();
            write_text(&mut json, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text.clone());
            let read = Reader::new(&json).text_or_skip().unwrap().unwrap();
            prop_assert_eq!(read.decoded(), text);
        }
    }
}
