//! The one writer of a PostgreSQL journal.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::result::Error;
use diesel_async::AsyncPgConnection;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    connection::{self, Server},
    queries,
};
use crate::{
    core::{
        cursor::durable::CursorStep,
        event::{Draft, Seq},
        numbering::{Head, Known, Proof},
    },
    storage::{
        Commit, CommitError, Note, Noted, OpenWriter, Opened, StorageError, Writer,
        fault::{Cause, Fault, cause},
        rows::Claim,
    },
};

/// How often a lock that somebody else holds is tried again.
const POLL: Duration = Duration::from_millis(100);
/// A write that has not answered by then is given up, and its connection with it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(25);

/// Holds the lock as long as its connection lives.
pub(super) struct PostgresWriter {
    /// None while a request has it, and for good when one was given up half way.
    connection: Option<AsyncPgConnection>,
    head: Head,
    what: String,
}

impl PostgresWriter {
    /// Waits for the lock and takes the journal over.
    pub(super) async fn open(server: &Server, request: OpenWriter) -> Result<Opened, StorageError> {
        let what = server.what.clone();
        let taking = take_over(server, request);
        let outcome = match timeout(request.wait + WRITE_TIMEOUT, taking).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::Lost("no answer in time".to_owned())),
        };
        let (connection, head, proof) = outcome.map_err(|fault| fault.storage(&what))?;
        let writer = Self { connection: Some(connection), head, what };
        Ok(Opened { writer: Box::new(writer), head, proof })
    }
}

async fn take_over(
    server: &Server,
    request: OpenWriter,
) -> Result<(AsyncPgConnection, Head, Proof), Fault> {
    let deadline = Instant::now() + request.wait;
    let mut c = server.writing().await.map_err(|error| connection::fault(&error))?;
    while !queries::try_lock(&mut c).await? {
        if Instant::now() >= deadline {
            return Err(StorageError::Locked { what: server.what.clone() }.into());
        }
        sleep(POLL).await;
    }
    if !queries::holds_lock(&mut c).await? {
        return Err(connection::pooler().into());
    }
    let identity = queries::identity(&mut c).await?;
    let claim = Claim {
        known: Some(identity.clone()),
        identity,
        fresh: request.fresh,
        seen: request.last_seen.map(|head| head.position()).into_iter().collect(),
    };
    let (head, proof) = queries::claim(&mut c, &claim).await?;
    Ok((c, head, proof))
}

impl PostgresWriter {
    /// Runs `work` on the connection. One that is given up or cancelled half way is closed: nobody
    /// can say what it was in the middle of.
    async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let gone = || StorageError::Unreachable {
            what: self.what.clone(),
            reason: "the writer's connection was given up".to_owned(),
        };
        let mut connection = self.connection.take().ok_or_else(gone)?;
        match timeout(WRITE_TIMEOUT, work(&mut connection)).await {
            Ok(outcome) => {
                self.connection = Some(connection);
                outcome
            }
            Err(_) => Err(Fault::Lost("no answer in time".to_owned())),
        }
    }
}

#[async_trait]
impl Writer for PostgresWriter {
    async fn commit(
        &mut self,
        drafts: &[Draft],
        cursors: &[CursorStep],
        now: DateTime<Utc>,
    ) -> Result<Commit, CommitError> {
        let head = self.head;
        let committed =
            self.run(async |c| match queries::commit(c, &head, drafts, cursors, now).await {
                Err(Fault::Database(error)) => Err(blamed(c, drafts, error).await),
                committed => committed,
            });
        let commit = committed.await.map_err(|fault| fault.commit(&self.what))?;
        self.head = commit.head;
        Ok(commit)
    }

    async fn note(
        &mut self,
        notes: &[Note],
        now: DateTime<Utc>,
    ) -> Result<Vec<Noted>, CommitError> {
        let head = self.head;
        let written = self.run(async |c| queries::note(c, &head, notes, now).await).await;
        written.map_err(|fault| fault.commit(&self.what))
    }

    async fn look_up(&mut self, ids: &[Uuid]) -> Result<HashMap<Uuid, Known>, StorageError> {
        let known = self.run(async |c| queries::look_up(c, ids).await).await;
        known.map_err(|fault| fault.storage(&self.what))
    }

    async fn trim(&mut self, through: Seq) -> Result<Head, StorageError> {
        let head = self.head;
        let trimmed = self.run(async |c| queries::trim(c, &head, through).await).await;
        self.head = trimmed.map_err(|fault| fault.storage(&self.what))?;
        Ok(self.head)
    }
}

/// Finds out whether it is the values that were refused.
async fn blamed(c: &mut AsyncPgConnection, drafts: &[Draft], error: Error) -> Fault {
    if cause(&error) == Cause::Refused && queries::refuses(c, drafts).await {
        Fault::Data(error)
    } else {
        Fault::Database(error)
    }
}
