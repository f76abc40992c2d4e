//! The straight line: event → request → annotation file → consolidated annotations → answer.

use aws::s3::S3;
use labeling::consolidation::{AnnotationFile, ConsolidatedAnnotation, Request, gather};
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::worker_statistics::WorkerStatistics;
use crate::{Error, Settings, inputs, report};

/// Answers one event with one consolidated annotation for each data object of the batch.
///
/// # Errors
///
/// [`Error`] when the request or the annotation file as a whole can't be read. Anything smaller costs a data object
/// its label at most, or the consolidation its carried statistics, and is logged.
pub async fn handle(
    event: LambdaEvent<Box<RawValue>>,
    s3: &S3,
    settings: &Settings,
) -> Result<Vec<ConsolidatedAnnotation>, Error> {
    let request = Request::parse(event.payload.get().as_bytes())?;
    let labeling_job_arn = request.labeling_job_arn.as_deref().unwrap_or_default();
    let span = tracing::error_span!(
        "job",
        job_name = aws::logs::job_name(labeling_job_arn),
        annotation_file = request.annotation_file_uri(),
    );
    answer(request, s3, settings).instrument(span).await
}

async fn answer(
    mut request: Request,
    s3: &S3,
    settings: &Settings,
) -> Result<Vec<ConsolidatedAnnotation>, Error> {
    let store = WorkerStatistics::of_job(s3, &request, settings);
    // Neither needs the other, and either is a round trip to S3.
    let (file, carried) = tokio::join!(
        async {
            let bytes = inputs::read_annotation_file(s3, &request, settings).await?;
            Ok::<_, Error>(AnnotationFile::parse_batch(&bytes)?)
        },
        store.read()
    );
    let mut file = file?;
    inputs::read_stored_answers(s3, &request, settings, &mut file).await;
    inputs::read_label_categories(s3, &mut request, settings).await;
    let gathered = gather(&request, &file, &settings.config);
    // What the answers say takes less room than their text.
    file.objects = Vec::new();
    let categories = request.label_categories.as_deref();
    let outcome = gathered.consolidate(&request.label_attribute, categories, &carried.sum);
    store.write(&outcome.statistics, carried).await;
    report::log(&request, &file, &outcome);
    Ok(outcome.response)
}
