//! Who is let in: what a page in a browser can send, and what a program without the keys.

use std::path::Path;
use std::time::Duration;

use aws_sdk_rekognition::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_rekognition::error::ProvideErrorMetadata as _;
use services::lambda::invoke_api::InvokeApi;
use services::lambda::{FunctionSpec, Lambda};
use services::rekognition::Config;
use services::s3::S3Server;
use services::{Keys, REGION};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Services, fast, local};

/// Sends a request as it stands here, with `PORT` and `LENGTH` filled in, and reads the answer to its end.
async fn send(address: &str, request: &str, body: &str) -> String {
    let (_, port) = address.rsplit_once(':').unwrap();
    let length = body.len().to_string();
    let head = request.replace("PORT", port).replace("LENGTH", &length);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n"));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Where a function's Runtime API is; `file` gets it from the function's process.
async fn runtime_api(lambda: &Lambda, file: &Path) -> String {
    let script = format!(
        "echo $AWS_LAMBDA_RUNTIME_API >'{}'; exec sleep 60",
        file.display()
    );
    lambda.deploy(FunctionSpec {
        name: "waits".to_owned(),
        command: vec!["/bin/sh".into(), "-c".into(), script.into()],
        environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
        timeout: Duration::from_secs(60),
        concurrency_max: 1,
    });
    let invoking = lambda.clone();
    tokio::spawn(async move { invoking.invoke("waits", "{}".into()).await });
    loop {
        let written = std::fs::read_to_string(file).unwrap_or_default();
        if let Some(address) = written.strip_suffix('\n') {
            return address.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_are_refused_by_every_listener() {
    let services = Services::start(fast()).await;
    let folder = services.folder.path();
    let lambda = Lambda::new(folder.join("logs"));
    let runtime = runtime_api(&lambda, &folder.join("address")).await;
    let api = InvokeApi::start(lambda.clone(), Keys::default(), local());
    let api = api.await.unwrap();
    let rekognition = services.service.as_ref().unwrap().endpoint();
    let host = |endpoint: String| endpoint.trim_start_matches("http://").to_owned();
    let listeners = [
        (
            host(services.s3_server.endpoint()),
            "PUT /b",
            "<Code>AccessDenied</Code>",
        ),
        (
            host(rekognition),
            "POST /",
            "\"__type\":\"AccessDeniedException\"",
        ),
        (
            host(api.endpoint()),
            "POST /2015-03-31/functions/waits/invocations",
            "x-amzn-errortype: AccessDeniedException",
        ),
        (
            runtime,
            "GET /2018-06-01/runtime/invocation/next",
            "\"errorType\":\"AccessDeniedException\"",
        ),
    ];
    let own = "host: 127.0.0.1:PORT\n";
    for (address, line, form) in &listeners {
        for headers in [
            "host: evil.example:PORT\n",
            "host: evil.example\n",
            "host: 127.0.0.1.evil.example:PORT\n",
            &format!("{own}origin: http://evil.example\n"),
            &format!("{own}origin: null\n"),
            &format!("{own}origin: http://localhost:1\n"),
            &format!("{own}sec-fetch-site: cross-site\n"),
        ] {
            let request = format!(
                "{line} HTTP/1.1\n{headers}connection: close\ncontent-type: text/plain\ncontent-length: LENGTH"
            );
            let answer = send(address, &request, "{}").await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{request}: {answer}");
            assert!(answer.contains(form), "{request}: {answer}");
        }
    }
    // The same without anything of a page is the program's own affair.
    let (address, line, _) = &listeners[3];
    let request = format!("{line} HTTP/1.1\n{own}connection: close");
    let answer = send(address, &request, "").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    lambda.end().await;
}

#[tokio::test]
async fn what_is_not_signed_is_refused() {
    let services = Services::start(fast()).await;
    let lambda = Lambda::new(services.folder.path().join("logs"));
    let api = InvokeApi::start(lambda, Keys::default(), local())
        .await
        .unwrap();
    let rekognition = services.service.as_ref().unwrap().endpoint();
    let forged = "authorization: AWS4-HMAC-SHA256 Credential=gtcl/20240501/us-east-1/SERVICE/aws4_request, SignedHeaders=host;x-amz-date, Signature=00\nx-amz-date: 20240501T000000Z\n";
    for (endpoint, line, service, missing, late) in [
        (
            services.s3_server.endpoint(),
            "GET /",
            "s3",
            "AccessDenied",
            "RequestTimeTooSkewed",
        ),
        (
            rekognition,
            "POST /",
            "rekognition",
            "MissingAuthenticationTokenException",
            "InvalidSignatureException",
        ),
        (
            api.endpoint(),
            "POST /2015-03-31/functions/f/invocations",
            "lambda",
            "MissingAuthenticationTokenException",
            "InvalidSignatureException",
        ),
    ] {
        let address = endpoint.trim_start_matches("http://");
        for (headers, expected) in [("", missing), (&forged.replace("SERVICE", service), late)] {
            let request = format!(
                "{line} HTTP/1.1\nhost: 127.0.0.1:PORT\n{headers}connection: close\ncontent-length: LENGTH"
            );
            let answer = send(address, &request, "").await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert!(answer.contains(expected), "{expected}: {answer}");
        }
    }
}

#[tokio::test]
async fn keys_are_checked_and_may_be_made_for_a_run() {
    let made = Keys::random();
    assert_ne!(made, Keys::random());
    let services = Services::start(Config {
        keys: made.clone(),
        ..fast()
    })
    .await;
    let endpoint = services.service.as_ref().unwrap().endpoint();
    let call = async |access_key: &str, secret_key: &str| {
        let config = aws_sdk_rekognition::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws::plain_http_client())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(
                access_key, secret_key, None, None, "tests",
            ))
            .endpoint_url(&endpoint)
            .retry_config(RetryConfig::disabled())
            .build();
        let client = aws_sdk_rekognition::Client::from_conf(config);
        let listed = client.describe_projects().send().await;
        listed
            .err()
            .map(|error| error.code().unwrap_or_default().to_owned())
    };
    let refused = |code: &str| Some(code.to_owned());
    assert_eq!(call(&made.access_key, &made.secret_key).await, None);
    assert_eq!(
        call(&made.access_key, "another").await,
        refused("InvalidSignatureException")
    );
    assert_eq!(
        call("gtcl", &made.secret_key).await,
        refused("UnrecognizedClientException")
    );

    let root = services.folder.path().join("other");
    let s3 = S3Server::start_with(&root, local(), made.clone(), services.faults.clone());
    let s3 = s3.await.unwrap();
    let list = async |access_key: &str, secret_key: &str| {
        let config = services.s3.config().to_builder();
        let credentials = Credentials::new(access_key, secret_key, None, None, "tests");
        let config = config
            .credentials_provider(credentials)
            .endpoint_url(s3.endpoint());
        let listed = aws_sdk_s3::Client::from_conf(config.build())
            .list_buckets()
            .send()
            .await;
        listed
            .err()
            .map(|error| error.code().unwrap_or_default().to_owned())
    };
    assert_eq!(list(&made.access_key, &made.secret_key).await, None);
    assert_eq!(
        list(&made.access_key, "another").await,
        refused("SignatureDoesNotMatch")
    );
    assert_ne!(list("gtcl", "gtcl-secret").await, None);
}
