//! What is in a folder, by the keys that it stands for, in their order.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::keys::part_of_name;

/// Folders of fewer names are read each time: that takes no longer than to look whether they have changed.
const KEPT_NAMES_MIN: usize = 256;

/// Names that are kept in memory over all folders.
const KEPT_NAMES_MAX: usize = 2_000_000;

/// A folder's time of change may stay as it was, though it changes again, for this long: clocks of file systems tick,
/// some of them in seconds.
const TICK: Duration = Duration::from_millis(50);
const COARSE_TICK: Duration = Duration::from_secs(2);

/// A file or folder that stands for a part of keys.
#[derive(Debug)]
pub(super) struct Name {
    /// The part; a folder's ends with a slash, which is what orders it among the keys beside it.
    pub(super) part: String,
    /// Name of the file or folder.
    pub(super) name: String,
}

impl Name {
    pub(super) fn is_folder(&self) -> bool {
        self.part.ends_with('/')
    }
}

/// What is in a folder.
#[derive(Debug)]
pub(super) struct Folder {
    modified: SystemTime,
    /// In the byte order of the keys.
    pub(super) names: Vec<Name>,
}

/// Folders, kept as long as they don't change.
#[derive(Debug, Default)]
pub(super) struct Folders {
    kept: Mutex<BTreeMap<PathBuf, Arc<Folder>>>,
}

impl Folders {
    /// Reads a folder; one that has not changed since the last time is not read again.
    pub(super) fn read(&self, path: &Path) -> io::Result<Arc<Folder>> {
        let modified = fs::metadata(path)?.modified()?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(path) {
            Some(folder) if folder.modified == modified => return Ok(Arc::clone(folder)),
            Some(_) => {
                kept.remove(path);
            }
            None => {}
        }
        drop(kept);
        let begun = SystemTime::now();
        let names = names_in(path)?;
        let folder = Arc::new(Folder { modified, names });
        if folder.names.len() >= KEPT_NAMES_MIN && is_settled(modified, begun) {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let n_kept: usize = kept.values().map(|folder| folder.names.len()).sum();
            if n_kept + folder.names.len() > KEPT_NAMES_MAX {
                kept.clear();
            }
            kept.insert(path.to_path_buf(), Arc::clone(&folder));
        }
        Ok(folder)
    }
}

/// Whether whatever changes the folder after `begun` also changes its time.
fn is_settled(modified: SystemTime, begun: SystemTime) -> bool {
    let since_1970 = modified.duration_since(SystemTime::UNIX_EPOCH);
    let is_coarse = since_1970.is_ok_and(|time| time.subsec_nanos() == 0);
    let tick = if is_coarse { COARSE_TICK } else { TICK };
    begun.duration_since(modified).is_ok_and(|age| age > tick)
}

fn names_in(path: &Path) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // A name that is no text is no key.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let mut kind = entry.file_type()?;
        if kind.is_symlink() {
            match fs::metadata(entry.path()) {
                Ok(target) => kind = target.file_type(),
                Err(_) => continue,
            }
        }
        if !kind.is_file() && !kind.is_dir() {
            continue;
        }
        let Some(part) = part_of_name(&name, kind.is_dir()) else {
            continue;
        };
        let mut part = part.to_owned();
        if kind.is_dir() {
            part.push('/');
        }
        names.push(Name { part, name });
    }
    // Of two files of one object, the one of its own name counts, as in `Files::open`: it is the shorter one.
    names.sort_unstable_by(|a, b| a.part.cmp(&b.part).then(a.name.len().cmp(&b.name.len())));
    names.dedup_by(|next, kept| next.part == kept.part);
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(folder: &Folder) -> Vec<&str> {
        folder.names.iter().map(|name| name.part.as_str()).collect()
    }

    #[test]
    fn names_are_in_the_order_of_keys() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a-b", "a0", "é", ".s3~object~a", ".s3~empty", ".s3~other"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("a")).unwrap();
        let read = Folders::default().read(folder.path()).unwrap();
        assert_eq!(parts(&read), ["", "a", "a-b", "a/", "a0", "é"]);
    }

    #[test]
    fn changes_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..KEPT_NAMES_MIN {
            fs::write(folder.path().join(format!("{number:04}")), "").unwrap();
        }
        let folders = Folders::default();
        for number in 0..50 {
            let read = folders.read(folder.path()).unwrap();
            assert_eq!(read.names.len(), KEPT_NAMES_MIN + number);
            fs::write(folder.path().join(format!("more{number}")), "").unwrap();
        }
        let old = SystemTime::now() - Duration::from_secs(10);
        let opened = fs::File::open(folder.path()).unwrap();
        opened.set_modified(old).unwrap();
        let first = folders.read(folder.path()).unwrap();
        let again = folders.read(folder.path()).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "not read again");
        fs::remove_file(folder.path().join("more0")).unwrap();
        let read = folders.read(folder.path()).unwrap();
        assert_eq!(read.names.len(), KEPT_NAMES_MIN + 49);
    }

    #[test]
    fn times_that_may_tick_again_are_not_trusted() {
        let check = |modified_ns, age_ms, expected| {
            let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
            let modified = modified + Duration::from_nanos(modified_ns);
            let begun = modified + Duration::from_millis(age_ms);
            assert_eq!(
                is_settled(modified, begun),
                expected,
                "{modified_ns} {age_ms}"
            );
        };
        check(1, 50, false);
        check(1, 51, true);
        check(0, 2_000, false);
        check(0, 2_001, true);
    }
}
