//! What has become of the entries that were sent: none of the service's answers says so, hence the look back.
//!
//! Neither a dataset's status nor its counts say whose update they are about. So each entry is looked for, and its labels are
//! compared with those that were sent. What isn't there as it was sent is sent again a few times, since another writer's
//! status may have been taken for ours, or another writer's entry has taken its place; what isn't there then is
//! reported by line.

use std::collections::BTreeMap;
use std::path::Path;

use aws::rekognition::EntryFilter;
use serde_json::Value;

use crate::error::RunError;
use crate::send::existing::{Dataset, Listing};
use crate::send::index::{Index, Seen};
use crate::send::pairs::fingerprint_of;
use crate::send::service_keys::error_codes;
use crate::state::dataset::LaneSide;
use crate::state::verified::Method;

/// A look back at one dataset.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The dataset.
    pub dataset: Dataset<'a>,
    /// Train or test.
    pub side: LaneSide,
    /// The way of looking.
    pub method: Method,
    /// What to look for by [`Method::EachEntry`].
    pub source_refs: &'a [String],
    /// A file for entries, to be made and deleted at once.
    pub scratch_file: &'a Path,
}

impl Look<'_> {
    /// Notes what the dataset has of the index's entries, and their errors by line. Returns those that it has otherwise than they
    /// were sent.
    ///
    /// # Errors
    ///
    /// [`RunError::OutOfTime`] when it takes longer than this invocation; [`RunError::Scratch`] when the file
    /// can't be used.
    pub async fn back(
        &self,
        index: &mut Index,
        errors: &mut BTreeMap<u64, Vec<String>>,
    ) -> Result<Listing, RunError> {
        let mut others = Listing::new(self.scratch_file);
        for filter in filters(self.method, self.source_refs) {
            let note = |entry: &str| {
                let Ok(parsed) = serde_json::from_str::<Value>(entry) else {
                    return Ok(());
                };
                let source_ref = parsed.get("source-ref").and_then(Value::as_str);
                let source_ref = source_ref.unwrap_or_default().to_owned();
                let codes = error_codes(&parsed);
                let found = index.see(&source_ref, self.side, fingerprint_of(parsed));
                let Some((line_number, seen)) = found else {
                    return Ok(());
                };
                errors.remove(&line_number);
                if !codes.is_empty() {
                    errors.insert(line_number, codes.into_iter().collect());
                }
                match seen {
                    Seen::Differs => others.keep(&source_ref, entry),
                    Seen::Missing | Seen::Landed => Ok(()),
                }
            };
            self.dataset.each(&filter, note).await?;
        }
        others.sort();
        Ok(others)
    }
}

/// What ListDatasetEntries is asked for.
fn filters(method: Method, source_refs: &[String]) -> Vec<EntryFilter> {
    match method {
        Method::Nothing => Vec::new(),
        Method::Listing => vec![EntryFilter::All],
        Method::EachEntry => source_refs
            .iter()
            .map(|source_ref| EntryFilter::SourceRefContains(source_ref.clone()))
            .collect(),
    }
}
