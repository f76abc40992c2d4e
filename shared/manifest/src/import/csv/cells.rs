//! The rows of a table whose layout is known, read one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::super::image_name::has_image_extension;
use super::super::label_names::flag;
use super::super::parsed::{BoxForm, LabeledBox, LabeledImage, LabelsKind, Parsed, Unit};
use super::super::{Fault, FileError};
use super::CsvOptions;
use super::boxes::{self, BoxColumns, Edges};
use super::columns::word;
use super::header::named;
use super::layout::Layout;
use super::rows::{Row, RowFault};
use super::via;
use crate::code::Code;
use crate::counted::counted;
use crate::line::shown;

/// How far a share may lie outside of 0 to 1 and still be one.
const SHARE_SLACK: f64 = 0.05;

/// Rows on their way to images.
pub(super) struct Reading<'r> {
    layout: &'r Layout,
    header: Vec<&'r str>,
    separator: char,
    options: &'r CsvOptions,
    parsed: Parsed,
    /// Whether the boxes are in shares of the image.
    unit: Unit,
    /// A column with 1 and 0 that says whether the row's label applies.
    applies: Option<usize>,
    labels: BTreeSet<String>,
    n_lists: u64,
}

impl<'r> Reading<'r> {
    pub(super) fn new(
        layout: &'r Layout,
        header: Option<&'r Row<'_>>,
        separator: char,
        options: &'r CsvOptions,
        parsed: Parsed,
    ) -> Self {
        let header = header.and_then(|header| header.cells.as_deref().ok());
        Self {
            layout,
            header: header
                .unwrap_or_default()
                .iter()
                .map(String::as_str)
                .collect(),
            separator,
            options,
            parsed,
            unit: Unit::Pixels,
            applies: None,
            labels: BTreeSet::new(),
            n_lists: 0,
        }
    }

    pub(super) fn rows(&mut self, rows: &[Row<'_>]) -> Result<(), FileError> {
        match self.layout {
            Layout::Boxes { boxes, .. } => {
                self.parsed.kind = LabelsKind::OfBoxes;
                self.unit = unit_of(&boxes.edges, rows);
                let form = boxes::form(&boxes.edges);
                self.parsed.may_be_corners = form == BoxForm::Sizes && self.options.boxes.is_none();
            }
            Layout::Via { .. } => self.parsed.kind = LabelsKind::OfBoxes,
            Layout::Labels { .. } => self.applies = self.column_that_applies(rows),
            Layout::LabelsBehind { .. } | Layout::OneHot { .. } => {}
        }
        for row in rows {
            let number = row.line.number;
            if let Err(fault) = self.row(row) {
                self.parsed
                    .leave_out(number, format!("row {number}"), fault);
            }
        }
        Ok(())
    }

    /// OpenImages says with a confidence of 0 that a label was looked for and isn't there.
    fn column_that_applies(&self, rows: &[Row<'_>]) -> Option<usize> {
        let mut header = self.header.iter();
        let column = header.position(|name| word(name) == "confidence")?;
        let flags: Option<Vec<bool>> = rows.iter().map(|row| flag(row.cell(column))).collect();
        flags?.contains(&false).then_some(column)
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), Fault> {
        refuse_broken(row)?;
        if self.header.is_empty() {
            self.refuse_odd_row(row)?;
        } else if row.n_cells() > self.header.len() {
            return Err(Fault::new(
                Code::InvalidRow,
                format!(
                    "row has {}, and the header names {}",
                    counted(row.n_cells() as u64, "cell"),
                    self.header.len()
                ),
            )
            .with_remedy("quote cells that have the separator in them"));
        }
        let number = row.line.number;
        let mut image = LabeledImage {
            number,
            order: number,
            place: format!("row {number}"),
            name: row.cell(self.layout.image()).to_owned(),
            ..LabeledImage::default()
        };
        match self.layout {
            Layout::Labels { labels, .. } => {
                self.labels_of(row, labels.iter().copied(), &mut image)?
            }
            Layout::LabelsBehind { image: first } => {
                self.labels_of(row, first + 1..row.n_cells(), &mut image)?;
            }
            Layout::OneHot { labels, .. } => self.one_hot(row, labels, &mut image)?,
            Layout::Boxes { label, boxes, .. } => self.boxes_of(row, *label, boxes, &mut image),
            Layout::Via {
                shape, attributes, ..
            } => {
                let wanted = self.options.label_columns.first().map(String::as_str);
                let found = via::region(row.cell(*shape), row.cell(*attributes), wanted);
                let found = match (found, &self.options.label) {
                    (Err(fault), _) => Err(fault),
                    (Ok(Some((_, edges))), Some(label)) => Ok(Some((label.clone(), edges))),
                    (Ok(found), _) => Ok(found),
                };
                match found {
                    Ok(Some((label, edges))) => self.push_box(&mut image, &label, edges),
                    Ok(None) => {}
                    Err(fault) => self.unusable(&mut image, fault),
                }
            }
        }
        self.parsed.images.push(image);
        Ok(())
    }

    fn unusable(&mut self, image: &mut LabeledImage, fault: Fault) {
        image.n_unusable += 1;
        self.parsed
            .leave_out(image.order, image.place.clone(), fault);
    }

    fn push_box(&mut self, image: &mut LabeledImage, label: &str, edges: [f64; 4]) {
        let class = self.parsed.classes.named(label);
        image.boxes.push(LabeledBox {
            place: image.place.clone(),
            class,
            edges,
            unit: self.unit,
        });
    }

    /// What can't be a row of a table without a header.
    fn refuse_odd_row(&self, row: &Row<'_>) -> Result<(), Fault> {
        let wrong = |reason: String| Fault::new(Code::InvalidRow, reason);
        if let Some(other) = row.other_separator(self.separator) {
            let separator = named(self.separator);
            return Err(wrong(format!(
                "{} stands between the cells where other rows have {separator}",
                named(other)
            ))
            .with_remedy(format!("write {separator} in every row")));
        }
        if self.layout.image() != 0 {
            return Ok(());
        }
        let image = row.cell(0);
        let start = image.split(self.separator).next().unwrap_or_default();
        if row.n_cells() == 1 && start != image && has_image_extension(start) {
            return Err(wrong("the whole row is in quotation marks".to_owned())
                .with_remedy("quote cells one by one, or not at all"));
        }
        let labels = (1..row.n_cells()).map(|idx| row.cell(idx));
        match labels.into_iter().find(|label| has_image_extension(label)) {
            Some(label) if !has_image_extension(image) => Err(wrong(format!(
                "{:?} looks like an image, but the first column has {:?}",
                shown(label),
                shown(image)
            ))
            .with_remedy("put the image first, then its labels")),
            _ => Ok(()),
        }
    }

    fn labels_of(
        &mut self,
        row: &Row<'_>,
        columns: impl Iterator<Item = usize>,
        image: &mut LabeledImage,
    ) -> Result<(), Fault> {
        if let Some(column) = self.applies
            && flag(row.cell(column)) == Some(false)
        {
            return Err(Fault::new(
                Code::NoLabels,
                "its confidence is 0: the label was looked for and isn't there",
            ));
        }
        for column in columns {
            for label in self.labels_in(row.cell(column)) {
                self.push_label(image, label);
            }
        }
        if let (true, Some(label)) = (image.labels.is_empty(), &self.options.label) {
            self.push_label(image, label.clone());
        }
        Ok(())
    }

    fn push_label(&mut self, image: &mut LabeledImage, label: String) {
        self.labels.insert(label.clone());
        if !image.labels.contains(&label) {
            image.labels.push(label);
        }
    }

    /// The labels of a cell: one, or those of a list in brackets, or what the separator parts.
    fn labels_in(&mut self, text: &str) -> Vec<String> {
        let list = text
            .strip_prefix('[')
            .and_then(|list| list.strip_suffix(']'));
        let is_list = list.is_some_and(|list| list.is_empty() || list.starts_with(['\'', '"']));
        let parts: Vec<&str> = match (list.filter(|_| is_list), self.options.split_labels) {
            (Some(list), _) => {
                self.n_lists += 1;
                list.split(',').collect()
            }
            (None, Some(separator)) => text.split(separator).collect(),
            (None, None) => vec![text],
        };
        let parts = parts.into_iter().map(|part| match is_list {
            true => part.trim().trim_matches(['\'', '"']).trim(),
            false => part.trim(),
        });
        let parts = parts.filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    fn one_hot(
        &mut self,
        row: &Row<'_>,
        columns: &[usize],
        image: &mut LabeledImage,
    ) -> Result<(), Fault> {
        for column in columns {
            let (text, name) = (row.cell(*column), self.header.get(*column).copied());
            let name = name.unwrap_or_default();
            match flag(text) {
                Some(true) => self.push_label(image, name.to_owned()),
                Some(false) => {}
                None if text.is_empty() => {}
                None => {
                    return Err(Fault::new(
                        Code::InvalidRow,
                        format!(
                            "{:?} in column {:?} says neither yes nor no",
                            shown(text),
                            shown(name)
                        ),
                    )
                    .with_remedy("write 1 or 0"));
                }
            }
        }
        Ok(())
    }

    fn boxes_of(
        &mut self,
        row: &Row<'_>,
        label: Option<usize>,
        boxes: &BoxColumns,
        image: &mut LabeledImage,
    ) {
        let wrong = |reason: String| Fault::new(Code::InvalidRow, reason);
        if let Some((width, height)) = boxes.size {
            image.size = side(row.cell(width)).zip(side(row.cell(height)));
        }
        let label = match label {
            Some(column) => row.cell(column),
            None => self.options.label.as_deref().unwrap_or_default(),
        }
        .to_owned();
        let found = match boxes::of_row(&boxes.edges, row) {
            Ok(found) => found,
            Err(reason) => {
                let fault = wrong(reason)
                    .with_remedy("write numbers, or nothing for an image without a box");
                return self.unusable(image, fault);
            }
        };
        if label.is_empty() && !found.is_empty() {
            let fault = wrong("box has no label".to_owned()).with_remedy("name what it shows");
            return self.unusable(image, fault);
        }
        let form = boxes::form(&boxes.edges);
        for numbers in found {
            if form == BoxForm::Corners && (numbers[2] <= numbers[0] || numbers[3] <= numbers[1]) {
                let reason = format!(
                    "its box {numbers:?} has its right or bottom edge not behind the left or top one"
                );
                let fault = Fault::new(Code::InvalidBoundingBox, reason).with_remedy(
                    "write left, top, right, bottom; --boxes sizes takes left, top, width, height",
                );
                self.unusable(image, fault);
                continue;
            }
            self.push_box(image, &label, form.edges(numbers));
        }
    }

    pub(super) fn finish(mut self) -> Parsed {
        if self.n_lists > 0 {
            self.parsed.notes.push(format!(
                "{} with a list of labels in brackets: taken apart at its commas",
                counted(self.n_lists, "cell")
            ));
        }
        if self.options.split_labels.is_none() {
            self.parsed.notes.extend(separator_note(&self.labels));
        }
        if self.unit == Unit::Shares {
            self.parsed
                .notes
                .push("boxes are in shares of the image's width and height".to_owned());
        }
        self.parsed
    }
}

fn refuse_broken(row: &Row<'_>) -> Result<(), Fault> {
    let wrong = |reason: String| Fault::new(Code::InvalidRow, reason);
    match row.cells {
        Ok(_) => Ok(()),
        Err(RowFault::UnclosedQuote) => Err(wrong(
            "a quotation mark is opened and not closed in the row".to_owned(),
        )
        .with_remedy("close it, or write \"\" for one that belongs to a name")),
        Err(RowFault::BehindQuote(found)) => Err(wrong(format!(
            "{found:?} stands behind a closing quotation mark"
        ))
        .with_remedy("quote whole cells, and write \"\" for a mark that belongs to a name")),
    }
}

/// A side of an image in pixels.
fn side(text: &str) -> Option<u32> {
    let side = super::super::label_names::number(text)?;
    let is_whole = side.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&side);
    is_whole.then_some(side as u32)
}

/// Shares when nearly all numbers are 0 to 1 and some have a fraction.
fn unit_of(edges: &Edges, rows: &[Row<'_>]) -> Unit {
    let (mut n_boxes, mut n_shares, mut has_fraction) = (0_usize, 0_usize, false);
    for row in rows {
        for numbers in boxes::of_row(edges, row).unwrap_or_default() {
            n_boxes += 1;
            let is_share = |number: &f64| (-SHARE_SLACK..=1.0 + SHARE_SLACK).contains(number);
            n_shares += usize::from(numbers.iter().all(is_share));
            has_fraction |= numbers.iter().any(|number| number.fract() != 0.0);
        }
    }
    if has_fraction && n_boxes > 0 && 10 * n_shares >= 9 * n_boxes {
        Unit::Shares
    } else {
        Unit::Pixels
    }
}

/// Says what may separate labels in one cell, and the option that splits them.
fn separator_note(labels: &BTreeSet<String>) -> Option<String> {
    for separator in ['|', ';', ',', '/', '+', '&', ' '] {
        let with: Vec<&String> = labels
            .iter()
            .filter(|label| label.trim_matches(separator).contains(separator))
            .collect();
        let first = match with.first() {
            None => continue,
            Some(first) => first,
        };
        let mut uses: BTreeMap<&str, u64> = BTreeMap::new();
        for label in labels {
            for part in label.split(separator).map(str::trim) {
                *uses.entry(part).or_default() += 1;
            }
        }
        let parts = with.iter().flat_map(|label| label.split(separator));
        let recurs = parts
            .map(str::trim)
            .any(|part| !part.is_empty() && uses.get(part).is_some_and(|n| *n > 1));
        let is_sure = matches!(separator, '|' | ';');
        if is_sure || recurs {
            let (shown_separator, option) = match separator {
                ' ' => ("a space".to_owned(), "space".to_owned()),
                other => (other.to_string(), format!("'{other}'")),
            };
            return Some(format!(
                "{} with {shown_separator} in it, such as {:?}: each is taken as one label; --split-labels {option} makes several of it",
                counted(with.len() as u64, "label"),
                shown(first)
            ));
        }
    }
    None
}
