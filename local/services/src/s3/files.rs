//! Buckets as folders and objects as files, each with its attributes beside it. What is here waits for the disk.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use s3s::{S3Result, s3_error};
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;

use super::attributes::{self, Attributes, Identity, Record};
use super::conditional::WriteCondition;
use super::created::ObjectCreated;
use super::digest::hex;
use super::error::{no_such_bucket, no_such_key, no_such_upload, of_file};
use super::folders::Folders;
use super::keys::{self, KeyFault, KeyPath};
use super::request::Place;
use super::unfinished::{Unfinished, Workbench};

/// Folder of what is no bucket, beside the buckets.
const OWN_FOLDER: &str = ".s3";

/// How often an object is looked at again that was replaced while it was looked at.
const LOOKS_MAX: usize = 1000;

/// Smallest step between the times of two contents: file systems keep no less.
const TIME_STEP: Duration = Duration::from_micros(1);

/// Buckets and objects below one folder.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    pub(super) bench: Workbench,
    pub(super) folders: Folders,
    created: broadcast::Sender<ObjectCreated>,
    /// Held by who changes what is there; the time of the content that was put there last.
    changing: Mutex<SystemTime>,
}

/// An object that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    pub(super) content: Identity,
    pub(super) attributes: Attributes,
}

/// An object that is about to be replaced or deleted.
struct There {
    content: Identity,
    attributes: Option<Attributes>,
}

impl There {
    /// Its entity tag; empty if nobody wrote it down or wants it.
    fn etag(&self) -> &str {
        let attributes = self.attributes.as_ref();
        attributes.map_or("", |attributes| &attributes.etag)
    }

    fn into_record(self) -> Option<Record> {
        Some(Record::new(self.content, self.attributes?))
    }
}

/// An object that is about to be.
#[derive(Debug)]
pub(super) struct NewObject {
    pub(super) place: Place,
    pub(super) content: Unfinished,
    pub(super) attributes: Attributes,
    pub(super) condition: WriteCondition,
    /// As in a notification.
    pub(super) event_name: &'static str,
    /// Folder of the upload that it comes from: it must still be there, and goes when the object is.
    pub(super) upload: Option<PathBuf>,
}

/// Where a content goes.
pub(super) struct Exchange<'a> {
    pub(super) path: &'a Path,
    pub(super) attributes_path: &'a Path,
    /// Of the content that is there.
    pub(super) replaced: Option<Record>,
}

impl Files {
    /// Opens the folder `root`; what a killed process left unfinished there goes.
    pub(super) fn open_root(
        root: &Path,
        created: broadcast::Sender<ObjectCreated>,
    ) -> io::Result<Self> {
        let own = root.join(OWN_FOLDER);
        fs::create_dir_all(&own)?;
        Ok(Self {
            root: root.to_path_buf(),
            bench: Workbench::start(own.join("unfinished"))?,
            folders: Folders::default(),
            created,
            changing: Mutex::new(SystemTime::now()),
        })
    }

    /// A folder of the storage's own, beside the buckets.
    pub(super) fn own_folder(&self, name: &str) -> PathBuf {
        self.root.join(OWN_FOLDER).join(name)
    }

    /// Keeps everybody else from changing anything; reads go on.
    pub(super) fn change(&self) -> MutexGuard<'_, SystemTime> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder of a bucket that is there.
    pub(super) fn bucket_folder(&self, bucket: &str) -> S3Result<PathBuf> {
        let folder = self.root.join(bucket);
        let is_bucket = s3s::path::check_bucket_name(bucket) && folder.is_dir();
        is_bucket.then_some(folder).ok_or_else(no_such_bucket)
    }

    /// Where an object's attributes are: not beside its file, which belongs to whoever looks into the folder.
    pub(super) fn attributes_path(&self, bucket: &str, key: &str) -> PathBuf {
        let digest = Sha256::digest(key);
        let digits = hex(digest.get(..16).unwrap_or_default());
        let (first, rest) = digits.split_at(2);
        let folder = self.own_folder("attributes").join(bucket).join(first);
        folder.join(rest).with_extension("json")
    }

    /// The paths that an object may be at: the one of its name goes before the one beside a folder of that name.
    fn paths(&self, place: &Place) -> S3Result<impl Iterator<Item = PathBuf> + use<>> {
        let path = KeyPath::of(&place.key)?;
        let folder = self.bucket_folder(&place.bucket)?.join(path.folder());
        let aside = keys::aside(&path.name).map(|name| folder.join(name));
        Ok([folder.join(path.name)].into_iter().chain(aside))
    }

    fn file_of(&self, place: &Place) -> S3Result<Option<(PathBuf, Metadata)>> {
        for path in self.paths(place)? {
            if let Some(metadata) = file_at(&path)? {
                return Ok(Some((path, metadata)));
            }
        }
        Ok(None)
    }

    /// Opens an object for reading: its bytes, and the attributes that belong to these bytes.
    pub(super) fn open(&self, place: &Place) -> S3Result<Found> {
        let attributes_path = self.attributes_path(&place.bucket, &place.key);
        for _ in 0..LOOKS_MAX {
            let Some((path, _)) = self.file_of(place)? else {
                return Err(no_such_key());
            };
            let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
            let (metadata, mut file) = match opened {
                Ok(opened) => opened,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(of_file(&error, &path)),
            };
            let content = Identity::of(&metadata);
            let known = attributes::read(&attributes_path, content);
            let known = known.map_err(|error| of_file(&error, &attributes_path))?;
            let attributes = match known {
                Some(attributes) => attributes,
                // It was replaced meanwhile: the attributes are its successor's.
                None if self.content_of(place)? != Some(content) => continue,
                None => self.derive(place, &mut file, &path, content)?,
            };
            io::Seek::rewind(&mut file).map_err(|error| of_file(&error, &path))?;
            return Ok(Found {
                file,
                content,
                attributes,
            });
        }
        Err(s3_error!(
            SlowDown,
            "the object is replaced too often to be read; try again"
        ))
    }

    fn content_of(&self, place: &Place) -> S3Result<Option<Identity>> {
        let found = self.file_of(place)?;
        Ok(found.map(|(_, metadata)| Identity::of(&metadata)))
    }

    /// Derives the attributes of a file that was put there by hand, and keeps them for the next who asks.
    fn derive(
        &self,
        place: &Place,
        file: &mut File,
        path: &Path,
        content: Identity,
    ) -> S3Result<Attributes> {
        let derived = attributes::derive(file, &place.key);
        let derived = derived.map_err(|error| of_file(&error, path))?;
        let _changing = self.change();
        if self.content_of(place)? == Some(content) {
            let record = Record::new(content, derived.clone());
            let attributes_path = self.attributes_path(&place.bucket, &place.key);
            // Without it, they are derived again the next time.
            let _ = attributes::write(&attributes_path, vec![record], &self.bench.path());
        }
        Ok(derived)
    }

    /// The object that a change is about to replace or delete. Its attributes are those that are written down, or derived
    /// if the condition wants them.
    fn there(&self, place: &Place, condition: &WriteCondition) -> S3Result<Option<There>> {
        let Some((path, metadata)) = self.file_of(place)? else {
            return Ok(None);
        };
        let content = Identity::of(&metadata);
        let attributes_path = self.attributes_path(&place.bucket, &place.key);
        let known = attributes::read(&attributes_path, content);
        let mut attributes = known.map_err(|error| of_file(&error, &attributes_path))?;
        if attributes.is_none() && condition.wants_etag() {
            let derived =
                File::open(&path).and_then(|mut file| attributes::derive(&mut file, &place.key));
            attributes = Some(derived.map_err(|error| of_file(&error, &path))?);
        }
        Ok(Some(There {
            content,
            attributes,
        }))
    }

    /// Puts a new object in place of the one that is there, if its condition holds; nobody sees anything between.
    pub(super) fn put(&self, new: NewObject) -> S3Result<Identity> {
        let mut last = self.change();
        let there = self.there(&new.place, &new.condition)?;
        new.condition.check(there.as_ref().map(There::etag))?;
        if let Some(upload) = &new.upload
            && !upload.is_dir()
        {
            return Err(no_such_upload());
        }
        let path = self.make_way(&new.place)?;
        let mut created = ObjectCreated {
            bucket: new.place.bucket.clone(),
            key: new.place.key.clone(),
            etag: new.attributes.etag.clone(),
            size: 0,
            event_name: new.event_name,
        };
        let exchange = Exchange {
            path: &path,
            attributes_path: &self.attributes_path(&new.place.bucket, &new.place.key),
            replaced: there.and_then(There::into_record),
        };
        let identity = self.exchange(new.content, new.attributes, exchange, &mut last)?;
        created.size = identity.size;
        for other in self.paths(&new.place)?.filter(|other| *other != path) {
            remove_file(&other)?;
        }
        // Nobody may be listening.
        let _ = self.created.send(created);
        if let Some(upload) = &new.upload {
            self.discard_folder(upload)?;
        }
        Ok(identity)
    }

    /// Puts a content where it belongs, with its attributes: these first, beside those of the content that is there.
    pub(super) fn exchange(
        &self,
        content: Unfinished,
        attributes: Attributes,
        exchange: Exchange<'_>,
        last: &mut SystemTime,
    ) -> S3Result<Identity> {
        let identity = stamp(content.path(), last);
        let identity = identity.map_err(|error| of_file(&error, content.path()))?;
        let records = [Record::new(identity, attributes)].into_iter();
        let records = records.chain(exchange.replaced).collect();
        attributes::write(exchange.attributes_path, records, &self.bench.path())
            .map_err(|error| of_file(&error, exchange.attributes_path))?;
        let put = content.put(exchange.path);
        put.map_err(|error| of_file(&error, exchange.path))?;
        Ok(identity)
    }

    /// Removes a folder of the storage's own at once, and what is in it afterwards.
    pub(super) fn discard_folder(&self, folder: &Path) -> S3Result<()> {
        let discarded = self.bench.path();
        fs::rename(folder, &discarded).map_err(|error| of_file(&error, folder))?;
        // What is left there goes at the next start.
        let _ = fs::remove_dir_all(&discarded);
        Ok(())
    }

    /// Makes the folders of an object that is about to be, and chooses its path. A file that has a folder's name gives
    /// way to it.
    fn make_way(&self, place: &Place) -> S3Result<PathBuf> {
        let path = KeyPath::of(&place.key)?;
        let mut folder = self.bucket_folder(&place.bucket)?;
        for name in &path.folders {
            let parent = folder.clone();
            folder.push(name);
            if folder.is_dir() {
                continue;
            }
            if file_at(&folder)?.is_some() {
                let aside = parent.join(keys::aside(name).ok_or(KeyFault::PartTooLong)?);
                fs::rename(&folder, &aside).map_err(|error| of_file(&error, &folder))?;
            }
            fs::create_dir(&folder).map_err(|error| of_file(&error, &folder))?;
        }
        let plain = folder.join(&path.name);
        if plain.is_dir() {
            let aside = keys::aside(&path.name).ok_or(KeyFault::PartTooLong)?;
            return Ok(folder.join(aside));
        }
        Ok(plain)
    }

    /// Deletes an object, if it is there and the condition holds, and the folders that are empty without it.
    pub(super) fn delete(&self, place: &Place, condition: &WriteCondition) -> S3Result<()> {
        let _changing = self.change();
        let bucket = self.bucket_folder(&place.bucket)?;
        if condition.if_match.is_some() {
            let there = self.there(place, condition)?;
            condition.check(there.as_ref().map(There::etag))?;
        }
        for path in self.paths(place)? {
            remove_file(&path)?;
        }
        remove_file(&self.attributes_path(&place.bucket, &place.key))?;
        let mut folder = bucket.join(KeyPath::of(&place.key)?.folder());
        while folder != bucket && fs::remove_dir(&folder).is_ok() {
            folder.pop();
        }
        Ok(())
    }

    pub(super) fn create_bucket(&self, bucket: &str) -> S3Result<()> {
        let folder = self.root.join(bucket);
        match fs::create_dir(&folder) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(s3_error!(
                BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it."
            )),
            Err(error) => Err(of_file(&error, &folder)),
        }
    }

    /// Deletes a bucket without objects; no file of anybody's goes with it.
    pub(super) fn delete_bucket(&self, bucket: &str) -> S3Result<()> {
        let folder = self.bucket_folder(bucket)?;
        let _changing = self.change();
        let failed = |error: io::Error| of_file(&error, &folder);
        if has_file(&folder).map_err(failed)? {
            return Err(s3_error!(
                BucketNotEmpty,
                "The bucket you tried to delete is not empty"
            ));
        }
        for (id, _) in self.uploads(bucket)? {
            self.discard_folder(&self.upload_folder(&id))?;
        }
        self.delete_cors(bucket)?;
        fs::remove_dir_all(&folder).map_err(failed)?;
        let attributes = self.own_folder("attributes").join(bucket);
        if attributes.is_dir() {
            self.discard_folder(&attributes)?;
        }
        Ok(())
    }

    /// The buckets by name, each with the time at which its folder was made.
    pub(super) fn buckets(&self) -> S3Result<Vec<(String, SystemTime)>> {
        let failed = |error: io::Error| of_file(&error, &self.root);
        let mut buckets = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let Ok(metadata) = fs::metadata(entry.path()) else {
                continue;
            };
            if metadata.is_dir() && s3s::path::check_bucket_name(&name) {
                let made = metadata.created().or_else(|_| metadata.modified());
                buckets.push((name, made.map_err(failed)?));
            }
        }
        buckets.sort();
        Ok(buckets)
    }
}

/// What is at a path, if it is a file.
fn file_at(path: &Path) -> S3Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(of_file(&error, path)),
    }
}

/// Whether there is nothing at a path, or a file where it has a folder.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Removes a file, if there is one.
pub(super) fn remove_file(path: &Path) -> S3Result<()> {
    if file_at(path)?.is_none() {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if !is_absent(&error) => Err(of_file(&error, path)),
        _ => Ok(()),
    }
}

fn has_file(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || has_file(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Gives a content a time that no other has, and tells it by that.
fn stamp(path: &Path, last: &mut SystemTime) -> io::Result<Identity> {
    let time = SystemTime::now().max(*last + TIME_STEP);
    let file = File::options().write(true).open(path)?;
    file.set_modified(time)?;
    *last = time;
    Ok(Identity::of(&file.metadata()?))
}

#[cfg(test)]
pub(super) mod tests;
