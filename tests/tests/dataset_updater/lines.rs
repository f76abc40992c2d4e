//! Manifests of mixed lines with known fates.

use std::collections::BTreeSet;

use serde_json::json;

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
        let source_ref = format!("s3://images/birds/{n:06}.jpg");
        let line = if n % 33 == 0 {
            n_bad += 1;
            bad(n, &source_ref)
        } else {
            good.insert(source_ref.clone());
            good_line(n, &source_ref)
        };
        text.push_str(&line);
        text.push('\n');
    }
    Manifest {
        text,
        n_lines,
        good,
        n_bad,
    }
}

/// A line that Custom Labels takes: single-label, multi-label and boxes in turn.
pub(crate) fn good_line(n: u64, source_ref: &str) -> String {
    let date = "2026-03-02T09:30:05.117000";
    let name = if n.is_multiple_of(2) {
        "heron"
    } else {
        "stork"
    };
    let line = match n % 3 {
        0 => json!({
            "source-ref": source_ref, "birds": n % 2,
            "birds-metadata": {"class-name": name, "confidence": 0.9, "job-name": "labeling-job/birds",
                "human-annotated": "yes", "creation-date": date, "type": "groundtruth/image-classification"}
        }),
        1 => json!({
            "source-ref": source_ref, "birds": [0, 1],
            "birds-metadata": {"class-map": {"0": "heron", "1": "stork"}, "confidence-map": {"0": 0.9, "1": 0.8}, "job-name": "labeling-job/birds",
                "human-annotated": "yes", "creation-date": date, "type": "groundtruth/image-classification-multilabel"}
        }),
        _ => json!({
            "source-ref": source_ref,
            "birds": {"image_size": [{"width": 640, "height": 480, "depth": 3}],
                "annotations": [{"class_id": 0, "left": 10, "top": 20, "width": 100, "height": 50}]},
            "birds-metadata": {"objects": [{"confidence": 0.9}], "class-map": {"0": "heron"}, "job-name": "labeling-job/birds",
                "human-annotated": "yes", "creation-date": date, "type": "groundtruth/object-detection"}
        }),
    };
    line.to_string()
}

fn bad(n: u64, source_ref: &str) -> String {
    match n / 33 % 5 {
        0 => "{\"source-ref\": \"s3://images/cut".to_owned(),
        1 => json!({"birds": 1, "birds-metadata": {}}).to_string(),
        2 => json!({"source-ref": source_ref, "birds-metadata": {"retry-count": 1,
            "failure-reason": "ClientError: Annotation tasks expired.", "human-annotated": "true"}}).to_string(),
        3 => good_line(1, "s3://images/birds/000001.jpg"),
        _ => json!({"source-ref": source_ref, "birds-ref": "s3://images/mask.png",
            "birds-ref-metadata": {"type": "groundtruth/semantic-segmentation", "human-annotated": "yes",
                "creation-date": "2026-03-02T09:30:05.117000", "job-name": "labeling-job/birds", "internal-color-map": {}}}).to_string(),
    }
}
