//! Where boxes are: which ones can overlap another one enough, without a look at all of them.

use super::edges::Edges;

/// Boxes a cell, on average.
const BOXES_PER_CELL: usize = 4;

/// Most cells in a row and in a column: beyond, looking at empty ones takes longer than at boxes.
const CELLS_PER_SIDE_MAX: usize = 64;

/// Farther than any box, where the least overlap is next to none.
const REACH_MAX: f64 = 1e12;

/// What floating-point sums may differ by, as a share.
const SLACK: f64 = 1.0 + 1e-9;

/// Indices of boxes by the place of their centre, in cells of one size.
pub(super) struct Grid {
    n_per_side: usize,
    left: Side,
    top: Side,
    cells: Vec<Vec<u32>>,
    /// How far away the centre of a box can be that overlaps enough, in widths or heights.
    reach: f64,
}

/// One direction of the grid.
#[derive(Clone, Copy)]
struct Side {
    start: f64,
    cells_per_px: f64,
    n_cells: usize,
}

impl Side {
    fn of(centres: impl Iterator<Item = f64>, n_cells: usize) -> Self {
        let ends = centres.fold(None, |ends: Option<(f64, f64)>, centre| {
            let (low, high) = ends.unwrap_or((centre, centre));
            Some((low.min(centre), high.max(centre)))
        });
        let (start, end) = ends.unwrap_or_default();
        let cells_per_px = n_cells as f64 / (end - start);
        Self {
            start,
            cells_per_px: if cells_per_px.is_finite() {
                cells_per_px
            } else {
                0.0
            },
            n_cells,
        }
    }

    /// The cell at a place; the first or the last one for places beyond.
    fn cell(self, px: f64) -> usize {
        let cell = ((px - self.start) * self.cells_per_px).max(0.0) as usize;
        cell.min(self.n_cells - 1)
    }
}

impl Grid {
    /// Without boxes, as large and as fine as these ones are worth it. `iou_min` is what is enough, in [0, 1].
    pub(super) fn over<'e>(
        edges: impl ExactSizeIterator<Item = &'e Edges> + Clone,
        iou_min: f64,
    ) -> Self {
        let n_cells = edges.len() / BOXES_PER_CELL;
        let n_per_side = (n_cells.isqrt()).clamp(1, CELLS_PER_SIDE_MAX);
        // Boxes of widths `a` ≤ `b` overlap by at least `iou_min` × `b`, so that their centres are at most
        // (a + b) / 2 - iou_min × b apart, and `a` is at least `iou_min` × `b`.
        let reach = (1.0 - iou_min).max((1.0 / iou_min - 1.0) / 2.0);
        Self {
            n_per_side,
            left: Side::of(edges.clone().map(|edges| edges.centre().0), n_per_side),
            top: Side::of(edges.map(|edges| edges.centre().1), n_per_side),
            cells: vec![Vec::new(); n_per_side * n_per_side],
            reach: (reach * SLACK).min(REACH_MAX),
        }
    }

    pub(super) fn insert(&mut self, idx: u32, edges: &Edges) {
        let cell = self.cell(edges);
        if let Some(cell) = self.cells.get_mut(cell) {
            cell.push(idx);
        }
    }

    pub(super) fn remove(&mut self, idx: u32, edges: &Edges) {
        let cell = self.cell(edges);
        if let Some(cell) = self.cells.get_mut(cell) {
            cell.retain(|other| *other != idx);
        }
    }

    /// Boxes that may overlap this one enough, in any order.
    pub(super) fn near(&self, edges: &Edges) -> impl Iterator<Item = u32> {
        let (x, y) = edges.centre();
        let (dx, dy) = (
            (edges.right - edges.left) * self.reach,
            (edges.bottom - edges.top) * self.reach,
        );
        let columns = self.left.cell(x - dx)..=self.left.cell(x + dx);
        let rows = self.top.cell(y - dy)..=self.top.cell(y + dy);
        let n_per_side = self.n_per_side;
        let cells = rows.flat_map(move |row| {
            let start = row * n_per_side;
            (self
                .cells
                .get(start + columns.start()..=start + columns.end()))
            .unwrap_or_default()
        });
        cells.flatten().copied()
    }

    fn cell(&self, edges: &Edges) -> usize {
        let (x, y) = edges.centre();
        self.top.cell(y) * self.n_per_side + self.left.cell(x)
    }
}
