//! Other ways in: labels that aren't a labeling job's output.

pub mod coco;
pub mod csv;

use crate::json::write_text;

/// Appends the pair of one image-level label whose attribute is named after the label.
fn push_image_level(out: &mut String, label: &str, creation_date: &str) {
    out.push(',');
    write_text(out, label);
    out.push_str(":1,");
    write_text(out, &format!("{label}-metadata"));
    out.push_str(":{\"confidence\":1,\"job-name\":");
    write_text(out, &format!("labeling-job/{label}"));
    out.push_str(",\"class-name\":");
    write_text(out, label);
    out.push_str(",\"human-annotated\":\"yes\",\"creation-date\":");
    write_text(out, creation_date);
    out.push_str(",\"type\":\"groundtruth/image-classification\"}");
}

/// `s3://bucket/prefix/` and a file name made one URI; a whole URI stays as it is.
fn source_ref(prefix: Option<&str>, name: &str) -> String {
    match prefix {
        Some(prefix) if !name.starts_with("s3://") => format!(
            "{}/{}",
            prefix.trim_end_matches('/'),
            name.trim_start_matches('/')
        ),
        _ => name.to_owned(),
    }
}
