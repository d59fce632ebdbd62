//! What is rehearsed now, if anything is: faults that somebody plants on a path, to see that they are
//! found. It is set at run time, never by a setting, and ends by itself.
//!
//! On the realtime path [`Rehearsed`] plants them, where events are sent; on the direct path the
//! probe does, at its own ear. What is held back is kept here, so that it comes out in the end
//! whatever becomes of the transport.

mod transport;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use tokio::{
    sync::{Mutex as Lane, Notify},
    time::{Instant, timeout},
};
use uuid::Uuid;

pub use self::transport::Rehearsed;
use crate::{
    core::{
        delivery::{Batch, Item},
        event::Event,
        rehearsal::{ByFault, Fault, Held, Path, Plan, Rehearsal, Stage, altered},
    },
    telemetry::Metrics,
};

/// Events that are held back at the same time, at most.
const MOST_HELD: usize = 10_000;
/// How often it is looked whether all that was held back is out.
const LOOK: Duration = Duration::from_millis(10);

/// A rehearsal under way.
#[derive(Debug)]
pub struct Running {
    /// Told from all others of this life of the router.
    pub number: u64,
    /// What is planted.
    pub rehearsal: Rehearsal,
    /// Who began it.
    pub by: Box<str>,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ends by itself.
    pub until: DateTime<Utc>,
    planted: Mutex<ByFault<u64>>,
}

impl Running {
    /// Faults planted so far.
    #[must_use]
    pub fn planted(&self) -> ByFault<u64> {
        *self.planted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module. One at a time.
pub struct Rehearsals {
    running: ArcSwapOption<Running>,
    next: AtomicU64,
    began: Instant,
    /// What is held back on the realtime path.
    stage: Mutex<Stage<Kept>>,
    /// The same, as a number that is read without waiting.
    held: AtomicUsize,
    /// Something is held back, or is due before its time.
    changed: Notify,
    /// Held by the one whose request is under way, while anything is planted or held back.
    lane: Lane<()>,
    metrics: Arc<Metrics>,
}

/// An event that is held back, and its journal.
#[derive(Clone, Debug)]
struct Kept {
    epoch: Uuid,
    item: Item,
}

impl Rehearsals {
    /// Nothing is rehearsed.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            running: ArcSwapOption::empty(),
            next: AtomicU64::new(1),
            began: Instant::now(),
            stage: Mutex::new(Stage::new(MOST_HELD, alter)),
            held: AtomicUsize::new(0),
            changed: Notify::new(),
            lane: Lane::default(),
            metrics,
        }
    }

    /// What is rehearsed now.
    #[must_use]
    pub fn running(&self) -> Option<Arc<Running>> {
        self.running.load_full()
    }

    /// What is rehearsed now on a path.
    #[must_use]
    pub fn on(&self, path: Path) -> Option<Arc<Running>> {
        let running = self.running.load();
        running.as_ref().filter(|running| running.rehearsal.path() == path).cloned()
    }

    /// Events that are held back on the realtime path.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Begins one, in the place of another if there is one: both.
    pub fn begin(
        &self,
        rehearsal: Rehearsal,
        by: Box<str>,
        now: DateTime<Utc>,
    ) -> (Arc<Running>, Option<Arc<Running>>) {
        let running = Arc::new(Running {
            number: self.next.fetch_add(1, Relaxed),
            rehearsal,
            by,
            began_at: now,
            until: now + rehearsal.lasts(),
            planted: Mutex::default(),
        });
        let before = self.running.swap(Some(running.clone()));
        if let Some(before) = &before {
            self.ended(before);
        }
        tracing::warn!(
            path = rehearsal.path().name(), by = %running.by, until = %running.until,
            "a rehearsal begins: faults are planted on this path on purpose",
        );
        self.show(rehearsal.path(), true);
        (running, before)
    }

    /// Ends the one with this number, or whichever there is; which it was.
    pub fn end(&self, number: Option<u64>) -> Option<Arc<Running>> {
        let running = self.running.load_full();
        let running = running.filter(|it| number.is_none_or(|number| number == it.number))?;
        let before = self.running.compare_and_swap(&Some(running.clone()), None);
        // Somebody else was faster.
        before.as_ref().filter(|before| before.number == running.number)?;
        self.ended(&running);
        Some(running)
    }

    /// Ends whatever there is, and waits until all that was held back is out, but not longer than
    /// this; how many events are lost.
    pub async fn wind_up(&self, within: Duration) -> usize {
        self.end(None);
        let is_out = async {
            while self.held() > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        // What is left then is told.
        drop(timeout(within, is_out).await);
        let lost = self.held();
        if lost > 0 {
            tracing::warn!(lost, "events that a rehearsal held back were not sent in time");
            self.metrics.rehearsal_lost_total.with(["stopped"]).increment(lost as u64);
        }
        lost
    }

    /// Faults were planted.
    pub fn count(&self, running: &Running, planted: &ByFault<u64>) {
        let mut sums = running.planted.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in Fault::ALL {
            let events = planted.get(fault);
            if events > 0 {
                *sums.get_mut(fault) += events;
                let labels = [running.rehearsal.path().name(), fault.name()];
                self.metrics.rehearsal_planted_total.with(labels).increment(events);
            }
        }
    }

    fn ended(&self, running: &Running) {
        let path = running.rehearsal.path();
        tracing::warn!(
            path = path.name(), by = %running.by, planted = ?running.planted(),
            "a rehearsal ends: no more faults are planted",
        );
        self.show(path, false);
        self.change(Stage::end);
    }

    fn show(&self, path: Path, is_on: bool) {
        self.metrics.rehearsal_active.with([path.name()]).set(if is_on { 1.0 } else { 0.0 });
    }

    /// Since this was made.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn stage(&self) -> MutexGuard<'_, Stage<Kept>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is held back.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    fn change(&self, change: impl FnOnce(&mut Stage<Kept>, Duration)) {
        let mut stage = self.stage();
        change(&mut stage, self.now());
        self.held.store(stage.len(), Relaxed);
        self.metrics.rehearsal_held_events.set(stage.len() as f64);
        drop(stage);
        self.changed.notify_waiters();
    }

    fn plan(&self, running: &Running, batch: &Batch) -> Plan<Kept> {
        let kept = |item: &Item| Kept { epoch: batch.epoch, item: item.clone() };
        let items: Vec<_> = batch.items.iter().map(kept).collect();
        self.stage().plan(&running.rehearsal, &items, self.now(), fastrand::f64)
    }

    /// What is due, of one journal.
    fn due(&self, most: usize) -> Vec<Held<Kept>> {
        let mut due = self.stage().due(self.now(), most);
        if let Some(epoch) = due.first().map(|held| held.item.epoch) {
            due.retain(|held| held.item.epoch == epoch);
        }
        due
    }

    fn next_due(&self) -> Option<Instant> {
        self.stage().next_due().map(|due| self.began + due)
    }
}

/// The same event with another value in its `data`.
fn alter(kept: &Kept) -> Option<Kept> {
    let Kept { epoch, item } = kept;
    let json = altered(std::str::from_utf8(&item.event.json).ok()?)?;
    let event = Event { json: json.into(), ..(*item.event).clone() };
    Some(Kept { epoch: *epoch, item: Item { event: Arc::new(event), prev: item.prev } })
}

#[cfg(test)]
mod tests;
