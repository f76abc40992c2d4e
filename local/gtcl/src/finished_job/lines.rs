//! Lines of a manifest, with the values as they came.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::FinishedJobError;

/// A data object: its fields in their order, each value as it came.
pub(super) type Line = IndexMap<String, Box<RawValue>>;

/// The lines with text, each with its number, from one.
pub(super) fn numbered_lines(manifest: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..)
        .zip(manifest.split(|byte| *byte == b'\n'))
        .map(|(line_number, line)| (line_number, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty())
}

/// Reads a line.
pub(super) fn parse_line(line: &[u8]) -> Result<Line, String> {
    // The values, too, have to be ones that the functions can be asked about.
    serde_json::from_slice::<Value>(line)
        .and_then(|_| serde_json::from_slice(line))
        .map_err(|error| error.to_string())
}

/// Reads all lines; the first one that is none is the error.
pub(super) fn parse_lines(path: &Path, text: &str) -> Result<Vec<Line>, FinishedJobError> {
    numbered_lines(text.as_bytes())
        .map(|(line_number, line)| {
            parse_line(line).map_err(|reason| FinishedJobError::ManifestLine {
                path: path.to_path_buf(),
                line_number,
                reason,
            })
        })
        .collect()
}

/// The line's image.
pub(super) fn source_ref(line: &Line) -> Option<String> {
    serde_json::from_str(line.get("source-ref")?.get()).ok()
}

/// The line, from one, of the data object at this position: lines without text hold none.
pub(super) fn line_number(manifest: &str, object_idx: usize) -> usize {
    numbered_lines(manifest.as_bytes())
        .nth(object_idx)
        .map_or(0, |(line_number, _)| line_number)
}
