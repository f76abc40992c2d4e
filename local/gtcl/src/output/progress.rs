//! Progress on standard error: bars on a terminal; elsewhere a line a stage where that is asked for.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::stdout::{escaped, say};

/// How much is told while the work goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing at all.
    Nothing,
    /// Notes, and bars on a terminal.
    Bars,
    /// Notes, and bars on a terminal; elsewhere a line for each stage that is over.
    Lines,
}

/// Where progress is shown.
#[derive(Debug)]
pub struct Reporter {
    bars: Option<MultiProgress>,
    detail: Detail,
}

impl Reporter {
    /// For standard error.
    pub fn new(detail: Detail) -> Self {
        let has_bars = detail != Detail::Nothing && io::stderr().is_terminal();
        Self {
            bars: has_bars.then(MultiProgress::new),
            detail,
        }
    }

    /// A stage of `n_steps` steps; 0 where their number isn't known.
    pub fn stage(&self, label: &str, n_steps: usize) -> Stage {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = match n_steps {
                0 => ProgressBar::new_spinner(),
                _ => ProgressBar::new(n_steps as u64),
            };
            // Added before anything is set: a bar of its own would draw a line that nobody takes away.
            let bar = bars.add(bar);
            if let Ok(style) = ProgressStyle::with_template(template(n_steps)) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_message(escaped(label).to_string());
            if n_steps == 0 {
                bar.enable_steady_tick(Duration::from_millis(120));
            }
            bar
        });
        Stage {
            bar,
            detail: self.detail,
            label: label.to_owned(),
        }
    }

    /// One line.
    pub fn note(&self, text: &str) {
        match &self.bars {
            _ if self.detail == Detail::Nothing => {}
            // A closed terminal leaves nobody to tell.
            Some(bars) => drop(bars.println(escaped(text).to_string())),
            None => say(text),
        }
    }
}

/// The label takes what is left of the terminal's width, and is cut there: a line that wraps can't be drawn over.
fn template(n_steps: usize) -> &'static str {
    match n_steps {
        0 => "{spinner} {wide_msg}",
        _ => "{wide_msg} [{bar:20}] {pos}/{len}",
    }
}

/// One stage of the work.
#[derive(Debug)]
pub struct Stage {
    bar: Option<ProgressBar>,
    detail: Detail,
    label: String,
}

impl Stage {
    /// So many steps are done.
    pub fn set(&self, n_done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(n_done as u64);
        }
    }

    /// The stage is over, with this result.
    pub fn finish(self, result: &str) {
        match self.bar {
            Some(bar) => bar.finish_and_clear(),
            None if self.detail == Detail::Lines => say(format!("{}: {result}", self.label)),
            None => {}
        }
    }
}
