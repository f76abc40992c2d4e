//! TRAIN_WHEN: a training is started once, and only when it can succeed.

use dataset_updater::run::Done;
use dataset_updater::state::report::Report;
use services::faults::Service;

use crate::lines::{good_line, mixed};
use crate::world::{KEY, World, error, rekognition};

impl World {
    /// One version at most, and the report says which or why not.
    pub(crate) async fn check_training(&self, report: &Report, may_be_missing: bool) {
        let said = report.training.as_deref().unwrap_or_default();
        let names = self.version_names().await;
        match names.as_slice() {
            [name] => assert!(said.contains(name.as_str()), "{said}"),
            [] => assert!(
                may_be_missing && said.starts_with("not started: "),
                "{said}"
            ),
            _ => panic!("several trainings: {names:?}"),
        }
    }

    async fn version_names(&self) -> Vec<String> {
        let call = self.sdk.describe_project_versions();
        let answer = call.project_arn(&self.project_arn).send().await.unwrap();
        let versions = answer.project_version_descriptions().iter();
        let arns = versions.map(|version| version.project_version_arn().unwrap());
        arns.map(|arn| arn.split('/').nth_back(1).unwrap().to_owned())
            .collect()
    }

    fn n_trainings(&self) -> u64 {
        self.faults
            .n_calls(Service::Rekognition, "CreateProjectVersion")
    }
}

fn variables(world: &World) -> Vec<(&'static str, String)> {
    vec![
        ("PROJECT_ARN", world.project_arn.clone()),
        ("TEST_FRACTION", "0.3".to_owned()),
        ("CREATE_DATASETS", "true".to_owned()),
        ("TRAIN_WHEN", "updated".to_owned()),
    ]
}

async fn train(world: &World, text: &str, but: &[(&str, &str)]) -> Report {
    let request = world.put(KEY, text).await;
    let given = variables(world);
    let mut variables: Vec<(&str, &str)> = given
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    variables.extend(but);
    let config = world.config(&variables);
    let (report, _) = world.deliver(&config, &request).await;
    let n_trainings = world.n_trainings();
    assert_eq!(
        world.invoke(&config, &request, "again").await.unwrap(),
        Done::Already
    );
    assert_eq!(world.n_trainings(), n_trainings, "a repeated event");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn started_once_a_version_of_the_manifest() {
    let world = World::new().await;
    let report = train(&world, &mixed(60).text, &[]).await;
    world.check_training(&report, false).await;
    assert_eq!(world.n_trainings(), 1);
    // Done again from the first line, as after a loss of the checkpoint: the name tells that it was started.
    let key = world.key("out/birds/dataset-updater/checkpoint.json");
    let deleted = world.clients.s3.delete_object(crate::world::BUCKET, &key);
    deleted.await.unwrap();
    let report = train(&world, &mixed(60).text, &[]).await;
    world.check_training(&report, false).await;
    assert_eq!(world.n_trainings(), 1);
    let report = train(&world, &mixed(61).text, &[]).await;
    assert!(report.training.unwrap().contains(":project/"));
    assert_eq!(world.version_names().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn not_started_and_said_why() {
    let one_label: String = [2, 4, 6, 8]
        .map(|n| n * 3)
        .map(|n| {
            format!(
                "{}\n",
                good_line(n, &format!("s3://images/birds/{n:06}.jpg"))
            )
        })
        .concat();
    for (text, but, expected) in [
        (one_label, ("TEST_FRACTION", "0.3"), "labels"),
        (
            mixed(60).text,
            ("TEST_FRACTION", "0"),
            "half of them are needed",
        ),
        (
            mixed(60).text.replacen("s3://images/", "s3://pictures/", 1),
            ("TEST_FRACTION", "0.3"),
            "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS",
        ),
    ] {
        let world = World::new().await;
        let report = train(&world, &text, &[but]).await;
        let said = report.training.unwrap();
        assert!(
            said.starts_with("not started: ") && said.contains(expected),
            "{said}"
        );
        assert_eq!((report.outcome.name(), world.n_trainings()), ("updated", 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_trainings_does_not_hold_the_update_up() {
    let world = World::new().await;
    let limit = error(400, "LimitExceededException");
    world
        .faults
        .add(rekognition(limit, "CreateProjectVersion").times(u64::MAX));
    let report = train(&world, &mixed(60).text, &[]).await;
    let said = report.training.clone().unwrap();
    assert!(said.contains("LimitExceededException"), "{said}");
    world.check_training(&report, true).await;
}
