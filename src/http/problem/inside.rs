//! Problems that no request is to blame for: an actor that is gone, a storage that cannot be read,
//! or not be written.

use std::time::Duration;

use actix::MailboxError;

use super::{Code, Problem};
use crate::{actors::journal::PublishError, storage::StorageError, telemetry::Metrics};

/// How long the next router may take to start.
const RESTART: Duration = Duration::from_secs(5);

/// What a client is told of a storage that cannot be read; why is not its business.
const UNREADABLE: &str = "the storage cannot be read now";

/// An actor does not answer any more, which says nothing to a client but that.
pub(in crate::http) fn stopping(error: MailboxError) -> Problem {
    tracing::debug!(%error, "an actor is gone");
    Problem::new(Code::ShuttingDown, "the router is shutting down").after(RESTART)
}

/// Why storage could not be read, as far as a client wants to know; counted.
pub(in crate::http) fn unreadable(metrics: &Metrics, error: &StorageError) -> Problem {
    metrics.storage_errors_total.with(["read"]).increment(1);
    tracing::warn!(%error, "storage cannot be read");
    match error {
        StorageError::Corrupt { seq } => {
            let detail = format!("the journal is corrupt: event {seq} is missing");
            Problem::new(Code::JournalCorrupt, detail)
        }
        _ => Problem::new(Code::StorageUnavailable, UNREADABLE),
    }
}

/// What was stored is not what was written: told to those who run the router.
pub(in crate::http) fn spoilt(what: &str, error: &serde_json::Error) -> Problem {
    tracing::error!(%error, "what is stored of {what} cannot be read");
    Problem::new(Code::StorageUnavailable, UNREADABLE)
}

/// What was to be written beside the events is not written, or may not be.
pub(in crate::http) fn not_written(error: &PublishError) -> Problem {
    let (code, detail) = match error {
        PublishError::QueueFull => (Code::QueueFull, "too much waits to be written"),
        PublishError::StorageFull => (Code::StorageFull, "the storage is full"),
        PublishError::ShuttingDown => (Code::ShuttingDown, "the router is shutting down"),
        PublishError::Unavailable => (Code::StorageUnavailable, "the storage cannot be reached"),
        PublishError::Refused(_) => (Code::StorageUnavailable, "the storage refused it"),
        PublishError::Unknown => {
            (Code::OutcomeUnknown, "whether it was done is not known: ask again for the same")
        }
    };
    Problem::new(code, detail)
}
