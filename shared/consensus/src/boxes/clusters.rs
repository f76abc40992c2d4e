//! Which boxes of different workers are the same object.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::cluster::{Cluster, Drawn};
use super::grid::Grid;
use super::spreads::Spreads;

/// Two clusters that may be one. Greater: a class in common, then more overlap, then the earlier clusters.
struct Candidate {
    shares_class: bool,
    iou: f64,
    first: u32,
    second: u32,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.shares_class.cmp(&other.shares_class))
            .then(self.iou.total_cmp(&other.iou))
            .then(other.first.cmp(&self.first))
            .then(other.second.cmp(&self.second))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

/// Joins the best pair of clusters until none overlaps enough.
pub(super) fn join(mut drawn: Vec<Drawn>, spreads: &Spreads<'_>, iou_min: f64) -> Vec<Cluster> {
    drawn.sort_by(Drawn::order);
    let mut joining = Joining {
        clusters: Vec::with_capacity(2 * drawn.len()),
        candidates: BinaryHeap::new(),
        grid: Grid::over(drawn.iter().map(|drawn| &drawn.edges), iou_min),
        iou_min,
    };
    for drawn in drawn {
        joining.add(Cluster::of(drawn));
    }
    joining.run(spreads);
    let mut clusters = joining.clusters;
    clusters.retain(|cluster| !cluster.is_joined);
    // A whole job's clusters are held together, and most of this room is for those that were joined.
    clusters.shrink_to_fit();
    clusters
}

struct Joining {
    clusters: Vec<Cluster>,
    candidates: BinaryHeap<Candidate>,
    /// Where the clusters that are not joined are.
    grid: Grid,
    iou_min: f64,
}

impl Joining {
    fn run(&mut self, spreads: &Spreads<'_>) {
        while let Some(Candidate { first, second, .. }) = self.candidates.pop() {
            let place = |idx: u32| self.clusters.get(idx as usize);
            let (Some(a), Some(b)) = (place(first), place(second)) else {
                continue;
            };
            if a.is_joined || b.is_joined {
                continue;
            }
            let mut boxes: Vec<Drawn> = a.boxes.iter().chain(&b.boxes).copied().collect();
            boxes.sort_by(Drawn::order);
            for idx in [first, second] {
                if let Some(cluster) = self.clusters.get_mut(idx as usize) {
                    cluster.is_joined = true;
                    cluster.boxes = Vec::new();
                    self.grid.remove(idx, &cluster.fused);
                }
            }
            self.add(Cluster {
                fused: spreads.fuse(&boxes),
                boxes,
                is_joined: false,
            });
        }
    }

    fn add(&mut self, cluster: Cluster) {
        let second = self.clusters.len() as u32;
        for first in self.grid.near(&cluster.fused) {
            let Some(other) = self.clusters.get(first as usize) else {
                continue;
            };
            let iou = other.fused.iou(&cluster.fused);
            if iou >= self.iou_min && !other.shares_worker(&cluster) {
                self.candidates.push(Candidate {
                    shares_class: other.shares_class(&cluster),
                    iou,
                    first,
                    second,
                });
            }
        }
        self.grid.insert(second, &cluster.fused);
        self.clusters.push(cluster);
    }
}
