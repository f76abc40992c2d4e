//! `gtcl import`: labels from files of other formats become dataset entries.

mod answers;
mod folder;
mod found;
mod report;
mod sizes;

use std::path::PathBuf;

use manifest::import::{
    BoxForm, EntryOptions, FileError, NameOptions, NameRule, Parsed, coco, csv, label_studio, voc,
};
use manifest::{SourceRef, WhenEmpty};

use crate::error::CommandError;
use crate::place::{Place, all_different, local_path};

/// Largest file that is imported, bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Arguments of `gtcl import`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = FOUND_HELP)]
pub struct Args {
    #[command(subcommand)]
    format: Option<Format>,
    #[command(flatten)]
    places: Option<Places>,
}

#[derive(Debug, clap::Subcommand)]
enum Format {
    /// A table: labels one a column, one a row, several in a cell, or yes and no in a column each; or boxes.
    #[command(after_help = CSV_HELP)]
    Csv {
        #[command(flatten)]
        places: Places,
        #[command(flatten)]
        table: Table,
    },
    /// Bounding boxes: a COCO annotation file.
    #[command(after_help = HELP)]
    Coco {
        #[command(flatten)]
        places: Places,
        /// What bbox holds: corners are left, top, right, bottom, sizes are left, top, width, height.
        #[arg(long, value_enum, value_name = "FORM")]
        boxes: Option<Form>,
    },
    /// Bounding boxes: a folder of YOLO labels, with data.yaml or classes.txt.
    #[command(after_help = FOLDER_HELP)]
    Yolo {
        #[command(flatten)]
        places: Places,
    },
    /// Bounding boxes: a folder of Pascal VOC's XML files, or one of them.
    #[command(after_help = FOLDER_HELP)]
    Voc {
        #[command(flatten)]
        places: Places,
        /// From which number corners count. Pascal VOC counts from 1; where a corner is 0, 0 is taken.
        #[arg(long, value_name = "0|1", value_parser = clap::value_parser!(u8).range(0..=1))]
        corners_from: Option<u8>,
    },
    /// Image-level labels: the folder that an image is in is its label, on this machine or in S3.
    #[command(after_help = FOLDER_HELP)]
    Folders {
        #[command(flatten)]
        places: Places,
        /// Folders whose names look like numbers, flags or paths are labels all the same.
        #[arg(long)]
        odd_labels: bool,
    },
    /// Boxes or image-level labels: Label Studio's JSON export.
    #[command(after_help = HELP)]
    LabelStudio {
        #[command(flatten)]
        places: Places,
    },
    /// Workers' answers in an output manifest (annotationsFromAllWorkers), consolidated as the function does it.
    #[command(after_help = HELP)]
    Answers {
        #[command(flatten)]
        places: Places,
        /// Form element to look at, where a form has several.
        #[arg(long, value_name = "NAME")]
        answer_name: Option<String>,
    },
}

const FOUND_HELP: &str = "Without a format, the file or folder is looked at, and taken when it is sure what it is. Formats that aren't read here can be converted to COCO first, by panlabel for instance.";
const FOLDER_HELP: &str = "Image names are those below the folder: --images says where the same folder lies in S3, --names file drops folders. Sizes that labels need and don't say come from the images in the folder, else from --images-from. \
Exit code: 0 everything was imported or skipped, 1 something was rejected, 2 the folder can't be read or imported, no entry came of it, or the entries can't be written.";
const CSV_HELP: &str = "Every path may be an s3:// URI. A header says which column has what; columns that were taken and passed over are named. Without a header: image, label, label, … a row; \
or boxes as keras-retinanet, Make Sense and AutoML write them. Rows of one image are taken together. Sizes of images come from the file, else from --images-from, else from S3. \
What could mean several things is refused, with the option that says which. \
Exit code: 0 every row was imported or skipped, 1 rows were rejected, 2 the file can't be read or imported, no entry came of it, or the entries can't be written.";
const HELP: &str = "Every path may be an s3:// URI. What can't be used is named and left out by itself. \
Exit code: 0 everything was imported or skipped, 1 something was rejected, 2 the file can't be read or imported, no entry came of it, or the entries can't be written.";

/// How to read a table where it doesn't say so itself.
#[derive(Debug, clap::Args)]
struct Table {
    /// What stands between cells: a character, or tab. Taken from a first line sep=X, else found: comma, semicolon, tab.
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    separator: Option<char>,
    /// What separates several labels in one cell: a character, or space, or tab.
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    split_labels: Option<char>,
    /// Column of the images: its name in the header, or its number from 1.
    #[arg(long, value_name = "COLUMN")]
    image_column: Option<String>,
    /// Column of labels, as often as there are several: its name in the header, or its number from 1.
    #[arg(long, value_name = "COLUMN")]
    label_column: Vec<String>,
    /// The label of everything in a file without a column of labels.
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// What a box's four numbers are, where the columns' names say something else: corners are left, top, right, bottom,
    /// sizes left, top, width, height, centers the centre's x and y, width, height.
    #[arg(long, value_enum, value_name = "FORM")]
    boxes: Option<Form>,
    /// Labels that look like numbers, flags or paths are meant so.
    #[arg(long)]
    odd_labels: bool,
}

/// What the four numbers of a box are.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    Corners,
    Sizes,
    Centers,
}

impl From<Form> for BoxForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Corners => Self::Corners,
            Form::Sizes => Self::Sizes,
            Form::Centers => Self::Centers,
        }
    }
}

/// What of an image's name is taken.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Names {
    /// All of it.
    #[default]
    Whole,
    /// What stands behind the last / or \.
    File,
    /// As file, without the hash that Label Studio puts before it.
    Original,
}

#[derive(Debug, clap::Args)]
struct Places {
    /// File or folder to import.
    file: Place,
    /// Where the dataset entries go.
    #[arg(long, value_name = "ENTRIES")]
    out: Place,
    /// What stands before image names: s3://BUCKET/FOLDER.
    #[arg(long, value_name = "S3_URI", value_parser = folder_uri)]
    images: Option<String>,
    /// Folder that holds the images, for sizes that the file doesn't say: as BUCKET/KEY, or as the file names them.
    #[arg(long, value_name = "FOLDER", value_parser = local_path())]
    images_from: Option<PathBuf>,
    /// What of image names is taken: file is what stands behind the last / or \, original also without Label Studio's hash.
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHAT",
        hide_possible_values = true
    )]
    names: Names,
    /// What is taken away where an image name starts with it.
    #[arg(long, value_name = "TEXT")]
    strip_prefix: Option<String>,
    /// What is put behind image names without an extension, such as .jpg.
    #[arg(long, value_name = "TEXT")]
    image_suffix: Option<String>,
    /// Refuse a file in which an image stands several times, instead of taking all its labels together.
    #[arg(long)]
    refuse_repeated: bool,
    /// Label attribute of boxes.
    #[arg(long, value_name = "NAME", default_value = "bounding-box", value_parser = label_attribute)]
    label_attribute: String,
    /// Where what was rejected goes, as JSON Lines: place, code, reason, remedy.
    #[arg(long, value_name = "FILE")]
    rejected: Option<Place>,
    /// Send images without a label or box, too; training doesn't use them.
    #[arg(long)]
    send_unlabeled: bool,
}

impl Places {
    fn when_empty(&self) -> WhenEmpty {
        if self.send_unlabeled {
            WhenEmpty::Send
        } else {
            WhenEmpty::Skip
        }
    }

    fn name_options(&self) -> NameOptions {
        NameOptions {
            folder: self.images.clone(),
            rule: match self.names {
                Names::Whole => NameRule::Whole,
                Names::File => NameRule::File,
                Names::Original => NameRule::Original,
            },
            strip_prefix: self.strip_prefix.clone(),
            suffix: self.image_suffix.clone(),
            refuse_repeated: self.refuse_repeated,
        }
    }

    fn entry_options(&self) -> EntryOptions {
        let now = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now());
        EntryOptions {
            label_attribute: self.label_attribute.clone(),
            creation_date: now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            when_empty: self.when_empty(),
        }
    }

    fn refuse_same(&self) -> Result<(), CommandError> {
        let mut used = vec![("the file", &self.file), ("--out", &self.out)];
        used.extend(self.rejected.as_ref().map(|place| ("--rejected", place)));
        all_different(&used)
    }
}

impl Table {
    fn options(self) -> csv::CsvOptions {
        csv::CsvOptions {
            separator: self.separator,
            split_labels: self.split_labels,
            image_column: self.image_column,
            label_columns: self.label_column,
            label: self.label,
            boxes: self.boxes.map(Into::into),
            takes_odd_labels: self.odd_labels,
        }
    }
}

fn separator(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (text, chars.next(), chars.next()) {
        ("tab" | "TAB" | "\\t", _, _) => Ok('\t'),
        ("space", _, _) => Ok(' '),
        (_, Some(char), None) if char != '"' && char != '\n' && char != '\r' => Ok(char),
        _ => Err("give one character, or tab, or space".to_owned()),
    }
}

/// As CreateLabelingJob has it: then a labeling job can go on with the labels.
fn label_attribute(text: &str) -> Result<String, String> {
    let is_plain = |part: &str| {
        let mut chars = part.chars();
        chars.all(|char| char.is_ascii_alphanumeric() || char == '-')
    };
    let has_ends = !text.is_empty() && !text.starts_with('-') && !text.ends_with('-');
    if !has_ends || !is_plain(text) || text.len() > 127 {
        return Err(
            "a label attribute has 1 to 127 letters, digits and single hyphens between them"
                .to_owned(),
        );
    }
    if text == "source-ref" || text.ends_with("-metadata") || text.ends_with("-ref") {
        return Err(
            "a label attribute is not source-ref and doesn't end in -metadata or -ref".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// A place for images: a bucket, and a folder in it if there is one.
fn folder_uri(text: &str) -> Result<String, String> {
    let folder = text.trim_end_matches('/');
    match SourceRef::parse(&format!("{folder}/image")) {
        Ok(_) => Ok(folder.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Imports a file and answers 0 or 1, see `--help`.
///
/// # Errors
///
/// When a place can't be read or written, when the file isn't of the format or could mean several things, when sizes of
/// images are needed and can't be looked up, and when no entry comes of it.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    match (args.format, args.places) {
        (Some(format), _) => run_format(format).await,
        (None, Some(places)) => found::run(places).await,
        (None, None) => Err(CommandError::new("nothing to import is named")
            .with_help("gtcl import FILE --out ENTRIES, or with a format: gtcl import --help")),
    }
}

async fn run_format(format: Format) -> Result<u8, CommandError> {
    match format {
        Format::Csv { places, table } => {
            let file = read(&places).await?;
            let parsed = csv::parse(&file, &table.options());
            take(&places, parsed).await
        }
        Format::Coco { places, boxes } => {
            let file = read(&places).await?;
            let options = coco::CocoOptions {
                boxes: boxes.map(Into::into),
            };
            take(&places, coco::parse(&file, &options)).await
        }
        Format::Yolo { places } => {
            places.refuse_same()?;
            let parsed = folder::yolo(&places.file)?;
            take_folder(places, parsed).await
        }
        Format::Voc {
            places,
            corners_from,
        } => {
            places.refuse_same()?;
            let origin = corners_from.map(|from| match from {
                0 => voc::Origin::Zero,
                _ => voc::Origin::One,
            });
            let parsed = folder::voc(&places.file, origin)?;
            take_folder(places, parsed).await
        }
        Format::Folders { places, odd_labels } => {
            places.refuse_same()?;
            let parsed = folder::folders(&places, odd_labels).await?;
            take(&places, parsed).await
        }
        Format::LabelStudio { places } => {
            let file = read(&places).await?;
            take(&places, label_studio::parse(&file)).await
        }
        Format::Answers {
            places,
            answer_name,
        } => {
            let file = read(&places).await?;
            let import = answers::consolidate(&file, &places, answer_name)?;
            report::write(&places, &import).await
        }
    }
}

/// As [`take`], with sizes from the images in the folder where no other is named.
async fn take_folder(
    mut places: Places,
    parsed: Result<Parsed, FileError>,
) -> Result<u8, CommandError> {
    if let (None, Place::Local(path)) = (&places.images_from, &places.file) {
        let folder = if path.is_dir() {
            Some(path.as_path())
        } else {
            path.parent()
        };
        places.images_from = folder
            .filter(|folder| !folder.as_os_str().is_empty())
            .or(Some(std::path::Path::new(".")))
            .map(std::path::Path::to_owned);
    }
    take(&places, parsed).await
}

async fn read(places: &Places) -> Result<Vec<u8>, CommandError> {
    places.refuse_same()?;
    let file = places.file.read_all(FILE_BYTES_MAX).await?;
    if file.trim_ascii().is_empty() {
        return Err(CommandError::new(format!("{} is empty", places.file))
            .with_help("look whether its download or export was completed"));
    }
    Ok(file)
}

/// Makes entries of what a file says, and writes them.
async fn take(places: &Places, parsed: Result<Parsed, FileError>) -> Result<u8, CommandError> {
    let unusable = |error: FileError| {
        CommandError::new(format!("{}: {error}", places.file)).with_help(&error.remedy)
    };
    let mut parsed = parsed.map_err(unusable)?;
    parsed.locate(&places.name_options()).map_err(unusable)?;
    sizes::look_up(&mut parsed, places).await?;
    let import = parsed.into_import(&places.entry_options());
    report::write(places, &import.map_err(unusable)?).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators() {
        for (text, expected) in [
            (";", Some(';')),
            ("tab", Some('\t')),
            ("\\t", Some('\t')),
            ("\t", Some('\t')),
            ("space", Some(' ')),
            ("", None),
            (",,", None),
            ("\"", None),
        ] {
            assert_eq!(separator(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn label_attributes() {
        for (text, is_good) in [
            ("b", true),
            ("bounding-box", true),
            (&"a".repeat(127), true),
            (&"a".repeat(128), false),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a b", false),
            ("source-ref", false),
            ("a-ref", false),
            ("a-metadata", false),
        ] {
            assert_eq!(label_attribute(text).is_ok(), is_good, "{text:?}");
        }
    }
}
