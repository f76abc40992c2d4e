//! Events, through the handler.

use dataset_updater::handler::handle;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use crate::lines::mixed;
use crate::world::{BUCKET, KEY, World};

fn notification(world: &World, key: &str) -> Value {
    json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": world.key(key)}}}]})
}

fn message(id: &str, body: &Value) -> Value {
    json!({"messageId": id, "eventSource": "aws:sqs", "body": body.to_string(), "attributes": {}})
}

async fn answer(world: &World, event: Value) -> Result<Value, &'static str> {
    let config = world.config(&[]);
    let event = LambdaEvent::new(event, Context::default());
    let answer = handle(&world.updater, &config, event).await;
    answer.map_err(|error| error.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_gets_back_what_failed() {
    let world = World::new().await;
    world.put(KEY, &mixed(20).text).await;
    let missing = "gone/manifests/output/output.manifest";
    let event = json!({"Records": [
        message("good", &notification(&world, KEY)),
        message("missing", &notification(&world, missing)),
        message("test", &json!({"Event": "s3:TestEvent"})),
        message("other", &notification(&world, "out/birds/annotations/x.json")),
        message("unknown", &json!({"hello": 1})),
        message("again", &notification(&world, KEY)),
    ]});
    let answer = answer(&world, event).await.unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "missing"}, {"itemIdentifier": "unknown"}]})
    );
}

/// A job may be named as this function's folder is, and so may a folder of jobs.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_named_as_the_function_are_taken_in() {
    let world = World::new().await;
    for key in [
        "dataset-updater/manifests/output/output.manifest",
        "out/dataset-updater/manifests/output/output.manifest",
        "out/dataset-updater/parts/manifests/output/output.manifest",
    ] {
        world.put(key, &mixed(20).text).await;
        let found = answer(&world, notification(&world, key)).await.unwrap();
        assert_eq!(found["manifests"][0]["lines"], 20, "{key}");
    }
    // The reports of a job "out" lie in the folder of those jobs, and its tidying up leaves them alone.
    let parent = "out/manifests/output/output.manifest";
    world.put(parent, &mixed(20).text).await;
    let found = answer(&world, notification(&world, parent)).await.unwrap();
    assert_eq!(found["manifests"][0]["lines"], 20);
    let key = world.key("out/dataset-updater/parts/manifests/output/output.manifest");
    let head = world.clients.s3.head_object(BUCKET, &key).await;
    assert!(head.is_ok(), "{head:?}");
    let config = world.config(&[("MANIFEST_SUFFIX", ".manifest")]);
    let own = notification(&world, "out/dataset-updater/entries.manifest");
    let event = LambdaEvent::new(own, Context::default());
    let found = handle(&world.updater, &config, event).await.unwrap();
    assert_eq!(found["manifests"][0]["outcome"], "own-file");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_events_answer_with_reports() {
    let world = World::new().await;
    let strange = "out/my birds (1)+é/manifests/output/output.manifest";
    world.put(strange, &mixed(20).text).await;
    world.put("backfill/old.manifest", &mixed(40).text).await;
    let encoded = "out/my+birds+%281%29%2B%C3%A9/manifests/output/output.manifest";
    let found = answer(&world, notification(&world, encoded)).await.unwrap();
    assert_eq!(found["manifests"][0]["lines"], 20);
    let bridge = json!({"detail-type": "Object Created", "source": "aws.s3",
        "detail": {"bucket": {"name": BUCKET}, "object": {"key": world.key(strange)}}});
    let found = answer(&world, bridge).await.unwrap();
    assert_eq!(found["manifests"][0]["outcome"], "already-done");
    let uri = format!("s3://{BUCKET}/{}", world.key("backfill/old.manifest"));
    let direct = json!({"manifest": uri, "labelAttributeName": "birds"});
    let found = answer(&world, direct).await.unwrap();
    assert_eq!(found["manifests"][0]["lines"], 40);
    assert_eq!(
        answer(&world, json!({"Event": "s3:TestEvent"})).await,
        Ok(json!({"manifests": []}))
    );
    assert_eq!(answer(&world, json!({})).await, Err("Event.Unknown"));
    assert_eq!(
        answer(
            &world,
            notification(&world, "gone/manifests/output/output.manifest")
        )
        .await,
        Err("S3.NotFound")
    );
}

/// The event of SageMaker's own, which tells of a job and not of its manifest.
#[tokio::test(flavor = "multi_thread")]
async fn a_completed_job_is_taken_in_by_its_change_of_state() {
    let world = World::new().await;
    let key = "out/birds-1/manifests/output/output.manifest";
    world.put(key, &mixed(20).text).await;
    let change = json!({"source": "aws.sagemaker", "detail-type": "SageMaker Ground Truth Labeling Job State Change",
        "resources": ["arn:aws:sagemaker:us-east-1:111122223333:labeling-job/birds-1"],
        "detail": {"LabelingJobStatus": "Completed"}});
    let unknown = answer(&world, change.clone()).await;
    assert_eq!(unknown, Err("Event.JobsOutputUnknown"));
    let output = format!("s3://{BUCKET}/{}", world.key("out"));
    let config = world.config(&[
        ("JOBS_OUTPUT_S3_URI", &output),
        ("LABEL_ATTRIBUTE", "birds"),
    ]);
    for (event, expected) in [
        (change.clone(), "updated"),
        (
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": change.to_string()}}]}),
            "already-done",
        ),
    ] {
        let event = LambdaEvent::new(event, Context::default());
        let found = handle(&world.updater, &config, event).await.unwrap();
        assert_eq!(found["manifests"][0]["outcome"], expected);
    }
    let mut stopped = change;
    stopped["detail"]["LabelingJobStatus"] = json!("Stopped");
    let found = answer(&world, stopped).await.unwrap();
    assert_eq!(found["manifests"][0]["outcome"], "not-completed");
}
