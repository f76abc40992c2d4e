//! Which boxes, of which class, where.
//!
//! Boxes of different workers are joined to clusters, the best overlap first, two boxes of the same class before any
//! other, and never two boxes of one worker. A cluster's edges are robust means weighted by how precisely each
//! worker draws; its class comes from [`crate::single_label`]; its presence from the share of workers who drew it.
//!
//! Presence does not use the workers' recall: what one worker misses depends on the object (small, hidden) more than
//! on the worker, and expectation maximisation over recalls throws small objects away.
//!
//! Sources: Branson et al., "Lean crowdsourcing", CVPR 2017, for clusters with one box a worker and workers'
//! precision; the data they published for the numbers in [`Config`].

mod cluster;
mod clusters;
mod crowded;
mod edges;
mod grid;
mod spreads;

use crate::single_label;
use crate::{Consolidation, Problem, Statistics};
use cluster::{Cluster, Drawn};
pub use crowded::{PAIRS_FREE, PAIRS_PER_BOX_MAX};
use spreads::Spreads;

/// Most boxes of all workers that are looked at for one item, inclusive: nine workers, as many as Ground Truth asks, who
/// draw a thousand boxes each, with some to spare.
pub const BOXES_PER_ITEM_MAX: usize = 10_000;

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
    /// The boxes accepted, from left to right, then from top to bottom; empty: nothing is there.
    pub boxes: Vec<ConsolidatedBox>,
    /// The boxes that too few workers drew, in the same order.
    pub rejected: Vec<ConsolidatedBox>,
    /// Workers, as indices into [`Problem::workers`], whose answers to this item were left out because joining them takes
    /// too long: see [`BOXES_PER_ITEM_MAX`] and [`PAIRS_PER_BOX_MAX`]. Nearly always none.
    pub left_out: Vec<u32>,
}

/// Settings. The defaults were chosen on crowd-drawn boxes of pedestrians with experts' boxes as truth.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Two boxes may be the same object when their intersection over union is at least this, in [0, 1].
    pub iou_min: f64,
    /// A box is accepted when the probability of its presence is at least this, in [0, 1]. One half accepts what at
    /// least half of the workers drew.
    pub accept_at_least: f64,
    /// Weight of all workers' spread in a worker's, in boxes.
    pub spread_shrinkage: f64,
    /// Iterations between edges and spreads.
    pub n_iterations: u32,
    /// Log odds of presence when nobody drew a box.
    pub presence_base: f64,
    /// What the share of workers who drew it adds to the log odds when all did.
    pub presence_slope: f64,
    /// Workers' answers, half of them for the box, that are added to the share: a single worker's box is not certain.
    pub presence_shrinkage: f64,
    /// How to choose a box's class.
    pub classes: single_label::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            iou_min: 0.35,
            accept_at_least: 0.5,
            spread_shrinkage: 8.0,
            n_iterations: 3,
            presence_base: -3.3,
            presence_slope: 7.9,
            presence_shrinkage: 0.0,
            classes: single_label::Config::default(),
        }
    }
}

impl Config {
    /// Probability in [0, 1] that there is an object where `n_votes` of `n_workers` workers drew a box.
    #[must_use]
    pub fn presence(&self, n_votes: u32, n_workers: u32) -> f64 {
        let share = (f64::from(n_votes) + self.presence_shrinkage / 2.0)
            / (f64::from(n_workers) + self.presence_shrinkage);
        1.0 / (1.0 + (-self.presence_base - self.presence_slope * share).exp())
    }
}

/// Consolidates the items.
///
/// An item whose workers drew nothing has an estimate without boxes. A box with an edge that is not finite, or with
/// a negative size, is left out. Answers beyond [`BOXES_PER_ITEM_MAX`] or [`PAIRS_PER_BOX_MAX`] are left out as if they
/// weren't there, those first that take most.
#[must_use]
pub fn consolidate(
    problem: &Problem<Answer>,
    carried: &Statistics,
    config: &Config,
) -> Consolidation<Estimate> {
    let mut workers: Vec<&str> = problem
        .items
        .iter()
        .flatten()
        .filter_map(|answer| problem.workers.get(answer.worker as usize))
        .map(String::as_str)
        .collect();
    workers.sort_unstable();
    workers.dedup();
    let mut spreads = Spreads::new(&workers, carried, config);
    let items: Vec<Option<Item>> = problem
        .items
        .iter()
        .map(|answers| Item::new(answers, problem, &workers, &spreads, config))
        .collect();
    for _ in 0..config.n_iterations {
        spreads.learn(items.iter().flatten().flat_map(|item| &item.clusters));
    }

    let (classes, box_classes) = single_label::consolidate_classes(
        &class_problem(problem, &workers, &items),
        &carried.box_classes,
        &single_label::Config {
            keeps_probabilities: false,
            ..config.classes.clone()
        },
    );
    let mut chosen = classes.into_iter();
    let estimates = items
        .iter()
        .map(|item| {
            let item = item.as_ref()?;
            let mut all: Vec<ConsolidatedBox> = Vec::with_capacity(item.clusters.len());
            for cluster in &item.clusters {
                let Some(class) = chosen.next().flatten() else {
                    continue;
                };
                let n_votes = cluster.boxes.len() as u32;
                let edges = spreads.fuse(&cluster.boxes);
                all.push(ConsolidatedBox {
                    class: class.class,
                    left: edges.left,
                    top: edges.top,
                    width: edges.right - edges.left,
                    height: edges.bottom - edges.top,
                    confidence: config.presence(n_votes, item.n_workers) * class.confidence,
                    n_votes,
                    n_workers: item.n_workers,
                });
            }
            all.sort_by(|a, b| {
                let of =
                    |label: &ConsolidatedBox| [label.left, label.top, label.width, label.height];
                let pairs = of(a).into_iter().zip(of(b));
                pairs
                    .fold(std::cmp::Ordering::Equal, |order, (a, b)| {
                        order.then(a.total_cmp(&b))
                    })
                    .then(a.class.cmp(&b.class))
            });
            let (boxes, rejected) = all.into_iter().partition(|label| {
                config.presence(label.n_votes, label.n_workers) >= config.accept_at_least
            });
            Some(Estimate {
                boxes,
                rejected,
                left_out: item.left_out.clone(),
            })
        })
        .collect();
    let mut statistics = Statistics {
        box_classes,
        ..Statistics::default()
    };
    spreads.write_to(&mut statistics);
    Consolidation {
        estimates,
        statistics,
    }
}

/// One item's clusters.
struct Item {
    n_workers: u32,
    clusters: Vec<Cluster>,
    left_out: Vec<u32>,
}

impl Item {
    fn new(
        answers: &[Answer],
        problem: &Problem<Answer>,
        workers: &[&str],
        spreads: &Spreads,
        config: &Config,
    ) -> Option<Self> {
        let mut ranked: Vec<(usize, &Answer)> = answers
            .iter()
            .filter_map(|answer| {
                let name = problem.workers.get(answer.worker as usize)?.as_str();
                Some((workers.binary_search(&name).ok()?, answer))
            })
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.dedup_by_key(|(rank, _)| *rank);
        let usable = |(worker, answer): &(usize, &Answer)| {
            let of_classes = answer.boxes.iter();
            let of_classes =
                of_classes.filter(|label| (label.class as usize) < problem.classes.len());
            let drawn = of_classes.filter_map(|label| Drawn::new(*worker, label));
            (*worker, drawn.collect())
        };
        let mut drawn: Vec<(usize, Vec<Drawn>)> = ranked.iter().map(usable).collect();
        let is_out = crowded::leave_out(&mut drawn, config.iou_min);
        let left_out = ranked.iter().filter(|(rank, _)| is_out.contains(rank));
        let n_workers = drawn.len() as u32;
        let drawn: Vec<Drawn> = drawn.into_iter().flat_map(|(_, drawn)| drawn).collect();
        (n_workers > 0).then(|| Self {
            n_workers,
            clusters: clusters::join(drawn, spreads, config.iou_min),
            left_out: left_out.map(|(_, answer)| answer.worker).collect(),
        })
    }
}

/// The classes of the clusters' boxes as a question of its own.
fn class_problem(
    problem: &Problem<Answer>,
    workers: &[&str],
    items: &[Option<Item>],
) -> Problem<single_label::Answer> {
    let clusters = items.iter().flatten().flat_map(|item| &item.clusters);
    let answer = |drawn: &Drawn| single_label::Answer {
        worker: drawn.worker as u32,
        class: drawn.class,
    };
    Problem {
        workers: workers.iter().map(|worker| (*worker).to_owned()).collect(),
        classes: problem.classes.clone(),
        items: clusters
            .map(|cluster| cluster.boxes.iter().map(answer).collect())
            .collect(),
    }
}

/// Intersection over union, in [0, 1]; 0 for boxes without area.
#[must_use]
pub fn iou(a: &BoxLabel, b: &BoxLabel) -> f64 {
    edges::Edges::of(a).iou(&edges::Edges::of(b))
}
