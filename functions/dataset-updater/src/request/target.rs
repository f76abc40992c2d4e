//! Which datasets a labeling job's entries go to.

use manifest::Destination;
use serde_json::Value;

/// The datasets of all jobs, with exceptions by label attribute or job name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    default: Option<Target>,
    /// By job name or label attribute, in the order of the parameter.
    mapped: Vec<(String, Target)>,
}

/// The datasets that one job's entries go to.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The datasets, or the project that has them.
    pub datasets: Datasets,
    /// Share of images that go to the test dataset, from 0 to 1.
    pub test_fraction: f64,
}

/// Datasets by their own ARNs or by their project's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datasets {
    /// Found with DescribeProjects.
    OfProject {
        /// The project's ARN.
        arn: String,
    },
    /// Datasets named by their own ARNs.
    Given {
        /// The training dataset.
        train: Option<String>,
        /// The test dataset.
        test: Option<String>,
    },
}

/// Why the variables don't name a dataset.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// None of the settings that name a dataset is set.
    #[error("no dataset is named: set PROJECT_ARN, TRAIN_DATASET_ARN, TEST_DATASET_ARN or TARGETS")]
    None,
    /// A project and a dataset are both set.
    #[error("PROJECT_ARN and a dataset's ARN are both set for {whom}: set one of them")]
    Both {
        /// `all jobs`, or the key in TARGETS.
        whom: String,
    },
    /// A value isn't the ARN of what it should be.
    #[error("{text:?} is not the ARN of a Custom Labels {kind}")]
    Arn {
        /// The value, cut to a readable length.
        text: String,
        /// `project`, `train dataset` or `test dataset`.
        kind: &'static str,
    },
    /// Part of the images should go to a dataset that isn't named.
    #[error(
        "TEST_FRACTION is set for {whom} and a test dataset is not: set TEST_DATASET_ARN, or PROJECT_ARN instead of TRAIN_DATASET_ARN"
    )]
    NoTestDataset {
        /// `all jobs`, or the key in TARGETS.
        whom: String,
    },
    /// TARGETS isn't what it should be.
    #[error(
        "TARGETS: {reason}; expected {{\"<job name or label attribute>\": \"<ARN>\" or {{\"projectArn\" | \"trainDatasetArn\" | \"testDatasetArn\": \"<ARN>\", \"testFraction\": 0.2}}}}"
    )]
    Mapping {
        /// The fault that was found in TARGETS.
        reason: String,
    },
}

impl Targets {
    /// Parses the variables of the same names.
    ///
    /// # Errors
    ///
    /// [`TargetError`], when they contradict each other or name nothing.
    pub fn parse(
        project: Option<&str>,
        train: Option<&str>,
        test: Option<&str>,
        test_fraction: f64,
        mapping: Option<&str>,
    ) -> Result<Self, TargetError> {
        let default = match (project, train, test) {
            (None, None, None) => None,
            _ => Some(target("all jobs", project, train, test, test_fraction)?),
        };
        let mapped = match mapping {
            None => Vec::new(),
            Some(text) => json_object(text)
                .ok_or_else(|| TargetError::Mapping {
                    reason: "it is not a JSON object".to_owned(),
                })?
                .iter()
                .map(|(whom, value)| Ok((whom.clone(), mapped_target(whom, value)?)))
                .collect::<Result<_, TargetError>>()?,
        };
        if default.is_none() && mapped.is_empty() {
            return Err(TargetError::None);
        }
        Ok(Self { default, mapped })
    }

    /// The target of a job: by its name, then by its label attribute (whatever that may be called, the likeliest name
    /// first), then the one of all jobs.
    #[must_use]
    pub fn select(&self, job_name: Option<&str>, attributes: &[String]) -> Option<&Target> {
        let names = job_name.into_iter();
        let names = names.chain(attributes.iter().map(String::as_str));
        let mut found = names.filter_map(|whom| self.mapped(whom));
        found.next().or(self.default.as_ref())
    }

    /// Which label attributes' lines go to a job's target; `None` where it was not chosen by label attribute, so that all
    /// do.
    #[must_use]
    pub fn destination(&self, job_name: Option<&str>, target: &Target) -> Option<Destination> {
        if !self.needs_attribute(job_name) {
            return None;
        }
        let is_here = |mapped: &&(String, Target)| mapped.1 == *target;
        let (here, elsewhere): (Vec<_>, Vec<_>) = self.mapped.iter().partition(is_here);
        let names = |mapped: Vec<&(String, Target)>| {
            Vec::from_iter(mapped.into_iter().map(|(name, _)| name.clone()))
        };
        Some(Destination {
            here: names(here),
            elsewhere: names(elsewhere),
            takes_others: self.default.as_ref() == Some(target),
        })
    }

    fn mapped(&self, whom: &str) -> Option<&Target> {
        let mut found = self.mapped.iter().filter(|(key, _)| key == whom);
        found.next().map(|(_, target)| target)
    }

    /// Tells whether any target is a project.
    #[must_use]
    pub fn has_project(&self) -> bool {
        let mut all = self
            .mapped
            .iter()
            .map(|(_, target)| target)
            .chain(&self.default);
        all.any(|target| matches!(target.datasets, Datasets::OfProject { .. }))
    }

    /// Whether the label attribute of a job matters, so that it has to be known before the first line is sent.
    #[must_use]
    pub fn needs_attribute(&self, job_name: Option<&str>) -> bool {
        !self.mapped.is_empty() && job_name.is_none_or(|job_name| self.mapped(job_name).is_none())
    }
}

/// The JSON object of a variable.
fn json_object(text: &str) -> Option<serde_json::Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

fn mapped_target(whom: &str, value: &Value) -> Result<Target, TargetError> {
    let bad = |reason: String| TargetError::Mapping { reason };
    match value {
        Value::String(arn) => match arn_kind(arn) {
            Some(ArnKind::Project) => target(whom, Some(arn), None, None, 0.0),
            Some(ArnKind::Train) => target(whom, None, Some(arn), None, 0.0),
            Some(ArnKind::Test) => target(whom, None, None, Some(arn), 0.0),
            None => Err(bad(format!("the value of {whom:?} is not an ARN"))),
        },
        Value::Object(object) => {
            for key in object.keys() {
                if ![
                    "projectArn",
                    "trainDatasetArn",
                    "testDatasetArn",
                    "testFraction",
                ]
                .contains(&key.as_str())
                {
                    return Err(bad(format!("{whom:?} has an unknown key {key:?}")));
                }
            }
            let text = |key: &str| object.get(key).and_then(Value::as_str);
            let test_fraction = match object.get("testFraction") {
                None => 0.0,
                Some(value) => value
                    .as_f64()
                    .filter(|fraction| (0.0..=1.0).contains(fraction))
                    .ok_or_else(|| {
                        bad(format!(
                            "testFraction of {whom:?} is not a number from 0 to 1"
                        ))
                    })?,
            };
            target(
                whom,
                text("projectArn"),
                text("trainDatasetArn"),
                text("testDatasetArn"),
                test_fraction,
            )
        }
        _ => Err(bad(format!(
            "the value of {whom:?} is neither a text nor an object"
        ))),
    }
}

fn target(
    whom: &str,
    project: Option<&str>,
    train: Option<&str>,
    test: Option<&str>,
    test_fraction: f64,
) -> Result<Target, TargetError> {
    let checked = |arn: Option<&str>, expected: ArnKind| match arn {
        None => Ok(None),
        Some(arn) if arn_kind(arn) == Some(expected) => Ok(Some(arn.to_owned())),
        Some(arn) => Err(TargetError::Arn {
            text: arn.chars().take(200).collect(),
            kind: expected.name(),
        }),
    };
    let project = checked(project, ArnKind::Project)?;
    let train = checked(train, ArnKind::Train)?;
    let test = checked(test, ArnKind::Test)?;
    let datasets = match (project, train, test) {
        (Some(arn), None, None) => Datasets::OfProject { arn },
        (Some(_), _, _) => {
            return Err(TargetError::Both {
                whom: whom.to_owned(),
            });
        }
        (None, None, None) => return Err(TargetError::None),
        (None, train, test) => Datasets::Given { train, test },
    };
    let test_fraction = match &datasets {
        Datasets::Given { train: None, .. } => 1.0,
        Datasets::Given { test: None, .. } if test_fraction > 0.0 => {
            return Err(TargetError::NoTestDataset {
                whom: whom.to_owned(),
            });
        }
        _ => test_fraction,
    };
    Ok(Target {
        datasets,
        test_fraction,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArnKind {
    Project,
    Train,
    Test,
}

impl ArnKind {
    fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Train => "train dataset",
            Self::Test => "test dataset",
        }
    }
}

/// Source: the patterns of ProjectArn and DatasetArn,
/// `arn:<partition>:rekognition:<region>:<account>:project/<name>/<digits>` and
/// `…:project/<name>/dataset/(train|test)/<digits>`.
fn arn_kind(arn: &str) -> Option<ArnKind> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [arn, _, service, _, account, resource] = parts.as_slice() else {
        return None;
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if *arn != "arn" || *service != "rekognition" || !(is_digits(account) && account.len() == 12) {
        return None;
    }
    let parts: Vec<&str> = resource.split('/').collect();
    match parts.as_slice() {
        ["project", _, created] if is_digits(created) => Some(ArnKind::Project),
        ["project", _, "dataset", "train", created] if is_digits(created) => Some(ArnKind::Train),
        ["project", _, "dataset", "test", created] if is_digits(created) => Some(ArnKind::Test),
        _ => None,
    }
}

/// The project's name in its ARN, or in one of its datasets'.
#[must_use]
pub fn project_name(arn: &str) -> Option<&str> {
    arn.split_once(":project/")?.1.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "arn:aws:rekognition:us-east-1:123456789012:project/birds/1700000000000";
    const TRAIN: &str =
        "arn:aws:rekognition:us-east-1:123456789012:project/birds/dataset/train/1700000000001";
    const TEST: &str =
        "arn:aws:rekognition:us-east-1:123456789012:project/birds/dataset/test/1700000000002";

    fn select(targets: &Targets, job: &str, attribute: &str) -> String {
        match targets.select(Some(job), &[attribute.to_owned()]) {
            None => "none".to_owned(),
            Some(target) => match &target.datasets {
                Datasets::OfProject { .. } => format!("project {}", target.test_fraction),
                Datasets::Given { train, test } => format!(
                    "{}{} {}",
                    train.as_deref().map_or("", |_| "train"),
                    test.as_deref().map_or("", |_| "test"),
                    target.test_fraction
                ),
            },
        }
    }

    #[test]
    fn variables() {
        let parse = |project, train, test, fraction| {
            Targets::parse(project, train, test, fraction, None)
                .map(|targets| select(&targets, "job", "attribute"))
                .map_err(|error| error.to_string().chars().take(20).collect::<String>())
        };
        assert_eq!(
            parse(Some(PROJECT), None, None, 0.2),
            Ok("project 0.2".into())
        );
        assert_eq!(parse(None, Some(TRAIN), None, 0.0), Ok("train 0".into()));
        assert_eq!(
            parse(None, Some(TRAIN), Some(TEST), 0.1),
            Ok("traintest 0.1".into())
        );
        assert_eq!(parse(None, None, Some(TEST), 0.0), Ok("test 1".into()));
        assert_eq!(
            parse(None, None, None, 0.0),
            Err("no dataset is named:".into())
        );
        assert_eq!(
            parse(Some(PROJECT), Some(TRAIN), None, 0.0),
            Err("PROJECT_ARN and a da".into())
        );
        assert_eq!(
            parse(None, Some(TRAIN), None, 0.1),
            Err("TEST_FRACTION is set".into())
        );
        assert!(parse(None, Some(TEST), None, 0.0).is_err());
        assert!(parse(Some(TRAIN), None, None, 0.0).is_err());
        assert!(parse(Some("birds"), None, None, 0.0).is_err());
    }

    #[test]
    fn mapping_by_job_then_attribute_then_default() {
        let mapping = format!(
            r#"{{"job-a": "{TEST}", "animal": {{"projectArn": "{PROJECT}", "testFraction": 0.3}}}}"#
        );
        let targets = Targets::parse(None, Some(TRAIN), None, 0.0, Some(&mapping)).unwrap();
        assert_eq!(select(&targets, "job-a", "animal"), "test 1");
        assert_eq!(select(&targets, "job-b", "animal"), "project 0.3");
        assert_eq!(select(&targets, "job-b", "other"), "train 0");
        let targets = Targets::parse(None, None, None, 0.0, Some(&mapping)).unwrap();
        assert_eq!(select(&targets, "job-b", "other"), "none");
    }

    #[test]
    fn label_attributes_of_one_target_and_of_others() {
        let mapping = format!(r#"{{"job-a": "{TEST}", "cat": "{TEST}", "dog": "{TRAIN}"}}"#);
        let targets = |train| Targets::parse(None, train, None, 0.0, Some(&mapping)).unwrap();
        let of = |targets: &Targets, job: &str, attribute: &str| {
            let target = targets.select(Some(job), &[attribute.to_owned()]).unwrap();
            let destination = targets.destination(Some(job), target)?;
            Some(["cat", "dog", "fox"].map(|name| destination.takes(&[name.to_owned()])))
        };
        let only_mapped = targets(None);
        assert_eq!(of(&only_mapped, "b", "cat"), Some([true, false, false]));
        assert_eq!(of(&only_mapped, "b", "dog"), Some([false, true, false]));
        assert_eq!(of(&only_mapped, "job-a", "dog"), None);
        let with_default = targets(Some(TRAIN));
        assert_eq!(of(&with_default, "b", "cat"), Some([true, false, false]));
        assert_eq!(of(&with_default, "b", "dog"), Some([false, true, true]));
        assert_eq!(of(&with_default, "b", "fox"), Some([false, true, true]));
        let none = Targets::parse(None, Some(TRAIN), None, 0.0, None).unwrap();
        assert_eq!(of(&none, "b", "fox"), None);
        // The first name that is mapped decides.
        let names = ["check", "dog", "cat"].map(str::to_owned);
        let selected = only_mapped.select(None, &names).unwrap();
        assert_eq!(
            selected.datasets,
            only_mapped.mapped("dog").unwrap().datasets
        );
    }

    #[test]
    fn bad_mappings_are_named() {
        for (mapping, expected) in [
            ("[]", "not a JSON object"),
            (r#"{"a": 7}"#, "\"a\""),
            (r#"{"a": "birds"}"#, "not an ARN"),
            (
                r#"{"a": {"projectARN": "x"}}"#,
                "unknown key \"projectARN\"",
            ),
            (r#"{"a": {"projectArn": "x"}}"#, "\"x\""),
            (r#"{"a": {"testFraction": 2}}"#, "testFraction"),
            (r#"{"a": {}}"#, "no dataset"),
            ("{}", "no dataset"),
        ] {
            let error = Targets::parse(None, None, None, 0.0, Some(mapping)).unwrap_err();
            assert!(error.to_string().contains(expected), "{mapping}: {error}");
        }
    }

    #[test]
    fn project_names() {
        assert_eq!(project_name(PROJECT), Some("birds"));
        assert_eq!(project_name(TRAIN), Some("birds"));
        assert_eq!(project_name("birds"), None);
    }
}
