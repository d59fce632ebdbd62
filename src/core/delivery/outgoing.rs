//! What an adapter has before it: how far it is, what it has read ahead, and the batch on its way.
//!
//! ```text
//!        settled          batch             ahead          not read yet
//!   ───────────────┼────────────────┼────────────────┼──────────────────► head
//!               cursor                            `read`
//! ```
//!
//! Nothing is kept here that is not in the journal: what is read ahead is bounded by whoever reads,
//! and while a destination is away the cursor stays where it is. Events that are not routed to the
//! path are passed over; each of the others knows the one before it by its `prev`.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use uuid::Uuid;

use super::{
    Attempted, Batch, Delivered, DeliveryError, Item,
    settling::{Dead, Settling, Step},
    unread::Unread,
};
use crate::core::{
    cursor::durable::{CursorStep, Resume},
    event::{Event, Position, Seq},
    tail::Tail,
};

/// The place of an adapter, and what is between it and the head.
#[derive(Debug)]
pub struct Outgoing {
    epoch: Uuid,
    /// The last event that was routed here and is settled: `prev` of what comes next.
    settled: Seq,
    /// Everything up to here is settled, or was routed elsewhere.
    through: Seq,
    /// The last routed event that was read.
    last: Seq,
    /// Everything up to here was read.
    read: Seq,
    /// Read, and not on its way.
    ahead: VecDeque<Item>,
    /// On its way.
    batch: Vec<Item>,
    settling: Settling,
    max_probes: u32,
    /// Events read that were routed here.
    routed: u64,
    /// Events not read yet that are, or may be, routed here.
    unread: Unread,
}

/// What is settled by an answer.
#[derive(Debug, Default)]
pub struct Progress {
    /// Where the adapter is now, if it has come further.
    pub step: Option<CursorStep>,
    /// Events that were delivered, dead letters not among them.
    pub delivered: u64,
    /// Those of them that the destination had already.
    pub known: u64,
    /// Events that are set aside.
    pub dead: Vec<DeadItem>,
}

/// An event that is set aside.
#[derive(Clone, Debug)]
pub struct DeadItem {
    /// The event.
    pub event: Arc<Event>,
    /// Why, in the destination's words.
    pub reason: String,
    /// Requests that it was in.
    pub attempts: u32,
}

impl Outgoing {
    /// Goes on where `resume` says, in the journal that ends at `head` now. An event is set aside
    /// after `max_probes` failed probes.
    #[must_use]
    pub fn new(epoch: Uuid, head: Seq, resume: &Resume, max_probes: u32) -> Self {
        let through = resume.next.saturating_sub(1);
        Self {
            epoch,
            settled: resume.prev,
            through,
            last: resume.prev,
            read: through,
            ahead: VecDeque::new(),
            batch: Vec::new(),
            settling: Settling::new(0, max_probes),
            max_probes,
            routed: 0,
            unread: Unread::new(head),
        }
    }

    /// From the next batch on, an event is set aside after so many failed probes.
    pub fn set_max_probes(&mut self, max_probes: u32) {
        self.max_probes = max_probes;
    }

    /// The last event that is settled here.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, seq: self.settled }
    }

    /// Everything up to here is done.
    #[must_use]
    pub fn through(&self) -> Seq {
        self.through
    }

    /// The first event that was not read yet.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.read + 1
    }

    /// Events that wait, those on their way among them: of those that came since this was made,
    /// the ones that are routed here; of those before, each that was not read yet.
    #[must_use]
    pub fn depth(&self) -> usize {
        let unread = usize::try_from(self.unread()).unwrap_or(usize::MAX);
        unread.saturating_add(self.ahead.len()).saturating_add(self.unsettled().len())
    }

    /// Those of them that were not read yet.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.unread.count(self.read)
    }

    /// Looks at what has come into the tail; how many of it are, or may be, routed here.
    pub fn look(&mut self, tail: &Tail) -> u64 {
        let events = tail.from(self.unread.next()).map(|event| &**event);
        self.unread.look((tail.first(), tail.position().seq), self.read, events)
    }

    /// The oldest event that is not settled, where it was read.
    #[must_use]
    pub fn oldest(&self) -> Option<&Event> {
        let first = self.unsettled().first().or_else(|| self.ahead.front());
        first.map(|item| &*item.event)
    }

    /// Events read so far that were routed here.
    #[must_use]
    pub fn routed(&self) -> u64 {
        self.routed
    }

    /// Events read, and not on their way.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Whether a batch is on its way.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        !self.settling.is_settled()
    }

    /// Takes in what was read: events that follow [`Outgoing::next`] without a hole, up to `through`.
    pub fn read(&mut self, events: impl IntoIterator<Item = Arc<Event>>, through: Seq) {
        for event in events {
            if event.seq <= self.read {
                continue;
            }
            self.read = event.seq;
            self.unread.read(&event);
            if event.is_routed() {
                let prev = std::mem::replace(&mut self.last, event.seq);
                self.ahead.push_back(Item { event, prev });
                self.routed += 1;
            }
        }
        self.read = self.read.max(through);
    }

    /// Nothing up to `seq` can be read any more; how many events that leaves unread for ever which
    /// were, or may have been, routed here.
    pub fn skip_to(&mut self, seq: Seq, tail: &Tail) -> u64 {
        let left = tail.from(seq + 1).map(|event| &**event);
        let lost = self.unread.skip(self.read, seq, (tail.first(), left));
        if seq > self.read {
            self.read = seq;
            self.last = seq;
        }
        if !self.is_under_way() && self.ahead.is_empty() {
            self.settled = self.settled.max(self.last);
            self.through = self.through.max(self.read);
        }
        lost
    }

    /// The journal is another one, which ends at `head` and is read from where `resume` says; what
    /// was read of the old one is not in it.
    pub fn go_on(&mut self, epoch: Uuid, head: Seq, resume: &Resume) {
        let lost = self.ahead.len() + self.unsettled().len();
        let routed = self.routed.saturating_sub(lost as u64);
        *self = Self { routed, ..Self::new(epoch, head, resume, self.max_probes) };
    }

    /// Begins a batch of at most `size` events; whether there is one.
    pub fn begin(&mut self, size: usize) -> bool {
        if self.is_under_way() {
            return true;
        }
        let carried = self.settling.carried();
        let events = size.clamp(1, self.ahead.len().max(1)).min(self.ahead.len());
        self.batch = self.ahead.drain(..events).collect();
        self.settling = Settling::resume(events, self.max_probes, carried);
        self.is_under_way()
    }

    /// What is sent next of the batch, at most `size` events, and its place in the batch.
    #[must_use]
    pub fn request(&self, size: usize) -> Option<(Range<usize>, Batch)> {
        let next = self.settling.next()?;
        let range = next.start..next.end.min(next.start + size.max(1));
        let items = self.batch.get(range.clone())?.to_vec();
        Some((range, Batch { epoch: self.epoch, items }))
    }

    /// An answer to the request that began at `start` of the batch.
    pub fn answered(&mut self, start: usize, attempted: &Attempted) -> Progress {
        let range = start..start + attempted.sent;
        let (step, delivered) = match &attempted.result {
            Ok(delivered) => (self.settling.delivered(range), *delivered),
            Err(error) => (self.failed(range, attempted, error), Delivered::default()),
        };
        self.follow(step, delivered)
    }

    /// Where nothing is on its way or read ahead, what was passed over is done too.
    pub fn catch_up(&mut self) -> Option<CursorStep> {
        let idle = !self.is_under_way() && self.ahead.is_empty();
        if idle { self.advance(self.read) } else { None }
    }

    fn failed(&mut self, range: Range<usize>, at: &Attempted, error: &DeliveryError) -> Step {
        match error {
            DeliveryError::Rejected { which, reason } => {
                self.settling.rejected(range, which, reason)
            }
            DeliveryError::Transient { reason } => match at.probe {
                Some(well) => self.settling.probe_failed(well, reason),
                None => self.settling.failed(range),
            },
            DeliveryError::RateLimited { .. } | DeliveryError::Misconfigured { .. } => {
                self.settling.postponed(range)
            }
        }
    }

    fn follow(&mut self, step: Step, delivered: Delivered) -> Progress {
        let done = self.batch.get(..step.settled).unwrap_or_default();
        let last = done.last().map(|item| item.event.seq);
        let dead = step.dead.into_iter().filter_map(|dead| self.dead(dead)).collect();
        let mut progress = Progress {
            step: None,
            delivered: delivered.events as u64,
            known: delivered.known as u64,
            dead,
        };
        if let Some(last) = last.filter(|last| *last > self.settled) {
            self.settled = last;
            let rest_was_passed_over = !self.is_under_way() && self.ahead.is_empty();
            progress.step = self.advance(if rest_was_passed_over { self.read } else { last });
        }
        progress
    }

    fn dead(&self, Dead { index, reason, attempts }: Dead) -> Option<DeadItem> {
        let event = self.batch.get(index)?.event.clone();
        Some(DeadItem { event, reason, attempts })
    }

    fn advance(&mut self, through: Seq) -> Option<CursorStep> {
        if through <= self.through {
            return None;
        }
        self.through = through;
        let step = CursorStep::new(super::REALTIME, self.position());
        Some(step.and_through(through))
    }

    fn unsettled(&self) -> &[Item] {
        match self.settling.next() {
            Some(next) => self.batch.get(next.start..).unwrap_or_default(),
            None => &[],
        }
    }
}

#[cfg(test)]
mod tests;
