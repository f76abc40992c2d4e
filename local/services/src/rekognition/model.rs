//! Projects and datasets: every decision of the service, with the time told by the caller.
//!
//! What takes time at AWS is decided when it is asked for and takes effect when its time has come:
//! [`Model::settle`] is called first by every operation.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use manifest::Code;
use manifest::dataset::LABELS_MAX;
use serde::{Deserialize, Serialize};

use super::arn;
use super::config::Config;
use super::entries::{Changes, Entries};
use super::error::ApiError;
use super::time::Time;
use super::version::Version;

/// Most projects of an account. Source: quotas.
const PROJECTS_MAX: usize = 100;
/// DistributeDatasetEntries moves every fifth entry, "20%".
const DISTRIBUTED_EVERY: usize = 5;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Project {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) feature: String,
    pub(crate) auto_update: Option<String>,
    pub(crate) created: Time,
    /// When the project is gone, once it is being deleted.
    pub(crate) deleted_at: Option<Time>,
}

impl Project {
    pub(crate) fn arn(&self) -> String {
        arn::project(&self.name, self.id)
    }
}

/// Status fields of a dataset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) status: String,
    pub(crate) message: String,
    pub(crate) code: String,
    pub(crate) updated: Time,
}

impl Status {
    fn new(status: &str, message: &str, updated: Time) -> Self {
        let code = if status.ends_with("_FAILED") {
            "CLIENT_ERROR"
        } else {
            "SUCCESS"
        };
        Self {
            status: status.to_owned(),
            message: message.to_owned(),
            code: code.to_owned(),
            updated,
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        !self.status.ends_with("_IN_PROGRESS")
    }
}

/// What a dataset is on its way to.
#[derive(Clone, Debug)]
struct Pending {
    at: Time,
    then: Then,
}

#[derive(Clone, Debug)]
enum Then {
    /// The changes take effect, and the status is `<prefix>_COMPLETE`.
    Apply(Changes),
    Remove(IndexSet<String>),
    /// Nothing changes, and the status is `<prefix>_FAILED` with this message.
    Fail(String),
    Delete,
}

#[derive(Debug)]
pub(crate) struct Dataset {
    pub(crate) id: u64,
    pub(crate) project_id: u64,
    pub(crate) arn: String,
    /// `TRAIN` or `TEST`.
    pub(crate) kind: String,
    pub(crate) created: Time,
    pub(crate) entries: Entries,
    status: Status,
    pending: Option<Pending>,
    /// A status from before that is still answered until then.
    stale: Option<(Time, Status)>,
}

impl Dataset {
    /// The status as DescribeDataset answers it.
    pub(crate) fn status_shown(&self, now: Time) -> &Status {
        match &self.stale {
            Some((until, status)) if now < *until => status,
            _ => &self.status,
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.status.is_settled()
    }

    fn busy(&self) -> ApiError {
        ApiError::in_use(format!(
            "The specified resource is already being used: {} is {}.",
            self.arn, self.status.status
        ))
    }

    fn begin(&mut self, status: &str, at: Time, then: Then, now: Time) {
        self.status = Status::new(status, "", now);
        self.status.message = match status {
            "CREATE_IN_PROGRESS" => "The dataset is being created.",
            "DELETE_IN_PROGRESS" => "The dataset is being deleted.",
            _ => "The dataset is being updated.",
        }
        .to_owned();
        self.pending = Some(Pending { at, then });
    }

    /// Returns whether the dataset is gone.
    fn settle(&mut self, now: Time) -> bool {
        let Some(pending) = self.pending.take_if(|pending| pending.at <= now) else {
            return false;
        };
        let prefix = if self.status.status.starts_with("CREATE") {
            "CREATE"
        } else {
            "UPDATE"
        };
        let done = |message: &str| Status::new(&format!("{prefix}_COMPLETE"), message, pending.at);
        let message = if prefix == "CREATE" {
            "The dataset was created successfully."
        } else {
            "The dataset was updated successfully."
        };
        match pending.then {
            Then::Apply(changes) => {
                self.entries.apply(changes);
                self.status = done(message);
            }
            Then::Remove(source_refs) => {
                self.entries.remove(&source_refs);
                self.status = done(message);
            }
            Then::Fail(message) => {
                self.status = Status::new(&format!("{prefix}_FAILED"), &message, pending.at);
            }
            Then::Delete => return true,
        }
        false
    }
}

/// What has to be stored after an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Lines to add to the dataset's file.
    Append { dataset_id: u64, lines: String },
    /// All lines of the dataset's file.
    Rewrite { dataset_id: u64, lines: String },
    /// The dataset's file is to go.
    Remove { dataset_id: u64 },
    /// Projects, statuses or versions differ.
    Catalog,
}

/// What scripted faults do to one update.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpdateFaults {
    pub(crate) dropped: Vec<String>,
    pub(crate) failure: Option<String>,
    pub(crate) stale_ms: Option<u64>,
}

/// What is stored of everything but the entries.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Catalog {
    last_id: u64,
    projects: Vec<Project>,
    datasets: Vec<DatasetRecord>,
    versions: Vec<Version>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DatasetRecord {
    id: u64,
    project_id: u64,
    arn: String,
    kind: String,
    created: Time,
    status: Status,
    /// When a change under way ends; its lines are stored already.
    pending_at: Option<Time>,
    /// The message with which the change under way fails.
    pending_failure: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) config: Config,
    pub(crate) projects: BTreeMap<u64, Project>,
    pub(crate) datasets: BTreeMap<u64, Dataset>,
    pub(crate) versions: BTreeMap<u64, Version>,
    last_id: u64,
    pub(crate) changes: Vec<Change>,
}

impl Model {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            projects: BTreeMap::new(),
            datasets: BTreeMap::new(),
            versions: BTreeMap::new(),
            last_id: 0,
            changes: Vec::new(),
        }
    }

    /// Lets everything take effect whose time has come.
    pub(crate) fn settle(&mut self, now: Time) {
        let mut is_changed = false;
        let mut gone = Vec::new();
        for (id, dataset) in &mut self.datasets {
            let was_pending = dataset.pending.is_some();
            if dataset.settle(now) {
                gone.push(*id);
            }
            is_changed |= was_pending && dataset.pending.is_none();
        }
        for id in gone {
            self.datasets.remove(&id);
            self.changes.push(Change::Remove { dataset_id: id });
        }
        let n_projects = self.projects.len();
        self.projects
            .retain(|_, project| project.deleted_at.is_none_or(|at| now < at));
        is_changed |= n_projects != self.projects.len();
        is_changed |= self.settle_versions(now);
        if is_changed {
            self.changes.push(Change::Catalog);
        }
    }

    /// Ids are times, as AWS's are, and rise.
    pub(crate) fn next_id(&mut self, now: Time) -> u64 {
        self.last_id = now.max(self.last_id + 1);
        self.last_id
    }

    // Projects.

    pub(crate) fn create_project(
        &mut self,
        name: &str,
        feature: Option<&str>,
        auto_update: Option<&str>,
        now: Time,
    ) -> Result<String, ApiError> {
        if self.projects.values().any(|project| project.name == name) {
            return Err(ApiError::in_use(format!(
                "A project with the name {name} already exists."
            )));
        }
        if self.projects.len() >= PROJECTS_MAX {
            return Err(ApiError::new(
                "LimitExceededException",
                format!("The account has {PROJECTS_MAX} projects: delete one first."),
            ));
        }
        let id = self.next_id(now);
        let project = Project {
            id,
            name: name.to_owned(),
            feature: feature.unwrap_or("CUSTOM_LABELS").to_owned(),
            auto_update: auto_update.map(str::to_owned),
            created: now,
            deleted_at: None,
        };
        let arn = project.arn();
        self.projects.insert(id, project);
        self.changes.push(Change::Catalog);
        Ok(arn)
    }

    pub(crate) fn project(&self, arn: &str) -> Result<&Project, ApiError> {
        self.projects
            .values()
            .find(|project| project.arn() == arn)
            .ok_or_else(|| ApiError::not_found(arn))
    }

    pub(crate) fn datasets_of(&self, project_id: u64) -> impl Iterator<Item = &Dataset> {
        self.datasets
            .values()
            .filter(move |dataset| dataset.project_id == project_id)
    }

    pub(crate) fn delete_project(&mut self, arn: &str, now: Time) -> Result<(), ApiError> {
        let id = self.project(arn)?.id;
        let has_versions = self.versions.values().any(|v| v.project_id == id);
        if has_versions || self.datasets_of(id).next().is_some() {
            return Err(ApiError::in_use(format!(
                "The project {arn} has datasets or models: delete them first."
            )));
        }
        let at = now + self.config.delete_time_ms;
        if let Some(project) = self.projects.get_mut(&id) {
            project.deleted_at.get_or_insert(at);
        }
        self.changes.push(Change::Catalog);
        Ok(())
    }

    // Datasets.

    pub(crate) fn dataset(&self, arn: &str) -> Result<&Dataset, ApiError> {
        self.datasets
            .values()
            .find(|dataset| dataset.arn == arn)
            .ok_or_else(|| ApiError::not_found(arn))
    }

    fn dataset_mut(&mut self, arn: &str) -> Result<&mut Dataset, ApiError> {
        self.datasets
            .values_mut()
            .find(|dataset| dataset.arn == arn)
            .ok_or_else(|| ApiError::not_found(arn))
    }

    /// Whether the project can get such a dataset; answers the project's id and name.
    pub(crate) fn may_create_dataset(
        &self,
        project_arn: &str,
        kind: &str,
    ) -> Result<(u64, String), ApiError> {
        let project = self.project(project_arn)?;
        if project.deleted_at.is_some() {
            return Err(ApiError::not_found(project_arn));
        }
        if let Some(found) = self.datasets_of(project.id).find(|d| d.kind == kind) {
            return Err(ApiError::new(
                "ResourceAlreadyExistsException",
                format!("The project has a {kind} dataset already: {}.", found.arn),
            ));
        }
        Ok((project.id, project.name.clone()))
    }

    /// Lines of another dataset, as a source.
    pub(crate) fn copy_of(&self, arn: &str) -> Result<Changes, ApiError> {
        let source = self.dataset(arn)?;
        if !source.is_settled() {
            return Err(ApiError::invalid_parameter(format!(
                "The source dataset {arn} is {}.",
                source.status.status
            )));
        }
        let lines: String = source
            .entries
            .from(0)
            .flat_map(|(_, _, entry)| [&*entry.line, "\n"])
            .collect();
        Ok(Changes::of(lines.as_bytes()))
    }

    /// `content` is the source's lines, or the message with which the creation fails.
    pub(crate) fn create_dataset(
        &mut self,
        project_arn: &str,
        kind: &str,
        content: Result<Changes, String>,
        now: Time,
    ) -> Result<String, ApiError> {
        let (project_id, name) = self.may_create_dataset(project_arn, kind)?;
        let id = self.next_id(now);
        let arn = arn::dataset(&name, kind, id);
        let mut dataset = Dataset {
            id,
            project_id,
            arn: arn.clone(),
            kind: kind.to_owned(),
            created: now,
            entries: Entries::default(),
            status: Status::new("CREATE_IN_PROGRESS", "", now),
            pending: None,
            stale: None,
        };
        let then = match content {
            Ok(changes) => match self.update_failure(&dataset, &changes) {
                None => Then::Apply(changes),
                Some(failure) => Then::Fail(failure),
            },
            Err(failure) => Then::Fail(failure),
        };
        if let Then::Apply(changes) = &then
            && !changes.is_empty()
        {
            self.changes.push(Change::Append {
                dataset_id: id,
                lines: changes.to_lines(),
            });
        }
        dataset.begin(
            "CREATE_IN_PROGRESS",
            now + self.config.update_time_ms,
            then,
            now,
        );
        self.datasets.insert(id, dataset);
        self.changes.push(Change::Catalog);
        Ok(arn)
    }

    /// Why changes as a whole would fail.
    fn update_failure(&self, dataset: &Dataset, changes: &Changes) -> Option<String> {
        let share = changes.n_dropped as f64 / changes.n_lines.max(1) as f64;
        if share > self.config.dropped_share_max {
            return Some(status_message(Code::TooManyRecordsInError));
        }
        let n_new = changes
            .source_refs()
            .filter(|source_ref| dataset.entries.get(source_ref).is_none())
            .count();
        if dataset.entries.len() + n_new > self.config.n_entries_max {
            return Some(status_message(Code::ManifestRowsExceedMaximum));
        }
        let mut labels: std::collections::BTreeSet<&str> = dataset
            .entries
            .used_labels()
            .map(|(name, _)| name)
            .collect();
        labels.extend(changes.labels());
        (labels.len() > LABELS_MAX).then(|| status_message(Code::ManifestTooManyLabels))
    }

    pub(crate) fn update_entries(
        &mut self,
        arn: &str,
        mut changes: Changes,
        faults: UpdateFaults,
        now: Time,
    ) -> Result<(), ApiError> {
        let dataset = self.dataset(arn)?;
        if !dataset.is_settled() {
            return Err(dataset.busy());
        }
        if dataset.status.status == "CREATE_FAILED" {
            return Err(ApiError::invalid_parameter(format!(
                "The dataset {arn} could not be created: delete it and create it again."
            )));
        }
        let failure = faults
            .failure
            .or_else(|| self.update_failure(dataset, &changes));
        for part in faults.dropped {
            changes.drop_containing(&part);
        }
        let dataset_id = dataset.id;
        let before = dataset.status.clone();
        let then = match failure {
            Some(failure) => Then::Fail(failure),
            None => {
                self.changes.push(Change::Append {
                    dataset_id,
                    lines: changes.to_lines(),
                });
                Then::Apply(changes)
            }
        };
        let at = now + self.config.update_time_ms;
        let stale_ms = faults.stale_ms.unwrap_or(self.config.stale_status_ms);
        let dataset = self.dataset_mut(arn)?;
        dataset.begin("UPDATE_IN_PROGRESS", at, then, now);
        dataset.stale = (stale_ms > 0).then(|| (now + stale_ms, before));
        self.changes.push(Change::Catalog);
        Ok(())
    }

    /// A dataset whose entries can be listed.
    pub(crate) fn listable(&self, arn: &str) -> Result<&Dataset, ApiError> {
        let dataset = self.dataset(arn)?;
        match dataset.status.status.as_str() {
            "CREATE_IN_PROGRESS" | "CREATE_FAILED" => Err(ApiError::not_ready(format!(
                "The dataset {arn} is {}.",
                dataset.status.status
            ))),
            "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" => Err(dataset.busy()),
            _ => Ok(dataset),
        }
    }

    pub(crate) fn delete_dataset(&mut self, arn: &str, now: Time) -> Result<(), ApiError> {
        let at = now + self.config.delete_time_ms;
        let dataset = self.dataset_mut(arn)?;
        if !dataset.is_settled() {
            return Err(dataset.busy());
        }
        dataset.begin("DELETE_IN_PROGRESS", at, Then::Delete, now);
        dataset.stale = None;
        self.changes.push(Change::Catalog);
        Ok(())
    }

    pub(crate) fn distribute(&mut self, arns: [&str; 2], now: Time) -> Result<(), ApiError> {
        let pair = [self.dataset(arns[0])?, self.dataset(arns[1])?];
        let (train, test) = match (pair[0].kind.as_str(), pair[1].kind.as_str()) {
            ("TRAIN", "TEST") => (pair[0], pair[1]),
            ("TEST", "TRAIN") => (pair[1], pair[0]),
            _ => {
                return Err(ApiError::invalid_parameter(
                    "One training and one test dataset are needed.",
                ));
            }
        };
        if train.project_id != test.project_id {
            return Err(ApiError::invalid_parameter(
                "The datasets belong to different projects.",
            ));
        }
        if let Some(busy) = pair.iter().find(|dataset| !dataset.is_settled()) {
            return Err(ApiError::not_ready(format!(
                "The dataset {} is {}.",
                busy.arn, busy.status.status
            )));
        }
        if !test.entries.is_empty() {
            return Err(ApiError::invalid_parameter(format!(
                "The test dataset {} isn't empty.",
                test.arn
            )));
        }
        let mut moved = IndexSet::new();
        let (mut stays, mut goes) = (String::new(), String::new());
        for (position, source_ref, entry) in train.entries.from(0) {
            let is_moved = position % DISTRIBUTED_EVERY == DISTRIBUTED_EVERY - 1;
            let lines = if is_moved { &mut goes } else { &mut stays };
            lines.push_str(&entry.line);
            lines.push('\n');
            if is_moved {
                moved.insert(source_ref.to_owned());
            }
        }
        let (train_id, test_id) = (train.id, test.id);
        let at = now + self.config.update_time_ms;
        let (then_train, then_test) = if moved.is_empty() {
            let failure = "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_DISTRIBUTE: The manifest file doesn't have enough labeled images to distribute the dataset.";
            (
                Then::Fail(failure.to_owned()),
                Then::Fail(failure.to_owned()),
            )
        } else {
            let changes = Changes::of(goes.as_bytes());
            for (dataset_id, lines) in [(train_id, stays), (test_id, goes)] {
                self.changes.push(Change::Rewrite { dataset_id, lines });
            }
            (Then::Remove(moved), Then::Apply(changes))
        };
        for (id, then) in [(train_id, then_train), (test_id, then_test)] {
            if let Some(dataset) = self.datasets.get_mut(&id) {
                dataset.begin("UPDATE_IN_PROGRESS", at, then, now);
            }
        }
        self.changes.push(Change::Catalog);
        Ok(())
    }

    // What is stored.

    pub(crate) fn catalog(&self) -> Catalog {
        Catalog {
            last_id: self.last_id,
            projects: self.projects.values().cloned().collect(),
            datasets: self
                .datasets
                .values()
                .map(|dataset| DatasetRecord {
                    id: dataset.id,
                    project_id: dataset.project_id,
                    arn: dataset.arn.clone(),
                    kind: dataset.kind.clone(),
                    created: dataset.created,
                    status: dataset.status.clone(),
                    pending_at: dataset.pending.as_ref().map(|pending| pending.at),
                    pending_failure: match &dataset.pending {
                        Some(Pending {
                            then: Then::Fail(failure),
                            ..
                        }) => Some(failure.clone()),
                        _ => None,
                    },
                })
                .collect(),
            versions: self.versions.values().cloned().collect(),
        }
    }

    /// Takes over what was stored; `entries` reads a dataset's lines.
    pub(crate) fn restore<E>(
        &mut self,
        catalog: Catalog,
        mut entries: impl FnMut(u64) -> Result<Changes, E>,
    ) -> Result<(), E> {
        self.last_id = catalog.last_id;
        self.projects = catalog.projects.into_iter().map(|p| (p.id, p)).collect();
        self.versions = catalog.versions.into_iter().map(|v| (v.id, v)).collect();
        for record in catalog.datasets {
            let mut content = Entries::default();
            content.apply(entries(record.id)?);
            let then = match record.pending_failure {
                Some(failure) => Then::Fail(failure),
                None if record.status.status.starts_with("DELETE") => Then::Delete,
                None => Then::Apply(Changes::default()),
            };
            let pending = record.pending_at.map(|at| Pending { at, then });
            let dataset = Dataset {
                id: record.id,
                project_id: record.project_id,
                arn: record.arn,
                kind: record.kind,
                created: record.created,
                entries: content,
                status: record.status,
                pending,
                stale: None,
            };
            self.datasets.insert(record.id, dataset);
        }
        Ok(())
    }
}

/// A code and its message, as DescribeDataset's StatusMessage has them.
pub(super) fn status_message(code: Code) -> String {
    format!("{code}: {}", code.message())
}
