//! A job's answers, consolidated together before its lines are converted.
//!
//! A job without a consolidation function leaves no labels, only the places of its workers' answers; of other jobs,
//! all answers together may tell more than the batches did. The manifest with the labels put in is written beside the
//! reports, and what follows reads that one: an invocation that goes on later sees the same lines.

use std::collections::BTreeMap;

use aws::s3::{ObjectUri, Upload};
use labeling::TaskType;
use labeling::consolidation::Outcome;
use labeling::job::{Places, categories, line::labels_differ};
use labeling::statistics_file::Statistics;
use manifest::{ConvertOptions, Envelope, LINE_BYTES_MAX, RawLine};
use serde_json::json;
use serde_json::value::RawValue;

use crate::consolidate::answers::Answers;
use crate::consolidate::job::Job;
use crate::error::RunError;
use crate::request::config::Consolidate;
use crate::state::origin::{ConsolidationReport, Origin};
use crate::storage::files::Files;
use crate::storage::reader::{Lines, LinesObject};
use crate::storage::store::Notes;

/// The manifest with the labels put in.
const FILE_NAME: &str = "consolidated.manifest";
/// Labels that say something else than the output manifest's.
const CHANGES: &str = "changes.jsonl";

impl Job<'_> {
    /// What the entries are made from: the output manifest itself where there is nothing to put in, else the one that
    /// is written here.
    pub(crate) async fn origin(&self, notes: &mut Notes<'_>) -> Result<Origin, RunError> {
        let is_whole_job = self.config.consolidate == Consolidate::WholeJob;
        let mut settings = self.config.consolidation.for_whole_job();
        let mut places = None;
        if is_whole_job {
            let (found, built_in) = self.places().await?;
            settings.task_type = settings.task_type.or(built_in);
            places = Some(found);
        }
        let reading = notes.checkpoint.reading.clone();
        let mut answers = Answers::new(self, &settings, &reading).await?;
        answers.read(places.as_ref(), notes).await?;
        drop(places);
        if answers.gathered.is_empty() {
            return Ok(Origin::OutputManifest);
        }
        let categories = self.label_categories().await?;
        answers.check_memory(categories.as_deref())?;
        let (n_unmatched, n_unidentified) = (answers.n_unmatched(), answers.n_unidentified());
        let n_unreadable = answers.n_unreadable_files();
        let line_numbers: Vec<u64> = answers.gathered.places().collect();
        let outcome = answers.gathered.consolidate(
            self.options.label_attribute.as_deref().unwrap_or_default(),
            categories.as_deref(),
            &Statistics::default(),
        );
        let mut report = ConsolidationReport {
            is_whole_job,
            unmatched: n_unmatched,
            unidentified: n_unidentified,
            unreadable_files: n_unreadable,
            ..ConsolidationReport::new(&outcome)
        };
        report.changed = self.write(&labels(line_numbers, outcome)).await?;
        let place = self.files.place;
        let head = self
            .s3
            .head_object(&place.bucket, &place.key(FILE_NAME))
            .await?;
        Ok(Origin::Consolidated {
            e_tag: head.e_tag,
            report,
        })
    }

    /// Where each data object stands in the manifest, and what a built-in job asked for.
    async fn places(&self) -> Result<(Places, Option<TaskType>), RunError> {
        let mut places = Places::default();
        let mut built_in = None;
        let mut lines = Lines::open(self.s3, self.manifest).await?;
        let mut look = |line_number, line: RawLine<'_>| {
            let bytes = match line {
                RawLine::Line(bytes) => bytes,
                RawLine::TooLong { .. } => b"{",
            };
            if bytes.trim_ascii().is_empty() {
                return;
            }
            let own = manifest::own_label(bytes, self.options);
            built_in = built_in.or_else(|| own.as_ref()?.task_type);
            places.push(line_number, own.as_ref().map(|own| own.source_ref.as_str()));
        };
        while lines.next(&mut look).await?.is_some() {}
        Ok((places, built_in))
    }

    /// Label categories as the consolidation function finds them: from the settings, else the job's own copy.
    async fn label_categories(&self) -> Result<Option<Vec<String>>, RunError> {
        let bytes_max = categories::CATEGORY_FILE_BYTES_MAX;
        if let Some(uri) = &self.config.label_categories_uri {
            let bytes = self
                .s3
                .read_object(&uri.bucket, &uri.key, bytes_max)
                .await?;
            let names = categories::parse_file(&bytes);
            return names.map(Some).map_err(|error| RunError::LabelCategories {
                uri: uri.to_string(),
                reason: error.to_string(),
            });
        }
        if self.config.consolidation.label_categories.is_some() {
            return Ok(None);
        }
        let Ok(uri) = ObjectUri::parse(&self.job_folder().label_categories()) else {
            return Ok(None);
        };
        match self.s3.read_object(&uri.bucket, &uri.key, bytes_max).await {
            Ok(bytes) => Ok(categories::parse_file(&bytes)
                .inspect_err(|error| tracing::warn!(%uri, %error, "label categories passed over"))
                .ok()),
            Err(error) if error.is_temporary() => Err(error.into()),
            Err(error) => {
                tracing::info!(code = error.code(), %uri, "no label categories");
                Ok(None)
            }
        }
    }

    /// Writes the manifest with the labels put in and what they change; answers the number of changes.
    async fn write(&self, labels: &Labels) -> Result<u64, RunError> {
        let mut upload = self.files.upload(FILE_NAME);
        let mut changes = self.files.upload(CHANGES);
        let n_changed = match self.put_in(labels, &mut upload, &mut changes).await {
            Ok(n_changed) => n_changed,
            Err(error) => {
                upload.abort().await;
                changes.abort().await;
                return Err(error);
            }
        };
        let finished = match self.config.consolidate {
            Consolidate::WholeJob => changes.finish().await,
            _ => {
                changes.abort().await;
                Ok(())
            }
        };
        if let Err(error) = finished {
            upload.abort().await;
            return Err(error.into());
        }
        upload.finish().await?;
        Ok(n_changed)
    }

    async fn put_in(
        &self,
        labels: &Labels,
        upload: &mut Upload,
        changes: &mut Upload,
    ) -> Result<u64, RunError> {
        let mut n_changed = 0;
        let mut lines = Lines::open(self.s3, self.manifest).await?;
        let relabel = |line_number: u64, line: RawLine<'_>| {
            relabeled(self.options, labels, line_number, line)
        };
        while let Some((line, change)) = lines.next(relabel).await? {
            upload.write(&line).await?;
            if let Some(change) = change {
                n_changed += 1;
                changes.write(change.as_bytes()).await?;
            }
        }
        Ok(n_changed)
    }
}

/// The manifest that [`Job::origin`] wrote.
pub(crate) fn consolidated(files: &Files<'_>, e_tag: &str) -> LinesObject {
    LinesObject {
        bucket: files.place.bucket.clone(),
        key: files.place.key(FILE_NAME),
        e_tag: e_tag.to_owned(),
    }
}

/// The files that a consolidation leaves beside the reports.
pub(crate) fn file_names(report: &ConsolidationReport) -> &'static [&'static str] {
    if report.is_whole_job {
        &[FILE_NAME, CHANGES]
    } else {
        &[FILE_NAME]
    }
}

/// A line as it is written, and what a person wants to know of it.
fn relabeled(
    options: &ConvertOptions,
    labels: &Labels,
    line_number: u64,
    line: RawLine<'_>,
) -> (Vec<u8>, Option<String>) {
    let bytes = match line {
        RawLine::Line(bytes) => bytes,
        // Stays too long, so that it is rejected as before.
        RawLine::TooLong { .. } => {
            return ([vec![b' '; LINE_BYTES_MAX + 1], vec![b'\n']].concat(), None);
        }
    };
    let as_it_is = || ([bytes, b"\n"].concat(), None);
    let label = labels.get(&line_number);
    let Some(label) = label.and_then(|label| Envelope::parse(label).ok().flatten()) else {
        return as_it_is();
    };
    let Some(own) = manifest::own_label(bytes, options) else {
        return as_it_is();
    };
    let has_output = own.worker_response_ref.is_none();
    if has_output && label.has_failed() {
        return as_it_is();
    }
    let Some(line) = manifest::relabeled(bytes, options, &label) else {
        return as_it_is();
    };
    let after = manifest::envelope_labels(&label);
    let change = (has_output && labels_differ(&own.labels, &after)).then(|| {
        let change = json!({"lineNumber": line_number, "source-ref": own.source_ref, "before": own.labels, "after": after});
        format!("{change}\n")
    });
    (format!("{line}\n").into_bytes(), change)
}

/// Label envelopes by line number.
type Labels = BTreeMap<u64, Box<RawValue>>;

fn labels(line_numbers: Vec<u64>, outcome: Outcome) -> Labels {
    let labels = outcome.response.into_iter().map(|answer| answer.label);
    line_numbers.into_iter().zip(labels).collect()
}
