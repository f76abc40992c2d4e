//! Which dataset an entry goes to.

use crate::lines::mixed;
use crate::world::{KEY, World};

#[tokio::test(flavor = "multi_thread")]
async fn images_are_shared_out_and_stay_where_they_are() {
    let world = World::new().await;
    let manifest = mixed(300);
    let request = world.put(KEY, &manifest.text).await;
    let arn = world.project_arn.clone();
    let variables = [
        ("PROJECT_ARN", arn.as_str()),
        ("TEST_FRACTION", "0.2"),
        ("CREATE_DATASETS", "true"),
    ];
    let config = world.config(&variables);
    let (report, _) = world.deliver(&config, &request).await;
    assert_eq!(report.landed, manifest.good.len() as u64);
    let sides: Vec<&str> = report
        .datasets
        .iter()
        .map(|dataset| dataset.side.as_str())
        .collect();
    assert_eq!(sides, ["train", "test"]);
    let train = world.source_refs(&report.datasets[0].arn).await;
    let test = world.source_refs(&report.datasets[1].arn).await;
    assert!(train.is_disjoint(&test));
    assert_eq!(&train | &test, manifest.good);
    assert!((30..90).contains(&test.len()), "{}", test.len());
    world.put(KEY, &mixed(310).text).await;
    let (report, _) = world.deliver(&config, &request).await;
    let train_then = world.source_refs(&report.datasets[0].arn).await;
    assert!(train.is_subset(&train_then) && train_then.is_disjoint(&test));
    assert_eq!(
        world.json_lines("entries.test.manifest").await.len() as u64,
        report.datasets[1].entries
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_dataset_is_created_only_when_allowed() {
    let world = World::new().await;
    let request = world.put(KEY, &mixed(20).text).await;
    let arn = world.project_arn.clone();
    let config = world.config(&[("PROJECT_ARN", &arn), ("TEST_FRACTION", "0.5")]);
    let error = world.invoke(&config, &request, "a").await.unwrap_err();
    assert_eq!(error.code(), "NoDataset");
    assert!(error.to_string().contains("CREATE_DATASETS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_label_attributes_have_their_own_targets() {
    let world = World::new().await;
    let manifest = mixed(20);
    let request = world.put(KEY, &manifest.text).await;
    for (whom, expected) in [("birds", true), ("cats", false)] {
        let targets = format!("{{\"{whom}\": \"{}\"}}", world.train_arn);
        let config = world.config(&[("TARGETS", &targets)]);
        let done = world.invoke(&config, &request, "a").await;
        assert_eq!(done.is_ok(), expected, "{done:?}");
        if let Err(error) = done {
            assert_eq!(error.code(), "NoTarget");
        }
    }
    let request = world
        .put("elsewhere/renamed.manifest", &manifest.text)
        .await;
    let targets = format!("{{\"birds\": \"{}\"}}", world.train_arn);
    assert!(
        world
            .invoke(&world.config(&[("TARGETS", &targets)]), &request, "b")
            .await
            .is_ok()
    );
}
