//! A cell that holds boxes.

use super::super::label_names::number;

/// Whether a cell holds one box or several.
pub(super) fn is_boxes(text: &str) -> bool {
    of_cell(text).is_ok_and(|boxes| !boxes.is_empty())
}

pub(super) fn is_nothing(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("nan") || text.eq_ignore_ascii_case("none")
}

pub(super) fn of_cell(text: &str) -> Result<Vec<[f64; 4]>, String> {
    if is_nothing(text) || text.chars().all(|char| "[](){} ".contains(char)) {
        return Ok(Vec::new());
    }
    let inner = text.trim();
    // A list of lists.
    if let Some(lists) = inner
        .strip_prefix("[[")
        .and_then(|lists| lists.strip_suffix("]]"))
    {
        let boxes = lists
            .split(']')
            .map(|one| four_numbers(one.trim_start_matches([',', ' ', '['])));
        return boxes
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| format!("{text:?} is not a list of boxes"));
    }
    match four_numbers(inner) {
        Some(numbers) => Ok(vec![numbers]),
        None => Err(format!("{text:?} is not a box: [left, top, width, height]")),
    }
}

/// The four numbers of a cell: `[1, 2, 3, 4]`, `1 2 3 4`, `(1;2;3;4)`.
fn four_numbers(text: &str) -> Option<[f64; 4]> {
    let inner = text.trim_matches(|char: char| "[](){} \"'".contains(char));
    let parts = inner.split([',', ';', ' ']).filter(|part| !part.is_empty());
    let numbers: Option<Vec<f64>> = parts.map(number).collect();
    numbers?.try_into().ok()
}
