//! Dataset entries packed into the changes of UpdateDatasetEntries calls.

use crate::outcome::Entry;

/// Upper bound of one call's entries in bytes, inclusive, that stays below 5 MiB even after base64.
///
/// Source: UpdateDatasetEntries, "less than 5MB", which doesn't say before or after base64;
/// GroundTruthDatasetChanges, maximum length 5242880. Three quarters of that fit both readings.
pub const CHANGES_BYTES_MAX: usize = 3_932_160;

/// The entries of one call, in the manifest's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The JSON Lines, each ended by LF.
    pub bytes: Vec<u8>,
    /// Line number and source reference of each entry.
    pub entries: Vec<(u64, String)>,
}

/// Packs entries in order; a call's changes are full when the next entry wouldn't fit.
#[derive(Debug)]
pub struct Batcher {
    changes_bytes_max: usize,
    open: Changes,
}

impl Batcher {
    /// Changes of at most `changes_bytes_max` bytes (inclusive); an entry larger than that stands alone.
    #[must_use]
    pub fn new(changes_bytes_max: usize) -> Self {
        Self {
            changes_bytes_max,
            open: Changes::default(),
        }
    }

    /// Adds an entry; returns the changes before it when it no longer fitted.
    pub fn push(&mut self, entry: &Entry) -> Option<Changes> {
        let is_full = !self.open.entries.is_empty()
            && self.open.bytes.len() + entry.json.len() + 1 > self.changes_bytes_max;
        let full = is_full.then(|| std::mem::take(&mut self.open));
        self.open.bytes.extend_from_slice(entry.json.as_bytes());
        self.open.bytes.push(b'\n');
        self.open
            .entries
            .push((entry.line_number, entry.source_ref.clone()));
        full
    }

    /// The last changes, if there are any.
    pub fn finish(&mut self) -> Option<Changes> {
        (!self.open.entries.is_empty()).then(|| std::mem::take(&mut self.open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batches(lengths: &[usize], max: usize) -> Vec<Changes> {
        let mut batcher = Batcher::new(max);
        let mut all = Vec::new();
        for (idx, length) in lengths.iter().enumerate() {
            let entry = Entry {
                line_number: idx as u64 + 1,
                source_ref: format!("s3://bucket/{idx}"),
                json: "x".repeat(*length),
                notes: Vec::new(),
            };
            all.extend(batcher.push(&entry));
        }
        all.extend(batcher.finish());
        assert_eq!(batcher.finish(), None);
        all
    }

    #[test]
    fn bound_is_inclusive() {
        let sizes = |lengths, max| {
            batches(lengths, max)
                .iter()
                .map(|changes| changes.bytes.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[4, 3], 9), [9]);
        assert_eq!(sizes(&[4, 3], 8), [5, 4]);
        assert_eq!(sizes(&[4, 3], 10), [9]);
        assert_eq!(sizes(&[20, 3], 8), [21, 4]);
        assert_eq!(sizes(&[], 8), [0; 0]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(lengths in prop::collection::vec(0_usize..30, 0..40), max in 1_usize..100) {
            let all = batches(&lengths, max);
            let numbers: Vec<_> = all.iter().flat_map(|changes| changes.entries.iter().map(|(number, _)| *number)).collect();
            prop_assert_eq!(numbers, (1..=lengths.len() as u64).collect::<Vec<_>>());
            prop_assert!(all.iter().all(|changes| changes.bytes.len() <= max || changes.entries.len() == 1));
            let joined: Vec<u8> = all.iter().flat_map(|changes| changes.bytes.clone()).collect();
            let whole: Vec<u8> = lengths.iter().flat_map(|length| format!("{}\n", "x".repeat(*length)).into_bytes()).collect();
            prop_assert_eq!(joined, whole);
        }
    }
}
