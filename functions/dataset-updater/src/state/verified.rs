//! What a look back has found of a dataset's entries, and which way of looking takes the fewest calls.

use std::collections::BTreeMap;

use aws::rekognition::ENTRIES_PAGE_MAX;
use serde::{Deserialize, Serialize};

/// Lines that are noted in a checkpoint at most: it is read whole.
const NOTED_LINES_MAX: usize = 10_000;

/// The entries that a look back has found, or missed, in one dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Lines whose entries aren't in the dataset although their update completed, in line order.
    pub vanished: Vec<u64>,
    /// Lines whose images have entries with other labels than were sent, in line order.
    pub overwritten: Vec<u64>,
    /// Lines whose entries are in the dataset with errors, and the errors' codes.
    pub errors: BTreeMap<u64, Vec<String>>,
    /// The way of looking that was used.
    pub method: Method,
    /// Entries that were sent again because they weren't there, or not as they were sent.
    pub n_sent_again: u64,
}

/// How to find out which entries are there. In the order of their cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Method {
    /// No entry was sent, so none is looked for.
    #[default]
    Nothing,
    /// Each entry is looked up by its source-ref.
    EachEntry,
    /// The whole dataset is listed.
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
    /// Name of the method in reports.
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
