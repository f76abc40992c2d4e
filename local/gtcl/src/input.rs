//! Files on this machine that a command reads whole, and what to say when it can't.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use manifest::FileError;

use crate::error::CommandError;

/// Reads a file of at most `bytes_max` bytes. `what` is what it should be: "the request".
///
/// # Errors
///
/// Names the file and what to do.
pub(crate) fn read(path: &Path, what: &str, bytes_max: u64) -> Result<Vec<u8>, CommandError> {
    let read = bounded(path, bytes_max).map_err(|error| unreadable(path, what, &error))?;
    read.ok_or_else(|| {
        CommandError::new(format!(
            "{what} {} has more than {bytes_max} bytes",
            path.display()
        ))
        .with_help("look whether the path names another file than you mean")
    })
}

/// Reads a file, device or pipe of at most `bytes_max` bytes; `None` when it has more. What a device says of its size
/// is not believed.
///
/// # Errors
///
/// Those of the system; a folder is one.
pub(crate) fn bounded(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if metadata.len() > bytes_max {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    let n_read = file
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((n_read as u64 <= bytes_max).then_some(bytes))
}

/// Reads a file of UTF-8 text, without the byte order mark that some editors put before it.
///
/// # Errors
///
/// As [`read`], for a file that is compressed or in another encoding, and for the first byte that isn't UTF-8.
pub(crate) fn read_text(path: &Path, what: &str, bytes_max: u64) -> Result<String, CommandError> {
    let bytes = read(path, what, bytes_max)?;
    text(bytes).map_err(|error| {
        CommandError::new(format!("{what} {}: {}", path.display(), error.reason))
            .with_help(error.remedy)
    })
}

/// The text of a file that has to be UTF-8, without a byte order mark.
///
/// # Errors
///
/// As [`without_mark`], and for the first byte that isn't UTF-8.
pub(crate) fn text(file: Vec<u8>) -> Result<String, FileError> {
    let n_bytes = file.len();
    let file = without_mark(file)?;
    let n_before = n_bytes - file.len();
    String::from_utf8(file).map_err(|error| FileError {
        reason: format!(
            "file is not UTF-8 text at byte {}",
            n_before + error.utf8_error().valid_up_to() + 1
        ),
        remedy: "save it as UTF-8".to_owned(),
    })
}

/// A file without the byte order mark that it may start with.
///
/// # Errors
///
/// Says what the file is instead of text: compressed, or in another encoding.
pub(crate) fn without_mark(mut file: Vec<u8>) -> Result<Vec<u8>, FileError> {
    let n_before = file.len() - manifest::text_start(&file)?.len();
    file.drain(..n_before);
    Ok(file)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text() {
        // PowerShell's `>` writes a byte order mark, and in its older versions UTF-16.
        assert_eq!(text(b"\xef\xbb\xbfa".to_vec()).unwrap(), "a");
        assert_eq!(text("ä".into()).unwrap(), "ä");
        for (file, expected) in [
            (&b"\xff\xfea\0"[..], "file is text in UTF-16"),
            (b"ab\xff", "file is not UTF-8 text at byte 3"),
            (b"\xef\xbb\xbfab\xff", "file is not UTF-8 text at byte 6"),
        ] {
            assert_eq!(text(file.to_vec()).unwrap_err().reason, expected);
        }
    }
}
