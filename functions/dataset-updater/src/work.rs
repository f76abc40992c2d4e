//! The work on one version of a manifest: what it is made of, and how its progress is written down.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use aws::Clients;
use manifest::ConvertOptions;

use crate::consolidate::relabel::consolidated;
use crate::error::RunError;
use crate::request::config::Config;
use crate::request::event::Request;
use crate::request::invocation::Invocation;
use crate::request::target::Target;
use crate::send::existing::Dataset;
use crate::send::lane::Lane;
use crate::state::checkpoint::ManifestVersion;
use crate::state::dataset::Stats;
use crate::state::origin::Origin;
use crate::state::verified::Verified;
use crate::storage::files::Files;
use crate::storage::reader::{LinesObject, Reader};
use crate::storage::store::Notes;

/// Scratch files that this process has made: part of their names.
static N_SCRATCH_FILES: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Work<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) config: &'a Config,
    pub(crate) request: &'a Request,
    pub(crate) invocation: &'a Invocation,
    pub(crate) version: &'a ManifestVersion,
    pub(crate) options: ConvertOptions,
    pub(crate) target: &'a Target,
    pub(crate) files: &'a Files<'a>,
    pub(crate) notes: Notes<'a>,
}

impl Work<'_> {
    pub(crate) async fn reader(&self) -> Result<Reader, RunError> {
        Reader::open(&self.clients.s3, &self.lines(), self.options.clone(), false).await
    }

    pub(crate) fn output_manifest(&self) -> LinesObject {
        LinesObject {
            bucket: self.request.bucket.clone(),
            key: self.request.key.clone(),
            e_tag: self.version.e_tag.clone(),
        }
    }

    /// What the entries are made from.
    pub(crate) fn lines(&self) -> LinesObject {
        match &self.notes.checkpoint.origin {
            None | Some(Origin::OutputManifest) => self.output_manifest(),
            Some(Origin::Consolidated { e_tag, .. }) => consolidated(self.files, e_tag),
        }
    }

    /// A name for a file that is made and deleted at once. Several in one process are a matter of tests, but cost nothing to
    /// keep apart.
    pub(crate) fn scratch_file(&self) -> PathBuf {
        let n_before = N_SCRATCH_FILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("entries-{}-{n_before}.jsonl", std::process::id());
        self.config.scratch_folder.join(name)
    }

    pub(crate) fn dataset<'s>(&'s self, arn: &'s str) -> Dataset<'s> {
        Dataset {
            rekognition: &self.clients.rekognition,
            budget: &self.invocation.budget,
            arn,
        }
    }

    /// Writes down what a lane has settled.
    pub(crate) async fn save(&mut self, lane: &mut Lane<'_>) -> Result<(), RunError> {
        if self.write_down(lane).await? {
            self.notes.save().await?;
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
        let mut parts = Vec::new();
        for (first_line, last_line, bytes) in settled.landed {
            let part = (first_line, last_line);
            self.files
                .write_part(lane.side, part, bytes)
                .await
                .inspect_err(|_| lane.is_unwritten = true)?;
            parts.push(part);
        }
        self.notes.checkpoint.refuse(settled.refused);
        if let Some(progress) = self.notes.checkpoint.lane_mut(lane.side) {
            progress.note(&settled.news, parts);
        }
        Ok(is_news)
    }

    /// Notes what was found of a lane's entries: the two largest datasets can't both be listed in one invocation.
    pub(crate) async fn note(
        &mut self,
        lane: &mut Lane<'_>,
        found: (Stats, Verified),
    ) -> Result<(), RunError> {
        self.write_down(lane).await?;
        if let Some(progress) = self.notes.checkpoint.lane_mut(lane.side) {
            progress.verified = Some(found);
        }
        self.notes.save().await
    }
}
