//! The embedded Lambda: runs functions as processes of their own behind the Runtime API.
//!
//! Each instance has a Runtime API of its own (`AWS_LAMBDA_RUNTIME_API` names it), so a function is answered exactly
//! as in Lambda: one invocation at a time, a deadline, an end by force when it is overstepped. [`triggers`] is the
//! event sources, [`invoke_api`] the HTTP API that SDKs call.
//!
//! Differs from Lambda: no memory limit, no permissions, instances are kept until the service ends.

mod for_ground_truth;
mod function;
mod instance;
pub mod invoke_api;
mod leases;
pub mod notification;
mod outcome;
pub mod queue;
mod runtime_api;
mod spec;
pub mod triggers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

pub use leases::Leases;
pub use outcome::{FunctionError, Outcome};
pub use spec::FunctionSpec;

use function::Function;

/// Account number of everything local.
pub const ACCOUNT: &str = "123456789012";

/// Bytes of a synchronous invocation's payload and answer at most, inclusive.
///
/// Source: Lambda quotas, "Invocation payload (request and response): 6 MB each for request and response".
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Functions by name; a clone is the same service. Processes end with [`Lambda::end`], or when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Lambda {
    functions: Arc<Mutex<BTreeMap<String, Arc<Function>>>>,
    leases: Arc<Mutex<BTreeMap<String, Arc<dyn Leases>>>>,
    logs: PathBuf,
}

/// Why an invocation didn't take place.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// No such function.
    #[error("function not found: {}", function_arn(.name))]
    NotFound {
        /// As asked for.
        name: String,
    },
    /// The payload is too large.
    #[error("{n_bytes} byte payload is too large for {name}: at most {PAYLOAD_BYTES_MAX} bytes")]
    TooLarge {
        /// The function.
        name: String,
        /// The payload's size in bytes.
        n_bytes: usize,
    },
    /// The process could not be started.
    #[error("function {name} could not be started: {source}")]
    Start {
        /// The function.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The service ends.
    #[error("function {name} is not run any more: the service ends")]
    Ended {
        /// The function.
        name: String,
    },
}

impl Lambda {
    /// A service without functions; their logs go to `<logs>/<name>.log`.
    pub fn new(logs: PathBuf) -> Self {
        Self {
            functions: Arc::default(),
            leases: Arc::default(),
            logs,
        }
    }

    /// Adds a function, or replaces the one of the same name. Nothing is started before the first invocation.
    pub fn deploy(&self, spec: FunctionSpec) {
        let function = Arc::new(Function::new(spec, &self.logs));
        self.functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(function.name().to_owned(), function);
    }

    /// Tells of the leases that a function writes: they are freed when an invocation fails, before its invoker hears
    /// of it, and events wait for those of others.
    pub fn free_leases(&self, name: &str, leases: Arc<dyn Leases>) {
        let mut all = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(plain_name(name).to_owned(), leases);
    }

    /// Names of the deployed functions, in order.
    pub fn names(&self) -> Vec<String> {
        let functions = self
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        functions.keys().cloned().collect()
    }

    /// Where a function's log is.
    pub fn log_file(&self, name: &str) -> PathBuf {
        function::log_file(&self.logs, name)
    }

    /// Invokes a function by its name or ARN and waits for the outcome.
    ///
    /// # Errors
    ///
    /// [`InvokeError`] when the function was not reached; an error of the function itself is an [`Outcome`].
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Result<Outcome, InvokeError> {
        let function = self.find(name)?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(InvokeError::TooLarge {
                name: function.name().to_owned(),
                n_bytes: payload.len(),
            });
        }
        let outcome = function.invoke(payload).await?;
        if outcome.error.is_some()
            && let Some(leases) = self.leases_of(name)
        {
            leases.free(&outcome.request_id).await;
        }
        Ok(outcome)
    }

    /// The leases that a function writes, if it is known to.
    fn leases_of(&self, name: &str) -> Option<Arc<dyn Leases>> {
        let all = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(plain_name(name)).cloned()
    }

    /// Ends the functions' processes and waits until they are gone, before the Runtime API that each of them waits for:
    /// one that lost it would log an error. Invocations under way, and those that come, are errors.
    pub async fn end(&self) {
        let functions: Vec<_> = {
            let functions = self
                .functions
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            functions.values().cloned().collect()
        };
        for function in functions {
            function.end().await;
        }
    }

    fn find(&self, name: &str) -> Result<Arc<Function>, InvokeError> {
        self.functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(plain_name(name))
            .cloned()
            .ok_or_else(|| InvokeError::NotFound {
                name: plain_name(name).to_owned(),
            })
    }
}

/// The ARN of a local function.
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{}:{ACCOUNT}:function:{name}", super::REGION)
}

/// `name` of `name`, `name:QUALIFIER`, `account:function:name` or an ARN.
fn plain_name(name: &str) -> &str {
    let rest = name.split_once("function:").map_or(name, |(_, rest)| rest);
    rest.split(':').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "f",
            "f:$LATEST",
            "123456789012:function:f",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "arn:aws:lambda:eu-west-1:1:function:f:live",
        ] {
            assert_eq!(plain_name(name), "f", "{name}");
        }
    }
}
