//! What holds for every line, however odd.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

use manifest::dataset::{DatasetCheck, Expectations};
use manifest::{
    BoxLabel, ConvertOptions, Converted, Converter, Envelope, ImageSize, Judgement, RawLine,
    WhenEmpty, WhenTooManyBoxes, annotate, judge,
};
use proptest::prelude::*;

fn confidence() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0]
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let names = ["owl", "hawk", "Ente \u{e9}", "a \"b\" \\", "x\ny"];
    let single = (0_u32..5, confidence()).prop_map(move |(id, confidence)| {
        Envelope::single_label(id, names[id as usize], confidence)
    });
    let multi = prop::collection::vec((0_u32..5, confidence()), 0..5).prop_map(move |labels| {
        let mut seen = std::collections::BTreeMap::new();
        labels
            .iter()
            .for_each(|(id, confidence)| _ = seen.insert(*id, *confidence));
        Envelope::multi_label(
            &seen
                .iter()
                .map(|(id, confidence)| (*id, names[*id as usize], *confidence))
                .collect::<Vec<_>>(),
        )
    });
    let one_box = (
        0_u32..4,
        -50.0..700.0,
        -50.0..700.0,
        -5.0..300.0,
        0.0..300.0,
        confidence(),
    )
        .prop_map(
            |(class_id, left, top, width, height, confidence)| BoxLabel {
                class_id,
                left,
                top,
                width,
                height,
                confidence,
            },
        );
    let boxes = (
        prop::collection::vec(one_box, 0..60),
        any::<bool>(),
        60_u32..4100,
    )
        .prop_map(move |(mut boxes, is_whole, width)| {
            if is_whole {
                boxes.iter_mut().for_each(|label| {
                    (label.left, label.top, label.width, label.height) = (
                        label.left.round(),
                        label.top.round(),
                        label.width.round(),
                        label.height.round(),
                    );
                });
            }
            Envelope::boxes(
                ImageSize {
                    width,
                    height: 480,
                    depth: 3,
                },
                &boxes,
                &[(0, names[0]), (1, names[1]), (2, names[2]), (3, names[3])],
            )
        });
    prop_oneof![single, multi, boxes, Just(Envelope::failed("why"))]
}

/// Lines as custom and as built-in jobs write them, with fields around them.
fn line() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just(""),
        Just(r#""page": 7,"#),
        Just(r#""x":[1e5 , "\u00e9"],"#),
        Just(r#""y-metadata":{},"#)
    ];
    let date = prop::sample::select(vec![
        "2020-01-01T00:00:00.000000",
        "2020-01-01 00:00:00",
        "2020-01-01T00:00:00+0100",
        "never",
    ]);
    let human = prop::sample::select(vec!["yes", "no", "true", "perhaps"]);
    let name = prop::sample::select(vec!["a", "a-b", "\\u0061", "m0", "é"]);
    (envelope(), any::<bool>(), field, date, human, name, 0_u32..5).prop_map(|(envelope, is_custom, field, date, human, name, n)| {
        let common = format!(r#""job-name":"labeling-job/j","human-annotated":"{human}","creation-date":"{date}"}}"#);
        let (label, metadata) = if is_custom {
            (envelope.to_json(), format!(r#"{{"type":"groundtruth/custom",{common}"#))
        } else {
            (envelope.label.get().to_owned(), format!("{},{common}", envelope.metadata.get().strip_suffix('}').unwrap()))
        };
        format!(r#"{{{field}"source-ref":"s3://bucket/{n}.jpg","{name}":{label},"{name}-metadata":{metadata}}}"#)
    })
}

fn options() -> impl Strategy<Value = ConvertOptions> {
    (
        prop::option::of(0.0..1.0),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(min_confidence, keep, send, of_job)| ConvertOptions {
            min_confidence,
            job_name: of_job.then(|| "j".to_owned()),
            too_many_boxes: if keep {
                WhenTooManyBoxes::KeepMostConfident
            } else {
                WhenTooManyBoxes::Reject
            },
            without_boxes: if send {
                WhenEmpty::Send
            } else {
                WhenEmpty::Skip
            },
            unlabeled: if send {
                WhenEmpty::Send
            } else {
                WhenEmpty::Skip
            },
            ..ConvertOptions::default()
        })
}

/// A line with some bytes changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (
        line(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    )
        .prop_map(|(line, changes)| {
            let mut bytes = line.into_bytes();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn entries_are_valid_and_stay_as_they_are(line in line(), options in options()) {
        if let Converted::Entry(entry) = Converter::new(options.clone()).convert(1, RawLine::Line(line.as_bytes())) {
            let Judgement::Kept(kept) = judge(entry.json.as_bytes()) else { panic!("{}", entry.json) };
            prop_assert!(kept.findings.iter().all(|finding| finding.code.is_warning()), "{:?} {}", kept.findings, entry.json);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&entry.json).is_ok());
            let again = Converter::new(options).convert(1, RawLine::Line(entry.json.as_bytes()));
            let Converted::Entry(again) = again else { panic!("{again:?}") };
            prop_assert_eq!(again.json, entry.json);
        }
    }

    #[test]
    fn nothing_is_lost(lines in prop::collection::vec(damaged(), 0..20), options in options()) {
        let mut converter = Converter::new(options);
        let (mut n_entries, mut n_rejected, mut n_skipped) = (0, 0, 0);
        for (idx, line) in lines.iter().enumerate() {
            match converter.convert(idx as u64 + 1, RawLine::Line(line)) {
                Converted::Entry(_) => n_entries += 1,
                Converted::Rejected(rejected) => {
                    prop_assert!(!rejected.reason.is_empty() && !rejected.remedy.is_empty());
                    n_rejected += 1;
                }
                Converted::Skipped(_) | Converted::Review(_) => n_skipped += 1,
            }
        }
        let counts = converter.counts();
        prop_assert_eq!((counts.n_lines, counts.n_entries, counts.n_rejected, counts.n_skipped), (lines.len() as u64, n_entries, n_rejected, n_skipped));
        prop_assert_eq!(counts.by_code.values().sum::<u64>(), n_rejected + n_skipped);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop_oneof![damaged(), prop::collection::vec(any::<u8>(), 0..200)]) {
        Converter::new(ConvertOptions::default()).convert(1, RawLine::Line(&bytes));
        DatasetCheck::new(Expectations::default()).feed(1, RawLine::Line(&bytes));
        if let Judgement::Kept(kept) = judge(&bytes) {
            let annotated = annotate(&bytes, &kept);
            prop_assert!(matches!(judge(annotated.as_bytes()), Judgement::Kept(again) if again.findings == kept.findings), "{annotated}");
        }
    }

    #[test]
    fn carried_values_stay_byte_for_byte(spaces in " {0,3}", confidence in "0\\.[0-9]{1,30}", class in "[1-9][0-9]{0,20}", name in "[a-zé \\t]{0,3}(\\\\u00e9|\\\\/|x)") {
        let name = name.replace('\t', "\\t").replace("\\t", " ");
        let metadata = format!(r#"{{{spaces}"class-name":{spaces}"{name}","confidence":{confidence},"type":"groundtruth/image-classification","job-name":"j","human-annotated":"yes","creation-date":"2020-01-01T00:00:00"}}"#);
        let line = format!(r#"{{"drop":1,"source-ref":"s3:\/\/bucket/1.jpg","a":{spaces}{class},"a-metadata":{metadata}}}"#);
        let converted = Converter::new(ConvertOptions::default()).convert(1, RawLine::Line(line.as_bytes()));
        let Converted::Entry(entry) = converted else { panic!("{converted:?}") };
        prop_assert_eq!(entry.json, format!(r#"{{"source-ref":"s3:\/\/bucket/1.jpg","a":{class},"a-metadata":{metadata}}}"#));
    }
}
