//! Small cases whose answer is known.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use consensus::boxes::{self, BoxLabel};
use consensus::multi_label;
use consensus::single_label::{self, Answer, Config};
use consensus::{Problem, Statistics};

fn names(prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|idx| format!("{prefix}{idx:03}")).collect()
}

fn problem<A>(n_classes: usize, items: Vec<Vec<A>>) -> Problem<A> {
    Problem {
        workers: names("w", 12),
        classes: names("c", n_classes),
        items,
    }
}

fn votes(classes: &[u32]) -> Vec<Answer> {
    (0..)
        .zip(classes)
        .map(|(worker, class)| Answer {
            worker,
            class: *class,
        })
        .collect()
}

/// One item alone, nothing carried.
fn check_class(n_classes: usize, classes: &[u32], expected: Option<u32>) {
    let done = single_label::consolidate(
        &problem(n_classes, vec![votes(classes)]),
        &Statistics::default(),
        &Config::default(),
    );
    assert_eq!(
        done.estimates[0].as_ref().map(|estimate| estimate.class),
        expected,
        "{classes:?}"
    );
}

#[test]
fn classes() {
    check_class(3, &[], None);
    check_class(3, &[2], Some(2));
    check_class(3, &[0, 0, 0], Some(0));
    check_class(3, &[1, 1, 0], Some(1));
    check_class(3, &[2, 1], Some(1));
    check_class(3, &[1, 2], Some(1));
    check_class(3, &[2, 1, 0], Some(0));
    check_class(1, &[0, 0], Some(0));
    check_class(3, &[7], None);
    check_class(0, &[0], None);
    check_class(60, &[59, 59, 3], Some(59));
}

#[test]
fn one_worker_has_the_pooled_accuracy() {
    let done = single_label::consolidate(
        &problem(3, vec![votes(&[2])]),
        &Statistics::default(),
        &Config::default(),
    );
    let estimate = done.estimates[0].as_ref().unwrap();
    assert!((0.6..0.8).contains(&estimate.confidence), "{estimate:?}");

    let agreed = problem(3, (0..60).map(|idx| votes(&[idx % 3; 4])).collect());
    let carried =
        single_label::consolidate(&agreed, &Statistics::default(), &Config::default()).statistics;
    let known =
        single_label::consolidate(&problem(3, vec![votes(&[2])]), &carried, &Config::default());
    assert!(known.estimates[0].as_ref().unwrap().confidence > 0.9);
}

#[test]
fn of_several_answers_of_one_worker_the_first_counts() {
    let twice = vec![
        Answer {
            worker: 0,
            class: 1,
        },
        Answer {
            worker: 0,
            class: 0,
        },
        Answer {
            worker: 0,
            class: 0,
        },
    ];
    let done = single_label::consolidate(
        &problem(2, vec![twice]),
        &Statistics::default(),
        &Config::default(),
    );
    assert_eq!(done.estimates[0].as_ref().unwrap().class, 1);
}

#[test]
fn a_known_spammer_is_outvoted_by_one() {
    let mut items = Vec::new();
    for idx in 0..120 {
        let truth = idx % 2;
        let mut item = votes(&[truth, truth, truth]);
        item.push(Answer {
            worker: 3,
            class: 0,
        });
        item.push(Answer {
            worker: 4,
            class: 0,
        });
        items.push(item);
    }
    let carried = single_label::consolidate(
        &problem(2, items),
        &Statistics::default(),
        &Config::default(),
    )
    .statistics;
    let split = vec![
        Answer {
            worker: 0,
            class: 1,
        },
        Answer {
            worker: 3,
            class: 0,
        },
        Answer {
            worker: 4,
            class: 0,
        },
    ];
    let done = single_label::consolidate(&problem(2, vec![split]), &carried, &Config::default());
    assert_eq!(done.estimates[0].as_ref().unwrap().class, 1);
}

/// Two spammers outvote a good worker, before anybody knows them: once they are known, those items speak for him.
#[test]
fn earlier_items_are_asked_again() {
    let vote = |worker, class| Answer { worker, class };
    let misled = problem(2, vec![vec![vote(0, 1), vote(3, 0), vote(4, 0)]; 12]);
    let telling = (0..60).map(|idx| {
        let truth = idx % 2;
        let right = (0..3).map(|worker| vote(worker, truth));
        right.chain([vote(3, 0), vote(4, 0)]).collect()
    });
    let mut items: Vec<Vec<Answer>> = telling.collect();
    items.push(vec![vote(0, 1)]);
    let next = problem(2, items);
    for table_cells_max in [0, 1 << 20] {
        let confidence = |items_again_max| {
            let mut config = Config::default();
            (config.items_again_max, config.table_cells_max) = (items_again_max, table_cells_max);
            let earlier = single_label::consolidate(&misled, &Statistics::default(), &config);
            assert!(
                earlier
                    .estimates
                    .iter()
                    .flatten()
                    .all(|estimate| estimate.class == 0)
            );
            let done = single_label::consolidate(&next, &earlier.statistics, &config);
            done.estimates[60].as_ref().unwrap().confidence
        };
        let (as_taken, again) = (confidence(0), confidence(600));
        assert!(again > as_taken + 0.05, "{again} after {as_taken}");
    }
}

/// Rare classes stay rare, and a little more of one class than of the others says nothing.
#[test]
fn uneven_shares_count_where_they_are_far_from_even() {
    let class_of_a_tie = |n_of_first: u32| {
        let mut items: Vec<Vec<Answer>> = (0..400)
            .map(|idx| votes(&[u32::from(idx % 20 >= n_of_first); 3]))
            .collect();
        items.push(vec![
            Answer {
                worker: 5,
                class: 0,
            },
            Answer {
                worker: 6,
                class: 1,
            },
        ]);
        let done = single_label::consolidate(
            &problem(2, items),
            &Statistics::default(),
            &Config::default(),
        );
        done.estimates[400].as_ref().unwrap().probabilities[1]
    };
    assert!(
        (0.45..0.55).contains(&class_of_a_tie(9)),
        "{}",
        class_of_a_tie(9)
    );
    assert!(class_of_a_tie(2) > 0.6, "{}", class_of_a_tie(2));
}

#[test]
fn statistics_are_left_where_they_are_wanted() {
    let problem = problem(3, vec![votes(&[1, 1, 0])]);
    for table_cells_max in [0, 1 << 20] {
        let mut config = Config::default();
        config.table_cells_max = table_cells_max;
        let with = single_label::consolidate(&problem, &Statistics::default(), &config);
        config.leaves_statistics = false;
        let without = single_label::consolidate(&problem, &Statistics::default(), &config);
        assert_eq!(with.estimates, without.estimates);
        assert!(!with.statistics.is_empty() && without.statistics.is_empty());
    }
}

#[test]
fn many_votes_do_not_underflow() {
    let classes: Vec<u32> = (0..400).map(|idx| u32::from(idx % 3 == 0)).collect();
    let problem = Problem {
        workers: names("w", 400),
        classes: names("c", 10),
        items: vec![votes(&classes)],
    };
    let done = single_label::consolidate(&problem, &Statistics::default(), &Config::default());
    let estimate = done.estimates[0].as_ref().unwrap();
    assert_eq!(estimate.class, 0);
    assert!(estimate.probabilities.iter().all(|p| p.is_finite()));
}

fn check_accepted(answers: &[&[u32]], expected: &[u32]) {
    let answers = (0..)
        .zip(answers)
        .map(|(worker, classes)| multi_label::Answer {
            worker,
            classes: classes.to_vec(),
        });
    let done = multi_label::consolidate(
        &problem(3, vec![answers.collect()]),
        &Statistics::default(),
        &multi_label::Config::default(),
    );
    assert_eq!(done.estimates[0].as_ref().unwrap().accepted, expected);
}

#[test]
fn accepted_classes() {
    check_accepted(&[&[]], &[]);
    check_accepted(&[&[], &[], &[]], &[]);
    check_accepted(&[&[1], &[1], &[1]], &[1]);
    check_accepted(&[&[2, 0], &[0, 2], &[0]], &[0, 2]);
    check_accepted(&[&[2, 2]], &[2]);
    check_accepted(&[&[0], &[], &[], &[], &[], &[]], &[]);
    check_accepted(&[&[9]], &[]);
}

fn label(class: u32, left: f64, top: f64, width: f64, height: f64) -> BoxLabel {
    BoxLabel {
        class,
        left,
        top,
        width,
        height,
    }
}

/// Classes and votes of the accepted boxes.
fn check_boxes(answers: &[&[BoxLabel]], expected: &[(u32, u32)]) {
    let answers = (0..).zip(answers).map(|(worker, boxes)| boxes::Answer {
        worker,
        boxes: boxes.to_vec(),
    });
    let done = boxes::consolidate(
        &problem(3, vec![answers.collect()]),
        &Statistics::default(),
        &boxes::Config::default(),
    );
    let estimate = done.estimates[0].as_ref().unwrap();
    let found: Vec<(u32, u32)> = estimate
        .boxes
        .iter()
        .map(|label| (label.class, label.n_votes))
        .collect();
    assert_eq!(found, expected, "{estimate:?}");
}

#[test]
fn accepted_boxes() {
    let a = label(0, 0.0, 0.0, 10.0, 10.0);
    let near = label(0, 1.0, 0.0, 10.0, 10.0);
    let far = label(1, 50.0, 50.0, 10.0, 10.0);
    check_boxes(&[&[]], &[]);
    check_boxes(&[&[], &[], &[]], &[]);
    check_boxes(&[&[a]], &[(0, 1)]);
    check_boxes(&[&[a], &[near], &[]], &[(0, 2)]);
    check_boxes(&[&[a], &[], &[]], &[]);
    check_boxes(&[&[a, far], &[near], &[near, far]], &[(0, 3), (1, 2)]);
    // Two boxes of one worker are two objects, however much they overlap.
    check_boxes(&[&[a, near], &[a, near]], &[(0, 2), (0, 2)]);
    // Classes: the one that most drew.
    check_boxes(
        &[&[a], &[label(2, 0.0, 0.0, 10.0, 10.0)], &[near]],
        &[(0, 3)],
    );
    check_boxes(&[&[label(0, f64::NAN, 0.0, 1.0, 1.0), a]], &[(0, 1)]);
    check_boxes(&[&[label(0, 0.0, 0.0, -5.0, 1.0)]], &[]);
    check_boxes(&[&[label(9, 0.0, 0.0, 5.0, 1.0)]], &[]);
}

#[test]
fn a_box_gone_astray_moves_the_edges_little() {
    let boxes = [10.0, 10.0, 11.0, 11.0, 19.0].map(|left| vec![label(0, left, 0.0, 40.0, 40.0)]);
    let answers = (0..)
        .zip(boxes)
        .map(|(worker, boxes)| boxes::Answer { worker, boxes })
        .collect();
    let done = boxes::consolidate(
        &problem(1, vec![answers]),
        &Statistics::default(),
        &boxes::Config::default(),
    );
    let left = done.estimates[0].as_ref().unwrap().boxes[0].left;
    assert!((10.0..11.5).contains(&left), "{left}");
}

#[test]
fn presence_rises_with_votes() {
    let config = boxes::Config::default();
    for n_workers in 1..=9 {
        let all: Vec<f64> = (0..=n_workers)
            .map(|n_votes| config.presence(n_votes, n_workers))
            .collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
        assert!(all.iter().all(|p| (0.0..1.0).contains(p)));
    }
    assert!(config.presence(1, 2) > 0.5 && config.presence(2, 5) < 0.5);
}

#[test]
fn intersection_over_union() {
    let check = |a, b, expected: f64| assert!((boxes::iou(&a, &b) - expected).abs() < 1e-12);
    let one = label(0, 0.0, 0.0, 10.0, 10.0);
    check(one, one, 1.0);
    check(one, label(0, 5.0, 0.0, 10.0, 10.0), 1.0 / 3.0);
    check(one, label(0, 10.0, 0.0, 10.0, 10.0), 0.0);
    check(one, label(0, 0.0, 0.0, 0.0, 0.0), 0.0);
}

#[test]
fn quality_tells_spammers_from_the_careless() {
    let mut items = Vec::new();
    for idx in 0..120_u32 {
        let truth = idx % 3;
        let mut item = votes(&[truth, truth, truth]);
        // Always the same, at random, and careless with one pair.
        item.push(Answer {
            worker: 3,
            class: 0,
        });
        item.push(Answer {
            worker: 4,
            class: (idx / 3 + idx / 7) % 3,
        });
        item.push(Answer {
            worker: 5,
            class: if truth == 2 && idx % 2 == 0 { 1 } else { truth },
        });
        items.push(item);
    }
    let problem = problem(3, items);
    let done = single_label::consolidate(&problem, &Statistics::default(), &Config::default());
    let report = consensus::quality::report(&problem, &done.estimates, 5);
    let suspected: Vec<&str> = report
        .workers
        .iter()
        .filter(|worker| worker.is_suspected)
        .map(|worker| worker.worker.as_str())
        .collect();
    assert_eq!(suspected, ["w003", "w004"]);
    let careless = &report.workers[5];
    let confused = careless.most_confused.as_ref().unwrap();
    assert_eq!(
        (
            confused.consolidated.as_str(),
            confused.answered.as_str(),
            confused.n
        ),
        ("c002", "c001", 20)
    );
    assert!((careless.disagreement - 20.0 / 120.0).abs() < 1e-9);
    assert!(report.workers[0].accuracy > 0.9 && report.workers[3].accuracy < 0.5);
    assert_eq!(report.second_look.len(), 5);
    assert!(
        report
            .second_look
            .is_sorted_by(|a, b| a.confidence <= b.confidence)
    );
    assert_eq!(report.classes.len(), 3);
    assert_eq!(report.classes[0].n_items, 40);

    let accuracies = consensus::quality::accuracies(&done.statistics);
    assert_eq!(accuracies.len(), 6);
    assert!(accuracies[0].1 > 0.9 && accuracies[3].1 < 0.5);
}

#[test]
fn a_thousand_classes_of_five_hundred_workers() {
    let names = |prefix: &str, n: u32| (0..n).map(|idx| format!("{prefix}{idx}")).collect();
    // One worker in ten answers anything.
    let answer = |item: u32, worker: u32| Answer {
        worker,
        class: match worker % 10 {
            0 => (item * 31 + worker * 17) % 1000,
            _ => item % 1000,
        },
    };
    let item = |item: u32| {
        (0..5)
            .map(|idx| answer(item, (item * 7 + idx * 3) % 500))
            .collect()
    };
    let batch = |start: u32, n: u32| Problem {
        workers: names("worker-", 500),
        classes: names("class-", 1000),
        items: (start..start + n).map(item).collect(),
    };
    let config = Config::default();
    let job = single_label::consolidate(&batch(0, 5_000), &Statistics::default(), &config);
    for (idx, estimate) in job.estimates.iter().enumerate() {
        let estimate = estimate.as_ref().unwrap();
        assert_eq!(estimate.class as usize, idx % 1000);
        assert!((estimate.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
    // A batch that knows the workers believes one who is mostly right against one who never is.
    let mut next = batch(5_000, 50);
    next.items[0] = vec![
        Answer {
            worker: 1,
            class: 7,
        },
        Answer {
            worker: 10,
            class: 3,
        },
        Answer {
            worker: 20,
            class: 2,
        },
    ];
    let done = single_label::consolidate(&next, &job.statistics, &config);
    assert_eq!(done.estimates[0].as_ref().unwrap().class, 7);
}
