//! What a look at one thing says.

use std::fmt;

/// What came of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As it should be, with what was seen.
    Fine(String),
    /// The job would fail, or cost more than it should.
    Problem(String),
    /// It can't be seen from here: why, or what to do instead.
    NotChecked(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match self {
            Self::Fine(text) => ("ok", text),
            Self::Problem(text) => ("PROBLEM", text),
            Self::NotChecked(text) => return write!(f, "not checked: {text}"),
        };
        write!(f, "{word:<8} {text}")
    }
}

/// The last line of the report.
pub(super) fn summary(outcomes: &[(String, Outcome)]) -> String {
    let n_of = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, it)| is(it)).count();
    let n_problems = n_of(|it| matches!(it, Outcome::Problem(_)));
    let n_not_checked = n_of(|it| matches!(it, Outcome::NotChecked(_)));
    let mut said = match n_problems {
        0 => "nothing stands in the job's way, as far as can be seen from here".to_owned(),
        1 => "1 problem; the job would fail or cost more than it should".to_owned(),
        n => format!("{n} problems; the job would fail or cost more than it should"),
    };
    if n_not_checked > 0 {
        said.push_str(&format!("; not checked: {n_not_checked}"));
    }
    said
}
