//! What is really sent of a batch, in which order, and what is kept for later.
//!
//! ```text
//! batch ─► plan ─► sent now ─► (taken) ─► keep ─► held ─► due ─► sent, alone
//! ```
//!
//! A plan changes nothing: only when what it says was taken, what it holds back is kept. So a batch
//! that is sent again is drawn again, and no event of it is held twice.

use std::time::Duration;

use super::{ByFault, Fault, Rehearsal};

/// How long an event that changes places waits for one to go before it. Where nothing comes, it is
/// late and in order.
const BEHIND: Duration = Duration::from_secs(1);

/// Where events are held that are sent later. Times are since any beginning, always the same.
#[derive(Debug)]
pub struct Stage<T> {
    held: Vec<Held<T>>,
    most: usize,
    next: u64,
    alter: fn(&T) -> Option<T>,
}

/// An event that is held back.
#[derive(Clone, Debug)]
pub struct Held<T> {
    /// Told from all others of its stage.
    pub number: u64,
    /// The event.
    pub item: T,
    later: Later,
}

/// When an event that is held back is sent.
#[derive(Clone, Copy, Debug)]
struct Later {
    due: Duration,
    /// As soon as another one was sent, if that is sooner.
    behind: bool,
}

/// An event that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent<T> {
    /// As it is sent.
    pub item: T,
    /// Its place in the batch.
    pub place: usize,
}

/// What becomes of a batch.
#[derive(Clone, Debug)]
pub struct Plan<T> {
    /// Sent now, in this order.
    pub sent: Vec<Sent<T>>,
    /// Faults planted in it.
    pub planted: ByFault<u64>,
    later: Vec<(T, Later)>,
}

/// A plan that is being made.
struct Planning<T> {
    plan: Plan<T>,
    /// They wait for one to go before them.
    waiting: Vec<Sent<T>>,
    /// How many more may be held.
    room: usize,
}

impl<T: Clone> Stage<T> {
    /// An empty one, that holds at most so many. `alter` changes one, if it can be changed.
    #[must_use]
    pub fn new(most: usize, alter: fn(&T) -> Option<T>) -> Self {
        Self { held: Vec::new(), most, next: 0, alter }
    }

    /// Draws what happens to each event of a batch. What there is no room for is sent as it should
    /// be, and does not count as planted.
    pub fn plan(
        &self,
        rehearsal: &Rehearsal,
        batch: &[T],
        now: Duration,
        mut draw: impl FnMut() -> f64,
    ) -> Plan<T> {
        let mut planning = Planning::new(batch.len(), self.most.saturating_sub(self.held.len()));
        let delayed = Later { due: now + rehearsal.delay(), behind: false };
        for (place, item) in batch.iter().enumerate() {
            let item = item.clone();
            match rehearsal.fault(draw()) {
                Some(Fault::Drop) => planning.count(Fault::Drop),
                Some(Fault::Delay) if planning.take_room(Fault::Delay) => {
                    planning.plan.later.push((item, delayed));
                }
                Some(Fault::Reorder) if planning.take_room(Fault::Reorder) => {
                    planning.waiting.push(Sent { item, place });
                }
                Some(Fault::Duplicate) if planning.take_room(Fault::Duplicate) => {
                    let again = Later { due: now, behind: false };
                    planning.plan.later.push((item.clone(), again));
                    planning.send(Sent { item, place });
                }
                Some(Fault::Alter) => match (self.alter)(&item) {
                    Some(item) => {
                        planning.count(Fault::Alter);
                        planning.send(Sent { item, place });
                    }
                    None => planning.send(Sent { item, place }),
                },
                _ => planning.send(Sent { item, place }),
            }
        }
        planning.end(now)
    }

    /// The batch was taken as planned.
    pub fn keep(&mut self, plan: Plan<T>, now: Duration) {
        if !plan.sent.is_empty() {
            for later in self.held.iter_mut().map(|held| &mut held.later) {
                if later.behind {
                    *later = Later { due: later.due.min(now), behind: false };
                }
            }
        }
        for (item, later) in plan.later {
            self.held.push(Held { number: self.next, item, later });
            self.next += 1;
        }
    }

    /// What is to be sent now, at most so many, what was due first before others. It stays until it
    /// is [done](Stage::done).
    #[must_use]
    pub fn due(&self, now: Duration, most: usize) -> Vec<Held<T>> {
        let mut due: Vec<&Held<T>> = self.held.iter().filter(|it| it.later.due <= now).collect();
        due.sort_by_key(|held| (held.later.due, held.number));
        due.into_iter().take(most).cloned().collect()
    }

    /// When something is to be sent next.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.held.iter().map(|held| held.later.due).min()
    }

    /// These were sent, or never will be.
    pub fn done(&mut self, numbers: &[u64]) {
        self.held.retain(|held| !numbers.contains(&held.number));
    }

    /// Nothing is due before this time.
    pub fn postpone(&mut self, until: Duration) {
        for held in &mut self.held {
            held.later.due = held.later.due.max(until);
        }
    }

    /// The rehearsal is over: everything is due.
    pub fn end(&mut self, now: Duration) {
        for later in self.held.iter_mut().map(|held| &mut held.later) {
            *later = Later { due: later.due.min(now), behind: false };
        }
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

impl<T> Planning<T> {
    fn new(events: usize, room: usize) -> Self {
        let sent = Vec::with_capacity(events);
        let plan = Plan { sent, planted: ByFault::default(), later: Vec::new() };
        Self { plan, waiting: Vec::new(), room }
    }

    fn count(&mut self, fault: Fault) {
        *self.plan.planted.get_mut(fault) += 1;
    }

    /// Whether one more may be held, for that.
    fn take_room(&mut self, fault: Fault) -> bool {
        let is_room = self.room > 0;
        if is_room {
            self.room -= 1;
            self.count(fault);
        }
        is_room
    }

    /// Sends one, and those that wait for it behind.
    fn send(&mut self, sent: Sent<T>) {
        self.plan.sent.push(sent);
        self.plan.sent.append(&mut self.waiting);
    }

    fn end(mut self, now: Duration) -> Plan<T> {
        let behind = Later { due: now + BEHIND, behind: true };
        let waiting = self.waiting.into_iter();
        self.plan.later.extend(waiting.map(|sent| (sent.item, behind)));
        self.plan
    }
}
