//! Image-level labels from CSV: image, label, label, …, without a header.
//!
//! The rules of the guide's CSV script: the first column is an image's S3 URI, or its name when a prefix is given;
//! every other column that isn't empty is a label; a row without labels is an unlabeled image. When an image
//! stands in more than one row, there are no entries, but both lists that the script writes: the duplicates, and
//! the rows without them (the first of an image stays). DIFFERENCE: `"` quotes in both passes (the script takes
//! `|` in the second), a label repeated in one row counts once, and a row that can't become an entry is rejected
//! by its row instead of ending the import.

use std::collections::BTreeSet;
use std::io::Read;

use crate::code::Code;
use crate::outcome::{Entry, Rejected};
use crate::rules::{Judgement, judge};

/// What a CSV file becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvImport {
    /// Dataset entries in the file's order; none when there are duplicates.
    pub entries: Vec<Entry>,
    /// Rows that can't become entries; `line_number` is the row's first line.
    pub rejected: Vec<Rejected>,
    /// Rows of images that an earlier row has, as they came.
    pub duplicates: Vec<Vec<String>>,
    /// All other rows, as they came; empty when there are no duplicates.
    pub deduplicated: Vec<Vec<String>>,
}

/// Why a CSV file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum CsvImportError {
    /// Not CSV, or not UTF-8.
    #[error("csv file is not readable: {0}")]
    Csv(#[from] csv::Error),
}

/// Reads a CSV file. `prefix` stands before image names (`s3://bucket/folder`); `creation_date` goes into every label.
///
/// # Errors
///
/// [`CsvImportError::Csv`] when the file isn't CSV or can't be read.
pub fn import(
    file: impl Read,
    prefix: Option<&str>,
    creation_date: &str,
) -> Result<CsvImport, CsvImportError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(file);
    let mut import = CsvImport::default();
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    let mut images = BTreeSet::new();
    for row in reader.records() {
        let row = row?;
        let line_number = row.position().map_or(0, csv::Position::line);
        let cells: Vec<String> = row.iter().map(|cell| cell.trim().to_owned()).collect();
        let is_new = images.insert(cells.first().cloned().unwrap_or_default());
        if is_new {
            rows.push((line_number, cells));
        } else {
            import.duplicates.push(cells);
        }
    }
    if !import.duplicates.is_empty() {
        import.deduplicated = rows.into_iter().map(|(_, cells)| cells).collect();
        return Ok(import);
    }
    for (line_number, cells) in rows {
        match entry(line_number, &cells, prefix, creation_date) {
            Ok(entry) => import.entries.push(entry),
            Err((code, reason)) => import.rejected.push(Rejected {
                line_number,
                code,
                reason,
                remedy: code.remedy().to_owned(),
            }),
        }
    }
    Ok(import)
}

fn entry(
    line_number: u64,
    cells: &[String],
    prefix: Option<&str>,
    creation_date: &str,
) -> Result<Entry, (Code, String)> {
    let (image, labels) = cells
        .split_first()
        .map_or(("", &[][..]), |(image, labels)| (image.as_str(), labels));
    let source_ref = super::source_ref(prefix, image);
    let mut json = String::from("{\"source-ref\":");
    crate::json::write_text(&mut json, &source_ref);
    let mut used: Vec<&str> = Vec::new();
    for label in labels
        .iter()
        .map(String::as_str)
        .filter(|label| !label.is_empty())
    {
        let is_key = crate::line::is_label_key(label);
        if !is_key || label.chars().any(char::is_control) {
            return Err((
                Code::LabelNameNotPlain,
                format!(
                    "label {:?} can't be the name of a label attribute",
                    crate::line::shown(label)
                ),
            ));
        }
        if !used.contains(&label) {
            used.push(label);
            super::push_image_level(&mut json, label, creation_date);
        }
    }
    if used.len() > crate::rules::LABELS_PER_IMAGE_MAX {
        return Err((
            Code::TooManyLabels,
            format!(
                "image has {} labels; {} are possible",
                used.len(),
                crate::rules::LABELS_PER_IMAGE_MAX
            ),
        ));
    }
    json.push('}');
    match judge(json.as_bytes()) {
        Judgement::Dropped { code, reason } => Err((code, reason)),
        Judgement::Kept(kept) => match kept
            .findings
            .iter()
            .find(|finding| !finding.code.is_warning())
        {
            Some(finding) => Err((finding.code, finding.message.clone())),
            None => Ok(Entry {
                line_number,
                source_ref,
                json,
                notes: Vec::new(),
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, prefix: Option<&str>) -> CsvImport {
        import(text.as_bytes(), prefix, "2022-01-21T14:21:05").unwrap()
    }

    #[test]
    fn documented_rules() {
        let found = run(
            "camellia1.jpg,camellia,with_leaves\nspurge.jpg,,\n\"a,b.jpg\",x,x\n",
            Some("s3://bucket/flowers/train/"),
        );
        assert_eq!((found.entries.len(), found.rejected.len()), (3, 0));
        let pair = |label: &str| {
            format!(
                r#""{label}":1,"{label}-metadata":{{"confidence":1,"job-name":"labeling-job/{label}","class-name":"{label}","human-annotated":"yes","creation-date":"2022-01-21T14:21:05","type":"groundtruth/image-classification"}}"#
            )
        };
        let first = format!(
            r#"{{"source-ref":"s3://bucket/flowers/train/camellia1.jpg",{},{}}}"#,
            pair("camellia"),
            pair("with_leaves")
        );
        assert_eq!(found.entries[0].json, first);
        assert_eq!(
            found.entries[1].json,
            r#"{"source-ref":"s3://bucket/flowers/train/spurge.jpg"}"#
        );
        assert_eq!(
            found.entries[2].json,
            format!(
                r#"{{"source-ref":"s3://bucket/flowers/train/a,b.jpg",{}}}"#,
                pair("x")
            )
        );
    }

    #[test]
    fn duplicates_stop_the_import() {
        let found = run(
            "s3://bucket/1.jpg,a\ns3://bucket/2.jpg,b\ns3://bucket/1.jpg,c\n",
            None,
        );
        assert!(found.entries.is_empty());
        assert_eq!(found.duplicates, [["s3://bucket/1.jpg", "c"]]);
        assert_eq!(
            found.deduplicated,
            [["s3://bucket/1.jpg", "a"], ["s3://bucket/2.jpg", "b"]]
        );
    }

    #[test]
    fn rejected_rows() {
        let found = run(
            "1.jpg,a\ns3://bucket/2.jpg,source-ref\ns3://bucket/3.jpg,x-metadata\ns3://bucket/4.jpg,ok\n",
            None,
        );
        let codes: Vec<_> = found
            .rejected
            .iter()
            .map(|rejected| (rejected.line_number, rejected.code))
            .collect();
        assert_eq!(
            codes,
            [
                (1, Code::InvalidSourceRefFormat),
                (2, Code::LabelNameNotPlain),
                (3, Code::LabelNameNotPlain)
            ]
        );
        assert_eq!(found.entries.len(), 1);
    }
}
