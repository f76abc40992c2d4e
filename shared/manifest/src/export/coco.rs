//! COCO, object detection: categories numbered from 1 by name, boxes as left, top, width, height.

use super::{ExportedImage, Writing, class_names};
use crate::json::{write_number, write_text};

pub(super) fn write(images: &[ExportedImage], writing: &mut Writing) {
    let classes = class_names(images);
    let (mut list, mut annotations) = (String::new(), String::new());
    let mut n_annotations = 0_u64;
    for image in images {
        let Some((width, height)) = writing.size_for_boxes(image) else {
            continue;
        };
        writing.export.n_images += 1;
        let image_id = writing.export.n_images;
        push_separator(&mut list);
        list.push_str(&format!("{{\"id\":{image_id},\"file_name\":"));
        write_text(&mut list, writing.name(image));
        list.push_str(&format!(",\"width\":{width},\"height\":{height}}}"));
        for (label, edges) in image.boxes() {
            let category = classes
                .binary_search(&label.label.as_str())
                .unwrap_or_default()
                + 1;
            n_annotations += 1;
            push_separator(&mut annotations);
            annotations.push_str(&format!(
                "{{\"id\":{n_annotations},\"image_id\":{image_id},\"category_id\":{category},\"bbox\":["
            ));
            for (nth, edge) in [edges.left, edges.top, edges.width, edges.height]
                .iter()
                .enumerate()
            {
                if nth > 0 {
                    annotations.push(',');
                }
                write_number(&mut annotations, *edge);
            }
            annotations.push_str("],\"area\":");
            write_number(&mut annotations, edges.width * edges.height);
            annotations.push_str(",\"iscrowd\":0}");
        }
    }
    let mut categories = String::new();
    for (id, name) in (1..).zip(&classes) {
        push_separator(&mut categories);
        categories.push_str(&format!("{{\"id\":{id},\"name\":"));
        write_text(&mut categories, name);
        categories.push('}');
    }
    writing.export.n_labels = n_annotations;
    writing.export.files.push((
        String::new(),
        format!(
            "{{\"info\":{{}},\"licenses\":[],\"images\":[{list}],\n\"annotations\":[{annotations}],\n\"categories\":[{categories}]}}\n"
        ),
    ));
}

fn push_separator(list: &mut String) {
    if !list.is_empty() {
        list.push_str(",\n");
    }
}
