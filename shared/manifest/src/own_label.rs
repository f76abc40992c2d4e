//! The label that a labeling job gave a line, and the line with another label in its place.

use memchr::memmem;

use crate::convert_options::ConvertOptions;
use crate::envelope::Envelope;
use crate::label_choice::{Candidate, candidates, choose};
use crate::line::Line;
use crate::named_label::{self, NamedLabel};
use crate::pair::{LabelKind, Metadata};
use crate::task_type::TaskType;

const WORKER_RESPONSE_REF: &[u8] = b"worker-response-ref";

/// A line's label of the labeling job that wrote the line.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnLabel {
    /// The image's S3 URI, as it stands in the line.
    pub source_ref: String,
    /// The label attribute.
    pub attribute: String,
    /// What the metadata's `type` says; `None` for a job with a worker task template of its own.
    pub task_type: Option<TaskType>,
    /// S3 URI of the workers' answers, in a job without a consolidation function.
    pub worker_response_ref: Option<String>,
    /// What the label says, in its order; empty also when it can't be read.
    pub labels: Vec<NamedLabel>,
}

/// Whether a line may be one of a job without a consolidation function: quick, and never `false` for such a line.
#[must_use]
pub fn mentions_worker_response(line: &[u8]) -> bool {
    // A key may also be written with escapes; nobody does, but then the line has a backslash.
    memmem::find(line, WORKER_RESPONSE_REF).is_some()
        || (memchr::memchr(b'\\', line).is_some() && memmem::find(line, b"\\u").is_some())
}

/// The label that conversion with these options would take from the line; `None` when it would take none, or several,
/// or one that is not about the whole image or boxes on it. Lines that are not JSON have none.
#[must_use]
pub fn own_label(line: &[u8], options: &ConvertOptions) -> Option<OwnLabel> {
    let line = Line::open(line).ok()?;
    let candidates = candidates(&line).ok()?;
    let (candidate, metadata, task_type) = own(&candidates, &line, options)?;
    let label = candidate.label?.value;
    let text = metadata.worker_response_ref;
    let read = match task_type {
        None => named_label::of_envelope(label),
        Some(_) => named_label::of_pair(label, metadata),
    };
    Some(OwnLabel {
        source_ref: line.source_ref()?.decoded().into_owned(),
        attribute: candidate.name.to_owned(),
        task_type,
        worker_response_ref: text.map(|text| text.decoded().into_owned()),
        labels: read.map(|read| read.labels).unwrap_or_default(),
    })
}

/// The line with `envelope` in the place of the label that [`own_label`] finds; everything else stays byte for byte.
///
/// In a custom job's line the envelope becomes the label's value. In a built-in job's line it becomes value and
/// metadata, which keeps `job-name`, `human-annotated` and `creation-date`. `None` where [`own_label`] answers `None`.
#[must_use]
pub fn relabeled(line: &[u8], options: &ConvertOptions, envelope: &Envelope) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?;
    let line = Line::open(line).ok()?;
    let candidates = candidates(&line).ok()?;
    let (candidate, _, task_type) = own(&candidates, &line, options)?;
    let label = candidate.label?.value;
    if task_type.is_none() {
        return replaced(text, &mut [(label, &envelope.to_json())]);
    }
    let metadata = metadata_of_built_in(candidate.metadata_value, envelope)?;
    let old_metadata = candidate.metadata_value;
    replaced(
        text,
        &mut [(label, envelope.label.get()), (old_metadata, &metadata)],
    )
}

fn own<'c, 'l, 'a>(
    candidates: &'c [Candidate<'l, 'a>],
    line: &Line<'a>,
    options: &ConvertOptions,
) -> Option<(&'c Candidate<'l, 'a>, &'l Metadata<'a>, Option<TaskType>)> {
    let chosen = choose(candidates, line, options).ok()?;
    let [candidate] = chosen.as_slice() else {
        return None;
    };
    let task_type = match candidate.kind()? {
        LabelKind::Custom => None,
        LabelKind::Task(task_type) => Some(task_type),
        LabelKind::Verification | LabelKind::Other => return None,
    };
    Some((candidate, candidate.metadata?, task_type))
}

/// `text` with some of its parts replaced. The parts are slices of it, so that their addresses tell where they stand.
fn replaced(text: &str, parts: &mut [(&str, &str)]) -> Option<String> {
    parts.sort_by_key(|(old, _)| old.as_ptr());
    let mut result = String::with_capacity(text.len() + 256);
    let mut end = 0;
    for (old, new) in parts {
        let start = (old.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        result.push_str(text.get(end..start)?);
        result.push_str(new);
        end = start + old.len();
    }
    result.push_str(text.get(end..)?);
    Some(result)
}

fn metadata_of_built_in(old: &str, envelope: &Envelope) -> Option<String> {
    let fields: indexmap::IndexMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(old).ok()?;
    let mut metadata = envelope
        .metadata
        .get()
        .trim_end()
        .strip_suffix('}')?
        .to_owned();
    for key in ["job-name", "human-annotated", "creation-date"] {
        if let Some(value) = fields.get(key) {
            metadata.push_str(&format!(",\"{key}\":{}", value.get()));
        }
    }
    metadata.push('}');
    Some(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::convert::Converter;
    use crate::lines::RawLine;
    use crate::named_label::envelope_labels;
    use crate::outcome::Converted;

    const WITHOUT_FUNCTION: &str = r#"{"source-ref": "s3://birds/1.jpg", "bird": {}, "note": 1.50, "bird-metadata": {"type": "groundtruth/custom", "job-name": "birds", "human-annotated": "yes", "creation-date": "2021-03-08T23:06:49.111000", "worker-response-ref": "s3://b/job/annotations/worker-response/iteration-1/0/2021-03-08_23:06:49.json"}}"#;
    const BUILT_IN: &str = r#"{"source-ref":"s3://birds/1.jpg","bird":4,"bird-metadata":{"confidence":0.95,"job-name":"labeling-job/birds","class-name":"Owl","human-annotated":"yes","creation-date":"2019-04-18T16:37:19.203746","type":"groundtruth/image-classification"}}"#;

    fn options() -> ConvertOptions {
        ConvertOptions {
            job_name: Some("birds".to_owned()),
            ..ConvertOptions::default()
        }
    }

    fn converted(line: &str) -> Converted {
        Converter::new(options()).convert(1, RawLine::Line(line.as_bytes()))
    }

    #[test]
    fn a_line_without_consolidation_takes_the_envelope() {
        assert!(mentions_worker_response(WITHOUT_FUNCTION.as_bytes()));
        assert!(!mentions_worker_response(BUILT_IN.as_bytes()));
        let own = own_label(WITHOUT_FUNCTION.as_bytes(), &options()).unwrap();
        assert_eq!((own.attribute.as_str(), own.task_type), ("bird", None));
        assert!(own.worker_response_ref.unwrap().ends_with("23:06:49.json"));
        assert_eq!(own.labels, []);
        let envelope = Envelope::single_label(3, "Owl", 0.75);
        let line = relabeled(WITHOUT_FUNCTION.as_bytes(), &options(), &envelope).unwrap();
        assert_eq!(line, WITHOUT_FUNCTION.replace("{}", &envelope.to_json()));
        let Converted::Entry(entry) = converted(&line) else {
            panic!("no entry");
        };
        assert!(
            entry
                .json
                .contains(r#""bird":3,"bird-metadata":{"class-name":"Owl","confidence":0.75"#)
        );
        let own = own_label(line.as_bytes(), &options()).unwrap();
        assert_eq!(own.labels, envelope_labels(&envelope));
    }

    #[test]
    fn a_line_whose_answers_gave_no_label_says_why() {
        let failed = Envelope::failed("no object s3://b/x");
        let line = relabeled(WITHOUT_FUNCTION.as_bytes(), &options(), &failed).unwrap();
        let Converted::Rejected(line) = converted(&line) else {
            panic!("not rejected");
        };
        assert_eq!(line.code, Code::NotConsolidated);
        assert!(
            line.reason.contains("no object s3://b/x"),
            "{}",
            line.reason
        );
    }

    #[test]
    fn a_built_in_line_keeps_what_is_not_the_label() {
        let own = own_label(BUILT_IN.as_bytes(), &options()).unwrap();
        let labels: Vec<_> = own
            .labels
            .iter()
            .map(|label| (label.label.as_str(), label.confidence))
            .collect();
        assert_eq!(
            (own.task_type, labels),
            (Some(TaskType::SingleLabel), vec![("Owl", Some(0.95))])
        );
        let envelope = Envelope::single_label(7, "Duck", 0.5);
        let line = relabeled(BUILT_IN.as_bytes(), &options(), &envelope).unwrap();
        assert_eq!(
            line,
            r#"{"source-ref":"s3://birds/1.jpg","bird":7,"bird-metadata":{"class-name":"Duck","confidence":0.5,"type":"groundtruth/image-classification","job-name":"labeling-job/birds","human-annotated":"yes","creation-date":"2019-04-18T16:37:19.203746"}}"#
        );
        assert!(matches!(converted(&line), Converted::Entry(_)));
    }

    #[test]
    fn lines_without_an_own_label() {
        for line in [
            "",
            "{",
            r#"{"source-ref":"s3://birds/1.jpg"}"#,
            r#"{"source-ref":"s3://birds/1.jpg","bird-metadata":{"failure-reason":"x","human-annotated":"true"}}"#,
            &BUILT_IN.replace("image-classification", "label-verification"),
            &BUILT_IN.replace("labeling-job/birds", "labeling-job/other"),
        ] {
            assert_eq!(own_label(line.as_bytes(), &options()), None, "{line}");
            assert_eq!(
                relabeled(line.as_bytes(), &options(), &Envelope::failed("x")),
                None
            );
        }
    }
}
