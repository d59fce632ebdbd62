//! What all clients of the old protocol are shown: the history, and how their sockets are.
//!
//! There is one, and it does nothing by itself: whoever asks brings the history current, from the
//! tail or, after a restart, from pages of storage. Where nobody asks, it costs nothing.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;

use crate::{
    core::{
        legacy::{self, Command, Health, History, Moment},
        protocol::ErrorCode,
        tail::SharedTail,
    },
    storage::{From, PageQuery, Storage, StorageError},
    telemetry::Metrics,
};

/// Events that are looked at before others have the thread.
const CHUNK: usize = 1000;

/// The board.
pub struct Board {
    storage: Arc<dyn Storage>,
    tail: Arc<SharedTail>,
    metrics: Arc<Metrics>,
    /// Where the router listens.
    port: u16,
    started: Instant,
    history: tokio::sync::Mutex<History>,
    health: Mutex<Health>,
    /// Open sockets of the old protocol.
    open: AtomicUsize,
}

impl Board {
    /// A board of the journal that `tail` and `storage` hold.
    #[must_use]
    pub fn new(
        storage: Arc<dyn Storage>,
        tail: Arc<SharedTail>,
        metrics: Arc<Metrics>,
        port: u16,
    ) -> Self {
        Self {
            storage,
            tail,
            metrics,
            port,
            started: Instant::now(),
            history: tokio::sync::Mutex::default(),
            health: Mutex::default(),
            open: AtomicUsize::new(0),
        }
    }

    /// Where the router listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `f` makes of the history, brought current first, as far as it can be.
    pub async fn ask<R>(&self, f: impl FnOnce(&History, &Moment) -> R) -> R {
        let mut history = self.history.lock().await;
        let is_current = match self.bring_current(&mut history).await {
            Ok(is_current) => is_current,
            Err(error) => {
                self.metrics.storage_errors_total.with(["page"]).increment(1);
                tracing::warn!(%error, "the history of the old protocol cannot be read");
                false
            }
        };
        let moment = Moment {
            now: Utc::now(),
            health: self.health().report(self.port, self.started.elapsed()),
            websockets: self.open.load(Ordering::Relaxed),
            is_current,
        };
        f(&history, &moment)
    }

    /// The answer to a command.
    pub async fn answer(&self, command: &Command) -> String {
        let unavailable = "events of before cannot be read now; try again".to_owned();
        let unavailable = (ErrorCode::Unavailable, unavailable);
        self.ask(|history, moment| {
            if moment.is_current {
                legacy::answer(command, history, moment)
            } else {
                legacy::answer_error(&unavailable, moment.now)
            }
        })
        .await
    }

    /// Counts a socket of the old protocol, until what this returns is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Visit {
        self.open.fetch_add(1, Ordering::Relaxed);
        Visit(self.clone())
    }

    /// A dashboard has come.
    pub fn opened(&self) {
        self.health().opened(self.started.elapsed());
    }

    /// A dashboard has gone.
    pub fn closed(&self) {
        self.health().closed();
    }

    /// A dashboard has answered a ping after so long.
    pub fn pong(&self, round_trip: Duration) {
        self.health().pong(round_trip, self.started.elapsed());
    }

    /// A dashboard has not answered a ping in time.
    pub fn late(&self) {
        self.health().late();
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        // What is measured stays good, whoever panicked beside it.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on to where the tail ends now; whether that was reached.
    async fn bring_current(&self, history: &mut History) -> Result<bool, StorageError> {
        let (epoch, until) = {
            let tail = self.tail.load();
            (tail.epoch(), tail.next())
        };
        loop {
            let next = {
                let tail = self.tail.load();
                if tail.epoch() != epoch {
                    return Ok(false);
                }
                let next = history.resume(&tail.head());
                if next >= until {
                    return Ok(true);
                }
                if next >= tail.first() {
                    tail.from(next).take(CHUNK).for_each(|event| history.take(event));
                    None
                } else {
                    Some(next)
                }
            };
            let Some(next) = next else {
                tokio::task::yield_now().await;
                continue;
            };
            let from = From::After(next.saturating_sub(1));
            let query = PageQuery { from, limit: CHUNK, ..PageQuery::default() };
            let page = self.storage.page(&query).await?;
            // The journal may be another one by now, or have lost what was asked for.
            if page.head.epoch != epoch || page.events.is_empty() {
                return Ok(false);
            }
            history.resume(&page.head);
            // Nobody is told of what is not shown live yet.
            let shown = page.events.iter().filter(|event| event.seq < until);
            shown.for_each(|event| history.take(event));
        }
    }
}

/// A socket of the old protocol that is open.
pub struct Visit(Arc<Board>);

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
