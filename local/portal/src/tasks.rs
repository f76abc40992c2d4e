//! Who is given what: each data object goes to so many different workers, and never twice to one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

/// The data objects of a job that still want answers, and who works on them.
#[derive(Debug)]
pub struct Board {
    workers_per_object: usize,
    lease: SignedDuration,
    /// By position in the manifest, from 0.
    objects: BTreeMap<u32, Object>,
    /// Those of `objects` that still want answers.
    open: BTreeSet<u32>,
    /// What each worker was given last: they hold at most that one.
    last_given: BTreeMap<String, u32>,
    /// How many answers each worker gave.
    answers_by: BTreeMap<String, usize>,
    /// The sum of those.
    n_answers: usize,
}

#[derive(Debug, Default)]
struct Object {
    answered_by: BTreeSet<String>,
    held_by: BTreeMap<String, Held>,
    /// How often a worker put it back.
    skipped_by: BTreeMap<String, u32>,
    declined_by: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    accepted: Timestamp,
    expires: Timestamp,
}

/// A task in a worker's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// Position in the manifest, from 0.
    pub object_idx: u32,
    /// When the worker was given it.
    pub accepted: Timestamp,
}

/// Why an answer isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The worker answered before: another tab of theirs did.
    #[error("you have answered this one already")]
    Twice,
    /// Others were faster, after the time for it was over.
    #[error("the time for this one was over, and others have answered it")]
    Full,
    /// The worker was never given it.
    #[error("this task was not given to you")]
    NotGiven,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Data objects of the job.
    pub objects: usize,
    /// Those with every answer that they want.
    pub complete: usize,
    /// Answers given.
    pub answers: usize,
    /// Answers wanted in all.
    pub answers_wanted: usize,
}

impl Board {
    /// A board on which each of `objects` wants `workers_per_object` answers; whoever holds one has it for `lease`.
    #[must_use]
    pub fn new(
        objects: impl IntoIterator<Item = u32>,
        workers_per_object: usize,
        lease: SignedDuration,
    ) -> Self {
        let objects: BTreeMap<u32, Object> = objects
            .into_iter()
            .map(|object_idx| (object_idx, Object::default()))
            .collect();
        Self {
            workers_per_object,
            lease,
            open: objects.keys().copied().collect(),
            objects,
            last_given: BTreeMap::new(),
            answers_by: BTreeMap::new(),
            n_answers: 0,
        }
    }

    /// The worker's next task: the one they hold, else the first that still wants somebody, those that they skipped
    /// last. `None` while there is nothing for them.
    pub fn next(&mut self, worker: &str, now: Timestamp) -> Option<Given> {
        if let Some(given) = self.held(worker, now) {
            return Some(given);
        }
        let wanted = |object_idx: &&u32| {
            let object = self.objects.get(object_idx);
            object.is_some_and(|object| object.wants(worker, self.workers_per_object, now))
        };
        let skips = |object_idx: &u32| {
            let object = self.objects.get(object_idx);
            object
                .and_then(|object| object.skipped_by.get(worker))
                .copied()
        };
        let mut open = self.open.iter().filter(wanted);
        let first = open.next()?;
        let object_idx = match skips(first) {
            None => *first,
            // Only those who skip look through all that is left.
            Some(_) => *self
                .open
                .iter()
                .filter(wanted)
                .min_by_key(|idx| skips(idx))?,
        };
        let held = Held {
            accepted: now,
            expires: now.saturating_add(self.lease).unwrap_or(Timestamp::MAX),
        };
        let object = self.objects.get_mut(&object_idx)?;
        object.held_by.insert(worker.to_owned(), held);
        self.last_given.insert(worker.to_owned(), object_idx);
        Some(Given {
            object_idx,
            accepted: now,
        })
    }

    /// The task that the worker has and hasn't answered.
    fn held(&self, worker: &str, now: Timestamp) -> Option<Given> {
        let object_idx = *self.last_given.get(worker)?;
        let held = self.objects.get(&object_idx)?.held_by.get(worker)?;
        (held.expires > now && self.open.contains(&object_idx)).then_some(Given {
            object_idx,
            accepted: held.accepted,
        })
    }

    /// When the worker was given the task, if their answer to it is to be taken.
    ///
    /// # Errors
    ///
    /// [`Refused`]. An answer that comes after the time for it is taken as long as it is wanted.
    pub fn may_answer(&self, worker: &str, object_idx: u32) -> Result<Timestamp, Refused> {
        let object = self.objects.get(&object_idx).ok_or(Refused::NotGiven)?;
        if object.answered_by.contains(worker) {
            return Err(Refused::Twice);
        }
        let held = object.held_by.get(worker).ok_or(Refused::NotGiven)?;
        if object.answered_by.len() >= self.workers_per_object {
            return Err(Refused::Full);
        }
        Ok(held.accepted)
    }

    /// The worker's answer is written down.
    pub fn answered(&mut self, worker: &str, object_idx: u32) {
        let Some(object) = self.objects.get_mut(&object_idx) else {
            return;
        };
        object.held_by.remove(worker);
        if object.answered_by.insert(worker.to_owned()) {
            *self.answers_by.entry(worker.to_owned()).or_default() += 1;
            self.n_answers += 1;
        }
        if object.answered_by.len() >= self.workers_per_object {
            self.open.remove(&object_idx);
        }
    }

    /// The worker puts the task back, and gets it again when there is nothing else.
    pub fn skip(&mut self, worker: &str, object_idx: u32) {
        if let Some(object) = self.objects.get_mut(&object_idx)
            && object.held_by.remove(worker).is_some()
        {
            *object.skipped_by.entry(worker.to_owned()).or_default() += 1;
        }
    }

    /// The worker doesn't want the task, and never gets it again.
    pub fn decline(&mut self, worker: &str, object_idx: u32) {
        if let Some(object) = self.objects.get_mut(&object_idx)
            && object.held_by.remove(worker).is_some()
        {
            object.declined_by.insert(worker.to_owned());
        }
    }

    /// How far the job is.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            objects: self.objects.len(),
            complete: self.objects.len() - self.open.len(),
            answers: self.n_answers,
            answers_wanted: self.objects.len() * self.workers_per_object,
        }
    }

    /// How many answers a worker gave.
    #[must_use]
    pub fn answers_of(&self, worker: &str) -> usize {
        self.answers_by.get(worker).copied().unwrap_or_default()
    }
}

impl Object {
    fn wants(&self, worker: &str, workers_per_object: usize, now: Timestamp) -> bool {
        let n_held = self
            .held_by
            .values()
            .filter(|held| held.expires > now)
            .count();
        !self.answered_by.contains(worker)
            && !self.declined_by.contains(worker)
            && self.answered_by.len() + n_held < workers_per_object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn board(n_objects: u32, workers: usize) -> Board {
        Board::new(0..n_objects, workers, SignedDuration::from_secs(60))
    }

    fn next(board: &mut Board, worker: &str, second: i64) -> Option<u32> {
        board.next(worker, at(second)).map(|given| given.object_idx)
    }

    #[test]
    fn fifty_workers_at_once() {
        let mut board = board(5_000, 3);
        let workers: Vec<String> = (0..50).map(|number| format!("w{number}")).collect();
        let mut n_answers = BTreeMap::<u32, u32>::new();
        loop {
            let now = at(0);
            let given: Vec<_> = workers
                .iter()
                .filter_map(|worker| Some((worker, board.next(worker, now)?.object_idx)))
                .collect();
            if given.is_empty() {
                break;
            }
            for (worker, object_idx) in given {
                assert!(board.may_answer(worker, object_idx).is_ok());
                board.answered(worker, object_idx);
                *n_answers.entry(object_idx).or_default() += 1;
            }
        }
        assert_eq!(n_answers.len(), 5_000);
        assert!(n_answers.values().all(|n_answers| *n_answers == 3));
    }

    #[test]
    fn nobody_sees_an_object_twice_and_each_gets_its_workers() {
        let mut board = board(20, 3);
        let workers = ["a", "b", "c", "d", "e"];
        let mut seen = BTreeSet::new();
        let mut is_over = false;
        while !is_over {
            is_over = true;
            for worker in workers {
                if let Some(object_idx) = next(&mut board, worker, 0) {
                    assert!(board.may_answer(worker, object_idx).is_ok());
                    board.answered(worker, object_idx);
                    assert!(seen.insert((worker, object_idx)));
                    is_over = false;
                }
            }
        }
        assert_eq!(seen.len(), 60);
        let counts = board.counts();
        assert_eq!(
            (counts.complete, counts.answers, counts.answers_wanted),
            (20, 60, 60)
        );
    }

    #[test]
    fn two_tabs_of_a_worker_hold_one_task() {
        let mut board = board(2, 1);
        assert_eq!(next(&mut board, "a", 0), Some(0));
        assert_eq!(next(&mut board, "a", 1), Some(0));
        board.answered("a", 0);
        assert_eq!(board.may_answer("a", 0), Err(Refused::Twice));
        assert_eq!(next(&mut board, "a", 2), Some(1));
    }

    #[test]
    fn a_lease_ends_and_a_late_answer_is_taken_while_it_is_wanted() {
        for (second, expected) in [(59, None), (60, Some(0)), (61, Some(0))] {
            let mut board = board(1, 1);
            assert_eq!(next(&mut board, "a", 0), Some(0));
            assert_eq!(next(&mut board, "b", second), expected, "{second}");
            assert_eq!(board.may_answer("a", 0), Ok(at(0)));
            board.answered("b", 0);
            assert_eq!(board.may_answer("a", 0), Err(Refused::Full));
            assert_eq!(board.may_answer("c", 0), Err(Refused::NotGiven));
        }
    }

    #[test]
    fn skipped_comes_last_and_declined_never() {
        let mut board = board(3, 1);
        assert_eq!(next(&mut board, "a", 0), Some(0));
        board.skip("a", 0);
        assert_eq!(next(&mut board, "a", 0), Some(1));
        board.decline("a", 1);
        assert_eq!(next(&mut board, "a", 0), Some(2));
        board.answered("a", 2);
        assert_eq!(next(&mut board, "a", 0), Some(0));
        board.answered("a", 0);
        assert_eq!(next(&mut board, "a", 0), None);
        assert_eq!(next(&mut board, "b", 0), Some(1));
    }
}
