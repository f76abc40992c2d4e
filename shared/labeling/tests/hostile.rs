//! Hostile batches: each data object is answered, what exceeds a bound is counted, and the honest answers beside it count.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use labeling::consolidation::{
    ANSWERS_BYTES_MAX, ANSWERS_PER_OBJECT_MAX, AnnotationFile, Config, NAMES_PER_BATCH_MAX,
    OBJECTS_PER_BATCH_MAX, Outcome, Request, UNIDENTIFIED_LISTED_MAX, consolidate,
};
use labeling::statistics_file::{COUNTS_MAX, MEMORY_BYTES_MAX, Read, Statistics, StatisticsFile};
use serde_json::{Value, json};

#[path = "support/hostile.rs"]
mod hostile;

/// Small enough for a build that isn't optimised.
const SMALL: hostile::Scale = hostile::Scale {
    file_bytes: 300_000,
    objects: 3,
};

fn consolidated(file: &[u8], categories: Option<&[String]>, carried: &Statistics) -> Outcome {
    let event = json!({"labelAttributeName": "a", "payload": {"s3Uri": "s3://bkt/f"}, "labelCategories": categories});
    let request = Request::parse(event.to_string().as_bytes()).unwrap();
    let file = AnnotationFile::parse_batch(file).unwrap();
    consolidate(&request, &file, carried, &Config::default())
}

/// A file of objects with these answers, each of a worker of its own.
fn file(objects: &[Vec<Value>]) -> Vec<u8> {
    let object = |(id, answers): (usize, &Vec<Value>)| {
        let annotation = |(worker, answer): (usize, &Value)| json!({"workerId": format!("w{worker}"), "annotationData": {"content": answer.to_string()}});
        let annotations: Vec<Value> = answers.iter().enumerate().map(annotation).collect();
        json!({"datasetObjectId": id.to_string(), "annotations": annotations})
    };
    let objects: Vec<Value> = objects.iter().enumerate().map(object).collect();
    Value::from(objects).to_string().into_bytes()
}

fn boxes(n: usize, name: impl Fn(usize) -> String, place: impl Fn(usize) -> [usize; 4]) -> Value {
    let drawn = |nth| {
        let [left, top, width, height] = place(nth);
        json!({"label": name(nth), "left": left, "top": top, "width": width, "height": height})
    };
    let drawn: Vec<Value> = (0..n).map(drawn).collect();
    json!({"f": {"boundingBoxes": drawn, "inputImageProperties": {"width": 4_000, "height": 4_000}}})
}

fn label(name: &str) -> Value {
    json!({"f": {"label": name}})
}

fn envelope(outcome: &Outcome, idx: usize) -> Value {
    serde_json::from_str(outcome.response[idx].label.get()).unwrap()
}

#[test]
fn every_object_of_a_hostile_batch_is_answered() {
    for seed in 0..30 {
        let batch = hostile::batch(seed, SMALL);
        let mut read = Read::default();
        for (nth, file) in batch.statistics_files.iter().enumerate() {
            let _ = read.add_file(&nth.to_string(), file);
        }
        let parsed = AnnotationFile::parse_batch(&batch.annotation_file).unwrap();
        let categories = batch.categories.as_deref();
        let outcome = consolidated(&batch.annotation_file, categories, &read.carried("own"));
        let ids: Vec<_> = outcome
            .response
            .iter()
            .map(|it| &it.dataset_object_id)
            .collect();
        let objects: Vec<_> = parsed
            .objects
            .iter()
            .map(|it| &it.dataset_object_id)
            .collect();
        assert_eq!(ids, objects, "{seed}: {}", batch.name);
        let again = consolidated(&batch.annotation_file, categories, &read.carried("own"));
        let json = |outcome: &Outcome| serde_json::to_string(&outcome.response).unwrap();
        assert_eq!(json(&outcome), json(&again), "{seed}: {}", batch.name);
    }
}

#[test]
fn names_beyond_the_bound_cost_those_who_gave_them() {
    for (n, n_beyond) in [(999, 0), (1_000, 0), (1_001, 1)] {
        assert_eq!(NAMES_PER_BATCH_MAX, 1_000);
        // Two workers agree on the first name, so that it counts whatever one more gives.
        let mut objects: Vec<Vec<Value>> = (1..n)
            .map(|nth| vec![label(&format!("n{nth:04}"))])
            .collect();
        objects.push(vec![label("z"), label("z")]);
        let outcome = consolidated(&file(&objects), None, &Statistics::default());
        assert_eq!(outcome.counts.n_beyond_bounds, n_beyond, "{n}");
        assert_eq!(outcome.failed.len() as u32, n_beyond, "{n}");
        let last = envelope(&outcome, objects.len() - 1);
        assert_eq!(last["metadata"]["class-name"], "z", "{n}");
    }
}

#[test]
fn boxes_upon_boxes_cost_those_who_drew_them() {
    let spread = |nth: usize| [nth % 30 * 100, nth / 30 * 100, 80, 80];
    let name = |_| "c".to_owned();
    let honest = || boxes(40, name, spread);
    let pile = || boxes(1_000, name, |_| [3_500, 3_500, 300, 300]);
    let outcome = consolidated(
        &file(&[
            vec![honest(), honest(), honest(), pile(), pile()],
            vec![honest()],
        ]),
        None,
        &Statistics::default(),
    );
    assert_eq!(outcome.counts.n_beyond_bounds, 1);
    assert_eq!(outcome.counts.n_answers + outcome.counts.n_unreadable, 6);
    for idx in [0, 1] {
        let found = envelope(&outcome, idx);
        assert_eq!(
            found["label"]["annotations"].as_array().unwrap().len(),
            40,
            "{idx}"
        );
    }
}

/// 300 objects in rows, as nine careful workers draw them, lose nothing.
#[test]
fn crowded_images_of_many_workers_lose_nothing() {
    let name = |nth: usize| format!("c{}", nth % 50);
    let drawn = |worker: usize| {
        boxes(300, name, move |nth| {
            let jitter = (nth * 7 + worker * 13) % 9;
            [nth % 20 * 190 + jitter, nth / 20 * 250 + jitter, 200, 260]
        })
    };
    let answers: Vec<Value> = (0..9).map(drawn).collect();
    let outcome = consolidated(&file(&[answers]), None, &Statistics::default());
    assert_eq!(
        (outcome.counts.n_answers, outcome.counts.n_beyond_bounds),
        (9, 0)
    );
    assert_eq!(
        envelope(&outcome, 0)["label"]["annotations"]
            .as_array()
            .unwrap()
            .len(),
        300
    );
}

#[test]
fn answers_beyond_an_objects_bound_are_counted() {
    for (n, n_beyond) in [(49, 0), (50, 0), (51, 1), (80, 30)] {
        assert_eq!(ANSWERS_PER_OBJECT_MAX, 50);
        let outcome = consolidated(&file(&[vec![label("a"); n]]), None, &Statistics::default());
        assert_eq!(outcome.counts.n_beyond_bounds, n_beyond, "{n}");
        assert_eq!(outcome.counts.n_answers, n.min(50) as u32, "{n}");
    }
}

#[test]
fn the_longest_answers_go_first_where_all_are_too_long_together() {
    let long = |n_bytes: usize| json!({"f": {"label": "a"}, "x": "x".repeat(n_bytes)});
    let n_bytes = 3 * 1_048_576;
    let mut answers = vec![long(n_bytes); ANSWERS_BYTES_MAX / n_bytes];
    answers.insert(2, label("b"));
    answers.push(long(n_bytes + 1));
    let outcome = consolidated(&file(&[answers.clone()]), None, &Statistics::default());
    // Each has some bytes beside the text.
    assert_eq!(outcome.counts.n_beyond_bounds, 2);
    assert_eq!(outcome.counts.n_answers as usize, answers.len() - 2);
}

#[test]
fn elements_that_say_nothing_take_nothing() {
    let many = format!(
        r#"[{}{{"datasetObjectId":"7","annotations":[]}}]"#,
        "{},".repeat(100_000)
    );
    for bad in ["", ",\"\\ud800\""] {
        let text = many.replace("]}]", &format!("]}}{bad}]"));
        let read = AnnotationFile::parse_batch(text.as_bytes()).unwrap();
        assert_eq!(read.n_unidentified, 100_000 + usize::from(!bad.is_empty()));
        assert_eq!(
            (read.unidentified.len(), read.objects.len()),
            (UNIDENTIFIED_LISTED_MAX, 1)
        );
    }
    let objects = |n: usize| {
        (0..n)
            .map(|n| format!(r#"{{"datasetObjectId":"{n}"}}"#))
            .collect::<Vec<_>>()
    };
    for (n, expected) in [(-1_isize, 0), (0, 0), (1, 1)] {
        let n = OBJECTS_PER_BATCH_MAX.strict_add_signed(n);
        let text = format!("[{}]", objects(n).join(","));
        let read = AnnotationFile::parse_batch(text.as_bytes()).unwrap();
        assert_eq!(
            (read.objects.len(), read.n_unidentified),
            (n - expected, expected),
            "{n}"
        );
        let whole = AnnotationFile::parse(text.as_bytes()).unwrap();
        assert_eq!((whole.objects.len(), whole.n_unidentified), (n, 0), "{n}");
    }
}

fn statistics(batch: &str) -> Vec<u8> {
    format!(r#"{{"version":3,"batches":{{"a":{batch}}}}}"#).into_bytes()
}

#[test]
fn statistics_that_no_batch_has_are_passed_over() {
    let votes = |items: &str| {
        statistics(&format!(
            r#"{{"single_label":[{{"workers":["w","v"],"classes":["c","d"],"items":[{items}]}}]}}"#
        ))
    };
    let coins = |n: u64| {
        statistics(&format!(
            r#"{{"coins":{{"w":{{"selected_and_true":{n},"selected_and_false":0,"left_and_true":0,"left_and_false":0}}}}}}"#
        ))
    };
    let selections = |selected: u64, offered: u64| {
        statistics(&format!(
            r#"{{"selections":{{"c":{{"selected":{selected},"offered":{offered}}}}}}}"#
        ))
    };
    let edges = |n: u64, horizontal: u64| {
        statistics(&format!(
            r#"{{"edges":{{"w":{{"n_boxes":{n},"horizontal":{horizontal},"vertical":0}}}}}}"#
        ))
    };
    for (file, expected) in [
        (votes("2,0,0,1,1,2,0,400,1,600"), true),
        (votes("2,0,0,0,1,1,0,1000"), false),
        (votes("1,0,0,2,0,400,0,600"), false),
        (votes("1,0,0,2,0,1000,1,0"), false),
        (coins(4_000_000_000_000), true),
        (coins(4_000_000_000_001), false),
        (coins(u64::MAX), false),
        (selections(5_000_000_000, 5_000_000_000), true),
        (selections(1_000_001, 1_000_000), false),
        (selections(0, 5_000_000_001), false),
        (edges(100_000_000_000, 50_000_000_000), true),
        (edges(100_000_000_001, 0), false),
        (edges(1_000_000, 500_001), false),
    ] {
        let text = String::from_utf8_lossy(&file);
        assert_eq!(StatisticsFile::parse(&file).is_ok(), expected, "{text}");
    }
}

#[test]
fn statistics_are_bounded_by_what_they_become() {
    // A name of one byte takes fifty: a file far below the bytes that may be read is too large.
    let names: Vec<String> = (0..MEMORY_BYTES_MAX / 64 + 1)
        .map(|_| "\"n\"".to_owned())
        .collect();
    let classes = statistics(&format!(
        r#"{{"single_label":[{{"workers":["w"],"classes":[{}],"items":[1,0,0,1,0,1000]}}]}}"#,
        names.join(",")
    ));
    assert!((classes.len() as u64) < MEMORY_BYTES_MAX / 10);
    let error = StatisticsFile::parse(&classes).unwrap_err().to_string();
    assert!(error.contains("more memory"), "{error}");
    // Files that are small each are too much together.
    let item = vec!["2,0,0,1,0,2,0,500,1,500"; 4_000].join(",");
    let file = statistics(&format!(
        r#"{{"single_label":[{{"workers":["w","v"],"classes":["c","d"],"items":[{item}]}}]}}"#
    ));
    let mut read = Read::default();
    let n_taken = (0..1_000)
        .filter(|n| read.add_file(&n.to_string(), &file).is_ok())
        .count();
    assert!(
        n_taken > 10 && n_taken < 200 && n_taken * 16_000 < COUNTS_MAX,
        "{n_taken}"
    );
}

/// Workers who agree stay right whatever is said of them.
#[test]
fn poisoned_statistics_do_not_outvote_those_who_agree() {
    let objects = vec![vec![label("cat"), label("cat"), label("cat")]; 20];
    let plain = consolidated(&file(&objects), None, &Statistics::default());
    let workers: Vec<String> = (0..3)
        .map(|n| labeling::worker::pseudonym("a", &format!("w{n}")))
        .collect();
    let items = vec!["3,0,0,1,0,2,0,1,1,1000"; 2_000].join(",");
    let poison = statistics(
        &json!({"single_label": [{"workers": workers, "classes": ["cat", "dog"], "items": []}]})
            .to_string()
            .replace("\"items\":[]", &format!("\"items\":[{items}]")),
    );
    let mut read = Read::default();
    for n in 0..20 {
        read.add_file(&n.to_string(), &poison).unwrap();
    }
    let poisoned = consolidated(&file(&objects), None, &read.carried("own"));
    for idx in 0..objects.len() {
        let [before, after] = [&plain, &poisoned].map(|outcome| envelope(outcome, idx));
        assert_eq!(before["metadata"]["class-name"], "cat");
        assert_eq!(after["metadata"]["class-name"], "cat");
    }
}
