//! The journal in one SQLite file, in WAL mode: readers never wait for the writer.
//!
//! SQLite calls block, so all of them run on blocking threads, and run to their end even when
//! nobody waits for them any more.

mod connection;
mod lock;
mod queries;
mod readers;
mod writer;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::{lock::Lock, readers::Readers, writer::SqliteWriter};
use super::{
    AuditEntry, AuditQuery, DeadLetter, DeadLetterCount, DeadLetterQuery, Durability, OpenWriter,
    Opened, Page, PageQuery, Records, Storage, StorageError, StoredOverride, StoredVerdict,
    fault::Fault, migrate,
};
use crate::core::{
    cursor::durable::Cursor,
    event::{Event, Seq},
    numbering::Head,
};

/// A journal in a SQLite file.
pub(super) struct SqliteStorage {
    path: PathBuf,
    durability: Durability,
    readers: Readers,
    what: String,
}

impl SqliteStorage {
    /// Makes the missing folders and checks that the one of the file can be written.
    pub(super) async fn open(
        path: PathBuf,
        durability: Durability,
        readers: usize,
    ) -> Result<Self, StorageError> {
        let what = format!("SQLite {}", path.display());
        let file = path.clone();
        blocking(move || prepare_folder(&file)).await.map_err(|fault| fault.storage(&what))?;
        Ok(Self { readers: Readers::new(path.clone(), readers), path, durability, what })
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut diesel::SqliteConnection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.readers.run(query).await.map_err(|fault| fault.storage(&self.what))
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    fn describe(&self) -> String {
        self.what.clone()
    }

    async fn migrate(&self) -> Result<Vec<String>, StorageError> {
        let (path, durability, what) = (self.path.clone(), self.durability, self.what.clone());
        let migrated = blocking(move || {
            let mut connection = connection::writing(&path, durability)?;
            if !migrate::are_pending(&mut connection, migrate::SQLITE)? {
                return Ok(Vec::new());
            }
            // Nobody may write while the tables change.
            let _lock = Lock::try_take(&path)?.ok_or(StorageError::Locked { what })?;
            migrate::run(&mut connection, migrate::SQLITE)
        });
        migrated.await.map_err(|fault| fault.storage(&self.what))
    }

    async fn open_writer(&self, request: OpenWriter) -> Result<Opened, StorageError> {
        SqliteWriter::open(&self.path, self.durability, &self.what, request).await
    }

    async fn head(&self) -> Result<Head, StorageError> {
        self.read(queries::head).await
    }

    async fn page(&self, query: &PageQuery) -> Result<Page, StorageError> {
        let query = query.clone();
        self.read(move |connection| queries::page(connection, &query)).await
    }

    async fn event(&self, id: Uuid) -> Result<Option<Event>, StorageError> {
        self.read(move |connection| queries::event(connection, id)).await
    }

    async fn first_since(&self, time: DateTime<Utc>) -> Result<Seq, StorageError> {
        self.read(move |connection| queries::first_since(connection, time)).await
    }

    async fn size_bytes(&self) -> Result<u64, StorageError> {
        self.read(queries::size_bytes).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<Cursor>, StorageError> {
        let name = name.to_owned();
        self.read(move |connection| queries::cursor(connection, &name)).await
    }

    async fn cursors(&self) -> Result<Vec<(String, Cursor)>, StorageError> {
        self.read(queries::all_cursors).await
    }

    async fn dead_letters(
        &self,
        query: &DeadLetterQuery,
    ) -> Result<Records<DeadLetter>, StorageError> {
        let query = query.clone();
        self.read(move |connection| queries::letters(connection, &query)).await
    }

    async fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, StorageError> {
        self.read(move |connection| queries::letter(connection, id)).await
    }

    async fn dead_letter_of(
        &self,
        adapter: &str,
        event: Uuid,
    ) -> Result<Option<DeadLetter>, StorageError> {
        let adapter = adapter.to_owned();
        self.read(move |connection| queries::letter_of(connection, &adapter, event)).await
    }

    async fn count_dead_letters(&self) -> Result<Vec<DeadLetterCount>, StorageError> {
        self.read(queries::count_letters).await
    }

    async fn overrides(&self) -> Result<Vec<StoredOverride>, StorageError> {
        self.read(queries::overrides).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Records<AuditEntry>, StorageError> {
        let query = query.clone();
        self.read(move |connection| queries::audit_log(connection, &query)).await
    }

    async fn verdicts_on(&self, event: Uuid) -> Result<Vec<StoredVerdict>, StorageError> {
        self.read(move |connection| queries::verdicts_on(connection, event)).await
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Fault::Lost(error.to_string())),
    }
}

fn prepare_folder(path: &Path) -> Result<(), Fault> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| {
        Fault::Lost(format!("the folder {} cannot be made: {error}", folder.display()))
    })?;
    Lock::file(path).map(drop)
}
