//! Bounding boxes from a COCO annotation file.
//!
//! `class_id` is the file's `category_id`, an image's date its `date_captured`. An image, annotation or category that
//! can't be used is left out by itself. Nothing is guessed: boxes of an id that stands for two images or two categories
//! are left out. Of a rotated box (CVAT's attribute `rotation`) the box around it is taken, and of an annotation
//! without a box the box around its polygons.

mod annotation;
mod file;
mod ids;
mod item;

use super::parsed::{BoxForm, LabeledBox, LabeledImage, LabelsKind, Parsed, Unit};
use super::{Fault, FileError};
use crate::code::Code;
use crate::counted::counted;
use crate::encoding::text_bytes;
use crate::file_kind::FileKind;
use annotation::Annotation;
use file::{CocoFile, Item};
use ids::{Categories, Images, Known, open_categories, open_images};

/// How to read a COCO file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CocoOptions {
    /// What `bbox` holds. Default: left, top, width, height, as COCO has it, unless most boxes look like corners.
    pub boxes: Option<BoxForm>,
}

/// Reads a COCO file. An image's number is its place, from 1.
///
/// The whole file is in memory, as COCO spreads an image's boxes over it.
///
/// # Errors
///
/// [`FileError`] for what isn't COCO or has no images.
pub fn parse(file: &[u8], options: &CocoOptions) -> Result<Parsed, FileError> {
    let bytes = text_bytes(file)?;
    if let Some(kind) = FileKind::of(bytes) {
        return Err(kind.told());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line_number = 1 + memchr::memchr_iter(b'\n', before).count();
        FileError::new(
            format!("file is not UTF-8 in line {line_number}"),
            "save it as UTF-8",
        )
    })?;
    let CocoFile {
        images,
        annotations,
        categories,
        n_not_json,
    } = file::read(text)?;
    if images.is_empty() {
        return Err(FileError::new(
            "file has no images",
            "look whether its export was completed",
        ));
    }
    let mut parsed = Parsed {
        kind: LabelsKind::OfBoxes,
        may_be_corners: options.boxes.is_none(),
        ..Parsed::default()
    };
    if n_not_json > 0 {
        parsed.notes.push(format!(
            "{} NaN or Infinity, which JSON lacks: read as null",
            counted(n_not_json, "time")
        ));
    }
    let categories = open_categories(categories, &mut parsed);
    let (images, ids) = open_images(images, &mut parsed);
    let mut reading = Reading {
        form: options.boxes.unwrap_or(BoxForm::Sizes),
        categories,
        images,
        ids,
        n_crowds: 0,
        n_rotated: 0,
        n_polygons: 0,
    };
    for item in annotations {
        reading.annotation(item, &mut parsed);
    }
    reading.note(&mut parsed);
    parsed.images = reading.images;
    Ok(parsed)
}

/// Annotations on their way to their images.
struct Reading {
    form: BoxForm,
    categories: Categories,
    images: Vec<LabeledImage>,
    ids: Images,
    n_crowds: u64,
    n_rotated: u64,
    n_polygons: u64,
}

impl Reading {
    fn annotation(&mut self, item: Item<Annotation>, parsed: &mut Parsed) {
        let Item { place, read, .. } = item;
        let annotation = match read {
            Ok(annotation) => annotation,
            Err(reason) => {
                parsed.leave_out(0, place, Fault::new(Code::InvalidItem, reason));
                return;
            }
        };
        let image = match self.ids.get(&annotation.image_id) {
            Some(Known::One(at)) => self.images.get_mut(*at),
            Some(Known::Several | Known::LeftOut) => {
                parsed.n_lost += 1;
                return;
            }
            None => None,
        };
        let Some(image) = image else {
            let reason = format!("no image has the id {}", annotation.image_id);
            parsed.leave_out(0, place, Fault::new(Code::UnknownImage, reason));
            return;
        };
        let read = class_of(&annotation, &self.categories);
        let read = read.and_then(|class| Ok((class, edges_of(&annotation, self.form)?)));
        let (class, edges) = match read {
            Ok(read) => read,
            Err(fault) => {
                image.n_unusable += 1;
                parsed.leave_out(0, place, fault);
                return;
            }
        };
        self.n_crowds += u64::from(annotation.is_crowd);
        self.n_polygons += u64::from(annotation.around_polygon.is_some());
        let is_rotated = annotation.rotation_deg % 360.0 != 0.0;
        self.n_rotated += u64::from(is_rotated);
        image.boxes.push(LabeledBox {
            place,
            class,
            edges: match is_rotated {
                true => around_rotated(edges, annotation.rotation_deg),
                false => edges,
            },
            unit: Unit::Pixels,
        });
    }

    fn note(&self, parsed: &mut Parsed) {
        let mut note = |n: u64, what: &str| {
            if n > 0 {
                parsed.notes.push(format!("{} {what}", counted(n, "box")));
            }
        };
        note(
            self.n_crowds,
            "around a crowd (iscrowd): imported as any other, though it holds several objects",
        );
        note(
            self.n_rotated,
            "rotated (attributes.rotation): the box around the rotated one was taken",
        );
        note(
            self.n_polygons,
            "taken from the polygons of an annotation that has no usable bbox",
        );
    }
}

/// Left, top, width, height of an annotation's box.
fn edges_of(annotation: &Annotation, form: BoxForm) -> Result<[f64; 4], Fault> {
    match (annotation.around_polygon, &annotation.bbox) {
        (Some(around), _) => Ok(around),
        (None, Ok(bbox)) => Ok(form.edges(*bbox)),
        (None, Err(reason)) => Err(Fault::new(Code::InvalidItem, reason)),
    }
}

/// The box around a box that is turned around its centre.
fn around_rotated([left, top, width, height]: [f64; 4], rotation_deg: f64) -> [f64; 4] {
    let (sin, cos) = rotation_deg.to_radians().sin_cos();
    let (sin, cos) = (sin.abs(), cos.abs());
    let (across, down) = (width * cos + height * sin, width * sin + height * cos);
    let (center_x, center_y) = (left + width / 2.0, top + height / 2.0);
    [center_x - across / 2.0, center_y - down / 2.0, across, down]
}

fn class_of(annotation: &Annotation, categories: &Categories) -> Result<usize, Fault> {
    let category_id = annotation
        .category_id
        .as_ref()
        .map_err(|reason| Fault::new(Code::InvalidItem, reason))?;
    let unknown = |reason: String| Fault::new(Code::UnknownCategory, reason);
    match categories.get(category_id) {
        Some(Known::One(class)) => Ok(*class),
        Some(Known::Several) => Err(unknown(format!(
            "several categories with different names have the id {category_id}"
        ))
        .with_remedy("give each category an id of its own")),
        Some(Known::LeftOut) => Err(
            unknown(format!("category {category_id} had to be left out"))
                .with_remedy("repair the category"),
        ),
        None => Err(unknown(format!("no category has the id {category_id}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EntryOptions, Import, NameOptions};
    use super::*;
    use crate::convert_options::WhenEmpty;

    fn import(file: &[u8], when_empty: WhenEmpty) -> Result<Import, FileError> {
        let mut parsed = parse(file, &CocoOptions::default())?;
        parsed.locate(&NameOptions {
            folder: Some("s3://bucket/coco/".to_owned()),
            ..NameOptions::default()
        })?;
        parsed.into_import(&EntryOptions {
            label_attribute: "bounding-box".to_owned(),
            creation_date: "2022-01-01T00:00:00".to_owned(),
            when_empty,
        })
    }

    fn file(images: &str, annotations: &str, categories: &str) -> String {
        format!(
            r#"{{"images":[{images}],"annotations":[{annotations}],"categories":[{categories}]}}"#
        )
    }

    fn image(id: &str, name: &str) -> String {
        format!(r#"{{"id":{id},"file_name":"{name}","width":640,"height":480}}"#)
    }

    fn annotation(id: u32, image_id: &str, category_id: &str, bbox: &str) -> String {
        format!(r#"{{"id":{id},"image_id":{image_id},"category_id":{category_id},"bbox":{bbox}}}"#)
    }

    const OWL: &str = r#"{"id":1,"name":"owl"}"#;
    const BOX: &str = "[1,2,30,40]";

    #[track_caller]
    fn run(file: &str) -> Import {
        import(file.as_bytes(), WhenEmpty::Skip).unwrap()
    }

    /// Places of images that are entries, from 1.
    fn entries(import: &Import) -> Vec<u64> {
        import.entries.iter().map(|e| e.line_number).collect()
    }

    fn left_out(import: &Import) -> Vec<(&str, Code)> {
        let left_out = import.left_out.iter();
        left_out.map(|one| (one.place.as_str(), one.code)).collect()
    }

    #[test]
    fn documented_file() {
        let found = run(r#"{"info":{},"licenses":[],
            "images":[{"id":245915,"license":4,"file_name":"000000245915.jpg","height":426,"width":640,"date_captured":"2013-11-18 02:53:27"},
                      {"id":2,"file_name":"empty.jpg","height":426,"width":640},
                      {"id":3,"file_name":"bad.jpg","height":426,"width":640}],
            "annotations":[{"id":125686,"category_id":0,"iscrowd":0,"segmentation":[],"image_id":245915,"area":1,"bbox":[19.23,383.18,314.5,42.73]},
                           {"id":2,"category_id":9,"image_id":3,"bbox":[1,1,9,9]}],
            "categories":[{"supercategory":"speaker","id":0,"name":"echo"}]}"#);
        assert_eq!(entries(&found), [1]);
        assert_eq!(
            found.entries[0].json,
            r#"{"source-ref":"s3://bucket/coco/000000245915.jpg","bounding-box":{"image_size":[{"width":640,"height":426,"depth":3}],"annotations":[{"class_id":0,"left":19,"top":383,"width":315,"height":43}]},"bounding-box-metadata":{"objects":[{"confidence":1}],"class-map":{"0":"echo"},"type":"groundtruth/object-detection","human-annotated":"yes","creation-date":"2013-11-18T02:53:27.000000","job-name":"labeling-job/bounding-box"}}"#
        );
        assert_eq!(
            left_out(&found),
            [
                ("annotations[1], id 2", Code::UnknownCategory),
                ("images[1], id 2", Code::NoBoxes),
                ("images[2], id 3", Code::NoValidAnnotations),
            ]
        );
        assert_eq!(found.notes, ["1 box rounded outward"]);
    }

    #[test]
    fn annotations_that_cannot_be_used_cost_no_other() {
        let annotations = [
            annotation(1, "1", "1", BOX),
            annotation(2, "99", "1", BOX),
            annotation(3, "1", "99", BOX),
            annotation(4, "1", "1", "[5,5,-10,10]"),
            annotation(5, "1", "1", "[5,5,0,10]"),
            annotation(6, "1", "1", "[700,5,10,10]"),
            annotation(7, "1", "1", "[1,2,3]"),
            annotation(8, "1", "1", "[1,2,3,\"4\"]"),
            annotation(9, "1", "1", "[0.1,0.1,0.2,0.2]"),
            r#"{"id":10,"image_id":1,"category_id":1,"segmentation":{"counts":"a","size":[1,2]}}"#
                .to_owned(),
            "null".to_owned(),
            annotation(12, "1", "1", "[NaN,2,3,4]"),
            annotation(13, "1", "1", "[1e999,2,3,4]"),
        ];
        let found = run(&file(&image("1", "1.jpg"), &annotations.join(","), OWL));
        assert_eq!(entries(&found), [1]);
        assert_eq!(found.entries[0].json.matches("class_id").count(), 1);
        assert_eq!(
            left_out(&found),
            [
                ("annotations[1], id 2", Code::UnknownImage),
                ("annotations[2], id 3", Code::UnknownCategory),
                ("annotations[6], id 7", Code::InvalidItem),
                ("annotations[7], id 8", Code::InvalidItem),
                ("annotations[9], id 10", Code::InvalidItem),
                ("annotations[10]", Code::InvalidItem),
                ("annotations[11], id 12", Code::InvalidItem),
                ("annotations[12], id 13", Code::InvalidItem),
                ("annotations[3], id 4", Code::InvalidBoundingBox),
                ("annotations[4], id 5", Code::BoundingBoxTooSmall),
                ("annotations[5], id 6", Code::InvalidBoundingBox),
                ("annotations[8], id 9", Code::BoundingBoxTooSmall),
            ]
        );
        assert_eq!(found.left_out[5].reason, "it is null, not an object");
        assert_eq!(found.left_out[4].reason, "it has no bbox");
        assert!(found.left_out[11].remedy.contains("fractions"));
        assert!(found.notes[0].contains("1 time NaN"), "{:?}", found.notes);
    }

    #[test]
    fn images_that_cannot_be_used_cost_no_other() {
        let images = [
            image("1", "1.jpg"),
            r#"{"id":2,"file_name":"2.jpg","height":480}"#.to_owned(),
            r#"{"id":3,"width":640,"height":480}"#.to_owned(),
            r#"{"file_name":"4.jpg","width":640,"height":480}"#.to_owned(),
            r#"{"id":5,"file_name":"5.jpg","width":"640","height":480}"#.to_owned(),
            r#"{"id":6,"file_name":"6.jpg","width":640,"height":0}"#.to_owned(),
            r#"{"id":7,"file_name":"7.jpg","width":5000,"height":480}"#.to_owned(),
            image("8", "../8.jpg"),
            image("9", "1.jpg"),
            r#"{"id":10.0,"file_name":"10.jpg","width":640.0,"height":480.0,"date_captured":0}"#
                .to_owned(),
        ];
        let annotations: Vec<String> = (1..=10)
            .map(|id| annotation(id, &format!("\"{id}\""), "\"1\"", BOX))
            .collect();
        let found = run(&file(&images.join(","), &annotations.join(","), OWL));
        assert_eq!(entries(&found), [1, 10]);
        assert_eq!(
            left_out(&found),
            [
                ("images[1], id 2", Code::InvalidItem),
                ("images[2], id 3", Code::InvalidItem),
                ("images[3]", Code::InvalidItem),
                ("images[4], id 5", Code::InvalidItem),
                ("images[5], id 6", Code::InvalidItem),
                ("annotations[3], id 4", Code::UnknownImage),
                ("images[7], id 8", Code::InvalidSourceRefFormat),
                ("images[6], id 7", Code::InvalidImageDimension),
            ]
        );
        assert_eq!(found.entries[0].json.matches("\"class_id\"").count(), 2);
        assert_eq!(found.left_out[0].reason, "it has no width");
        let notes = found.notes.join("\n");
        assert!(notes.contains("5 annotations went with images"), "{notes}");
        assert!(
            notes.contains("2 images without a readable date"),
            "{notes}"
        );
    }

    #[test]
    fn ids_that_stand_twice() {
        let images = [
            image("1", "1.jpg"),
            image("1", "1.jpg"),
            image("2", "2.jpg"),
            image("2", "other.jpg"),
            image("2", "2.jpg"),
            image("3", "3.jpg"),
        ];
        let annotations: Vec<String> = [(1, 1), (2, 1), (3, 1), (3, 2), (3, 3)]
            .into_iter()
            .zip(1..)
            .map(|((image_id, category_id), id)| {
                annotation(id, &image_id.to_string(), &category_id.to_string(), BOX)
            })
            .collect();
        let categories = r#"{"id":1,"name":"owl"},{"id":1,"name":"owl"},{"id":2,"name":"wren"},{"id":2,"name":"kite"},{"id":3,"name":""},{"id":"x","name":"y"}"#;
        let found = run(&file(&images.join(","), &annotations.join(","), categories));
        assert_eq!(entries(&found), [1, 6]);
        assert_eq!(
            left_out(&found),
            [
                ("categories[3], id 2", Code::DuplicateId),
                ("categories[4], id 3", Code::InvalidLabelNameLength),
                ("categories[5], id \"x\"", Code::InvalidItem),
                ("images[3], id 2", Code::DuplicateId),
                ("images[4], id 2", Code::DuplicateId),
                ("images[2], id 2", Code::DuplicateId),
                ("annotations[3], id 4", Code::UnknownCategory),
                ("annotations[4], id 5", Code::UnknownCategory),
            ]
        );
        assert!(found.left_out[0].reason.contains("told apart"));
        assert!(
            found.notes[0].starts_with("1 category"),
            "{:?}",
            found.notes
        );
    }

    #[test]
    fn categories_with_names_that_are_lost() {
        let annotations = [annotation(1, "1", "1", BOX), annotation(2, "1", "2", BOX)];
        let categories = [r#"{"id":1,"name":"owl"}"#, r#"{"id":2,"name":"\ud800"}"#];
        let found = run(&file(
            &image("1", "1.jpg"),
            &annotations.join(","),
            &categories.join(","),
        ));
        assert_eq!(entries(&found), [1]);
        assert_eq!(
            left_out(&found),
            [
                ("categories[1], id 2", Code::LabelNameNotPlain),
                ("annotations[1], id 2", Code::UnknownCategory),
            ]
        );
        assert!(found.left_out[0].remedy.contains("UTF-8"));
    }

    #[test]
    fn crowds_and_images_without_boxes() {
        let crowd = r#"{"id":1,"image_id":1,"category_id":1,"iscrowd":1,"segmentation":{"counts":[1],"size":[1,2]},"bbox":[1,2,30,40]}"#;
        let images = [image("1", "1.jpg"), image("2", "2.jpg")].join(",");
        let text = file(&images, crowd, OWL);
        let found = run(&text);
        assert!(found.notes.concat().contains("crowd"), "{found:?}");
        assert_eq!(entries(&found), [1]);
        assert_eq!(found.n_rejected_and_skipped(), (0, 1));
        let found = import(text.as_bytes(), WhenEmpty::Send).unwrap();
        assert_eq!((entries(&found), left_out(&found)), (vec![1, 2], vec![]));
    }

    #[test]
    fn files_that_cannot_be_used() {
        let check = |bytes: &[u8], expected: &str| {
            let error = import(bytes, WhenEmpty::Skip).unwrap_err();
            assert!(error.reason.contains(expected), "{error:?}");
        };
        check(file("", "", OWL).as_bytes(), "no images");
        check(b"{\"images\":[\n\"\xff\"]}", "not UTF-8 in line 2");
        check(b"\x1f\x8b", "compressed");
        let marked = format!("\u{FEFF}{}", file(&image("1", "1.jpg"), "", ""));
        assert_eq!(run(&marked).left_out[0].code, Code::NoBoxes);
    }
}
