//! Dataset updates that were under way when an earlier `gtcl serve` in the same folder ended.
//!
//! In AWS the lease of a function that was killed runs out with its deadline. Here that the function is gone is known:
//! nobody else works in the folder. So whoever comes next for the manifest may go on at once.

use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use dataset_updater::request::place::is_report_key;
use dataset_updater::state::checkpoint::abandoned;
use dataset_updater::storage::store::{CHECKPOINT_BYTES_MAX, FILE_NAME};

use services::s3::object_of_file;

use crate::input;
use crate::leases::files;

/// Takes the leases of killed functions away. To be called before the first function is invoked. `buckets` is the
/// folder with a folder for each bucket.
///
/// Returns a sentence about each update that isn't done. What can't be read or written is one of them, and nothing else.
pub async fn release(s3: &Client, buckets: &Path) -> Vec<String> {
    let mut sentences = Vec::new();
    // Not listed by S3: its listing takes a minute for 40,000 objects, and an update writes one checkpoint.
    for path in checkpoints(buckets) {
        let Some((bucket, key)) = object(buckets, &path) else {
            continue;
        };
        let uri = format!("s3://{bucket}/{key}");
        let bytes = input::bounded(&path, CHECKPOINT_BYTES_MAX).ok().flatten();
        let Some(checkpoint) = bytes.and_then(|bytes| abandoned(&bytes)) else {
            sentences.push(format!(
                "{uri} can't be read: delete it, and its update starts over when the manifest is copied again"
            ));
            continue;
        };
        // Written anew even without a lease: of a process that was killed while it wrote, S3 may have the object
        // without its checksum.
        let bytes = serde_json::to_vec(&checkpoint).unwrap_or_default();
        let put = s3.put_object().bucket(&bucket).key(&key);
        let put = put.content_type("application/json");
        if let Err(error) = put.body(ByteStream::from(bytes)).send().await {
            let error = error.into_service_error();
            sentences.push(format!("{uri} can't be written: {error}"));
        }
        if !checkpoint.is_done {
            let manifest = &checkpoint.manifest.uri;
            sentences.push(format!(
                "{manifest}: its update was not done; copy it again, or invoke the function again, and it goes on"
            ));
        }
    }
    sentences
}

/// The dataset-updater's checkpoints in all buckets, in the order of their names.
fn checkpoints(buckets: &Path) -> Vec<PathBuf> {
    files(buckets, |path| {
        path.file_name().is_some_and(|name| name == FILE_NAME)
    })
}

/// Bucket and key of one of the dataset-updater's own objects.
fn object(buckets: &Path, path: &Path) -> Option<(String, String)> {
    let (bucket, key) = object_of_file(path.strip_prefix(buckets).ok()?)?;
    is_report_key(&key).then_some((bucket, key))
}
