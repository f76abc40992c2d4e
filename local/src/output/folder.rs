//! The folder that a run writes to. Nothing that was there before is changed or deleted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::CommandError;

/// Parent of the numbered folders.
const PARENT: &str = "gtcl-out";

/// Marks a folder as one of gtcl's.
const MARKER: &str = ".gtcl";

/// The folder `chosen`, which must be absent, empty or gtcl's own; without it, the next number in `./gtcl-out`.
///
/// # Errors
///
/// A folder with other things in it, or one that can't be written.
pub fn prepare(chosen: Option<&Path>) -> Result<PathBuf, CommandError> {
    let folder = match chosen {
        Some(folder) => folder.to_path_buf(),
        None => return next_numbered(Path::new(PARENT)),
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
    fs::write(folder.join(MARKER), "").map_err(|error| fault(&error))?;
    Ok(folder)
}

fn next_numbered(parent: &Path) -> Result<PathBuf, CommandError> {
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
            Ok(()) => {
                fs::write(folder.join(MARKER), "").map_err(|error| fault(&folder, &error))?;
                return Ok(folder);
            }
            // Another run took the number meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(fault(&folder, &error)),
        }
    }
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
            let folder = next_numbered(parent.path()).unwrap();
            assert_eq!(folder, parent.path().join(expected));
        }
    }

    #[test]
    fn a_folder_of_the_user_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("photos");
        fs::create_dir(&mine).unwrap();
        assert_eq!(prepare(Some(&mine)).unwrap(), mine);
        assert_eq!(prepare(Some(&mine)).unwrap(), mine);
        fs::remove_file(mine.join(MARKER)).unwrap();
        fs::write(mine.join("1.jpg"), "").unwrap();
        let error = prepare(Some(&mine)).unwrap_err();
        assert!(error.message().contains("not gtcl's"), "{error}");
        assert!(prepare(Some(&mine.join("1.jpg"))).is_err());
    }
}
