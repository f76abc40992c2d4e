//! The answer to a request that the file system, or its key, does not allow.

use std::io;
use std::path::Path;

use hyper::StatusCode;
use s3s::{S3Error, S3ErrorCode, s3_error};

use super::keys::KeyFault;

/// S3's disks are never full: this code is the embedded one's own.
const DISK_IS_FULL: &str = "InsufficientStorage";

impl From<KeyFault> for S3Error {
    fn from(fault: KeyFault) -> Self {
        let code = match fault {
            KeyFault::KeyTooLong | KeyFault::PartTooLong => S3ErrorCode::KeyTooLongError,
            KeyFault::NoKey | KeyFault::Dots | KeyFault::Nul | KeyFault::Reserved => {
                S3ErrorCode::InvalidArgument
            }
        };
        Self::with_message(code, fault.to_string())
    }
}

/// What failed at `path`, for the client.
pub(super) fn of_file(error: &io::Error, path: &Path) -> S3Error {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let message = format!(
                "the disk of {} is full: make room and try again",
                path.display()
            );
            let mut full = S3Error::with_message(S3ErrorCode::Custom(DISK_IS_FULL.into()), message);
            full.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
            return full;
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            S3ErrorCode::AccessDenied
        }
        io::ErrorKind::InvalidFilename => S3ErrorCode::KeyTooLongError,
        io::ErrorKind::FileTooLarge => S3ErrorCode::EntityTooLarge,
        _ => S3ErrorCode::InternalError,
    };
    S3Error::with_message(code, format!("{}: {error}", path.display()))
}

pub(super) fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

pub(super) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

pub(super) fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. It may have been aborted or completed."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: io::ErrorKind, status: Option<u16>, code: &str) {
        let found = of_file(&io::Error::from(kind), Path::new("/data/s3"));
        assert_eq!(found.code().as_str(), code, "{kind}");
        let found_status = found.status_code().map(|status| status.as_u16());
        assert_eq!(found_status, status, "{kind}");
        let message = found.message().unwrap_or_default();
        assert!(message.contains("/data/s3"), "{message}");
    }

    #[test]
    fn failures_of_files_have_codes() {
        check(io::ErrorKind::StorageFull, Some(507), "InsufficientStorage");
        check(
            io::ErrorKind::QuotaExceeded,
            Some(507),
            "InsufficientStorage",
        );
        check(io::ErrorKind::PermissionDenied, Some(403), "AccessDenied");
        check(io::ErrorKind::InvalidFilename, Some(400), "KeyTooLongError");
        check(io::ErrorKind::FileTooLarge, Some(400), "EntityTooLarge");
        check(io::ErrorKind::Other, Some(500), "InternalError");
    }
}
