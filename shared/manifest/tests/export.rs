//! Out and in again: the same labels and boxes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

use std::collections::BTreeMap;

use manifest::export::{Export, ExportFormat, Exporter};
use manifest::import::yolo::{ClassNames, YoloFiles};
use manifest::import::{EntryOptions, NameOptions, NameRule, Parsed, coco, csv, voc};
use manifest::{
    BoxLabel, Code, ConvertOptions, Envelope, ImageSize, OwnLabel, WhenEmpty, own_label,
};
use proptest::prelude::*;

const NAMES: [&str; 4] = ["cat", "big dog, old", "it's \"x\" & <y>; z|w", "Möwe 海鸥"];

/// A label and its left, top, width, height.
type Labeled = (String, [i64; 4]);
type Images = BTreeMap<String, (u32, u32, Vec<Labeled>)>;

fn images() -> impl Strategy<Value = Images> {
    let sides = (64_u32..2000, 64_u32..2000).prop_filter(
        "no image is more than 20 times as long as wide",
        |(width, height)| width.max(height) <= &(20 * width.min(height)),
    );
    let image = sides.prop_flat_map(|(width, height)| {
        let one = (
            0..NAMES.len(),
            0..width - 8,
            0..height - 8,
            8_u32..=width,
            8_u32..=height,
        );
        let one = one.prop_map(move |(name, left, top, across, down)| {
            let edges = [left, top, across.min(width - left), down.min(height - top)];
            (NAMES[name].to_owned(), edges.map(i64::from))
        });
        (Just(width), Just(height), prop::collection::vec(one, 1..5))
    });
    prop::collection::vec(image, 1..6).prop_map(|images| {
        let names = ["a.jpg", "sub/b.png", "sub/c d.jpg", "é'&.jpg", "x/y/z.png"];
        let images = names.iter().zip(images);
        images
            .map(|(name, image)| ((*name).to_owned(), image))
            .collect()
    })
}

/// A bounding box job's line, with an envelope or as a built-in job writes it.
fn line(name: &str, (width, height, boxes): &(u32, u32, Vec<Labeled>), is_custom: bool) -> String {
    let class = |name: &str| NAMES.iter().position(|known| *known == name).unwrap() as u32;
    let labels: Vec<BoxLabel> = boxes
        .iter()
        .map(|(name, [left, top, width, height])| BoxLabel {
            class_id: class(name),
            left: *left as f64,
            top: *top as f64,
            width: *width as f64,
            height: *height as f64,
            confidence: 1.0,
        })
        .collect();
    let used: BTreeMap<u32, &str> = boxes
        .iter()
        .map(|(name, _)| (class(name), name.as_str()))
        .collect();
    let used: Vec<(u32, &str)> = used.into_iter().collect();
    let size = ImageSize {
        width: *width,
        height: *height,
        depth: 3,
    };
    let envelope = Envelope::boxes(size, &labels, &used);
    let rest = r#""job-name":"labeling-job/b","human-annotated":"yes","creation-date":"2024-05-01T10:00:00""#;
    let source_ref = serde_json::to_string(&format!("s3://bkt/img/{name}")).unwrap();
    if is_custom {
        let value = envelope.to_json();
        format!(
            r#"{{"source-ref":{source_ref},"b":{value},"b-metadata":{{"type":"groundtruth/custom",{rest}}}}}"#
        )
    } else {
        let (label, metadata) = (envelope.label.get(), envelope.metadata.get());
        let metadata = metadata.strip_suffix('}').unwrap();
        format!(r#"{{"source-ref":{source_ref},"b":{label},"b-metadata":{metadata},{rest}}}}}"#)
    }
}

fn export(images: &Images, is_custom: bool, format: ExportFormat) -> Export {
    let mut exporter = Exporter::new(ConvertOptions::default());
    for (name, image) in images {
        exporter
            .add(line(name, image, is_custom).as_bytes())
            .unwrap();
    }
    exporter.finish(format)
}

fn parsed(export: &Export, format: ExportFormat, images: &Images) -> Parsed {
    let content = |name: &str| {
        let mut files = export.files.iter();
        files
            .find(|(file, _)| file == name)
            .map(|(_, content)| content.as_bytes())
            .unwrap()
    };
    match format {
        ExportFormat::Coco => coco::parse(content(""), &coco::CocoOptions::default()).unwrap(),
        ExportFormat::Csv => csv::parse(content(""), &csv::CsvOptions::default()).unwrap(),
        ExportFormat::Voc => {
            let mut files = voc::VocFiles::default();
            for (name, xml) in &export.files {
                files.add(name, xml.as_bytes());
            }
            files.finish(None)
        }
        ExportFormat::Yolo => {
            let names = ClassNames::of_data_yaml(content("data.yaml")).unwrap();
            let mut files = YoloFiles::new(names).unwrap();
            for image in images.keys() {
                let stem = image.rsplit_once('.').unwrap().0;
                let file = format!("labels/{stem}.txt");
                files.add(image, Some((&file, content(&file))));
            }
            files.finish()
        }
    }
}

fn told(label: OwnLabel) -> (String, Vec<Labeled>) {
    let labels = label.labels.into_iter().map(|one| {
        let edges = one.edges.unwrap();
        let edges = [edges.left, edges.top, edges.width, edges.height];
        (one.label, edges.map(|edge| edge as i64))
    });
    (label.source_ref, labels.collect())
}

fn check(images: &Images, is_custom: bool, format: ExportFormat) {
    let export = export(images, is_custom, format);
    assert_eq!(export.n_images as usize, images.len(), "{export:?}");
    let mut parsed = parsed(&export, format, images);
    let names = NameOptions {
        folder: Some(match format {
            ExportFormat::Yolo => "s3://bkt/img".to_owned(),
            _ => export.images_below.trim_end_matches('/').to_owned(),
        }),
        rule: NameRule::Whole,
        ..NameOptions::default()
    };
    parsed.locate(&names).unwrap();
    let wanted: Vec<(usize, String)> = parsed
        .without_size(WhenEmpty::Skip)
        .map(|image| (image.idx, image.name.to_owned()))
        .collect();
    for (idx, name) in wanted {
        let (width, height, _) = images.get(&name).unwrap();
        parsed.set_size(idx, Ok((*width, *height)));
    }
    let import = parsed.into_import(&EntryOptions {
        label_attribute: "b".to_owned(),
        creation_date: "2024-05-01T10:00:00".to_owned(),
        when_empty: WhenEmpty::Skip,
    });
    let import = import.unwrap();
    let found: BTreeMap<String, Vec<Labeled>> = import
        .entries
        .iter()
        .map(|entry| told(own_label(entry.json.as_bytes(), &ConvertOptions::default()).unwrap()))
        .collect();
    let expected: BTreeMap<String, Vec<Labeled>> = images
        .iter()
        .map(|(name, (_, _, boxes))| (format!("s3://bkt/img/{name}"), boxes.clone()))
        .collect();
    assert_eq!(
        found, expected,
        "{format:?} {export:?} {:?}",
        import.left_out
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn out_and_in_again(images in images(), is_custom: bool) {
        for format in [ExportFormat::Coco, ExportFormat::Csv, ExportFormat::Voc, ExportFormat::Yolo] {
            check(&images, is_custom, format);
        }
    }
}

#[test]
fn what_a_format_cannot_hold_is_told() {
    let entry = |name: &str, label: &str| {
        format!(
            r#"{{"source-ref":"s3://bkt/{name}","{label}":1,"{label}-metadata":{{"class-name":"{label}","confidence":0.5,"type":"groundtruth/image-classification","job-name":"labeling-job/k","human-annotated":"yes","creation-date":"2024-05-01T10:00:00"}}}}"#
        )
    };
    let boxed = line(
        "c.jpg",
        &(640, 480, vec![("cat".to_owned(), [1, 2, 30, 40])]),
        false,
    );
    let lines = [
        entry("a.jpg", "cat"),
        entry("b.jpg", "dog"),
        boxed.clone(),
        boxed,
        "{\"source-ref\":\"s3://bkt/d.jpg\"}".to_owned(),
    ];
    let notes = |format| {
        let mut exporter = Exporter::new(ConvertOptions::default());
        for line in &lines {
            exporter.add(line.as_bytes()).unwrap();
        }
        let export = exporter.finish(format);
        (export.n_images, export.n_labels, export.notes.join("\n"))
    };
    for format in [
        ExportFormat::Coco,
        ExportFormat::Csv,
        ExportFormat::Voc,
        ExportFormat::Yolo,
    ] {
        let (n_images, n_labels, notes) = notes(format);
        assert_eq!((n_images, n_labels), (1, 1), "{format:?}");
        for told in [
            "2 image-level labels which",
            "3 images whose size",
            "1 line of an image",
        ] {
            assert!(notes.contains(told), "{format:?}: {notes}");
        }
    }
    let refused = |line: &str| {
        let mut exporter = Exporter::new(ConvertOptions::default());
        exporter.add(line.as_bytes()).unwrap_err().code
    };
    assert_eq!(refused("no JSON"), Code::InvalidJsonLine);
    assert_eq!(refused("{}"), Code::MissingSourceRef);
    let failed = r#"{"source-ref":"s3://bkt/a.jpg","k-metadata":{"failure-reason":"x"}}"#;
    assert_eq!(refused(failed), Code::InvalidLabelAttributeFormat);
    // Names that would leave the folder, or take another's file.
    let mut exporter = Exporter::new(ConvertOptions::default());
    for name in ["../a.jpg", "x/../../b.jpg", "c.jpg", "c.png"] {
        let image = (640, 480, vec![("cat".to_owned(), [1, 2, 30, 40])]);
        exporter.add(line(name, &image, false).as_bytes()).unwrap();
    }
    let export = exporter.finish(ExportFormat::Voc);
    let names: Vec<&str> = export.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["c.xml"]);
    assert_eq!(export.notes.len(), 2, "{:?}", export.notes);
}
