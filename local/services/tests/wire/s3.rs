mod atomic;
mod connection;
mod contents;
mod keys;
mod listing;
mod multipart;

use aws::s3::ImageStart;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use manifest::ImageHeader;
use services::faults::{Effect, Fault, Service};
use services::s3::ObjectCreated;

use super::{Services, fast};

const BUCKET: &str = "bucket";

/// The code of a refusal.
fn code(error: &dyn ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

/// An object's bytes.
async fn get(services: &Services, key: &str) -> Vec<u8> {
    let get = services.s3.get_object().bucket(BUCKET).key(key);
    let object = get.send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

/// The keys of the bucket, in the order of the listing.
async fn list(services: &Services) -> Vec<String> {
    let list = services.s3.list_objects_v2().bucket(BUCKET);
    let page = list.send().await.unwrap();
    let keys = page.contents().iter().map(|object| object.key().unwrap());
    keys.map(str::to_owned).collect()
}

fn put(services: &Services, key: &str, body: &'static [u8]) -> PutObjectFluentBuilder {
    services
        .s3
        .put_object()
        .bucket("bucket")
        .key(key)
        .body(ByteStream::from_static(body))
}

async fn started() -> Services {
    let services = Services::start(fast()).await;
    services
        .s3
        .create_bucket()
        .bucket("bucket")
        .send()
        .await
        .unwrap();
    services
}

#[tokio::test]
async fn written_objects_are_told_with_decoded_keys() {
    let services = started().await;
    let mut created = services.s3_server.notifications();
    let key = "jobs/a b(1)+é.json";
    let etag = put(&services, key, b"five!")
        .send()
        .await
        .unwrap()
        .e_tag
        .unwrap();
    let expected = |key: &str, etag: &str, size, event_name| ObjectCreated {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        etag: etag.trim_matches('"').to_owned(),
        size,
        event_name,
    };
    assert_eq!(
        created.recv().await.unwrap(),
        expected(key, &etag, 5, "ObjectCreated:Put")
    );

    put(&services, "from", b"four").send().await.unwrap();
    created.recv().await.unwrap();
    let copy = services.s3.copy_object().copy_source("bucket/from");
    let copied = copy.bucket("bucket").key("to").send().await.unwrap();
    let etag = copied.copy_object_result.unwrap().e_tag.unwrap();
    assert_eq!(
        created.recv().await.unwrap(),
        expected("to", &etag, 4, "ObjectCreated:Copy")
    );

    let upload = services
        .s3
        .create_multipart_upload()
        .bucket("bucket")
        .key("parts");
    let upload_id = upload.send().await.unwrap().upload_id.unwrap();
    let part = services.s3.upload_part().bucket("bucket").key("parts");
    let part = part
        .upload_id(&upload_id)
        .part_number(1)
        .body(ByteStream::from_static(b"part"));
    let part = CompletedPart::builder()
        .part_number(1)
        .set_e_tag(part.send().await.unwrap().e_tag)
        .build();
    let complete = services
        .s3
        .complete_multipart_upload()
        .bucket("bucket")
        .key("parts");
    let done = complete
        .upload_id(&upload_id)
        .multipart_upload(CompletedMultipartUpload::builder().parts(part).build())
        .send()
        .await
        .unwrap();
    assert_eq!(
        created.recv().await.unwrap(),
        expected(
            "parts",
            &done.e_tag.unwrap(),
            4,
            "ObjectCreated:CompleteMultipartUpload"
        )
    );

    put(&services, "to", b"other")
        .if_none_match("*")
        .send()
        .await
        .unwrap_err();
    put(&services, "last", b"").send().await.unwrap();
    assert_eq!(
        created.recv().await.unwrap().key,
        "last",
        "a refused write is not told"
    );
}

/// Of an image, no more is read than its header takes.
#[tokio::test]
async fn images_are_read_as_far_as_needed() {
    let services = started().await;
    let s3 = aws::s3::S3::new(services.s3.clone());
    let jpeg = |n_comments: usize| {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x04ab".to_vec();
        for _ in 0..n_comments {
            bytes.extend(b"\xff\xfe\x03\xea");
            bytes.extend([b' '; 1000]);
        }
        bytes.extend(b"\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
        bytes.resize(3_000_000, 0);
        bytes
    };
    let size = ImageHeader::Size {
        width_px: 640,
        height_px: 480,
    };
    for (body, header, n_read) in [
        (jpeg(0), size, 64 * 1024),
        (jpeg(300), size, 1024 * 1024),
        (jpeg(2000), ImageHeader::Unfinished, 1024 * 1024),
        (b"GIF89a\x01\0\x01\0".to_vec(), ImageHeader::Other, 10),
        (Vec::new(), ImageHeader::Other, 0),
    ] {
        let n_bytes = body.len() as u64;
        let put = put(&services, "image", b"").body(body.into());
        put.send().await.unwrap();
        let expected = ImageStart {
            header,
            n_read,
            n_bytes,
        };
        assert_eq!(s3.read_image_header("bucket", "image").await, Ok(expected));
    }
}

#[tokio::test]
async fn refusals_have_s3s_codes() {
    let services = started().await;
    let get = |bucket: &str, key: &str| services.s3.get_object().bucket(bucket).key(key).send();
    let code = |error: &dyn ProvideErrorMetadata| error.code().unwrap_or_default().to_owned();
    assert_eq!(code(&get("bucket", "none").await.unwrap_err()), "NoSuchKey");
    // A folder of objects is none itself.
    put(&services, "folder/k", b"k").send().await.unwrap();
    assert_eq!(
        code(&get("bucket", "folder").await.unwrap_err()),
        "NoSuchKey"
    );
    let head = services.s3.head_object().bucket("bucket").key("folder");
    let refused = head.send().await.unwrap_err();
    assert!(refused.into_service_error().is_not_found());
    assert_eq!(
        code(&get("nowhere", "none").await.unwrap_err()),
        "NoSuchBucket"
    );
    let put_nowhere = put(&services, "k", b"")
        .bucket("nowhere")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&put_nowhere), "NoSuchBucket");
    let list = services
        .s3
        .list_objects_v2()
        .bucket("nowhere")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&list), "NoSuchBucket");
    for long in ["k".repeat(256), "a/".repeat(512) + "k"] {
        let refused = put(&services, &long, b"").send().await.unwrap_err();
        assert_eq!(code(&refused), "KeyTooLongError", "{}", long.len());
    }
    let outside = put(&services, "../outside", b"").send().await.unwrap_err();
    assert_eq!(code(&outside), "InvalidArgument");
}

/// S3's own longest key, in folders of the longest names.
#[tokio::test]
async fn long_keys_are_keys_as_others() {
    let services = started().await;
    let folder = format!(
        "{}/{}/{}/d/",
        "a".repeat(255),
        "b".repeat(255),
        "c".repeat(255)
    );
    let keys = [
        "k".repeat(90),
        "k".repeat(255),
        folder.clone() + &"k".repeat(1024 - folder.len()),
    ];
    for key in &keys {
        let get = async |key: &str| {
            let object = services
                .s3
                .get_object()
                .bucket("bucket")
                .key(key)
                .send()
                .await
                .unwrap();
            let (tag, kind) = (object.e_tag.clone().unwrap(), object.content_type.clone());
            (object.body.collect().await.unwrap().into_bytes(), tag, kind)
        };
        let written = put(&services, key, b"one")
            .content_type("text/x")
            .send()
            .await
            .unwrap();
        let (body, tag, kind) = get(key).await;
        assert_eq!((&body[..], kind.as_deref()), (&b"one"[..], Some("text/x")));
        assert_eq!(written.e_tag.as_deref(), Some(tag.as_str()));
        let again = put(&services, key, b"two")
            .if_none_match("*")
            .send()
            .await
            .unwrap_err();
        assert_eq!(again.code(), Some("PreconditionFailed"));
        put(&services, key, b"three")
            .if_match(&tag)
            .send()
            .await
            .unwrap();
        assert_eq!(&get(key).await.0[..], b"three");

        let source = format!("bucket/{key}");
        let other = format!("x{}", &key[1..]);
        let copy = services
            .s3
            .copy_object()
            .copy_source(&source)
            .bucket("bucket")
            .key(&other);
        copy.send().await.unwrap();
        assert_eq!(&get(&other).await.0[..], b"three");

        let s3 = aws::s3::S3::new(services.s3.clone());
        let mut upload = s3.upload("bucket", key, &aws::s3::PutOptions::default());
        let parts = vec![b'p'; 20_000_000];
        upload.write(&parts).await.unwrap();
        upload.finish().await.unwrap();
        let (body, tag, _) = get(key).await;
        assert!(body == parts && tag.contains('-'), "{tag}");

        let list = services
            .s3
            .list_objects_v2()
            .bucket("bucket")
            .send()
            .await
            .unwrap();
        let listed: Vec<_> = list
            .contents()
            .iter()
            .map(|object| (object.key().unwrap(), object.size().unwrap()))
            .collect();
        assert_eq!(listed, [(key.as_str(), 20_000_000), (other.as_str(), 5)]);
        for key in [key, &other] {
            services
                .s3
                .delete_object()
                .bucket("bucket")
                .key(key)
                .send()
                .await
                .unwrap();
            let gone = services
                .s3
                .get_object()
                .bucket("bucket")
                .key(key)
                .send()
                .await
                .unwrap_err();
            assert_eq!(gone.code(), Some("NoSuchKey"));
        }
        put(&services, key, b"anew").send().await.unwrap();
        assert_eq!(&get(key).await.0[..], b"anew");
        services
            .s3
            .delete_object()
            .bucket("bucket")
            .key(key)
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn reads_keep_to_their_condition() {
    let services = started().await;
    let tag = async |body| {
        let written = put(&services, "k", body).send().await.unwrap();
        written.e_tag.unwrap()
    };
    let (old, now) = (tag(b"old").await, tag(b"now").await);
    let get = || services.s3.get_object().bucket("bucket").key("k");
    let head = || services.s3.head_object().bucket("bucket").key("k");
    get().if_match(&now).send().await.unwrap();
    get().if_match("*").send().await.unwrap();
    get().if_none_match(&old).send().await.unwrap();
    head().if_match(&now).send().await.unwrap();

    let replaced = get().if_match(&old).range("bytes=0-1").send().await;
    assert_eq!(replaced.unwrap_err().code(), Some("PreconditionFailed"));
    let replaced = head().if_match(&old).send().await.unwrap_err();
    let raw = replaced.raw_response().map(|raw| raw.status().as_u16());
    assert_eq!(raw, Some(412));
    let unchanged = get().if_none_match(&now).send().await.unwrap_err();
    let raw = unchanged.raw_response().map(|raw| raw.status().as_u16());
    assert_eq!(raw, Some(304));
}

#[tokio::test]
async fn of_writers_with_one_condition_one_wins() {
    let services = started().await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let writer = put(&services, "checkpoint", b"mine").if_none_match("*");
        writers.spawn(async move { writer.send().await.is_ok() });
    }
    let won = writers
        .join_all()
        .await
        .into_iter()
        .filter(|won| *won)
        .count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn scripted_faults_strike() {
    let services = started().await;
    put(&services, "k", b"0123456789").send().await.unwrap();
    let fault = |effect| {
        Fault::new(Service::S3, effect)
            .operation("GetObject")
            .target("bucket/k")
    };
    let get = || services.s3.get_object().bucket("bucket").key("k").send();

    services.faults.add(fault(Effect::Error {
        status: 503,
        code: "SlowDown".to_owned(),
        message: "reduce your request rate".to_owned(),
    }));
    assert_eq!(get().await.unwrap_err().code(), Some("SlowDown"));

    services.faults.add(fault(Effect::ResetBefore));
    services.faults.add(fault(Effect::ResetMidBody).after(1));
    assert!(get().await.unwrap_err().code().is_none());
    let body = get().await.unwrap().body.collect().await;
    assert!(body.is_err(), "half a body is an error");
    let body = get().await.unwrap().body.collect().await.unwrap();
    assert_eq!(body.into_bytes().as_ref(), b"0123456789");

    services
        .faults
        .add(Fault::new(Service::S3, Effect::ResetAfter).operation("PutObject"));
    put(&services, "after", b"there").send().await.unwrap_err();
    services
        .s3
        .head_object()
        .bucket("bucket")
        .key("after")
        .send()
        .await
        .unwrap();
    assert_eq!(services.faults.n_calls(Service::S3, "GetObject"), 4);
    assert_eq!(services.faults.n_struck(), 4);
}
