//! A job's answers, read from where the job left them.
//!
//! Bounded: so many reads at a time, so many bytes on their way. What can't be read costs the data objects in it and
//! nothing else, unless it may be read later: then the invocation ends. What was read until then lies below `parts/`,
//! and the next invocation goes on from there.

use std::collections::BTreeMap;

use aws::s3::{ListedObject, ObjectUri};
use labeling::consolidation::{AnnotationFile, Config as Settings, DataObject, Gathered};
use labeling::job::answers::says_something;
use labeling::job::{AnswerSource, AnswersInUse, Places, layout};
use manifest::RawLine;

use crate::consolidate::job::Job;
use crate::consolidate::reads::{
    ReadQueue, Unread, WORKER_RESPONSE_BYTES_MAX, read_annotation_file, read_worker_response,
};
use crate::error::RunError;
use crate::request::config::Consolidate;
use crate::state::origin::AnswersKept;
use crate::storage::files::ANSWERS_PART_BYTES;
use crate::storage::reader::Lines;
use crate::storage::store::Notes;

/// Files of a job that are listed, inclusive: a manifest's most lines, ten times.
const FILES_MAX: usize = 2_500_000;
/// Memory of the process that isn't for answers, in bytes: itself, files on their way, lists of their names.
const PROCESS_BYTES: u64 = 64 * 1024 * 1024;

/// What a line of a file below `parts/` begins with, by the file that the answers are from.
const FROM_ANNOTATION_FILE: u8 = b'A';
/// See [`FROM_ANNOTATION_FILE`].
const FROM_RESPONSE: u8 = b'R';

/// The answers of a job's data objects, at the numbers of their lines.
#[derive(Debug)]
pub(crate) struct Answers<'a> {
    job: &'a Job<'a>,
    pub(crate) gathered: Gathered<'a>,
    /// Which file's answers `gathered` holds, by line number.
    in_use: AnswersInUse<u64>,
    /// How far the reading is: the files below `parts/`, and what isn't in them yet.
    reading: AnswersKept,
    /// JSON Lines for the next file below `parts/`.
    unsaved: Vec<u8>,
    /// Data objects of worker-response files that no line is.
    n_unmatched_responses: u64,
}

impl<'a> Answers<'a> {
    /// What earlier invocations have read.
    pub(crate) async fn new(
        job: &'a Job<'a>,
        settings: &'a Settings,
        reading: &AnswersKept,
    ) -> Result<Self, RunError> {
        let mut answers = Self {
            gathered: Gathered::new(job.job_folder().as_str(), settings),
            in_use: AnswersInUse::default(),
            job,
            reading: reading.clone(),
            unsaved: Vec::new(),
            n_unmatched_responses: 0,
        };
        for part in 1..=reading.n_parts {
            job.check_time()?;
            let bytes = job.files.read_answers(part).await?;
            let lines = bytes.split(|byte| *byte == b'\n');
            for line in lines.filter(|line| !line.is_empty()) {
                let restored = answers.restore(line);
                restored.map_err(|error| RunError::PartLost {
                    uri: format!("part {part} of the answers read ({error})"),
                })?;
            }
            answers.check_memory(None)?;
        }
        Ok(answers)
    }

    /// Puts back what [`Self::keep`] wrote down.
    fn restore(&mut self, line: &[u8]) -> Result<(), serde_json::Error> {
        let (source, kept) = match line.split_first() {
            Some((&FROM_RESPONSE, kept)) => (AnswerSource::WorkerResponse, kept),
            Some((&FROM_ANNOTATION_FILE, kept)) => (AnswerSource::AnnotationFile, kept),
            _ => (AnswerSource::AnnotationFile, line),
        };
        let place = self.gathered.restore(kept)?;
        let has_answers = self.gathered.has_answers(place);
        self.in_use.take(place, source, has_answers);
        Ok(())
    }

    /// Data objects with answers that no line is.
    pub(crate) fn n_unmatched(&self) -> u64 {
        self.reading.n_unmatched + self.n_unmatched_responses
    }

    /// Elements of annotation files that can't be read, or don't tell their data object.
    pub(crate) fn n_unidentified(&self) -> u64 {
        self.reading.n_unidentified
    }

    /// Files that can't be read.
    pub(crate) fn n_unreadable_files(&self) -> u64 {
        self.reading.n_unreadable_files
    }

    /// Reads whatever the job has left: of all data objects, or of those without a label. After an error, what was
    /// read until then is kept for the next invocation.
    pub(crate) async fn read(
        &mut self,
        places: Option<&Places>,
        notes: &mut Notes<'_>,
    ) -> Result<(), RunError> {
        let result = self.read_all(places, notes).await;
        // Somebody else at the work writes files of the same names.
        if let Err(error) = &result
            && !matches!(error, RunError::LeaseLost)
            && let Err(second) = self.save(notes).await
        {
            tracing::warn!(reason = %second, "answers that were read are not kept");
        }
        result
    }

    async fn read_all(
        &mut self,
        places: Option<&Places>,
        notes: &mut Notes<'_>,
    ) -> Result<(), RunError> {
        if let Some(places) = places {
            self.read_annotation_files(places, notes).await?;
        }
        self.read_referenced(notes).await?;
        if let Some(places) = places {
            self.read_worker_responses(places, notes).await?;
        }
        Ok(())
    }

    /// The annotation files that the job's consolidation function was called with, in the order of their names: a later
    /// one about a data object takes an earlier one's place.
    async fn read_annotation_files(
        &mut self,
        places: &Places,
        notes: &mut Notes<'_>,
    ) -> Result<(), RunError> {
        let folder = self.job.job_folder().annotation_files();
        let mut reads = ReadQueue::default();
        let after_file = self.reading.after_file.clone();
        let bucket = &self.job.manifest.bucket;
        for file in self.list(&folder).await? {
            if after_file.as_ref().is_some_and(|last| file.key <= *last) {
                continue;
            }
            self.job.check_time()?;
            while reads.is_full(file.n_bytes) {
                self.keep_file(reads.next().await?, places, notes).await?;
            }
            let s3 = self.job.s3.clone();
            let uri = ObjectUri::new(bucket, &file.key);
            reads.push(file.n_bytes, file.key, async move {
                read_annotation_file(&s3, &uri).await
            });
        }
        while !reads.is_empty() {
            self.keep_file(reads.next().await?, places, notes).await?;
        }
        Ok(())
    }

    async fn keep_file(
        &mut self,
        read: Option<(String, Result<AnnotationFile, Unread>)>,
        places: &Places,
        notes: &mut Notes<'_>,
    ) -> Result<(), RunError> {
        let Some((key, read)) = read else {
            return Ok(());
        };
        match read {
            Ok(file) => {
                for (position, reason) in &file.unidentified {
                    tracing::warn!(
                        key,
                        position,
                        reason,
                        "element of an annotation file passed over"
                    );
                }
                self.reading.n_unidentified += file.n_unidentified as u64;
                for object in file.objects {
                    match places.find(&object) {
                        Some(line_number) => {
                            self.keep(line_number, AnswerSource::AnnotationFile, Ok(object));
                        }
                        None => self.reading.n_unmatched += 1,
                    }
                }
            }
            Err(Unread::Now(error)) => return Err(error.into()),
            Err(Unread::Ever(reason)) => {
                tracing::warn!(reason, "annotation file passed over");
                self.reading.n_unreadable_files += 1;
            }
        }
        self.reading.after_file = Some(key);
        self.save_when_full(notes).await
    }

    /// The worker-response files that lines name, for lines without answers: those without a label, or all of them
    /// when the whole job is consolidated.
    async fn read_referenced(&mut self, notes: &mut Notes<'_>) -> Result<(), RunError> {
        let job = self.job;
        let is_whole_job = job.config.consolidate == Consolidate::WholeJob;
        let mut reads = ReadQueue::default();
        let mut lines = Lines::open(job.s3, job.manifest).await?;
        loop {
            let in_use = &self.in_use;
            let look = |line_number, line: RawLine<'_>| {
                let RawLine::Line(bytes) = line else {
                    return None;
                };
                if !manifest::mentions_worker_response(bytes)
                    || !in_use.wants_response(&line_number)
                {
                    return None;
                }
                let own = manifest::own_label(bytes, job.options)?;
                let is_wanted = is_whole_job || own.labels.is_empty();
                let uri = own.worker_response_ref.filter(|_| is_wanted)?;
                Some((line_number, uri))
            };
            let Some(found) = lines.next(look).await? else {
                break;
            };
            if let Some((line_number, uri)) = found {
                let uri = self.permitted(&uri);
                let read = (line_number, uri);
                self.read_response(&mut reads, read, notes).await?;
            }
        }
        self.finish(reads, notes).await
    }

    /// The worker-response files in the job's folder, for lines that have no answers so far; of several for a line, the
    /// last by name.
    async fn read_worker_responses(
        &mut self,
        places: &Places,
        notes: &mut Notes<'_>,
    ) -> Result<(), RunError> {
        if places
            .line_numbers()
            .all(|line_number| !self.in_use.wants_response(&line_number))
        {
            return Ok(());
        }
        let folder = self.job.job_folder().worker_responses();
        let mut wanted = BTreeMap::new();
        for file in self.list(&folder).await? {
            let Some(id) = layout::dataset_object_id(&file.key) else {
                continue;
            };
            let object = DataObject {
                dataset_object_id: id.to_owned(),
                source: None,
                annotations: Vec::new(),
                problem: None,
            };
            match places.find(&object) {
                Some(line_number) if !self.in_use.wants_response(&line_number) => {}
                Some(line_number) => {
                    wanted.insert(line_number, file.key);
                }
                None => self.n_unmatched_responses += 1,
            }
        }
        let mut reads = ReadQueue::default();
        let bucket = &self.job.manifest.bucket;
        for (line_number, key) in wanted {
            let read = (line_number, Ok(ObjectUri::new(bucket, key)));
            self.read_response(&mut reads, read, notes).await?;
        }
        self.finish(reads, notes).await
    }

    async fn read_response(
        &mut self,
        reads: &mut ReadQueue<u64, DataObject>,
        (line_number, uri): (u64, Result<ObjectUri, String>),
        notes: &mut Notes<'_>,
    ) -> Result<(), RunError> {
        self.job.check_time()?;
        while reads.is_full(WORKER_RESPONSE_BYTES_MAX) {
            self.keep_response(reads.next().await?, notes).await?;
        }
        let s3 = self.job.s3.clone();
        reads.push(WORKER_RESPONSE_BYTES_MAX, line_number, async move {
            read_worker_response(&s3, &uri.map_err(Unread::Ever)?).await
        });
        Ok(())
    }

    async fn finish(
        &mut self,
        mut reads: ReadQueue<u64, DataObject>,
        notes: &mut Notes<'_>,
    ) -> Result<(), RunError> {
        while !reads.is_empty() {
            self.keep_response(reads.next().await?, notes).await?;
        }
        Ok(())
    }

    async fn keep_response(
        &mut self,
        read: Option<(u64, Result<DataObject, Unread>)>,
        notes: &mut Notes<'_>,
    ) -> Result<(), RunError> {
        match read {
            Some((line_number, Ok(object))) => {
                self.keep(line_number, AnswerSource::WorkerResponse, Ok(object));
            }
            Some((line_number, Err(Unread::Ever(reason)))) => {
                self.reading.n_unreadable_files += 1;
                self.keep(line_number, AnswerSource::WorkerResponse, Err(reason));
            }
            Some((_, Err(Unread::Now(error)))) => return Err(error.into()),
            None => {}
        }
        self.save_when_full(notes).await
    }

    /// Takes answers into use where they take the place of those before, and writes them down.
    fn keep(&mut self, line_number: u64, source: AnswerSource, object: Result<DataObject, String>) {
        let is_said = object.as_ref().is_ok_and(says_something);
        if !self.in_use.take(line_number, source, is_said) {
            return;
        }
        let object = object.unwrap_or_else(|reason| DataObject {
            dataset_object_id: String::new(),
            source: None,
            annotations: Vec::new(),
            problem: Some(reason),
        });
        let object = DataObject {
            dataset_object_id: line_number.to_string(),
            ..object
        };
        self.gathered.add(line_number, &object);
        if let Some(line) = self.gathered.kept(line_number) {
            self.unsaved.push(match source {
                AnswerSource::AnnotationFile => FROM_ANNOTATION_FILE,
                AnswerSource::WorkerResponse => FROM_RESPONSE,
            });
            self.unsaved.extend_from_slice(line.as_bytes());
            self.unsaved.push(b'\n');
        }
    }

    async fn save_when_full(&mut self, notes: &mut Notes<'_>) -> Result<(), RunError> {
        self.check_memory(None)?;
        if self.unsaved.len() >= ANSWERS_PART_BYTES {
            self.save(notes).await?;
        }
        Ok(())
    }

    /// Writes down what was read since the last time.
    async fn save(&mut self, notes: &mut Notes<'_>) -> Result<(), RunError> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let part = self.reading.n_parts + 1;
        let bytes = self.unsaved.clone();
        self.job.files.write_answers(part, bytes).await?;
        self.unsaved.clear();
        self.reading.n_parts = part;
        notes.checkpoint.reading = self.reading.clone();
        notes.save().await
    }

    /// Ends the work before the process is killed for want of memory. `categories` win over the settings'.
    pub(crate) fn check_memory(&self, categories: Option<&[String]>) -> Result<(), RunError> {
        let Some(memory_bytes) = self.job.config.memory_bytes else {
            return Ok(());
        };
        let needed_bytes = self.gathered.memory_bytes(categories) + PROCESS_BYTES;
        if needed_bytes <= memory_bytes {
            return Ok(());
        }
        Err(RunError::TooLarge {
            needed_bytes,
            memory_bytes,
            report: self.job.files.place.uri("report.json"),
        })
    }

    /// Answers are read from the job's own bucket alone, whatever a manifest says.
    fn permitted(&self, uri: &str) -> Result<ObjectUri, String> {
        let uri = ObjectUri::parse(uri).map_err(|error| format!("worker-response-ref: {error}"))?;
        if uri.bucket == self.job.manifest.bucket {
            Ok(uri)
        } else {
            let bucket = uri.bucket;
            Err(format!(
                "worker-response-ref lies in bucket {bucket:?}, which is not the job's"
            ))
        }
    }

    /// JSON files below a folder of the job, in order of their names.
    async fn list(&self, folder: &str) -> Result<Vec<ListedObject>, RunError> {
        let Ok(folder) = ObjectUri::parse(folder) else {
            return Ok(Vec::new());
        };
        let s3 = self.job.s3;
        let mut files = s3
            .list_objects(&folder.bucket, &folder.key, FILES_MAX)
            .await?;
        files.retain(|file| file.key.ends_with(".json"));
        Ok(files)
    }
}
