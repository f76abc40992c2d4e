//! What holds for any input.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use labeling::answers;
use labeling::consolidation::{AnnotationFile, Config, Gathered, Request, consolidate};
use labeling::pre_annotation;
use labeling::statistics_file::{Statistics, StatisticsFile};
use manifest::ImageHeader;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Values that look like answers and data objects more often than chance would have it.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c ]{0,3}".prop_map(Value::from),
        Just(json!("{\"label\":\"a\"}")),
    ];
    let key = prop_oneof![
        Just("label"),
        Just("labels"),
        Just("boundingBoxes"),
        Just("inputImageProperties"),
        Just("left"),
        Just("top"),
        Just("width"),
        Just("height"),
        Just("annotations"),
        Just("class-map"),
        Just("x"),
        Just("x-metadata"),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|fields| fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

fn objects() -> impl Strategy<Value = Vec<Value>> {
    let annotation = (0..4_u8, value()).prop_map(|(worker, answer)| {
        json!({"workerId": format!("w{worker}"), "annotationData": {"content": answer.to_string()}})
    });
    let object = (0..6_u8, prop::collection::vec(annotation, 0..4)).prop_map(
        |(id, annotations)| json!({"datasetObjectId": id.to_string(), "annotations": annotations}),
    );
    prop::collection::vec(prop_oneof![9 => object, 1 => value()], 0..8)
}

fn request(categories: &Value) -> Request {
    let event = json!({"labelAttributeName": "a", "labelCategories": categories, "payload": {"s3Uri": "s3://bkt/x"}});
    Request::parse(event.to_string().as_bytes()).unwrap()
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = AnnotationFile::parse(&bytes);
        let _ = Request::parse(&bytes);
        let _ = pre_annotation::Request::parse(&bytes);
        let _ = StatisticsFile::parse(&bytes);
        let _ = answers::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn what_is_kept_of_answers_says_the_same(objects in objects(), n_kept in 0..8_usize) {
        let file = AnnotationFile::parse(Value::from(objects).to_string().as_bytes()).unwrap();
        let config = Config::default();
        let whole = Gathered::from_file("job", &file, &config);
        let mut resumed = Gathered::from_file("job", &AnnotationFile::default(), &config);
        for place in (0..file.objects.len() as u64).take(n_kept) {
            resumed.restore(whole.kept(place).unwrap().as_bytes()).unwrap();
        }
        for (place, object) in (0..).zip(&file.objects).skip(n_kept) {
            resumed.add(place, object);
        }
        let outcome = |gathered: Gathered<'_>| {
            let outcome = gathered.consolidate("a", None, &Statistics::default());
            (serde_json::to_string(&outcome.response).unwrap(), outcome.failed, outcome.statistics)
        };
        prop_assert_eq!(outcome(resumed), outcome(whole));
    }

    #[test]
    fn each_data_object_has_one_element(objects in objects(), categories in prop_oneof![Just(json!(["a", "b"])), Just(Value::Null)]) {
        let file = AnnotationFile::parse(Value::from(objects).to_string().as_bytes()).unwrap();
        let outcome = consolidate(&request(&categories), &file, &Statistics::default(), &Config::default());
        let expected: Vec<_> = file.objects.iter().map(|object| &object.dataset_object_id).collect();
        let found: Vec<_> = outcome.response.iter().map(|element| &element.dataset_object_id).collect();
        prop_assert_eq!(found, expected);
        let without_label = outcome.response.iter().filter(|element| element.label.get().starts_with("{\"label\":null"));
        prop_assert_eq!(without_label.count(), outcome.failed.len());
        let n_answers: usize = file.objects.iter().map(|object| object.annotations.len()).sum();
        let counts = outcome.counts;
        prop_assert_eq!((counts.n_answers + counts.n_empty + counts.n_unreadable) as usize, n_answers);
        let again = consolidate(&request(&categories), &file, &Statistics::default(), &Config::default());
        prop_assert_eq!(serde_json::to_string(&again.response).unwrap(), serde_json::to_string(&outcome.response).unwrap());
    }

    #[test]
    fn boxes_of_a_model_lie_on_the_image(
        edges in prop::collection::vec(prop::array::uniform4(prop_oneof![-0.5..1.5, any::<f64>()]), 0..6),
        (width_px, height_px) in (0..5000_u32, 0..5000_u32),
    ) {
        let event = br#"{"dataObject":{"source-ref":"s3://bkt/k"}}"#;
        let request = pre_annotation::Request::parse(event).unwrap();
        let mut response = pre_annotation::respond(&request, &pre_annotation::Config::default());
        let findings: Vec<_> = edges.iter().map(|&[left, top, width, height]| pre_annotation::Finding {
            label: "a".to_owned(),
            confidence: 0.5,
            bounds: Some(pre_annotation::Bounds { left, top, width, height }),
        }).collect();
        let added = response.add_findings(&findings, ImageHeader::Size { width_px, height_px });
        prop_assert_eq!(added.n_boxes + added.n_without_area, findings.len());
        for found in response.task_input.initial_value.into_iter().flatten() {
            let (right, bottom) = (found.left + found.width, found.top + found.height);
            prop_assert!(found.left >= 0.0 && found.top >= 0.0 && found.width >= 1.0 && found.height >= 1.0, "{:?}", found);
            prop_assert!(right <= f64::from(width_px) && bottom <= f64::from(height_px), "{:?}", found);
            let whole = [found.left, found.top, found.width, found.height].iter().all(|edge| edge.fract() == 0.0);
            prop_assert!(whole, "{:?}", found);
        }
    }

    #[test]
    fn any_data_object_has_a_task_input(line in value()) {
        let event = json!({"dataObject": line}).to_string();
        if let Ok(request) = pre_annotation::Request::parse(event.as_bytes()) {
            let response = pre_annotation::respond(&request, &pre_annotation::Config::default());
            let kept = response.task_input.manifest_line.get();
            prop_assert!(event.contains(kept));
        } else {
            prop_assert!(line.is_null());
        }
    }
}
