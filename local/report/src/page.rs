//! The job as a page.

mod card;
mod categories;
mod chart;
mod faults;
mod figure;
mod outcome;
mod policy;
mod table;
mod text;
mod workers;

use askama::Template;
use labeling::TaskType;
use labeling::consolidation::Quality;
use serde::Serialize;

use self::card::Card;
use self::categories::Categories;
use self::chart::Histogram;
use self::faults::{Faults, Truth};
use self::figure::Figures;
use self::outcome::{FirstLook, Outcome};
use self::workers::{Colors, Workers};
use crate::job::{Job, TruthFigures};
use crate::pictures::Pictures;

/// Disputed data objects on a page, inclusive; fewer where they would not fit.
const DISPUTED_MAX: usize = 400;
/// Disputed data objects that a page has, whatever its size.
const DISPUTED_MIN: usize = 25;
/// Share of the bytes of a page with pictures that is left for these.
const PICTURES_SHARE: usize = 2;

/// Workers, categories and cells of confusion in the page's data, inclusive.
const DATA_ROWS_MAX: usize = 2000;

const STYLE: &str = include_str!("../templates/page.css");
const SCRIPT: &str = include_str!("../templates/page.js");

/// A page to be made of a job: which data objects it shows.
#[derive(Debug)]
pub struct Page<'a> {
    job: &'a Job,
    n_disputed: usize,
    bytes_max: usize,
}

impl<'a> Page<'a> {
    /// A page of at most `bytes_max` bytes, of which half are left for pictures if it is to have some. A page with the
    /// figures and the 25 least certain data objects may be larger.
    #[must_use]
    pub fn of(job: &'a Job, has_pictures: bool, bytes_max: usize) -> Self {
        let n_bytes = if has_pictures {
            bytes_max - bytes_max / PICTURES_SHARE
        } else {
            bytes_max
        };
        let n_all = job.quality.as_ref().map_or(0, |found| found.disputed.len());
        let mut page = Self {
            job,
            n_disputed: n_all.min(DISPUTED_MAX),
            bytes_max,
        };
        while page.n_disputed > DISPUTED_MIN && page.html(&Pictures::new()).len() > n_bytes {
            page.n_disputed /= 2;
        }
        page
    }

    /// URIs of the images that the page would show, each once, what matters most first: the disputed data objects, then
    /// failed ones and faulty lines, then what is labeled otherwise than the truth.
    #[must_use]
    pub fn wanted_pictures(&self) -> Vec<&'a str> {
        let job = self.job;
        let disputed = job.quality.iter().flat_map(|found| &found.disputed);
        let disputed = disputed.take(self.n_disputed);
        let disputed = disputed.filter_map(|object| object.source_ref.as_deref());
        let failed = job
            .failed
            .iter()
            .filter_map(|object| object.source_ref.as_deref());
        let faulty = job.faults.iter().flat_map(|faults| &faults.lines);
        let faulty = faulty.filter_map(|line| line.source_ref.as_deref());
        let wrong = job.truth.iter().flat_map(|truth| &truth.wrong);
        let wrong = wrong.map(|wrong| wrong.source_ref.as_str());
        let mut seen = std::collections::BTreeSet::new();
        let all = disputed.chain(failed).chain(faulty).chain(wrong);
        all.filter(|source| seen.insert(*source)).collect()
    }

    /// Bytes that are left for pictures; see [`crate::Picture::n_bytes_in_page`].
    #[must_use]
    pub fn bytes_for_pictures(&self) -> usize {
        self.bytes_max
            .saturating_sub(self.html(&Pictures::new()).len())
    }

    /// The file's text. The same job and pictures give the same one.
    #[must_use]
    pub fn html(&self, pictures: &Pictures) -> String {
        let job = self.job;
        let figures = Figures::new(pictures);
        let quality = job.quality.as_ref();
        let colors = Colors::of(quality);
        let n_disputed = quality.map_or(0, |found| found.disputed.len());
        let disputed = quality.into_iter().flat_map(|found| &found.disputed);
        let cards: Vec<Card> = disputed
            .take(self.n_disputed)
            .enumerate()
            .map(|(idx, object)| Card::of(idx, object, &figures, &colors))
            .collect();
        let view = View {
            policy: policy::of(STYLE, SCRIPT),
            style: STYLE,
            script: SCRIPT,
            name: &job.name,
            label_attribute: &job.label_attribute,
            task_type: quality.map(|found| text::task_type(found.task_type)),
            outcome: Outcome::of(job),
            first_look: FirstLook::of(job),
            n_disputed: text::counted(n_disputed as u64, "data object"),
            n_disputed_left_out: text::number((n_disputed - cards.len()) as u64),
            is_disputed_cut: n_disputed > cards.len(),
            has_boxes: quality.is_some_and(|found| found.task_type == TaskType::BoundingBox),
            cards,
            faults: Faults::of(job, &figures),
            workers: quality.map(|found| Workers::of(found, &colors)),
            categories: quality.map(Categories::of),
            truth: job.truth.as_ref().map(|truth| Truth::of(truth, &figures)),
            ious: quality
                .and_then(|found| found.boxes.as_ref())
                .map(|boxes| Histogram::of_ious(&boxes.ious)),
            sides: quality
                .and_then(|found| found.boxes.as_ref())
                .map(|boxes| Histogram::of_sides(&boxes.sides_px)),
            pictures: figures.told(self.bytes_max),
            left_out: job.left_out.iter().map(|what| text::shown(what)).collect(),
            data: self.data(),
        };
        // Nothing in the templates can fail but writing, and a text takes what is written.
        view.render().unwrap_or_default()
    }

    /// The page's figures as JSON that can stand in a script element.
    fn data(&self) -> String {
        #[derive(Serialize)]
        struct Data<'a> {
            name: &'a str,
            label_attribute: &'a str,
            outcome: &'a crate::job::Outcome,
            quality: Option<Quality>,
            truth: Option<&'a TruthFigures>,
            n_disputed: usize,
        }
        let job = self.job;
        let quality = job.quality.as_ref();
        let data = Data {
            name: &job.name,
            label_attribute: &job.label_attribute,
            outcome: &job.outcome,
            quality: quality.map(|found| found.shortened(self.n_disputed, DATA_ROWS_MAX)),
            truth: job.truth.as_ref(),
            n_disputed: quality.map_or(0, |found| found.disputed.len()),
        };
        // Strings and finite numbers alone: this can't fail.
        let json = serde_json::to_string(&data).unwrap_or_default();
        text::for_script(&json)
    }
}

/// All that the page's template says.
#[derive(Template)]
#[template(path = "page.html")]
struct View<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    name: &'a str,
    label_attribute: &'a str,
    task_type: Option<&'static str>,
    outcome: Outcome,
    first_look: FirstLook,
    n_disputed: String,
    n_disputed_left_out: String,
    is_disputed_cut: bool,
    has_boxes: bool,
    cards: Vec<Card>,
    faults: Faults,
    workers: Option<Workers>,
    categories: Option<Categories>,
    truth: Option<Truth>,
    ious: Option<Histogram>,
    sides: Option<Histogram>,
    pictures: Option<String>,
    left_out: Vec<String>,
    data: String,
}
