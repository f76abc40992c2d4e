//! Rows of a CSV file, one a line.
//!
//! Neither an image nor a label can have a line break, so a quote that isn't closed ends with its line and spoils that
//! row alone. Quoting otherwise as in RFC 4180: `"` around a cell, `""` for one in it; cells are trimmed.

/// A row: its one-based number and its text without the line ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    /// Bytes that aren't UTF-8 are U+FFFD, which no image or label may have.
    pub(super) text: String,
}

/// Why a line isn't a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowFault {
    /// A `"` opens a cell and nothing closes it.
    UnclosedQuote,
    /// A closing `"` is followed by this instead of the separator.
    BehindQuote(char),
}

/// Splits at LF, CR LF and CR. Blank lines are lines; the end of the last line starts no other.
pub(super) fn lines(file: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        rest = behind
            .strip_prefix(b"\r\n")
            .or_else(|| behind.get(1..))
            .unwrap_or_default();
        lines.push(Line {
            number: lines.len() as u64 + 1,
            text: String::from_utf8_lossy(line).into_owned(),
        });
    }
    lines
}

/// The cells of a row.
pub(super) fn cells(line: &str, separator: char) -> Result<Vec<String>, RowFault> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let is_space = |char: char| char.is_whitespace() && char != separator;
        let cell = rest.trim_start_matches(is_space);
        let behind = match cell.strip_prefix('"') {
            Some(quoted) => {
                let (text, behind) = unquote(quoted)?;
                cells.push(text.trim().to_owned());
                let behind = behind.trim_start_matches(is_space);
                match behind.chars().next() {
                    Some(other) if other != separator => return Err(RowFault::BehindQuote(other)),
                    _ => behind,
                }
            }
            None => {
                let (text, behind) = cell.split_at(cell.find(separator).unwrap_or(cell.len()));
                cells.push(text.trim().to_owned());
                behind
            }
        };
        match behind.strip_prefix(separator) {
            Some(next) => rest = next,
            None => return Ok(cells),
        }
    }
}

/// What stands up to the closing quote, and what is behind it.
fn unquote(quoted: &str) -> Result<(String, &str), RowFault> {
    let mut text = String::new();
    let mut rest = quoted;
    loop {
        let (piece, behind) = rest.split_once('"').ok_or(RowFault::UnclosedQuote)?;
        text.push_str(piece);
        match behind.strip_prefix('"') {
            Some(more) => {
                text.push('"');
                rest = more;
            }
            None => return Ok((text, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_endings() {
        let texts = |file: &[u8]| -> Vec<String> {
            lines(file).into_iter().map(|line| line.text).collect()
        };
        for (file, expected) in [
            (&b""[..], &[][..]),
            (b"a", &["a"]),
            (b"a\nb\n", &["a", "b"]),
            (b"a\r\nb\r\n", &["a", "b"]),
            (b"a\rb\r", &["a", "b"]),
            (b"a\n\nb", &["a", "", "b"]),
            (b"caf\xe9\n", &["caf\u{FFFD}"]),
        ] {
            assert_eq!(texts(file), expected, "{file:?}");
        }
        assert_eq!(lines(b"a\n\nb")[2].number, 3);
    }

    #[test]
    fn quoting() {
        let good = |line: &str, separator, expected: &[&str]| {
            assert_eq!(cells(line, separator).unwrap(), expected, "{line}");
        };
        good("a,b", ',', &["a", "b"]);
        good("", ',', &[""]);
        good(" a , b ,", ',', &["a", "b", ""]);
        good("\"a, \"\"b\"\"\" ,c", ',', &["a, \"b\"", "c"]);
        good("5\" disk,a\"b\"", ',', &["5\" disk", "a\"b\""]);
        good("a\tb c\t\td", '\t', &["a", "b c", "", "d"]);
        good("a;b,c", ';', &["a", "b,c"]);
        assert_eq!(cells("\"a,b", ','), Err(RowFault::UnclosedQuote));
        assert_eq!(cells("a,\"b\"\"", ','), Err(RowFault::UnclosedQuote));
        assert_eq!(cells("\"a\";\"b\"", ','), Err(RowFault::BehindQuote(';')));
        assert_eq!(cells("\"a\"b", ','), Err(RowFault::BehindQuote('b')));
    }
}
