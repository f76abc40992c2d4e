//! Reads sets of answers and truth.

use std::collections::{BTreeMap, BTreeSet};

use consensus::Problem;
use consensus::boxes::BoxLabel;
use consensus::single_label::Answer;
use serde::Deserialize;
use thiserror::Error;

use super::{boxes, multi_label, single_label};

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
    /// A header at most.
    #[error("no rows; expected the columns {columns}")]
    NoRows {
        /// The columns it should have.
        columns: &'static str,
    },
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
        .map_err(|source| ReadError::Csv {
            file: "label.csv",
            columns: "item,worker,label",
            source,
        })?;
    let truth: BTreeMap<String, String> = csv::Reader::from_reader(truth.as_bytes())
        .deserialize()
        .map(|row| row.map(|TruthRow { item, truth }| (item, truth)))
        .collect::<Result<_, _>>()
        .map_err(|source| ReadError::Csv {
            file: "truth.csv",
            columns: "item,truth",
            source,
        })?;

    let workers = names(labels.iter().map(|row| &row.worker));
    let classes = names(labels.iter().map(|row| &row.label).chain(truth.values()));
    let mut item_idx: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut items: Vec<Vec<Answer>> = Vec::new();
    let mut known = Vec::new();
    for row in &labels {
        let idx = *item_idx.entry(&row.item).or_insert_with(|| {
            items.push(Vec::new());
            known.push(
                truth
                    .get(&row.item)
                    .and_then(|class| classes.get(&sortable(class)).copied()),
            );
            items.len() - 1
        });
        if let (Some(worker), Some(class), Some(answers)) = (
            workers.get(&sortable(&row.worker)),
            classes.get(&sortable(&row.label)),
            items.get_mut(idx),
        ) && seen.insert((idx, *worker))
        {
            answers.push(Answer {
                worker: *worker,
                class: *class,
            });
        }
    }
    let listed =
        |names: BTreeMap<(usize, String), u32>| names.into_keys().map(|(_, name)| name).collect();
    Ok(single_label::Set {
        problem: Problem {
            workers: listed(workers),
            classes: listed(classes),
            items,
        },
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

#[derive(Deserialize)]
struct PairRow {
    image: String,
    imagenet_label: String,
    truth: u8,
    answers: String,
}

/// Reads a multi-label file: image,imagenet_label,truth,experts,answers, one row an offered (image, label) pair, one
/// character an answer. `2` selects the label, `0` and `1` ("maybe") don't. Lines that start with `#` are comments.
///
/// # Errors
///
/// [`ReadError::Csv`] when a row lacks a column, [`ReadError::NoRows`] when there is none.
pub fn multi_label(pairs: &str) -> Result<multi_label::Set, ReadError> {
    let rows: Vec<PairRow> = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(pairs.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|source| ReadError::Csv {
            file: "multi-label file",
            columns: "image,imagenet_label,truth,experts,answers",
            source,
        })?;
    if rows.is_empty() {
        return Err(ReadError::NoRows {
            columns: "image,imagenet_label,truth,experts,answers",
        });
    }
    let n_workers = rows
        .iter()
        .map(|row| row.answers.chars().count())
        .max()
        .unwrap_or_default() as u32;
    let classes = names(rows.iter().map(|row| &row.imagenet_label));
    let images = names(rows.iter().map(|row| &row.image));
    let nobody: Vec<consensus::multi_label::Answer> = (0..n_workers)
        .map(|worker| consensus::multi_label::Answer {
            worker,
            classes: Vec::new(),
        })
        .collect();
    let mut items = vec![nobody; images.len()];
    let mut offered = vec![Vec::new(); images.len()];
    let mut truth = vec![Vec::new(); images.len()];
    for row in &rows {
        let (Some(image), Some(class)) = (
            images.get(&sortable(&row.image)),
            classes.get(&sortable(&row.imagenet_label)),
        ) else {
            continue;
        };
        let image = *image as usize;
        if let Some(classes) = offered.get_mut(image) {
            classes.push(*class);
        }
        if let (1, Some(classes)) = (row.truth, truth.get_mut(image)) {
            classes.push(*class);
        }
        for (answer, selected) in items
            .get_mut(image)
            .into_iter()
            .flatten()
            .zip(row.answers.chars())
        {
            if selected == '2' {
                answer.classes.push(*class);
            }
        }
    }
    for classes in offered.iter_mut().chain(&mut truth) {
        classes.sort_unstable();
    }
    let workers = (0..n_workers)
        .map(|worker| format!("{worker:03}"))
        .collect();
    let classes = classes.into_keys().map(|(_, name)| name).collect();
    Ok(multi_label::Set {
        problem: Problem {
            workers,
            classes,
            items,
        },
        offered: offered.into_iter().map(Some).collect(),
        truth: truth.into_iter().map(Some).collect(),
    })
}

#[derive(Deserialize)]
struct BoxFile {
    images: BTreeMap<String, BoxImage>,
}

#[derive(Deserialize)]
struct BoxImage {
    answers: BTreeMap<String, Vec<[f64; 4]>>,
    #[serde(default)]
    truth: Option<Vec<[f64; 4]>>,
}

/// Reads a file of boxes: `{"images": {NAME: {"answers": {WORKER: [[x1, y1, x2, y2], …]}, "truth": [[…], …]}}}`, in
/// pixels, all of one class. An image without `truth` is consolidated and not judged.
///
/// # Errors
///
/// [`ReadError::Json`] when the file has another shape.
pub fn boxes(file: &str) -> Result<boxes::Set, ReadError> {
    let file: BoxFile = serde_json::from_str(file)?;
    let workers = names(file.images.values().flat_map(|image| image.answers.keys()));
    let labels = |edges: &[[f64; 4]]| -> Vec<BoxLabel> {
        let label = |[left, top, right, bottom]: &[f64; 4]| BoxLabel {
            class: 0,
            left: *left,
            top: *top,
            width: right - left,
            height: bottom - top,
        };
        edges.iter().map(label).collect()
    };
    let images: BTreeMap<(usize, String), BoxImage> = file
        .images
        .into_iter()
        .map(|(name, image)| (sortable(&name), image))
        .collect();
    let mut items = Vec::new();
    let mut truth = Vec::new();
    for image in images.values() {
        let answers = image.answers.iter().filter_map(|(worker, edges)| {
            let worker = *workers.get(&sortable(worker))?;
            Some(consensus::boxes::Answer {
                worker,
                boxes: labels(edges),
            })
        });
        let mut answers: Vec<_> = answers.collect();
        answers.sort_by_key(|answer| answer.worker);
        items.push(answers);
        truth.push(image.truth.as_deref().map(labels));
    }
    let workers = workers.into_keys().map(|(_, name)| name).collect();
    Ok(boxes::Set {
        problem: Problem {
            workers,
            classes: vec!["object".to_owned()],
            items,
        },
        truth,
    })
}
