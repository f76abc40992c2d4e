//! Pages of a bucket's keys, in the order of their bytes: what a page costs is what is on it.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::{S3Result, s3_error};

use super::attributes::{self, Identity};
use super::error::of_file;
use super::files::{Files, is_absent};
use super::folders::Folders;
use super::keys::KEY_BYTES_MAX;

/// Most keys and common prefixes of a page, inclusive. Source: S3 API, ListObjectsV2.
pub(super) const PAGE_KEYS_MAX: usize = 1000;

/// Which keys a page has.
#[derive(Debug, Default)]
pub(super) struct PageRequest {
    /// Keys that begin with it.
    pub(super) prefix: String,
    /// Keys that go on after the prefix up to this text are one common prefix; empty for none.
    pub(super) delimiter: String,
    /// Keys behind this one, exclusive. If it is a common prefix, behind all keys that begin with it.
    pub(super) after: String,
    /// Most keys and common prefixes, inclusive.
    pub(super) n_keys_max: usize,
}

/// An object on a page.
#[derive(Debug)]
pub(super) struct ListedObject {
    pub(super) key: String,
    pub(super) content: Identity,
    /// Without quotes; of a file that was put there by hand and not read since, there is none.
    pub(super) etag: Option<String>,
}

/// Some of a bucket's keys.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<ListedObject>,
    pub(super) common_prefixes: Vec<String>,
    /// The last key or common prefix, if there are more behind it.
    pub(super) next: Option<String>,
}

impl Files {
    /// Lists a page of the bucket's keys.
    pub(super) fn list(&self, bucket: &str, request: &PageRequest) -> S3Result<Page> {
        let folder = self.bucket_folder(bucket)?;
        let mut page = Page::default();
        if request.n_keys_max == 0 {
            return Ok(page);
        }
        let mut walk = Walk::new(&self.folders, request);
        // Whether it ended early shows in `is_more`.
        let _ = walk
            .folder(&folder, "")
            .map_err(|error| of_file(&error, &folder))?;
        if walk.is_more {
            page.next = walk.found.last().map(|found| match found {
                Found::Object { key, .. } | Found::CommonPrefix(key) => key.clone(),
            });
        }
        for found in walk.found {
            match found {
                Found::CommonPrefix(prefix) => page.common_prefixes.push(prefix),
                Found::Object { key, path } => {
                    // It may have been deleted meanwhile.
                    page.objects.extend(self.listed(bucket, key, &path)?);
                }
            }
        }
        Ok(page)
    }

    fn listed(&self, bucket: &str, key: String, path: &Path) -> S3Result<Option<ListedObject>> {
        let content = match path.metadata() {
            Ok(metadata) => Identity::of(&metadata),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(of_file(&error, path)),
        };
        let attributes_path = self.attributes_path(bucket, &key);
        let known = attributes::read(&attributes_path, content);
        let known = known.map_err(|error| of_file(&error, &attributes_path))?;
        Ok(Some(ListedObject {
            key,
            content,
            etag: known.map(|attributes| attributes.etag),
        }))
    }
}

/// A continuation token for what is behind this key or common prefix.
pub(super) fn token(next: &str) -> String {
    URL_SAFE_NO_PAD.encode(next)
}

/// The key or common prefix that a continuation token goes on behind.
pub(super) fn parse_token(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "The continuation token provided is incorrect"
            )
        })
}

#[derive(Debug)]
enum Found {
    Object { key: String, path: PathBuf },
    CommonPrefix(String),
}

/// A walk through a bucket's folders in the order of the keys, from the first key of a page to its last.
struct Walk<'a> {
    folders: &'a Folders,
    request: &'a PageRequest,
    found: Vec<Found>,
    /// There is at least one more than the page takes.
    is_more: bool,
}

impl<'a> Walk<'a> {
    fn new(folders: &'a Folders, request: &'a PageRequest) -> Self {
        Self {
            folders,
            request,
            found: Vec::new(),
            is_more: false,
        }
    }

    /// Walks through a folder whose keys begin with `at`. Breaks when no key that comes now can be on the page.
    fn folder(&mut self, path: &Path, at: &str) -> io::Result<ControlFlow<()>> {
        let folder = match self.folders.read(path) {
            Ok(folder) => folder,
            Err(error) if is_absent(&error) => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error),
        };
        let first = self.first_part(at);
        let start = folder
            .names
            .partition_point(|name| name.part.as_str() < first);
        for name in folder.names.iter().skip(start) {
            let key = format!("{at}{}", name.part);
            let below = path.join(&name.name);
            let next = if !self.is_on_way(&key) {
                if key > self.request.prefix {
                    return Ok(ControlFlow::Break(()));
                }
                ControlFlow::Continue(())
            } else if name.is_folder() {
                self.subfolder(&below, &key)?
            } else {
                self.object(key, below)
            };
            if next.is_break() {
                return Ok(next);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The part of the first key that may be on the page, below a folder whose keys begin with `at`.
    fn first_part(&self, at: &str) -> &'a str {
        let first = (&self.request.after).max(&self.request.prefix);
        let rest = first.strip_prefix(at).unwrap_or_default();
        rest.split_inclusive('/').next().unwrap_or_default()
    }

    /// Whether the key, or one that begins with it, can begin with the prefix.
    fn is_on_way(&self, key: &str) -> bool {
        key.starts_with(&self.request.prefix)
            || key.ends_with('/') && self.request.prefix.starts_with(key)
    }

    fn subfolder(&mut self, path: &Path, key: &str) -> io::Result<ControlFlow<()>> {
        let after = &self.request.after;
        let is_behind = after.as_str() < key || after.starts_with(key);
        if !is_behind || key.len() >= KEY_BYTES_MAX {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(prefix) = self.common_prefix(key) else {
            return self.folder(path, key);
        };
        if self.is_known(prefix) || !self.has_object(path, key)? {
            return Ok(ControlFlow::Continue(()));
        }
        let prefix = prefix.to_owned();
        Ok(self.take(Found::CommonPrefix(prefix)))
    }

    fn object(&mut self, key: String, path: PathBuf) -> ControlFlow<()> {
        if key <= self.request.after || key.is_empty() || key.len() > KEY_BYTES_MAX {
            return ControlFlow::Continue(());
        }
        match self.common_prefix(&key) {
            None => self.take(Found::Object { key, path }),
            Some(prefix) if self.is_known(prefix) => ControlFlow::Continue(()),
            Some(prefix) => {
                let prefix = prefix.to_owned();
                self.take(Found::CommonPrefix(prefix))
            }
        }
    }

    /// The common prefix that a key, and all that begin with it, are part of.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = &self.request.delimiter;
        let rest = key.strip_prefix(self.request.prefix.as_str())?;
        if delimiter.is_empty() {
            return None;
        }
        let n_bytes = self.request.prefix.len() + rest.find(delimiter)? + delimiter.len();
        key.get(..n_bytes)
    }

    /// Whether the common prefix is on the page, or was the last of the page before.
    fn is_known(&self, prefix: &str) -> bool {
        let is_last = |found: &Found| matches!(found, Found::CommonPrefix(last) if last == prefix);
        prefix == self.request.after || self.found.last().is_some_and(is_last)
    }

    /// Whether there is an object behind `after` in the folder.
    fn has_object(&self, path: &Path, key: &str) -> io::Result<bool> {
        let request = PageRequest {
            after: self.request.after.clone(),
            n_keys_max: 1,
            ..PageRequest::default()
        };
        let mut walk = Walk::new(self.folders, &request);
        // One is enough: it ends early.
        let _ = walk.folder(path, key)?;
        Ok(!walk.found.is_empty())
    }

    fn take(&mut self, found: Found) -> ControlFlow<()> {
        if self.found.len() == self.request.n_keys_max {
            self.is_more = true;
            return ControlFlow::Break(());
        }
        self.found.push(found);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::s3::files::tests::{put, started};
    use crate::s3::keys::KeyPath;

    /// A page, by looking at all keys.
    fn expected(keys: &BTreeSet<String>, request: &PageRequest) -> (Vec<String>, bool) {
        let mut found: Vec<String> = Vec::new();
        let there = keys
            .iter()
            .filter(|key| key.starts_with(&request.prefix) && **key > request.after);
        for key in there {
            let rest = &key[request.prefix.len()..];
            let end = rest.find(&request.delimiter);
            let end = end.filter(|_| !request.delimiter.is_empty());
            let one = match end {
                Some(end) => &key[..request.prefix.len() + end + request.delimiter.len()],
                None => key,
            };
            let is_known = found.last().is_some_and(|last| last == one);
            let is_passed = end.is_some() && one == request.after;
            if !is_known && !is_passed {
                found.push(one.to_owned());
            }
        }
        let is_more = found.len() > request.n_keys_max;
        found.truncate(request.n_keys_max);
        (found, is_more)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn pages_are_those_of_a_sorted_list(
            keys in prop::collection::btree_set("[ab/-]{1,5}", 1..20),
            prefix in "[ab/-]{0,3}",
            delimiter in prop::sample::select(vec!["", "/", "-", "b/"]),
            after in "[ab/-]{0,4}",
            n_keys_max in 1_usize..6,
        ) {
            let keys: BTreeSet<_> = keys.into_iter().filter(|key| KeyPath::of(key).is_ok()).collect();
            let (_folder, files) = started();
            for key in &keys {
                put(&files, key, key.as_bytes());
            }
            let mut request = PageRequest { prefix, delimiter: delimiter.to_owned(), after, n_keys_max };
            loop {
                let page = files.list("bucket", &request).unwrap();
                let objects = page.objects.iter().map(|listed| listed.key.clone());
                let mut found: Vec<_> = objects.chain(page.common_prefixes.iter().cloned()).collect();
                found.sort();
                prop_assert!(page.objects.iter().all(|listed| listed.etag.is_some()));
                prop_assert_eq!(&(found.clone(), page.next.is_some()), &expected(&keys, &request));
                match page.next {
                    Some(next) => {
                        prop_assert_eq!(Some(&next), found.last());
                        request.after = parse_token(&token(&next)).unwrap();
                    }
                    None => break,
                }
            }
        }
    }

    #[test]
    fn folders_without_objects_are_no_prefixes() {
        let (folder, files) = started();
        std::fs::create_dir_all(folder.path().join("bucket/empty/folder")).unwrap();
        put(&files, "full/k", b"");
        let request = PageRequest {
            delimiter: "/".to_owned(),
            n_keys_max: 10,
            ..PageRequest::default()
        };
        let page = files.list("bucket", &request).unwrap();
        assert_eq!(page.common_prefixes, ["full/"]);
    }
}
