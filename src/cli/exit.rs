//! How a command ends: the exit codes, and the one place where an error becomes one of them and a
//! sentence on stderr.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use crate::{settings::Faults, storage::StorageError};

/// Exit codes, as scripts see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The command failed.
    Failed = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// The settings are at fault.
    Settings = 3,
    /// Something that is needed cannot be reached.
    Unreachable = 4,
    /// Stopped by Ctrl-C before it was done.
    Interrupted = 130,
}

impl Exit {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Settings,
        Self::Unreachable,
        Self::Interrupted,
    ];
}

/// Why a command ended without being done.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The settings are at fault; one line each.
    #[error(transparent)]
    Settings(#[from] Faults),
    /// The arguments are each well-formed, but make no sense.
    #[error("{0}")]
    Usage(String),
    /// Something that is needed cannot be reached.
    #[error(transparent)]
    Unreachable(Box<dyn Error + Send + Sync>),
    /// The command failed.
    #[error(transparent)]
    Failed(Box<dyn Error + Send + Sync>),
    /// The output could not be written.
    #[error("the output cannot be written: {0}")]
    Output(#[source] io::Error),
    /// Stopped by Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl CliError {
    /// For something that is needed and cannot be reached.
    pub fn unreachable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreachable(error.into())
    }

    /// For every other failure.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// The code it ends with. Nobody reading the output any more is no failure.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Settings(_) => Exit::Settings,
            Self::Usage(_) => Exit::Usage,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Failed(_) | Self::Output(_) => Exit::Failed,
            Self::Interrupted => Exit::Interrupted,
        }
    }
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unreachable { .. } => Self::unreachable(error),
            _ => Self::failed(error),
        }
    }
}

/// Ends a command: says what went wrong, if something did.
pub(super) fn tell(outcome: Result<(), CliError>) -> ExitCode {
    let Err(error) = outcome else { return code(Exit::Done) };
    let exit = error.exit();
    match exit {
        Exit::Done => {}
        Exit::Settings => complain(&error.to_string()),
        _ => complain(&format!("error: {}", sentence(&error))),
    }
    code(exit)
}

/// Ends a command line that clap did not take, or that asked for help.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let asked = !error.use_stderr();
    if let Err(unprinted) = error.print() {
        return tell(Err(CliError::Output(unprinted)));
    }
    code(if asked { Exit::Done } else { Exit::Usage })
}

/// The error with its causes, each once.
fn sentence(error: &CliError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

fn complain(text: &str) {
    // Without stderr there is nobody left to tell; the code says it.
    writeln!(io::stderr(), "{text}").unwrap_or_default();
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(kind: io::ErrorKind) -> CliError {
        CliError::Output(io::Error::from(kind))
    }

    #[test]
    fn every_error_has_its_code() {
        let unreachable = StorageError::Unreachable { what: "x".into(), reason: "y".into() };
        for (error, exit) in [
            (CliError::failed("it broke"), Exit::Failed),
            (CliError::Usage("--rate needs --clients".into()), Exit::Usage),
            (CliError::from(unreachable), Exit::Unreachable),
            (CliError::from(StorageError::Full), Exit::Failed),
            (CliError::Interrupted, Exit::Interrupted),
            (output(io::ErrorKind::BrokenPipe), Exit::Done),
            (output(io::ErrorKind::StorageFull), Exit::Failed),
        ] {
            assert_eq!(error.exit(), exit, "{error}");
        }
    }

    #[test]
    fn a_sentence_names_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("the journal cannot be opened")]
        struct Outer(#[source] StorageError);

        let error = CliError::failed(Outer(StorageError::Full));
        assert_eq!(sentence(&error), "the journal cannot be opened: the storage is full");
        let error = output(io::ErrorKind::StorageFull);
        assert_eq!(sentence(&error), "the output cannot be written: no storage space");
    }
}
