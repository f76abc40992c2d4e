//! What has become of the entries that were sent: none of the service's answers says so, hence the look back.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws::rekognition::{ENTRIES_PAGE_MAX, EntryFilter, Rekognition};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::budget::Budget;
use crate::checkpoint::{LaneProgress, Stats};
use crate::error::RunError;
use crate::index::Index;
use crate::service_keys::error_codes;

/// Lines that are noted in a checkpoint at most: it is read whole.
const NOTED_LINES_MAX: usize = 10_000;

/// What was found in one dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Lines whose entries aren't in the dataset although their update completed, in line order.
    pub vanished: Vec<u64>,
    /// Lines whose entries are in the dataset with errors, and the errors' codes.
    pub errors: BTreeMap<u64, Vec<String>>,
    /// How it was found out.
    pub method: Method,
}

/// How to find out which entries are there. In the order of their cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// Nothing was sent.
    #[default]
    Nothing,
    /// The dataset grew by as many entries as were sent.
    Counts,
    /// Each entry is looked up by its source-ref.
    EachEntry,
    /// All of the dataset is listed.
    Listing,
}

impl Verified {
    /// Whether it took so many calls, and is so small, that it is better noted than found out again.
    #[must_use]
    pub fn is_worth_noting(&self) -> bool {
        matches!(self.method, Method::EachEntry | Method::Listing)
            && self.vanished.len() + self.errors.len() <= NOTED_LINES_MAX
    }
}

impl Method {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing sent",
            Self::Counts => "counts",
            Self::EachEntry => "each entry",
            Self::Listing => "listing",
        }
    }

    /// The method with the fewest calls for `n_sent` entries.
    #[must_use]
    pub fn choose(n_sent: u64, before: Stats, after: Stats) -> Self {
        let n_pages = after.total_entries.div_ceil(ENTRIES_PAGE_MAX as u64);
        if n_sent == 0 {
            Self::Nothing
        } else if after.total_entries == before.total_entries + n_sent {
            Self::Counts
        } else if n_sent < n_pages {
            Self::EachEntry
        } else {
            Self::Listing
        }
    }
}

/// Looks back at one dataset. `refused` lines were never there and are no loss of the service's.
///
/// # Errors
///
/// [`RunError::OutOfTime`] when the listing takes longer than this invocation.
pub async fn verify(
    rekognition: &Rekognition,
    budget: &Budget,
    lane: &LaneProgress,
    after: Stats,
    index: &mut Index,
    refs: &[(u64, String)],
    is_refused: impl Fn(u64) -> bool,
) -> Result<Verified, RunError> {
    let n_refused = index
        .unseen(lane.side)
        .into_iter()
        .filter(|line_number| is_refused(*line_number))
        .count() as u64;
    let n_sent = index.n_entries(lane.side) - n_refused;
    let before = lane.before.unwrap_or_default();
    let method = Method::choose(n_sent, before, after);
    let mut errors = BTreeMap::new();
    let filters: Vec<EntryFilter> = match method {
        Method::Nothing => Vec::new(),
        Method::Counts if after.error_entries == 0 => Vec::new(),
        Method::Counts => vec![EntryFilter::WithErrors],
        Method::Listing => vec![EntryFilter::All],
        Method::EachEntry => refs
            .iter()
            .map(|(_, source_ref)| EntryFilter::SourceRefContains(source_ref.clone()))
            .collect(),
    };
    for filter in &filters {
        let mut next_token: Option<String> = None;
        loop {
            if !budget.has(SystemTime::now(), std::time::Duration::ZERO) {
                return Err(RunError::OutOfTime {
                    settled_line: lane.settled_line,
                });
            }
            let page = rekognition
                .entries_page(
                    &lane.dataset_arn,
                    filter,
                    next_token.as_deref(),
                    budget.until,
                )
                .await?;
            for entry in &page.entries {
                let Ok(entry) = serde_json::from_str::<Value>(entry) else {
                    continue;
                };
                let source_ref = entry.get("source-ref").and_then(Value::as_str);
                let line_number = source_ref.and_then(|it| index.see(it, lane.side));
                let codes = error_codes(&entry);
                if let Some(line_number) = line_number
                    && !codes.is_empty()
                {
                    errors.insert(line_number, codes.into_iter().collect());
                }
            }
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
    }
    let vanished = match method {
        Method::Nothing | Method::Counts => Vec::new(),
        Method::EachEntry | Method::Listing => index
            .unseen(lane.side)
            .into_iter()
            .filter(|line_number| !is_refused(*line_number))
            .collect(),
    };
    Ok(Verified {
        vanished,
        errors,
        method,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        let stats = |total_entries| Stats {
            total_entries,
            ..Stats::default()
        };
        for (n_sent, before, after, expected) in [
            (0, 10, 10, Method::Nothing),
            (5, 0, 5, Method::Counts),
            (5, 10, 15, Method::Counts),
            (5, 10, 14, Method::Listing),
            (5, 500, 500, Method::Listing),
            (4, 401, 401, Method::EachEntry),
            (4, 400, 400, Method::Listing),
            (250_000, 0, 249_999, Method::Listing),
        ] {
            assert_eq!(
                Method::choose(n_sent, stats(before), stats(after)),
                expected,
                "{n_sent} {before} {after}"
            );
        }
    }
}
