//! `gtcl check`: what Custom Labels would say of a manifest, before it is sent.

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;

use manifest::dataset::{
    DatasetCheck, DatasetKind, DatasetSummary, Expectations, LineVerdict, images_max,
};
use manifest::rules::{declared_image_size, image_fault};
use manifest::{Code, LINE_BYTES_MAX, LineSplitter, RawLine, SourceIndex};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::cli::CommandError;
use crate::image_facts::{Images, LookError};
use crate::output::text::shown;
use crate::place::Place;

/// Images that are looked at at the same time.
const N_LOOKS_MAX: usize = 16;

/// Arguments of `gtcl check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code: 0 nothing found, 1 findings, 2 the manifest can't be read or training would not start."
)]
pub struct Args {
    /// Manifest of dataset entries: a path or an s3:// URI.
    manifest: Place,
    /// Look at each image's size and first bytes, too.
    #[arg(long)]
    images: bool,
    /// Folder that holds the images as BUCKET/KEY, instead of S3.
    #[arg(long, value_name = "FOLDER", requires = "images")]
    images_from: Option<PathBuf>,
    /// Test manifest that goes with this training manifest: a path or an s3:// URI.
    #[arg(long, value_name = "MANIFEST")]
    test: Option<Place>,
    /// Region of the dataset; some allow fewer images.
    #[arg(long, default_value = "")]
    region: String,
    /// How to print: text, or JSON Lines with the summary last.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Findings printed one by one as text.
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_findings: u64,
}

/// How to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// One finding as a JSON Line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    manifest: &'a str,
    line_number: u64,
    code: Code,
    place: &'a str,
    message: &'a str,
}

/// The last JSON Line of a manifest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Last<'a> {
    manifest: &'a str,
    summary: &'a DatasetSummary,
    would_training_start: bool,
}

/// Prints what was found and answers 0, 1 or 2, see `--help`.
///
/// # Errors
///
/// A manifest that can't be read, and S3 when images are to be looked at there.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    check(&args).await
}

async fn check(args: &Args) -> Result<u8, CommandError> {
    let (train, index) = check_one(args, &args.manifest, DatasetKind::Train, None).await?;
    let mut n_findings = train
        .codes
        .values()
        .map(|tally| tally.n_findings)
        .sum::<u64>();
    let mut is_unusable = !train.would_training_start();
    if let Some(place) = &args.test {
        let (test, _) = check_one(args, place, DatasetKind::Test, Some(index)).await?;
        n_findings += test
            .codes
            .values()
            .map(|tally| tally.n_findings)
            .sum::<u64>();
        is_unusable |= !test.would_training_start();
        if let Some(fault) = train.fault_with_test(&test) {
            is_unusable = true;
            match args.format {
                Format::Text => print_line(format_args!(
                    "{}: {}; {}",
                    fault.code, fault.reason, fault.remedy
                ))?,
                Format::Json => print_line(to_json(&fault)?)?,
            }
        }
    }
    Ok(if is_unusable {
        2
    } else {
        u8::from(n_findings > 0)
    })
}

/// Prints a line; a reader that has gone away (`gtcl check … | head`) ends the command, without a panic.
fn print_line(line: impl fmt::Display) -> Result<(), CommandError> {
    writeln!(io::stdout(), "{line}")
        .map_err(|error| CommandError::new(format!("findings could not be printed: {error}")))
}

fn to_json(value: &impl Serialize) -> Result<String, CommandError> {
    serde_json::to_string(value).map_err(|error| {
        CommandError::new(format!("finding could not be written as JSON: {error}"))
    })
}

async fn check_one(
    args: &Args,
    place: &Place,
    kind: DatasetKind,
    train: Option<SourceIndex>,
) -> Result<(DatasetSummary, SourceIndex), CommandError> {
    let images = match (&args.images_from, args.images) {
        (Some(folder), _) => Some(Images::Folder(folder.clone())),
        (None, true) => Some(Images::S3(aws::Clients::s3_from_profile().await)),
        (None, false) => None,
    };
    let expectations = Expectations {
        kind,
        images_max: images_max(&args.region, kind),
        train,
    };
    let mut one = OneManifest {
        name: place.to_string(),
        format: args.format,
        n_left: args.max_findings,
        check: DatasetCheck::new(expectations),
        images,
        looks: JoinSet::new(),
    };
    let mut source = place.open().await?;
    let mut lines = LineSplitter::new(LINE_BYTES_MAX);
    loop {
        match source.next_block().await? {
            Some(block) => lines.feed(block),
            None => lines.finish(),
        }
        let mut n_taken = 0;
        while let Some((line_number, line)) = lines.next_line() {
            one.line(line_number, line).await?;
            n_taken += 1;
        }
        if n_taken == 0 && lines.is_finished() {
            break;
        }
    }
    one.finish().await
}

/// A look at one image: line number, reason against it if there is one; no answer when no image can be looked at.
type Look = (u64, Result<Option<String>, String>);

struct OneManifest {
    name: String,
    format: Format,
    n_left: u64,
    check: DatasetCheck,
    images: Option<Images>,
    looks: JoinSet<Look>,
}

impl OneManifest {
    async fn line(&mut self, line_number: u64, line: RawLine<'_>) -> Result<(), CommandError> {
        let kept = match self.check.feed(line_number, line) {
            LineVerdict::Dropped { code, reason } => {
                return self.say(line_number, code, "", &reason);
            }
            LineVerdict::Kept(kept) => kept,
        };
        for finding in &kept.findings {
            let place = match &finding.place {
                manifest::Place::Line => String::new(),
                manifest::Place::Attribute(name) => name.clone(),
                manifest::Place::Metadata(name) => format!("{name}-metadata"),
                manifest::Place::Annotation {
                    attribute,
                    annotation_idx,
                } => format!("{attribute}/annotations/{annotation_idx}"),
            };
            self.say(line_number, finding.code, &place, &finding.message)?;
        }
        let (Some(images), RawLine::Line(bytes), true) = (&self.images, line, kept.is_usable())
        else {
            return Ok(());
        };
        let (images, declared) = (images.clone(), declared_image_size(bytes));
        self.looks.spawn(async move {
            let fault = match images.look(&kept.source_ref).await {
                Ok(facts) => Ok(image_fault(&facts, declared)),
                Err(LookError::Image(reason)) => {
                    Ok(Some(format!("image could not be read: {reason}")))
                }
                Err(LookError::S3(reason)) => Err(reason),
            };
            (line_number, fault)
        });
        while self.looks.len() >= N_LOOKS_MAX {
            self.take_look().await?;
        }
        Ok(())
    }

    async fn take_look(&mut self) -> Result<bool, CommandError> {
        match self.looks.join_next().await {
            Some(Ok((line_number, Ok(Some(reason))))) => {
                self.check.note_invalid_image(line_number, &reason);
                self.say(line_number, Code::InvalidImage, "", &reason)?;
                Ok(true)
            }
            Some(Ok((_, Ok(None)))) => Ok(true),
            Some(Ok((line_number, Err(reason)))) => Err(CommandError::new(format!(
                "images can't be looked at, that of line {line_number} to begin with: {reason}"
            ))
            .with_help("look at the network, AWS_REGION and the credentials in use, or give the images with --images-from")),
            Some(Err(error)) => Err(CommandError::new(format!(
                "look at an image broke off: {error}"
            ))),
            None => Ok(false),
        }
    }

    /// Prints a finding; `place` is the part of the line that it is about, empty for the line or its image.
    fn say(
        &mut self,
        line_number: u64,
        code: Code,
        place: &str,
        message: &str,
    ) -> Result<(), CommandError> {
        if self.format == Format::Json {
            return print_line(to_json(&Found {
                manifest: &self.name,
                line_number,
                code,
                place,
                message,
            })?);
        }
        if self.n_left == 0 {
            return Ok(());
        }
        self.n_left -= 1;
        let at = if place.is_empty() { "" } else { " at " };
        let fate = if code.is_dropped() {
            "; Custom Labels would drop the line without a trace"
        } else {
            ""
        };
        print_line(format_args!(
            "line {line_number}: {code}{at}{}: {}{fate}",
            shown(place),
            shown(message)
        ))?;
        if self.n_left == 0 {
            print_line("further findings are only counted (--max-findings)")?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(DatasetSummary, SourceIndex), CommandError> {
        while self.take_look().await? {}
        let (summary, index) = self.check.finish();
        if self.format == Format::Json {
            print_line(to_json(&Last {
                manifest: &self.name,
                summary: &summary,
                would_training_start: summary.would_training_start(),
            })?)?;
        } else {
            print_line(Summary(&self.name, &summary))?;
        }
        Ok((summary, index))
    }
}

/// A manifest's name and what came of it, as text.
struct Summary<'a>(&'a str, &'a DatasetSummary);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, summary) = self;
        let DatasetSummary {
            n_lines,
            n_usable,
            n_dropped,
            n_with_errors,
            n_ignored,
            ..
        } = summary;
        writeln!(
            f,
            "\n{name}: {n_lines} lines: {n_usable} usable, {n_dropped} would be dropped, {n_with_errors} with errors, {n_ignored} unlabeled"
        )?;
        for (code, tally) in &summary.codes {
            let lines: Vec<_> = tally.line_numbers.iter().map(u64::to_string).collect();
            writeln!(
                f,
                "  {:>8} {code}  line {}\n           {}; {}",
                tally.n_findings,
                lines.join(", "),
                shown(&tally.first_reason),
                tally.remedy
            )?;
        }
        writeln!(
            f,
            "  {} labels in {} buckets",
            summary.labels.len(),
            summary.buckets.len()
        )?;
        for (label, stats) in summary.labels.iter().take(50) {
            writeln!(
                f,
                "  {:>8} images {:>8} boxes  {}",
                stats.n_images,
                stats.n_boxes,
                shown(label)
            )?;
        }
        if summary.would_training_start() {
            f.write_str("training would start")?;
        } else {
            f.write_str("training would not start:")?;
        }
        for fault in &summary.faults {
            write!(f, "\n  {}: {}; {}", fault.code, fault.reason, fault.remedy)?;
        }
        Ok(())
    }
}
