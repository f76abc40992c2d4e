//! Label categories: the standard label category file, and lists of names.

use std::collections::HashSet;

use serde_json::Value;

use crate::shown::shown;

/// Largest label category file that is read, in bytes, inclusive. Source: ours; a single-label job has no documented
/// bound of categories, 10,000 names of 100 bytes fit.
pub const CATEGORY_FILE_BYTES_MAX: u64 = 1_048_576;

/// Longest name of a label category, in characters, inclusive. Source: CreateLabelingJob, LabelCategoryConfigS3Uri.
pub const CATEGORY_CHARS_MAX: usize = 256;

/// Why a text holds no label categories.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CategoriesError {
    /// Not JSON.
    #[error("label category file is not valid JSON: {reason}")]
    Json {
        /// Line and column.
        reason: String,
    },
    /// JSON of another shape.
    #[error(
        "label category file has no list \"labels\"; the standard form is {{\"document-version\":\"2018-11-28\",\"labels\":[{{\"label\":\"cat\"}}]}}"
    )]
    NoLabels,
    /// A label category file without any.
    #[error("label category file has no label in its list \"labels\"")]
    Empty,
    /// One of the labels has no usable name.
    #[error(
        "label {number} of the label category file has no name of 1 to {CATEGORY_CHARS_MAX} characters"
    )]
    Name {
        /// Position, one-based.
        number: usize,
    },
    /// Two labels have the same name.
    #[error("label category {name} stands twice in the label category file")]
    Twice {
        /// The name, in quotes.
        name: String,
    },
}

/// Reads a label category file: `{"document-version": …, "labels": [{"label": "cat"}, …]}`.
///
/// A plain list of names, at `labels` or as the whole text, is read as well. The order is kept: a name's position is
/// its class id.
///
/// Source: Developer Guide, "Create a Labeling Category Configuration File".
///
/// # Errors
///
/// [`CategoriesError`], one variant for each thing that can be wrong.
pub fn parse_file(bytes: &[u8]) -> Result<Vec<String>, CategoriesError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| CategoriesError::Json {
        reason: error.to_string(),
    })?;
    let labels = value.get("labels").unwrap_or(&value);
    let labels = labels.as_array().ok_or(CategoriesError::NoLabels)?;
    let mut names = Vec::with_capacity(labels.len());
    let mut seen = HashSet::with_capacity(labels.len());
    for (number, label) in (1..).zip(labels) {
        let name = name_of(label).ok_or(CategoriesError::Name { number })?;
        if !seen.insert(name) {
            return Err(CategoriesError::Twice { name: shown(name) });
        }
        names.push(name.to_owned());
    }
    if names.is_empty() {
        return Err(CategoriesError::Empty);
    }
    Ok(names)
}

/// Reads a job's own copy of its label category file; `None` when the job has no label categories.
///
/// # Errors
///
/// As [`parse_file`]; an empty list is none.
pub fn parse_own_copy(bytes: &[u8]) -> Result<Option<Vec<String>>, CategoriesError> {
    match parse_file(bytes) {
        Err(CategoriesError::Empty) => Ok(None),
        read => read.map(Some),
    }
}

/// Reads the setting `LABEL_CATEGORIES`: names separated by commas, or a JSON list of names (for names with commas).
///
/// # Errors
///
/// As [`parse_file`], for a JSON list.
pub fn parse_setting(text: &str) -> Result<Vec<String>, CategoriesError> {
    if text.trim_start().starts_with(['[', '{']) {
        return parse_file(text.as_bytes());
    }
    let mut names: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for name in text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if !seen.insert(name) {
            return Err(CategoriesError::Twice { name: shown(name) });
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Names in a JSON list of strings or `{"label": …}` objects, as far as they are usable; `None` when there are none.
///
/// Used where a request carries the list: Ground Truth sends `null` or nothing for jobs made in the console.
pub fn from_value(value: Option<&Value>) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let names = value?.as_array()?.iter().filter_map(name_of);
    let names: Vec<String> = names
        .filter(|name| seen.insert(*name))
        .map(str::to_owned)
        .collect();
    (!names.is_empty()).then_some(names)
}

fn name_of(label: &Value) -> Option<&str> {
    let name = label.as_str().or_else(|| label.get("label")?.as_str())?;
    let is_usable = !name.is_empty() && name.chars().count() <= CATEGORY_CHARS_MAX;
    is_usable.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, expected: Result<&[&str], &str>) {
        match (parse_file(file.as_bytes()), expected) {
            (Ok(names), Ok(expected)) => assert_eq!(names, expected, "{file}"),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{file}: {error}");
            }
            (found, _) => panic!("{file}: {found:?}"),
        }
    }

    #[test]
    fn files() {
        // Source: label category file of a real job, annotation-tool/data.json.
        check(
            r#"{"document-version": "2018-11-28", "labels": [{"label": "Duck"}, {"label": "Sparrow"}]}"#,
            Ok(&["Duck", "Sparrow"]),
        );
        check("\u{feff}[\"b\",\"a\"]", Ok(&["b", "a"]));
        check(r#"{"labels":["a",{"label":"b"}]}"#, Ok(&["a", "b"]));
        check(r#"{"labels":[]}"#, Err("no label in"));
        check(r#"{"document-version":"2018-11-28"}"#, Err("no list"));
        check(
            r#"{"labels":[{"label":"a"},{"label":"a"}]}"#,
            Err("\"a\" stands twice"),
        );
        check(
            r#"{"labels":[{"label":"a"},{"name":"b"}]}"#,
            Err("label 2 "),
        );
        check(r#"{"labels":[""]}"#, Err("label 1 "));
        check("{", Err("not valid JSON"));
    }

    #[test]
    fn name_length() {
        for (n, expected) in [(255, true), (256, true), (257, false)] {
            let file = format!("[\"{}\"]", "ä".repeat(n));
            assert_eq!(parse_file(file.as_bytes()).is_ok(), expected, "{n}");
        }
    }

    #[test]
    fn settings() {
        assert_eq!(parse_setting("cat, dog ,").unwrap(), ["cat", "dog"]);
        assert_eq!(parse_setting(r#"["a,b","c"]"#).unwrap(), ["a,b", "c"]);
        assert!(parse_setting("").unwrap().is_empty());
        assert!(parse_setting("a,a").is_err());
    }

    #[test]
    fn of_requests() {
        let names = |json: &str| from_value(Some(&serde_json::from_str(json).unwrap()));
        assert_eq!(names("null"), None);
        assert_eq!(names("[]"), None);
        assert_eq!(
            names(r#"["a",7,"a",{"label":"b"}]"#),
            Some(vec!["a".into(), "b".into()])
        );
        assert_eq!(from_value(None), None);
    }
}
