//! What a bucket of 100,000 objects costs: writing it, starting on it, and listing pages of it.
//!
//! `cargo run --release -p services --example many_objects [OBJECTS]`; says what took how long.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that measures"
)]

use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use services::faults::Faults;
use services::s3::S3Server;
use services::{ACCESS_KEY, REGION, SECRET_KEY};
use tokio::task::JoinSet;

const BUCKET: &str = "bucket";
const N_WRITERS: usize = 8;

async fn serve(folder: &std::path::Path) -> (S3Server, Client) {
    let address = "127.0.0.1:0".parse().unwrap();
    let server = S3Server::start(folder, address, Faults::default());
    let server = server.await.unwrap();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws::plain_http_client())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(
            ACCESS_KEY, SECRET_KEY, None, None, "measure",
        ))
        .endpoint_url(server.endpoint())
        .build();
    (server, Client::from_conf(config))
}

/// Half of the objects in one folder, half of them 100 to a folder.
fn key(number: usize) -> String {
    if number.is_multiple_of(2) {
        format!("flat/{number:07}.json")
    } else {
        format!("tree/{:05}/{number:07}.json", number / 200)
    }
}

async fn write(s3: &Client, n_objects: usize) {
    let mut writers = JoinSet::new();
    for writer in 0..N_WRITERS {
        let s3 = s3.clone();
        writers.spawn(async move {
            for number in (writer..n_objects).step_by(N_WRITERS) {
                let put = s3.put_object().bucket(BUCKET).key(key(number));
                let put = put.body(ByteStream::from_static(b"{\"answers\":[]}"));
                put.send().await.unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// All pages of a listing: the first one's time, and the middle one of all.
async fn list(s3: &Client, prefix: &str, delimiter: Option<&str>) {
    let (mut times, mut n_listed, mut token) = (Vec::new(), 0, None);
    loop {
        let started = Instant::now();
        let list = s3.list_objects_v2().bucket(BUCKET).prefix(prefix);
        let list = list.set_delimiter(delimiter.map(str::to_owned));
        let page = list.set_continuation_token(token).send().await.unwrap();
        times.push(started.elapsed());
        n_listed += page.contents().len() + page.common_prefixes().len();
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    let first = times.first().copied().unwrap_or_default();
    let (n_pages, all) = (times.len(), times.iter().sum::<Duration>());
    times.sort();
    let middle = times.get(n_pages / 2).copied().unwrap_or_default();
    println!(
        "list {prefix:?} by {delimiter:?}: {n_listed} in {n_pages} pages, {all:.1?}; the first {first:.1?}, the middle one {middle:.1?}"
    );
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let n_objects = std::env::args().nth(1);
    let n_objects = n_objects.map_or(100_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (server, s3) = serve(folder.path()).await;
    s3.create_bucket().bucket(BUCKET).send().await.unwrap();
    let started = Instant::now();
    write(&s3, n_objects).await;
    println!("write {n_objects} objects: {:.1?}", started.elapsed());
    drop(server);
    let started = Instant::now();
    let (_server, s3) = serve(folder.path()).await;
    println!("start: {:.1?}", started.elapsed());
    for (prefix, delimiter) in [
        ("flat/", None),
        ("flat/", Some("/")),
        ("tree/", None),
        ("tree/", Some("/")),
        ("", None),
        ("", Some("/")),
        ("tree/00100/", None),
    ] {
        list(&s3, prefix, delimiter).await;
    }
}
