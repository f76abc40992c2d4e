//! How precisely each worker draws, and where an object's edges are by that.

use super::Config;
use super::cluster::{Cluster, Drawn};
use super::edges::Edges;
use crate::Statistics;
use crate::statistics::{Edges as Sums, ONE};

/// Mean squared error of a horizontal edge before anything is known, in squared widths.
const HORIZONTAL_PRIOR: f64 = 0.01;

/// Mean squared error of a vertical edge before anything is known, in squared heights.
const VERTICAL_PRIOR: f64 = 0.002;

/// Largest error that counts, in widths or heights: one box gone astray says little about the others.
const ERROR_MAX: f64 = 0.5;

/// Edges within this share of the box's size of each other are averaged; farther ones count less, by distance.
const NEAR: f64 = 0.1;

/// Weight of an edge that lies outside of the location, against one inside: where workers disagree, it is more often the
/// loose box that is wrong. Where they agree nothing moves.
const OUTSIDE: f64 = 0.7;

/// Reweightings of a location; it moves by less than a tenth of a pixel after them.
const N_REWEIGHTINGS: usize = 5;

/// Every worker's spread, and the counts it comes from.
pub(super) struct Spreads<'w> {
    workers: &'w [&'w str],
    shrinkage: f64,
    absent: Sums,
    carried: Vec<Sums>,
    batch: Vec<Sums>,
    /// Weights of horizontal and vertical edges: precisions squared, which does better than precisions, because those
    /// who draw well also err more rarely than a normal distribution of their spread says.
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

    /// Measures each of these items' boxes against the fused edges of the others in its cluster: against all, whoever
    /// weighs most would agree with himself and weigh even more.
    pub(super) fn learn<'c>(&mut self, clusters: impl Iterator<Item = &'c Cluster>) {
        let mut batch = vec![Sums::default(); self.workers.len()];
        for cluster in clusters.filter(|cluster| cluster.boxes.len() > 1) {
            for drawn in &cluster.boxes {
                let others: Vec<Drawn> = cluster
                    .boxes
                    .iter()
                    .filter(|other| other.worker != drawn.worker)
                    .copied()
                    .collect();
                let fused = self.fuse(&others);
                let (width, height) = (fused.right - fused.left, fused.bottom - fused.top);
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
            let precision =
                |sum, mean_square| mean(sum, sums.n_boxes, mean_square, self.shrinkage).powi(-2);
            *weight = (
                precision(sums.horizontal, horizontal),
                precision(sums.vertical, vertical),
            );
        }
    }

    /// Weighted location of each edge.
    pub(super) fn fuse(&self, boxes: &[Drawn]) -> Edges {
        let n = boxes.len() as f64;
        let width = boxes
            .iter()
            .map(|drawn| drawn.edges.right - drawn.edges.left)
            .sum::<f64>()
            / n;
        let height = boxes
            .iter()
            .map(|drawn| drawn.edges.bottom - drawn.edges.top)
            .sum::<f64>()
            / n;
        let edge =
            |value: fn(&Edges) -> f64, weight: fn(&(f64, f64)) -> f64, size: f64, outward: f64| {
                let pairs = boxes.iter().map(|drawn| {
                    let weight = self.weights.get(drawn.worker).map_or(1.0, weight);
                    (value(&drawn.edges), weight)
                });
                location(pairs.collect(), size, outward)
            };
        Edges {
            left: edge(|edges| edges.left, |weights| weights.0, width, -1.0),
            top: edge(|edges| edges.top, |weights| weights.1, height, -1.0),
            right: edge(|edges| edges.right, |weights| weights.0, width, 1.0),
            bottom: edge(|edges| edges.bottom, |weights| weights.1, height, 1.0),
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

/// Weighted location that a box gone astray moves little (Huber's), from the weighted median; `size` is that of the
/// box in this direction, in pixels, and `outward` the sign in which its edge would make it larger.
///
/// Neither the mean nor the median does as well: workers' edges are precise with heavy tails, so that nearby edges
/// are worth averaging and far ones are not.
fn location(pairs: Vec<(f64, f64)>, size: f64, outward: f64) -> f64 {
    let near = (NEAR * size).max(f64::MIN_POSITIVE);
    let mut location = weighted_median(pairs.clone());
    for _ in 0..N_REWEIGHTINGS {
        let (mut sum, mut total) = (0.0, 0.0);
        for (value, weight) in &pairs {
            let from = value - location;
            let side = if from * outward > 0.0 { OUTSIDE } else { 1.0 };
            let weight = weight * side * near / from.abs().max(near);
            sum += weight * value;
            total += weight;
        }
        location = sum / total;
    }
    location
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
