//! What went wrong inside a database, and what a caller may conclude from it.
//!
//! The one rule that matters: an error before `COMMIT` was sent means that nothing was stored; an
//! error of `COMMIT` itself means that nobody knows, unless the database says so for certain.

use diesel::result::{DatabaseErrorKind, Error};

use super::{CommitError, StorageError};

/// A failure on its way out of a query.
#[derive(Debug)]
pub(super) enum Fault {
    /// Already in the words of the trait.
    Storage(StorageError),
    /// Before `COMMIT`, or of a statement that reads.
    Database(Error),
    /// As [`Fault::Database`], and shown to be the fault of the values.
    Data(Error),
    /// Of `COMMIT` itself.
    Commit(Error),
    /// The work was given up before it answered.
    Lost(String),
}

impl std::convert::From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl std::convert::From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// What an error of the database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// No connection, or it broke, or no answer came in time.
    Lost,
    /// No space left.
    Full,
    /// No tables, or no row in `journal`.
    NoJournal,
    /// The values break a rule of the table.
    Data,
    /// A row is there that only another writer can have written.
    Foreign,
    /// Anything else.
    Refused,
}

const FULL: &[&str] = &["database or disk is full", "No space left on device", "could not extend"];
const NO_JOURNAL: &[&str] = &[
    "no such table: journal",
    "no such table: monitoring_events",
    "relation \"journal\" does not exist",
    "relation \"monitoring_events\" does not exist",
];
const LOST: &[&str] = &[
    "terminating connection",
    "canceling statement",
    "database system is",
    "database is locked",
    "disk I/O error",
    "unable to open database file",
];
const DATA: &[&str] = &["string or blob too big"];

/// Sorts an error of the database. diesel hides the SQLSTATE, so texts decide where its kind does
/// not; a text in another language is `Refused`, which claims nothing.
pub(super) fn cause(error: &Error) -> Cause {
    let Error::DatabaseError(kind, information) = error else {
        return match error {
            Error::NotFound => Cause::NoJournal,
            Error::SerializationError(_) => Cause::Data,
            Error::BrokenTransactionManager | Error::AlreadyInTransaction => Cause::Lost,
            Error::RollbackErrorOnCommit { commit_error, .. } => cause(commit_error),
            _ => Cause::Refused,
        };
    };
    let says = |parts: &[&str]| parts.iter().any(|part| information.message().contains(part));
    match kind {
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => Cause::Lost,
        DatabaseErrorKind::UniqueViolation => Cause::Foreign,
        DatabaseErrorKind::CheckViolation | DatabaseErrorKind::NotNullViolation => Cause::Data,
        _ if says(FULL) => Cause::Full,
        _ if says(NO_JOURNAL) => Cause::NoJournal,
        _ if says(LOST) => Cause::Lost,
        _ if says(DATA) => Cause::Data,
        _ => Cause::Refused,
    }
}

impl Fault {
    /// In the words of the trait; `what` is the database, without a secret.
    pub(super) fn storage(self, what: &str) -> StorageError {
        let error = match self {
            Self::Storage(error) => return error,
            Self::Lost(reason) => {
                return StorageError::Unreachable { what: what.to_owned(), reason };
            }
            Self::Database(error) | Self::Data(error) | Self::Commit(error) => error,
        };
        match cause(&error) {
            Cause::Lost => {
                StorageError::Unreachable { what: what.to_owned(), reason: error.to_string() }
            }
            Cause::Full => StorageError::Full,
            Cause::NoJournal => StorageError::NoJournal,
            Cause::Foreign => StorageError::Stale,
            Cause::Data | Cause::Refused => StorageError::Refused(error.to_string()),
        }
    }

    /// What it means for a batch that was to be committed.
    pub(super) fn commit(self, what: &str) -> CommitError {
        match self {
            // What there was no room for was not written.
            Self::Commit(error) if cause(&error) != Cause::Full => {
                CommitError::Unknown(error.to_string())
            }
            Self::Lost(reason) => CommitError::Unknown(reason),
            Self::Data(error) => CommitError::Data(error.to_string()),
            Self::Database(error) if cause(&error) == Cause::Data => {
                CommitError::Data(error.to_string())
            }
            fault => CommitError::Failed(fault.storage(what)),
        }
    }
}
