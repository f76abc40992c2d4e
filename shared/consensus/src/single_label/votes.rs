//! Answers laid out for the model: flat, and in an order that depends on nothing but names and answers.

use crate::Problem;

/// Every item's votes, items and votes in canonical order.
pub(crate) struct Votes<'a> {
    /// Names of the workers that answered, ascending.
    pub(crate) workers: Vec<&'a str>,
    /// Names of all classes, in class order.
    pub(crate) classes: &'a [String],
    /// worker × number of classes + class, grouped by item, ascending within an item.
    pub(crate) cells: Vec<u32>,
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
        let mut keyed: Vec<(u64, ItemVotes)> = items
            .iter()
            .map(|item| (head(&cells, item), *item))
            .collect();
        keyed.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| slice(&cells, &a.1).cmp(slice(&cells, &b.1)))
        });
        let items = keyed.into_iter().map(|(_, item)| item).collect();
        Self {
            workers: by_name
                .iter()
                .filter_map(|worker| problem.workers.get(*worker as usize))
                .map(String::as_str)
                .collect(),
            classes: &problem.classes,
            cells,
            items,
            n_items: problem.items.len(),
        }
    }

    /// One item's votes.
    pub(crate) fn of(&self, item: &ItemVotes) -> &[u32] {
        slice(&self.cells, item)
    }
}

fn slice<'c>(cells: &'c [u32], item: &ItemVotes) -> &'c [u32] {
    cells
        .get(item.start as usize..item.end as usize)
        .unwrap_or_default()
}

/// The first two votes, which nearly always tell items apart without a look at the rest.
fn head(cells: &[u32], item: &ItemVotes) -> u64 {
    let mut votes = slice(cells, item).iter().map(|cell| u64::from(*cell) + 1);
    (votes.next().unwrap_or_default() << 32) | votes.next().unwrap_or_default()
}
