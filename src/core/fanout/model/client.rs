//! A client of the model: decodes the raw bytes it got and holds them against the journal. It knows
//! nothing of how the fan-out works, only what a subscriber was promised.

use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use serde_json::Value;
use uuid::Uuid;

use crate::core::{
    event::{Event, Position, Seq},
    fanout::{
        Key,
        tests::{Wire, decode},
    },
    filter::Filter,
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
    pub(super) fn new(shard: usize, key: Key, wire: Rc<Wire>) -> Self {
        Self {
            shard,
            key,
            wire,
            openings: VecDeque::new(),
            seen: None,
            events: 0,
            ending: false,
            closed: false,
            read: 0,
        }
    }

    /// Reads what has come; the position to resume from, if it moved.
    pub(super) fn read(&mut self, journals: &Journals) -> Option<Position> {
        let wire = Rc::clone(&self.wire);
        let got = wire.got.borrow();
        let before = self.read;
        while let Some((opcode, payload, rest)) = decode(&got[self.read..]) {
            assert!(!self.closed, "nothing follows a close frame");
            self.read = got.len() - rest.len();
            self.frame(opcode, payload, journals);
        }
        assert!(!self.closed || self.read == got.len(), "nothing follows a close frame");
        let seen = self.seen.as_ref().filter(|_| self.read > before)?;
        Some(Position { epoch: seen.epoch, seq: seen.at })
    }

    fn frame(&mut self, opcode: u8, payload: &[u8], journals: &Journals) {
        match opcode {
            1 => {}
            8 => {
                self.closed = true;
                return assert!(payload.len() >= 2 && std::str::from_utf8(&payload[2..]).is_ok());
            }
            _ => return,
        }
        let text = std::str::from_utf8(payload).unwrap();
        if let Some(event) = text.strip_prefix(r#"{"type":"event","event":"#) {
            self.events += 1;
            let seen = self.seen.as_mut().expect("no event before `subscribed`");
            return seen.event(event.strip_suffix('}').unwrap(), &journals[&seen.epoch]);
        }
        let frame: Value = serde_json::from_str(text).unwrap();
        let number = |name: &str| frame[name].as_u64().unwrap();
        match frame["type"].as_str().unwrap() {
            "subscribed" => {
                let opening = self.openings.pop_front().expect("nobody subscribed");
                let epoch = frame["epoch"].as_str().unwrap().parse().unwrap();
                assert_eq!(Position { epoch, seq: number("seq") }, opening.at);
                assert_eq!(frame["recovered"], opening.recovered, "{opening:?}");
                self.seen = Some(Seen::new(opening));
            }
            "gap" => {
                let gap = (number("from_seq"), number("to_seq"), frame["reason"].as_str().unwrap());
                let seen = self.seen.as_mut().expect("no gap before `subscribed`");
                seen.gap(gap, &journals[&seen.epoch]);
            }
            "bye" | "pong" => {}
            other => panic!("unexpected {other}"),
        }
    }
}

impl Seen {
    fn new(opening: Opening) -> Self {
        let Opening { filter, at, gap, .. } = opening;
        let (epoch, start) = (at.epoch, at.seq);
        Self { filter, epoch, start, at: start, got: 0, lost: 0, opening_gap: gap }
    }

    /// Whether everything up to `head` was got.
    pub(super) fn missing(&self, journal: &Journal, head: Seq) -> u64 {
        journal.matching(&self.filter, self.at + 1, head)
    }

    fn event(&mut self, json: &str, journal: &Journal) {
        assert_eq!(self.opening_gap, None, "the gap comes before events");
        let seq: Seq = json.split([':', ',']).nth(1).unwrap().parse().unwrap();
        assert!(seq > self.at, "{seq} after {}: doubled or out of order", self.at);
        let event = &journal.events[usize::try_from(seq).unwrap() - 1];
        assert_eq!(json.as_bytes(), &event.json, "the bytes of the journal");
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
