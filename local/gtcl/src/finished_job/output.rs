//! The output manifest of a finished job, as far as it can be read.

use std::path::{Path, PathBuf};

use labeling::job::{layout, line};
use manifest::LabeledLine;

use super::answers::Answers;
use super::error::FinishedJobError;
use super::files::read_lines;
use super::lines::{Line, numbered_lines, parse_line};

/// The job's own output.
pub(super) struct Output {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    /// A line that can't be read keeps its place, as `None`: it stands for a data object, whose answers are found by the
    /// place.
    pub(super) lines: Vec<Option<Line>>,
    /// What is wrong with the first line that can't be read.
    pub(super) fault: Option<FinishedJobError>,
}

impl Output {
    /// Reads the manifest where there is one. Lines that can't be read go to `left_out`.
    ///
    /// # Errors
    ///
    /// A file that can't be read, or of which no line is a data object.
    pub(super) fn read(
        folder: &Path,
        left_out: &mut Vec<String>,
    ) -> Result<Option<Self>, FinishedJobError> {
        let path = folder.join(layout::OUTPUT_MANIFEST);
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = read_lines(&path)?;
        let (mut lines, mut fault) = (Vec::new(), None);
        for (line_number, line) in numbered_lines(&bytes) {
            let line = parse_line(line).and_then(with_source);
            if let Err(reason) = &line {
                left_out.push(format!(
                    "{}: line {line_number} is left out: {reason}",
                    path.display()
                ));
                fault.get_or_insert_with(|| FinishedJobError::ManifestLine {
                    path: path.clone(),
                    line_number,
                    reason: reason.clone(),
                });
            }
            lines.push(line.ok());
        }
        match fault {
            // The file is something else than a manifest.
            Some(fault) if lines.iter().all(Option::is_none) => Err(fault),
            fault => Ok(Some(Self {
                path,
                bytes,
                lines,
                fault,
            })),
        }
    }

    /// The attribute of the job's labels.
    pub(super) fn label_attribute(&self, job_name: &str) -> Option<String> {
        let lines = numbered_lines(&self.bytes);
        let read = lines.filter_map(|(_, line)| LabeledLine::read(line));
        line::label_attribute(read, job_name)
    }

    /// Whether a line names its workers' answers, as those of a job without a consolidation function do.
    pub(super) fn mentions_worker_response(&self) -> bool {
        let mut lines = self.bytes.split(|byte| *byte == b'\n');
        lines.any(manifest::mentions_worker_response)
    }

    /// Position of the first line that can't be read; the number of lines where all can.
    pub(super) fn first_unreadable(&self) -> usize {
        let unreadable = self.lines.iter().position(Option::is_none);
        unreadable.unwrap_or(self.lines.len())
    }

    /// The input's lines, as far as the output tells; a line that can't be read is what the answers say of its place.
    pub(super) fn without_label(&self, label_attribute: &str, answers: &Answers) -> String {
        let metadata_key = format!("{label_attribute}-metadata");
        let mut manifest = String::new();
        for (object_idx, line) in (0..).zip(&self.lines) {
            match line.clone() {
                Some(mut line) => {
                    line.shift_remove(label_attribute);
                    line.shift_remove(&metadata_key);
                    manifest.push_str(&serde_json::to_string(&line).unwrap_or_default());
                }
                None => manifest.push_str(&answers.line(object_idx)),
            }
            manifest.push('\n');
        }
        manifest
    }
}

fn with_source(line: Line) -> Result<Line, String> {
    if line.contains_key("source-ref") || line.contains_key("source") {
        Ok(line)
    } else {
        Err("neither source-ref nor source".to_owned())
    }
}
