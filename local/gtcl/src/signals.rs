//! Signals that ask a command to end: Ctrl-C, Ctrl-\, `kill`, a terminal that closes.
//!
//! Whoever runs functions listens to them, so that the functions' processes are ended and nobody else's.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CommandError;

/// Listens; the process doesn't end by itself any more when one of them comes.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    quit: Signal,
}

impl Signals {
    /// From here on.
    ///
    /// # Errors
    ///
    /// The system says no.
    pub fn listen() -> Result<Self, CommandError> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| CommandError::new(format!("signals can't be waited for: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hang_up.recv() => SignalKind::hangup(),
            _ = self.quit.recv() => SignalKind::quit(),
        }
    }

    /// Does `work`, and gives it up when a signal comes.
    ///
    /// # Errors
    ///
    /// Those of the work, and [`CommandError::interrupted`].
    pub async fn interrupt<T>(
        &mut self,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        tokio::select! {
            done = work => done,
            signal = self.next() => Err(CommandError::interrupted(signal)),
        }
    }
}
