//! What a call costs: one batch as Ground Truth sends it, and a whole job.

use consensus::single_label::{Answer, Config, consolidate};
use consensus::{Problem, Statistics};
use divan::Bencher;

fn main() {
    divan::main();
}

/// Answers that are right two times in three, the errors spread evenly; the same ones in every run.
fn problem(n_items: u32, n_workers: u32, n_classes: u32) -> Problem<Answer> {
    let mut state = 1_u64;
    let mut next = |below: u32| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(below)) as u32
    };
    let mut item = || {
        let truth = next(n_classes);
        let first = next(n_workers);
        (0..5)
            .map(|idx| Answer {
                worker: (first + idx * 7) % n_workers,
                class: if next(3) > 0 { truth } else { next(n_classes) },
            })
            .collect()
    };
    Problem {
        items: (0..n_items).map(|_| item()).collect(),
        workers: (0..n_workers)
            .map(|worker| format!("worker-{worker}"))
            .collect(),
        classes: (0..n_classes)
            .map(|class| format!("class-{class}"))
            .collect(),
    }
}

#[divan::bench]
fn batch_of_50(bencher: Bencher<'_, '_>) {
    let carried = consolidate(
        &problem(2_000, 40, 10),
        &Statistics::default(),
        &Config::default(),
    )
    .statistics;
    let batch = problem(50, 40, 10);
    bencher.bench(|| consolidate(divan::black_box(&batch), &carried, &Config::default()));
}

#[divan::bench(sample_count = 10)]
fn whole_job_of_100_000(bencher: Bencher<'_, '_>) {
    let job = problem(100_000, 1_000, 10);
    bencher.bench(|| {
        consolidate(
            divan::black_box(&job),
            &Statistics::default(),
            &Config::default(),
        )
    });
}
