//! The workers.

use std::collections::BTreeMap;

use labeling::TaskType;
use labeling::consolidation::{Quality, Worker};

use super::table::{Cell, Column, Row, Table};
use super::text;

/// Answers below which a worker's figures say little, exclusive.
pub(super) const FEW_ANSWERS: u32 = 10;
/// Colours that workers have.
const COLORS: usize = 9;
/// Workers in a table, inclusive.
const WORKERS_MAX: usize = 1000;

/// The colours of workers: those with the most answers have one of their own.
pub(super) struct Colors {
    by_worker: BTreeMap<String, usize>,
}

impl Colors {
    pub(super) fn of(quality: Option<&Quality>) -> Self {
        let workers = quality.into_iter().flat_map(|found| &found.workers);
        let mut sorted: Vec<(u32, &str)> = workers
            .map(|worker| (worker.quality.n_answers, worker.quality.worker.as_str()))
            .collect();
        sorted.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let numbered = sorted.into_iter().enumerate();
        Self {
            by_worker: numbered
                .map(|(idx, (_, worker))| (worker.to_owned(), idx % COLORS))
                .collect(),
        }
    }

    pub(super) fn get(&self, worker: &str) -> usize {
        self.by_worker.get(worker).copied().unwrap_or_default()
    }

    /// Colours of workers side by side: each its own, or the next one that is free.
    pub(super) fn side_by_side<'w>(&self, workers: impl Iterator<Item = &'w str>) -> Vec<usize> {
        let mut taken: Vec<usize> = Vec::new();
        for worker in workers {
            let own = self.get(worker);
            let mut next = (0..COLORS).map(|step| (own + step) % COLORS);
            let free = next.find(|color| !taken.contains(color));
            taken.push(free.unwrap_or(own));
        }
        taken
    }
}

/// The workers' section.
pub(super) struct Workers {
    pub(super) n_workers: String,
    /// Those with many answers.
    pub(super) table: Option<Table>,
    /// Those with few.
    pub(super) few: Option<Table>,
    pub(super) n_few: String,
    pub(super) n_left_out: usize,
    pub(super) agreement: Option<Agreement>,
}

/// How far answers agree with one another.
pub(super) struct Agreement {
    pub(super) share: String,
    pub(super) share_value: f64,
    pub(super) alpha: Option<String>,
    pub(super) alpha_value: Option<f64>,
    pub(super) n_objects: String,
}

impl Workers {
    pub(super) fn of(quality: &Quality, colors: &Colors) -> Self {
        let (many, few): (Vec<&Worker>, Vec<&Worker>) = quality
            .workers
            .iter()
            .partition(|worker| worker.quality.n_answers >= FEW_ANSWERS);
        let has_times = quality.workers.iter().any(|worker| worker.n_timed > 0);
        let columns = || columns(quality.task_type, has_times);
        let table = |caption, workers: &[&Worker]| {
            (!workers.is_empty()).then(|| Table {
                caption,
                columns: columns(),
                rows: workers
                    .iter()
                    .take(WORKERS_MAX)
                    .map(|worker| row(worker, has_times, colors))
                    .collect(),
            })
        };
        let beyond = |workers: &[&Worker]| workers.len().saturating_sub(WORKERS_MAX);
        Self {
            n_workers: text::counted(quality.workers.len() as u64, "worker"),
            table: table("Workers with ten answers or more", &many),
            few: table("Workers with fewer than ten answers", &few),
            n_few: text::counted(few.len() as u64, "worker"),
            n_left_out: beyond(&many) + beyond(&few),
            agreement: quality.agreement.map(|found| Agreement {
                share: text::percent(found.share_of_pairs),
                share_value: found.share_of_pairs,
                alpha: found
                    .alpha
                    .map(|alpha| format!("{alpha:.3}").replace('-', "−")),
                alpha_value: found.alpha,
                n_objects: text::counted(found.n_items.into(), "data object"),
            }),
        }
    }
}

fn columns(task_type: TaskType, has_times: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::text("worker", "pseudonym: a hash of the worker's id and the job"),
        Column::number("answers", "answers that count"),
        Column::number(
            "est. accuracy",
            "expected share of right answers, drawn towards all workers' where answers are few",
        ),
        Column::number("disagrees", "share of answers that aren't the label"),
    ];
    match task_type {
        TaskType::SingleLabel => {}
        TaskType::MultiLabel => columns.extend([
            Column::number("selects true", "share of true categories that are selected"),
            Column::number("leaves false", "share of false categories that are left"),
        ]),
        TaskType::BoundingBox => columns.extend([
            Column::number(
                "matched",
                "boxes that overlap one of the label by half or more",
            ),
            Column::number("missed", "boxes of labels that the worker didn't draw"),
            Column::number("extra", "boxes that overlap none of the label"),
            Column::number("mean IoU", "intersection over union of matched boxes"),
        ]),
    }
    if has_times {
        columns.push(Column::number(
            "median s",
            "seconds that half of the answers took, or longer",
        ));
    }
    columns.push(Column::text(
        "most confused",
        "the most frequent disagreement",
    ));
    columns
}

fn row(worker: &Worker, has_times: bool, colors: &Colors) -> Row {
    let found = &worker.quality;
    let mut cells = vec![
        Cell {
            color: Some(colors.get(&found.worker)),
            mark: found.is_suspected.then_some("suspected"),
            ..Cell::text(&found.worker)
        },
        Cell::count(found.n_answers),
        Cell::share(Some(found.accuracy)),
        Cell::share(Some(found.disagreement)),
    ];
    if let Some(rates) = &found.rates {
        cells.push(Cell::share(Some(rates.sensitivity)));
        cells.push(Cell::share(Some(rates.specificity)));
    }
    if let Some(boxes) = &found.boxes {
        cells.extend([boxes.n_matched, boxes.n_missed, boxes.n_extra].map(Cell::count));
        cells.push(Cell::decimals(boxes.mean_iou, 2));
    }
    if has_times {
        cells.push(Cell::decimals(worker.median_seconds, 1));
    }
    cells.push(found.most_confused.as_ref().map_or_else(
        || Cell::text("–"),
        |pair| {
            let (answered, consolidated) = (&pair.answered, &pair.consolidated);
            Cell::text(&format!("{} × {answered} for {consolidated}", pair.n))
        },
    ));
    Row {
        cells,
        is_marked: found.is_suspected,
    }
}
