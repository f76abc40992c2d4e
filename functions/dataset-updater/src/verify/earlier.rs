//! What earlier versions of a manifest have landed, by the files that they left.

use std::collections::BTreeMap;

use aws::s3::{S3Error, Upload};
use manifest::RawLine;
use serde::Deserialize;

use crate::error::RunError;
use crate::send::index::Index;
use crate::state::company::Earlier;
use crate::state::dataset::LaneSide;
use crate::storage::files::{entries_file, left_behind_file};
use crate::storage::reader::{Lines, LinesObject};
use crate::work::Work;

#[derive(Deserialize)]
struct SourceRef<'a> {
    #[serde(rename = "source-ref", borrow)]
    source_ref: std::borrow::Cow<'a, str>,
}

impl Work<'_> {
    /// Compares what earlier versions of the manifest have landed with this one's entries, and writes what is none of them
    /// down. To be called before this version's own files take the place of theirs; what was found is noted first, since
    /// they may be gone when somebody goes on from here.
    pub(crate) async fn look_at_earlier(&mut self, index: &mut Index) -> Result<(), RunError> {
        let sides: Vec<LaneSide> = self
            .notes
            .checkpoint
            .lanes
            .iter()
            .map(|lane| lane.side)
            .collect();
        if !self.notes.checkpoint.earlier.is_empty() {
            return Ok(());
        }
        let mut found = BTreeMap::new();
        for side in sides {
            if let Some(earlier) = self.earlier_of(side, index).await? {
                found.insert(side, earlier);
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        self.notes.checkpoint.earlier = found;
        self.notes.save().await
    }

    /// `None` when there is no earlier version.
    async fn earlier_of(
        &self,
        side: LaneSide,
        index: &mut Index,
    ) -> Result<Option<Earlier>, RunError> {
        let mut sources = Vec::new();
        for name in [left_behind_file(side), entries_file(side)] {
            sources.extend(self.report_file(name).await?);
        }
        if sources.is_empty() {
            return Ok(None);
        }
        let mut earlier = Earlier::default();
        let mut left_behind = self.files.upload(left_behind_file(side));
        for source in &sources {
            let found = self.compare(source, side, index, &mut left_behind).await;
            match found {
                Ok(found) => {
                    earlier.again += found.again;
                    earlier.left_behind += found.left_behind;
                }
                Err(error) => {
                    left_behind.abort().await;
                    return Err(error);
                }
            }
        }
        left_behind.finish().await?;
        Ok(Some(earlier))
    }

    async fn report_file(&self, name: &str) -> Result<Option<LinesObject>, RunError> {
        let place = self.files.place;
        let key = place.key(name);
        match self.clients.s3.head_object(&place.bucket, &key).await {
            Ok(head) => Ok(Some(LinesObject {
                bucket: place.bucket.clone(),
                key,
                e_tag: head.e_tag,
            })),
            Err(S3Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn compare(
        &self,
        source: &LinesObject,
        side: LaneSide,
        index: &mut Index,
        left_behind: &mut Upload,
    ) -> Result<Earlier, RunError> {
        let mut earlier = Earlier::default();
        let mut lines = Lines::open(&self.clients.s3, source).await?;
        let mut kept = Vec::new();
        loop {
            kept.clear();
            let looked = lines.next(|_, line| {
                let RawLine::Line(bytes) = line else {
                    return;
                };
                let Ok(entry) = serde_json::from_slice::<SourceRef<'_>>(bytes) else {
                    return;
                };
                if index.seen(&entry.source_ref, side).is_some() {
                    earlier.again += 1;
                } else {
                    earlier.left_behind += 1;
                    kept.extend_from_slice(bytes);
                    kept.push(b'\n');
                }
            });
            if looked.await?.is_none() {
                return Ok(earlier);
            }
            if !kept.is_empty() {
                left_behind.write(&kept).await?;
            }
        }
    }
}
