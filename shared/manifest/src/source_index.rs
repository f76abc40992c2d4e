//! Which source references were seen, in at most 32 bytes each.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use xxhash_rust::xxh3::xxh3_64;

/// Small tables grow one at a time, so that the whole never stands in memory twice.
const N_SHARDS: usize = 64;

/// Source references by their 64-bit hash, with the line they were first seen on.
///
/// 12 bytes a slot and 1 of control; tables are between 7/16 and 7/8 full: 15 to 30 bytes a line. Two different
/// source references have the same hash with a probability of about n²/2⁶⁵: 1 in 590 million for 250,000 lines.
#[derive(Debug)]
pub struct SourceIndex {
    shards: Vec<HashMap<Fingerprint, u32, BuildHasherDefault<PassThrough>>>,
}

/// Four-byte alignment, so that a slot takes 12 bytes and not 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint([u32; 2]);

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self([low, high]) = *self;
        state.write_u64(u64::from(high) << 32 | u64::from(low));
    }
}

/// The fingerprint is a hash already.
#[derive(Debug, Default)]
struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl Default for SourceIndex {
    fn default() -> Self {
        Self {
            shards: (0..N_SHARDS).map(|_| HashMap::default()).collect(),
        }
    }
}

impl SourceIndex {
    fn place(source_ref: &str) -> (usize, Fingerprint) {
        let hash = xxh3_64(source_ref.as_bytes());
        // The table takes its own bits from both ends of the hash.
        (
            (hash >> 32) as usize % N_SHARDS,
            Fingerprint([hash as u32, (hash >> 32) as u32]),
        )
    }

    /// Notes a source reference; returns the line it was first noted on when it was.
    ///
    /// Line numbers above `u32::MAX` are noted as that.
    pub fn note(&mut self, source_ref: &str, line_number: u64) -> Option<u64> {
        let (shard, fingerprint) = Self::place(source_ref);
        let line_number = u32::try_from(line_number).unwrap_or(u32::MAX);
        match self.shards.get_mut(shard)?.entry(fingerprint) {
            std::collections::hash_map::Entry::Occupied(first) => Some(u64::from(*first.get())),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(line_number);
                None
            }
        }
    }

    /// The line a source reference was first noted on.
    #[must_use]
    pub fn first_line(&self, source_ref: &str) -> Option<u64> {
        let (shard, fingerprint) = Self::place(source_ref);
        self.shards
            .get(shard)?
            .get(&fingerprint)
            .map(|line| u64::from(*line))
    }

    /// How many different source references were noted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(HashMap::len).sum()
    }

    /// Whether none was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the tables take, their spare room included.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        // A table of 2^k slots holds 7/8 of them; each slot is an entry and a control byte.
        let slots = |shard: &HashMap<_, _, _>| (shard.capacity() * 8).div_ceil(7);
        self.shards
            .iter()
            .map(|shard| slots(shard) * (size_of::<(Fingerprint, u32)>() + 1))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_wins() {
        let mut index = SourceIndex::default();
        assert_eq!(index.note("s3://b/1", 1), None);
        assert_eq!(index.note("s3://b/2", 2), None);
        assert_eq!(index.note("s3://b/1", 3), Some(1));
        assert_eq!(
            (index.first_line("s3://b/2"), index.first_line("s3://b/3")),
            (Some(2), None)
        );
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn at_most_32_bytes_a_line() {
        assert_eq!(size_of::<(Fingerprint, u32)>(), 12);
        let mut index = SourceIndex::default();
        for n in 1..=300_000_u64 {
            index.note(&format!("s3://bucket/images/{n}.jpg"), n);
            if n >= 20_000 && n % 1000 == 0 {
                assert!(
                    index.n_bytes() as u64 <= 32 * n,
                    "{} bytes for {n} lines",
                    index.n_bytes()
                );
            }
        }
        assert_eq!(index.len(), 300_000);
    }
}
