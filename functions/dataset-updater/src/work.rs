//! The work on one version of a manifest, phase after phase.

use aws::Clients;
use manifest::ConvertOptions;

use crate::consolidate::job::{self, Job};
use crate::error::RunError;
use crate::request::config::Config;
use crate::request::event::Request;
use crate::request::target::Target;
use crate::run::Invocation;
use crate::send::entries::Read;
use crate::send::lane::Lane;
use crate::state::checkpoint::{Checkpoint, ManifestVersion, Origin, Stats};
use crate::state::report::Report;
use crate::storage::files::Files;
use crate::storage::leases::Leases;
use crate::storage::reader::{Reader, Source as LineSource};
use crate::storage::store::{Notes, Store};
use crate::verify::look::Verified;

pub(crate) struct Work<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) config: &'a Config,
    pub(crate) request: &'a Request,
    pub(crate) invocation: &'a Invocation,
    pub(crate) version: &'a ManifestVersion,
    pub(crate) options: ConvertOptions,
    pub(crate) target: &'a Target,
    pub(crate) files: &'a Files<'a>,
    pub(crate) store: Store<'a>,
    pub(crate) checkpoint: Checkpoint,
}

impl<'a> Work<'a> {
    pub(crate) async fn run(&mut self) -> Result<Report, RunError> {
        self.consolidate().await?;
        let found = self.find_lanes().await?;
        if !self.checkpoint.is_of(&found) {
            self.checkpoint.forget_sent();
            self.checkpoint.lanes = found;
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
        let leases = self.leases();
        let arns = lanes.iter().map(|lane| lane.progress.dataset_arn.clone());
        let held = leases.take(arns.collect()).await?;
        let verified = self.land(&mut lanes, &mut read).await;
        leases.give_back(held).await;
        self.report(&lanes, read, verified?).await
    }

    /// Sends entries and makes sure that they are there. To be called while the datasets' leases are held.
    async fn land(
        &mut self,
        lanes: &mut [Lane<'_>],
        read: &mut Read,
    ) -> Result<Vec<(Stats, Verified)>, RunError> {
        let result = self.send(lanes, read).await;
        if result.is_err() {
            for lane in lanes.iter_mut() {
                self.write_down(lane).await?;
            }
        }
        result?;
        let mut all = Vec::new();
        for lane in lanes {
            all.push(self.verify(lane, read).await?);
        }
        Ok(all)
    }

    fn leases(&self) -> Leases<'a> {
        Leases {
            s3: &self.clients.s3,
            folder: self.config.leases_folder(&self.request.bucket),
            kms_key_id: self.config.report_kms_key_id.clone(),
            owner: &self.invocation.owner,
            budget: &self.invocation.budget,
            look_interval: self.config.poll_interval,
        }
    }

    /// Puts labels in where the manifest lacks them, once for a version of the manifest.
    async fn consolidate(&mut self) -> Result<(), RunError> {
        match &self.checkpoint.origin {
            None => {}
            Some(Origin::OutputManifest) => return Ok(()),
            Some(Origin::Consolidated { e_tag, .. }) => {
                let source = job::consolidated(self.files, e_tag);
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

    pub(crate) async fn reader(&self) -> Result<Reader, RunError> {
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
    pub(crate) fn lines(&self) -> LineSource {
        match &self.checkpoint.origin {
            None | Some(Origin::OutputManifest) => self.output_manifest(),
            Some(Origin::Consolidated { e_tag, .. }) => job::consolidated(self.files, e_tag),
        }
    }

    /// Writes down what a lane has settled.
    pub(crate) async fn save(&mut self, lane: &mut Lane<'_>) -> Result<(), RunError> {
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
    pub(crate) async fn write_down(&mut self, lane: &mut Lane<'_>) -> Result<bool, RunError> {
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
    pub(crate) async fn note(&mut self, lane: &Lane<'_>) -> Result<(), RunError> {
        self.keep(lane);
        let (owner, budget) = (&self.invocation.owner, &self.invocation.budget);
        self.store.save(&mut self.checkpoint, owner, budget).await
    }
}
