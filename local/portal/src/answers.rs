//! Answers on disk: one worker-response file a data object, in the job's folder, as Ground Truth has them.
//!
//! An answer is kept once the file that holds it, and the name of that file, are on the disk. Whoever opens the store
//! again finds every answer that was kept.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use labeling::job::JobFolder;
use labeling::job::layout::dataset_object_id;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use services::ground_truth::WorkerAnswer;

/// The answers of one job.
#[derive(Debug)]
pub struct AnswerStore {
    folder: JobFolder,
    /// The file that is being written, outside the job's folder and on the same disk.
    unfinished: PathBuf,
    by_object: BTreeMap<u32, ResponseFile>,
}

/// One answer of a worker-response file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    acceptance_time: String,
    answer_content: Map<String, Value>,
    submission_time: String,
    time_spent_in_seconds: f64,
    worker_id: String,
}

#[derive(Debug, Clone)]
struct ResponseFile {
    path: PathBuf,
    answers: Vec<Response>,
}

#[derive(Serialize)]
struct Written<'a> {
    answers: &'a [Response],
}

#[derive(Deserialize)]
struct Read {
    answers: Vec<Response>,
}

/// What a worker answers, and when.
#[derive(Debug, Clone)]
pub struct NewAnswer {
    /// The data object's position in the manifest, from 0.
    pub object_idx: u32,
    /// The worker's id.
    pub worker_id: String,
    /// The submitted form, by the names of its fields.
    pub content: Map<String, Value>,
    /// When the worker was given the task.
    pub accepted: Timestamp,
    /// When the answer came.
    pub submitted: Timestamp,
}

/// Why answers can't be kept or found again.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}", path = path.display())]
pub struct StoreError {
    path: PathBuf,
    reason: String,
}

impl StoreError {
    fn of(path: &Path, reason: impl ToString) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl AnswerStore {
    /// Opens the answers of the job whose folder is the path `folder`. `unfinished` is a file that nobody else uses, on
    /// the same disk.
    ///
    /// # Errors
    ///
    /// A file that can't be read, or that no portal has written.
    pub fn open(folder: JobFolder, unfinished: PathBuf) -> Result<Self, StoreError> {
        let responses = PathBuf::from(folder.worker_responses());
        let mut by_object = BTreeMap::new();
        for iteration in entries(&responses)? {
            for object in entries(&iteration)? {
                for path in entries(&object)? {
                    let object_idx = dataset_object_id(&path.to_string_lossy())
                        .and_then(|id| id.parse().ok())
                        .ok_or_else(|| StoreError::of(&path, "not a worker-response file"))?;
                    let bytes = fs::read(&path).map_err(|error| StoreError::of(&path, error))?;
                    let read: Read = serde_json::from_slice(&bytes)
                        .map_err(|error| StoreError::of(&path, error))?;
                    let answers = read.answers;
                    by_object.insert(object_idx, ResponseFile { path, answers });
                }
            }
        }
        Ok(Self {
            folder,
            unfinished,
            by_object,
        })
    }

    /// Writes an answer down. It returns when the answer is on the disk.
    ///
    /// # Errors
    ///
    /// The file can't be written; what was kept before stays.
    pub fn keep(&mut self, answer: NewAnswer) -> Result<(), StoreError> {
        let name = answer.submitted.strftime("%Y-%m-%d_%H:%M:%S").to_string();
        let id = answer.object_idx.to_string();
        let mut file = match self.by_object.get(&answer.object_idx) {
            Some(file) => file.clone(),
            None => ResponseFile {
                path: self.folder.worker_response(&id, &name).into(),
                answers: Vec::new(),
            },
        };
        let spent = answer.submitted.duration_since(answer.accepted);
        file.answers.push(Response {
            acceptance_time: time(answer.accepted),
            answer_content: answer.content,
            submission_time: time(answer.submitted),
            time_spent_in_seconds: (spent.as_secs_f64() * 1000.0).round() / 1000.0,
            worker_id: answer.worker_id,
        });
        let answers = &file.answers;
        let json = serde_json::to_vec(&Written { answers })
            .map_err(|error| StoreError::of(&file.path, error))?;
        self.write(&file.path, &json)
            .map_err(|error| StoreError::of(&file.path, error))?;
        self.by_object.insert(answer.object_idx, file);
        Ok(())
    }

    /// The file is whole under its name, or as it was, whenever the machine stops.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        create_folders(folder)?;
        let mut file = File::create(&self.unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&self.unfinished, path)?;
        File::open(folder)?.sync_all()
    }

    /// Who answered what: pairs of a data object and a worker id.
    pub fn given(&self) -> impl Iterator<Item = (u32, &str)> {
        self.by_object.iter().flat_map(|(object_idx, file)| {
            let answers = file.answers.iter();
            answers.map(|answer| (*object_idx, answer.worker_id.as_str()))
        })
    }

    /// All answers, as consolidation is asked about them.
    #[must_use]
    pub fn collected(&self) -> BTreeMap<u32, Vec<WorkerAnswer>> {
        let of_file = |file: &ResponseFile| {
            let answers = file.answers.iter().map(|answer| WorkerAnswer {
                worker_id: answer.worker_id.clone(),
                content: Value::Object(answer.answer_content.clone()).to_string(),
            });
            answers.collect()
        };
        let objects = self.by_object.iter();
        objects
            .map(|(object_idx, file)| (*object_idx, of_file(file)))
            .collect()
    }
}

/// As private work teams' files have it: `2020-06-11T00:54:41.833Z`.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// What lies in a folder, by name; nothing where there is no folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let read = match fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::of(folder, error)),
    };
    let paths: io::Result<Vec<PathBuf>> = read.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(|error| StoreError::of(folder, error))?;
    paths.sort();
    Ok(paths)
}

/// Creates folders so that they are there after a power cut, too.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    create_folders(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use labeling::job::worker_response;
    use serde_json::json;

    use super::*;

    fn answer(object_idx: u32, worker: &str, label: &str) -> NewAnswer {
        let Value::Object(content) = json!({"crowd-image-classifier": {"label": label}}) else {
            panic!("an object")
        };
        NewAnswer {
            object_idx,
            worker_id: worker.to_owned(),
            content,
            accepted: "2026-01-02T03:04:05Z".parse().unwrap(),
            submitted: "2026-01-02T03:04:07.25Z".parse().unwrap(),
        }
    }

    #[test]
    fn what_was_kept_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let job = JobFolder::at(&folder.path().join("s3/b/jobs/j").to_string_lossy());
        let open = || AnswerStore::open(job.clone(), folder.path().join("unfinished")).unwrap();
        let mut store = open();
        assert_eq!(store.given().count(), 0);
        store.keep(answer(3, "w1", "Owl")).unwrap();
        store.keep(answer(3, "w2", "Falcon")).unwrap();
        store.keep(answer(12, "w1", "Owl")).unwrap();
        let given = [(3, "w1"), (3, "w2"), (12, "w1")];
        assert_eq!(store.given().collect::<Vec<_>>(), given);
        let again = open();
        assert_eq!(again.given().collect::<Vec<_>>(), given);
        assert_eq!(again.collected(), store.collected());

        let path = job.worker_response("3", "2026-01-02_03:04:07");
        let file = fs::read(path).unwrap();
        let json: Value = serde_json::from_slice(&file).unwrap();
        assert_eq!(
            json["answers"][0],
            json!({"acceptanceTime": "2026-01-02T03:04:05.000Z",
                "answerContent": {"crowd-image-classifier": {"label": "Owl"}},
                "submissionTime": "2026-01-02T03:04:07.250Z", "timeSpentInSeconds": 2.25, "workerId": "w1"})
        );
        let object = worker_response::parse("3", &file).unwrap();
        assert_eq!(object.annotations.len(), 2);
    }

    #[test]
    fn a_file_of_others_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let job = JobFolder::at(&folder.path().join("j").to_string_lossy());
        let path = PathBuf::from(job.worker_response("3", "2026-01-02_03:04:07"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "{").unwrap();
        let error = AnswerStore::open(job, folder.path().join("u")).unwrap_err();
        assert!(
            error.to_string().contains("2026-01-02_03:04:07.json"),
            "{error}"
        );
    }
}
