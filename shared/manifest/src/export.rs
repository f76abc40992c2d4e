//! Ways out: a manifest's labels as COCO, YOLO, Pascal VOC or CSV.
//!
//! Every line that [`crate::Converter`] reads is read here: built-in jobs' lines, label envelopes, dataset entries. But
//! the rules of Custom Labels don't apply: an image of any size with any number of boxes goes out. What a format can't
//! hold is counted and told.

mod coco;
mod csv;
mod voc;
mod yolo;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use crate::code::Code;
use crate::convert::stop::Stop;
use crate::convert_options::ConvertOptions;
use crate::counted::counted;
use crate::envelope;
use crate::label_choice::{Candidate, candidates, choose};
use crate::line::{Line, shown};
use crate::named_label::{NamedBox, NamedLabel, of_envelope, of_pair};
use crate::pair::{BoxLabels, LabelKind};
use crate::rules::read_source_ref;
use crate::s3_uri::S3Uri;
use crate::task_type::TaskType;

/// A format that labels go out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON file of boxes.
    Coco,
    /// A folder: `labels/` with a text file an image, and `data.yaml`.
    Yolo,
    /// A folder with an XML file an image.
    Voc,
    /// One table: of boxes (`filename,width,height,class,xmin,ymin,xmax,ymax`), or of image-level labels, one a row.
    Csv,
}

/// What comes of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// Names, relative to where the export goes, and contents. A format of one file has one, without a name.
    pub files: Vec<(String, String)>,
    /// Images in them.
    pub n_images: u64,
    /// Labels or boxes in them.
    pub n_labels: u64,
    /// What stands before all names of images: `s3://bucket/folder/`.
    pub images_below: String,
    /// What the format can't hold, and what else is remarkable; a sentence each.
    pub notes: Vec<String>,
}

/// A line that can't be exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotExported {
    /// Its kind; skipped lines have nothing to export.
    pub code: Code,
    /// What exactly is the matter.
    pub reason: String,
}

/// Images and their labels on their way out. All are in memory.
#[derive(Debug, Default)]
pub struct Exporter {
    images: Vec<ExportedImage>,
    options: ConvertOptions,
}

#[derive(Debug)]
struct ExportedImage {
    source_ref: String,
    size: Option<(u32, u32)>,
    labels: Vec<NamedLabel>,
}

impl ExportedImage {
    fn boxes(&self) -> impl Iterator<Item = (&NamedLabel, NamedBox)> {
        let labels = self.labels.iter();
        labels.filter_map(|label| Some((label, label.edges?)))
    }

    fn n_boxes(&self) -> u64 {
        self.boxes().count() as u64
    }
}

impl Exporter {
    /// An export of the label attribute, job and confidences that the options say.
    #[must_use]
    pub fn new(options: ConvertOptions) -> Self {
        Self {
            images: Vec::new(),
            options,
        }
    }

    /// Adds a manifest's line. A line without a label is an image without one.
    ///
    /// # Errors
    ///
    /// [`NotExported`] says what is wrong with the line.
    pub fn add(&mut self, line: &[u8]) -> Result<(), NotExported> {
        let refused = |(code, reason)| NotExported { code, reason };
        let line = Line::open(line).map_err(refused)?;
        let source_ref = read_source_ref(&line).map_err(refused)?;
        let of_stop = |stop| match stop {
            Stop::Rejected(code, reason) | Stop::Skipped(code, reason) => {
                NotExported { code, reason }
            }
            Stop::Review(reason) => NotExported {
                code: Code::BelowMinConfidence,
                reason,
            },
        };
        let mut image = ExportedImage {
            source_ref,
            size: None,
            labels: Vec::new(),
        };
        let candidates = candidates(&line).map_err(of_stop)?;
        let chosen = match choose(&candidates, &line, &self.options) {
            Err(Stop::Skipped(Code::Unlabeled, _)) => Vec::new(),
            Err(Stop::Rejected(Code::AmbiguousLabelAttribute, _))
                if candidates.iter().all(is_named_after_its_class) =>
            {
                candidates.iter().collect()
            }
            chosen => chosen.map_err(of_stop)?,
        };
        for candidate in chosen {
            let read = read_label(candidate, &mut image);
            read.map_err(|(code, reason)| NotExported { code, reason })?;
        }
        if let Some(min) = self.options.min_confidence {
            image
                .labels
                .retain(|label| label.confidence.is_none_or(|confidence| confidence >= min));
        }
        self.images.push(image);
        Ok(())
    }

    /// Writes everything in a format.
    #[must_use]
    pub fn finish(self, format: ExportFormat) -> Export {
        let images_below = common_folder(self.images.iter().map(|image| image.source_ref.as_str()));
        let mut writing = Writing {
            export: Export {
                images_below,
                ..Export::default()
            },
            lost: BTreeMap::new(),
        };
        let images = writing.unique(self.images);
        match format {
            ExportFormat::Coco => coco::write(&images, &mut writing),
            ExportFormat::Yolo => yolo::write(&images, &mut writing),
            ExportFormat::Voc => voc::write(&images, &mut writing),
            ExportFormat::Csv => csv::write(&images, &mut writing),
        }
        writing.finish()
    }
}

/// An image-level label as the guide's CSV script and `import` write them: a pair for each, named after the label.
fn is_named_after_its_class(candidate: &Candidate<'_, '_>) -> bool {
    let class_name = candidate.metadata.and_then(|metadata| metadata.class_name);
    candidate.kind() == Some(LabelKind::Task(TaskType::SingleLabel))
        && class_name.is_some_and(|class_name| class_name.is(candidate.name))
}

fn read_label(
    candidate: &Candidate<'_, '_>,
    image: &mut ExportedImage,
) -> Result<(), (Code, String)> {
    let name = shown(candidate.name);
    let unreadable = |what: &str| {
        let reason = format!("label {name:?} {what}");
        (Code::InvalidLabelAttributeFormat, reason)
    };
    let (Some(label), Some(metadata)) = (candidate.label, candidate.metadata) else {
        return Err(unreadable("lacks its value or metadata"));
    };
    if metadata.failure_reason.is_some() {
        return Err((Code::LabelingFailed, format!("label {name:?} failed")));
    }
    let (value, read) = match candidate.kind() {
        Some(LabelKind::Custom) => {
            let parts = envelope::parts(label.value).ok().flatten();
            let Some((value, _)) = parts else {
                return Err(unreadable("is a custom one, but not a label envelope"));
            };
            (value, of_envelope(label.value))
        }
        Some(LabelKind::Other | LabelKind::Verification) | None => {
            let reason = format!("label {name:?} is neither of whole images nor of boxes");
            return Err((Code::UnsupportedTaskType, reason));
        }
        Some(LabelKind::Task(_)) => (label.value, of_pair(label.value, metadata)),
    };
    let Some(read) = read else {
        return Err(unreadable("can't be read"));
    };
    if let Ok(Some(boxes)) = BoxLabels::read(value) {
        let size = boxes.only_size().and_then(crate::convert::boxes::read_size);
        // Sides are whole and above 0; a side beyond u32 is no image's.
        image.size = image
            .size
            .or(size.map(|(size, _)| (size.width as u32, size.height as u32)));
    }
    image.labels.extend(read.labels);
    Ok(())
}

/// What stands before all names, up to a `/`; nothing where images are in several buckets.
fn common_folder<'n>(mut names: impl Iterator<Item = &'n str>) -> String {
    let Some(first) = names.next() else {
        return String::new();
    };
    let folder = first
        .rfind('/')
        .map_or("", |end| first.get(..=end).unwrap_or_default());
    let common = names.fold(folder, |common, name| {
        let same = common
            .bytes()
            .zip(name.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let common = common.get(..same).unwrap_or_default();
        common
            .rfind('/')
            .map_or("", |end| common.get(..=end).unwrap_or_default())
    });
    // `s3://` alone is no folder.
    let is_folder = S3Uri::split(common).is_some_and(|uri| !uri.bucket.is_empty());
    if is_folder {
        common.to_owned()
    } else {
        String::new()
    }
}

/// An export being written.
struct Writing {
    export: Export,
    /// What the format can't hold, by what it is.
    lost: BTreeMap<(&'static str, &'static str), u64>,
}

impl Writing {
    /// The name of an image below the folder of all.
    fn name<'i>(&self, image: &'i ExportedImage) -> &'i str {
        let below = &self.export.images_below;
        image
            .source_ref
            .strip_prefix(below.as_str())
            .unwrap_or(&image.source_ref)
    }

    fn lose(&mut self, n: u64, noun: &'static str, why: &'static str) {
        if n > 0 {
            *self.lost.entry((noun, why)).or_default() += n;
        }
    }

    /// The first line of each image.
    fn unique(&mut self, images: Vec<ExportedImage>) -> Vec<ExportedImage> {
        let mut seen = std::collections::HashSet::new();
        let n_all = images.len();
        let images: Vec<ExportedImage> = images
            .into_iter()
            .filter(|image| seen.insert(image.source_ref.clone()))
            .collect();
        let n_repeated = (n_all - images.len()) as u64;
        self.lose(n_repeated, "line", "of an image that an earlier line has");
        images
    }

    /// Counts what a format of boxes in whole images of known size can't hold of an image; answers its size.
    fn size_for_boxes(&mut self, image: &ExportedImage) -> Option<(u32, u32)> {
        let n_labels = image.labels.len() as u64 - image.n_boxes();
        self.lose(n_labels, "image-level label", "which the format can't hold");
        if image.size.is_none() {
            self.lose(1, "image", "whose size the manifest doesn't say");
        }
        let n_less_sure = image
            .boxes()
            .filter(|(label, _)| label.confidence.is_some_and(|confidence| confidence < 1.0))
            .count();
        self.lose(
            n_less_sure as u64,
            "confidence",
            "below 1, which the format can't hold",
        );
        image.size
    }

    /// A file's name for an image, with another extension; `None` where the image's name can't be one.
    fn file_name(
        &mut self,
        image: &ExportedImage,
        extension: &str,
        taken: &mut std::collections::BTreeSet<String>,
    ) -> Option<String> {
        let name = self.name(image);
        let stem = match name.rsplit_once('.') {
            Some((stem, last)) if !last.contains('/') && !stem.is_empty() => stem,
            _ => name,
        };
        let file = format!("{stem}.{extension}");
        let is_plain = !file.contains(['\\', '\0', ':'])
            && !file.contains("//")
            && Path::new(&file)
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
        if !is_plain {
            self.lose(1, "image", "whose name can't be a file's");
            return None;
        }
        if !taken.insert(file.to_lowercase()) {
            self.lose(
                1,
                "image",
                "whose name differs from another's in its extension or case only",
            );
            return None;
        }
        Some(file)
    }

    fn finish(self) -> Export {
        let mut export = self.export;
        for ((noun, why), n) in self.lost {
            export
                .notes
                .push(format!("{} {why}: left out", counted(n, noun)));
        }
        export
    }
}

/// Names of classes in alphabetical order.
fn class_names(images: &[ExportedImage]) -> Vec<&str> {
    let labels = images.iter().flat_map(ExportedImage::boxes);
    let names: std::collections::BTreeSet<&str> =
        labels.map(|(label, _)| label.label.as_str()).collect();
    names.into_iter().collect()
}
