//! What earlier batches are to these items: some of their items are asked again, the others count as they were taken.

use crate::Problem;
use crate::single_label::Answer;
use crate::statistics::{Answered, AnsweredItem, ClassStatistics, Settled, THOUSAND, WHOLE_SHARE};

/// Earlier batches, and which of their items are asked again.
pub(crate) struct Earlier<'a> {
    batches: Vec<Batch<'a>>,
    settled: &'a Settled,
    /// By number of a settled class its index among these items' classes.
    settled_classes: Vec<Option<u32>>,
}

struct Batch<'a> {
    answered: &'a Answered,
    /// For each of its classes the index among these items' classes.
    classes: Vec<Option<u32>>,
    /// For each of its items whether it is asked again.
    is_again: Vec<bool>,
}

/// Expected answers of a worker where some class is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count {
    /// Index among the workers that were asked for.
    pub(crate) worker: u32,
    pub(crate) truth: u32,
    pub(crate) answered: u32,
    /// In thousandths.
    pub(crate) n: u64,
}

impl<'a> Earlier<'a> {
    /// Chooses up to `n_again` items: those that say most of the workers here, which is those that most of them answered.
    pub(crate) fn new(
        problem: &Problem<Answer>,
        carried: &'a ClassStatistics,
        n_again: usize,
    ) -> Self {
        if carried.is_empty() {
            return Self {
                batches: Vec::new(),
                settled: carried.settled(),
                settled_classes: Vec::new(),
            };
        }
        let answers = problem.items.iter().flatten();
        let mut workers: Vec<&str> = answers
            .filter_map(|answer| problem.workers.get(answer.worker as usize))
            .map(String::as_str)
            .collect();
        workers.sort_unstable();
        workers.dedup();
        let mut by_name: Vec<(&str, u32)> = (problem.classes.iter().map(String::as_str))
            .zip(0..)
            .collect();
        by_name.sort_unstable();
        let class_of = |name: &str| {
            let found = by_name.binary_search_by_key(&name, |(name, _)| name);
            Some(by_name.get(found.ok()?)?.1)
        };
        let class = |name: &String| class_of(name);
        let settled = carried.settled();
        let mut settled_classes = vec![None; settled.shares().len()];
        for (name, number) in settled.classes() {
            if let Some(slot) = settled_classes.get_mut(number as usize) {
                *slot = class_of(name);
            }
        }
        let batches = carried.batches().map(|answered| Batch {
            answered,
            classes: answered.classes.iter().map(class).collect(),
            is_again: vec![false; answered.items().count()],
        });
        let mut batches: Vec<Batch<'a>> = batches.collect();
        choose_again(&mut batches, &workers, n_again);
        Self {
            batches,
            settled,
            settled_classes,
        }
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.settled.is_empty()
    }

    /// Names of the workers of the items that are asked again, in any order and repeatedly.
    pub(crate) fn workers_again(&self) -> impl Iterator<Item = &'a str> {
        self.items(true).flat_map(|(batch, item)| {
            let name = |[worker, _]: &[u32; 2]| batch.answered.workers.get(*worker as usize);
            item.votes.iter().filter_map(name).map(String::as_str)
        })
    }

    /// For each item that is asked again its votes: rank of the worker, for which `ranks` gives the names' places, and
    /// class.
    pub(crate) fn votes_again(&self, workers: &[&str]) -> impl Iterator<Item = Vec<(u32, u32)>> {
        let of_batch = |batch: &Batch<'a>| -> Vec<Vec<(u32, u32)>> {
            let ranks: Vec<Option<u32>> = (batch.answered.workers.iter())
                .map(|name| {
                    workers
                        .binary_search(&name.as_str())
                        .ok()
                        .map(|rank| rank as u32)
                })
                .collect();
            let vote = |[worker, class]: &[u32; 2]| {
                let rank = (*ranks.get(*worker as usize)?)?;
                Some((rank, (*batch.classes.get(*class as usize)?)?))
            };
            let items = batch.items(true);
            items
                .map(|item| item.votes.iter().filter_map(vote).collect())
                .collect()
        };
        self.batches.iter().flat_map(of_batch)
    }

    /// Names of all workers that are not among `workers`, ascending.
    pub(crate) fn others(&self, workers: &[&str]) -> Vec<&'a str> {
        let names = self
            .batches
            .iter()
            .flat_map(|batch| &batch.answered.workers);
        let names = names.map(String::as_str);
        let names = names.chain(self.settled.workers().map(|(name, _)| name));
        let mut others: Vec<&str> = names
            .filter(|name| workers.binary_search(name).is_err())
            .collect();
        others.sort_unstable();
        others.dedup();
        others
    }

    /// The expected counts of the items that are not asked again. `worker_idx` gives a worker's index; one without isn't
    /// counted.
    pub(crate) fn counts(
        &self,
        worker_idx: impl Fn(&str) -> Option<u32>,
        mut add: impl FnMut(Count),
    ) {
        for batch in &self.batches {
            let workers: Vec<Option<u32>> = (batch.answered.workers.iter())
                .map(|name| worker_idx(name))
                .collect();
            let class = |idx: u32| batch.classes.get(idx as usize).copied().flatten();
            for item in batch.items(false) {
                for [worker, answered] in item.votes {
                    let (Some(Some(worker)), Some(answered)) =
                        (workers.get(*worker as usize), class(*answered))
                    else {
                        continue;
                    };
                    for [truth, n] in item.probable {
                        if let Some(truth) = class(*truth) {
                            add(Count {
                                worker: *worker,
                                truth,
                                answered,
                                n: u64::from(*n),
                            });
                        }
                    }
                }
            }
        }
        let class = |number: u32| self.settled_classes.get(number as usize).copied().flatten();
        for (name, cells) in self.settled.workers() {
            let Some(worker) = worker_idx(name) else {
                continue;
            };
            for ([truth, answered], n) in cells {
                if let (Some(truth), Some(answered)) = (class(*truth), class(*answered)) {
                    add(Count {
                        worker,
                        truth,
                        answered,
                        n: *n,
                    });
                }
            }
        }
    }

    /// Each class's votes among the items that are not asked again, in items: their vote shares, summed.
    pub(crate) fn shares(&self, n_classes: usize) -> Vec<f64> {
        let mut sums = vec![0_u64; n_classes];
        for (class, share) in self.settled_classes.iter().zip(self.settled.shares()) {
            if let Some(sum) = class.and_then(|class| sums.get_mut(class as usize)) {
                *sum += share;
            }
        }
        for (batch, item) in self.items(false) {
            let share = WHOLE_SHARE / item.votes.len().max(1) as u64;
            for [_, class] in item.votes {
                let class = batch.classes.get(*class as usize).copied().flatten();
                if let Some(sum) = class.and_then(|class| sums.get_mut(class as usize)) {
                    *sum += share;
                }
            }
        }
        sums.into_iter()
            .map(|sum| sum as f64 / WHOLE_SHARE as f64)
            .collect()
    }

    fn items(&self, is_again: bool) -> impl Iterator<Item = (&Batch<'a>, AnsweredItem<'a>)> {
        let of_batch = move |batch| Batch::items(batch, is_again).map(move |item| (batch, item));
        self.batches.iter().flat_map(of_batch)
    }
}

/// Marks up to `n_again` items: those with most answers of `workers`, whose names are ascending.
fn choose_again(batches: &mut [Batch<'_>], workers: &[&str], n_again: usize) {
    let mut found: Vec<(u32, usize, usize)> = Vec::new();
    for (batch_idx, batch) in batches.iter().enumerate() {
        let is_here = |name: &String| workers.binary_search(&name.as_str()).is_ok();
        let are_here: Vec<bool> = batch.answered.workers.iter().map(is_here).collect();
        for (item_idx, item) in batch.answered.items().enumerate() {
            let here = |[worker, _]: &&[u32; 2]| are_here.get(*worker as usize) == Some(&true);
            let n_here = item.votes.iter().filter(here).count() as u32;
            found.push((u32::MAX - n_here, batch_idx, item_idx));
        }
    }
    if found.len() > n_again {
        found.select_nth_unstable(n_again);
    }
    for (_, batch_idx, item_idx) in found.into_iter().take(n_again) {
        let slot = batches
            .get_mut(batch_idx)
            .and_then(|batch| batch.is_again.get_mut(item_idx));
        if let Some(is_again) = slot {
            *is_again = true;
        }
    }
}

impl<'a> Batch<'a> {
    fn items(&self, is_again: bool) -> impl Iterator<Item = AnsweredItem<'a>> {
        let items = self.answered.items().zip(&self.is_again);
        items.filter_map(move |(item, again)| (*again == is_again).then_some(item))
    }
}

/// Probabilities in thousandths that add up to [`THOUSAND`]: each rounded, as long as there are any left; the most probable
/// class takes what is left then. Classes without any are left out.
pub(crate) fn thousandths(posterior: &[f32], into: &mut Vec<[u32; 2]>) {
    into.clear();
    let mut left = THOUSAND;
    let (mut best, mut best_p) = (0_u32, f32::NEG_INFINITY);
    for (class, p) in (0u32..).zip(posterior) {
        // Less than half of one, as most are.
        if *p * (THOUSAND as f32) < 0.5 {
            continue;
        }
        // Rounded half up; no more than what is left, which rounding could exceed.
        let n = ((*p * THOUSAND as f32 + 0.5) as u32).min(left);
        if n > 0 {
            into.push([class, n]);
            left -= n;
        }
        if *p > best_p {
            (best, best_p) = (class, *p);
        }
    }
    if left > 0 {
        if into.is_empty() {
            let top = |best: (u32, f32), (class, p): (u32, &f32)| {
                if *p > best.1 { (class, *p) } else { best }
            };
            best = (0u32..).zip(posterior).fold((0, f32::NEG_INFINITY), top).0;
        }
        match into.iter_mut().find(|[class, _]| *class == best) {
            Some([_, n]) => *n += left,
            None => into.push([best, left]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::thousandths;

    #[test]
    fn thousandths_add_up() {
        for (posterior, expected) in [
            (vec![1.0], vec![[0, 1000]]),
            (vec![0.25, 0.75], vec![[0, 250], [1, 750]]),
            (vec![1.0 / 3.0; 3], vec![[0, 334], [1, 333], [2, 333]]),
            (vec![0.0004, 0.9996], vec![[1, 1000]]),
            (vec![0.0005, 0.9995], vec![[0, 1], [1, 999]]),
            (vec![0.0001; 4], vec![[0, 1000]]),
            (
                vec![0.1666; 6],
                vec![[0, 167], [1, 167], [2, 167], [3, 167], [4, 167], [5, 165]],
            ),
        ] {
            let mut found = Vec::new();
            thousandths(&posterior, &mut found);
            assert_eq!(found, expected, "{posterior:?}");
        }
    }
}
