//! The folder that a run writes to. Nothing that was there before is changed or deleted.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::CommandError;

/// Parent of the numbered folders.
const PARENT: &str = "gtcl-out";

/// Marks a folder as one of gtcl's, and is locked by the process that works in it.
const MARKER: &str = ".gtcl";

/// A folder that no other gtcl process works in until this is dropped.
#[derive(Debug)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// The operating system lets go of the lock when the process ends, however it ends.
    _lock: File,
}

/// The folder `chosen`, which must be absent, empty or gtcl's own; without it, the next number in `./gtcl-out`.
/// `user` is who works in it, for those who come later: `gtcl serve`.
///
/// # Errors
///
/// A folder with other things in it, one that can't be written, or one that another process works in.
pub fn prepare(chosen: Option<&Path>, user: &str) -> Result<Folder, CommandError> {
    let folder = match chosen {
        Some(folder) => folder.to_path_buf(),
        None => return next_numbered(Path::new(PARENT), user),
    };
    let fault = |error: &io::Error| write_error(&folder, error);
    match fs::read_dir(&folder) {
        Ok(mut entries) => {
            if entries.next().is_some() && !folder.join(MARKER).is_file() {
                return Err(CommandError::new(format!(
                    "{} has files in it that are not gtcl's",
                    folder.display()
                ))
                .with_help("name an empty or a new folder with --dir"));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(&folder).map_err(|error| fault(&error))?;
        }
        Err(error) => return Err(fault(&error)),
    }
    lock(folder, user)
}

fn next_numbered(parent: &Path, user: &str) -> Result<Folder, CommandError> {
    let fault = |path: &Path, error: &io::Error| write_error(path, error);
    fs::create_dir_all(parent).map_err(|error| fault(parent, &error))?;
    let taken = fs::read_dir(parent)
        .map_err(|error| fault(parent, &error))?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok())
        .max()
        .unwrap_or(0);
    let mut number = taken + 1;
    loop {
        let folder = parent.join(number.to_string());
        match fs::create_dir(&folder) {
            Ok(()) => return lock(folder, user),
            // Another run took the number meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(fault(&folder, &error)),
        }
    }
}

fn lock(path: PathBuf, user: &str) -> Result<Folder, CommandError> {
    let fault = |error: &io::Error| write_error(&path, error);
    // Not truncated: it says who holds the lock.
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let mut marker = options
        .open(path.join(MARKER))
        .map_err(|error| fault(&error))?;
    match marker.try_lock() {
        Ok(()) => {}
        // Some network file systems have no locks; then nothing can be told of other processes.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(fault(&error)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // What can't be read is left out.
            let _ = marker.read_to_string(&mut holder);
            let holder = holder.trim();
            return Err(CommandError::new(format!(
                "{} is in use by {}",
                path.display(),
                if holder.is_empty() {
                    "another gtcl"
                } else {
                    holder
                }
            ))
            .with_help("end that process, or name another folder with --dir"));
        }
    }
    let holder = format!("{user}, process {}\n", std::process::id());
    marker
        .set_len(0)
        .and_then(|()| marker.write_all(holder.as_bytes()))
        .map_err(|error| fault(&error))?;
    Ok(Folder {
        path,
        _lock: marker,
    })
}

fn write_error(folder: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("{} can't be written: {error}", folder.display()))
        .with_help("name a folder that you may write to with --dir")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_and_nothing_is_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("7")).unwrap();
        fs::write(parent.path().join("notes.txt"), "mine").unwrap();
        for expected in ["8", "9"] {
            let folder = next_numbered(parent.path(), "gtcl run").unwrap();
            assert_eq!(folder.path, parent.path().join(expected));
        }
    }

    #[test]
    fn a_folder_of_the_user_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("photos");
        fs::create_dir(&mine).unwrap();
        let prepare = |path: &Path| prepare(Some(path), "gtcl run");
        assert_eq!(prepare(&mine).unwrap().path, mine);
        assert_eq!(prepare(&mine).unwrap().path, mine);
        fs::remove_file(mine.join(MARKER)).unwrap();
        fs::write(mine.join("1.jpg"), "").unwrap();
        let error = prepare(&mine).unwrap_err();
        assert!(error.message().contains("not gtcl's"), "{error}");
        assert!(prepare(&mine.join("1.jpg")).is_err());
    }

    #[test]
    fn one_process_works_in_a_folder() {
        let parent = tempfile::tempdir().unwrap();
        let held = prepare(Some(parent.path()), "gtcl serve").unwrap();
        let error = prepare(Some(parent.path()), "gtcl run").unwrap_err();
        let holder = format!("in use by gtcl serve, process {}", std::process::id());
        assert!(error.message().ends_with(&holder), "{error}");
        drop(held);
        assert!(prepare(Some(parent.path()), "gtcl run").is_ok());
    }
}
