//! Which line an entry of a dataset came from.

use manifest::split;
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::LaneSide;

/// Source references of the entries that were sent, by hash: 16 bytes each, so that 250,000 fit into 4 MB.
///
/// Two of 250,000 references share a hash with a probability below 2 in a thousand million.
#[derive(Debug, Default)]
pub struct Index {
    /// Hash, line number and side, whether it was seen in the dataset.
    rows: Vec<Row>,
    is_sorted: bool,
}

#[derive(Debug)]
struct Row {
    hash: u64,
    /// One-based; a manifest of 4 thousand million lines is beyond the service's limit of 1 GB.
    line_number: u32,
    side: LaneSide,
    is_seen: bool,
}

impl Index {
    /// Adds an entry.
    pub fn add(&mut self, source_ref: &str, line_number: u64, side: LaneSide) {
        self.rows.push(Row {
            hash: xxh3_64(source_ref.as_bytes()),
            line_number: u32::try_from(line_number).unwrap_or(u32::MAX),
            side,
            is_seen: false,
        });
        self.is_sorted = false;
    }

    /// The line of an entry of the dataset, which counts as seen from now on; `None` for another manifest's.
    pub fn see(&mut self, source_ref: &str, side: LaneSide) -> Option<u64> {
        if !self.is_sorted {
            self.rows.sort_unstable_by_key(|row| row.hash);
            self.is_sorted = true;
        }
        let hash = xxh3_64(source_ref.as_bytes());
        let row_idx = self.rows.binary_search_by_key(&hash, |row| row.hash).ok()?;
        let row = self.rows.get_mut(row_idx)?;
        if row.side != side {
            return None;
        }
        row.is_seen = true;
        Some(u64::from(row.line_number))
    }

    /// Entries of one side.
    #[must_use]
    pub fn n_entries(&self, side: LaneSide) -> u64 {
        self.rows.iter().filter(|row| row.side == side).count() as u64
    }

    /// Lines of one side's entries that weren't seen, in line order.
    #[must_use]
    pub fn unseen(&self, side: LaneSide) -> Vec<u64> {
        let unseen = self
            .rows
            .iter()
            .filter(|row| row.side == side && !row.is_seen);
        let mut lines: Vec<u64> = unseen.map(|row| u64::from(row.line_number)).collect();
        lines.sort_unstable();
        lines
    }
}

/// Which dataset an image goes to.
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
        let mut index = Index::default();
        for line_number in 1..=1000 {
            let side = if line_number % 3 == 0 {
                LaneSide::Test
            } else {
                LaneSide::Train
            };
            index.add(&format!("s3://b/{line_number}"), line_number, side);
        }
        assert_eq!(index.n_entries(LaneSide::Test), 333);
        assert_eq!(index.see("s3://b/7", LaneSide::Train), Some(7));
        assert_eq!(index.see("s3://b/7", LaneSide::Test), None);
        assert_eq!(index.see("s3://other/7", LaneSide::Train), None);
        for line_number in 4..=1000 {
            index.see(&format!("s3://b/{line_number}"), LaneSide::Train);
        }
        assert_eq!(index.unseen(LaneSide::Train), [1, 2]);
        assert_eq!(index.unseen(LaneSide::Test).len(), 333);
    }
}
