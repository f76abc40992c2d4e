//! The work on one manifest: take the lease, stream, update, look back, report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws::Clients;
use aws::rekognition::{ErrorKind, Side};
use aws::s3::ObjectUri;
use indexmap::IndexMap;
use manifest::{Changes, ConvertOptions, Converted, job_name_from_key};
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::budget::{Budget, millis};
use crate::checkpoint::{
    Checkpoint, FORMAT, LaneProgress, LaneSide, ManifestVersion, Origin, Reading, Refused, Start,
    Stats,
};
use crate::config::{Config, Existing, TrainWhen};
use crate::consolidation::{self, Job};
use crate::error::RunError;
use crate::event::Request;
use crate::existing::{Dataset, Source};
use crate::files::{Files, Trouble, entries_file};
use crate::index::{Index, side};
use crate::lane::Lane;
use crate::merge::merge;
use crate::place::Place;
use crate::reader::{Reader, Source as LineSource, superseded};
use crate::report::{DatasetReport, Outcome, Report};
use crate::store::{Notes, Store};
use crate::target::{Datasets, Target, project_name};
use crate::training::Training;
use crate::verify::{Verified, verify};

/// Versions of a manifest that one invocation works on when it is replaced again and again.
const VERSIONS_MAX: u32 = 3;
/// Source references that are kept for looking entries up one by one: it pays off only below one per page of the largest dataset.
const REFS_MAX: usize = 5_000;
/// First bytes of a manifest that are looked at for its label attribute.
const PEEK_BYTES_MAX: usize = 1024 * 1024;

/// Scratch files that this process has made: part of their names.
static N_SCRATCH_FILES: AtomicU64 = AtomicU64::new(0);

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
    let job_name = job_name_from_key(&request.key);
    let place = Place::of(
        &request.bucket,
        &request.key,
        config.report_bucket.as_deref(),
        config.report_prefix.as_deref(),
    );
    let wanted = request
        .label_attribute
        .clone()
        .or_else(|| config.label_attribute.clone());
    let attribute = match &wanted {
        None if config.targets.has_mapping() => peek(clients, request, version).await?,
        _ => wanted.clone(),
    };
    let target = config
        .targets
        .select(job_name, attribute.as_deref())
        .ok_or_else(|| RunError::NoTarget {
            job_name: job_name.map(str::to_owned),
            label_attribute: attribute,
        })?;
    let options = ConvertOptions {
        label_attribute: wanted,
        job_name: job_name.map(str::to_owned),
        min_confidence: config.min_confidence,
        ..ConvertOptions::default()
    };
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
            n_resumptions: checkpoint.n_resumptions + 1,
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
            n_resumptions: 0,
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

struct Work<'a> {
    clients: &'a Clients,
    config: &'a Config,
    request: &'a Request,
    invocation: &'a Invocation,
    version: &'a ManifestVersion,
    options: ConvertOptions,
    target: &'a Target,
    files: &'a Files<'a>,
    store: Store<'a>,
    checkpoint: Checkpoint,
}

impl Work<'_> {
    async fn run(&mut self) -> Result<Report, RunError> {
        self.consolidate().await?;
        if self.checkpoint.lanes.is_empty() {
            self.checkpoint.lanes = self.find_lanes().await?;
        }
        let mut lanes: Vec<Lane<'_>> = self
            .checkpoint
            .lanes
            .iter()
            .map(|progress| {
                Lane::new(
                    &self.clients.rekognition,
                    self.config,
                    self.invocation.budget,
                    progress.clone(),
                )
            })
            .collect();
        let mut read = Read::default();
        let result = self.send(&mut lanes, &mut read).await;
        if result.is_err() {
            for lane in &mut lanes {
                self.write_down(lane).await?;
            }
        }
        result?;
        self.report(&mut lanes, read).await
    }

    /// For each lane, where the entries come from that new ones are merged into.
    async fn sources(&self, lanes: &mut [Lane<'_>]) -> Result<Vec<Source>, RunError> {
        let mut sources = Vec::new();
        if self.config.existing == Existing::Replace {
            sources.resize_with(lanes.len(), || Source::Nowhere);
            return Ok(sources);
        }
        let mut wanted: BTreeMap<LaneSide, BTreeSet<u64>> = BTreeMap::new();
        let mut reader = self.reader().await?;
        while let Some(converted) = reader.next().await? {
            if let Converted::Entry(entry) = converted {
                let side = side(&entry.source_ref, self.target.test_fraction);
                let settled = lanes.iter().find(|lane| lane.progress.side == side);
                if settled.is_some_and(|lane| entry.line_number <= lane.progress.settled_line) {
                    continue;
                }
                let hash = xxh3_64(entry.source_ref.as_bytes());
                wanted.entry(side).or_default().insert(hash);
            }
        }
        for lane in lanes {
            let side = lane.progress.side;
            let n_entries = match lane.progress.in_flight {
                None => lane.ready().await?.stats.n_entries,
                Some(_) => lane.progress.before.unwrap_or_default().total_entries,
            };
            // Several at once in one process are a matter of tests, but cost nothing to keep apart.
            let n_before = N_SCRATCH_FILES.fetch_add(1, Ordering::Relaxed);
            let scratch_name = format!("entries-{}-{n_before}.jsonl", std::process::id());
            let scratch_file = self.config.scratch_folder.join(scratch_name);
            let wanted = wanted.remove(&side).unwrap_or_default();
            let dataset = self.dataset(&lane.progress.dataset_arn);
            sources.push(dataset.source(&wanted, n_entries, &scratch_file).await?);
        }
        Ok(sources)
    }

    fn dataset<'s>(&'s self, arn: &'s str) -> Dataset<'s> {
        Dataset {
            rekognition: &self.clients.rekognition,
            budget: &self.invocation.budget,
            arn,
        }
    }

    async fn reader(&self) -> Result<Reader, RunError> {
        Reader::open(&self.clients.s3, &self.lines(), self.options.clone(), false).await
    }

    fn output_manifest(&self) -> LineSource {
        LineSource {
            bucket: self.request.bucket.clone(),
            key: self.request.key.clone(),
            e_tag: self.version.e_tag.clone(),
        }
    }

    /// What the entries are made from.
    fn lines(&self) -> LineSource {
        match &self.checkpoint.origin {
            None | Some(Origin::OutputManifest) => self.output_manifest(),
            Some(Origin::Consolidated { e_tag, .. }) => {
                consolidation::consolidated(self.files, e_tag)
            }
        }
    }

    /// Puts labels in where the manifest lacks them, once for a version of the manifest.
    async fn consolidate(&mut self) -> Result<(), RunError> {
        match &self.checkpoint.origin {
            None => {}
            Some(Origin::OutputManifest) => return Ok(()),
            Some(Origin::Consolidated { e_tag, .. }) => {
                let source = consolidation::consolidated(self.files, e_tag);
                if source.is_there(&self.clients.s3).await? {
                    return Ok(());
                }
                // Somebody deleted it. The answers may say something else by now, so all entries are sent again.
                self.checkpoint.start_over();
            }
        }
        let manifest = self.output_manifest();
        let job = Job {
            s3: &self.clients.s3,
            config: self.config,
            options: &self.options,
            manifest: &manifest,
            files: self.files,
            budget: &self.invocation.budget,
        };
        let mut notes = Notes {
            store: &mut self.store,
            checkpoint: &mut self.checkpoint,
            owner: &self.invocation.owner,
            budget: &self.invocation.budget,
        };
        let origin = job.origin(&mut notes).await?;
        notes.checkpoint.origin = Some(origin);
        notes.save().await
    }

    /// Streams the manifest's entries to their datasets, from where the checkpoint stands.
    async fn send(&mut self, lanes: &mut [Lane<'_>], read: &mut Read) -> Result<(), RunError> {
        let sources = self.sources(lanes).await?;
        let mut reader = self.reader().await?;
        while let Some(converted) = reader.next().await? {
            let Converted::Entry(mut entry) = converted else {
                continue;
            };
            let side = side(&entry.source_ref, self.target.test_fraction);
            read.add(&entry.source_ref, entry.line_number, side);
            let mut found = lanes.iter_mut().zip(&sources);
            let Some((lane, source)) = found.find(|(lane, _)| lane.progress.side == side) else {
                continue;
            };
            if entry.line_number <= lane.progress.settled_line {
                continue;
            }
            let dataset = self.dataset(&lane.progress.dataset_arn);
            if let Some(existing) = dataset.find(source, &entry.source_ref).await? {
                match merge(&existing, &entry.json) {
                    Ok(merged) => entry.json = merged,
                    Err(error) => {
                        self.refuse(entry.line_number, error.to_string());
                        continue;
                    }
                }
            }
            if let Some(changes) = lane.batcher.push(&entry) {
                self.submit(lane, changes).await?;
            }
        }
        for lane in &mut *lanes {
            if let Some(changes) = lane.batcher.finish() {
                self.submit(lane, changes).await?;
            }
        }
        for lane in &mut *lanes {
            lane.settle().await?;
            self.save(lane).await?;
        }
        read.counts = reader.counts().clone();
        read.converting = reader.converting();
        Ok(())
    }

    /// Hands over changes once those before are settled and written down: their memory is free by then.
    async fn submit(&mut self, lane: &mut Lane<'_>, changes: Changes) -> Result<(), RunError> {
        lane.settle().await?;
        self.save(lane).await?;
        lane.submit(changes).await
    }

    fn refuse(&mut self, line_number: u64, message: String) {
        let refused = &mut self.checkpoint.refused;
        if refused.iter().all(|known| known.line_number != line_number) {
            refused.push(Refused {
                line_number,
                message,
            });
        }
    }

    /// Writes down what a lane has settled.
    async fn save(&mut self, lane: &mut Lane<'_>) -> Result<(), RunError> {
        if self.write_down(lane).await? {
            self.store
                .save(
                    &mut self.checkpoint,
                    &self.invocation.owner,
                    &self.invocation.budget,
                )
                .await?;
        }
        Ok(())
    }

    /// Notes a lane's progress, after what it landed is written. When that fails the lane's progress is not noted any
    /// more in this invocation: the next one sends again what isn't written.
    async fn write_down(&mut self, lane: &mut Lane<'_>) -> Result<bool, RunError> {
        if lane.is_unwritten {
            return Ok(false);
        }
        let settled = lane.take_settled();
        let is_news = !settled.landed.is_empty() || !settled.refused.is_empty();
        for (first_line, last_line, bytes) in settled.landed {
            let part = (first_line, last_line);
            self.files
                .write_part(lane.progress.side, part, bytes)
                .await
                .inspect_err(|_| lane.is_unwritten = true)?;
            lane.progress.parts.push(part);
        }
        self.checkpoint.refused.extend(settled.refused);
        self.checkpoint
            .refused
            .sort_by_key(|refused| refused.line_number);
        self.keep(lane);
        Ok(is_news)
    }

    fn keep(&mut self, lane: &Lane<'_>) {
        let kept = self.checkpoint.lanes.iter_mut();
        for kept in kept.filter(|kept| kept.side == lane.progress.side) {
            *kept = lane.progress.clone();
        }
    }

    /// Notes what was found of a lane's entries: the two largest datasets can't both be listed in one invocation.
    async fn note(&mut self, lane: &Lane<'_>) -> Result<(), RunError> {
        self.keep(lane);
        let (owner, budget) = (&self.invocation.owner, &self.invocation.budget);
        self.store.save(&mut self.checkpoint, owner, budget).await
    }

    /// Looks back at the datasets and writes the reports.
    async fn report(&mut self, lanes: &mut [Lane<'_>], read: Read) -> Result<Report, RunError> {
        let Read {
            mut index,
            refs,
            counts,
            converting,
        } = read;
        let refused: BTreeMap<u64, String> = self
            .checkpoint
            .refused
            .iter()
            .map(|refused| (refused.line_number, refused.message.clone()))
            .collect();
        let mut report = Report {
            manifest: Some(self.version.clone()),
            job_name: self.options.job_name.clone(),
            lines: counts.n_lines,
            entries: counts.n_entries,
            rejected: counts.n_rejected,
            skipped: counts.n_skipped,
            review: counts.n_review,
            refused: refused.len() as u64,
            resumptions: self.checkpoint.n_resumptions,
            converting_seconds: converting.as_secs_f64(),
            by_code: counts
                .by_code
                .iter()
                .map(|(code, n)| (code.as_str().to_owned(), *n))
                .collect(),
            in_entries: in_entries(&counts),
            ..Report::default()
        };
        let mut troubles = BTreeMap::new();
        for lane in &mut *lanes {
            let (after, verified) = match lane.progress.verified.clone() {
                Some(noted) => noted,
                None => {
                    let after: Stats = lane.ready().await?.stats.into();
                    let refs = refs.get(&lane.progress.side).map_or(&[][..], Vec::as_slice);
                    let verified = verify(
                        &self.clients.rekognition,
                        &self.invocation.budget,
                        &lane.progress,
                        after,
                        &mut index,
                        refs,
                        |line_number| refused.contains_key(&line_number),
                    )
                    .await?;
                    if verified.is_worth_noting() {
                        lane.progress.verified = Some((after, verified.clone()));
                        self.note(lane).await?;
                    }
                    (after, verified)
                }
            };
            report.vanished += verified.vanished.len() as u64;
            report.landed_with_errors += verified.errors.len() as u64;
            report.datasets.push(DatasetReport {
                side: lane.progress.side.name().to_owned(),
                arn: lane.progress.dataset_arn.clone(),
                entries: index.n_entries(lane.progress.side),
                before: lane.progress.before.unwrap_or_default(),
                after,
                updates: lane.progress.n_updates,
                update_seconds: lane.progress.update_ms as f64 / 1000.0,
                verified_by: verified.method.name().to_owned(),
            });
            troubles.extend(verified_troubles(verified));
        }
        troubles.extend(
            refused
                .into_iter()
                .map(|(line_number, message)| (line_number, refused_trouble(message))),
        );
        for trouble in troubles.values() {
            for code in trouble.code.split(',') {
                *report.by_code.entry(code.to_owned()).or_default() += 1;
            }
        }
        report.landed = report
            .entries
            .saturating_sub(report.refused + report.vanished);
        report.outcome = report.judge(self.config.rejected_alert_fraction);
        self.files
            .write_lines(&self.lines(), self.options.clone(), &troubles)
            .await?;
        for lane in &*lanes {
            self.files.join_parts(&lane.progress).await?;
            let name = entries_file(lane.progress.side);
            let uri = self.files.place.uri(name);
            report.files.insert(name.to_owned(), uri);
        }
        if let Some(Origin::Consolidated { report: found, .. }) = &self.checkpoint.origin {
            let names = consolidation::file_names(found);
            report.consolidation = Some(found.clone());
            for name in names {
                let uri = self.files.place.uri(name);
                report.files.insert((*name).to_owned(), uri);
            }
        }
        for name in ["rejected.jsonl", "review.manifest"] {
            let uri = self.files.place.uri(name);
            report.files.insert(name.to_owned(), uri);
        }
        report.training = self.train(&report).await?;
        let now_ms = millis(SystemTime::now());
        report.seconds = (now_ms - self.checkpoint.started_at_ms) as f64 / 1000.0;
        let bytes = serde_json::to_vec_pretty(&report).unwrap_or_default();
        self.files.write_json("report.json", bytes).await?;
        self.checkpoint.is_done = true;
        let (owner, budget) = (&self.invocation.owner, &self.invocation.budget);
        self.store.save(&mut self.checkpoint, owner, budget).await?;
        Ok(report)
    }

    async fn train(&self, report: &Report) -> Result<Option<String>, RunError> {
        let is_whole = report.outcome == Outcome::Updated && report.refused + report.vanished == 0;
        let Datasets::OfProject { arn } = &self.target.datasets else {
            return Ok(None);
        };
        if self.config.train_when == TrainWhen::Never || !is_whole {
            return Ok(None);
        }
        let beside = || ObjectUri::new(&self.files.place.bucket, self.files.place.key("model"));
        let output = self.config.training_output.clone().unwrap_or_else(beside);
        let training = Training {
            project_arn: arn,
            e_tag: &self.version.e_tag,
            output: &output,
        };
        let budget = &self.invocation.budget;
        match training.start(self.clients, budget).await {
            Ok(said) => Ok(Some(said)),
            Err(error) if error.may_pass_soon() => Err(error),
            // The entries have landed: what keeps the training from starting is reported, not tried again and again.
            Err(error) => {
                tracing::error!(project_arn = arn, reason = %error, "training not started");
                Ok(Some(format!("not started: {error}")))
            }
        }
    }

    /// The datasets of the target, created where that is allowed.
    async fn find_lanes(&self) -> Result<Vec<LaneProgress>, RunError> {
        let needs_train = self.target.test_fraction < 1.0;
        let needs_test = self.target.test_fraction > 0.0;
        let (train, test) = match &self.target.datasets {
            Datasets::Given { train, test } => (train.clone(), test.clone()),
            Datasets::OfProject { arn } => {
                let name = project_name(arn).unwrap_or_default();
                let until = self.invocation.budget.until;
                let found = self
                    .clients
                    .rekognition
                    .project_datasets(name, until)
                    .await?;
                let find = |side| {
                    let dataset = found.iter().find(|dataset| dataset.side == side);
                    dataset.map(|dataset| dataset.arn.clone())
                };
                let mut train = find(Side::Train);
                let mut test = find(Side::Test);
                if needs_train && train.is_none() {
                    train = Some(self.create(arn, LaneSide::Train).await?);
                }
                if needs_test && test.is_none() {
                    test = Some(self.create(arn, LaneSide::Test).await?);
                }
                (train, test)
            }
        };
        let lane = |side, dataset_arn| LaneProgress {
            side,
            dataset_arn,
            settled_line: 0,
            in_flight: None,
            before: None,
            parts: Vec::new(),
            n_updates: 0,
            update_ms: 0,
            verified: None,
        };
        let train = train
            .filter(|_| needs_train)
            .map(|arn| lane(LaneSide::Train, arn));
        let test = test
            .filter(|_| needs_test)
            .map(|arn| lane(LaneSide::Test, arn));
        Ok(train.into_iter().chain(test).collect())
    }

    async fn create(&self, project_arn: &str, side: LaneSide) -> Result<String, RunError> {
        let missing = || RunError::NoDataset {
            project_arn: project_arn.to_owned(),
            side: side.name(),
        };
        if !self.config.create_datasets {
            return Err(missing());
        }
        let until = self.invocation.budget.until;
        let rekognition = &self.clients.rekognition;
        match rekognition
            .create_dataset(project_arn, side.into(), until)
            .await
        {
            Ok(arn) => Ok(arn),
            Err(error) if error.kind == ErrorKind::AlreadyExists => {
                let name = project_name(project_arn).unwrap_or_default();
                let found = rekognition.project_datasets(name, until).await?;
                let dataset = found
                    .into_iter()
                    .find(|dataset| dataset.side == side.into());
                dataset.map(|dataset| dataset.arn).ok_or_else(missing)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What reading the manifest brought.
#[derive(Debug, Default)]
struct Read {
    index: Index,
    /// A few source references by side; empty when there are too many to be looked up one by one.
    refs: BTreeMap<LaneSide, Vec<(u64, String)>>,
    counts: manifest::Counts,
    converting: std::time::Duration,
}

impl Read {
    fn add(&mut self, source_ref: &str, line_number: u64, side: LaneSide) {
        self.index.add(source_ref, line_number, side);
        let refs = self.refs.entry(side).or_default();
        if refs.len() < REFS_MAX {
            refs.push((line_number, source_ref.to_owned()));
        }
    }
}

fn verified_troubles(verified: Verified) -> Vec<(u64, Trouble)> {
    let vanished = verified.vanished.into_iter().map(|line_number| {
        let trouble = Trouble {
            code: "REJECTED_VANISHED".to_owned(),
            reason: "the update completed and the entry is not in the dataset: Custom Labels dropped it without a word".to_owned(),
            remedy: "compare the line with the manifest rules of Custom Labels, repair it and send it again".to_owned(),
            is_in_dataset: false,
        };
        (line_number, trouble)
    });
    let errors = verified.errors.into_iter().map(|(line_number, codes)| {
        let trouble = Trouble {
            code: codes.join(","),
            reason: "the entry is in the dataset with these errors and won't be trained on"
                .to_owned(),
            remedy: "repair the label and send the line again".to_owned(),
            is_in_dataset: true,
        };
        (line_number, trouble)
    });
    vanished.chain(errors).collect()
}

fn in_entries(counts: &manifest::Counts) -> BTreeMap<String, u64> {
    let fields = ("FieldsDropped".to_owned(), counts.n_fields_dropped);
    let notes = counts.notes.iter();
    notes
        .map(|note| (note.name(), u64::from(note.n())))
        .chain([fields])
        .filter(|(_, n)| *n > 0)
        .collect()
}

fn refused_trouble(message: String) -> Trouble {
    Trouble {
        code: "REJECTED_BY_UPDATE".to_owned(),
        reason: message,
        remedy: "repair the line as the message says and send it again".to_owned(),
        is_in_dataset: false,
    }
}

/// The last label attribute of the manifest's first line, for the choice of a target: the job's own stands last.
async fn peek(
    clients: &Clients,
    request: &Request,
    version: &ManifestVersion,
) -> Result<Option<String>, RunError> {
    let mut stream = clients
        .s3
        .stream_object(&request.bucket, &request.key, Some(&version.e_tag))
        .await
        .map_err(superseded)?;
    let mut start = Vec::new();
    while let Some(piece) = stream.next_piece().await.map_err(superseded)? {
        start.extend_from_slice(&piece);
        if piece.contains(&b'\n') || start.len() > PEEK_BYTES_MAX {
            break;
        }
    }
    let line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let Ok(line) = serde_json::from_slice::<IndexMap<String, IgnoredAny>>(line) else {
        return Ok(None);
    };
    let metadata = line.keys().filter_map(|key| key.strip_suffix("-metadata"));
    let mut attributes = metadata.filter(|attribute| line.contains_key(*attribute));
    Ok(attributes.next_back().map(str::to_owned))
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

async fn give_up(
    files: &Files<'_>,
    job_name: Option<&str>,
    checkpoint: &Checkpoint,
) -> Result<RunError, RunError> {
    let settled_line = checkpoint
        .lanes
        .iter()
        .map(|lane| lane.settled_line)
        .min()
        .unwrap_or(0);
    let report = Report {
        outcome: Outcome::GaveUp,
        manifest: Some(checkpoint.manifest.clone()),
        job_name: job_name.map(str::to_owned),
        refused: checkpoint.refused.len() as u64,
        resumptions: checkpoint.n_resumptions,
        left_after_line: Some(settled_line),
        ..Report::default()
    };
    let bytes = serde_json::to_vec_pretty(&report).unwrap_or_default();
    files.write_json("report.json", bytes).await?;
    Ok(RunError::GaveUp {
        n_resumptions: checkpoint.n_resumptions,
        settled_line,
        report: files.place.uri("report.json"),
        metrics: Box::new(report),
    })
}

async fn report_too_large(
    files: &Files<'_>,
    job_name: Option<&str>,
    checkpoint: &Checkpoint,
    error: &RunError,
) -> Result<(), RunError> {
    let report = Report {
        outcome: Outcome::TooLarge,
        reason: Some(error.to_string()),
        manifest: Some(checkpoint.manifest.clone()),
        job_name: job_name.map(str::to_owned),
        resumptions: checkpoint.n_resumptions,
        ..Report::default()
    };
    let bytes = serde_json::to_vec_pretty(&report).unwrap_or_default();
    Ok(files.write_json("report.json", bytes).await?)
}
