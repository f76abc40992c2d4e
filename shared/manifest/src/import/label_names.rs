//! What label names may be, and whether they look like something else than names.

use std::collections::BTreeMap;

use super::{Fault, FileError};
use crate::code::Code;
use crate::line::{is_label_key, shown};
use crate::rules::LABEL_NAME_CHARS_MAX;

use super::image_name::{has_any_image_extension, is_uri};

/// What keeps a text from being the name of a label.
pub(super) fn check(name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::new(
            Code::InvalidLabelNameLength,
            format!("label \"\" has not 1 to {LABEL_NAME_CHARS_MAX} characters"),
        ));
    }
    if name.chars().count() > LABEL_NAME_CHARS_MAX {
        return Err(Fault::new(
            Code::InvalidLabelNameLength,
            format!(
                "label {:?}… has more than {LABEL_NAME_CHARS_MAX} characters",
                shown(name)
            ),
        ));
    }
    let not_plain = |what: &str| {
        Fault::new(
            Code::LabelNameNotPlain,
            format!("label {:?} {what}", shown(name)),
        )
    };
    if name.chars().any(char::is_control) {
        return Err(not_plain("has a control character"));
    }
    if name.contains('\u{FFFD}') {
        return Err(not_plain("has the character that stands for lost ones")
            .with_remedy("export the file again, in UTF-8"));
    }
    Ok(())
}

/// What keeps a text from being the name of an image-level label, which names its label attribute.
pub(super) fn check_image_level(name: &str) -> Result<(), Fault> {
    check(name)?;
    if is_label_key(name) {
        return Ok(());
    }
    Err(Fault::new(
        Code::LabelNameNotPlain,
        format!(
            "label {:?} can't be the name of a label attribute",
            shown(name)
        ),
    ))
}

/// What a text looks like that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Odd {
    Flag,
    Number,
    Coordinates,
    Path,
}

/// What a cell says that is a flag; `None` for any other text. An empty cell is no flag.
pub(super) fn flag(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["true", "yes", "t", "y"]) {
        return Some(true);
    }
    if is(&["false", "no", "f", "n"]) {
        return Some(false);
    }
    match number(text) {
        Some(1.0) => Some(true),
        Some(0.0) => Some(false),
        _ => None,
    }
}

/// A finite number as programs write it.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    // Words such as inf and nan are numbers for Rust.
    let is_written = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    let number: f64 = text.parse().ok().filter(|_| is_written)?;
    number.is_finite().then_some(number)
}

/// What a text looks like, when it doesn't look like a label's name.
pub(super) fn odd(text: &str) -> Option<Odd> {
    if flag(text).is_some() {
        return Some(Odd::Flag);
    }
    if number(text).is_some() || number(&text.replace(',', ".")).is_some() {
        return Some(Odd::Number);
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let has_structure = text.starts_with(['[', '{', '(', '<']);
    let is_list = |separators: &[char]| {
        let mut parts = text
            .trim_matches(|char| matches!(char, '[' | ']' | '(' | ')'))
            .split(separators)
            .filter(|part| !part.is_empty())
            .peekable();
        parts.peek().is_some() && parts.all(|part| number(part).is_some())
    };
    if (digits > 0 && is_list(&[' ', ',', ';', ':', '/', '|', '-'])) || has_structure {
        return Some(Odd::Coordinates);
    }
    let is_path = is_uri(text)
        || text.starts_with(['/', '~', '\\'])
        || has_any_image_extension(text)
        || text
            .get(1..3)
            .is_some_and(|start| matches!(start, ":\\" | ":/"))
        || text.matches(['/', '\\']).count() > 1;
    is_path.then_some(Odd::Path)
}

/// Refuses labels most of which look like something else, by use or each name once.
pub(super) fn refuse_odd<'n>(
    names: impl IntoIterator<Item = &'n str>,
    whose: &str,
) -> Result<(), FileError> {
    let mut uses: BTreeMap<&str, u64> = BTreeMap::new();
    for name in names {
        *uses.entry(name).or_default() += 1;
    }
    let mut kinds: BTreeMap<Odd, u64> = BTreeMap::new();
    let mut examples: Vec<String> = Vec::new();
    let (mut n_uses, mut n_odd_uses, mut n_odd) = (0, 0, 0);
    for (name, n) in &uses {
        n_uses += n;
        if let Some(kind) = odd(name) {
            *kinds.entry(kind).or_default() += n;
            n_odd_uses += n;
            n_odd += 1;
            examples.push(format!("{:?}", shown(name)));
        }
    }
    if 2 * n_odd_uses <= n_uses && 2 * n_odd <= uses.len() {
        return Ok(());
    }
    examples.truncate(4);
    // 0 and 1 among other numbers are no flags.
    if let Some(n_numbers) = kinds.get(&Odd::Number).copied() {
        let n_flags = kinds.remove(&Odd::Flag).unwrap_or_default();
        kinds.insert(Odd::Number, n_numbers + n_flags);
    }
    let most = kinds.into_iter().max_by_key(|(_, n)| *n);
    let (what, remedy) = match most.map(|(kind, _)| kind) {
        Some(Odd::Flag) | None => (
            "flags that say yes or no",
            "a table with a column a label needs a header that names the columns",
        ),
        Some(Odd::Number) => (
            "numbers: of classes, coordinates or confidences",
            "give the table a header that says what is in each column (image, label, xmin, ymin, xmax, ymax), and labels by name",
        ),
        Some(Odd::Coordinates) => (
            "coordinates or other data",
            "give the table a header that says what is in each column (image, label, bbox), and labels by name",
        ),
        Some(Odd::Path) => (
            "paths or codes",
            "say which columns have image and labels: --image-column NAME --label-column NAME",
        ),
    };
    Err(FileError::new(
        format!(
            "{whose} look like {what}, not like names: {}",
            examples.join(", ")
        ),
        format!("{remedy}; --odd-labels takes them as they are"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_odd() {
        for (text, expected) in [
            ("cat", None),
            ("", None),
            ("big cat", None),
            ("7up", None),
            ("cat/dog", None),
            ("T-shirt", None),
            ("A4", None),
            ("1", Some(Odd::Flag)),
            ("0.0", Some(Odd::Flag)),
            ("TRUE", Some(Odd::Flag)),
            ("no", Some(Odd::Flag)),
            ("2", Some(Odd::Number)),
            ("-1", Some(Odd::Number)),
            ("0,5", Some(Odd::Number)),
            ("1e3", Some(Odd::Number)),
            ("nan", None),
            ("10 20 30", Some(Odd::Coordinates)),
            ("[1, 2]", Some(Odd::Coordinates)),
            ("2024-05-01", Some(Odd::Coordinates)),
            ("{\"a\":1}", Some(Odd::Coordinates)),
            ("a.jpg", Some(Odd::Path)),
            ("a/b.tif", Some(Odd::Path)),
            ("/m/011k07", Some(Odd::Path)),
            ("gs://b/c", Some(Odd::Path)),
            ("C:\\x", Some(Odd::Path)),
        ] {
            assert_eq!(odd(text), expected, "{text:?}");
        }
    }

    #[test]
    fn most_names_decide() {
        let check = |names: &[&str], is_good: bool| {
            let found = refuse_odd(names.iter().copied(), "labels");
            assert_eq!(found.is_ok(), is_good, "{names:?}: {found:?}");
        };
        check(&[], true);
        check(&["cat", "1"], true);
        check(&["cat", "1", "0"], false);
        check(&["cat", "cat", "cat", "1"], true);
        check(&["cat", "dog", "1", "1", "1"], false);
    }
}
