//! What holds for any answers: order, sums, agreement.

use consensus::boxes::{self, BoxLabel};
use consensus::multi_label;
use consensus::single_label::{self, Answer, Config};
use consensus::{Problem, Statistics, quality};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

const N_WORKERS: u32 = 9;
const N_CLASSES: u32 = 4;

fn names(prefix: &str, n: u32) -> Vec<String> {
    (0..n).map(|idx| format!("{prefix}{idx}")).collect()
}

fn problem<A>(items: Vec<Vec<A>>) -> Problem<A> {
    Problem {
        workers: names("w", N_WORKERS),
        classes: names("c", N_CLASSES),
        items,
    }
}

fn workers() -> impl Strategy<Value = Vec<u32>> {
    (0..=5_usize)
        .prop_flat_map(|n| subsequence((0..N_WORKERS).collect::<Vec<_>>(), n))
        .prop_shuffle()
}

fn single_items() -> impl Strategy<Value = Vec<Vec<Answer>>> {
    let item = workers().prop_flat_map(|workers| {
        let n = workers.len();
        vec(0..N_CLASSES, n).prop_map(move |classes| {
            workers
                .iter()
                .zip(classes)
                .map(|(worker, class)| Answer {
                    worker: *worker,
                    class,
                })
                .collect::<Vec<_>>()
        })
    });
    vec(item, 0..40)
}

fn multi_items() -> impl Strategy<Value = Vec<Vec<multi_label::Answer>>> {
    let item = workers().prop_flat_map(|workers| {
        let n = workers.len();
        vec(vec(0..N_CLASSES, 0..4), n).prop_map(move |all| {
            workers
                .iter()
                .zip(all)
                .map(|(worker, classes)| multi_label::Answer {
                    worker: *worker,
                    classes,
                })
                .collect::<Vec<_>>()
        })
    });
    vec(item, 0..20)
}

fn box_items() -> impl Strategy<Value = Vec<Vec<boxes::Answer>>> {
    let label = (0..N_CLASSES, 0..60_u32, 0..60_u32, 0..50_u32, 0..50_u32).prop_map(
        |(class, left, top, width, height)| BoxLabel {
            class,
            left: left.into(),
            top: top.into(),
            width: width.into(),
            height: height.into(),
        },
    );
    let item = workers().prop_flat_map(move |workers| {
        let n = workers.len();
        vec(vec(label.clone(), 0..4), n).prop_map(move |all| {
            workers
                .iter()
                .zip(all)
                .map(|(worker, boxes)| boxes::Answer {
                    worker: *worker,
                    boxes,
                })
                .collect::<Vec<_>>()
        })
    });
    vec(item, 0..12)
}

/// The same question with items, answers and workers in reverse order.
fn reversed<A: Clone>(problem: &Problem<A>, renumber: impl Fn(&mut A)) -> Problem<A> {
    let mut other = problem.clone();
    other.workers.reverse();
    other.items.reverse();
    for answers in &mut other.items {
        answers.reverse();
        answers.iter_mut().for_each(&renumber);
    }
    other
}

fn history() -> Statistics {
    let items = (0..30).map(|idx| {
        (0..4)
            .map(|worker| Answer {
                worker,
                class: (idx + worker / 3) % N_CLASSES,
            })
            .collect()
    });
    single_label::consolidate(
        &problem(items.collect()),
        &Statistics::default(),
        &Config::default(),
    )
    .statistics
}

/// With tables for all classes, or with counts of what was answered only, as for very many classes.
fn config(is_sparse: bool) -> Config {
    let mut config = Config::default();
    if is_sparse {
        config.table_cells_max = 0;
    }
    config
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn order_is_irrelevant_to_single_labels(items in single_items(), with_history: bool, is_sparse: bool) {
        let carried = if with_history { history() } else { Statistics::default() };
        let one = problem(items);
        let other = reversed(&one, |answer| answer.worker = N_WORKERS - 1 - answer.worker);
        let a = single_label::consolidate(&one, &carried, &config(is_sparse));
        let mut b = single_label::consolidate(&other, &carried, &config(is_sparse));
        b.estimates.reverse();
        prop_assert_eq!(a, b);
    }

    #[test]
    fn order_is_irrelevant_to_multi_labels(items in multi_items()) {
        let one = problem(items);
        let other = reversed(&one, |answer| answer.worker = N_WORKERS - 1 - answer.worker);
        let config = multi_label::Config::default();
        let a = multi_label::consolidate(&one, &Statistics::default(), &config);
        let mut b = multi_label::consolidate(&other, &Statistics::default(), &config);
        b.estimates.reverse();
        prop_assert_eq!(a, b);
    }

    #[test]
    fn order_is_irrelevant_to_boxes(items in box_items()) {
        let one = problem(items);
        let other = reversed(&one, |answer| {
            answer.worker = N_WORKERS - 1 - answer.worker;
            answer.boxes.reverse();
        });
        let config = boxes::Config::default();
        let a = boxes::consolidate(&one, &Statistics::default(), &config);
        let mut b = boxes::consolidate(&other, &Statistics::default(), &config);
        b.estimates.reverse();
        prop_assert_eq!(a, b);
    }

    #[test]
    fn probabilities_sum_to_one_and_agreement_stays(items in single_items(), with_history: bool, is_sparse: bool) {
        let carried = if with_history { history() } else { Statistics::default() };
        let problem = problem(items);
        let done = single_label::consolidate(&problem, &carried, &config(is_sparse));
        prop_assert_eq!(done.estimates.len(), problem.items.len());
        for (answers, estimate) in problem.items.iter().zip(&done.estimates) {
            let Some(estimate) = estimate else {
                prop_assert!(answers.is_empty());
                continue;
            };
            prop_assert!((estimate.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!((0.0..=1.0).contains(&estimate.confidence));
            prop_assert_eq!(estimate.confidence, estimate.probabilities[estimate.class as usize]);
            if answers.iter().all(|answer| answer.class == answers[0].class) {
                prop_assert_eq!(estimate.class, answers[0].class);
            }
        }
    }

    #[test]
    fn statistics_add_up_in_any_order(a in single_items(), b in multi_items(), c in box_items()) {
        let nothing = Statistics::default();
        let parts = [
            single_label::consolidate(&problem(a), &nothing, &Config::default()).statistics,
            multi_label::consolidate(&problem(b), &nothing, &multi_label::Config::default()).statistics,
            boxes::consolidate(&problem(c), &nothing, &boxes::Config::default()).statistics,
        ];
        let sum = |order: [usize; 3]| {
            let mut sum = Statistics::default();
            for idx in order {
                sum.merge(&parts[idx]);
            }
            sum
        };
        prop_assert_eq!(sum([0, 1, 2]), sum([2, 0, 1]));
        prop_assert_eq!(sum([0, 1, 2]), sum([1, 2, 0]));
        let mut nested = parts[1].clone();
        nested.merge(&parts[2]);
        let mut outer = parts[0].clone();
        outer.merge(&nested);
        prop_assert_eq!(outer, sum([0, 1, 2]));
    }

    /// Some earlier items are asked again and the others count as they were taken; which, the order of merging must not say.
    #[test]
    fn batches_may_be_carried_in_any_order(
        a in single_items(), b in single_items(), c in single_items(), n_again in 0..60_usize, is_sparse: bool,
    ) {
        let mut config = config(is_sparse);
        config.items_again_max = n_again;
        let nothing = Statistics::default();
        let parts = [a, b].map(|items| single_label::consolidate(&problem(items), &nothing, &config).statistics);
        let sum = |order: [usize; 2]| {
            let mut sum = history();
            for idx in order {
                sum.merge(&parts[idx]);
            }
            sum
        };
        let next = problem(c);
        let done = single_label::consolidate(&next, &sum([0, 1]), &config);
        prop_assert_eq!(&single_label::consolidate(&next, &sum([1, 0]), &config), &done);
        // What is carried is no part of what these items leave.
        let n_answers: usize = next.items.iter().map(Vec::len).sum();
        let n_counted: f64 = quality::accuracies(&done.statistics).iter().map(|(_, _, n)| n).sum();
        prop_assert_eq!(n_counted, n_answers as f64);
    }

    /// What is summed up counts as before, as long as none of it would be asked again.
    #[test]
    fn settled_batches_count_as_those_that_are_not_asked_again(
        a in single_items(), b in single_items(), c in single_items(), n_kept in 0..60_usize, is_sparse: bool,
    ) {
        let mut config = config(is_sparse);
        config.items_again_max = 0;
        let nothing = Statistics::default();
        let mut carried = history();
        for items in [a, b] {
            carried.merge(&single_label::consolidate(&problem(items), &nothing, &config).statistics);
        }
        let mut settled = carried.clone();
        settled.settle(n_kept);
        let next = problem(c);
        let expected = single_label::consolidate(&next, &carried, &config);
        prop_assert_eq!(single_label::consolidate(&next, &settled, &config), expected);
        prop_assert_eq!(quality::accuracies(&settled), quality::accuracies(&carried));
        settled.settle(0);
        let mut sum = nothing.clone();
        sum.merge(&settled);
        prop_assert_eq!(quality::accuracies(&sum), quality::accuracies(&carried));
    }

    /// A job may have tasks of both kinds under one folder.
    #[test]
    fn classes_of_images_and_of_boxes_keep_apart(a in single_items(), c in box_items()) {
        let nothing = Statistics::default();
        let images = single_label::consolidate(&problem(a), &nothing, &Config::default()).statistics;
        let boxed = problem(c);
        let config = boxes::Config::default();
        let alone = boxes::consolidate(&boxed, &nothing, &config);
        prop_assert_eq!(boxes::consolidate(&boxed, &images, &config), alone);
    }

    /// Whoever keeps statistics keeps them by batch; what is carried then is the same with a batch repeated.
    #[test]
    fn a_batch_repeated_changes_nothing(a in single_items(), b in single_items(), with_history: bool) {
        let carried = if with_history { history() } else { Statistics::default() };
        let run = |order: &[usize]| {
            let parts = [problem(a.clone()), problem(b.clone())];
            let mut kept: std::collections::BTreeMap<usize, Statistics> = std::collections::BTreeMap::new();
            for idx in order {
                let done = single_label::consolidate(&parts[*idx], &carried, &Config::default());
                kept.insert(*idx, done.statistics);
            }
            let mut sum = carried.clone();
            kept.values().for_each(|statistics| sum.merge(statistics));
            sum
        };
        prop_assert_eq!(run(&[0, 1, 1, 0]), run(&[1, 0]));
    }

    /// Every answer that counts is in the statistics, once.
    #[test]
    fn statistics_hold_every_answer(items in single_items(), with_history: bool, is_sparse: bool) {
        let carried = if with_history { history() } else { Statistics::default() };
        let n_answers: usize = items.iter().map(Vec::len).sum();
        let done = single_label::consolidate(&problem(items), &carried, &config(is_sparse));
        let n_counted: f64 = quality::accuracies(&done.statistics).iter().map(|(_, _, n)| n).sum();
        prop_assert_eq!(n_counted, n_answers as f64);
    }

    #[test]
    fn boxes_are_sound(items in box_items()) {
        let problem = problem(items);
        let done = boxes::consolidate(&problem, &Statistics::default(), &boxes::Config::default());
        for (answers, estimate) in problem.items.iter().zip(&done.estimates) {
            prop_assert_eq!(estimate.is_none(), answers.is_empty());
            let Some(estimate) = estimate else { continue };
            let all = || estimate.boxes.iter().chain(&estimate.rejected);
            let n_drawn: usize = answers.iter().map(|answer| answer.boxes.len()).sum();
            prop_assert_eq!(all().map(|label| label.n_votes as usize).sum::<usize>(), n_drawn);
            for label in all() {
                prop_assert!((0.0..=1.0).contains(&label.confidence));
                prop_assert!(label.n_votes <= label.n_workers);
                prop_assert!(label.width >= -1e-9 && label.height >= -1e-9);
            }
        }
    }
}
