//! What Ground Truth documents about an input manifest, line by line, before a job is paid for.
//!
//! This module reads no file. Source: Ground Truth Developer Guide, "Use an input manifest file" and "Input data
//! quotas".

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use manifest::{LINE_CHARS_MAX, RawLine, SourceRef};
use serde_json::value::RawValue;

/// Data objects of an image job at most.
pub const DATA_OBJECTS_MAX: u64 = 100_000;
/// Characters of one attribute's value at most.
pub const ATTRIBUTE_CHARS_MAX: usize = 20_000;
/// Problems that are kept; the rest is counted.
const PROBLEMS_MAX: usize = 20;
/// Image references that are kept to look at: the first ones.
const SAMPLES_MAX: usize = 10;

/// What was found in the lines so far.
#[derive(Debug, Default)]
pub struct InputManifest {
    label_attribute: String,
    n_lines: u64,
    n_with_labels: u64,
    n_problems: u64,
    problems: Vec<String>,
    /// Images per bucket.
    buckets: BTreeMap<String, u64>,
    samples: Vec<String>,
    seen: BTreeSet<u64>,
    n_twice: u64,
}

impl InputManifest {
    /// For a job that writes `label_attribute`.
    pub fn new(label_attribute: &str) -> Self {
        Self {
            label_attribute: label_attribute.to_owned(),
            ..Self::default()
        }
    }

    /// Takes the next line in; `line_number` is one-based.
    pub fn take(&mut self, line_number: u64, line: RawLine<'_>) {
        self.n_lines += 1;
        let found = match line {
            RawLine::TooLong { n_bytes } => Err(format!(
                "has {n_bytes} bytes; {LINE_CHARS_MAX} characters is the limit"
            )),
            RawLine::Line(bytes) => self.judge(bytes),
        };
        if let Err(reason) = found {
            self.n_problems += 1;
            if self.problems.len() < PROBLEMS_MAX {
                self.problems.push(format!("line {line_number} {reason}"));
            }
        }
    }

    fn judge(&mut self, bytes: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        let n_chars = text.chars().count();
        if n_chars > LINE_CHARS_MAX {
            return Err(format!(
                "has {n_chars} characters; {LINE_CHARS_MAX} is the limit"
            ));
        }
        let fields: IndexMap<String, Box<RawValue>> =
            serde_json::from_str(text).map_err(|error| format!("is not a JSON object: {error}"))?;
        for (name, value) in &fields {
            if name.starts_with('$') {
                return Err(format!(
                    "has the attribute {name:?}; names must not begin with $"
                ));
            }
            let n_chars = value.get().chars().count();
            if n_chars > ATTRIBUTE_CHARS_MAX {
                return Err(format!(
                    "has {n_chars} characters in {name:?}; {ATTRIBUTE_CHARS_MAX} is the limit"
                ));
            }
        }
        for name in [
            self.label_attribute.clone(),
            format!("{}-metadata", self.label_attribute),
        ] {
            if fields.contains_key(&name) {
                return Err(format!(
                    "already has {name:?}, which the job would write; choose another LabelAttributeName"
                ));
            }
        }
        let uri: String = match (fields.get("source-ref"), fields.get("source")) {
            (Some(_), Some(_)) => return Err("has both source-ref and source".to_owned()),
            (None, Some(_)) => {
                return Err(
                    "has source, a text; these functions label images, by source-ref".to_owned(),
                );
            }
            (None, None) => return Err("has no source-ref".to_owned()),
            (Some(value), None) => serde_json::from_str(value.get())
                .map_err(|_| "has a source-ref that is no string".to_owned())?,
        };
        let source_ref =
            SourceRef::parse(&uri).map_err(|error| format!("can't be used: {error}"))?;
        let ending = source_ref
            .key
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase());
        if !ending.is_some_and(|ending| ["jpg", "jpeg", "png"].contains(&ending.as_str())) {
            return Err(format!(
                "has the image {:?}; Ground Truth and Custom Labels share .jpg, .jpeg and .png only",
                source_ref.key
            ));
        }
        *self
            .buckets
            .entry(source_ref.bucket.to_owned())
            .or_default() += 1;
        self.n_with_labels += u64::from(names_labels(&fields));
        let is_counted = self.n_lines <= DATA_OBJECTS_MAX;
        if is_counted && !self.seen.insert(xxhash_rust::xxh3::xxh3_64(uri.as_bytes())) {
            self.n_twice += 1;
        }
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(uri);
        }
        Ok(())
    }

    /// Everything that was found, one sentence each; empty when nothing was.
    pub fn problems(&self) -> Vec<String> {
        let mut found = self.problems.clone();
        let n_more = self.n_problems
            - u64::try_from(self.problems.len())
                .unwrap_or(u64::MAX)
                .min(self.n_problems);
        if n_more > 0 {
            found.push(format!("{n_more} more lines have problems"));
        }
        if self.n_lines == 0 {
            found.push("it is empty".to_owned());
        }
        if self.n_lines > DATA_OBJECTS_MAX {
            found.push(format!(
                "it has {} lines; {DATA_OBJECTS_MAX} is the limit",
                self.n_lines
            ));
        }
        if self.n_twice > 0 {
            found.push(format!(
                "{} lines name an image that an earlier line names; workers are paid twice, Custom Labels keeps one",
                self.n_twice
            ));
        }
        if self.buckets.len() > 1 {
            let names: Vec<&str> = self.buckets.keys().map(String::as_str).collect();
            found.push(format!(
                "its images lie in {} buckets ({}); a Custom Labels dataset takes one",
                names.len(),
                names.join(", ")
            ));
        }
        found
    }

    /// Lines taken in.
    pub fn n_lines(&self) -> u64 {
        self.n_lines
    }

    /// Lines without label categories of their own in the field `labels`, which the pre-annotation function would offer.
    pub fn n_without_labels(&self) -> u64 {
        self.n_lines - self.n_with_labels
    }

    /// Buckets of the images, by name.
    pub fn buckets(&self) -> impl Iterator<Item = &str> {
        self.buckets.keys().map(String::as_str)
    }

    /// The first images' S3 URIs.
    pub fn samples(&self) -> &[String] {
        &self.samples
    }
}

/// Whether the pre-annotation function would take label categories from this line.
fn names_labels(fields: &IndexMap<String, Box<RawValue>>) -> bool {
    let value = fields
        .get("labels")
        .and_then(|value| serde_json::from_str(value.get()).ok());
    labeling::job::categories::from_value(value.as_ref()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(lines: &[&str]) -> Vec<String> {
        let mut manifest = InputManifest::new("birds");
        for (line_number, line) in (1..).zip(lines) {
            manifest.take(line_number, RawLine::Line(line.as_bytes()));
        }
        manifest.problems()
    }

    fn check(line: &str, expected: Option<&str>) {
        let found = problems_of(&[line]);
        match expected {
            None => assert!(found.is_empty(), "{line:.100}: {found:?}"),
            Some(part) => assert!(
                found.len() == 1 && found.iter().all(|problem| problem.contains(part)),
                "{line:.100}: {found:?} should be about {part:?}"
            ),
        }
    }

    fn with(field: &str, n_chars: usize) -> String {
        let filler = "x".repeat(n_chars - 2);
        format!(r#"{{"source-ref":"s3://gt-jobs/1.jpg","{field}":"{filler}"}}"#)
    }

    #[test]
    fn lines() {
        check(r#"{"source-ref":"s3://gt-jobs/1.jpg"}"#, None);
        check(
            r#"{"source-ref":"s3://gt-jobs/a b/1.PNG","old":3,"old-metadata":{}}"#,
            None,
        );
        check("", Some("not a JSON object"));
        check("[1]", Some("not a JSON object"));
        check(
            r#"{"source-ref":"s3://gt-jobs/1.jpg""#,
            Some("not a JSON object"),
        );
        check("{}", Some("no source-ref"));
        check(
            r#"{"source":"a text"}"#,
            Some("these functions label images"),
        );
        check(
            r#"{"source":"t","source-ref":"s3://gt-jobs/1.jpg"}"#,
            Some("both"),
        );
        check(r#"{"source-ref":7}"#, Some("no string"));
        check(
            r#"{"source-ref":"https://gt-jobs/1.jpg"}"#,
            Some("not an s3:// URI"),
        );
        check(r#"{"source-ref":"s3://gt-jobs/1.gif"}"#, Some(".png only"));
        check(r#"{"source-ref":"s3://gt-jobs/jpg"}"#, Some(".png only"));
        check(
            r#"{"source-ref":"s3://gt-jobs/1.jpg","$id":1}"#,
            Some("begin with $"),
        );
        check(
            r#"{"source-ref":"s3://gt-jobs/1.jpg","birds":1}"#,
            Some("already has \"birds\""),
        );
        check(
            r#"{"source-ref":"s3://gt-jobs/1.jpg","birds-metadata":{}}"#,
            Some("already has"),
        );
    }

    #[test]
    fn lengths() {
        check(&with("x", 19_999), None);
        check(&with("x", 20_000), None);
        check(&with("x", 20_001), Some("20001 characters in \"x\""));
        let line = |n_chars: usize| {
            let line =
                r#"{"source-ref":"s3://gt-jobs/1.jpg","a":"","b":"","c":"","d":"","e":"","f":""}"#;
            let mut line = line.to_owned();
            let mut n_missing = n_chars - line.len();
            for name in ["a", "b", "c", "d", "e", "f"] {
                let n = n_missing.min(19_900);
                line = line.replace(
                    &format!(r#""{name}":"""#),
                    &format!(r#""{name}":"{}""#, "x".repeat(n)),
                );
                n_missing -= n;
            }
            line
        };
        check(&line(99_999), None);
        check(&line(100_000), None);
        check(&line(100_001), Some("100001 characters"));
        let mut manifest = InputManifest::new("birds");
        manifest.take(1, RawLine::TooLong { n_bytes: 500_000 });
        assert!(manifest.problems().join("").contains("500000 bytes"));
    }

    #[test]
    fn the_whole_file() {
        assert!(problems_of(&[]).join("").contains("empty"));
        let one = r#"{"source-ref":"s3://gt-jobs/1.jpg"}"#;
        assert!(
            problems_of(&[one, one])
                .join("")
                .contains("1 lines name an image")
        );
        let other = r#"{"source-ref":"s3://gt-other/1.jpg"}"#;
        assert!(
            problems_of(&[one, other])
                .join("")
                .contains("gt-jobs, gt-other")
        );
        let found = problems_of(&["x"; 25]);
        assert_eq!(found.len(), 21);
        assert!(found.join("").contains("5 more lines"));
    }

    #[test]
    fn labels_of_the_lines_own() {
        let check = |labels: &str, expected: u64| {
            let mut manifest = InputManifest::new("birds");
            let line = format!(r#"{{"source-ref":"s3://gt-jobs/1.jpg"{labels}}}"#);
            manifest.take(1, RawLine::Line(line.as_bytes()));
            assert_eq!(manifest.n_without_labels(), expected, "{line}");
        };
        check("", 1);
        check(r#","labels":["Owl"]"#, 0);
        check(r#","labels":[{"label":"Owl"}]"#, 0);
        check(r#","labels":[]"#, 1);
        check(r#","labels":"Owl""#, 1);
        check(r#","labels":null"#, 1);
    }

    #[test]
    fn too_many_data_objects() {
        for (n_lines, is_fine) in [(99_999, true), (100_000, true), (100_001, false)] {
            let mut manifest = InputManifest::new("birds");
            for i in 1..=n_lines {
                let line = format!(r#"{{"source-ref":"s3://gt-jobs/{i}.jpg"}}"#);
                manifest.take(i, RawLine::Line(line.as_bytes()));
            }
            assert_eq!(manifest.problems().is_empty(), is_fine, "{n_lines}");
        }
    }
}
