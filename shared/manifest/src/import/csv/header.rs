//! What form a CSV file has: whether it is one, what separates its cells, whether a row heads the others.

use std::collections::{BTreeMap, BTreeSet};

use super::super::FileError;
use super::super::label_names::number;
use super::columns::{IMAGE_WORDS, LABEL_WORDS, is_image, word};
use super::rows::{Line, Row};

/// Refuses JSON Lines and other JSON: every row would be wrong.
pub(super) fn refuse_json(lines: &[Line]) -> Result<(), FileError> {
    let mut texts = lines.iter().map(|line| line.text.trim());
    let starts_as_json = |text: &str| {
        let rest = text.trim_start_matches(['[', '{']).trim_start();
        rest.len() < text.len() && (rest.is_empty() || rest.starts_with(['"', '}', ']']))
    };
    if !texts
        .find(|text| !text.is_empty())
        .is_some_and(starts_as_json)
    {
        return Ok(());
    }
    Err(FileError::new(
        "file is JSON, not CSV",
        "look at a manifest with gtcl check, import a COCO file with gtcl import coco",
    ))
}

/// What a first line `sep=;` says.
pub(super) fn told_separator(line: &Line) -> Option<char> {
    let told = line.text.trim_matches('"').strip_prefix("sep=")?;
    let mut chars = told.chars();
    chars.next().filter(|_| chars.next().is_none())
}

pub(super) fn named(separator: char) -> String {
    match separator {
        '\t' => "TAB".to_owned(),
        other => other.to_string(),
    }
}

fn remedy_for_separator(separator: char) -> String {
    match separator {
        '\t' => "--separator tab says so".to_owned(),
        other => format!("--separator '{other}' says so"),
    }
}

/// The separator of a file most of whose rows have another than `separator`, or in which it alone is used.
///
/// # Errors
///
/// [`FileError`] when it is `|`, which may as well stand between labels.
pub(super) fn separator_of(rows: &[Row<'_>], separator: char) -> Result<Option<char>, FileError> {
    let mut n_rows_with = BTreeMap::<char, usize>::new();
    for row in rows {
        if let Some(other) = row.other_separator(separator) {
            *n_rows_with.entry(other).or_default() += 1;
        }
    }
    let is_used = |row: &Row<'_>| row.cells.as_ref().is_ok_and(|cells| cells.len() > 1);
    let is_unused = !rows.iter().any(is_used);
    let found = n_rows_with
        .into_iter()
        .find(|(_, n_rows)| is_unused || 2 * n_rows > rows.len())
        .map(|(other, _)| other);
    match found {
        Some('|') => Err(other_separator(rows, separator, '|')),
        found => Ok(found),
    }
}

/// Says that cells are separated by something else.
pub(super) fn other_separator(rows: &[Row<'_>], separator: char, other: char) -> FileError {
    let mut with_other = rows.iter();
    let first = with_other.find(|row| row.other_separator(separator) == Some(other));
    FileError::new(
        format!(
            "cells are separated by {}, not by {}, in row {} to begin with",
            named(other),
            named(separator),
            first.map_or(1, |row| row.line.number)
        ),
        remedy_for_separator(other),
    )
}

/// The first row when it names columns: none of its cells names an image, and one is a word for images or several are
/// words for columns, or it looks unlike all other rows and nothing of it is a label elsewhere.
pub(super) fn find_header<'r, 'a>(rows: &'r [Row<'a>], separator: char) -> Option<&'r Row<'a>> {
    let (first, others) = rows.split_first()?;
    let cells = first.cells.as_deref().ok()?;
    let is_data = |cell: &String| is_image(cell) || number(cell).is_some();
    let n_data = cells.iter().filter(|cell| is_data(cell)).count();
    if cells.iter().any(|cell| is_image(cell)) || first.other_separator(separator).is_some() {
        return None;
    }
    let words: Vec<String> = cells.iter().map(|cell| word(cell)).collect();
    // "id" and "name" may be labels, too.
    let is_image_word = |(idx, word): (usize, &String)| {
        let place = IMAGE_WORDS.iter().position(|known| known == word);
        place.is_some_and(|place| place < IMAGE_WORDS.len() - 3 || idx == 0)
    };
    if words.iter().enumerate().any(is_image_word) {
        return Some(first);
    }
    let is_known = |word: &&String| LABEL_WORDS.contains(&word.as_str());
    if words.iter().filter(is_known).count() > 0 && n_data == 0 && others.iter().any(has_image) {
        let labels: BTreeSet<&str> = cells.iter().map(String::as_str).collect();
        let recurs = |row: &Row<'_>| (0..row.n_cells()).any(|idx| labels.contains(row.cell(idx)));
        if !others.iter().any(recurs) {
            return Some(first);
        }
    }
    let heads: BTreeSet<&str> = (1..first.n_cells()).map(|idx| first.cell(idx)).collect();
    let is_unlike = |row: &Row<'_>| {
        let mut labels = (1..row.n_cells()).map(|idx| row.cell(idx));
        is_image(row.cell(0)) && !labels.any(|label| heads.contains(label))
    };
    let is_head = !others.is_empty() && n_data == 0 && !first.cell(0).is_empty();
    (is_head && others.iter().all(is_unlike)).then_some(first)
}

fn has_image(row: &Row<'_>) -> bool {
    (0..row.n_cells()).any(|idx| is_image(row.cell(idx)))
}
