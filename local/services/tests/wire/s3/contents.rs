//! What is read is what was written, and what is said of it.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, MetadataDirective};

use super::{BUCKET, code, get, put, started};

#[tokio::test]
async fn attributes_are_what_the_writer_said() {
    let services = started().await;
    let head = async |key: &str| {
        let head = services.s3.head_object().bucket(BUCKET).key(key);
        head.send().await.unwrap()
    };
    let expires = DateTime::from_secs(2_000_000_000);
    let write = put(&services, "k", b"text").content_type("text/x");
    let write = write.content_encoding("gzip").content_language("de");
    let write = write
        .content_disposition("inline")
        .cache_control("no-store");
    let write = write.expires(expires).metadata("job", "birds");
    write.send().await.unwrap();
    let copy = |key: &str| {
        let copy = services.s3.copy_object().bucket(BUCKET).key(key);
        copy.copy_source("bucket/k")
    };
    copy("copy").send().await.unwrap();
    for key in ["k", "copy"] {
        let found = head(key).await;
        assert_eq!(found.content_type(), Some("text/x"));
        assert_eq!(found.content_encoding(), Some("gzip"));
        assert_eq!(found.content_language(), Some("de"));
        assert_eq!(found.content_disposition(), Some("inline"));
        assert_eq!(found.cache_control(), Some("no-store"));
        assert_eq!(
            found.expires_string(),
            Some("Wed, 18 May 2033 03:33:20 GMT")
        );
        assert_eq!(found.metadata().unwrap()["job"], "birds");
        assert_eq!(found.content_length(), Some(4));
    }
    let replace = copy("k").metadata_directive(MetadataDirective::Replace);
    replace.metadata("job", "cats").send().await.unwrap();
    let found = head("k").await;
    assert_eq!(found.metadata().unwrap()["job"], "cats");
    assert_eq!(found.content_type(), Some("binary/octet-stream"));
    assert_eq!(get(&services, "k").await, b"text");

    let refused = copy("x").copy_source_if_match("\"other\"").send().await;
    assert_eq!(code(&refused.unwrap_err()), "PreconditionFailed");
    let absent = copy("x").copy_source("bucket/absent").send().await;
    assert_eq!(code(&absent.unwrap_err()), "NoSuchKey");
    let absent = copy("x").copy_source("absent/k").send().await;
    assert_eq!(code(&absent.unwrap_err()), "NoSuchBucket");
}

#[tokio::test]
async fn checksums_are_held_to_the_content_and_kept() {
    let services = started().await;
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let write = put(&services, "k", b"123456789").checksum_algorithm(algorithm.clone());
        write.send().await.unwrap();
        let read = services.s3.get_object().bucket(BUCKET).key("k");
        let read = read
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        let given = match algorithm {
            ChecksumAlgorithm::Crc32 => read.checksum_crc32(),
            ChecksumAlgorithm::Crc32C => read.checksum_crc32_c(),
            ChecksumAlgorithm::Crc64Nvme => read.checksum_crc64_nvme(),
            ChecksumAlgorithm::Sha1 => read.checksum_sha1(),
            _ => read.checksum_sha256(),
        };
        assert!(given.is_some(), "{algorithm}");
        read.body.collect().await.unwrap();
    }
    let wrong = put(&services, "k", b"123456789").checksum_crc32("AAAAAA==");
    assert_eq!(code(&wrong.send().await.unwrap_err()), "BadDigest");
    let wrong = put(&services, "k", b"12345678").content_md5("JfnnlDI7RTiF9RgfG2JNCw==");
    assert_eq!(code(&wrong.send().await.unwrap_err()), "BadDigest");
    let invalid = put(&services, "k", b"123456789").content_md5("JfnnlDI7");
    assert_eq!(code(&invalid.send().await.unwrap_err()), "InvalidDigest");
    assert_eq!(
        get(&services, "k").await,
        b"123456789",
        "what was refused is not there"
    );
}

#[tokio::test]
async fn ranges() {
    let services = started().await;
    // Longer than what is read at once.
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let body = ByteStream::from(bytes.clone());
    put(&services, "k", b"").body(body).send().await.unwrap();
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=5-", 5..3_000_000),
        ("bytes=2999999-9999999", 2_999_999..3_000_000),
        ("bytes=-10", 2_999_990..3_000_000),
        ("bytes=-9999999", 0..3_000_000),
        ("bytes=100-2000000", 100..2_000_001),
    ] {
        let read = services
            .s3
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .range(range);
        let read = read.send().await.unwrap();
        let last = expected.end - 1;
        let header = format!("bytes {}-{last}/3000000", expected.start);
        assert_eq!(read.content_range(), Some(header.as_str()));
        let body = read.body.collect().await.unwrap().into_bytes();
        assert!(body == bytes[expected], "{range}");
    }
    put(&services, "empty", b"").send().await.unwrap();
    for (key, range) in [
        ("k", "bytes=3000000-"),
        ("k", "bytes=-0"),
        ("empty", "bytes=0-"),
        ("empty", "bytes=-1"),
    ] {
        let refused = services
            .s3
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .range(range);
        assert_eq!(
            code(&refused.send().await.unwrap_err()),
            "InvalidRange",
            "{key} {range}"
        );
    }
    assert_eq!(get(&services, "empty").await, b"");
}

#[tokio::test]
async fn writes_and_deletions_keep_to_their_condition() {
    let services = started().await;
    let absent = put(&services, "k", b"").if_match("\"tag\"").send().await;
    assert_eq!(code(&absent.unwrap_err()), "NoSuchKey");
    let first = put(&services, "k", b"1")
        .if_none_match("*")
        .send()
        .await
        .unwrap();
    let again = put(&services, "k", b"2").if_none_match("*").send().await;
    assert_eq!(code(&again.unwrap_err()), "PreconditionFailed");
    let tag = first.e_tag().unwrap();
    let second = put(&services, "k", b"2")
        .if_match(tag)
        .send()
        .await
        .unwrap();
    let late = put(&services, "k", b"3").if_match(tag).send().await;
    assert_eq!(code(&late.unwrap_err()), "PreconditionFailed");
    let delete = || services.s3.delete_object().bucket(BUCKET).key("k");
    let late = delete().if_match(tag).send().await;
    assert_eq!(code(&late.unwrap_err()), "PreconditionFailed");
    let tag = second.e_tag().unwrap();
    delete().if_match(tag).send().await.unwrap();
    delete().send().await.unwrap();
}
