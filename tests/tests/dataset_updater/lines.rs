//! Manifests of mixed lines with known fates.

use std::collections::BTreeSet;

pub(crate) use gtcl::commands::soak::good_line;
use gtcl::commands::soak::{BAD_EVERY, line};

/// A manifest and what must come of it.
pub(crate) struct Manifest {
    pub(crate) text: String,
    pub(crate) n_lines: u64,
    /// Source references of the good lines.
    pub(crate) good: BTreeSet<String>,
    pub(crate) n_bad: u64,
}

/// `n_lines` lines of three task types; each 33rd (3 %) is bad, in one of five ways.
pub(crate) fn mixed(n_lines: u64) -> Manifest {
    let mut text = String::new();
    let mut good = BTreeSet::new();
    let mut n_bad = 0;
    for n in 1..=n_lines {
        if n % BAD_EVERY == 0 {
            n_bad += 1;
        } else {
            good.insert(format!("s3://images/birds/{n:06}.jpg"));
        }
        text.push_str(&line(n));
        text.push('\n');
    }
    Manifest {
        text,
        n_lines,
        good,
        n_bad,
    }
}
