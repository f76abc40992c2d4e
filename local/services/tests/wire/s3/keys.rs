//! Keys that are no plain paths, and files that somebody else puts there.

use std::fs;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{BUCKET, code, get, list, put, started};

/// Distinct keys that a careless folder would mix up, in the order of their bytes.
const KEYS: [&str; 16] = [
    "/", "/a", "a", "a-b", "a/", "a//", "a//b", "a/b", "a/b/", "a/b/c", "a/b/c/d", "a0",
    "b\\..\\a", "b%2Fa", "b+ c", "é",
];

#[tokio::test]
async fn odd_keys_are_objects_of_their_own() {
    let services = started().await;
    let mut sorted = KEYS;
    sorted.sort_unstable();
    let backwards: Vec<_> = sorted.iter().rev().copied().collect();
    for order in [sorted.to_vec(), backwards] {
        for key in &order {
            let body = ByteStream::from(key.as_bytes().to_vec());
            put(&services, key, b"").body(body).send().await.unwrap();
        }
        assert_eq!(list(&services).await, sorted);
        for (place, key) in order.iter().enumerate() {
            for there in order.iter().skip(place) {
                assert_eq!(get(&services, there).await, there.as_bytes(), "{there:?}");
            }
            let delete = services.s3.delete_object().bucket(BUCKET).key(*key);
            delete.send().await.unwrap();
            let gone = services.s3.get_object().bucket(BUCKET).key(*key);
            assert_eq!(
                code(&gone.send().await.unwrap_err()),
                "NoSuchKey",
                "{key:?}"
            );
        }
        assert_eq!(list(&services).await, [""; 0]);
        let folder = services.folder.path().join("s3").join(BUCKET);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "no folder stays");
    }
}

#[tokio::test]
async fn an_object_is_written_and_read_beside_a_folder_of_its_name() {
    let services = started().await;
    put(&services, "a", b"first")
        .content_type("text/x")
        .send()
        .await
        .unwrap();
    put(&services, "a/b", b"below").send().await.unwrap();
    let head = services.s3.head_object().bucket(BUCKET).key("a");
    let head = head.send().await.unwrap();
    assert_eq!(
        head.content_type(),
        Some("text/x"),
        "it moved with its attributes"
    );
    put(&services, "a", b"second").send().await.unwrap();
    assert_eq!(get(&services, "a").await, b"second");
    let delete = services.s3.delete_object().bucket(BUCKET).key("a/b");
    delete.send().await.unwrap();
    assert_eq!(get(&services, "a").await, b"second");
    put(&services, "a", b"third").send().await.unwrap();
    assert_eq!(get(&services, "a").await, b"third");
    assert_eq!(list(&services).await, ["a"]);
}

#[tokio::test]
async fn keys_that_no_file_can_have_are_refused() {
    let services = started().await;
    for (key, expected) in [
        ("../other/x", "InvalidArgument"),
        ("a/../../other/x", "InvalidArgument"),
        ("a/.", "InvalidArgument"),
        ("nul\0", "InvalidArgument"),
        (".s3~empty", "InvalidArgument"),
        (&"k".repeat(256), "KeyTooLongError"),
        (&"k/".repeat(513), "KeyTooLongError"),
    ] {
        let refused = put(&services, key, b"").send().await.unwrap_err();
        assert_eq!(code(&refused), expected, "{key:?}");
        let get = services.s3.get_object().bucket(BUCKET).key(key);
        assert_eq!(code(&get.send().await.unwrap_err()), expected, "{key:?}");
    }
}

#[tokio::test]
async fn deletions_stay_in_their_bucket() {
    let services = started().await;
    let create = services.s3.create_bucket().bucket("other");
    create.send().await.unwrap();
    put(&services, "x", b"x")
        .bucket("other")
        .send()
        .await
        .unwrap();
    put(&services, "y", b"y").send().await.unwrap();
    let named = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let keys = ["../other/x", "/../other/x", "y", "absent"];
    let delete = Delete::builder().set_objects(Some(keys.map(named).to_vec()));
    let request = services.s3.delete_objects().bucket(BUCKET);
    let deleted = request
        .delete(delete.build().unwrap())
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = deleted
        .deleted()
        .iter()
        .map(|one| one.key().unwrap())
        .collect();
    assert_eq!(keys, ["y", "absent"]);
    let codes: Vec<_> = deleted
        .errors()
        .iter()
        .map(|one| one.code().unwrap())
        .collect();
    assert_eq!(codes, ["InvalidArgument"; 2]);
    let there = services.s3.head_object().bucket("other").key("x");
    there.send().await.unwrap();
}

#[tokio::test]
async fn files_that_somebody_puts_there_are_objects() {
    let services = started().await;
    let folder = services.folder.path().join("s3").join(BUCKET);
    fs::create_dir_all(folder.join("images")).unwrap();
    let path = folder.join("images/1.JPG");
    fs::write(&path, "123456789").unwrap();
    assert_eq!(list(&services).await, ["images/1.JPG"]);
    let get = || services.s3.get_object().bucket(BUCKET).key("images/1.JPG");
    let object = get().send().await.unwrap();
    assert_eq!(object.content_type(), Some("image/jpeg"));
    let md5 = "\"25f9e794323b453885f5181f1b624d0b\"";
    assert_eq!(object.e_tag(), Some(md5));
    get().if_match(md5).send().await.unwrap();

    // What was written through S3 and changed by hand has no attributes of before.
    let write = put(&services, "images/1.JPG", b"abcdefghi").metadata("a", "b");
    write.send().await.unwrap();
    assert_eq!(get().send().await.unwrap().metadata().unwrap()["a"], "b");
    fs::write(&path, "123456789").unwrap();
    let changed = fs::File::options().write(true).open(&path).unwrap();
    changed
        .set_modified(SystemTime::now() + Duration::from_secs(1))
        .unwrap();
    let object = get().send().await.unwrap();
    assert_eq!(object.e_tag(), Some(md5));
    assert!(object.metadata().is_none_or(|metadata| metadata.is_empty()));
    let condition = put(&services, "images/1.JPG", b"").if_match(md5);
    condition.send().await.unwrap();
}

#[tokio::test]
async fn buckets_come_and_go() {
    let services = started().await;
    let s3 = &services.s3;
    let again = s3.create_bucket().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(code(&again), "BucketAlreadyOwnedByYou");
    put(&services, "a/b", b"").send().await.unwrap();
    let full = s3.delete_bucket().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(code(&full), "BucketNotEmpty");
    s3.delete_object()
        .bucket(BUCKET)
        .key("a/b")
        .send()
        .await
        .unwrap();
    fs::create_dir_all(services.folder.path().join("s3/bucket/made/by/hand")).unwrap();
    let begin = s3.create_multipart_upload().bucket(BUCKET).key("k");
    begin.send().await.unwrap();
    s3.delete_bucket().bucket(BUCKET).send().await.unwrap();
    assert_eq!(s3.list_buckets().send().await.unwrap().buckets().len(), 0);
    let gone = s3.delete_bucket().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(code(&gone), "NoSuchBucket");
    s3.create_bucket().bucket(BUCKET).send().await.unwrap();
    let uploads = s3.list_multipart_uploads().bucket(BUCKET).send().await;
    assert_eq!(
        uploads.unwrap().uploads().len(),
        0,
        "they went with the bucket"
    );
}

#[tokio::test]
async fn rules_for_other_origins_are_kept() {
    use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
    let services = started().await;
    let s3 = &services.s3;
    let none = s3
        .get_bucket_cors()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&none), "NoSuchCORSConfiguration");
    let rule = CorsRule::builder()
        .allowed_methods("GET")
        .allowed_origins("*");
    let rules = CorsConfiguration::builder().cors_rules(rule.build().unwrap());
    let put = s3.put_bucket_cors().bucket(BUCKET);
    let put = put.cors_configuration(rules.build().unwrap());
    put.send().await.unwrap();
    let rules = s3.get_bucket_cors().bucket(BUCKET).send().await.unwrap();
    assert_eq!(rules.cors_rules()[0].allowed_origins(), ["*"]);
    s3.delete_bucket_cors().bucket(BUCKET).send().await.unwrap();
    s3.get_bucket_cors()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap_err();
}
