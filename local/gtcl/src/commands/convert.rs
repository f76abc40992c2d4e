//! `gtcl convert`: a labeling job's output manifest becomes dataset entries.

use std::collections::BTreeMap;

use labeling::job::{JobFolder, layout::OUTPUT_MANIFEST};
use manifest::{
    AttributesSeen, Code, ConvertOptions, Converted, Converter, Counts, Entry, Judgement,
    LINE_BYTES_MAX, LineSplitter, WhenEmpty, WhenFaultyBox, WhenTooManyBoxes, counted, judge,
    label_attribute_fault,
};

use crate::error::CommandError;
use crate::output::conversion::{Conversion, Tallies};
use crate::output::remarks::Remarks;
use crate::output::stdout::print;
use crate::place::{Place, Sink, all_different};

/// Examples and exit codes of `gtcl convert --help`.
fn after_help() -> String {
    format!(
        "\
Every path may be an s3:// URI.

Examples:
  gtcl convert JOB/{OUTPUT_MANIFEST} --out entries.manifest --rejected rejected.jsonl
  gtcl convert s3://BUCKET/jobs/JOB/{OUTPUT_MANIFEST} --out entries.manifest --split 0.2
  gtcl convert output.manifest --job-name JOB --min-confidence 0.8 --review review.manifest --out entries.manifest

Exit code:
  0  every line became an entry or was skipped
  1  lines were rejected
  2  the manifest can't be read, no line has the label attribute that is named or a label of the job, or the
     entries can't be written; files that were there stay as they were"
    )
}

/// Arguments of `gtcl convert`.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub struct Args {
    /// Output manifest of a labeling job.
    manifest: Place,
    /// Where the dataset entries go.
    #[arg(long, value_name = "ENTRIES")]
    out: Place,
    /// Label attribute; found from the line when not given.
    #[arg(long, value_name = "NAME", value_parser = label_attribute)]
    label_attribute: Option<String>,
    /// Labeling job; the job's folder, where the output manifest lies in one, when not given.
    #[arg(long, value_name = "NAME")]
    job_name: Option<String>,
    /// Where rejected lines go, as JSON Lines: lineNumber, code, reason, remedy.
    #[arg(long, value_name = "FILE")]
    rejected: Option<Place>,
    /// Where lines below the minimum confidence go, as an input manifest for a follow-up job.
    #[arg(long, value_name = "FILE", requires = "min_confidence")]
    review: Option<Place>,
    /// Labels and boxes below this confidence are left out; 1 keeps those that are certain. Not applied to a line
    /// whose confidences are all 0: Ground Truth writes 0 where an image had a single worker.
    #[arg(long, value_name = "0..1", value_parser = fraction)]
    min_confidence: Option<f64>,
    /// Words of a verification job that confirm a label, beside the known ones ("good", "correct", "yes", … in several
    /// languages); all others reject it then. Can be given several times.
    #[arg(long, value_name = "WORD,…", value_delimiter = ',')]
    approving_words: Vec<String>,
    /// Confidence for labels and boxes that people gave and that lack one, as in Lookout for Vision's manifests.
    #[arg(long, value_name = "0..1", value_parser = fraction)]
    missing_confidence: Option<f64>,
    /// Share of the images for a test dataset, by a stable hash: writes ENTRIES with .train and .test in its name.
    #[arg(long, value_name = "0..1", value_parser = fraction)]
    split: Option<f64>,
    /// Of more than 50 boxes keep the 50 most confident instead of rejecting the line.
    #[arg(long)]
    keep_most_confident: bool,
    /// Reject a line with a box that Custom Labels would not use instead of leaving the box out.
    #[arg(long)]
    reject_faulty_boxes: bool,
    /// Send images without a label or box, too; training doesn't use them.
    #[arg(long)]
    send_unlabeled: bool,
}

fn label_attribute(name: &str) -> Result<String, String> {
    match label_attribute_fault(name) {
        Some(fault) => Err(fault),
        None => Ok(name.to_owned()),
    }
}

pub(super) fn fraction(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=1.0).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{text} is not from 0 to 1"))
    }
}

impl Args {
    fn refuse_same_places(&self) -> Result<(), CommandError> {
        let (train, test) = match self.split {
            Some(_) => (
                self.out.with_word("train"),
                Some(self.out.with_word("test")),
            ),
            None => (self.out.clone(), None),
        };
        let mut places = vec![("the manifest", &self.manifest), ("--out", &train)];
        places.extend(test.as_ref().map(|test| ("--out", test)));
        places.extend(self.rejected.as_ref().map(|place| ("--rejected", place)));
        places.extend(self.review.as_ref().map(|place| ("--review", place)));
        all_different(&places)
    }

    fn options(&self) -> ConvertOptions {
        let when_empty = if self.send_unlabeled {
            WhenEmpty::Send
        } else {
            WhenEmpty::Skip
        };
        ConvertOptions {
            label_attribute: self.label_attribute.clone(),
            job_name: self.job_name.clone().or_else(|| {
                let folder = JobFolder::of_output_manifest(&self.manifest.key())?;
                Some(folder.name().to_owned())
            }),
            min_confidence: self.min_confidence,
            approving_words: self.approving_words.clone(),
            missing_confidence: self.missing_confidence,
            unlabeled: when_empty,
            without_boxes: when_empty,
            too_many_boxes: if self.keep_most_confident {
                WhenTooManyBoxes::KeepMostConfident
            } else {
                WhenTooManyBoxes::Reject
            },
            faulty_boxes: if self.reject_faulty_boxes {
                WhenFaultyBox::Reject
            } else {
                WhenFaultyBox::DropBox
            },
            ..ConvertOptions::default()
        }
    }
}

/// Where everything goes.
struct Outputs {
    train: Sink,
    /// With the share of the images that it gets.
    test: Option<(f64, Sink)>,
    n_test: u64,
    rejected: Option<Sink>,
    review: Option<Sink>,
}

async fn create(place: Option<&Place>) -> Result<Option<Sink>, CommandError> {
    match place {
        Some(place) => place.create().await.map(Some),
        None => Ok(None),
    }
}

impl Outputs {
    async fn create(args: &Args) -> Result<Self, CommandError> {
        let (train, test) = match args.split {
            Some(share) => (
                args.out.with_word("train"),
                Some((share, args.out.with_word("test").create().await?)),
            ),
            None => (args.out.clone(), None),
        };
        Ok(Self {
            train: train.create().await?,
            test,
            n_test: 0,
            rejected: create(args.rejected.as_ref()).await?,
            review: create(args.review.as_ref()).await?,
        })
    }

    async fn write(&mut self, converted: Converted) -> Result<(), CommandError> {
        match converted {
            Converted::Entry(entry) => {
                let sink = match &mut self.test {
                    Some((share, test)) if manifest::split::is_test(&entry.source_ref, *share) => {
                        self.n_test += 1;
                        test
                    }
                    _ => &mut self.train,
                };
                sink.line(&entry.json).await
            }
            Converted::Rejected(rejected) => match &mut self.rejected {
                Some(sink) => {
                    let json = serde_json::to_string(&rejected).map_err(|error| {
                        CommandError::new(format!("rejected line could not be written: {error}"))
                    })?;
                    sink.line(&json).await
                }
                None => Ok(()),
            },
            Converted::Review(review) => match &mut self.review {
                Some(sink) => sink.line(&review.json).await,
                None => Ok(()),
            },
            Converted::Skipped(_) => Ok(()),
        }
    }

    async fn finish(self) -> Result<(), CommandError> {
        let test = self.test.map(|(_, sink)| sink);
        for sink in [Some(self.train), test, self.rejected, self.review]
            .into_iter()
            .flatten()
        {
            sink.finish().await?;
        }
        Ok(())
    }
}

/// Converts line by line; memory doesn't grow with the manifest but for the index of source references.
///
/// Answers 0, 1 or 2, see `--help`.
///
/// # Errors
///
/// A place that can't be read or written, and what isn't a manifest.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    convert(&args).await
}

async fn convert(args: &Args) -> Result<u8, CommandError> {
    args.refuse_same_places()?;
    let mut source = args.manifest.open().await?;
    let mut lines = LineSplitter::new(LINE_BYTES_MAX);
    match source.next_block().await? {
        Some(block) => {
            args.manifest.refuse_other_than_manifest(block)?;
            lines.feed(block);
        }
        None => {
            let remedy = format!(
                "a labeling job that labeled no data object leaves an empty JOB/{OUTPUT_MANIFEST}: look at the job's status and failure reason; else copy the manifest again"
            );
            let error = CommandError::new(format!("{} is empty: it has no line", args.manifest));
            return Err(error.with_help(remedy));
        }
    }
    let mut outputs = Outputs::create(args).await?;
    let mut converter = Converter::new(args.options());
    let mut tallies = Tallies::default();
    let mut remarks = Remarks::default();
    loop {
        let mut n_taken = 0;
        while let Some((line_number, line)) = lines.next_line() {
            let converted = converter.convert(line_number, line);
            tallies.add(&converted);
            if let Converted::Entry(entry) = &converted {
                remark(&mut remarks, entry);
            }
            outputs.write(converted).await?;
            n_taken += 1;
        }
        if n_taken == 0 && lines.is_finished() {
            break;
        }
        match source.next_block().await? {
            Some(block) => lines.feed(block),
            None => lines.finish(),
        }
    }
    let n_entries = converter.counts().n_entries;
    let conversion = Conversion {
        counts: converter.counts(),
        tallies: &tallies,
        split: (args.split.is_some()).then_some((n_entries - outputs.n_test, outputs.n_test)),
    };
    print(conversion);
    for note in remarks.lines() {
        print(format_args!("  {note}"));
    }
    if is_no_manifest(converter.counts()) {
        return Err(CommandError::new(format!(
            "{} has no line that is a JSON object of at most 100,000 characters",
            args.manifest
        ))
        .with_help("give it a manifest: one JSON object a line, in UTF-8, not compressed"));
    }
    if let (
        Some(wanted),
        AttributesSeen {
            n_lines_with: 0,
            others,
        },
    ) = (&args.label_attribute, converter.attributes())
    {
        return Err(without_attribute(&args.manifest, wanted, others));
    }
    let counts = converter.counts();
    if let (0, Some(reason)) = (
        counts.n_entries + counts.n_rejected + counts.n_review,
        tallies.first_reason(Code::OtherJob),
    ) {
        return Err(CommandError::new(format!(
            "no line of {} has a label of this job: {reason}",
            args.manifest
        ))
        .with_help("the folder before manifests/output/ is taken for the job's name; name it with --job-name, or the label with --label-attribute"));
    }
    if is_unlabeled(counts) {
        return Err(CommandError::new(format!(
            "no line of {} has a label: this looks like a job's input manifest",
            args.manifest
        ))
        .with_help(format!(
            "give it JOB/{OUTPUT_MANIFEST}; --send-unlabeled makes entries of images without a label, too"
        )));
    }
    outputs.finish().await?;
    Ok(u8::from(converter.counts().n_rejected > 0))
}

fn remark(remarks: &mut Remarks, entry: &Entry) {
    remarks.image(
        format_args!("line {}", entry.line_number),
        &entry.source_ref,
    );
    if let Judgement::Kept(kept) = judge(entry.json.as_bytes()) {
        for label in &kept.labels {
            remarks.label(&label.name);
        }
    }
}

fn without_attribute(
    manifest: &Place,
    wanted: &str,
    others: &BTreeMap<String, u64>,
) -> CommandError {
    let there: Vec<String> = others
        .iter()
        .map(|(name, n_lines)| format!("{name:?} in {}", counted(*n_lines, "line")))
        .collect();
    let error = CommandError::new(format!(
        "no line of {manifest} has the label attribute {wanted:?}"
    ));
    error.with_help(if there.is_empty() {
        "its lines have no label attribute at all: give it the output manifest of a labeling job"
            .to_owned()
    } else {
        format!("name one that is there: {}", there.join(", "))
    })
}

/// Whether all lines were left out for having no label.
fn is_unlabeled(counts: &Counts) -> bool {
    let n_of = |code| counts.by_code.get(&code).copied().unwrap_or_default();
    let n_unlabeled = n_of(Code::Unlabeled);
    n_unlabeled > 0 && n_unlabeled + n_of(Code::BlankLine) == counts.n_lines
}

fn is_no_manifest(counts: &Counts) -> bool {
    let n_of = |code| counts.by_code.get(&code).copied().unwrap_or_default();
    n_of(Code::InvalidJsonLine) + n_of(Code::LineTooLong) + n_of(Code::BlankLine) == counts.n_lines
}
