//! How a function is run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

/// How a function is run.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// Its name.
    pub name: String,
    /// Program and arguments of its process.
    pub command: Vec<OsString>,
    /// Its environment beside what Lambda itself sets; nothing is inherited from this process.
    pub environment: BTreeMap<String, String>,
    /// Longest time of one invocation.
    pub timeout: Duration,
    /// Instances at most; further invocations wait.
    pub concurrency_max: usize,
}
