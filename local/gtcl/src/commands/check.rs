//! `gtcl check`: what Custom Labels would say of a manifest, before it is sent.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;

use manifest::dataset::{
    DatasetCheck, DatasetFault, DatasetKind, DatasetSummary, Expectations, LineVerdict, REGIONS,
    images_max,
};
use manifest::rules::{declared_image_size, image_fault};
use manifest::{Code, LINE_BYTES_MAX, LineSplitter, RawLine, SourceIndex, counted};
use serde::Serialize;
use tokio::task::JoinHandle;

use crate::arguments::Format;
use crate::error::CommandError;
use crate::image_facts::{Images, LookError};
use crate::output::remarks::Remarks;
use crate::output::stdout::print;
use crate::output::text::{first_of, line_numbers, shown};
use crate::place::{Place, local_path};

/// Images that are looked at at the same time.
const N_LOOKS_MAX: usize = 16;
/// Lines that wait for the look at an earlier line's image, to be told in order.
const N_WAITING_MAX: usize = 1024;

/// Arguments of `gtcl check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "NOTICED_… and some REJECTED_… are rules of gtcl's own: Custom Labels has no code for them, and they don't keep a training from starting. \
Exit code: 0 nothing found, 1 findings, 2 the manifest can't be read or is none, no image can be looked at, or training would not start."
)]
pub struct Args {
    /// Manifest of dataset entries: a path or an s3:// URI.
    manifest: Place,
    /// Look at each image's size and first bytes, too.
    #[arg(long)]
    images: bool,
    /// Folder that holds the images as BUCKET/KEY, instead of S3.
    #[arg(long, value_name = "FOLDER", requires = "images", value_parser = local_path())]
    images_from: Option<PathBuf>,
    /// Test manifest that goes with this training manifest: a path or an s3:// URI.
    #[arg(long, value_name = "MANIFEST")]
    test: Option<Place>,
    /// Region of the dataset; some allow fewer images. Without it, the limit of most.
    #[arg(long, value_parser = region)]
    region: Option<String>,
    /// How to print: text, or JSON Lines with the summary last.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Findings printed one by one as text.
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_findings: u64,
}

fn region(text: &str) -> Result<String, String> {
    if REGIONS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "Custom Labels is not there, but in {}; without --region the limit of most regions holds",
        REGIONS.join(", ")
    ))
}

/// Whose rule a code is of.
fn rule_of(code: Code) -> &'static str {
    if code.is_own_rule() {
        "gtcl"
    } else {
        "custom-labels"
    }
}

/// One finding as a JSON Line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    manifest: &'a str,
    line_number: u64,
    code: Code,
    rule: &'static str,
    place: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    remedy: &'a str,
}

/// The last JSON Line of a manifest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Last<'a> {
    manifest: &'a str,
    summary: &'a DatasetSummary,
    would_training_start: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    images_denied: Option<&'a Denied>,
}

/// What came of a training and a test manifest together; the last JSON Line when there are two.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Both {
    manifest: String,
    test: String,
    /// What stands against them beside what is wrong with each.
    faults: Vec<DatasetFault>,
    would_training_start: bool,
}

impl fmt::Display for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{} with {} as tests: ", self.manifest, self.test)?;
        if self.would_training_start {
            return f.write_str("training would start");
        }
        f.write_str("training would not start")?;
        if self.faults.is_empty() {
            return f.write_str(", see above");
        }
        f.write_str(":")?;
        write_faults(f, &self.faults)
    }
}

fn write_faults(f: &mut fmt::Formatter<'_>, faults: &[DatasetFault]) -> fmt::Result {
    for fault in faults {
        write!(f, "\n  {}: {}; {}", fault.code, fault.reason, fault.remedy)?;
    }
    Ok(())
}

/// Images that may not be read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Denied {
    n_images: u64,
    first_line_number: u64,
    reason: String,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} could not be looked at, line {}'s to begin with: {}",
            counted(self.n_images, "image"),
            self.first_line_number,
            shown(&self.reason)
        )
    }
}

/// Prints what was found and answers 0, 1 or 2, see `--help`.
///
/// # Errors
///
/// What can't be read or is no manifest, and the place of the images when no image can be looked at there: that is told
/// once, after everything else was.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    check(&args).await
}

/// Where images are looked at, and why no longer.
#[derive(Debug, Default)]
struct Looking {
    images: Option<Images>,
    has_looked: bool,
    out_of_reach: Option<CommandError>,
}

impl Looking {
    async fn start(args: &Args) -> Result<Self, CommandError> {
        let images = match (&args.images_from, args.images) {
            (Some(folder), _) => {
                if let Err(error) = std::fs::read_dir(folder) {
                    return Err(CommandError::new(format!(
                        "folder of the images {} could not be read: {error}",
                        folder.display()
                    ))
                    .with_help("give --images-from the folder that holds them as BUCKET/KEY"));
                }
                Some(Images::Folder(folder.clone()))
            }
            (None, true) => Some(Images::S3(aws::Clients::s3_from_profile().await)),
            (None, false) => None,
        };
        Ok(Self {
            images,
            ..Self::default()
        })
    }
}

async fn check(args: &Args) -> Result<u8, CommandError> {
    let mut looking = Looking::start(args).await?;
    let train = check_one(args, &args.manifest, DatasetKind::Train, None, &mut looking).await?;
    let mut has_findings = train.has_findings;
    let mut is_unusable = !train.summary.would_training_start();
    if let Some(place) = &args.test {
        let (index, train) = (train.index, train.summary);
        let test = check_one(args, place, DatasetKind::Test, Some(index), &mut looking).await?;
        has_findings |= test.has_findings;
        is_unusable |= !test.summary.would_training_start();
        let faults = train.faults_with_test(&test.summary);
        is_unusable |= !faults.is_empty();
        let both = Both {
            manifest: args.manifest.to_string(),
            test: place.to_string(),
            faults,
            would_training_start: !is_unusable,
        };
        print(match args.format {
            Format::Text => both.to_string(),
            Format::Json => to_json(&both)?,
        });
    }
    if let Some(error) = looking.out_of_reach {
        return Err(error);
    }
    Ok(if is_unusable {
        2
    } else {
        u8::from(has_findings)
    })
}

fn to_json(value: &impl Serialize) -> Result<String, CommandError> {
    serde_json::to_string(value).map_err(|error| {
        CommandError::new(format!("finding could not be written as JSON: {error}"))
    })
}

/// What came of a manifest.
struct Checked {
    summary: DatasetSummary,
    index: SourceIndex,
    has_findings: bool,
}

async fn check_one(
    args: &Args,
    place: &Place,
    kind: DatasetKind,
    train: Option<SourceIndex>,
    looking: &mut Looking,
) -> Result<Checked, CommandError> {
    let expectations = Expectations {
        kind,
        images_max: images_max(args.region.as_deref().unwrap_or_default(), kind),
        train,
    };
    let mut one = OneManifest {
        name: place.to_string(),
        format: args.format,
        n_left: args.max_findings,
        check: DatasetCheck::new(expectations),
        remarks: Remarks::default(),
        looking,
        waiting: VecDeque::new(),
        n_looks: 0,
        denied: None,
    };
    let mut source = place.open().await?;
    let mut lines = LineSplitter::new(LINE_BYTES_MAX);
    let mut is_start = true;
    loop {
        match source.next_block().await? {
            Some(block) => {
                if is_start {
                    place.refuse_other_than_manifest(block)?;
                }
                lines.feed(block);
            }
            None => lines.finish(),
        }
        is_start = false;
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

/// A finding on a line, before it is told.
struct Finding {
    code: Code,
    /// The part of the line that it is about; empty for the line or its image.
    place: String,
    message: String,
    /// What exactly is wrong; empty where the message says it.
    detail: String,
}

/// What is wrong with an image, if anything.
type Look = Result<Option<(Code, String)>, LookError>;

/// A line that is told once its image and all lines before it are.
struct Waiting {
    line_number: u64,
    findings: Vec<Finding>,
    look: Option<JoinHandle<Look>>,
}

struct OneManifest<'l> {
    name: String,
    format: Format,
    n_left: u64,
    check: DatasetCheck,
    remarks: Remarks,
    looking: &'l mut Looking,
    waiting: VecDeque<Waiting>,
    /// How many of those that wait are waiting for a look.
    n_looks: usize,
    denied: Option<Denied>,
}

impl OneManifest<'_> {
    async fn line(&mut self, line_number: u64, line: RawLine<'_>) -> Result<(), CommandError> {
        let mut waiting = Waiting {
            line_number,
            findings: Vec::new(),
            look: None,
        };
        match self.check.feed(line_number, line) {
            LineVerdict::Dropped { code, reason } => waiting.findings.push(Finding {
                code,
                place: String::new(),
                message: reason,
                detail: String::new(),
            }),
            LineVerdict::Kept(kept) => {
                let place = format_args!("line {line_number}");
                self.remarks.image(place, &kept.source_ref);
                waiting.findings = kept.findings.iter().map(Finding::of).collect();
                if let (Some(images), RawLine::Line(bytes), true) =
                    (&self.looking.images, line, kept.is_usable())
                {
                    let (images, declared) = (images.clone(), declared_image_size(bytes));
                    waiting.look = Some(tokio::spawn(async move {
                        let facts = images.look(&kept.source_ref).await?;
                        Ok(image_fault(&facts, declared))
                    }));
                    self.n_looks += 1;
                }
            }
        }
        if waiting.look.is_some() || !waiting.findings.is_empty() {
            self.waiting.push_back(waiting);
        }
        while self.is_next_due() {
            self.tell_next().await?;
        }
        Ok(())
    }

    /// Whether the next line that waits can be told, or has to be.
    fn is_next_due(&self) -> bool {
        let Some(next) = self.waiting.front() else {
            return false;
        };
        let is_known = next.look.as_ref().is_none_or(JoinHandle::is_finished);
        is_known || self.n_looks >= N_LOOKS_MAX || self.waiting.len() > N_WAITING_MAX
    }

    async fn tell_next(&mut self) -> Result<(), CommandError> {
        let Some(next) = self.waiting.pop_front() else {
            return Ok(());
        };
        let line_number = next.line_number;
        for finding in &next.findings {
            self.say(line_number, finding)?;
        }
        let Some(look) = next.look else {
            return Ok(());
        };
        self.n_looks -= 1;
        let looked = look
            .await
            .map_err(|error| CommandError::new(format!("look at an image broke off: {error}")))?;
        let (code, message) = match looked {
            Ok(None) => {
                self.looking.has_looked = true;
                return Ok(());
            }
            Ok(Some(fault)) => {
                self.looking.has_looked = true;
                fault
            }
            Err(LookError::Denied(reason)) => {
                let denied = self.denied.get_or_insert(Denied {
                    n_images: 0,
                    first_line_number: line_number,
                    reason,
                });
                denied.n_images += 1;
                return Ok(());
            }
            Err(LookError::All { reason, remedy }) if !self.is_one_of_many() => {
                self.looking.images = None;
                self.looking.out_of_reach.get_or_insert_with(|| {
                    CommandError::new(format!(
                        "images can't be looked at, that of line {line_number} of {} to begin with: {reason}",
                        self.name
                    ))
                    .with_help(remedy)
                });
                return Ok(());
            }
            Err(LookError::Image(reason) | LookError::All { reason, .. }) => (
                Code::InvalidImage,
                format!("image could not be read: {reason}"),
            ),
        };
        self.check.note_image(line_number, code, &message);
        let place = String::new();
        self.say(
            line_number,
            &Finding {
                code,
                place,
                message,
                detail: String::new(),
            },
        )
    }

    /// Whether another image was found in the folder of images: then what is wrong with one's place isn't with all.
    fn is_one_of_many(&self) -> bool {
        self.looking.has_looked && matches!(self.looking.images, Some(Images::Folder(_)))
    }

    fn say(&mut self, line_number: u64, finding: &Finding) -> Result<(), CommandError> {
        let Finding {
            code,
            place,
            message,
            detail,
        } = finding;
        if self.format == Format::Json {
            let found = to_json(&Found {
                manifest: &self.name,
                line_number,
                code: *code,
                rule: rule_of(*code),
                place,
                message,
                detail,
                remedy: code.remedy(),
            })?;
            print(found);
            return Ok(());
        }
        if self.n_left == 0 {
            return Ok(());
        }
        self.n_left -= 1;
        let at = if place.is_empty() { "" } else { " at " };
        let fate = if code.is_dropped() {
            "; Custom Labels would drop the line without a trace"
        } else if code.is_own_rule() {
            " (a rule of gtcl's own)"
        } else {
            ""
        };
        let (before, after) = if detail.is_empty() {
            ("", "")
        } else {
            (" (", ")")
        };
        print(format_args!(
            "line {line_number}: {code}{at}{}: {}{before}{}{after}{fate}",
            shown(place),
            shown(message),
            shown(detail)
        ));
        if self.n_left == 0 {
            print("further findings are only counted (--max-findings)");
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Checked, CommandError> {
        while !self.waiting.is_empty() {
            self.tell_next().await?;
        }
        let (summary, index) = self.check.finish();
        if self.format == Format::Json {
            print(to_json(&Last {
                manifest: &self.name,
                summary: &summary,
                would_training_start: summary.would_training_start(),
                images_denied: self.denied.as_ref(),
            })?);
        } else {
            print(Summary(&self.name, &summary));
            for label in summary.labels.keys() {
                self.remarks.label(label);
            }
            for note in self.remarks.lines() {
                print(format_args!("note: {note}"));
            }
            if let Some(denied) = &self.denied {
                print(denied);
            }
        }
        Ok(Checked {
            has_findings: !summary.codes.is_empty() || self.denied.is_some(),
            summary,
            index,
        })
    }
}

impl Finding {
    fn of(finding: &manifest::Finding) -> Self {
        let place = match &finding.place {
            manifest::Place::Line => String::new(),
            manifest::Place::Attribute(name) => name.clone(),
            manifest::Place::Metadata(name) => format!("{name}-metadata"),
            manifest::Place::Annotation {
                attribute,
                annotation_idx,
            } => format!("{attribute}/annotations/{annotation_idx}"),
        };
        Self {
            code: finding.code,
            place,
            message: finding.message.clone(),
            detail: finding.detail.clone(),
        }
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
            "\n{name}: {}: {n_usable} usable, {n_dropped} would be dropped, {n_with_errors} with errors, {n_ignored} unlabeled",
            counted(*n_lines, "line")
        )?;
        let is_own = |code: &Code| code.is_own_rule();
        write_codes(f, summary, |code| !is_own(code))?;
        if summary.codes.keys().any(is_own) {
            writeln!(
                f,
                "  by rules of gtcl's own, for which Custom Labels has no code:"
            )?;
            write_codes(f, summary, is_own)?;
        }
        writeln!(
            f,
            "  {} in {}",
            counted(summary.labels.len() as u64, "label"),
            counted(summary.buckets.len() as u64, "bucket")
        )?;
        for (label, stats) in summary.labels.iter().take(LABELS_SHOWN_MAX) {
            writeln!(
                f,
                "  {:>15} {:>14}  {}",
                counted(stats.n_images, "image"),
                counted(stats.n_boxes, "box"),
                shown(label)
            )?;
        }
        if summary.labels.len() > LABELS_SHOWN_MAX {
            writeln!(f, "  and {} more", summary.labels.len() - LABELS_SHOWN_MAX)?;
        }
        if summary.would_training_start() {
            f.write_str("training would start")?;
        } else {
            f.write_str("training would not start:")?;
        }
        write_faults(f, &summary.faults)
    }
}

/// Labels listed in the summary's text.
const LABELS_SHOWN_MAX: usize = 50;

fn write_codes(
    f: &mut fmt::Formatter<'_>,
    summary: &DatasetSummary,
    is_wanted: impl Fn(&Code) -> bool,
) -> fmt::Result {
    for (code, tally) in summary.codes.iter().filter(|(code, _)| is_wanted(code)) {
        writeln!(
            f,
            "  {:>8} {code}  {}\n           {}; {}",
            tally.n_findings,
            line_numbers(&tally.line_numbers, tally.n_lines),
            first_of(&tally.line_numbers, tally.n_lines, &tally.first_reason),
            tally.remedy
        )?;
    }
    Ok(())
}
