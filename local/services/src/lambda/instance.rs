//! One process of a function and the Runtime API that it talks to.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::process::{Child, Command};

use super::outcome::{FunctionError, Outcome};
use super::runtime_api::{Invocation, Report, RuntimeApi};
use super::spec::FunctionSpec;
use super::{PAYLOAD_BYTES_MAX, function_arn};
use crate::{ACCESS_KEY, REGION, SECRET_KEY};

/// Time that a process has to ask for its first invocation.
///
/// Source: Lambda Developer Guide, execution environment lifecycle, "Init phase: 10 seconds".
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Instance {
    arn: String,
    /// Dropped, and with it killed, before the Runtime API goes away: a function that is let go has nothing to complain of.
    child: Child,
    api: RuntimeApi,
    /// Taken by the first invocation, whose cold start it is.
    started: Option<Instant>,
}

/// Whether an instance can take a further invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Usable,
    Gone,
}

impl Instance {
    pub(super) async fn start(spec: &FunctionSpec, log: &File) -> io::Result<Self> {
        let api = RuntimeApi::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let (program, arguments) = spec
            .command
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "its command is empty"))?;
        let started = Instant::now();
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", api.address().as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", &spec.name),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                (
                    "AWS_LAMBDA_LOG_GROUP_NAME",
                    &format!("/aws/lambda/{}", spec.name),
                ),
                ("AWS_LAMBDA_LOG_STREAM_NAME", &spec.name),
                ("_HANDLER", "bootstrap"),
                ("TZ", ":UTC"),
                ("AWS_REGION", REGION),
                ("AWS_DEFAULT_REGION", REGION),
                ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
                ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ])
            .envs(&spec.environment)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .kill_on_drop(true)
            // Ctrl-C in a terminal is for this process, which ends its functions in order.
            .process_group(0)
            .spawn()?;
        Ok(Self {
            arn: function_arn(&spec.name),
            api,
            child,
            started: Some(started),
        })
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(super) async fn kill(mut self) {
        // It has ended already, or is ended when the handle is dropped.
        let _ = self.child.kill().await;
    }

    /// Hands over one invocation and waits for its end.
    pub(super) async fn invoke(&mut self, payload: Bytes, timeout: Duration) -> (Outcome, Ending) {
        let request_id = request_id();
        let begin = Instant::now();
        self.api.hand_over(Invocation {
            request_id: request_id.clone(),
            payload,
            arn: self.arn.clone(),
            timeout,
        });
        let started = self.started.take();
        let (mut taken, mut processor_init) = (None, None);
        let (result, ended, ending) = loop {
            let left = match taken {
                None => INIT_TIMEOUT.saturating_sub(begin.elapsed()),
                Some(at) => timeout.saturating_sub(Instant::elapsed(&at)),
            };
            tokio::select! {
                biased;
                (at, report) = self.api.next_report() => match report {
                    Report::Taken => {
                        taken = Some(at);
                        processor_init = started.and_then(|_| processor_time(self.child.id()?));
                    }
                    Report::Answer { request_id: id, payload } if id == request_id => {
                        break (answer(payload), at, Ending::Usable);
                    }
                    Report::Error { request_id: id, body } if id == request_id => {
                        break (Err((FunctionError::parse(&body), Some(body))), at, Ending::Usable);
                    }
                    Report::InitError { body } => {
                        break (Err((FunctionError::parse(&body), Some(body))), at, Ending::Gone);
                    }
                    // Of an invocation that was given up.
                    Report::Answer { .. } | Report::Error { .. } => {}
                },
                status = self.child.wait() => {
                    break (Err((exit_error(&request_id, status), None)), Instant::now(), Ending::Gone);
                }
                () = tokio::time::sleep(left) => {
                    let seconds = taken.map_or(INIT_TIMEOUT, |_| timeout).as_secs_f64();
                    let error = FunctionError::new(
                        "Sandbox.Timedout",
                        format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
                    );
                    break (Err((error, None)), Instant::now(), Ending::Gone);
                }
            }
        };
        let duration = ended - taken.unwrap_or(begin);
        let (payload, error) = match result {
            Ok(payload) => (payload, None),
            Err((error, body)) => (body.unwrap_or_else(|| error.to_payload()), Some(error)),
        };
        let outcome = Outcome {
            request_id,
            payload,
            error,
            duration,
            init: started.zip(taken).map(|(started, taken)| taken - started),
            processor_init,
            processor: self.child.id().and_then(processor_time),
            memory_max_kib: self.child.id().and_then(memory_max_kib),
        };
        (outcome, ending)
    }
}

/// The high-water mark of a process's resident memory, where there is a `/proc`.
fn memory_max_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The processor time of a process's living threads, where there is a `/proc`.
fn processor_time(process: u32) -> Option<Duration> {
    let mut ns = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let times = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        ns += times.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(ns))
}

type Failure = (FunctionError, Option<Bytes>);

fn answer(payload: Bytes) -> Result<Bytes, Failure> {
    if payload.len() <= PAYLOAD_BYTES_MAX {
        return Ok(payload);
    }
    let message = format!(
        "Response payload size ({} bytes) exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes).",
        payload.len()
    );
    Err((
        FunctionError::new("Function.ResponseSizeTooLarge", message),
        None,
    ))
}

fn exit_error(request_id: &str, status: io::Result<std::process::ExitStatus>) -> FunctionError {
    let message = match status {
        Ok(status) if !status.success() => {
            format!("RequestId: {request_id} Error: Runtime exited with error: {status}")
        }
        _ => format!("RequestId: {request_id} Error: Runtime exited without providing a reason"),
    };
    FunctionError::new("Runtime.ExitError", message)
}

/// A random UUID, version 4.
pub(super) fn request_id() -> String {
    let random = rand::random::<u128>();
    let bits = (random & !(0xf000 << 64) & !(0xc000 << 48)) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_uuids() {
        let id = request_id();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_ne!(id, request_id());
    }
}
