//! One deployed function: its instances, idle and at work.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use super::InvokeError;
use super::instance::{Ending, Instance};
use super::outcome::Outcome;
use super::spec::FunctionSpec;

#[derive(Debug)]
pub(super) struct Function {
    spec: FunctionSpec,
    log: PathBuf,
    permits: Semaphore,
    idle: Mutex<Vec<Instance>>,
    /// Whether the service ends. Each invocation under way holds a receiver.
    is_ending: watch::Sender<bool>,
}

pub(super) fn log_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

impl Function {
    pub(super) fn new(spec: FunctionSpec, logs: &Path) -> Self {
        Self {
            log: log_file(logs, &spec.name),
            permits: Semaphore::new(spec.concurrency_max.max(1)),
            idle: Mutex::default(),
            is_ending: watch::Sender::new(false),
            spec,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    pub(super) async fn invoke(&self, payload: Bytes) -> Result<Outcome, InvokeError> {
        let mut is_ending = self.is_ending.subscribe();
        let ended = || InvokeError::Ended {
            name: self.spec.name.clone(),
        };
        let _permit = self.permits.acquire().await.map_err(|_| ended())?;
        let start_error = |source| InvokeError::Start {
            name: self.spec.name.clone(),
            source,
        };
        let mut log = open_log(&self.log).map_err(start_error)?;
        let mut instance = match self.take_idle() {
            Some(instance) => instance,
            None => Instance::start(&self.spec, &log)
                .await
                .map_err(start_error)?,
        };
        let until_the_end = async {
            // The sender lives as long as this function.
            let _ = is_ending.wait_for(|is_ending| *is_ending).await;
        };
        let invoked = tokio::select! {
            invoked = instance.invoke(payload, self.spec.timeout) => Some(invoked),
            () = until_the_end => None,
        };
        let Some((outcome, ending)) = invoked else {
            instance.kill().await;
            return Err(ended());
        };
        if ending == Ending::Usable {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(instance);
        } else {
            instance.kill().await;
        }
        // A full disk must not fail the invocation.
        let _ = writeln!(
            log,
            "REPORT RequestId: {} Duration: {:.2} ms{}{} Status: {}",
            outcome.request_id,
            outcome.duration.as_secs_f64() * 1000.0,
            outcome.memory_max_kib.map_or_else(String::new, |kib| {
                format!(" Max Memory Used: {} MB", kib.div_ceil(1024))
            }),
            outcome.init.map_or_else(String::new, |init| {
                format!(" Init Duration: {:.2} ms", init.as_secs_f64() * 1000.0)
            }),
            match &outcome.error {
                None => "ok".to_owned(),
                Some(error) => error.to_string().replace('\n', " "),
            }
        );
        Ok(outcome)
    }

    /// Ends the processes, those at work, too, and waits until they are gone; nothing is invoked from then on.
    pub(super) async fn end(&self) {
        self.permits.close();
        self.is_ending.send_replace(true);
        // Invocations under way end their own.
        self.is_ending.closed().await;
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for instance in idle {
            instance.kill().await;
        }
    }

    /// The instance that worked last, if its process still runs.
    fn take_idle(&self) -> Option<Instance> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut instance) = idle.pop() {
            if instance.is_running() {
                return Some(instance);
            }
        }
        None
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}
