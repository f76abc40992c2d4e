//! Where a manifest's checkpoint and reports lie.

/// Folder of everything that this function writes. A key with this folder never triggers the function.
const FOLDER: &str = "dataset-updater";

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
    /// layout `<folder>/dataset-updater/<file name>/`. With `prefix`, the same below that prefix.
    #[must_use]
    pub fn of(
        manifest_bucket: &str,
        key: &str,
        bucket: Option<&str>,
        prefix: Option<&str>,
    ) -> Self {
        let own = match key.strip_suffix("/manifests/output/output.manifest") {
            Some(job_folder) => format!("{job_folder}/{FOLDER}/"),
            None => match key.rsplit_once('/') {
                Some((folder, name)) => format!("{folder}/{FOLDER}/{name}/"),
                None => format!("{FOLDER}/{key}/"),
            },
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

/// Whether a key is one of our own.
#[must_use]
pub fn is_report_key(key: &str) -> bool {
    key.split('/').any(|folder| folder == FOLDER)
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
    fn another_bucket() {
        assert_eq!(
            Place::of("jobs", "a/b", Some("reports"), None).uri("report.json"),
            "s3://reports/a/dataset-updater/b/report.json"
        );
    }
}
