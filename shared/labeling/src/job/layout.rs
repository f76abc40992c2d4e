//! Where a job's objects lie: the one place that knows a path of the job's folder.
//!
//! Source: Ground Truth output data, "Output directories"; folders of real jobs.

use manifest::S3Uri;

/// The output manifest, in the job's folder.
pub const OUTPUT_MANIFEST: &str = OUTPUT_MANIFEST_SUFFIX.split_at(1).1;
/// How the key of every output manifest ends.
pub const OUTPUT_MANIFEST_SUFFIX: &str = "/manifests/output/output.manifest";
/// The folder of the job's manifests, in the job's folder.
pub const MANIFESTS: &str = "manifests";
/// The folder of everything that workers' answers became, in the job's folder.
pub const ANNOTATIONS: &str = "annotations";
/// The job's own copy of its label category file, in the job's folder.
pub const LABEL_CATEGORIES: &str = "annotation-tool/data.json";

/// The folder of what the consolidation function was asked and what it answered, in [`ANNOTATIONS`].
const CONSOLIDATED: &str = "consolidated-annotation";
/// The folder of annotation files.
pub(super) const REQUESTS: &str = "consolidation-request";
/// The folder of the consolidation function's answers.
const ANSWERS: &str = "consolidation-response";
/// The folder of worker-response files.
pub(super) const RESPONSES: &str = "worker-response";
/// What stands before the number of an iteration in a folder's name.
const ITERATION: &str = "iteration-";
/// The iteration that a job which asks no data object twice has.
const FIRST_ITERATION: &str = "iteration-1";

/// The folder of annotation files, in the job's folder.
#[must_use]
pub fn annotation_files() -> String {
    format!("{ANNOTATIONS}/{CONSOLIDATED}/{REQUESTS}")
}

/// The folder of worker-response files, in the job's folder.
#[must_use]
pub fn worker_responses() -> String {
    format!("{ANNOTATIONS}/{RESPONSES}")
}

/// A job's folder: an S3 URI (`s3://bucket/prefix/job`), an object key (`prefix/job`) or a path on disk.
///
/// # Examples
///
/// ```
/// # use labeling::job::JobFolder;
/// let folder = JobFolder::of_output_manifest("s3://bkt/out/Job/manifests/output/output.manifest").unwrap();
/// assert_eq!((folder.as_str(), folder.name()), ("s3://bkt/out/Job", "Job"));
/// assert_eq!(folder.label_categories(), "s3://bkt/out/Job/annotation-tool/data.json");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFolder {
    root: String,
}

impl JobFolder {
    /// The folder itself; a slash at its end changes nothing.
    #[must_use]
    pub fn at(root: &str) -> Self {
        Self {
            root: root.trim_end_matches('/').to_owned(),
        }
    }

    /// The folder of the job of this name below an output path.
    #[must_use]
    pub fn of_job(s3_output_path: &str, labeling_job_name: &str) -> Self {
        let path = s3_output_path.trim_end_matches('/');
        Self::at(&format!("{path}/{labeling_job_name}"))
    }

    /// The job's folder, `s3://bucket/prefix/job`, from `outputConfig` (`…/job/annotations`) where the request has one,
    /// else from the annotation file's URI; `None` when neither tells.
    ///
    /// Never from `labelingJobArn`: the job's name is in lower case there, while the folder keeps the user's spelling.
    #[must_use]
    pub fn of_request(output_uri: Option<&str>, annotation_file_uri: Option<&str>) -> Option<Self> {
        let from_output = || {
            let uri = output_uri?.trim_end_matches('/');
            uri.strip_suffix(ANNOTATIONS)?.strip_suffix('/')
        };
        let from_file = || {
            let between = format!("/{ANNOTATIONS}/{CONSOLIDATED}/");
            Some(annotation_file_uri?.split_once(&between)?.0)
        };
        let folder = from_output().or_else(from_file)?;
        let uri = S3Uri::split(folder)?;
        (!uri.key.is_empty()).then(|| Self::at(folder))
    }

    /// The job's folder, from the URI, key or path of its output manifest; `None` when that lies elsewhere.
    #[must_use]
    pub fn of_output_manifest(manifest: &str) -> Option<Self> {
        let root = manifest.strip_suffix(OUTPUT_MANIFEST_SUFFIX)?;
        (!root.ends_with('/') && !root.is_empty()).then(|| Self::at(root))
    }

    /// URI, key or path of the folder, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.root
    }

    /// The job's name: the folder's.
    #[must_use]
    pub fn name(&self) -> &str {
        self.root.rsplit('/').next().unwrap_or_default()
    }

    /// The job's result.
    #[must_use]
    pub fn output_manifest(&self) -> String {
        format!("{}{OUTPUT_MANIFEST_SUFFIX}", self.root)
    }

    /// The job's own copy of its label category file.
    #[must_use]
    pub fn label_categories(&self) -> String {
        format!("{}/{LABEL_CATEGORIES}", self.root)
    }

    /// What `outputConfig` names in a consolidation request.
    #[must_use]
    pub fn annotations(&self) -> String {
        format!("{}/{ANNOTATIONS}", self.root)
    }

    /// The folder of the job's annotation files, with a slash at its end.
    #[must_use]
    pub fn annotation_files(&self) -> String {
        format!("{}/{}/", self.root, annotation_files())
    }

    /// The folder of the job's worker-response files, with a slash at its end.
    #[must_use]
    pub fn worker_responses(&self) -> String {
        format!("{}/{}/", self.root, worker_responses())
    }

    /// The folder of the job's worker statistics, with a slash at its end; beside Ground Truth's own files, never among
    /// them.
    #[must_use]
    pub fn worker_statistics(&self) -> String {
        self.consolidated("worker-statistics")
    }

    /// The annotation file written at `time`, as Ground Truth writes times in names: `2021-11-18_02:19:51`.
    #[must_use]
    pub fn annotation_file(&self, time: &str) -> String {
        format!("{}{FIRST_ITERATION}/{time}.json", self.annotation_files())
    }

    /// The consolidation function's answer, written at `time`.
    #[must_use]
    pub fn consolidation_response(&self, time: &str) -> String {
        let folder = self.consolidated(ANSWERS);
        format!("{folder}{FIRST_ITERATION}/{time}.json")
    }

    /// The worker-response file of a data object, written at `time`.
    #[must_use]
    pub fn worker_response(&self, dataset_object_id: &str, time: &str) -> String {
        let folder = self.worker_responses();
        format!("{folder}{FIRST_ITERATION}/{dataset_object_id}/{time}.json")
    }

    fn consolidated(&self, folder: &str) -> String {
        format!("{}/{ANNOTATIONS}/{CONSOLIDATED}/{folder}/", self.root)
    }
}

impl std::fmt::Display for JobFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.root)
    }
}

/// The `datasetObjectId` in a worker-response file's path or key; `None` when the path has another layout.
///
/// # Examples
///
/// ```
/// # use labeling::job::layout::dataset_object_id;
/// let key = "out/job/annotations/worker-response/iteration-1/42/2019-04-18_16:36:06.json";
/// assert_eq!(dataset_object_id(key), Some("42"));
/// ```
#[must_use]
pub fn dataset_object_id(path: &str) -> Option<&str> {
    let mut parts = path.rsplit('/');
    let (_, id, iteration) = (parts.next()?, parts.next()?, parts.next()?);
    (iteration.starts_with(ITERATION) && parts.next() == Some(RESPONSES)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output_uri: Option<&str>, file: Option<&str>, expected: Option<&str>) {
        let found = JobFolder::of_request(output_uri, file);
        assert_eq!(
            found.as_ref().map(JobFolder::as_str),
            expected,
            "{output_uri:?} {file:?}"
        );
    }

    #[test]
    fn folders() {
        let file = "s3://bkt/Job/annotations/consolidated-annotation/consolidation-request/iteration-1/x.json";
        check(None, Some(file), Some("s3://bkt/Job"));
        check(
            Some("s3://bkt/p/Job/annotations/"),
            None,
            Some("s3://bkt/p/Job"),
        );
        // What CreateLabelingJob calls S3OutputPath says nothing about the job.
        check(Some("s3://bkt/p"), Some(file), Some("s3://bkt/Job"));
        check(
            Some("s3://bkt/p"),
            Some("s3://your-bucket/sample-annotations.json"),
            None,
        );
        check(Some("s3://bkt/annotations"), None, None);
        check(None, None, None);
    }

    #[test]
    fn of_output_manifests() {
        for (manifest, expected) in [
            (
                "prefix/my-job/manifests/output/output.manifest",
                Some("my-job"),
            ),
            ("my-job/manifests/output/output.manifest", Some("my-job")),
            ("/manifests/output/output.manifest", None),
            ("manifests/output/output.manifest", None),
            ("a//manifests/output/output.manifest", None),
            ("copies/output.manifest", None),
        ] {
            let folder = JobFolder::of_output_manifest(manifest);
            let name = folder.as_ref().map(JobFolder::name);
            assert_eq!(name, expected, "{manifest}");
        }
    }

    #[test]
    fn files_are_ground_truths() {
        let folder = JobFolder::of_job("s3://bucket/out/", "Birds");
        let time = "2021-11-18_02:19:51";
        for (found, expected) in [
            (folder.output_manifest(), "manifests/output/output.manifest"),
            (
                folder.annotation_file(time),
                "annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json",
            ),
            (
                folder.consolidation_response(time),
                "annotations/consolidated-annotation/consolidation-response/iteration-1/2021-11-18_02:19:51.json",
            ),
            (
                folder.worker_response("7", time),
                "annotations/worker-response/iteration-1/7/2021-11-18_02:19:51.json",
            ),
        ] {
            assert_eq!(found, format!("s3://bucket/out/Birds/{expected}"));
        }
    }

    #[test]
    fn paths() {
        for (path, expected) in [
            (
                "worker-response/iteration-1/0/2019-04-18_16:36:06.json",
                Some("0"),
            ),
            (
                "/data/annotations/worker-response/iteration-2/17/x.json",
                Some("17"),
            ),
            (
                "annotations/consolidated-annotation/consolidation-request/iteration-1/x.json",
                None,
            ),
            ("x.json", None),
        ] {
            assert_eq!(dataset_object_id(path), expected, "{path}");
        }
    }
}
