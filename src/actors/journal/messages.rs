//! What the journal can be told and asked, and what it answers.

use std::time::Duration;

use actix::prelude::*;
use uuid::Uuid;

use crate::{
    core::{
        backlog::BacklogLimits,
        batching::{self, BadLimits},
        cursor::durable::CursorStep,
        event::{Draft, Seq},
        numbering::{Head, Outcome},
        tail::TailLimits,
    },
    storage::{DeadLetterChange, NewAudit, NewDeadLetter, Noted, StorageError, StoredOverride},
    telemetry::SpanContext,
};

/// Events to commit, together. Answered after the commit.
#[derive(Message)]
#[rtype(result = "Result<Published, PublishError>")]
pub struct Publish {
    /// At least one.
    pub drafts: Vec<Draft>,
    /// The span of the request that brought them, if it is recorded.
    pub span: Option<SpanContext>,
}

impl From<Vec<Draft>> for Publish {
    fn from(drafts: Vec<Draft>) -> Self {
        Self { drafts, span: None }
    }
}

/// Everything up to a `seq` must be deleted.
#[derive(Message)]
#[rtype(result = "Result<Head, StorageError>")]
pub struct Trim(pub Seq);

/// An adapter has come further. The newest step of each adapter is written with the next commit, or
/// soon without one. Taken until the end, also while the journal drains.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SaveCursor(pub CursorStep);

/// What adapters have said of how far they are, and is not written yet, is written now. Answered with
/// it when it is durable; waits for as long as the database is away.
#[derive(Message, Clone, Copy)]
#[rtype(result = "Result<Vec<CursorStep>, PublishError>")]
pub struct WriteCursors;

/// An adapter is to begin here. Answered when that is durable, or as a producer would be.
#[derive(Message)]
#[rtype(result = "Result<(), PublishError>")]
pub struct BeginCursor(pub CursorStep);

/// Events are set aside that a destination refuses for good, and the adapter goes on behind them.
/// Answered when both are durable; waits for as long as the database is away.
#[derive(Message)]
#[rtype(result = "Result<(), PublishError>")]
pub struct Bury {
    /// At least one.
    pub letters: Vec<NewDeadLetter>,
    /// How far the adapter has come with them.
    pub step: CursorStep,
}

/// The audit log is told what happened now. Answered when it is durable; waits for as long as the
/// database is away.
#[derive(Message)]
#[rtype(result = "Result<(), PublishError>")]
pub struct Record {
    /// Who did it: a client's identity, or the part of the router.
    pub actor: Box<str>,
    /// What was done, such as `breaker.opened`.
    pub action: Box<str>,
    /// To what.
    pub subject: Box<str>,
    /// A JSON object.
    pub detail: serde_json::Value,
}

impl Record {
    /// Tells `audit`, as soon as it can be told; nobody waits for that.
    pub fn leave(self, audit: &Recipient<Self>) {
        let (action, told) = (self.action.clone(), audit.send(self));
        actix_rt::spawn(async move {
            match told.await {
                Ok(Ok(())) => {}
                outcome => tracing::warn!(?outcome, %action, "the audit log was not told"),
            }
        });
    }
}

/// The settings are others from now on. What waits stays, and what was learned of the database too.
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq)]
#[rtype(result = "Result<(), BadLimits>")]
pub struct ReconfigureJournal {
    /// What may wait.
    pub backlog: BacklogLimits,
    /// How many go together.
    pub batching: batching::Limits,
    /// How long one attempt to take up a lost database may last.
    pub recovery: Duration,
    /// How much the tail keeps.
    pub tail: TailLimits,
}

/// A setting is set at run time, or no longer; one transaction with the line of the audit log that
/// says so. Answered when that is durable, or as a producer would be.
#[derive(Message)]
#[rtype(result = "Result<(), PublishError>")]
pub struct SetOverride {
    /// The key's path.
    pub key: Box<str>,
    /// What it is set to; `None`: what was set is forgotten.
    pub set: Option<StoredOverride>,
    /// Who did it, and why.
    pub entry: NewAudit,
}

/// A dead letter changes. Answered when that is durable, or as a producer would be.
#[derive(Message)]
#[rtype(result = "Result<Noted, PublishError>")]
pub struct ChangeDeadLetter {
    /// Which.
    pub id: u64,
    /// How.
    pub change: DeadLetterChange,
}

/// Nothing is taken any more but what adapters have to say; answered when nothing waits any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// How is the journal?
#[derive(Message, Clone, Copy)]
#[rtype(result = "JournalStatus")]
pub struct GetStatus;

/// Events that are in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The journal's identity.
    pub epoch: Uuid,
    /// One per event, in order.
    pub outcomes: Vec<Outcome>,
}

/// Why events are not, or may not be, in the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Too many wait already. Nothing was stored.
    #[error("the journal's queue is full")]
    QueueFull,
    /// Storage is down. Nothing was stored.
    #[error("the storage cannot be reached")]
    Unavailable,
    /// The disk is full. Nothing was stored.
    #[error("the storage is full")]
    StorageFull,
    /// The router stops. Nothing was stored.
    #[error("the router is shutting down")]
    ShuttingDown,
    /// The database refused these events. Nothing was stored.
    #[error("the database refused the events: {0}")]
    Refused(String),
    /// They may or may not have been stored: post them again under the same ids.
    #[error("the outcome is unknown")]
    Unknown,
}

impl PublishError {
    /// The stable name, for metrics and for answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Unavailable => "storage_unavailable",
            Self::StorageFull => "storage_full",
            Self::ShuttingDown => "shutting_down",
            Self::Refused(_) => "refused_by_storage",
            Self::Unknown => "outcome_unknown",
        }
    }
}

/// The journal, as others see it.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct JournalStatus {
    /// `ready`, `recovering`, `down` or `draining`.
    pub state: &'static str,
    /// Events that wait.
    pub queue_events: usize,
    /// Bytes that wait.
    pub queue_bytes: usize,
    /// How long the oldest request has waited, in milliseconds.
    pub oldest_ms: u64,
    /// Most events that the next commit would take.
    pub batch_events: usize,
}
