//! What an update takes from other jobs of the same dataset, and what it leaves of its own job's earlier versions: counted
//! and told, and nothing is deleted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Jobs that are told apart, inclusive; the names are other people's.
const JOBS_MAX: usize = 100;
/// Name that further jobs are counted under.
const FURTHER_JOBS: &str = "(further jobs)";

/// Lines whose label took the place of another job's label on the image, since both jobs' label attributes have one
/// name; by the other job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplacedLabels(BTreeMap<String, BTreeSet<u64>>);

impl ReplacedLabels {
    /// Notes a line, any number of times.
    pub fn note(&mut self, line_number: u64, job: &str) {
        let is_known = self.0.contains_key(job) || self.0.len() < JOBS_MAX;
        let job = if is_known { job } else { FURTHER_JOBS };
        let lines = self.0.entry(job.to_owned()).or_default();
        lines.insert(line_number);
    }

    /// Images by the job that lost its label on them, without lines that didn't land.
    #[must_use]
    pub fn counts(&self, has_landed: impl Fn(u64) -> bool) -> BTreeMap<String, u64> {
        let counts = self.0.iter().map(|(job, lines)| {
            let landed = lines.iter().filter(|line_number| has_landed(**line_number));
            (job.clone(), landed.count() as u64)
        });
        counts.filter(|(_, n)| *n > 0).collect()
    }
}

/// What the files of the manifest's earlier versions say of one dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// Entries that are this version's, too.
    pub again: u64,
    /// Entries that are none of this version's.
    pub left_behind: u64,
}

/// Entries of a dataset that gave way whole and that no earlier version of the manifest had landed: another job's, or
/// somebody's. By the dataset's counts `before` and `after` the update, which landed `n_landed` entries.
#[must_use]
pub fn replaced_of_others(before: u64, after: u64, n_landed: u64, n_again: u64) -> u64 {
    let n_replaced = (before + n_landed).saturating_sub(after);
    n_replaced.saturating_sub(n_again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_once_and_only_when_they_landed() {
        let mut replaced = ReplacedLabels::default();
        for (line_number, job) in [(1, "a"), (2, "a"), (2, "a"), (3, "b"), (4, "c")] {
            replaced.note(line_number, job);
        }
        let counts = replaced.counts(|line_number| line_number != 4);
        let expected = [("a".to_owned(), 2), ("b".to_owned(), 1)];
        assert_eq!(counts, BTreeMap::from(expected));
        let json = serde_json::to_string(&replaced).unwrap();
        assert_eq!(
            serde_json::from_str::<ReplacedLabels>(&json).unwrap(),
            replaced
        );
    }

    #[test]
    fn names_of_jobs_are_bounded() {
        let mut replaced = ReplacedLabels::default();
        for line_number in 1..=300 {
            replaced.note(line_number, &format!("job-{line_number}"));
        }
        let counts = replaced.counts(|_| true);
        assert_eq!((counts.len(), counts[FURTHER_JOBS]), (JOBS_MAX + 1, 200));
    }

    #[test]
    fn entries_that_gave_way() {
        for (before, after, n_landed, n_again, expected) in [
            (0, 5, 5, 0, 0),
            (30, 30, 20, 0, 20),
            (30, 30, 20, 20, 0),
            (30, 35, 20, 10, 5),
            (30, 60, 20, 0, 0),
            (20, 20, 15, 20, 0),
        ] {
            let found = replaced_of_others(before, after, n_landed, n_again);
            assert_eq!(found, expected, "{before} {after} {n_landed} {n_again}");
        }
    }
}
