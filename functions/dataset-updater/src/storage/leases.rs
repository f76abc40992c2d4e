//! The right to update a dataset: one writer at a time, wherever its manifest lies.
//!
//! The service tells the status of a dataset's last update, whoever made it, and an entry takes the place of the one that
//! was there. Two writers at once would take each other's failures for successes, and of labels that both merge into
//! what they have listed the later writer's would be left. So whoever wants to update a dataset first takes its lease: one small
//! object a dataset in S3, written on condition (If-None-Match, If-Match), held until what was sent is verified.
//!
//! A writer that takes no lease, such as the console or a script, isn't kept away by it: see [`crate::verify::look`].

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, SystemTime};

use aws::s3::{Condition, PutOptions, S3, S3Error};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::sleep;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::RunError;
use crate::request::budget::{Budget, INVOCATION_MAX, millis};

/// Folder of the leases where no setting names one.
pub const FOLDER: &str = "dataset-updater-leases/";
/// Bound of a lease object, in bytes, inclusive. What is larger is no lease.
const LEASE_BYTES_MAX: u64 = 4096;
/// Difference of clocks that is allowed for: a lease holds others back for so long after its end.
const CLOCK_MARGIN: Duration = Duration::from_secs(2);
/// Longest time between two looks at somebody else's lease.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// Time that is kept for the work itself: whoever waits for a lease longer than that would take it for nothing. Of
/// shorter invocations it is half of the time.
const WORK_TIME_MIN: Duration = Duration::from_secs(60);

/// The right to update a dataset for a while, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetLease {
    /// The dataset.
    pub dataset_arn: String,
    /// The invocation's request id.
    pub owner: String,
    /// A number of the owner's own: the same event may be delivered to two processes with one request id.
    pub nonce: String,
    /// Until when, in milliseconds since 1970, exclusive: the invocation's deadline. Zero once it is given back.
    pub until_ms: i64,
}

/// The lease that holds others back at `now_ms`, by a lease object's bytes.
///
/// What can't be read, is another dataset's, has run out, or ends later than the longest invocation that could begin now, is none.
#[must_use]
pub fn holding(found: &[u8], dataset_arn: &str, now_ms: i64) -> Option<DatasetLease> {
    let margin_ms = duration_ms(CLOCK_MARGIN);
    let latest_ms = now_ms + duration_ms(INVOCATION_MAX) + margin_ms;
    serde_json::from_slice::<DatasetLease>(found)
        .ok()
        .filter(|lease| lease.dataset_arn == dataset_arn)
        .filter(|lease| lease.until_ms <= latest_ms && lease.until_ms + margin_ms > now_ms)
}

fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where leases lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The bucket.
    pub bucket: String,
    /// The prefix: empty, or with a slash at its end.
    pub prefix: String,
}

impl Folder {
    /// The key of a dataset's lease. An ARN isn't fit for a key, its hash is.
    #[must_use]
    pub fn key(&self, dataset_arn: &str) -> String {
        let digest = Sha256::digest(dataset_arn.as_bytes());
        let name: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}{name}.json", self.prefix)
    }
}

/// The leases of a folder, for one invocation.
#[derive(Debug)]
pub(crate) struct Leases<'a> {
    pub(crate) s3: &'a S3,
    pub(crate) folder: Folder,
    pub(crate) kms_key_id: Option<String>,
    /// The invocation's request id.
    pub(crate) owner: &'a str,
    pub(crate) budget: &'a Budget,
    /// Time between two looks, where it is shorter than [`LOOK_INTERVAL_MAX`].
    pub(crate) look_interval: Duration,
}

/// Leases that are held, to be given back with [`Leases::give_back`]. Those that aren't end with the invocation.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Held(Vec<HeldLease>);

#[derive(Debug)]
struct HeldLease {
    lease: DatasetLease,
    e_tag: String,
}

/// What a look at a lease brought.
enum Look {
    Taken(HeldLease),
    Held(DatasetLease),
    /// Somebody else wrote at the same moment.
    Lost,
}

impl Leases<'_> {
    /// Takes the leases of datasets, one after another in the order of their ARNs: who holds one never waits for one before it.
    /// Those that others hold are waited for while enough of the invocation's time is left.
    ///
    /// # Errors
    ///
    /// [`RunError::DatasetLeased`] when the time is over, and as S3 answers; none is held then.
    pub(crate) async fn take(&self, dataset_arns: Vec<String>) -> Result<Held, RunError> {
        let mut arns = dataset_arns;
        arns.sort_unstable();
        arns.dedup();
        let mut held = Held::default();
        for arn in arns {
            match self.wait_for(&arn).await {
                Ok(lease) => held.0.push(lease),
                Err(error) => {
                    self.give_back(held).await;
                    return Err(error);
                }
            }
        }
        Ok(held)
    }

    /// Gives leases back. A failure is only told: the lease ends with the invocation.
    pub(crate) async fn give_back(&self, held: Held) {
        for HeldLease { lease, e_tag } in held.0 {
            let key = self.folder.key(&lease.dataset_arn);
            let ended = DatasetLease {
                until_ms: 0,
                ..lease
            };
            match self.write(&key, &ended, Condition::Unchanged(e_tag)).await {
                Ok(_) | Err(S3Error::PreconditionFailed { .. }) => {}
                Err(error) => {
                    tracing::warn!(reason = %error, "the lease of a dataset is not given back");
                }
            }
        }
    }

    async fn wait_for(&self, dataset_arn: &str) -> Result<HeldLease, RunError> {
        let nonce = format!("{:016x}", RandomState::new().build_hasher().finish());
        let lease = DatasetLease {
            dataset_arn: dataset_arn.to_owned(),
            owner: self.owner.to_owned(),
            nonce,
            until_ms: millis(self.budget.lease_until),
        };
        let until = self.budget.wait_until(SystemTime::now(), WORK_TIME_MIN);
        let mut n_looks = 0;
        loop {
            let holder = match self.look(&lease).await? {
                Look::Taken(taken) => return Ok(taken),
                Look::Held(holder) => Some(holder),
                Look::Lost => None,
            };
            let pause = jittered(
                self.look_interval.min(LOOK_INTERVAL_MAX),
                self.owner,
                n_looks,
            );
            if SystemTime::now() + pause >= until {
                return Err(RunError::DatasetLeased {
                    dataset_arn: dataset_arn.to_owned(),
                    holder: holder.map_or_else(String::new, |holder| holder.owner),
                });
            }
            if n_looks == 0 {
                tracing::info!(dataset_arn, "another invocation updates the dataset");
            }
            n_looks += 1;
            sleep(pause).await;
        }
    }

    /// Takes the lease if nobody holds it.
    async fn look(&self, lease: &DatasetLease) -> Result<Look, RunError> {
        let (bucket, key) = (&self.folder.bucket, self.folder.key(&lease.dataset_arn));
        let read = self.s3.read_object_with_tag(bucket, &key, LEASE_BYTES_MAX);
        let condition = match read.await {
            Ok((bytes, e_tag)) => {
                let now_ms = millis(SystemTime::now());
                if let Some(holder) = holding(&bytes, &lease.dataset_arn, now_ms) {
                    return Ok(Look::Held(holder));
                }
                Condition::Unchanged(e_tag)
            }
            Err(S3Error::NotFound { .. }) => Condition::Absent,
            Err(S3Error::TooLarge { .. }) => {
                Condition::Unchanged(self.s3.head_object(bucket, &key).await?.e_tag)
            }
            Err(error) => return Err(error.into()),
        };
        let e_tag = match self.write(&key, lease, condition).await {
            Ok(e_tag) => e_tag,
            Err(S3Error::PreconditionFailed { .. }) => match self.tag_if_ours(&key, lease).await? {
                Some(e_tag) => e_tag,
                None => return Ok(Look::Lost),
            },
            Err(error) => return Err(error.into()),
        };
        let lease = lease.clone();
        Ok(Look::Taken(HeldLease { lease, e_tag }))
    }

    async fn write(
        &self,
        key: &str,
        lease: &DatasetLease,
        condition: Condition,
    ) -> Result<String, S3Error> {
        let options = PutOptions {
            condition,
            kms_key_id: self.kms_key_id.clone(),
            ..PutOptions::json()
        };
        let bytes = serde_json::to_vec(lease).unwrap_or_default();
        let bucket = &self.folder.bucket;
        self.s3.put_object(bucket, key, bytes, &options).await
    }

    /// A write whose answer was lost is repeated by the SDK, and the repetition fails its own condition. What lies there
    /// then is what was written.
    async fn tag_if_ours(
        &self,
        key: &str,
        lease: &DatasetLease,
    ) -> Result<Option<String>, RunError> {
        let bucket = &self.folder.bucket;
        let read = self.s3.read_object_with_tag(bucket, key, LEASE_BYTES_MAX);
        match read.await {
            Ok((bytes, e_tag)) => {
                let found = serde_json::from_slice::<DatasetLease>(&bytes).ok();
                Ok(found.filter(|found| found == lease).map(|_| e_tag))
            }
            Err(S3Error::NotFound { .. } | S3Error::TooLarge { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// From half of `interval` to one and a half of it, by the owner and the number of the look.
fn jittered(interval: Duration, owner: &str, n_looks: u64) -> Duration {
    let hash = xxh3_64_with_seed(owner.as_bytes(), n_looks);
    let share = f64::from(u32::try_from(hash >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    interval.mul_f64(0.5 + share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;
    const ARN: &str = "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/train/1";

    fn check(found: &[u8], expected: bool) {
        let shown = String::from_utf8_lossy(found);
        assert_eq!(holding(found, ARN, NOW_MS).is_some(), expected, "{shown}");
    }

    fn lease(dataset_arn: &str, until_ms: i64) -> Vec<u8> {
        let lease = DatasetLease {
            dataset_arn: dataset_arn.to_owned(),
            owner: "a".to_owned(),
            nonce: "1".to_owned(),
            until_ms,
        };
        serde_json::to_vec(&lease).unwrap()
    }

    #[test]
    fn a_lease_holds_until_its_end_and_no_longer_than_an_invocation() {
        check(&lease(ARN, NOW_MS + 1), true);
        for (until_ms, expected) in [
            (-2_001, false),
            (-2_000, false),
            (-1_999, true),
            (901_999, true),
            (902_000, true),
            (902_001, false),
            (i64::MAX - NOW_MS, false),
            (-NOW_MS, false),
        ] {
            check(&lease(ARN, NOW_MS + until_ms), expected);
        }
    }

    #[test]
    fn what_is_no_lease_holds_nobody_back() {
        check(&lease("another", NOW_MS + 1), false);
        for found in [
            "",
            "{",
            "null",
            "[]",
            "\u{0}",
            r#"{"datasetArn":"a","owner":1}"#,
        ] {
            check(found.as_bytes(), false);
        }
    }

    #[test]
    fn keys_are_of_the_dataset_alone() {
        let folder = |prefix: &str| Folder {
            bucket: "b".to_owned(),
            prefix: prefix.to_owned(),
        };
        let key = folder("a/dataset-updater-leases/").key(ARN);
        let name = key.strip_prefix("a/dataset-updater-leases/").unwrap();
        assert_eq!(name.len(), 32 + ".json".len());
        assert_eq!(folder("").key(ARN), name);
        assert_ne!(folder("").key("another"), name);
    }

    #[test]
    fn looks_are_spread() {
        let second = Duration::from_secs(1);
        let all: std::collections::BTreeSet<_> = (0..100)
            .map(|n_looks| jittered(second, "a", n_looks))
            .collect();
        assert!(all.len() > 90);
        assert!(
            all.iter()
                .all(|it| *it >= second / 2 && *it <= second.mul_f64(1.5))
        );
        assert_eq!(jittered(second, "a", 1), jittered(second, "a", 1));
        assert_ne!(jittered(second, "a", 1), jittered(second, "b", 1));
    }
}
