//! Which columns hold boxes, and in which form.

use super::super::FileError;
use super::super::label_names::number;
use super::super::parsed::BoxForm;
use super::CsvOptions;
use super::box_cell::{is_nothing, of_cell};
use super::columns::Columns;
use super::rows::Row;

/// Where a row has its box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edges {
    /// In four columns.
    Columns { columns: [usize; 4], form: BoxForm },
    /// In one cell, or several boxes there.
    Cell { column: usize, form: BoxForm },
    /// As points in turns of x and y, empty ones in between, from this column on; in shares.
    Points { first: usize },
}

impl Edges {
    /// The columns that a header names for it.
    pub(super) fn columns(&self) -> Vec<usize> {
        match self {
            Self::Columns { columns, .. } => columns.to_vec(),
            Self::Cell { column, .. } => vec![*column],
            Self::Points { .. } => Vec::new(),
        }
    }
}

const LEFT: [&str; 14] = [
    "xmin", "minx", "xtl", "xleft", "leftx", "topleftx", "xtopleft", "tlx", "startx", "xstart",
    "ulx", "xminimum", "xlow", "left",
];
const TOP: [&str; 14] = [
    "ymin", "miny", "ytl", "ytop", "topy", "toplefty", "ytopleft", "tly", "starty", "ystart",
    "uly", "yminimum", "ylow", "top",
];
const RIGHT: [&str; 14] = [
    "xmax",
    "maxx",
    "xbr",
    "xright",
    "rightx",
    "bottomrightx",
    "xbottomright",
    "brx",
    "endx",
    "xend",
    "lrx",
    "xmaximum",
    "xhigh",
    "right",
];
const BOTTOM: [&str; 14] = [
    "ymax",
    "maxy",
    "ybr",
    "ybottom",
    "bottomy",
    "bottomrighty",
    "ybottomright",
    "bry",
    "endy",
    "yend",
    "lry",
    "ymaximum",
    "yhigh",
    "bottom",
];
const CENTER_X: [&str; 8] = [
    "xcenter", "centerx", "cx", "xc", "xcentre", "centrex", "xmid", "midx",
];
const CENTER_Y: [&str; 8] = [
    "ycenter", "centery", "cy", "yc", "ycentre", "centrey", "ymid", "midy",
];
const IMAGE_WIDTH: [&str; 9] = [
    "imagewidth",
    "imgwidth",
    "imwidth",
    "originalwidth",
    "widthimage",
    "imagew",
    "imgw",
    "framewidth",
    "picturewidth",
];
const IMAGE_HEIGHT: [&str; 9] = [
    "imageheight",
    "imgheight",
    "imheight",
    "originalheight",
    "heightimage",
    "imageh",
    "imgh",
    "frameheight",
    "pictureheight",
];
const CELL: [&str; 15] = [
    "bbox",
    "bboxes",
    "box",
    "boxes",
    "boundingbox",
    "boundingboxes",
    "bndbox",
    "rect",
    "rectangle",
    "roi",
    "region",
    "coordinates",
    "coords",
    "location",
    "position",
];

/// Those of them that hold nothing but boxes.
const SURE_CELL: [&str; 7] = [
    "box",
    "boxes",
    "bbox",
    "bboxes",
    "boundingbox",
    "boundingboxes",
    "bndbox",
];

/// Columns of boxes and of the image's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoxColumns {
    pub(super) edges: Edges,
    pub(super) size: Option<(usize, usize)>,
}

/// The columns of boxes; `None` for a table without boxes.
///
/// # Errors
///
/// [`FileError`] when there are only some of the four columns, or the corners of polygons.
pub(super) fn find(
    columns: &Columns,
    options: &CsvOptions,
) -> Result<Option<BoxColumns>, FileError> {
    let [left, top, right, bottom] = corners(columns)?;
    let named = |words: &[&str]| columns.find(words);
    let image_size = named(&IMAGE_WIDTH).zip(named(&IMAGE_HEIGHT));
    let plain_size = named(&["width"]).zip(named(&["height"]));
    let any_size = image_size.or(plain_size);
    let of = |columns: [usize; 4], form: BoxForm, size: Option<(usize, usize)>| {
        let form = options.boxes.unwrap_or(form);
        let edges = Edges::Columns { columns, form };
        Ok(Some(BoxColumns { edges, size }))
    };
    if let (Some(left), Some(top), Some(right), Some(bottom)) = (left, top, right, bottom) {
        return of([left, top, right, bottom], BoxForm::Corners, any_size);
    }
    let across = columns.find_only_of_box(&["width", "w"]);
    let across = across.or(named(&["w", "bw"]));
    let down = columns.find_only_of_box(&["height", "h"]);
    let down = down.or(named(&["h", "bh"]));
    let own_size = across.zip(down);
    // Plain width and height are the box's where it has no others.
    let size = if own_size.is_some() {
        any_size
    } else {
        image_size
    };
    let of_box = |words: &[&str]| columns.find_of_box(words);
    let corner = left.or(of_box(&["x"])).zip(top.or(of_box(&["y"])));
    let center = of_box(&CENTER_X).zip(of_box(&CENTER_Y));
    if let Some((width, height)) = own_size.or(plain_size) {
        match (center, corner) {
            (Some((x, y)), _) => return of([x, y, width, height], BoxForm::Centers, size),
            (None, Some((x, y))) => return of([x, y, width, height], BoxForm::Sizes, size),
            (None, None) => {}
        }
    }
    if let Some(column) = cell(columns)? {
        let form = options.boxes.unwrap_or(BoxForm::Sizes);
        return Ok(Some(BoxColumns {
            edges: Edges::Cell { column, form },
            size: any_size,
        }));
    }
    let [x, y] = ["x", "y"].map(|word| of_box(&[word]));
    let [center_x, center_y] = [of_box(&CENTER_X), of_box(&CENTER_Y)];
    refuse_some(
        columns,
        &[left, top, right, bottom, x, y, center_x, center_y],
    )?;
    Ok(None)
}

/// Columns of left, top, right, bottom, as far as they are there.
fn corners(columns: &Columns) -> Result<[Option<usize>; 4], FileError> {
    let of_box = |words: &[&str]| columns.find_of_box(words);
    let [x0, x1, x2, x3] = ["x0", "x1", "x2", "x3"].map(|word| of_box(&[word]));
    let [y0, y1, y2, y3] = ["y0", "y1", "y2", "y3"].map(|word| of_box(&[word]));
    if x2.is_some() && y2.is_some() && (x3.is_some() || y3.is_some()) {
        return Err(FileError::new(
            "columns hold the corners of polygons (x1, y1, x2, y2, x3, y3), not boxes",
            "write the box around each polygon as xmin, ymin, xmax, ymax",
        ));
    }
    // They count from 0 or from 1.
    let numbered = |zero: Option<usize>, one: Option<usize>, two: Option<usize>| match zero {
        Some(_) => (zero, two.or(one)),
        None => (one, two),
    };
    let ((first_x, last_x), (first_y, last_y)) = (numbered(x0, x1, x2), numbered(y0, y1, y2));
    Ok([
        of_box(&LEFT).or(first_x),
        of_box(&TOP).or(first_y),
        of_box(&RIGHT).or(last_x),
        of_box(&BOTTOM).or(last_y),
    ])
}

/// The column with whole boxes in its cells.
fn cell(columns: &Columns) -> Result<Option<usize>, FileError> {
    let Some(idx) = columns.find(&CELL) else {
        return Ok(None);
    };
    let is_sure = columns.list.get(idx).is_some_and(|column| {
        column.n_values > 0 && SURE_CELL.contains(&column.word.as_str()) && !column.is_flags()
    });
    if columns.list.get(idx).is_some_and(|column| column.is_four()) {
        return Ok(Some(idx));
    }
    if !is_sure {
        return Ok(None);
    }
    Err(FileError::new(
        format!(
            "column {} is named after boxes and holds something else than [left, top, width, height]",
            columns.quoted([idx])
        ),
        "write four numbers a cell, or the columns xmin, ymin, xmax, ymax",
    ))
}

/// Refuses a table that has two or three of a box's four columns, or those of points: its other columns aren't labels of
/// whole images.
fn refuse_some(columns: &Columns, edges: &[Option<usize>]) -> Result<(), FileError> {
    let some: Vec<usize> = edges.iter().flatten().copied().collect();
    let are_numbers = some.iter().all(|idx| {
        columns
            .list
            .get(*idx)
            .is_some_and(|column| column.is_numbers())
    });
    if some.len() < 2 || !are_numbers {
        return Ok(());
    }
    Err(FileError::new(
        format!(
            "columns {} are of boxes or points, but the others of a box's four are not there",
            columns.quoted(some)
        ),
        "name the columns xmin, ymin, xmax, ymax, or left, top, width, height",
    ))
}

/// Each of a row's boxes as four numbers, no box where its cells are empty, or what is wrong.
pub(super) fn of_row(edges: &Edges, row: &Row<'_>) -> Result<Vec<[f64; 4]>, String> {
    match edges {
        Edges::Columns { columns, .. } => {
            let texts = columns.map(|column| row.cell(column));
            if texts.iter().all(|text| is_nothing(text)) {
                return Ok(Vec::new());
            }
            let mut numbers = [0.0; 4];
            for (place, text) in numbers.iter_mut().zip(texts) {
                *place =
                    number(text).ok_or_else(|| format!("{text:?} is not a number of a box"))?;
            }
            Ok(vec![numbers])
        }
        Edges::Cell { column, .. } => of_cell(row.cell(*column)),
        Edges::Points { first } => of_points(row, *first),
    }
}

/// The box around points.
fn of_points(row: &Row<'_>, first: usize) -> Result<Vec<[f64; 4]>, String> {
    let mut ranges = [(f64::INFINITY, f64::NEG_INFINITY); 2];
    let n_cells = row.n_cells();
    if n_cells <= first {
        return Ok(Vec::new());
    }
    for idx in first..n_cells {
        let text = row.cell(idx);
        if text.is_empty() {
            continue;
        }
        let value = number(text).ok_or_else(|| format!("{text:?} is not a number of a box"))?;
        if let Some((min, max)) = ranges.get_mut((idx - first) % 2) {
            (*min, *max) = (min.min(value), max.max(value));
        }
    }
    let [(left, right), (top, bottom)] = ranges;
    let edges = [left, top, right, bottom];
    match edges.iter().all(|edge| edge.is_finite()) {
        true => Ok(vec![edges]),
        false => Err("row has a point without x or y".to_owned()),
    }
}

/// The form of the four numbers that a row has.
pub(super) fn form(edges: &Edges) -> BoxForm {
    match edges {
        Edges::Columns { form, .. } | Edges::Cell { form, .. } => *form,
        Edges::Points { .. } => BoxForm::Corners,
    }
}
