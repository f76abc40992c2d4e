//! Where a box's edges are, and how precisely each worker draws them.

use super::clusters::{Cluster, Drawn};
use super::{BoxLabel, Config};
use crate::Statistics;
use crate::statistics::{Edges as Sums, ONE};

/// Mean squared error of a horizontal edge before anything is known, in squared widths.
const HORIZONTAL_PRIOR: f64 = 0.01;

/// Mean squared error of a vertical edge before anything is known, in squared heights.
const VERTICAL_PRIOR: f64 = 0.002;

/// Largest error that counts, in widths or heights: one box gone astray says little about the others.
const ERROR_MAX: f64 = 0.5;

/// Edges in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edges {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Edges {
    pub(super) fn of(label: &BoxLabel) -> Self {
        Self {
            left: label.left,
            top: label.top,
            right: label.left + label.width,
            bottom: label.top + label.height,
        }
    }

    pub(super) fn iou(&self, other: &Self) -> f64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let both = width * height;
        both / (self.area() + other.area() - both)
    }

    fn area(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }
}

/// Every worker's spread, and the counts it comes from.
pub(super) struct Spreads<'w> {
    workers: &'w [&'w str],
    shrinkage: f64,
    absent: Sums,
    carried: Vec<Sums>,
    batch: Vec<Sums>,
    /// Weights of horizontal and vertical edges.
    weights: Vec<(f64, f64)>,
}

impl<'w> Spreads<'w> {
    pub(super) fn new(workers: &'w [&'w str], carried: &Statistics, config: &Config) -> Self {
        let mut absent = Sums::default();
        for (worker, sums) in &carried.edges {
            if workers.binary_search(&worker.as_str()).is_err() {
                absent.merge(sums);
            }
        }
        let mut spreads = Self {
            workers,
            shrinkage: config.spread_shrinkage,
            absent,
            carried: workers
                .iter()
                .map(|worker| carried.edges.get(*worker).copied().unwrap_or_default())
                .collect(),
            batch: vec![Sums::default(); workers.len()],
            weights: vec![(1.0, 1.0); workers.len()],
        };
        spreads.weigh();
        spreads
    }

    /// Measures these items' boxes against their clusters' fused edges.
    pub(super) fn learn<'c>(&mut self, clusters: impl Iterator<Item = &'c Cluster>) {
        let mut batch = vec![Sums::default(); self.workers.len()];
        for cluster in clusters.filter(|cluster| cluster.boxes.len() > 1) {
            let fused = self.fuse(&cluster.boxes);
            let (width, height) = (fused.right - fused.left, fused.bottom - fused.top);
            for drawn in &cluster.boxes {
                if let Some(sums) = batch.get_mut(drawn.worker) {
                    sums.n_boxes += ONE as u64;
                    sums.horizontal += squared(drawn.edges.left - fused.left, width)
                        + squared(drawn.edges.right - fused.right, width);
                    sums.vertical += squared(drawn.edges.top - fused.top, height)
                        + squared(drawn.edges.bottom - fused.bottom, height);
                }
            }
        }
        self.batch = batch;
        self.weigh();
    }

    fn weigh(&mut self) {
        let mut all = self.absent;
        for sums in self.carried.iter().chain(&self.batch) {
            all.merge(sums);
        }
        let horizontal = mean(
            all.horizontal,
            all.n_boxes,
            HORIZONTAL_PRIOR,
            self.shrinkage,
        );
        let vertical = mean(all.vertical, all.n_boxes, VERTICAL_PRIOR, self.shrinkage);
        for ((weight, carried), batch) in
            self.weights.iter_mut().zip(&self.carried).zip(&self.batch)
        {
            let mut sums = *carried;
            sums.merge(batch);
            *weight = (
                1.0 / mean(sums.horizontal, sums.n_boxes, horizontal, self.shrinkage),
                1.0 / mean(sums.vertical, sums.n_boxes, vertical, self.shrinkage),
            );
        }
    }

    /// Weighted median of each edge.
    pub(super) fn fuse(&self, boxes: &[Drawn]) -> Edges {
        let edge = |value: fn(&Edges) -> f64, weight: fn(&(f64, f64)) -> f64| {
            let pairs = boxes.iter().map(|drawn| {
                let weight = self.weights.get(drawn.worker).map_or(1.0, weight);
                (value(&drawn.edges), weight)
            });
            weighted_median(pairs.collect())
        };
        Edges {
            left: edge(|edges| edges.left, |weight| weight.0),
            top: edge(|edges| edges.top, |weight| weight.1),
            right: edge(|edges| edges.right, |weight| weight.0),
            bottom: edge(|edges| edges.bottom, |weight| weight.1),
        }
    }

    /// Adds the counts of these items alone.
    pub(super) fn write_to(&self, statistics: &mut Statistics) {
        for (worker, sums) in self.workers.iter().zip(&self.batch) {
            if sums.n_boxes > 0 {
                statistics.edges.insert((*worker).to_owned(), *sums);
            }
        }
    }
}

/// Mean of two edges' squared errors a box.
fn mean(sum: u64, n_boxes: u64, prior: f64, weight: f64) -> f64 {
    ((sum as f64 / ONE / 2.0 + weight * prior) / (n_boxes as f64 / ONE + weight)).max(1e-6)
}

fn squared(error: f64, size: f64) -> u64 {
    let relative = if size > 0.0 {
        (error / size).abs().min(ERROR_MAX)
    } else {
        0.0
    };
    (relative * relative * ONE).round() as u64
}

/// The value below and above which lies at most half of the weight; the mean of two such values.
fn weighted_median(mut pairs: Vec<(f64, f64)>) -> f64 {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let half = pairs.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    let mut below = 0.0;
    let mut values = pairs.iter().peekable();
    while let Some((value, weight)) = values.next() {
        below += weight;
        if below > half * (1.0 + 1e-9) {
            return *value;
        }
        if below >= half * (1.0 - 1e-9)
            && let Some((next, _)) = values.peek()
        {
            return (value + next) / 2.0;
        }
    }
    pairs.last().map_or(0.0, |pair| pair.0)
}
