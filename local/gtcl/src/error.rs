//! Why a command ends without having done its work, and how that reads.

use std::fmt;

use tokio::signal::unix::SignalKind;

/// Why a command could not do its work, and what its user can do about it.
#[derive(Debug)]
pub struct CommandError {
    message: String,
    remedy: Option<String>,
    /// The process's exit code.
    pub(crate) exit_code: u8,
}

impl CommandError {
    /// `message` names the thing and the place, in lower case.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: None,
            exit_code: 2,
        }
    }

    /// The user, or the system, ended the command.
    pub fn interrupted(signal: SignalKind) -> Self {
        let number = signal.as_raw_value();
        Self {
            message: format!("ended by signal {number} before it was done"),
            remedy: None,
            exit_code: u8::try_from(128 + number).unwrap_or(2),
        }
    }

    /// `remedy` says what to do about it.
    #[must_use]
    pub fn with_help(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What happened, without the remedy.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "\nhelp: {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CommandError {}
