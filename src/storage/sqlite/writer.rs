//! The one writer of a SQLite journal.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::SqliteConnection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    blocking, connection,
    lock::{Lock, Witness},
    queries,
};
use crate::{
    core::{
        cursor::durable::CursorStep,
        event::{Draft, Seq},
        numbering::{Head, Known, Proof},
    },
    storage::{
        Commit, CommitError, Durability, Note, Noted, OpenWriter, Opened, StorageError, Writer,
        fault::Fault, rows::Claim,
    },
};

/// How often a lock that somebody else holds is tried again.
const POLL: Duration = Duration::from_millis(50);

/// Holds the lock; what works on its behalf on another thread holds it too.
pub(super) struct SqliteWriter {
    journal: Arc<Mutex<Journal>>,
    what: String,
}

/// What the one writer holds. The connection is closed before the lock is let go.
struct Journal {
    connection: SqliteConnection,
    head: Head,
    token: Uuid,
    lock: Lock,
}

impl SqliteWriter {
    /// Waits for the lock and takes the journal over.
    pub(super) async fn open(
        path: &Path,
        durability: Durability,
        what: &str,
        request: OpenWriter,
    ) -> Result<Opened, StorageError> {
        let lock = wait_for_lock(path, what, request.wait).await?;
        let path = path.to_owned();
        let opening = blocking(move || Journal::open(&path, durability, lock, request)).await;
        let (journal, proof) = opening.map_err(|fault| fault.storage(what))?;
        let head = journal.head;
        let writer = Self { journal: Arc::new(Mutex::new(journal)), what: what.to_owned() };
        Ok(Opened { writer: Box::new(writer), head, proof })
    }

    /// Runs `work` to its end, even when nobody waits for it any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Journal) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let journal = Arc::clone(&self.journal);
        blocking(move || work(&mut journal.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

async fn wait_for_lock(path: &Path, what: &str, wait: Duration) -> Result<Lock, StorageError> {
    let deadline = Instant::now() + wait;
    loop {
        if let Some(lock) = Lock::try_take(path).map_err(|fault| fault.storage(what))? {
            return Ok(lock);
        }
        if Instant::now() >= deadline {
            return Err(StorageError::Locked { what: what.to_owned() });
        }
        sleep(POLL).await;
    }
}

impl Journal {
    fn open(
        path: &Path,
        durability: Durability,
        mut lock: Lock,
        request: OpenWriter,
    ) -> Result<(Self, Proof), Fault> {
        let mut connection = connection::writing(path, durability)?;
        let witness = lock.witness();
        let file = file_number(path)?;
        let claim = Claim {
            known: witness.map(|witness| identity(witness.token, file)),
            identity: identity(request.fresh, file),
            fresh: request.fresh,
            seen: [request.last_seen.map(|head| head.position()), witness.map(|w| w.last)]
                .into_iter()
                .flatten()
                .collect(),
        };
        let (head, proof) = queries::claim(&mut connection, &claim)?;
        let token = match (proof, witness) {
            (Proof::Same, Some(witness)) => witness.token,
            _ => request.fresh,
        };
        let mut journal = Self { connection, head, token, lock };
        journal.advance(head);
        Ok((journal, proof))
    }

    /// Moves on to `head`, and tells the witness.
    fn advance(&mut self, head: Head) {
        self.head = head;
        let witness = Witness { token: self.token, last: head.position() };
        if let Err(error) = self.lock.record(&witness) {
            // The commit stands; only a later restore is harder to recognise.
            tracing::warn!(%error, "the lock file cannot be written");
        }
    }
}

/// The token stands for the lock file, the number for the database's: a copy has another.
fn identity(token: Uuid, file: u64) -> String {
    format!("{token}/{file}")
}

#[cfg(unix)]
fn file_number(path: &Path) -> Result<u64, Fault> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = path.metadata().map_err(|error| Fault::Lost(error.to_string()))?;
    Ok(metadata.ino())
}

/// Elsewhere files have no number that can be had without unsafe code.
#[cfg(not(unix))]
fn file_number(_path: &Path) -> Result<u64, Fault> {
    Ok(0)
}

#[async_trait]
impl Writer for SqliteWriter {
    async fn commit(
        &mut self,
        drafts: &[Draft],
        cursors: &[CursorStep],
        now: DateTime<Utc>,
    ) -> Result<Commit, CommitError> {
        let (drafts, cursors) = (drafts.to_vec(), cursors.to_vec());
        let commit = self.run(move |journal| {
            let Journal { connection, head, .. } = journal;
            let commit = queries::commit(connection, head, &drafts, &cursors, now)?;
            journal.advance(commit.head);
            Ok(commit)
        });
        commit.await.map_err(|fault| fault.commit(&self.what))
    }

    async fn note(
        &mut self,
        notes: &[Note],
        now: DateTime<Utc>,
    ) -> Result<Vec<Noted>, CommitError> {
        let notes = notes.to_vec();
        let written = self
            .run(move |journal| queries::note(&mut journal.connection, &journal.head, &notes, now));
        written.await.map_err(|fault| fault.commit(&self.what))
    }

    async fn look_up(&mut self, ids: &[Uuid]) -> Result<HashMap<Uuid, Known>, StorageError> {
        let ids = ids.to_vec();
        let known = self.run(move |journal| queries::look_up(&mut journal.connection, &ids));
        known.await.map_err(|fault| fault.storage(&self.what))
    }

    async fn trim(&mut self, through: Seq) -> Result<Head, StorageError> {
        let trimmed = self.run(move |journal| {
            let head = queries::trim(&mut journal.connection, &journal.head, through)?;
            journal.advance(head);
            Ok(head)
        });
        trimmed.await.map_err(|fault| fault.storage(&self.what))
    }
}
