//! What is read from S3 before a batch is consolidated.

use aws::s3::{ObjectUri, S3, S3Error};
use labeling::answers::ANSWER_BYTES_MAX;
use labeling::consolidation::{AnnotationFile, BATCH_BYTES_MAX, Payload, Request};
use labeling::job::{JobFolder, categories};
use manifest::S3Uri;

use crate::{Error, Settings};

/// The annotation file's bytes, from S3 or from the request itself.
pub(crate) async fn read_annotation_file(
    s3: &S3,
    request: &Request,
    settings: &Settings,
) -> Result<Vec<u8>, Error> {
    match &request.payload {
        Payload::Inline(text) => Ok(text.clone().into_bytes()),
        Payload::Stored(uri) => {
            let uri = ObjectUri::parse(uri)?;
            if !settings.allows(&uri.bucket) {
                return Err(Error::BucketNotAllowed { bucket: uri.bucket });
            }
            Ok(s3
                .read_object(&uri.bucket, &uri.key, BATCH_BYTES_MAX)
                .await?)
        }
    }
}

/// Reads the answers that are stored elsewhere. They must lie in the bucket of the annotation file or of
/// `outputConfig`; one that doesn't, or can't be read, is an unreadable answer.
pub(crate) async fn read_stored_answers(
    s3: &S3,
    request: &Request,
    settings: &Settings,
    file: &mut AnnotationFile,
) {
    let own = [request.annotation_file_uri(), request.output_uri.as_deref()];
    let own: Vec<&str> = own
        .into_iter()
        .flatten()
        .filter_map(|uri| Some(S3Uri::split(uri)?.bucket))
        .collect();
    for stored in file.stored_answers() {
        let answer = match ObjectUri::parse(&stored) {
            Ok(uri) if !own.contains(&uri.bucket.as_str()) || !settings.allows(&uri.bucket) => {
                Err(format!(
                    "answer stored in bucket {:?}, which is not the job's",
                    uri.bucket
                ))
            }
            Ok(uri) => s3
                .read_object(&uri.bucket, &uri.key, ANSWER_BYTES_MAX as u64)
                .await
                .map_err(|error| format!("answer stored elsewhere: {error}")),
            Err(error) => Err(format!("answer stored elsewhere: {error}")),
        };
        file.resolve(&stored, answer);
    }
}

/// Completes a request without label categories, when the settings have none either, from the job's own copy of its
/// label category file. Without it class ids are hashes of the names.
pub(crate) async fn read_label_categories(s3: &S3, request: &mut Request, settings: &Settings) {
    if request.label_categories.is_some() || settings.config.label_categories.is_some() {
        return;
    }
    let folder = request.job_folder();
    let uri = folder.as_ref().map(JobFolder::label_categories);
    let Some(Ok(uri)) = uri.as_deref().map(ObjectUri::parse) else {
        return;
    };
    if !settings.allows(&uri.bucket) {
        return;
    }
    match s3
        .read_object(&uri.bucket, &uri.key, categories::CATEGORY_FILE_BYTES_MAX)
        .await
    {
        Ok(bytes) => match categories::parse_file(&bytes) {
            Ok(names) => request.label_categories = Some(names),
            Err(error) => tracing::warn!(%uri, %error, "label categories passed over"),
        },
        // S3 says AccessDenied for a missing object, too, to a role that may not list the bucket.
        Err(error @ (S3Error::NotFound { .. } | S3Error::AccessDenied { .. })) => {
            tracing::info!(code = error.code(), %uri, "no label categories");
        }
        Err(error) => tracing::warn!(code = error.code(), %error, "label categories passed over"),
    }
}
