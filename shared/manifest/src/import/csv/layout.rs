//! What is where in a table.

use super::super::FileError;
use super::super::label_names::refuse_odd;
use super::super::parsed::BoxForm;
use super::CsvOptions;
use super::boxes::{self, BoxColumns, Edges};
use super::columns::{Columns, LABEL_WORDS, is_passed};
use super::rows::Row;

/// What is where in a table, columns counted from 0.
pub(super) enum Layout {
    /// The image, and labels in some columns.
    Labels { image: usize, labels: Vec<usize> },
    /// The image, and labels in all columns behind it.
    LabelsBehind { image: usize },
    /// The image, and a column a label that says whether it applies.
    OneHot { image: usize, labels: Vec<usize> },
    /// The image, and boxes.
    Boxes {
        image: usize,
        label: Option<usize>,
        boxes: BoxColumns,
    },
    /// What VGG Image Annotator writes.
    Via {
        image: usize,
        shape: usize,
        attributes: usize,
    },
}

impl Layout {
    pub(super) fn image(&self) -> usize {
        match self {
            Self::Labels { image, .. }
            | Self::LabelsBehind { image }
            | Self::OneHot { image, .. }
            | Self::Boxes { image, .. }
            | Self::Via { image, .. } => *image,
        }
    }

    /// Says which columns were taken for what, and which were passed over.
    pub(super) fn tell(&self, header: Option<&Row<'_>>, notes: &mut Vec<String>) {
        let Some(header) = header else { return };
        let columns = Columns::of(header, &[]);
        let (what, used) = match self {
            Self::LabelsBehind { .. } => return,
            Self::Labels { labels, .. } => ("labels in ", labels.clone()),
            Self::OneHot { labels, .. } => ("a label each is ", labels.clone()),
            Self::Boxes { boxes, .. } => ("boxes in ", boxes.edges.columns()),
            Self::Via {
                shape, attributes, ..
            } => ("boxes in ", vec![*shape, *attributes]),
        };
        let (image, mut told) = (self.image(), columns.quoted(used.iter().copied()));
        let mut used = used;
        if let Self::Boxes { label, boxes, .. } = self {
            told.push_str(match boxes::form(&boxes.edges) {
                BoxForm::Corners => " as left, top, right, bottom",
                BoxForm::Sizes => " as left, top, width, height",
                BoxForm::Centers => " as centre x, centre y, width, height",
            });
            if let Some(label) = label {
                told.push_str(&format!(", their labels in {}", columns.quoted([*label])));
            }
            let size = boxes
                .size
                .iter()
                .flat_map(|(width, height)| [*width, *height]);
            used.extend(label.iter().copied().chain(size));
        }
        used.push(image);
        let passed = (0..columns.list.len()).filter(|idx| !used.contains(idx));
        let passed = columns.quoted(passed);
        if !passed.is_empty() {
            told.push_str(&format!("; passed over: {passed}"));
        }
        notes.push(format!(
            "images in {}, {what}{told}",
            columns.quoted([image])
        ));
    }
}

/// The layout that a header tells.
///
/// # Errors
///
/// [`FileError`] when it can't be told, or could be several things.
pub(super) fn with_header(columns: &Columns, options: &CsvOptions) -> Result<Layout, FileError> {
    let image = columns.image(options).ok_or_else(|| {
        FileError::new(
            format!(
                "no column of the header is known to have image names: it has {}",
                columns.quoted(0..columns.list.len())
            ),
            "--image-column NAME says which one it is",
        )
    })?;
    let shape = columns.find(&["regionshapeattributes"]);
    if let Some((shape, attributes)) = shape.zip(columns.find(&["regionattributes"])) {
        return Ok(Layout::Via {
            image,
            shape,
            attributes,
        });
    }
    if let Some(boxes) = boxes::find(columns, options)? {
        let label = box_label(columns, image, &boxes, options)?;
        return Ok(Layout::Boxes {
            image,
            label,
            boxes,
        });
    }
    image_level(columns, image, options)
}

/// The columns that the options name.
fn given_labels(columns: &Columns, options: &CsvOptions) -> Result<Vec<usize>, FileError> {
    let names = options.label_columns.iter();
    let found = names.map(|name| {
        columns.given(name).ok_or_else(|| {
            FileError::new(
                format!(
                    "no column is {name:?}; there are {}",
                    columns.quoted(0..columns.list.len())
                ),
                "--label-column takes a name of the header, or a column's number from 1",
            )
        })
    });
    found.collect()
}

/// The column of the boxes' labels; `None` when the options say the label.
fn box_label(
    columns: &Columns,
    image: usize,
    boxes: &BoxColumns,
    options: &CsvOptions,
) -> Result<Option<usize>, FileError> {
    match given_labels(columns, options)?.as_slice() {
        [] => {}
        [label] => return Ok(Some(*label)),
        _ => {
            return Err(FileError::new(
                "several columns are to be the label of boxes",
                "give --label-column once",
            ));
        }
    }
    if options.label.is_some() {
        return Ok(None);
    }
    let is_free = |idx: &usize| *idx != image && !is_of_box(*idx, boxes);
    let named = LABEL_WORDS.iter().filter_map(|word| columns.find(&[word]));
    let named: Vec<usize> = named.filter(is_free).collect();
    let is_text = |idx: &usize| {
        columns
            .list
            .get(*idx)
            .is_some_and(|column| column.is_text())
    };
    let text = named.iter().copied().find(is_text);
    if let Some(label) = text.or_else(|| named.first().copied()) {
        return Ok(Some(label));
    }
    let others = (0..columns.list.len()).filter(is_free).filter(is_text);
    let mut others = others.filter(|idx| {
        let column = columns.list.get(*idx);
        column.is_some_and(|column| !is_passed(column))
    });
    match (others.next(), others.next()) {
        (Some(label), None) => Ok(Some(label)),
        _ => Err(FileError::new(
            format!(
                "no column is known to have the labels of the boxes: there are {}",
                columns.quoted((0..columns.list.len()).filter(is_free))
            ),
            "--label-column NAME says which one it is; --label NAME gives all boxes one label",
        )),
    }
}

fn is_of_box(idx: usize, boxes: &BoxColumns) -> bool {
    let is_edge = match &boxes.edges {
        Edges::Columns { columns, .. } => columns.contains(&idx),
        Edges::Cell { column, .. } => *column == idx,
        Edges::Points { first } => idx >= *first,
    };
    is_edge
        || boxes
            .size
            .is_some_and(|(width, height)| idx == width || idx == height)
}

/// The columns of labels of whole images.
fn image_level(columns: &Columns, image: usize, options: &CsvOptions) -> Result<Layout, FileError> {
    let given = given_labels(columns, options)?;
    let are_flags = |idxs: &[usize]| {
        let mut columns = idxs.iter().map(|idx| columns.list.get(*idx));
        columns.all(|column| column.is_some_and(|column| column.is_flags()))
    };
    if !given.is_empty() {
        let is_one_hot = are_flags(&given) && !options.takes_odd_labels;
        return Ok(match is_one_hot {
            true => Layout::OneHot {
                image,
                labels: given,
            },
            false => Layout::Labels {
                image,
                labels: given,
            },
        });
    }
    let labels = named_labels(columns, image)?;
    if !labels.is_empty() {
        return Ok(match labels.len() > 1 && are_flags(&labels) {
            true => Layout::OneHot { image, labels },
            false => Layout::Labels { image, labels },
        });
    }
    unnamed_labels(columns, image, options)
}

/// Columns that the header calls labels: one, or several with a number each behind one word.
fn named_labels(columns: &Columns, image: usize) -> Result<Vec<usize>, FileError> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    for word in LABEL_WORDS {
        let is_named = |idx: &usize| {
            let column = columns.list.get(*idx);
            *idx != image
                && column.is_some_and(|column| {
                    column
                        .word
                        .trim_end_matches(|char: char| char.is_ascii_digit())
                        == word
                })
        };
        let of_word: Vec<usize> = (0..columns.list.len()).filter(is_named).collect();
        if !of_word.is_empty() {
            found.push(of_word);
        }
    }
    let is_text = |idxs: &Vec<usize>| {
        let mut columns = idxs.iter().filter_map(|idx| columns.list.get(*idx));
        columns.any(|column| column.is_text())
    };
    let mut texts = found.iter().filter(|idxs| is_text(idxs));
    match (texts.next(), texts.next()) {
        (Some(one), Some(other)) => Err(ambiguous(
            columns,
            one.iter().chain(other).copied().collect(),
        )),
        (Some(one), None) => Ok(one.clone()),
        (None, _) => Ok(match ends_in_label(columns, image) {
            Some(idx) => vec![idx],
            None => found.into_iter().next().unwrap_or_default(),
        }),
    }
}

/// The only column of text whose name ends as one of labels: `Finding Labels`.
fn ends_in_label(columns: &Columns, image: usize) -> Option<usize> {
    const ENDS: [&str; 5] = ["label", "labels", "class", "classes", "category"];
    let columns = columns.list.iter().enumerate();
    let mut found = columns.filter(|(idx, column)| {
        let ends = ENDS.iter().any(|end| column.word.ends_with(end));
        *idx != image && column.is_text() && ends
    });
    let (idx, _) = found.next()?;
    found.next().is_none().then_some(idx)
}

fn ambiguous(columns: &Columns, idxs: Vec<usize>) -> FileError {
    FileError::new(
        format!(
            "several columns could be the labels: {}",
            columns.quoted(idxs)
        ),
        "--label-column NAME says which one it is; give it several times when they all are",
    )
}

/// Columns that the header doesn't call labels, but names after one each, or a single one.
fn unnamed_labels(
    columns: &Columns,
    image: usize,
    options: &CsvOptions,
) -> Result<Layout, FileError> {
    let open = columns.list.iter().enumerate();
    let open = open.filter(|(idx, column)| *idx != image && !is_passed(column));
    let (mut flags, mut texts, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (idx, column) in open {
        if column.is_flags() {
            flags.push(idx);
        } else if column.is_text() {
            texts.push(idx);
        } else if column.n_values > 0 {
            others.push(idx);
        }
    }
    if !flags.is_empty() && texts.is_empty() {
        if !options.takes_odd_labels {
            let names = flags.iter().filter_map(|idx| columns.list.get(*idx));
            refuse_odd(
                names.map(|column| column.name.as_str()),
                "the names of the columns that say yes or no",
            )?;
        }
        return Ok(Layout::OneHot {
            image,
            labels: flags,
        });
    }
    match texts.as_slice() {
        [label] if flags.is_empty() => Ok(Layout::Labels {
            image,
            labels: vec![*label],
        }),
        [] if options.label.is_some() => Ok(Layout::Labels {
            image,
            labels: Vec::new(),
        }),
        [] if others.is_empty() && columns.list.len() <= 2 => Ok(Layout::LabelsBehind { image }),
        [] => Err(FileError::new(
            format!(
                "no column is known to have labels: there are {}",
                columns.quoted((0..columns.list.len()).filter(|idx| *idx != image))
            ),
            "--label-column NAME says which one it is; --label NAME gives all images one label",
        )),
        _ => Err(ambiguous(columns, texts.into_iter().chain(flags).collect())),
    }
}
