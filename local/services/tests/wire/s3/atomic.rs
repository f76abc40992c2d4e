//! Several writers of one key, and readers meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use tokio::task::JoinSet;

use super::{BUCKET, list, started};

/// Writes an object that says of itself what it is: some `a`, `b`, …, as many as its metadata say.
async fn write(s3: &Client, writer: u8, number: usize) {
    // Some of them have one size.
    let n_bytes = [7, 7, 100_000, 7, 1_500_000][(number + usize::from(writer)) % 5];
    let body = vec![b'a' + writer; n_bytes];
    let write = s3.put_object().bucket(BUCKET).key("k");
    let write = write.metadata("bytes", n_bytes.to_string());
    let write = write.metadata("writer", writer.to_string());
    let write = write.checksum_algorithm(ChecksumAlgorithm::Sha256);
    write.body(ByteStream::from(body)).send().await.unwrap();
}

/// Reads it, held to its checksum by the client, and holds it to its metadata.
async fn read(s3: &Client) {
    let read = s3.get_object().bucket(BUCKET).key("k");
    let read = read
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    let metadata = read.metadata().unwrap().clone();
    let body = read.body.collect().await.unwrap().into_bytes();
    let writer: u8 = metadata["writer"].parse().unwrap();
    assert_eq!(body.len().to_string(), metadata["bytes"]);
    assert!(body.iter().all(|byte| *byte == b'a' + writer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_one_key_leave_a_whole_object() {
    let services = started().await;
    write(&services.s3, 0, 0).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        let (s3, is_over) = (services.s3.clone(), Arc::clone(&is_over));
        readers.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                read(&s3).await;
            }
        });
    }
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let s3 = services.s3.clone();
        writers.spawn(async move {
            for number in 0..25 {
                write(&s3, writer, number).await;
            }
        });
    }
    writers.join_all().await;
    is_over.store(true, Ordering::Relaxed);
    readers.join_all().await;
    read(&services.s3).await;
    assert_eq!(list(&services).await, ["k"]);
}
