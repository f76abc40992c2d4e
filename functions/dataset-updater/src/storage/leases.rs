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

use aws::Jitter;
use aws::s3::{Condition, PutOptions, S3, S3Error};

use crate::error::RunError;
use crate::polling::Polling;
use crate::request::budget::{Budget, millis};
use crate::state::dataset_lease::{DatasetLease, LeaseFolder, holding};

/// Bound of a lease object, in bytes, inclusive. What is larger is no lease.
const LEASE_BYTES_MAX: u64 = 4096;
/// Longest time between two looks at somebody else's lease.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// Time that is kept for the work itself: whoever waits for a lease longer than that would take it for nothing. Of
/// shorter invocations it is half of the time.
const WORK_TIME_MIN: Duration = Duration::from_secs(60);

/// The leases of a folder, for one invocation.
#[derive(Debug)]
pub(crate) struct Leases<'a> {
    pub(crate) s3: &'a S3,
    pub(crate) folder: LeaseFolder,
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
enum Attempt {
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
        let interval = self.look_interval.min(LOOK_INTERVAL_MAX);
        let mut polling = Polling::spread(interval, Jitter::of(self.owner), until);
        loop {
            let holder = match self.look(&lease).await? {
                Attempt::Taken(taken) => return Ok(taken),
                Attempt::Held(holder) => Some(holder),
                Attempt::Lost => None,
            };
            if polling.is_first() {
                tracing::info!(dataset_arn, "another invocation updates the dataset");
            }
            if !polling.pause().await {
                return Err(RunError::DatasetLeased {
                    dataset_arn: dataset_arn.to_owned(),
                    holder: holder.map_or_else(String::new, |holder| holder.owner),
                });
            }
        }
    }

    /// Takes the lease if nobody holds it.
    async fn look(&self, lease: &DatasetLease) -> Result<Attempt, RunError> {
        let (bucket, key) = (&self.folder.bucket, self.folder.key(&lease.dataset_arn));
        let read = self.s3.read_object_with_tag(bucket, &key, LEASE_BYTES_MAX);
        let condition = match read.await {
            Ok((bytes, e_tag)) => {
                let now_ms = millis(SystemTime::now());
                if let Some(holder) = holding(&bytes, &lease.dataset_arn, now_ms) {
                    return Ok(Attempt::Held(holder));
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
                None => return Ok(Attempt::Lost),
            },
            Err(error) => return Err(error.into()),
        };
        let lease = lease.clone();
        Ok(Attempt::Taken(HeldLease { lease, e_tag }))
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
