//! Entries on their way: merged into what is there, batched, updated, written down.

use std::collections::{BTreeMap, BTreeSet};

use aws::rekognition::EntryFilter;
use manifest::{Changes, Converted, Entry};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::RunError;
use crate::request::config::Existing;
use crate::send::existing::{EntrySource, source_ref};
use crate::send::index::{Index, side};
use crate::send::lane::Lane;
use crate::send::merge::{losing_job, merge};
use crate::send::pairs::fingerprint;
use crate::send::room::{Room, images_max_of};
use crate::state::buckets::Buckets;
use crate::state::dataset::LaneSide;
use crate::state::progress::Refused;
use crate::work::Work;

/// Source references that are kept for looking entries up one by one: it pays off only below one per page of the largest dataset.
pub(crate) const REFS_MAX: usize = 5_000;

/// Listings that new entries are merged into, of one invocation: somebody else who writes all the time must not keep it from
/// its work for ever.
const LISTINGS_MAX: u32 = 3;

/// Entries that one dataset has, and the room for more.
struct There {
    /// The entries that it has.
    source: EntrySource,
    /// The room for further entries.
    room: Room,
}

/// What reading the manifest brought.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) index: Index,
    /// A few source references by side; empty when there are too many to be looked up one by one.
    pub(crate) refs: BTreeMap<LaneSide, Vec<String>>,
    /// Images by side and bucket.
    pub(crate) buckets: BTreeMap<LaneSide, Buckets>,
    pub(crate) counts: manifest::Counts,
    pub(crate) converting: std::time::Duration,
}

impl Inventory {
    fn add(&mut self, entry: &Entry, side: LaneSide) {
        self.buckets.entry(side).or_default().add(&entry.source_ref);
        let labels = fingerprint(&entry.json).unwrap_or_default();
        self.index
            .add(&entry.source_ref, labels, entry.line_number, side);
        let refs = self.refs.entry(side).or_default();
        if refs.len() < REFS_MAX {
            refs.push(entry.source_ref.clone());
        }
    }
}

impl Work<'_> {
    /// For each lane, what its dataset has: where entries come from that new ones are merged into, or that take no room
    /// since they are there.
    async fn there(&self, lanes: &mut [Lane<'_>]) -> Result<Vec<There>, RunError> {
        let mut all = Vec::new();
        for lane in &mut *lanes {
            let room = self.room(lane).await?;
            all.push(There {
                source: EntrySource::Nowhere,
                room,
            });
        }
        let is_tight = |there: &There| !there.room.has_for_bytes(self.version.n_bytes);
        if self.config.existing == Existing::Replace && !all.iter().any(is_tight) {
            return Ok(all);
        }
        let mut wanted = self.wanted(lanes).await?;
        for (lane, there) in lanes.iter().zip(&mut all) {
            let wanted = wanted.remove(&lane.side).unwrap_or_default();
            if self.config.existing == Existing::Replace && there.room.has_for(wanted.len() as u64)
            {
                continue;
            }
            let scratch_file = self.scratch_file();
            let dataset = self.dataset(&lane.dataset_arn);
            let n_images = there.room.n_images();
            there.source = dataset.source(&wanted, n_images, &scratch_file).await?;
        }
        Ok(all)
    }

    /// Notes which buckets a dataset's images are in, by the first page of its entries, before anything is sent.
    async fn look_at_buckets(&mut self, lane: &Lane<'_>, n_images: u64) -> Result<(), RunError> {
        let side = lane.side;
        if self.notes.checkpoint.buckets_before.contains_key(&side) {
            return Ok(());
        }
        let mut buckets = Buckets::default();
        if n_images > 0 {
            let rekognition = &self.clients.rekognition;
            let (arn, until) = (&lane.dataset_arn, self.invocation.budget.until);
            let page = rekognition.entries_page(arn, &EntryFilter::All, None, until);
            for entry in page.await?.entries {
                if let Some(source_ref) = source_ref(&entry) {
                    buckets.add(&source_ref);
                }
            }
        }
        self.notes.checkpoint.buckets_before.insert(side, buckets);
        Ok(())
    }

    async fn room(&self, lane: &mut Lane<'_>) -> Result<Room, RunError> {
        let of_region = || images_max_of(&lane.dataset_arn, lane.side);
        let images_max = self.config.images_max.unwrap_or_else(of_region);
        let progress = self.notes.checkpoint.lane(lane.side);
        let before = progress.and_then(|progress| progress.before);
        let before = Room::new(images_max, before.unwrap_or_default().total_entries);
        if lane.has_in_flight() && before.has_for_bytes(self.version.n_bytes) {
            return Ok(before);
        }
        // Where room is short, an update that is under way has to end first: its entries are there then, or not.
        let n_images = lane.ready().await?.stats.n_entries;
        Ok(Room::new(images_max, n_images))
    }

    /// Hashes of the source references of the entries that are still to be sent.
    async fn wanted(
        &self,
        lanes: &[Lane<'_>],
    ) -> Result<BTreeMap<LaneSide, BTreeSet<u64>>, RunError> {
        let mut wanted: BTreeMap<LaneSide, BTreeSet<u64>> = BTreeMap::new();
        let mut reader = self.reader().await?;
        while let Some(converted) = reader.next().await? {
            let Converted::Entry(entry) = converted else {
                continue;
            };
            let side = side(&entry.source_ref, self.target.test_fraction);
            let lane = lanes.iter().find(|lane| lane.side == side);
            if lane.is_some_and(|lane| !self.is_over(lane, entry.line_number)) {
                let hash = xxh3_64(entry.source_ref.as_bytes());
                wanted.entry(side).or_default().insert(hash);
            }
        }
        Ok(wanted)
    }

    /// Whether an entry has landed or was refused.
    fn is_over(&self, lane: &Lane<'_>, line_number: u64) -> bool {
        let progress = self.notes.checkpoint.lane(lane.side);
        progress.is_some_and(|progress| line_number <= progress.settled_line)
            || self.refused_idx(line_number).is_ok()
    }

    fn refused_idx(&self, line_number: u64) -> Result<usize, usize> {
        let refused = &self.notes.checkpoint.refused;
        refused.binary_search_by_key(&line_number, |refused| refused.line_number)
    }

    /// Streams the manifest's entries to their datasets, from where the checkpoint stands.
    ///
    /// Entries are merged into what a listing showed. When somebody without a lease has changed a dataset since, the next
    /// changes aren't handed over, and their entries are merged into another listing.
    pub(crate) async fn send(
        &mut self,
        lanes: &mut [Lane<'_>],
        inventory: &mut Inventory,
    ) -> Result<(), RunError> {
        for n_listings in 1..=LISTINGS_MAX {
            let mut theres = self.there(lanes).await?;
            for (lane, there) in lanes.iter().zip(&theres) {
                self.look_at_buckets(lane, there.room.n_images()).await?;
            }
            *inventory = Inventory::default();
            let is_watchful = self.config.existing == Existing::Merge && n_listings < LISTINGS_MAX;
            let is_sent = self
                .send_from(lanes, &mut theres, inventory, is_watchful)
                .await?;
            for lane in &mut *lanes {
                lane.settle().await?;
                self.save(lane).await?;
            }
            if is_sent {
                break;
            }
            tracing::info!("another writer has changed the dataset; it is listed again");
        }
        Ok(())
    }

    /// As [`Work::send`], from one listing; `false` when that one is out of date and `is_watchful`.
    async fn send_from(
        &mut self,
        lanes: &mut [Lane<'_>],
        theres: &mut [There],
        inventory: &mut Inventory,
        is_watchful: bool,
    ) -> Result<bool, RunError> {
        for lane in &mut *lanes {
            lane.drop_batch();
        }
        let mut reader = self.reader().await?;
        while let Some(converted) = reader.next().await? {
            let Converted::Entry(mut entry) = converted else {
                continue;
            };
            let side = side(&entry.source_ref, self.target.test_fraction);
            let mut found = lanes.iter_mut().zip(&mut *theres);
            let Some((lane, there)) = found
                .find(|(lane, _)| lane.side == side)
                .filter(|(lane, _)| !self.is_over(lane, entry.line_number))
            else {
                inventory.add(&entry, side);
                continue;
            };
            let dataset = self.dataset(&lane.dataset_arn);
            let existing = dataset.find(&there.source, &entry.source_ref).await?;
            let loser = self.loser(existing.as_deref(), &entry.json);
            match self.admit(there, existing, &entry.json) {
                Ok(json) => entry.json = json,
                Err(message) => {
                    self.refuse(entry.line_number, &message);
                    inventory.add(&entry, side);
                    continue;
                }
            }
            self.note_loser(entry.line_number, loser);
            inventory.add(&entry, side);
            if let Some(changes) = lane.batcher.push(&entry)
                && !self.submit_if_unchanged(lane, changes, is_watchful).await?
            {
                return Ok(false);
            }
        }
        for lane in &mut *lanes {
            if let Some(changes) = lane.batcher.finish()
                && !self.submit_if_unchanged(lane, changes, is_watchful).await?
            {
                return Ok(false);
            }
        }
        inventory.counts = reader.counts().clone();
        inventory.converting = reader.converting();
        Ok(true)
    }

    async fn submit_if_unchanged(
        &mut self,
        lane: &mut Lane<'_>,
        changes: Changes,
        is_watchful: bool,
    ) -> Result<bool, RunError> {
        if is_watchful {
            lane.settle().await?;
            self.save(lane).await?;
            if lane.has_changed().await? {
                return Ok(false);
            }
        }
        self.submit(lane, changes).await?;
        Ok(true)
    }

    /// Hands over changes once those before are settled and written down: their memory is free by then.
    pub(crate) async fn submit(
        &mut self,
        lane: &mut Lane<'_>,
        changes: Changes,
    ) -> Result<(), RunError> {
        lane.settle().await?;
        self.save(lane).await?;
        lane.submit(changes).await
    }

    /// The other job whose label on the image an entry takes the place of when it is merged.
    pub(crate) fn loser(&self, existing: Option<&str>, json: &str) -> Option<String> {
        let existing = existing.filter(|_| self.config.existing == Existing::Merge)?;
        losing_job(existing, json)
    }

    pub(crate) fn note_loser(&mut self, line_number: u64, loser: Option<String>) {
        if let Some(job) = loser {
            self.notes
                .checkpoint
                .replaced_labels
                .note(line_number, &job);
        }
    }

    /// The entry to send, or why it is refused.
    fn admit(
        &self,
        there: &mut There,
        existing: Option<String>,
        json: &str,
    ) -> Result<String, String> {
        there.room.take(existing.is_some())?;
        self.merged(existing, json)
    }

    /// The entry as it is sent when the dataset has `existing` for its image, or why it can't be.
    pub(crate) fn merged(&self, existing: Option<String>, json: &str) -> Result<String, String> {
        match existing {
            Some(existing) if self.config.existing == Existing::Merge => {
                merge(&existing, json).map_err(|error| error.to_string())
            }
            _ => Ok(json.to_owned()),
        }
    }

    pub(crate) fn refuse(&mut self, line_number: u64, message: &str) {
        if let Err(idx) = self.refused_idx(line_number) {
            let refused = Refused {
                line_number,
                message: Refused::message(message),
            };
            self.notes.checkpoint.refused.insert(idx, refused);
        }
    }
}
