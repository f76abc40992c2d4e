//! Worker statistics of a job's other batches: read before, written after.
//!
//! Nothing here fails a batch: without statistics a batch is consolidated by its own answers alone.

use aws::s3::{ListedObject, ObjectUri, PutOptions, S3};
use labeling::consolidation::Request;
use labeling::statistics_file::{
    Batches, FILE_BYTES_MAX, Level, Read, Statistics, StatisticsFile, batch_name,
};
use tokio::task::JoinSet;

use crate::Settings;

/// Most objects of a job's statistics that are listed, inclusive: a job of 100,000 data objects makes at least 2,000.
const OBJECTS_LISTED_MAX: usize = 4_000;
/// Most objects that are read for one batch, inclusive.
const OBJECTS_READ_MAX: usize = 256;
/// Most bytes that are read for one batch, inclusive.
const BYTES_READ_MAX: u64 = 12 * 1_048_576;
/// Objects read at the same time.
const READS_AT_ONCE: usize = 16;

/// A job's worker statistics in S3.
pub(crate) struct WorkerStatistics<'a> {
    s3: &'a S3,
    /// Folder and name of this batch; `None` when the request doesn't say where, or statistics are turned off.
    place: Option<(ObjectUri, String)>,
    kms_key_id: Option<String>,
}

/// The statistics that were read.
#[derive(Default)]
pub(crate) struct Carried {
    /// The sum over all other batches.
    pub(crate) sum: Statistics,
    /// Objects to write, so that the next batches read fewer.
    to_compact: Vec<StatisticsFile>,
}

impl<'a> WorkerStatistics<'a> {
    pub(crate) fn of_job(s3: &'a S3, request: &Request, settings: &Settings) -> Self {
        let place = || {
            let folder = ObjectUri::parse(&request.job_folder()?.worker_statistics()).ok()?;
            let name = batch_name(request.annotation_file_uri()?);
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
        let mut budget = Budget::default();
        let mut read = Read::default();
        for level in [Level::Twice, Level::Compacted, Level::Batch] {
            let is_wanted = |object: &&ListedObject| {
                let name = name_of(&object.key);
                Level::of(name) == level && name != own_name && read.needs(name)
            };
            let keys = budget.take(listed.iter().filter(is_wanted));
            self.read_all(keys, &mut read).await;
        }
        if budget.n_left_out > 0 {
            tracing::warn!(
                n_left_out = budget.n_left_out,
                "more worker statistics than are read for one batch"
            );
        }
        Carried {
            sum: read.carried(own_name),
            to_compact: read.to_compact(),
        }
    }

    pub(crate) async fn write(&self, own: &Statistics, carried: Carried) {
        let Some((_, own_name)) = &self.place else {
            return;
        };
        for file in carried.to_compact {
            self.put(&file.compacted_name(), &file).await;
        }
        let own = StatisticsFile {
            batches: Batches::from([(own_name.clone(), own.clone())]),
            ..StatisticsFile::default()
        };
        self.put(own_name, &own).await;
    }

    async fn put(&self, name: &str, file: &StatisticsFile) {
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
            .put_object(&folder.bucket, &key, file.to_json(), &options)
            .await;
        if let Err(error) = written {
            tracing::warn!(code = error.code(), %error, "worker statistics not written");
        }
    }

    async fn read_all(&self, keys: Vec<String>, read: &mut Read) {
        let Some((folder, _)) = &self.place else {
            return;
        };
        let mut reads = JoinSet::new();
        let mut keys = keys.into_iter();
        loop {
            while reads.len() < READS_AT_ONCE {
                let Some(key) = keys.next() else { break };
                let (s3, bucket) = (self.s3.clone(), folder.bucket.clone());
                reads.spawn(async move { (read_one(&s3, &bucket, &key).await, key) });
            }
            match reads.join_next().await {
                Some(Ok((Some(bytes), key))) => {
                    if let Err(error) = read.add_file(name_of(&key), &bytes) {
                        tracing::warn!(key, %error, "worker statistics passed over");
                    }
                }
                Some(Ok((None, _))) => {}
                Some(Err(error)) => tracing::warn!(%error, "worker statistics passed over"),
                None => return,
            }
        }
    }
}

async fn read_one(s3: &S3, bucket: &str, key: &str) -> Option<Vec<u8>> {
    let bytes = s3.read_object(bucket, key, FILE_BYTES_MAX).await;
    bytes
        .inspect_err(|error| {
            tracing::warn!(code = error.code(), %error, "worker statistics passed over");
        })
        .ok()
}

/// How much may still be read for this batch.
#[derive(Default)]
struct Budget {
    n_objects: usize,
    n_bytes: u64,
    n_left_out: usize,
}

impl Budget {
    fn take<'o>(&mut self, objects: impl Iterator<Item = &'o ListedObject>) -> Vec<String> {
        let mut keys = Vec::new();
        for object in objects {
            let fits = self.n_objects < OBJECTS_READ_MAX
                && self.n_bytes + object.n_bytes <= BYTES_READ_MAX;
            if fits && object.key.ends_with(".json") {
                self.n_objects += 1;
                self.n_bytes += object.n_bytes;
                keys.push(object.key.clone());
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
            let objects: Vec<_> = (0..n).map(|i| object(&format!("{i}.json"), 1)).collect();
            let keys = budget.take(objects.iter());
            assert_eq!((keys.len(), budget.n_left_out), (expected, left_out), "{n}");
        }
        for (n_bytes, expected) in [
            (BYTES_READ_MAX - 1, 1),
            (BYTES_READ_MAX, 1),
            (BYTES_READ_MAX + 1, 0),
        ] {
            let keys = Budget::default().take([object("a.json", n_bytes)].iter());
            assert_eq!(keys.len(), expected, "{n_bytes}");
        }
        assert!(
            Budget::default()
                .take([object("folder/", 0)].iter())
                .is_empty()
        );
    }
}
