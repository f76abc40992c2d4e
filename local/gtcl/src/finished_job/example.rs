//! The bundled example's jobs as finished jobs.

use std::collections::BTreeMap;

use serde_json::json;
use services::ground_truth::WorkerAnswer;

use super::FinishedJob;
use crate::agreement::TruthBySource;
use crate::example::ExampleJob;
use crate::stack::BUCKET;

impl From<ExampleJob> for FinishedJob {
    fn from(job: ExampleJob) -> Self {
        let uri = |key: &str| format!("s3://{BUCKET}/{key}");
        let mut input = Self {
            name: job.name.to_owned(),
            label_attribute: job.name.to_owned(),
            manifest: String::new(),
            label_categories: job.categories,
            answers: BTreeMap::new(),
            workers_per_object: None,
            images: Vec::new(),
            truth: None,
            recorded_output: None,
            notes: Vec::new(),
            left_out: Vec::new(),
            has_consolidation_function: true,
        };
        let mut truth = TruthBySource::new();
        for (object_idx, object) in (0..).zip(job.objects) {
            let source_ref = uri(&object.key);
            input.manifest += &format!("{}\n", json!({"source-ref": source_ref}));
            let answers = object.answers.into_iter().map(|answer| WorkerAnswer {
                worker_id: answer.worker_id,
                content: answer.content,
            });
            input.answers.insert(object_idx, answers.collect());
            truth.insert(source_ref, object.truth);
            input.images.push((object.key, object.png));
        }
        input.truth = Some(truth);
        input
    }
}
