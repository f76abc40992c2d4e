//! Why a labeling job fails as a whole.

use super::function::InvokeError;

/// Why a job failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The request is not one that CreateLabelingJob takes.
    #[error("the labeling job's request: {reason}")]
    Request {
        /// What is wrong and where.
        reason: String,
    },
    /// An object of the job cannot be read.
    #[error("reading {uri}: {reason}")]
    Read {
        /// The object.
        uri: String,
        /// What S3 said.
        reason: String,
    },
    /// An object of the job cannot be written.
    #[error("writing {uri}: {reason}")]
    Write {
        /// The object.
        uri: String,
        /// What S3 said.
        reason: String,
    },
    /// The input manifest holds no data object.
    #[error(
        "{uri} holds no data object: an input manifest is one JSON object a line, each with a source-ref"
    )]
    EmptyManifest {
        /// The input manifest.
        uri: String,
    },
    /// A line of the input manifest is not one.
    #[error(
        "{uri}, line {line_number}: {reason}; every line must be a JSON object with a source-ref (or source)"
    )]
    ManifestLine {
        /// The input manifest.
        uri: String,
        /// One-based.
        line_number: usize,
        /// What is wrong.
        reason: String,
    },
    /// The label category file is not one.
    #[error(
        "{uri}: {reason}; it must be {{\"document-version\": \"2018-11-28\", \"labels\": [{{\"label\": …}}, …]}}"
    )]
    LabelCategories {
        /// The label category file.
        uri: String,
        /// What is wrong.
        reason: String,
    },
    /// The job's name is taken: its folder has an output manifest.
    #[error(
        "{uri} exists: a labeling job of this name ran here before; choose another LabelingJobName or S3OutputPath"
    )]
    NameTaken {
        /// The earlier job's output manifest.
        uri: String,
    },
    /// A function failed, and with it the job.
    #[error("exception invoking the Lambda function {function}: {error}")]
    Function {
        /// Name or ARN.
        function: String,
        /// What it answered.
        error: InvokeError,
    },
    /// A function's answer is not what Ground Truth asks for.
    #[error("the answer of the Lambda function {function}: {reason}")]
    Answer {
        /// Name or ARN.
        function: String,
        /// What is wrong.
        reason: String,
    },
}
