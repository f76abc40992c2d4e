//! `gtcl export`: a manifest's labels in other formats.

use std::path::PathBuf;

use labeling::job::JobFolder;
use manifest::export::{Export, ExportFormat, Exporter, NotExported};
use manifest::{ConvertOptions, LINE_BYTES_MAX, LineSplitter, RawLine, counted};

use crate::error::CommandError;
use crate::output::stdout::print;
use crate::output::text::shown;
use crate::place::{Place, all_different, local_path};

/// Lines that are named one by one.
const SHOWN_MAX: usize = 20;

/// Arguments of `gtcl export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
MANIFEST is a labeling job's output manifest or a file of dataset entries; a path or an s3:// URI.
What the format can't hold is counted and told. Images are not copied.

Exit code: 0 everything was exported, or had nothing to export, 1 lines can't be exported, 2 the manifest can't be read,
nothing came of it, or the files can't be written.")]
pub struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Format {
    /// Boxes as a COCO file.
    Coco {
        #[command(flatten)]
        what: What,
        /// Where the file goes.
        #[arg(long, value_name = "FILE")]
        out: Place,
    },
    /// Boxes as YOLO labels: a folder with labels/ and data.yaml.
    Yolo {
        #[command(flatten)]
        what: What,
        /// Folder that the files go to; it is made, and must be empty.
        #[arg(long, value_name = "FOLDER", value_parser = local_path())]
        out: PathBuf,
    },
    /// Boxes as Pascal VOC annotations: a folder with an XML file an image.
    Voc {
        #[command(flatten)]
        what: What,
        /// Folder that the files go to; it is made, and must be empty.
        #[arg(long, value_name = "FOLDER", value_parser = local_path())]
        out: PathBuf,
    },
    /// Boxes or image-level labels as a table.
    Csv {
        #[command(flatten)]
        what: What,
        /// Where the file goes.
        #[arg(long, value_name = "FILE")]
        out: Place,
    },
}

#[derive(Debug, clap::Args)]
struct What {
    /// Manifest to export.
    manifest: Place,
    /// Label attribute; found from the line when not given.
    #[arg(long, value_name = "NAME")]
    label_attribute: Option<String>,
    /// Labeling job; the job's folder, where the output manifest lies in one, when not given.
    #[arg(long, value_name = "NAME")]
    job_name: Option<String>,
    /// Labels and boxes below this confidence are left out.
    #[arg(long, value_name = "0..1", value_parser = super::convert::fraction)]
    min_confidence: Option<f64>,
}

/// Exports, and answers 0 or 1, see `--help`.
///
/// # Errors
///
/// A place that can't be read or written, and a manifest of which nothing can be exported.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    match args.format {
        Format::Coco { what, out } => to_file(&what, &out, ExportFormat::Coco).await,
        Format::Csv { what, out } => to_file(&what, &out, ExportFormat::Csv).await,
        Format::Yolo { what, out } => to_folder(&what, out, ExportFormat::Yolo).await,
        Format::Voc { what, out } => to_folder(&what, out, ExportFormat::Voc).await,
    }
}

/// What came of a manifest, and which of its lines can't be exported.
struct Read {
    export: Export,
    left_out: Vec<(u64, NotExported)>,
}

impl Read {
    fn n_rejected(&self) -> usize {
        let rejected = self.left_out.iter().filter(|(_, one)| !one.code.is_skip());
        rejected.count()
    }
}

async fn read(what: &What, format: ExportFormat) -> Result<Read, CommandError> {
    let options = ConvertOptions {
        label_attribute: what.label_attribute.clone(),
        job_name: what.job_name.clone().or_else(|| {
            let folder = JobFolder::of_output_manifest(&what.manifest.key())?;
            Some(folder.name().to_owned())
        }),
        min_confidence: what.min_confidence,
        ..ConvertOptions::default()
    };
    let mut exporter = Exporter::new(options);
    let mut source = what.manifest.open().await?;
    let mut lines = LineSplitter::new(LINE_BYTES_MAX);
    let mut left_out = Vec::new();
    let mut is_start = true;
    loop {
        match source.next_block().await? {
            Some(block) => {
                if is_start {
                    what.manifest.refuse_other_than_manifest(block)?;
                }
                lines.feed(block);
            }
            None => lines.finish(),
        }
        is_start = false;
        let mut n_taken = 0;
        while let Some((number, line)) = lines.next_line() {
            n_taken += 1;
            let added = match line {
                RawLine::Line(line) if line.trim_ascii().is_empty() => continue,
                RawLine::Line(line) => exporter.add(line),
                RawLine::TooLong { n_bytes } => Err(NotExported {
                    code: manifest::Code::LineTooLong,
                    reason: format!("line has {n_bytes} bytes"),
                }),
            };
            if let Err(one) = added {
                left_out.push((number, one));
            }
        }
        if n_taken == 0 && lines.is_finished() {
            break;
        }
    }
    let export = exporter.finish(format);
    if export.n_images > 0 {
        return Ok(Read { export, left_out });
    }
    tell(&Read { export, left_out }, "nothing");
    Err(CommandError::new(format!(
        "nothing of {} can be exported to this format",
        what.manifest
    ))
    .with_help("what was left out is told above; image-level labels go out with gtcl export csv"))
}

async fn to_file(what: &What, out: &Place, format: ExportFormat) -> Result<u8, CommandError> {
    all_different(&[("the manifest", &what.manifest), ("--out", out)])?;
    let read = read(what, format).await?;
    let mut sink = out.create().await?;
    for (_, content) in &read.export.files {
        sink.line(content.strip_suffix('\n').unwrap_or(content))
            .await?;
    }
    sink.finish().await?;
    Ok(tell(&read, &out.to_string()))
}

async fn to_folder(what: &What, out: PathBuf, format: ExportFormat) -> Result<u8, CommandError> {
    let failed = |path: &std::path::Path, error: std::io::Error| {
        CommandError::new(format!("{} could not be written: {error}", path.display()))
            .with_help("name a folder that can be made and written")
    };
    if std::fs::read_dir(&out).is_ok_and(|mut files| files.next().is_some()) {
        return Err(
            CommandError::new(format!("{} is not empty", out.display())).with_help(
                "name a new folder: files of an earlier export would stay among the new ones",
            ),
        );
    }
    let read = read(what, format).await?;
    for (name, content) in &read.export.files {
        let path = out.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        }
        std::fs::write(&path, content).map_err(|error| failed(&path, error))?;
    }
    Ok(tell(&read, &out.display().to_string()))
}

/// Tells what was exported and what wasn't; answers 0 or 1.
fn tell(read: &Read, out: &str) -> u8 {
    let Read { export, left_out } = read;
    let n_rejected = read.n_rejected();
    print(format_args!(
        "{} with {} in {out}, {n_rejected} rejected, {} skipped",
        counted(export.n_images, "image"),
        counted(export.n_labels, "label"),
        left_out.len() - n_rejected
    ));
    if !export.images_below.is_empty() && export.n_images > 0 {
        print(format_args!(
            "  image names stand below {} (gtcl import … --images {})",
            shown(&export.images_below),
            shown(export.images_below.trim_end_matches('/'))
        ));
    }
    for note in &export.notes {
        print(format_args!("  {}", shown(note)));
    }
    for (number, one) in left_out.iter().take(SHOWN_MAX) {
        print(format_args!(
            "  line {number}: {} {}",
            one.code,
            shown(&one.reason)
        ));
    }
    if left_out.len() > SHOWN_MAX {
        print(format_args!(
            "  {} more lines left out",
            left_out.len() - SHOWN_MAX
        ));
    }
    u8::from(n_rejected > 0)
}
