//! Where the work on one manifest stands, and who is at it.
//!
//! The checkpoint is one small object beside the reports, written on condition (If-None-Match, If-Match): of two
//! invocations on one manifest, one goes on and the other comes back later.
//!
//! What this module does not do: read or write the object.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::rekognition::{DatasetStats, Side};
use serde::{Deserialize, Serialize};

use crate::request::budget::INVOCATION_MAX;
use crate::state::buckets::Buckets;
use crate::state::company::{Earlier, ReplacedLabels};
use crate::state::report::ConsolidationReport;
use crate::verify::look::Verified;

/// Version of the format. Another one's checkpoint is not understood, and the work starts over.
pub const FORMAT: u32 = 7;
/// Longest message of a refusal that is kept, in characters, inclusive. Source: ours; the service's messages are sentences.
const MESSAGE_CHARS_MAX: usize = 1000;
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
    pub reading: Reading,
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

    /// The number of the resumption that goes on from here.
    #[must_use]
    pub fn next_resumption(&self) -> u32 {
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

    /// Whether the datasets are these, in this order.
    #[must_use]
    pub fn is_of(&self, lanes: &[LaneProgress]) -> bool {
        let datasets = |lanes: &[LaneProgress]| -> Vec<(LaneSide, String)> {
            let lanes = lanes.iter();
            lanes
                .map(|lane| (lane.side, lane.dataset_arn.clone()))
                .collect()
        };
        datasets(&self.lanes) == datasets(lanes)
    }

    /// Forgets what was read and sent: sending it again changes nothing in the datasets.
    pub fn start_over(&mut self) {
        self.reading = Reading::default();
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
    /// Its S3 URI.
    pub uri: String,
    /// Its entity tag.
    pub e_tag: String,
    /// Its version id, in a bucket with versioning.
    pub version_id: Option<String>,
    /// Its size in bytes.
    pub n_bytes: u64,
}

/// What entries are made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The output manifest, as Ground Truth wrote it.
    OutputManifest,
    /// The manifest beside the reports that has the labels put in.
    Consolidated {
        /// Its entity tag.
        e_tag: String,
        /// What became of the answers.
        report: ConsolidationReport,
    },
}

/// How much of the workers' answers is kept in files below `parts/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Those files, numbered from one.
    pub n_parts: u64,
    /// Key of the last annotation file in them, in the order of their names.
    pub after_file: Option<String>,
    /// Data objects in those annotation files that no line is.
    pub n_unmatched: u64,
    /// Elements of those annotation files that can't be read, or don't tell their data object.
    #[serde(default)]
    pub n_unidentified: u64,
    /// Files until then that can't be read.
    pub n_unreadable_files: u64,
}

/// The right to work on a manifest for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The invocation's request id.
    pub owner: String,
    /// Until when, in milliseconds since 1970, exclusive. An invocation's deadline: past it, nobody is at work.
    pub until_ms: i64,
}

/// How far one dataset is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneProgress {
    /// Train or test.
    pub side: LaneSide,
    /// The dataset.
    pub dataset_arn: String,
    /// All of this lane's entries up to this line have landed or were refused.
    pub settled_line: u64,
    /// The update that was under way when the work stopped.
    pub in_flight: Option<InFlight>,
    /// The dataset's counts before the first update.
    pub before: Option<Stats>,
    /// What has landed, as first and last line of each object below `parts/`, in line order.
    pub parts: Vec<(u64, u64)>,
    /// UpdateDatasetEntries calls that were accepted.
    pub n_updates: u64,
    /// Time that they took, waits included, in milliseconds.
    pub update_ms: u64,
    /// What was found of the entries afterwards, when that took many calls.
    pub verified: Option<(Stats, Verified)>,
}

/// An update whose end wasn't waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// The last of its lines.
    pub last_line: u64,
    /// When it was handed over, in milliseconds since 1970.
    pub submitted_at_ms: i64,
    /// When the dataset had last changed before, in milliseconds since 1970; `None` when nobody had looked.
    pub last_updated_ms: Option<i64>,
}

/// A line that UpdateDatasetEntries failed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// One-based.
    pub line_number: u64,
    /// The dataset's StatusMessage. Many lines have the same one.
    pub message: Arc<str>,
}

impl Refused {
    /// A message as it is kept: whatever the service says, the checkpoint is to stay small.
    #[must_use]
    pub fn message(text: &str) -> Arc<str> {
        text.chars()
            .take(MESSAGE_CHARS_MAX)
            .collect::<String>()
            .into()
    }
}

/// Each message once, with its lines: a dataset that refuses everything refuses a quarter of a million lines with a few
/// messages, and the checkpoint is to stay small.
mod by_message {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Refused;

    pub(super) fn serialize<S: Serializer>(
        refused: &[Refused],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut lines: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for line in refused {
            let of_message = lines.entry(&line.message).or_default();
            of_message.push(line.line_number);
        }
        lines.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Refused>, D::Error> {
        let lines = BTreeMap::<String, Vec<u64>>::deserialize(deserializer)?;
        let mut refused: Vec<Refused> = lines
            .into_iter()
            .flat_map(|(message, lines)| {
                let message = Refused::message(&message);
                lines.into_iter().map(move |line_number| Refused {
                    line_number,
                    message: Arc::clone(&message),
                })
            })
            .collect();
        refused.sort_by_key(|refused| refused.line_number);
        Ok(refused)
    }
}

/// [`Side`], as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneSide {
    /// The training dataset.
    Train,
    /// The test dataset.
    Test,
}

impl From<LaneSide> for Side {
    fn from(side: LaneSide) -> Self {
        match side {
            LaneSide::Train => Self::Train,
            LaneSide::Test => Self::Test,
        }
    }
}

impl LaneSide {
    /// `train` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// [`DatasetStats`], as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Entries in the dataset.
    pub total_entries: u64,
    /// Entries with a label.
    pub labeled_entries: u64,
    /// Entries with an error.
    pub error_entries: u64,
    /// Different labels.
    pub total_labels: u64,
}

impl From<DatasetStats> for Stats {
    fn from(stats: DatasetStats) -> Self {
        Self {
            total_entries: stats.n_entries,
            labeled_entries: stats.n_labeled,
            error_entries: stats.n_errors,
            total_labels: stats.n_labels,
        }
    }
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
    /// It was tried often enough.
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
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            format: FORMAT,
            manifest: version("e1"),
            plan: "plan".to_owned(),
            lease: Some(Lease {
                owner: "a".to_owned(),
                until_ms: 1000,
            }),
            is_done: false,
            origin: Some(Origin::OutputManifest),
            reading: Reading {
                n_parts: 1,
                after_file: Some("a".to_owned()),
                ..Reading::default()
            },
            too_large_for: None,
            lanes: vec![LaneProgress {
                side: LaneSide::Train,
                dataset_arn: "arn".to_owned(),
                settled_line: 7,
                in_flight: Some(InFlight {
                    last_line: 9,
                    submitted_at_ms: 5,
                    last_updated_ms: Some(4),
                }),
                before: Some(Stats::default()),
                parts: vec![(1, 7)],
                n_updates: 1,
                update_ms: 2,
                verified: None,
            }],
            refused: vec![],
            replaced_labels: ReplacedLabels::default(),
            buckets_before: BTreeMap::new(),
            earlier: BTreeMap::new(),
            n_resumptions: 2,
            has_waited: false,
            started_at_ms: 1,
        }
    }

    fn version(e_tag: &str) -> ManifestVersion {
        ManifestVersion {
            uri: "s3://b/k".to_owned(),
            e_tag: e_tag.to_owned(),
            version_id: None,
            n_bytes: 9,
        }
    }

    fn check(change: impl FnOnce(&mut Checkpoint), owner: &str, now_ms: i64, expected: &str) {
        let mut found = checkpoint();
        change(&mut found);
        let bytes = serde_json::to_vec(&found).unwrap();
        let name = match start(
            Some(&bytes),
            &version("e1"),
            "plan",
            owner,
            now_ms,
            3,
            Some(512),
        ) {
            Start::Afresh => "afresh",
            Start::Resume(resumed) => {
                assert_eq!(*resumed, found);
                "resume"
            }
            Start::AlreadyDone(_) => "done",
            Start::Leased(_) => "leased",
            Start::TooLarge => "too large",
            Start::GiveUp(_) => "give up",
        };
        assert_eq!(name, expected);
    }

    #[test]
    fn starts() {
        check(|_| {}, "b", 999, "leased");
        check(|_| {}, "b", 1000, "resume");
        check(|_| {}, "a", 999, "resume");
        check(|c| c.lease = None, "b", 0, "resume");
        check(|c| c.is_done = true, "b", 1000, "done");
        check(|c| c.is_done = true, "b", 999, "leased");
        for (unreadable_files, unidentified, expected) in
            [(0, 0, "done"), (1, 0, "afresh"), (0, 1, "afresh")]
        {
            let origin = Origin::Consolidated {
                e_tag: "e2".to_owned(),
                report: ConsolidationReport {
                    unreadable_files,
                    unidentified,
                    ..ConsolidationReport::default()
                },
            };
            let finish = |c: &mut Checkpoint| (c.is_done, c.origin) = (true, Some(origin));
            check(finish, "b", 1000, expected);
        }
        for (n_bytes, expected) in [(511, "resume"), (512, "too large"), (513, "too large")] {
            check(|c| c.too_large_for = Some(n_bytes), "b", 1000, expected);
        }
        check(|c| c.n_resumptions = 3, "b", 1000, "give up");
        check(
            |c| (c.n_resumptions, c.has_waited) = (3, true),
            "b",
            1000,
            "resume",
        );
        check(
            |c| (c.n_resumptions, c.has_waited) = (4, true),
            "b",
            1000,
            "give up",
        );
        check(|c| c.n_resumptions = 4, "b", 1000, "give up");
        check(|c| c.manifest.e_tag = "e0".into(), "b", 1000, "afresh");
        check(|c| c.manifest.e_tag = "e0".into(), "b", 999, "leased");
        check(|c| c.plan = "other".into(), "b", 1000, "afresh");
        check(|c| c.format = FORMAT + 1, "b", 999, "afresh");
        check(|c| c.format = FORMAT - 1, "b", 999, "afresh");
    }

    #[test]
    fn a_lease_beyond_the_longest_invocation_is_none() {
        for (until_ms, expected) in [
            (1_000 + 900_000 + 2_000, "leased"),
            (1_000 + 900_000 + 2_001, "resume"),
            (i64::MAX, "resume"),
        ] {
            let lease = Lease {
                owner: "a".to_owned(),
                until_ms,
            };
            check(|c| c.lease = Some(lease), "b", 1_000, expected);
        }
    }

    #[test]
    fn impossible_ones_start_over() {
        let lane = |change: fn(&mut LaneProgress)| {
            move |c: &mut Checkpoint| c.lanes.iter_mut().for_each(change)
        };
        let refuse = |line_number| {
            move |c: &mut Checkpoint| {
                let message = Refused::message("no");
                c.refused.push(Refused {
                    line_number,
                    message,
                });
            }
        };
        let verified = |vanished| Verified {
            vanished,
            ..Verified::default()
        };
        let see = move |line: u64| {
            move |c: &mut Checkpoint| {
                for lane in &mut c.lanes {
                    lane.verified = Some((Stats::default(), verified(vec![line])));
                }
            }
        };
        check(lane(|lane| lane.settled_line = 10), "b", 1000, "resume");
        check(lane(|lane| lane.settled_line = 11), "b", 1000, "afresh");
        check(lane(|lane| lane.settled_line = 6), "b", 1000, "afresh");
        check(lane(|lane| lane.parts = vec![(2, 1)]), "b", 1000, "afresh");
        check(
            lane(|lane| lane.parts = vec![(3, 4), (1, 2)]),
            "b",
            1000,
            "afresh",
        );
        check(refuse(10), "b", 1000, "resume");
        check(refuse(11), "b", 1000, "afresh");
        check(see(10), "b", 1000, "resume");
        check(see(11), "b", 1000, "afresh");
        check(|c| c.lanes.push(c.lanes[0].clone()), "b", 1000, "afresh");
        let add_test = |c: &mut Checkpoint| {
            c.lanes.push(c.lanes[0].clone());
            c.lanes[1].side = LaneSide::Test;
        };
        check(add_test, "b", 1000, "resume");
        check(
            |c| {
                add_test(c);
                c.lanes.push(c.lanes[0].clone());
            },
            "b",
            1000,
            "afresh",
        );
        check(|c| c.manifest.n_bytes = 1 << 40, "b", 1000, "afresh");
    }

    #[test]
    fn messages_are_cut() {
        for (n, expected) in [(999, 999), (1000, 1000), (1001, 1000)] {
            let message = Refused::message(&"é".repeat(n));
            assert_eq!(message.chars().count(), expected);
        }
    }

    #[test]
    fn an_abandoned_one_is_nobodys() {
        let held = serde_json::to_vec(&checkpoint()).unwrap();
        let mut free = checkpoint();
        free.lease = None;
        assert_eq!(abandoned(&held), Some(free.clone()));
        let bytes = serde_json::to_vec(&free).unwrap();
        assert_eq!(abandoned(&bytes), Some(free));
        assert_eq!(abandoned(b"{}"), None);
    }

    #[test]
    fn a_dataset_may_refuse_everything() {
        let refused = (1..=250_000).map(|line_number| Refused {
            line_number,
            message: Refused::message(&format!("the manifest has {} errors", 1 + line_number % 3)),
        });
        let all = Checkpoint {
            refused: refused.collect(),
            ..checkpoint()
        };
        let bytes = serde_json::to_vec(&all).unwrap();
        assert!(bytes.len() < 2_000_000, "{} bytes", bytes.len());
        assert_eq!(parse(&bytes), Some(all));
    }

    #[test]
    fn what_cannot_be_read_counts_as_none() {
        for bytes in [&b""[..], b"{}", b"\xff", b"{\"format\":2}", b"null"] {
            assert_eq!(
                start(Some(bytes), &version("e1"), "plan", "a", 0, 3, None),
                Start::Afresh
            );
        }
        assert_eq!(
            start(None, &version("e1"), "plan", "a", 0, 3, None),
            Start::Afresh
        );
    }
}
