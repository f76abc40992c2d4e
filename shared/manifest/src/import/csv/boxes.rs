//! Which columns hold boxes, and in which form.

use super::super::FileError;
use super::super::label_names::number;
use super::super::parsed::BoxForm;
use super::CsvOptions;
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
    let of_box = |words: &[&str]| columns.find_of_box(words);
    let [x0, x1, x2, x3] = ["x0", "x1", "x2", "x3"].map(|word| of_box(&[word]));
    let [y0, y1, y2, y3] = ["y0", "y1", "y2", "y3"].map(|word| of_box(&[word]));
    if x2.is_some() && y2.is_some() && (x3.is_some() || y3.is_some()) {
        return Err(FileError::new(
            "columns hold the corners of polygons (x1, y1, x2, y2, x3, y3), not boxes",
            "write the box around each polygon as xmin, ymin, xmax, ymax",
        ));
    }
    let left = of_box(&LEFT).or(if x0.is_some() { x0 } else { x1 });
    let top = of_box(&TOP).or(if y0.is_some() { y0 } else { y1 });
    let right = of_box(&RIGHT).or(if x0.is_some() && x2.is_none() { x1 } else { x2 });
    let bottom = of_box(&BOTTOM).or(if y0.is_some() && y2.is_none() { y1 } else { y2 });
    let named = |words: &[&str]| columns.find(words);
    let image_size = named(&IMAGE_WIDTH).zip(named(&IMAGE_HEIGHT));
    let plain_size = named(&["width"]).zip(named(&["height"]));
    if let (Some(left), Some(top), Some(right), Some(bottom)) = (left, top, right, bottom) {
        let form = options.boxes.unwrap_or(BoxForm::Corners);
        let columns = [left, top, right, bottom];
        return Ok(Some(BoxColumns {
            edges: Edges::Columns { columns, form },
            size: image_size.or(plain_size),
        }));
    }
    let across = columns
        .find_only_of_box(&["width", "w"])
        .or(named(&["w", "bw"]));
    let down = columns
        .find_only_of_box(&["height", "h"])
        .or(named(&["h", "bh"]));
    let own_size = across.zip(down);
    let size = match own_size {
        Some(_) => image_size.or(plain_size),
        None => image_size,
    };
    let sides = own_size.or(plain_size);
    let corner = (left.or(of_box(&["x"]))).zip(top.or(of_box(&["y"])));
    let center = of_box(&CENTER_X).zip(of_box(&CENTER_Y));
    let found = match (corner, center, sides) {
        (_, Some(center), Some(sides)) => Some((center, sides, BoxForm::Centers)),
        (Some(corner), None, Some(sides)) => Some((corner, sides, BoxForm::Sizes)),
        _ => None,
    };
    if let Some(((x, y), (width, height), form)) = found {
        return Ok(Some(BoxColumns {
            edges: Edges::Columns {
                columns: [x, y, width, height],
                form: options.boxes.unwrap_or(form),
            },
            size,
        }));
    }
    let cell = columns.find(&CELL);
    if let Some(column) = cell.filter(|idx| columns.list.get(*idx).is_some_and(|c| c.is_four())) {
        return Ok(Some(BoxColumns {
            edges: Edges::Cell {
                column,
                form: options.boxes.unwrap_or(BoxForm::Sizes),
            },
            size: image_size.or(plain_size),
        }));
    }
    refuse_some(columns, [left, top, right, bottom])?;
    Ok(None)
}

/// Refuses a table that has two or three of a box's four columns: its other columns aren't labels of whole images.
fn refuse_some(columns: &Columns, edges: [Option<usize>; 4]) -> Result<(), FileError> {
    let some: Vec<usize> = edges.into_iter().flatten().collect();
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
            "columns {} are of boxes, but the others of the four are not there",
            columns.quoted(some)
        ),
        "name the columns xmin, ymin, xmax, ymax, or left, top, width, height",
    ))
}

/// The four numbers of a cell: `[1, 2, 3, 4]`, `1 2 3 4`, `(1;2;3;4)`.
pub(super) fn four_numbers(text: &str) -> Option<[f64; 4]> {
    let inner = text.trim_matches(|char: char| "[](){} \"'".contains(char));
    let parts = inner.split([',', ';', ' ']).filter(|part| !part.is_empty());
    let numbers: Option<Vec<f64>> = parts.map(number).collect();
    numbers?.try_into().ok()
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

fn is_nothing(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("nan") || text.eq_ignore_ascii_case("none")
}

fn of_cell(text: &str) -> Result<Vec<[f64; 4]>, String> {
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
