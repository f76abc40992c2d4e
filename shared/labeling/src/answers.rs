//! What a worker submitted, found by its shape.
//!
//! A worker's answer is an object with one value for each form element, under the name that the template gave it.
//! Names differ from template to template (`annotatedResult`, `boundingBox`, `crowd-image-classifier`, `category`, …),
//! so the answer is recognised by what it holds: `boundingBoxes`, `labels` or `label`, and where there is none of these,
//! a group of radio buttons or checkboxes. Everything beside it (inputs, sliders, comments) is passed over.
//!
//! Read as well: a list of one object around the form (as the crowd elements' pages show it) and JSON inside a string
//! (hidden inputs), at any of the first four levels.
//!
//! Source: Developer Guide, pages of the Crowd HTML elements; DIFFERENCE: those pages show lists, real answers are objects.

mod choices;
mod located;

use std::collections::BTreeSet;

use crate::job::categories::CATEGORY_CHARS_MAX;
pub use crate::json::ANSWER_VALUES_MAX;
use crate::json::Json;
use crate::shown::shown;

/// Longest answer that is looked into, in bytes, inclusive. Source: ours; 1,000 boxes take about 100 kB.
pub const ANSWER_BYTES_MAX: usize = 4 * 1_048_576;

/// Most boxes or labels in one answer, inclusive. Source: ours; an image of 1,000 boxes is beyond what a worker draws.
pub const ANSWER_LABELS_MAX: usize = 1_000;

/// Longest edge of an image, in pixels, inclusive. Source: ours; Ground Truth takes images of up to 100 megapixels.
const IMAGE_EDGE_MAX_PX: u32 = 1_000_000;

/// How deep the form is searched for an answer, in levels.
const DEPTH_MAX: u8 = 4;

/// One worker's answer to one data object. `N` is what stands for a label category's name: the name as submitted, or
/// a number for it where many answers are held.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<N = String> {
    /// One label category.
    SingleLabel {
        /// Its name.
        label: N,
    },
    /// Label categories, in the order submitted, without repeats; none is an answer too.
    MultiLabel {
        /// Their names.
        labels: Vec<N>,
    },
    /// Boxes; none is an answer too.
    Boxes {
        /// The image's size as the worker's browser saw it.
        image_size: Option<ImageSize>,
        /// The boxes, in the order submitted. Boxes without area (a click without a drag) are left out.
        boxes: Vec<DrawnBox<N>>,
    },
    /// A form without anything in it: the time ran out, or nothing was chosen. Not an answer.
    Empty,
    /// A kind of answer that has no consolidation.
    Unsupported {
        /// The key it was recognised by, such as `polygons`.
        kind: &'static str,
    },
}

/// An image's size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageSize {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// A box as a worker drew it, in pixels from the upper left corner of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnBox<N = String> {
    /// Name of the label category.
    pub label: N,
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Width, above 0.
    pub width: f64,
    /// Height, above 0.
    pub height: f64,
}

impl<N> Answer<N> {
    /// The answer with its names put differently. Holds no more memory than it needs.
    pub fn map_names<M>(self, mut name: impl FnMut(N) -> M) -> Answer<M> {
        match self {
            Self::SingleLabel { label } => Answer::SingleLabel { label: name(label) },
            Self::MultiLabel { labels } => Answer::MultiLabel {
                labels: exactly(labels, name),
            },
            Self::Boxes { image_size, boxes } => Answer::Boxes {
                image_size,
                boxes: exactly(boxes, |drawn| DrawnBox {
                    label: name(drawn.label),
                    left: drawn.left,
                    top: drawn.top,
                    width: drawn.width,
                    height: drawn.height,
                }),
            },
            Self::Empty => Answer::Empty,
            Self::Unsupported { kind } => Answer::Unsupported { kind },
        }
    }
}

/// A new list without spare room: one that is collected may keep the old one's.
fn exactly<A, B>(list: Vec<A>, into: impl FnMut(A) -> B) -> Vec<B> {
    let mut exact = Vec::with_capacity(list.len());
    exact.extend(list.into_iter().map(into));
    exact
}

/// Why an answer can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// More than [`ANSWER_BYTES_MAX`].
    #[error("answer has {n_bytes} bytes, more than {ANSWER_BYTES_MAX}")]
    TooLong {
        /// Its length.
        n_bytes: usize,
    },
    /// Not JSON.
    #[error("answer is not valid JSON: {reason}")]
    Json {
        /// Line and column.
        reason: String,
    },
    /// Nothing in the form looks like an answer.
    #[error(
        "no boundingBoxes, labels or label in any form element; the form has {names}; set ANSWER_NAME where one of them is a list to choose from"
    )]
    NotRecognised {
        /// Names of the form's elements.
        names: String,
    },
    /// A label with a place, which is no label of the whole image.
    #[error(
        "form element {name} holds a label with a place ({key}): a shape, which isn't read, and no label of the whole image"
    )]
    Located {
        /// Name of the element.
        name: String,
        /// The key that says where.
        key: String,
    },
    /// Two elements of the form hold an answer of the same kind.
    #[error("form elements {names} all hold {kind}; set ANSWER_NAME to the one that counts")]
    Ambiguous {
        /// Names of the elements.
        names: String,
        /// The key they were recognised by.
        kind: &'static str,
    },
    /// A label is not a text of usable length.
    #[error("{place} is not a text of 1 to {CATEGORY_CHARS_MAX} characters")]
    Label {
        /// Where it stands.
        place: String,
    },
    /// A box lacks an edge, or has one that is not a number of pixels.
    #[error("{place} is not a number of pixels")]
    Edge {
        /// Where it stands.
        place: String,
    },
    /// More labels or boxes than [`ANSWER_LABELS_MAX`].
    #[error("answer has {n} {kind}, more than {ANSWER_LABELS_MAX}")]
    TooMany {
        /// How many.
        n: usize,
        /// The key they stand under.
        kind: &'static str,
    },
}

/// Reads `annotationData.content`: a text that holds the form as JSON.
///
/// # Errors
///
/// [`AnswerError`], one variant for each thing that can be wrong.
pub fn parse(content: &str) -> Result<Answer, AnswerError> {
    parse_named(content, None)
}

/// Like [`parse`], looking at the form element `name` only, where the form has it.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_named(content: &str, name: Option<&str>) -> Result<Answer, AnswerError> {
    if content.len() > ANSWER_BYTES_MAX {
        return Err(AnswerError::TooLong {
            n_bytes: content.len(),
        });
    }
    if content.trim().is_empty() {
        return Ok(Answer::Empty);
    }
    let form: Json<'_> = serde_json::from_str(content).map_err(|error| AnswerError::Json {
        reason: error.to_string(),
    })?;
    let mut search = Search::default();
    match name.and_then(|name| unwrapped(&form).get(name)) {
        Some(element) => {
            if let Some(chosen) = choices::of_named(element) {
                return chosen;
            }
            search.look_into(element, name.unwrap_or_default(), DEPTH_MAX);
        }
        None => search.look_into(&form, "", DEPTH_MAX),
    }
    search.answer()
}

/// What can be recognised, in order of precedence: the first kind found in the form is the answer.
const KINDS: [&str; 12] = [
    "boundingBoxes",
    "polygons",
    "polylines",
    "lines",
    "keypoints",
    "instances",
    "labeledImage",
    "cuboids",
    "entities",
    "labels",
    "label",
    "annotations",
];

/// Kinds that are answers by themselves only as a list; a form element may well be named so.
fn is_of_kind(kind: &str, value: &Json<'_>) -> bool {
    match kind {
        "label" => matches!(value, Json::Text(_) | Json::Null),
        "labeledImage" => value.as_object().is_some(),
        _ => value.as_list().is_some(),
    }
}

#[derive(Default)]
struct Search {
    /// Index into [`KINDS`], name of the form element, and what it says.
    found: Vec<(usize, String, Result<Answer, AnswerError>)>,
    /// The same of radio buttons and checkboxes, which count where nothing else is found.
    chosen: Vec<(String, Result<Answer, AnswerError>)>,
    /// The first shape with a label and a place.
    located: Option<AnswerError>,
    /// Names of elements that hold something.
    names: Vec<String>,
}

impl Search {
    fn look_into(&mut self, value: &Json<'_>, name: &str, depth: u8) {
        let decoded = decoded(value);
        let value = unwrapped(decoded.as_ref().unwrap_or(value));
        if let Some(key) = located::place_key(value) {
            let (name, key) = (shown(name), key.to_owned());
            self.located
                .get_or_insert(AnswerError::Located { name, key });
            return;
        }
        let Some(object) = value.as_object() else {
            if !is_blank(value) {
                self.names.push(shown(name));
            }
            return;
        };
        let kind = KINDS.iter().enumerate().find_map(|(idx, kind)| {
            let found = value.get(kind)?;
            is_of_kind(kind, found).then(|| (idx, answer(kind, found, value)))
        });
        if let Some((idx, answer)) = kind {
            self.found.push((idx, name.to_owned(), answer));
            return;
        }
        let group = choices::of_group(value).filter(|_| !name.is_empty());
        if let Some(chosen) = group.or_else(|| choices::of_form(value)) {
            self.chosen.push((name.to_owned(), chosen));
        }
        if depth == 0 {
            self.names.push(shown(name));
            return;
        }
        for (key, value) in object {
            let name = if name.is_empty() { key } else { name };
            self.look_into(value, name, depth - 1);
        }
    }

    fn answer(self) -> Result<Answer, AnswerError> {
        const BOXES: usize = 0;
        let best = self.found.iter().map(|(kind, ..)| *kind).min();
        if let Some(error) = self.located.filter(|_| best != Some(BOXES)) {
            return Err(error);
        }
        let Some(best) = best else {
            if let Some(chosen) = of_one_element(self.chosen) {
                return chosen;
            }
            if self.names.is_empty() {
                return Ok(Answer::Empty);
            }
            let mut names = self.names;
            names.truncate(10);
            names.dedup();
            return Err(AnswerError::NotRecognised {
                names: names.join(", "),
            });
        };
        let kind = KINDS.get(best).copied().unwrap_or_default();
        let mut candidates = self.found.into_iter().filter(|(found, ..)| *found == best);
        let Some((_, name, answer)) = candidates.next() else {
            return Ok(Answer::Empty);
        };
        let mut others = candidates.map(|(_, name, _)| name).peekable();
        if others.peek().is_some() && matches!(kind, "boundingBoxes" | "labels" | "label") {
            let names = std::iter::once(name).chain(others);
            let names: Vec<String> = names.map(|name| shown(&name)).take(10).collect();
            return Err(AnswerError::Ambiguous {
                names: names.join(", "),
                kind,
            });
        }
        answer
    }
}

/// What was chosen, where one element of the form has options.
fn of_one_element(
    mut chosen: Vec<(String, Result<Answer, AnswerError>)>,
) -> Option<Result<Answer, AnswerError>> {
    if chosen.len() > 1 {
        let names: Vec<String> = chosen
            .iter()
            .map(|(name, _)| shown(name))
            .take(10)
            .collect();
        return Some(Err(AnswerError::Ambiguous {
            names: names.join(", "),
            kind: "options to choose from",
        }));
    }
    chosen.pop().map(|(_, answer)| answer)
}

/// What the element `whole` says with its value at `kind`.
fn answer(kind: &'static str, value: &Json<'_>, whole: &Json<'_>) -> Result<Answer, AnswerError> {
    match kind {
        "boundingBoxes" => boxes(value, whole.get("inputImageProperties")),
        "labels" => labels(value),
        "label" => label(value),
        kind => Ok(Answer::Unsupported { kind }),
    }
}

/// A list of one value is that value.
fn unwrapped<'v, 'a>(value: &'v Json<'a>) -> &'v Json<'a> {
    match value.as_list() {
        Some([only]) if only.as_object().is_some() => only,
        _ => value,
    }
}

/// The value in a text that looks like JSON.
fn decoded<'v>(value: &'v Json<'_>) -> Option<Json<'v>> {
    let text = value.as_str()?.trim();
    text.starts_with(['{', '['])
        .then(|| serde_json::from_str(text).ok())?
}

fn is_blank(value: &Json<'_>) -> bool {
    match value {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::List(list) => list.is_empty(),
        _ => false,
    }
}

fn label(value: &Json<'_>) -> Result<Answer, AnswerError> {
    match value.as_str() {
        None => Ok(Answer::Empty),
        Some(text) if text.trim().is_empty() => Ok(Answer::Empty),
        Some(_) => Ok(Answer::SingleLabel {
            label: name(value, || "label".to_owned())?,
        }),
    }
}

fn labels(value: &Json<'_>) -> Result<Answer, AnswerError> {
    let list = list(value, "labels")?;
    let mut labels: Vec<String> = Vec::with_capacity(list.len());
    let mut seen = BTreeSet::new();
    for (idx, value) in list.iter().enumerate() {
        let label = name(value, || format!("labels[{idx}]"))?;
        if seen.insert(value.as_str()) {
            labels.push(label);
        }
    }
    Ok(Answer::MultiLabel { labels })
}

fn boxes(value: &Json<'_>, image: Option<&Json<'_>>) -> Result<Answer, AnswerError> {
    let list = list(value, "boundingBoxes")?;
    let mut boxes = Vec::with_capacity(list.len());
    for (idx, value) in list.iter().enumerate() {
        let edge = |key: &str| {
            number(value.get(key)).ok_or_else(|| AnswerError::Edge {
                place: format!("boundingBoxes[{idx}].{key}"),
            })
        };
        let drawn = DrawnBox {
            label: name(value.get("label").unwrap_or(&Json::Null), || {
                format!("boundingBoxes[{idx}].label")
            })?,
            left: edge("left")?,
            top: edge("top")?,
            width: edge("width")?,
            height: edge("height")?,
        };
        if drawn.width > 0.0 && drawn.height > 0.0 {
            boxes.push(drawn);
        }
    }
    Ok(Answer::Boxes {
        image_size: image.and_then(image_size),
        boxes,
    })
}

fn image_size(properties: &Json<'_>) -> Option<ImageSize> {
    let edge = |key| {
        let px = number(properties.get(key))?.round();
        // Rounded and within range, so the conversion is exact.
        ((1.0..=f64::from(IMAGE_EDGE_MAX_PX)).contains(&px)).then_some(px as u32)
    };
    Some(ImageSize {
        width: edge("width")?,
        height: edge("height")?,
    })
}

fn list<'v, 'a>(value: &'v Json<'a>, kind: &'static str) -> Result<&'v [Json<'a>], AnswerError> {
    let list = value.as_list().unwrap_or_default();
    if list.len() > ANSWER_LABELS_MAX {
        return Err(AnswerError::TooMany {
            n: list.len(),
            kind,
        });
    }
    Ok(list)
}

fn name(value: &Json<'_>, place: impl Fn() -> String) -> Result<String, AnswerError> {
    value
        .as_str()
        .filter(|name| !name.is_empty() && name.chars().count() <= CATEGORY_CHARS_MAX)
        .map(str::to_owned)
        .ok_or_else(|| AnswerError::Label { place: place() })
}

/// A number, also as text, of a magnitude that pixels can have.
fn number(value: Option<&Json<'_>>) -> Option<f64> {
    let number = match value? {
        Json::Number(number) => number.as_f64()?,
        Json::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (number.abs() <= f64::from(IMAGE_EDGE_MAX_PX)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(label: &str) -> Answer {
        Answer::SingleLabel {
            label: label.to_owned(),
        }
    }

    fn multi(labels: &[&str]) -> Answer {
        Answer::MultiLabel {
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
        }
    }

    fn bird() -> Answer {
        Answer::Boxes {
            image_size: Some(ImageSize {
                width: 3745,
                height: 2497,
            }),
            boxes: vec![DrawnBox {
                label: "Bird".to_owned(),
                left: 583.0,
                top: 302.0,
                width: 1375.0,
                height: 2052.0,
            }],
        }
    }

    fn check(content: &str, expected: Answer) {
        assert_eq!(parse(content), Ok(expected), "{content}");
    }

    fn check_err(content: &str, expected: &str) {
        let error = parse(content).unwrap_err().to_string();
        assert!(error.contains(expected), "{content}: {error}");
    }

    #[test]
    fn any_element_name() {
        // Source: annotation file of a real image classification job.
        check(
            r#"{"crowd-image-classifier":{"label":"Cat"}}"#,
            single("Cat"),
        );
        check(r#"{"category":{"label":"Correct"}}"#, single("Correct"));
        check(r#"{"":{"label":"Cat"}}"#, single("Cat"));
        check(
            r#"{"crowd-image-classifier":{"label":"Cat","workerComment":"blurred"}}"#,
            single("Cat"),
        );
        check(
            r#"{"crowd-image-classifier-multi-select":{"labels":["a","b","a"]}}"#,
            multi(&["a", "b"]),
        );
        // Source: Developer Guide, annotation file of a bounding box job.
        let boxes = r#"{"boundingBoxes":[{"height":2052,"label":"Bird","left":583,"top":302,"width":1375}],"inputImageProperties":{"height":2497,"width":3745}}"#;
        check(&format!(r#"{{"boundingBox":{boxes}}}"#), bird());
        check(&format!(r#"{{"annotatedResult":{boxes}}}"#), bird());
        check(boxes, bird());
    }

    #[test]
    fn lists_of_one_and_texts() {
        check(r#"[{"annotatedResult":{"label":"Cat"}}]"#, single("Cat"));
        check(r#"{"annotatedResult":[{"label":"Cat"}]}"#, single("Cat"));
        check(r#"{"result":"{\"label\":\"Cat\"}"}"#, single("Cat"));
        check(r#"{"result":"[{\"labels\":[\"Cat\"]}]"}"#, multi(&["Cat"]));
        check(r#""{\"result\":{\"label\":\"Cat\"}}""#, single("Cat"));
    }

    #[test]
    fn beside_other_form_fields() {
        // Source: a published custom job with sliders beside the classifier.
        check(
            r#"{"brightness":"100","contrast":"100","roiLabel":{"label":"cell"}}"#,
            single("cell"),
        );
        check(
            r#"{"sure":{"value":true},"z":{"yes":true},"kind":{"label":"cell"}}"#,
            single("cell"),
        );
        check(
            r#"{"a":{"boundingBoxes":[]},"quality":{"label":"good"}}"#,
            Answer::Boxes {
                image_size: None,
                boxes: vec![],
            },
        );
        check_err(
            r#"{"a":{"label":"x"},"b":{"label":"y"}}"#,
            r#"form elements "a", "b" all hold label; set ANSWER_NAME"#,
        );
        let named = parse_named(r#"{"a":{"label":"x"},"b":{"label":"y"}}"#, Some("b"));
        assert_eq!(named, Ok(single("y")));
        let absent = parse_named(r#"{"a":{"label":"x"}}"#, Some("b"));
        assert_eq!(absent, Ok(single("x")));
    }

    #[test]
    fn shapes_are_no_labels_of_the_image() {
        for (shape, key) in [
            (
                r#"{"label":"cat","xmin":1,"ymin":2,"xmax":30,"ymax":40}"#,
                "xmax",
            ),
            (r#"{"label":"cat","bbox":[1,2,3,4]}"#, "bbox"),
            (r#"{"label":"cat","points":[{"x":1,"y":2}]}"#, "points"),
            (r#"{"label":"cat","vertices":[[1,2]]}"#, "vertices"),
            (r#"{"label":"cat","bounding_box":{"x":1}}"#, "bounding_box"),
            (r#"{"label":"cat","x":"1","y":"2"}"#, "x"),
            (r#"{"labels":["cat"],"left":1,"top":2}"#, "left"),
            (r#"{"class":"cat","cx":1,"cy":2,"w":3,"h":4}"#, "cx"),
        ] {
            let expected = format!("element \"boxes\" holds a label with a place ({key})");
            check_err(&format!(r#"{{"boxes":[{shape}]}}"#), &expected);
            check_err(&format!(r#"{{"boxes":[{shape},{shape}]}}"#), &expected);
            check_err(
                &format!(r#"{{"boxes":{shape},"q":{{"label":"good"}}}}"#),
                &expected,
            );
            let named = format!(r#"{{"boxes":[{shape}],"q":{{"label":"good"}}}}"#);
            assert_eq!(parse_named(&named, Some("q")), Ok(single("good")));
        }
        check(r#"{"a":{"label":"cat","points":"3","x":1}}"#, single("cat"));
    }

    #[test]
    fn radio_buttons_checkboxes_and_lists() {
        check(r#"{"species":{"cat":true,"dog":false}}"#, single("cat"));
        check(r#"[{"species":{"cat":true,"dog":false}}]"#, single("cat"));
        check(
            r#"{"s":{"cat":true,"dog":true,"owl":false}}"#,
            multi(&["cat", "dog"]),
        );
        check(r#"{"s":{"cat":false,"dog":false}}"#, multi(&[]));
        check(r#"{"cat":{"cat":false},"dog":{"dog":true}}"#, single("dog"));
        check(
            r#"{"s":{"cat":true,"dog":false},"note":"blurred"}"#,
            single("cat"),
        );
        let two = r#"{"s":{"cat":true,"dog":false},"q":{"good":true,"bad":false},"v":"tabby","many":["a","b"],"sure":{"yes":true},"not":{"yes":false}}"#;
        check_err(
            two,
            r#"elements "q", "s" all hold options to choose from; set ANSWER_NAME"#,
        );
        for (name, expected) in [
            ("s", single("cat")),
            ("q", single("good")),
            ("v", single("tabby")),
            ("many", multi(&["a", "b"])),
            ("sure", single("yes")),
            ("not", multi(&[])),
        ] {
            assert_eq!(parse_named(two, Some(name)), Ok(expected), "{name}");
        }
        check_err(r#"{"species":"cat"}"#, "set ANSWER_NAME");
        check_err(r#"{"done":true,"sure":false}"#, "no boundingBoxes");
    }

    #[test]
    fn nothing_chosen() {
        for content in [
            "",
            "  ",
            "{}",
            "[]",
            "null",
            r#"{"a":{}}"#,
            r#"{"a":null}"#,
            r#"{"a":""}"#,
            r#"{"a":{"label":""}}"#,
            r#"{"a":{"label":null}}"#,
        ] {
            check(content, Answer::Empty);
        }
        check(r#"{"a":{"labels":[]}}"#, multi(&[]));
        check(
            r#"{"a":{"labels":["None of the above"]}}"#,
            multi(&["None of the above"]),
        );
    }

    #[test]
    fn other_kinds() {
        for (content, kind) in [
            (
                r#"{"r":{"polygons":[],"inputImageProperties":{"height":1,"width":1}}}"#,
                "polygons",
            ),
            (
                r#"{"r":{"keypoints":[{"label":"dog","x":1,"y":2}]}}"#,
                "keypoints",
            ),
            (
                r##"{"r":{"labelMappings":{"Bird":{"color":"#2ca02c"}},"labeledImage":{"pngImageData":"iVBOR"}}}"##,
                "labeledImage",
            ),
            (
                r##"{"r":{"instances":[{"color":"#1f77b4","label":"a"}],"labeledImage":{"pngImageData":""}}}"##,
                "instances",
            ),
            (
                r#"{"r":{"entities":[{"endOffset":4,"label":"verb","startOffset":0}]}}"#,
                "entities",
            ),
        ] {
            check(content, Answer::Unsupported { kind });
        }
    }

    #[test]
    fn unreadable() {
        check_err("{", "not valid JSON");
        check_err("7", "no boundingBoxes");
        check_err(r#"{"a":"free text"}"#, r#"the form has "a""#);
        check_err(
            r#"{"a":{"yes":true},"b":{"no":false}}"#,
            r#"the form has "a", "b""#,
        );
        // Source: a published custom job with double encoding of another kind of answer.
        check_err(r#"{"entities":"{\"0\":{\"x\":1}}"}"#, "entities");
        check_err(r#"{"a":{"labels":[7]}}"#, "labels[0]");
        check_err(r#"{"a":{"labels":[""]}}"#, "labels[0]");
        check_err(
            r#"{"a":{"boundingBoxes":[{"label":"a","left":1,"top":1,"width":1}]}}"#,
            "boundingBoxes[0].height",
        );
        check_err(
            r#"{"a":{"boundingBoxes":[{"left":1,"top":1,"width":1,"height":1}]}}"#,
            "boundingBoxes[0].label",
        );
        check_err(
            r#"{"a":{"boundingBoxes":[{"label":"a","left":"x","top":1,"width":1,"height":1}]}}"#,
            "boundingBoxes[0].left",
        );
        check_err(
            r#"{"a":{"boundingBoxes":[{"label":"a","left":1e300,"top":1,"width":1,"height":1}]}}"#,
            "boundingBoxes[0].left",
        );
    }

    #[test]
    fn boxes_without_area_are_left_out() {
        let of_width = |width: &str| {
            format!(
                r#"{{"a":{{"boundingBoxes":[{{"label":"a","left":1,"top":1,"width":{width},"height":1}}]}}}}"#
            )
        };
        for (width, expected) in [("-1", 0), ("0", 0), ("1", 1), ("\"1\"", 1)] {
            let Ok(Answer::Boxes { boxes, .. }) = parse(&of_width(width)) else {
                panic!("{width}");
            };
            assert_eq!(boxes.len(), expected, "{width}");
        }
    }

    #[test]
    fn bounds() {
        for (n, expected) in [(999, true), (1_000, true), (1_001, false)] {
            let labels: Vec<String> = (0..n).map(|i| format!("\"l{i}\"")).collect();
            let content = format!(r#"{{"a":{{"labels":[{}]}}}}"#, labels.join(","));
            assert_eq!(parse(&content).is_ok(), expected, "{n}");
        }
        for (n, expected) in [(255, true), (256, true), (257, false)] {
            let content = format!(r#"{{"a":{{"label":"{}"}}}}"#, "x".repeat(n));
            assert_eq!(parse(&content).is_ok(), expected, "{n}");
        }
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        check_err(&deep, "not valid JSON");
        assert!(matches!(
            parse(&"x".repeat(ANSWER_BYTES_MAX + 1)),
            Err(AnswerError::TooLong { .. })
        ));
    }
}
