//! What the columns of a table are called, and what is in them.

use super::super::image_name::{has_any_image_extension, is_uri};
use super::super::label_names::{flag, number};
use super::CsvOptions;
use super::box_cell::is_boxes;
use super::rows::Row;
use crate::line::shown;

/// A column that a header names.
pub(super) struct Column {
    /// As it stands in the header.
    pub(super) name: String,
    /// In lower case, letters and digits only.
    pub(super) word: String,
    /// The word without what says that it is about a box.
    stripped: String,
    pub(super) n_values: usize,
    n_flags: usize,
    n_numbers: usize,
    n_images: usize,
    n_four: usize,
}

const BOX_PREFIXES: [&str; 12] = [
    "boundingbox",
    "annotation",
    "rectangle",
    "bndbox",
    "object",
    "region",
    "bbox",
    "rect",
    "roi",
    "obj",
    "box",
    "bb",
];

/// Lower case, letters and digits only: `Image Name`, `image_name` and `imageName` are one word.
pub(super) fn word(name: &str) -> String {
    let chars = name.chars().filter(|char| char.is_alphanumeric());
    chars.flat_map(char::to_lowercase).collect()
}

/// Whether a text names an image file, or anything by a URI.
pub(super) fn is_image(text: &str) -> bool {
    has_any_image_extension(text) || is_uri(text)
}

impl Column {
    fn new(name: &str, idx: usize, rows: &[Row<'_>]) -> Self {
        let word = word(name);
        let stripped = BOX_PREFIXES
            .iter()
            .find_map(|prefix| word.strip_prefix(prefix))
            .filter(|rest| !rest.is_empty())
            .unwrap_or(&word)
            .to_owned();
        let mut column = Self {
            name: name.to_owned(),
            word,
            stripped,
            n_values: 0,
            n_flags: 0,
            n_numbers: 0,
            n_images: 0,
            n_four: 0,
        };
        for text in rows.iter().map(|row| row.cell(idx)) {
            let is_nothing = text.chars().all(|char| "[]{} ".contains(char));
            column.n_values += usize::from(!is_nothing);
            column.n_flags += usize::from(flag(text).is_some());
            column.n_numbers += usize::from(number(text).is_some());
            column.n_images += usize::from(is_image(text));
            column.n_four += usize::from(is_boxes(text));
        }
        column
    }

    /// Nearly all of its values say yes or no, and there are some.
    pub(super) fn is_flags(&self) -> bool {
        self.n_values > 0 && 10 * self.n_flags >= 9 * self.n_values
    }

    pub(super) fn is_numbers(&self) -> bool {
        self.n_values > 0 && 10 * self.n_numbers >= 9 * self.n_values
    }

    pub(super) fn is_images(&self) -> bool {
        self.n_values > 0 && 2 * self.n_images > self.n_values
    }

    pub(super) fn is_four(&self) -> bool {
        self.n_values > 0 && 2 * self.n_four > self.n_values
    }

    /// Something that may be labels: text.
    pub(super) fn is_text(&self) -> bool {
        self.n_values > 0 && !self.is_numbers() && !self.is_flags() && !self.is_four()
    }

    pub(super) fn quoted(&self) -> String {
        format!("{:?}", shown(&self.name))
    }
}

/// The columns of a header.
pub(super) struct Columns {
    pub(super) list: Vec<Column>,
}

impl Columns {
    pub(super) fn of(header: &Row<'_>, rows: &[Row<'_>]) -> Self {
        let names = header.cells.as_deref().unwrap_or_default();
        let list = names.iter().enumerate();
        Self {
            list: list
                .map(|(idx, name)| Column::new(name, idx, rows))
                .collect(),
        }
    }

    /// The first column with the first of these words that a column has.
    pub(super) fn find(&self, words: &[&str]) -> Option<usize> {
        words.iter().find_map(|word| {
            let mut columns = self.list.iter();
            columns.position(|column| column.word == *word)
        })
    }

    /// As [`Self::find`], also where the word stands behind one that says it is about a box: `bbox_x`.
    pub(super) fn find_of_box(&self, words: &[&str]) -> Option<usize> {
        words.iter().find_map(|word| {
            let mut columns = self.list.iter();
            columns.position(|column| column.stripped == *word)
        })
    }

    /// As [`Self::find_of_box`], but only behind such a word.
    pub(super) fn find_only_of_box(&self, words: &[&str]) -> Option<usize> {
        words.iter().find_map(|word| {
            let mut columns = self.list.iter();
            columns.position(|column| column.stripped == *word && column.word != column.stripped)
        })
    }

    /// The column that an option names by its header, or by its number from 1.
    pub(super) fn given(&self, name: &str) -> Option<usize> {
        let mut columns = self.list.iter();
        let exact = columns.position(|column| column.name == name);
        let alike = || {
            let wanted = word(name);
            let mut columns = self.list.iter();
            columns.position(|column| !wanted.is_empty() && column.word == wanted)
        };
        let numbered = || {
            let number: usize = name.parse().ok()?;
            number.checked_sub(1).filter(|idx| *idx < self.list.len())
        };
        exact.or_else(alike).or_else(numbered)
    }

    pub(super) fn quoted(&self, idxs: impl IntoIterator<Item = usize>) -> String {
        let columns = idxs.into_iter().filter_map(|idx| self.list.get(idx));
        let names: Vec<String> = columns.map(Column::quoted).collect();
        names.join(", ")
    }

    /// The column of images: the one that is named, else by its name, and of several the one whose cells name images.
    pub(super) fn image(&self, options: &CsvOptions) -> Option<usize> {
        if let Some(name) = &options.image_column {
            return self.given(name);
        }
        let named = IMAGE_WORDS.iter().filter_map(|word| self.find(&[word]));
        let named: Vec<usize> = named.collect();
        let is_images = |idx: &usize| self.list.get(*idx).is_some_and(Column::is_images);
        let best = named.iter().copied().find(is_images);
        best.or_else(|| {
            let mut images = (0..self.list.len()).filter(is_images);
            images.next().filter(|_| images.next().is_none())
        })
        .or_else(|| {
            let is_free = |idx: &usize| {
                let column = self.list.get(*idx);
                column.is_some_and(|column| column.n_values > 0 || column.word != "name")
            };
            named.into_iter().find(is_free)
        })
    }
}

/// Words that head the column of images, the surest first.
pub(super) const IMAGE_WORDS: [&str; 38] = [
    "sourceref",
    "s3uri",
    "s3path",
    "imageuri",
    "imageurl",
    "imagefilename",
    "imagefile",
    "imagename",
    "imagepath",
    "filename",
    "filepath",
    "filepaths",
    "image",
    "images",
    "img",
    "imgname",
    "imgpath",
    "imgfile",
    "imgid",
    "imageid",
    "imagefilepath",
    "relativepath",
    "fname",
    "photo",
    "photoid",
    "picture",
    "path",
    "paths",
    "file",
    "files",
    "fileid",
    "uri",
    "url",
    "externalid",
    "key",
    "id",
    "item",
    "name",
];

/// Words that head a column of labels, the surest first.
pub(super) const LABEL_WORDS: [&str; 26] = [
    "label",
    "labels",
    "labelname",
    "labelnames",
    "class",
    "classes",
    "classname",
    "classnames",
    "classlabel",
    "category",
    "categories",
    "categoryname",
    "tag",
    "tags",
    "tagname",
    "objectclass",
    "objectname",
    "objectlabel",
    "object",
    "target",
    "targets",
    "type",
    "classid",
    "labelid",
    "categoryid",
    "classindex",
];

/// Words that head columns which are never labels.
const PASSED_WORDS: [&str; 66] = [
    "split",
    "set",
    "subset",
    "fold",
    "kfold",
    "partition",
    "usage",
    "mluse",
    "dataset",
    "phase",
    "istrain",
    "isvalid",
    "isval",
    "istest",
    "confidence",
    "conf",
    "score",
    "prob",
    "probability",
    "certainty",
    "index",
    "idx",
    "unnamed0",
    "row",
    "rowid",
    "source",
    "depth",
    "channels",
    "area",
    "iscrowd",
    "difficult",
    "truncated",
    "occluded",
    "isoccluded",
    "istruncated",
    "isgroupof",
    "isdepiction",
    "isinside",
    "pose",
    "date",
    "datetime",
    "time",
    "timestamp",
    "createdat",
    "updatedat",
    "user",
    "annotator",
    "worker",
    "workerid",
    "labeler",
    "reviewer",
    "comment",
    "comments",
    "note",
    "notes",
    "remark",
    "remarks",
    "license",
    "filesize",
    "size",
    "md5",
    "patientid",
    "patient",
    "rotation",
    "width",
    "height",
];

/// Whether a column is of those that are never labels.
pub(super) fn is_passed(column: &Column) -> bool {
    column.word.is_empty()
        || PASSED_WORDS.contains(&column.word.as_str())
        || IMAGE_WORDS.contains(&column.word.as_str()) && column.word != "name"
        || column.word.ends_with("width")
        || column.word.ends_with("height")
}
