//! Simulated workers: the noise model.
//!
//! Single-label: right with probability `accuracy`, else any other category alike. Multi-label: each category that
//! is there is named with probability `accuracy`, each that is not with probability (1 − `accuracy`) / 4. Boxes:
//! each object is marked with probability `recall`; each edge is off by a normal error with standard deviation
//! `edge_error` × the box's size across that edge, three times as much in one answer of ten (real errors have heavy
//! tails); its category is wrong as in single-label; a box around nothing comes with probability `false_box`.
//! A spammer answers without looking: always the first category, or one box in the middle.
//!
//! The figures of [`crew`] are near those of real crowds (Caltech pedestrians drawn by 43 workers: edge error
//! .065/.095/.152 and recall .80/.90/.98 at the 10th, 50th and 90th percentile; sbranson/online_crowdsourcing).

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::{Truth, TruthBox};

/// One worker's answer to one data object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerAnswer {
    /// As Ground Truth names workers: `private.<region>.<id>`.
    pub worker_id: String,
    /// JSON text, as in `annotationData.content`.
    pub content: String,
}

/// A worker of the noise model that this module's documentation describes.
#[derive(Debug, Clone)]
pub struct SimulatedWorker {
    /// As Ground Truth names workers.
    pub id: String,
    /// Probability of naming the right category, in \[0, 1\].
    pub accuracy: f64,
    /// Probability of marking an object, in \[0, 1\].
    pub recall: f64,
    /// Standard deviation of an edge's error, as a share of the box's size.
    pub edge_error: f64,
    /// Probability of a box around nothing, in \[0, 1\].
    pub false_box: f64,
    /// Answers without looking.
    pub is_spammer: bool,
}

/// Eight workers of different quality, one of them a spammer.
pub fn crew(random: &mut StdRng) -> Vec<SimulatedWorker> {
    [
        (0.97, 0.98, 0.02, 0.00),
        (0.95, 0.97, 0.03, 0.01),
        (0.92, 0.95, 0.04, 0.02),
        (0.90, 0.93, 0.05, 0.02),
        (0.86, 0.90, 0.06, 0.04),
        (0.80, 0.86, 0.09, 0.06),
        (0.62, 0.75, 0.14, 0.14),
    ]
    .into_iter()
    .map(|(accuracy, recall, edge_error, false_box)| {
        (accuracy, recall, edge_error, false_box, false)
    })
    .chain([(0.25, 0.0, 0.0, 0.0, true)])
    .map(
        |(accuracy, recall, edge_error, false_box, is_spammer)| SimulatedWorker {
            id: format!("private.us-east-1.{:016x}", random.random::<u64>()),
            accuracy,
            recall,
            edge_error,
            false_box,
            is_spammer,
        },
    )
    .collect()
}

impl SimulatedWorker {
    /// This worker's answer to an object of known truth, in the form of the Crowd HTML element of its task.
    pub fn answer(
        &self,
        truth: &Truth,
        categories: &[String],
        size_px: (u32, u32),
        random: &mut StdRng,
    ) -> WorkerAnswer {
        let content = match truth {
            Truth::SingleLabel(right) => {
                json!({"crowd-image-classifier": {"label": self.category(right, categories, random)}})
            }
            Truth::MultiLabel(right) => {
                json!({"crowd-image-classifier-multi-select": {"labels": self.categories(right, categories, random)}})
            }
            Truth::Boxes(right) => json!({"boundingBox": {
                "boundingBoxes": self.boxes(right, categories, size_px, random),
                "inputImageProperties": {"height": size_px.1, "width": size_px.0},
            }}),
        };
        WorkerAnswer {
            worker_id: self.id.clone(),
            content: content.to_string(),
        }
    }

    fn category(&self, right: &str, categories: &[String], random: &mut StdRng) -> String {
        if self.is_spammer {
            return categories.first().cloned().unwrap_or_default();
        }
        if random.random_bool(self.accuracy) {
            return right.to_owned();
        }
        let wrong: Vec<&String> = categories
            .iter()
            .filter(|category| *category != right)
            .collect();
        wrong
            .choose(random)
            .map_or_else(|| right.to_owned(), |category| (*category).clone())
    }

    fn categories(
        &self,
        right: &[String],
        categories: &[String],
        random: &mut StdRng,
    ) -> Vec<String> {
        if self.is_spammer {
            return categories.first().cloned().into_iter().collect();
        }
        categories
            .iter()
            .filter(|category| {
                let named = if right.contains(category) {
                    self.accuracy
                } else {
                    (1.0 - self.accuracy) / 4.0
                };
                random.random_bool(named)
            })
            .cloned()
            .collect()
    }

    fn boxes(
        &self,
        right: &[TruthBox],
        categories: &[String],
        (width_px, height_px): (u32, u32),
        random: &mut StdRng,
    ) -> Vec<Value> {
        let (width, height) = (f64::from(width_px), f64::from(height_px));
        if self.is_spammer {
            let label = categories.first().cloned().unwrap_or_default();
            return vec![drawn_box(
                &label,
                [width / 4.0, height / 4.0, width * 0.75, height * 0.75],
                (width, height),
            )];
        }
        let mut drawn = Vec::new();
        for object in right {
            if !random.random_bool(self.recall) {
                continue;
            }
            let spread = if random.random_bool(0.1) { 3.0 } else { 1.0 } * self.edge_error;
            let mut off = |edge: f64, size: f64| edge + spread * size * standard_normal(random);
            let edges = [
                off(object.left, object.width),
                off(object.top, object.height),
                off(object.left + object.width, object.width),
                off(object.top + object.height, object.height),
            ];
            let label = self.category(&object.label, categories, random);
            drawn.push(drawn_box(&label, edges, (width, height)));
        }
        if random.random_bool(self.false_box) {
            let label = categories.choose(random).cloned().unwrap_or_default();
            let (left, top) = (
                random.random_range(0.0..width * 0.8),
                random.random_range(0.0..height * 0.8),
            );
            drawn.push(drawn_box(
                &label,
                [left, top, left + width * 0.2, top + height * 0.2],
                (width, height),
            ));
        }
        drawn
    }
}

/// A box as crowd-bounding-box submits it: whole pixels, inside the image, at least two pixels each way.
fn drawn_box(label: &str, [x1, y1, x2, y2]: [f64; 4], (width, height): (f64, f64)) -> Value {
    let across = |low: f64, high: f64, size: f64| {
        let start = low.min(high).round().clamp(0.0, size - 2.0);
        let end = low.max(high).round().clamp(start + 2.0, size);
        (start as i64, (end - start) as i64)
    };
    let (left, box_width) = across(x1, x2, width);
    let (top, box_height) = across(y1, y2, height);
    json!({"height": box_height, "label": label, "left": left, "top": top, "width": box_width})
}

/// A draw near the standard normal distribution: twelve uniform draws added up, less their mean.
fn standard_normal(random: &mut StdRng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn accuracy_is_the_share_of_right_answers() {
        let mut random = StdRng::seed_from_u64(3);
        let categories: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        for worker in crew(&mut random).iter().filter(|worker| !worker.is_spammer) {
            let n_right = (0..4000)
                .filter(|_| worker.category("b", &categories, &mut random) == "b")
                .count();
            let share = n_right as f64 / 4000.0;
            assert!(
                (share - worker.accuracy).abs() < 0.03,
                "{share} against {}",
                worker.accuracy
            );
        }
    }

    #[test]
    fn boxes_are_whole_pixels_inside_the_image() {
        let size = (100.0, 80.0);
        for edges in [
            [-5.0, -5.0, 300.0, 300.0],
            [99.9, 79.9, 120.0, 130.0],
            [50.0, 50.0, 20.0, 20.0],
        ] {
            let found = drawn_box("x", edges, size);
            let number = |name: &str| found[name].as_i64().expect("whole pixels");
            assert!(number("left") >= 0 && number("top") >= 0);
            assert!(number("width") >= 2 && number("height") >= 2);
            assert!(
                number("left") + number("width") <= 100 && number("top") + number("height") <= 80
            );
        }
    }

    #[test]
    fn a_spammer_always_answers_the_same() {
        let mut random = StdRng::seed_from_u64(3);
        let spammer = crew(&mut random).pop().expect("the last of the crew");
        let categories: Vec<String> = ["a", "b"].map(str::to_owned).to_vec();
        let answer = spammer.answer(
            &Truth::SingleLabel("b".to_owned()),
            &categories,
            (64, 64),
            &mut random,
        );
        assert_eq!(
            answer.content,
            r#"{"crowd-image-classifier":{"label":"a"}}"#
        );
    }
}
