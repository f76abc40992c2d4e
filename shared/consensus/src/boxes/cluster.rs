//! Boxes of one object.

use std::cmp::Ordering;

use super::BoxLabel;
use super::edges::Edges;

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

    pub(super) fn order(&self, other: &Self) -> Ordering {
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
    pub(super) fused: Edges,
    pub(super) is_joined: bool,
}

impl Cluster {
    pub(super) fn of(drawn: Drawn) -> Self {
        Self {
            fused: drawn.edges,
            boxes: vec![drawn],
            is_joined: false,
        }
    }

    pub(super) fn shares_worker(&self, other: &Self) -> bool {
        let (mut mine, mut theirs) = (self.boxes.iter(), other.boxes.iter());
        let (mut a, mut b) = (mine.next(), theirs.next());
        while let (Some(one), Some(another)) = (a, b) {
            match one.worker.cmp(&another.worker) {
                Ordering::Less => a = mine.next(),
                Ordering::Greater => b = theirs.next(),
                Ordering::Equal => return true,
            }
        }
        false
    }

    pub(super) fn shares_class(&self, other: &Self) -> bool {
        self.boxes
            .iter()
            .any(|a| other.boxes.iter().any(|b| a.class == b.class))
    }
}
