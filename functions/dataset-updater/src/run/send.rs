//! Entries on their way: merged into what is there, batched, updated, written down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use manifest::{Changes, Converted};
use xxhash_rust::xxh3::xxh3_64;

use super::work::Work;
use crate::checkpoint::{LaneSide, Refused};
use crate::config::Existing;
use crate::error::RunError;
use crate::existing::{Dataset, Source};
use crate::index::{Index, side};
use crate::lane::Lane;
use crate::merge::merge;

/// Source references that are kept for looking entries up one by one: it pays off only below one per page of the largest dataset.
const REFS_MAX: usize = 5_000;

/// Scratch files that this process has made: part of their names.
static N_SCRATCH_FILES: AtomicU64 = AtomicU64::new(0);

/// What reading the manifest brought.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) index: Index,
    /// A few source references by side; empty when there are too many to be looked up one by one.
    pub(super) refs: BTreeMap<LaneSide, Vec<(u64, String)>>,
    pub(super) counts: manifest::Counts,
    pub(super) converting: std::time::Duration,
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

impl Work<'_> {
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

    /// Streams the manifest's entries to their datasets, from where the checkpoint stands.
    pub(super) async fn send(
        &mut self,
        lanes: &mut [Lane<'_>],
        read: &mut Read,
    ) -> Result<(), RunError> {
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
}
