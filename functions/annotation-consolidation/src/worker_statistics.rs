//! Worker statistics of a job's other batches: read before, written after.
//!
//! Nothing here fails a batch: without statistics a batch is consolidated by its own answers alone.

use std::collections::BTreeSet;

use aws::s3::{ListedObject, ObjectUri, PutOptions, S3};
use labeling::consolidation::Request;
use labeling::job_folder::statistics_folder;
use labeling::statistics_file::Statistics;
use labeling::statistics_file::{self, Batches, FILE_BYTES_MAX};
use tokio::task::JoinSet;

use crate::Settings;

/// Most objects of a job's statistics that are listed, inclusive: a job of 100,000 data objects makes at least 2,000.
const OBJECTS_LISTED_MAX: usize = 4_000;
/// Most objects that are read for one batch, inclusive.
const OBJECTS_READ_MAX: usize = 256;
/// Most bytes that are read for one batch, inclusive.
const BYTES_READ_MAX: u64 = 32 * 1_048_576;
/// Objects read at the same time.
const READS_AT_ONCE: usize = 16;
/// When so many batches stand in objects of their own, the next batch puts them into one.
const COMPACT_AT: usize = 64;

/// A job's worker statistics in S3.
pub(crate) struct WorkerStatistics<'a> {
    s3: &'a S3,
    /// Folder and name of this batch; `None` when the request doesn't say where, or statistics are turned off.
    place: Option<(ObjectUri, String)>,
    kms_key_id: Option<String>,
}

/// What was read.
#[derive(Default)]
pub(crate) struct Carried {
    /// The sum over all other batches.
    pub(crate) sum: Statistics,
    /// Batches that stand in objects of their own, when there are enough to put together.
    to_compact: Batches,
}

impl<'a> WorkerStatistics<'a> {
    pub(crate) fn of_job(s3: &'a S3, request: &Request, settings: &Settings) -> Self {
        let place = || {
            let folder = ObjectUri::parse(&statistics_folder(request.job_folder()?)).ok()?;
            let name = statistics_file::batch_name(request.annotation_file_uri()?);
            settings.allows(&folder.bucket).then_some((folder, name))
        };
        Self {
            s3,
            place: settings.carries_statistics.then(place).flatten(),
            kms_key_id: request.kms_key_id.clone(),
        }
    }

    pub(crate) async fn read(&self) -> Carried {
        let Some((folder, own_name)) = &self.place else {
            return Carried::default();
        };
        let listed = self
            .s3
            .list_objects(&folder.bucket, &folder.key, OBJECTS_LISTED_MAX)
            .await;
        let listed = listed.unwrap_or_else(|error| {
            tracing::warn!(code = error.code(), %error, "worker statistics passed over");
            Vec::new()
        });
        let (compacted, single): (Vec<_>, Vec<_>) = listed
            .into_iter()
            .partition(|object| name_of(&object.key).starts_with("compacted-"));
        let mut budget = Budget::default();
        let mut batches = self.read_all(budget.take(compacted)).await;
        let known: BTreeSet<String> = batches.keys().cloned().collect();
        let is_new = |object: &ListedObject| {
            let name = name_of(&object.key);
            name != own_name && !known.contains(name)
        };
        let single = self
            .read_all(budget.take(single.into_iter().filter(is_new)))
            .await;
        if budget.n_left_out > 0 {
            tracing::warn!(
                n_left_out = budget.n_left_out,
                "more worker statistics than are read for one batch"
            );
        }
        batches.extend(single.clone());
        Carried {
            sum: statistics_file::carried(&batches, own_name),
            to_compact: if single.len() >= COMPACT_AT {
                single
            } else {
                Batches::new()
            },
        }
    }

    pub(crate) async fn write(&self, own: &Statistics, carried: Carried) {
        let Some((_, own_name)) = &self.place else {
            return;
        };
        if !carried.to_compact.is_empty() {
            self.put(
                &statistics_file::compacted_name(&carried.to_compact),
                &carried.to_compact,
            )
            .await;
        }
        self.put(own_name, &Batches::from([(own_name.clone(), own.clone())]))
            .await;
    }

    async fn put(&self, name: &str, batches: &Batches) {
        let Some((folder, _)) = &self.place else {
            return;
        };
        let key = format!("{}{name}.json", folder.key);
        let options = PutOptions {
            kms_key_id: self.kms_key_id.clone(),
            ..PutOptions::json()
        };
        let written = self
            .s3
            .put_object(
                &folder.bucket,
                &key,
                statistics_file::to_json(batches),
                &options,
            )
            .await;
        if let Err(error) = written {
            tracing::warn!(code = error.code(), %error, "worker statistics not written");
        }
    }

    async fn read_all(&self, keys: Vec<String>) -> Batches {
        let Some((folder, _)) = &self.place else {
            return Batches::new();
        };
        let mut found = Batches::new();
        let mut reads = JoinSet::new();
        let mut keys = keys.into_iter();
        loop {
            while reads.len() < READS_AT_ONCE {
                let Some(key) = keys.next() else { break };
                let (s3, bucket) = (self.s3.clone(), folder.bucket.clone());
                reads.spawn(async move { read_one(&s3, &bucket, &key).await });
            }
            match reads.join_next().await {
                Some(Ok(batches)) => found.extend(batches),
                Some(Err(error)) => tracing::warn!(%error, "worker statistics passed over"),
                None => return found,
            }
        }
    }
}

async fn read_one(s3: &S3, bucket: &str, key: &str) -> Batches {
    let bytes = match s3.read_object(bucket, key, FILE_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "worker statistics passed over");
            return Batches::new();
        }
    };
    statistics_file::parse(&bytes).unwrap_or_else(|error| {
        tracing::warn!(key, %error, "worker statistics passed over");
        Batches::new()
    })
}

/// How much may still be read for this batch.
#[derive(Default)]
struct Budget {
    n_objects: usize,
    n_bytes: u64,
    n_left_out: usize,
}

impl Budget {
    fn take(&mut self, objects: impl IntoIterator<Item = ListedObject>) -> Vec<String> {
        let mut keys = Vec::new();
        for object in objects {
            let fits = self.n_objects < OBJECTS_READ_MAX
                && self.n_bytes + object.n_bytes <= BYTES_READ_MAX;
            if fits && object.key.ends_with(".json") {
                self.n_objects += 1;
                self.n_bytes += object.n_bytes;
                keys.push(object.key);
            } else {
                self.n_left_out += usize::from(!fits);
            }
        }
        keys
    }
}

/// The name of an object without folder and extension.
fn name_of(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.strip_suffix(".json").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, n_bytes: u64) -> ListedObject {
        ListedObject {
            key: key.to_owned(),
            n_bytes,
        }
    }

    #[test]
    fn names() {
        assert_eq!(
            name_of("job/annotations/consolidated-annotation/worker-statistics/ab12.json"),
            "ab12"
        );
        assert_eq!(name_of("ab12"), "ab12");
    }

    #[test]
    fn reading_is_bounded() {
        for (n, expected, left_out) in [(255, 255, 0), (256, 256, 0), (257, 256, 1)] {
            let mut budget = Budget::default();
            let keys = budget.take((0..n).map(|i| object(&format!("{i}.json"), 1)));
            assert_eq!((keys.len(), budget.n_left_out), (expected, left_out), "{n}");
        }
        for (n_bytes, expected) in [
            (BYTES_READ_MAX - 1, 1),
            (BYTES_READ_MAX, 1),
            (BYTES_READ_MAX + 1, 0),
        ] {
            let keys = Budget::default().take([object("a.json", n_bytes)]);
            assert_eq!(keys.len(), expected, "{n_bytes}");
        }
        assert!(Budget::default().take([object("folder/", 0)]).is_empty());
    }
}
