use super::*;
use crate::state::dataset::Stats;
use crate::state::origin::ConsolidationReport;
use crate::state::progress::InFlight;
use crate::state::verified::Verified;

fn checkpoint() -> Checkpoint {
    Checkpoint {
        format: FORMAT,
        manifest: version("e1"),
        plan: "plan".to_owned(),
        lease: Some(Lease {
            owner: "a".to_owned(),
            until_ms: 1000,
        }),
        is_done: false,
        origin: Some(Origin::OutputManifest),
        reading: AnswersKept {
            n_parts: 1,
            after_file: Some("a".to_owned()),
            ..AnswersKept::default()
        },
        too_large_for: None,
        lanes: vec![LaneProgress {
            side: LaneSide::Train,
            dataset_arn: "arn".to_owned(),
            settled_line: 7,
            in_flight: Some(InFlight {
                last_line: 9,
                submitted_at_ms: 5,
                last_updated_ms: Some(4),
            }),
            before: Some(Stats::default()),
            parts: vec![(1, 7)],
            n_updates: 1,
            update_ms: 2,
            verified: None,
        }],
        refused: vec![],
        replaced_labels: ReplacedLabels::default(),
        buckets_before: BTreeMap::new(),
        earlier: BTreeMap::new(),
        n_resumptions: 2,
        has_waited: false,
        started_at_ms: 1,
    }
}

fn version(e_tag: &str) -> ManifestVersion {
    ManifestVersion {
        uri: "s3://b/k".to_owned(),
        e_tag: e_tag.to_owned(),
        version_id: None,
        n_bytes: 9,
    }
}

fn check(change: impl FnOnce(&mut Checkpoint), owner: &str, now_ms: i64, expected: &str) {
    let mut found = checkpoint();
    change(&mut found);
    let bytes = serde_json::to_vec(&found).unwrap();
    let name = match start(
        Some(&bytes),
        &version("e1"),
        "plan",
        owner,
        now_ms,
        3,
        Some(512),
    ) {
        Start::Afresh => "afresh",
        Start::Resume(resumed) => {
            assert_eq!(*resumed, found);
            "resume"
        }
        Start::AlreadyDone(_) => "done",
        Start::Leased(_) => "leased",
        Start::TooLarge => "too large",
        Start::GiveUp(_) => "give up",
    };
    assert_eq!(name, expected);
}

#[test]
fn starts() {
    check(|_| {}, "b", 999, "leased");
    check(|_| {}, "b", 1000, "resume");
    check(|_| {}, "a", 999, "resume");
    check(|c| c.lease = None, "b", 0, "resume");
    check(|c| c.is_done = true, "b", 1000, "done");
    check(|c| c.is_done = true, "b", 999, "leased");
    for (unreadable_files, unidentified, expected) in
        [(0, 0, "done"), (1, 0, "afresh"), (0, 1, "afresh")]
    {
        let origin = Origin::Consolidated {
            e_tag: "e2".to_owned(),
            report: ConsolidationReport {
                unreadable_files,
                unidentified,
                ..ConsolidationReport::default()
            },
        };
        let finish = |c: &mut Checkpoint| (c.is_done, c.origin) = (true, Some(origin));
        check(finish, "b", 1000, expected);
    }
    for (n_bytes, expected) in [(511, "resume"), (512, "too large"), (513, "too large")] {
        check(|c| c.too_large_for = Some(n_bytes), "b", 1000, expected);
    }
    check(|c| c.n_resumptions = 3, "b", 1000, "give up");
    check(
        |c| (c.n_resumptions, c.has_waited) = (3, true),
        "b",
        1000,
        "resume",
    );
    check(
        |c| (c.n_resumptions, c.has_waited) = (4, true),
        "b",
        1000,
        "give up",
    );
    check(|c| c.n_resumptions = 4, "b", 1000, "give up");
    check(|c| c.manifest.e_tag = "e0".into(), "b", 1000, "afresh");
    check(|c| c.manifest.e_tag = "e0".into(), "b", 999, "leased");
    check(|c| c.plan = "other".into(), "b", 1000, "afresh");
    check(|c| c.format = FORMAT + 1, "b", 999, "afresh");
    check(|c| c.format = FORMAT - 1, "b", 999, "afresh");
}

#[test]
fn a_lease_beyond_the_longest_invocation_is_none() {
    for (until_ms, expected) in [
        (1_000 + 900_000 + 2_000, "leased"),
        (1_000 + 900_000 + 2_001, "resume"),
        (i64::MAX, "resume"),
    ] {
        let lease = Lease {
            owner: "a".to_owned(),
            until_ms,
        };
        check(|c| c.lease = Some(lease), "b", 1_000, expected);
    }
}

#[test]
fn impossible_ones_start_over() {
    let lane = |change: fn(&mut LaneProgress)| {
        move |c: &mut Checkpoint| c.lanes.iter_mut().for_each(change)
    };
    let refuse = |line_number| {
        move |c: &mut Checkpoint| {
            let message = Refused::message("no");
            c.refused.push(Refused {
                line_number,
                message,
            });
        }
    };
    let verified = |vanished| Verified {
        vanished,
        ..Verified::default()
    };
    let see = move |line: u64| {
        move |c: &mut Checkpoint| {
            for lane in &mut c.lanes {
                lane.verified = Some((Stats::default(), verified(vec![line])));
            }
        }
    };
    check(lane(|lane| lane.settled_line = 10), "b", 1000, "resume");
    check(lane(|lane| lane.settled_line = 11), "b", 1000, "afresh");
    check(lane(|lane| lane.settled_line = 6), "b", 1000, "afresh");
    check(lane(|lane| lane.parts = vec![(2, 1)]), "b", 1000, "afresh");
    check(
        lane(|lane| lane.parts = vec![(3, 4), (1, 2)]),
        "b",
        1000,
        "afresh",
    );
    check(refuse(10), "b", 1000, "resume");
    check(refuse(11), "b", 1000, "afresh");
    check(see(10), "b", 1000, "resume");
    check(see(11), "b", 1000, "afresh");
    check(|c| c.lanes.push(c.lanes[0].clone()), "b", 1000, "afresh");
    let add_test = |c: &mut Checkpoint| {
        c.lanes.push(c.lanes[0].clone());
        c.lanes[1].side = LaneSide::Test;
    };
    check(add_test, "b", 1000, "resume");
    check(
        |c| {
            add_test(c);
            c.lanes.push(c.lanes[0].clone());
        },
        "b",
        1000,
        "afresh",
    );
    check(|c| c.manifest.n_bytes = 1 << 40, "b", 1000, "afresh");
}

#[test]
fn an_abandoned_one_is_nobodys() {
    let held = serde_json::to_vec(&checkpoint()).unwrap();
    let mut free = checkpoint();
    free.lease = None;
    assert_eq!(abandoned(&held), Some(free.clone()));
    let bytes = serde_json::to_vec(&free).unwrap();
    assert_eq!(abandoned(&bytes), Some(free));
    assert_eq!(abandoned(b"{}"), None);
}

#[test]
fn a_dataset_may_refuse_everything() {
    let refused = (1..=250_000).map(|line_number| Refused {
        line_number,
        message: Refused::message(&format!("the manifest has {} errors", 1 + line_number % 3)),
    });
    let all = Checkpoint {
        refused: refused.collect(),
        ..checkpoint()
    };
    let bytes = serde_json::to_vec(&all).unwrap();
    assert!(bytes.len() < 2_000_000, "{} bytes", bytes.len());
    assert_eq!(parse(&bytes), Some(all));
}

#[test]
fn what_cannot_be_read_counts_as_none() {
    for bytes in [&b""[..], b"{}", b"\xff", b"{\"format\":2}", b"null"] {
        assert_eq!(
            start(Some(bytes), &version("e1"), "plan", "a", 0, 3, None),
            Start::Afresh
        );
    }
    assert_eq!(
        start(None, &version("e1"), "plan", "a", 0, 3, None),
        Start::Afresh
    );
}
