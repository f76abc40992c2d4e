//! How far the updates of one dataset are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::state::dataset::{LaneSide, Stats};
use crate::state::verified::Verified;

/// Longest message of a refusal that is kept, in characters, inclusive. Source: ours; the service's messages are sentences.
const MESSAGE_CHARS_MAX: usize = 1000;

/// The progress of the updates of one dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneProgress {
    /// Train or test.
    pub side: LaneSide,
    /// The dataset.
    pub dataset_arn: String,
    /// All of this lane's entries up to this line have landed or were refused.
    pub settled_line: u64,
    /// The update that was under way when the work stopped.
    pub in_flight: Option<InFlight>,
    /// The dataset's counts before the first update.
    pub before: Option<Stats>,
    /// What has landed, as first and last line of each object below `parts/`, in line order.
    pub parts: Vec<(u64, u64)>,
    /// UpdateDatasetEntries calls that were accepted.
    pub n_updates: u64,
    /// Time that they took, waits included, in milliseconds.
    pub update_ms: u64,
    /// What was found of the entries afterwards, when that took many calls.
    pub verified: Option<(Stats, Verified)>,
}

impl LaneProgress {
    /// The progress of a dataset that nothing was sent to yet.
    #[must_use]
    pub fn new(side: LaneSide, dataset_arn: String) -> Self {
        Self {
            side,
            dataset_arn,
            settled_line: 0,
            in_flight: None,
            before: None,
            parts: Vec::new(),
            n_updates: 0,
            update_ms: 0,
            verified: None,
        }
    }

    /// Notes what updates have come to, once what they landed is written as `parts`.
    pub fn note(&mut self, news: &News, parts: Vec<(u64, u64)>) {
        if news.n_updates > 0 {
            // What was found before isn't so any more.
            self.verified = None;
        }
        self.settled_line = news.settled_line.unwrap_or(self.settled_line);
        self.in_flight = news.in_flight;
        self.before = self.before.or(news.before);
        self.parts.extend(parts);
        self.n_updates += news.n_updates;
        self.update_ms += news.update_ms;
    }
}

/// What updates have come to since it was last noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The last line that has landed or was refused.
    pub settled_line: Option<u64>,
    /// The update that is under way and won't be waited for.
    pub in_flight: Option<InFlight>,
    /// The dataset's counts when it was first looked at.
    pub before: Option<Stats>,
    /// UpdateDatasetEntries calls that were accepted.
    pub n_updates: u64,
    /// Time that they took, waits included, in milliseconds.
    pub update_ms: u64,
}

/// An update whose end wasn't waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// The last of its lines.
    pub last_line: u64,
    /// When it was handed over, in milliseconds since 1970.
    pub submitted_at_ms: i64,
    /// When the dataset had last changed before, in milliseconds since 1970; `None` when nobody had looked.
    pub last_updated_ms: Option<i64>,
}

/// A line that UpdateDatasetEntries failed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// One-based.
    pub line_number: u64,
    /// The dataset's StatusMessage. Many lines have the same one.
    pub message: Arc<str>,
}

impl Refused {
    /// A message as it is kept: whatever the service says, the checkpoint is to stay small.
    #[must_use]
    pub fn message(text: &str) -> Arc<str> {
        text.chars()
            .take(MESSAGE_CHARS_MAX)
            .collect::<String>()
            .into()
    }
}

/// Each message once, with its lines: a dataset that refuses everything refuses a quarter of a million lines with a few
/// messages, and the checkpoint is to stay small.
pub(crate) mod by_message {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Refused;

    pub(crate) fn serialize<S: Serializer>(
        refused: &[Refused],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut lines: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for line in refused {
            let of_message = lines.entry(&line.message).or_default();
            of_message.push(line.line_number);
        }
        lines.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Refused>, D::Error> {
        let lines = BTreeMap::<String, Vec<u64>>::deserialize(deserializer)?;
        let mut refused: Vec<Refused> = lines
            .into_iter()
            .flat_map(|(message, lines)| {
                let message = Refused::message(&message);
                lines.into_iter().map(move |line_number| Refused {
                    line_number,
                    message: Arc::clone(&message),
                })
            })
            .collect();
        refused.sort_by_key(|refused| refused.line_number);
        Ok(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut() {
        for (n, expected) in [(999, 999), (1000, 1000), (1001, 1000)] {
            let message = Refused::message(&"é".repeat(n));
            assert_eq!(message.chars().count(), expected);
        }
    }

    #[test]
    fn news_are_noted() {
        let mut progress = LaneProgress::new(LaneSide::Train, "arn".to_owned());
        progress.verified = Some((Stats::default(), Verified::default()));
        let before = Stats {
            total_entries: 3,
            ..Stats::default()
        };
        let looked = News {
            before: Some(before),
            ..News::default()
        };
        progress.note(&looked, vec![]);
        assert!(progress.verified.is_some());
        let updated = News {
            settled_line: Some(7),
            in_flight: Some(InFlight {
                last_line: 9,
                submitted_at_ms: 1,
                last_updated_ms: None,
            }),
            before: Some(Stats::default()),
            n_updates: 2,
            update_ms: 5,
        };
        progress.note(&updated, vec![(1, 7)]);
        progress.note(&News::default(), vec![]);
        let expected = LaneProgress {
            settled_line: 7,
            before: Some(before),
            parts: vec![(1, 7)],
            n_updates: 2,
            update_ms: 5,
            ..LaneProgress::new(LaneSide::Train, "arn".to_owned())
        };
        assert_eq!(progress, expected);
    }
}
