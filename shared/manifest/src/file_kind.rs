//! What a file is that isn't what a command takes, told from its start.

use crate::file_error::FileError;

/// A kind of file that is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// What stands in a Git repository for a file that Git LFS keeps elsewhere.
    LfsPointer,
    /// What S3 answers instead of an object.
    S3Error,
    /// A web page.
    Html,
    /// A Pascal VOC annotation.
    Voc,
    /// Other XML.
    Xml,
    /// YOLO labels: a class number and shares of the image a line.
    YoloLabels,
    /// The file that names the classes of YOLO labels.
    YoloData,
    /// Rows of cells.
    Csv,
}

/// How much of a file is looked at, in bytes.
const START_BYTES_MAX: usize = 64 * 1024;
/// Cells that a table needs in most of its rows.
const CELLS_MIN: usize = 2;

impl FileKind {
    /// Recognises the kind by the start of a text. `None`: JSON, or nothing that is known.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        let start = start.get(..START_BYTES_MAX).unwrap_or(start);
        let text = match std::str::from_utf8(start) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(start.get(..error.valid_up_to())?).ok()?,
        };
        let text = text.trim_start_matches('\u{FEFF}').trim_ascii_start();
        if text.starts_with("version https://git-lfs.github.com/spec/") {
            return Some(Self::LfsPointer);
        }
        if text.starts_with('<') {
            return Some(of_markup(text));
        }
        // The last line may be cut off.
        let whole = text.rsplit_once('\n').map_or(text, |(whole, _)| whole);
        let lines = || whole.lines().filter(|line| !line.trim().is_empty());
        if lines().next().is_none() || lines().any(|line| line.trim_start().starts_with(['{', '[']))
        {
            return None;
        }
        if lines().all(is_yolo) {
            return Some(Self::YoloLabels);
        }
        let has_key = |key: &str| lines().any(|line| line.starts_with(key));
        if has_key("names:") && (has_key("nc:") || has_key("train:") || has_key("path:")) {
            return Some(Self::YoloData);
        }
        let n_lines = lines().count();
        let is_table = |separator: char| {
            let n_rows = lines()
                .filter(|line| line.split(separator).count() >= CELLS_MIN)
                .count();
            10 * n_rows >= 9 * n_lines
        };
        [',', ';', '\t']
            .into_iter()
            .any(is_table)
            .then_some(Self::Csv)
    }

    /// Says what the file is, and which command takes it.
    #[must_use]
    pub fn told(self) -> FileError {
        let (reason, remedy) = match self {
            Self::LfsPointer => (
                "file is a Git LFS pointer, not the file itself",
                "git lfs pull brings the file",
            ),
            Self::S3Error => (
                "file is an error page of S3, not the object",
                "look at bucket, key and permissions, and download it again",
            ),
            Self::Html => (
                "file is an HTML page",
                "download the file itself: a page that shows it was saved instead",
            ),
            Self::Voc => (
                "file is a Pascal VOC annotation (XML)",
                "gtcl import voc FOLDER --out ENTRIES takes a folder of them",
            ),
            Self::Xml => (
                "file is XML",
                "gtcl import voc takes Pascal VOC's; other XML has to be converted to COCO first",
            ),
            Self::YoloLabels => (
                "file is YOLO labels: a class and shares of the image a line",
                "gtcl import yolo FOLDER --out ENTRIES takes the folder of them with data.yaml or classes.txt",
            ),
            Self::YoloData => (
                "file is YOLO's data.yaml",
                "gtcl import yolo FOLDER --out ENTRIES takes the folder that it is in",
            ),
            Self::Csv => (
                "file is CSV: a table of cells",
                "gtcl import csv FILE --out ENTRIES takes it",
            ),
        };
        FileError::new(reason, remedy)
    }
}

fn of_markup(text: &str) -> FileKind {
    let head: String = text
        .chars()
        .take(2_000)
        .collect::<String>()
        .to_ascii_lowercase();
    if head.contains("<!doctype html") || head.contains("<html") {
        FileKind::Html
    } else if head.contains("<error>") && head.contains("<code>") {
        FileKind::S3Error
    } else if head.contains("<annotation>") || head.contains("<annotation ") {
        FileKind::Voc
    } else {
        FileKind::Xml
    }
}

/// A class number and four shares, or the points of a polygon, or four shares and a confidence.
fn is_yolo(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let is_class = words.next().is_some_and(|word| word.parse::<u32>().is_ok());
    let shares: Option<Vec<f64>> = words.map(|word| word.parse().ok()).collect();
    is_class
        && shares.is_some_and(|shares| {
            shares.len() >= 4 && shares.iter().all(|share| (-0.1..=1.1).contains(share))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (text, expected) in [
            (
                "version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
                Some(FileKind::LfsPointer),
            ),
            (
                "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code></Error>",
                Some(FileKind::S3Error),
            ),
            ("<!DOCTYPE html><html>", Some(FileKind::Html)),
            ("\u{FEFF}<annotation><folder/>", Some(FileKind::Voc)),
            ("<annotations><image/>", Some(FileKind::Xml)),
            ("0 0.5 0.5 0.2 0.2\n", Some(FileKind::YoloLabels)),
            (
                "0 0.5 0.5 0.2 0.2\n12 0.1 0.1 0.2 0.2 0.9\n1 0.",
                Some(FileKind::YoloLabels),
            ),
            ("0 5 5 2 2\n", None),
            ("train: a\nnc: 2\nnames: [a, b]\n", Some(FileKind::YoloData)),
            ("image,label\na.jpg,cat\n", Some(FileKind::Csv)),
            ("a.jpg;cat\n", Some(FileKind::Csv)),
            ("a\tb", Some(FileKind::Csv)),
            ("a,b\n{\"source-ref\":\"s3://b/1.jpg\"}\n", None),
            ("{\"a\":1,\"b\":2}", None),
            ("[1,2]", None),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(FileKind::of(text.as_bytes()), expected, "{text:?}");
        }
    }
}
