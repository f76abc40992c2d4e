//! `gtcl import`: labels from CSV or COCO files become dataset entries.

use std::collections::{BTreeMap, BTreeSet};

use manifest::import::{FileError, Import, LeftOut, coco, csv};
use manifest::{Code, Judgement, SourceRef, WhenEmpty, counted, judge};

use crate::error::CommandError;
use crate::output::stdout::print;
use crate::output::text::shown;
use crate::place::{Place, Sink, all_different};

/// Largest file that is imported, bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// What is printed of each kind of things that were left out, and of labels.
const SHOWN_MAX: usize = 20;

/// Arguments of `gtcl import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Format {
    /// Image-level labels: image, label, label, … a row; a header is recognised.
    #[command(after_help = CSV_HELP)]
    Csv {
        #[command(flatten)]
        places: Places,
        /// What stands between cells: a character, or tab. Taken from a first line sep=X, else a comma.
        #[arg(long, value_name = "CHARACTER", value_parser = separator)]
        separator: Option<char>,
    },
    /// Bounding boxes: a COCO annotation file.
    #[command(after_help = COCO_HELP)]
    Coco {
        #[command(flatten)]
        places: Places,
        /// Label attribute of the entries.
        #[arg(long, value_name = "NAME", default_value = "bounding-box", value_parser = label_attribute)]
        label_attribute: String,
    },
}

const CSV_HELP: &str = "Every path may be an s3:// URI. Rows that can't be entries are named and left out. When images stand in several rows, \
nothing is imported: FILE with .duplicates and .deduplicated before its extension is written. \
Exit code: 0 every row was imported or skipped, 1 rows were rejected, 2 the file can't be read or imported, no entry came of it, or the entries can't be written.";
const COCO_HELP: &str = "Every path may be an s3:// URI. Images, annotations and categories that can't be used are named and left out. \
Exit code: 0 everything was imported or skipped, 1 something was rejected, 2 the file can't be read or imported, no entry came of it, or the entries can't be written.";

#[derive(Debug, clap::Args)]
struct Places {
    /// File to import.
    file: Place,
    /// Where the dataset entries go.
    #[arg(long, value_name = "ENTRIES")]
    out: Place,
    /// What stands before image names: s3://BUCKET/FOLDER.
    #[arg(long, value_name = "S3_URI", value_parser = folder_uri)]
    images: Option<String>,
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
}

fn separator(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (text, chars.next(), chars.next()) {
        ("tab" | "TAB" | "\\t", _, _) => Ok('\t'),
        (_, Some(char), None) if char != '"' && char != '\n' && char != '\r' => Ok(char),
        _ => Err("give one character, or tab".to_owned()),
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
/// When a place can't be read or written, when the file isn't of the format, when no entry comes of it, and when a CSV
/// file has an image twice: then the duplicates and the other rows are beside the file.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    match args.format {
        Format::Csv { places, separator } => import_csv(&places, separator).await,
        Format::Coco {
            places,
            label_attribute,
        } => import_coco(&places, label_attribute).await,
    }
}

async fn read(places: &Places) -> Result<Vec<u8>, CommandError> {
    let mut used = vec![("the file", &places.file), ("--out", &places.out)];
    used.extend(places.rejected.as_ref().map(|place| ("--rejected", place)));
    all_different(&used)?;
    let file = places.file.read_all(FILE_BYTES_MAX).await?;
    if file.trim_ascii().is_empty() {
        return Err(CommandError::new(format!("{} is empty", places.file))
            .with_help("look whether its download or export was completed"));
    }
    Ok(file)
}

fn unusable(places: &Places, error: &FileError) -> CommandError {
    CommandError::new(format!("{}: {error}", places.file)).with_help(&error.remedy)
}

fn now() -> String {
    let now = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now());
    now.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

async fn import_csv(places: &Places, separator: Option<char>) -> Result<u8, CommandError> {
    let file = read(places).await?;
    let options = csv::CsvOptions {
        folder: places.images.clone(),
        creation_date: now(),
        separator,
        unlabeled: places.when_empty(),
    };
    match csv::import(&file, &options).map_err(|error| unusable(places, &error))? {
        csv::CsvImport::Imported(import) => write(places, &import).await,
        csv::CsvImport::Repeated(repeated) => Err(write_repeated(places, &repeated).await?),
    }
}

/// Writes the duplicates and the other rows, and answers what to say of it.
async fn write_repeated(
    places: &Places,
    repeated: &csv::Repeated,
) -> Result<CommandError, CommandError> {
    let (duplicates, deduplicated) = (
        places.file.with_word("duplicates"),
        places.file.with_word("deduplicated"),
    );
    write_lines(&duplicates, &repeated.duplicates).await?;
    write_lines(&deduplicated, &repeated.deduplicated).await?;
    let rows = repeated.rows.iter();
    let mut rows: Vec<String> = rows
        .take(SHOWN_MAX)
        .map(|(row, first)| format!("row {row} that of row {first}"))
        .collect();
    if repeated.rows.len() > SHOWN_MAX {
        rows.push("…".to_owned());
    }
    Ok(CommandError::new(format!(
        "{} of {} with an image that an earlier row has: {}",
        counted(repeated.rows.len() as u64, "row"),
        places.file,
        rows.join(", ")
    ))
    .with_help(format!("look at {duplicates}, then import {deduplicated}")))
}

async fn write_lines(place: &Place, lines: &[String]) -> Result<(), CommandError> {
    let mut sink = place.create().await?;
    for line in lines {
        sink.line(line).await?;
    }
    sink.finish().await
}

async fn import_coco(places: &Places, label_attribute: String) -> Result<u8, CommandError> {
    let file = read(places).await?;
    let options = coco::CocoOptions {
        folder: places.images.clone(),
        label_attribute,
        creation_date: now(),
        without_boxes: places.when_empty(),
    };
    let import = coco::import(&file, &options).map_err(|error| unusable(places, &error))?;
    write(places, &import).await
}

async fn write(places: &Places, import: &Import) -> Result<u8, CommandError> {
    if let Some(place) = &places.rejected {
        write_rejected(place.create().await?, import).await?;
    }
    if !import.entries.is_empty() {
        let mut sink = places.out.create().await?;
        for entry in &import.entries {
            sink.line(&entry.json).await?;
        }
        sink.finish().await?;
    }
    print_counts(places, import);
    let (n_rejected, _) = import.n_rejected_and_skipped();
    if !import.entries.is_empty() {
        return Ok(u8::from(n_rejected > 0));
    }
    let is_unlabeled = |one: &LeftOut| is_unlabeled(one.code);
    Err(CommandError::new(format!(
        "no entry came of {}; {} was not written",
        places.file, places.out
    ))
    .with_help(if n_rejected > 0 {
        "what was rejected, and what to do about it, is told above"
    } else if import.left_out.iter().any(is_unlabeled) {
        "--send-unlabeled takes images without a label or box, too"
    } else {
        "look whether its export was completed: it has no images"
    }))
}

/// Whether `--send-unlabeled` makes a difference.
fn is_unlabeled(code: Code) -> bool {
    matches!(code, Code::Unlabeled | Code::NoBoxes)
}

async fn write_rejected(mut sink: Sink, import: &Import) -> Result<(), CommandError> {
    let rejected = import.left_out.iter().filter(|one| !one.code.is_skip());
    for one in rejected {
        let json = serde_json::to_string(one).map_err(|error| {
            CommandError::new(format!("what was rejected could not be written: {error}"))
        })?;
        sink.line(&json).await?;
    }
    sink.finish().await
}

fn print_counts(places: &Places, import: &Import) {
    let (n_rejected, n_skipped) = import.n_rejected_and_skipped();
    print(format!(
        "{} in {}, {n_rejected} rejected, {n_skipped} skipped",
        counted(import.entries.len() as u64, "entry"),
        places.out
    ));
    for note in &import.notes {
        print(format!("  {}", shown(note)));
    }
    let uris = import.entries.iter().map(|entry| entry.source_ref.as_str());
    let buckets: BTreeSet<&str> = uris
        .filter_map(|uri| Some(SourceRef::parse(uri).ok()?.bucket))
        .collect();
    if buckets.len() > 1 {
        print(format!(
            "  images are in {} buckets, training takes them from one only: {}",
            buckets.len(),
            first_of(&Vec::from_iter(buckets))
        ));
    }
    let mut by_code: BTreeMap<Code, Vec<&LeftOut>> = BTreeMap::new();
    for one in &import.left_out {
        by_code.entry(one.code).or_default().push(one);
    }
    for (code, left_out) in &by_code {
        print(format!(
            "  {:>8} {code}: {} {}{}",
            left_out.len(),
            code.message(),
            code.remedy(),
            if is_unlabeled(*code) {
                " (--send-unlabeled)"
            } else {
                ""
            }
        ));
        if code.is_skip() {
            let places: Vec<&str> = left_out.iter().map(|one| one.place.as_str()).collect();
            print(format!("           {}", first_of(&places)));
        }
    }
    let rejected = import.left_out.iter().filter(|one| !one.code.is_skip());
    for one in rejected.take(SHOWN_MAX) {
        print(format!(
            "  {}: {} {}; {}",
            shown(&one.place),
            one.code,
            shown(&one.reason),
            shown(&one.remedy)
        ));
    }
    if n_rejected > SHOWN_MAX as u64 {
        print(format!(
            "  {} more rejected: --rejected FILE has them all",
            n_rejected - SHOWN_MAX as u64
        ));
    }
    if !import.entries.is_empty() {
        print_labels(import);
    }
}

/// The labels and how many images have each: a misspelt one, or a column that is none, shows.
fn print_labels(import: &Import) {
    let mut n_images: BTreeMap<String, u64> = BTreeMap::new();
    for entry in &import.entries {
        if let Judgement::Kept(kept) = judge(entry.json.as_bytes()) {
            for label in kept.labels {
                *n_images.entry(label.name).or_default() += 1;
            }
        }
    }
    print(format!("  {}", counted(n_images.len() as u64, "label")));
    for (label, n_images) in n_images.iter().take(SHOWN_MAX) {
        print(format!(
            "  {:>8} {}  {}",
            n_images,
            if *n_images == 1 { "image " } else { "images" },
            shown(label)
        ));
    }
    if n_images.len() > SHOWN_MAX {
        print(format!("  and {} more", n_images.len() - SHOWN_MAX));
    }
}

/// The first places and how many more there are.
fn first_of(places: &[&str]) -> String {
    let first: Vec<&str> = places.iter().take(5).copied().collect();
    match places.len() - first.len() {
        0 => first.join("; "),
        n_more => format!("{}; and {n_more} more", first.join("; ")),
    }
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
