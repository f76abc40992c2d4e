//! Bounding boxes from Pascal VOC annotations, an XML file an image.
//!
//! Pascal VOC counts pixels from 1 and the last one is within the box: left 1 and right W cover an image of W columns.
//! Many programs count from 0 all the same; where a corner of 0 shows it, all files are read so.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::Fault;
use super::label_names::number;
use super::parsed::{LabeledBox, LabeledImage, LabelsKind, Parsed, Unit};
use crate::code::Code;
use crate::counted::counted;
use crate::encoding::text_start;

/// Deepest nesting that is read; Pascal VOC has four levels.
const DEPTH_MAX: usize = 32;

/// From which number corners are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The first pixel is 0, and the last one is behind the box.
    Zero,
    /// The first pixel is 1, and the last one is within the box.
    One,
}

/// Annotation files, one after another.
#[derive(Debug, Default)]
pub struct VocFiles {
    parsed: Parsed,
    n_files: u64,
    has_zero: bool,
}

/// What an annotation file says.
#[derive(Debug, Default)]
struct Annotation {
    is_annotation: bool,
    file_name: String,
    width: String,
    height: String,
    objects: Vec<Object>,
}

#[derive(Debug, Default)]
struct Object {
    name: String,
    /// xmin, ymin, xmax, ymax.
    corners: [String; 4],
}

impl VocFiles {
    /// Reads the file of this name (`folder/1.xml`).
    pub fn add(&mut self, file: &str, bytes: &[u8]) {
        self.n_files += 1;
        let annotation = match read(bytes) {
            Ok(annotation) => annotation,
            Err(reason) => {
                let fault = Fault::new(Code::InvalidItem, reason)
                    .with_remedy("give it Pascal VOC's XML: annotation, filename, size, object");
                self.parsed.leave_out(0, file, fault);
                return;
            }
        };
        let stem = file.rsplit('/').next().unwrap_or_default();
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let side = |text: &str| {
            let side = number(text).filter(|side| side.fract() == 0.0)?;
            (1.0..=f64::from(u32::MAX))
                .contains(&side)
                .then_some(side as u32)
        };
        let mut image = LabeledImage {
            number: self.n_files,
            place: file.to_owned(),
            name: match annotation.file_name.is_empty() {
                true => stem.to_owned(),
                false => annotation.file_name,
            },
            size: side(&annotation.width).zip(side(&annotation.height)),
            ..LabeledImage::default()
        };
        for (nth, object) in (1..).zip(annotation.objects) {
            let place = format!("{file}, object {nth}");
            match self.read_object(object, &place) {
                Ok(labeled) => image.boxes.push(labeled),
                Err(fault) => {
                    image.n_unusable += 1;
                    self.parsed.leave_out(0, place, fault);
                }
            }
        }
        self.parsed.images.push(image);
    }

    fn read_object(&mut self, object: Object, place: &str) -> Result<LabeledBox, Fault> {
        let wrong = |reason: String| Fault::new(Code::InvalidItem, reason);
        if object.name.is_empty() {
            return Err(wrong("it has no name".to_owned()));
        }
        let mut corners = [0.0; 4];
        let names = ["xmin", "ymin", "xmax", "ymax"];
        for ((corner, text), name) in corners.iter_mut().zip(&object.corners).zip(names) {
            *corner = number(text).ok_or_else(|| match text.is_empty() {
                true => wrong(format!("its bndbox has no {name}")),
                false => wrong(format!("its {name} is {text:?}, not a number")),
            })?;
        }
        let [left, top, right, bottom] = corners;
        if right < left || bottom < top {
            let reason = format!("its box {corners:?} has xmax or ymax before xmin or ymin");
            return Err(Fault::new(Code::InvalidBoundingBox, reason));
        }
        self.has_zero |= left == 0.0 || top == 0.0;
        Ok(LabeledBox {
            place: place.to_owned(),
            class: self.parsed.classes.named(&object.name),
            edges: corners,
            unit: Unit::Pixels,
        })
    }

    /// All that the files say. `origin`: found from the corners when `None`.
    #[must_use]
    pub fn finish(mut self, origin: Option<Origin>) -> Parsed {
        let found = if self.has_zero {
            Origin::Zero
        } else {
            Origin::One
        };
        let origin = origin.unwrap_or(found);
        let mut parsed = std::mem::take(&mut self.parsed);
        parsed.kind = LabelsKind::OfBoxes;
        let first = if origin == Origin::One { 1.0 } else { 0.0 };
        for labeled in parsed.images.iter_mut().flat_map(|image| &mut image.boxes) {
            let [left, top, right, bottom] = labeled.edges;
            labeled.edges = [
                left - first,
                top - first,
                right - left + first,
                bottom - top + first,
            ];
        }
        let files = counted(self.n_files, "file");
        parsed.notes.push(match origin {
            Origin::One => format!("{files} with corners that count from 1, as Pascal VOC has it (--corners-from 0 reads them otherwise)"),
            Origin::Zero => format!("{files} with corners that count from 0 (--corners-from 1 reads them as Pascal VOC has it)"),
        });
        parsed
    }
}

fn read(bytes: &[u8]) -> Result<Annotation, String> {
    let text = text_start(bytes).map_err(|error| error.reason)?;
    let text = std::str::from_utf8(text).map_err(|_| "file is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut annotation = Annotation::default();
    let mut path: Vec<String> = Vec::new();
    let mut content = String::new();
    loop {
        let event = reader.read_event();
        let event = event.map_err(|error| {
            format!(
                "file is not valid XML at byte {}: {error}",
                reader.error_position()
            )
        })?;
        match event {
            Event::Start(tag) => {
                content.clear();
                path.push(String::from_utf8_lossy(tag.local_name().as_ref()).into_owned());
                if path.len() > DEPTH_MAX {
                    return Err(format!("file nests deeper than {DEPTH_MAX} levels"));
                }
                annotation.open(&path);
            }
            Event::End(_) => {
                annotation.close(&path, content.trim());
                content.clear();
                path.pop();
            }
            Event::Text(text) => content.push_str(&String::from_utf8_lossy(&text)),
            Event::CData(text) => content.push_str(&String::from_utf8_lossy(&text)),
            Event::GeneralRef(reference) => content.push_str(&resolved(&reference)),
            Event::Eof if path.is_empty() => break,
            Event::Eof => return Err("file ends in the middle of its XML".to_owned()),
            _ => {}
        }
    }
    match annotation.is_annotation {
        true => Ok(annotation),
        false => Err("file is XML, but has no annotation".to_owned()),
    }
}

/// The text that a reference such as `&amp;` stands for; others stay as they are.
fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(char)) = reference.resolve_char_ref() {
        return char.to_string();
    }
    let name = String::from_utf8_lossy(reference);
    match name.as_ref() {
        "amp" => "&".to_owned(),
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        other => format!("&{other};"),
    }
}

impl Annotation {
    fn open(&mut self, path: &[String]) {
        match as_texts(path).as_slice() {
            ["annotation"] => self.is_annotation = true,
            ["annotation", "object"] => self.objects.push(Object::default()),
            _ => {}
        }
    }

    fn close(&mut self, path: &[String], content: &str) {
        let place = match as_texts(path).as_slice() {
            ["annotation", "filename"] => &mut self.file_name,
            ["annotation", "size", "width"] => &mut self.width,
            ["annotation", "size", "height"] => &mut self.height,
            ["annotation", "object", field @ ..] => {
                let Some(object) = self.objects.last_mut() else {
                    return;
                };
                let [xmin, ymin, xmax, ymax] = &mut object.corners;
                match field {
                    ["name"] => &mut object.name,
                    ["bndbox", "xmin"] => xmin,
                    ["bndbox", "ymin"] => ymin,
                    ["bndbox", "xmax"] => xmax,
                    ["bndbox", "ymax"] => ymax,
                    _ => return,
                }
            }
            _ => return,
        };
        place.clear();
        place.push_str(content);
    }
}

fn as_texts(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, corners: [&str; 4]) -> String {
        let [xmin, ymin, xmax, ymax] = corners;
        format!(
            "<object><name>{name}</name><part><name>head</name><bndbox><xmin>5</xmin></bndbox></part><bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"
        )
    }

    fn file(objects: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<annotation>\n <folder>x</folder><filename>a &amp; b.jpg</filename>\n<size><width>640</width><height>480</height><depth>3</depth></size>{objects}</annotation>"
        )
    }

    fn edges(objects: &str, origin: Option<Origin>) -> Vec<[f64; 4]> {
        let mut files = VocFiles::default();
        files.add("x/a.xml", file(objects).as_bytes());
        let parsed = files.finish(origin);
        let boxes = parsed.images.iter().flat_map(|image| &image.boxes);
        boxes.map(|labeled| labeled.edges).collect()
    }

    #[test]
    fn corners_count_from_1_unless_one_is_0() {
        let whole = object("cat", ["1", "1", "640", "480"]);
        assert_eq!(edges(&whole, None), [[0.0, 0.0, 640.0, 480.0]]);
        assert_eq!(
            edges(&whole, Some(Origin::Zero)),
            [[1.0, 1.0, 639.0, 479.0]]
        );
        let zero = object("cat", ["0", "10.5", "30", "40"]);
        assert_eq!(edges(&zero, None), [[0.0, 10.5, 30.0, 29.5]]);
    }

    #[test]
    fn what_cannot_be_used_costs_no_other() {
        let objects = [
            object("cat", ["1", "1", "64", "48"]),
            object("", ["1", "1", "64", "48"]),
            object("dog", ["1", "", "64", "48"]),
            object("dog", ["1", "x", "64", "48"]),
            object("dog", ["70", "1", "64", "48"]),
        ];
        let mut files = VocFiles::default();
        files.add("x/a.xml", file(&objects.concat()).as_bytes());
        for (name, text) in [
            ("b.xml", "<annotation><filename>b"),
            ("c.xml", "<other/>"),
            ("d.xml", "no XML"),
            ("e.xml", "<annotation></other>"),
        ] {
            files.add(name, text.as_bytes());
        }
        let deep = "<a>".repeat(40);
        files.add("f.xml", deep.as_bytes());
        let parsed = files.finish(None);
        let [image] = parsed.images.as_slice() else {
            panic!("{parsed:?}");
        };
        assert_eq!((image.boxes.len(), image.n_unusable), (1, 4));
        assert_eq!(
            (image.name.as_str(), image.size),
            ("a & b.jpg", Some((640, 480)))
        );
        let places: Vec<&str> = parsed
            .left_out
            .iter()
            .map(|one| one.place.as_str())
            .collect();
        assert_eq!(
            places,
            [
                "x/a.xml, object 2",
                "x/a.xml, object 3",
                "x/a.xml, object 4",
                "x/a.xml, object 5",
                "b.xml",
                "c.xml",
                "d.xml",
                "e.xml",
                "f.xml"
            ]
        );
    }
}
