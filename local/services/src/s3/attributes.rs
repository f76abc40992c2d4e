//! What is known of an object beside its bytes, and the file beside it that says so.
//!
//! An object's attributes are written before the object, with the size and the time of the bytes that they belong to;
//! those of the object that is there until then stay beside them. Whenever a process is killed, the object has its own
//! attributes. A file that somebody else wrote or changed has none: they are derived from its bytes and its name.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use s3s::dto::Timestamp;
use serde::{Deserialize, Serialize};

use super::digest::{Checksum, Digesting};

/// Content type of an object that nobody gave one. Source: S3 API, PutObject.
pub(super) const CONTENT_TYPE: &str = "binary/octet-stream";

/// Content types of files that were put into the folder by hand.
const CONTENT_TYPES: [(&str, &str); 11] = [
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
];

/// Attributes of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    /// Entity tag, without quotes.
    pub(super) etag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<Checksum>,
    #[serde(default)]
    pub(super) headers: Headers,
}

/// What an object's writer gives with it and its readers get back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Headers {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) website_redirect_location: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
}

/// Tells a file's content from what was there before and after. Writers of this process never give two the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Size in bytes.
    pub(super) size: u64,
    /// Time of the last change, in seconds since 1970, and what is left of it in nanoseconds.
    seconds: i64,
    nanoseconds: i64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        }
    }

    /// When it was written, in whole seconds, as HTTP's dates have.
    pub(super) fn modified(self) -> Timestamp {
        let seconds = Duration::from_secs(self.seconds.unsigned_abs());
        let time = if self.seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(seconds)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(seconds)
        };
        time.unwrap_or(SystemTime::UNIX_EPOCH).into()
    }
}

/// Attributes and the content that they belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    content: Identity,
    attributes: Attributes,
}

impl Record {
    pub(super) fn new(content: Identity, attributes: Attributes) -> Self {
        Self {
            content,
            attributes,
        }
    }
}

/// The file beside an object: of the object that is there, and of the one that is about to replace it.
#[derive(Debug, Serialize, Deserialize)]
struct Sidecar {
    records: Vec<Record>,
}

/// Reads the attributes of this content; `None` if nobody wrote them down.
pub(super) fn read(path: &Path, content: Identity) -> io::Result<Option<Attributes>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Ok(sidecar) = serde_json::from_slice::<Sidecar>(&bytes) else {
        return Ok(None);
    };
    let mut records = sidecar.records.into_iter();
    let found = records.find(|record| record.content == content);
    Ok(found.map(|record| record.attributes))
}

/// Writes these records in place of those that are there, at once. `unfinished` is a path that nobody else writes to.
pub(super) fn write(path: &Path, records: Vec<Record>, unfinished: &Path) -> io::Result<()> {
    let bytes = serde_json::to_vec(&Sidecar { records }).map_err(io::Error::other)?;
    if let Some(folder) = path.parent()
        && !folder.is_dir()
    {
        fs::create_dir_all(folder)?;
    }
    let written = fs::write(unfinished, bytes).and_then(|()| fs::rename(unfinished, path));
    if written.is_err() {
        // What the failure is, is told; this only tidies up.
        let _ = fs::remove_file(unfinished);
    }
    written
}

/// Derives the attributes of a file that was put there by hand. `key` is its key.
pub(super) fn derive(file: &mut File, key: &str) -> io::Result<Attributes> {
    let mut digesting = Digesting::new(None);
    digesting.copy(file, &mut io::sink())?;
    let extension = key.rsplit_once('.').map(|(_, extension)| extension);
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    let content_type = CONTENT_TYPES.iter().find(|(known, _)| *known == extension);
    let content_type = content_type.map_or(CONTENT_TYPE, |(_, content_type)| content_type);
    Ok(Attributes {
        etag: digesting.finish().md5,
        checksum: None,
        headers: Headers {
            content_type: Some(content_type.to_owned()),
            ..Headers::default()
        },
    })
}
