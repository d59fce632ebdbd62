//! A database of its own for each test, and drafts to put in it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
use serde_json::Value;
use signalbox::{
    core::{
        event::{Category, Draft, Event, Seq},
        numbering::Head,
    },
    storage::{
        Durability, From, OpenWriter, Opened, PageQuery, Storage, StorageOptions, Writer, open,
    },
};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::support::postgres;

/// A migrated database, gone when it is dropped.
pub(super) struct Place {
    pub(super) url: String,
    pub(super) storage: Arc<dyn Storage>,
    _folder: Option<TempDir>,
}

pub(super) fn options(url: &str) -> StorageOptions {
    StorageOptions { url: url.to_owned(), durability: Durability::Full, pool_size: 4 }
}

impl Place {
    pub(super) async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}/journal.db", folder.path().display());
        Self::migrated(url, Some(folder)).await
    }

    pub(super) async fn postgres() -> Self {
        Self::migrated(postgres::database(), None).await
    }

    async fn migrated(url: String, folder: Option<TempDir>) -> Self {
        let storage = open(&options(&url)).await.unwrap();
        storage.migrate().await.unwrap();
        Self { url, storage, _folder: folder }
    }

    /// Another process's view of the same database.
    pub(super) async fn again(&self) -> Arc<dyn Storage> {
        open(&options(&self.url)).await.unwrap()
    }

    /// The writer, taken as a process does that has never written.
    pub(super) async fn writer(&self) -> Opened {
        self.storage.open_writer(request()).await.unwrap()
    }

    /// A writer, and the events 1 to `count` committed one second apart from second 1 on.
    pub(super) async fn filled(&self, count: u32) -> Box<dyn Writer> {
        let mut writer = self.writer().await.writer;
        for n in 1..=count {
            writer.commit(&[draft(n)], &[], at(n.into())).await.unwrap();
        }
        writer
    }

    /// Runs statements behind the router's back.
    pub(super) async fn sql(&self, sql: &str) {
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            SqliteConnection::establish(path).unwrap().batch_execute(sql).unwrap();
        } else {
            let client = client(&self.url).await;
            client.batch_execute("SET search_path = monitoring").await.unwrap();
            client.batch_execute(sql).await.unwrap();
        }
    }

    /// From now on the database says what it says when its disk is full.
    pub(super) async fn fill_up(&self) {
        self.fill_up_table("monitoring_events").await;
    }

    /// The same, for rows of one table.
    pub(super) async fn fill_up_table(&self, table: &str) {
        let sql = if self.url.starts_with("sqlite:") {
            "CREATE TRIGGER full BEFORE INSERT ON {}
             BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        } else {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device';
             END $$;
             CREATE TRIGGER disk BEFORE INSERT ON {}
             FOR EACH ROW EXECUTE FUNCTION refuse()"
        };
        self.sql(&sql.replace("{}", table)).await;
    }

    /// The disk has room again.
    pub(super) async fn make_room(&self) {
        self.make_room_in("monitoring_events").await;
    }

    /// The same, for one table.
    pub(super) async fn make_room_in(&self, table: &str) {
        let sql = if self.url.starts_with("sqlite:") {
            "DROP TRIGGER full"
        } else {
            "DROP TRIGGER disk ON {}"
        };
        self.sql(&sql.replace("{}", table)).await;
    }

    pub(super) async fn seqs(&self, from: From, limit: usize) -> (Vec<Seq>, Seq) {
        let query = PageQuery { from, limit, ..PageQuery::default() };
        let page = self.storage.page(&query).await.unwrap();
        (page.events.iter().map(|event| event.seq).collect(), page.scanned_through)
    }
}

/// A connection to PostgreSQL that has nothing to do with the router's.
pub(super) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    actix::spawn(connection);
    client
}

/// A writer that was dropped may take a moment to let go.
pub(super) fn request() -> OpenWriter {
    OpenWriter { wait: Duration::from_secs(10), fresh: Uuid::new_v4(), last_seen: None }
}

pub(super) fn request_after(last_seen: Head) -> OpenWriter {
    OpenWriter { last_seen: Some(last_seen), ..request() }
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

pub(super) fn id(n: u32) -> Uuid {
    Uuid::from_u128(n.into())
}

/// The `n`th draft: even ones are critical, every third comes from `redis`.
pub(super) fn draft(n: u32) -> Draft {
    Draft {
        id: id(n),
        event_type: if n.is_multiple_of(2) { "error" } else { "cache_metrics" }.into(),
        timestamp: at(-1),
        source: if n.is_multiple_of(3) { "redis" } else { "websocket" }.into(),
        category: if n.is_multiple_of(2) { Category::Critical } else { Category::Performance },
        data: format!(r#"{{"n":{n}}}"#).into(),
        metadata: r#"{"broadcast_mode":"direct"}"#.into(),
        checksum: format!("{n:08x}").into(),
    }
}

pub(super) fn json(event: &Event) -> Value {
    serde_json::from_slice(&event.json).unwrap()
}
