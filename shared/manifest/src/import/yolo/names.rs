//! Names of classes: the two keys of `data.yaml` that matter, or a file with a name a line.
//!
//! Of YAML, what programs write for these keys is read: a list or a map, in brackets or a line each, plain or quoted.

use super::super::FileError;
use crate::encoding::text_start;

/// Names of classes by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassNames {
    pub(super) list: Vec<(u32, String)>,
    /// Lines have key points behind the box.
    pub(super) has_keypoints: bool,
}

impl ClassNames {
    /// Reads a file with a name a line: `classes.txt`, `obj.names`.
    #[must_use]
    pub fn of_lines(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text_start(bytes).unwrap_or(bytes)).into_owned();
        let mut names: Vec<&str> = text.lines().map(str::trim).collect();
        while names.last().is_some_and(|name| name.is_empty()) {
            names.pop();
        }
        let list = (0..).zip(names.into_iter().map(str::to_owned));
        Self {
            list: list.collect(),
            has_keypoints: false,
        }
    }

    /// Reads `data.yaml`.
    ///
    /// # Errors
    ///
    /// [`FileError`] when it has no `names` that can be read.
    pub fn of_data_yaml(bytes: &[u8]) -> Result<Self, FileError> {
        let text = std::str::from_utf8(text_start(bytes)?);
        let text = text.map_err(|_| FileError::new("file is not UTF-8", "save it as UTF-8"))?;
        let mut lines = text.lines();
        let mut names = None;
        let mut has_keypoints = false;
        while let Some(line) = lines.next() {
            has_keypoints |= line.starts_with("kpt_shape:");
            if let Some(rest) = line.strip_prefix("names:") {
                names = read_names(rest, lines.clone());
            }
        }
        let list = names.filter(|names| !names.is_empty()).ok_or_else(|| {
            FileError::new(
                "data.yaml has no names that can be read",
                "write names: [cat, dog], or a line each: 0: cat; or beside it classes.txt with a name a line",
            )
        })?;
        Ok(Self {
            list,
            has_keypoints,
        })
    }
}

fn read_names<'t>(rest: &str, lines: impl Iterator<Item = &'t str>) -> Option<Vec<(u32, String)>> {
    let rest = without_comment(rest);
    let rest = rest.trim();
    if rest.starts_with(['[', '{']) {
        let mut whole = rest.to_owned();
        for line in lines {
            if is_closed(&whole) {
                break;
            }
            whole.push(' ');
            whole.push_str(without_comment(line).trim());
        }
        let inner = whole.trim();
        let is_map = inner.starts_with('{');
        let inner = inner.strip_prefix(['[', '{'])?.strip_suffix([']', '}'])?;
        return items(inner)?
            .into_iter()
            .enumerate()
            .map(|(idx, item)| numbered(idx, &item, is_map))
            .collect();
    }
    if !rest.is_empty() {
        return None;
    }
    let mut names = Vec::new();
    for line in lines {
        let line = without_comment(line);
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        let is_inside = line.starts_with([' ', '\t', '-']);
        if !is_inside {
            break;
        }
        names.push(match text.strip_prefix('-') {
            Some(item) => numbered(names.len(), item.trim(), false)?,
            None => numbered(names.len(), text, true)?,
        });
    }
    Some(names)
}

/// Whether brackets are closed at the end, outside of quotes.
fn is_closed(text: &str) -> bool {
    text.trim_end().ends_with([']', '}']) && items(text).is_some()
}

/// The parts between commas, outside of quotes; `None` when a quote isn't closed.
fn items(text: &str) -> Option<Vec<String>> {
    let mut items = vec![String::new()];
    let mut quote = None;
    for char in text.chars() {
        match (quote, char) {
            (None, ',') => {
                items.push(String::new());
                continue;
            }
            (None, '\'' | '"')
                if items
                    .last()
                    .is_some_and(|item| is_quote_start(item) || item.ends_with(char)) =>
            {
                quote = Some(char);
            }
            (Some(open), _) if open == char => quote = None,
            _ => {}
        }
        items.last_mut()?.push(char);
    }
    if items.last().is_some_and(|item| item.trim().is_empty()) {
        items.pop();
    }
    quote.is_none().then_some(items)
}

/// Quotes open at the start of a value, not within a word (`5' tall`).
fn is_quote_start(item: &str) -> bool {
    let item = item.trim_end();
    item.is_empty() || item.ends_with(['[', '{', ':'])
}

/// A name and its number: `cat`, or of a map `0: cat`.
fn numbered(idx: usize, item: &str, is_map: bool) -> Option<(u32, String)> {
    let item = item.trim();
    if !is_map {
        return Some((u32::try_from(idx).ok()?, unquoted(item)?));
    }
    let (number, name) = item.split_once(':')?;
    let number = unquoted(number.trim())?;
    Some((number.parse().ok()?, unquoted(name.trim())?))
}

fn unquoted(text: &str) -> Option<String> {
    for quote in ['\'', '"'] {
        if let Some(rest) = text.strip_prefix(quote) {
            let inner = rest.strip_suffix(quote)?;
            return Some(match quote {
                '\'' => inner.replace("''", "'"),
                _ => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
            });
        }
    }
    (!text.is_empty() && !text.starts_with(['&', '*', '!', '|', '>'])).then(|| text.to_owned())
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.split_once(" #").map_or(line, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_yaml() {
        let check = |text: &str, expected: &[(u32, &str)]| {
            let names = ClassNames::of_data_yaml(text.as_bytes()).map(|names| names.list);
            let names = names.unwrap_or_default();
            let names: Vec<(u32, &str)> = names
                .iter()
                .map(|(id, name)| (*id, name.as_str()))
                .collect();
            assert_eq!(names, expected, "{text}");
        };
        let two = &[(0, "cat"), (1, "big dog")];
        check("train: x\nnc: 2\nnames: ['cat', 'big dog']\n", two);
        check("names: [cat, \"big dog\"] # two", two);
        check("names: ['cat',\n  'big dog']\nnc: 2", two);
        check("names:\n  0: cat\n  1: 'big dog'\nroboflow:\n  x: 1", two);
        check("names:\n- cat\n- big dog\nnc: 2\n", two);
        check("names:\n  # animals\n  - cat\n\n  - big dog\n", two);
        check("names: {0: cat, 1: big dog}", two);
        check("names: ['it''s, x', b]", &[(0, "it's, x"), (1, "b")]);
        check("names:\n  7: cat", &[(7, "cat")]);
        check("names: [cat, dog", &[]);
        check("names: *others", &[]);
        check("names:\n  cat\n", &[]);
        check("nc: 2\n", &[]);
    }

    #[test]
    fn lines() {
        let names = ClassNames::of_lines(b"\xEF\xBB\xBFcat\r\nbig dog \n\n\n").list;
        assert_eq!(names, [(0, "cat".to_owned()), (1, "big dog".to_owned())]);
    }
}
