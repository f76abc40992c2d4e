//! Tables that can be sorted.

use askama::Template;
use askama::filters::HtmlSafe;

use super::text;

/// A table.
#[derive(Template)]
#[template(path = "table.html")]
pub(super) struct Table {
    /// A name for people who can't see where it stands.
    pub(super) caption: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

impl HtmlSafe for Table {}

/// A column.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// What it says.
    pub(super) meaning: &'static str,
    pub(super) is_number: bool,
}

impl Column {
    pub(super) fn text(title: &'static str, meaning: &'static str) -> Self {
        Self {
            title,
            meaning,
            is_number: false,
        }
    }

    pub(super) fn number(title: &'static str, meaning: &'static str) -> Self {
        Self {
            title,
            meaning,
            is_number: true,
        }
    }
}

/// A row.
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// Something is wrong with it.
    pub(super) is_marked: bool,
}

/// A cell.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// The number that the text rounds.
    pub(super) value: Option<f64>,
    /// Its width as a bar, in hundredths.
    pub(super) bar: Option<String>,
    /// A worker's colour.
    pub(super) color: Option<usize>,
    /// A remark in it that stands out.
    pub(super) mark: Option<&'static str>,
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        Self {
            text: text::shown(text),
            ..Self::default()
        }
    }

    pub(super) fn count(n: u32) -> Self {
        Self {
            text: text::number(n.into()),
            value: Some(n.into()),
            ..Self::default()
        }
    }

    /// A share in [0, 1].
    pub(super) fn share(share: Option<f64>) -> Self {
        share.map_or_else(Self::nothing, |share| Self {
            text: text::percent(share),
            value: Some(share),
            bar: Some(format!("{:.1}", 100.0 * share.clamp(0.0, 1.0))),
            ..Self::default()
        })
    }

    pub(super) fn decimals(value: Option<f64>, n_decimals: usize) -> Self {
        value.map_or_else(Self::nothing, |value| Self {
            text: format!("{value:.n_decimals$}"),
            value: Some(value),
            ..Self::default()
        })
    }

    fn nothing() -> Self {
        Self::text("–")
    }
}
