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
        let mut n_absent = is_present.len();
        for answers in &problem.items {
            // All are known of soon where there are many items.
            if n_absent == 0 {
                break;
            }
            for answer in answers {
                if let Some(present) = is_present.get_mut(answer.worker as usize) {
                    n_absent -= usize::from(!*present);
                    *present = true;
                }
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
        // In memory that is there already.
        let mut cell_classes = cells;
        cell_classes.clear();
        let remainder = Remainder::new(n_classes as u32);
        cell_classes.extend(sorted.iter().map(|cell| remainder.of(*cell)));
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

/// Remainders of one divisor without a division: the fraction of `1 / divisor` in 64 bits, times the number, leaves the
/// remainder's part of the divisor. Exact for all numbers of 32 bits: Lemire, Kaser and Kurz, "Faster remainder by direct
/// computation", 2019.
struct Remainder {
    divisor: u32,
    fraction: u64,
}

impl Remainder {
    fn new(divisor: u32) -> Self {
        let divisor = divisor.max(1);
        Self {
            divisor,
            fraction: (u64::MAX / u64::from(divisor)).wrapping_add(1),
        }
    }

    #[inline(always)]
    fn of(&self, number: u32) -> u32 {
        let part = self.fraction.wrapping_mul(u64::from(number));
        ((u128::from(part) * u128::from(self.divisor)) >> u64::BITS) as u32
    }
}

/// Items by their votes: counted out by the first vote, then sorted by as many votes as fit into one number, which nearly
/// always tell items apart without a look at the rest.
fn in_canonical_order(
    items: &[ItemVotes],
    cells: &[u32],
    n_classes: usize,
    n_workers: usize,
) -> Vec<ItemVotes> {
    let n_cells = n_workers as u64 * n_classes as u64;
    let n_bits = u64::BITS - n_cells.leading_zeros();
    // Neighbouring cells go together where there are more of them than items.
    let n_bits_items = items.len().checked_ilog2().unwrap_or_default();
    let n_bits_together = n_bits.saturating_sub(n_bits_items).min(u32::BITS - 1);
    let first = |item: &ItemVotes| {
        (cells.get(item.start as usize)).map_or(0, |cell| cell >> n_bits_together)
    };
    let mut ends = vec![0_usize; (n_cells >> n_bits_together) as usize + 2];
    for item in items {
        if let Some(n) = ends.get_mut(first(item) as usize + 1) {
            *n += 1;
        }
    }
    let mut before = 0;
    for end in &mut ends {
        before += *end;
        *end = before;
    }
    // A cell's number from 1 on; 0 is no vote. Of a first vote counted out alone there is no more to say.
    let n_votes = (u64::BITS / n_bits.max(1)) as usize;
    let n_told = usize::from(n_bits_together == 0);
    let key = |item: &ItemVotes| {
        let votes = slice(cells, item).iter().skip(n_told);
        let votes = votes.map(|cell| u64::from(*cell) + 1);
        let votes = votes.chain(std::iter::repeat(0)).take(n_votes);
        votes.fold(0, |key, vote| (key << n_bits) | vote)
    };
    // Keys and indices of items. Each of `ends` moves from the start of a first vote's items to their end.
    let mut placed = vec![(0_u64, 0_u32); items.len()];
    for (idx, item) in (0u32..).zip(items) {
        if let Some(place) = ends.get_mut(first(item) as usize) {
            if let Some(slot) = placed.get_mut(*place) {
                *slot = (key(item), idx);
            }
            *place += 1;
        }
    }
    let votes_of = |idx: u32| (items.get(idx as usize)).map(|item| slice(cells, item));
    let (mut rest, mut start) = (placed.as_mut_slice(), 0);
    for end in ends {
        let Some((of_first, others)) = rest.split_at_mut_checked(end - start) else {
            break;
        };
        (rest, start) = (others, end);
        of_first.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| votes_of(a.1).cmp(&votes_of(b.1)))
        });
    }
    let item = |(_, idx): &(u64, u32)| items.get(*idx as usize).copied();
    placed.iter().filter_map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::{ItemVotes, Remainder, in_canonical_order, slice};

    #[test]
    fn remainders() {
        for divisor in [1, 2, 3, 7, 10, 1_000, 65_537, u32::MAX - 1, u32::MAX] {
            let remainder = Remainder::new(divisor);
            for number in [0, 1, 9, 10, 4_999, 65_536, 1 << 31, u32::MAX - 1, u32::MAX] {
                assert_eq!(
                    remainder.of(number),
                    number % divisor,
                    "{number} % {divisor}"
                );
            }
        }
    }

    #[test]
    fn items_ascend_by_their_votes_whether_there_are_more_items_or_more_cells() {
        for (n_items, n_workers, n_classes) in [
            (0, 0, 0),
            (1, 100_000, 40_000),
            (50, 1_000_000, 1_000),
            (2_000, 6, 3),
            (2_000, 40, 2),
        ] {
            let (mut cells, mut items, mut state) = (Vec::new(), Vec::new(), 1_u64);
            let mut next = |n: u32| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                ((state >> 32) % u64::from(n)) as u32
            };
            for item_idx in 0..n_items {
                let start = cells.len() as u32;
                // Neighbours, so that items share their first votes.
                let first_worker = next(n_workers - 5);
                for worker in first_worker..=first_worker + next(6) {
                    cells.push(worker * n_classes + next(n_classes));
                }
                let end = cells.len() as u32;
                items.push(ItemVotes {
                    item_idx,
                    start,
                    end,
                });
            }
            let ordered =
                in_canonical_order(&items, &cells, n_classes as usize, n_workers as usize);
            assert!(ordered.is_sorted_by_key(|item| slice(&cells, item)));
            let mut found: Vec<u32> = ordered.iter().map(|item| item.item_idx).collect();
            found.sort_unstable();
            assert_eq!(found, (0..n_items).collect::<Vec<_>>());
        }
    }
}
