//! The dataset's entries that new ones are merged into, fetched by whichever way needs fewer calls.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws::rekognition::{ENTRIES_PAGE_MAX, EntryFilter, Rekognition};
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{RunError, Stage};
use crate::request::budget::Budget;

/// Where a dataset's entries come from.
#[derive(Debug)]
pub enum EntrySource {
    /// The dataset has none.
    Nowhere,
    /// One call an image, as it is needed.
    EachEntry,
    /// A full listing, kept in a file that has no name any more.
    Listing(Listing),
}

/// Entries in a file, by the hash of their source-ref.
#[derive(Debug)]
pub struct Listing {
    path: PathBuf,
    /// Made with the first entry.
    file: Option<File>,
    /// Hash, offset and length, by hash.
    rows: Vec<(u64, u64, u32)>,
    n_bytes: u64,
}

#[derive(Deserialize)]
struct SourceRef {
    #[serde(rename = "source-ref")]
    source_ref: String,
}

/// The image's S3 URI in a dataset's entry.
#[must_use]
pub fn source_ref(entry: &str) -> Option<String> {
    let parsed = serde_json::from_str::<SourceRef>(entry).ok()?;
    Some(parsed.source_ref)
}

/// The dataset and the time to read it in.
#[derive(Clone, Copy, Debug)]
pub struct Dataset<'a> {
    /// The client.
    pub rekognition: &'a Rekognition,
    /// The invocation's time.
    pub budget: &'a Budget,
    /// The dataset's ARN.
    pub arn: &'a str,
}

impl Dataset<'_> {
    /// Decides for the way with fewer calls, and lists the dataset when that is the one. `wanted` are the hashes of the
    /// source references of the new entries.
    ///
    /// # Errors
    ///
    /// [`RunError::OutOfTime`] when the listing takes longer than this invocation; [`RunError::Scratch`] when the file can't be written.
    pub async fn source(
        &self,
        wanted: &BTreeSet<u64>,
        n_entries: u64,
        scratch_file: &Path,
    ) -> Result<EntrySource, RunError> {
        if n_entries == 0 || wanted.is_empty() {
            return Ok(EntrySource::Nowhere);
        }
        if (wanted.len() as u64) < n_entries.div_ceil(ENTRIES_PAGE_MAX as u64) {
            return Ok(EntrySource::EachEntry);
        }
        let mut listing = Listing::new(scratch_file);
        let keep = |entry: &str| {
            let Ok(parsed) = serde_json::from_str::<SourceRef>(entry) else {
                return Ok(());
            };
            match wanted.contains(&xxh3_64(parsed.source_ref.as_bytes())) {
                true => listing.keep(&parsed.source_ref, entry),
                false => Ok(()),
            }
        };
        self.each(&EntryFilter::All, keep).await?;
        listing.sort();
        Ok(EntrySource::Listing(listing))
    }

    /// Shows each entry that `filter` lets through, in the dataset's order.
    ///
    /// # Errors
    ///
    /// [`RunError::OutOfTime`] when the listing takes longer than this invocation, and as `show` says.
    pub async fn each(
        &self,
        filter: &EntryFilter,
        mut show: impl FnMut(&str) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let mut next_token: Option<String> = None;
        loop {
            let page = self.page(filter, next_token.as_deref()).await?;
            for entry in &page.entries {
                show(entry)?;
            }
            next_token = page.next_token;
            if next_token.is_none() {
                return Ok(());
            }
        }
    }

    /// The dataset's entry of an image.
    ///
    /// # Errors
    ///
    /// As [`Dataset::source`].
    pub async fn find(
        &self,
        source: &EntrySource,
        source_ref: &str,
    ) -> Result<Option<String>, RunError> {
        match source {
            EntrySource::Nowhere => Ok(None),
            EntrySource::Listing(listing) => listing.find(source_ref),
            EntrySource::EachEntry => {
                let filter = EntryFilter::SourceRefContains(source_ref.to_owned());
                let mut found = None;
                self.each(&filter, |entry| {
                    let parsed = serde_json::from_str::<SourceRef>(entry);
                    if parsed.is_ok_and(|parsed| parsed.source_ref == source_ref) {
                        found = Some(entry.to_owned());
                    }
                    Ok(())
                })
                .await?;
                Ok(found)
            }
        }
    }

    async fn page(
        &self,
        filter: &EntryFilter,
        next_token: Option<&str>,
    ) -> Result<aws::rekognition::EntriesPage, RunError> {
        if !self.budget.has(SystemTime::now(), Duration::ZERO) {
            return Err(RunError::OutOfTime {
                stage: Stage::ListingEntries,
            });
        }
        let until = self.budget.until;
        let page = self
            .rekognition
            .entries_page(self.arn, filter, next_token, until);
        Ok(page.await?)
    }
}

impl Listing {
    /// An empty one. Its file is made at `scratch_file` with the first entry, and has no name any more then.
    #[must_use]
    pub fn new(scratch_file: &Path) -> Self {
        Self {
            path: scratch_file.to_owned(),
            file: None,
            rows: Vec::new(),
            n_bytes: 0,
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// [`RunError::Scratch`] when the file can't be made or written.
    pub fn keep(&mut self, source_ref: &str, entry: &str) -> Result<(), RunError> {
        let mut written = match self.file.take() {
            Some(file) => Ok(file),
            None => nameless(&self.path),
        };
        if let Ok(file) = &mut written
            && let Err(error) = file.write_all(entry.as_bytes())
        {
            written = Err(error);
        }
        self.file = Some(written.map_err(|error| scratch(&self.path, &error))?);
        let length = u32::try_from(entry.len()).unwrap_or(u32::MAX);
        let hash = xxh3_64(source_ref.as_bytes());
        self.rows.push((hash, self.n_bytes, length));
        self.n_bytes += u64::from(length);
        Ok(())
    }

    /// Makes what was added so far findable.
    pub fn sort(&mut self) {
        self.rows.sort_unstable();
    }

    /// The entry of an image, of several the last one that was added.
    ///
    /// # Errors
    ///
    /// [`RunError::Scratch`] when the file can't be read.
    pub fn find(&self, source_ref: &str) -> Result<Option<String>, RunError> {
        let hash = xxh3_64(source_ref.as_bytes());
        let end_idx = self.rows.partition_point(|(found, _, _)| *found <= hash);
        let last = end_idx.checked_sub(1).and_then(|idx| self.rows.get(idx));
        let last = last.filter(|(found, _, _)| *found == hash);
        let (Some((_, offset, length)), Some(file)) = (last, &self.file) else {
            return Ok(None);
        };
        let mut entry = vec![0; usize::try_from(*length).unwrap_or(0)];
        file.read_exact_at(&mut entry, *offset)
            .map_err(|error| scratch(&self.path, &error))?;
        Ok(String::from_utf8(entry).ok())
    }
}

/// A file for this process alone, gone with it.
fn nameless(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

fn scratch(path: &Path, error: &std::io::Error) -> RunError {
    RunError::Scratch {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}
