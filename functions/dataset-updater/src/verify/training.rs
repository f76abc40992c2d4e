//! Starting a training after an update. Off unless asked for: a training costs money.

use aws::Clients;
use aws::rekognition::{ErrorKind, LabelCount, Side};
use aws::s3::ObjectUri;

use crate::error::RunError;
use crate::request::budget::Budget;
use crate::request::target::project_name;

/// A project, and the manifest that its datasets were updated from.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The project.
    pub project_arn: &'a str,
    /// The manifest's entity tag: it names the version, so that a repeated event starts nothing twice.
    pub e_tag: &'a str,
    /// Where the training's results go.
    pub output: &'a ObjectUri,
}

impl Training<'_> {
    /// Starts the training when the documented minimums hold and this manifest hasn't started one. Says what was done.
    ///
    /// # Errors
    ///
    /// As Rekognition answers.
    pub async fn start(&self, clients: &Clients, budget: &Budget) -> Result<String, RunError> {
        let rekognition = &clients.rekognition;
        let name = version_name(self.e_tag);
        let until = budget.until;
        if rekognition
            .has_version(self.project_arn, &name, until)
            .await?
        {
            return Ok(format!("version {name} was started before"));
        }
        let project = project_name(self.project_arn).unwrap_or_default();
        let mut train_labels = Vec::new();
        let mut test_labels = Vec::new();
        for dataset in rekognition.project_datasets(project, until).await? {
            let labels = rekognition.labels(&dataset.arn, until).await?;
            match dataset.side {
                Side::Train => train_labels = labels,
                Side::Test => test_labels = labels,
            }
        }
        if let Err(reason) = minimums(&train_labels, &test_labels) {
            return Ok(format!("not started: {reason}"));
        }
        let started = rekognition
            .start_training(
                self.project_arn,
                &name,
                &self.output.bucket,
                &self.output.key,
                until,
            )
            .await;
        match started {
            Ok(arn) => Ok(arn),
            // The name is taken when an earlier attempt, whose answer was lost, has started it.
            Err(error) if error.kind == ErrorKind::Busy => {
                match rekognition
                    .has_version(self.project_arn, &name, until)
                    .await?
                {
                    true => Ok(format!("version {name} was started before")),
                    false => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Source: VersionName, `[a-zA-Z0-9_.\-]+`.
fn version_name(e_tag: &str) -> String {
    let tag: String = e_tag
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(64)
        .collect();
    format!("manifest-{tag}")
}

/// Source: Custom Labels limits, "2 to 250 labels" (1 to 250 with boxes) and "at least one image per label"; validation rules,
/// "at least half of the training labels in the test dataset".
fn minimums(train: &[LabelCount], test: &[LabelCount]) -> Result<(), String> {
    let used = |labels: &[LabelCount]| -> Vec<String> {
        let used = labels.iter().filter(|label| label.n_entries > 0);
        used.map(|label| label.name.clone()).collect()
    };
    let has_boxes = train.iter().any(|label| label.n_boxes > 0);
    let n_min = if has_boxes { 1 } else { 2 };
    let (train, test) = (used(train), used(test));
    if !(n_min..=250).contains(&train.len()) {
        return Err(format!(
            "the training dataset has {} labels; {n_min} to 250 are possible",
            train.len()
        ));
    }
    let n_common = train.iter().filter(|label| test.contains(label)).count();
    if 2 * n_common < train.len() {
        return Err(format!(
            "{n_common} of the training dataset's {} labels are in the test dataset; half of them are needed",
            train.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(train: &[(&str, u64)], test: &[&str], expected: bool) {
        let label = |name: &str, n_boxes| LabelCount {
            name: name.to_owned(),
            n_entries: 1,
            n_boxes,
        };
        let train: Vec<_> = train.iter().map(|(name, n)| label(name, *n)).collect();
        let test: Vec<_> = test.iter().map(|name| label(name, 0)).collect();
        assert_eq!(
            minimums(&train, &test).is_ok(),
            expected,
            "{train:?} {test:?}"
        );
    }

    #[test]
    fn documented_minimums() {
        check(&[], &[], false);
        check(&[("a", 0)], &["a"], false);
        check(&[("a", 1)], &["a"], true);
        check(&[("a", 0), ("b", 0)], &[], false);
        check(&[("a", 0), ("b", 0)], &["a"], true);
        check(&[("a", 0), ("b", 0), ("c", 0)], &["a", "x"], false);
        check(&[("a", 0), ("b", 0), ("c", 0)], &["a", "b"], true);
    }

    #[test]
    fn names_are_allowed_and_repeat() {
        assert_eq!(version_name("d41d8-2"), "manifest-d41d8-2");
        assert_eq!(version_name("a/b\"é"), "manifest-a-b--");
        assert!(version_name(&"x".repeat(300)).len() <= 255);
    }
}
