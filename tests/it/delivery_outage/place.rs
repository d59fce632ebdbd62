//! Where events are delivered to, and how it goes away.

use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::support::{
    destination::{Destination, KEY, Tallied},
    postgres::Cluster,
    router::command,
};

/// How it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Broadcast,
    Channel,
    Postgres,
}

pub(super) enum Place {
    Realtime(Kind, Destination),
    Database(Cluster, String),
}

impl Place {
    pub(super) fn start(kind: Kind) -> Self {
        if kind != Kind::Postgres {
            return Self::Realtime(kind, Destination::start());
        }
        let cluster = Cluster::start();
        let url = cluster.url("there");
        let settings = [("storage.url".to_owned(), url.clone())];
        let mut migrate = command(&TempDir::new().unwrap(), &settings, "127.0.0.1:0");
        migrate.current_dir("/").arg("migrate");
        let migrated = migrate.output().unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        Self::Database(cluster, url)
    }

    /// What a router is told that delivers here.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Realtime(kind, destination) => vec![
                ("realtime.transport", format!("{kind:?}").to_lowercase()),
                ("realtime.url", destination.url()),
                ("flags.enable_validation", "false".to_owned()),
                ("realtime.key", KEY.to_owned()),
            ],
            Self::Database(_, url) => vec![
                ("realtime.transport", "postgres".to_owned()),
                ("realtime.database_url", url.clone()),
            ],
        }
    }

    /// Expects too many events to keep them all.
    pub(super) async fn expect_many(&self) {
        if let Self::Realtime(_, destination) = self {
            destination.tally().await;
        }
    }

    /// Nobody is there any more.
    pub(super) async fn leave(&self) {
        match self {
            Self::Realtime(_, destination) => destination.refuse().await,
            Self::Database(cluster, _) => cluster.stop_immediate(),
        }
    }

    /// Somebody is there again.
    pub(super) async fn come_back(&self) {
        match self {
            Self::Realtime(_, destination) => destination.listen().await,
            Self::Database(cluster, _) => cluster.start_again(),
        }
    }

    /// Fails unless exactly these events have come, each once and in order.
    pub(super) async fn holds(&self, committed: &[String], many: bool) {
        match self {
            Self::Realtime(_, destination) if many => {
                let events = committed.len() as u64;
                let ids = crc32fast::hash(committed.concat().as_bytes());
                let all = Tallied { events, last: Some(events), ids, ..Tallied::default() };
                assert_eq!(destination.tallied().await, all);
            }
            _ => assert_eq!(self.ids().await, committed),
        }
    }

    /// What has come, in the order in which it came, again each time it did.
    async fn ids(&self) -> Vec<String> {
        match self {
            Self::Realtime(_, destination) => destination.received_ids().await,
            Self::Database(_, url) => {
                let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
                let connection = tokio::spawn(connection);
                // One transaction a batch, whose number says when it began.
                let ids = "SELECT id::text FROM monitoring.monitoring_events \
                           ORDER BY xmin::text::bigint, ctid";
                let rows = client.query(ids, &[]).await.unwrap();
                connection.abort();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }
}
