//! What is remarkable about images and labels and is no fault: the same notes, whichever command tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use manifest::counted;
use manifest::import::has_image_extension;

use crate::output::text::{look, shown};

/// Most names of a label that are listed side by side.
const NAMES_SHOWN_MAX: usize = 10;

/// Images and labels that were seen.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    n_other_images: u64,
    first_other: String,
    /// Labels by what they look like.
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Remarks {
    /// Notes an image and where it stands.
    pub(crate) fn image(&mut self, place: impl Display, source_ref: &str) {
        if has_image_extension(source_ref) {
            return;
        }
        if self.n_other_images == 0 {
            self.first_other = format!("{source_ref:?} in {place}");
        }
        self.n_other_images += 1;
    }

    /// Notes a label's name.
    pub(crate) fn label(&mut self, name: &str) {
        let alike = self.labels.entry(look(name)).or_default();
        if !alike.contains(name) {
            alike.insert(name.to_owned());
        }
    }

    /// A sentence for each thing to be told.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.n_other_images > 0 {
            lines.push(format!(
                "{} without .jpg, .jpeg or .png at the end, {} to begin with: Custom Labels takes JPEG and PNG only",
                counted(self.n_other_images, "image name"),
                shown(&self.first_other)
            ));
        }
        for alike in self.labels.values().filter(|alike| alike.len() > 1) {
            let names = alike.iter().take(NAMES_SHOWN_MAX);
            let names: Vec<String> = names.map(|name| shown(&format!("{name:?}"))).collect();
            lines.push(format!(
                "labels that look alike and are different ones: {}",
                names.join(", ")
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        let mut remarks = Remarks::default();
        for (line, uri) in ["s3://b/1.jpg", "s3://b/2.tif", "s3://b/3"]
            .iter()
            .enumerate()
        {
            remarks.image(format_args!("line {}", line + 1), uri);
        }
        for label in ["cat", "dog", "cat ", "Cat", "cat"] {
            remarks.label(label);
        }
        assert_eq!(
            remarks.lines(),
            [
                "2 image names without .jpg, .jpeg or .png at the end, \"s3://b/2.tif\" in line 2 to begin with: Custom Labels takes JPEG and PNG only",
                "labels that look alike and are different ones: \"Cat\", \"cat\", \"cat \"",
            ]
        );
    }
}
