//! The annotation-consolidation function without the LIST that looks for other batches' worker statistics, and so
//! without what these would add: one GET, one PUT. `bench/run` holds it against a peer with the same two requests.

use aws::Clients;
use aws::s3::{ObjectUri, PutOptions, S3};
use labeling::consolidation::{
    AnnotationFile, Config, ConsolidatedAnnotation, Request, consolidate,
};
use labeling::statistics_file::{Batches, Statistics, StatisticsFile};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

async fn handle(
    event: LambdaEvent<Box<RawValue>>,
    s3: &S3,
    config: &Config,
) -> Result<Vec<ConsolidatedAnnotation>, Error> {
    let request = Request::parse(event.payload.get().as_bytes())?;
    let stored = request.annotation_file_uri().ok_or("no payload.s3Uri")?;
    let uri = ObjectUri::parse(stored)?;
    let bytes = s3.read_object(&uri.bucket, &uri.key, u64::MAX).await?;
    let file = AnnotationFile::parse_batch(&bytes)?;
    let outcome = consolidate(&request, &file, &Statistics::default(), config);
    let key = format!("{}.statistics.json", uri.key);
    let statistics = StatisticsFile {
        batches: Batches::from([(key.clone(), outcome.statistics)]),
        ..StatisticsFile::default()
    };
    s3.put_object(&uri.bucket, &key, statistics.to_json(), &PutOptions::json())
        .await?;
    tracing::info!(data_objects = outcome.response.len(), "consolidated");
    Ok(outcome.response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logs::start(None);
    let s3 = &Clients::s3_from_env();
    let config = &Config::default();
    lambda_runtime::run(service_fn(|event| handle(event, s3, config))).await
}
