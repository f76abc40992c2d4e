//! What is wrong with a file as a whole.

/// Why a file as a whole is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FileError {
    /// What is wrong with it.
    pub reason: String,
    /// What the user can do.
    pub remedy: String,
}

impl FileError {
    pub(crate) fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }
}
