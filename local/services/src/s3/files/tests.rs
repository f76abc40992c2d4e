use std::io::{Read as _, Write as _};

use tempfile::TempDir;

use super::*;
use crate::s3::attributes::Headers;
use crate::s3::digest::Digesting;

pub(in crate::s3) fn started() -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open_root(folder.path(), broadcast::channel(1).0).unwrap();
    files.create_bucket("bucket").unwrap();
    (folder, files)
}

fn new(files: &Files, key: &str, bytes: &[u8]) -> NewObject {
    let (content, mut file) = files.bench.create().unwrap();
    file.write_all(bytes).unwrap();
    let mut digesting = Digesting::new(None);
    digesting.update(bytes);
    NewObject {
        place: place(key),
        content,
        attributes: Attributes {
            etag: digesting.finish().md5,
            checksum: None,
            headers: Headers {
                content_type: Some(String::from_utf8_lossy(bytes).into_owned()),
                ..Headers::default()
            },
        },
        condition: WriteCondition::default(),
        event_name: "ObjectCreated:Put",
        upload: None,
    }
}

fn place(key: &str) -> Place {
    Place {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
    }
}

pub(in crate::s3) fn put(files: &Files, key: &str, bytes: &[u8]) {
    files.put(new(files, key, bytes)).unwrap();
}

/// An object's bytes and what its content type says they are.
fn read(files: &Files, key: &str) -> (String, String) {
    let mut found = files.open(&place(key)).unwrap();
    let mut bytes = String::new();
    found.file.read_to_string(&mut bytes).unwrap();
    (bytes, found.attributes.headers.content_type.unwrap())
}

/// What a process that is killed between any two steps of a write leaves is a whole object.
#[test]
fn an_object_keeps_its_attributes_until_it_is_replaced() {
    let (folder, files) = started();
    put(&files, "k", b"old");
    let before = Identity::of(&fs::metadata(folder.path().join("bucket/k")).unwrap());

    // Of the same size, and with its attributes written; the content does not come.
    let new = new(&files, "k", b"new");
    let attributes_path = files.attributes_path("bucket", "k");
    let content = stamp(new.content.path(), &mut files.change()).unwrap();
    let there = files.there(&place("k"), &new.condition).unwrap().unwrap();
    let records = vec![
        Record::new(content, new.attributes.clone()),
        there.into_record().unwrap(),
    ];
    attributes::write(&attributes_path, records, &files.bench.path()).unwrap();
    assert_eq!(read(&files, "k"), ("old".to_owned(), "old".to_owned()));

    // The next start removes the content on its way, and no more.
    let path = new.content.path().to_owned();
    std::mem::forget(new);
    let files = Files::open_root(folder.path(), broadcast::channel(1).0).unwrap();
    assert!(!path.exists());
    assert_eq!(read(&files, "k"), ("old".to_owned(), "old".to_owned()));
    assert_ne!(before, content);
    put(&files, "k", b"newer");
    assert_eq!(read(&files, "k"), ("newer".to_owned(), "newer".to_owned()));
}

#[test]
fn contents_have_times_of_their_own() {
    let (folder, files) = started();
    let mut last = None;
    for _ in 0..100 {
        put(&files, "k", b"same");
        let metadata = fs::metadata(folder.path().join("bucket/k")).unwrap();
        let content = Some(Identity::of(&metadata));
        assert_ne!(content, last);
        last = content;
    }
}

#[test]
fn attributes_that_are_broken_are_derived() {
    let (_folder, files) = started();
    put(&files, "k.txt", b"old");
    let path = files.attributes_path("bucket", "k.txt");
    for text in ["", "{", "{\"records\":[]}", "[]"] {
        fs::write(&path, text).unwrap();
        let (bytes, content_type) = read(&files, "k.txt");
        assert_eq!(
            (bytes.as_str(), content_type.as_str()),
            ("old", "text/plain")
        );
    }
}
