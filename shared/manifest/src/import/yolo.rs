//! Bounding boxes from YOLO's label files: a text file an image, a class number and the box's centre and size a line, in
//! shares of the image.
//!
//! Polygons and oriented boxes (lines of more numbers) become the box around them. A confidence behind the box, as
//! predictions have it, is passed over and counted.

mod names;

use std::collections::HashMap;

use super::parsed::{BoxForm, LabeledBox, LabeledImage, LabelsKind, Parsed, Unit};
use super::{Fault, FileError};
use crate::code::Code;
use crate::counted::counted;
use crate::encoding::text_start;
use crate::line::shown;
pub use names::ClassNames;

/// How far a share may lie outside of 0 to 1.
const SHARE_SLACK: f64 = 0.1;

/// Label files, one after another.
#[derive(Debug)]
pub struct YoloFiles {
    parsed: Parsed,
    classes: HashMap<u32, usize>,
    has_keypoints: bool,
    n_images: u64,
    n_confidences: u64,
    n_polygons: u64,
}

impl YoloFiles {
    /// No files yet, with the names of the classes.
    ///
    /// # Errors
    ///
    /// [`FileError`] when there are no names.
    pub fn new(names: ClassNames) -> Result<Self, FileError> {
        if names.list.is_empty() {
            return Err(FileError::new(
                "there are no names of classes",
                "name them in data.yaml (names: [cat, dog]) or in classes.txt, one a line",
            ));
        }
        let mut parsed = Parsed {
            kind: LabelsKind::OfBoxes,
            ..Parsed::default()
        };
        let mut classes = HashMap::new();
        for (id, name) in names.list {
            classes.insert(id, parsed.classes.add(id, name));
        }
        Ok(Self {
            parsed,
            classes,
            has_keypoints: names.has_keypoints,
            n_images: 0,
            n_confidences: 0,
            n_polygons: 0,
        })
    }

    /// Adds an image with its label file's name and content; an image without one has no boxes.
    pub fn add(&mut self, image: &str, labels: Option<(&str, &[u8])>) {
        self.n_images += 1;
        let mut labeled = LabeledImage {
            number: self.n_images,
            place: image.to_owned(),
            name: image.to_owned(),
            ..LabeledImage::default()
        };
        if let Some((file, bytes)) = labels {
            self.read(file, bytes, &mut labeled);
        }
        self.parsed.images.push(labeled);
    }

    fn read(&mut self, file: &str, bytes: &[u8], image: &mut LabeledImage) {
        let text = text_start(bytes).map_err(|error| error.reason);
        let text = text
            .and_then(|text| std::str::from_utf8(text).map_err(|_| "file is not UTF-8".to_owned()));
        let text = match text {
            Ok(text) => text,
            Err(reason) => {
                image.n_unusable += 1;
                self.parsed
                    .leave_out(0, file, Fault::new(Code::InvalidItem, reason));
                return;
            }
        };
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let place = format!("{file}, line {number}");
            match self.line(line, &place) {
                Ok(labeled) => image.boxes.push(labeled),
                Err(fault) => {
                    image.n_unusable += 1;
                    self.parsed.leave_out(0, place, fault);
                }
            }
        }
    }

    fn line(&mut self, line: &str, place: &str) -> Result<LabeledBox, Fault> {
        let wrong = |reason: String| {
            Fault::new(Code::InvalidItem, reason).with_remedy(
                "write class, centre x, centre y, width, height a line, in shares of the image",
            )
        };
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let numbers = words.iter().map(|word| {
            let number: Option<f64> = word.parse().ok().filter(|number: &f64| number.is_finite());
            number.ok_or_else(|| wrong(format!("{:?} is not a number", shown(word))))
        });
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
        let Some((class, shares)) = numbers.split_first() else {
            return Err(wrong("line is blank".to_owned()));
        };
        let is_class = class.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(class);
        let class = self.classes.get(&(*class as u32)).filter(|_| is_class);
        let class = *class.ok_or_else(|| {
            let reason = format!(
                "class {} has no name",
                words.first().copied().unwrap_or_default()
            );
            Fault::new(Code::UnknownCategory, reason)
                .with_remedy("add its name to data.yaml or classes.txt")
        })?;
        let edges = self.edges(shares).map_err(wrong)?;
        let slack = -SHARE_SLACK..=1.0 + SHARE_SLACK;
        if !shares.iter().take(4).all(|share| slack.contains(share)) {
            return Err(wrong(
                "its numbers are not shares of the image, 0 to 1".to_owned(),
            ));
        }
        Ok(LabeledBox {
            place: place.to_owned(),
            class,
            edges,
            unit: Unit::Shares,
        })
    }

    fn edges(&mut self, shares: &[f64]) -> Result<[f64; 4], String> {
        match shares {
            [x, y, width, height] => Ok(BoxForm::Centers.edges([*x, *y, *width, *height])),
            [x, y, width, height, ..] if self.has_keypoints => {
                Ok(BoxForm::Centers.edges([*x, *y, *width, *height]))
            }
            [x, y, width, height, _] => {
                self.n_confidences += 1;
                Ok(BoxForm::Centers.edges([*x, *y, *width, *height]))
            }
            points if points.len() >= 6 && points.len().is_multiple_of(2) => {
                self.n_polygons += 1;
                Ok(around(points))
            }
            _ => Err(format!(
                "it has {} behind the class",
                counted(shares.len() as u64, "number")
            )),
        }
    }

    /// All that the files say.
    #[must_use]
    pub fn finish(mut self) -> Parsed {
        let mut note = |n: u64, noun: &str, what: &str| {
            if n > 0 {
                self.parsed
                    .notes
                    .push(format!("{} {what}", counted(n, noun)));
            }
        };
        note(self.n_polygons, "polygon", "taken as the box around it");
        note(
            self.n_confidences,
            "box",
            "with a confidence behind it, which was passed over",
        );
        self.parsed
    }
}

/// The box around points.
fn around(points: &[f64]) -> [f64; 4] {
    let range = |first: usize| {
        let values = points.iter().skip(first).step_by(2).copied();
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        values.fold((min, max), |(min, max), value| {
            (min.min(value), max.max(value))
        })
    };
    let ((left, right), (top, bottom)) = (range(0), range(1));
    [left, top, right - left, bottom - top]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(labels: &str, names: &str) -> Parsed {
        let names = ClassNames::of_data_yaml(names.as_bytes()).unwrap();
        let mut files = YoloFiles::new(names).unwrap();
        files.add("images/a.jpg", Some(("labels/a.txt", labels.as_bytes())));
        files.add("images/b.jpg", None);
        files.finish()
    }

    #[test]
    fn lines() {
        let edges = |line: &str, names: &str| {
            let parsed = read(line, names);
            assert_eq!(parsed.left_out, [], "{line}");
            parsed.images[0]
                .boxes
                .iter()
                .map(|labeled| labeled.edges)
                .collect::<Vec<_>>()
        };
        let names = "names: [cat, dog]";
        let whole = [[0.25, 0.25, 0.5, 0.5]];
        assert_eq!(edges("0 0.5 0.5 0.5 0.5\n\n", names), whole);
        assert_eq!(edges("1 0.5 0.5 0.5 0.5 0.9\r\n", names), whole);
        assert_eq!(edges("0.0 .5 .5 .5 .5", names), whole);
        assert_eq!(
            edges("1 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75", names),
            whole
        );
        let pose = "kpt_shape: [2, 3]\nnames: [cat]";
        assert_eq!(edges("0 0.5 0.5 0.5 0.5 0.1 0.1 2 0.2 0.2 2", pose), whole);
    }

    #[test]
    fn lines_that_cannot_be_used() {
        let lines = "0 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.5 0.5\n0 0.5 0.5\n0 100 100 20 20\ncat 0.5 0.5 0.5 0.5\n0 nan 0.5 0.5 0.5\n-1 0.5 0.5 0.5 0.5\n";
        let parsed = read(lines, "names:\n  0: cat\n  1: dog\n");
        let codes: Vec<Code> = parsed.left_out.iter().map(|one| one.code).collect();
        assert_eq!(
            codes,
            [
                Code::UnknownCategory,
                Code::InvalidItem,
                Code::InvalidItem,
                Code::InvalidItem,
                Code::InvalidItem,
                Code::UnknownCategory,
            ]
        );
        assert_eq!(parsed.left_out[0].place, "labels/a.txt, line 2");
        assert_eq!(
            (parsed.images[0].boxes.len(), parsed.images[0].n_unusable),
            (1, 6)
        );
        assert!(YoloFiles::new(ClassNames::of_lines(b"\n")).is_err());
    }
}
