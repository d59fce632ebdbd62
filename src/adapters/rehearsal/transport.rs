//! A transport with faults planted on it: what the one inside is really given to send.
//!
//! Whoever delivers by it is told that all is well: an event that is dropped on purpose counts as
//! delivered, as one would that a destination took and lost. That is what a rehearsal is for, so the
//! ledger and the counters of the path say nothing of it; what was planted is counted by itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{task::JoinHandle, time::sleep_until};

use super::Rehearsals;
use crate::{
    adapters::{Transport, TransportKind},
    core::{
        delivery::{Batch, Delivered, DeliveryError, Which},
        event::Position,
        rehearsal::Path,
    },
};

/// Events that were held back and go together, at most.
const TOGETHER: usize = 100;
/// How long it takes to try again to send what was held back.
const AGAIN: Duration = Duration::from_millis(500);

/// The transport.
pub struct Rehearsed {
    inner: Arc<dyn Transport>,
    rehearsals: Arc<Rehearsals>,
    /// Sends by itself what was held back. It runs where the first request is made, and may end with
    /// that thread.
    releasing: Mutex<Option<JoinHandle<()>>>,
}

impl Rehearsed {
    /// This one, with what is rehearsed planted on it.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, rehearsals: Arc<Rehearsals>) -> Self {
        Self { inner, rehearsals, releasing: Mutex::default() }
    }

    /// Whether nothing is planted, and nothing held back; otherwise what is held back is seen to.
    fn is_idle(&self) -> bool {
        if self.rehearsals.running.load().is_none() && self.rehearsals.held() == 0 {
            return true;
        }
        let mut releasing = self.releasing.lock().unwrap_or_else(PoisonError::into_inner);
        if releasing.as_ref().is_none_or(JoinHandle::is_finished) {
            let release = release(self.inner.clone(), self.rehearsals.clone());
            *releasing = Some(tokio::spawn(release));
        }
        false
    }

    /// Sends what is left of a batch.
    async fn rehearse(&self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let Some(running) = self.rehearsals.on(Path::Realtime) else {
            return self.inner.deliver(batch).await;
        };
        let plan = self.rehearsals.plan(&running, batch);
        let items = plan.sent.iter().map(|sent| sent.item.item.clone()).collect();
        let sent = Batch { epoch: batch.epoch, items };
        let result = if sent.items.is_empty() {
            Ok(Delivered::default())
        } else {
            self.inner.deliver(&sent).await
        };
        match result {
            Ok(Delivered { known, .. }) => {
                self.rehearsals.count(&running, &plan.planted);
                self.rehearsals.change(|stage, now| stage.keep(plan, now));
                Ok(Delivered { events: batch.items.len(), known })
            }
            Err(DeliveryError::Rejected { which: Which::These(places), reason }) => {
                let place = |at: usize| plan.sent.get(at).map(|sent| sent.place);
                let mut places: Vec<_> = places.into_iter().filter_map(place).collect();
                places.sort_unstable();
                Err(DeliveryError::Rejected { which: Which::These(places), reason })
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Transport for Rehearsed {
    fn kind(&self) -> TransportKind {
        self.inner.kind()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn is_published(&self) -> bool {
        self.inner.is_published()
    }

    fn fitting(&self, batch: &Batch) -> usize {
        self.inner.fitting(batch)
    }

    /// What is planted in a batch is drawn anew when it is sent again.
    async fn deliver(&self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        if self.is_idle() || self.inner.is_published() {
            return self.inner.deliver(batch).await;
        }
        let _turn = self.rehearsals.lane.lock().await;
        self.rehearse(batch).await
    }

    async fn announce(&self, position: Position) -> Result<(), DeliveryError> {
        self.is_idle();
        self.inner.announce(position).await
    }

    async fn health(&self) -> Result<(), DeliveryError> {
        self.inner.health().await
    }
}

impl Drop for Rehearsed {
    fn drop(&mut self) {
        let releasing = self.releasing.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(releasing) = releasing {
            releasing.abort();
        }
    }
}

/// Sends what was held back when it is due, and as often as it takes.
async fn release(inner: Arc<dyn Transport>, rehearsals: Arc<Rehearsals>) {
    let mut together = TOGETHER;
    loop {
        let changed = rehearsals.changed.notified();
        let due = rehearsals.next_due();
        let is_due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed => continue,
            () = is_due => {}
        }
        let _turn = rehearsals.lane.lock().await;
        together = send_due(&*inner, &rehearsals, together).await;
    }
}

/// Sends some of it; how many may go together next.
async fn send_due(inner: &dyn Transport, rehearsals: &Rehearsals, together: usize) -> usize {
    let mut due = rehearsals.due(together);
    let Some(epoch) = due.first().map(|held| held.item.epoch) else { return together };
    let items = due.iter().map(|held| held.item.item.clone()).collect();
    let mut batch = Batch { epoch, items };
    batch.items.truncate(inner.fitting(&batch).max(1));
    due.truncate(batch.items.len());
    let numbers: Vec<u64> = due.iter().map(|held| held.number).collect();
    match inner.deliver(&batch).await {
        Ok(_) => {
            rehearsals.change(|stage, _| stage.done(&numbers));
            TOGETHER
        }
        // Which of several it is shows when they go alone.
        Err(DeliveryError::Rejected { .. }) if numbers.len() > 1 => 1,
        Err(DeliveryError::Rejected { reason, .. }) => {
            tracing::warn!(reason, "an event that a rehearsal held back was refused afterwards");
            rehearsals.metrics.rehearsal_lost_total.with(["rejected"]).increment(1);
            rehearsals.change(|stage, _| stage.done(&numbers));
            1
        }
        Err(error) => {
            tracing::debug!(%error, "what a rehearsal held back is sent later");
            rehearsals.change(|stage, now| stage.postpone(now + AGAIN));
            together
        }
    }
}
