//! Workers' pseudonyms.

use sha2::{Digest, Sha256};

/// Length of a pseudonym, in hexadecimal digits: 64 bits, no collision to expect among a million workers.
const PSEUDONYM_DIGITS: usize = 16;

/// The name under which a worker appears in statistics, reports and logs: a hash of the id, keyed with the job.
///
/// `job_key` is the job's folder in S3. It isn't secret: whoever may read the statistics may read the job's annotation
/// files too, where the ids stand in the clear. What it prevents is that ids spread (into logs and reports), and that
/// one worker's figures are joined across jobs.
#[must_use]
pub fn pseudonym(job_key: &str, worker_id: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"gtcl worker\0");
    hash.update(job_key.as_bytes());
    hash.update(b"\0");
    hash.update(worker_id.as_bytes());
    let mut name = hex(&hash.finalize());
    name.truncate(PSEUDONYM_DIGITS);
    name
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal() {
        assert_eq!(hex(&[0x00, 0x0f, 0xa5, 0xff]), "000fa5ff");
    }

    #[test]
    fn pseudonyms() {
        let name = pseudonym("s3://bkt/job", "private.us-west-2.ab1234c5678a919d0");
        assert_eq!(name.len(), 16);
        assert_eq!(
            name,
            pseudonym("s3://bkt/job", "private.us-west-2.ab1234c5678a919d0")
        );
        assert_ne!(
            name,
            pseudonym("s3://bkt/other", "private.us-west-2.ab1234c5678a919d0")
        );
        assert_ne!(pseudonym("a", "bc"), pseudonym("ab", "c"));
    }
}
