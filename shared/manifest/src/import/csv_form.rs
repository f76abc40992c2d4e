//! What form a CSV file has: whether it is one, what separates its cells, whether a row heads the others.

use std::collections::{BTreeMap, BTreeSet};

use super::FileError;
use super::csv_rows::{Line, Row};
use super::image_name::has_image_extension;

/// Words that head the column of images, in lower case without `_`, `-` and spaces.
const HEADS: [&str; 17] = [
    "file",
    "fileid",
    "filename",
    "filepath",
    "id",
    "image",
    "imageid",
    "imagename",
    "imagepath",
    "imageuri",
    "imageurl",
    "key",
    "name",
    "path",
    "s3path",
    "s3uri",
    "sourceref",
];

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

/// Refuses a file most of whose rows have another separator, or in which it alone is used.
pub(super) fn refuse_other_separator(rows: &[Row<'_>], separator: char) -> Result<(), FileError> {
    let mut n_rows_with = BTreeMap::<char, (usize, u64)>::new();
    for row in rows {
        if let Some(other) = row.other_separator(separator) {
            n_rows_with.entry(other).or_insert((0, row.line.number)).0 += 1;
        }
    }
    let is_used = |row: &Row<'_>| row.cells.as_ref().is_ok_and(|cells| cells.len() > 1);
    let is_unused = !rows.iter().any(is_used);
    let found = n_rows_with
        .into_iter()
        .find(|(_, (n_rows, _))| is_unused || 2 * n_rows > rows.len());
    match found {
        None => Ok(()),
        Some((other, (_, first))) => Err(FileError::new(
            format!(
                "cells are separated by {}, not by {}, in row {first} to begin with",
                named(other),
                named(separator)
            ),
            remedy_for_separator(other),
        )),
    }
}

/// The first row when it names columns: its first cell is such a word, or looks unlike the image names of all other
/// rows, and nothing of it is a label elsewhere.
pub(super) fn find_header<'r, 'a>(rows: &'r [Row<'a>], separator: char) -> Option<&'r Row<'a>> {
    let (first, others) = rows.split_first()?;
    let image = first.image();
    if image.is_empty()
        || image.starts_with("s3://")
        || has_image_extension(image)
        || first.other_separator(separator).is_some()
    {
        return None;
    }
    let word: String = image
        .to_lowercase()
        .chars()
        .filter(|char| !matches!(char, '_' | '-' | ' ' | '#'))
        .collect();
    if HEADS.contains(&word.as_str()) {
        return Some(first);
    }
    let heads: BTreeSet<&str> = first.labels().collect();
    let is_unlike = |row: &Row<'_>| {
        has_image_extension(row.image()) && !row.labels().any(|label| heads.contains(label))
    };
    let has_image = first.labels().any(has_image_extension);
    (!others.is_empty() && !has_image && others.iter().all(is_unlike)).then_some(first)
}
