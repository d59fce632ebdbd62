//! What every delivery path tells of itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

/// A delivery path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// The router's own sessions: the direct path.
    Websocket,
    /// A Realtime.
    Realtime,
    /// Both, side by side.
    Dual,
}

/// What became of events on a path since the router started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PathCounters {
    /// Deliveries: an event that went to two sessions counts twice on the direct path.
    pub delivered: u64,
    /// Requests that failed, or events that a session was not given.
    pub failed: u64,
    /// Events set aside as dead letters.
    pub dead: u64,
}

/// A delivery path, which reports what it does. How it delivers is not the same for any two of
/// them, so that is not here: sessions read for themselves, and a Realtime is sent to by a
/// [`Transport`](super::Transport).
#[async_trait]
pub trait MonitoringAdapter: Send + Sync + 'static {
    /// Which path.
    fn kind(&self) -> AdapterKind;

    /// Where it leads, without a secret.
    fn describe(&self) -> String;

    /// Whether it would deliver now.
    ///
    /// # Errors
    /// Why not.
    async fn health(&self) -> Result<(), String>;

    /// What it has done.
    fn counters(&self) -> PathCounters;
}

/// Counts that an adapter's actors keep, and anybody may read.
#[derive(Debug, Default)]
pub struct Tally {
    delivered: AtomicU64,
    known: AtomicU64,
    dead: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
}

/// What became of the events of a path that has a cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Settled {
    /// The destination has them.
    pub delivered: u64,
    /// Those of them that it had before.
    pub known: u64,
    /// Set aside as dead letters.
    pub dead: u64,
    /// Deleted by retention before they were delivered.
    pub skipped: u64,
}

impl Tally {
    /// Events were settled.
    pub fn settle(&self, settled: Settled) {
        self.delivered.fetch_add(settled.delivered, Relaxed);
        self.known.fetch_add(settled.known, Relaxed);
        self.dead.fetch_add(settled.dead, Relaxed);
        self.skipped.fetch_add(settled.skipped, Relaxed);
    }

    /// A request failed.
    pub fn fail(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// What became of events so far.
    #[must_use]
    pub fn settled(&self) -> Settled {
        Settled {
            delivered: self.delivered.load(Relaxed),
            known: self.known.load(Relaxed),
            dead: self.dead.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
        }
    }

    /// The same, as every path tells it.
    #[must_use]
    pub fn counters(&self) -> PathCounters {
        let Settled { delivered, dead, .. } = self.settled();
        PathCounters { delivered, failed: self.failed.load(Relaxed), dead }
    }
}
