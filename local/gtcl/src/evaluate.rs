//! How good consolidation is, against the truth: the core of `gtcl evaluate`, without the command line.
//!
//! The conditions of a labeling job are reproduced: some of an object's answers are kept, objects come shuffled and
//! in batches, and each is consolidated once.

pub mod boxes;
pub mod figures;
pub mod job;
mod judged;
mod matching;

pub mod multi_label;
mod random;
pub mod read;
pub mod single_label;

use random::Random;

use consensus::{Consolidation, ITEMS_KEPT, Problem, Statistics};

/// What a batch knows of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing.
    Batch,
    /// The statistics of the batches before it.
    Carried,
    /// All objects are one batch.
    WholeJob,
}

/// Conditions of one evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Answers kept of each object; those with fewer keep all.
    pub answers_per_object: usize,
    /// Objects in a batch.
    pub batch: usize,
    /// One run each, of which the mean is taken.
    pub seeds: Vec<u64>,
    /// What a batch knows of the others.
    pub mode: Mode,
}

impl Conditions {
    /// The objects of one run, and what belongs to each (such as its truth): some answers kept, and shuffled.
    fn drawn<A: Clone, T>(
        &self,
        seed: u64,
        problem: &Problem<A>,
        belongings: impl IntoIterator<Item = T>,
    ) -> (Problem<A>, Vec<T>) {
        let mut random = Random::new(seed);
        let items = problem.items.iter().cloned();
        let mut objects: Vec<(Vec<A>, T)> = items.zip(belongings).collect();
        for (answers, _) in &mut objects {
            random.keep(answers, self.answers_per_object);
        }
        random.shuffle(&mut objects);
        let (items, belongings) = objects.into_iter().unzip();
        let drawn = Problem {
            workers: problem.workers.clone(),
            classes: problem.classes.clone(),
            items,
        };
        (drawn, belongings)
    }
}

/// Consolidates batch by batch; estimates come in the order of the items.
pub fn consolidate_in_batches<A: Clone, E>(
    problem: &Problem<A>,
    conditions: &Conditions,
    mut consolidate: impl FnMut(&Problem<A>, &Statistics, std::ops::Range<usize>) -> Consolidation<E>,
) -> Vec<Option<E>> {
    let mut carried = Statistics::default();
    let mut estimates = Vec::with_capacity(problem.items.len());
    let batch = match conditions.mode {
        Mode::WholeJob => problem.items.len(),
        Mode::Batch | Mode::Carried => conditions.batch,
    };
    let mut start = 0;
    for items in problem.items.chunks(batch.max(1)) {
        let some = Problem {
            workers: problem.workers.clone(),
            classes: problem.classes.clone(),
            items: items.to_vec(),
        };
        let done = consolidate(&some, &carried, start..start + items.len());
        start += items.len();
        estimates.extend(done.estimates);
        if conditions.mode == Mode::Carried {
            carried.merge(&done.statistics);
            carried.settle(ITEMS_KEPT);
        }
    }
    estimates
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::job::{JobSet, recorded, set_of};
    use super::*;

    /// Public data that is too large for this repository.
    fn shared_data() -> Option<PathBuf> {
        let folder = std::env::var_os("GT_SHARED_DATA").map(PathBuf::from);
        if folder.is_none() {
            println!("skipped: GT_SHARED_DATA is not set");
        }
        folder
    }

    fn carried(answers_per_object: usize) -> Conditions {
        Conditions {
            answers_per_object,
            batch: 50,
            seeds: vec![10, 11, 12],
            mode: Mode::Carried,
        }
    }

    #[test]
    fn single_labels_beat_the_vote() {
        let Some(data) = shared_data() else { return };
        let mut runs = Vec::new();
        for set in [
            "SP",
            "bluebird",
            "dog",
            "product",
            "rte",
            "sentiment",
            "web",
        ] {
            let file = |name| {
                std::fs::read_to_string(data.join("crowd/single-label").join(set).join(name))
                    .unwrap()
            };
            let set = read::single_label(&file("label.csv"), &file("truth.csv")).unwrap();
            runs.push(single_label::evaluate(
                &set,
                &carried(3),
                &Default::default(),
            ));
        }
        for run in &runs {
            assert!(
                run.consolidation.accuracy > run.vote.accuracy - 0.005,
                "{run:?}"
            );
        }
        let mean = figures::mean(&runs);
        assert!(
            mean.consolidation.accuracy > mean.vote.accuracy + 0.03,
            "{mean:?}"
        );
        assert!(
            mean.consolidation.ece < 0.055 && mean.consolidation.nll < 0.485,
            "{mean:?}"
        );
    }

    #[test]
    fn boxes_beat_the_mean() {
        let Some(data) = shared_data() else { return };
        let set = read::boxes(
            &std::fs::read_to_string(data.join("crowd/boxes/pedestrians.json")).unwrap(),
        )
        .unwrap();
        let run = boxes::evaluate(&set, &carried(5), &Default::default());
        assert!(
            run.consolidation.f1_at_75 > run.vote.f1_at_75 + 0.05,
            "{run:?}"
        );
        assert!(
            run.consolidation.f1_at_50 > 0.93 && run.consolidation.ece < 0.04,
            "{run:?}"
        );
    }

    #[test]
    fn multi_labels_beat_both_votes() {
        let Some(data) = shared_data() else { return };
        let file = data.join("crowd/multi-label/reassessed_imagenet.csv");
        let set = read::multi_label(&std::fs::read_to_string(file).unwrap()).unwrap();
        let run = multi_label::evaluate(&set, &carried(3), &Default::default());
        assert!(run.consolidation.f1 > run.vote_third.f1, "{run:?}");
        assert!(
            run.consolidation.f1 > run.vote_half.f1 && run.consolidation.ece < 0.06,
            "{run:?}"
        );
    }

    #[test]
    fn the_real_job_is_at_least_as_right_as_production_and_knows_when() {
        let Some(data) = shared_data() else { return };
        let job = crate::finished_job::read(&data.join("birds-job"), None).unwrap();
        let Some(JobSet::SingleLabel(set)) = set_of(&job, &Default::default()) else {
            panic!("not a single-label job")
        };
        let production = recorded(&job).unwrap();
        let run = single_label::evaluate(&set, &carried(usize::MAX), &Default::default());
        let n_right = (run.consolidation.accuracy * production.n_judged as f64).round() as usize;
        assert!(
            n_right >= production.n_right,
            "{n_right} against {production:?}"
        );
        assert!(run.consolidation.auroc >= 0.8, "{run:?}");
    }
}
