//! Worker statistics as they lie in S3: one object for each batch, and now and then one for many.
//!
//! A file maps batch names to the batch's statistics. The name of a batch is a hash of its annotation file's URI, so
//! a batch that is consolidated twice overwrites itself, and a reader that leaves its own name out sees the same as
//! the first time. A compacted file holds many batches under their names; a batch that stands in several files counts
//! once. Of compacted files, too, one is made when there are many, which names those that need not be read any more:
//! however many batches a job has, a reader looks at a few dozen files.

use std::collections::{BTreeMap, BTreeSet};

use consensus::BatchSize;
pub use consensus::Statistics;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::consolidation::{BOXES_PER_BATCH_MAX, OBJECTS_PER_BATCH_MAX, QUESTIONS_PER_BATCH_MAX};
use crate::shown::shown;
use crate::worker::hex;

/// Version of the format. A file of another version is passed over.
pub const VERSION: u32 = 3;

/// Largest file that is read, in bytes, inclusive.
pub const FILE_BYTES_MAX: u64 = 8 * 1_048_576;

/// Most memory that the files read for one batch may take, in bytes as [`memory_bytes`] reckons, inclusive.
pub const MEMORY_BYTES_MAX: u64 = 32 * 1_048_576;

/// Most counts that the files read for one batch may make, inclusive: 100,000 data objects of 5 answers make 750,000.
pub const COUNTS_MAX: usize = 4_000_000;

/// What a batch can hold: whatever statistics say more is none of ours.
const BATCH: BatchSize = BatchSize {
    objects: OBJECTS_PER_BATCH_MAX as u64,
    questions: QUESTIONS_PER_BATCH_MAX as u64,
    boxes: BOXES_PER_BATCH_MAX as u64,
};

/// Memory that a file's content takes once it is read, at most, in bytes: reckoned from the text alone, for a name of a
/// byte becomes fifty.
#[must_use]
pub fn memory_bytes(file: &[u8]) -> u64 {
    const NUMBER_BYTES: u64 = 8;
    const HALF_TEXT_BYTES: u64 = 28;
    const ENTRY_BYTES: u64 = 40;
    let each = file.iter().map(|byte| match byte {
        b',' | b'[' => NUMBER_BYTES,
        b'"' => HALF_TEXT_BYTES,
        b':' => ENTRY_BYTES,
        _ => 0,
    });
    each.sum()
}

/// When so many files of one level are read, the next batch puts them into one of the next level.
pub const COMPACT_AT: usize = 16;

/// Statistics by batch name.
pub type Batches = BTreeMap<String, Statistics>;

/// What a file is made of, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One batch.
    Batch,
    /// Files of one batch each.
    Compacted,
    /// Compacted files.
    Twice,
}

impl Level {
    /// The level of the file with this name (without folder and extension).
    #[must_use]
    pub fn of(name: &str) -> Self {
        if name.starts_with(PREFIX_TWICE) {
            Self::Twice
        } else if name.starts_with(PREFIX_COMPACTED) {
            Self::Compacted
        } else {
            Self::Batch
        }
    }
}

const PREFIX_COMPACTED: &str = "compacted-";
const PREFIX_TWICE: &str = "compacted-twice-";

/// One file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatisticsFile {
    /// Names of compacted files whose batches are all in this one.
    pub replaces: BTreeSet<String>,
    /// The batches.
    pub batches: Batches,
}

impl StatisticsFile {
    /// The name of a compacted file, without extension: depends on the batches in it alone.
    #[must_use]
    pub fn compacted_name(&self) -> String {
        let names: Vec<&str> = self.batches.keys().map(String::as_str).collect();
        let prefix = if self.replaces.is_empty() {
            PREFIX_COMPACTED
        } else {
            PREFIX_TWICE
        };
        format!("{prefix}{}", batch_name(&names.join(",")))
    }

    /// The file's bytes. The same batches give the same bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct File<'a> {
            version: u32,
            #[serde(skip_serializing_if = "BTreeSet::is_empty")]
            replaces: &'a BTreeSet<String>,
            batches: &'a Batches,
        }
        let file = File {
            version: VERSION,
            replaces: &self.replaces,
            batches: &self.batches,
        };
        // Maps with text keys and whole numbers always serialise.
        serde_json::to_vec(&file).unwrap_or_default()
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`StatisticsError`]; the caller goes on without the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatisticsError> {
        if memory_bytes(bytes) > MEMORY_BYTES_MAX {
            return Err(StatisticsError::TooLarge);
        }
        let file = Self::parse_unchecked(bytes)?;
        let mut batches = file.batches.iter();
        match batches.find(|(_, statistics)| !statistics.can_be_of(&BATCH)) {
            Some((batch, _)) => Err(StatisticsError::Implausible {
                batch: shown(batch),
            }),
            None => Ok(file),
        }
    }

    fn parse_unchecked(bytes: &[u8]) -> Result<Self, StatisticsError> {
        #[derive(Deserialize)]
        struct File {
            version: u64,
            #[serde(default)]
            replaces: BTreeSet<String>,
            batches: Batches,
        }
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        // Nearly always ours; looked at a second time only to say why not.
        match serde_json::from_slice::<File>(bytes) {
            Ok(file) if file.version == u64::from(VERSION) => Ok(Self {
                replaces: file.replaces,
                batches: file.batches,
            }),
            Ok(File { version, .. }) => Err(StatisticsError::Version { found: version }),
            Err(error) => match serde_json::from_slice(bytes) {
                Ok(Version { version }) if version != u64::from(VERSION) => {
                    Err(StatisticsError::Version { found: version })
                }
                _ => Err(StatisticsError::Json {
                    reason: error.to_string(),
                }),
            },
        }
    }
}

/// What was read for a batch, file by file.
#[derive(Debug, Clone, Default)]
pub struct Read {
    batches: Batches,
    /// Compacted files that need not be read.
    replaced: BTreeSet<String>,
    /// Files of one batch that were read, and compacted ones, by name.
    single: Batches,
    compacted: BTreeMap<String, Batches>,
    n_memory_bytes: u64,
    n_counts: usize,
}

impl Read {
    /// Whether a file would add anything to those read so far. Highest levels are to be read first.
    #[must_use]
    pub fn needs(&self, name: &str) -> bool {
        match Level::of(name) {
            Level::Twice => true,
            Level::Compacted => !self.replaced.contains(name),
            Level::Batch => !self.batches.contains_key(name),
        }
    }

    /// Reads and adds a file.
    ///
    /// # Errors
    ///
    /// [`StatisticsError`], [`StatisticsError::TooLarge`] also when all files together would be so; the file is left out.
    pub fn add_file(&mut self, name: &str, bytes: &[u8]) -> Result<(), StatisticsError> {
        let n_memory_bytes = self.n_memory_bytes + memory_bytes(bytes);
        if n_memory_bytes > MEMORY_BYTES_MAX {
            return Err(StatisticsError::TooLarge);
        }
        let file = StatisticsFile::parse(bytes)?;
        let counts = file.batches.values().map(Statistics::n_counts);
        let n_counts = self.n_counts + counts.sum::<usize>();
        if n_counts > COUNTS_MAX {
            return Err(StatisticsError::TooLarge);
        }
        (self.n_memory_bytes, self.n_counts) = (n_memory_bytes, n_counts);
        self.add(name, file);
        Ok(())
    }

    /// Adds a file.
    pub fn add(&mut self, name: &str, file: StatisticsFile) {
        match Level::of(name) {
            Level::Twice => self.replaced.extend(file.replaces),
            Level::Compacted => {
                self.compacted.insert(name.to_owned(), file.batches.clone());
            }
            Level::Batch => self.single.extend(file.batches.clone()),
        }
        self.batches.extend(file.batches);
    }

    /// The sum of all batches but `own_name`.
    #[must_use]
    pub fn carried(&self, own_name: &str) -> Statistics {
        let mut sum = Statistics::default();
        for (name, statistics) in &self.batches {
            if name != own_name {
                sum.merge(statistics);
            }
        }
        sum
    }

    /// Compacted files that are worth writing, so that the next batches read fewer.
    #[must_use]
    pub fn to_compact(self) -> Vec<StatisticsFile> {
        let mut files = Vec::new();
        if self.single.len() >= COMPACT_AT {
            files.push(StatisticsFile {
                replaces: BTreeSet::new(),
                batches: self.single,
            });
        }
        if self.compacted.len() >= COMPACT_AT {
            files.push(StatisticsFile {
                replaces: self.compacted.keys().cloned().collect(),
                batches: self.compacted.into_values().flatten().collect(),
            });
        }
        files
    }
}

/// Why a file is passed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatisticsError {
    /// Not our JSON.
    #[error("worker statistics are not readable: {reason}")]
    Json {
        /// What is wrong.
        reason: String,
    },
    /// More than what all files of a batch may take.
    #[error("worker statistics take more memory than the {MEMORY_BYTES_MAX} bytes of a batch's")]
    TooLarge,
    /// More than a batch can hold.
    #[error("worker statistics of batch {batch} count more than a batch can hold")]
    Implausible {
        /// Its name, in quotes.
        batch: String,
    },
    /// Written by another version of this function.
    #[error("worker statistics have version {found}, not {VERSION}")]
    Version {
        /// The version in the file.
        found: u64,
    },
}

/// The name of a batch: 32 hexadecimal digits.
#[must_use]
pub fn batch_name(annotation_file_uri: &str) -> String {
    let mut name = hex(&Sha256::digest(annotation_file_uri.as_bytes()));
    name.truncate(32);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let mut compacted = file(&["ab"]);
        assert_eq!(Level::of("ab"), Level::Batch);
        assert_eq!(Level::of(&compacted.compacted_name()), Level::Compacted);
        compacted.replaces.insert("compacted-1".to_owned());
        assert_eq!(Level::of(&compacted.compacted_name()), Level::Twice);
    }

    #[test]
    fn names() {
        let name = batch_name(
            "s3://bkt/job/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json",
        );
        assert_eq!(name.len(), 32);
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(name, batch_name("s3://bkt/other"));
    }

    fn file(names: &[&str]) -> StatisticsFile {
        let batches = names
            .iter()
            .map(|name| ((*name).to_owned(), Statistics::default()));
        StatisticsFile {
            replaces: BTreeSet::new(),
            batches: batches.collect(),
        }
    }

    #[test]
    fn written_and_read() {
        let mut written = file(&["a", "b"]);
        assert_eq!(
            StatisticsFile::parse(&written.to_json()),
            Ok(written.clone())
        );
        written.replaces.insert("compacted-1".to_owned());
        assert_eq!(StatisticsFile::parse(&written.to_json()), Ok(written));
    }

    #[test]
    fn passed_over() {
        for (bytes, expected) in [
            ("{", None),
            ("[]", None),
            (r#"{"version":3}"#, None),
            (
                r#"{"version":3,"batches":{"a":{"single_label":[{"workers":[],"classes":[],"items":[1,0,0,1,0,1000]}]}}}"#,
                None,
            ),
            (
                r#"{"version":3,"batches":{"a":{"single_label":[{"workers":["w"],"classes":["c"],"items":[1,0,0,1,0,999]}]}}}"#,
                None,
            ),
            (
                r#"{"version":3,"batches":{"a":{"single_label":[{"workers":["w"],"classes":["c"],"items":[1,0,0,1,0]}]}}}"#,
                None,
            ),
            (r#"{"version":1,"batches":[]}"#, Some(1)),
            (
                r#"{"version":2,"batches":{"a":{"single_label":{"votes":{"c":1}}}}}"#,
                Some(2),
            ),
            (r#"{"version":4}"#, Some(4)),
        ] {
            let error = StatisticsFile::parse(bytes.as_bytes()).unwrap_err();
            match (expected, error) {
                (Some(version), StatisticsError::Version { found }) => assert_eq!(found, version),
                (None, StatisticsError::Json { .. }) => {}
                (_, error) => panic!("{bytes}: {error}"),
            }
        }
        let good = r#"{"version":3,"batches":{"a":{"single_label":[{"workers":["w"],"classes":["c"],"items":[1,0,0,1,0,1000]}]}}}"#;
        assert!(StatisticsFile::parse(good.as_bytes()).is_ok());
    }

    /// A job of many batches, one after another, each reading what it needs and writing what is worth it.
    #[test]
    fn few_files_are_read_however_many_batches_there_are() {
        let mut kept: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for idx in 0..1_000 {
            let own = batch_name(&idx.to_string());
            let mut names: Vec<String> = kept.keys().cloned().collect();
            names.sort_by_key(|name| std::cmp::Reverse(Level::of(name)));
            let mut read = Read::default();
            let mut n_read = 0;
            for name in names {
                if read.needs(&name) {
                    read.add(&name, StatisticsFile::parse(&kept[&name]).unwrap());
                    n_read += 1;
                }
            }
            assert_eq!(read.batches.len(), idx);
            assert!(
                n_read <= 2 * COMPACT_AT + idx / (COMPACT_AT * COMPACT_AT),
                "{n_read} files for batch {idx}"
            );
            for file in read.to_compact() {
                kept.insert(file.compacted_name(), file.to_json());
            }
            kept.insert(own.clone(), file(&[&own]).to_json());
        }
    }

    #[test]
    fn a_batch_counts_once_and_its_own_not_at_all() {
        let mut read = Read::default();
        let good = r#"{"version":3,"batches":{"a":{"single_label":[{"workers":["w"],"classes":["c"],"items":[1,0,0,1,0,1000]}]}}}"#;
        let file = StatisticsFile::parse(good.as_bytes()).unwrap();
        read.add("compacted-1", file.clone());
        let once = read.carried("b");
        read.add("a", file);
        assert_eq!(read.carried("b"), once);
        assert!(!once.is_empty() && read.carried("a").is_empty());
    }
}
