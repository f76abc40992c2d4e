//! Where a manifest's checkpoint and reports lie.

use labeling::job::JobFolder;

/// Folder of everything that this function writes.
const FOLDER: &str = "dataset-updater";
/// Files in it.
const FILES: [&str; 10] = [
    "changes.jsonl",
    "checkpoint.json",
    "consolidated.manifest",
    "entries.manifest",
    "entries.test.manifest",
    "left-behind.manifest",
    "left-behind.test.manifest",
    "rejected.jsonl",
    "report.json",
    "review.manifest",
];
/// Folders in it: of work in progress, and of what a training writes.
const FOLDERS: [&str; 2] = ["parts", "model"];

/// Bucket and prefix of one manifest's reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The prefix, with a slash at its end.
    pub prefix: String,
}

impl Place {
    /// The place of a manifest's reports: `<job folder>/dataset-updater/` beside the job's own folders; for a key of another
    /// layout `<folder>/dataset-updater/<file name>/`. With `bucket`, the same there in a folder that is named as the
    /// manifest's bucket: a job's key may be that of another job in another bucket. With `prefix`, all that below the prefix.
    #[must_use]
    pub fn of(
        manifest_bucket: &str,
        key: &str,
        bucket: Option<&str>,
        prefix: Option<&str>,
    ) -> Self {
        let own = match JobFolder::of_output_manifest(key) {
            Some(job_folder) => format!("{job_folder}/{FOLDER}/"),
            None => match key.rsplit_once('/') {
                Some((folder, name)) => format!("{folder}/{FOLDER}/{name}/"),
                None => format!("{FOLDER}/{key}/"),
            },
        };
        let own = match bucket {
            Some(_) => format!("{manifest_bucket}/{own}"),
            None => own,
        };
        Self {
            bucket: bucket.unwrap_or(manifest_bucket).to_owned(),
            prefix: match prefix.map(|prefix| prefix.trim_matches('/')) {
                Some(prefix) if !prefix.is_empty() => format!("{prefix}/{own}"),
                _ => own,
            },
        }
    }

    /// The key of one file.
    #[must_use]
    pub fn key(&self, file_name: &str) -> String {
        format!("{}{file_name}", self.prefix)
    }

    /// The S3 URI of one file.
    #[must_use]
    pub fn uri(&self, file_name: &str) -> String {
        format!("s3://{}/{}{file_name}", self.bucket, self.prefix)
    }
}

/// Whether a key is one of the files that this function writes, whose events ask for nothing. A labeling job's
/// `output.manifest` is none of them, whatever the job and the folders above it are called.
#[must_use]
pub fn is_report_key(key: &str) -> bool {
    if JobFolder::of_output_manifest(key).is_some() {
        return false;
    }
    let mut below = key;
    while let Some((folder, rest)) = below.split_once('/') {
        below = rest;
        let in_named = rest.split_once('/').map_or("", |(_, rest)| rest);
        if folder == FOLDER && (is_written(rest) || is_written(in_named)) {
            return true;
        }
    }
    false
}

/// Whether a path below the place of a manifest's reports is one that is written to.
fn is_written(path: &str) -> bool {
    match path.split_once('/') {
        None => FILES.contains(&path),
        Some((folder, _)) => FOLDERS.contains(&folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, prefix: Option<&str>, expected: &str) {
        let place = Place::of("jobs", key, None, prefix);
        assert_eq!(place.prefix, expected, "{key}");
        assert_eq!(place.bucket, "jobs");
        assert!(is_report_key(&place.key("entries.manifest")));
        assert!(!is_report_key(key));
    }

    #[test]
    fn places() {
        check(
            "out/birds/manifests/output/output.manifest",
            None,
            "out/birds/dataset-updater/",
        );
        check(
            "birds/manifests/output/output.manifest",
            None,
            "birds/dataset-updater/",
        );
        check(
            "backfill/old.manifest",
            None,
            "backfill/dataset-updater/old.manifest/",
        );
        check("old.manifest", None, "dataset-updater/old.manifest/");
        check(
            "a/b.manifest",
            Some("/reports/"),
            "reports/a/dataset-updater/b.manifest/",
        );
        check("a/b.manifest", Some(""), "a/dataset-updater/b.manifest/");
    }

    #[test]
    fn one_job_key_in_two_buckets_has_two_places() {
        let uri = |bucket: &str, key: &str, prefix: Option<&str>| {
            Place::of(bucket, key, Some("reports"), prefix).uri("report.json")
        };
        let job = "out/birds/manifests/output/output.manifest";
        for (bucket, key, prefix, expected) in [
            ("jobs", "a/b", None, "jobs/a/dataset-updater/b"),
            ("jobs", job, None, "jobs/out/birds/dataset-updater"),
            ("others", job, None, "others/out/birds/dataset-updater"),
            ("jobs", job, Some("r/"), "r/jobs/out/birds/dataset-updater"),
            ("reports", job, None, "reports/out/birds/dataset-updater"),
        ] {
            let expected = format!("s3://reports/{expected}/report.json");
            assert_eq!(uri(bucket, key, prefix), expected);
        }
        // A folder named as the other bucket is not the other bucket.
        let below = format!("others/{job}");
        assert_ne!(uri("jobs", &below, None), uri("others", job, None));
    }

    #[test]
    fn own_files_are_known_and_jobs_of_such_names_are_not_taken_for_them() {
        for (key, expected) in [
            ("out/birds/dataset-updater/report.json", true),
            ("out/birds/dataset-updater/entries.test.manifest", true),
            ("out/birds/dataset-updater/left-behind.manifest", true),
            ("out/birds/dataset-updater/parts/train-1-2.jsonl", true),
            ("out/birds/dataset-updater/model/a/b.json", true),
            ("a/dataset-updater/b.manifest/review.manifest", true),
            ("a/dataset-updater/b.manifest/parts/x", true),
            ("dataset-updater/old.manifest/checkpoint.json", true),
            ("dataset-updater/dataset-updater/report.json", true),
            ("out/birds/dataset-updater/mine.manifest", false),
            ("out/birds/dataset-updater/parts", false),
            ("a/dataset-updater/b/c/review.manifest", false),
            ("out/birds/report.json", false),
            ("dataset-updater", false),
            ("dataset-updater/manifests/output/output.manifest", false),
            (
                "jobs/dataset-updater/manifests/output/output.manifest",
                false,
            ),
            (
                "dataset-updater/birds/manifests/output/output.manifest",
                false,
            ),
            (
                "dataset-updater/model/manifests/output/output.manifest",
                false,
            ),
        ] {
            assert_eq!(is_report_key(key), expected, "{key}");
        }
    }
}
