//! Which label attribute is the manifest's own labeling job's, and which lines are another dataset's by theirs.

use crate::code::Code;
use crate::convert::stop::{Stop, rejected};
use crate::convert_options::ConvertOptions;
use crate::label_choice::{Candidate, candidates, choose_labels, is_verdict};
use crate::line::{Line, shown};
use crate::lines::RawLine;

/// Lines that are looked at after a label that may be the job's, for one that is.
const LINES_AFTER_MAX: u32 = 10_000;

/// Finds the label attribute of the labeling job that wrote a manifest, line by line.
///
/// The first line decides that has a label of the job: one whose metadata names it, or that a verdict of the job is
/// about. Where none does, the first label decides of which no job is known. Where nothing was labeled, the first label
/// that failed does. Lines that are blank, broken, or have labels of other jobs only decide nothing.
///
/// # Examples
///
/// ```
/// # use manifest::{ConvertOptions, JobAttribute, RawLine};
/// let job_name = Some("dogs-2".to_owned());
/// let mut search = JobAttribute::new(ConvertOptions { job_name, ..ConvertOptions::default() });
/// let line = br#"{"source-ref":"s3://pets/1.jpg","cat":0,"cat-metadata":{"job-name":"labeling-job/cats-1"},
///     "dog":1,"dog-metadata":{"job-name":"labeling-job/dogs-2"}}"#;
/// assert!(!search.look(RawLine::Line(b"")));
/// assert!(search.look(RawLine::Line(line)));
/// assert_eq!(search.into_names(), ["dog"]);
/// ```
#[derive(Debug)]
pub struct JobAttribute {
    options: ConvertOptions,
    found: Option<(Certainty, Vec<String>)>,
    n_lines_after: u32,
}

/// How sure it is that a label is the job's own, the least sure first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    /// It failed: there is no label.
    Failed,
    /// Nothing says whose it is.
    Possible,
    /// It says so itself.
    Certain,
}

impl JobAttribute {
    /// Starts a manifest. `options` are those that its lines are converted with.
    #[must_use]
    pub fn new(options: ConvertOptions) -> Self {
        Self {
            options,
            found: None,
            n_lines_after: 0,
        }
    }

    /// Looks at the next line; `true` when no further one can change the answer.
    pub fn look(&mut self, line: RawLine<'_>) -> bool {
        let found = match line {
            RawLine::Line(bytes) => of_line(bytes, &self.options),
            RawLine::TooLong { .. } => None,
        };
        let known = self.found.as_ref().map(|(certainty, _)| *certainty);
        if let Some((certainty, names)) = found
            && Some(certainty) > known
        {
            self.found = Some((certainty, names));
        }
        match &self.found {
            Some((Certainty::Certain, _)) => true,
            Some((Certainty::Possible, _)) => {
                self.n_lines_after += 1;
                self.n_lines_after > LINES_AFTER_MAX
            }
            _ => false,
        }
    }

    /// What the job's label attribute may be called, the likeliest first: of a verification job its own label attribute,
    /// then the one that it is about. Empty when no line decided.
    #[must_use]
    pub fn into_names(self) -> Vec<String> {
        self.found.map(|(_, names)| names).unwrap_or_default()
    }
}

fn of_line(bytes: &[u8], options: &ConvertOptions) -> Option<(Certainty, Vec<String>)> {
    let line = Line::open(bytes).ok()?;
    let candidates = candidates(&line).ok()?;
    let chosen = choose_labels(&candidates, &line, options).ok()?;
    let is_of_job = |candidate: &&Candidate<'_, '_>| {
        let job_name = options.job_name.as_deref();
        job_name.is_some_and(|job_name| candidate.is_of_job(job_name))
    };
    let mut verdicts = candidates.iter().filter(|candidate| is_verdict(candidate));
    let certainty = if chosen.iter().any(|candidate| candidate.has_failed()) {
        Certainty::Failed
    } else if chosen.iter().copied().any(|it| is_of_job(&it)) || verdicts.any(|it| is_of_job(&it)) {
        Certainty::Certain
    } else {
        Certainty::Possible
    };
    let names = names(&candidates, &chosen, options.job_name.as_deref());
    (!names.is_empty()).then_some((certainty, names))
}

/// Verdicts of the job, or of unknown ones where the job isn't known; then the label's name. Labels `job0`, `job1`, … of
/// one job go by what is before their numbers.
fn names(
    candidates: &[Candidate<'_, '_>],
    chosen: &[&Candidate<'_, '_>],
    job_name: Option<&str>,
) -> Vec<String> {
    let verdicts = candidates.iter().filter(|candidate| {
        is_verdict(candidate) && job_name.is_none_or(|job_name| candidate.is_of_job(job_name))
    });
    let stem = |name: &'_ str| {
        let stem = name.trim_end_matches(|char: char| char.is_ascii_digit());
        stem.to_owned()
    };
    let label = match chosen {
        [] => None,
        [one] => Some(one.name.to_owned()),
        [first, ..] => Some(stem(first.name)),
    };
    let verdicts = verdicts.map(|verdict| verdict.name.to_owned());
    verdicts.chain(label).collect()
}

/// Refuses a line whose label is another dataset's.
pub(crate) fn check_destination(
    candidates: &[Candidate<'_, '_>],
    chosen: &[&Candidate<'_, '_>],
    options: &ConvertOptions,
) -> Result<(), Stop> {
    let Some(destination) = &options.destination else {
        return Ok(());
    };
    let names = names(candidates, chosen, options.job_name.as_deref());
    if names.is_empty() || destination.takes(&names) {
        return Ok(());
    }
    let name = names.first().map_or("", |name| shown(name));
    rejected(
        Code::OtherDestination,
        format!("label attribute {name:?} goes to another dataset than the manifest's own"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Destination;

    fn label(name: &str, job: &str) -> String {
        let job = match job {
            "" => String::new(),
            job => format!(r#""job-name":"labeling-job/{job}","#),
        };
        format!(
            r#","{name}":0,"{name}-metadata":{{{job}"class-name":"x","confidence":1,"type":"groundtruth/image-classification","human-annotated":"yes","creation-date":"2026-01-01T00:00:00"}}"#
        )
    }

    fn failed(name: &str, job: &str) -> String {
        format!(
            r#","{name}-metadata":{{"job-name":"labeling-job/{job}","failure-reason":"ClientError: gone"}}"#
        )
    }

    fn verdict(name: &str, job: &str) -> String {
        format!(
            r#","{name}":1,"{name}-metadata":{{"class-name":"bad","job-name":"labeling-job/{job}","type":"groundtruth/label-verification"}}"#
        )
    }

    fn line(labels: &[String]) -> String {
        format!(r#"{{"source-ref":"s3://pets/1.jpg"{}}}"#, labels.concat())
    }

    fn check(job: Option<&str>, lines: &[String], expected: &[&str]) {
        let job_name = job.map(str::to_owned);
        let mut search = JobAttribute::new(ConvertOptions {
            job_name,
            ..ConvertOptions::default()
        });
        for line in lines {
            if search.look(RawLine::Line(line.as_bytes())) {
                break;
            }
        }
        assert_eq!(search.into_names(), expected, "{job:?} {lines:?}");
    }

    #[test]
    fn the_first_label_of_the_job_decides() {
        let own = line(&[label("dog", "d")]);
        let chained = line(&[label("cat", "c"), label("dog", "d")]);
        let reversed = line(&[label("dog", "d"), label("cat", "c")]);
        let others = line(&[label("cat", "c")]);
        let nobodys = line(&[label("cat", "")]);
        let failed_chained = line(&[label("cat", "c"), failed("dog", "d")]);
        for first in [
            String::new(),
            "  ".to_owned(),
            "{".to_owned(),
            "[]".to_owned(),
            r#"{"source-ref":"s3://pets/0.jpg"}"#.to_owned(),
            others,
            nobodys.clone(),
            failed_chained.clone(),
            line(&[failed("fox", "d")]),
            line(&[failed("cat", "c")]),
        ] {
            for second in [&own, &chained, &reversed] {
                check(Some("d"), &[first.clone(), second.clone()], &["dog"]);
                check(Some("D"), &[first.clone(), second.clone()], &["dog"]);
            }
        }
        check(
            Some("d"),
            &[failed_chained.clone(), nobodys.clone()],
            &["cat"],
        );
        check(Some("d"), &[failed_chained], &["dog"]);
        check(None, &[String::new(), own], &["dog"]);
        check(None, &[chained, nobodys], &["cat"]);
        check(Some("d"), &[], &[]);
    }

    #[test]
    fn verdicts_and_numbered_labels() {
        let verified = line(&[label("dog", "d"), verdict("check", "v")]);
        check(
            Some("v"),
            std::slice::from_ref(&verified),
            &["check", "dog"],
        );
        check(Some("d"), std::slice::from_ref(&verified), &["dog"]);
        check(None, &[verified], &["check", "dog"]);
        let numbered = line(&[label("dog0", "d"), label("dog12", "d")]);
        check(Some("d"), &[numbered], &["dog"]);
        check(Some("d"), &[line(&[label("dog0", "d")])], &["dog0"]);
    }

    #[test]
    fn a_label_of_no_known_job_is_waited_for_so_long() {
        let nobodys = line(&[label("cat", "")]);
        let own = line(&[label("dog", "d")]);
        let max = LINES_AFTER_MAX as usize;
        for (n_between, expected) in [(max - 2, "dog"), (max - 1, "dog"), (max, "cat")] {
            let mut lines = vec![nobodys.clone()];
            lines.extend(vec![String::new(); n_between]);
            lines.push(own.clone());
            check(Some("d"), &lines, &[expected]);
        }
    }

    #[test]
    fn destinations() {
        let names = |names: &[&str]| Vec::from_iter(names.iter().map(|name| (*name).to_owned()));
        for (takes_others, line, expected) in [
            (false, &["dog"][..], true),
            (false, &["cat"], false),
            (false, &["fox"], false),
            (true, &["fox"], true),
            (true, &["cat"], false),
            (false, &["check", "dog"], true),
            (true, &["check", "cat"], false),
            (true, &["dog", "cat"], true),
        ] {
            let destination = Destination {
                here: names(&["dog"]),
                elsewhere: names(&["cat"]),
                takes_others,
            };
            assert_eq!(destination.takes(&names(line)), expected, "{line:?}");
        }
    }
}
