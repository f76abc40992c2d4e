//! The look back: what of a lane's entries the dataset has, and once more what it doesn't have as it was sent.

use std::collections::{BTreeMap, BTreeSet};

use manifest::Converted;

use crate::error::{RunError, Stage};
use crate::send::entries::{Inventory, REFS_MAX};
use crate::send::existing::Listing;
use crate::send::index::{Seen, side};
use crate::send::lane::Lane;
use crate::send::pairs::{fingerprint, holds};
use crate::state::dataset::Stats;
use crate::state::verified::{Method, Verified};
use crate::verify::look::Look;
use crate::work::Work;

/// How often entries are sent again that aren't there as they were sent. Source: ours; each time is another writer's
/// update at the same moment, or a line that the service drops without a word.
const ROUNDS_MAX: u32 = 3;
/// How often a look is made again because somebody else's update came between its pages. Then the next invocation looks.
/// Source: ours.
const LOOKS_MAX: u32 = 5;

impl Work<'_> {
    /// Looks at what a dataset has of a lane's entries, and sends again what isn't there as it was sent, until all of
    /// it is or [`ROUNDS_MAX`] is reached.
    pub(crate) async fn verify(
        &mut self,
        lane: &mut Lane<'_>,
        inventory: &mut Inventory,
    ) -> Result<(Stats, Verified), RunError> {
        let side = lane.side;
        let progress = self.notes.checkpoint.lane(side);
        if let Some(noted) = progress.and_then(|progress| progress.verified.as_ref()) {
            return Ok(noted.clone());
        }
        let mut verified = Verified::default();
        let mut refs: Vec<String> = inventory.refs.remove(&side).unwrap_or_default();
        let mut n_doubtful = inventory.index.n_entries(side);
        lane.is_again = true;
        lane.forget_in_flight();
        for n_rounds in 0..=ROUNDS_MAX {
            if n_rounds > 0 {
                lane.forget();
            }
            let doubtful = (n_doubtful, refs.as_slice());
            let others = self.look(lane, inventory, doubtful, &mut verified).await?;
            (n_doubtful, refs) = self
                .look_closer(lane, inventory, &others, n_rounds < ROUNDS_MAX)
                .await?;
            verified.n_sent_again += n_doubtful;
            if n_doubtful == 0 {
                break;
            }
        }
        lane.is_again = false;
        self.conclude(lane, inventory, &mut verified);
        let after: Stats = lane.ready().await?.stats.into();
        if verified.is_worth_noting() {
            self.note(lane, (after, verified.clone())).await?;
        }
        Ok((after, verified))
    }

    /// Looks at all pages of a dataset that nobody changes meanwhile: an update between two pages would show the first as
    /// they were. After one, everything is looked for anew.
    async fn look(
        &mut self,
        lane: &mut Lane<'_>,
        inventory: &mut Inventory,
        (mut n_doubtful, mut refs): (u64, &[String]),
        verified: &mut Verified,
    ) -> Result<Listing, RunError> {
        let side = lane.side;
        for _ in 0..LOOKS_MAX {
            let before = lane.ready().await?;
            let mut method = Method::choose(n_doubtful, before.stats.n_entries);
            if n_doubtful > refs.len() as u64 && method == Method::EachEntry {
                method = Method::Listing;
            }
            verified.method = verified.method.max(method);
            let dataset_arn = lane.dataset_arn.clone();
            let look = Look {
                dataset: self.dataset(&dataset_arn),
                side,
                method,
                source_refs: refs,
                scratch_file: &self.scratch_file(),
            };
            let others = look
                .back(&mut inventory.index, &mut verified.errors)
                .await?;
            if method == Method::Nothing {
                return Ok(others);
            }
            lane.forget();
            let after = lane.ready().await?;
            if (after.last_updated_ms, after.stats) == (before.last_updated_ms, before.stats) {
                return Ok(others);
            }
            inventory.index.forget(side);
            (n_doubtful, refs) = (inventory.index.n_entries(side), &[]);
        }
        Err(RunError::OutOfTime {
            stage: Stage::Verifying,
        })
    }

    /// Compares, value by value, what the dataset has with what was sent, where a hash isn't enough. What isn't there is
    /// sent again if `may_send`; returns how many entries that are, and a few of their source references.
    async fn look_closer(
        &mut self,
        lane: &mut Lane<'_>,
        inventory: &mut Inventory,
        others: &Listing,
        may_send: bool,
    ) -> Result<(u64, Vec<String>), RunError> {
        let side_here = lane.side;
        let index = &mut inventory.index;
        let (mut n_sent, mut refs) = (0, Vec::new());
        if index.n_seen(side_here, Seen::Landed) == index.n_entries(side_here) {
            return Ok((n_sent, refs));
        }
        let refused = self.refused_lines();
        let mut reader = self.reader().await?;
        while let Some(converted) = reader.next().await? {
            let Converted::Entry(mut entry) = converted else {
                continue;
            };
            if side(&entry.source_ref, self.target.test_fraction) != side_here
                || index.seen(&entry.source_ref, side_here) == Some(Seen::Landed)
            {
                continue;
            }
            let existing = others.find(&entry.source_ref)?;
            if existing.as_ref().is_some_and(|it| holds(it, &entry.json)) {
                index.land(&entry.source_ref, side_here);
                continue;
            }
            if !may_send || refused.contains(&entry.line_number) {
                continue;
            }
            let loser = self.loser(existing.as_deref(), &entry.json);
            match self.merged(existing, &entry.json) {
                Ok(json) => {
                    self.note_loser(entry.line_number, loser);
                    entry.json = json;
                }
                Err(message) => {
                    self.refuse(entry.line_number, &message);
                    continue;
                }
            }
            let labels = fingerprint(&entry.json).unwrap_or_default();
            index.send_again(&entry.source_ref, side_here, labels);
            n_sent += 1;
            if refs.len() < REFS_MAX {
                refs.push(entry.source_ref.clone());
            }
            if let Some(changes) = lane.batcher.push(&entry) {
                self.submit(lane, changes).await?;
            }
        }
        if let Some(changes) = lane.batcher.finish() {
            self.submit(lane, changes).await?;
        }
        lane.settle().await?;
        self.save(lane).await?;
        Ok((n_sent, refs))
    }

    /// Says of each entry that isn't there what became of it. A line that an update failed over, and that is there
    /// nevertheless, was refused with another writer's status.
    fn conclude(&mut self, lane: &Lane<'_>, inventory: &Inventory, verified: &mut Verified) {
        let side = lane.side;
        let landed = inventory.index.lines(side, Seen::Landed);
        self.notes
            .checkpoint
            .refused
            .retain(|refused| !landed.contains(&refused.line_number));
        let refused = self.refused_lines();
        let without_refused = |lines: BTreeSet<u64>| lines.difference(&refused).copied().collect();
        verified.vanished = without_refused(inventory.index.lines(side, Seen::Missing));
        verified.overwritten = without_refused(inventory.index.lines(side, Seen::Differs));
        verified.errors = std::mem::take(&mut verified.errors)
            .into_iter()
            .filter(|(line_number, _)| landed.contains(line_number))
            .collect::<BTreeMap<_, _>>();
    }

    fn refused_lines(&self) -> BTreeSet<u64> {
        let refused = self.notes.checkpoint.refused.iter();
        refused.map(|refused| refused.line_number).collect()
    }
}
