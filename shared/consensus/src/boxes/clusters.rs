//! Which boxes of different workers are the same object.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::BoxLabel;
use super::edges::{Edges, Spreads};

/// A box and who drew it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drawn {
    /// Rank of the worker by name.
    pub(super) worker: usize,
    pub(super) class: u32,
    pub(super) edges: Edges,
}

impl Drawn {
    /// `None` for a box with an edge that is not finite or with a negative size.
    pub(super) fn new(worker: usize, label: &BoxLabel) -> Option<Self> {
        let edges = Edges::of(label);
        let is_usable = [edges.left, edges.top, edges.right, edges.bottom]
            .iter()
            .all(|edge| edge.is_finite())
            && label.width >= 0.0
            && label.height >= 0.0;
        is_usable.then_some(Self {
            worker,
            class: label.class,
            edges,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        let of = |drawn: &Self| {
            [
                drawn.edges.left,
                drawn.edges.top,
                drawn.edges.right,
                drawn.edges.bottom,
            ]
        };
        let edges = of(self).into_iter().zip(of(other));
        edges
            .fold(self.worker.cmp(&other.worker), |order, (a, b)| {
                order.then(a.total_cmp(&b))
            })
            .then(self.class.cmp(&other.class))
    }
}

/// Boxes of one object, at most one a worker, in order of workers.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) boxes: Vec<Drawn>,
    fused: Edges,
    is_joined: bool,
}

impl Cluster {
    fn shares_worker(&self, other: &Self) -> bool {
        self.boxes
            .iter()
            .any(|a| other.boxes.iter().any(|b| a.worker == b.worker))
    }

    fn shares_class(&self, other: &Self) -> bool {
        self.boxes
            .iter()
            .any(|a| other.boxes.iter().any(|b| a.class == b.class))
    }
}

/// Two clusters that may be one. Greater: a class in common, then more overlap, then the earlier clusters.
struct Candidate {
    shares_class: bool,
    iou: f64,
    first: usize,
    second: usize,
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
    let mut clusters: Vec<Cluster> = Vec::with_capacity(2 * drawn.len());
    let mut candidates = BinaryHeap::new();
    for drawn in drawn {
        let cluster = Cluster {
            fused: drawn.edges,
            boxes: vec![drawn],
            is_joined: false,
        };
        add(cluster, &mut clusters, &mut candidates, iou_min);
    }
    while let Some(Candidate { first, second, .. }) = candidates.pop() {
        let (Some(a), Some(b)) = (clusters.get(first), clusters.get(second)) else {
            continue;
        };
        if a.is_joined || b.is_joined {
            continue;
        }
        let mut boxes: Vec<Drawn> = a.boxes.iter().chain(&b.boxes).copied().collect();
        boxes.sort_by(Drawn::order);
        for idx in [first, second] {
            if let Some(cluster) = clusters.get_mut(idx) {
                cluster.is_joined = true;
            }
        }
        let cluster = Cluster {
            fused: spreads.fuse(&boxes),
            boxes,
            is_joined: false,
        };
        add(cluster, &mut clusters, &mut candidates, iou_min);
    }
    clusters.retain(|cluster| !cluster.is_joined);
    // A whole job's clusters are held together, and most of this room is for those that were joined.
    clusters.shrink_to_fit();
    clusters
}

fn add(
    cluster: Cluster,
    clusters: &mut Vec<Cluster>,
    candidates: &mut BinaryHeap<Candidate>,
    iou_min: f64,
) {
    let second = clusters.len();
    for (first, other) in clusters
        .iter()
        .enumerate()
        .filter(|(_, other)| !other.is_joined)
    {
        let iou = other.fused.iou(&cluster.fused);
        if iou >= iou_min && !other.shares_worker(&cluster) {
            candidates.push(Candidate {
                shares_class: other.shares_class(&cluster),
                iou,
                first,
                second,
            });
        }
    }
    clusters.push(cluster);
}
