//! Deletes the oldest events, as [`retention`] plans it, in steps that no commit waits for long.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use chrono::{TimeDelta, Utc};

use crate::{
    actors::{
        cursors::AdapterCursors,
        journal::{Journal, Trim},
    },
    core::{
        event::Seq,
        retention::{self, Facts, Plan},
        tail::SharedTail,
    },
    storage::{Storage, StorageError},
    telemetry::Metrics,
};

/// Events deleted in one transaction.
const STEP: u64 = 5_000;

/// What retention works with.
pub struct Retention {
    /// Where the events are.
    pub storage: Arc<dyn Storage>,
    /// Who deletes them.
    pub journal: Addr<Journal>,
    /// How far the enabled adapters have come.
    pub cursors: Arc<AdapterCursors>,
    /// Where the journal begins and ends.
    pub tail: Arc<SharedTail>,
    /// How long events are kept.
    pub retain: Duration,
    /// Bytes that the journal may take.
    pub max_bytes: u64,
    /// Time between two looks.
    pub interval: Duration,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Retention {
    /// Looks now and then, for as long as the process lives.
    pub async fn run(self) {
        let mut interval = tokio::time::interval(self.interval);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            if let Err(error) = self.look().await {
                self.metrics.storage_errors_total.with(["retention"]).increment(1);
                tracing::warn!(%error, "the oldest events cannot be deleted now");
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    async fn look(&self) -> Result<(), StorageError> {
        let oldest = TimeDelta::from_std(self.retain)
            .ok()
            .and_then(|retain| Utc::now().checked_sub_signed(retain));
        let first_young = match oldest {
            Some(oldest) => self.storage.first_since(oldest).await?,
            None => 0,
        };
        let size = self.storage.size_bytes().await?;
        self.metrics.storage_size_bytes.set(size as f64);
        let head = self.tail.load().head();
        let read_by_all = self.cursors.all().into_iter().map(|(_, through)| through).min();
        let facts = Facts { head, first_young, size, max_bytes: self.max_bytes, read_by_all };
        let Plan { through, unread } = retention::plan(&facts);
        if unread > 0 {
            tracing::error!(
                events = unread,
                "the journal has reached storage.max_bytes: events go that an adapter has not read"
            );
        }
        self.delete(head.first_seq, through).await
    }

    async fn delete(&self, first: Seq, through: Seq) -> Result<(), StorageError> {
        let mut next = first;
        while next <= through {
            let last = through.min(next + STEP - 1);
            // The journal is gone only when the process ends.
            let Ok(trimmed) = self.journal.send(Trim(last)).await else { return Ok(()) };
            trimmed?;
            self.metrics.retention_deleted_total.increment(last + 1 - next);
            self.count_unread(next, last);
            next = last + 1;
        }
        if through >= first {
            tracing::info!(
                first_seq = through + 1,
                events = through + 1 - first,
                "deleted the oldest events"
            );
        }
        Ok(())
    }

    /// What adapters were to deliver and cannot any more.
    fn count_unread(&self, first: Seq, last: Seq) {
        for (adapter, through) in self.cursors.all() {
            let unread = retention::unread(first, last, through);
            if unread > 0 {
                let dropped = self.metrics.adapter_dropped_total.with([&adapter, "retention"]);
                dropped.increment(unread);
            }
        }
    }
}
