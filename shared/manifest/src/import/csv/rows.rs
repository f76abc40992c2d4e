//! Rows of a CSV file, one a line.
//!
//! Neither an image nor a label can have a line break, so a quote that isn't closed ends with its line and spoils that
//! row alone. Quoting otherwise as in RFC 4180: `"` around a cell, `""` for one in it; cells are trimmed.

use super::super::image_name::has_image_extension;

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

/// A line and its cells.
pub(super) struct Row<'a> {
    pub(super) line: &'a Line,
    pub(super) cells: Result<Vec<String>, RowFault>,
}

impl Row<'_> {
    /// The cell's text; empty where the row has none.
    pub(super) fn cell(&self, idx: usize) -> &str {
        let cells = self.cells.as_deref().unwrap_or_default();
        cells.get(idx).map_or("", String::as_str)
    }

    /// How many cells there are, without empty ones at the end.
    pub(super) fn n_cells(&self) -> usize {
        let cells = self.cells.as_deref().unwrap_or_default();
        cells
            .iter()
            .rposition(|cell| !cell.is_empty())
            .map_or(0, |last| last + 1)
    }

    pub(super) fn is_blank(&self) -> bool {
        self.cells
            .as_ref()
            .is_ok_and(|cells| cells.iter().all(String::is_empty))
    }

    /// What stands between the row's cells when it isn't `separator`.
    pub(super) fn other_separator(&self, separator: char) -> Option<char> {
        let others = [',', ';', '\t', '|'];
        let mut others = others.into_iter().filter(|other| *other != separator);
        match &self.cells {
            Err(RowFault::UnclosedQuote) => None,
            Err(RowFault::BehindQuote(found)) => others.find(|other| other == found),
            Ok(cells) => others.find(|other| {
                let image = self.cell(0);
                let mut parts = image.split(*other);
                let is_behind_image = parts.next().is_some_and(has_image_extension);
                let has_parts = parts.next().is_some();
                has_parts && (is_behind_image || (cells.len() == 1 && *other != '|'))
            }),
        }
    }
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
