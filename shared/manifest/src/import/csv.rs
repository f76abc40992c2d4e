//! Labels and boxes from a CSV file, in the forms that people and programs write.
//!
//! With a header, its names say which column has what, in their usual spellings: images; labels one a column, one a row,
//! several in a cell, or a column a label with yes and no; boxes as corners, as left, top, width, height or around a
//! centre, in pixels or in shares of the image, in four columns or in one cell. Columns that are none of these are
//! passed over and named. Without a header, only what is told by its cells is taken: an image and its labels (the
//! guide's form), and the rows of keras-retinanet, Make Sense and AutoML.
//!
//! What could mean several things is refused with the options that say which.

mod box_cell;
mod boxes;
mod cells;
mod columns;
mod header;
mod headerless;
mod layout;
mod rows;
mod via;

use super::label_names::refuse_odd;
use super::parsed::{BoxForm, LabelsKind, Parsed};
use super::{Fault, FileError};
use crate::code::Code;
use crate::encoding::text_bytes;
use crate::file_kind::FileKind;
use crate::line::shown;
use cells::Reading;
use columns::Columns;
use header::{find_header, named, refuse_json, separator_of, told_separator};
use rows::{Row, cells, lines};

/// How to read a CSV file where it doesn't say so itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// Between cells. Default: what a first line `sep=X` says, else a comma, semicolon or TAB, whichever it is.
    pub separator: Option<char>,
    /// What separates labels in one cell. Default: nothing but the commas of a list in brackets.
    pub split_labels: Option<char>,
    /// Column of the images: its name in the header, or its number from 1.
    pub image_column: Option<String>,
    /// Columns of labels: names in the header, or numbers from 1.
    pub label_columns: Vec<String>,
    /// The label of everything in a file that has no column of labels.
    pub label: Option<String>,
    /// What four numbers of a box are. Default: what the columns' names say.
    pub boxes: Option<BoxForm>,
    /// Labels that look like numbers, flags or paths are meant so.
    pub takes_odd_labels: bool,
}

/// Reads a CSV file.
///
/// # Errors
///
/// [`FileError`] for what isn't text, has no rows, or could mean several things.
pub fn parse(file: &[u8], options: &CsvOptions) -> Result<Parsed, FileError> {
    let text = text_bytes(file)?;
    if let Some(kind) = FileKind::of(text).filter(|kind| *kind != FileKind::Csv) {
        return Err(kind.told());
    }
    let lines = lines(text);
    refuse_json(&lines)?;
    let mut parsed = Parsed::default();
    let told = lines.first().and_then(told_separator);
    if told.is_some() {
        let fault = Fault::new(Code::Header, "it names the separator");
        parsed.leave_out(1, "row 1", fault);
    }
    let rows_with = |separator: char| {
        let lines = lines.iter().skip(usize::from(told.is_some()));
        let rows = lines.map(|line| Row {
            cells: cells(&line.text, separator),
            line,
        });
        rows.filter(|row| !row.is_blank()).collect::<Vec<Row<'_>>>()
    };
    let given = options.separator.or(told);
    let mut rows = rows_with(given.unwrap_or(','));
    let mut separator = given.unwrap_or(',');
    if let Some(other) = separator_of(&rows, separator)? {
        if given.is_some() {
            return Err(header::other_separator(&rows, separator, other));
        }
        separator = other;
        rows = rows_with(other);
        parsed
            .notes
            .push(format!("cells are separated by {}", named(other)));
    }
    leave_out_blank(&lines, &rows, usize::from(told.is_some()), &mut parsed);
    if rows.is_empty() {
        return Err(FileError::new(
            "file has no rows",
            "give it a CSV file in UTF-8: image, label, label, …",
        ));
    }
    let header = take_header(&mut rows, separator, &mut parsed);
    let layout = match &header {
        Some(header) => layout::with_header(&Columns::of(header, &rows), options),
        None => headerless::layout(&rows, options),
    }?;
    layout.tell(header.as_ref(), &mut parsed.notes);
    let mut reading = Reading::new(&layout, header.as_ref(), separator, options, parsed);
    reading.rows(&rows)?;
    let parsed = reading.finish();
    if !options.takes_odd_labels {
        refuse_odd_labels(&parsed)?;
    }
    Ok(parsed)
}

fn leave_out_blank(lines: &[rows::Line], rows: &[Row<'_>], n_told: usize, parsed: &mut Parsed) {
    let mut kept = rows.iter().map(|row| row.line.number).peekable();
    for line in lines.iter().skip(n_told) {
        if kept.next_if_eq(&line.number).is_none() {
            let fault = Fault::new(Code::BlankLine, "row is blank");
            parsed.leave_out(line.number, format!("row {}", line.number), fault);
        }
    }
}

/// Takes the header out, and rows that repeat it.
fn take_header<'a>(
    rows: &mut Vec<Row<'a>>,
    separator: char,
    parsed: &mut Parsed,
) -> Option<Row<'a>> {
    find_header(rows, separator)?;
    let header = rows.remove(0);
    let head = header.line.text.as_str();
    let mut leave_out = |row: &Row<'_>| {
        let number = row.line.number;
        let reason = format!("{:?} is taken for a header", shown(head));
        let fault = Fault::new(Code::Header, reason);
        parsed.leave_out(number, format!("row {number}"), fault);
    };
    leave_out(&header);
    for row in rows.extract_if(.., |row| row.line.text == head) {
        leave_out(&row);
    }
    Some(header)
}

fn refuse_odd_labels(parsed: &Parsed) -> Result<(), FileError> {
    let images = parsed.images.iter();
    match parsed.kind {
        LabelsKind::OfImages => refuse_odd(
            images.flat_map(|image| image.labels.iter().map(String::as_str)),
            "the labels",
        ),
        LabelsKind::OfBoxes => {
            let boxes = images.flat_map(|image| image.boxes.iter());
            let classes = boxes.filter_map(|labeled| parsed.classes.list.get(labeled.class));
            refuse_odd(
                classes.map(|class| class.name.as_str()),
                "the labels of the boxes",
            )
        }
    }
}
