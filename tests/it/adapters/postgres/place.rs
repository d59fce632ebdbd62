//! A database to deliver to, and events to deliver.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use chrono::DateTime;
use signalbox::{
    adapters::{Transport as _, realtime::postgres::PostgresTransport},
    core::{
        delivery::{Batch, DeliveryError, Item},
        event::{Category, Draft, Event, Position},
    },
    settings::{DatabaseUrl, Settings},
    storage::{Durability, StorageOptions, open},
};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::support::postgres::database;

pub(super) const EPOCH: Uuid = Uuid::from_u128(0xE);

/// Another database, and a connection of the test's own to it.
pub(super) struct There {
    pub(super) url: String,
    pub(super) client: Client,
}

impl There {
    /// As our migrations make it.
    pub(super) async fn new() -> Self {
        Self::migrated(database()).await
    }

    pub(super) async fn migrated(url: String) -> Self {
        open(&options(&url)).await.unwrap().migrate().await.unwrap();
        Self::at(url).await
    }

    pub(super) async fn empty() -> Self {
        Self::at(database()).await
    }

    pub(super) async fn at(url: String) -> Self {
        Self { client: client(&url).await, url }
    }

    pub(super) async fn sql(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    pub(super) async fn count(&self) -> i64 {
        let count = "SELECT count(*) FROM monitoring.monitoring_events";
        self.client.query_one(count, &[]).await.unwrap().get(0)
    }

    /// The rows' places, in the order in which they were stored.
    pub(super) async fn seqs(&self) -> Vec<i64> {
        let seqs = "SELECT seq FROM monitoring.monitoring_events ORDER BY ctid";
        self.client.query(seqs, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Waits until no session of a router in this database is doing anything.
    pub(super) async fn is_quiet(&self) {
        self.until(
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = 'signalbox' AND state <> 'idle')",
        )
        .await;
    }

    /// Waits until somebody waits for a lock on the table.
    pub(super) async fn is_waited_for(&self) {
        self.until(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database()))",
        )
        .await;
    }

    async fn until(&self, question: &str) {
        let asking = async {
            while !self.client.query_one(question, &[]).await.unwrap().get::<_, bool>(0) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), asking).await.expect(question);
    }
}

pub(super) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    actix::spawn(connection);
    client
}

pub(super) fn options(url: &str) -> StorageOptions {
    StorageOptions { url: url.to_owned(), durability: Durability::Full, pool_size: 2 }
}

pub(super) fn settings(url: &str) -> Settings {
    beside(url, &"sqlite:./journal.db".parse().unwrap())
}

/// Into that database, from a journal.
pub(super) fn beside(url: &str, journal: &DatabaseUrl) -> Settings {
    let mut settings = Settings::default();
    settings.realtime.database_url = url.parse().unwrap();
    settings.storage.url = journal.clone();
    settings
}

pub(super) fn with(settings: &Settings) -> PostgresTransport {
    PostgresTransport::try_new(settings).unwrap()
}

pub(super) fn transport(url: &str) -> PostgresTransport {
    with(&settings(url))
}

/// What is said when nothing can be delivered until somebody changes something.
pub(super) async fn misconfigured(url: &str) -> String {
    let transport = transport(url);
    let delivered = transport.deliver(&batch(&events(1..=2))).await;
    let Err(DeliveryError::Misconfigured { reason }) = delivered else { panic!("{delivered:?}") };
    let health = transport.health().await;
    assert!(matches!(health, Err(DeliveryError::Misconfigured { .. })), "{health:?}");
    reason
}

pub(super) fn event(seq: u64, timestamp: &str, data: &str, metadata: &str) -> Event {
    let draft = Draft {
        id: Uuid::from_u128(0xA000 + u128::from(seq)),
        event_type: "cache \"m\u{e9}trics\"".into(),
        timestamp: DateTime::parse_from_rfc3339(timestamp).unwrap().to_utc(),
        source: "redis".into(),
        category: Category::Performance,
        data: data.into(),
        metadata: metadata.into(),
        checksum: format!("{seq:08x}").into(),
    };
    let created_at = DateTime::from_timestamp_micros(1_762_162_375_123_456).unwrap();
    Event::commit(draft, Position { epoch: EPOCH, seq }, created_at)
}

pub(super) fn events(seqs: RangeInclusive<u64>) -> Vec<Event> {
    seqs.map(|seq| event(seq, "2025-11-03T09:32:55.123456Z", r#"{"n":1}"#, "{}")).collect()
}

pub(super) fn batch(events: &[Event]) -> Batch {
    let item = |event: &Event| Item { prev: event.seq - 1, event: Arc::new(event.clone()) };
    Batch { epoch: EPOCH, items: events.iter().map(item).collect() }
}
