//! Answers laid out for the model: flat, and in an order that depends on nothing but names and answers.

use std::collections::BTreeMap;

use crate::Problem;
use crate::statistics::{ClassStatistics, Counts, Name, ONE};

/// Every item's votes, items and votes in canonical order.
pub(crate) struct Votes<'a> {
    /// Names of the workers that answered, ascending.
    pub(crate) workers: Vec<&'a str>,
    /// Names of all classes, in class order.
    pub(crate) classes: &'a [String],
    /// Names of all classes, ascending, and which class they are.
    by_name: Vec<(&'a str, usize)>,
    /// worker × number of classes + class, item after item in canonical order, ascending within an item.
    cells: Vec<u32>,
    /// The class of each cell: a division saved for each vote and pass.
    cell_classes: Vec<u32>,
    /// Items with votes in canonical order: index of the item, then the range of its votes in `cells`.
    pub(crate) items: Vec<ItemVotes>,
    /// Items asked about, with and without votes.
    pub(crate) n_items: usize,
}

/// Where one item's votes are.
#[derive(Clone, Copy)]
pub(crate) struct ItemVotes {
    pub(crate) item_idx: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl<'a> Votes<'a> {
    /// Lays out a problem's answers; `parts` gives worker and class of one.
    pub(crate) fn from_answers<A>(
        problem: &'a Problem<A>,
        parts: impl Fn(&A) -> (u32, u32),
    ) -> Self {
        let n_classes = problem.classes.len();
        let mut is_present = vec![false; problem.workers.len()];
        for answer in problem.items.iter().flatten() {
            if let Some(present) = is_present.get_mut(parts(answer).0 as usize) {
                *present = true;
            }
        }
        let mut by_name: Vec<u32> = (0u32..)
            .zip(&is_present)
            .filter(|(_, present)| **present)
            .map(|(worker, _)| worker)
            .collect();
        by_name.sort_by_key(|worker| problem.workers.get(*worker as usize));
        let mut ranks = vec![u32::MAX; problem.workers.len()];
        for (rank, worker) in (0u32..).zip(&by_name) {
            if let Some(slot) = ranks.get_mut(*worker as usize) {
                *slot = rank;
            }
        }

        let mut cells: Vec<u32> = Vec::with_capacity(problem.items.iter().map(Vec::len).sum());
        let mut items: Vec<ItemVotes> = Vec::with_capacity(problem.items.len());
        let mut votes: Vec<(u32, u32)> = Vec::new();
        for (item_idx, answers) in (0u32..).zip(&problem.items) {
            votes.clear();
            votes.extend(answers.iter().map(&parts).filter_map(|(worker, class)| {
                let rank = ranks.get(worker as usize)?;
                ((class as usize) < n_classes).then_some((*rank, class))
            }));
            votes.sort_by_key(|(rank, _)| *rank);
            votes.dedup_by_key(|(rank, _)| *rank);
            let start = cells.len() as u32;
            cells.extend(
                votes
                    .iter()
                    .map(|(rank, class)| rank * n_classes as u32 + class),
            );
            if !votes.is_empty() {
                items.push(ItemVotes {
                    item_idx,
                    start,
                    end: cells.len() as u32,
                });
            }
        }
        let mut items = by_first_worker(&items, &cells, n_classes, by_name.len());
        for same in items.chunk_by_mut(|a, b| a.0 == b.0) {
            same.sort_unstable_by(|a, b| {
                (a.1.cmp(&b.1)).then_with(|| slice(&cells, &a.2).cmp(slice(&cells, &b.2)))
            });
        }
        let mut items: Vec<ItemVotes> = items.into_iter().map(|(_, _, item)| item).collect();
        // In the order in which every pass reads them.
        let mut sorted = Vec::with_capacity(cells.len());
        for item in &mut items {
            let start = sorted.len() as u32;
            sorted.extend_from_slice(slice(&cells, item));
            (item.start, item.end) = (start, sorted.len() as u32);
        }
        // In 32 bits, where a division costs half.
        let divisor = (n_classes as u32).max(1);
        let cell_classes = sorted.iter().map(|cell| cell % divisor).collect();
        let mut class_by_name: Vec<(&str, usize)> = problem
            .classes
            .iter()
            .map(String::as_str)
            .zip(0..)
            .collect();
        class_by_name.sort_unstable();
        Self {
            workers: by_name
                .iter()
                .filter_map(|worker| problem.workers.get(*worker as usize))
                .map(String::as_str)
                .collect(),
            classes: &problem.classes,
            by_name: class_by_name,
            cells: sorted,
            cell_classes,
            items,
            n_items: problem.items.len(),
        }
    }

    /// Earlier counts of a worker as (true class, class answered, count), other classes left out.
    pub(crate) fn counts<'s>(
        &'s self,
        rows: &'s BTreeMap<Name, Counts>,
    ) -> impl Iterator<Item = (usize, usize, u64)> + 's {
        let known = |(truth, row)| Some((self.class(truth)?, row));
        rows.iter().filter_map(known).flat_map(move |(k, row)| {
            row.iter()
                .filter_map(move |(answered, n)| Some((k, self.class(answered)?, *n)))
        })
    }

    fn class(&self, name: &Name) -> Option<usize> {
        let found = self
            .by_name
            .binary_search_by_key(&&*name.0, |(name, _)| name);
        self.by_name.get(found.ok()?).map(|(_, class)| *class)
    }

    /// Each class's share of the votes, earlier ones included, with `weight` items spread evenly.
    pub(crate) fn prior(&self, carried: &ClassStatistics, weight: f64) -> Vec<f32> {
        let even = weight / self.classes.len() as f64;
        let earlier = |class: &String| carried.votes.get(class.as_str()).copied();
        let mut sums: Vec<f64> = (self.classes.iter())
            .map(|class| earlier(class).map_or(0.0, |n| n as f64 / ONE) + even)
            .collect();
        for item in &self.items {
            let classes = self.classes_of(item);
            let share = 1.0 / classes.len() as f64;
            for class in classes {
                if let Some(sum) = sums.get_mut(*class as usize) {
                    *sum += share;
                }
            }
        }
        let total: f64 = sums.iter().sum();
        sums.iter().map(|sum| (sum / total) as f32).collect()
    }

    /// One item's votes.
    pub(crate) fn of(&self, item: &ItemVotes) -> &[u32] {
        slice(&self.cells, item)
    }

    /// The classes of one item's votes.
    pub(crate) fn classes_of(&self, item: &ItemVotes) -> &[u32] {
        slice(&self.cell_classes, item)
    }
}

fn slice<'c>(cells: &'c [u32], item: &ItemVotes) -> &'c [u32] {
    cells
        .get(item.start as usize..item.end as usize)
        .unwrap_or_default()
}

/// Items by the rank of their first worker, which comes first, then the second vote, which nearly always tells items
/// apart without a look at the rest. Counted out rather than compared.
fn by_first_worker(
    items: &[ItemVotes],
    cells: &[u32],
    n_classes: usize,
    n_workers: usize,
) -> Vec<(u32, u64, ItemVotes)> {
    let divisor = (n_classes as u32).max(1);
    let key = |item: &ItemVotes| {
        let mut votes = slice(cells, item).iter().copied();
        let first = votes.next().unwrap_or_default();
        let second = votes.next().map_or(0, |cell| u64::from(cell) + 1);
        (first / divisor, (u64::from(first) << 32) + second, *item)
    };
    let mut next = vec![0_usize; n_workers + 1];
    for item in items {
        if let Some(n) = next.get_mut(key(item).0 as usize + 1) {
            *n += 1;
        }
    }
    let mut before = 0;
    for start in &mut next {
        before += *start;
        *start = before;
    }
    let empty = ItemVotes {
        item_idx: 0,
        start: 0,
        end: 0,
    };
    let mut placed = vec![(0, 0, empty); items.len()];
    for item in items {
        let key = key(item);
        if let Some(place) = next.get_mut(key.0 as usize) {
            if let Some(slot) = placed.get_mut(*place) {
                *slot = key;
            }
            *place += 1;
        }
    }
    placed
}
