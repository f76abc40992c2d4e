//! Which boxes, of which class, where.

use std::collections::BTreeMap;

use crate::{Consolidation, Problem, Statistics};

/// A box as a worker drew it, in pixels of the image, from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxLabel {
    /// Index into [`Problem::classes`].
    pub class: u32,
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Width, not negative.
    pub width: f64,
    /// Height, not negative.
    pub height: f64,
}

/// One worker's answer to one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Index into [`Problem::workers`].
    pub worker: u32,
    /// The boxes drawn; empty: nothing there, which is evidence.
    pub boxes: Vec<BoxLabel>,
}

/// A box of several workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConsolidatedBox {
    /// Index into [`Problem::classes`].
    pub class: u32,
    /// Left edge, in pixels.
    pub left: f64,
    /// Top edge, in pixels.
    pub top: f64,
    /// Width, in pixels.
    pub width: f64,
    /// Height, in pixels.
    pub height: f64,
    /// Probability in [0, 1] that there is such an object of this class.
    pub confidence: f64,
    /// Workers who drew it.
    pub n_votes: u32,
    /// Workers who answered the item.
    pub n_workers: u32,
}

/// The consolidated boxes of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The boxes accepted, from left to right, then from top to bottom; empty: the workers agree that nothing is there.
    pub boxes: Vec<ConsolidatedBox>,
}

/// Settings.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Two boxes may be the same object when their intersection over union is at least this, in [0, 1].
    pub iou_min: f64,
    /// A box is accepted when at least this share of the workers drew it, in [0, 1].
    pub accept_at_least: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            iou_min: 0.4,
            accept_at_least: 0.5,
        }
    }
}

/// Consolidates the items.
#[must_use]
pub fn consolidate(
    problem: &Problem<Answer>,
    _carried: &Statistics,
    config: &Config,
) -> Consolidation<Estimate> {
    let estimates = problem.items.iter().map(|answers| {
        let mut by_worker = BTreeMap::new();
        for answer in answers {
            if (answer.worker as usize) < problem.workers.len() {
                by_worker.entry(answer.worker).or_insert(&answer.boxes);
            }
        }
        if by_worker.is_empty() {
            return None;
        }
        let mut clusters: Vec<Vec<(u32, BoxLabel)>> = Vec::new();
        for (worker, boxes) in &by_worker {
            for label in boxes
                .iter()
                .filter(|label| (label.class as usize) < problem.classes.len())
            {
                let best = clusters
                    .iter_mut()
                    .filter(|cluster| cluster.iter().all(|(w, _)| w != worker))
                    .map(|cluster| {
                        (
                            cluster
                                .iter()
                                .map(|(_, other)| iou(label, other))
                                .fold(0.0, f64::max),
                            cluster,
                        )
                    })
                    .filter(|(overlap, _)| *overlap >= config.iou_min)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                match best {
                    Some((_, cluster)) => cluster.push((*worker, *label)),
                    None => clusters.push(vec![(*worker, *label)]),
                }
            }
        }
        let n_workers = by_worker.len() as u32;
        let mut boxes: Vec<ConsolidatedBox> = clusters
            .iter()
            .filter_map(|cluster| fuse(cluster, n_workers))
            .collect();
        boxes.retain(|label| label.confidence >= config.accept_at_least);
        boxes.sort_by(|a, b| a.left.total_cmp(&b.left).then(a.top.total_cmp(&b.top)));
        Some(Estimate { boxes })
    });
    Consolidation {
        estimates: estimates.collect(),
        statistics: Statistics::default(),
    }
}

fn fuse(cluster: &[(u32, BoxLabel)], n_workers: u32) -> Option<ConsolidatedBox> {
    let mut votes: BTreeMap<u32, u32> = BTreeMap::new();
    for (_, label) in cluster {
        *votes.entry(label.class).or_default() += 1;
    }
    let (class, _) = votes.iter().rev().max_by_key(|(_, n)| **n)?;
    let left = median(cluster.iter().map(|(_, label)| label.left))?;
    let top = median(cluster.iter().map(|(_, label)| label.top))?;
    let right = median(cluster.iter().map(|(_, label)| label.left + label.width))?;
    let bottom = median(cluster.iter().map(|(_, label)| label.top + label.height))?;
    let n_votes = cluster.len() as u32;
    Some(ConsolidatedBox {
        class: *class,
        left,
        top,
        width: right - left,
        height: bottom - top,
        confidence: f64::from(n_votes) / f64::from(n_workers),
        n_votes,
        n_workers,
    })
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().saturating_sub(1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// Intersection over union, in [0, 1]; 0 for boxes without area.
#[must_use]
pub fn iou(a: &BoxLabel, b: &BoxLabel) -> f64 {
    let width = (a.left + a.width).min(b.left + b.width) - a.left.max(b.left);
    let height = (a.top + a.height).min(b.top + b.height) - a.top.max(b.top);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let both = width * height;
    both / (a.width * a.height + b.width * b.height - both)
}
