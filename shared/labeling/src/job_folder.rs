//! Where a job's output lies in S3.

/// What stands between a job's folder and everything its workers' answers became.
const ANNOTATIONS: &str = "/annotations";

/// The job's folder, `s3://bucket/prefix/job`, from `outputConfig` (`…/job/annotations`) where the request has one,
/// else from the annotation file's URI (`…/job/annotations/consolidated-annotation/…`); `None` when neither tells.
///
/// Never from `labelingJobArn`: the job's name is in lower case there, while the folder keeps the user's spelling.
///
/// # Examples
///
/// ```
/// # use labeling::job_folder::job_folder;
/// let file = "s3://bkt/out/Job/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json";
/// assert_eq!(job_folder(None, Some(file)), Some("s3://bkt/out/Job"));
/// assert_eq!(job_folder(Some("s3://other/Job/annotations"), Some(file)), Some("s3://other/Job"));
/// ```
#[must_use]
pub fn job_folder<'a>(
    output_uri: Option<&'a str>,
    annotation_file_uri: Option<&'a str>,
) -> Option<&'a str> {
    output_uri
        .and_then(|uri| uri.trim_end_matches('/').strip_suffix(ANNOTATIONS))
        .or_else(|| {
            let (folder, _) =
                annotation_file_uri?.split_once("/annotations/consolidated-annotation/")?;
            Some(folder)
        })
        .filter(|folder| {
            folder
                .strip_prefix("s3://")
                .is_some_and(|rest| rest.contains('/'))
        })
}

/// The folder of the job's worker statistics, with a slash at its end; beside Ground Truth's own files, never among
/// them.
#[must_use]
pub fn statistics_folder(job_folder: &str) -> String {
    format!("{job_folder}{ANNOTATIONS}/consolidated-annotation/worker-statistics/")
}

/// The folder of a job's annotation files, with a slash at its end.
#[must_use]
pub fn annotation_files(job_folder: &str) -> String {
    format!("{job_folder}{ANNOTATIONS}/consolidated-annotation/consolidation-request/")
}

/// The folder of a job's worker-response files, with a slash at its end.
#[must_use]
pub fn worker_responses(job_folder: &str) -> String {
    format!("{job_folder}{ANNOTATIONS}/worker-response/")
}

/// The job's own copy of its label category file.
#[must_use]
pub fn category_file(job_folder: &str) -> String {
    format!("{job_folder}/annotation-tool/data.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output_uri: Option<&str>, file: Option<&str>, expected: Option<&str>) {
        assert_eq!(
            job_folder(output_uri, file),
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
}
