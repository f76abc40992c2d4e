//! YOLO: `labels/` with a text file an image, and `data.yaml` with the names of the classes.

use std::collections::BTreeSet;

use super::{ExportedImage, Writing, class_names};

pub(super) fn write(images: &[ExportedImage], writing: &mut Writing) {
    let classes = class_names(images);
    let mut taken = BTreeSet::new();
    for image in images {
        let Some((width, height)) = writing.size_for_boxes(image) else {
            continue;
        };
        let Some(file) = writing.file_name(image, "txt", &mut taken) else {
            continue;
        };
        let (across, down) = (f64::from(width), f64::from(height));
        let mut lines = String::new();
        for (label, edges) in image.boxes() {
            let class = classes
                .binary_search(&label.label.as_str())
                .unwrap_or_default();
            lines.push_str(&format!(
                "{class} {} {} {} {}\n",
                (edges.left + edges.width / 2.0) / across,
                (edges.top + edges.height / 2.0) / down,
                edges.width / across,
                edges.height / down
            ));
            writing.export.n_labels += 1;
        }
        writing.export.n_images += 1;
        writing.export.files.push((format!("labels/{file}"), lines));
    }
    let mut yaml = String::from("path: .\ntrain: images\nval: images\nnames:\n");
    for (id, name) in classes.iter().enumerate() {
        if name.chars().any(char::is_control) {
            writing.lose(1, "name of a class", "which has a control character");
        }
        let plain: String = name
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect();
        yaml.push_str(&format!("  {id}: '{}'\n", plain.replace('\'', "''")));
    }
    writing.export.files.push(("data.yaml".to_owned(), yaml));
    writing.export.notes.push(
        "images are not copied: put them into images/ beside labels/, under the names that the labels have".to_owned(),
    );
}
