//! Which line an entry of a dataset came from, and whether the dataset has it as it was sent.

use std::collections::BTreeSet;

use manifest::split;
use xxhash_rust::xxh3::xxh3_64;

use crate::state::dataset::LaneSide;

/// The entries that were sent, by hashes of their source references and labels: 24 bytes each, so that 250,000 fit into
/// 6 MB.
///
/// Two of 250,000 references share a hash with a probability below 2 in a thousand million.
#[derive(Debug, Default)]
pub struct Index {
    rows: Vec<Row>,
    is_sorted: bool,
}

#[derive(Debug)]
struct Row {
    source_ref: u64,
    labels: u64,
    /// One-based; a manifest of 4 thousand million lines is beyond the service's limit of 1 GB.
    line_number: u32,
    side: LaneSide,
    seen: Seen,
}

/// What the last look at the dataset found of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The image has no entry.
    Missing,
    /// The image has an entry, with other labels or more of them than were sent.
    Differs,
    /// The entry is there as it was sent.
    Landed,
}

impl Index {
    /// Adds an entry with the [`crate::send::pairs::fingerprint`] of its labels.
    pub fn add(&mut self, source_ref: &str, labels: u64, line_number: u64, side: LaneSide) {
        self.rows.push(Row {
            source_ref: xxh3_64(source_ref.as_bytes()),
            labels,
            line_number: u32::try_from(line_number).unwrap_or(u32::MAX),
            side,
            seen: Seen::Missing,
        });
        self.is_sorted = false;
    }

    /// Notes another version of an entry, which the dataset isn't known to have.
    pub fn send_again(&mut self, source_ref: &str, side: LaneSide, labels: u64) {
        if let Some(row) = self.row(source_ref, side) {
            row.labels = labels;
            row.seen = Seen::Missing;
        }
    }

    /// Notes an entry of the dataset: its line, and what is known of it now; `None` for another manifest's. An entry that has landed
    /// stays landed.
    pub fn see(
        &mut self,
        source_ref: &str,
        side: LaneSide,
        labels: Option<u64>,
    ) -> Option<(u64, Seen)> {
        let row = self.row(source_ref, side)?;
        if labels == Some(row.labels) {
            row.seen = Seen::Landed;
        } else if row.seen == Seen::Missing {
            row.seen = Seen::Differs;
        }
        Some((u64::from(row.line_number), row.seen))
    }

    /// Takes back what looks have found of one side's entries.
    pub fn forget(&mut self, side: LaneSide) {
        for row in self.rows.iter_mut().filter(|row| row.side == side) {
            row.seen = Seen::Missing;
        }
    }

    /// Notes that an entry of the dataset has what was sent, by a closer look.
    pub fn land(&mut self, source_ref: &str, side: LaneSide) {
        if let Some(row) = self.row(source_ref, side) {
            row.seen = Seen::Landed;
        }
    }

    /// What is known of an entry; `None` when it isn't of this side.
    pub fn seen(&mut self, source_ref: &str, side: LaneSide) -> Option<Seen> {
        self.row(source_ref, side).map(|row| row.seen)
    }

    /// Entries of one side.
    #[must_use]
    pub fn n_entries(&self, side: LaneSide) -> u64 {
        self.of(side).count() as u64
    }

    /// Entries of one side of which so much is known.
    #[must_use]
    pub fn n_seen(&self, side: LaneSide, seen: Seen) -> u64 {
        self.of(side).filter(|row| row.seen == seen).count() as u64
    }

    /// Lines of one side's entries of which so much is known.
    #[must_use]
    pub fn lines(&self, side: LaneSide, seen: Seen) -> BTreeSet<u64> {
        let rows = self.of(side).filter(|row| row.seen == seen);
        rows.map(|row| u64::from(row.line_number)).collect()
    }

    /// Entries of one side whose lines are such.
    pub fn n_of(&self, side: LaneSide, is_such: impl Fn(u64) -> bool) -> u64 {
        let such = self
            .of(side)
            .filter(|row| is_such(u64::from(row.line_number)));
        such.count() as u64
    }

    fn of(&self, side: LaneSide) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.side == side)
    }

    fn row(&mut self, source_ref: &str, side: LaneSide) -> Option<&mut Row> {
        if !self.is_sorted {
            self.rows.sort_unstable_by_key(|row| row.source_ref);
            self.is_sorted = true;
        }
        let hash = xxh3_64(source_ref.as_bytes());
        let found = self.rows.binary_search_by_key(&hash, |row| row.source_ref);
        let row = self.rows.get_mut(found.ok()?)?;
        (row.side == side).then_some(row)
    }
}

/// Chooses the dataset that an image goes to.
#[must_use]
pub fn side(source_ref: &str, test_fraction: f64) -> LaneSide {
    if split::is_test(source_ref, test_fraction) {
        LaneSide::Test
    } else {
        LaneSide::Train
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_and_unseen() {
        let (train, test) = (LaneSide::Train, LaneSide::Test);
        let mut index = Index::default();
        for line_number in 1..=1000 {
            let side = if line_number % 3 == 0 { test } else { train };
            let source_ref = format!("s3://b/{line_number}");
            index.add(&source_ref, line_number, line_number, side);
        }
        assert_eq!(index.n_entries(test), 333);
        assert_eq!(index.n_of(test, |line_number| line_number < 7), 2);
        let look =
            |index: &mut Index, n: u64, labels| index.see(&format!("s3://b/{n}"), train, labels);
        assert_eq!(look(&mut index, 7, Some(7)), Some((7, Seen::Landed)));
        assert_eq!(look(&mut index, 7, Some(8)), Some((7, Seen::Landed)));
        assert_eq!(look(&mut index, 8, Some(7)), Some((8, Seen::Differs)));
        assert_eq!(look(&mut index, 10, None), Some((10, Seen::Differs)));
        assert_eq!(index.see("s3://b/7", test, Some(7)), None);
        assert_eq!(index.see("s3://other/7", train, Some(7)), None);
        for n in 11..=1000 {
            look(&mut index, n, Some(n));
        }
        let lines = |index: &Index, seen| index.lines(train, seen).into_iter().collect::<Vec<_>>();
        assert_eq!(lines(&index, Seen::Missing), [1, 2, 4, 5]);
        assert_eq!(lines(&index, Seen::Differs), [8, 10]);
        assert_eq!(index.n_seen(test, Seen::Missing), 333);
        index.land("s3://b/10", train);
        index.send_again("s3://b/8", train, 88);
        assert_eq!(lines(&index, Seen::Missing), [1, 2, 4, 5, 8]);
        assert_eq!(lines(&index, Seen::Differs), [0; 0]);
        assert_eq!(look(&mut index, 8, Some(88)), Some((8, Seen::Landed)));
        assert_eq!(index.seen("s3://b/10", train), Some(Seen::Landed));
        assert_eq!(index.seen("s3://b/10", test), None);
    }
}
