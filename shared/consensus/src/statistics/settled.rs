//! Answers to items that are not asked again, summed: however many they are, they take no more room than there are
//! workers, times the pairs of a true class and an answer.

use std::collections::BTreeMap;

use super::answered::Answered;

/// What a vote share of 1 is in [`Settled::shares`]: whole numbers, for the order leaves no trace in their sums.
pub(crate) const WHOLE_SHARE: u64 = 1_000_000;

/// Sums over items of any number of batches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Numbers of classes by name, as they appeared.
    classes: BTreeMap<String, u32>,
    /// By worker, by numbers of the true class and of the answer, the expected answers in thousandths.
    workers: BTreeMap<String, BTreeMap<[u32; 2], u64>>,
    /// By number of the class the items' vote shares, each of [`WHOLE_SHARE`].
    shares: Vec<u64>,
}

impl Settled {
    pub(crate) fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// Names of the classes and their numbers.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.classes
            .iter()
            .map(|(name, number)| (name.as_str(), *number))
    }

    /// By number of the class the items' vote shares, each of [`WHOLE_SHARE`].
    pub(crate) fn shares(&self) -> &[u64] {
        &self.shares
    }

    /// Names of the workers, ascending, and the expected answers of each, in thousandths, by numbers of the true class and
    /// of the answer.
    pub(crate) fn workers(&self) -> impl Iterator<Item = (&str, &BTreeMap<[u32; 2], u64>)> {
        self.workers
            .iter()
            .map(|(name, cells)| (name.as_str(), cells))
    }

    /// For each worker the expected right answers and the answers, in thousandths.
    pub(crate) fn sums(&self) -> impl Iterator<Item = (&str, (u64, u64))> {
        self.workers().map(|(name, cells)| {
            let right = cells
                .iter()
                .filter(|([truth, answered], _)| truth == answered);
            let right = right.map(|(_, n)| n).sum();
            (name, (right, cells.values().sum()))
        })
    }

    /// Adds a batch's items.
    pub(crate) fn add(&mut self, batch: &Answered) {
        let classes: Vec<u32> = batch.classes.iter().map(|name| self.number(name)).collect();
        let class = |idx: &u32| classes.get(*idx as usize).copied().unwrap_or_default();
        let mut of_workers: Vec<BTreeMap<[u32; 2], u64>> =
            vec![BTreeMap::new(); batch.workers.len()];
        for item in batch.items() {
            let share = WHOLE_SHARE / item.votes.len().max(1) as u64;
            for [worker, answered] in item.votes {
                if let Some(sum) = self.shares.get_mut(class(answered) as usize) {
                    *sum += share;
                }
                let Some(cells) = of_workers.get_mut(*worker as usize) else {
                    continue;
                };
                for [truth, n] in item.probable {
                    *cells.entry([class(truth), class(answered)]).or_default() += u64::from(*n);
                }
            }
        }
        for (name, cells) in batch.workers.iter().zip(of_workers) {
            let mine = self.workers.entry(name.clone()).or_default();
            for (cell, n) in cells {
                *mine.entry(cell).or_default() += n;
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let mut classes = vec![0; other.classes.len()];
        for (name, number) in other.classes() {
            let mine = self.number(name);
            if let Some(slot) = classes.get_mut(number as usize) {
                *slot = mine;
            }
        }
        let class = |number: u32| classes.get(number as usize).copied().unwrap_or_default();
        for (number, theirs) in (0..).zip(&other.shares) {
            if let Some(sum) = self.shares.get_mut(class(number) as usize) {
                *sum += theirs;
            }
        }
        for (name, cells) in other.workers() {
            let mine = self.workers.entry(name.to_owned()).or_default();
            for ([truth, answered], n) in cells {
                *mine.entry([class(*truth), class(*answered)]).or_default() += n;
            }
        }
    }

    fn number(&mut self, class: &str) -> u32 {
        if let Some(number) = self.classes.get(class) {
            return *number;
        }
        let number = self.shares.len() as u32;
        self.classes.insert(class.to_owned(), number);
        self.shares.push(0);
        number
    }
}
