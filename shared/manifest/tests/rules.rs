//! One table per code of Custom Labels: lines with exactly that fault, and the limits around it.

use manifest::rules::{ImageFacts, image_fault};
use manifest::{Code, Judgement, Place, annotate, judge};

const META: &str = r#""human-annotated":"yes","creation-date":"2020-01-01T00:00:00.000""#;

fn image_level(value: &str, class_name: &str, rest: &str) -> String {
    format!(
        r#"{{"source-ref":"s3://bucket/1.jpg","a":{value},"a-metadata":{{"class-name":{class_name},"confidence":1,"type":"groundtruth/image-classification",{META}{rest}}}}}"#
    )
}

fn boxes_of(size: &str, annotations: &str, objects: &str, class_map: &str) -> String {
    format!(
        r#"{{"source-ref":"s3://bucket/1.jpg","b":{{"image_size":{size},"annotations":{annotations}}},"b-metadata":{{"objects":{objects},"class-map":{class_map},"type":"groundtruth/object-detection",{META}}}}}"#
    )
}

fn one_box(width_px: &str, height_px: &str, annotation: &str) -> String {
    boxes_of(
        &format!(r#"[{{"width":{width_px},"height":{height_px},"depth":3}}]"#),
        &format!("[{annotation}]"),
        r#"[{"confidence":1}]"#,
        r#"{"0":"dog"}"#,
    )
}

fn n_boxes(n: usize) -> String {
    let annotation = r#"{"class_id":0,"left":1,"top":1,"width":9,"height":9}"#;
    boxes_of(
        r#"[{"width":640,"height":480,"depth":3}]"#,
        &format!("[{}]", vec![annotation; n].join(",")),
        &format!("[{}]", vec![r#"{"confidence":1}"#; n].join(",")),
        r#"{"0":"dog"}"#,
    )
}

fn codes(line: &str) -> Vec<Code> {
    match judge(line.as_bytes()) {
        Judgement::Dropped { code, .. } => vec![code],
        Judgement::Kept(kept) => kept
            .findings
            .into_iter()
            .map(|finding| finding.code)
            .collect(),
    }
}

#[track_caller]
fn check(line: &str, expected: &[Code]) {
    assert_eq!(codes(line), expected, "{line}");
}

const GOOD_BOX: &str = r#"{"class_id":0,"left":0,"top":0,"width":100,"height":100}"#;

#[test]
fn valid_lines() {
    check(&image_level("1", "\"dog\"", ""), &[]);
    check(
        &image_level("-1", "\"dog\"", r#","job-name":"x","more":[1]"#),
        &[],
    );
    check(&one_box("640", "480", GOOD_BOX), &[]);
    check(
        &one_box(
            "640",
            "480",
            r#"{"class_id":0,"left":0.5,"top":0.5,"width":10.5,"height":9.25}"#,
        ),
        &[],
    );
}

#[test]
fn silently_dropped() {
    check(r#"{"a":1}"#, &[Code::MissingSourceRef]);
    check(
        r#"{"source_ref":"s3://bucket/1.jpg"}"#,
        &[Code::MissingSourceRef],
    );
    check(
        r#"{"source-ref":"https://bucket/1.jpg"}"#,
        &[Code::InvalidSourceRefFormat],
    );
    check(r#"{"source-ref":7}"#, &[Code::InvalidSourceRefFormat]);
    for half in [r"\ud800", r"\udc00x", r"\ud83d\ud83d\ude00"] {
        let line = image_level("1", "\"dog\"", "").replacen("1.jpg", &format!("{half}.jpg"), 1);
        assert!(line.contains(half), "{line}");
        check(&line, &[Code::InvalidSourceRefFormat]);
    }
    for whole in [r"\ud83d\ude00", r"\ufffd", "\u{fffd}"] {
        let line = image_level("1", "\"dog\"", "").replacen("1.jpg", &format!("{whole}.jpg"), 1);
        check(&line, &[]);
    }
    for bad in [
        "",
        "[]",
        "{",
        r#"{"source-ref":"s3://bucket/1.jpg",}"#,
        r#"{"source-ref":"s3://bucket/1.jpg","source-ref":"s3://bucket/1.jpg"}"#,
    ] {
        check(bad, &[Code::InvalidJsonLine]);
    }
    check(
        &image_level("1", "\"dog\"", r#","type":"x""#),
        &[Code::InvalidJsonLine],
    );
    for twice in [r#""left":null,"left":0"#, r#""left":0,"\u006ceft":0"#] {
        check(
            &one_box("640", "480", &GOOD_BOX.replace(r#""left":0"#, twice)),
            &[Code::InvalidJsonLine],
        );
    }
    check(
        &format!(
            r#"{{"source-ref":"s3://bucket/1.jpg","x":"{}"}}"#,
            "y".repeat(100_000)
        ),
        &[Code::LineTooLong],
    );
}

#[test]
fn no_label_attributes() {
    let line = |rest: &str| format!(r#"{{"source-ref":"s3://bucket/1.jpg"{rest}}}"#);
    check(&line(r#","a":1"#), &[Code::NoLabelAttributes]);
    check(&line(r#","a-metadata":{}"#), &[Code::NoLabelAttributes]);
    check(
        &line(r#","a":1,"b-metadata":{}"#),
        &[Code::NoLabelAttributes],
    );
    check(&line(""), &[Code::UnannotatedRecord]);
    check(
        &line(r#","cl-metadata":{"is_labeled":false}"#),
        &[Code::UnannotatedRecord],
    );
}

#[test]
fn label_attribute_format() {
    for value in [r#""0""#, "1.5", "null", "[]", "{}", "true"] {
        check(
            &image_level(value, "\"dog\"", ""),
            &[Code::InvalidLabelAttributeFormat],
        );
    }
    let size = r#"[{"width":640,"height":480,"depth":3}]"#;
    let with_size = |size: &str| boxes_of(size, "[]", "[]", "{}");
    for bad in [
        "[]",
        r#"{"width":640,"height":480,"depth":3}"#,
        r#"[{"width":640,"height":480}]"#,
        r#"[{"width":0,"height":480,"depth":3}]"#,
        r#"[{"width":"640","height":480,"depth":3}]"#,
    ] {
        check(&with_size(bad), &[Code::InvalidLabelAttributeFormat]);
    }
    check(
        &with_size(&size.replace(']', r#",{"width":640,"height":480,"depth":3}]"#)),
        &[Code::InvalidLabelAttributeFormat],
    );
    check(
        &boxes_of(size, "{}", "[]", "{}"),
        &[Code::InvalidLabelAttributeFormat],
    );
    for field in ["class_id", "left", "top", "width", "height"] {
        check(
            &one_box("640", "480", &GOOD_BOX.replace(field, "other")),
            &[Code::InvalidLabelAttributeFormat],
        );
        check(
            &one_box(
                "640",
                "480",
                &GOOD_BOX.replace(
                    &format!("\"{field}\":"),
                    &format!("\"{field}\":null,\"x\":"),
                ),
            ),
            &[Code::InvalidLabelAttributeFormat],
        );
    }
    check(
        &one_box("640", "480", "7"),
        &[Code::InvalidLabelAttributeFormat],
    );
    check(
        &one_box(
            "640",
            "480",
            &GOOD_BOX.replace("\"class_id\":0", "\"class_id\":0.5"),
        ),
        &[Code::InvalidLabelAttributeFormat],
    );
}

#[test]
fn label_attribute_metadata_format() {
    let good = image_level("1", "\"dog\"", "");
    for field in [
        "class-name",
        "confidence",
        "human-annotated",
        "creation-date",
        "type",
    ] {
        check(
            &good.replace(&format!("\"{field}\":"), "\"other\":"),
            &[Code::InvalidLabelAttributeMetadataFormat],
        );
    }
    check(
        &good.replace("\"confidence\":1", "\"confidence\":1.01"),
        &[Code::InvalidLabelAttributeMetadataFormat],
    );
    check(
        &good.replace("\"confidence\":1", "\"confidence\":-0.01"),
        &[Code::InvalidLabelAttributeMetadataFormat],
    );
    check(&good.replace("\"confidence\":1", "\"confidence\":0"), &[]);
    check(
        &good.replace("\"yes\"", "\"true\""),
        &[Code::InvalidLabelAttributeMetadataFormat],
    );
    check(&good.replace("\"yes\"", "\"no\""), &[]);
    let boxes = one_box("640", "480", GOOD_BOX);
    for field in ["objects", "class-map"] {
        check(
            &boxes.replace(&format!("\"{field}\":"), "\"other\":"),
            &[Code::InvalidLabelAttributeMetadataFormat],
        );
    }
    check(
        &boxes.replace("{\"0\":\"dog\"}", "{\"0\":7}"),
        &[Code::InvalidLabelAttributeMetadataFormat],
    );
}

#[test]
fn use_case_types() {
    for kind in [
        "groundtruth/image-classification-multilabel",
        "groundtruth/wrongtype",
        "groundtruth/custom",
        "groundtruth/label-verification",
    ] {
        let line =
            image_level("1", "\"dog\"", "").replace("groundtruth/image-classification", kind);
        check(
            &line,
            &[Code::UnsupportedUseCaseType, Code::NoValidLabelAttributes],
        );
    }
    let both = image_level("1", "\"dog\"", "").replacen(
        '{',
        r#"{"x":1,"x-metadata":{"type":"other"},"#,
        1,
    );
    check(&both, &[Code::UnsupportedUseCaseType]);
}

#[test]
fn confidences_and_class_map() {
    let size = r#"[{"width":640,"height":480,"depth":3}]"#;
    let line = |objects: &str, class_map: &str| {
        boxes_of(size, &format!("[{GOOD_BOX}]"), objects, class_map)
    };
    check(
        &line("[]", r#"{"0":"dog"}"#),
        &[Code::MissingBoundingBoxConfidence],
    );
    check(
        &line("[{}]", r#"{"0":"dog"}"#),
        &[Code::MissingBoundingBoxConfidence],
    );
    check(
        &line(r#"[{"confidence":1},{"confidence":1}]"#, r#"{"0":"dog"}"#),
        &[Code::MissingBoundingBoxConfidence],
    );
    check(
        &line(r#"[{"confidence":1}]"#, r#"{"1":"dog"}"#),
        &[Code::MissingClassMapId],
    );
    check(
        &line(r#"[{"confidence":1}]"#, r#"{"0":"dog","1":"unused"}"#),
        &[],
    );
    check(&line("[]", "{}"), &[Code::MissingBoundingBoxConfidence]);
}

#[test]
fn image_dimensions() {
    let line = |width: &str, height: &str| {
        one_box(
            width,
            height,
            r#"{"class_id":0,"left":0,"top":0,"width":60,"height":60}"#,
        )
    };
    check(&line("63", "64"), &[Code::InvalidImageDimension]);
    check(&line("64", "64"), &[]);
    check(&line("65", "65"), &[]);
    check(&line("4095", "4095"), &[]);
    check(&line("4096", "4096"), &[]);
    check(&line("4096", "4097"), &[Code::InvalidImageDimension]);
    check(&line("1299", "65"), &[]);
    check(&line("1300", "65"), &[]);
    check(&line("1301", "65"), &[Code::InvalidImage]);
}

#[test]
fn bounding_boxes() {
    let line = |left: &str, top: &str, width: &str, height: &str| {
        one_box(
            "640",
            "480",
            &format!(
                r#"{{"class_id":0,"left":{left},"top":{top},"width":{width},"height":{height}}}"#
            ),
        )
    };
    let off_frame = &[Code::InvalidBoundingBox, Code::NoValidAnnotations];
    let too_small = &[Code::BoundingBoxTooSmall, Code::NoValidAnnotations];
    check(&line("0", "0", "640", "480"), &[]);
    check(&line("1", "0", "639", "480"), &[]);
    check(&line("1", "0", "640", "480"), off_frame);
    check(&line("0", "1", "640", "480"), off_frame);
    check(&line("-1", "0", "10", "10"), off_frame);
    check(&line("0", "-1", "10", "10"), off_frame);
    check(&line("0", "0", "-10", "10"), off_frame);
    check(&line("0", "0", "0", "10"), too_small);
    check(&line("0", "0", "1", "10"), too_small);
    check(&line("0", "0", "2", "2"), &[]);
    let scaled = |side: u32| {
        one_box(
            "2560",
            "2560",
            &format!(r#"{{"class_id":0,"left":0,"top":0,"width":{side},"height":{side}}}"#),
        )
    };
    check(&scaled(2), too_small);
    check(&scaled(3), &[]);
    let one_px = |side: &str| {
        one_box(
            side,
            side,
            r#"{"class_id":0,"left":0,"top":0,"width":1.0001,"height":1.0001}"#,
        )
    };
    check(&one_px("1279"), &[]);
    check(&one_px("1280"), &[]);
    check(&one_px("1281"), too_small);
}

#[test]
fn one_bad_box_leaves_the_line_usable() {
    let line = boxes_of(
        r#"[{"width":640,"height":480,"depth":3}]"#,
        &format!(r#"[{{"class_id":0,"left":700,"top":0,"width":9,"height":9}},{GOOD_BOX}]"#),
        r#"[{"confidence":1},{"confidence":1}]"#,
        r#"{"0":"dog"}"#,
    );
    let Judgement::Kept(kept) = judge(line.as_bytes()) else {
        panic!()
    };
    assert_eq!(
        kept.findings[0].place,
        Place::Annotation {
            attribute: "b".to_owned(),
            annotation_idx: 0
        }
    );
    assert_eq!(
        (
            kept.findings.len(),
            kept.is_usable(),
            kept.labels[0].n_boxes
        ),
        (1, true, Some(1))
    );
    assert!(annotate(line.as_bytes(), &kept).contains(r#""width":9,"height":9,"cl-errors":[{"code":"ERROR_INVALID_BOUNDING_BOX","message":"The bounding box has off frame values."}]},{"class_id""#));
}

#[test]
fn number_of_boxes() {
    check(&n_boxes(49), &[]);
    check(&n_boxes(50), &[]);
    check(&n_boxes(51), &[Code::TooManyBoundingBoxes]);
    check(
        &n_boxes(0),
        &[Code::NoAttributeAnnotations, Code::NoAnnotations],
    );
    check(
        &n_boxes(0).replace("\"yes\"", "\"no\""),
        &[Code::NoAttributeAnnotations],
    );
    check(
        &n_boxes(0).replace(",\"annotations\":[]", ""),
        &[Code::NoAttributeAnnotations, Code::NoAnnotations],
    );
}

/// The limit is an image's, whichever label attributes its boxes are in.
#[test]
fn boxes_of_several_attributes_count_together() {
    let pair = |name: &str, n: usize| {
        let line = n_boxes(n).replace("\"b\"", &format!("\"{name}\""));
        let line = line.replace("\"b-metadata\"", &format!("\"{name}-metadata\""));
        let (_, pair) = line.split_once(',').unwrap();
        pair.strip_suffix('}').unwrap().to_owned()
    };
    let line = |n: usize, m: usize| {
        format!(
            r#"{{"source-ref":"s3://bucket/1.jpg",{},{}}}"#,
            pair("b", n),
            pair("c", m)
        )
    };
    check(&line(25, 24), &[]);
    check(&line(25, 25), &[]);
    check(&line(25, 26), &[Code::TooManyBoundingBoxes]);
    check(&line(25, 0), &[Code::NoAttributeAnnotations]);
}

/// One of the codes that stop all other checks is the line's only one, wherever in the line it comes up.
#[test]
fn precedence() {
    let unsupported = r#""x":1,"x-metadata":{"type":"other"},"#;
    for (line, only) in [
        (
            image_level("1.5", "\"dog\"", ""),
            Code::InvalidLabelAttributeFormat,
        ),
        (
            image_level("1", "7", ""),
            Code::InvalidLabelAttributeMetadataFormat,
        ),
        (
            n_boxes(51).replacen(r#"[{"confidence":1},"#, "[", 1),
            Code::MissingBoundingBoxConfidence,
        ),
        (
            n_boxes(51).replace(r#"{"0":"dog"}"#, "{}"),
            Code::MissingClassMapId,
        ),
    ] {
        check(&line, &[only]);
        check(&line.replacen('{', &format!("{{{unsupported}"), 1), &[only]);
    }
}

#[test]
fn confidences_are_from_0_to_1() {
    let line = |confidence: &str| {
        boxes_of(
            r#"[{"width":640,"height":480,"depth":3}]"#,
            &format!("[{GOOD_BOX}]"),
            &format!(r#"[{{"confidence":{confidence}}}]"#),
            r#"{"0":"dog"}"#,
        )
    };
    for good in ["0", "0.0", "1", "1.0", "0.5", "1e-3"] {
        check(&line(good), &[]);
    }
    for bad in ["-0.01", "1.01", "1e1"] {
        check(&line(bad), &[Code::InvalidLabelAttributeMetadataFormat]);
    }
    for missing in ["\"1\"", "null"] {
        check(&line(missing), &[Code::MissingBoundingBoxConfidence]);
    }
}

#[test]
fn label_name_length() {
    for char in ["x", "é"] {
        let line = |n: usize| image_level("1", &format!("\"{}\"", char.repeat(n)), "");
        check(&line(0), &[Code::InvalidLabelNameLength]);
        check(&line(1), &[]);
        check(&line(254), &[]);
        check(&line(255), &[]);
        check(&line(256), &[Code::InvalidLabelNameLength]);
    }
    check(
        &one_box("640", "480", GOOD_BOX).replace("dog", &"x".repeat(256)),
        &[Code::InvalidLabelNameLength],
    );
}

#[test]
fn images() {
    let fault = |n_bytes, size| image_fault(&ImageFacts { n_bytes, size }, None).is_some();
    assert!(!fault(15 * 1024 * 1024 - 1, Some((64, 64))));
    assert!(!fault(15 * 1024 * 1024, Some((4096, 4096))));
    assert!(fault(15 * 1024 * 1024 + 1, Some((64, 64))));
    assert!(fault(1, None) && fault(1, Some((63, 64))) && fault(1, Some((4097, 4096))));
    assert!(!fault(1, Some((1280, 64))) && fault(1, Some((1281, 64))));
    let facts = ImageFacts {
        n_bytes: 1,
        size: Some((640, 480)),
    };
    assert_eq!(image_fault(&facts, Some((640, 480))), None);
    let (code, reason) = image_fault(&facts, Some((480, 640))).unwrap();
    assert_eq!(code, Code::ImageSizeDiffers);
    assert!(reason.contains("image_size says 480x640"), "{reason}");
}

#[test]
fn annotated_as_list_dataset_entries_does() {
    let line = r#"{"source-ref":"s3://bucket/1.jpg","a":1,"a-metadata":{"type":"x"}}"#;
    let Judgement::Kept(kept) = judge(line.as_bytes()) else {
        panic!()
    };
    assert_eq!(
        annotate(line.as_bytes(), &kept),
        r#"{"source-ref":"s3://bucket/1.jpg","a":1,"a-metadata":{"type":"x","cl-errors":[{"code":"ERROR_UNSUPPORTED_USE_CASE_TYPE","message":"The use case type of the a-metadata label attribute metadata is unsupported. Check the type field."}]},"cl-metadata":{"is_labeled":true},"cl-errors":[{"code":"ERROR_NO_VALID_LABEL_ATTRIBUTES","message":"No valid label attributes found."}]}"#
    );
    let bare = r#"{"source-ref":"s3://bucket/1.jpg","cl-metadata":{"is_labeled":true}}"#;
    let Judgement::Kept(kept) = judge(bare.as_bytes()) else {
        panic!()
    };
    assert_eq!(
        annotate(bare.as_bytes(), &kept),
        r#"{"source-ref":"s3://bucket/1.jpg","cl-metadata":{"is_labeled":false}}"#
    );
}

/// Rekognition's messages name a label attribute at most; what is wrong with it is said behind them.
#[test]
fn details_name_what_is_wrong() {
    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let Judgement::Kept(kept) = judge(line.as_bytes()) else {
            panic!("{line}")
        };
        let details: Vec<&str> = kept.findings.iter().map(|found| &*found.detail).collect();
        assert_eq!(details, expected, "{line}");
    }
    let meta = |from: &str, to: &str| image_level("1", "\"dog\"", "").replace(from, to);
    let boxes = |from: &str, to: &str| one_box("640", "480", GOOD_BOX).replace(from, to);
    for (line, detail) in [
        (
            meta("\"yes\"", "\"true\""),
            r#"human-annotated is "true", neither "yes" nor "no""#,
        ),
        (
            meta("\"yes\"", "true"),
            "human-annotated is missing or not a string",
        ),
        (
            meta("2020-01-01T00:00:00.000", "yesterday"),
            r#"creation-date "yesterday" is not a date"#,
        ),
        (
            meta("2020-01-01T00", "2020-01-01T24"),
            r#"creation-date "2020-01-01T24:00:00.000" is not a date"#,
        ),
        (
            meta("creation-date", "created"),
            "creation-date is missing or not a string",
        ),
        (
            meta("\"class-name\"", "\"class\""),
            "class-name is missing or not a string",
        ),
        (
            meta("\"confidence\":1", "\"confidence\":\"1\""),
            "confidence is missing or not a number",
        ),
        (
            meta("\"confidence\":1", "\"confidence\":1.5"),
            "confidence is 1.5, not 0 to 1",
        ),
        (
            meta("\"type\"", "\"kind\""),
            "type is missing or not a string",
        ),
        (
            meta("\"dog\"", "\"\""),
            r#""" has 0 characters; 1 to 255 are possible"#,
        ),
        (
            image_level("\"0\"", "\"dog\"", ""),
            r#""0" is not an integer"#,
        ),
        (
            image_level("{\"a\":1}", "\"dog\"", ""),
            "an object is not an integer",
        ),
        (
            r#"{"source-ref":"s3://bucket/1.jpg","a":1,"a-metadata":1}"#.to_owned(),
            "it is not an object",
        ),
        (
            r#"{"source-ref":"s3://bucket/1.jpg","id":7,"cl-metadata":{}}"#.to_owned(),
            r#"there is "id", but no "id-metadata""#,
        ),
        (
            r#"{"source-ref":"s3://bucket/1.jpg","dog":1,"dogs-metadata":{}}"#.to_owned(),
            r#"there is "dogs-metadata", but no "dogs""#,
        ),
        (
            boxes("\"depth\":3", "\"depth\":0"),
            "image_size is not a list of one size with width, height and depth as whole numbers above 0",
        ),
        (
            boxes("\"top\":0", "\"top\":\"0\""),
            "annotations/0 lacks a whole class_id, or a number for left, top, width or height",
        ),
        (
            boxes("[{\"confidence\":1}]", "[]"),
            "objects has 0 elements for 1 box",
        ),
        (
            boxes("\"confidence\":1", ""),
            "objects/0 has no number as confidence",
        ),
        (
            boxes("\"confidence\":1", "\"confidence\":-1"),
            "confidence of objects/0 is -1, not 0 to 1",
        ),
        (
            boxes("{\"0\":", "{\"1\":"),
            "class_id 0 of annotations/0 is not in class-map",
        ),
        (
            boxes("\"objects\"", "\"object\""),
            "objects is missing or not a list",
        ),
        (
            boxes("{\"0\":\"dog\"}", "{\"0\":1}"),
            "class-map is missing or not an object of names",
        ),
        (n_boxes(51), "line has 51 boxes; 50 are possible"),
        (
            one_box("63", "64", &GOOD_BOX.replace("100", "20")),
            "image_size is 63x64 px; 64 to 4096 px a side are possible",
        ),
        (
            one_box("1281", "64", &GOOD_BOX.replace("100", "20")),
            "image_size is 1281x64 px; one side may be at most 20 times the other",
        ),
    ] {
        check(&line, &[detail]);
    }
    check(
        &boxes("\"left\":0", "\"left\":541"),
        &[
            "left 541, top 0, width 100, height 100 in an image of 640x480 px",
            "",
        ],
    );
    check(
        &meta("image-classification", "text"),
        &[r#"type is "groundtruth/text""#, ""],
    );
}
