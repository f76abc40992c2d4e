//! What is where in a table without a header, as far as its cells tell.

use super::super::FileError;
use super::super::label_names::{number, odd, refuse_odd};
use super::super::parsed::BoxForm;
use super::CsvOptions;
use super::boxes::{BoxColumns, Edges};
use super::columns::is_image;
use super::layout::Layout;
use super::rows::Row;

/// Share of the rows, in tenths, that have to have a known form.
const TENTHS_MIN: usize = 9;

/// The layout: what the options say, or one that is known, or the image and its labels behind it.
///
/// # Errors
///
/// [`FileError`] when no column has images, or one has something else than labels.
pub(super) fn layout(rows: &[Row<'_>], options: &CsvOptions) -> Result<Layout, FileError> {
    let image = options.image_column.as_deref().and_then(column_number);
    let labels = options.label_columns.iter();
    let labels: Vec<usize> = labels.filter_map(|name| column_number(name)).collect();
    if !labels.is_empty() {
        let image = image.unwrap_or(0);
        return Ok(Layout::Labels { image, labels });
    }
    if let Some(known) = known_boxes(rows, options) {
        return Ok(known);
    }
    let image = match image {
        Some(image) => image,
        None => {
            let image = usize::from(most(rows, is_auto_ml));
            if !rows.iter().any(|row| is_image(row.cell(image))) {
                return Err(no_images(rows));
            }
            image
        }
    };
    if !options.takes_odd_labels {
        let n_columns = rows.iter().map(Row::n_cells).max().unwrap_or_default();
        for idx in image + 1..n_columns {
            let labels = rows.iter().map(|row| row.cell(idx));
            let whose = format!("the labels in column {}", idx + 1);
            refuse_odd(labels.filter(|label| !label.is_empty()), &whose)?;
        }
    }
    Ok(Layout::LabelsBehind { image })
}

/// A column that an option names by its number from 1.
fn column_number(name: &str) -> Option<usize> {
    name.parse::<usize>().ok()?.checked_sub(1)
}

fn most(rows: &[Row<'_>], is_so: impl Fn(&Row<'_>) -> bool) -> bool {
    let n = rows.iter().filter(|row| is_so(row)).count();
    n > 0 && 10 * n >= TENTHS_MIN * rows.len()
}

/// Rows of boxes as programs write them without a header.
fn known_boxes(rows: &[Row<'_>], options: &CsvOptions) -> Option<Layout> {
    let four = |form: BoxForm| Edges::Columns {
        columns: [1, 2, 3, 4],
        form: options.boxes.unwrap_or(form),
    };
    let (image, label, edges, size) = if most(rows, is_retinanet) {
        (0, 5, four(BoxForm::Corners), None)
    } else if most(rows, is_make_sense) {
        (5, 0, four(BoxForm::Sizes), Some((6, 7)))
    } else if most(rows, |row| is_auto_ml(row) && row.n_cells() > 4) {
        (1, 2, Edges::Points { first: 3 }, None)
    } else {
        return None;
    };
    Some(Layout::Boxes {
        image,
        label: Some(label),
        boxes: BoxColumns { edges, size },
    })
}

fn no_images(rows: &[Row<'_>]) -> FileError {
    let n_columns = rows.iter().map(Row::n_cells).max().unwrap_or_default();
    let has_images = |idx: &usize| rows.iter().any(|row| is_image(row.cell(*idx)));
    let remedy = match (0..n_columns).find(has_images) {
        Some(idx) => format!(
            "column {0} has some: a header that names the columns says what is where, or --image-column {0} --label-column NUMBER",
            idx + 1
        ),
        None => "give it a CSV file whose first column has image names (1.jpg) or s3:// URIs, or with a header that says what is where".to_owned(),
    };
    FileError::new(
        "the first column has no image name (.jpg, .jpeg, .png), and no header says what is where",
        remedy,
    )
}

fn are_numbers(row: &Row<'_>, columns: std::ops::Range<usize>) -> bool {
    columns
        .into_iter()
        .all(|idx| number(row.cell(idx)).is_some())
}

/// `a.jpg,10,20,110,220,cat`, or `a.jpg,,,,,`.
fn is_retinanet(row: &Row<'_>) -> bool {
    let n_cells = row.cells.as_deref().unwrap_or_default().len();
    let is_empty = row.n_cells() == 1;
    let is_box = are_numbers(row, 1..5) && odd(row.cell(5)).is_none() && row.n_cells() == 6;
    n_cells == 6 && is_image(row.cell(0)) && (is_empty || is_box)
}

/// `cat,10,20,30,40,a.jpg,640,480`.
fn is_make_sense(row: &Row<'_>) -> bool {
    row.n_cells() == 8
        && odd(row.cell(0)).is_none()
        && are_numbers(row, 1..5)
        && is_image(row.cell(5))
        && are_numbers(row, 6..8)
}

/// `TRAIN,gs://bucket/a.jpg,cat,0.1,0.1,,,0.3,0.3,,`, or without a box.
fn is_auto_ml(row: &Row<'_>) -> bool {
    const SETS: [&str; 7] = [
        "train",
        "training",
        "validate",
        "validation",
        "test",
        "unassigned",
        "",
    ];
    let set = row.cell(0).to_ascii_lowercase();
    SETS.contains(&set.as_str())
        && is_image(row.cell(1))
        && (3..row.n_cells()).all(|idx| {
            let text = row.cell(idx);
            row.n_cells() <= 4 || text.is_empty() || number(text).is_some() || odd(text).is_none()
        })
}
