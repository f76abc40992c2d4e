//! Pages from the outside: what is in them, how large they are, that nothing of others is more than text.
#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::collections::BTreeMap;

use labeling::consolidation::{Annotation, Config, Content, DataObject, Gathered, Quality};
use report::{
    CodeFaults, DatasetOutcome, FailedObject, FaultyLine, Job, Outcome, Page, Picture, Pictures,
};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// Quality of `n` data objects with three answers, of which the third differs.
fn quality(n: u64, label: &str) -> Quality {
    let config = Config::default();
    let mut gathered = Gathered::new("job", &config);
    for place in 0..n {
        let said = [label, label, "other"];
        let annotations = said.iter().enumerate().map(|(worker, label)| Annotation {
            worker_id: Some(format!("<b>{worker}</b>")),
            content: Content::Inline(serde_json::json!({"a": {"label": label}}).to_string()),
        });
        let object = DataObject {
            dataset_object_id: place.to_string(),
            source: None,
            annotations: annotations.collect(),
            problem: None,
        };
        gathered.add(place, &object);
    }
    let mut quality = gathered.quality(None).unwrap();
    quality.name_sources(|id| Some(format!("s3://b/{id}{HOSTILE}.jpg")));
    quality
}

fn job(n: u64, label: &str) -> Job {
    Job {
        name: label.to_owned(),
        label_attribute: label.to_owned(),
        outcome: Outcome {
            data_objects: n + 1,
            answers: 3 * n,
            labeled: n,
            failed: 1,
            lines: n + 1,
            entries: n,
            rejected: 1,
            by_code: BTreeMap::from([(label.to_owned(), 1)]),
            ..Outcome::default()
        },
        quality: Some(quality(n, label)),
        faults: vec![CodeFaults {
            code: label.to_owned(),
            n_lines: 1,
            remedy: label.to_owned(),
            lines: vec![FaultyLine {
                line_number: 1,
                source_ref: Some(format!("s3://b/{label}")),
                reason: label.to_owned(),
            }],
        }],
        failed: vec![FailedObject {
            dataset_object_id: label.to_owned(),
            source_ref: None,
            reason: label.to_owned(),
        }],
        truth: None,
        left_out: vec![label.to_owned()],
    }
}

fn picture(n_bytes: usize) -> Picture {
    Picture::Shown {
        jpeg: vec![0; n_bytes],
        width_px: 4,
        height_px: 3,
    }
}

#[test]
fn what_comes_from_others_is_text() {
    let job = job(3, HOSTILE);
    let page = Page::of(&job, true, 8_000_000);
    let wanted = page.wanted_pictures();
    let broken = |source: &&str| ((*source).to_owned(), Picture::Broken(HOSTILE.to_owned()));
    let html = page.html(&wanted.iter().map(broken).collect());
    for (start, n) in [
        ("<script", 2),
        ("</script", 2),
        ("<style", 1),
        ("<img", 0),
        ("<b>0", 0),
        (" onerror=alert(2)>", 0),
    ] {
        // In an attribute or a text, the ends of elements are escaped.
        assert_eq!(html.matches(start).count(), n, "{start}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)") || html.contains("&#60;script&#62;alert(1)"));
}

#[test]
fn the_policy_allows_this_style_and_script_alone() {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    let job = job(1, "a");
    let html = Page::of(&job, false, 8_000_000).html(&Pictures::new());
    let policy = html
        .split_once("Content-Security-Policy\" content=\"")
        .unwrap()
        .1;
    let policy = policy.split_once('"').unwrap().0;
    assert!(
        policy.starts_with("default-src 'none'; img-src data:;"),
        "{policy}"
    );
    for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let text = html.split_once(start).unwrap().1.split_once(end).unwrap().0;
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
        assert!(
            policy.contains(&format!("'sha256-{hash}'")),
            "{start} {policy}"
        );
    }
    assert!(
        !html.contains(" style=\""),
        "the policy forbids styles of elements"
    );
}

#[test]
fn the_same_job_makes_the_same_bytes() {
    let html = |_: u32| {
        let job = job(30, "a");
        Page::of(&job, false, 8_000_000).html(&Pictures::new())
    };
    assert_eq!(html(0), html(1));
}

#[test]
fn pages_keep_below_their_size() {
    let job = job(1000, "a");
    let check = |has_pictures: bool, bytes_max: usize| {
        let page = Page::of(&job, has_pictures, bytes_max);
        let mut room = page.bytes_for_pictures();
        let mut pictures = Pictures::new();
        for source in page.wanted_pictures() {
            let picture = picture(20_000);
            match room.checked_sub(picture.n_bytes_in_page()) {
                Some(left) if has_pictures => {
                    room = left;
                    pictures.insert(source.to_owned(), picture);
                }
                _ => {
                    pictures.insert(source.to_owned(), Picture::LeftOut);
                }
            }
        }
        let html = page.html(&pictures);
        assert!(html.len() <= bytes_max + 400, "{bytes_max}: {}", html.len());
        let n_shown = html.matches("data:image/jpeg").count();
        (n_shown, html.matches("<article").count())
    };
    let (n_pictures, n_cards) = check(true, 8_000_000);
    assert!(n_pictures > 200 && n_cards == 400, "{n_pictures} {n_cards}");
    let (n_pictures, n_cards) = check(true, 500_000);
    assert!(n_pictures > 5 && n_cards >= 25, "{n_pictures} {n_cards}");
    assert_eq!(check(false, 8_000_000), (0, 400));
    assert!(check(false, 300_000).1 < 400);
}

#[test]
fn a_picture_stands_in_the_page_once() {
    let mut job = job(2, "a");
    let source = job.quality.as_ref().unwrap().disputed[0].source_ref.clone();
    job.faults[0].lines[0].source_ref.clone_from(&source);
    let page = Page::of(&job, true, 8_000_000);
    let pictures = BTreeMap::from([(source.unwrap(), picture(10))]);
    let html = page.html(&pictures);
    assert_eq!(html.matches("data:image/jpeg").count(), 1);
    assert_eq!(html.matches("<use href=\"#p0\"/>").count(), 1);
}

#[test]
fn what_is_empty_is_not_there() {
    let job = Job {
        quality: None,
        faults: Vec::new(),
        failed: Vec::new(),
        left_out: Vec::new(),
        outcome: Outcome::default(),
        ..job(1, "a")
    };
    let html = Page::of(&job, false, 8_000_000).html(&Pictures::new());
    for section in ["disputed", "faults", "workers", "categories", "truth"] {
        assert!(!html.contains(&format!("id=\"{section}\"")), "{section}");
    }
    assert!(html.contains("id=\"outcome\"") && html.contains("id=\"method\""));
}

#[test]
fn sums_that_do_not_add_up_are_told() {
    let check = |change: fn(&mut Outcome), n_losses: usize| {
        let mut outcome = Outcome {
            data_objects: 10,
            labeled: 7,
            failed: 2,
            not_in_output: 1,
            lines: 9,
            entries: 6,
            rejected: 2,
            skipped: 1,
            dataset: Some(DatasetOutcome {
                landed: 3,
                landed_with_errors: 1,
                refused: 1,
                vanished: 1,
                overwritten: 1,
            }),
            ..Outcome::default()
        };
        change(&mut outcome);
        assert_eq!(outcome.losses().len(), n_losses, "{:?}", outcome.losses());
    };
    check(|_| {}, 0);
    check(|outcome| outcome.dataset = None, 0);
    check(|outcome| outcome.labeled -= 1, 1);
    check(|outcome| outcome.failed += 1, 1);
    check(|outcome| outcome.skipped -= 1, 1);
    check(|outcome| outcome.entries -= 1, 2);
    check(|outcome| outcome.dataset.as_mut().unwrap().vanished = 0, 1);
}
