//! The files beside the report: rejected lines, what was sent, what wants another look.

use std::collections::BTreeMap;

use aws::s3::{PutOptions, S3, S3Error, Upload};
use manifest::{ConvertOptions, Converted};

use crate::error::RunError;
use crate::request::place::Place;
use crate::state::dataset::LaneSide;
use crate::state::progress::LaneProgress;
use crate::state::rejected::{RejectedLine, Trouble};
use crate::storage::reader::{LinesObject, Reader};

/// Folder of what each update has landed, while work is under way.
const PARTS: &str = "parts/";
/// Tag of every part. A lifecycle rule can't name the folder, which each job has, and deletes what bears the tag for long:
/// the parts of work that was given up.
const PARTS_TAG: &str = "dataset-updater=work-in-progress";
/// Parts that are deleted at most: far more than updates of the smallest size that makes sense.
const PARTS_MAX: usize = 100_000;

/// Bound of a part of workers' answers, in bytes: a part is written when it has [`ANSWERS_PART_BYTES`], and a single
/// annotation file may have brought many times that.
const ANSWERS_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Size from which on a part of workers' answers is written, in bytes.
pub(crate) const ANSWERS_PART_BYTES: usize = 4 * 1024 * 1024;

/// Where the files of a manifest go.
#[derive(Clone, Debug)]
pub struct Files<'a> {
    /// The client.
    pub s3: &'a S3,
    /// The place of the reports.
    pub place: &'a Place,
    /// The labeling job's name, where the manifest's key tells it.
    pub job_name: Option<&'a str>,
    /// KMS key; `None`: the bucket's default.
    pub kms_key_id: Option<String>,
}

impl Files<'_> {
    /// Keeps what one update landed, below `parts/`.
    ///
    /// # Errors
    ///
    /// As S3 answers.
    pub async fn write_part(
        &self,
        side: LaneSide,
        part: (u64, u64),
        bytes: Vec<u8>,
    ) -> Result<(), S3Error> {
        self.put_part(&self.part_key(side, part), bytes).await
    }

    /// Keeps workers' answers that were read, below `parts/`; `part` is their number.
    ///
    /// # Errors
    ///
    /// As S3 answers.
    pub async fn write_answers(&self, part: u64, bytes: Vec<u8>) -> Result<(), S3Error> {
        self.put_part(&self.answers_key(part), bytes).await
    }

    async fn put_part(&self, key: &str, bytes: Vec<u8>) -> Result<(), S3Error> {
        let options = PutOptions {
            tags: Some(PARTS_TAG),
            ..self.options("application/jsonlines")
        };
        self.s3
            .put_object(&self.place.bucket, key, bytes, &options)
            .await?;
        Ok(())
    }

    /// What [`Files::write_answers`] wrote.
    ///
    /// # Errors
    ///
    /// [`RunError::PartLost`] when it is gone, else as S3 answers.
    pub async fn read_answers(&self, part: u64) -> Result<Vec<u8>, RunError> {
        let key = self.answers_key(part);
        let read = self
            .s3
            .read_object(&self.place.bucket, &key, ANSWERS_BYTES_MAX);
        read.await.map_err(lost)
    }

    fn answers_key(&self, part: u64) -> String {
        self.place.key(&format!("{PARTS}answers-{part:06}.jsonl"))
    }

    /// Writes `rejected.jsonl` and `review.manifest` from a version of the manifest.
    ///
    /// # Errors
    ///
    /// [`RunError::Superseded`] when the manifest has been replaced.
    pub async fn write_lines(
        &self,
        source: &LinesObject,
        options: ConvertOptions,
        troubles: &BTreeMap<u64, Trouble>,
    ) -> Result<(), RunError> {
        let mut rejected = self.upload("rejected.jsonl");
        let mut review = self.upload("review.manifest");
        let reader = Reader::open(self.s3, source, options, true).await?;
        if let Err(error) = share_out(reader, troubles, &mut rejected, &mut review).await {
            rejected.abort().await;
            review.abort().await;
            return Err(error);
        }
        if let Err(error) = rejected.finish().await {
            review.abort().await;
            return Err(error.into());
        }
        review.finish().await?;
        Ok(())
    }

    /// Joins a lane's parts to `entries.manifest` (of the test dataset: `entries.test.manifest`).
    ///
    /// # Errors
    ///
    /// [`RunError::PartLost`] when one of them is gone, else as S3 answers.
    pub async fn join_parts(&self, lane: &LaneProgress) -> Result<(), RunError> {
        let mut entries = self.upload(entries_file(lane.side));
        if let Err(error) = self.append_parts(lane, &mut entries).await {
            entries.abort().await;
            return Err(error);
        }
        entries.finish().await?;
        Ok(())
    }

    async fn append_parts(
        &self,
        lane: &LaneProgress,
        entries: &mut Upload,
    ) -> Result<(), RunError> {
        for part in &lane.parts {
            let key = self.part_key(lane.side, *part);
            let mut stream = self
                .s3
                .stream_object(&self.place.bucket, &key, None)
                .await
                .map_err(lost)?;
            while let Some(piece) = stream.next_piece().await? {
                entries.write(&piece).await?;
            }
        }
        Ok(())
    }

    /// Deletes all parts, also those that an invocation wrote and died before it could note them.
    ///
    /// # Errors
    ///
    /// As S3 answers.
    pub async fn delete_parts(&self) -> Result<(), S3Error> {
        let (bucket, prefix) = (&self.place.bucket, self.place.key(PARTS));
        for part in self.s3.list_objects(bucket, &prefix, PARTS_MAX).await? {
            let name = part.key.strip_prefix(&prefix).unwrap_or_default();
            if is_part(name) {
                self.s3.delete_object(bucket, &part.key).await?;
            }
        }
        Ok(())
    }

    /// Writes a small file.
    ///
    /// # Errors
    ///
    /// As S3 answers.
    pub async fn write_json(&self, file_name: &str, bytes: Vec<u8>) -> Result<(), S3Error> {
        let options = self.options("application/json");
        self.s3
            .put_object(
                &self.place.bucket,
                &self.place.key(file_name),
                bytes,
                &options,
            )
            .await?;
        Ok(())
    }

    /// Starts a file of JSON Lines.
    #[must_use]
    pub fn upload(&self, file_name: &str) -> Upload {
        let options = self.options("application/jsonlines");
        self.s3
            .upload(&self.place.bucket, &self.place.key(file_name), &options)
    }

    fn options(&self, content_type: &str) -> PutOptions {
        PutOptions {
            content_type: Some(content_type.to_owned()),
            kms_key_id: self.kms_key_id.clone(),
            ..PutOptions::default()
        }
    }

    fn part_key(&self, side: LaneSide, (first_line, last_line): (u64, u64)) -> String {
        let side = side.name();
        self.place.key(&format!(
            "{PARTS}{side}-{first_line:09}-{last_line:09}.jsonl"
        ))
    }
}

/// Whether a name below `parts/` is one that is written here: a folder there may be a labeling job's.
fn is_part(name: &str) -> bool {
    let starts = ["train-", "test-", "answers-"];
    !name.contains('/') && starts.iter().any(|start| name.starts_with(start))
}

/// Writes each line that didn't become an entry, or whose entry is in trouble, to where it belongs.
async fn share_out(
    mut reader: Reader,
    troubles: &BTreeMap<u64, Trouble>,
    rejected: &mut Upload,
    review: &mut Upload,
) -> Result<(), RunError> {
    while let Some(converted) = reader.next().await? {
        match converted {
            Converted::Rejected(line) => {
                let text = String::from_utf8_lossy(reader.line());
                let line = RejectedLine::rejected(&line, &text);
                rejected.write(&line.to_json_line()).await?;
            }
            Converted::Entry(entry) => {
                if let Some(trouble) = troubles.get(&entry.line_number) {
                    let text = String::from_utf8_lossy(reader.line());
                    let line = RejectedLine::in_trouble(entry.line_number, trouble, &text);
                    rejected.write(&line.to_json_line()).await?;
                }
            }
            Converted::Review(line) => {
                review.write(format!("{}\n", line.json).as_bytes()).await?;
            }
            Converted::Skipped(_) => {}
        }
    }

    Ok(())
}

fn lost(error: S3Error) -> RunError {
    match error {
        S3Error::NotFound { uri } => RunError::PartLost { uri },
        error => error.into(),
    }
}

/// The file of what landed in a dataset.
#[must_use]
pub fn entries_file(side: LaneSide) -> &'static str {
    match side {
        LaneSide::Train => "entries.manifest",
        LaneSide::Test => "entries.test.manifest",
    }
}

/// The file of what earlier versions of the manifest have landed in a dataset and this one has no entry of.
#[must_use]
pub fn left_behind_file(side: LaneSide) -> &'static str {
    match side {
        LaneSide::Train => "left-behind.manifest",
        LaneSide::Test => "left-behind.test.manifest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_from_what_lies_beside_them() {
        for (name, expected) in [
            ("train-000000001-000000007.jsonl", true),
            ("test-000000001-000000007.jsonl", true),
            ("answers-000001.jsonl", true),
            ("manifests/output/output.manifest", false),
            ("train-job/manifests/output/output.manifest", false),
            ("", false),
        ] {
            assert_eq!(is_part(name), expected, "{name}");
        }
    }
}
