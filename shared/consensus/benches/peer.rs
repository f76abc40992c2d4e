//! One whole-job consolidation for `peers.py`: reads `item,worker,class` lines from standard input, prints CPU seconds and
//! seconds from these columns to the answers, a checksum and the process's peak memory, the columns included.
//!
//! Arguments: the number of iterations of expectation maximisation.

use std::io::BufRead;
use std::time::Instant;

use consensus::single_label::{Answer, Config, consolidate};
use consensus::{Problem, Statistics};

/// CPU time of this thread: the machine may be busy with other things.
#[expect(clippy::disallowed_methods, reason = "a bench reads its own CPU time")]
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|field| field.parse::<f64>().ok())
        .unwrap_or_default()
        / 1e9
}

#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
#[expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock, its own CPU time and peak memory"
)]
fn main() {
    let mut config = Config::default();
    // A whole job, after which nothing comes.
    config.leaves_statistics = false;
    match std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
    {
        Some(n_iterations) => config.n_iterations = n_iterations,
        // `cargo bench` without arguments: nothing to read.
        None => return,
    }
    let mut rows: Vec<[u32; 3]> = Vec::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut fields = line
            .split(',')
            .filter_map(|field| field.parse::<u32>().ok());
        if let (Some(item), Some(worker), Some(class)) =
            (fields.next(), fields.next(), fields.next())
        {
            rows.push([item, worker, class]);
        }
    }
    // From the columns that the peer is given, too, to the answers.
    let (start, cpu_start) = (Instant::now(), cpu_seconds());
    let mut items: Vec<Vec<Answer>> = Vec::new();
    let (mut n_workers, mut n_classes) = (0, 0);
    for [item, worker, class] in &rows {
        if items.len() <= *item as usize {
            items.resize_with(*item as usize + 1, || Vec::with_capacity(5));
        }
        if let Some(answers) = items.get_mut(*item as usize) {
            answers.push(Answer {
                worker: *worker,
                class: *class,
            });
        }
        (n_workers, n_classes) = (n_workers.max(worker + 1), n_classes.max(class + 1));
    }
    let problem = Problem {
        items,
        workers: (0..n_workers).map(|worker| worker.to_string()).collect(),
        classes: (0..n_classes).map(|class| class.to_string()).collect(),
    };
    let done = consolidate(&problem, &Statistics::default(), &config);
    let (seconds, cpu_seconds) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu_start);
    let classes: u64 = done
        .estimates
        .iter()
        .flatten()
        .map(|estimate| u64::from(estimate.class))
        .sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("unknown")
        .trim();
    println!("{cpu_seconds} {seconds} {classes} {peak}");
}
