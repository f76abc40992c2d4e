//! Files on this machine that a command reads whole, and what to say when it can't.

use std::io;
use std::path::Path;

use crate::cli::CommandError;

/// Reads a file of at most `bytes_max` bytes. `what` is what it should be: "the request".
///
/// # Errors
///
/// Names the file and what to do.
pub(crate) fn read(path: &Path, what: &str, bytes_max: u64) -> Result<Vec<u8>, CommandError> {
    let failed = |error: io::Error| unreadable(path, what, &error);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    if metadata.len() > bytes_max {
        return Err(CommandError::new(format!(
            "{what} {} has {} bytes, more than {bytes_max}",
            path.display(),
            metadata.len()
        ))
        .with_help("look whether the path names another file than you mean"));
    }
    std::fs::read(path).map_err(failed)
}

/// Reads a file of UTF-8 text.
///
/// # Errors
///
/// As [`read`], and for the first byte that isn't UTF-8.
pub(crate) fn read_text(path: &Path, what: &str, bytes_max: u64) -> Result<String, CommandError> {
    String::from_utf8(read(path, what, bytes_max)?).map_err(|error| {
        CommandError::new(format!(
            "{what} {} is not UTF-8 text at byte {}",
            path.display(),
            error.utf8_error().valid_up_to() + 1
        ))
        .with_help("save it as UTF-8, not compressed")
    })
}

/// Why a file or a folder can't be read.
pub(crate) fn unreadable(path: &Path, what: &str, error: &io::Error) -> CommandError {
    let failed = CommandError::new(format!(
        "{what} {} could not be read: {error}",
        path.display()
    ));
    failed.with_help(match error.kind() {
        io::ErrorKind::IsADirectory => "name a file in the folder",
        io::ErrorKind::PermissionDenied => "allow your user that it is read",
        _ => "look at the path: it is one on this machine",
    })
}
