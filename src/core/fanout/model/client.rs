//! A client of the model: holds what it heard against the journal. It knows nothing of how the
//! fan-out works, only what a subscriber was promised.

use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use uuid::Uuid;

use super::hear::{self, Heard};
use crate::core::{
    event::{Event, Position, Seq},
    fanout::{Key, tests::Wire},
    filter::Filter,
    protocol::Form,
};

/// All that was ever committed in an epoch, from `seq` 1 on, and where storage begins by now.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    pub(super) events: Vec<Event>,
    pub(super) first: Seq,
}

impl Journal {
    pub(super) fn head(&self) -> Seq {
        self.events.len() as Seq
    }

    pub(super) fn at(&self, seq: Seq) -> &Event {
        &self.events[usize::try_from(seq).unwrap() - 1]
    }

    /// How many events in `[from, to]` match.
    pub(super) fn matching(&self, filter: &Filter, from: Seq, to: Seq) -> u64 {
        let within = |event: &&Event| (from..=to).contains(&event.seq) && filter.matches(event);
        self.events.iter().filter(within).count() as u64
    }
}

pub(super) type Journals = HashMap<Uuid, Journal>;

/// What `subscribed` must say, and the `gap` that must follow it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Opening {
    pub(super) filter: Filter,
    pub(super) at: Position,
    pub(super) recovered: bool,
    pub(super) gap: Option<(Seq, Seq, &'static str)>,
}

/// What was seen of a subscription.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) filter: Filter,
    pub(super) epoch: Uuid,
    /// The place it began after.
    pub(super) start: Seq,
    /// Everything up to here was got, did not match, or was named by a gap.
    pub(super) at: Seq,
    pub(super) got: u64,
    /// Matching events that gaps named.
    pub(super) lost: u64,
    opening_gap: Option<(Seq, Seq, &'static str)>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) shard: usize,
    pub(super) key: Key,
    pub(super) form: Form,
    pub(super) wire: Rc<Wire>,
    pub(super) openings: VecDeque<Opening>,
    pub(super) seen: Option<Seen>,
    /// Whole event frames, of all subscriptions.
    pub(super) events: u64,
    /// The router ends it.
    pub(super) ending: bool,
    closed: bool,
    read: usize,
}

impl Link {
    pub(super) fn new(shard: usize, key: Key, form: Form, wire: Rc<Wire>) -> Self {
        Self {
            shard,
            key,
            form,
            wire,
            openings: VecDeque::new(),
            seen: None,
            events: 0,
            ending: false,
            closed: false,
            read: 0,
        }
    }

    /// A subscription was taken that must begin so. A form that says nothing of it can be held to
    /// one a connection.
    pub(super) fn open(&mut self, opening: Opening) {
        if self.form == Form::Legacy {
            self.seen = Some(Seen::new(opening));
        } else {
            self.openings.push_back(opening);
        }
    }

    /// Reads what has come; the position to resume from, if it moved.
    pub(super) fn read(&mut self, journals: &Journals) -> Option<Position> {
        let wire = Rc::clone(&self.wire);
        let got = wire.got.borrow();
        let (before, mut last) = (self.read, None);
        while let Some((heard, id, rest)) = hear::next(self.form, &got[self.read..]) {
            assert!(!self.closed, "nothing follows the end");
            self.read = got.len() - rest.len();
            let moves = !matches!(heard, Heard::End | Heard::Nothing);
            self.hear(heard, journals);
            if self.form == Form::Sse {
                let told = self.seen.as_ref().filter(|seen| moves && seen.opening_gap.is_none());
                assert_eq!(id, told.map(Seen::place), "an id where all before it was told");
                last = id.or(last);
            }
        }
        assert!(!self.closed || self.read == got.len(), "nothing follows the end");
        let by_itself = self.seen.as_ref().filter(|_| self.read > before).map(Seen::place);
        if self.form == Form::Sse { last } else { by_itself }
    }

    fn hear(&mut self, heard: Heard, journals: &Journals) {
        match heard {
            Heard::Subscribed { at, recovered } => {
                let opening = self.openings.pop_front().expect("nobody subscribed");
                assert_eq!((at, recovered), (opening.at, opening.recovered), "{opening:?}");
                self.seen = Some(Seen::new(opening));
            }
            Heard::Event { seq, text } => {
                self.events += 1;
                let seen = self.seen.as_mut().expect("no event before `subscribed`");
                let journal = &journals[&seen.epoch];
                assert_eq!(text, hear::event_text(self.form, journal.at(seq)), "the same bytes");
                seen.event(seq, journal);
            }
            Heard::Gap { from, to, reason } => {
                let seen = self.seen.as_mut().expect("no gap before `subscribed`");
                seen.gap((from, to, &reason), &journals[&seen.epoch]);
            }
            Heard::End => self.closed = true,
            Heard::Nothing => {}
        }
    }
}

impl Seen {
    fn new(opening: Opening) -> Self {
        let Opening { filter, at, gap, .. } = opening;
        let (epoch, start) = (at.epoch, at.seq);
        let (at, got, lost) = (start, 0, 0);
        Self { filter, epoch, start, at, got, lost, opening_gap: gap }
    }

    fn place(&self) -> Position {
        Position { epoch: self.epoch, seq: self.at }
    }

    /// How many of the events up to `head` were not got.
    pub(super) fn missing(&self, journal: &Journal, head: Seq) -> u64 {
        journal.matching(&self.filter, self.at + 1, head)
    }

    fn event(&mut self, seq: Seq, journal: &Journal) {
        assert_eq!(self.opening_gap, None, "the gap comes before events");
        assert!(seq > self.at, "{seq} after {}: doubled or out of order", self.at);
        let event = journal.at(seq);
        assert!(self.filter.matches(event), "{event:?} does not match");
        assert_eq!(self.missing(journal, seq - 1), 0, "missing between {} and {seq}", self.at);
        self.at = seq;
        self.got += 1;
    }

    fn gap(&mut self, gap: (Seq, Seq, &str), journal: &Journal) {
        if let Some(opening) = self.opening_gap.take() {
            return assert_eq!(gap, opening);
        }
        let (from, to, reason) = gap;
        assert_eq!(reason, "retention");
        assert!(self.at < from && from <= to, "gap {from} to {to} at {}", self.at);
        assert!(to < journal.first, "gap to {to}, but {} is still there", journal.first);
        assert_eq!(self.missing(journal, from - 1), 0, "missing before the gap");
        self.lost += journal.matching(&self.filter, from, to);
        self.at = to;
    }
}
