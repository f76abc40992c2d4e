//! An invocation on one manifest: which version, which target, the lease; then the work, and whatever ends it.

mod datasets;
mod ending;
mod target;

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws::Clients;
use labeling::job::JobFolder;
use manifest::ConvertOptions;
use sha2::{Digest, Sha256};

use crate::error::RunError;
use crate::request::budget::{Budget, millis};
use crate::request::config::{Config, Existing};
use crate::request::event::Request;
use crate::request::place::Place;
use crate::request::target::Target;
use crate::state::checkpoint::{Checkpoint, FORMAT, ManifestVersion, Reading, Start};
use crate::state::company::ReplacedLabels;
use crate::state::report::Report;
use crate::storage::files::Files;
use crate::storage::store::Store;
use crate::work::Work;
use ending::{give_up, report_too_large};
use target::find_target;

/// Versions of a manifest that one invocation works on when it is replaced again and again.
const VERSIONS_MAX: u32 = 3;

/// One invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The request id: who holds the lease.
    pub owner: String,
    /// Its time.
    pub budget: Budget,
}

/// What an invocation did about a manifest.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// The work, to its end.
    Reported(Box<Report>),
    /// Nothing: this version was done before.
    Already,
}

/// Updates datasets from one manifest.
///
/// Always from the version that is there now: an event may tell of an older one, and that one's entries must
/// not overwrite the newer one's. A version that appears meanwhile is worked on next.
///
/// # Errors
///
/// [`RunError`]; what was settled is written down, and the next invocation goes on from there.
pub async fn update(
    clients: &Clients,
    config: &Config,
    request: &Request,
    invocation: &Invocation,
) -> Result<Done, RunError> {
    if !config.allows_bucket(&request.bucket) {
        return Err(RunError::BucketNotAllowed {
            bucket: request.bucket.clone(),
        });
    }
    let mut done = Err(RunError::Superseded);
    for _ in 0..VERSIONS_MAX {
        let head = clients
            .s3
            .head_object(&request.bucket, &request.key)
            .await?;
        let version = ManifestVersion {
            uri: format!("s3://{}/{}", request.bucket, request.key),
            e_tag: head.e_tag,
            version_id: head.version_id,
            n_bytes: head.n_bytes,
        };
        if request
            .e_tag
            .as_ref()
            .is_some_and(|tag| *tag != version.e_tag)
        {
            tracing::info!(
                manifest = version.uri,
                "the event tells of another version than is there now"
            );
        }
        done = match update_version(clients, config, request, invocation, &version).await {
            Err(RunError::Superseded) => continue,
            Err(error) => return Err(error),
            Ok(done) => Ok(done),
        };
        let now = clients
            .s3
            .head_object(&request.bucket, &request.key)
            .await?;
        if now.e_tag == version.e_tag {
            break;
        }
    }
    done
}

async fn update_version(
    clients: &Clients,
    config: &Config,
    request: &Request,
    invocation: &Invocation,
    version: &ManifestVersion,
) -> Result<Done, RunError> {
    let folder = JobFolder::of_output_manifest(&request.key);
    let job_name = folder.as_ref().map(JobFolder::name);
    let place = Place::of(
        &request.bucket,
        &request.key,
        config.report_bucket.as_deref(),
        config.report_prefix.as_deref(),
    );
    let wanted = request.label_attribute.as_ref();
    let options = ConvertOptions {
        label_attribute: wanted.or(config.label_attribute.as_ref()).cloned(),
        job_name: job_name.map(str::to_owned),
        min_confidence: config.min_confidence,
        approving_words: config.approving_words.clone(),
        ..ConvertOptions::default()
    };
    let (target, options) = find_target(clients, config, request, version, options).await?;
    let plan = plan(config, target, &options);
    let mut store = Store::new(&clients.s3, &place, config.report_kms_key_id.clone());
    let files = Files {
        s3: &clients.s3,
        place: &place,
        kms_key_id: config.report_kms_key_id.clone(),
    };
    let owner = &invocation.owner;
    let mut checkpoint = match store.start(version, &plan, owner, config).await? {
        Start::AlreadyDone(checkpoint) => {
            let mut done = *checkpoint;
            if done.has_parts() {
                store.save(&mut done, owner, &invocation.budget).await?;
                tidy_up(&mut store, &mut done, &files).await;
            }
            return Ok(Done::Already);
        }
        Start::Leased(lease) => return Err(RunError::Leased { lease }),
        Start::TooLarge => {
            return Err(RunError::StillTooLarge {
                report: place.uri("report.json"),
            });
        }
        Start::GiveUp(checkpoint) => {
            return Err(give_up(&files, job_name, &checkpoint).await?);
        }
        Start::Resume(checkpoint) => Checkpoint {
            n_resumptions: checkpoint.next_resumption(),
            has_waited: false,
            too_large_for: None,
            ..*checkpoint
        },
        Start::Afresh => Checkpoint {
            format: FORMAT,
            manifest: version.clone(),
            plan,
            lease: None,
            is_done: false,
            origin: None,
            reading: Reading::default(),
            too_large_for: None,
            lanes: Vec::new(),
            refused: Vec::new(),
            replaced_labels: ReplacedLabels::default(),
            buckets_before: BTreeMap::new(),
            earlier: BTreeMap::new(),
            n_resumptions: 0,
            has_waited: false,
            started_at_ms: millis(SystemTime::now()),
        },
    };
    store
        .save(&mut checkpoint, owner, &invocation.budget)
        .await?;
    let mut work = Work {
        clients,
        config,
        request,
        invocation,
        version,
        options,
        target,
        files: &files,
        store,
        checkpoint,
    };
    match work.run().await {
        Ok(report) => {
            tidy_up(&mut work.store, &mut work.checkpoint, &files).await;
            Ok(Done::Reported(Box::new(report)))
        }
        Err(error) => {
            match &error {
                RunError::PartLost { .. } => work.checkpoint.start_over(),
                RunError::DatasetLeased { .. } => work.checkpoint.has_waited = true,
                RunError::TooLarge { memory_bytes, .. } => {
                    report_too_large(&files, job_name, &work.checkpoint, &error).await?;
                    work.checkpoint.too_large_for = Some(*memory_bytes);
                }
                _ => {}
            }
            // What went wrong first is what somebody has to know; the lease ends with the invocation anyway.
            let released = work.store.release(&mut work.checkpoint).await;
            if let Err(second) = released {
                tracing::warn!(reason = %second, "the lease is not given back");
            }
            Err(error)
        }
    }
}

/// Deletes the files of work in progress and gives the lease back: it is held until then, since another version's work
/// writes files of the same names.
///
/// All entries have landed and the report is written, so a failure is only told; the next event of this manifest
/// tries again.
async fn tidy_up(store: &mut Store<'_>, done: &mut Checkpoint, files: &Files<'_>) {
    let mut result = Ok(());
    if done.has_parts() {
        result = files.delete_parts().await.map_err(RunError::from);
    }
    if result.is_ok() {
        done.lanes.iter_mut().for_each(|lane| lane.parts.clear());
        done.reading = Reading::default();
    }
    let released = store.release(done).await;
    if let Err(error) = result.and(released) {
        let folder = files.place.uri("");
        tracing::warn!(reason = %error, folder, "files of finished work are left");
    }
}

/// A fingerprint of what the batches depend on besides the manifest.
fn plan(config: &Config, target: &Target, options: &ConvertOptions) -> String {
    let parts = format!(
        "{target:?} {options:?} {:?} {:?} {:?} {:?} {} {}",
        config.consolidate,
        config.consolidation,
        config.label_categories_uri,
        config.existing == Existing::Merge,
        config.changes_bytes_max,
        env!("CARGO_PKG_VERSION"),
    );
    let digest = Sha256::digest(parts.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
