//! One batch of data objects: what its workers answered, and what the consolidation function makes of it.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::WorkerAnswer;
use super::error::JobError;
use super::function::InvokeFunction;
use super::job::Job;
use super::json::insert;
use super::output_line::{Labeled, ManifestLine};

/// Worker-response files written at a time.
const WRITES_AT_ONCE: usize = 8;

impl<L: InvokeFunction> Job<'_, L> {
    /// Writes down what each worker answered, one object a data object.
    pub(super) async fn store_worker_responses(
        &self,
        batch: &[u32],
        answers: &BTreeMap<u32, Vec<WorkerAnswer>>,
        at: Timestamp,
    ) -> Result<(), JobError> {
        let submitted = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let writes = batch.iter().map(|object_idx| {
            let answers = answers.get(object_idx).into_iter().flatten();
            let answers: Vec<Value> = answers
                .map(|answer| {
                    json!({
                        // An object here, though the consolidation request has it as text.
                        "answerContent": serde_json::from_str::<Value>(&answer.content)
                            .unwrap_or_else(|_| Value::String(answer.content.clone())),
                        "submissionTime": submitted,
                        "workerId": answer.worker_id,
                    })
                })
                .collect();
            let uri = self
                .folder
                .worker_response(&object_idx.to_string(), &seconds(at));
            let file = json!({ "answers": answers }).to_string();
            async move { self.objects.write(&uri, file).await }
        });
        let writes = stream::iter(writes).buffer_unordered(WRITES_AT_ONCE);
        writes.try_collect().await
    }

    /// Asks the consolidation function for the labels of a batch.
    pub(super) async fn consolidate(
        &self,
        batch: &[u32],
        lines: &[ManifestLine],
        answers: &BTreeMap<u32, Vec<WorkerAnswer>>,
        categories: &[String],
        at: Timestamp,
    ) -> Result<BTreeMap<u32, Labeled>, JobError> {
        let created = at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        let Some(function) = &self.request.annotation_consolidation_lambda_arn else {
            return Ok(batch
                .iter()
                .map(|object_idx| {
                    let worker_response = self
                        .folder
                        .worker_response(&object_idx.to_string(), &seconds(at));
                    (
                        *object_idx,
                        Labeled::Unconsolidated {
                            worker_response,
                            created: created.clone(),
                        },
                    )
                })
                .collect());
        };
        let file: Vec<Value> = batch
            .iter()
            .filter_map(|object_idx| {
                let line = lines.get(*object_idx as usize)?;
                let data_object = match line.get("source-ref") {
                    Some(source_ref) => json!({ "s3Uri": source_ref }),
                    None => json!({ "content": line.get("source") }),
                };
                let annotations: Vec<Value> = answers
                    .get(object_idx)
                    .into_iter()
                    .flatten()
                    .map(|answer| json!({"workerId": answer.worker_id, "annotationData": {"content": answer.content}}))
                    .collect();
                Some(json!({
                    "datasetObjectId": object_idx.to_string(),
                    "dataObject": data_object,
                    "annotations": annotations,
                }))
            })
            .collect();
        let uri = self.folder.annotation_file(&seconds(at));
        self.objects
            .write(&uri, Value::Array(file).to_string())
            .await?;

        let mut event = json!({
            "version": "2018-10-06",
            "labelingJobArn": self.request.arn(),
            "labelAttributeName": self.request.label_attribute_name,
            "roleArn": self.request.role_arn,
            "payload": { "s3Uri": uri },
            "outputConfig": self.folder.annotations(),
            "maxHumanWorkersPerDataObject": self.request.workers_per_object,
        });
        if !categories.is_empty() {
            insert(&mut event, "labelCategories", json!(categories));
        }
        let answer = self
            .lambda
            .invoke(function, event.to_string().into_bytes())
            .await
            .map_err(|error| JobError::Function {
                function: function.clone(),
                error,
            })?;
        self.objects
            .write(
                &self.folder.consolidation_response(&seconds(at)),
                answer.clone(),
            )
            .await?;
        self.read_consolidation(function, &answer, batch, &created)
    }

    /// Joins the function's answer with the batch it was asked about; an object left out of it has failed.
    fn read_consolidation(
        &self,
        function: &str,
        answer: &[u8],
        batch: &[u32],
        created: &str,
    ) -> Result<BTreeMap<u32, Labeled>, JobError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Element {
            dataset_object_id: String,
            consolidated_annotation: Consolidated,
        }
        #[derive(Deserialize)]
        struct Consolidated {
            content: IndexMap<String, Box<RawValue>>,
        }
        let fault = |reason: String| JobError::Answer {
            function: function.to_owned(),
            reason,
        };
        let elements: Vec<Element> =
            serde_json::from_slice(answer).map_err(|error| fault(error.to_string()))?;
        let mut labeled = BTreeMap::new();
        for mut element in elements {
            let id = &element.dataset_object_id;
            let object_idx = id
                .parse()
                .ok()
                .filter(|object_idx| batch.contains(object_idx))
                .ok_or_else(|| fault(format!("datasetObjectId {id:?} was not asked for")))?;
            let Some(label) = element
                .consolidated_annotation
                .content
                .swap_remove(&self.request.label_attribute_name)
            else {
                return Err(fault(format!(
                    "datasetObjectId {id:?} has no {:?}",
                    self.request.label_attribute_name
                )));
            };
            if labeled
                .insert(
                    object_idx,
                    Labeled::Consolidated {
                        label,
                        created: created.to_owned(),
                    },
                )
                .is_some()
            {
                return Err(fault(format!("datasetObjectId {id:?} stands twice")));
            }
        }
        for object_idx in batch {
            labeled
                .entry(*object_idx)
                .or_insert_with(|| Labeled::Failed {
                    reason:
                        "ClientError: the consolidation function's answer left this data object out"
                            .to_owned(),
                    retry_count: None,
                });
        }
        Ok(labeled)
    }
}

/// As Ground Truth names files: `2021-11-18_02:19:51`.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d_%H:%M:%S").to_string()
}
