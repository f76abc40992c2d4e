//! Every call that the updater makes, struck by everything that can happen to a call of its kind.
//!
//! A clean run says which calls there are. Then, for each of them and each thing that can go wrong with it, the work is
//! done once more in a world of its own; afterwards all is as if nothing had been the matter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws::rekognition::Status;
use dataset_updater::error::RunError;
use dataset_updater::request::config::Config;
use dataset_updater::request::event::Request;
use dataset_updater::run::Done;
use dataset_updater::state::report::Report;
use services::faults::{Call, Effect, Fault, Service};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::consolidation::{check_job_in_two_places, job_in_two_places};
use crate::lines::mixed;
use crate::world::{KEY, READ_TIMEOUT, World, check_account, error};

/// Lines of each manifest: two updates.
const N_LINES: u64 = 44;
/// Worlds at a time.
const WORLDS_MAX: usize = 8;
/// Time of one invocation.
const TIME: Duration = Duration::from_secs(3);
/// Updates that one fault may cost: the batch again for each of two datasets, or its halves.
const UPDATES_LOST_MAX: u64 = 3;
/// Looks, a tenth of a second apart, at whether everything is tidied up.
const TRIES_MAX: u32 = 30;
/// Images that the dataset of [`Scenario::Merge`] has labels for already.
const N_EXISTING: u64 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    /// Into one dataset, in several updates.
    Replace,
    /// Into entries that are there.
    Merge,
    /// Into a project's train and test dataset, the latter still to be made; then a training.
    Project,
    /// After all answers of the job were consolidated together.
    WholeJob,
}

/// What goes wrong with a call.
#[derive(Clone, Debug)]
enum Kind {
    /// Once, and it passes.
    Once(Effect),
    /// Every time, until somebody mends it.
    ForGood(Effect),
    /// The process dies at the moment of the call.
    Death,
}

impl Scenario {
    fn config(self, world: &World) -> Config {
        let project = world.project_arn.as_str();
        match self {
            Self::Replace => world.config(&[]),
            Self::Merge => world.config(&[("EXISTING", "merge")]),
            Self::Project => world.config(&[
                ("PROJECT_ARN", project),
                ("TEST_FRACTION", "0.3"),
                ("CREATE_DATASETS", "true"),
                ("TRAIN_WHEN", "updated"),
            ]),
            Self::WholeJob => world.config(&[("CONSOLIDATE", "whole-job")]),
        }
    }

    async fn world(self) -> (World, Request) {
        let world = World::new().await;
        if self == Self::Merge {
            let lines: String = (1..=N_EXISTING)
                .map(|n| {
                    format!(
                        "{{\"source-ref\":\"s3://images/birds/{n:06}.jpg\",\"weather\":1,\"weather-metadata\":{{\"class-name\":\
                         \"rain\",\"confidence\":1,\"human-annotated\":\"yes\",\"job-name\":\"weather\",\"creation-date\":\
                         \"2025-01-01T00:00:00.000000\",\"type\":\"groundtruth/image-classification\"}}}}\n"
                    )
                })
                .collect();
            let rekognition = &world.clients.rekognition;
            let arn = &world.train_arn;
            let updated = rekognition
                .update_entries(arn, lines.as_bytes(), None)
                .await;
            updated.unwrap();
            while rekognition.dataset_state(arn, None).await.unwrap().status != Status::Complete {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let request = match self {
            Self::WholeJob => job_in_two_places(&world).await,
            _ => world.put(KEY, &mixed(N_LINES).text).await,
        };
        (world, request)
    }

    /// The calls that are struck together, in turn: those of an operation, where objects matter with the object's name
    /// in the job's folder.
    fn place(self, call: Call) -> Place {
        let target = match self {
            Self::WholeJob => call.target.split_once("out/birds/"),
            _ => None,
        };
        Place {
            service: call.service,
            operation: call.operation,
            target: target.map(|(_, name)| name.to_owned()),
        }
    }

    /// Calls that belong to this scenario and to none before it.
    fn is_of_interest(self, place: &Place) -> bool {
        let operation = place.operation.as_str();
        match self {
            Self::Replace => true,
            Self::Merge => ["ListDatasetEntries", "UpdateDatasetEntries"].contains(&operation),
            Self::Project => [
                "DescribeProjects",
                "CreateDataset",
                "UpdateDatasetEntries",
                "ListDatasetLabels",
                "DescribeProjectVersions",
                "CreateProjectVersion",
            ]
            .contains(&operation),
            Self::WholeJob if operation == "ListObjectsV2" => true,
            Self::WholeJob => place.target.as_ref().is_some_and(|name| {
                let parts = [
                    "annotations/",
                    "annotation-tool/",
                    "consolidated.manifest",
                    "changes.jsonl",
                    "output.manifest",
                ];
                parts.iter().any(|part| name.contains(part))
            }),
        }
    }

    /// The datasets equal the good lines, each line is accounted for, and nothing was done twice.
    async fn check(self, world: &World, report: &Report) {
        let manifest = mixed(N_LINES);
        match self {
            Self::Replace => world.check_whole(&manifest, report).await,
            Self::Merge => {
                world.check_whole(&manifest, report).await;
                let entries = world.entries(&world.train_arn).await;
                let kept = entries.iter().filter(|it| it.get("weather").is_some());
                assert_eq!(kept.count() as u64, N_EXISTING);
            }
            Self::Project => {
                check_account(&manifest, report);
                let mut found = BTreeSet::new();
                for dataset in &report.datasets {
                    let there = world.source_refs(&dataset.arn).await;
                    assert!(found.is_disjoint(&there), "an image is on both sides");
                    found.extend(there);
                }
                assert_eq!(found, manifest.good);
            }
            Self::WholeJob => check_job_in_two_places(world, report).await,
        }
    }
}

/// Calls that are told from each other by their order alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    service: Service,
    operation: String,
    target: Option<String>,
}

impl Place {
    /// Whether what can't be read here for good costs what is in it and nothing else; see consolidation.rs.
    fn is_passed_over(&self) -> bool {
        let name = self.target.as_deref().unwrap_or_default();
        self.operation == "GetObject" && name.starts_with("annotation")
    }
}

/// Of errors that mean the same, calls are struck by one each in turn.
fn kinds(place: &Place, n_before: u64) -> Vec<Kind> {
    let operation = place.operation.as_str();
    let in_turn = |errors: [(u16, &str); 2]| {
        let [first, second] = errors;
        let is_even = n_before.is_multiple_of(2);
        let (status, code) = if is_even { first } else { second };
        Kind::Once(error(status, code))
    };
    let for_good = |status, code| Kind::ForGood(error(status, code));
    let mut kinds = vec![
        Kind::Once(Effect::ResetBefore),
        Kind::Once(Effect::ResetAfter),
        Kind::Once(Effect::ResetMidBody),
        Kind::Once(Effect::Delay(READ_TIMEOUT + Duration::from_millis(100))),
        Kind::Death,
    ];
    match place.service {
        Service::S3 => {
            kinds.push(in_turn([(503, "SlowDown"), (500, "InternalError")]));
            kinds.push(for_good(403, "AccessDenied"));
            match operation {
                "GetObject" | "HeadObject" => kinds.push(for_good(404, "NoSuchKey")),
                "PutObject" => {
                    kinds.push(Kind::Once(error(409, "ConditionalRequestConflict")));
                    kinds.push(for_good(404, "NoSuchBucket"));
                }
                _ => {}
            }
        }
        Service::Rekognition => {
            kinds.push(in_turn([
                (500, "ThrottlingException"),
                (400, "ProvisionedThroughputExceededException"),
            ]));
            kinds.push(in_turn([
                (500, "InternalServerError"),
                (503, "ServiceUnavailableException"),
            ]));
            // A training is not waited for: see training.rs.
            if operation != "CreateProjectVersion" {
                kinds.push(in_turn([
                    (400, "ResourceInUseException"),
                    (400, "LimitExceededException"),
                ]));
            }
            kinds.push(for_good(400, "AccessDeniedException"));
            if operation != "DescribeProjectVersions" {
                kinds.push(for_good(400, "ResourceNotFoundException"));
            }
            if operation == "UpdateDatasetEntries" {
                let failed = "ERROR_X: The manifest file has too many terminal errors.".to_owned();
                kinds.push(Kind::Once(Effect::UpdateFailed(failed)));
                let stale = Duration::from_millis(60);
                kinds.push(Kind::Once(Effect::StaleStatus(stale)));
            }
        }
    }
    if place.is_passed_over() {
        kinds.retain(|kind| !matches!(kind, Kind::ForGood(_)));
    }
    kinds
}

struct Case {
    scenario: Scenario,
    place: Place,
    /// How many such calls come before the one that is struck.
    n_before: u64,
    kind: Kind,
    /// Updates of a run without faults.
    n_updates_clean: u64,
}

impl Case {
    fn fault(&self) -> Fault {
        let (effect, n_times) = match &self.kind {
            Kind::Once(effect) => (effect.clone(), 1),
            Kind::ForGood(effect) => (effect.clone(), u64::MAX),
            Kind::Death => (Effect::Delay(Duration::from_secs(3600)), 1),
        };
        let fault = Fault::new(self.place.service, effect)
            .operation(&self.place.operation)
            .after(self.n_before)
            .times(n_times);
        match &self.place.target {
            Some(name) => fault.target(&format!("out/birds/{name}")),
            None => fault,
        }
    }

    /// Runs it; whether the fault struck: how often a dataset is looked at is a matter of time.
    async fn run(self) -> bool {
        let name = format!(
            "{:?} {:?} {} {:?}",
            self.scenario, self.place, self.n_before, self.kind
        );
        let (world, request) = self.scenario.world().await;
        let config = self.scenario.config(&world);
        let n_updates_before = world.n_updates();
        let n_struck_before = world.faults.n_struck();
        world.faults.add(self.fault());
        let mut done = None;
        let mut n_deliveries = 0;
        while done.is_none() && n_deliveries < 8 {
            // A death is followed by Lambda's own retry, under the same name; its lease holds others back.
            let owner = match self.kind {
                Kind::Death => "dies".to_owned(),
                _ => format!("delivery-{n_deliveries}"),
            };
            let invocation = world.invoke_for(&config, &request, &owner, Some(TIME));
            tokio::pin!(invocation);
            let result = loop {
                tokio::select! {
                    result = &mut invocation => break Some(result),
                    () = tokio::time::sleep(Duration::from_millis(2)) => {}
                }
                if matches!(self.kind, Kind::Death)
                    && n_deliveries == 0
                    && world.faults.n_struck() > n_struck_before
                {
                    break None;
                }
            };
            match result {
                None => {}
                Some(Ok(found)) => done = Some(found),
                // A lease that could not be given back lasts as long as its invocation might have.
                Some(Err(RunError::Leased { .. } | RunError::DatasetLeased { .. })) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Some(Err(error)) if matches!(self.kind, Kind::ForGood(_)) => {
                    let code = error.code();
                    let is_named = code.ends_with("AccessDenied") || code.ends_with("NotFound");
                    let is_knock_on = error.is_temporary();
                    assert!(is_named || is_knock_on, "{name}: {error}");
                    assert!(error.to_string().len() > 20, "{name}: {error}");
                }
                Some(Err(error)) => assert!(error.is_temporary(), "{name}: {error}"),
            }
            n_deliveries += 1;
            // Until it has struck nobody has anything to mend.
            if matches!(self.kind, Kind::ForGood(_)) && world.faults.n_struck() > n_struck_before {
                world.faults.clear();
            }
        }
        let has_struck = world.faults.n_struck() > n_struck_before;
        world.faults.clear();
        assert!(done.is_some(), "{name}: not done");
        let is_certain = self.place.operation != "DescribeDataset";
        assert!(has_struck || !is_certain, "{name}: not struck");
        // Once more, as queues deliver: nothing is sent again, and what was left is tidied up.
        let n_updates = world.n_updates();
        for n_tries in 1.. {
            match world.invoke(&config, &request, "again").await {
                Err(RunError::Leased { .. }) => {}
                again => {
                    assert_eq!(again.unwrap(), Done::Already, "{name}");
                    // What a dead invocation was writing may arrive after the others have tidied up.
                    if world.n_parts().await == 0 || n_tries > TRIES_MAX {
                        break;
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(world.n_updates(), n_updates, "{name}: sent again");
        assert!(
            n_updates - n_updates_before <= self.n_updates_clean + UPDATES_LOST_MAX,
            "{name}: {n_updates} updates instead of {}",
            self.n_updates_clean
        );
        let report = world.report().await;
        self.scenario.check(&world, &report).await;
        if self.scenario == Scenario::Project {
            world
                .check_training(&report, matches!(self.kind, Kind::ForGood(_)))
                .await;
        }
        has_struck
    }
}

/// The calls of a run without faults, and how many of them are updates.
async fn calls(scenario: Scenario) -> (BTreeMap<Place, u64>, u64) {
    let (world, request) = scenario.world().await;
    let config = scenario.config(&world);
    let n_before = world.faults.calls().len();
    let n_updates_before = world.n_updates();
    world.deliver(&config, &request).await;
    let n_updates = world.n_updates() - n_updates_before;
    let mut found = BTreeMap::new();
    for call in world.faults.calls().into_iter().skip(n_before) {
        *found.entry(scenario.place(call)).or_default() += 1;
    }
    scenario.check(&world, &world.report().await).await;
    (found, n_updates)
}

/// Returns how many faults were survived.
#[expect(clippy::print_stdout, reason = "says how many faults were survived")]
async fn survive(scenario: Scenario, permits: Arc<Semaphore>) -> usize {
    // How often a dataset is looked at depends on time: what is struck are the looks that every run has.
    let (mut found, n_updates_clean) = calls(scenario).await;
    let (second, _) = calls(scenario).await;
    found.retain(|place, n| {
        *n = (*n).min(second.get(place).copied().unwrap_or(0));
        scenario.is_of_interest(place)
    });
    let mut cases = JoinSet::new();
    let n_calls: u64 = found.values().sum();
    for (place, n) in found {
        for n_before in 0..n {
            for kind in kinds(&place, n_before) {
                let case = Case {
                    scenario,
                    place: place.clone(),
                    n_before,
                    kind,
                    n_updates_clean,
                };
                let permits = Arc::clone(&permits);
                cases.spawn(async move {
                    let _permit = permits.acquire().await;
                    case.run().await
                });
            }
        }
    }
    let (n_cases, mut n_struck) = (cases.len(), 0);
    while let Some(has_struck) = cases.join_next().await {
        n_struck += usize::from(has_struck.unwrap());
    }
    println!(
        "{scenario:?}: {n_calls} calls, {n_struck} of {n_cases} faults struck and were survived"
    );
    assert!(n_struck * 100 >= n_cases * 75);
    n_struck
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_may_fail_in_every_way() {
    let permits = Arc::new(Semaphore::new(WORLDS_MAX));
    let scenarios = [
        Scenario::Replace,
        Scenario::Merge,
        Scenario::Project,
        Scenario::WholeJob,
    ];
    let all = scenarios.map(|scenario| tokio::spawn(survive(scenario, Arc::clone(&permits))));
    let mut n_survived = 0;
    for one in all {
        n_survived += one.await.unwrap();
    }
    println!("faults survived: {n_survived}");
}
