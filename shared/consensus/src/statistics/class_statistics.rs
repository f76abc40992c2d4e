//! The answers of any number of batches: those that can be asked again, and the sums of those before them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::answered::{Answered, THOUSAND};
use super::settled::Settled;

/// The answers of any number of batches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClassStatistics {
    /// Ascending, so that the order of merging leaves no trace.
    batches: Vec<Arc<Answered>>,
    /// Items that are not asked again. They are never written: a file holds batches.
    settled: Settled,
}

impl ClassStatistics {
    pub(crate) fn new(answered: Answered) -> Self {
        let used = (!answered.is_empty()).then(|| Arc::new(answered.with_used_names()));
        Self {
            batches: used.into_iter().collect(),
            settled: Settled::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.settled.is_empty()
    }

    pub(crate) fn settled(&self) -> &Settled {
        &self.settled
    }

    /// As [`crate::Statistics::settle`].
    pub(crate) fn settle(&mut self, n_items_max: usize) {
        let mut n_items = self.n_items();
        let n_settled = (self.batches.iter())
            .take_while(|batch| {
                let is_too_many = n_items > n_items_max;
                n_items -= batch.items().count();
                is_too_many
            })
            .count();
        for batch in self.batches.drain(..n_settled) {
            self.settled.add(&batch);
        }
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &Answered> {
        self.batches.iter().map(|batch| &**batch)
    }

    pub(crate) fn n_items(&self) -> usize {
        self.batches().map(|batch| batch.items().count()).sum()
    }

    /// As [`crate::Statistics::n_counts`].
    pub(crate) fn n_counts(&self) -> usize {
        let items = self.batches().flat_map(Answered::items);
        items
            .map(|item| item.votes.len() * item.probable.len())
            .sum()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for batch in &other.batches {
            let place = self.batches.partition_point(|mine| mine <= batch);
            self.batches.insert(place, batch.clone());
        }
        self.settled.merge(&other.settled);
    }

    /// For each worker the expected right answers and the answers, by name.
    pub(crate) fn sums(&self) -> BTreeMap<&str, (f64, f64)> {
        let mut sums: BTreeMap<&str, (u64, u64)> = self.settled.sums().collect();
        for batch in self.batches() {
            for item in batch.items() {
                for [worker, class] in item.votes {
                    if let Some(name) = batch.workers.get(*worker as usize) {
                        let sum = sums.entry(name).or_default();
                        let right = item.probable.iter().filter(|[truth, _]| truth == class);
                        sum.0 += right.map(|[_, n]| u64::from(*n)).sum::<u64>();
                        sum.1 += u64::from(THOUSAND);
                    }
                }
            }
        }
        let whole = |n| n as f64 / f64::from(THOUSAND);
        let sums = sums.into_iter();
        sums.map(|(name, (right, all))| (name, (whole(right), whole(all))))
            .collect()
    }
}

impl Serialize for ClassStatistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.batches())
    }
}

impl<'de> Deserialize<'de> for ClassStatistics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut batches: Vec<Arc<Answered>> = Vec::<Answered>::deserialize(deserializer)?
            .into_iter()
            .map(Arc::new)
            .collect();
        batches.sort_unstable();
        Ok(Self {
            batches,
            settled: Settled::default(),
        })
    }
}
