//! Bounding boxes from a COCO annotation file.
//!
//! The guide's COCO script, line by line of output: one entry an image, `source-ref` from a prefix and `file_name`,
//! `class_id` from `category_id`, a class map of the categories used on that image, confidence 1, creation date from
//! `date_captured`. DIFFERENCE: fractional coordinates are rounded outward and cut at the edge, images without
//! boxes are skipped, and an image that can't become an entry is rejected (the script fails on the first).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::convert::Converter;
use crate::convert_options::ConvertOptions;
use crate::envelope::{BoxLabel, Envelope, ImageSize};
use crate::json::write_text;
use crate::lines::RawLine;
use crate::outcome::Converted;

#[derive(Debug, Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Debug, Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    width: u32,
    height: u32,
    date_captured: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u32,
    /// Left, top, width, height.
    bbox: [f64; 4],
}

#[derive(Debug, Deserialize)]
struct Category {
    id: u32,
    name: String,
}

/// Why a COCO file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum CocoImportError {
    /// Not JSON, or without images, annotations or categories as COCO has them.
    #[error("coco file is not readable: {0}")]
    Json(#[from] serde_json::Error),
}

/// What to write into the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CocoOptions {
    /// Stands before file names: `s3://bucket/folder`.
    pub prefix: Option<String>,
    /// The label attribute.
    pub label_attribute: String,
    /// For images without `date_captured`.
    pub creation_date: String,
}

/// Reads a COCO file: what became of each image, in the file's order. `line_number` is the image's place, from 1.
///
/// The whole file is in memory, as COCO spreads an image's boxes over it.
///
/// # Errors
///
/// [`CocoImportError::Json`] when the file isn't COCO.
pub fn import(
    file: &[u8],
    options: &CocoOptions,
    convert: ConvertOptions,
) -> Result<Vec<Converted>, CocoImportError> {
    let file: File = serde_json::from_slice(file)?;
    let names: BTreeMap<u32, &str> = file
        .categories
        .iter()
        .map(|category| (category.id, category.name.as_str()))
        .collect();
    let mut of_image: BTreeMap<u64, Vec<&Annotation>> = BTreeMap::new();
    for annotation in &file.annotations {
        of_image
            .entry(annotation.image_id)
            .or_default()
            .push(annotation);
    }
    let mut converter = Converter::new(ConvertOptions {
        label_attribute: Some(options.label_attribute.clone()),
        ..convert
    });
    let lines = (1_u64..).zip(&file.images).map(|(n, image)| {
        let annotations = of_image
            .get(&image.id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        converter.convert(
            n,
            RawLine::Line(line(image, annotations, &names, options).as_bytes()),
        )
    });
    Ok(lines.collect())
}

/// The image as a bounding box job would have written it.
fn line(
    image: &Image,
    annotations: &[&Annotation],
    names: &BTreeMap<u32, &str>,
    options: &CocoOptions,
) -> String {
    let boxes: Vec<BoxLabel> = annotations
        .iter()
        .map(|annotation| {
            let [left, top, width, height] = annotation.bbox;
            BoxLabel {
                class_id: annotation.category_id,
                left,
                top,
                width,
                height,
                confidence: 1.0,
            }
        })
        .collect();
    let mut used: Vec<(u32, &str)> = annotations
        .iter()
        .filter_map(|annotation| names.get_key_value(&annotation.category_id))
        .map(|(id, name)| (*id, *name))
        .collect();
    used.sort_unstable();
    used.dedup();
    let envelope = Envelope::boxes(
        ImageSize {
            width: image.width,
            height: image.height,
            depth: 3,
        },
        &boxes,
        &used,
    );
    let mut json = String::from("{\"source-ref\":");
    write_text(
        &mut json,
        &super::source_ref(options.prefix.as_deref(), &image.file_name),
    );
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
    write_text(
        &mut json,
        image
            .date_captured
            .as_deref()
            .unwrap_or(&options.creation_date),
    );
    json.push_str(",\"job-name\":");
    write_text(
        &mut json,
        &format!("labeling-job/{}", options.label_attribute),
    );
    json.push_str("}}");
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    #[test]
    fn documented_file() {
        let file = br#"{"info":{},"licenses":[],
            "images":[{"id":245915,"license":4,"file_name":"000000245915.jpg","height":426,"width":640,"date_captured":"2013-11-18 02:53:27"},
                      {"id":2,"file_name":"empty.jpg","height":426,"width":640},
                      {"id":3,"file_name":"bad.jpg","height":426,"width":640}],
            "annotations":[{"id":125686,"category_id":0,"iscrowd":0,"segmentation":[],"image_id":245915,"area":1,"bbox":[19.23,383.18,314.5,42.73]},
                           {"id":2,"category_id":9,"image_id":3,"bbox":[1,1,9,9]}],
            "categories":[{"supercategory":"speaker","id":0,"name":"echo"}]}"#;
        let options = CocoOptions {
            prefix: Some("s3://bucket/coco/".to_owned()),
            label_attribute: "bounding-box".to_owned(),
            creation_date: "2022-01-01T00:00:00".to_owned(),
        };
        let found = import(file, &options, ConvertOptions::default()).unwrap();
        let [
            Converted::Entry(entry),
            Converted::Skipped(empty),
            Converted::Rejected(bad),
        ] = found.as_slice()
        else {
            panic!("{found:?}")
        };
        assert_eq!(
            entry.json,
            r#"{"source-ref":"s3://bucket/coco/000000245915.jpg","bounding-box":{"image_size":[{"width":640,"height":426,"depth":3}],"annotations":[{"class_id":0,"left":19,"top":383,"width":315,"height":43}]},"bounding-box-metadata":{"objects":[{"confidence":1}],"class-map":{"0":"echo"},"type":"groundtruth/object-detection","human-annotated":"yes","creation-date":"2013-11-18T02:53:27.000000","job-name":"labeling-job/bounding-box"}}"#
        );
        assert_eq!(
            (empty.code, bad.code),
            (Code::NoBoxes, Code::MissingClassMapId)
        );
    }
}
