//! What consolidating a whole job of generated answers takes of memory, and what it is reckoned to take.
//!
//! `whole-job-memory single-label|multi-label|bounding-box CATEGORIES OBJECTS ANSWERS LABELS`: a data object has so many
//! answers, each of so many labels or boxes. Prints `{"reckoned": …, "taken": …}`, in bytes.

#![expect(
    clippy::print_stdout,
    reason = "the figures are what this program is for"
)]

use std::error::Error;

use consensus::Statistics;
use labeling::consolidation::{Annotation, Config, Content, DataObject, Gathered};
use serde_json::{Value, json};

const N_WORKERS: u64 = 200;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % n
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, numbers @ ..] = arguments.as_slice() else {
        return Err("arguments: KIND CATEGORIES OBJECTS ANSWERS LABELS".into());
    };
    let numbers: Result<Vec<u64>, _> = numbers.iter().map(|number| number.parse()).collect();
    let [n_categories, n_objects, n_answers, n_labels] = numbers?[..] else {
        return Err("arguments: KIND CATEGORIES OBJECTS ANSWERS LABELS".into());
    };
    let categories: Vec<String> = (0..n_categories).map(|n| format!("category-{n}")).collect();
    let config = Config::default();
    let mut chance = Chance(1);
    let before = memory_bytes("VmRSS:").unwrap_or_default();
    let mut gathered = Gathered::new("s3://bucket/job", &config);
    for n in 0..n_objects {
        let truth = chance.below(n_categories);
        let first_worker = chance.below(N_WORKERS);
        let annotations = (0..n_answers).map(|nth| Annotation {
            worker_id: Some(format!("private.{:016}", (first_worker + nth) % N_WORKERS)),
            content: Content::Inline(
                answer(kind, &categories, truth, n_labels, &mut chance).to_string(),
            ),
        });
        gathered.add(
            n,
            &DataObject {
                dataset_object_id: n.to_string(),
                source: None,
                annotations: annotations.collect(),
                problem: None,
            },
        );
    }
    let reckoned = gathered.memory_bytes(Some(&categories));
    let outcome = gathered.consolidate("label", Some(&categories), &Statistics::default());
    let taken = memory_bytes("VmHWM:").unwrap_or_default() - before;
    let n_labels = outcome.response.len() - outcome.failed.len();
    println!(
        "{}",
        json!({"reckoned": reckoned, "taken": taken, "labels": n_labels})
    );
    Ok(())
}

/// A form whose labels are mostly the true one, and the ones after it.
fn answer(
    kind: &str,
    categories: &[String],
    truth: u64,
    n_labels: u64,
    chance: &mut Chance,
) -> Value {
    let n_categories = categories.len() as u64;
    let name = |nth: u64, chance: &mut Chance| {
        let class = match chance.below(10) {
            0 => chance.below(n_categories),
            _ => (truth + nth) % n_categories,
        };
        json!(categories.get(class as usize))
    };
    match kind {
        "single-label" => json!({"form": {"label": name(0, chance)}}),
        "multi-label" => {
            let labels: Vec<Value> = (0..n_labels).map(|nth| name(nth, chance)).collect();
            json!({"form": {"labels": labels}})
        }
        _ => {
            let boxes: Vec<Value> = (0..n_labels)
                .map(|nth| {
                    json!({"label": name(0, chance), "left": 150 * nth + chance.below(6), "top": 30 + chance.below(6),
                        "width": 90 + chance.below(6), "height": 80 + chance.below(6)})
                })
                .collect();
            json!({"form": {"boundingBoxes": boxes, "inputImageProperties": {"width": 16_000, "height": 480}}})
        }
    }
}

/// A figure of this process's status, where there is a `/proc`.
fn memory_bytes(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}
