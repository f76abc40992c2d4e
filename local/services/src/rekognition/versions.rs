//! Model versions and their states. Nothing is trained.

use super::arn;
use super::error::ApiError;
use super::model::{Change, Model};
use super::time::Time;
use super::training::training_failure;
use super::version::{NewVersion, Version};

/// Trainings at a time. Source: quotas.
const TRAININGS_MAX: usize = 2;
/// Running models at a time. Source: quotas.
const RUNNING_MAX: usize = 2;
/// Inference units of a model. Source: quotas.
const INFERENCE_UNITS_MAX: u64 = 5;

impl Model {
    pub(crate) fn settle_versions(&mut self, now: Time) -> bool {
        let mut is_changed = false;
        for version in self.versions.values_mut() {
            let Some((at, status, message)) = version.next.take_if(|next| next.0 <= now) else {
                continue;
            };
            if version.status == "TRAINING_IN_PROGRESS" {
                version.training_ended = Some(at);
            }
            version.status = status;
            version.message = message;
            is_changed = true;
        }
        let n_versions = self.versions.len();
        self.versions
            .retain(|_, version| version.status != "DELETED");
        is_changed || n_versions != self.versions.len()
    }

    pub(crate) fn version(&self, arn: &str) -> Result<&Version, ApiError> {
        self.versions
            .values()
            .find(|version| version.arn == arn)
            .ok_or_else(|| ApiError::not_found(arn))
    }

    fn n_in(&self, status: &[&str]) -> usize {
        self.versions
            .values()
            .filter(|version| status.contains(&version.status.as_str()))
            .count()
    }

    pub(crate) fn create_version(
        &mut self,
        project_arn: &str,
        new: NewVersion,
        now: Time,
    ) -> Result<String, ApiError> {
        let project = self.project(project_arn)?;
        let (project_id, project_name) = (project.id, project.name.clone());
        if new.output_bucket.is_none() {
            return Err(ApiError::invalid_parameter(
                "OutputConfig has no S3Bucket: name the bucket for the training's results.",
            ));
        }
        let is_taken = |v: &Version| v.project_id == project_id && v.name == new.name;
        if self.versions.values().any(is_taken) {
            return Err(ApiError::in_use(format!(
                "The project has a version {} already.",
                new.name
            )));
        }
        if self.n_in(&["TRAINING_IN_PROGRESS"]) >= TRAININGS_MAX {
            return Err(ApiError::new(
                "LimitExceededException",
                format!("{TRAININGS_MAX} trainings are under way."),
            ));
        }
        let dataset = |kind: &str| {
            self.datasets_of(project_id)
                .find(|d| d.kind == kind)
                .ok_or_else(|| {
                    ApiError::invalid_parameter(format!("The project has no {kind} dataset."))
                })
        };
        let (train, test) = (dataset("TRAIN")?, dataset("TEST")?);
        for dataset in [train, test] {
            if !dataset.is_settled() {
                return Err(ApiError::in_use(format!(
                    "The dataset {} is being changed.",
                    dataset.arn
                )));
            }
        }
        let (status, message) = match training_failure(&train.entries, &test.entries) {
            None => (
                "TRAINING_COMPLETED",
                "The model is ready to run.".to_owned(),
            ),
            Some(failure) => ("TRAINING_FAILED", failure),
        };
        let id = self.next_id(now);
        let arn = arn::version(&project_name, &new.name, id);
        let version = Version {
            id,
            project_id,
            arn: arn.clone(),
            name: new.name,
            created: now,
            status: "TRAINING_IN_PROGRESS".to_owned(),
            message: "The model is being trained.".to_owned(),
            training_ended: None,
            output_bucket: new.output_bucket,
            output_prefix: new.output_prefix,
            description: new.description,
            kms_key: new.kms_key,
            min_units: None,
            max_units: None,
            next: Some((
                now + self.config.training_time_ms,
                status.to_owned(),
                message,
            )),
        };
        self.versions.insert(id, version);
        self.changes.push(Change::Catalog);
        Ok(arn)
    }

    /// Moves a version on, if its state is one of `from`.
    fn step(
        &mut self,
        arn: &str,
        from: &[&str],
        through: [&str; 2],
        time_ms: u64,
        now: Time,
    ) -> Result<&mut Version, ApiError> {
        let version = self.version(arn)?;
        if !from.contains(&version.status.as_str()) {
            return Err(ApiError::in_use(format!(
                "The model version is {}, it has to be {}.",
                version.status,
                from.join(" or ")
            )));
        }
        let id = version.id;
        self.changes.push(Change::Catalog);
        let version = self
            .versions
            .get_mut(&id)
            .ok_or_else(|| ApiError::not_found(arn))?;
        version.status = through[0].to_owned();
        version.message = String::new();
        version.next = Some((now + time_ms, through[1].to_owned(), String::new()));
        Ok(version)
    }

    pub(crate) fn start_version(
        &mut self,
        arn: &str,
        min_units: u64,
        max_units: Option<u64>,
        now: Time,
    ) -> Result<(), ApiError> {
        if min_units.max(max_units.unwrap_or(0)) > INFERENCE_UNITS_MAX
            || max_units.is_some_and(|max| max < min_units)
        {
            return Err(ApiError::invalid_parameter(format!(
                "Inference units must be 1 to {INFERENCE_UNITS_MAX}, the minimum not above the maximum."
            )));
        }
        self.version(arn)?;
        if self.n_in(&["STARTING", "RUNNING"]) >= RUNNING_MAX {
            return Err(ApiError::new(
                "LimitExceededException",
                format!("{RUNNING_MAX} models are running."),
            ));
        }
        let time_ms = self.config.start_time_ms;
        let from = ["TRAINING_COMPLETED", "STOPPED", "FAILED"];
        let version = self.step(arn, &from, ["STARTING", "RUNNING"], time_ms, now)?;
        version.min_units = Some(min_units);
        version.max_units = max_units;
        Ok(())
    }

    pub(crate) fn stop_version(&mut self, arn: &str, now: Time) -> Result<(), ApiError> {
        let time_ms = self.config.start_time_ms;
        self.step(arn, &["RUNNING"], ["STOPPING", "STOPPED"], time_ms, now)?;
        Ok(())
    }

    pub(crate) fn delete_version(&mut self, arn: &str, now: Time) -> Result<(), ApiError> {
        let time_ms = self.config.delete_time_ms;
        let from = ["TRAINING_COMPLETED", "TRAINING_FAILED", "STOPPED", "FAILED"];
        self.step(arn, &from, ["DELETING", "DELETED"], time_ms, now)?;
        Ok(())
    }
}
