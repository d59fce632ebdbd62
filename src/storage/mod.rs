//! Where the journal is kept: one trait, two databases, one contract suite.
//!
//! A [`Storage`] is read by anybody through its pool. Only one [`Writer`] exists at a time, in all
//! processes: it holds the lock, numbers batches and trims the oldest events. Nothing here waits,
//! retries or decides when: that is the journal actor's and the retention task's.

mod fault;
mod migrate;
mod options;
mod page;
pub(crate) mod postgres;
mod queries;
mod record_queries;
mod record_rows;
mod records;
mod rows;
mod schema;
mod sqlite;
mod values;
mod verdicts;

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::core::{
    cursor::durable::{Cursor, CursorStep},
    event::{Category, Draft, Event, Seq},
    numbering::{Head, Known, Outcome, Proof},
};

pub use self::{
    options::{StorageOptions, open},
    records::{
        AuditEntry, AuditQuery, DeadLetter, DeadLetterChange, DeadLetterCount, DeadLetterQuery,
        DeadLetterStatus, MAX_RECORDS, NewAudit, NewDeadLetter, Note, Noted, Records,
        StoredOverride, oldest_pending,
    },
    verdicts::StoredVerdict,
};
pub use crate::settings::Durability;

/// A database that holds a journal. Cheap to share: `Arc<dyn Storage>`.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Which database this is and where, without a secret: for logs and error texts.
    fn describe(&self) -> String;

    /// Applies the migrations that are missing; their names, in order.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when some are missing and a router is writing to a SQLite file;
    /// otherwise when the database cannot be reached or refuses.
    async fn migrate(&self) -> Result<Vec<String>, StorageError>;

    /// Takes the writer's lock, waiting at most `wait` for it, and reads the head.
    ///
    /// `fresh` is the epoch to use when there is no journal yet, or when it cannot be proved to be
    /// the one that `last_seen` (and what the database itself can vouch for) speaks of.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when another router is writing; otherwise when the database cannot
    /// be reached or refuses.
    async fn open_writer(&self, request: OpenWriter) -> Result<Opened, StorageError>;

    /// Where the journal begins and ends now.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses, or holds no journal yet.
    async fn head(&self) -> Result<Head, StorageError>;

    /// A page of events in one snapshot of the journal.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when a `seq` is missing inside the journal; otherwise when the
    /// database cannot be reached or refuses.
    async fn page(&self, query: &PageQuery) -> Result<Page, StorageError>;

    /// One event by its id.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn event(&self, id: Uuid) -> Result<Option<Event>, StorageError>;

    /// The first `seq` committed at or after `time`; `head_seq + 1` when none is.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn first_since(&self, time: DateTime<Utc>) -> Result<Seq, StorageError>;

    /// Bytes that the journal's data takes in the database; space that deleted events left for
    /// new ones does not count.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn size_bytes(&self) -> Result<u64, StorageError>;

    /// How far an adapter has come; `None` when it never stored a cursor.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn cursor(&self, name: &str) -> Result<Option<Cursor>, StorageError>;

    /// How far all adapters have come, in the order of their names.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn cursors(&self) -> Result<Vec<(String, Cursor)>, StorageError>;

    /// Some dead letters. Deleting some between two pages moves no other.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn dead_letters(
        &self,
        query: &DeadLetterQuery,
    ) -> Result<Records<DeadLetter>, StorageError>;

    /// One dead letter by its number.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, StorageError>;

    /// The dead letter that an event is for an adapter, if it is one.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn dead_letter_of(
        &self,
        adapter: &str,
        event: Uuid,
    ) -> Result<Option<DeadLetter>, StorageError>;

    /// How many dead letters there are, by adapter and status; nothing for what there is none of.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn count_dead_letters(&self) -> Result<Vec<DeadLetterCount>, StorageError>;

    /// What is set at run time, in the order of the keys; also what has expired since.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn overrides(&self) -> Result<Vec<StoredOverride>, StorageError>;

    /// Some lines of the audit log.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn audit(&self, query: &AuditQuery) -> Result<Records<AuditEntry>, StorageError>;

    /// The verdicts on an event that are kept, one for each path at most.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn verdicts_on(&self, event: Uuid) -> Result<Vec<StoredVerdict>, StorageError>;
}

/// The one connection that changes the journal. It holds the lock until it is dropped.
#[async_trait]
pub trait Writer: Send {
    /// Commits a batch in one transaction: looks the ids up, numbers the rest, inserts them, moves
    /// the head by compare-and-set, and moves the `cursors` that these steps lead on.
    ///
    /// # Errors
    /// See [`CommitError`]; nothing is stored then, but for [`CommitError::Unknown`]. After
    /// [`CommitError::Data`] and [`StorageError::Full`] this writer can go on; otherwise open
    /// another.
    async fn commit(
        &mut self,
        drafts: &[Draft],
        cursors: &[CursorStep],
        now: DateTime<Utc>,
    ) -> Result<Commit, CommitError>;

    /// Writes what is no event, all or none, in one transaction; what became of each, in order.
    ///
    /// # Errors
    /// See [`CommitError`]; nothing is written then, but for [`CommitError::Unknown`]: write the
    /// same again. After [`CommitError::Data`], [`StorageError::Full`] and
    /// [`StorageError::Refused`] this writer can go on; otherwise open another.
    async fn note(&mut self, notes: &[Note], now: DateTime<Utc>)
    -> Result<Vec<Noted>, CommitError>;

    /// What the journal holds of these ids.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses.
    async fn look_up(&mut self, ids: &[Uuid]) -> Result<HashMap<Uuid, Known>, StorageError>;

    /// Deletes all events up to and including `through`, but never past the head; the new head.
    /// It is one transaction, and commits wait for it: take a long way in steps.
    ///
    /// # Errors
    /// [`StorageError::Stale`] when another writer moved the head; otherwise when the database
    /// cannot be reached or refuses.
    async fn trim(&mut self, through: Seq) -> Result<Head, StorageError>;
}

/// What [`Storage::open_writer`] needs to know.
#[derive(Clone, Copy, Debug)]
pub struct OpenWriter {
    /// How long to wait for another writer to let go.
    pub wait: Duration,
    /// The epoch to begin when one must begin.
    pub fresh: Uuid,
    /// The newest head this process has seen, if it has written before.
    pub last_seen: Option<Head>,
}

/// A writer, and what it found.
pub struct Opened {
    /// The writer, holding the lock.
    pub writer: Box<dyn Writer>,
    /// Where the journal begins and ends, under the epoch to use from now on.
    pub head: Head,
    /// Whether the journal is the one seen before.
    pub proof: Proof,
}

/// A batch that is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// One per draft, in order.
    pub outcomes: Vec<Outcome>,
    /// Indexes of the drafts that were inserted, in `seq` order up to the head.
    pub fresh: Vec<usize>,
    /// Where the journal ends now; `last_created_at` is the fresh events' `created_at`.
    pub head: Head,
}

/// Which events of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// From where, and in which direction.
    pub from: From,
    /// At most this many events.
    pub limit: usize,
    /// Only such events. A page narrowed by more than time cannot be checked for holes.
    pub narrow: Narrow,
}

/// Where a page begins, and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Events after this `seq`, oldest first.
    After(Seq),
    /// Events before this `seq`, newest first.
    Before(Seq),
}

impl Default for From {
    fn default() -> Self {
        Self::After(0)
    }
}

/// What storage can select by itself, by equality and by time. Empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrow {
    /// One of these types.
    pub event_types: Vec<String>,
    /// One of these sources.
    pub sources: Vec<String>,
    /// One of these categories.
    pub categories: Vec<Category>,
    /// Committed at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Committed at this time or earlier.
    pub until: Option<DateTime<Utc>>,
}

impl Narrow {
    /// Whether, within its bounds in time, every event is selected.
    #[must_use]
    pub fn is_bounds_only(&self) -> bool {
        self.event_types.is_empty() && self.sources.is_empty() && self.categories.is_empty()
    }
}

/// A page of the journal, read in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The events, in the query's direction.
    pub events: Vec<Event>,
    /// Every selected event up to here (in the query's direction) is in the page: go on from it.
    /// The last event's `seq` when the page is full, else the journal's head, or its first.
    pub scanned_through: Seq,
    /// Where the journal began and ended in that snapshot.
    pub head: Head,
}

/// Why storage could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No connection, or it broke.
    #[error("{what} cannot be reached: {reason}")]
    Unreachable {
        /// The database, without a secret.
        what: String,
        /// The cause, without a secret.
        reason: String,
    },
    /// Another router is writing this journal.
    #[error(
        "another router is writing to {what}: stop it first, or give this one a database of its own"
    )]
    Locked {
        /// The database, without a secret.
        what: String,
    },
    /// Another writer moved the head: this one must stop.
    #[error("another writer has moved the journal's head")]
    Stale,
    /// The disk or a quota is full.
    #[error("the storage is full")]
    Full,
    /// A `seq` inside the journal is missing.
    #[error("the journal is corrupt: event {seq} is missing")]
    Corrupt {
        /// The first that is missing.
        seq: Seq,
    },
    /// The migrations have not been run.
    #[error("the database holds no journal: run `signalbox migrate`")]
    NoJournal,
    /// The connection is one that cannot hold a session, such as a transaction-mode pooler.
    #[error("{0}")]
    Unsuitable(String),
    /// The database refused.
    #[error("the database refused: {0}")]
    Refused(String),
}

/// Why a batch is not, or may not be, in the journal.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The batch's data was refused: nothing was stored. Single requests may still pass.
    #[error("the database refused the data: {0}")]
    Data(String),
    /// Nothing was stored, for a reason that is not the data's.
    #[error(transparent)]
    Failed(#[from] StorageError),
    /// The connection was lost on the way: look the ids up.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
}
