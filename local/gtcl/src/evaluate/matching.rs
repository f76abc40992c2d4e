//! Which estimated box is which true one: the one-to-one matching of the largest total.

/// Pairs (row, column) of the matching with the largest sum of weights; pairs of weight 0 are left out.
///
/// `weights[row][column]` are not negative. Kuhn-Munkres with potentials, cubic in the number of boxes.
pub(super) fn best_pairs(weights: &[Vec<f64>]) -> Vec<(usize, usize)> {
    let n_columns = weights.iter().map(Vec::len).max().unwrap_or_default();
    let n = weights.len().max(n_columns);
    let cost = |row: usize, column: usize| {
        -weights
            .get(row)
            .and_then(|row| row.get(column))
            .copied()
            .unwrap_or_default()
    };
    // Index 0 stands for "none" in rows and columns.
    let mut row_potential = vec![0.0; n + 1];
    let mut column_potential = vec![0.0; n + 1];
    let mut row_of = vec![0; n + 1];
    let mut previous = vec![0; n + 1];
    for row in 1..=n {
        set(&mut row_of, 0, row);
        let mut column = 0;
        let mut slack = vec![f64::INFINITY; n + 1];
        let mut is_used = vec![false; n + 1];
        loop {
            set(&mut is_used, column, true);
            let current = get(&row_of, column);
            let mut delta = f64::INFINITY;
            let mut next = 0;
            for candidate in 1..=n {
                if get(&is_used, candidate) {
                    continue;
                }
                let reduced = cost(current - 1, candidate - 1)
                    - get(&row_potential, current)
                    - get(&column_potential, candidate);
                if reduced < get(&slack, candidate) {
                    set(&mut slack, candidate, reduced);
                    set(&mut previous, candidate, column);
                }
                if get(&slack, candidate) < delta {
                    delta = get(&slack, candidate);
                    next = candidate;
                }
            }
            for candidate in 0..=n {
                if get(&is_used, candidate) {
                    let owner = get(&row_of, candidate);
                    let raised = get(&row_potential, owner) + delta;
                    set(&mut row_potential, owner, raised);
                    let lowered = get(&column_potential, candidate) - delta;
                    set(&mut column_potential, candidate, lowered);
                } else {
                    let less = get(&slack, candidate) - delta;
                    set(&mut slack, candidate, less);
                }
            }
            column = next;
            if get(&row_of, column) == 0 {
                break;
            }
        }
        while column != 0 {
            let before = get(&previous, column);
            let owner = get(&row_of, before);
            set(&mut row_of, column, owner);
            column = before;
        }
    }
    let mut pairs: Vec<(usize, usize)> = (1..=n)
        .map(|column| (get(&row_of, column) - 1, column - 1))
        .filter(|(row, column)| cost(*row, *column) < 0.0)
        .collect();
    pairs.sort_unstable();
    pairs
}

fn get<T: Copy + Default>(values: &[T], idx: usize) -> T {
    values.get(idx).copied().unwrap_or_default()
}

fn set<T>(values: &mut [T], idx: usize, value: T) {
    if let Some(slot) = values.get_mut(idx) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::best_pairs;

    fn check(weights: &[&[f64]], expected: &[(usize, usize)]) {
        let weights: Vec<Vec<f64>> = weights.iter().map(|row| row.to_vec()).collect();
        assert_eq!(best_pairs(&weights), expected);
    }

    #[test]
    fn largest_sum() {
        check(&[], &[]);
        check(&[&[0.0]], &[]);
        check(&[&[0.9, 0.8], &[0.8, 0.0]], &[(0, 1), (1, 0)]);
        check(&[&[0.9, 0.5], &[0.6, 0.1]], &[(0, 1), (1, 0)]);
        check(&[&[0.9], &[0.95], &[0.1]], &[(1, 0)]);
        check(&[&[0.2, 0.0, 0.7]], &[(0, 2)]);
    }
}
