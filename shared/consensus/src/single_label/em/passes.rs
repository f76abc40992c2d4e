//! Passes over all items' votes, in loops that are unrolled for the widths known when compiled.

use super::LANES;
use crate::single_label::votes::Votes;

/// Votes multiplied before the product is brought back to a largest value of 1; keeps `f32` from underflow.
const VOTES_PER_RESCALE: usize = 6;

/// Counts the items' vote shares, for which `shares` is one row.
#[inline(always)]
pub(super) fn count_shares(votes: &Votes<'_>, counts: &mut [f32], shares: &mut [f32]) {
    for item in &votes.items {
        let cells = votes.of(item);
        let part = 1.0 / cells.len() as f32;
        shares.fill(0.0);
        for class in votes.classes_of(item) {
            if let Some(share) = shares.get_mut(*class as usize) {
                *share += part;
            }
        }
        for cell in cells {
            let row = row_mut(counts, *cell, shares.len());
            for (n, share) in row.iter_mut().zip(shares.iter()) {
                *n += share;
            }
        }
    }
}

/// [`expect`] for a width known when compiled: the posterior stays in registers.
pub(super) fn expect_wide<const WIDTH: usize>(
    votes: &Votes<'_>,
    prior: &[f32],
    likelihood: &[f32],
    counts: &mut [f32],
) {
    let ([prior], likelihood) = (
        prior.as_chunks::<WIDTH>().0,
        likelihood.as_chunks::<WIDTH>().0,
    ) else {
        return;
    };
    let counts = counts.as_chunks_mut::<WIDTH>().0;
    for item in &votes.items {
        let cells = votes.of(item);
        let posterior = expect_one_wide(cells, prior, likelihood);
        for cell in cells {
            if let Some(row) = counts.get_mut(*cell as usize) {
                for (n, q) in row.iter_mut().zip(&posterior) {
                    *n += q;
                }
            }
        }
    }
}

/// The posterior of one item, normalised, for a width known when compiled.
#[inline(always)]
pub(super) fn expect_one_wide<const WIDTH: usize>(
    cells: &[u32],
    prior: &[f32; WIDTH],
    likelihood: &[[f32; WIDTH]],
) -> [f32; WIDTH] {
    let mut posterior = *prior;
    for some in cells.chunks(VOTES_PER_RESCALE) {
        for row in some
            .iter()
            .filter_map(|cell| likelihood.get(*cell as usize))
        {
            for (q, p) in posterior.iter_mut().zip(row) {
                *q *= p;
            }
        }
        let scale = 1.0 / sum(&posterior);
        for q in &mut posterior {
            *q *= scale;
        }
    }
    posterior
}

pub(super) fn expect(
    votes: &Votes<'_>,
    prior: &[f32],
    likelihood: &[f32],
    counts: &mut [f32],
    width: usize,
) {
    let mut posterior = vec![0.0; width];
    for item in &votes.items {
        let cells = votes.of(item);
        expect_one(cells, prior, likelihood, &mut posterior, width);
        for cell in cells {
            for (n, q) in row_mut(counts, *cell, width).iter_mut().zip(&posterior) {
                *n += q;
            }
        }
    }
}

/// Sum by lanes first; every path adds in this order.
#[inline(always)]
pub(super) fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for some in values.as_chunks::<LANES>().0 {
        for (lane, value) in lanes.iter_mut().zip(some) {
            *lane += value;
        }
    }
    let [a, b, c, d] = lanes;
    (a + b) + (c + d)
}

/// The posterior of one item, normalised.
#[inline(always)]
pub(super) fn expect_one(
    cells: &[u32],
    prior: &[f32],
    likelihood: &[f32],
    posterior: &mut [f32],
    width: usize,
) {
    posterior.copy_from_slice(prior);
    for some in cells.chunks(VOTES_PER_RESCALE) {
        for cell in some {
            for (q, p) in posterior.iter_mut().zip(row(likelihood, *cell, width)) {
                *q *= p;
            }
        }
        let scale = 1.0 / sum(posterior);
        for q in posterior.iter_mut() {
            *q *= scale;
        }
    }
}

#[inline(always)]
pub(super) fn row(table: &[f32], cell: u32, width: usize) -> &[f32] {
    let start = cell as usize * width;
    table.get(start..start + width).unwrap_or_default()
}

#[inline(always)]
fn row_mut<T>(table: &mut [T], cell: u32, width: usize) -> &mut [T] {
    let start = cell as usize * width;
    table.get_mut(start..start + width).unwrap_or_default()
}

pub(super) fn diagonal(table: &[f32], width: usize) -> impl Iterator<Item = f32> {
    table
        .chunks_exact(width)
        .enumerate()
        .filter_map(|(k, row)| row.get(k).copied())
}
