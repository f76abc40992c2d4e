//! The images to label, as an input manifest and files that stand for its source references.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use portal::ImageFolder;
use serde_json::{Value, json};

use crate::error::CommandError;
use crate::stack::BUCKET;

/// Endings of the names of images that Custom Labels takes, in lower case.
const IMAGE_ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Images, and what stands for them.
#[derive(Debug)]
pub struct ImageSet {
    /// The input manifest, one JSON object a line.
    pub manifest: String,
    /// Where the images are looked up.
    pub folder: ImageFolder,
    /// What was left out, for people.
    pub notes: Vec<String>,
}

/// The images below the folder `from`, in the order of their paths, copied to the bucket's folder below `buckets`.
///
/// # Errors
///
/// A folder that can't be read, holds no image, or one that can't be copied.
pub fn of_folder(from: &Path, buckets: &Path, job: &str) -> Result<ImageSet, CommandError> {
    let mut found = Found::default();
    let unreadable = |error: &io::Error| {
        CommandError::new(format!("{} can't be read: {error}", from.display()))
            .with_help("name a folder with JPEG or PNG images")
    };
    found
        .gather(from, Path::new(""))
        .map_err(|error| unreadable(&error))?;
    let (mut images, n_others) = (found.images, found.n_others);
    images.sort();
    if images.is_empty() {
        return Err(
            CommandError::new(format!("{} holds no JPEG or PNG image", from.display()))
                .with_help("images are files whose names end in .jpg, .jpeg or .png"),
        );
    }
    let mut manifest = String::new();
    for image in &images {
        let key = format!("images/{job}/{image}");
        copy(&from.join(image), &buckets.join(BUCKET).join(&key))?;
        manifest += &format!(
            "{}\n",
            json!({"source-ref": format!("s3://{BUCKET}/{key}")})
        );
    }
    let note = || format!("{n_others} files in {} are no images", from.display());
    Ok(ImageSet {
        manifest,
        folder: ImageFolder {
            root: buckets.to_path_buf(),
        },
        notes: (n_others > 0).then(note).into_iter().collect(),
    })
}

/// The images that the manifest names, in `images_from`, a folder with a folder a bucket.
///
/// # Errors
///
/// A manifest that can't be read, a line without a source-ref, or an image that isn't there.
pub fn of_manifest(manifest: &Path, images_from: &Path) -> Result<ImageSet, CommandError> {
    let text = fs::read_to_string(manifest).map_err(|error| {
        CommandError::new(format!("{} can't be read: {error}", manifest.display()))
            .with_help("name an input manifest: one JSON object a line, each with a source-ref")
    })?;
    let folder = ImageFolder {
        root: images_from.to_path_buf(),
    };
    for (line_number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let fault = |reason: String| {
            CommandError::new(format!(
                "{}, line {line_number}: {reason}",
                manifest.display()
            ))
        };
        let line: Value = serde_json::from_str(line).map_err(|error| fault(error.to_string()))?;
        let uri = line.get("source-ref").and_then(Value::as_str);
        let uri = uri.ok_or_else(|| fault("it has no source-ref".to_owned()))?;
        let path = folder.file_of(uri).map_err(fault)?;
        if !path.is_file() {
            return Err(fault(format!("{} is not there", path.display())).with_help(
                "images are looked for as BUCKET/KEY below --images-from: aws s3 sync s3://BUCKET IMAGES/BUCKET",
            ));
        }
    }
    Ok(ImageSet {
        manifest: text,
        folder,
        notes: Vec::new(),
    })
}

/// What lies in a folder and in the folders in it.
#[derive(Debug, Default)]
struct Found {
    /// Paths of the images, relative to the outermost folder, with slashes.
    images: Vec<String>,
    n_others: usize,
    /// The folders that were looked into, by their own places: links may lead round in a circle.
    folders: BTreeSet<PathBuf>,
}

impl Found {
    fn gather(&mut self, root: &Path, below: &Path) -> io::Result<()> {
        let folder = root.join(below);
        if !self.folders.insert(fs::canonicalize(&folder)?) {
            return Ok(());
        }
        let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
        let mut names = names.collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for name in names {
            let path = below.join(&name);
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            if root.join(&path).is_dir() {
                self.gather(root, &path)?;
                continue;
            }
            let ending = path.extension().and_then(|ending| ending.to_str());
            let is_image = ending.is_some_and(|ending| {
                IMAGE_ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
            });
            match path.to_str() {
                Some(path) if is_image => self.images.push(path.to_owned()),
                _ => self.n_others += 1,
            }
        }
        Ok(())
    }
}

/// Copies an image, unless it is there from an earlier start.
fn copy(from: &Path, to: &PathBuf) -> Result<(), CommandError> {
    let fault = |error: io::Error| {
        CommandError::new(format!(
            "{} can't be copied to {}: {error}",
            from.display(),
            to.display()
        ))
        .with_help("look whether the disk is full, or name another folder with --dir")
    };
    let n_bytes = fs::metadata(from).map_err(fault)?.len();
    if fs::metadata(to).is_ok_and(|there| there.len() == n_bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(fault)?;
    }
    fs::copy(from, to).map(|_| ()).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("photos");
        fs::create_dir_all(from.join("more")).unwrap();
        for name in ["b.JPG", "a.png", "more/c.jpeg", "notes.txt", ".hidden.png"] {
            fs::write(from.join(name), name).unwrap();
        }
        let buckets = folder.path().join("s3");
        let set = of_folder(&from, &buckets, "birds").unwrap();
        let expected: String = ["a.png", "b.JPG", "more/c.jpeg"]
            .map(|name| format!("{{\"source-ref\":\"s3://gtcl/images/birds/{name}\"}}\n"))
            .concat();
        assert_eq!(set.manifest, expected);
        assert_eq!(set.notes.len(), 1);
        let copied = set
            .folder
            .file_of("s3://gtcl/images/birds/more/c.jpeg")
            .unwrap();
        assert_eq!(fs::read(copied).unwrap(), b"more/c.jpeg");
        assert!(of_folder(&from.join("none"), &buckets, "birds").is_err());
        std::os::unix::fs::symlink(".", from.join("more/loop")).unwrap();
        std::os::unix::fs::symlink("..", from.join("more/up")).unwrap();
        let set = of_folder(&from, &buckets, "birds").unwrap();
        assert_eq!(set.manifest, expected);
    }

    #[test]
    fn images_of_a_manifest() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bkt")).unwrap();
        fs::write(folder.path().join("bkt/1.jpg"), "").unwrap();
        let manifest = folder.path().join("in.manifest");
        let check = |text: &str, expected: &str| {
            fs::write(&manifest, text).unwrap();
            let found = of_manifest(&manifest, folder.path());
            let found = found.map_or_else(|error| error.message().to_owned(), |set| set.manifest);
            assert!(found.contains(expected), "{text}: {found}");
        };
        check(
            "{\"source-ref\":\"s3://bkt/1.jpg\"}\n\n",
            "\"s3://bkt/1.jpg\"}\n",
        );
        check("\n{\"source-ref\":\"s3://bkt/2.jpg\"}", "line 2: ");
        check("{\"source-ref\":\"s3://bkt/../1.jpg\"}", "below a folder");
        check("{\"source\":\"text\"}", "no source-ref");
        check("x", "line 1: ");
    }
}
