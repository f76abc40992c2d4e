//! What of a batch's answers is left out because it exceeds a bound.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use consensus::Problem;
use consensus::multi_label::Answer as MultiLabelVote;

use super::object::Object;
use crate::answers::Answer;

/// Leaves out the answers with most boxes, the last among equals, until all have no more than `n_max` together. Returns
/// how many.
pub(super) fn leave_out_boxes(objects: &mut [Object], n_max: usize) -> u32 {
    let n_boxes = |answer: &Answer<u32>| match answer {
        Answer::Boxes { boxes, .. } => boxes.len(),
        _ => 0,
    };
    let of_object = |object: &Object| {
        let answers = object.answers.iter();
        answers.map(|(_, answer)| n_boxes(answer)).sum::<usize>()
    };
    let mut n_all: usize = objects.iter().map(of_object).sum();
    if n_all <= n_max {
        return 0;
    }
    let mut by_size: Vec<(usize, usize, usize)> = Vec::new();
    for (object_idx, object) in objects.iter().enumerate() {
        for (idx, (_, answer)) in object.answers.iter().enumerate() {
            by_size.push((n_boxes(answer), object_idx, idx));
        }
    }
    by_size.sort_unstable();
    let mut left_out: BTreeSet<(usize, usize)> = BTreeSet::new();
    while n_all > n_max
        && let Some((n, object_idx, idx)) = by_size.pop()
    {
        n_all -= n;
        left_out.insert((object_idx, idx));
    }
    for (object_idx, object) in objects.iter_mut().enumerate() {
        let mut idx = 0;
        let Object {
            answers,
            problems,
            n_unreadable,
            ..
        } = object;
        answers.retain(|(_, answer)| {
            let is_out = left_out.contains(&(object_idx, idx));
            idx += 1;
            if is_out {
                *n_unreadable += 1;
                let n = n_boxes(answer);
                problems.push(format!(
                    "answer has {n} boxes, and those of its batch more than {n_max}"
                ));
            }
            !is_out
        });
    }
    left_out.len() as u32
}

/// Numbers of the names that are beyond the `n_max` that most workers gave, by most answers among equals, then in order of
/// the names. `names` has the texts, `of` the numbers in an answer.
pub(super) fn names_beyond(
    objects: &[Object],
    names: &[String],
    n_max: usize,
    of: impl Fn(&Answer<u32>) -> Vec<u32>,
) -> BTreeSet<u32> {
    if names.len() <= n_max {
        return BTreeSet::new();
    }
    let mut given: BTreeMap<u32, (BTreeSet<u32>, u32)> = BTreeMap::new();
    for (worker, answer) in objects.iter().flat_map(|object| &object.answers) {
        for name in BTreeSet::from_iter(of(answer)) {
            let (workers, n_answers) = given.entry(name).or_default();
            workers.insert(*worker);
            *n_answers += 1;
        }
    }
    let given = given.into_iter();
    let rank = |(name, (workers, n_answers)): (u32, (BTreeSet<u32>, u32))| {
        let text = names.get(name as usize);
        (Reverse(workers.len()), Reverse(n_answers), text, name)
    };
    let mut ranked: Vec<_> = given.map(rank).collect();
    ranked.sort_unstable();
    let beyond = ranked.into_iter().skip(n_max);
    beyond.map(|(.., name)| name).collect()
}

/// Asks about no more categories than make `n_max` questions with all answers: those that most answers selected, the lower
/// ones among equals. Returns the categories that are asked about, where not all are, and how many answers lose a selected
/// one.
pub(super) fn ask_about(
    problem: &mut Problem<MultiLabelVote>,
    n_max: usize,
) -> (Option<Vec<u32>>, u32) {
    let n_answers: usize = problem.items.iter().map(Vec::len).sum();
    let n_kept = n_max / n_answers.max(1);
    if problem.classes.len() <= n_kept {
        return (None, 0);
    }
    let mut n_selected = vec![0_u32; problem.classes.len()];
    for class in problem.items.iter().flatten().flat_map(|it| &it.classes) {
        if let Some(n) = n_selected.get_mut(*class as usize) {
            *n += 1;
        }
    }
    let mut ranked: Vec<(Reverse<u32>, u32)> =
        n_selected.into_iter().map(Reverse).zip(0..).collect();
    ranked.sort_unstable();
    let kept = ranked.into_iter().take(n_kept);
    let mut kept: Vec<u32> = kept.map(|(_, class)| class).collect();
    kept.sort_unstable();
    let mut n_losing = 0;
    for answer in problem.items.iter_mut().flatten() {
        let n_before = answer.classes.len();
        let place = |class: &u32| kept.binary_search(class).ok();
        let classes = answer.classes.iter().filter_map(place);
        answer.classes = classes.map(|place| place as u32).collect();
        n_losing += u32::from(answer.classes.len() < n_before);
    }
    let names = kept.iter();
    let names = names.filter_map(|class| problem.classes.get(*class as usize));
    problem.classes = names.cloned().collect();
    (Some(kept), n_losing)
}
