//! What the environment says, checked before the first event.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use labeling::job::categories::parse_setting;
use serde_json::Value;

use crate::request::event::{JobsOutput, MANIFEST_SUFFIX};
use crate::request::target::{TargetError, Targets};
use crate::storage::leases::{self, Folder};

/// Everything that can be set, by the variable of the same name in capitals.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which datasets, for which jobs.
    pub targets: Targets,
    /// What happens to entries that the dataset has already.
    pub existing: Existing,
    /// Most images of a dataset, inclusive; `None`: as its Region has it.
    pub images_max: Option<u64>,
    /// Whether missing datasets of a project are created.
    pub create_datasets: bool,
    /// The label attribute to use; `None`: found in each line.
    pub label_attribute: Option<String>,
    /// Labels below this confidence are left out; `None`: all are sent.
    pub min_confidence: Option<f64>,
    /// Words of verification jobs that confirm a label, beside the known ones.
    pub approving_words: Vec<String>,
    /// Ending of the keys that are acted upon.
    pub manifest_suffix: String,
    /// Where labeling jobs write; `None`: events have to tell.
    pub jobs_output: Option<JobsOutput>,
    /// Buckets that may be read; empty: the role alone decides.
    pub allowed_buckets: Vec<String>,
    /// Bucket of the reports; `None`: the manifest's.
    pub report_bucket: Option<String>,
    /// Prefix of the reports; `None`: beside the job.
    pub report_prefix: Option<String>,
    /// KMS key of the reports; `None`: the bucket's default.
    pub report_kms_key_id: Option<String>,
    /// Folder of the datasets' leases; `None`: beside the root of the reports.
    pub leases: Option<Folder>,
    /// Folder of the file that a dataset's entries are kept in while new ones are merged into them.
    pub scratch_folder: PathBuf,
    /// Bound of one update's entries, in bytes, inclusive.
    pub changes_bytes_max: usize,
    /// Calls a second, of each operation.
    pub calls_per_second: f64,
    /// First wait between two looks at a dataset that is being updated; it grows by half with each look.
    pub poll_interval: Duration,
    /// Longest such wait.
    pub poll_interval_max: Duration,
    /// Longest time that an unchanged UPDATE_COMPLETE is taken for the update before.
    pub stale_status_max: Duration,
    /// Time kept back at the end of an invocation to write down where it stopped.
    pub safety_margin: Duration,
    /// Invocations that may go on with an unfinished manifest, after the first.
    pub resumptions_max: u32,
    /// Share of rejected lines above which the outcome is worth an alarm.
    pub rejected_alert_fraction: f64,
    /// When a training is started.
    pub train_when: TrainWhen,
    /// Where a training's results go; `None`: beside the reports.
    pub training_output: Option<aws::s3::ObjectUri>,
    /// Which jobs are consolidated here.
    pub consolidate: Consolidate,
    /// How.
    pub consolidation: labeling::consolidation::Config,
    /// Label category file; wins over the label categories in `consolidation`.
    pub label_categories_uri: Option<aws::s3::ObjectUri>,
    /// The function's memory in bytes; `None`: unknown, and no consolidation is too large.
    pub memory_bytes: Option<u64>,
}

/// What happens to entries that the dataset has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// The new entry takes the old one's place, whole.
    Replace,
    /// The old entry's labels of other jobs are kept beside the new ones.
    Merge,
}

/// Which jobs are consolidated before their lines are converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consolidate {
    /// Those that have no labels yet, for want of a consolidation function.
    Unlabeled,
    /// All: the labels in the output manifest give way to those of all answers together.
    WholeJob,
}

/// When a training is started after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainWhen {
    /// Never.
    Never,
    /// After an update in which every line that was sent has landed, when the documented minimums hold.
    Updated,
}

/// Which variable can't be used, and why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A value that isn't one of the possible ones.
    #[error("environment variable {name}={value:?}: {expected}")]
    Value {
        /// The variable.
        name: &'static str,
        /// Its value, cut to a readable length.
        value: String,
        /// What is possible.
        expected: &'static str,
    },
    /// The targets don't say which dataset.
    #[error(transparent)]
    Targets(#[from] TargetError),
    /// A training needs the project.
    #[error(
        "TRAIN_WHEN=updated needs the project: set PROJECT_ARN (or projectArn in TARGETS) instead of a dataset's ARN"
    )]
    TrainingWithoutProject,
}

impl Config {
    /// Parses the environment's variables.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable and what it may be.
    pub fn parse(environment: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let get = |name: &str| {
            environment
                .get(name)
                .map(|value| value.trim())
                .filter(|value| !value.is_empty())
        };
        let choice = |name: &'static str, expected: &'static str| {
            move |value: &str| ConfigError::Value {
                name,
                value: value.chars().take(100).collect(),
                expected,
            }
        };
        let number = |name: &'static str,
                      default: f64,
                      range: std::ops::RangeInclusive<f64>,
                      expected: &'static str| match get(name) {
            None => Ok(default),
            Some(text) => text
                .parse::<f64>()
                .ok()
                .filter(|value| range.contains(value))
                .ok_or_else(|| choice(name, expected)(text)),
        };
        let millis = |name, default, expected| {
            number(name, default, 0.0..=86_400_000.0, expected)
                .map(|ms| Duration::from_secs_f64(ms / 1000.0))
        };
        let flag = |name: &'static str, default| match get(name) {
            None => Ok(default),
            Some("true" | "1" | "yes") => Ok(true),
            Some("false" | "0" | "no") => Ok(false),
            Some(text) => Err(choice(name, "true or false")(text)),
        };
        let text = |name: &str| get(name).map(str::to_owned);
        let uri = |name: &'static str| match get(name) {
            None => Ok(None),
            Some(text) => aws::s3::ObjectUri::parse(text)
                .map(Some)
                .map_err(|_| choice(name, "s3://bucket/key")(text)),
        };
        let folder = |name: &'static str| match get(name) {
            None => Ok(None),
            // A folder is where an object can be; a bucket's root is one, too.
            Some(text) => {
                match aws::s3::ObjectUri::parse(&format!("{}/x", text.trim_end_matches('/'))) {
                    Ok(object) => Ok(Some(Folder {
                        prefix: object.key.strip_suffix('x').unwrap_or_default().to_owned(),
                        bucket: object.bucket,
                    })),
                    Err(_) => Err(choice(name, "s3://bucket/folder/")(text)),
                }
            }
        };
        let categories = get("LABEL_CATEGORIES").unwrap_or_default();
        let defaults = labeling::consolidation::Config::default();
        let consolidation = labeling::consolidation::Config {
            label_categories: match parse_setting(categories) {
                Ok(names) => Some(names).filter(|names| !names.is_empty()),
                Err(_) => {
                    let expected = "different names separated by commas, or a JSON list of names";
                    return Err(choice("LABEL_CATEGORIES", expected)(categories));
                }
            },
            task_type: match get("TASK_TYPE") {
                None => None,
                Some(text) => Some(text.parse().map_err(|_| {
                    choice("TASK_TYPE", "single-label, multi-label or bounding-box")(text)
                })?),
            },
            answer_name: text("ANSWER_NAME"),
            exclusion_label: text("EXCLUSION_LABEL").unwrap_or(defaults.exclusion_label),
            ..defaults
        };
        let config = Self {
            targets: Targets::parse(
                get("PROJECT_ARN"),
                get("TRAIN_DATASET_ARN"),
                get("TEST_DATASET_ARN"),
                number("TEST_FRACTION", 0.0, 0.0..=1.0, "a number from 0 to 1")?,
                get("TARGETS"),
            )?,
            existing: match get("EXISTING") {
                None | Some("replace") => Existing::Replace,
                Some("merge") => Existing::Merge,
                Some(text) => return Err(choice("EXISTING", "replace or merge")(text)),
            },
            consolidate: match get("CONSOLIDATE") {
                None | Some("off") => Consolidate::Unlabeled,
                Some("whole-job") => Consolidate::WholeJob,
                Some(text) => return Err(choice("CONSOLIDATE", "off or whole-job")(text)),
            },
            images_max: match get("IMAGES_MAX") {
                None => None,
                Some(text) => Some(
                    text.parse()
                        .map_err(|_| choice("IMAGES_MAX", "a whole number of images")(text))?,
                ),
            },
            create_datasets: flag("CREATE_DATASETS", false)?,
            label_attribute: text("LABEL_ATTRIBUTE"),
            min_confidence: match number("MIN_CONFIDENCE", 0.0, 0.0..=1.0, "a number from 0 to 1")?
            {
                min if min > 0.0 => Some(min),
                _ => None,
            },
            approving_words: match get("APPROVING_WORDS").map(parse_setting) {
                None => Vec::new(),
                Some(Ok(words)) => words,
                Some(Err(_)) => {
                    let text = get("APPROVING_WORDS").unwrap_or_default();
                    let expected = "different words separated by commas, or a JSON list of words";
                    return Err(choice("APPROVING_WORDS", expected)(text));
                }
            },
            manifest_suffix: match get("MANIFEST_SUFFIX") {
                None => MANIFEST_SUFFIX.to_owned(),
                Some(suffix) => suffix.to_owned(),
            },
            jobs_output: match get("JOBS_OUTPUT_S3_URI") {
                None => None,
                Some(text) => {
                    let expected = "s3://bucket/prefix";
                    let wrong = || choice("JOBS_OUTPUT_S3_URI", expected)(text);
                    Some(JobsOutput::parse(text).ok_or_else(wrong)?)
                }
            },
            allowed_buckets: get("ALLOWED_BUCKETS")
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .filter(|bucket| !bucket.is_empty())
                .map(str::to_owned)
                .collect(),
            report_bucket: text("REPORT_BUCKET"),
            report_prefix: text("REPORT_PREFIX"),
            report_kms_key_id: text("REPORT_KMS_KEY_ID"),
            leases: folder("LEASES_S3_URI")?,
            scratch_folder: get("SCRATCH_FOLDER").unwrap_or("/tmp").into(),
            changes_bytes_max: number(
                "CHANGES_BYTES_MAX",
                manifest::CHANGES_BYTES_MAX as f64,
                1.0..=5_242_880.0,
                "a number of bytes from 1 to 5242880",
            )? as usize,
            calls_per_second: number(
                "CALLS_PER_SECOND",
                5.0,
                0.01..=10_000.0,
                "a number from 0.01 to 10000",
            )?,
            poll_interval: millis("POLL_INTERVAL_MS", 2_000.0, "milliseconds")?,
            poll_interval_max: millis("POLL_INTERVAL_MAX_MS", 15_000.0, "milliseconds")?,
            stale_status_max: millis("STALE_STATUS_MAX_MS", 30_000.0, "milliseconds")?,
            safety_margin: millis("SAFETY_MARGIN_MS", 20_000.0, "milliseconds")?,
            resumptions_max: number(
                "MAX_RESUMPTIONS",
                50.0,
                0.0..=100_000.0,
                "a whole number from 0 to 100000",
            )? as u32,
            rejected_alert_fraction: number(
                "REJECTED_ALERT_FRACTION",
                0.2,
                0.0..=1.0,
                "a number from 0 to 1",
            )?,
            train_when: match get("TRAIN_WHEN") {
                None | Some("never") => TrainWhen::Never,
                Some("updated") => TrainWhen::Updated,
                Some(text) => return Err(choice("TRAIN_WHEN", "never or updated")(text)),
            },
            training_output: uri("TRAINING_OUTPUT_S3_URI")?,
            consolidation,
            label_categories_uri: uri("LABEL_CATEGORIES_S3_URI")?,
            // Set by Lambda, in MiB.
            memory_bytes: get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
                .and_then(|text| text.parse::<u64>().ok())
                .map(|mib| mib.saturating_mul(1024 * 1024)),
        };
        if config.train_when != TrainWhen::Never && !config.targets.has_project() {
            return Err(ConfigError::TrainingWithoutProject);
        }
        Ok(config)
    }

    /// Where the leases of datasets lie that a manifest of `manifest_bucket` is for. Without a setting, functions that write
    /// their reports to one place meet there.
    #[must_use]
    pub fn leases_folder(&self, manifest_bucket: &str) -> Folder {
        if let Some(folder) = &self.leases {
            return folder.clone();
        }
        let prefix = self.report_prefix.as_deref().unwrap_or_default();
        let root = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Folder {
            bucket: self
                .report_bucket
                .clone()
                .unwrap_or_else(|| manifest_bucket.to_owned()),
            prefix: format!("{root}{}", leases::FOLDER),
        }
    }

    /// Whether a bucket may be read.
    #[must_use]
    pub fn allows_bucket(&self, bucket: &str) -> bool {
        self.allowed_buckets.is_empty() || self.allowed_buckets.iter().any(|known| known == bucket)
    }
}

/// The JSON object of a variable.
pub(crate) fn json_object(text: &str) -> Option<serde_json::Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIN: &str = "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/train/1";

    fn parse(variables: &[(&str, &str)]) -> Result<Config, String> {
        let environment = variables
            .iter()
            .chain(&[("TRAIN_DATASET_ARN", TRAIN)])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::parse(&environment).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_need_only_a_dataset() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.existing, Existing::Replace);
        assert_eq!(config.train_when, TrainWhen::Never);
        assert_eq!(config.changes_bytes_max, 3_932_160);
        assert_eq!(config.manifest_suffix, MANIFEST_SUFFIX);
        assert!(!config.create_datasets);
        assert!(config.allows_bucket("any"));
        assert!(Config::parse(&BTreeMap::new()).is_err());
    }

    #[test]
    fn empty_is_unset() {
        assert_eq!(
            parse(&[("EXISTING", ""), ("MIN_CONFIDENCE", " ")]),
            parse(&[])
        );
    }

    #[test]
    fn ranges() {
        for (name, good, bad) in [
            ("TEST_FRACTION", "0", "1.01"),
            ("TEST_FRACTION", "0", "-0.01"),
            ("MIN_CONFIDENCE", "1", "NaN"),
            ("CHANGES_BYTES_MAX", "5242880", "5242881"),
            ("CHANGES_BYTES_MAX", "1", "0"),
            ("CALLS_PER_SECOND", "0.01", "0"),
            ("POLL_INTERVAL_MS", "0", "-1"),
            ("MAX_RESUMPTIONS", "0", "many"),
            ("IMAGES_MAX", "500000", "-1"),
            ("REJECTED_ALERT_FRACTION", "1", "2"),
            ("EXISTING", "merge", "append"),
            ("TRAIN_WHEN", "never", "always"),
            ("CREATE_DATASETS", "true", "maybe"),
            ("TRAINING_OUTPUT_S3_URI", "s3://bkt/models", "bkt/models"),
            ("LABEL_CATEGORIES_S3_URI", "s3://bkt/c.json", "c.json"),
            ("LEASES_S3_URI", "s3://bkt/leases/", "bkt/leases"),
            ("LEASES_S3_URI", "s3://bkt", "s3:///leases"),
            ("JOBS_OUTPUT_S3_URI", "s3://bkt/jobs/", "bkt/jobs"),
            ("LABEL_CATEGORIES", "owl, duck", "owl,owl"),
            ("APPROVING_WORDS", "fits, Label is correct", "fits,fits"),
            ("CONSOLIDATE", "whole-job", "on"),
            ("TASK_TYPE", "multi-label", "polygons"),
        ] {
            assert!(parse(&[(name, good)]).is_ok(), "{name}={good}");
            let error = parse(&[(name, bad)]).unwrap_err();
            assert!(error.contains(name) && error.contains(bad), "{error}");
        }
    }

    #[test]
    fn places_of_leases() {
        let name = "dataset-updater-leases/";
        for (variables, expected) in [
            (&[][..], format!("s3://jobs/{name}")),
            (
                &[("REPORT_PREFIX", "/a/b/")],
                format!("s3://jobs/a/b/{name}"),
            ),
            (
                &[("REPORT_BUCKET", "other"), ("REPORT_PREFIX", "/")],
                format!("s3://other/{name}"),
            ),
            (&[("LEASES_S3_URI", "s3://bkt")], "s3://bkt/".to_owned()),
            (&[("LEASES_S3_URI", "s3://bkt/")], "s3://bkt/".to_owned()),
            (
                &[("LEASES_S3_URI", "s3://bkt/x/ax"), ("REPORT_BUCKET", "o")],
                "s3://bkt/x/ax/".to_owned(),
            ),
        ] {
            let folder = parse(variables).unwrap().leases_folder("jobs");
            let found = format!("s3://{}/{}", folder.bucket, folder.prefix);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn allowed_buckets() {
        let config = parse(&[("ALLOWED_BUCKETS", "a, b,")]).unwrap();
        assert!(config.allows_bucket("a") && config.allows_bucket("b"));
        assert!(!config.allows_bucket("c") && !config.allows_bucket(""));
    }
}
