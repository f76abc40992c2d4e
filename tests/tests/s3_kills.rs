//! `gtcl serve` killed while objects are overwritten: whatever is there afterwards is one object, as it was written.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what fails in a helper fails the test"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use services::{ACCESS_KEY, REGION, SECRET_KEY};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const BUCKET: &str = "gtcl";
const N_WRITERS: usize = 4;
const KEYS: [&str; 3] = ["k", "folder/k", "folder"];

/// Kills a test makes; more with this variable.
const N_KILLS: &str = "GTCL_TEST_KILLS";

struct Serving {
    child: Child,
    s3: Client,
}

impl Serving {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gtcl-under-test"))
            .current_dir(folder)
            .args(["serve", "--dir", "data"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("gtcl starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let endpoint = lines.find_map(|line| {
            let endpoint = line.strip_prefix("export AWS_ENDPOINT_URL_S3=")?;
            Some(endpoint.to_owned())
        });
        lines.find(|line| line == "Ctrl-C ends it.").unwrap();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws::plain_http_client())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(
                ACCESS_KEY, SECRET_KEY, None, None, "tests",
            ))
            .endpoint_url(endpoint.unwrap())
            .retry_config(RetryConfig::disabled())
            .build();
        Self {
            child,
            s3: Client::from_conf(config),
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It was killed already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Overwrites the keys until the server is gone, and tells each write.
async fn overwrite(s3: Client, writer: usize, written: mpsc::UnboundedSender<()>) {
    for number in 0.. {
        let key = KEYS[(writer + number) % KEYS.len()];
        let n_bytes = [7, 7, 300_000, 2_000_000][(writer * 3 + number) % 4];
        let write = s3.put_object().bucket(BUCKET).key(key);
        let write = write.metadata("bytes", n_bytes.to_string());
        let write = write.metadata("writer", writer.to_string());
        let write = write.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
        let body = ByteStream::from(vec![b'a' + writer as u8; n_bytes]);
        if write.body(body).send().await.is_err() {
            return;
        }
        written.send(()).unwrap();
    }
}

/// Reads an object, held to its checksum by the client, and holds it to its metadata.
async fn check(s3: &Client, key: &str) {
    let read = s3.get_object().bucket(BUCKET).key(key);
    let read = read
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert!(read.checksum_crc64_nvme().is_some(), "{key}");
    let metadata = read.metadata().unwrap().clone();
    let body = read.body.collect().await.unwrap().into_bytes();
    let writer: u8 = metadata["writer"].parse().unwrap();
    assert_eq!(body.len().to_string(), metadata["bytes"], "{key}");
    assert!(body.iter().all(|byte| *byte == b'a' + writer), "{key}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_whole_whenever_the_server_is_killed() {
    let n_kills = std::env::var(N_KILLS).map_or(4, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut serving = Serving::start(folder.path());
    let mut n_written = 0;
    for number in 0..n_kills {
        let (written, mut writes) = mpsc::unbounded_channel();
        let mut writers = JoinSet::new();
        for writer in 0..N_WRITERS {
            writers.spawn(overwrite(serving.s3.clone(), writer, written.clone()));
        }
        drop(written);
        // Somewhere in a write, another one each time.
        for _ in 0..12 + number % 7 {
            writes.recv().await.unwrap();
            n_written += 1;
        }
        serving.kill();
        writers.join_all().await;
        while writes.recv().await.is_some() {
            n_written += 1;
        }
        let left = folder.path().join("data/s3/.s3/unfinished");
        serving = Serving::start(folder.path());
        assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
        for key in KEYS {
            check(&serving.s3, key).await;
        }
        let list = serving.s3.list_objects_v2().bucket(BUCKET).send().await;
        let listed = list.unwrap();
        let keys: Vec<_> = listed
            .contents()
            .iter()
            .map(|one| one.key().unwrap())
            .collect();
        assert_eq!(keys, ["folder", "folder/k", "k"]);
    }
    println!("{n_kills} kills during {n_written} writes; every object was whole");
}
