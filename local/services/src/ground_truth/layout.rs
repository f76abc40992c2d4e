//! Where a labeling job's objects lie below its output path.

use jiff::Timestamp;

/// The folder of one labeling job: `<S3OutputPath>/<job name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFolder {
    uri: String,
}

impl JobFolder {
    /// The folder of the job of this name below an output path; a slash at the path's end changes nothing.
    pub fn new(s3_output_path: &str, labeling_job_name: &str) -> Self {
        Self {
            uri: format!(
                "{}/{labeling_job_name}",
                s3_output_path.trim_end_matches('/')
            ),
        }
    }

    /// The folder itself, without a slash at its end.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// What `outputConfig` names in a consolidation request.
    pub fn annotations(&self) -> String {
        format!("{}/annotations", self.uri)
    }

    /// The job's result.
    pub fn output_manifest(&self) -> String {
        format!("{}/manifests/output/output.manifest", self.uri)
    }

    /// The job's copy of the label category file.
    pub fn label_categories(&self) -> String {
        format!("{}/annotation-tool/data.json", self.uri)
    }

    pub(super) fn worker_response(&self, object_idx: u32, at: Timestamp) -> String {
        format!(
            "{}/annotations/worker-response/iteration-1/{object_idx}/{}.json",
            self.uri,
            seconds(at)
        )
    }

    pub(super) fn consolidation_request(&self, at: Timestamp) -> String {
        self.consolidated("consolidation-request", at)
    }

    pub(super) fn consolidation_response(&self, at: Timestamp) -> String {
        self.consolidated("consolidation-response", at)
    }

    fn consolidated(&self, kind: &str, at: Timestamp) -> String {
        format!(
            "{}/annotations/consolidated-annotation/{kind}/iteration-1/{}.json",
            self.uri,
            seconds(at)
        )
    }
}

/// As Ground Truth names files: `2021-11-18_02:19:51`.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d_%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ground_truths() {
        let folder = JobFolder::new("s3://bucket/out/", "Birds");
        let at: Timestamp = "2021-11-18T02:19:51Z".parse().expect("a time");
        assert_eq!(
            folder.output_manifest(),
            "s3://bucket/out/Birds/manifests/output/output.manifest"
        );
        assert_eq!(
            folder.consolidation_request(at),
            "s3://bucket/out/Birds/annotations/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"
        );
        assert_eq!(
            folder.worker_response(7, at),
            "s3://bucket/out/Birds/annotations/worker-response/iteration-1/7/2021-11-18_02:19:51.json"
        );
    }
}
