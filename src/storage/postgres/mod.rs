//! The journal in PostgreSQL, in the schema `monitoring`.
//!
//! Readers come from a pool and give up after a few seconds; the writer has a connection of its
//! own, and the lock with it. A connection that was left in the middle of something is never used
//! again.

pub(crate) mod address;
mod connection;
mod queries;
mod tls;
mod writer;

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, PoolError as SetupError, RecyclingMethod,
        deadpool::{Object, Pool, PoolError},
    },
};
use futures_util::FutureExt as _;
use uuid::Uuid;

use self::{connection::Server, writer::PostgresWriter};
use super::{
    AuditEntry, AuditQuery, DeadLetter, DeadLetterCount, DeadLetterQuery, Durability, OpenWriter,
    Opened, Page, PageQuery, Records, Storage, StorageError, StoredOverride, StoredVerdict,
    fault::Fault,
};
use crate::core::{
    cursor::durable::Cursor,
    event::{Event, Seq},
    numbering::Head,
};

/// A read answers within this time, or the server is taken for unreachable.
const READ_TIMEOUT: Duration = Duration::from_secs(6);

/// A journal in a PostgreSQL database.
pub(super) struct PostgresStorage {
    server: Server,
    pool: Pool<AsyncPgConnection>,
}

impl PostgresStorage {
    /// Checks the URL; the server is reached when it is first needed.
    pub(super) fn open(
        url: &str,
        durability: Durability,
        readers: usize,
    ) -> Result<Self, StorageError> {
        let server = Server::parse(url, durability)?;
        let mut config = ManagerConfig::default();
        // A connection that the server closed is noticed without asking it.
        config.recycling_method = RecyclingMethod::Fast;
        let setup = server.clone();
        config.custom_setup = Box::new(move |_| {
            let server = setup.clone();
            async move { server.reading().await }.boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
        let pool = Pool::builder(manager).max_size(readers).build();
        let pool = pool.map_err(|error| StorageError::Refused(error.to_string()))?;
        Ok(Self { server, pool })
    }

    async fn connection(&self) -> Result<Object<AsyncPgConnection>, Fault> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(SetupError::ConnectionError(error)) => connection::fault(&error),
            PoolError::Backend(SetupError::QueryError(error)) => Fault::Database(error),
            other => Fault::Lost(other.to_string()),
        })
    }

    /// Waits for a read, but not for ever.
    async fn read<T>(
        &self,
        read: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, StorageError> {
        let outcome = match tokio::time::timeout(READ_TIMEOUT, read).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::Lost("no answer in time".to_owned())),
        };
        outcome.map_err(|fault| fault.storage(&self.server.what))
    }
}

#[async_trait]
impl Storage for PostgresStorage {
    fn describe(&self) -> String {
        self.server.what.clone()
    }

    async fn migrate(&self) -> Result<Vec<String>, StorageError> {
        self.server.migrate().await.map_err(|fault| fault.storage(&self.server.what))
    }

    async fn open_writer(&self, request: OpenWriter) -> Result<Opened, StorageError> {
        PostgresWriter::open(&self.server, request).await
    }

    async fn head(&self) -> Result<Head, StorageError> {
        self.read(async { queries::head(&mut *self.connection().await?).await }).await
    }

    async fn page(&self, query: &PageQuery) -> Result<Page, StorageError> {
        self.read(async { queries::page(&mut *self.connection().await?, query).await }).await
    }

    async fn event(&self, id: Uuid) -> Result<Option<Event>, StorageError> {
        self.read(async { queries::event(&mut *self.connection().await?, id).await }).await
    }

    async fn first_since(&self, time: DateTime<Utc>) -> Result<Seq, StorageError> {
        self.read(async { queries::first_since(&mut *self.connection().await?, time).await }).await
    }

    async fn size_bytes(&self) -> Result<u64, StorageError> {
        self.read(async { queries::size_bytes(&mut *self.connection().await?).await }).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<Cursor>, StorageError> {
        self.read(async { queries::cursor(&mut *self.connection().await?, name).await }).await
    }

    async fn cursors(&self) -> Result<Vec<(String, Cursor)>, StorageError> {
        self.read(async { queries::all_cursors(&mut *self.connection().await?).await }).await
    }

    async fn dead_letters(
        &self,
        query: &DeadLetterQuery,
    ) -> Result<Records<DeadLetter>, StorageError> {
        self.read(async { queries::letters(&mut *self.connection().await?, query).await }).await
    }

    async fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, StorageError> {
        self.read(async { queries::letter(&mut *self.connection().await?, id).await }).await
    }

    async fn dead_letter_of(
        &self,
        adapter: &str,
        event: Uuid,
    ) -> Result<Option<DeadLetter>, StorageError> {
        let letter =
            async { queries::letter_of(&mut *self.connection().await?, adapter, event).await };
        self.read(letter).await
    }

    async fn count_dead_letters(&self) -> Result<Vec<DeadLetterCount>, StorageError> {
        self.read(async { queries::count_letters(&mut *self.connection().await?).await }).await
    }

    async fn overrides(&self) -> Result<Vec<StoredOverride>, StorageError> {
        self.read(async { queries::overrides(&mut *self.connection().await?).await }).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Records<AuditEntry>, StorageError> {
        self.read(async { queries::audit_log(&mut *self.connection().await?, query).await }).await
    }

    async fn verdicts_on(&self, event: Uuid) -> Result<Vec<StoredVerdict>, StorageError> {
        self.read(async { queries::verdicts_on(&mut *self.connection().await?, event).await }).await
    }
}
