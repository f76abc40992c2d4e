//! A job's answers, read from where the job left them.
//!
//! Bounded: so many reads at a time, so many bytes on their way. What can't be read costs the data objects in it and
//! nothing else, unless it may be read later: then the invocation ends, and the next one tries again.

use std::collections::{BTreeMap, VecDeque};

use aws::s3::{ObjectUri, S3, S3Error};
use labeling::answers::ANSWER_BYTES_MAX;
use labeling::consolidation::{
    ANNOTATION_FILE_BYTES_MAX, AnnotationFile, Config as Settings, DataObject, Gathered,
};
use labeling::whole_job::Places;
use labeling::{job_folder, worker_response};
use manifest::RawLine;
use tokio::task::JoinSet;

use crate::config::Consolidate;
use crate::consolidation::Job;
use crate::error::RunError;
use crate::reader::Lines;

/// Files read at the same time.
const READS_AT_ONCE: usize = 16;
/// Bytes of files that are being read, by their bounds; a single file may have more.
const READ_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Largest worker-response file that is read, in bytes, inclusive. Source: ours; nine workers' answers of 100 boxes take
/// less than a tenth.
const WORKER_RESPONSE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Files of a job that are listed, inclusive: a manifest's most lines, ten times.
const FILES_MAX: usize = 2_500_000;

/// The answers of a job's data objects, at the numbers of their lines.
#[derive(Debug)]
pub(crate) struct Answers<'a> {
    job: &'a Job<'a>,
    pub(crate) gathered: Gathered<'a>,
    /// Data objects in annotation files that no line is.
    pub(crate) n_unmatched: u64,
    /// Files that can't be read.
    pub(crate) n_unreadable_files: u64,
}

impl<'a> Answers<'a> {
    pub(crate) fn new(job: &'a Job<'a>, settings: &'a Settings) -> Self {
        Self {
            gathered: Gathered::new(&job.job_folder(), settings),
            job,
            n_unmatched: 0,
            n_unreadable_files: 0,
        }
    }

    /// The annotation files that the job's consolidation function was called with, in the order of their names: a later
    /// one about a data object takes an earlier one's place.
    pub(crate) async fn read_annotation_files(&mut self, places: &Places) -> Result<(), RunError> {
        let folder = job_folder::annotation_files(&self.job.job_folder());
        let mut reads = Reads::default();
        for (uri, n_bytes) in self.list(&folder).await? {
            self.job.check_time()?;
            while reads.is_full(n_bytes) {
                self.keep_file(reads.next().await?, places)?;
            }
            let s3 = self.job.s3.clone();
            reads.push(
                n_bytes,
                (),
                async move { read_annotation_file(&s3, &uri).await },
            );
        }
        while !reads.is_empty() {
            self.keep_file(reads.next().await?, places)?;
        }
        Ok(())
    }

    fn keep_file(
        &mut self,
        read: Option<((), Result<AnnotationFile, Unread>)>,
        places: &Places,
    ) -> Result<(), RunError> {
        match read {
            Some(((), Ok(file))) => {
                for object in &file.objects {
                    match places.find(object) {
                        Some(line_number) => self.keep(line_number, Ok(object.clone())),
                        None => self.n_unmatched += 1,
                    }
                }
            }
            Some(((), Err(Unread::Now(error)))) => return Err(error.into()),
            Some(((), Err(Unread::Ever(reason)))) => {
                tracing::warn!(reason, "annotation file passed over");
                self.n_unreadable_files += 1;
            }
            None => {}
        }
        Ok(())
    }

    /// The worker-response files that lines name, for lines without answers: those without a label, or all of them
    /// when the whole job is consolidated.
    pub(crate) async fn read_referenced(&mut self) -> Result<(), RunError> {
        let job = self.job;
        let is_whole_job = job.config.consolidate == Consolidate::WholeJob;
        let mut reads = Reads::default();
        let mut lines = Lines::open(job.s3, job.manifest).await?;
        loop {
            let gathered = &self.gathered;
            let look = |line_number, line: RawLine<'_>| {
                let RawLine::Line(bytes) = line else {
                    return None;
                };
                if !manifest::mentions_worker_response(bytes) || gathered.has(line_number) {
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
                self.read_response(&mut reads, line_number, uri).await?;
            }
        }
        self.finish(reads).await
    }

    /// The worker-response files in the job's folder, for lines that have no answers so far.
    pub(crate) async fn read_worker_responses(&mut self, places: &Places) -> Result<(), RunError> {
        if places
            .line_numbers()
            .all(|line_number| self.gathered.has(line_number))
        {
            return Ok(());
        }
        let folder = job_folder::worker_responses(&self.job.job_folder());
        let mut reads = Reads::default();
        for (uri, _) in self.list(&folder).await? {
            let Some(id) = worker_response::dataset_object_id(&uri.key) else {
                continue;
            };
            let object = DataObject {
                dataset_object_id: id.to_owned(),
                source: None,
                annotations: Vec::new(),
                problem: None,
            };
            match places.find(&object) {
                Some(line_number) if self.gathered.has(line_number) => {}
                Some(line_number) => self.read_response(&mut reads, line_number, Ok(uri)).await?,
                None => self.n_unmatched += 1,
            }
        }
        self.finish(reads).await
    }

    async fn read_response(
        &mut self,
        reads: &mut Reads<u64, DataObject>,
        line_number: u64,
        uri: Result<ObjectUri, String>,
    ) -> Result<(), RunError> {
        self.job.check_time()?;
        while reads.is_full(WORKER_RESPONSE_BYTES_MAX) {
            self.keep_response(reads.next().await?)?;
        }
        let s3 = self.job.s3.clone();
        reads.push(WORKER_RESPONSE_BYTES_MAX, line_number, async move {
            read_worker_response(&s3, &uri.map_err(Unread::Ever)?).await
        });
        Ok(())
    }

    async fn finish(&mut self, mut reads: Reads<u64, DataObject>) -> Result<(), RunError> {
        while !reads.is_empty() {
            self.keep_response(reads.next().await?)?;
        }
        Ok(())
    }

    fn keep_response(
        &mut self,
        read: Option<(u64, Result<DataObject, Unread>)>,
    ) -> Result<(), RunError> {
        match read {
            Some((line_number, Ok(object))) => self.keep(line_number, Ok(object)),
            Some((line_number, Err(Unread::Ever(reason)))) => {
                self.n_unreadable_files += 1;
                self.keep(line_number, Err(reason));
            }
            Some((_, Err(Unread::Now(error)))) => return Err(error.into()),
            None => {}
        }
        Ok(())
    }

    fn keep(&mut self, line_number: u64, object: Result<DataObject, String>) {
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

    /// JSON files below a folder, in order of their names, with their sizes in bytes.
    async fn list(&self, folder: &str) -> Result<Vec<(ObjectUri, u64)>, RunError> {
        let Ok(folder) = ObjectUri::parse(folder) else {
            return Ok(Vec::new());
        };
        let listed = self
            .job
            .s3
            .list_objects(&folder.bucket, &folder.key, FILES_MAX)
            .await?;
        let files = listed
            .into_iter()
            .filter(|object| object.key.ends_with(".json"));
        let files =
            files.map(|object| (ObjectUri::new(&folder.bucket, object.key), object.n_bytes));
        Ok(files.collect())
    }
}

/// Why something wasn't read.
enum Unread {
    /// It may be read later.
    Now(S3Error),
    /// It won't.
    Ever(String),
}

impl From<S3Error> for Unread {
    fn from(error: S3Error) -> Self {
        if error.is_temporary() {
            Self::Now(error)
        } else {
            Self::Ever(error.to_string())
        }
    }
}

async fn read_worker_response(s3: &S3, uri: &ObjectUri) -> Result<DataObject, Unread> {
    let bytes = s3
        .read_object(&uri.bucket, &uri.key, WORKER_RESPONSE_BYTES_MAX)
        .await?;
    worker_response::parse("", &bytes).map_err(|error| Unread::Ever(format!("{uri}: {error}")))
}

/// An annotation file, with the answers in it that are stored elsewhere in its bucket.
async fn read_annotation_file(s3: &S3, uri: &ObjectUri) -> Result<AnnotationFile, Unread> {
    let bytes = s3
        .read_object(&uri.bucket, &uri.key, ANNOTATION_FILE_BYTES_MAX)
        .await?;
    let file = AnnotationFile::parse(&bytes);
    let mut file = file.map_err(|error| Unread::Ever(format!("{uri}: {error}")))?;
    for stored in file.stored_answers() {
        let answer = match ObjectUri::parse(&stored) {
            Ok(place) if place.bucket != uri.bucket => Err(format!(
                "answer stored in bucket {:?}, which is not the job's",
                place.bucket
            )),
            Ok(place) => match s3
                .read_object(&place.bucket, &place.key, ANSWER_BYTES_MAX as u64)
                .await
            {
                Err(error) if error.is_temporary() => return Err(Unread::Now(error)),
                read => read.map_err(|error| format!("answer stored elsewhere: {error}")),
            },
            Err(error) => Err(format!("answer stored elsewhere: {error}")),
        };
        file.resolve(&stored, answer);
    }
    Ok(file)
}

/// Reads that are under way, to be had in the order in which they were begun. Dropped, they end.
struct Reads<K, T> {
    under_way: VecDeque<UnderWay<K>>,
    n_begun: u64,
    n_bytes: u64,
    tasks: JoinSet<(u64, Result<T, Unread>)>,
    /// Those that ended before earlier ones did.
    ended: BTreeMap<u64, Result<T, Unread>>,
}

struct UnderWay<K> {
    number: u64,
    n_bytes: u64,
    key: K,
}

impl<K, T> Default for Reads<K, T> {
    fn default() -> Self {
        Self {
            under_way: VecDeque::new(),
            n_begun: 0,
            n_bytes: 0,
            tasks: JoinSet::new(),
            ended: BTreeMap::new(),
        }
    }
}

impl<K, T: Send + 'static> Reads<K, T> {
    fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether a read of so many bytes has to wait.
    fn is_full(&self, n_bytes: u64) -> bool {
        !self.is_empty()
            && (self.under_way.len() >= READS_AT_ONCE || self.n_bytes + n_bytes > READ_BYTES_MAX)
    }

    fn push(
        &mut self,
        n_bytes: u64,
        key: K,
        read: impl Future<Output = Result<T, Unread>> + Send + 'static,
    ) {
        let number = self.n_begun;
        self.n_begun += 1;
        self.n_bytes += n_bytes;
        self.under_way.push_back(UnderWay {
            number,
            n_bytes,
            key,
        });
        self.tasks.spawn(async move { (number, read.await) });
    }

    async fn next(&mut self) -> Result<Option<(K, Result<T, Unread>)>, RunError> {
        let Some(first) = self.under_way.pop_front() else {
            return Ok(None);
        };
        self.n_bytes -= first.n_bytes;
        loop {
            if let Some(read) = self.ended.remove(&first.number) {
                return Ok(Some((first.key, read)));
            }
            match self.tasks.join_next().await {
                Some(Ok((number, read))) => self.ended.insert(number, read),
                Some(Err(error)) => {
                    let reason = error.to_string();
                    return Err(RunError::Reading { reason });
                }
                None => return Ok(None),
            };
        }
    }
}
