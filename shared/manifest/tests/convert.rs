//! Every kind of Ground Truth line, and what becomes of it.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use manifest::{
    Code, ConvertOptions, Converted, Converter, Judgement, RawLine, WhenEmpty, WhenFaultyBox,
    WhenTooManyBoxes, judge,
};

const META: &str = r#""job-name":"labeling-job/birds","human-annotated":"yes","creation-date":"2020-01-01T00:00:00.000000""#;
/// The same in the order of the guide's bounding box lines.
const BOX_META: &str = r#""human-annotated":"yes","creation-date":"2020-01-01T00:00:00.000000","job-name":"labeling-job/birds""#;
const CUSTOM: &str = r#"{"type":"groundtruth/custom","job-name":"birds","human-annotated":"yes","creation-date":"2020-01-01T00:00:00.000000"}"#;

fn convert_with(options: ConvertOptions, line: &str) -> Converted {
    Converter::new(options).convert(1, RawLine::Line(line.as_bytes()))
}

fn convert(line: &str) -> Converted {
    convert_with(ConvertOptions::default(), line)
}

/// The entry without its source reference.
#[track_caller]
fn entry(options: ConvertOptions, line: &str) -> String {
    match convert_with(options.clone(), line) {
        Converted::Entry(entry) => {
            assert!(
                matches!(judge(entry.json.as_bytes()), Judgement::Kept(kept) if kept.findings.iter().all(|finding| finding.code.is_warning())),
                "{}",
                entry.json
            );
            let Converted::Entry(again) = convert_with(options, &entry.json) else {
                panic!("not idempotent: {}", entry.json)
            };
            assert_eq!(again.json, entry.json);
            entry
                .json
                .strip_prefix(r#"{"source-ref":"s3://bucket/1.jpg","#)
                .unwrap()
                .strip_suffix('}')
                .unwrap()
                .to_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn code(options: ConvertOptions, line: &str) -> Code {
    match convert_with(options, line) {
        Converted::Rejected(rejected) => rejected.code,
        Converted::Skipped(skipped) => skipped.code,
        other => panic!("{other:?}"),
    }
}

fn line(rest: &str) -> String {
    format!(r#"{{"source-ref":"s3://bucket/1.jpg",{rest}}}"#)
}

fn single(value: &str, confidence: &str) -> String {
    format!(
        r#""a":{value},"a-metadata":{{"class-name":"owl","confidence":{confidence},"type":"groundtruth/image-classification",{META}}}"#
    )
}

fn multi(ids: &str, confidences: &str) -> String {
    format!(
        r#""m":{ids},"m-metadata":{{"class-map":{{"0":"owl","2":"hawk","7":"unused"}},"confidence-map":{confidences},"type":"groundtruth/image-classification-multilabel",{META}}}"#
    )
}

fn boxes(annotations: &str, confidences: &[&str]) -> String {
    let objects: Vec<_> = confidences
        .iter()
        .map(|confidence| format!(r#"{{"confidence":{confidence}}}"#))
        .collect();
    format!(
        r#""b":{{"image_size":[{{"width":640,"height":480,"depth":3}}],"annotations":[{annotations}]}},"b-metadata":{{"objects":[{}],"class-map":{{"0":"owl"}},"type":"groundtruth/object-detection",{BOX_META}}}"#,
        objects.join(",")
    )
}

fn one_box(left: &str, top: &str, width: &str, height: &str) -> String {
    format!(r#"{{"class_id":0,"left":{left},"top":{top},"width":{width},"height":{height}}}"#)
}

fn options() -> ConvertOptions {
    ConvertOptions::default()
}

fn job(job_name: &str) -> ConvertOptions {
    ConvertOptions {
        job_name: Some(job_name.to_owned()),
        ..options()
    }
}

fn min(confidence: f64) -> ConvertOptions {
    ConvertOptions {
        min_confidence: Some(confidence),
        ..options()
    }
}

#[test]
fn single_label() {
    assert_eq!(
        entry(options(), &line(&single("7", "0.90"))),
        single("7", "0.90")
    );
    let from_text = entry(options(), &line(&single("\"7\"", "0.90")));
    assert!(
        from_text.starts_with("\"a\":7,\"a-metadata\":{")
            && from_text.contains("\"confidence\":0.90"),
        "{from_text}"
    );
    assert_eq!(
        entry(
            options(),
            &line(&format!("\"page\":3,{},\"more\":{{}}", single("7", "1e-1")))
        ),
        single("7", "1e-1")
    );
    assert_eq!(
        code(options(), &line(&single("\"x\"", "0.9"))),
        Code::InvalidLabelAttributeFormat
    );
    assert_eq!(
        code(options(), &line(&single("7", "2"))),
        Code::InvalidLabelAttributeMetadataFormat
    );
}

#[test]
fn multi_label() {
    let pair = |n: u32, name: &str, confidence: &str| {
        format!(
            r#""m{n}":{n},"m{n}-metadata":{{"class-name":"{name}","confidence":{confidence},"type":"groundtruth/image-classification","job-name":"labeling-job/birds","human-annotated":"yes","creation-date":"2020-01-01T00:00:00.000000"}}"#
        )
    };
    let both = line(&multi("[2,0]", r#"{"0":0.5,"2":0.90}"#));
    assert_eq!(
        entry(options(), &both),
        format!("{},{}", pair(0, "hawk", "0.90"), pair(1, "owl", "0.5"))
    );
    assert_eq!(entry(min(0.6), &both), pair(0, "hawk", "0.90"));
    assert!(matches!(
        convert_with(min(0.95), &both),
        Converted::Review(_)
    ));
    assert_eq!(
        entry(min(0.6), &line(&multi("[2]", r#"{"2":0}"#))),
        pair(0, "hawk", "0")
    );
    assert_eq!(
        entry(
            ConvertOptions {
                label_attribute: Some("m".to_owned()),
                ..options()
            },
            &both
        ),
        format!("{},{}", pair(0, "hawk", "0.90"), pair(1, "owl", "0.5"))
    );
    assert_eq!(code(options(), &line(&multi("[]", "{}"))), Code::NoLabels);
    assert_eq!(
        code(options(), &line(&multi("[1]", r#"{"1":1}"#))),
        Code::MissingClassMapId
    );
    assert_eq!(
        code(options(), &line(&multi("[2]", "{}"))),
        Code::InvalidLabelAttributeMetadataFormat
    );
    assert_eq!(
        code(options(), &line(&multi("7", "{}"))),
        Code::InvalidLabelAttributeFormat
    );
}

#[test]
fn number_of_labels() {
    let many = |n: usize| {
        let ids: Vec<String> = (0..n).map(|id| id.to_string()).collect();
        let map = |value: &str| {
            let pairs: Vec<String> = ids.iter().map(|id| format!("\"{id}\":{value}")).collect();
            pairs.join(",")
        };
        line(&format!(
            r#""m":[{}],"m-metadata":{{"class-map":{{{}}},"confidence-map":{{{}}},"type":"groundtruth/image-classification-multilabel",{META}}}"#,
            ids.join(","),
            map("\"owl\""),
            map("1")
        ))
    };
    for n in [49, 50] {
        assert!(matches!(convert(&many(n)), Converted::Entry(_)), "{n}");
    }
    assert_eq!(code(options(), &many(51)), Code::TooManyLabels);
}

#[test]
fn boxes_round_outward_and_stay_inside() {
    let check = |from: [&str; 4], to: [&str; 4]| {
        let [left, top, width, height] = from;
        let found = entry(
            options(),
            &line(&boxes(&one_box(left, top, width, height), &["0.5"])),
        );
        let [left, top, width, height] = to;
        assert_eq!(
            found,
            boxes(&one_box(left, top, width, height), &["0.5"]),
            "{from:?}"
        );
    };
    check(["10", "20", "30", "40"], ["10", "20", "30", "40"]);
    check(["10.5", "20.5", "30", "40"], ["10", "20", "31", "41"]);
    check(
        ["164.60000000000002", "0.4", "10.2", "9.2"],
        ["164", "0", "11", "10"],
    );
    check(
        ["10.0", "20", "30.00000000001", "40"],
        ["10", "20", "30", "40"],
    );
    check(["-5", "-0.5", "30", "40"], ["0", "0", "25", "40"]);
    check(["630", "470", "30", "40"], ["630", "470", "10", "10"]);
}

#[test]
fn boxes_that_cannot_be_used() {
    let good = one_box("1", "1", "9", "9");
    for (bad, expected) in [
        (one_box("700", "1", "9", "9"), Code::InvalidBoundingBox),
        (one_box("1", "1", "-9", "9"), Code::InvalidBoundingBox),
        (one_box("1", "1", "1", "9"), Code::BoundingBoxTooSmall),
        (one_box("1", "1", "0", "0"), Code::BoundingBoxTooSmall),
    ] {
        let both = line(&boxes(&format!("{bad},{good}"), &["0.1", "0.20"]));
        assert_eq!(entry(options(), &both), boxes(&good, &["0.20"]), "{bad}");
        let strict = ConvertOptions {
            faulty_boxes: WhenFaultyBox::Reject,
            ..options()
        };
        assert_eq!(code(strict, &both), expected);
        assert_eq!(
            code(options(), &line(&boxes(&bad, &["1"]))),
            Code::NoValidAnnotations
        );
    }
    assert_eq!(code(options(), &line(&boxes("", &[]))), Code::NoBoxes);
    let send = ConvertOptions {
        without_boxes: WhenEmpty::Send,
        ..options()
    };
    assert_eq!(
        entry(send, &line(&boxes("", &[]))),
        boxes("", &[]).replace(r#"{"0":"owl"}"#, "{}")
    );
    // Custom Labels has the same warning for an empty list as for none.
    let without_list = |line: &str| line.replace(r#","annotations":[]"#, "");
    assert_eq!(
        code(options(), &line(&without_list(&boxes("", &[])))),
        Code::NoBoxes
    );
    let send = ConvertOptions {
        without_boxes: WhenEmpty::Send,
        ..options()
    };
    assert_eq!(
        entry(send, &line(&without_list(&boxes("", &[])))),
        boxes("", &[]).replace(r#"{"0":"owl"}"#, "{}")
    );
    let [beside, speck] = [one_box("700", "1", "9", "9"), one_box("1", "1", "1", "9")];
    let three = format!("{beside},{speck},{speck}");
    let Converted::Rejected(rejected) = convert(&line(&boxes(&three, &["1", "1", "1"]))) else {
        panic!("none of them can be used")
    };
    assert_eq!(
        (rejected.code, rejected.reason.as_str()),
        (
            Code::NoValidAnnotations,
            "no box of 3 can be used: 1 with ERROR_INVALID_BOUNDING_BOX, 2 with ERROR_BOUNDING_BOX_TOO_SMALL"
        )
    );
    assert_eq!(
        code(options(), &line(&boxes(&good, &[]))),
        Code::MissingBoundingBoxConfidence
    );
    assert_eq!(
        code(options(), &line(&boxes(&good, &["null"]))),
        Code::MissingBoundingBoxConfidence
    );
    assert_eq!(
        code(options(), &line(&boxes(&good.replace(":0", ":3"), &["1"]))),
        Code::MissingClassMapId
    );
    assert_eq!(
        code(
            options(),
            &line(&boxes(&good, &["1"]).replace("640", "4097"))
        ),
        Code::InvalidImageDimension
    );
}

#[test]
fn too_many_boxes() {
    let many = |n: usize| {
        let annotations: Vec<_> = (0..n)
            .map(|idx| one_box(&idx.to_string(), "1", "9", "9"))
            .collect();
        let confidences: Vec<_> = (0..n)
            .map(|idx| if idx == 3 { "0.1" } else { "0.5" })
            .collect();
        line(&boxes(&annotations.join(","), &confidences))
    };
    for n in [49, 50] {
        assert!(matches!(convert(&many(n)), Converted::Entry(_)));
    }
    assert_eq!(code(options(), &many(51)), Code::TooManyBoundingBoxes);
    let keep = ConvertOptions {
        too_many_boxes: WhenTooManyBoxes::KeepMostConfident,
        ..options()
    };
    let kept = entry(keep.clone(), &many(51));
    assert!(!kept.contains("\"left\":3,") && kept.contains("\"left\":50,"));
    let kept = entry(keep, &many(52));
    assert!(
        !kept.contains("\"left\":3,")
            && !kept.contains("\"left\":51,")
            && kept.contains("\"left\":50,")
    );
}

#[test]
fn box_metadata() {
    let good = one_box("1", "1", "9", "9");
    let expected = boxes(&good, &["1"]);
    let unordered =
        |json: &str| serde_json::from_str::<serde_json::Value>(&format!("{{{json}}}")).unwrap();
    let check = |changed: String| {
        assert_eq!(
            unordered(&entry(options(), &line(&changed))),
            unordered(&expected),
            "{changed}"
        )
    };
    check(expected.replace(r#"{"0":"owl"}"#, r#"{"0":"owl","5":"unused"}"#));
    check(expected.replace(
        r#"[{"width":640,"height":480,"depth":3}]"#,
        r#"{"width":640,"height":480}"#,
    ));
    check(expected.replace("\"human", "\"adjustment-status\":\"adjusted\",\"human"));
    check(
        expected
            .replace("job-name", "job_name")
            .replace("creation-date", "creation_date"),
    );
    check(expected.replace("2020-01-01T00:00:00.000000", "2020-01-01 02:00:00+02"));
    check(expected.replace("\"yes\"", "\"true\""));
}

#[test]
fn envelopes() {
    let custom = |label: &str| line(&format!(r#""e":{label},"e-metadata":{CUSTOM}"#));
    assert_eq!(
        entry(
            options(),
            &custom(
                r#"{"label":7,"metadata":{"class-name":"owl","confidence":0.93,"type":"groundtruth/image-classification"}}"#
            )
        ),
        r#""e":7,"e-metadata":{"class-name":"owl","confidence":0.93,"type":"groundtruth/image-classification","job-name":"birds","human-annotated":"yes","creation-date":"2020-01-01T00:00:00.000000"}"#
    );
    let many = entry(
        options(),
        &custom(
            r#"{"label":[0,2],"metadata":{"class-map":{"0":"owl","2":"hawk"},"confidence-map":{"0":1,"2":0.5},"type":"groundtruth/image-classification-multilabel"}}"#,
        ),
    );
    assert!(
        many.starts_with("\"e0\":0,")
            && many.contains("\"e1\":1,\"e1-metadata\":{\"class-name\":\"hawk\""),
        "{many}"
    );
    let one = one_box("1", "1", "9", "9");
    let label = format!(
        r#"{{"image_size":[{{"width":640,"height":480,"depth":3}}],"annotations":[{one}]}}"#
    );
    let found = entry(
        options(),
        &custom(&format!(
            r#"{{"label":{label},"metadata":{{"objects":[{{"confidence":1}}],"class-map":{{"0":"owl"}},"type":"groundtruth/object-detection"}}}}"#
        )),
    );
    assert!(
        found.starts_with(&format!(
            r#""e":{label},"e-metadata":{{"objects":[{{"confidence":1}}]"#
        )),
        "{found}"
    );
    let Converted::Rejected(failed) = convert(&custom(
        r#"{"label":null,"metadata":{"failure-reason":"no readable answer"}}"#,
    )) else {
        panic!()
    };
    assert_eq!(
        (failed.code, failed.reason.as_str()),
        (Code::LabelingFailed, "labeling failed: no readable answer")
    );
    assert_eq!(
        code(options(), &custom(r#"{"polygons":[]}"#)),
        Code::UnsupportedTaskType
    );
    assert_eq!(
        code(options(), &custom(r#"{"label":1,"metadata":2}"#)),
        Code::InvalidEnvelope
    );
    assert_eq!(
        code(options(), &custom(r#"{"label":1,"metadata":{}}"#)),
        Code::InvalidEnvelope
    );
    let documented = line(
        r#""e":{},"e-metadata":{"job_name":"birds","type":"groundTruth/custom","human-annotated":"yes","creation_date":"2021-03-08T23:06:49.111000","worker-response-ref":"s3://b/r.json"}"#,
    );
    assert_eq!(code(options(), &documented), Code::NotConsolidated);
}

#[test]
fn lines_without_a_label() {
    assert_eq!(code(options(), ""), Code::BlankLine);
    assert_eq!(
        code(options(), r#"{"source-ref":"s3://bucket/1.jpg","page":3}"#),
        Code::Unlabeled
    );
    assert_eq!(
        code(options(), r#"{"source":"some text"}"#),
        Code::UnsupportedTaskType
    );
    assert_eq!(code(options(), "{}"), Code::MissingSourceRef);
    assert_eq!(code(options(), "nonsense"), Code::InvalidJsonLine);
    let send = ConvertOptions {
        unlabeled: WhenEmpty::Send,
        ..options()
    };
    let Converted::Entry(sent) =
        convert_with(send, r#"{"source-ref":"s3://bucket/1.jpg","page":3}"#)
    else {
        panic!()
    };
    assert_eq!(sent.json, r#"{"source-ref":"s3://bucket/1.jpg"}"#);
    let failed = line(
        r#""a-metadata":{"retry-count":1,"failure-reason":"ClientError: Annotation tasks expired.","human-annotated":"true"}"#,
    );
    assert_eq!(code(options(), &failed), Code::LabelingFailed);
    assert_eq!(code(job("birds"), &failed), Code::LabelingFailed);
    for kind in [
        "groundtruth/semantic-segmentation",
        "groundtruth/video-object-detection",
        "groundtruth/point-cloud-object-detection",
        "groundtruth/text-span",
    ] {
        assert_eq!(
            code(
                options(),
                &line(&format!(
                    r#""s-ref":"s3://b/x.png","s-ref-metadata":{{"type":"{kind}",{META}}}"#
                ))
            ),
            Code::UnsupportedTaskType
        );
    }
}

#[test]
fn which_label_attribute() {
    let other = single("1", "1")
        .replace("\"a", "\"other")
        .replace("birds", "earlier");
    let both = line(&format!("{other},{}", single("7", "0.90")));
    assert_eq!(entry(job("birds"), &both), single("7", "0.90"));
    assert_eq!(entry(job("BIRDS"), &both), single("7", "0.90"));
    assert_eq!(
        entry(
            ConvertOptions {
                label_attribute: Some("a".to_owned()),
                ..job("earlier")
            },
            &both
        ),
        single("7", "0.90")
    );
    let Converted::Rejected(ambiguous) = convert(&both) else {
        panic!()
    };
    assert_eq!(
        (ambiguous.code, ambiguous.reason.as_str()),
        (
            Code::AmbiguousLabelAttribute,
            r#"label attribute may be "other" or "a""#
        )
    );
    assert_eq!(code(job("birds"), &line(&other)), Code::OtherJob);
    assert_eq!(
        code(
            ConvertOptions {
                label_attribute: Some("x".to_owned()),
                ..options()
            },
            &both
        ),
        Code::OtherAttribute
    );
    let failed = r#""a-metadata":{"failure-reason":"expired","human-annotated":"true"}"#;
    assert_eq!(
        code(job("birds"), &line(&format!("{other},{failed}"))),
        Code::LabelingFailed
    );
    let of_attribute_name = line(&format!(
        r#""e":{{"label":null,"metadata":{{"failure-reason":"x"}}}},"e-metadata":{}"#,
        CUSTOM.replace("birds", "e")
    ));
    assert_eq!(code(job("birds"), &of_attribute_name), Code::LabelingFailed);
}

#[test]
fn verification() {
    let verdict = |name: &str, date: &str| {
        format!(
            r#"{},"v":"1","v-metadata":{{"class-name":"{name}","confidence":0.93,"type":"groundtruth/label-verification","job-name":"verify","human-annotated":"yes","creation-date":"{date}"}}"#,
            single("7", "0.90")
        )
    };
    for options in [options(), job("birds")] {
        assert_eq!(
            code(
                options.clone(),
                &line(&verdict("bad", "2020-02-01T00:00:00.000000"))
            ),
            Code::VerifiedAsWrong
        );
        assert_eq!(
            entry(
                options.clone(),
                &line(&verdict("Good", "2020-02-01T00:00:00.000000"))
            ),
            single("7", "0.90")
        );
        assert_eq!(
            entry(
                options,
                &line(&verdict("bad", "2019-02-01T00:00:00.000000"))
            ),
            single("7", "0.90")
        );
    }
    assert_eq!(
        code(
            job("verify"),
            &line(&verdict("bad", "2020-02-01T00:00:00.000000"))
        ),
        Code::VerifiedAsWrong
    );
    assert!(matches!(
        convert_with(
            job("verify"),
            &line(&verdict("good", "2020-02-01T00:00:00.000000"))
        ),
        Converted::Entry(_)
    ));
}

#[test]
fn words_of_verification_jobs() {
    let check = |word: &str, approving: &[&str], expected: Option<Code>| {
        let verified = format!(
            r#"{},"v":"1","v-metadata":{{"class-name":"{word}","confidence":0.93,"type":"groundtruth/label-verification","job-name":"verify","human-annotated":"yes","creation-date":"2020-02-01T00:00:00.000000"}}"#,
            single("7", "0.90")
        );
        let options = ConvertOptions {
            approving_words: approving.iter().map(|word| (*word).to_owned()).collect(),
            ..options()
        };
        let found = match convert_with(options, &line(&verified)) {
            Converted::Rejected(rejected) => Some(rejected.code),
            Converted::Entry(_) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{word:?} {approving:?}");
    };
    check(" GUT ", &[], None);
    check("Não", &[], Some(Code::VerifiedAsWrong));
    check("Label is correct", &[], Some(Code::UnknownVerdict));
    check("Label is correct", &["label is correct"], None);
    check(
        "Label is wrong",
        &["label is correct"],
        Some(Code::VerifiedAsWrong),
    );
}

#[test]
fn minimum_confidence() {
    let at = |confidence: &str| line(&format!("\"kept\":[1, 2],{}", single("7", confidence)));
    assert!(matches!(
        convert_with(min(0.5), &at("0.5")),
        Converted::Entry(_)
    ));
    assert!(matches!(
        convert_with(min(0.5), &at("0")),
        Converted::Entry(_)
    ));
    let Converted::Review(review) = convert_with(min(0.5), &at("0.49")) else {
        panic!()
    };
    assert_eq!(
        review.json,
        r#"{"source-ref":"s3://bucket/1.jpg","kept":[1, 2]}"#
    );
    let two = line(&boxes(
        &format!(
            "{},{}",
            one_box("1", "1", "9", "9"),
            one_box("2", "1", "9", "9")
        ),
        &["0.3", "0.8"],
    ));
    assert_eq!(
        entry(min(0.5), &two),
        boxes(&one_box("2", "1", "9", "9"), &["0.8"])
    );
    assert!(matches!(convert_with(min(0.9), &two), Converted::Review(_)));
}

#[test]
fn duplicates() {
    let mut converter = Converter::new(options());
    let good = line(&single("7", "1"));
    let mut next = |number, text: &str| converter.convert(number, RawLine::Line(text.as_bytes()));
    assert!(matches!(
        next(1, &line(&single("\"x\"", "1"))),
        Converted::Rejected(_)
    ));
    assert!(matches!(next(2, &good), Converted::Entry(_)));
    let Converted::Rejected(duplicate) = next(3, &good) else {
        panic!()
    };
    assert_eq!(duplicate.code, Code::DuplicateSourceRef);
    assert!(
        duplicate.reason.starts_with("line 2 has"),
        "{}",
        duplicate.reason
    );
    assert_eq!(
        (
            converter.counts().n_lines,
            converter.counts().n_entries,
            converter.counts().n_rejected
        ),
        (3, 1, 2)
    );
}
