//! Uploads in parts.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};

use super::{BUCKET, code, get, list, put, started};
use crate::Services;

const MIB: usize = 1024 * 1024;

async fn begin(services: &Services, key: &str) -> String {
    let begin = services
        .s3
        .create_multipart_upload()
        .bucket(BUCKET)
        .key(key);
    begin.send().await.unwrap().upload_id.unwrap()
}

async fn put_part(
    services: &Services,
    key: &str,
    id: &str,
    number: i32,
    bytes: Vec<u8>,
) -> Result<CompletedPart, String> {
    let part = services.s3.upload_part().bucket(BUCKET).key(key);
    let part = part.upload_id(id).part_number(number);
    match part.body(ByteStream::from(bytes)).send().await {
        Ok(part) => Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(part.e_tag)
            .set_checksum_crc32(part.checksum_crc32)
            .build()),
        Err(error) => Err(code(&error).to_owned()),
    }
}

async fn complete(
    services: &Services,
    key: &str,
    id: &str,
    parts: &[CompletedPart],
) -> Result<String, String> {
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec()));
    let complete = services
        .s3
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key(key);
    let complete = complete.upload_id(id).multipart_upload(parts.build());
    match complete.send().await {
        Ok(done) => Ok(done.e_tag.unwrap()),
        Err(error) => Err(code(&error).to_owned()),
    }
}

#[tokio::test]
async fn uploads_are_held_to_their_parts() {
    let services = started().await;
    let id = begin(&services, "k").await;
    let first = put_part(&services, "k", &id, 1, vec![1; 5 * MIB])
        .await
        .unwrap();
    let third = put_part(&services, "k", &id, 3, vec![3; 3]).await.unwrap();
    let wrong = CompletedPart::builder()
        .part_number(3)
        .set_e_tag(first.e_tag.clone());
    let absent = CompletedPart::builder()
        .part_number(2)
        .set_e_tag(third.e_tag.clone());
    for (parts, expected) in [
        (vec![first.clone(), wrong.build()], "InvalidPart"),
        (vec![first.clone(), absent.build()], "InvalidPart"),
        (vec![third.clone(), first.clone()], "InvalidPartOrder"),
        (vec![], "MalformedXML"),
    ] {
        let refused = complete(&services, "k", &id, &parts).await.unwrap_err();
        assert_eq!(refused, expected);
    }
    assert_eq!(
        complete(&services, "other", &id, std::slice::from_ref(&first))
            .await
            .unwrap_err(),
        "NoSuchUpload"
    );
    for number in [0, 10_001] {
        let refused = put_part(&services, "k", &id, number, vec![])
            .await
            .unwrap_err();
        assert_eq!(refused, "InvalidArgument");
    }

    let parts = services
        .s3
        .list_parts()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id);
    let listed = parts.clone().send().await.unwrap();
    let numbers: Vec<_> = listed
        .parts()
        .iter()
        .map(|part| part.part_number().unwrap())
        .collect();
    assert_eq!(numbers, [1, 3]);
    assert_eq!(listed.parts()[1].e_tag(), third.e_tag());
    let one = parts.max_parts(1).send().await.unwrap();
    assert_eq!(
        (one.is_truncated(), one.next_part_number_marker()),
        (Some(true), Some("1"))
    );
    let uploads = services.s3.list_multipart_uploads().bucket(BUCKET);
    let uploads = uploads.send().await.unwrap();
    assert_eq!(uploads.uploads()[0].upload_id(), Some(id.as_str()));

    // A part that comes again replaces the one that came before.
    let third = put_part(&services, "k", &id, 3, vec![4; 4]).await.unwrap();
    let etag = complete(&services, "k", &id, &[first, third])
        .await
        .unwrap();
    assert!(etag.ends_with("-2\""), "{etag}");
    let expected = [vec![1; 5 * MIB], vec![4; 4]].concat();
    assert!(get(&services, "k").await == expected);
    let again = complete(&services, "k", &id, &[]).await.unwrap_err();
    assert_eq!(again, "NoSuchUpload");
    let uploads = services.s3.list_multipart_uploads().bucket(BUCKET);
    assert_eq!(uploads.send().await.unwrap().uploads().len(), 0);
}

#[tokio::test]
async fn parts_that_race_an_abort_do_not_stay() {
    let services = started().await;
    for _ in 0..20 {
        let id = begin(&services, "k").await;
        let parts = (1..=4).map(|number| put_part(&services, "k", &id, number, vec![1; 100_000]));
        let abort = services.s3.abort_multipart_upload().bucket(BUCKET).key("k");
        let abort = abort.upload_id(&id).send();
        let (_, aborted) = tokio::join!(futures_util::future::join_all(parts), abort);
        aborted.unwrap();
        let late = put_part(&services, "k", &id, 5, vec![1]).await.unwrap_err();
        assert_eq!(late, "NoSuchUpload");
    }
    let own = services.folder.path().join("s3/.s3");
    for folder in ["uploads", "unfinished"] {
        let left = std::fs::read_dir(own.join(folder)).unwrap().count();
        assert_eq!(left, 0, "{folder}");
    }
    assert_eq!(list(&services).await, [""; 0]);
}

#[tokio::test]
async fn checksums_of_parts_are_the_objects() {
    let services = started().await;
    for (kind, expected) in [
        (None, ChecksumType::Composite),
        (Some(ChecksumType::FullObject), ChecksumType::FullObject),
    ] {
        let begin = services
            .s3
            .create_multipart_upload()
            .bucket(BUCKET)
            .key("k");
        let begin = begin.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let begun = begin.set_checksum_type(kind).send().await.unwrap();
        let id = begun.upload_id.unwrap();
        let bytes = vec![7; 5 * MIB];
        let first = put_part(&services, "k", &id, 1, bytes.clone())
            .await
            .unwrap();
        let second = put_part(&services, "k", &id, 2, bytes.clone())
            .await
            .unwrap();
        assert!(first.checksum_crc32().is_some());
        complete(&services, "k", &id, &[first, second])
            .await
            .unwrap();
        let read = services.s3.get_object().bucket(BUCKET).key("k");
        let read = read
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        assert_eq!(read.checksum_type(), Some(&expected));
        let has_parts = read.checksum_crc32().unwrap().ends_with("-2");
        assert_eq!(has_parts, expected == ChecksumType::Composite);
        // The client holds a whole object's checksum to what it reads.
        let read = read.body.collect().await.unwrap().into_bytes();
        assert!(read == [bytes.clone(), bytes].concat());
    }
}

#[tokio::test]
async fn parts_are_copied_from_objects() {
    let services = started().await;
    put(&services, "from", b"0123456789").send().await.unwrap();
    let id = begin(&services, "to").await;
    let copy = |range: &str| {
        let copy = services.s3.upload_part_copy().bucket(BUCKET).key("to");
        let copy = copy
            .upload_id(&id)
            .part_number(1)
            .copy_source("bucket/from");
        copy.copy_source_range(range).send()
    };
    let refused = copy("bytes=10-11").await.unwrap_err();
    assert_eq!(code(&refused), "InvalidRange");
    let copied = copy("bytes=2-4").await.unwrap().copy_part_result.unwrap();
    let part = CompletedPart::builder()
        .part_number(1)
        .set_e_tag(copied.e_tag)
        .build();
    complete(&services, "to", &id, &[part]).await.unwrap();
    assert_eq!(get(&services, "to").await, b"234");
}
