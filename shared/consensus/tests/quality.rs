//! Figures about workers, categories and items, on answers whose makers are known.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use consensus::quality::agreement::{self, Agreement};
use consensus::quality::{Report, WorkerQuality};
use consensus::single_label::Answer;
use consensus::{Problem, Statistics, boxes, multi_label, quality, single_label};

fn names(letter: char, n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{letter}{n}")).collect()
}

fn suspected(report: &Report) -> Vec<&str> {
    let workers = report.workers.iter().filter(|worker| worker.is_suspected);
    workers.map(|worker| worker.worker.as_str()).collect()
}

fn worker(report: &Report, idx: usize) -> &WorkerQuality {
    &report.workers[idx]
}

#[test]
fn any_number_of_classes() {
    // Each item has two of four classes. Workers 0 to 2 are right, 3 overlooks the second class, 4 selects the same
    // two whatever there is, 5 takes class 3 for class 0.
    let items = (0..60_u32).map(|idx| {
        let truth = vec![idx % 4, (idx + 1) % 4];
        let mut answers: Vec<Vec<u32>> = vec![truth.clone(), truth.clone(), truth.clone()];
        answers.push(truth[..1].to_vec());
        answers.push(vec![0, 1]);
        answers.push(
            truth
                .iter()
                .map(|class| if *class == 0 { 3 } else { *class })
                .collect(),
        );
        let answers = (0..).zip(answers);
        answers
            .map(|(worker, classes)| multi_label::Answer { worker, classes })
            .collect()
    });
    let problem = Problem {
        workers: names('w', 6),
        classes: names('c', 4),
        items: items.collect(),
    };
    let done = multi_label::consolidate(&problem, &Statistics::default(), &Default::default());
    let report = quality::multi_label::report(&problem, &done.estimates, 7);
    assert_eq!(suspected(&report), ["w4"]);
    let (good, careless, confusing) = (worker(&report, 0), worker(&report, 3), worker(&report, 5));
    assert_eq!(
        (
            good.n_answers,
            good.disagreement,
            good.most_confused.as_ref()
        ),
        (60, 0.0, None)
    );
    assert!(good.accuracy > 0.85, "{good:?}");
    assert!((careless.disagreement - 0.5).abs() < 1e-9, "{careless:?}");
    let rates = |worker: &WorkerQuality| worker.rates.unwrap();
    assert!(
        rates(good).sensitivity > 0.9 && rates(good).specificity > 0.9,
        "{good:?}"
    );
    assert!(
        (0.45..0.65).contains(&rates(careless).sensitivity),
        "{careless:?}"
    );
    assert!(rates(careless).specificity > 0.9, "{careless:?}");
    let most = confusing.most_confused.as_ref().unwrap();
    assert_eq!(
        (most.consolidated.as_str(), most.answered.as_str(), most.n),
        ("c0", "c3", 15)
    );
    assert_eq!(report.classes.len(), 4);
    assert_eq!(report.classes[0].n_items, 30);
    assert!(
        report
            .classes
            .iter()
            .all(|class| class.agreement.unwrap() < 1.0)
    );
    assert_eq!(report.second_look.len(), 7);
    assert!(
        report
            .second_look
            .is_sorted_by(|a, b| a.confidence <= b.confidence)
    );
    assert!(
        report
            .second_look
            .iter()
            .all(|item| item.n_votes < item.n_answers)
    );
}

#[test]
fn accuracies_are_shrunk_as_consolidation_does() {
    // Worker 2 errs in every other answer, and leaves half of the items.
    let items = (0..40_u32).map(|idx| {
        let (truth, n_workers) = (idx % 3, 2 + idx % 2);
        let class = |worker| {
            if worker == 2 && idx % 4 == 1 {
                (truth + 1) % 3
            } else {
                truth
            }
        };
        let answer = |worker| single_label::Answer {
            worker,
            class: class(worker),
        };
        (0..n_workers).map(answer).collect()
    });
    let problem = Problem {
        workers: names('w', 3),
        classes: names('c', 3),
        items: items.collect(),
    };
    let config = single_label::Config::default();
    let done = single_label::consolidate(&problem, &Statistics::default(), &config);
    let mut sums = [(0.0, 0.0); 3];
    for (answers, estimate) in problem.items.iter().zip(&done.estimates) {
        for answer in answers {
            let (right, n) = &mut sums[answer.worker as usize];
            *right += estimate.as_ref().unwrap().probabilities[answer.class as usize];
            *n += 1.0;
        }
    }
    let (right, n) = sums
        .iter()
        .fold((0.0, 0.0), |all, sum| (all.0 + sum.0, all.1 + sum.1));
    let weight = config.accuracy_shrinkage;
    let report = quality::report(&problem, &done.estimates, 7);
    for (idx, (worker_right, worker_n)) in sums.into_iter().enumerate() {
        let expected = (worker_right + weight * right / n) / (worker_n + weight);
        let found = worker(&report, idx);
        assert!(
            (found.accuracy - expected).abs() < 1e-9,
            "{found:?}: {expected}"
        );
    }
}

fn drawn(class: u32, left: f64) -> boxes::BoxLabel {
    boxes::BoxLabel {
        class,
        left,
        top: 10.0,
        width: 40.0,
        height: 30.0,
    }
}

#[test]
fn boxes_of_workers() {
    // Two boxes an item. Workers 0 to 2 are right, 3 misses the second, 4 draws where nothing is, 5 draws a third box,
    // 6 gives the second the first one's name.
    let items = (0..20).map(|idx| {
        let (a, b) = (drawn(0, f64::from(idx)), drawn(1, 100.0 + f64::from(idx)));
        let answers = [
            vec![a, b],
            vec![a, b],
            vec![b, a],
            vec![a],
            vec![drawn(1, 300.0 + 90.0 * f64::from(idx))],
            vec![a, b, drawn(0, 200.0)],
            vec![a, drawn(0, b.left + 2.0)],
        ];
        let answers = (0..).zip(answers);
        answers
            .map(|(worker, boxes)| boxes::Answer { worker, boxes })
            .collect()
    });
    let problem = Problem {
        workers: names('w', 7),
        classes: names('c', 2),
        items: items.collect(),
    };
    let done = boxes::consolidate(&problem, &Statistics::default(), &Default::default());
    let report = quality::boxes::report(&problem, &done.estimates, 100);
    assert_eq!(suspected(&report), ["w4"]);
    let counts = |idx| {
        let found = worker(&report, idx).boxes.unwrap();
        (found.n_matched, found.n_missed, found.n_extra)
    };
    assert_eq!([counts(0), counts(2)], [(40, 0, 0); 2]);
    assert_eq!(counts(3), (20, 20, 0));
    assert_eq!(counts(4), (0, 40, 20));
    assert_eq!(counts(5), (40, 0, 20));
    assert_eq!(counts(6), (40, 0, 0));
    let mean_iou = |idx| worker(&report, idx).boxes.unwrap().mean_iou;
    assert!(mean_iou(0).unwrap() > 0.98 && mean_iou(6).unwrap() < mean_iou(0).unwrap());
    assert_eq!(mean_iou(4), None);
    let most = worker(&report, 6).most_confused.as_ref().unwrap();
    assert_eq!(
        (most.consolidated.as_str(), most.answered.as_str(), most.n),
        ("c1", "c0", 20)
    );
    assert!((worker(&report, 3).disagreement - 0.5).abs() < 1e-9);
    let class = |idx: usize| {
        (
            report.classes[idx].n_items,
            report.classes[idx].n_answered_elsewhere,
        )
    };
    assert_eq!([class(0), class(1)], [(20, 40), (20, 20)]);
    assert!((report.classes[0].agreement.unwrap() - 6.0 / 7.0).abs() < 1e-9);
    assert_eq!(report.second_look.len(), 20);
    assert_eq!(
        (
            report.second_look[0].label.as_str(),
            report.second_look[0].n_votes
        ),
        ("1 c0, 1 c1", 3)
    );
}

#[test]
fn nothing_to_tell() {
    let nobody = Problem::<multi_label::Answer> {
        workers: names('w', 2),
        classes: names('c', 2),
        items: vec![Vec::new()],
    };
    let done = multi_label::consolidate(&nobody, &Statistics::default(), &Default::default());
    assert_eq!(
        quality::multi_label::report(&nobody, &done.estimates, 5),
        Report::default()
    );
    // Everybody agrees that there is nothing: nobody is a spammer, and nothing is worth a look.
    let items = (0..30).map(|_| {
        (0..3)
            .map(|worker| boxes::Answer {
                worker,
                boxes: vec![],
            })
            .collect()
    });
    let nothing = Problem {
        workers: names('w', 3),
        classes: names('c', 2),
        items: items.collect(),
    };
    let done = boxes::consolidate(&nothing, &Statistics::default(), &Default::default());
    let report = quality::boxes::report(&nothing, &done.estimates, 5);
    assert_eq!(
        (
            suspected(&report),
            report.second_look.len(),
            report.classes.len()
        ),
        (vec![], 0, 0)
    );
    assert!(
        report
            .workers
            .iter()
            .all(|worker| worker.disagreement == 0.0)
    );
}

/// Expected values of α: the Python package krippendorff 0.9.0, level of measurement "nominal".
#[test]
fn agreement_of_single_labels() {
    let check = |units: &[&[u32]], expected: Option<(u32, u32, f64, Option<f64>)>| {
        let answer = |(worker, class): (u32, &u32)| Answer {
            worker,
            class: *class,
        };
        let problem = Problem {
            workers: (0..4).map(|worker| format!("w{worker}")).collect(),
            classes: (0..4).map(|class| format!("c{class}")).collect(),
            items: units
                .iter()
                .map(|unit| (0..).zip(unit.iter()).map(answer).collect())
                .collect(),
        };
        let found = agreement::of_single_label(&problem);
        check_agreement(found, expected, &format!("{units:?}"));
    };
    check(&[], None);
    check(&[&[0], &[], &[1]], None);
    check(&[&[0, 0]], Some((1, 2, 1.0, None)));
    check(&[&[0, 1]], Some((1, 2, 0.0, Some(0.0))));
    // Krippendorff (2011), example C: two to four of three observers, four values.
    check(
        &[
            &[0],
            &[],
            &[1, 1],
            &[0, 0],
            &[2, 2],
            &[2, 2, 3],
            &[3, 3, 3],
            &[0, 2],
            &[1, 1],
            &[0, 0],
            &[0, 0],
            &[2, 2],
            &[2, 2],
            &[],
            &[2, 3],
        ],
        Some((12, 26, 12.0 / 16.0, Some(0.691_358_024_691_358))),
    );
    check(
        &[
            &[0, 0, 0],
            &[0, 1],
            &[2, 2, 1],
            &[1, 1, 1, 0],
            &[2],
            &[],
            &[0, 2, 2, 2],
            &[1, 1],
        ],
        Some((6, 18, 11.0 / 20.0, Some(0.364_485_981_308_411_14))),
    );
}

/// As above, each decision for or against a class being a unit.
#[test]
fn agreement_of_multi_labels() {
    let units: [&[&[u32]]; 5] = [
        &[&[0, 1], &[1, 0], &[0]],
        &[&[2], &[2, 2]],
        &[&[], &[], &[1]],
        &[&[0, 2], &[1]],
        &[&[1]],
    ];
    let answer = |(worker, classes): (u32, &&[u32])| consensus::multi_label::Answer {
        worker,
        classes: classes.to_vec(),
    };
    let problem = Problem {
        workers: (0..3).map(|worker| format!("w{worker}")).collect(),
        classes: (0..4).map(|class| format!("c{class}")).collect(),
        items: units
            .iter()
            .map(|unit| (0..).zip(unit.iter()).map(answer).collect())
            .collect(),
    };
    check_agreement(
        agreement::of_multi_label(&problem),
        Some((4, 10, 3.0 / 8.0, Some(0.388_714_733_542_319_67))),
        "multi-label",
    );
}

fn check_agreement(
    found: Option<Agreement>,
    expected: Option<(u32, u32, f64, Option<f64>)>,
    what: &str,
) {
    let rounded = |value: f64| (value * 1e12).round() / 1e12;
    let found = found.map(|found| {
        (
            found.n_items,
            found.n_answers,
            rounded(found.share_of_pairs),
            found.alpha.map(rounded),
        )
    });
    let expected = expected.map(|(n_items, n_answers, share, alpha)| {
        (n_items, n_answers, rounded(share), alpha.map(rounded))
    });
    assert_eq!(found, expected, "{what}");
}
