//! The dataset's entries that new ones are merged into, fetched by whichever way needs fewer calls.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws::rekognition::{ENTRIES_PAGE_MAX, EntryFilter, Rekognition};
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::budget::Budget;
use crate::error::RunError;

/// Where a dataset's entries come from.
#[derive(Debug)]
pub enum Source {
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
    file: File,
    /// Hash, offset and length, by hash.
    rows: Vec<(u64, u64, u32)>,
}

#[derive(Deserialize)]
struct SourceRef {
    #[serde(rename = "source-ref")]
    source_ref: String,
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
    ) -> Result<Source, RunError> {
        if n_entries == 0 || wanted.is_empty() {
            return Ok(Source::Nowhere);
        }
        if (wanted.len() as u64) < n_entries.div_ceil(ENTRIES_PAGE_MAX as u64) {
            return Ok(Source::EachEntry);
        }
        let file = nameless(scratch_file).map_err(|error| scratch(scratch_file, &error))?;
        let mut listing = Listing {
            file,
            rows: Vec::new(),
        };
        let mut offset = 0_u64;
        let mut next_token: Option<String> = None;
        loop {
            let page = self.page(&EntryFilter::All, next_token.as_deref()).await?;
            for entry in &page.entries {
                let Ok(parsed) = serde_json::from_str::<SourceRef>(entry) else {
                    continue;
                };
                let hash = xxh3_64(parsed.source_ref.as_bytes());
                if !wanted.contains(&hash) {
                    continue;
                }
                listing
                    .file
                    .write_all(entry.as_bytes())
                    .map_err(|error| scratch(scratch_file, &error))?;
                let length = u32::try_from(entry.len()).unwrap_or(u32::MAX);
                listing.rows.push((hash, offset, length));
                offset += u64::from(length);
            }
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        listing.rows.sort_unstable();
        Ok(Source::Listing(listing))
    }

    /// The dataset's entry of an image.
    ///
    /// # Errors
    ///
    /// As [`Dataset::source`].
    pub async fn find(
        &self,
        source: &Source,
        source_ref: &str,
    ) -> Result<Option<String>, RunError> {
        match source {
            Source::Nowhere => Ok(None),
            Source::Listing(listing) => listing.find(source_ref),
            Source::EachEntry => {
                let filter = EntryFilter::SourceRefContains(source_ref.to_owned());
                let mut next_token: Option<String> = None;
                loop {
                    let page = self.page(&filter, next_token.as_deref()).await?;
                    for entry in page.entries {
                        let parsed = serde_json::from_str::<SourceRef>(&entry);
                        if parsed.is_ok_and(|parsed| parsed.source_ref == source_ref) {
                            return Ok(Some(entry));
                        }
                    }
                    next_token = page.next_token;
                    if next_token.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn page(
        &self,
        filter: &EntryFilter,
        next_token: Option<&str>,
    ) -> Result<aws::rekognition::EntriesPage, RunError> {
        if !self.budget.has(SystemTime::now(), Duration::ZERO) {
            return Err(RunError::OutOfTime { settled_line: 0 });
        }
        let until = self.budget.until;
        let page = self
            .rekognition
            .entries_page(self.arn, filter, next_token, until);
        Ok(page.await?)
    }
}

impl Listing {
    fn find(&self, source_ref: &str) -> Result<Option<String>, RunError> {
        let hash = xxh3_64(source_ref.as_bytes());
        let found = self.rows.binary_search_by_key(&hash, |(hash, _, _)| *hash);
        let Some((_, offset, length)) = found.ok().and_then(|row_idx| self.rows.get(row_idx))
        else {
            return Ok(None);
        };
        let mut entry = vec![0; usize::try_from(*length).unwrap_or(0)];
        self.file
            .read_exact_at(&mut entry, *offset)
            .map_err(|error| scratch(Path::new("the listing"), &error))?;
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
