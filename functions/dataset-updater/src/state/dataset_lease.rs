//! The right to update a dataset, as an object in S3 says it; see [`crate::storage::leases`].

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::request::budget::INVOCATION_MAX;

/// Folder of the leases where no setting names one.
pub const FOLDER: &str = "dataset-updater-leases/";
/// Difference of clocks that is allowed for: a lease holds others back for so long after its end.
const CLOCK_MARGIN: Duration = Duration::from_secs(2);

/// The right to update a dataset for a while, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetLease {
    /// The dataset.
    pub dataset_arn: String,
    /// The invocation's request id.
    pub owner: String,
    /// A number of the owner's own: the same event may be delivered to two processes with one request id.
    pub nonce: String,
    /// Until when, in milliseconds since 1970, exclusive: the invocation's deadline. Zero once it is given back.
    pub until_ms: i64,
}

/// The lease that holds others back at `now_ms`, by a lease object's bytes.
///
/// What can't be read, is another dataset's, has run out, or ends later than the longest invocation that could begin now, is none.
#[must_use]
pub fn holding(found: &[u8], dataset_arn: &str, now_ms: i64) -> Option<DatasetLease> {
    let margin_ms = duration_ms(CLOCK_MARGIN);
    let latest_ms = now_ms + duration_ms(INVOCATION_MAX) + margin_ms;
    serde_json::from_slice::<DatasetLease>(found)
        .ok()
        .filter(|lease| lease.dataset_arn == dataset_arn)
        .filter(|lease| lease.until_ms <= latest_ms && lease.until_ms + margin_ms > now_ms)
}

fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The folder in S3 that datasets' leases lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseFolder {
    /// The bucket.
    pub bucket: String,
    /// The prefix: empty, or with a slash at its end.
    pub prefix: String,
}

impl LeaseFolder {
    /// The key of a dataset's lease. An ARN isn't fit for a key, its hash is.
    #[must_use]
    pub fn key(&self, dataset_arn: &str) -> String {
        let digest = Sha256::digest(dataset_arn.as_bytes());
        let name: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}{name}.json", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;
    const ARN: &str = "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/train/1";

    fn check(found: &[u8], expected: bool) {
        let shown = String::from_utf8_lossy(found);
        assert_eq!(holding(found, ARN, NOW_MS).is_some(), expected, "{shown}");
    }

    fn lease(dataset_arn: &str, until_ms: i64) -> Vec<u8> {
        let lease = DatasetLease {
            dataset_arn: dataset_arn.to_owned(),
            owner: "a".to_owned(),
            nonce: "1".to_owned(),
            until_ms,
        };
        serde_json::to_vec(&lease).unwrap()
    }

    #[test]
    fn a_lease_holds_until_its_end_and_no_longer_than_an_invocation() {
        check(&lease(ARN, NOW_MS + 1), true);
        for (until_ms, expected) in [
            (-2_001, false),
            (-2_000, false),
            (-1_999, true),
            (901_999, true),
            (902_000, true),
            (902_001, false),
            (i64::MAX - NOW_MS, false),
            (-NOW_MS, false),
        ] {
            check(&lease(ARN, NOW_MS + until_ms), expected);
        }
    }

    #[test]
    fn what_is_no_lease_holds_nobody_back() {
        check(&lease("another", NOW_MS + 1), false);
        for found in [
            "",
            "{",
            "null",
            "[]",
            "\u{0}",
            r#"{"datasetArn":"a","owner":1}"#,
        ] {
            check(found.as_bytes(), false);
        }
    }

    #[test]
    fn keys_are_of_the_dataset_alone() {
        let folder = |prefix: &str| LeaseFolder {
            bucket: "b".to_owned(),
            prefix: prefix.to_owned(),
        };
        let key = folder("a/dataset-updater-leases/").key(ARN);
        let name = key.strip_prefix("a/dataset-updater-leases/").unwrap();
        assert_eq!(name.len(), 32 + ".json".len());
        assert_eq!(folder("").key(ARN), name);
        assert_ne!(folder("").key("another"), name);
    }
}
