//! Uploads in parts: a folder each, with the parts as files, until they become an object.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::attributes::{self, Attributes, Headers, Identity, Record};
use super::conditional::WriteCondition;
use super::digest::{Algorithm, Checksum, Digesting, Digests, composite, hex, multipart_etag};
use super::error::{no_such_upload, of_file};
use super::files::{Exchange, Files, NewObject, is_absent};
use super::keys::KeyPath;
use super::request::Place;
use super::unfinished::{Received, Unfinished};

/// Smallest part but the last in bytes, inclusive. Source: S3 User Guide, "Multipart upload limits".
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

/// Highest part number, inclusive. Source: as of [`PART_BYTES_MIN`].
pub(super) const PARTS_MAX: i32 = 10_000;

/// File of an upload's own, beside its parts.
const UPLOAD: &str = "upload.json";

/// An upload that was begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) headers: Headers,
    /// Of the parts, and of the object.
    pub(super) algorithm: Option<Algorithm>,
    /// Whether the object's checksum is that of its bytes instead of its parts' checksums.
    pub(super) is_of_full_object: bool,
    pub(super) begun: SystemTime,
}

/// A part that was received.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) content: Identity,
    pub(super) attributes: Attributes,
}

/// A part as the client names it when the upload is to become an object.
#[derive(Debug)]
pub(super) struct WantedPart {
    pub(super) number: i32,
    /// Without quotes.
    pub(super) etag: Option<String>,
    pub(super) checksum: Option<Checksum>,
}

/// What an upload is to become.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) place: Place,
    pub(super) upload_id: String,
    pub(super) parts: Vec<WantedPart>,
    /// The object's checksum, as the client has it.
    pub(super) checksum: Option<Checksum>,
    pub(super) condition: WriteCondition,
}

impl Files {
    pub(super) fn upload_folder(&self, id: &str) -> PathBuf {
        self.own_folder("uploads").join(id)
    }

    /// Begins an upload and names it.
    pub(super) fn begin_upload(&self, upload: &Upload) -> S3Result<String> {
        KeyPath::of(&upload.key)?;
        self.bucket_folder(&upload.bucket)?;
        let id = hex(&rand::random::<[u8; 16]>());
        let folder = self.upload_folder(&id);
        let failed = |error: io::Error| of_file(&error, &folder);
        let begun = self.bench.path();
        let text = serde_json::to_vec(upload).map_err(io::Error::other);
        fs::create_dir(&begun).map_err(failed)?;
        text.and_then(|text| fs::write(begun.join(UPLOAD), text))
            .and_then(|()| fs::create_dir_all(self.own_folder("uploads")))
            .and_then(|()| fs::rename(&begun, &folder))
            .map_err(failed)?;
        Ok(id)
    }

    /// The upload of this name to this key.
    pub(super) fn upload(&self, place: &Place, id: &str) -> S3Result<Upload> {
        self.bucket_folder(&place.bucket)?;
        let upload = self.upload_of_id(id)?.ok_or_else(no_such_upload)?;
        let is_of_key = upload.bucket == place.bucket && upload.key == place.key;
        is_of_key.then_some(upload).ok_or_else(no_such_upload)
    }

    fn upload_of_id(&self, id: &str) -> S3Result<Option<Upload>> {
        let is_id = id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_id {
            return Ok(None);
        }
        let path = self.upload_folder(id).join(UPLOAD);
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(of_file(&error, &path)),
        }
    }

    /// The bucket's uploads that became no object yet, with their names, in the order of their keys.
    pub(super) fn uploads(&self, bucket: &str) -> S3Result<Vec<(String, Upload)>> {
        self.bucket_folder(bucket)?;
        let folder = self.own_folder("uploads");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(of_file(&error, &folder)),
        };
        let mut uploads = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| of_file(&error, &folder))?;
            let id = entry.file_name().to_string_lossy().into_owned();
            let upload = self.upload_of_id(&id)?;
            uploads.extend(upload.map(|upload| (id, upload)));
        }
        uploads.retain(|(_, upload)| upload.bucket == bucket);
        uploads.sort_by(|(id, upload), (other_id, other)| {
            (&upload.key, upload.begun, id).cmp(&(&other.key, other.begun, other_id))
        });
        Ok(uploads)
    }

    /// Adds a part that was received, in place of one of this number.
    pub(super) fn put_part(
        &self,
        place: &Place,
        upload_id: &str,
        number: i32,
        part: Received,
    ) -> S3Result<Part> {
        let mut last = self.change();
        // An upload that was aborted while the part came is no more.
        self.upload(place, upload_id)?;
        let folder = self.upload_folder(upload_id);
        let (path, attributes_path) = part_paths(&folder, number);
        let replaced = read_part(&folder, number)?;
        let attributes = Attributes {
            etag: part.digests.md5,
            checksum: part.digests.checksum,
            headers: Headers::default(),
        };
        let exchange = Exchange {
            path: &path,
            attributes_path: &attributes_path,
            replaced: replaced.map(|part| Record::new(part.content, part.attributes)),
        };
        let content = self.exchange(part.content, attributes.clone(), exchange, &mut last)?;
        Ok(Part {
            number,
            content,
            attributes,
        })
    }

    /// The parts that were received, by number.
    pub(super) fn parts(&self, place: &Place, upload_id: &str) -> S3Result<Vec<Part>> {
        self.upload(place, upload_id)?;
        let folder = self.upload_folder(upload_id);
        let failed = |error: io::Error| {
            if is_absent(&error) {
                return no_such_upload();
            }
            of_file(&error, &folder)
        };
        let mut parts = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            if let Some(number) = number {
                parts.extend(read_part(&folder, number)?);
            }
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// Ends an upload; its parts go, and so do those that are still coming.
    pub(super) fn abort_upload(&self, place: &Place, upload_id: &str) -> S3Result<()> {
        let _changing = self.change();
        self.upload(place, upload_id)?;
        self.discard_folder(&self.upload_folder(upload_id))
    }

    /// Makes an object of an upload's parts.
    pub(super) fn complete_upload(&self, completion: Completion) -> S3Result<Attributes> {
        let Completion {
            place,
            upload_id,
            parts: wanted,
            checksum: claimed,
            condition,
        } = completion;
        let upload = self.upload(&place, &upload_id)?;
        let parts = chosen(self.parts(&place, &upload_id)?, &wanted)?;
        let folder = self.upload_folder(&upload_id);
        let (content, digests) = self.assemble(&upload, &folder, &parts)?;
        let attributes = Attributes {
            etag: multipart_etag(&fields(&parts, |part| Some(part.attributes.etag.clone()))),
            checksum: checksum_of(&upload, &parts, digests),
            headers: upload.headers,
        };
        if let (Some(claimed), Some(found)) = (&claimed, &attributes.checksum)
            && claimed.algorithm == found.algorithm
            && claimed.value != found.value
            && !found.value.starts_with(&format!("{}-", claimed.value))
        {
            return Err(s3_error!(
                BadDigest,
                "the {} {} is not the object's, which is {}",
                found.algorithm.name(),
                claimed.value,
                found.value
            ));
        }
        self.put(NewObject {
            place,
            content,
            attributes: attributes.clone(),
            condition,
            event_name: "ObjectCreated:CompleteMultipartUpload",
            upload: Some(folder),
        })?;
        Ok(attributes)
    }

    fn assemble(
        &self,
        upload: &Upload,
        folder: &Path,
        parts: &[Part],
    ) -> S3Result<(Unfinished, Option<Digests>)> {
        let (content, mut whole) = self.bench.create()?;
        let algorithm = upload.algorithm.filter(|_| upload.is_of_full_object);
        let mut digesting = algorithm.map(|algorithm| Digesting::new(Some(algorithm)));
        for part in parts {
            let (path, _) = part_paths(folder, part.number);
            let mut file = File::open(&path).map_err(|error| of_file(&error, &path))?;
            let metadata = file.metadata().map_err(|error| of_file(&error, &path))?;
            if Identity::of(&metadata) != part.content {
                return Err(invalid_part());
            }
            let copied = match &mut digesting {
                Some(digesting) => digesting.copy(&mut file, &mut whole),
                None => io::copy(&mut file, &mut whole),
            };
            copied.map_err(|error| of_file(&error, content.path()))?;
        }
        Ok((content, digesting.map(Digesting::finish)))
    }
}

/// The object's checksum; none if the parts have none.
fn checksum_of(upload: &Upload, parts: &[Part], whole: Option<Digests>) -> Option<Checksum> {
    if let Some(whole) = whole {
        return whole.checksum;
    }
    let algorithm = upload.algorithm?;
    let values = fields(parts, |part| {
        let checksum = part.attributes.checksum.as_ref();
        let checksum = checksum.filter(|checksum| checksum.algorithm == algorithm)?;
        Some(checksum.value.clone())
    });
    (values.len() == parts.len()).then(|| composite(algorithm, &values))
}

fn fields(parts: &[Part], field: impl Fn(&Part) -> Option<String>) -> Vec<String> {
    parts.iter().filter_map(field).collect()
}

/// The parts that are wanted, if they are there, as they are wanted and in order.
fn chosen(parts: Vec<Part>, wanted: &[WantedPart]) -> S3Result<Vec<Part>> {
    if wanted.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "You must specify at least one part"
        ));
    }
    let numbers = wanted.iter().map(|part| part.number);
    if !numbers.is_sorted_by(|number, next| number < next) {
        return Err(s3_error!(
            InvalidPartOrder,
            "The list of parts was not in ascending order. The parts list must be specified in order by part number."
        ));
    }
    let mut there = parts.into_iter();
    let mut chosen: Vec<Part> = Vec::with_capacity(wanted.len());
    for part in wanted {
        let found = there.find(|found| found.number == part.number);
        let found = found.filter(|found| is_as_wanted(found, part));
        chosen.push(found.ok_or_else(invalid_part)?);
    }
    let all_but_last = chosen.split_last().map_or(&[][..], |(_, rest)| rest);
    if all_but_last
        .iter()
        .any(|part| part.content.size < PART_BYTES_MIN)
    {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed object size."
        ));
    }
    Ok(chosen)
}

fn is_as_wanted(found: &Part, wanted: &WantedPart) -> bool {
    let is_content = wanted.etag.as_ref() == Some(&found.attributes.etag);
    let checksums = wanted
        .checksum
        .as_ref()
        .zip(found.attributes.checksum.as_ref());
    is_content && checksums.is_none_or(|(wanted, found)| wanted == found)
}

fn invalid_part() -> s3s::S3Error {
    s3_error!(
        InvalidPart,
        "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag."
    )
}

fn part_paths(folder: &Path, number: i32) -> (PathBuf, PathBuf) {
    let path = folder.join(format!("{number:05}"));
    let attributes_path = path.with_extension("json");
    (path, attributes_path)
}

fn read_part(folder: &Path, number: i32) -> S3Result<Option<Part>> {
    let (path, attributes_path) = part_paths(folder, number);
    let content = match fs::metadata(&path) {
        Ok(metadata) => Identity::of(&metadata),
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(of_file(&error, &path)),
    };
    let attributes = attributes::read(&attributes_path, content);
    let attributes = attributes.map_err(|error| of_file(&error, &attributes_path))?;
    Ok(attributes.map(|attributes| Part {
        number,
        content,
        attributes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: i32, etag: &str, size: u64) -> Part {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        File::create(&path).unwrap().set_len(size).unwrap();
        Part {
            number,
            content: Identity::of(&fs::metadata(path).unwrap()),
            attributes: Attributes {
                etag: etag.to_owned(),
                ..Attributes::default()
            },
        }
    }

    #[test]
    fn parts_are_held_to_what_is_wanted() {
        let check = |wanted: &[(i32, &str)], sizes: [u64; 3], expected: Option<&str>| {
            let there = vec![
                part(1, "a", sizes[0]),
                part(2, "b", sizes[1]),
                part(7, "c", sizes[2]),
            ];
            let wanted: Vec<_> = wanted
                .iter()
                .map(|(number, etag)| WantedPart {
                    number: *number,
                    etag: Some((*etag).to_owned()).filter(|etag| !etag.is_empty()),
                    checksum: None,
                })
                .collect();
            let refused = chosen(there, &wanted).err();
            let code = refused.map(|error| error.code().as_str().to_owned());
            assert_eq!(code.as_deref(), expected, "{wanted:?}");
        };
        let large = [PART_BYTES_MIN, PART_BYTES_MIN, 1];
        check(&[(1, "a"), (2, "b"), (7, "c")], large, None);
        check(&[(1, "a"), (7, "c")], large, None);
        check(&[], large, Some("MalformedXML"));
        check(&[(2, "b"), (1, "a")], large, Some("InvalidPartOrder"));
        check(&[(1, "a"), (1, "a")], large, Some("InvalidPartOrder"));
        check(&[(1, "a"), (3, "b")], large, Some("InvalidPart"));
        check(&[(1, "b")], large, Some("InvalidPart"));
        check(&[(1, "")], large, Some("InvalidPart"));
        let small = [PART_BYTES_MIN - 1, PART_BYTES_MIN, 1];
        check(&[(1, "a")], small, None);
        check(&[(1, "a"), (2, "b")], small, Some("EntityTooSmall"));
    }
}
