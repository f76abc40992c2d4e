//! The input manifest of a finished job: found beside it, or put together from what the job left.

use std::path::{Path, PathBuf};

use manifest::counted;

use super::answers::Answers;
use super::error::FinishedJobError;
use super::files::{find_file, read_text};
use super::lines::{line_number, parse_lines, source_ref};
use super::output::Output;

/// The name under which an input manifest is looked for beside a job.
const FILE_NAME: &str = "input.manifest";

/// The input manifest.
pub(super) struct InputManifest {
    /// The file that it is, or is taken from.
    path: PathBuf,
    pub(super) text: String,
    /// Where it was found, for people.
    pub(super) note: String,
    /// The output's line that it has no data object of, where it is taken from the output.
    output_fault: Option<FinishedJobError>,
}

impl InputManifest {
    /// Reads `input.manifest` in one of the folders `beside`; else takes the output without the job's own label; else
    /// the data objects that were answered.
    ///
    /// # Errors
    ///
    /// A file that can't be read; an output whose unreadable lines leave open which data object later answers are of.
    pub(super) fn find(
        folder: &Path,
        beside: &[&Path],
        output: Option<&mut Output>,
        label_attribute: &str,
        answers: &Answers,
    ) -> Result<Self, FinishedJobError> {
        if let Some(path) = find_file(beside, FILE_NAME) {
            return Ok(Self {
                text: read_text(&path)?,
                note: format!("input manifest: {}", path.display()),
                path,
                output_fault: None,
            });
        }
        let Some(output) = output else {
            return Ok(Self {
                path: folder.to_path_buf(),
                text: answers.as_manifest(),
                note: "input manifest: not found, taken from the data objects that were answered"
                    .to_owned(),
                output_fault: None,
            });
        };
        // The line may stand for no data object at all: then every line after it would be another one's.
        let are_told = answers.tell_sources_from(output.first_unreadable());
        if let Some(fault) = output.fault.take_if(|_| !are_told) {
            return Err(fault);
        }
        let from =
            "input manifest: not found, taken from the output manifest without the job's own label";
        let n_unreadable = output.lines.iter().filter(|line| line.is_none()).count();
        let note = match n_unreadable {
            0 => from.to_owned(),
            n => {
                let lines = counted(n as u64, "line");
                format!("{from}, and {lines} of it from the answers")
            }
        };
        Ok(Self {
            path: output.path.clone(),
            text: output.without_label(label_attribute, answers),
            note,
            output_fault: output.fault.take(),
        })
    }

    /// Refuses a manifest of another job: one without data objects that were answered, or with other images at their
    /// positions.
    ///
    /// # Errors
    ///
    /// [`FinishedJobError::UnknownObject`], [`FinishedJobError::OtherObject`], a line that is no JSON object, or the
    /// output's unreadable line that explains the difference.
    pub(super) fn check(
        &mut self,
        folder: &Path,
        answers: &Answers,
        output: Option<&Output>,
    ) -> Result<(), FinishedJobError> {
        let lines = parse_lines(&self.path, &self.text)?;
        let n_objects = lines.len();
        let last = answers.by_object.keys().next_back().copied();
        if last.is_some_and(|last| last as usize >= n_objects) {
            let mut answered = answers.by_object.keys().copied();
            let unknown = answered.find(|object_idx| *object_idx as usize >= n_objects);
            return Err(FinishedJobError::UnknownObject {
                path: folder.to_path_buf(),
                object_idx: unknown.unwrap_or_default(),
                n_objects,
            });
        }
        // The output has the input's lines in the input's order; of a job that was stopped it may have fewer.
        let output = output.filter(|output| output.lines.len() == n_objects);
        for (object_idx, line) in (0_u32..).zip(&lines) {
            let from_answers = answers.source_refs.get(&object_idx).cloned();
            let from_output = || source_ref(output?.lines.get(object_idx as usize)?.as_ref()?);
            let (Some(source_ref), Some(answered)) =
                (source_ref(line), from_answers.or_else(from_output))
            else {
                continue;
            };
            if source_ref != answered {
                let other = FinishedJobError::OtherObject {
                    path: self.path.clone(),
                    line_number: line_number(&self.text, object_idx as usize),
                    source_ref,
                    answered,
                };
                return Err(self.output_fault.take().unwrap_or(other));
            }
        }
        Ok(())
    }
}
