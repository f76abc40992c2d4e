//! Answers that are one class each, kept with what their items were taken for.
//!
//! Answers take less room than the counts they add up to, and what an item is can be asked again when more is known of
//! its workers.

use serde::{Deserialize, Serialize};

/// What an item's probabilities add up to: thousandths are whole numbers, which add up to the same sum in any order.
pub(crate) const THOUSAND: u32 = 1_000;

/// The answers of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub(crate) struct Answered {
    /// Names of workers, which votes refer to by index.
    pub(crate) workers: Vec<String>,
    /// Names of classes, which votes and probabilities refer to by index.
    pub(crate) classes: Vec<String>,
    /// Item after item: how many votes, and of each the worker and the class; how many classes are probable, and of each
    /// the class and the probability in thousandths. Numbers in one row are read and written fast, and take little room.
    items: Vec<u32>,
}

/// One item of [`Answered`].
#[derive(Clone, Copy)]
pub(crate) struct AnsweredItem<'a> {
    /// Worker and class of each vote.
    pub(crate) votes: &'a [[u32; 2]],
    /// Classes and their probabilities in thousandths.
    pub(crate) probable: &'a [[u32; 2]],
}

impl Answered {
    /// No items yet, with room for so many that nearly always have one or two probable classes.
    pub(crate) fn of(workers: &[&str], classes: &[String], n_items: usize, n_votes: usize) -> Self {
        Self {
            workers: workers.iter().map(|name| (*name).to_owned()).collect(),
            classes: classes.to_vec(),
            items: Vec::with_capacity(6 * n_items + 2 * n_votes),
        }
    }

    pub(crate) fn push(
        &mut self,
        votes: impl ExactSizeIterator<Item = [u32; 2]>,
        probable: &[[u32; 2]],
    ) {
        self.items.push(votes.len() as u32);
        for [worker, class] in votes {
            self.items.push(worker);
            self.items.push(class);
        }
        self.items.push(probable.len() as u32);
        self.items.extend_from_slice(probable.as_flattened());
    }

    /// Without the names that no item refers to.
    pub(super) fn with_used_names(self) -> Self {
        let mut workers = vec![false; self.workers.len()];
        let mut classes = vec![false; self.classes.len()];
        let mark = |used: &mut Vec<bool>, idx: u32| {
            if let Some(slot) = used.get_mut(idx as usize) {
                *slot = true;
            }
        };
        for item in self.items() {
            for [worker, class] in item.votes {
                mark(&mut workers, *worker);
                mark(&mut classes, *class);
            }
            for [class, _] in item.probable {
                mark(&mut classes, *class);
            }
        }
        if workers.iter().chain(&classes).all(|used| *used) {
            return self;
        }
        let (new_workers, new_classes) = (renumbered(&workers), renumbered(&classes));
        let new =
            |numbers: &[u32], idx: u32| numbers.get(idx as usize).copied().unwrap_or_default();
        let mut other = Self {
            workers: kept(&self.workers, &workers),
            classes: kept(&self.classes, &classes),
            items: Vec::with_capacity(self.items.len()),
        };
        let mut probable = Vec::new();
        for item in self.items() {
            probable.clear();
            let class = |idx: u32| new(&new_classes, idx);
            probable.extend(item.probable.iter().map(|[idx, n]| [class(*idx), *n]));
            let vote = |[worker, idx]: &[u32; 2]| [new(&new_workers, *worker), class(*idx)];
            other.push(item.votes.iter().map(vote), &probable);
        }
        other
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = AnsweredItem<'_>> {
        let mut rest = self.items.as_slice();
        std::iter::from_fn(move || {
            Some(AnsweredItem {
                votes: pairs(&mut rest)?,
                probable: pairs(&mut rest)?,
            })
        })
    }
}

/// For each index that is used its index among those.
fn renumbered(used: &[bool]) -> Vec<u32> {
    let mut next = 0;
    let number = |used: &bool| {
        let number = next;
        next += u32::from(*used);
        number
    };
    used.iter().map(number).collect()
}

fn kept(names: &[String], used: &[bool]) -> Vec<String> {
    let names = names.iter().zip(used);
    let names = names.filter_map(|(name, used)| used.then_some(name));
    names.cloned().collect()
}

/// Takes a number and as many pairs.
fn pairs<'a>(rest: &mut &'a [u32]) -> Option<&'a [[u32; 2]]> {
    let (n, after) = rest.split_first()?;
    let (pairs, after) = after.split_at_checked((*n as usize).checked_mul(2)?)?;
    *rest = after;
    Some(pairs.as_chunks().0)
}

/// Most votes on an item times probable classes of it that are read, inclusive: they are counted one by one.
const COUNTS_PER_ITEM_MAX: usize = 1_024;

/// As it is read: nothing says yet that the numbers fit together.
#[derive(Deserialize)]
struct Unchecked {
    workers: Vec<String>,
    classes: Vec<String>,
    items: Vec<u32>,
}

/// Why answers can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnsweredError {
    /// The row of numbers ends within an item.
    #[error("the items end in the middle of one")]
    CutOff,
    /// A number beyond the names.
    #[error("an item refers to a worker or a class that has no name")]
    NoName,
    /// A worker who answered twice, or a class with two probabilities or none.
    #[error("an item has a worker or a probable class twice, or a class without probability")]
    Twice,
    /// More than the answers to one item and what they make probable.
    #[error("an item has {n} votes times probable classes, more than {COUNTS_PER_ITEM_MAX}")]
    TooMany {
        /// How many.
        n: usize,
    },
    /// Probabilities that are none.
    #[error("the probabilities of an item add up to {sum} thousandths")]
    Sum {
        /// What they add up to.
        sum: u64,
    },
}

/// Whether no two pairs begin alike. `firsts` is room to work in.
fn each_once(pairs: &[[u32; 2]], firsts: &mut Vec<u32>) -> bool {
    firsts.clear();
    firsts.extend(pairs.iter().map(|[first, _]| *first));
    firsts.sort_unstable();
    firsts.windows(2).all(|two| two.first() != two.last())
}

impl TryFrom<Unchecked> for Answered {
    type Error = AnsweredError;

    fn try_from(read: Unchecked) -> Result<Self, AnsweredError> {
        let mut rest = read.items.as_slice();
        let mut firsts = Vec::new();
        let of = |rest: &mut _| pairs(rest).ok_or(AnsweredError::CutOff);
        while !rest.is_empty() {
            let (votes, probable) = (of(&mut rest)?, of(&mut rest)?);
            let is_worker = |idx: u32| (idx as usize) < read.workers.len();
            let is_class = |idx: u32| (idx as usize) < read.classes.len();
            let are_votes = votes
                .iter()
                .all(|[worker, class]| is_worker(*worker) && is_class(*class));
            if !are_votes || !probable.iter().all(|[class, _]| is_class(*class)) {
                return Err(AnsweredError::NoName);
            }
            let n = votes.len().saturating_mul(probable.len());
            if n > COUNTS_PER_ITEM_MAX {
                return Err(AnsweredError::TooMany { n });
            }
            let is_each_once = each_once(votes, &mut firsts) && each_once(probable, &mut firsts);
            if !is_each_once || probable.iter().any(|[_, n]| *n == 0) {
                return Err(AnsweredError::Twice);
            }
            let sum = probable.iter().map(|[_, n]| u64::from(*n)).sum();
            if sum != u64::from(THOUSAND) {
                return Err(AnsweredError::Sum { sum });
            }
        }
        Ok(Self {
            workers: read.workers,
            classes: read.classes,
            items: read.items,
        })
    }
}
