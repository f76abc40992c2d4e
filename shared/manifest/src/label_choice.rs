//! Which of a line's label attributes is converted.
//!
//! The one that is named; else the one whose `job-name` is the labeling job's (with or without `labeling-job/`, case
//! ignored); else the only candidate that isn't another job's. Several image-level labels of one job are taken
//! together: that is what a multi-label line looks like once converted. Anything else is ambiguous, and the rejected
//! line lists the candidates. A verification job's verdict decides whether the label it is about is taken.

use std::borrow::Cow;

use crate::code::Code;
use crate::convert::stop::{Stop, rejected};
use crate::convert_options::ConvertOptions;
use crate::date;
use crate::json::write_text;
use crate::line::{Line, METADATA_SUFFIX, Member, SERVICE_KEYS, is_label_key, shown};
use crate::pair::{LabelKind, Metadata};
use crate::task_type::TaskType;
use crate::verdict::{Verdict, judge};

/// A label attribute with its metadata, or the metadata alone when the data object failed.
#[derive(Debug)]
pub(crate) struct Candidate<'l, 'a> {
    pub(crate) name: &'l str,
    /// The name as it stands in the line, for the entry.
    pub(crate) raw_name: Cow<'a, str>,
    pub(crate) label: Option<&'l Member<'a>>,
    pub(crate) metadata_value: &'a str,
    /// `None` when it isn't an object.
    pub(crate) metadata: Option<&'l Metadata<'a>>,
}

impl Candidate<'_, '_> {
    pub(crate) fn kind(&self) -> Option<LabelKind> {
        self.metadata.as_ref()?.label_kind
    }

    fn job_name(&self) -> Option<Cow<'_, str>> {
        Some(self.metadata.as_ref()?.job_name?.decoded())
    }

    /// The labeling job that the metadata names.
    pub(crate) fn job(&self) -> Option<Cow<'_, str>> {
        let name = self.job_name()?;
        Some(match name.strip_prefix("labeling-job/") {
            Some(job) => Cow::Owned(job.to_owned()),
            None => name,
        })
    }

    pub(crate) fn is_of_job(&self, job_name: &str) -> bool {
        self.job()
            .is_some_and(|job| job.eq_ignore_ascii_case(job_name))
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.label.is_none()
            || self
                .metadata
                .as_ref()
                .is_some_and(|metadata| metadata.failure_reason.is_some())
    }

    /// Ground Truth writes the label attribute's name as a custom job's `job-name` at times; then nothing is known of the job.
    fn is_of_unknown_job(&self) -> bool {
        match self.job_name() {
            None => true,
            Some(name) => self.kind() == Some(LabelKind::Custom) && name == self.name,
        }
    }
}

/// Everything in the line that looks like a labeling job's result, in the line's order.
pub(crate) fn candidates<'l, 'a>(line: &'l Line<'a>) -> Result<Vec<Candidate<'l, 'a>>, Stop> {
    let mut candidates = Vec::with_capacity(2);
    for member in &line.members {
        let Some(name) = member.key.strip_suffix(METADATA_SUFFIX) else {
            continue;
        };
        if SERVICE_KEYS.contains(&member.key.as_ref()) || !is_label_key(name) || name.is_empty() {
            continue;
        }
        let label = line.member(name);
        let raw_name = match (label, member.raw_key.strip_suffix(METADATA_SUFFIX)) {
            (Some(label), _) => Cow::Borrowed(label.raw_key),
            (None, Some(raw)) => Cow::Borrowed(raw),
            (None, None) => Cow::Owned(escaped(name)),
        };
        let metadata = member.metadata()?;
        candidates.push(Candidate {
            name,
            raw_name,
            label,
            metadata_value: member.value,
            metadata,
        });
    }
    Ok(candidates)
}

fn escaped(text: &str) -> String {
    let mut quoted = String::new();
    write_text(&mut quoted, text);
    quoted.trim_matches('"').to_owned()
}

/// The label attributes to send: one, or the image-level labels of one job. Workers have confirmed them, where they
/// were asked.
pub(crate) fn choose<'c, 'l, 'a>(
    candidates: &'c [Candidate<'l, 'a>],
    line: &Line<'a>,
    options: &ConvertOptions,
) -> Result<Vec<&'c Candidate<'l, 'a>>, Stop> {
    let chosen = choose_labels(candidates, line, options)?;
    for verdict in candidates.iter().filter(|candidate| is_verdict(candidate)) {
        check_verdict(verdict, &chosen, options)?;
    }
    Ok(chosen)
}

pub(crate) fn is_verdict(candidate: &Candidate<'_, '_>) -> bool {
    candidate.kind() == Some(LabelKind::Verification)
}

/// As [`choose`], whatever verification jobs say.
pub(crate) fn choose_labels<'c, 'l, 'a>(
    candidates: &'c [Candidate<'l, 'a>],
    line: &Line<'a>,
    options: &ConvertOptions,
) -> Result<Vec<&'c Candidate<'l, 'a>>, Stop> {
    let (verdicts, labels): (Vec<_>, Vec<_>) = candidates
        .iter()
        .partition(|candidate| is_verdict(candidate));
    match (&options.label_attribute, &options.job_name) {
        (Some(wanted), _) => choose_named(wanted, &labels, &verdicts, line),
        (None, _) if labels.is_empty() && !verdicts.is_empty() => rejected(
            Code::UnsupportedTaskType,
            "line has a verdict, but not the label it is about",
        ),
        (None, _) if labels.is_empty() => Err(unlabeled(line)),
        (None, Some(job_name)) => choose_of_job(job_name, labels, &verdicts),
        (None, None) => only(labels),
    }
}

fn unlabeled(line: &Line<'_>) -> Stop {
    match line
        .members
        .iter()
        .find(|member| is_label_key(&member.key) && looks_like_a_label(member))
    {
        Some(member) => Stop::Rejected(
            Code::NoLabelAttributes,
            format!(
                "{name:?} has no {name:?}-metadata",
                name = shown(&member.key)
            ),
        ),
        None => Stop::Skipped(Code::Unlabeled, "line has no label attribute".to_owned()),
    }
}

/// A value with boxes in it is a label, even without metadata; a plain value may be any field of an input manifest.
fn looks_like_a_label(member: &Member<'_>) -> bool {
    matches!(member.box_labels(), Ok(Some(labels)) if labels.first_size().is_some())
}

fn choose_named<'c, 'l, 'a>(
    wanted: &str,
    labels: &[&'c Candidate<'l, 'a>],
    verdicts: &[&'c Candidate<'l, 'a>],
    line: &Line<'a>,
) -> Result<Vec<&'c Candidate<'l, 'a>>, Stop> {
    if let Some(named) = labels.iter().find(|candidate| candidate.name == wanted) {
        return Ok(vec![named]);
    }
    if verdicts.iter().any(|candidate| candidate.name == wanted) {
        return only(labels.to_vec());
    }
    let is_one_of_many = |candidate: &&Candidate<'_, '_>| {
        let position = candidate.name.strip_prefix(wanted).unwrap_or_default();
        !position.is_empty()
            && position.bytes().all(|byte| byte.is_ascii_digit())
            && candidate.kind() == Some(LabelKind::Task(TaskType::SingleLabel))
    };
    let many: Vec<_> = labels
        .iter()
        .copied()
        .filter(|candidate| is_one_of_many(candidate))
        .collect();
    if !many.is_empty() {
        return Ok(many);
    }
    if line.member(wanted).is_some() {
        return rejected(
            Code::NoLabelAttributes,
            format!("{name:?} has no {name:?}-metadata", name = shown(wanted)),
        );
    }
    Err(match (labels, verdicts) {
        ([], []) => Stop::Skipped(
            Code::Unlabeled,
            format!("line has no label attribute, hence no {:?}", shown(wanted)),
        ),
        _ => Stop::Skipped(
            Code::OtherAttribute,
            format!(
                "line has no label attribute {:?}, only {}",
                shown(wanted),
                names(labels.iter().chain(verdicts)).join(", ")
            ),
        ),
    })
}

fn choose_of_job<'c, 'l, 'a>(
    job_name: &str,
    mut labels: Vec<&'c Candidate<'l, 'a>>,
    verdicts: &[&'c Candidate<'l, 'a>],
) -> Result<Vec<&'c Candidate<'l, 'a>>, Stop> {
    let is_of_job = |candidate: &&Candidate<'_, '_>| candidate.is_of_job(job_name);
    if labels.iter().any(is_of_job) {
        labels.retain(is_of_job);
        return only(labels);
    }
    if verdicts.iter().any(|verdict| verdict.is_of_job(job_name)) {
        return only(labels);
    }
    let failed: Vec<_> = labels
        .iter()
        .copied()
        .filter(|candidate| candidate.has_failed() && candidate.is_of_unknown_job())
        .collect();
    if !failed.is_empty() {
        return only(failed);
    }
    let of_unknown_job: Vec<_> = labels
        .iter()
        .copied()
        .filter(|candidate| candidate.is_of_unknown_job())
        .collect();
    if !of_unknown_job.is_empty() {
        return only(of_unknown_job);
    }
    let names: Vec<_> = labels
        .iter()
        .map(|candidate| {
            format!(
                "{:?} of {:?}",
                shown(candidate.name),
                shown(&candidate.job_name().unwrap_or_default())
            )
        })
        .collect();
    Err(Stop::Skipped(
        Code::OtherJob,
        format!(
            "line has no label of job {:?}, only {}",
            shown(job_name),
            names.join(", ")
        ),
    ))
}

/// The only candidate, or all of them when they are image-level labels of one job. A label of a type that Custom Labels
/// never takes is none beside others.
fn only<'c, 'l, 'a>(
    mut labels: Vec<&'c Candidate<'l, 'a>>,
) -> Result<Vec<&'c Candidate<'l, 'a>>, Stop> {
    let is_taken = |candidate: &&Candidate<'_, '_>| candidate.kind() != Some(LabelKind::Other);
    if labels.iter().any(is_taken) {
        labels.retain(is_taken);
    }
    if labels.len() == 1 {
        return Ok(labels);
    }
    let job_name = labels.first().and_then(|candidate| candidate.job_name());
    let is_one_job = job_name.is_some()
        && labels.iter().all(|candidate| {
            candidate.kind() == Some(LabelKind::Task(TaskType::SingleLabel))
                && candidate.job_name() == job_name
        });
    if is_one_job {
        return Ok(labels);
    }
    rejected(
        Code::AmbiguousLabelAttribute,
        format!("label attribute may be {}", names(&labels).join(" or ")),
    )
}

/// The first 20 label attributes, for a message.
fn names<'c, 'l: 'c, 'a: 'l>(
    candidates: impl IntoIterator<Item = &'c &'c Candidate<'l, 'a>>,
) -> Vec<String> {
    let names = candidates
        .into_iter()
        .map(|candidate| format!("{:?}", shown(candidate.name)));
    names.take(20).collect()
}

/// Refuses a label that workers didn't confirm. A verdict older than the label is about an earlier one.
fn check_verdict(
    verdict: &Candidate<'_, '_>,
    chosen: &[&Candidate<'_, '_>],
    options: &ConvertOptions,
) -> Result<(), Stop> {
    let date = |candidate: &Candidate<'_, '_>| {
        let date = date::normalised(candidate.metadata.as_ref()?.creation_date?.decoded())?;
        date.get(..19).map(str::to_owned)
    };
    let decided = date(verdict);
    let is_about_an_earlier_one =
        decided.is_some() && chosen.iter().all(|candidate| date(candidate) > decided);
    if is_about_an_earlier_one {
        return Ok(());
    }
    let Some(class_name) = verdict
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.class_name)
    else {
        return rejected(
            Code::LabelingFailed,
            format!("verification {:?} has no verdict", shown(verdict.name)),
        );
    };
    let class_name = class_name.decoded();
    let (code, says) = match judge(&class_name, &options.approving_words) {
        Verdict::Approves => return Ok(()),
        Verdict::Rejects => (Code::VerifiedAsWrong, "says"),
        Verdict::Unknown => (Code::UnknownVerdict, "has the unknown word"),
    };
    rejected(
        code,
        format!(
            "verification {:?} {says} {:?}",
            shown(verdict.name),
            shown(&class_name)
        ),
    )
}
