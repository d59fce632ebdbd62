//! How many events are published and not yet everywhere: the window of a saturating load test.
//!
//! An event lands when each healthy client has read it; then a publisher may send another one.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    time::Instant,
};

use tokio::{sync::Semaphore, time::timeout_at};

use super::{
    mark::Mark,
    plan::{Pace, Plan},
};

/// The window; without bound when the load test runs at a rate.
pub struct Flight {
    clients: u32,
    free: Semaphore,
    /// Per publisher, as many counts of readers as the window is wide: of any two events that
    /// share one, the first has landed before the second is sent.
    readers: Vec<Vec<AtomicU32>>,
    stopped: AtomicBool,
}

impl Flight {
    /// A window with nothing in it.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let window = match plan.pace {
            Pace::Window(events) => events,
            Pace::Rate(_) => 0,
        };
        let counts = || (0..window).map(|_| AtomicU32::new(0)).collect();
        Self {
            clients: u32::try_from(plan.clients).unwrap_or(u32::MAX),
            free: Semaphore::new(window),
            readers: (0..plan.publishers).map(|_| counts()).collect(),
            stopped: AtomicBool::new(false),
        }
    }

    /// Waits until `events` more fit the window; false once the time is `over`, or nothing more
    /// should be sent.
    pub async fn take_off(&self, events: usize, over: Instant) -> bool {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let free = timeout_at(over.into(), self.free.acquire_many(events)).await;
        let Ok(Ok(taken)) = free else { return false };
        taken.forget();
        Instant::now() < over
    }

    /// A healthy client read an event.
    pub fn on_delivery(&self, mark: Mark) {
        let readers = self.readers.get(usize::from(mark.publisher));
        let Some(readers) = readers.filter(|readers| !readers.is_empty()) else { return };
        let place = usize::try_from(mark.number).unwrap_or_default() % readers.len();
        let Some(count) = readers.get(place) else { return };
        if count.fetch_add(1, Relaxed) + 1 == self.clients {
            count.store(0, Relaxed);
            self.free.add_permits(1);
        }
    }

    /// Nothing more should be sent: a client is lost, so nothing would ever land.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
        self.free.close();
    }

    /// Whether nothing more should be sent.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::plan::tests::plan, *};

    #[tokio::test]
    async fn an_event_lands_when_everybody_has_read_it() {
        let flight = Flight::new(&plan("bench --clients 2 --window 2 --publishers 2").unwrap());
        let over = Instant::now() + Duration::from_mins(1);
        assert!(flight.take_off(2, over).await);
        let read = |publisher| {
            flight.on_delivery(Mark { run: 1, publisher, number: 8, due_ns: 0 });
            flight.free.available_permits()
        };
        assert_eq!([read(0), read(1), read(0), read(1)], [0, 0, 1, 2]);
        assert!(flight.take_off(2, over).await);
        flight.stop();
        assert!(!flight.take_off(1, over).await);
    }
}
