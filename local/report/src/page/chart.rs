//! Charts.

use askama::Template;
use askama::filters::HtmlSafe;
use consensus::quality::histogram::Histogram as Counts;

use super::text;
use crate::job::Reliability;

/// Height of the bars' area, in the chart's own units.
const HEIGHT: f64 = 120.0;
/// Width of all bars.
const WIDTH: f64 = 600.0;
/// Ranges that are shown, also when those in front are empty, inclusive.
const RANGES_MIN: usize = 10;
/// Room between bars.
const GAP: f64 = 2.0;

/// How many values lie where.
#[derive(Template)]
#[template(path = "histogram.html")]
pub(super) struct Histogram {
    title: &'static str,
    /// What it shows, for people who can't see it.
    told: String,
    bars: Vec<Bar>,
    /// Names of ranges below some of the bars.
    ticks: Vec<Tick>,
}

impl HtmlSafe for Histogram {}

struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    range: String,
    n: u32,
    n_shown: String,
}

struct Tick {
    x: String,
    text: String,
}

impl Histogram {
    pub(super) fn of_confidences(counts: &Counts) -> Self {
        Self::of(counts, "Confidences", "confidence", |from| {
            format!("{from:.2}")
        })
    }

    pub(super) fn of_ious(counts: &Counts) -> Self {
        let title = "How well workers' boxes match the label's";
        Self::of(counts, title, "intersection over union", |from| {
            format!("{from:.2}")
        })
    }

    pub(super) fn of_sides(counts: &Counts) -> Self {
        let title = "How large boxes are";
        Self::of(
            counts,
            title,
            "square root of the area, in pixels",
            |from| format!("{from:.0}"),
        )
    }

    fn of(counts: &Counts, title: &'static str, what: &str, name: fn(f64) -> String) -> Self {
        // Many empty ranges in front say nothing.
        let filled = counts.counts.iter().position(|n| *n > 0);
        let n_front = counts.counts.len().saturating_sub(RANGES_MIN);
        let first = filled.unwrap_or_default().min(n_front);
        let ranges = counts.from.iter().zip(&counts.counts).skip(first);
        let ranges: Vec<(f64, u32)> = ranges.map(|(from, n)| (*from, *n)).collect();
        let most = f64::from(
            ranges
                .iter()
                .map(|(_, n)| *n)
                .max()
                .unwrap_or_default()
                .max(1),
        );
        let step = WIDTH / ranges.len().max(1) as f64;
        let ticks_every = ranges.len().div_ceil(7);
        let (mut bars, mut ticks) = (Vec::new(), Vec::new());
        for (idx, (from, n)) in ranges.iter().enumerate() {
            let (x, height) = (idx as f64 * step, HEIGHT * f64::from(*n) / most);
            let range = match ranges.get(idx + 1) {
                Some((to, _)) => format!("{} to {}", name(*from), name(*to)),
                None => format!("{} or more", name(*from)),
            };
            if idx % ticks_every == 0 {
                ticks.push(Tick {
                    x: format!("{x:.1}"),
                    text: name(*from),
                });
            }
            bars.push(Bar {
                x: format!("{:.1}", x + GAP / 2.0),
                y: format!("{:.1}", HEIGHT - height),
                width: format!("{:.1}", step - GAP),
                height: format!("{height:.1}"),
                range,
                n: *n,
                n_shown: text::number((*n).into()),
            });
        }
        let n_values = text::number(counts.n_values().into());
        Self {
            title,
            told: format!("{n_values} values by {what}"),
            bars,
            ticks,
        }
    }
}

/// How often labels of a confidence are right.
#[derive(Template)]
#[template(path = "reliability.html")]
pub(super) struct ReliabilityChart {
    points: Vec<Point>,
}

impl HtmlSafe for ReliabilityChart {}

struct Point {
    x: String,
    y: String,
    radius: String,
    range: String,
    n: String,
    confidence: String,
    right: String,
}

impl ReliabilityChart {
    /// `None` when no label has a confidence.
    pub(super) fn of(ranges: &[Reliability]) -> Option<Self> {
        /// Length of both axes, in the chart's own units.
        const SIDE: f64 = 200.0;
        let n_all: u64 = ranges.iter().map(|range| range.n).sum();
        let filled = ranges.iter().filter(|range| range.n > 0);
        let points = filled.map(|range| {
            let n = range.n as f64;
            let share = range.n_right as f64 / n;
            Point {
                x: format!("{:.1}", SIDE * range.mean_confidence),
                y: format!("{:.1}", SIDE * (1.0 - share)),
                radius: format!("{:.1}", 3.0 + 7.0 * (n / n_all.max(1) as f64).sqrt()),
                range: format!("{:.1} to {:.1}", range.from, range.from + 0.1),
                n: text::number(range.n),
                confidence: text::percent(range.mean_confidence),
                right: text::percent(share),
            }
        });
        let points: Vec<Point> = points.collect();
        (!points.is_empty()).then_some(Self { points })
    }
}
