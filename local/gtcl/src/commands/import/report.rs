//! What came of an import, written and told.

use std::collections::{BTreeMap, BTreeSet};

use manifest::import::{Import, LeftOut};
use manifest::{Code, Judgement, SourceRef, counted, judge};

use super::Places;
use crate::error::CommandError;
use crate::output::remarks::Remarks;
use crate::output::stdout::print;
use crate::output::text::shown;
use crate::place::Sink;

/// What is printed of each kind of things that were left out, and of labels.
const SHOWN_MAX: usize = 20;

/// Writes the entries and what was rejected, tells of both, and answers 0 or 1.
///
/// # Errors
///
/// When something can't be written, and when there is no entry: then what is at `--out` stays.
pub(super) async fn write(places: &Places, import: &Import) -> Result<u8, CommandError> {
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
    print(format_args!(
        "{} in {}, {n_rejected} rejected, {n_skipped} skipped",
        counted(import.entries.len() as u64, "entry"),
        places.out
    ));
    let remarks = remarks(import);
    for note in import.notes.iter().chain(&remarks.lines()) {
        print(format_args!("  {}", shown(note)));
    }
    let uris = import.entries.iter().map(|entry| entry.source_ref.as_str());
    let buckets: BTreeSet<&str> = uris
        .filter_map(|uri| Some(SourceRef::parse(uri).ok()?.bucket))
        .collect();
    if buckets.len() > 1 {
        print(format_args!(
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
        print(format_args!(
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
            print(format_args!("           {}", first_of(&places)));
        }
    }
    let rejected = import.left_out.iter().filter(|one| !one.code.is_skip());
    for one in rejected.take(SHOWN_MAX) {
        print(format_args!(
            "  {}: {} {}; {}",
            shown(&one.place),
            one.code,
            shown(&one.reason),
            shown(&one.remedy)
        ));
    }
    if n_rejected > SHOWN_MAX as u64 {
        print(format_args!(
            "  {} more rejected: --rejected FILE has them all",
            n_rejected - SHOWN_MAX as u64
        ));
    }
    if !import.entries.is_empty() {
        print_labels(import);
    }
}

fn remarks(import: &Import) -> Remarks {
    let mut remarks = Remarks::default();
    for entry in &import.entries {
        remarks.image(
            format_args!("entry {}", entry.line_number),
            &entry.source_ref,
        );
        if let Judgement::Kept(kept) = judge(entry.json.as_bytes()) {
            for label in kept.labels {
                remarks.label(&label.name);
            }
        }
    }
    remarks
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
    print(format_args!(
        "  {}",
        counted(n_images.len() as u64, "label")
    ));
    for (label, n_images) in n_images.iter().take(SHOWN_MAX) {
        print(format_args!(
            "  {:>8} {}  {}",
            n_images,
            if *n_images == 1 { "image " } else { "images" },
            quoted_if_odd(label)
        ));
    }
    if n_images.len() > SHOWN_MAX {
        print(format_args!("  and {} more", n_images.len() - SHOWN_MAX));
    }
}

/// A label, in quotes where spaces around it or characters that can't be seen would be missed.
fn quoted_if_odd(label: &str) -> String {
    let plain = shown(label);
    if plain == label && label.trim() == label {
        plain
    } else {
        shown(&format!("{label:?}"))
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
