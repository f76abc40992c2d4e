//! CSV: a table of boxes as TensorFlow's tools read it, or of image-level labels, one a row.

use super::{ExportedImage, Writing};

pub(super) fn write(images: &[ExportedImage], writing: &mut Writing) {
    let has_boxes = images
        .iter()
        .any(|image| image.n_boxes() > 0 || image.size.is_some());
    let mut table = String::new();
    if has_boxes {
        table.push_str("filename,width,height,class,xmin,ymin,xmax,ymax\n");
    } else {
        table.push_str("filename,label\n");
    }
    for image in images {
        let name = writing.name(image).to_owned();
        if !is_a_cell(&name) {
            writing.lose(1, "image", "whose name can't stand in a table");
            continue;
        }
        if has_boxes {
            push_boxes(&mut table, &name, image, writing);
        } else {
            push_labels(&mut table, &name, image, writing);
        }
    }
    writing.export.files.push((String::new(), table));
}

fn push_boxes(table: &mut String, name: &str, image: &ExportedImage, writing: &mut Writing) {
    let Some((width, height)) = writing.size_for_boxes(image) else {
        return;
    };
    writing.export.n_images += 1;
    let start = format!("{},{width},{height}", cell(name));
    if image.n_boxes() == 0 {
        table.push_str(&format!("{start},,,,,\n"));
    }
    for (label, edges) in image.boxes() {
        if !is_a_cell(&label.label) {
            writing.lose(1, "box", "whose label can't stand in a table");
            continue;
        }
        writing.export.n_labels += 1;
        table.push_str(&format!(
            "{start},{},{},{},{},{}\n",
            cell(&label.label),
            edges.left,
            edges.top,
            edges.left + edges.width,
            edges.top + edges.height
        ));
    }
}

fn push_labels(table: &mut String, name: &str, image: &ExportedImage, writing: &mut Writing) {
    writing.export.n_images += 1;
    if image.labels.is_empty() {
        table.push_str(&format!("{},\n", cell(name)));
    }
    for label in &image.labels {
        let is_less_sure = label.confidence.is_some_and(|confidence| confidence < 1.0);
        writing.lose(
            u64::from(is_less_sure),
            "confidence",
            "below 1, which the table has no column for",
        );
        if !is_a_cell(&label.label) {
            writing.lose(1, "label", "that can't stand in a table");
            continue;
        }
        writing.export.n_labels += 1;
        table.push_str(&format!("{},{}\n", cell(name), cell(&label.label)));
    }
}

/// One line, and nothing around it that readers of tables take away.
fn is_a_cell(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

fn cell(text: &str) -> String {
    if text.contains([',', ';', '"', '\t', '|']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
