//! An invocation on one manifest: which version, which target, the lease; then the work, and whatever ends it.

mod datasets;
mod ending;
mod phases;
mod target;

use std::time::SystemTime;

use aws::Clients;
use labeling::job::JobFolder;
use manifest::ConvertOptions;
use sha2::{Digest, Sha256};

use crate::error::RunError;
use crate::request::budget::millis;
use crate::request::config::{Config, Existing};
use crate::request::event::Request;
use crate::request::invocation::Invocation;
use crate::request::place::Place;
use crate::request::target::Target;
use crate::state::checkpoint::{Checkpoint, ManifestVersion, Start};
use crate::state::report::Report;
use crate::storage::files::Files;
use crate::storage::store::{Notes, Store};
use crate::work::Work;
use ending::{give_up, report_too_large};
use target::find_target;

/// Versions of a manifest that one invocation works on when it is replaced again and again.
const VERSIONS_MAX: u32 = 3;

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
    let options = convert_options(config, request, job_name);
    let (target, options) = find_target(clients, config, request, version, options).await?;
    let plan = plan(config, target, &options);
    let mut store = Store::new(&clients.s3, &place, config.report_kms_key_id.clone());
    let files = Files {
        s3: &clients.s3,
        place: &place,
        job_name,
        kms_key_id: config.report_kms_key_id.clone(),
    };
    let start = store
        .start(version, &plan, &invocation.owner, config)
        .await?;
    let checkpoint = match begin(start, version, plan, &files).await? {
        Begin::AlreadyDone(checkpoint) => {
            let notes = Notes::new(store, invocation, *checkpoint);
            return already_done(notes, &files).await;
        }
        Begin::At(checkpoint) => *checkpoint,
    };
    let mut notes = Notes::new(store, invocation, checkpoint);
    notes.save().await?;
    let mut work = Work {
        clients,
        config,
        request,
        invocation,
        version,
        options,
        target,
        files: &files,
        notes,
    };
    let report = match work.run().await {
        Ok(report) => report,
        Err(error) => {
            note_failure(&mut work.notes, &files, &error).await?;
            return Err(error);
        }
    };
    tidy_up(&mut work.notes, &files).await;
    Ok(Done::Reported(Box::new(report)))
}

/// Where the work begins, when it does.
enum Begin {
    At(Box<Checkpoint>),
    AlreadyDone(Box<Checkpoint>),
}

async fn begin(
    start: Start,
    version: &ManifestVersion,
    plan: String,
    files: &Files<'_>,
) -> Result<Begin, RunError> {
    match start {
        Start::AlreadyDone(checkpoint) => Ok(Begin::AlreadyDone(checkpoint)),
        Start::Resume(checkpoint) => Ok(Begin::At(Box::new(checkpoint.resumed()))),
        Start::Afresh => {
            let started_at_ms = millis(SystemTime::now());
            let checkpoint = Checkpoint::new(version.clone(), plan, started_at_ms);
            Ok(Begin::At(Box::new(checkpoint)))
        }
        Start::Leased(lease) => Err(RunError::Leased { lease }),
        Start::TooLarge => Err(RunError::StillTooLarge {
            report: files.place.uri("report.json"),
        }),
        Start::GiveUp(checkpoint) => Err(give_up(files, &checkpoint).await?),
    }
}

async fn already_done(mut notes: Notes<'_>, files: &Files<'_>) -> Result<Done, RunError> {
    if notes.checkpoint.has_parts() {
        notes.save().await?;
        tidy_up(&mut notes, files).await;
    }
    Ok(Done::Already)
}

/// Notes what the next invocation has to know of an error, and gives the lease back.
async fn note_failure(
    notes: &mut Notes<'_>,
    files: &Files<'_>,
    error: &RunError,
) -> Result<(), RunError> {
    match error {
        RunError::PartLost { .. } => notes.checkpoint.start_over(),
        RunError::DatasetLeased { .. } => notes.checkpoint.has_waited = true,
        RunError::TooLarge { memory_bytes, .. } => {
            report_too_large(files, &notes.checkpoint, error).await?;
            notes.checkpoint.too_large_for = Some(*memory_bytes);
        }
        _ => {}
    }
    // What went wrong first is what somebody has to know; the lease ends with the invocation anyway.
    if let Err(second) = notes.release().await {
        tracing::warn!(reason = %second, "the lease is not given back");
    }
    Ok(())
}

/// Deletes the files of work in progress and gives the lease back: it is held until then, since another version's work
/// writes files of the same names.
///
/// All entries have landed and the report is written, so a failure is only told; the next event of this manifest
/// tries again.
async fn tidy_up(notes: &mut Notes<'_>, files: &Files<'_>) {
    let done = &mut notes.checkpoint;
    let mut result = Ok(());
    if done.has_parts() {
        result = files.delete_parts().await.map_err(RunError::from);
    }
    if result.is_ok() {
        done.forget_parts();
    }
    let released = notes.release().await;
    if let Err(error) = result.and(released) {
        let folder = files.place.uri("");
        tracing::warn!(reason = %error, folder, "files of finished work are left");
    }
}

fn convert_options(config: &Config, request: &Request, job_name: Option<&str>) -> ConvertOptions {
    let wanted = request.label_attribute.as_ref();
    ConvertOptions {
        label_attribute: wanted.or(config.label_attribute.as_ref()).cloned(),
        job_name: job_name.map(str::to_owned),
        min_confidence: config.min_confidence,
        approving_words: config.approving_words.clone(),
        ..ConvertOptions::default()
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
