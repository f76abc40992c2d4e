//! The parts of a COCO file that an import needs, each item read by itself.
//!
//! Source: COCO data format, object detection. Ids are whole numbers there; many tools write them as strings or with a
//! fraction of 0, and `NaN`, which JSON lacks: all of that is read.

use super::super::FileError;
use super::annotation::{Annotation, annotation};
use super::item::{Field, Id, ReadItem, WHAT_ID, known, read_id, short, text};
use crate::json::{DEPTH_MAX, JsonError, Kind, Reader};
use crate::line::shown;

/// What a COCO file lists.
#[derive(Debug, Default)]
pub(super) struct CocoFile {
    pub(super) images: Vec<Item<Image>>,
    pub(super) annotations: Vec<Item<Annotation>>,
    pub(super) categories: Vec<Item<Category>>,
    /// Values that JSON lacks, read as null.
    pub(super) n_not_json: u64,
}

/// One item of a list.
#[derive(Debug)]
pub(super) struct Item<T> {
    /// `images[2], id 3`; the index counts from 0.
    pub(super) place: String,
    /// What it is called, if that can be read.
    pub(super) id: Option<Id>,
    /// Its fields, or what is wrong with one of them.
    pub(super) read: Result<T, String>,
}

#[derive(Debug)]
pub(super) struct Image {
    pub(super) id: Id,
    pub(super) file_name: String,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// `None` when there is none, or it is no string.
    pub(super) date_captured: Option<String>,
}

#[derive(Debug)]
pub(super) struct Category {
    pub(super) id: Id,
    pub(super) name: String,
}

/// Reads a COCO file. An item that can't be used is in its list all the same.
///
/// # Errors
///
/// [`FileError`] when it isn't one JSON object with the lists `images`, `annotations` and `categories`.
pub(super) fn read(text: &str) -> Result<CocoFile, FileError> {
    match read_json(text) {
        Err(Refusal::Json(JsonError::Syntax { .. })) => {
            let (repaired, n_not_json) = without_nan(text);
            let file = read_json(&repaired).map_err(|refusal| refusal.of(&repaired))?;
            Ok(CocoFile { n_not_json, ..file })
        }
        other => other.map_err(|refusal| refusal.of(text)),
    }
}

enum Refusal {
    Json(JsonError),
    File(FileError),
}

impl From<JsonError> for Refusal {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl Refusal {
    fn of(self, text: &str) -> FileError {
        let at = match self {
            Self::File(error) => return error,
            Self::Json(JsonError::DuplicateKey) => {
                return FileError::new(
                    "file has one of its lists twice",
                    "merge the lists into one",
                );
            }
            Self::Json(JsonError::TooDeep { at }) => {
                return FileError::new(
                    format!(
                        "file nests deeper than {DEPTH_MAX} levels at {}",
                        position(text, at)
                    ),
                    "remove what nests so deeply: images, annotations and categories don't",
                );
            }
            Self::Json(JsonError::Syntax { at }) => at,
        };
        let before = text.get(..at).unwrap_or(text);
        if before.trim_end().len() == text.trim_end().len() {
            return FileError::new(
                "file ends in the middle of its JSON",
                "look whether its download or export was completed",
            );
        }
        FileError::new(
            format!("file is not valid JSON at {}", position(text, at)),
            "give it a COCO object detection file: JSON with images, annotations and categories",
        )
    }
}

/// Line and column of a byte, both from 1.
fn position(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line_number = 1 + before.matches('\n').count();
    let last = before.rsplit('\n').next().unwrap_or_default();
    format!("line {line_number}, column {}", 1 + last.chars().count())
}

fn read_json(text: &str) -> Result<CocoFile, Refusal> {
    let mut reader = Reader::new(text);
    if !reader.enter_object()? {
        return Err(Refusal::File(no_object(&mut reader)?));
    }
    let (mut images, mut annotations, mut categories) = (None, None, None);
    let mut keys: Vec<String> = Vec::new();
    let mut is_first = true;
    while let Some(key) = reader.next_key(&mut is_first)? {
        let key = key.decoded();
        let is_list = reader.kind()? == Kind::Array;
        let is_new = match (key.as_ref(), is_list) {
            ("images", true) => set(&mut images, list(&mut reader, "images", image)?),
            ("annotations", true) => set(
                &mut annotations,
                list(&mut reader, "annotations", annotation)?,
            ),
            ("categories", true) => {
                set(&mut categories, list(&mut reader, "categories", category)?)
            }
            _ => {
                reader.skip()?;
                keys.push(format!("{:?}", shown(&key)));
                true
            }
        };
        if !is_new {
            return Err(JsonError::DuplicateKey.into());
        }
    }
    if reader.clone().finish().is_err() {
        return Err(Refusal::File(FileError::new(
            "file has more than one JSON value",
            "JSON Lines are a manifest: look at it with gtcl check; a COCO file is one object",
        )));
    }
    match (images, annotations, categories) {
        (Some(images), Some(annotations), Some(categories)) => Ok(CocoFile {
            images,
            annotations,
            categories,
            n_not_json: 0,
        }),
        (images, annotations, categories) => {
            let missing: Vec<&str> = [
                ("images", images.is_none()),
                ("annotations", annotations.is_none()),
                ("categories", categories.is_none()),
            ]
            .into_iter()
            .filter_map(|(name, is_missing)| is_missing.then_some(name))
            .collect();
            keys.truncate(10);
            let others = if keys.is_empty() {
                String::new()
            } else {
                format!("; it has {}", keys.join(", "))
            };
            Err(Refusal::File(FileError::new(
                format!("file has no list {}{others}", missing.join(" and no list ")),
                "give it a COCO object detection file: JSON with images, annotations and categories",
            )))
        }
    }
}

fn set<T>(place: &mut Option<T>, value: T) -> bool {
    place.replace(value).is_none()
}

/// What stands where a COCO file's object should be.
fn no_object(reader: &mut Reader<'_>) -> Result<FileError, JsonError> {
    if !reader.enter_array()? {
        return Ok(FileError::new(
            "file is JSON, but not a JSON object",
            "give it a COCO object detection file: JSON with images, annotations and categories",
        ));
    }
    let mut keys: Vec<String> = Vec::new();
    if reader.next_element(&mut true)? && reader.enter_object()? {
        let mut is_first = true;
        while let Some(key) = reader.next_key(&mut is_first)? {
            keys.push(key.decoded().into_owned());
            reader.skip()?;
        }
    }
    let has = |key: &str| keys.iter().any(|found| found == key);
    Ok(if has("file_name") && has("annotations") {
        FileError::new(
            "file is a list of images with their own annotations, as Detectron2's dataset dicts are: it lacks the names of the categories",
            "write it as COCO with detectron2.data.datasets.convert_to_coco_json, and import that",
        )
    } else if has("data") && (has("annotations") || has("completions") || has("predictions")) {
        FileError::new(
            "file is a list of tasks, as Label Studio's JSON export is, not COCO",
            "gtcl import label-studio FILE takes it",
        )
    } else if has("image_id") {
        FileError::new(
            "file is a list of annotations or detections, as COCO results are: it has neither images nor categories",
            "put the list as annotations into the file that has images and categories, and import that",
        )
    } else {
        FileError::new(
            "file is a JSON list, not an object with images, annotations and categories",
            "give it a COCO object detection file; files of other formats have to be converted to it first, by panlabel for instance",
        )
    })
}

/// Reads a list's items with `item`, which takes the fields of one object that was entered.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    name: &str,
    item: fn(&mut Reader<'a>) -> Result<ReadItem<T>, JsonError>,
) -> Result<Vec<Item<T>>, JsonError> {
    let mut items = Vec::new();
    reader.enter_array()?;
    let mut is_first = true;
    while reader.next_element(&mut is_first)? {
        let idx = items.len();
        let (id, read) = if reader.enter_object()? {
            item(reader)?
        } else {
            let raw = short(reader.skip()?);
            (None, Err(format!("it is {raw}, not an object")))
        };
        let place = match &id {
            Some(id) => format!("{name}[{idx}], id {id}"),
            None => format!("{name}[{idx}]"),
        };
        items.push(Item { place, id, read });
    }
    Ok(items)
}

const WHAT_SIDE: &str = "a whole number of pixels";

fn image(reader: &mut Reader<'_>) -> Result<ReadItem<Image>, JsonError> {
    let (mut id, mut file_name) = (Field::Missing, Field::Missing);
    let (mut width, mut height) = (Field::Missing, Field::Missing);
    let mut date_captured = None;
    let mut is_first = true;
    while let Some(key) = reader.next_key(&mut is_first)? {
        match key.decoded().as_ref() {
            "id" => id = read_id(reader)?,
            "file_name" => file_name = text(reader)?,
            "width" => width = side(reader)?,
            "height" => height = side(reader)?,
            "date_captured" => {
                date_captured = reader.text_or_skip()?.map(|text| text.decoded().into());
            }
            _ => {
                reader.skip()?;
            }
        }
    }
    let known = known(&id);
    let read = || {
        Ok(Image {
            id: id.good("id", WHAT_ID)?,
            file_name: file_name.good("file_name", "a string")?,
            width_px: width.good("width", WHAT_SIDE)?,
            height_px: height.good("height", WHAT_SIDE)?,
            date_captured,
        })
    };
    Ok((known, read()))
}

fn category(reader: &mut Reader<'_>) -> Result<ReadItem<Category>, JsonError> {
    let (mut id, mut name) = (Field::Missing, Field::Missing);
    let mut is_first = true;
    while let Some(key) = reader.next_key(&mut is_first)? {
        match key.decoded().as_ref() {
            "id" => id = read_id(reader)?,
            "name" => name = text(reader)?,
            _ => {
                reader.skip()?;
            }
        }
    }
    let known = known(&id);
    let read = || {
        Ok(Category {
            id: id.good("id", WHAT_ID)?,
            name: name.good("name", "a string")?,
        })
    };
    Ok((known, read()))
}

fn side(reader: &mut Reader<'_>) -> Result<Field<u32>, JsonError> {
    let start = reader.start()?;
    let side = reader.number_or_skip()?.map(|number| number.value);
    let side = side
        .filter(|side| side.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(side))
        .map(|side| side as u32);
    Ok(Field::of(side, reader.since(start)?))
}

/// The text with `null` for `NaN`, `Infinity` and `-Infinity` outside of strings, and how many there were.
///
/// Python's `json` writes them, and pandas by way of it.
fn without_nan(text: &str) -> (String, u64) {
    let mut out = String::with_capacity(text.len());
    let mut n = 0;
    for (idx, piece) in pieces(text).enumerate() {
        // Every second piece is a string.
        if idx % 2 == 1 {
            out.push_str(piece);
            continue;
        }
        let mut rest = piece;
        while let Some((at, word)) = ["-Infinity", "Infinity", "NaN"]
            .into_iter()
            .filter_map(|word| Some((rest.find(word)?, word)))
            .min()
        {
            out.push_str(rest.get(..at).unwrap_or_default());
            out.push_str("null");
            rest = rest.get(at + word.len()..).unwrap_or_default();
            n += 1;
        }
        out.push_str(rest);
    }
    (out, n)
}

/// The text in turns outside and inside of strings, quotes with the strings.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut is_string = true;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        is_string = !is_string;
        let end = if is_string {
            end_of_string(rest)
        } else {
            rest.find('"').unwrap_or(rest.len())
        };
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(piece)
    })
}

/// Where the string ends that `text` starts with, behind its quote.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_a_number() {
        let check = |text: &str, expected: &str, n: u64| {
            assert_eq!(without_nan(text), (expected.to_owned(), n));
        };
        check("[NaN,-Infinity, Infinity]", "[null,null, null]", 3);
        check(r#"{"NaN":"a\"NaN"}"#, r#"{"NaN":"a\"NaN"}"#, 0);
        check(r#"{"a":NaN,"NaN"#, r#"{"a":null,"NaN"#, 1);
        check("\\NaN\"\\", "\\null\"\\", 1);
    }

    #[test]
    fn files_that_are_something_else() {
        let check = |text: &str, expected: &str, remedy: &str| {
            let error = read(text).unwrap_err();
            assert!(error.reason.contains(expected), "{text}: {error:?}");
            assert!(error.remedy.contains(remedy), "{text}: {error:?}");
        };
        check(
            r#"[{"image_id":1,"category_id":2,"bbox":[1,2,3,4],"score":0.5}]"#,
            "as COCO results are",
            "images and categories",
        );
        check(r#"[{"a":1}]"#, "a JSON list", "converted");
        check("[]", "a JSON list", "converted");
        check("7", "not a JSON object", "COCO");
        check("{}", "no list images and no list annotations", "COCO");
        check(
            r#"{"images":{},"annotations":[],"info":0}"#,
            "no list images and no list categories; it has \"images\", \"info\"",
            "COCO",
        );
        check("{\"a\":1}\n{\"a\":2}\n", "more than one", "gtcl check");
        check("{\"a\":1,\n  nonsense}", "line 2, column 3", "COCO");
        check(
            &format!("{{\"a\":\n{}", "[".repeat(100)),
            "deeper than 64 levels at line 2, column 64",
            "remove",
        );
        check("{\"images\":[{\"id\":1", "ends in the middle", "download");
        check(
            r#"{"images":[],"images":[],"annotations":[],"categories":[]}"#,
            "twice",
            "merge",
        );
    }
}
