//! What the process was started with.

use std::ffi::OsString;
use std::path::PathBuf;

/// What a process knows of itself, read once in `main`.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Arguments, the program's name first.
    pub arguments: Vec<OsString>,
    /// This executable; started again as `gtcl function NAME` for each Lambda function.
    pub executable: PathBuf,
}
