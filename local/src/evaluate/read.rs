//! Reads sets of answers and truth.

use std::collections::{BTreeMap, BTreeSet};

use consensus::Problem;
use consensus::single_label::Answer;
use serde::Deserialize;
use thiserror::Error;

use super::single_label;

/// Why a set can't be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Not CSV of the expected columns.
    #[error("{file}: {source}; expected the columns {columns}")]
    Csv {
        /// What was read.
        file: &'static str,
        /// The columns it should have.
        columns: &'static str,
        /// Where it went wrong.
        source: csv::Error,
    },
    /// Not JSON of the expected shape.
    #[error("not JSON of the expected shape: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct LabelRow {
    item: String,
    worker: String,
    label: String,
}

#[derive(Deserialize)]
struct TruthRow {
    item: String,
    truth: String,
}

/// Reads `label.csv` (item,worker,label) and `truth.csv` (item,truth). Of several answers of a worker to an item the
/// first is kept. Items come in the order of their first answer, workers and classes by name, numbers by value.
///
/// # Errors
///
/// [`ReadError::Csv`] when a row lacks a column.
pub fn single_label(labels: &str, truth: &str) -> Result<single_label::Set, ReadError> {
    let labels: Vec<LabelRow> = csv::Reader::from_reader(labels.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|source| ReadError::Csv { file: "label.csv", columns: "item,worker,label", source })?;
    let truth: BTreeMap<String, String> = csv::Reader::from_reader(truth.as_bytes())
        .deserialize()
        .map(|row| row.map(|TruthRow { item, truth }| (item, truth)))
        .collect::<Result<_, _>>()
        .map_err(|source| ReadError::Csv { file: "truth.csv", columns: "item,truth", source })?;

    let workers = names(labels.iter().map(|row| &row.worker));
    let classes = names(labels.iter().map(|row| &row.label).chain(truth.values()));
    let mut item_idx: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut items: Vec<Vec<Answer>> = Vec::new();
    let mut known = Vec::new();
    for row in &labels {
        let idx = *item_idx.entry(&row.item).or_insert_with(|| {
            items.push(Vec::new());
            known.push(truth.get(&row.item).and_then(|class| classes.get(&sortable(class)).copied()));
            items.len() - 1
        });
        if let (Some(worker), Some(class), Some(answers)) =
            (workers.get(&sortable(&row.worker)), classes.get(&sortable(&row.label)), items.get_mut(idx))
            && seen.insert((idx, *worker))
        {
            answers.push(Answer { worker: *worker, class: *class });
        }
    }
    let listed = |names: BTreeMap<(usize, String), u32>| names.into_keys().map(|(_, name)| name).collect();
    Ok(single_label::Set {
        problem: Problem { workers: listed(workers), classes: listed(classes), items },
        truth: known,
    })
}

fn names<'a>(all: impl Iterator<Item = &'a String>) -> BTreeMap<(usize, String), u32> {
    let unique: BTreeSet<(usize, String)> = all.map(|name| sortable(name)).collect();
    unique.into_iter().zip(0u32..).collect()
}

/// Sorts whole numbers by value.
fn sortable(name: &str) -> (usize, String) {
    (name.len(), name.to_owned())
}
