//! What the environment says, checked before the first event.

use std::path::PathBuf;
use std::time::Duration;

use aws::s3::ObjectUri;
use labeling::consolidation;
use labeling::settings::{SettingError, Settings};

use crate::request::event::{JobsOutput, MANIFEST_SUFFIX};
use crate::request::target::{TargetError, Targets};
use crate::state::dataset_lease::{self, LeaseFolder};

/// Everything that can be set, by the variable of the same name in capitals.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Datasets by the job that they are for.
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
    pub leases: Option<LeaseFolder>,
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
    /// Condition on which a training is started.
    pub train_when: TrainWhen,
    /// Where a training's results go; `None`: beside the reports.
    pub training_output: Option<ObjectUri>,
    /// Which jobs are consolidated here.
    pub consolidate: Consolidate,
    /// Consolidation settings for jobs that are consolidated here.
    pub consolidation: consolidation::Config,
    /// Label category file; wins over the label categories in `consolidation`.
    pub label_categories_uri: Option<ObjectUri>,
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
    /// No training is ever started.
    Never,
    /// After an update in which every line that was sent has landed, when the documented minimums hold.
    Updated,
}

/// Which settings can't be used, and why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A value isn't one of the possible ones.
    #[error(transparent)]
    Setting(#[from] SettingError),
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
    pub fn parse(settings: &Settings) -> Result<Self, ConfigError> {
        let number = |name, default, min, max| {
            let set = settings.number(name, min, max);
            set.map(|set| set.unwrap_or(default))
        };
        let millis = |name, default| {
            let ms = number(name, default, 0.0, 86_400_000.0);
            ms.map(|ms| Duration::from_secs_f64(ms / 1000.0))
        };
        let uri = |name| settings.parsed(name, "s3://bucket/key", |it| ObjectUri::parse(it).ok());
        let min_confidence = number("MIN_CONFIDENCE", 0.0, 0.0, 1.0)?;
        let config = Self {
            targets: targets(settings)?,
            existing: settings
                .parsed("EXISTING", "replace or merge", Existing::parse)?
                .unwrap_or(Existing::Replace),
            consolidate: settings
                .parsed("CONSOLIDATE", "off or whole-job", Consolidate::parse)?
                .unwrap_or(Consolidate::Unlabeled),
            images_max: settings.parsed("IMAGES_MAX", "a whole number of images", |it| {
                it.parse().ok()
            })?,
            create_datasets: settings.is_on("CREATE_DATASETS", false)?,
            label_attribute: settings.text("LABEL_ATTRIBUTE"),
            min_confidence: Some(min_confidence).filter(|min| *min > 0.0),
            approving_words: settings.names("APPROVING_WORDS")?,
            manifest_suffix: settings
                .text("MANIFEST_SUFFIX")
                .unwrap_or_else(|| MANIFEST_SUFFIX.to_owned()),
            jobs_output: settings.parsed(
                "JOBS_OUTPUT_S3_URI",
                "s3://bucket/prefix",
                JobsOutput::parse,
            )?,
            allowed_buckets: settings.list("ALLOWED_BUCKETS").unwrap_or_default(),
            report_bucket: settings.text("REPORT_BUCKET"),
            report_prefix: settings.text("REPORT_PREFIX"),
            report_kms_key_id: settings.text("REPORT_KMS_KEY_ID"),
            leases: settings.parsed("LEASES_S3_URI", "s3://bucket/folder/", lease_folder)?,
            scratch_folder: settings.get("SCRATCH_FOLDER").unwrap_or("/tmp").into(),
            changes_bytes_max: number(
                "CHANGES_BYTES_MAX",
                manifest::CHANGES_BYTES_MAX as f64,
                1.0,
                5_242_880.0,
            )? as usize,
            calls_per_second: number("CALLS_PER_SECOND", 5.0, 0.01, 10_000.0)?,
            poll_interval: millis("POLL_INTERVAL_MS", 2_000.0)?,
            poll_interval_max: millis("POLL_INTERVAL_MAX_MS", 15_000.0)?,
            stale_status_max: millis("STALE_STATUS_MAX_MS", 30_000.0)?,
            safety_margin: millis("SAFETY_MARGIN_MS", 20_000.0)?,
            resumptions_max: number("MAX_RESUMPTIONS", 50.0, 0.0, 100_000.0)? as u32,
            rejected_alert_fraction: number("REJECTED_ALERT_FRACTION", 0.2, 0.0, 1.0)?,
            train_when: settings
                .parsed("TRAIN_WHEN", "never or updated", TrainWhen::parse)?
                .unwrap_or(TrainWhen::Never),
            training_output: uri("TRAINING_OUTPUT_S3_URI")?,
            consolidation: consolidation(settings)?,
            label_categories_uri: uri("LABEL_CATEGORIES_S3_URI")?,
            // Set by Lambda, in MiB.
            memory_bytes: settings
                .get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
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
    pub fn leases_folder(&self, manifest_bucket: &str) -> LeaseFolder {
        if let Some(folder) = &self.leases {
            return folder.clone();
        }
        let prefix = self.report_prefix.as_deref().unwrap_or_default();
        let root = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        LeaseFolder {
            bucket: self
                .report_bucket
                .clone()
                .unwrap_or_else(|| manifest_bucket.to_owned()),
            prefix: format!("{root}{}", dataset_lease::FOLDER),
        }
    }

    /// Tells whether a bucket may be read.
    #[must_use]
    pub fn allows_bucket(&self, bucket: &str) -> bool {
        self.allowed_buckets.is_empty() || self.allowed_buckets.iter().any(|known| known == bucket)
    }
}

impl Existing {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "replace" => Some(Self::Replace),
            "merge" => Some(Self::Merge),
            _ => None,
        }
    }
}

impl Consolidate {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Unlabeled),
            "whole-job" => Some(Self::WholeJob),
            _ => None,
        }
    }
}

impl TrainWhen {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "never" => Some(Self::Never),
            "updated" => Some(Self::Updated),
            _ => None,
        }
    }
}

fn targets(settings: &Settings) -> Result<Targets, ConfigError> {
    let test_fraction = settings.number("TEST_FRACTION", 0.0, 1.0)?;
    Ok(Targets::parse(
        settings.get("PROJECT_ARN"),
        settings.get("TRAIN_DATASET_ARN"),
        settings.get("TEST_DATASET_ARN"),
        test_fraction.unwrap_or(0.0),
        settings.get("TARGETS"),
    )?)
}

fn consolidation(settings: &Settings) -> Result<consolidation::Config, ConfigError> {
    let defaults = consolidation::Config::default();
    let categories = settings.names("LABEL_CATEGORIES")?;
    let task_type = "single-label, multi-label or bounding-box";
    Ok(consolidation::Config {
        label_categories: Some(categories).filter(|names| !names.is_empty()),
        task_type: settings.parsed("TASK_TYPE", task_type, |text| text.parse().ok())?,
        answer_name: settings.text("ANSWER_NAME"),
        exclusion_label: settings
            .text("EXCLUSION_LABEL")
            .unwrap_or(defaults.exclusion_label),
        ..defaults
    })
}

/// A folder is where an object can be; a bucket's root is one, too.
fn lease_folder(text: &str) -> Option<LeaseFolder> {
    let object = ObjectUri::parse(&format!("{}/x", text.trim_end_matches('/'))).ok()?;
    Some(LeaseFolder {
        prefix: object.key.strip_suffix('x').unwrap_or_default().to_owned(),
        bucket: object.bucket,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIN: &str = "arn:aws:rekognition:us-east-1:123456789012:project/p/dataset/train/1";

    fn parse(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables
            .iter()
            .chain(&[("TRAIN_DATASET_ARN", TRAIN)])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(&Settings::new(variables)).map_err(|error| error.to_string())
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
        assert!(Config::parse(&Settings::default()).is_err());
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
            let shown = bad.split(',').next().unwrap();
            assert!(error.contains(name) && error.contains(shown), "{error}");
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
