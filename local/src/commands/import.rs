//! `gtcl import`: labels from CSV or COCO files become dataset entries.

use std::collections::BTreeMap;

use manifest::import::{coco, csv};
use manifest::{Code, ConvertOptions, Converted, Entry, Rejected, SourceRef};

use crate::cli::CommandError;
use crate::place::{Place, all_different};

/// Largest file that is imported, bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Arguments of `gtcl import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every path may be an s3:// URI. Exit code: 0 everything was imported, 1 something was rejected, 2 the file can't be read or imported, or the entries can't be written."
)]
pub struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Format {
    /// Image-level labels: image, label, label, … without a header.
    Csv(Places),
    /// Bounding boxes: a COCO annotation file.
    Coco {
        #[command(flatten)]
        places: Places,
        /// Label attribute of the entries.
        #[arg(long, value_name = "NAME", default_value = "bounding-box")]
        label_attribute: String,
    },
}

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
/// When a place can't be read or written, when the file isn't of the format, and when a CSV file has an
/// image twice: then the duplicates and the other rows are beside the file.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    match args.format {
        Format::Csv(places) => import_csv(&places).await,
        Format::Coco {
            places,
            label_attribute,
        } => import_coco(&places, label_attribute).await,
    }
}

async fn read(places: &Places) -> Result<Vec<u8>, CommandError> {
    all_different(&[("the file", &places.file), ("--out", &places.out)])?;
    let file = places.file.read_all(FILE_BYTES_MAX).await?;
    if file.trim_ascii().is_empty() {
        return Err(CommandError::new(format!("{} is empty", places.file))
            .with_help("look whether its download or export was completed"));
    }
    Ok(file)
}

fn now() -> String {
    let now = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now());
    now.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

async fn import_csv(places: &Places) -> Result<u8, CommandError> {
    let file = read(places).await?;
    let import =
        csv::import(file.as_slice(), places.images.as_deref(), &now()).map_err(|error| {
            CommandError::new(format!("{}: {error}", places.file))
                .with_help("give it a CSV file in UTF-8: image, label, label, … without a header")
        })?;
    if !import.duplicates.is_empty() {
        let (duplicates, deduplicated) = (
            places.file.with_word("duplicates"),
            places.file.with_word("deduplicated"),
        );
        write_csv(&duplicates, &import.duplicates).await?;
        write_csv(&deduplicated, &import.deduplicated).await?;
        return Err(CommandError::new(format!(
            "{} rows of {} have an image that an earlier row has",
            import.duplicates.len(),
            places.file
        ))
        .with_help(format!("look at {duplicates}, then import {deduplicated}")));
    }
    write(
        &places.out,
        &import.entries,
        &import.rejected,
        &BTreeMap::new(),
    )
    .await
}

async fn write_csv(place: &Place, rows: &[Vec<String>]) -> Result<(), CommandError> {
    let quoted = |cell: &String| {
        if cell.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    let mut sink = place.create().await?;
    for row in rows {
        sink.line(&row.iter().map(quoted).collect::<Vec<_>>().join(","))
            .await?;
    }
    sink.finish().await
}

async fn import_coco(places: &Places, label_attribute: String) -> Result<u8, CommandError> {
    let file = read(places).await?;
    let options = coco::CocoOptions {
        prefix: places.images.clone(),
        label_attribute,
        creation_date: now(),
    };
    let converted = coco::import(&file, &options, ConvertOptions::default()).map_err(|error| {
        CommandError::new(format!("{}: {error}", places.file)).with_help(
            "give it a COCO object detection file: JSON with images, annotations and categories",
        )
    })?;
    let (mut entries, mut rejected) = (Vec::new(), Vec::new());
    let mut skipped = BTreeMap::new();
    for image in converted {
        match image {
            Converted::Entry(entry) => entries.push(entry),
            Converted::Rejected(one) => rejected.push(one),
            Converted::Skipped(one) => *skipped.entry(one.code).or_insert(0_u64) += 1,
            Converted::Review(_) => {}
        }
    }
    write(&places.out, &entries, &rejected, &skipped).await
}

#[expect(clippy::print_stdout, reason = "the counts are the command's output")]
async fn write(
    out: &Place,
    entries: &[Entry],
    rejected: &[Rejected],
    skipped: &BTreeMap<Code, u64>,
) -> Result<u8, CommandError> {
    let mut sink = out.create().await?;
    for entry in entries {
        sink.line(&entry.json).await?;
    }
    sink.finish().await?;
    println!(
        "{} entries in {out}, {} rejected, {} skipped",
        entries.len(),
        rejected.len(),
        skipped.values().sum::<u64>()
    );
    for (code, n) in skipped {
        println!("  {n:>8} {code}: {} {}", code.message(), code.remedy());
    }
    for one in rejected.iter().take(20) {
        println!(
            "  {}: {} {}; {}",
            one.line_number,
            one.code,
            one.reason.escape_debug(),
            one.remedy
        );
    }
    Ok(u8::from(!rejected.is_empty()))
}
