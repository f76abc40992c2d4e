//! Leases of the dataset-updater in the embedded S3: on manifests, in their checkpoints, and on datasets.
//!
//! In AWS the lease of a function that was killed runs out with its deadline. Here that an invocation is over is known, so
//! what it held is free at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use dataset_updater::request::place::is_report_key;
use dataset_updater::state::checkpoint::{Lease, abandoned};
use dataset_updater::state::dataset_lease::{DatasetLease, FOLDER};
use dataset_updater::storage::store::{CHECKPOINT_BYTES_MAX, FILE_NAME};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use services::lambda::Leases;
use services::s3::{ObjectCreated, object_of_file};
use tokio::sync::broadcast::{self, error::RecvError};

/// Attempts at an object that is written at the same time.
const N_ATTEMPTS_MAX: u32 = 5;

/// The leases of the functions of one `gtcl serve`.
#[derive(Debug)]
pub struct UpdaterLeases {
    s3: Client,
    /// The folder with a folder for each bucket.
    buckets: PathBuf,
    /// Invocations that are over: a write of theirs may come after they have gone.
    over: Mutex<BTreeSet<String>>,
}

impl UpdaterLeases {
    /// Those in the buckets below the folder, which `s3` serves.
    pub fn new(s3: Client, buckets: PathBuf) -> Self {
        Self {
            s3,
            buckets,
            over: Mutex::default(),
        }
    }

    /// Watches what is written until the service ends: a process may be killed while S3 still receives its last write,
    /// which then comes after all its leases have been freed.
    pub fn watch(self: &Arc<Self>, mut written: broadcast::Receiver<ObjectCreated>) {
        let leases = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let found = match written.recv().await {
                    Ok(object) if is_lease_file(&object.key) => {
                        Vec::from_iter(leases.read(object.bucket, object.key).await)
                    }
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => leases.all().await,
                    Err(RecvError::Closed) => return,
                };
                for found in found {
                    if leases.is_over(&found.lease.owner) {
                        leases.end(found).await;
                    }
                }
            }
        });
    }

    /// Ends all leases: nobody is at work, such as before the first invocation.
    pub async fn end_all(&self) {
        for found in self.all().await {
            self.end(found).await;
        }
    }

    /// All leases that are there, whoever holds them.
    async fn all(&self) -> Vec<Found> {
        let buckets = self.buckets.clone();
        let walked = tokio::task::spawn_blocking(move || lease_files(&buckets));
        let mut found = Vec::new();
        for (bucket, key) in walked.await.unwrap_or_default() {
            found.extend(self.read(bucket, key).await);
        }
        found
    }

    async fn read(&self, bucket: String, key: String) -> Option<Found> {
        let object = self.s3.get_object().bucket(&bucket).key(&key).send().await;
        let object = object.ok()?;
        if object.content_length().unwrap_or_default() > CHECKPOINT_BYTES_MAX as i64 {
            return None;
        }
        let e_tag = object.e_tag().unwrap_or_default().to_owned();
        let bytes = object.body.collect().await.ok()?.into_bytes();
        let lease = if key.ends_with(FILE_NAME) {
            serde_json::from_slice::<Leased>(&bytes).ok()?.lease?
        } else {
            let lease: DatasetLease = serde_json::from_slice(&bytes).ok()?;
            Lease {
                owner: lease.owner,
                until_ms: lease.until_ms,
            }
        };
        Some(Found {
            bucket,
            key,
            e_tag,
            bytes: bytes.into(),
            lease,
        })
    }

    /// Takes a lease away, unless somebody else writes there: then it is looked at again.
    async fn end(&self, mut found: Found) {
        for _ in 0..N_ATTEMPTS_MAX {
            let Some(bytes) = found.without_lease() else {
                return;
            };
            let put = self.s3.put_object().bucket(&found.bucket).key(&found.key);
            let put = put.content_type("application/json").if_match(&found.e_tag);
            if put.body(ByteStream::from(bytes)).send().await.is_ok() {
                return;
            }
            let owner = found.lease.owner.clone();
            match self.read(found.bucket, found.key).await {
                Some(again) if again.lease.owner == owner => found = again,
                _ => return,
            }
        }
    }

    fn remember(&self, owner: &str) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        over.insert(owner.to_owned());
    }

    fn is_over(&self, owner: &str) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        over.contains(owner)
    }
}

impl Leases for UpdaterLeases {
    fn free<'a>(&'a self, request_id: &'a str) -> BoxFuture<'a, ()> {
        async move {
            self.remember(request_id);
            self.held(request_id).await;
        }
        .boxed()
    }

    /// Which dataset an event is for isn't known: a lease on any holds it back.
    fn held<'a>(&'a self, _event: &'a str) -> BoxFuture<'a, Option<Duration>> {
        async move {
            let mut longest = None;
            for found in self.all().await {
                if self.is_over(&found.lease.owner) {
                    self.end(found).await;
                } else {
                    longest = longest.max(left(&found.lease, SystemTime::now()));
                }
            }
            longest
        }
        .boxed()
    }
}

/// How long the lease still holds; `None` when it has run out.
fn left(lease: &Lease, now: SystemTime) -> Option<Duration> {
    let until = UNIX_EPOCH + Duration::from_millis(u64::try_from(lease.until_ms).ok()?);
    let left = until.duration_since(now).ok()?;
    (!left.is_zero()).then_some(left)
}

/// A checkpoint's lease alone.
#[derive(Deserialize)]
struct Leased {
    lease: Option<Lease>,
}

/// An object with a lease.
#[derive(Debug)]
struct Found {
    bucket: String,
    key: String,
    e_tag: String,
    bytes: Vec<u8>,
    lease: Lease,
}

impl Found {
    fn without_lease(&self) -> Option<Vec<u8>> {
        if self.key.ends_with(FILE_NAME) {
            return serde_json::to_vec(&abandoned(&self.bytes)?).ok();
        }
        let mut lease: DatasetLease = serde_json::from_slice(&self.bytes).ok()?;
        lease.until_ms = 0;
        serde_json::to_vec(&lease).ok()
    }
}

/// Bucket and key of the dataset-updater's checkpoints and leases in all buckets, in the order of their names.
///
/// Read from disk: S3's listing takes long where there are many objects.
fn lease_files(buckets: &Path) -> Vec<(String, String)> {
    let paths = files(buckets, |path| path.to_str().is_some_and(may_be_lease_file));
    let objects = paths.iter();
    let objects = objects.filter_map(|path| object_of_file(path.strip_prefix(buckets).ok()?));
    objects.filter(|(_, key)| is_lease_file(key)).collect()
}

/// Whether a key is a checkpoint's of the dataset-updater, or of a lease on a dataset.
fn is_lease_file(key: &str) -> bool {
    may_be_lease_file(key) && (!key.ends_with(FILE_NAME) || is_report_key(key))
}

/// What a path alone tells of that.
fn may_be_lease_file(path: &str) -> bool {
    let mut names = path.rsplit('/');
    let name = names.next().unwrap_or_default();
    let folder = names.next().unwrap_or_default();
    name == FILE_NAME || folder == FOLDER.trim_end_matches('/')
}

/// The regular files at any depth that are wanted, in the order of their names.
pub(crate) fn files(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // What can't be looked into is S3's to complain of.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() && is_wanted(&path) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_run_out() {
        let at = |ms: u64| UNIX_EPOCH + Duration::from_millis(ms);
        for (until_ms, now_ms, expected) in [
            (1000, 999, Some(1)),
            (1000, 1000, None),
            (1000, 1001, None),
            (0, 1000, None),
            (-1, 1000, None),
        ] {
            let lease = Lease {
                owner: "a".to_owned(),
                until_ms,
            };
            let expected = expected.map(Duration::from_millis);
            assert_eq!(left(&lease, at(now_ms)), expected, "{until_ms} {now_ms}");
        }
    }

    #[test]
    fn a_lease_on_a_dataset_ends_and_keeps_what_else_it_says() {
        let found = Found {
            bucket: "b".to_owned(),
            key: "dataset-updater-leases/0.json".to_owned(),
            e_tag: String::new(),
            bytes: br#"{"datasetArn":"arn","owner":"a","nonce":"1","untilMs":5}"#.to_vec(),
            lease: Lease {
                owner: "a".to_owned(),
                until_ms: 5,
            },
        };
        let ended: serde_json::Value =
            serde_json::from_slice(&found.without_lease().unwrap()).unwrap();
        let expected =
            serde_json::json!({"datasetArn": "arn", "owner": "a", "nonce": "1", "untilMs": 0});
        assert_eq!(ended, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_killed_process_still_wrote_is_freed_and_nobody_elses() {
        use services::faults::Faults;
        let folder = tempfile::tempdir().unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let server = services::s3::S3Server::start(folder.path(), address, Faults::default());
        let server = server.await.unwrap();
        let client = crate::commands::soak::s3_client(&server.endpoint());
        client.create_bucket().bucket("jobs").send().await.unwrap();
        let put = async |key: &str, owner: &str| {
            let lease = serde_json::json!({"datasetArn": "arn", "owner": owner, "nonce": "1", "untilMs": i64::MAX});
            let put = client.put_object().bucket("jobs").key(key);
            let put = put.body(lease.to_string().into_bytes().into()).send();
            put.await.unwrap();
        };
        let leases = Arc::new(UpdaterLeases::new(
            client.clone(),
            folder.path().to_path_buf(),
        ));
        leases.watch(server.notifications());
        let (before, after, others) = ["0", "1", "2"]
            .map(|name| format!("{FOLDER}{name}.json"))
            .into();
        put(&others, "another").await;
        put(&before, "killed").await;
        leases.free("killed").await;
        let mut written = server.notifications();
        put(&after, "killed").await;
        // The late write, and the one that takes its lease away.
        let mut n_left = 2;
        while n_left > 0 {
            n_left -= u32::from(written.recv().await.unwrap().key == after);
        }
        let mut held: Vec<_> = leases.all().await;
        held.retain(|found| found.lease.until_ms > 0);
        let held: Vec<_> = held.iter().map(|found| found.key.as_str()).collect();
        assert_eq!(held, [others.as_str()]);
    }

    #[test]
    fn files_with_leases() {
        let folder = tempfile::tempdir().unwrap();
        for key in [
            "b/jobs/birds/dataset-updater/checkpoint.json",
            "b/jobs/birds/checkpoint.json",
            "b/jobs/birds/dataset-updater/report.json",
            "b/jobs/dataset-updater-leases/0.json",
            "b/jobs/dataset-updater-leases/deeper/0.json",
        ] {
            let path = folder.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let keys: Vec<_> = lease_files(folder.path())
            .into_iter()
            .map(|(_, key)| key)
            .collect();
        assert_eq!(
            keys,
            [
                "jobs/birds/dataset-updater/checkpoint.json",
                "jobs/dataset-updater-leases/0.json",
            ]
        );
    }
}
