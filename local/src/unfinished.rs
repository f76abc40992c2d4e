//! Dataset updates that were under way when an earlier `gtcl serve` in the same folder ended.
//!
//! In AWS the queue keeps the message, and the lease of a function that was killed runs out with its deadline. Here the
//! queue ends with the process, and that the function is gone is known: nobody else works in the folder.

use std::fmt::Display;

use aws::s3::ObjectUri;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use dataset_updater::checkpoint::{Checkpoint, abandoned};
use dataset_updater::place::is_report_key;
use dataset_updater::store::FILE_NAME;

use crate::cli::CommandError;
use crate::services::s3::ObjectCreated;

/// Takes the leases of killed functions away and returns the manifests that they worked on. To be called before the
/// first function is invoked.
///
/// # Errors
///
/// S3 says no.
pub async fn release(s3: &Client) -> Result<Vec<ObjectCreated>, CommandError> {
    let mut manifests = Vec::new();
    for place in checkpoints(s3).await? {
        let Some(checkpoint) = release_one(s3, &place).await? else {
            continue;
        };
        let version = checkpoint.manifest;
        let Ok(manifest) = ObjectUri::parse(&version.uri) else {
            continue;
        };
        manifests.push(ObjectCreated {
            bucket: manifest.bucket,
            key: manifest.key,
            etag: version.e_tag.trim_matches('"').to_owned(),
            size: version.n_bytes,
            event_name: "ObjectCreated:Put",
        });
    }
    Ok(manifests)
}

/// The dataset-updater's checkpoints in all buckets.
async fn checkpoints(s3: &Client) -> Result<Vec<ObjectUri>, CommandError> {
    let buckets = s3.list_buckets().send().await;
    let buckets = buckets.map_err(|error| failed("the buckets", &error))?;
    let mut found = Vec::new();
    for bucket in buckets.buckets().iter().filter_map(|bucket| bucket.name()) {
        let mut pages = s3.list_objects_v2().bucket(bucket).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(bucket, &error))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            let is_checkpoint =
                |key: &&str| is_report_key(key) && key.rsplit('/').next() == Some(FILE_NAME);
            found.extend(
                keys.filter(is_checkpoint)
                    .map(|key| ObjectUri::new(bucket, key)),
            );
        }
    }
    Ok(found)
}

/// A checkpoint whose lease was somebody's; it is nobody's from then on.
async fn release_one(s3: &Client, place: &ObjectUri) -> Result<Option<Checkpoint>, CommandError> {
    let get = s3.get_object().bucket(&place.bucket).key(&place.key);
    let object = get.send().await.map_err(|error| failed(place, &error))?;
    let bytes = object.body.collect().await;
    let bytes = bytes.map_err(|error| failed(place, &error))?.into_bytes();
    let Some(checkpoint) = abandoned(&bytes) else {
        return Ok(None);
    };
    let free = serde_json::to_vec(&checkpoint).unwrap_or_default();
    let put = s3.put_object().bucket(&place.bucket).key(&place.key);
    let put = put
        .content_type("application/json")
        .body(ByteStream::from(free));
    put.send().await.map_err(|error| failed(place, &error))?;
    Ok(Some(checkpoint))
}

fn failed(what: impl Display, error: &(dyn std::error::Error + 'static)) -> CommandError {
    CommandError::new(format!(
        "{what} can't be looked through for unfinished updates: {}",
        DisplayErrorContext(error)
    ))
}
