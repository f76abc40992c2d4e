//! Image-level labels from folders: the folder that an image is in is its label, as Custom Labels' console reads S3.

use super::image_name::has_any_image_extension;
use super::label_names::refuse_odd;
use super::parsed::{LabeledImage, Parsed};
use super::{Fault, FileError};
use crate::code::Code;
use crate::counted::counted;

/// Reads the names of the files below a folder, with `/` between folders.
///
/// Files that aren't images are passed over and counted; an image that is in no folder has no label.
///
/// # Errors
///
/// [`FileError`] when there is no image, or when most folders are named like something else than labels.
pub fn parse<'n>(
    names: impl IntoIterator<Item = &'n str>,
    takes_odd_labels: bool,
) -> Result<Parsed, FileError> {
    let mut parsed = Parsed::default();
    let mut n_other = 0;
    for (number, name) in (1..).zip(names) {
        let mut parts = name.rsplit('/');
        let file = parts.next().unwrap_or_default();
        if !has_any_image_extension(file) || file.starts_with('.') {
            n_other += 1;
            continue;
        }
        let label = parts.next().map(str::trim);
        let label = label.filter(|label| !label.is_empty() && *label != ".");
        parsed.images.push(LabeledImage {
            number,
            place: name.to_owned(),
            name: name.to_owned(),
            labels: label.into_iter().map(str::to_owned).collect(),
            ..LabeledImage::default()
        });
    }
    if parsed.images.is_empty() {
        return Err(FileError::new(
            "folder has no images",
            "give it a folder with a folder for each label, images in them",
        ));
    }
    if n_other > 0 {
        let files = counted(n_other, "other file");
        parsed.notes.push(format!("{files} passed over"));
    }
    if !takes_odd_labels {
        let labels = parsed.images.iter().flat_map(|image| image.labels.iter());
        refuse_odd(labels.map(String::as_str), "the names of the folders")?;
    }
    refuse_splits(&parsed)?;
    Ok(parsed)
}

/// Refuses folders that are parts of a dataset or of another format: they would become labels.
fn refuse_splits(parsed: &Parsed) -> Result<(), FileError> {
    const SPLITS: [&str; 9] = [
        "train",
        "training",
        "val",
        "valid",
        "validation",
        "test",
        "testing",
        "images",
        "jpegimages",
    ];
    let labels = parsed.images.iter().flat_map(|image| image.labels.iter());
    let mut labels = labels.map(|label| label.to_lowercase()).peekable();
    let is_split = |label: String| SPLITS.contains(&label.as_str());
    if labels.peek().is_none() || !labels.all(is_split) {
        return Ok(());
    }
    Err(FileError::new(
        "all images are in folders named train, val, test or images, which aren't labels",
        "give it a folder with a folder for each label; labels of such datasets are in files beside: gtcl import yolo, voc or coco",
    ))
}

impl Parsed {
    /// Leaves a file out that couldn't be read.
    pub fn leave_out_file(&mut self, name: &str, reason: String) {
        self.leave_out(
            0,
            name,
            Fault::new(Code::InvalidItem, reason).with_remedy("look at the file's permissions"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direct_parent_is_the_label() {
        let names = [
            "cat/1.jpg",
            "x/dog/2.PNG",
            "3.jpg",
            "cat/notes.txt",
            "cat/.4.jpg",
        ];
        let parsed = parse(names, false).unwrap();
        let labels = parsed.images.iter().map(|image| image.labels.join("+"));
        assert_eq!(labels.collect::<Vec<_>>(), ["cat", "dog", ""]);
        assert_eq!(parsed.notes, ["2 other files passed over"]);
        for (names, reason) in [
            (["a.txt"], "no images"),
            (["1/a.jpg"], "flags"),
            (["2024/a.jpg"], "numbers"),
            (["x/train/a.jpg"], "train, val"),
        ] {
            let error = parse(names, false).unwrap_err();
            assert!(error.reason.contains(reason), "{names:?}: {error:?}");
        }
        assert!(parse(["1/a.jpg"], true).is_ok());
    }
}
