//! A new entry together with the labels that the dataset's entry has from other jobs.

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::send::service_keys::strip;

type Line = IndexMap<String, Box<RawValue>>;

/// Longest line in characters, inclusive. Source: Custom Labels guide, "Terminal manifest content errors".
const LINE_CHARS_MAX: usize = manifest::LINE_CHARS_MAX;

/// Characters of a job's name that are kept. Source: CreateLabelingJob, at most 63.
const JOB_NAME_CHARS_MAX: usize = 63;

/// Reason for which two entries can't be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The dataset's entry isn't a JSON object.
    #[error("the dataset's entry for the image can't be read: {reason}")]
    Existing {
        /// Message of the JSON parser.
        reason: String,
    },
    /// The new entry isn't a JSON object.
    #[error("the new entry can't be read: {reason}")]
    New {
        /// Message of the JSON parser.
        reason: String,
    },
    /// Both together are longer than an entry may be.
    #[error(
        "with the labels that the image has already, the entry has {n_chars} characters; 100000 are possible"
    )]
    TooLong {
        /// Length of both together.
        n_chars: usize,
    },
}

/// Merges a new entry into the dataset's: `source-ref`, then the label attributes that the new entry doesn't have, in their
/// order and as they came, then the new entry's.
///
/// Of the dataset's entry are dropped: what the service added, label attributes of the new entry's own job (a
/// second run of a job replaces its first: a label that it no longer gives must not stay), and fields that aren't label
/// attributes.
///
/// # Errors
///
/// [`MergeError`] by the entry that can't be read, or [`MergeError::TooLong`].
pub fn merge(existing: &str, new: &str) -> Result<String, MergeError> {
    let existing: Line = serde_json::from_str(existing).map_err(|error| MergeError::Existing {
        reason: error.to_string(),
    })?;
    let new: Line = serde_json::from_str(new).map_err(|error| MergeError::New {
        reason: error.to_string(),
    })?;
    let new_jobs: Vec<String> = pairs(&new)
        .filter_map(|(_, _, meta)| job_name(meta))
        .collect();
    let mut merged: IndexMap<&str, String> = IndexMap::new();
    if let Some(source_ref) = new.get("source-ref") {
        merged.insert("source-ref", source_ref.get().to_owned());
    }
    for (key, label, metadata) in pairs(&existing) {
        let is_ours = job_name(metadata).is_some_and(|job| new_jobs.contains(&job));
        if is_ours || new.contains_key(key) {
            continue;
        }
        merged.insert(key, stripped(label));
        if let Some((metadata_key, _)) = existing.get_key_value(&format!("{key}-metadata")) {
            merged.insert(metadata_key, stripped(metadata));
        }
    }
    for (key, value) in &new {
        merged.insert(key, value.get().to_owned());
    }
    let fields = merged
        .iter()
        .map(|(key, value)| format!("{}:{value}", Value::from(*key)));
    let line = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
    let n_chars = line.chars().count();
    if n_chars > LINE_CHARS_MAX {
        return Err(MergeError::TooLong { n_chars });
    }
    Ok(line)
}

/// The job whose label in the dataset's entry gives way to the new entry's of the same label attribute; the first in the
/// entry's order. `None` when there is none, when the label is the new entry's own job's, or doesn't say whose it is.
#[must_use]
pub fn losing_job(existing: &str, new: &str) -> Option<String> {
    let existing: Line = serde_json::from_str(existing).ok()?;
    let new: Line = serde_json::from_str(new).ok()?;
    let ours: Vec<String> = pairs(&new)
        .filter_map(|(_, _, metadata)| job_name(metadata))
        .collect();
    let given_way = pairs(&existing).filter(|(attribute, _, _)| new.contains_key(*attribute));
    let job = given_way
        .filter_map(|(_, _, metadata)| job_name(metadata))
        .find(|job| !ours.contains(job))?;
    Some(job.chars().take(JOB_NAME_CHARS_MAX).collect())
}

fn pairs(line: &Line) -> impl Iterator<Item = (&str, &RawValue, &RawValue)> {
    line.iter().filter_map(|(key, label)| {
        let metadata = line.get(&format!("{key}-metadata"))?;
        Some((key.as_str(), &**label, &**metadata))
    })
}

/// The job's name without the `labeling-job/` of built-in jobs.
fn job_name(metadata: &RawValue) -> Option<String> {
    let metadata: Value = serde_json::from_str(metadata.get()).ok()?;
    let name = metadata.get("job-name")?.as_str()?;
    Some(
        name.strip_prefix("labeling-job/")
            .unwrap_or(name)
            .to_owned(),
    )
}

/// The value as it came, unless the service added something.
fn stripped(value: &RawValue) -> String {
    let text = value.get();
    if !text.contains("errors\"") && !text.contains("warnings\"") {
        return text.to_owned();
    }
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            strip(&mut value);
            value.to_string()
        }
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(existing: &str, new: &str, expected: &str) {
        let text = |pairs: &str| format!(r#"{{"source-ref":"s3://b/k"{pairs}}}"#);
        assert_eq!(merge(&text(existing), &text(new)), Ok(text(expected)));
        assert_eq!(
            merge(&text(expected), &text(new)),
            Ok(text(expected)),
            "twice"
        );
    }

    #[test]
    fn labels_of_other_jobs_survive() {
        check("", r#","a":1,"a-metadata":{}"#, r#","a":1,"a-metadata":{}"#);
        check(
            r#","b":1.0,"b-metadata":{ "x":1e2 }"#,
            r#","a":1,"a-metadata":{}"#,
            r#","b":1.0,"b-metadata":{ "x":1e2 },"a":1,"a-metadata":{}"#,
        );
        check(
            r#","a":7,"a-metadata":{},"b":1,"b-metadata":{}"#,
            r#","a":1,"a-metadata":{}"#,
            r#","b":1,"b-metadata":{},"a":1,"a-metadata":{}"#,
        );
    }

    #[test]
    fn a_job_replaces_itself() {
        check(
            r#","job0":0,"job0-metadata":{"job-name":"labeling-job/j"},"job1":1,"job1-metadata":{"job-name":"j"}"#,
            r#","job0":0,"job0-metadata":{"job-name":"j"}"#,
            r#","job0":0,"job0-metadata":{"job-name":"j"}"#,
        );
    }

    #[test]
    fn what_the_service_added_goes() {
        check(
            r#","cl-metadata":{"is_labeled":true},"cl-errors":[],"b":{"annotations":[{"left":1,"cl-errors":[]}]},"b-metadata":{"errors":[]},"lone":1"#,
            r#","a":1,"a-metadata":{}"#,
            r#","b":{"annotations":[{"left":1}]},"b-metadata":{},"a":1,"a-metadata":{}"#,
        );
    }

    #[test]
    fn limits_and_errors() {
        let entry = |key: &str, n: usize| {
            format!(
                r#"{{"source-ref":"s3://b/k","{key}":1,"{key}-metadata":"{}"}}"#,
                "x".repeat(n)
            )
        };
        let length = merge(&entry("a", 0), &entry("b", 0)).unwrap().len();
        for (n_chars, expected) in [(99_999, true), (100_000, true), (100_001, false)] {
            let merged = merge(&entry("a", n_chars - length), &entry("b", 0));
            assert_eq!(merged.is_ok(), expected, "{n_chars}");
        }
        assert!(matches!(
            merge("[]", "{}"),
            Err(MergeError::Existing { .. })
        ));
        assert!(matches!(
            merge("{}", "nothing"),
            Err(MergeError::New { .. })
        ));
    }

    fn check_loser(existing: &str, new: &str, expected: Option<&str>) {
        let entry = |pairs: &str| format!(r#"{{"source-ref":"s3://bkt/k"{pairs}}}"#);
        let found = losing_job(&entry(existing), &entry(new));
        assert_eq!(found.as_deref(), expected, "{existing} {new}");
    }

    #[test]
    fn the_job_that_loses_its_label() {
        let new = r#","a":1,"a-metadata":{"job-name":"labeling-job/new"}"#;
        for (existing, expected) in [
            ("", None),
            (
                r#","a":7,"a-metadata":{"job-name":"labeling-job/old"}"#,
                Some("old"),
            ),
            (r#","a":7,"a-metadata":{"job-name":"old"}"#, Some("old")),
            (r#","a":7,"a-metadata":{"job-name":"new"}"#, None),
            (r#","a":7,"a-metadata":{}"#, None),
            (r#","a":7"#, None),
            (
                r#","b":7,"b-metadata":{"job-name":"labeling-job/old"}"#,
                None,
            ),
        ] {
            check_loser(existing, new, expected);
        }
        check_loser("", "", None);
        assert_eq!(losing_job("[]", "nothing"), None);
        let long = format!(
            r#","a":7,"a-metadata":{{"job-name":"{}"}}"#,
            "x".repeat(100)
        );
        check_loser(&long, new, Some(&"x".repeat(63)));
    }
}
