//! The functions as processes behind the Runtime API: answers, errors, timeouts, crashes, and event sources.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what fails in a helper fails the test"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use gtcl::function_name::FunctionName;
use gtcl::stack::{BUCKET, Ports, Stack};
use serde_json::{Value, json};
use services::faults::{Effect, Fault, Faults, Service};
use services::lambda::invoke_api::InvokeApi;
use services::lambda::queue::QueueConfig;
use services::lambda::triggers::{Delivered, Delivery, Trigger, Triggers};
use services::lambda::{FunctionSpec, Lambda, Outcome};
use services::s3::S3Server;
use services::{Keys, REGION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const GTCL: &str = env!("CARGO_BIN_EXE_gtcl-under-test");

fn spec(name: &str, command: &[&str], timeout: Duration) -> FunctionSpec {
    FunctionSpec {
        name: name.to_owned(),
        command: command.iter().map(OsString::from).collect(),
        environment: BTreeMap::new(),
        timeout,
        concurrency_max: 2,
    }
}

async fn invoke(lambda: &Lambda, name: &str, event: &Value) -> Outcome {
    lambda
        .invoke(name, event.to_string().into())
        .await
        .expect("the function is there")
}

fn error_type(outcome: &Outcome) -> &str {
    outcome.error.as_ref().map_or("", |error| &error.error_type)
}

/// Whether a process was started for it.
fn is_cold(outcome: &Outcome) -> bool {
    outcome.init.is_some()
}

async fn stack(folder: &Path) -> Stack {
    let stack = Stack::start(folder, Ports::default(), Keys::default(), Path::new(GTCL))
        .await
        .expect("the services start");
    let s3 = stack.s3_client();
    s3.create_bucket()
        .bucket(BUCKET)
        .send()
        .await
        .expect("a bucket");
    stack
}

async fn put(stack: &Stack, key: &str, text: String) {
    let put = stack.s3_client().put_object().bucket(BUCKET).key(key);
    put.body(text.into_bytes().into())
        .send()
        .await
        .expect("an object");
}

fn consolidation_event(key: &str) -> Value {
    json!({
        "version": "2018-10-06",
        "labelingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/birds",
        "labelCategories": ["Owl", "Duck"],
        "labelAttributeName": "birds",
        "payload": {"s3Uri": format!("s3://{BUCKET}/{key}")},
    })
}

const ANNOTATIONS: &str = "out/birds/annotations/consolidated-annotation/consolidation-request/iteration-1/2026-01-01_00:00:00.json";

fn annotation_file() -> String {
    json!([{
        "datasetObjectId": "0",
        "dataObject": {"s3Uri": "s3://birds/0.jpg"},
        "annotations": [{
            "workerId": "private.us-east-1.a",
            "annotationData": {"content": "{\"c\":{\"label\":\"Owl\"}}"},
        }],
    }])
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_survives_malformed_events_and_errors_of_s3() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack(folder.path()).await;
    put(&stack, ANNOTATIONS, annotation_file()).await;
    stack.deploy(FunctionName::AnnotationConsolidation, "c", []);
    let lambda = &stack.lambda;

    let good = invoke(lambda, "c", &consolidation_event(ANNOTATIONS)).await;
    assert!(is_cold(&good) && good.error.is_none(), "{good:?}");
    let answer: Value = serde_json::from_slice(&good.payload).unwrap();
    let envelope = &answer[0]["consolidatedAnnotation"]["content"]["birds"];
    assert_eq!(envelope["label"], 0, "{answer}");

    let mut seen = Vec::new();
    for event in [
        json!({"hello": "world"}),
        json!([1, 2]),
        consolidation_event("out/birds/annotations/consolidated-annotation/absent.json"),
    ] {
        let outcome = invoke(lambda, "c", &event).await;
        assert!(!is_cold(&outcome), "the process did not survive");
        let body: Value = serde_json::from_slice(&outcome.payload).unwrap();
        assert_eq!(body["errorType"], error_type(&outcome));
        assert!(!body["errorMessage"].as_str().unwrap().is_empty());
        seen.push(error_type(&outcome).to_owned());
    }
    assert!(
        seen.iter()
            .all(|kind| !kind.is_empty() && !kind.contains("::")),
        "{seen:?}"
    );
    assert_ne!(
        seen[0], seen[2],
        "a bad event and a missing file are different errors"
    );

    let again = invoke(lambda, "c", &consolidation_event(ANNOTATIONS)).await;
    assert!(!is_cold(&again));
    assert_eq!(again.payload, good.payload);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overstepped_deadline_ends_the_process_and_the_next_one_starts_cold() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack(folder.path()).await;
    put(&stack, ANNOTATIONS, annotation_file()).await;
    let mut slow = spec(
        "c",
        &[GTCL, "function", "annotation-consolidation"],
        Duration::from_secs(2),
    );
    slow.environment = BTreeMap::from([("AWS_ENDPOINT_URL_S3".to_owned(), stack.s3.endpoint())]);
    stack.lambda.deploy(slow);
    stack.faults.add(
        Fault::new(Service::S3, Effect::Delay(Duration::from_secs(60))).operation("GetObject"),
    );
    let late = invoke(&stack.lambda, "c", &consolidation_event(ANNOTATIONS)).await;
    assert_eq!(error_type(&late), "Sandbox.Timedout");
    assert!(
        late.error
            .unwrap()
            .error_message
            .ends_with("Task timed out after 2.00 seconds")
    );
    // Worker statistics are listed while the annotation file is still on its way.
    assert_eq!(stack.faults.n_calls(Service::S3, "ListObjectsV2"), 1);
    let next = invoke(&stack.lambda, "c", &consolidation_event(ANNOTATIONS)).await;
    assert!(is_cold(&next) && next.error.is_none(), "{next:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_error_and_a_crash_ends_the_process() {
    let logs = tempfile::tempdir().unwrap();
    let lambda = Lambda::new(logs.path().to_path_buf());
    let second = Duration::from_secs(30);
    lambda.deploy(spec("panics", &[GTCL, "panics"], second));
    lambda.deploy(spec("crashes", &["/bin/sh", "-c", "exit 3"], second));

    let panicked = invoke(&lambda, "panics", &json!("panic")).await;
    assert!(is_cold(&panicked) && panicked.error.is_some());
    let message = &panicked.error.as_ref().unwrap().error_message;
    assert!(message.contains("the event says so"), "{message}");
    let good = invoke(&lambda, "panics", &json!({"a": 1})).await;
    assert!(!is_cold(&good));
    assert_eq!(&good.payload[..], br#"{"a":1}"#);

    for _ in 0..2 {
        let crashed = invoke(&lambda, "crashes", &json!({})).await;
        assert_eq!(error_type(&crashed), "Runtime.ExitError");
        assert!(
            crashed
                .error
                .unwrap()
                .error_message
                .contains("exit status: 3")
        );
    }
}

/// The processes are gone, at work or not, while others hold the service still, and none complains of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_takes_the_processes_first() {
    let logs = tempfile::tempdir().unwrap();
    let lambda = Lambda::new(logs.path().to_path_buf());
    let timeout = Duration::from_secs(60);
    lambda.deploy(spec("idle", &[GTCL, "function", "pre-annotation"], timeout));
    let busy = ["/bin/sh", "-c", "echo $$; exec sleep 600"];
    lambda.deploy(spec("busy", &busy, timeout));
    let _ = invoke(&lambda, "idle", &json!({})).await;
    let at_work = tokio::spawn({
        let lambda = lambda.clone();
        async move { lambda.invoke("busy", "{}".into()).await }
    });
    let process = loop {
        let log = std::fs::read_to_string(lambda.log_file("busy")).unwrap_or_default();
        if let Some(process) = log.strip_suffix('\n') {
            break format!("/proc/{process}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    lambda.end().await;
    assert!(!Path::new(&process).exists());
    let ended = at_work.await.unwrap().unwrap_err();
    assert!(ended.to_string().contains("the service ends"), "{ended}");
    assert!(lambda.invoke("idle", "{}".into()).await.is_err());
    let log = std::fs::read_to_string(lambda.log_file("idle")).unwrap();
    assert!(!log.contains("ended: "), "{log}");
}

/// The headers that sign a POST.
fn signature(url: &str, body: &str) -> String {
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    let keys = Keys::default();
    let identity = Credentials::new(keys.access_key, keys.secret_key, None, None, "test").into();
    let parameters = aws_sigv4::sign::v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("lambda")
        .time(std::time::SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", url, std::iter::empty(), body).unwrap();
    let signed = sign(request, &parameters).unwrap().into_parts().0;
    let headers = signed
        .headers()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    headers.collect()
}

async fn http(endpoint: &str, path: &str, headers: &str, body: &str) -> String {
    let address = endpoint.trim_start_matches("http://");
    let headers = headers.to_owned() + &signature(&format!("{endpoint}{path}"), body);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invoke_api_answers_as_lambda_does() {
    let logs = tempfile::tempdir().unwrap();
    let lambda = Lambda::new(logs.path().to_path_buf());
    lambda.deploy(spec("f", &[GTCL, "panics"], Duration::from_secs(30)));
    let api = InvokeApi::start(
        lambda,
        Keys::default(),
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    )
    .await
    .unwrap();
    let arn = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/invocations";
    let name = "/2015-03-31/functions/f/invocations";
    let event = "x-amz-invocation-type: Event\r\n";
    let dry_run = "x-amz-invocation-type: DryRun\r\n";
    for (path, headers, body, expected) in [
        (
            name,
            "",
            "{\"a\":1}",
            &[
                "HTTP/1.1 200",
                "{\"a\":1}",
                "x-amz-executed-version: $LATEST",
            ][..],
        ),
        (arn, "", "[2]", &["HTTP/1.1 200", "[2]"]),
        (
            name,
            "",
            "\"panic\"",
            &[
                "HTTP/1.1 200",
                "x-amz-function-error: Unhandled",
                "errorType",
            ],
        ),
        (
            name,
            "",
            "{",
            &["HTTP/1.1 400", "InvalidRequestContentException"],
        ),
        (name, event, "{}", &["HTTP/1.1 202"]),
        (name, dry_run, "{}", &["HTTP/1.1 204"]),
        (
            "/2015-03-31/functions/g/invocations",
            "",
            "{}",
            &["HTTP/1.1 404", "ResourceNotFoundException", "function:g"],
        ),
    ] {
        let answer = http(&api.endpoint(), path, headers, body).await;
        for part in expected {
            assert!(answer.contains(part), "{path} {headers}{body}: {answer}");
        }
    }
}

/// Writes an object and waits for the event's end.
async fn deliver(command: &[&str], delivery: Delivery) -> Vec<Delivered> {
    let folder = tempfile::tempdir().unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let s3 = S3Server::start(&folder.path().join("s3"), address, Faults::default())
        .await
        .unwrap();
    std::fs::create_dir(folder.path().join("s3/bkt")).unwrap();
    let lambda = Lambda::new(folder.path().join("logs"));
    lambda.deploy(spec("f", command, Duration::from_secs(30)));
    let trigger = Trigger {
        key_suffix: ".manifest".to_owned(),
        function: "f".to_owned(),
        delivery,
    };
    let triggers = Triggers::start(&lambda, vec![trigger], || s3.notifications());
    let mut delivered = triggers.delivered();
    let client = client(&s3.endpoint());
    for key in ["other.json", "a b.manifest"] {
        let put = client.put_object().bucket("bkt").key(key);
        put.body(b"x".to_vec().into())
            .send()
            .await
            .expect("an object");
    }
    let mut ended = Vec::new();
    loop {
        let one = delivered.recv().await.expect("an end");
        let is_end = !matches!(one, Delivered::Failed { .. });
        ended.push(one);
        if is_end {
            return ended;
        }
    }
}

fn client(endpoint: &str) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws::plain_http_client())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new("gtcl", "gtcl-secret", None, None, "test"))
            .force_path_style(true)
            .build(),
    )
}

const QUEUE: QueueConfig = QueueConfig {
    visibility_timeout: Duration::from_millis(50),
    receives_max: 3,
    batch_messages_max: 10,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_comes_as_notification_as_event_and_through_a_queue() {
    for (delivery, key) in [
        (Delivery::Direct, "\"key\":\"a+b.manifest\""),
        (Delivery::EventBridge, "\"key\":\"a b.manifest\""),
        (Delivery::Queue(QUEUE), "\"key\":\"a+b.manifest\""),
        (
            Delivery::EventBridgeQueue(QUEUE),
            "\"key\":\"a b.manifest\"",
        ),
    ] {
        let ended = deliver(&[GTCL, "panics"], delivery).await;
        let [Delivered::Done { event }] = ended.as_slice() else {
            panic!("{delivery:?}: {ended:?}");
        };
        assert!(event.contains(key), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_always_fails_is_given_up() {
    let ended = deliver(&["/bin/sh", "-c", "exit 1"], Delivery::Queue(QUEUE)).await;
    assert_eq!(ended.len(), 4, "{ended:?}");
    let Some(Delivered::GivenUp { reason, .. }) = ended.last() else {
        panic!("{ended:?}");
    };
    assert!(reason.starts_with("Runtime.ExitError"), "{reason}");
}
