//! A labeling job's straight line: its inputs, its task inputs, its output.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::{StreamExt, stream};
use labeling::job::{JobFolder, categories};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::JobError;
use super::function::InvokeFunction;
use super::objects::Objects;
use super::output_line::{Labeled, ManifestLine, OutputLine};
use super::request::LabelingJobRequest;
use super::{Options, Progress, Task};

/// A job under way.
pub(super) struct Job<'a, L> {
    pub(super) request: &'a LabelingJobRequest,
    pub(super) objects: Objects<'a>,
    pub(super) lambda: &'a L,
    pub(super) options: &'a Options,
    pub(super) folder: JobFolder,
}

/// What the pre-annotation function answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PreAnnotation {
    task_input: serde_json::Map<String, Value>,
    #[serde(default = "yes")]
    is_human_annotation_required: bool,
}

const fn yes() -> bool {
    true
}

impl<L: InvokeFunction> Job<'_, L> {
    pub(super) async fn refuse_a_taken_name(&self) -> Result<(), JobError> {
        let uri = self.folder.output_manifest();
        if self.objects.has(&uri).await {
            return Err(JobError::NameTaken { uri });
        }
        Ok(())
    }

    pub(super) async fn read_manifest(&self) -> Result<Vec<ManifestLine>, JobError> {
        let uri = &self.request.manifest_s3_uri;
        let bytes = self.objects.read(uri).await?;
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let mut lines = Vec::new();
        for (line_number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let fault = |reason: String| JobError::ManifestLine {
                uri: uri.clone(),
                line_number,
                reason,
            };
            let line: ManifestLine =
                serde_json::from_slice(line).map_err(|error| fault(error.to_string()))?;
            if !line.contains_key("source-ref") && !line.contains_key("source") {
                return Err(fault("neither source-ref nor source".to_owned()));
            }
            lines.push(line);
        }
        if lines.is_empty() {
            return Err(JobError::EmptyManifest { uri: uri.clone() });
        }
        Ok(lines)
    }

    pub(super) async fn read_label_categories(&self) -> Result<Vec<String>, JobError> {
        let Some(uri) = &self.request.label_category_config_s3_uri else {
            return Ok(Vec::new());
        };
        let fault = |reason: String| JobError::LabelCategories {
            uri: uri.clone(),
            reason,
        };
        let bytes = self.objects.read(uri).await?;
        categories::parse_file(&bytes).map_err(|error| fault(error.to_string()))
    }

    /// Calls the pre-annotation function for each open object; returns what workers are to see, in order.
    pub(super) async fn pre_annotate(
        &self,
        lines: &[ManifestLine],
        open: &[u32],
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<Task>, JobError> {
        let Some(function) = &self.request.pre_human_task_lambda_arn else {
            return Ok(open
                .iter()
                .filter_map(|object_idx| {
                    let line = lines.get(*object_idx as usize)?;
                    Some(Task {
                        object_idx: *object_idx,
                        input: json!(line),
                    })
                })
                .collect());
        };
        let calls = open.iter().filter_map(|object_idx| {
            let line = lines.get(*object_idx as usize)?;
            let event = json!({
                "version": "2018-10-06",
                "labelingJobArn": self.request.arn(),
                "dataObject": line,
            });
            Some(async move {
                (
                    *object_idx,
                    self.lambda
                        .invoke(function, event.to_string().into_bytes())
                        .await,
                )
            })
        });
        let mut answered = pin!(stream::iter(calls).buffered(self.options.concurrent_calls.max(1)));
        let mut asked = Vec::new();
        let mut n_done = 0;
        while let Some((object_idx, answer)) = answered.next().await {
            let answer = answer.map_err(|error| JobError::Function {
                function: function.clone(),
                error,
            })?;
            let answer: PreAnnotation =
                serde_json::from_slice(&answer).map_err(|error| JobError::Answer {
                    function: function.clone(),
                    reason: format!("data object {object_idx}: {error}"),
                })?;
            if answer.is_human_annotation_required {
                asked.push(Task {
                    object_idx,
                    input: Value::Object(answer.task_input),
                });
            }
            n_done += 1;
            progress(Progress::PreAnnotated(n_done, open.len()));
        }
        Ok(asked)
    }

    pub(super) async fn write_output(
        &self,
        lines: &[ManifestLine],
        labeled: &BTreeMap<u32, Labeled>,
        categories: &[String],
    ) -> Result<(), JobError> {
        let labels: Vec<Value> = categories
            .iter()
            .map(|category| json!({ "label": category }))
            .collect();
        let tool = json!({"document-version": "2018-11-28", "labels": labels});
        self.objects
            .write(&self.folder.label_categories(), tool.to_string())
            .await?;

        let mut output = String::new();
        for (object_idx, line) in (0..).zip(lines) {
            let line = OutputLine {
                line,
                label_attribute: &self.request.label_attribute_name,
                job_name: &self.request.labeling_job_name,
            };
            output.push_str(&line.with(labeled.get(&object_idx)));
            output.push('\n');
        }
        self.objects
            .write(&self.folder.output_manifest(), output)
            .await
    }
}
