//! Which answers to an item are left out, because joining the boxes of all of them would take too long.

use super::BOXES_PER_ITEM_MAX;
use super::cluster::Drawn;
use super::grid::Grid;

/// Pairs of boxes of different workers that overlap enough to be one object, for each box of an item, at most; for a
/// crowd of 10 workers who draw the same objects it is 5. Fewer than [`PAIRS_FREE`] are always looked at.
pub const PAIRS_PER_BOX_MAX: usize = 100;

/// Pairs of an item that are looked at however few boxes it has.
pub const PAIRS_FREE: usize = 10_000;

/// Leaves out answers, those first that take most: whole answers until there are no more than
/// [`BOXES_PER_ITEM_MAX`] boxes, those with most boxes first, then until the pairs that overlap by `iou_min` are within
/// their bound, those with most pairs first. Among equals the last answer goes first. Returns the workers left out.
pub(super) fn leave_out(answers: &mut Vec<(usize, Vec<Drawn>)>, iou_min: f64) -> Vec<usize> {
    let mut left_out = Vec::new();
    let mut n_boxes: usize = answers.iter().map(|(_, drawn)| drawn.len()).sum();
    while n_boxes > BOXES_PER_ITEM_MAX {
        let largest = answers.iter().enumerate();
        let Some((idx, _)) = largest.max_by_key(|(_, (_, drawn))| drawn.len()) else {
            break;
        };
        let (worker, drawn) = answers.remove(idx);
        n_boxes -= drawn.len();
        left_out.push(worker);
    }
    // Not even if each overlapped each other one.
    if n_boxes * n_boxes.saturating_sub(1) / 2 <= pairs_max(n_boxes) {
        return left_out;
    }
    let mut pairs = Pairs::count(answers, iou_min);
    while pairs.n_pairs > pairs_max(pairs.n_boxes) {
        let Some(worst) = pairs.worst() else { break };
        pairs.remove(worst);
    }
    let mut is_left_out = pairs.is_left_out.into_iter();
    answers.retain(|(worker, _)| {
        let is_out = is_left_out.next() == Some(true);
        if is_out {
            left_out.push(*worker);
        }
        !is_out
    });
    left_out
}

fn pairs_max(n_boxes: usize) -> usize {
    PAIRS_FREE + PAIRS_PER_BOX_MAX * n_boxes
}

/// Pairs of boxes of different answers that overlap enough.
struct Pairs<'a> {
    answers: &'a [(usize, Vec<Drawn>)],
    /// Of every box its answer's index, answer after answer.
    boxes: Vec<(u32, &'a Drawn)>,
    grid: Grid,
    iou_min: f64,
    n_pairs: usize,
    n_boxes: usize,
    /// By answer.
    n_pairs_of: Vec<usize>,
    is_left_out: Vec<bool>,
}

impl<'a> Pairs<'a> {
    fn count(answers: &'a [(usize, Vec<Drawn>)], iou_min: f64) -> Self {
        let of_answer = |(idx, (_, drawn)): (u32, &'a (usize, Vec<Drawn>))| {
            drawn.iter().map(move |it| (idx, it))
        };
        let boxes: Vec<(u32, &Drawn)> = (0..).zip(answers).flat_map(of_answer).collect();
        let mut pairs = Self {
            answers,
            grid: Grid::over(boxes.iter().map(|(_, drawn)| &drawn.edges), iou_min),
            iou_min,
            n_pairs: 0,
            n_boxes: boxes.len(),
            n_pairs_of: vec![0; answers.len()],
            is_left_out: vec![false; answers.len()],
            boxes,
        };
        for idx in 0..pairs.n_boxes {
            pairs.change(idx, |n| *n += 1);
            if let Some((_, drawn)) = pairs.boxes.get(idx) {
                pairs.grid.insert(idx as u32, &drawn.edges);
            }
        }
        pairs
    }

    /// The answer that takes part in most pairs, the last among equals.
    fn worst(&self) -> Option<usize> {
        let open = self.n_pairs_of.iter().zip(&self.is_left_out).enumerate();
        let open = open.filter(|(_, (_, is_left_out))| !**is_left_out);
        open.max_by_key(|(_, (n_pairs, _))| **n_pairs)
            .map(|(idx, _)| idx)
    }

    fn remove(&mut self, answer: usize) {
        let start: usize = self.answers.iter().take(answer).map(|it| it.1.len()).sum();
        let n_boxes = self.answers.get(answer).map_or(0, |it| it.1.len());
        for idx in start..start + n_boxes {
            if let Some((_, drawn)) = self.boxes.get(idx) {
                self.grid.remove(idx as u32, &drawn.edges);
            }
        }
        for idx in start..start + n_boxes {
            self.change(idx, |n| *n -= 1);
        }
        self.n_boxes -= n_boxes;
        if let Some(is_left_out) = self.is_left_out.get_mut(answer) {
            *is_left_out = true;
        }
    }

    /// Counts up or down for each pair of this box and one in the grid.
    fn change(&mut self, idx: usize, change: impl Fn(&mut usize)) {
        let Some((answer, drawn)) = self.boxes.get(idx) else {
            return;
        };
        for other in self.grid.near(&drawn.edges) {
            let Some((other, box_of_other)) = self.boxes.get(other as usize) else {
                continue;
            };
            if other != answer && drawn.edges.iou(&box_of_other.edges) >= self.iou_min {
                change(&mut self.n_pairs);
                for of in [*answer, *other] {
                    if let Some(n_pairs) = self.n_pairs_of.get_mut(of as usize) {
                        change(n_pairs);
                    }
                }
            }
        }
    }
}
