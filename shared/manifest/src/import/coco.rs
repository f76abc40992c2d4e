//! Bounding boxes from a COCO annotation file.
//!
//! The guide's COCO script, line by line of output: one entry an image, `source-ref` from a folder and `file_name`,
//! `class_id` from `category_id`, a class map of the categories used on that image, confidence 1, creation date from
//! `date_captured`. DIFFERENCE: fractional coordinates are rounded outward and cut at the edge, images without
//! boxes are skipped unless they are asked for, and an image, annotation or category that can't be used is left out by
//! itself (the script fails on the first). Nothing is guessed: boxes of an id that stands for two images or two
//! categories are left out.

use std::collections::HashMap;

use super::coco_file::{self, Annotation, CocoFile, Id, Image, Item};
use super::coco_ids::{Categories, Images, Known, OpenImage, open_categories, open_images};
use super::{Fault, FileError, Import};
use crate::boxes::box_fault;
use crate::code::Code;
use crate::convert::Converter;
use crate::convert_options::{ConvertOptions, WhenEmpty};
use crate::counted::counted;
use crate::date;
use crate::encoding::text_bytes;
use crate::envelope::{BoxLabel, Envelope, ImageSize};
use crate::json::write_text;
use crate::lines::RawLine;
use crate::outcome::Converted;
use crate::rules::PixelSize;

/// What to write into the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CocoOptions {
    /// Stands before file names: `s3://bucket/folder`.
    pub folder: Option<String>,
    /// The label attribute.
    pub label_attribute: String,
    /// For images without a readable `date_captured`.
    pub creation_date: String,
    /// Images without a box. Default: skip.
    pub without_boxes: WhenEmpty,
}

/// Reads a COCO file. An entry's `line_number` is its image's place, from 1.
///
/// The whole file is in memory, as COCO spreads an image's boxes over it.
///
/// # Errors
///
/// [`FileError`] for what isn't COCO or has no images.
pub fn import(file: &[u8], options: &CocoOptions) -> Result<Import, FileError> {
    let bytes = text_bytes(file)?;
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
    } = coco_file::read(text)?;
    if images.is_empty() {
        return Err(FileError::new(
            "file has no images",
            "look whether its export was completed",
        ));
    }
    let mut import = Import::default();
    if n_not_json > 0 {
        import.notes.push(format!(
            "{} NaN or Infinity, which JSON lacks: read as null",
            counted(n_not_json, "time")
        ));
    }
    let categories = open_categories(categories, &mut import);
    let (mut images, ids) = open_images(images, options.folder.as_deref(), &mut import);
    let n_crowds = put_boxes(annotations, &categories, &mut images, &ids, &mut import);
    if n_crowds > 0 {
        import.notes.push(format!(
            "{} around a crowd (iscrowd): imported as any other, though it holds several objects",
            counted(n_crowds, "box")
        ));
    }
    convert(images, &categories, options, &mut import);
    Ok(import)
}

/// Puts each annotation's box to its image; answers how many are around crowds.
fn put_boxes(
    items: Vec<Item<Annotation>>,
    categories: &Categories,
    images: &mut [OpenImage],
    ids: &Images,
    import: &mut Import,
) -> u64 {
    let (mut n_crowds, mut n_of_left_out) = (0, 0_u64);
    for Item { place, read, .. } in items {
        let annotation = match read {
            Ok(annotation) => annotation,
            Err(reason) => {
                import.leave_out(place, Fault::new(Code::InvalidItem, reason));
                continue;
            }
        };
        let image = match ids.get(&annotation.image_id) {
            Some(Known::One(at)) => images.get_mut(*at),
            Some(Known::Several | Known::LeftOut) => {
                n_of_left_out += 1;
                continue;
            }
            None => None,
        };
        let Some(open) = image else {
            let reason = format!("no image has the id {}", annotation.image_id);
            import.leave_out(place, Fault::new(Code::UnknownImage, reason));
            continue;
        };
        open.n_annotations += 1;
        match fitting_box(&annotation, categories, &open.image) {
            Ok(fitting) => {
                open.boxes.push(fitting);
                n_crowds += u64::from(annotation.is_crowd);
            }
            Err(fault) => import.leave_out(place, fault),
        }
    }
    if n_of_left_out > 0 {
        import.notes.push(format!(
            "{} went with images that were left out",
            counted(n_of_left_out, "annotation")
        ));
    }
    n_crowds
}

fn fitting_box(
    annotation: &Annotation,
    categories: &Categories,
    image: &Image,
) -> Result<BoxLabel, Fault> {
    let category_id = &annotation.category_id;
    let unknown = |reason: String| Fault::new(Code::UnknownCategory, reason);
    let class_id = match categories.get(category_id) {
        Some(Known::One((class_id, _))) => *class_id,
        Some(Known::Several) => {
            return Err(unknown(format!(
                "several categories with different names have the id {category_id}"
            ))
            .with_remedy("give each category an id of its own"));
        }
        Some(Known::LeftOut) => {
            return Err(
                unknown(format!("category {category_id} had to be left out"))
                    .with_remedy("repair the category"),
            );
        }
        None => return Err(unknown(format!("no category has the id {category_id}"))),
    };
    let [left, top, width, height] = annotation.bbox;
    let (width_px, height_px) = (image.width_px, image.height_px);
    let size = PixelSize::new(f64::from(width_px), f64::from(height_px));
    if let Some(code) = box_fault(annotation.bbox, &size) {
        let why = if width <= 0.0 || height <= 0.0 {
            "has a width or height that isn't positive".to_owned()
        } else if code == Code::InvalidBoundingBox {
            format!("lies beside its image of {width_px}x{height_px} px")
        } else {
            format!("is too small on an image of {width_px}x{height_px} px")
        };
        let fault = Fault::new(
            code,
            format!("its bbox [{left}, {top}, {width}, {height}] {why}"),
        );
        let is_fraction = annotation
            .bbox
            .iter()
            .all(|side| (0.0..=1.0).contains(side));
        return Err(if is_fraction && width > 0.0 && height > 0.0 {
            fault.with_remedy("write bbox in pixels: these look like fractions of the image")
        } else if code == Code::InvalidBoundingBox {
            fault.with_remedy("write bbox as left, top, width, height in pixels")
        } else {
            fault
        });
    }
    Ok(BoxLabel {
        class_id,
        left,
        top,
        width,
        height,
        confidence: 1.0,
    })
}

/// Makes the images entries, in the file's order.
fn convert(
    images: Vec<OpenImage>,
    categories: &Categories,
    options: &CocoOptions,
    import: &mut Import,
) {
    let mut converter = Converter::new(ConvertOptions {
        label_attribute: Some(options.label_attribute.clone()),
        without_boxes: options.without_boxes,
        ..ConvertOptions::default()
    });
    let mut first_places: HashMap<String, String> = HashMap::new();
    let mut n_undated = 0;
    for open in images {
        if open.boxes.is_empty() && open.n_annotations > 0 {
            let reason = format!(
                "none of its {} can be used",
                counted(open.n_annotations, "annotation")
            );
            import.leave_out(open.place, Fault::new(Code::NoValidAnnotations, reason));
            continue;
        }
        let (json, is_dated) = line(&open, categories, options);
        let number = open.idx as u64 + 1;
        match converter.convert(number, RawLine::Line(json.as_bytes())) {
            Converted::Entry(entry) => {
                n_undated += u64::from(!is_dated);
                first_places.insert(open.source_ref, open.place);
                import.entries.push(entry);
            }
            Converted::Rejected(rejected) => {
                let reason = match first_places.get(&open.source_ref) {
                    Some(first) if rejected.code == Code::DuplicateSourceRef => {
                        format!("{first} has the same file_name")
                    }
                    _ => rejected.reason,
                };
                import.leave_out(
                    open.place,
                    Fault::new(rejected.code, reason).with_remedy(rejected.remedy),
                );
            }
            Converted::Skipped(skipped) => {
                import.leave_out(open.place, Fault::new(skipped.code, skipped.reason));
            }
            // No minimum confidence is asked for.
            Converted::Review(review) => {
                import.leave_out(
                    open.place,
                    Fault::new(Code::BelowMinConfidence, review.reason),
                );
            }
        }
    }
    let changes = &converter.counts().notes;
    import.notes.extend(changes.iter().map(ToString::to_string));
    if n_undated > 0 {
        import.notes.push(format!(
            "{} without a readable date_captured: dated {}",
            counted(n_undated, "image"),
            options.creation_date
        ));
    }
}

/// The image as a bounding box job would have written it, and whether it has a date of its own.
fn line(open: &OpenImage, categories: &Categories, options: &CocoOptions) -> (String, bool) {
    let name_of = |class_id: u32| match categories.get(&Id::Number(i64::from(class_id))) {
        Some(Known::One((_, name))) => Some((class_id, name.as_str())),
        _ => None,
    };
    let mut used: Vec<(u32, &str)> = open
        .boxes
        .iter()
        .filter_map(|fitting| name_of(fitting.class_id))
        .collect();
    used.sort_unstable();
    used.dedup();
    let size = ImageSize {
        width: open.image.width_px,
        height: open.image.height_px,
        depth: 3,
    };
    let envelope = Envelope::boxes(size, &open.boxes, &used);
    let mut json = String::from("{\"source-ref\":");
    write_text(&mut json, &open.source_ref);
    json.push(',');
    write_text(&mut json, &options.label_attribute);
    json.push(':');
    json.push_str(envelope.label.get());
    json.push(',');
    write_text(&mut json, &format!("{}-metadata", options.label_attribute));
    json.push(':');
    let metadata = envelope.metadata.get();
    json.push_str(metadata.strip_suffix('}').unwrap_or(metadata));
    json.push_str(",\"human-annotated\":\"yes\",\"creation-date\":");
    let date = open.image.date_captured.as_deref();
    let date = date.and_then(|date| date::normalised(date.into()));
    write_text(&mut json, date.as_deref().unwrap_or(&options.creation_date));
    json.push_str(",\"job-name\":");
    write_text(
        &mut json,
        &format!("labeling-job/{}", options.label_attribute),
    );
    json.push_str("}}");
    (json, date.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> CocoOptions {
        CocoOptions {
            folder: Some("s3://bucket/coco/".to_owned()),
            label_attribute: "bounding-box".to_owned(),
            creation_date: "2022-01-01T00:00:00".to_owned(),
            without_boxes: WhenEmpty::Skip,
        }
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
        import(file.as_bytes(), &options()).unwrap()
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
                ("annotations[3], id 4", Code::InvalidBoundingBox),
                ("annotations[4], id 5", Code::BoundingBoxTooSmall),
                ("annotations[5], id 6", Code::InvalidBoundingBox),
                ("annotations[6], id 7", Code::InvalidItem),
                ("annotations[7], id 8", Code::InvalidItem),
                ("annotations[8], id 9", Code::BoundingBoxTooSmall),
                ("annotations[9], id 10", Code::InvalidItem),
                ("annotations[10]", Code::InvalidItem),
                ("annotations[11], id 12", Code::InvalidItem),
                ("annotations[12], id 13", Code::InvalidItem),
            ]
        );
        assert_eq!(found.left_out[9].reason, "it is null, not an object");
        assert_eq!(found.left_out[8].reason, "it has no bbox");
        assert!(found.left_out[7].remedy.contains("fractions"));
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
                ("images[7], id 8", Code::InvalidSourceRefFormat),
                ("annotations[3], id 4", Code::UnknownImage),
                ("images[6], id 7", Code::InvalidImageDimension),
                ("images[8], id 9", Code::DuplicateSourceRef),
            ]
        );
        assert_eq!(found.left_out[0].reason, "it has no width");
        assert!(found.left_out[8].reason.starts_with("images[0], id 1 has"));
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
                ("categories[1], id 1", Code::DuplicateId),
                ("categories[3], id 2", Code::DuplicateId),
                ("categories[4], id 3", Code::InvalidLabelNameLength),
                ("categories[5], id \"x\"", Code::InvalidItem),
                ("images[1], id 1", Code::DuplicateId),
                ("images[3], id 2", Code::DuplicateId),
                ("images[4], id 2", Code::DuplicateId),
                ("images[2], id 2", Code::DuplicateId),
                ("annotations[3], id 4", Code::UnknownCategory),
                ("annotations[4], id 5", Code::UnknownCategory),
            ]
        );
        assert!(found.left_out[1].reason.contains("told apart"));
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
        let sent = CocoOptions {
            without_boxes: WhenEmpty::Send,
            ..options()
        };
        let found = import(text.as_bytes(), &sent).unwrap();
        assert_eq!((entries(&found), left_out(&found)), (vec![1, 2], vec![]));
    }

    #[test]
    fn files_that_cannot_be_used() {
        let check = |bytes: &[u8], expected: &str| {
            let error = import(bytes, &options()).unwrap_err();
            assert!(error.reason.contains(expected), "{error:?}");
        };
        check(file("", "", OWL).as_bytes(), "no images");
        check(b"{\"images\":[\n\"\xff\"]}", "not UTF-8 in line 2");
        check(b"\x1f\x8b", "compressed");
        let marked = format!("\u{FEFF}{}", file(&image("1", "1.jpg"), "", ""));
        assert_eq!(run(&marked).left_out[0].code, Code::NoBoxes);
    }
}
