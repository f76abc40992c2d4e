//! What has become of the entries that were sent: none of the service's answers says so, hence the look back.
//!
//! Neither a dataset's status nor its counts say whose update they are about. So each entry is looked for, and its labels are
//! compared with those that were sent. What isn't there as it was sent is sent again a few times, since another writer's
//! status may have been taken for ours, or another writer's entry has taken its place; what isn't there then is
//! reported by line.

use std::collections::BTreeMap;
use std::path::Path;

use aws::rekognition::{ENTRIES_PAGE_MAX, EntryFilter};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::RunError;
use crate::send::existing::{Dataset, Listing};
use crate::send::index::{Index, Seen};
use crate::send::pairs::fingerprint_of;
use crate::send::service_keys::error_codes;
use crate::state::checkpoint::LaneSide;

/// Lines that are noted in a checkpoint at most: it is read whole.
const NOTED_LINES_MAX: usize = 10_000;

/// What was found in one dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Lines whose entries aren't in the dataset although their update completed, in line order.
    pub vanished: Vec<u64>,
    /// Lines whose images have entries with other labels than were sent, in line order.
    pub overwritten: Vec<u64>,
    /// Lines whose entries are in the dataset with errors, and the errors' codes.
    pub errors: BTreeMap<u64, Vec<String>>,
    /// How it was found out.
    pub method: Method,
    /// Entries that were sent again because they weren't there, or not as they were sent.
    pub n_sent_again: u64,
}

/// How to find out which entries are there. In the order of their cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Method {
    /// Nothing was sent.
    #[default]
    Nothing,
    /// Each entry is looked up by its source-ref.
    EachEntry,
    /// All of the dataset is listed.
    Listing,
}

impl Verified {
    /// Whether it took so many calls, and is so small, that it is better noted than found out again.
    #[must_use]
    pub fn is_worth_noting(&self) -> bool {
        let n_lines = self.vanished.len() + self.overwritten.len() + self.errors.len();
        self.method != Method::Nothing && n_lines <= NOTED_LINES_MAX
    }
}

impl Method {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing sent",
            Self::EachEntry => "each entry",
            Self::Listing => "listing",
        }
    }

    /// The method with the fewest calls for `n_sent` entries in a dataset of `n_entries`.
    #[must_use]
    pub fn choose(n_sent: u64, n_entries: u64) -> Self {
        if n_sent == 0 {
            Self::Nothing
        } else if n_sent < n_entries.div_ceil(ENTRIES_PAGE_MAX as u64) {
            Self::EachEntry
        } else {
            Self::Listing
        }
    }

    /// What ListDatasetEntries is asked for.
    fn filters(self, source_refs: &[String]) -> Vec<EntryFilter> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Listing => vec![EntryFilter::All],
            Self::EachEntry => source_refs
                .iter()
                .map(|source_ref| EntryFilter::SourceRefContains(source_ref.clone()))
                .collect(),
        }
    }
}

/// A look back at one dataset.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The dataset.
    pub dataset: Dataset<'a>,
    /// Train or test.
    pub side: LaneSide,
    /// How to look.
    pub method: Method,
    /// What to look for by [`Method::EachEntry`].
    pub source_refs: &'a [String],
    /// A file for entries, to be made and deleted at once.
    pub scratch_file: &'a Path,
}

impl Look<'_> {
    /// Notes what the dataset has of the index's entries, and their errors by line. Returns those that it has otherwise than they
    /// were sent.
    ///
    /// # Errors
    ///
    /// [`RunError::OutOfTime`] when it takes longer than this invocation; [`RunError::Scratch`] when the file
    /// can't be used.
    pub async fn back(
        &self,
        index: &mut Index,
        errors: &mut BTreeMap<u64, Vec<String>>,
    ) -> Result<Listing, RunError> {
        let mut others = Listing::new(self.scratch_file);
        for filter in self.method.filters(self.source_refs) {
            let note = |entry: &str| {
                let Ok(parsed) = serde_json::from_str::<Value>(entry) else {
                    return Ok(());
                };
                let source_ref = parsed.get("source-ref").and_then(Value::as_str);
                let source_ref = source_ref.unwrap_or_default().to_owned();
                let codes = error_codes(&parsed);
                let found = index.see(&source_ref, self.side, fingerprint_of(parsed));
                let Some((line_number, seen)) = found else {
                    return Ok(());
                };
                errors.remove(&line_number);
                if !codes.is_empty() {
                    errors.insert(line_number, codes.into_iter().collect());
                }
                match seen {
                    Seen::Differs => others.keep(&source_ref, entry),
                    Seen::Missing | Seen::Landed => Ok(()),
                }
            };
            self.dataset.each(&filter, note).await?;
        }
        others.sort();
        Ok(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        for (n_sent, n_entries, expected) in [
            (0, 10, Method::Nothing),
            (1, 0, Method::Listing),
            (5, 5, Method::Listing),
            (5, 500, Method::Listing),
            (4, 401, Method::EachEntry),
            (4, 400, Method::Listing),
            (2_499, 250_000, Method::EachEntry),
            (2_500, 250_000, Method::Listing),
        ] {
            let found = Method::choose(n_sent, n_entries);
            assert_eq!(found, expected, "{n_sent} {n_entries}");
        }
    }
}
