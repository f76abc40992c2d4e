//! The file that stands for a key, and the key that a file stands for.
//!
//! A key is the path of its file below the bucket's folder, as it is. Two things can't be said that way: a part without
//! characters (`a//b`, `/a`, `a/`) is named [`EMPTY`], and an object whose name is a folder's, too (`a` beside `a/b`),
//! lies beside that folder, with [`ASIDE`] before its name. Each file stands for at most one key, whoever put it there.

use std::path::{Path, PathBuf};

/// Begins the names that are not parts of keys.
const RESERVED: &str = ".s3~";
/// Name of a part without characters.
const EMPTY: &str = ".s3~empty";
/// Precedes the name of an object that is a folder's, too.
const ASIDE: &str = ".s3~object~";

/// Longest key in bytes, inclusive. Source: S3 User Guide, "Naming Amazon S3 objects".
pub(super) const KEY_BYTES_MAX: usize = 1024;
/// Longest file name of common file systems in bytes, inclusive.
const FILE_NAME_BYTES_MAX: usize = 255;

/// Why no file can stand for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyFault {
    #[error("a key has at least one character")]
    NoKey,
    #[error("your key is too long: a key has at most {KEY_BYTES_MAX} bytes")]
    KeyTooLong,
    #[error(
        "the embedded S3 keeps objects as files: a key can't have more than {FILE_NAME_BYTES_MAX} bytes between slashes"
    )]
    PartTooLong,
    #[error("the embedded S3 keeps objects as files: a key can't have . or .. between slashes")]
    Dots,
    #[error("the embedded S3 keeps objects as files: a key can't have a NUL character")]
    Nul,
    #[error("the embedded S3 keeps names that begin with {RESERVED} to itself")]
    Reserved,
}

/// Where a key's file is, relative to the bucket's folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeyPath {
    /// Names of the folders from the bucket's folder on.
    pub(super) folders: Vec<String>,
    /// Name of the file, unless a folder has it.
    pub(super) name: String,
}

impl KeyPath {
    /// Finds the file of `key`.
    pub(super) fn of(key: &str) -> Result<Self, KeyFault> {
        if key.is_empty() {
            return Err(KeyFault::NoKey);
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(KeyFault::KeyTooLong);
        }
        let mut folders = key
            .split('/')
            .map(name_of_part)
            .collect::<Result<Vec<_>, _>>()?;
        let name = folders.pop().unwrap_or_default();
        Ok(Self { folders, name })
    }

    /// Path of the folder that the file is in.
    pub(super) fn folder(&self) -> PathBuf {
        self.folders.iter().collect()
    }
}

/// Name of a file that gives way to a folder of the name `name`; `None` if it would be too long.
pub(super) fn aside(name: &str) -> Option<String> {
    let aside = format!("{ASIDE}{name}");
    (aside.len() <= FILE_NAME_BYTES_MAX).then_some(aside)
}

fn name_of_part(part: &str) -> Result<String, KeyFault> {
    match part {
        "" => Ok(EMPTY.to_owned()),
        "." | ".." => Err(KeyFault::Dots),
        _ if part.len() > FILE_NAME_BYTES_MAX => Err(KeyFault::PartTooLong),
        _ if part.contains('\0') => Err(KeyFault::Nul),
        _ if part.starts_with(RESERVED) => Err(KeyFault::Reserved),
        _ => Ok(part.to_owned()),
    }
}

/// The part of a key that a file or folder of this name stands for; `None` for one that stands for none.
pub(super) fn part_of_name(name: &str, is_folder: bool) -> Option<&str> {
    let name = match name.strip_prefix(ASIDE) {
        Some(name) if !is_folder => name,
        _ => name,
    };
    match name {
        EMPTY => Some(""),
        _ if name.starts_with(RESERVED) || name.is_empty() => None,
        _ => Some(name),
    }
}

/// Bucket and key of the object whose content the file at `path` holds, relative to the folder that is served; `None`
/// when it holds no object's.
#[must_use]
pub fn object_of_file(path: &Path) -> Option<(String, String)> {
    let names: Vec<&str> = path
        .iter()
        .map(|name| name.to_str())
        .collect::<Option<_>>()?;
    let (bucket, names) = names.split_first()?;
    let (name, folders) = names.split_last()?;
    let folders = folders.iter().map(|name| part_of_name(name, true));
    let parts = folders.chain([part_of_name(name, false)]);
    let key = parts.collect::<Option<Vec<&str>>>()?.join("/");
    (!key.is_empty()).then(|| ((*bucket).to_owned(), key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(key: &str, expected: Result<&str, KeyFault>) {
        let found = KeyPath::of(key).map(|path| path.folder().join(path.name));
        assert_eq!(found, expected.map(PathBuf::from), "{key:?}");
    }

    #[test]
    fn files_of_keys() {
        for key in [
            "a",
            "a/b",
            "jobs/a b(1)+é.json",
            "a%2Fb",
            "...",
            ".hidden",
            "~",
            "a\\b",
        ] {
            check(key, Ok(key));
        }
        check("a//b", Ok("a/.s3~empty/b"));
        check("/a", Ok(".s3~empty/a"));
        check("a/", Ok("a/.s3~empty"));
        check("/", Ok(".s3~empty/.s3~empty"));
        check("", Err(KeyFault::NoKey));
        for key in ["..", "../other/x", "a/../b", "a/.", "./a"] {
            check(key, Err(KeyFault::Dots));
        }
        check("a\0b", Err(KeyFault::Nul));
        check(".s3~empty/a", Err(KeyFault::Reserved));
        check("a/.s3~object~b", Err(KeyFault::Reserved));
    }

    #[test]
    fn objects_of_files() {
        for (path, expected) in [
            ("b/a", Some("a")),
            ("b/a/.s3~empty/c", Some("a//c")),
            ("b/.s3~empty", None),
            ("b/a/.s3~object~c", Some("a/c")),
            ("b/.s3~other/c", None),
            ("b/.s3~object~a/c", None),
            ("b", None),
            ("", None),
        ] {
            let expected = expected.map(|key| ("b".to_owned(), key.to_owned()));
            assert_eq!(object_of_file(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn longest_keys() {
        let part = |n_bytes| "k".repeat(n_bytes);
        check(&part(255), Ok(&part(255)));
        check(&part(256), Err(KeyFault::PartTooLong));
        let key = |n_bytes| "k/".repeat(n_bytes)[..n_bytes].to_owned();
        assert!(KeyPath::of(&key(1023)).is_ok());
        assert!(KeyPath::of(&key(1024)).is_ok());
        assert_eq!(KeyPath::of(&key(1025)), Err(KeyFault::KeyTooLong));
        assert_eq!(aside(&part(244)).map(|name| name.len()), Some(255));
        assert_eq!(aside(&part(245)), None);
    }

    proptest! {
        /// The file of a key stands for that key, wherever it lies, and for no other.
        #[test]
        fn a_file_stands_for_its_key(key in "[/.a~\\-%é]{1,12}") {
            if let Ok(path) = KeyPath::of(&key) {
                let mut parts = Vec::new();
                for folder in &path.folders {
                    parts.push(part_of_name(folder, true).unwrap().to_owned());
                }
                for name in [path.name.clone(), aside(&path.name).unwrap()] {
                    let part = part_of_name(&name, false).unwrap().to_owned();
                    let found = parts.iter().cloned().chain([part]).collect::<Vec<_>>().join("/");
                    prop_assert_eq!(&found, &key);
                }
            }
        }
    }
}
