//! The buckets that images are in: a training refuses datasets whose images are in several, and nothing says so before.

use std::collections::BTreeMap;

use manifest::{Code, SourceRef};
use serde::{Deserialize, Serialize};

/// Buckets that are told apart, inclusive; a manifest may name as many as it has lines.
const BUCKETS_MAX: usize = 100;
/// What images in further buckets go by.
const FURTHER_BUCKETS: &str = "(further buckets)";
/// Buckets that a notice names.
const NAMED_MAX: usize = 5;

/// Images by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Buckets(pub BTreeMap<String, u64>);

impl Buckets {
    /// Counts an image. A source reference that is none is left out.
    pub fn add(&mut self, source_ref: &str) {
        let Ok(SourceRef { bucket, .. }) = SourceRef::parse(source_ref) else {
            return;
        };
        if let Some(n_images) = self.0.get_mut(bucket) {
            *n_images += 1;
            return;
        }
        let is_one_more = self.0.len() < BUCKETS_MAX;
        let bucket = if is_one_more { bucket } else { FURTHER_BUCKETS };
        *self.0.entry(bucket.to_owned()).or_default() += 1;
    }
}

/// Something about the datasets that no line is at fault for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Rekognition's own name for it.
    pub code: String,
    /// Reason, with what was found in the datasets.
    pub reason: String,
    /// Remedy: the step that a person can take.
    pub remedy: String,
}

/// What there is to say about the buckets of the images that were sent, and of those that were in the datasets of the
/// project before; `None` when all are in one.
///
/// The entries are sent all the same: they are right, and the images can still be copied into one bucket. Only a training
/// has to wait for it.
#[must_use]
pub fn notice<'b>(
    sent: impl Iterator<Item = &'b Buckets>,
    there: impl Iterator<Item = &'b Buckets>,
) -> Option<Notice> {
    let sum = |all: &mut dyn Iterator<Item = &'b Buckets>| {
        let mut sum: BTreeMap<&str, u64> = BTreeMap::new();
        for (bucket, n_images) in all.flat_map(|buckets| &buckets.0) {
            *sum.entry(bucket).or_default() += n_images;
        }
        sum
    };
    let (mut sent, mut there) = (sent, there);
    let (sent, there) = (sum(&mut sent), sum(&mut there));
    let is_apart = |bucket: &&str| sent.len() > 1 || !sent.contains_key(*bucket);
    let are_several = sent.len() > 1 || there.len() > 1 || there.keys().any(is_apart);
    if sent.is_empty() || !are_several {
        return None;
    }
    let code = Code::ImagesInMultipleBuckets;
    let reason = match there.is_empty() {
        true => format!("images that were sent are in {}", named(&sent)),
        false => format!(
            "images that were sent are in {}, images of the dataset before in {}",
            named(&sent),
            named(&there)
        ),
    };
    Some(Notice {
        code: code.as_str().to_owned(),
        reason: format!("{reason}; a training refuses images in several buckets"),
        remedy: code.remedy().to_owned(),
    })
}

fn named(buckets: &BTreeMap<&str, u64>) -> String {
    let mut text: Vec<String> = buckets
        .iter()
        .take(NAMED_MAX)
        .map(|(bucket, n_images)| format!("{bucket} ({n_images})"))
        .collect();
    if buckets.len() > NAMED_MAX {
        text.push("…".to_owned());
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(images: &[&str]) -> Buckets {
        let mut buckets = Buckets::default();
        for bucket in images {
            buckets.add(&format!("s3://{bucket}/1.jpg"));
        }
        buckets
    }

    #[test]
    fn several_buckets_are_told() {
        for (sent, there, expected) in [
            (&["aaa"][..], &[][..], None),
            (&["aaa", "aaa"], &["aaa"], None),
            (&[], &["aaa", "bbb"], None),
            (&["aaa", "bbb"], &[], Some("sent are in aaa (1), bbb (1);")),
            (
                &["aaa"],
                &["bbb", "bbb"],
                Some("sent are in aaa (1), images of the dataset before in bbb (2);"),
            ),
            (
                &["aaa"],
                &["aaa", "bbb"],
                Some("before in aaa (1), bbb (1);"),
            ),
            (
                &["aaa", "bbb"],
                &["aaa"],
                Some("sent are in aaa (1), bbb (1), images"),
            ),
        ] {
            let (sent, there) = (buckets(sent), buckets(there));
            let found = notice([&sent].into_iter(), [&there].into_iter());
            match expected {
                None => assert_eq!(found, None),
                Some(expected) => {
                    let found = found.unwrap();
                    assert!(found.reason.contains(expected), "{}", found.reason);
                    assert_eq!(found.code, "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS");
                }
            }
        }
    }

    #[test]
    fn names_are_bounded() {
        let mut many = Buckets::default();
        for n in 0..300 {
            many.add(&format!("s3://bucket-{n:03}/k"));
        }
        many.add("bucket/k");
        assert_eq!(
            (many.0.len(), many.0[FURTHER_BUCKETS]),
            (BUCKETS_MAX + 1, 200)
        );
        let reason = notice([&many].into_iter(), [].into_iter()).unwrap().reason;
        assert!(reason.len() < 200, "{reason}");
    }
}
