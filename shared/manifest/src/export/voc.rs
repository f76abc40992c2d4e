//! Pascal VOC: an XML file an image, corners that count from 1.

use std::collections::BTreeSet;

use super::{ExportedImage, Writing};

pub(super) fn write(images: &[ExportedImage], writing: &mut Writing) {
    let mut taken = BTreeSet::new();
    for image in images {
        let Some((width, height)) = writing.size_for_boxes(image) else {
            continue;
        };
        let Some(file) = writing.file_name(image, "xml", &mut taken) else {
            continue;
        };
        let mut xml = format!(
            "<annotation>\n  <filename>{}</filename>\n  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n  <segmented>0</segmented>\n",
            escaped(writing.name(image))
        );
        for (label, edges) in image.boxes() {
            xml.push_str(&format!(
                "  <object>\n    <name>{}</name>\n    <pose>Unspecified</pose>\n    <truncated>0</truncated>\n    <difficult>0</difficult>\n    <bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>\n  </object>\n",
                escaped(&label.label),
                edges.left + 1.0,
                edges.top + 1.0,
                edges.left + edges.width,
                edges.top + edges.height
            ));
            writing.export.n_labels += 1;
        }
        xml.push_str("</annotation>\n");
        writing.export.n_images += 1;
        writing.export.files.push((file, xml));
    }
}

/// Text of an element; control characters, which XML can't hold, become spaces.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            char if char.is_control() => escaped.push(' '),
            char => escaped.push(char),
        }
    }
    escaped
}
