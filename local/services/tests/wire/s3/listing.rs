//! Pages of keys.

use aws_sdk_s3::types::EncodingType;

use super::{BUCKET, code, put, started};

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let services = started().await;
    let keys = ["a", "a-b", "a/1", "a/2", "a/3/x", "b", "c/1", "c/2", "d"];
    for key in keys {
        put(&services, key, b"1234").send().await.unwrap();
    }
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let list = services.s3.list_objects_v2().bucket(BUCKET).delimiter("/");
        let page = list
            .max_keys(2)
            .set_continuation_token(token)
            .send()
            .await
            .unwrap();
        let objects = page.contents().iter().map(|object| object.key().unwrap());
        let prefixes = page
            .common_prefixes()
            .iter()
            .map(|one| one.prefix().unwrap());
        found.extend(objects.chain(prefixes).map(str::to_owned));
        assert!(page.key_count().unwrap() <= 2);
        token = page.next_continuation_token().map(str::to_owned);
        assert_eq!(page.is_truncated(), Some(token.is_some()));
        if token.is_none() {
            break;
        }
    }
    // Of each page, the objects come first.
    assert_eq!(found, ["a", "a-b", "b", "a/", "d", "c/"]);

    // The older listing, as a page of the newer one.
    let list = services.s3.list_objects().bucket(BUCKET);
    let page = list
        .prefix("a")
        .marker("a-b")
        .max_keys(2)
        .send()
        .await
        .unwrap();
    let objects: Vec<_> = page
        .contents()
        .iter()
        .map(|one| one.key().unwrap())
        .collect();
    assert_eq!(objects, ["a/1", "a/2"]);
    assert_eq!(page.next_marker(), Some("a/2"));
    let first = &page.contents()[0];
    assert_eq!(first.size(), Some(4));
    assert_eq!(first.e_tag(), Some("\"81dc9bdb52d04dc20036dbd8313ed055\""));
    assert!(first.last_modified().is_some());

    let list = || services.s3.list_objects_v2().bucket(BUCKET);
    let none = list().max_keys(0).send().await.unwrap();
    assert_eq!(
        (none.is_truncated(), none.contents().len()),
        (Some(false), 0)
    );
    let all = list().max_keys(5000).send().await.unwrap();
    assert_eq!(all.contents().len(), keys.len());
    let refused = list().continuation_token("*").send().await.unwrap_err();
    assert_eq!(code(&refused), "InvalidArgument");
    let refused = list().max_keys(-1).send().await.unwrap_err();
    assert_eq!(code(&refused), "InvalidArgument");
}

#[tokio::test]
async fn keys_are_encoded_where_a_client_wants_it() {
    let services = started().await;
    put(&services, "a+b c/é\u{1}", b"").send().await.unwrap();
    let list = services.s3.list_objects_v2().bucket(BUCKET).prefix("a+");
    let page = list.encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(page.contents()[0].key(), Some("a%2Bb%20c/%C3%A9%01"));
    assert_eq!(page.prefix(), Some("a%2B"));
    assert_eq!(page.encoding_type(), Some(&EncodingType::Url));
}
