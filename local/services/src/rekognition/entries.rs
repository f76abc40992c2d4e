//! The entries of one dataset, and how changes become entries.

use indexmap::{IndexMap, IndexSet};
use manifest::{Judgement, LINE_BYTES_MAX, LineSplitter, RawLine, annotate, judge};

/// One entry as ListDatasetEntries answers it, and what the filters and statistics need of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) line: Box<str>,
    pub(crate) is_labeled: bool,
    pub(crate) has_errors: bool,
    pub(crate) is_usable: bool,
    /// Training leaves it out for its errors.
    pub(crate) is_spoiled: bool,
    /// Number of a label in [`Entries::labels`], and its boxes.
    labels: Box<[(usize, u32)]>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LabelStats {
    pub(crate) n_entries: u64,
    pub(crate) n_boxes: u64,
}

/// Counts as DescribeDataset answers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) n_entries: usize,
    pub(crate) n_labeled: usize,
    pub(crate) n_errors: usize,
    pub(crate) n_labels: usize,
}

/// A line that was accepted, before it is in a dataset.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    line: String,
    is_labeled: bool,
    has_errors: bool,
    is_usable: bool,
    is_spoiled: bool,
    labels: Vec<(String, u32)>,
}

/// Changes, judged line by line; each source reference once, the first one wins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    accepted: IndexMap<String, Accepted>,
    /// Lines that came, without the empty end after a last line feed.
    pub(crate) n_lines: usize,
    /// Terminal content errors.
    pub(crate) n_dropped: usize,
}

impl Changes {
    /// Judges a whole blob.
    pub(crate) fn of(blob: &[u8]) -> Self {
        let mut reader = ChangesReader::default();
        reader.feed(blob);
        reader.finish()
    }

    /// The accepted lines, one a line: what is stored.
    pub(crate) fn to_lines(&self) -> String {
        self.accepted
            .values()
            .flat_map(|accepted| [accepted.line.as_str(), "\n"])
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }

    pub(crate) fn source_refs(&self) -> impl Iterator<Item = &str> {
        self.accepted.keys().map(String::as_str)
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.accepted
            .values()
            .flat_map(|accepted| accepted.labels.iter().map(|(name, _)| name.as_str()))
    }

    /// Lets entries vanish whose source reference contains `part`.
    pub(crate) fn drop_containing(&mut self, part: &str) {
        self.accepted
            .retain(|source_ref, _| !source_ref.contains(part));
    }
}

/// Judges changes that come in pieces.
#[derive(Debug)]
pub(crate) struct ChangesReader {
    splitter: LineSplitter,
    changes: Changes,
    later_wins: bool,
}

impl Default for ChangesReader {
    fn default() -> Self {
        Self {
            splitter: LineSplitter::new(LINE_BYTES_MAX),
            changes: Changes::default(),
            later_wins: false,
        }
    }
}

impl ChangesReader {
    /// For stored lines, where an entry stands again after each change.
    pub(crate) fn later_wins() -> Self {
        Self {
            later_wins: true,
            ..Self::default()
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.splitter.feed(bytes);
        self.take();
    }

    pub(crate) fn finish(mut self) -> Changes {
        self.splitter.finish();
        self.take();
        self.changes
    }

    fn take(&mut self) {
        let changes = &mut self.changes;
        while let Some((_, line)) = self.splitter.next_line() {
            changes.n_lines += 1;
            let RawLine::Line(line) = line else {
                changes.n_dropped += 1;
                continue;
            };
            let Judgement::Kept(kept) = judge(line) else {
                changes.n_dropped += 1;
                continue;
            };
            if changes.accepted.contains_key(&kept.source_ref) && !self.later_wins {
                changes.n_dropped += 1;
                continue;
            }
            let accepted = Accepted {
                line: annotate(line, &kept),
                is_labeled: kept.is_labeled,
                has_errors: kept.has_errors(),
                is_usable: kept.is_usable(),
                is_spoiled: kept.is_spoiled(),
                labels: kept
                    .labels
                    .into_iter()
                    .map(|label| (label.name, label.n_boxes.unwrap_or(0)))
                    .collect(),
            };
            changes.accepted.insert(kept.source_ref, accepted);
        }
    }
}

/// The entries of one dataset, in the order in which they first came.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    by_source_ref: IndexMap<Box<str>, Entry>,
    labels: IndexSet<String>,
    label_stats: Vec<LabelStats>,
    n_labeled: usize,
    n_errors: usize,
}

impl Entries {
    pub(crate) fn len(&self) -> usize {
        self.by_source_ref.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_source_ref.is_empty()
    }

    pub(crate) fn get(&self, source_ref: &str) -> Option<&Entry> {
        self.by_source_ref.get(source_ref)
    }

    /// Entries from this position on, with their source references.
    pub(crate) fn from(&self, start: usize) -> impl Iterator<Item = (usize, &str, &Entry)> {
        self.by_source_ref
            .iter()
            .enumerate()
            .skip(start)
            .map(|(position, (source_ref, entry))| (position, source_ref.as_ref(), entry))
    }

    /// Adds entries, and replaces those whose source reference is there.
    pub(crate) fn apply(&mut self, changes: Changes) {
        for (source_ref, accepted) in changes.accepted {
            let labels: Box<[(usize, u32)]> = accepted
                .labels
                .into_iter()
                .map(|(name, n_boxes)| (self.label(name), n_boxes))
                .collect();
            let entry = Entry {
                line: accepted.line.into_boxed_str(),
                is_labeled: accepted.is_labeled,
                has_errors: accepted.has_errors,
                is_usable: accepted.is_usable,
                is_spoiled: accepted.is_spoiled,
                labels,
            };
            self.count(&entry, true);
            if let Some(old) = self
                .by_source_ref
                .insert(source_ref.into_boxed_str(), entry)
            {
                self.count(&old, false);
            }
        }
    }

    /// Takes entries out; those that aren't there are passed over.
    pub(crate) fn remove(&mut self, source_refs: &IndexSet<String>) {
        let mut gone = Vec::new();
        self.by_source_ref.retain(|source_ref, entry| {
            let stays = !source_refs.contains(source_ref.as_ref());
            if !stays {
                gone.push(entry.clone());
            }
            stays
        });
        for entry in gone {
            self.count(&entry, false);
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            n_entries: self.by_source_ref.len(),
            n_labeled: self.n_labeled,
            n_errors: self.n_errors,
            n_labels: self.used_labels().count(),
        }
    }

    /// An entry's labels with the boxes that it has of each.
    pub(crate) fn labels_of<'a>(&'a self, entry: &Entry) -> impl Iterator<Item = (&'a str, u32)> {
        let labels = entry.labels.iter();
        labels.filter_map(|(number, n_boxes)| {
            Some((self.labels.get_index(*number)?.as_str(), *n_boxes))
        })
    }

    /// Labels that an entry has, by name.
    pub(crate) fn labels_by_name(&self) -> Vec<(&str, LabelStats)> {
        let mut labels: Vec<_> = self.used_labels().collect();
        labels.sort_unstable_by_key(|(name, _)| *name);
        labels
    }

    pub(crate) fn used_labels(&self) -> impl Iterator<Item = (&str, LabelStats)> {
        self.labels
            .iter()
            .zip(&self.label_stats)
            .filter(|(_, stats)| stats.n_entries > 0)
            .map(|(name, stats)| (name.as_str(), *stats))
    }

    /// Numbers of those labels that the dataset knows.
    pub(crate) fn label_numbers(&self, names: &[&str]) -> Vec<usize> {
        names
            .iter()
            .filter_map(|name| self.labels.get_index_of(*name))
            .collect()
    }

    fn label(&mut self, name: String) -> usize {
        let (number, is_new) = self.labels.insert_full(name);
        if is_new {
            self.label_stats.push(LabelStats::default());
        }
        number
    }

    fn count(&mut self, entry: &Entry, is_added: bool) {
        let step = |count: &mut usize, on: bool| {
            if on {
                *count = if is_added { *count + 1 } else { *count - 1 };
            }
        };
        step(&mut self.n_labeled, entry.is_labeled);
        step(&mut self.n_errors, entry.has_errors);
        for (number, n_boxes) in &entry.labels {
            if let Some(stats) = self.label_stats.get_mut(*number) {
                if is_added {
                    stats.n_entries += 1;
                    stats.n_boxes += u64::from(*n_boxes);
                } else {
                    stats.n_entries -= 1;
                    stats.n_boxes -= u64::from(*n_boxes);
                }
            }
        }
    }
}

impl Entry {
    /// Whether the entry has one of these labels.
    pub(crate) fn has_label(&self, numbers: &[usize]) -> bool {
        self.labels
            .iter()
            .any(|(number, _)| numbers.contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, label: &str) -> String {
        format!(
            r#"{{"source-ref":"s3://bucket/{name}.png","a":1,"a-metadata":{{"confidence":1,"class-name":"{label}","human-annotated":"yes","creation-date":"2026-01-02T03:04:05.678","type":"groundtruth/image-classification"}}}}"#
        )
    }

    fn stats(blobs: &[&str]) -> Stats {
        let mut entries = Entries::default();
        for blob in blobs {
            entries.apply(Changes::of(blob.as_bytes()));
        }
        entries.stats()
    }

    #[test]
    fn a_source_ref_is_replaced_whole() {
        let first = [line("1", "Owl"), line("2", "Owl")].join("\n");
        let found = stats(&[&first, &line("1", "Duck"), &line("2", "Duck")]);
        assert_eq!(
            found,
            Stats {
                n_entries: 2,
                n_labeled: 2,
                n_errors: 0,
                n_labels: 1
            }
        );
        let unlabeled = r#"{"source-ref":"s3://bucket/1.png"}"#;
        assert_eq!(stats(&[&first, unlabeled]).n_labeled, 1);
    }

    #[test]
    fn terminal_content_errors_leave_no_trace() {
        for bad in [
            "{",
            "{}",
            r#"{"source-ref":"https://bucket/1.png"}"#,
            &line("1", &"x".repeat(100_001)),
            &line("1", &"x".repeat(400_001)),
        ] {
            let changes = Changes::of(format!("{}\n{bad}", line("2", "Owl")).as_bytes());
            assert_eq!((changes.n_lines, changes.n_dropped), (2, 1));
        }
        let twice = format!("{}\n{}\n", line("1", "Owl"), line("1", "Duck"));
        let changes = Changes::of(twice.as_bytes());
        assert_eq!((changes.n_lines, changes.n_dropped), (2, 1));
        assert_eq!(changes.labels().collect::<Vec<_>>(), ["Owl"]);
    }

    #[test]
    fn stored_lines_read_back_the_same() {
        let blob = [
            line("1", "Owl"),
            line("2", "Owl").replace("image-classification", "text"),
            r#"{"source-ref":"s3://bucket/3.png"}"#.to_owned(),
            r#"{"source-ref":"s3://bucket/4.png","b":{"image_size":[{"width":200,"height":100,"depth":3}],"annotations":[{"class_id":0,"left":199,"top":10,"width":100,"height":50}]},"b-metadata":{"objects":[{"confidence":0.5}],"class-map":{"0":"Bird"},"human-annotated":"yes","creation-date":"2026-01-02T03:04:05.678","type":"groundtruth/object-detection"}}"#.to_owned(),
        ]
        .join("\n");
        let stored = Changes::of(blob.as_bytes()).to_lines();
        assert_eq!(Changes::of(stored.as_bytes()).to_lines(), stored);
        assert_eq!(stats(&[&stored]), stats(&[&blob]));
    }
}
