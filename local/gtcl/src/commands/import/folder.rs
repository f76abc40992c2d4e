//! Folders of labels: YOLO's, Pascal VOC's, and folders that are labels themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use manifest::import::yolo::{ClassNames, YoloFiles};
use manifest::import::{FileError, Parsed, folders as by_folder, voc as voc_files};

use super::Places;
use crate::error::CommandError;
use crate::place::{Place, s3_remedy};

/// Most files of a folder.
const FILES_MAX: usize = 2_000_000;
/// Largest label file that is read, in bytes.
const LABEL_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files with names of classes, by what they are called.
const NAME_FILES: [&str; 6] = [
    "classes.txt",
    "obj.names",
    "labels.txt",
    "_darknet.labels",
    "class.names",
    "predefined_classes.txt",
];

/// A folder's files by their names below it, with `/` between folders.
pub(super) struct Files {
    root: PathBuf,
    names: BTreeSet<String>,
}

impl Files {
    /// Lists a folder on this machine, hidden files left out; links to folders are not followed.
    pub(super) fn of(place: &Place) -> Result<Self, CommandError> {
        let Place::Local(root) = place else {
            return Err(CommandError::new(format!(
                "{place} is in S3, and a folder of this format is read on this machine"
            ))
            .with_help(format!("copy it first: aws s3 sync {place} FOLDER")));
        };
        let mut names = BTreeSet::new();
        let mut open = vec![String::new()];
        while let Some(folder) = open.pop() {
            let path = root.join(&folder);
            let failed = |error: std::io::Error| {
                CommandError::new(format!("{} could not be read: {error}", path.display()))
                    .with_help("look at the path: give it a folder")
            };
            for entry in fs::read_dir(&path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                if name.starts_with('.') || name == "__MACOSX" {
                    continue;
                }
                let name = match folder.as_str() {
                    "" => name,
                    folder => format!("{folder}/{name}"),
                };
                if entry.file_type().map_err(failed)?.is_dir() {
                    open.push(name);
                } else if names.len() < FILES_MAX {
                    names.insert(name);
                } else {
                    return Err(CommandError::new(format!(
                        "{} has more than {FILES_MAX} files",
                        root.display()
                    ))
                    .with_help("import its parts one by one"));
                }
            }
        }
        Ok(Self {
            root: root.clone(),
            names,
        })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.root.join(name);
        let n_bytes = fs::metadata(&path)
            .map_err(|error| error.to_string())?
            .len();
        if n_bytes > LABEL_FILE_BYTES_MAX {
            return Err(format!(
                "file has {n_bytes} bytes, more than {LABEL_FILE_BYTES_MAX}"
            ));
        }
        fs::read(&path).map_err(|error| error.to_string())
    }
}

fn extension(name: &str) -> String {
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str());
    extension.unwrap_or_default().to_ascii_lowercase()
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn is_image(name: &str) -> bool {
    matches!(
        extension(name).as_str(),
        "jpg" | "jpeg" | "png" | "bmp" | "tif" | "tiff" | "webp" | "gif"
    )
}

/// Whether a text file may hold labels: lists of images, readmes and names of classes don't.
fn is_label_file(name: &str) -> bool {
    let file = file_name(name).to_ascii_lowercase();
    let is_other = NAME_FILES.contains(&file.as_str())
        || file.starts_with("readme")
        || matches!(
            file.as_str(),
            "train.txt"
                | "val.txt"
                | "valid.txt"
                | "test.txt"
                | "trainval.txt"
                | "requirements.txt"
                | "license.txt"
        );
    extension(name) == "txt" && !is_other
}

/// The file with the names of the classes, nearest to the root.
pub(super) fn names_file(files: &Files) -> Option<&str> {
    let depth = |name: &&str| name.matches('/').count();
    let is_data = |name: &&str| {
        matches!(extension(name).as_str(), "yaml" | "yml")
            && (file_name(name).starts_with("data") || depth(name) == 0)
    };
    let data = files.names().filter(is_data).min_by_key(depth);
    data.or_else(|| {
        let lists = files.names();
        let lists = lists
            .filter(|name| NAME_FILES.contains(&file_name(name)) || extension(name) == "names");
        lists.min_by_key(depth)
    })
}

/// What an image and its labels have in common: folders but `images` and `labels`, and the name without extension.
fn key_of(name: &str) -> String {
    let stem = match name.rsplit_once('.') {
        Some((stem, last)) if !last.contains('/') => stem,
        _ => name,
    };
    let parts = stem
        .split('/')
        .filter(|part| !matches!(*part, "images" | "labels"));
    parts.collect::<Vec<_>>().join("/")
}

/// Reads a folder of YOLO labels.
pub(super) fn yolo(place: &Place) -> Result<Result<Parsed, FileError>, CommandError> {
    let files = Files::of(place)?;
    let failed = |name: &str, reason: String| {
        CommandError::new(format!("{place}/{name} could not be read: {reason}"))
    };
    let Some(names_file) = names_file(&files) else {
        return Err(CommandError::new(format!("{place} has no data.yaml and no classes.txt"))
            .with_help("the names of the classes have to be there: data.yaml, or classes.txt with a name a line"));
    };
    let bytes = files
        .read(names_file)
        .map_err(|reason| failed(names_file, reason))?;
    let names = match extension(names_file).as_str() {
        "yaml" | "yml" => ClassNames::of_data_yaml(&bytes),
        _ => Ok(ClassNames::of_lines(&bytes)),
    };
    let mut reading = match names.and_then(YoloFiles::new) {
        Ok(reading) => reading,
        Err(error) => return Ok(Err(error)),
    };
    let mut labels: BTreeMap<String, &str> = BTreeMap::new();
    for name in files.names().filter(|name| is_label_file(name)) {
        labels.insert(key_of(name), name);
    }
    let mut unreadable = Vec::new();
    for image in files.names().filter(|name| is_image(name)) {
        let Some(file) = labels.remove(&key_of(image)) else {
            reading.add(image, None);
            continue;
        };
        match files.read(file) {
            Ok(bytes) => reading.add(image, Some((file, &bytes))),
            Err(reason) => unreadable.push((file, reason)),
        }
    }
    // Labels whose images lie elsewhere.
    for (key, file) in &labels {
        match files.read(file) {
            Ok(bytes) => reading.add(key, Some((file, &bytes))),
            Err(reason) => unreadable.push((file, reason)),
        }
    }
    let mut parsed = reading.finish();
    for (file, reason) in unreadable {
        parsed.leave_out_file(file, reason);
    }
    Ok(Ok(parsed))
}

/// Reads a folder of Pascal VOC's files, or one of them.
pub(super) fn voc(
    place: &Place,
    origin: Option<voc_files::Origin>,
) -> Result<Result<Parsed, FileError>, CommandError> {
    let one_file = match place {
        Place::Local(path) if path.is_file() => Some(Files {
            root: path.parent().unwrap_or(Path::new("")).to_owned(),
            names: path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .into_iter()
                .collect(),
        }),
        _ => None,
    };
    let is_one = one_file.is_some();
    let files = match one_file {
        Some(files) => files,
        None => Files::of(place)?,
    };
    let mut reading = voc_files::VocFiles::default();
    let mut unreadable = Vec::new();
    let mut n_files = 0;
    for file in files
        .names()
        .filter(|name| is_one || extension(name) == "xml")
    {
        n_files += 1;
        match files.read(file) {
            Ok(bytes) => reading.add(file, &bytes),
            Err(reason) => unreadable.push((file, reason)),
        }
    }
    if n_files == 0 {
        return Err(CommandError::new(format!("{place} has no .xml file"))
            .with_help("give it a folder of Pascal VOC annotations, an XML file an image"));
    }
    let mut parsed = reading.finish(origin);
    for (file, reason) in unreadable {
        parsed.leave_out_file(file, reason);
    }
    Ok(Ok(parsed))
}

/// Reads the names of a folder's images, on this machine or in S3.
pub(super) async fn folders(
    places: &Places,
    takes_odd_labels: bool,
) -> Result<Result<Parsed, FileError>, CommandError> {
    let Place::S3(uri) = &places.file else {
        let files = Files::of(&places.file)?;
        return Ok(by_folder::parse(files.names(), takes_odd_labels));
    };
    let prefix = format!("{}/", uri.key.trim_end_matches('/'));
    let s3 = aws::Clients::s3_from_profile().await;
    let listed = s3.list_objects(&uri.bucket, &prefix, FILES_MAX).await;
    let listed = listed.map_err(|error| {
        let failed = CommandError::new(format!("{} could not be listed: {error}", places.file));
        match s3_remedy(&error) {
            Some(remedy) => failed.with_help(remedy),
            None => failed,
        }
    })?;
    let keys = listed.iter().map(|object| object.key.as_str());
    let names: Vec<&str> = keys.filter_map(|key| key.strip_prefix(&prefix)).collect();
    Ok(by_folder::parse(names, takes_odd_labels))
}

/// What kind of labels a folder has, when that is sure.
pub(super) enum FolderKind {
    Yolo,
    Voc,
    Folders,
}

/// Looks at a folder's files.
pub(super) fn kind(files: &Files) -> Result<FolderKind, String> {
    let n_xml = files
        .names()
        .filter(|name| extension(name) == "xml")
        .count();
    let n_labels = files.names().filter(|name| is_label_file(name)).count();
    let n_images = files.names().filter(|name| is_image(name)).count();
    let n_json = files
        .names()
        .filter(|name| extension(name) == "json")
        .count();
    let n_csv = files
        .names()
        .filter(|name| extension(name) == "csv")
        .count();
    let n_nested = files
        .names()
        .filter(|name| is_image(name) && name.contains('/'))
        .count();
    match (names_file(files).is_some() && n_labels > 0, n_xml > 0) {
        (true, false) => Ok(FolderKind::Yolo),
        (false, true) => Ok(FolderKind::Voc),
        (false, false)
            if n_json + n_csv + n_labels == 0 && n_images > 0 && n_nested == n_images =>
        {
            Ok(FolderKind::Folders)
        }
        (true, true) => Err("it has XML files and YOLO labels".to_owned()),
        _ if n_json + n_csv > 0 => Err(format!(
            "it has {n_json} .json and {n_csv} .csv files: name one of them"
        )),
        _ if n_labels > 0 => Err("it has text files, but no data.yaml or classes.txt".to_owned()),
        _ => Err(format!("it has {n_images} images and no labels")),
    }
}
