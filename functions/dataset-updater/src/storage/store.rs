//! The checkpoint object: taken, saved and given back on condition.

use std::time::SystemTime;

use aws::s3::{Condition, PutOptions, S3, S3Error};

use crate::error::RunError;
use crate::request::budget::millis;
use crate::request::config::Config;
use crate::request::invocation::Invocation;
use crate::request::place::Place;
use crate::state::checkpoint::{Checkpoint, Lease, ManifestVersion, Start, start};

/// Bound of the checkpoint object, in bytes.
pub const CHECKPOINT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The object's name below the place of the reports.
pub const FILE_NAME: &str = "checkpoint.json";

/// The checkpoint object of one manifest.
#[derive(Debug)]
pub struct Store<'a> {
    s3: &'a S3,
    place: &'a Place,
    kms_key_id: Option<String>,
    condition: Condition,
}

/// The checkpoint in an invocation's hands: the one place where it is written.
#[derive(Debug)]
pub struct Notes<'a> {
    store: Store<'a>,
    invocation: &'a Invocation,
    /// The checkpoint, as it is written next.
    pub checkpoint: Checkpoint,
}

impl<'a> Notes<'a> {
    /// Notes of an invocation. Nothing is written yet.
    #[must_use]
    pub fn new(store: Store<'a>, invocation: &'a Invocation, checkpoint: Checkpoint) -> Self {
        Self {
            store,
            invocation,
            checkpoint,
        }
    }

    /// Writes the checkpoint with this invocation's lease.
    ///
    /// # Errors
    ///
    /// [`RunError::LeaseLost`] when somebody else wrote it in the meantime.
    pub async fn save(&mut self) -> Result<(), RunError> {
        self.checkpoint.lease = Some(Lease {
            owner: self.invocation.owner.clone(),
            until_ms: millis(self.invocation.budget.lease_until),
        });
        self.store.write(&self.checkpoint).await
    }

    /// Writes the checkpoint without a lease: whoever comes next may go on at once.
    ///
    /// # Errors
    ///
    /// As [`Notes::save`].
    pub async fn release(&mut self) -> Result<(), RunError> {
        self.checkpoint.lease = None;
        self.store.write(&self.checkpoint).await
    }
}

impl<'a> Store<'a> {
    /// The checkpoint at a place. Nothing is read yet.
    #[must_use]
    pub fn new(s3: &'a S3, place: &'a Place, kms_key_id: Option<String>) -> Self {
        Self {
            s3,
            place,
            kms_key_id,
            condition: Condition::Absent,
        }
    }

    /// Reads the checkpoint and decides how to start. Nothing is written yet.
    ///
    /// # Errors
    ///
    /// [`RunError::S3`] when it can't be read.
    pub async fn start(
        &mut self,
        manifest: &ManifestVersion,
        plan: &str,
        owner: &str,
        config: &Config,
    ) -> Result<Start, RunError> {
        let key = self.place.key(FILE_NAME);
        let found = match self
            .s3
            .read_object_with_tag(&self.place.bucket, &key, CHECKPOINT_BYTES_MAX)
            .await
        {
            Ok((bytes, e_tag)) => {
                self.condition = Condition::Unchanged(e_tag);
                Some(bytes)
            }
            Err(S3Error::NotFound { .. }) => {
                self.condition = Condition::Absent;
                None
            }
            // None of ours is so large: the work starts over.
            Err(S3Error::TooLarge { .. }) => {
                let head = self.s3.head_object(&self.place.bucket, &key).await?;
                self.condition = Condition::Unchanged(head.e_tag);
                None
            }
            Err(error) => return Err(error.into()),
        };
        let now_ms = millis(SystemTime::now());
        Ok(start(
            found.as_deref(),
            manifest,
            plan,
            owner,
            now_ms,
            config.resumptions_max,
            config.memory_bytes,
        ))
    }

    async fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), RunError> {
        let bytes = serde_json::to_vec(checkpoint).unwrap_or_default();
        let key = self.place.key(FILE_NAME);
        let options = PutOptions {
            condition: self.condition.clone(),
            kms_key_id: self.kms_key_id.clone(),
            ..PutOptions::json()
        };
        let written = self
            .s3
            .put_object(&self.place.bucket, &key, bytes.clone(), &options)
            .await;
        let e_tag = match written {
            Ok(e_tag) => e_tag,
            Err(S3Error::PreconditionFailed { .. }) => self.tag_if_ours(&key, &bytes).await?,
            Err(error) => return Err(error.into()),
        };
        self.condition = Condition::Unchanged(e_tag);
        Ok(())
    }

    /// A write whose answer was lost is repeated by the SDK, and the repetition fails its own condition. What lies
    /// there then is what was written.
    async fn tag_if_ours(&self, key: &str, written: &[u8]) -> Result<String, RunError> {
        let found = self
            .s3
            .read_object_with_tag(&self.place.bucket, key, CHECKPOINT_BYTES_MAX)
            .await;
        match found {
            Ok((found, e_tag)) if found == written => Ok(e_tag),
            Ok(_) | Err(S3Error::NotFound { .. }) => Err(RunError::LeaseLost),
            Err(error) => Err(error.into()),
        }
    }
}
