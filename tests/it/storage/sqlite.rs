//! What only SQLite can show: files that are copied, restored, full or in the way.

use std::{
    fs,
    path::{Path, PathBuf},
};

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use signalbox::{
    core::numbering::{Doubt, Proof},
    storage::{StorageError, Writer, open},
};
use tempfile::TempDir;

use super::place::{at, draft, options, request};

/// A folder with a database in it that nobody has open.
struct Closed(TempDir);

impl Closed {
    /// Holds the events 1 to 3.
    async fn filled() -> Self {
        let closed = Self(TempDir::new().unwrap());
        open(&options(&closed.url())).await.unwrap().migrate().await.unwrap();
        let (mut writer, _) = closed.writer().await;
        writer.commit(&[draft(1), draft(2), draft(3)], &[], at(1)).await.unwrap();
        closed
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.file("journal.db").display())
    }

    async fn writer(&self) -> (Box<dyn Writer>, Proof) {
        let storage = open(&options(&self.url())).await.unwrap();
        let opened = storage.open_writer(request()).await.unwrap();
        (opened.writer, opened.proof)
    }

    async fn proof(&self) -> Proof {
        self.writer().await.1
    }

    /// Puts other bytes into the file, which stays the same file.
    fn overwrite(&self, bytes: &[u8]) {
        assert!(!self.file("journal.db-wal").exists(), "somebody still has it open");
        fs::write(self.file("journal.db"), bytes).unwrap();
    }
}

#[actix::test]
async fn an_older_state_put_back_begins_a_new_epoch() {
    let closed = Closed::filled().await;
    let older = fs::read(closed.file("journal.db")).unwrap();
    let (mut writer, proof) = closed.writer().await;
    assert_eq!(proof, Proof::Same);
    writer.commit(&[draft(4)], &[], at(4)).await.unwrap();
    drop(writer);
    closed.overwrite(&older);
    assert_eq!(closed.proof().await, Proof::Renewed(Doubt::WentBack));
    assert_eq!(closed.proof().await, Proof::Same);
}

#[actix::test]
async fn the_same_state_put_back_is_the_same_journal() {
    let closed = Closed::filled().await;
    closed.overwrite(&fs::read(closed.file("journal.db")).unwrap());
    assert_eq!(closed.proof().await, Proof::Same);
}

#[actix::test]
async fn a_copy_is_another_database_with_or_without_its_lock_file() {
    let closed = Closed::filled().await;
    let copy = Closed(TempDir::new().unwrap());
    let copied = |name: &str| fs::copy(closed.file(name), copy.file(name)).unwrap();
    copied("journal.db");
    assert_eq!(copy.proof().await, Proof::Renewed(Doubt::OtherDatabase));
    copied("journal.db");
    copied("journal.db.lock");
    assert_eq!(copy.proof().await, Proof::Renewed(Doubt::OtherDatabase));
    fs::remove_file(closed.file("journal.db.lock")).unwrap();
    assert_eq!(closed.proof().await, Proof::Renewed(Doubt::OtherDatabase), "nobody vouches");
}

#[actix::test]
async fn missing_folders_are_made_and_a_bad_one_is_named() {
    let folder = TempDir::new().unwrap();
    let deep = format!("sqlite:{}/a/b/journal.db", folder.path().display());
    open(&options(&deep)).await.unwrap().migrate().await.unwrap();

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let blocked = format!("sqlite:{}/journal.db", file.display());
    let error = open(&options(&blocked)).await.err().unwrap();
    assert!(matches!(error, StorageError::Unreachable { .. }));
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[actix::test]
async fn a_database_without_tables_asks_for_a_migration() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/journal.db", folder.path().display());
    let storage = open(&options(&url)).await.unwrap();
    assert!(matches!(storage.head().await, Err(StorageError::NoJournal)));
    let error = storage.open_writer(request()).await.err().unwrap();
    assert!(matches!(error, StorageError::NoJournal), "{error}");
}

#[actix::test]
async fn nobody_migrates_under_a_writer() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/journal.db", folder.path().display());
    let storage = open(&options(&url)).await.unwrap();
    storage.migrate().await.unwrap();
    let _writer = storage.open_writer(request()).await.unwrap().writer;
    assert!(storage.migrate().await.unwrap().is_empty(), "nothing to do needs no lock");
    let path = Path::new(url.strip_prefix("sqlite:").unwrap());
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("DELETE FROM __diesel_schema_migrations").unwrap();
    assert!(matches!(storage.migrate().await, Err(StorageError::Locked { .. })));
}

#[test]
fn migrations_go_up_and_down_and_up() {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    let migrations = || FileBasedMigrations::from_path("migrations/sqlite").unwrap();
    let up = connection.run_pending_migrations(migrations()).unwrap().len();
    assert_eq!(connection.revert_all_migrations(migrations()).unwrap().len(), up);
    connection.run_pending_migrations(migrations()).unwrap();
}
