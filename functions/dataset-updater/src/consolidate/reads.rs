//! Reads of files of answers, several at a time and to be had in order.

use std::collections::{BTreeMap, VecDeque};

use aws::s3::{ObjectUri, S3, S3Error};
use labeling::answers::ANSWER_BYTES_MAX;
use labeling::consolidation::{ANNOTATION_FILE_BYTES_MAX, AnnotationFile, DataObject};
use labeling::job::worker_response;
use tokio::task::JoinSet;

use crate::error::RunError;

/// Files read at the same time.
const READS_AT_ONCE: usize = 16;
/// Bytes of files that are being read, by their bounds; a single file may have more.
const READ_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Largest worker-response file that is read, in bytes, inclusive. Source: ours; nine workers' answers of 100 boxes take
/// less than a tenth.
pub(crate) const WORKER_RESPONSE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Reason for which a file of answers wasn't read.
pub(crate) enum Unread {
    /// S3 is in trouble: the file may be read later.
    Now(S3Error),
    /// The file can't be read at any time, for this reason.
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

pub(crate) async fn read_worker_response(s3: &S3, uri: &ObjectUri) -> Result<DataObject, Unread> {
    let bytes = s3
        .read_object(&uri.bucket, &uri.key, WORKER_RESPONSE_BYTES_MAX)
        .await?;
    worker_response::parse("", &bytes).map_err(|error| Unread::Ever(format!("{uri}: {error}")))
}

/// An annotation file, with the answers in it that are stored elsewhere in its bucket.
pub(crate) async fn read_annotation_file(
    s3: &S3,
    uri: &ObjectUri,
) -> Result<AnnotationFile, Unread> {
    let bytes = s3
        .read_object(&uri.bucket, &uri.key, ANNOTATION_FILE_BYTES_MAX)
        .await?;
    let file = AnnotationFile::parse_batch(&bytes);
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
pub(crate) struct ReadQueue<K, T> {
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

impl<K, T> Default for ReadQueue<K, T> {
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

impl<K, T: Send + 'static> ReadQueue<K, T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether a read of so many bytes has to wait.
    pub(crate) fn is_full(&self, n_bytes: u64) -> bool {
        !self.is_empty()
            && (self.under_way.len() >= READS_AT_ONCE || self.n_bytes + n_bytes > READ_BYTES_MAX)
    }

    pub(crate) fn push(
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

    /// The next one in the order in which they were begun; `None` when there is none.
    pub(crate) async fn next(&mut self) -> Result<Option<(K, Result<T, Unread>)>, RunError> {
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
