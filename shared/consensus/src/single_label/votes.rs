//! Answers laid out for the model: flat, and in an order that depends on nothing but names and answers.

use super::earlier::Earlier;
use crate::Problem;
use crate::single_label::{Answer, Config};

/// Every item's votes, items and votes in canonical order.
pub(crate) struct Votes<'a> {
    /// Names of the workers that answered, ascending.
    pub(crate) workers: Vec<&'a str>,
    /// Names of all classes, in class order.
    pub(crate) classes: &'a [String],
    /// worker × number of classes + class, item after item in canonical order, ascending within an item.
    cells: Vec<u32>,
    /// The class of each cell: a division saved for each vote and pass.
    cell_classes: Vec<u32>,
    /// Items with votes in canonical order: index of the item, then the range of its votes in `cells`.
    pub(crate) items: Vec<ItemVotes>,
    /// Items asked about, with and without votes. Those of earlier batches have indices from here on.
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
    /// Lays out a problem's answers, and those of earlier items that are asked again.
    pub(crate) fn new(problem: &'a Problem<Answer>, earlier: &Earlier<'a>) -> Self {
        let n_classes = problem.classes.len();
        let mut is_present = vec![false; problem.workers.len()];
        for answer in problem.items.iter().flatten() {
            if let Some(present) = is_present.get_mut(answer.worker as usize) {
                *present = true;
            }
        }
        let present = problem.workers.iter().zip(&is_present);
        let present = present.filter(|(_, is_present)| **is_present);
        let mut workers: Vec<&str> = present.map(|(name, _)| name.as_str()).collect();
        workers.extend(earlier.workers_again());
        workers.sort_unstable();
        workers.dedup();
        let rank = |(name, is_present): (&String, &bool)| {
            let found = is_present.then(|| workers.binary_search(&name.as_str()).ok());
            found.flatten().map_or(u32::MAX, |rank| rank as u32)
        };
        let ranks: Vec<u32> = problem.workers.iter().zip(&is_present).map(rank).collect();

        let mut cells: Vec<u32> = Vec::with_capacity(problem.items.iter().map(Vec::len).sum());
        let mut items: Vec<ItemVotes> = Vec::with_capacity(problem.items.len());
        let mut add = |item_idx: u32, votes: &mut Vec<(u32, u32)>| {
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
        };
        let mut votes: Vec<(u32, u32)> = Vec::new();
        for (item_idx, answers) in (0u32..).zip(&problem.items) {
            votes.clear();
            votes.extend(answers.iter().filter_map(|answer| {
                let rank = ranks.get(answer.worker as usize)?;
                ((answer.class as usize) < n_classes).then_some((*rank, answer.class))
            }));
            add(item_idx, &mut votes);
        }
        let n_items = problem.items.len();
        for (item_idx, mut votes) in (n_items as u32..).zip(earlier.votes_again(&workers)) {
            add(item_idx, &mut votes);
        }
        let mut items = in_canonical_order(&items, &cells, n_classes, workers.len());
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
        Self {
            workers,
            classes: &problem.classes,
            cells: sorted,
            cell_classes,
            items,
            n_items,
        }
    }

    /// Each class's share of the votes, earlier ones included, drawn towards even shares.
    ///
    /// Workers lean towards some classes, so that shares a little uneven say little about the classes; shares far from
    /// even say that some classes are rare.
    pub(crate) fn prior(&self, earlier: &Earlier<'_>, config: &Config) -> Vec<f32> {
        let n_classes = self.classes.len() as f64;
        let mut sums = earlier.shares(self.classes.len());
        for item in &self.items {
            let classes = self.classes_of(item);
            let share = 1.0 / classes.len() as f64;
            for class in classes {
                if let Some(sum) = sums.get_mut(*class as usize) {
                    *sum += share;
                }
            }
        }
        let n_items = sums.iter().sum::<f64>().max(1.0);
        let squares: f64 = sums.iter().map(|sum| (sum / n_items).powi(2)).sum();
        let by_chance = (n_classes - 1.0) / n_items;
        let skew = (n_classes * squares - 1.0 - by_chance).max(0.0);
        let weight = config.class_prior_weight / (1.0 + skew / config.class_skew_at_half);
        let even = weight / n_classes;
        let total = n_items + weight;
        sums.iter()
            .map(|sum| ((sum + even) / total) as f32)
            .collect()
    }

    /// The items asked about.
    pub(crate) fn own_items(&self) -> impl Iterator<Item = &ItemVotes> {
        let n_items = self.n_items;
        self.items
            .iter()
            .filter(move |item| (item.item_idx as usize) < n_items)
    }

    /// Votes on all items.
    pub(crate) fn n_votes(&self) -> usize {
        self.cells.len()
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

/// Items by their votes: counted out by the first vote's worker, then sorted by as many votes as fit into one number,
/// which nearly always tell items apart without a look at the rest.
fn in_canonical_order(
    items: &[ItemVotes],
    cells: &[u32],
    n_classes: usize,
    n_workers: usize,
) -> Vec<ItemVotes> {
    let divisor = (n_classes as u32).max(1);
    let worker =
        |item: &ItemVotes| (cells.get(item.start as usize)).map_or(0, |cell| cell / divisor);
    let mut ends = vec![0_usize; n_workers + 1];
    for item in items {
        if let Some(n) = ends.get_mut(worker(item) as usize + 1) {
            *n += 1;
        }
    }
    let mut before = 0;
    for end in &mut ends {
        before += *end;
        *end = before;
    }
    // A cell's number from 1 on; 0 is no vote.
    let n_bits = u64::BITS - (n_workers as u64 * u64::from(divisor)).leading_zeros();
    let n_votes = (u64::BITS / n_bits.max(1)) as usize;
    let key = |item: &ItemVotes| {
        let votes = slice(cells, item).iter().map(|cell| u64::from(*cell) + 1);
        let votes = votes.chain(std::iter::repeat(0)).take(n_votes);
        votes.fold(0, |key, vote| (key << n_bits) | vote)
    };
    // Keys and indices of items. Each of `ends` moves from the start of a worker's items to their end.
    let mut placed = vec![(0_u64, 0_u32); items.len()];
    for (idx, item) in (0u32..).zip(items) {
        if let Some(place) = ends.get_mut(worker(item) as usize) {
            if let Some(slot) = placed.get_mut(*place) {
                *slot = (key(item), idx);
            }
            *place += 1;
        }
    }
    let votes_of = |idx: u32| (items.get(idx as usize)).map(|item| slice(cells, item));
    let (mut rest, mut start) = (placed.as_mut_slice(), 0);
    for end in ends {
        let Some((of_worker, others)) = rest.split_at_mut_checked(end - start) else {
            break;
        };
        (rest, start) = (others, end);
        of_worker.sort_unstable_by_key(|(key, _)| *key);
        for same in of_worker.chunk_by_mut(|a, b| a.0 == b.0) {
            same.sort_unstable_by(|a, b| votes_of(a.1).cmp(&votes_of(b.1)));
        }
    }
    let item = |(_, idx): &(u64, u32)| items.get(*idx as usize).copied();
    placed.iter().filter_map(item).collect()
}
