//! Where the work on one manifest stands, and who is at it.
//!
//! The checkpoint is one small object beside the reports, written on condition (If-None-Match, If-Match): of two
//! invocations on one manifest, one goes on and the other comes back later.
//!
//! What this module does not do: read or write the object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::request::budget::INVOCATION_MAX;
use crate::state::buckets::Buckets;
use crate::state::company::{Earlier, ReplacedLabels};
use crate::state::dataset::LaneSide;
use crate::state::origin::{AnswersKept, Origin};
use crate::state::progress::{LaneProgress, Refused, by_message};

/// Version of the format. Another one's checkpoint is not understood, and the work starts over.
pub const FORMAT: u32 = 7;
/// Datasets of a target: train and test.
const LANES_MAX: usize = 2;
/// Difference of clocks that is allowed for in a lease's end, in milliseconds.
const CLOCK_MARGIN_MS: i64 = 2_000;

/// The checkpoint object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`FORMAT`].
    pub format: u32,
    /// The manifest's version that the work is about.
    pub manifest: ManifestVersion,
    /// What else the work depends on: targets, options. With another plan, it starts over.
    pub plan: String,
    /// Who is at it.
    pub lease: Option<Lease>,
    /// Whether all of it is done, the reports included.
    pub is_done: bool,
    /// What the entries are made from; `None` until that is known.
    pub origin: Option<Origin>,
    /// How far the reading of workers' answers is, while `origin` isn't known.
    pub reading: AnswersKept,
    /// The function's memory in bytes, when the answers took more than that.
    pub too_large_for: Option<u64>,
    /// The datasets' progress.
    pub lanes: Vec<LaneProgress>,
    /// Lines that the service refused, in line order.
    #[serde(with = "by_message")]
    pub refused: Vec<Refused>,
    /// Lines whose label took the place of another job's.
    #[serde(default)]
    pub replaced_labels: ReplacedLabels,
    /// Images of the datasets by bucket, as the first page of their entries had them before anything was sent.
    #[serde(default)]
    pub buckets_before: BTreeMap<LaneSide, Buckets>,
    /// What earlier versions of the manifest have landed, by dataset; empty until that was looked up, and without any.
    #[serde(default)]
    pub earlier: BTreeMap<LaneSide, Earlier>,
    /// Invocations that went on after the first one.
    pub n_resumptions: u32,
    /// Whether the last one did nothing but wait for another's update of the dataset: the next one is no further resumption.
    pub has_waited: bool,
    /// When the first invocation began, in milliseconds since 1970.
    pub started_at_ms: i64,
}

impl Checkpoint {
    /// Whether files of work in progress are named.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        self.reading.n_parts > 0 || self.lanes.iter().any(|lane| !lane.parts.is_empty())
    }

    /// Forgets the files of work in progress, once they are deleted.
    pub fn forget_parts(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.parts.clear());
        self.reading = AnswersKept::default();
    }

    /// The checkpoint of the invocation that goes on from here.
    #[must_use]
    pub fn resumed(self) -> Self {
        Self {
            n_resumptions: self.next_resumption(),
            has_waited: false,
            too_large_for: None,
            ..self
        }
    }

    /// The number of the resumption that goes on from here.
    fn next_resumption(&self) -> u32 {
        let is_further = u32::from(!self.has_waited);
        self.n_resumptions.saturating_add(is_further)
    }

    /// Whether its figures are possible for its manifest. What isn't was written by somebody else.
    fn is_possible(&self) -> bool {
        // A line has a byte at least, its line feed; the last one may go without.
        let lines = 0..=self.manifest.n_bytes.saturating_add(1);
        let is_in_order = |parts: &[(u64, u64)]| {
            let numbers = || parts.iter().flat_map(|(first, last)| [*first, *last]);
            numbers().zip(numbers().skip(1)).all(|(a, b)| a <= b)
        };
        let is_lane_possible = |lane: &LaneProgress| {
            let verified = lane.verified.iter().flat_map(|(_, verified)| {
                let lines = verified.vanished.iter().chain(&verified.overwritten);
                lines.chain(verified.errors.keys())
            });
            let in_flight = lane.in_flight.map(|in_flight| in_flight.last_line);
            let last_part = lane.parts.last().map(|(_, last_line)| *last_line);
            lines.contains(&lane.settled_line)
                && is_in_order(&lane.parts)
                && last_part.is_none_or(|last_line| last_line <= lane.settled_line)
                && in_flight.is_none_or(|last_line| lines.contains(&last_line))
                && verified.into_iter().all(|line| lines.contains(line))
        };
        let mut sides: Vec<LaneSide> = self.lanes.iter().map(|lane| lane.side).collect();
        sides.dedup();
        self.lanes.len() <= LANES_MAX
            && sides.len() == self.lanes.len()
            && self.lanes.iter().all(is_lane_possible)
            && self
                .refused
                .iter()
                .all(|it| lines.contains(&it.line_number))
    }

    /// The checkpoint of work that begins.
    #[must_use]
    pub fn new(manifest: ManifestVersion, plan: String, started_at_ms: i64) -> Self {
        Self {
            format: FORMAT,
            manifest,
            plan,
            lease: None,
            is_done: false,
            origin: None,
            reading: AnswersKept::default(),
            too_large_for: None,
            lanes: Vec::new(),
            refused: Vec::new(),
            replaced_labels: ReplacedLabels::default(),
            buckets_before: BTreeMap::new(),
            earlier: BTreeMap::new(),
            n_resumptions: 0,
            has_waited: false,
            started_at_ms,
        }
    }

    /// The progress of one dataset; `None` when it is none of the target's.
    #[must_use]
    pub fn lane(&self, side: LaneSide) -> Option<&LaneProgress> {
        self.lanes.iter().find(|lane| lane.side == side)
    }

    /// As [`Checkpoint::lane`], to be changed.
    pub fn lane_mut(&mut self, side: LaneSide) -> Option<&mut LaneProgress> {
        self.lanes.iter_mut().find(|lane| lane.side == side)
    }

    /// Adds refused lines.
    pub fn refuse(&mut self, refused: Vec<Refused>) {
        self.refused.extend(refused);
        self.refused.sort_by_key(|refused| refused.line_number);
    }

    /// The last line that is settled in all datasets; 0 when none is.
    #[must_use]
    pub fn settled_line(&self) -> u64 {
        let lines = self.lanes.iter().map(|lane| lane.settled_line);
        lines.min().unwrap_or(0)
    }

    /// Whether the datasets are these, in this order.
    #[must_use]
    pub fn is_of(&self, datasets: &[(LaneSide, String)]) -> bool {
        let lanes = self.lanes.iter();
        let own = lanes.map(|lane| (lane.side, &lane.dataset_arn));
        own.eq(datasets.iter().map(|(side, arn)| (*side, arn)))
    }

    /// Forgets what was read and sent: sending it again changes nothing in the datasets.
    pub fn start_over(&mut self) {
        self.reading = AnswersKept::default();
        self.forget_sent();
    }

    /// Forgets what was sent.
    pub fn forget_sent(&mut self) {
        self.lanes.clear();
        self.refused.clear();
    }
}

/// One version of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestVersion {
    /// S3 URI of the manifest.
    pub uri: String,
    /// Entity tag of that version.
    pub e_tag: String,
    /// Its version id, in a bucket with versioning.
    pub version_id: Option<String>,
    /// Size of the manifest in bytes.
    pub n_bytes: u64,
}

/// The right to work on a manifest for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The invocation's request id.
    pub owner: String,
    /// Until when, in milliseconds since 1970, exclusive. An invocation's deadline: past it, nobody is at work.
    pub until_ms: i64,
}

/// What to do about a manifest, given its checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// Begin at the first line.
    Afresh,
    /// Go on from here.
    Resume(Box<Checkpoint>),
    /// This version is done. Its [`LaneProgress::parts`] are still there when they are named.
    AlreadyDone(Box<Checkpoint>),
    /// Another invocation is at it.
    Leased(Lease),
    /// Its answers took more memory than the function has, and it has no more now.
    TooLarge,
    /// The work was resumed as often as it may be.
    GiveUp(Box<Checkpoint>),
}

/// Decides how to start. `found` is the checkpoint object's bytes; what can't be read counts as none. `memory_bytes` is
/// the function's memory, where it is known.
///
/// A lease that has run out, that is `owner`'s own, or that ends later than the longest invocation that could begin now, holds
/// nobody back. It is checked first: not even a newer version of the manifest may be started while an older one's
/// entries are on their way.
#[must_use]
pub fn start(
    found: Option<&[u8]>,
    manifest: &ManifestVersion,
    plan: &str,
    owner: &str,
    now_ms: i64,
    resumptions_max: u32,
    memory_bytes: Option<u64>,
) -> Start {
    let Some(checkpoint) = found.and_then(parse) else {
        return Start::Afresh;
    };
    if let Some(lease) = &checkpoint.lease
        && lease.owner != owner
        && (now_ms + 1..=latest_end_ms(now_ms)).contains(&lease.until_ms)
    {
        return Start::Leased(lease.clone());
    }
    let is_same = checkpoint.manifest == *manifest && checkpoint.plan == plan;
    if !is_same || !checkpoint.is_possible() {
        return Start::Afresh;
    }
    if checkpoint.is_done {
        return match &checkpoint.origin {
            // The files may be back, or readable by now.
            Some(Origin::Consolidated { report, .. })
                if report.unreadable_files + report.unidentified > 0 =>
            {
                Start::Afresh
            }
            _ => Start::AlreadyDone(Box::new(checkpoint)),
        };
    }
    let was_too_large_for = checkpoint.too_large_for.unwrap_or(0);
    if memory_bytes.is_some_and(|n_bytes| n_bytes <= was_too_large_for) {
        return Start::TooLarge;
    }
    if checkpoint.next_resumption() > resumptions_max {
        return Start::GiveUp(Box::new(checkpoint));
    }
    Start::Resume(Box::new(checkpoint))
}

/// The latest end of a lease that an invocation may have taken by now.
fn latest_end_ms(now_ms: i64) -> i64 {
    let longest_ms = i64::try_from(INVOCATION_MAX.as_millis()).unwrap_or(i64::MAX);
    now_ms + longest_ms + CLOCK_MARGIN_MS
}

/// A checkpoint without its lease: for whoever knows that the invocation's process is gone. `None` when it can't be read.
#[must_use]
pub fn abandoned(found: &[u8]) -> Option<Checkpoint> {
    let mut checkpoint = parse(found)?;
    checkpoint.lease = None;
    Some(checkpoint)
}

fn parse(bytes: &[u8]) -> Option<Checkpoint> {
    serde_json::from_slice::<Checkpoint>(bytes)
        .ok()
        .filter(|checkpoint| checkpoint.format == FORMAT)
}

#[cfg(test)]
mod tests;
