//! Two jobs for one dataset at once, each worked on by a process of its own, and now and then a third writer that asks
//! nobody: what the reports say is what the dataset has.
//!
//! In each interleaving calls of one are struck while the other works, at moments that a seed decides. What counts
//! in the end is what ListDatasetEntries shows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::rekognition::{Rekognition, RetrySettings};
use dataset_updater::state::report::Report;
use serde_json::{Value, json};
use services::faults::{Call, Effect, Fault, Service};
use services::lambda::Lambda;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::processes::{deliver_to, function, is_done};
use crate::world::{World, error};

/// Interleavings that are tried, unless the variable says more.
const N_INTERLEAVINGS: u64 = 1_000;
/// Environment variable: the number of interleavings.
const N_INTERLEAVINGS_VARIABLE: &str = "GTCL_TEST_INTERLEAVINGS";
/// Interleavings in one dataset, each of images of its own.
const PER_WORLD: u64 = 25;
/// Worlds at a time.
const WORLDS_MAX: usize = 10;
/// Time in which an event is delivered again and again until it is done. A run whose last write was lost to a fault
/// holds its manifest until its invocation's time is over, and a lease its dataset: some 14 s each.
const PATIENCE: Duration = Duration::from_secs(90);
/// Images of the two jobs: six of them are both's.
const IMAGES: [RangeInclusive<u64>; 2] = [1..=12, 7..=18];
const N_LINES: u64 = 12;

/// Numbers that a seed decides. Source: splitmix64, Steele et al., "Fast splittable pseudorandom number generators", 2014.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn ms(&mut self, n: u64) -> Duration {
        Duration::from_millis(self.below(n))
    }
}

/// What an interleaving is about.
struct Interleaving {
    number: u64,
    /// `replace` or `merge`.
    mode: &'static str,
    has_third: bool,
    random: Random,
}

/// What interleavings brought, all together.
#[derive(Default, Debug)]
struct Tally {
    n_interleavings: u64,
    n_faults: u64,
    /// Deliveries that weren't done, for a fault or for the other's lease.
    n_redeliveries: u64,
    n_sent_again: u64,
    n_overwritten: u64,
    n_third: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.n_interleavings += other.n_interleavings;
        self.n_faults += other.n_faults;
        self.n_redeliveries += other.n_redeliveries;
        self.n_sent_again += other.n_sent_again;
        self.n_overwritten += other.n_overwritten;
        self.n_third += other.n_third;
    }
}

/// An update of the third writer's.
#[derive(Debug)]
struct ThirdUpdate {
    images: BTreeSet<u64>,
    /// UpdateDatasetEntries calls that had come when it was answered.
    n_updates: u64,
}

fn line(attribute: &str, source_ref: &str) -> String {
    let metadata = json!({"class-name": "heron", "confidence": 0.9, "human-annotated": "yes", "job-name":
        format!("labeling-job/{attribute}"), "creation-date": "2026-03-02T09:30:05.117000",
        "type": "groundtruth/image-classification"});
    let line =
        json!({"source-ref": source_ref, attribute: 1, format!("{attribute}-metadata"): metadata});
    format!("{line}\n")
}

impl Interleaving {
    fn new(number: u64) -> Self {
        Self {
            number,
            mode: ["replace", "merge"][usize::from(number % 2 == 1)],
            has_third: number % 3 == 2,
            random: Random(number),
        }
    }

    /// The two jobs, which are their label attributes.
    fn jobs(&self) -> [String; 2] {
        ["a", "b"].map(|name| format!("{name}{}", self.number))
    }

    fn source_ref(&self, image: u64) -> String {
        format!("s3://images/{}/{image:02}.jpg", self.number)
    }

    /// One to three faults that pass, at calls of the first or the second job, or of whoever comes.
    fn script(&mut self, world: &World) {
        for _ in 0..=self.random.below(3) {
            let fault = match self.random.below(5) {
                0 | 1 => {
                    let job = self.random.of(&[0, 1]);
                    let folder = format!("out/{}/", self.jobs()[job]);
                    self.s3_fault(&folder, 14)
                }
                2 => self.s3_fault("dataset-updater-leases/", 8),
                _ => self.rekognition_fault(),
            };
            world.faults.add(fault);
        }
    }

    fn s3_fault(&mut self, target: &str, n_calls: u64) -> Fault {
        let effects = [
            error(503, "SlowDown"),
            Effect::ResetBefore,
            Effect::ResetAfter,
            Effect::ResetMidBody,
            Effect::Delay(self.random.ms(60)),
            Effect::Delay(self.random.ms(300)),
        ];
        let mut effect = effects[usize::try_from(self.random.below(6)).unwrap()].clone();
        let operation = self.random.of(&["GetObject", "PutObject"]);
        if operation == "PutObject" && self.random.below(4) == 0 {
            effect = error(409, "ConditionalRequestConflict");
        }
        Fault::new(Service::S3, effect)
            .operation(operation)
            .target(target)
            .after(self.random.below(n_calls))
    }

    fn rekognition_fault(&mut self) -> Fault {
        let update = "UpdateDatasetEntries";
        let operation = self
            .random
            .of(&[update, update, "DescribeDataset", "ListDatasetEntries"]);
        let mut effects = vec![
            error(500, "ThrottlingException"),
            error(500, "InternalServerError"),
            error(400, "ResourceInUseException"),
            Effect::ResetBefore,
            Effect::ResetAfter,
        ];
        if operation == update {
            let failed = "ERROR_X: The manifest file has too many terminal errors.".to_owned();
            let image = self.random.below(18) + 1;
            effects.extend([
                Effect::UpdateFailed(failed.clone()),
                Effect::UpdateFailed(failed),
                Effect::StaleStatus(self.random.ms(80)),
                Effect::DropEntries(self.source_ref(image)),
            ]);
        }
        // Who is late with an update that nobody answers for is told from the order of calls below.
        if operation != update || !self.has_third {
            effects.push(Effect::Delay(self.random.ms(80)));
        }
        let effect =
            effects[usize::try_from(self.random.below(effects.len() as u64)).unwrap()].clone();
        Fault::new(Service::Rekognition, effect)
            .operation(operation)
            .after(self.random.below(8))
    }

    async fn run(mut self, world: &World, lambda: &Lambda) -> Tally {
        let n_struck = world.faults.n_struck();
        let n_updates = world.n_updates();
        for (job, images) in self.jobs().iter().zip(IMAGES) {
            let text: String = images
                .map(|image| line(job, &self.source_ref(image)))
                .collect();
            world
                .put(
                    &format!("out/{job}/manifests/output/output.manifest"),
                    &text,
                )
                .await;
        }
        world.faults.take_calls();
        self.script(world);
        let starts = [self.random.ms(60), self.random.ms(60)];
        let third = self.third_plan();
        let [a, b] = self.jobs();
        let (n_a, n_b, third) = tokio::join!(
            self.deliver(world, lambda, &a, starts[0]),
            self.deliver(world, lambda, &b, starts[1]),
            self.write_as_third(world, third)
        );
        world.faults.clear();
        let calls = world.faults.take_calls();
        let mut tally = Tally {
            n_interleavings: 1,
            n_faults: world.faults.n_struck() - n_struck,
            n_redeliveries: n_a + n_b - 2,
            n_third: third.len() as u64,
            ..Tally::default()
        };
        self.check(world, &third, (&calls, n_updates), &mut tally)
            .await;
        tally
    }

    /// Delivers a job's event as a queue does; returns how often.
    async fn deliver(&self, world: &World, lambda: &Lambda, job: &str, start: Duration) -> u64 {
        sleep(start).await;
        let key = world.key(&format!("out/{job}/manifests/output/output.manifest"));
        let begin = Instant::now();
        let mut n_deliveries = 0;
        loop {
            n_deliveries += 1;
            let outcome = deliver_to(lambda, self.mode, &key).await;
            if is_done(&outcome) {
                return n_deliveries;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "interleaving {}: {job} isn't done after {n_deliveries} deliveries: {outcome:?}",
                self.number
            );
            sleep(Duration::from_millis(n_deliveries.min(20) * 10)).await;
        }
    }

    /// When the third writer updates which images.
    fn third_plan(&mut self) -> Vec<(Duration, BTreeSet<u64>)> {
        if !self.has_third {
            return Vec::new();
        }
        (0..=self.random.below(3))
            .map(|_| {
                let (first, n) = (1 + self.random.below(14), 1 + self.random.below(5));
                (self.random.ms(120), (first..first + n).collect())
            })
            .collect()
    }

    /// Puts entries in the place of whatever there is, as the console and most scripts do, without a lease.
    async fn write_as_third(
        &self,
        world: &World,
        plan: Vec<(Duration, BTreeSet<u64>)>,
    ) -> Vec<ThirdUpdate> {
        let impatient = RetrySettings {
            delay: Duration::from_millis(3),
            busy_delay: Duration::from_millis(3),
            delay_max: Duration::from_millis(3),
            attempts_max: 30,
        };
        let client = Rekognition::new(world.sdk.clone()).with_settings(10_000.0, impatient);
        let mut done = Vec::new();
        for (pause, images) in plan {
            sleep(pause).await;
            let lines: String = images
                .iter()
                .map(|image| line("third", &self.source_ref(*image)))
                .collect();
            let arn = &world.train_arn;
            let updated = client.update_entries(arn, lines.as_bytes(), None).await;
            updated.unwrap();
            let n_updates = world.n_updates();
            done.push(ThirdUpdate { images, n_updates });
        }
        done
    }

    async fn check(
        &self,
        world: &World,
        third: &[ThirdUpdate],
        (calls, n_updates_before): (&[Call], u64),
        tally: &mut Tally,
    ) {
        let there = self.images(world).await;
        let jobs = self.jobs();
        let mut replaced_by = BTreeSet::new();
        for (job, images) in jobs.iter().zip(IMAGES) {
            let report: Report =
                serde_json::from_slice(&world.file_of(job, "report.json").await).unwrap();
            let name = format!("interleaving {} ({}), {job}", self.number, self.mode);
            assert_eq!(report.lines, N_LINES, "{name}");
            assert_eq!(report.entries, N_LINES, "{name}");
            let n_lost = report.refused + report.vanished + report.overwritten;
            assert_eq!(report.landed + n_lost, N_LINES, "{name}");
            assert!(self.has_third || n_lost == 0, "{name}: {report:?}");
            tally.n_sent_again += report.datasets[0].sent_again;
            tally.n_overwritten += report.overwritten;
            let lost = lost_lines(world, job).await;
            assert_eq!(lost.len() as u64, n_lost, "{name}");
            let looked_at = last_look(calls, job);
            for (line_number, image) in (1..).zip(images) {
                let labels = there.get(&image).cloned().unwrap_or_default();
                if lost.contains(&line_number) || labels.contains(job) {
                    continue;
                }
                // The third writer came when this job was done with the image.
                let is_after = |update: &&ThirdUpdate| {
                    let nth = update.n_updates - n_updates_before;
                    update.images.contains(&image) && position(calls, nth) > looked_at
                };
                if labels.contains("third") && third.iter().any(|update| is_after(&update)) {
                    continue;
                }
                let other = jobs.iter().find(|other| labels.contains(*other));
                let is_replaced = self.mode == "replace" && other.is_some();
                assert!(is_replaced, "{name}: image {image} has {labels:?} only");
                replaced_by.extend(other);
            }
        }
        assert!(
            replaced_by.len() < 2,
            "interleaving {}: each job has taken images from the other",
            self.number
        );
    }

    /// The label attributes of this interleaving's images.
    async fn images(&self, world: &World) -> BTreeMap<u64, BTreeSet<String>> {
        let mut images = BTreeMap::new();
        for entry in world.entries(&world.train_arn).await {
            let source_ref = entry["source-ref"].as_str().unwrap();
            for image in 1..=18 {
                if source_ref == self.source_ref(image) {
                    let keys = entry.as_object().unwrap().keys();
                    let labels = keys.filter_map(|key| key.strip_suffix("-metadata"));
                    let labels = labels.filter(|label| entry.get(*label).is_some());
                    images.insert(image, labels.map(str::to_owned).collect());
                }
            }
        }
        images
    }
}

/// Lines that a job's report says aren't in the dataset.
async fn lost_lines(world: &World, job: &str) -> BTreeSet<u64> {
    let text = String::from_utf8(world.file_of(job, "rejected.jsonl").await).unwrap();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|record| record["inDataset"] == false)
        .map(|record| record["lineNumber"].as_u64().unwrap())
        .collect()
}

/// Where in the log of calls the `nth` update stands.
fn position(calls: &[Call], nth: u64) -> usize {
    let updates = calls.iter().enumerate();
    let mut updates = updates.filter(|(_, call)| call.operation == "UpdateDatasetEntries");
    let nth = usize::try_from(nth).unwrap() - 1;
    updates
        .nth(nth)
        .map_or(usize::MAX, |(position, _)| position)
}

/// Where in the log of calls a job's last look at the dataset stands: the last one before the checkpoint in which it noted
/// what it had found, since only one of the jobs looks at a time.
fn last_look(calls: &[Call], job: &str) -> usize {
    let last = |until: usize, operation: &str, target: &str| {
        calls[..until]
            .iter()
            .rposition(|call| call.operation == operation && call.target.contains(target))
            .unwrap()
    };
    let folder = format!("out/{job}/dataset-updater/");
    let reported = last(calls.len(), "PutObject", &format!("{folder}report.json"));
    let noted = last(reported, "PutObject", &format!("{folder}checkpoint.json"));
    last(noted, "ListDatasetEntries", "")
}

async fn try_some(numbers: RangeInclusive<u64>) -> Tally {
    let world = World::new().await;
    let lambda = Lambda::new(world.logs());
    for mode in ["replace", "merge"] {
        let settings = [("EXISTING", mode), ("CHANGES_BYTES_MAX", "2000")];
        lambda.deploy(function(&world, mode, &settings, 2));
    }
    let mut tally = Tally::default();
    for number in numbers {
        tally.add(&Interleaving::new(number).run(&world, &lambda).await);
    }
    lambda.end().await;
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn two_jobs_and_a_third_writer_in_one_dataset() {
    let variable = std::env::var(N_INTERLEAVINGS_VARIABLE);
    let n = variable.map_or(N_INTERLEAVINGS, |text| text.parse().unwrap());
    let permits = Arc::new(Semaphore::new(WORLDS_MAX));
    let mut worlds = JoinSet::new();
    for first in (1..=n).step_by(usize::try_from(PER_WORLD).unwrap()) {
        let permits = Arc::clone(&permits);
        worlds.spawn(async move {
            let _permit = permits.acquire().await;
            try_some(first..=n.min(first + PER_WORLD - 1)).await
        });
    }
    let mut tally = Tally::default();
    while let Some(some) = worlds.join_next().await {
        tally.add(&some.unwrap());
    }
    println!(
        "interleavings tried: {}, with {} faults, {} updates of a third writer, {} redeliveries, {} entries sent again, \
         {} reported as overwritten",
        tally.n_interleavings,
        tally.n_faults,
        tally.n_third,
        tally.n_redeliveries,
        tally.n_sent_again,
        tally.n_overwritten
    );
    assert_eq!(tally.n_interleavings, n);
    assert!(tally.n_faults * 2 > n, "too few faults struck: {tally:?}");
    assert!(tally.n_sent_again > 0 && tally.n_third > 0, "{tally:?}");
}
