//! Single cases in plain sentences, and what they share with the model.

mod forms;
mod passes;
mod reach;
mod sessions;
mod topics;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use uuid::Uuid;

use super::{Begin, Effect, Fanout, FanoutLimits, Key, Turn};
use crate::core::{
    event::{Event, Position, Seq},
    filter::Filter,
    heartbeat::Patience,
    numbering::Head,
    protocol::Form,
    reader::{Gone, PageView, Sink, SubKey},
    tail::{Tail, TailLimits, tests::event},
};

/// Events of these types; of any type when there are none.
pub(super) fn filter(types: &[&str]) -> Filter {
    Filter::from_values(types, &[], &[], 64).unwrap()
}

/// Bytes that never run out.
pub(super) const PLENTY: usize = usize::MAX >> 1;

pub(super) const PATIENCE: Patience = Patience {
    heartbeat: Duration::from_secs(25),
    pong: Duration::from_secs(10),
    stall: Duration::from_secs(30),
};

/// A socket that takes as much as the model lets it, and may be short at any byte.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) got: RefCell<Vec<u8>>,
    /// Bytes it still takes.
    pub(super) room: Cell<usize>,
    /// Bytes it takes at most in one write.
    pub(super) most: Cell<usize>,
    pub(super) gone: Cell<bool>,
    /// The last write was cut short.
    pub(super) refused: Cell<bool>,
    pub(super) writes: Cell<usize>,
}

impl Sink for Rc<Wire> {
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        assert!(!bytes.is_empty(), "a write of nothing is a system call for nothing");
        if self.gone.get() {
            return Err(Gone);
        }
        self.writes.set(self.writes.get() + 1);
        let n = bytes.len().min(self.room.get()).min(self.most.get());
        self.room.set(self.room.get() - n);
        self.refused.set(n < bytes.len());
        self.got.borrow_mut().extend_from_slice(&bytes[..n]);
        Ok(n)
    }
}

/// The first whole frame: opcode, payload, and what follows it (RFC 6455 §5.2).
pub(super) fn decode(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert_eq!(first & 0xf0, 0x80, "final, and no extension");
    let opcode = first & 0x0f;
    assert!(matches!(opcode, 1 | 8 | 9 | 10), "opcode {opcode}");
    assert_eq!(second & 0x80, 0, "servers do not mask");
    let (length, rest) = match second {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length), rest)
        }
        length => (u64::from(length), rest),
    };
    let shortest = match length {
        0..=125 => length < 126 && second < 126,
        126..=0xffff => second == 126,
        _ => second == 127,
    };
    assert!(shortest && (opcode == 1 || second < 126), "the shortest form of the length");
    let length = usize::try_from(length).unwrap();
    (rest.len() >= length).then(|| (opcode, &rest[..length], &rest[length..]))
}

impl Wire {
    fn roomy() -> Rc<Self> {
        let wire = Self::default();
        wire.room.set(PLENTY);
        wire.most.set(PLENTY);
        Rc::new(wire)
    }

    /// What came since the last time, a word and a number for each whole frame.
    fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        let mut got = self.got.borrow_mut();
        while let Some((opcode, payload, rest)) = decode(&got) {
            said.push(match opcode {
                1 => brief(std::str::from_utf8(payload).unwrap()),
                8 => format!("close {}", u16::from_be_bytes([payload[0], payload[1]])),
                9 => "ping".into(),
                _ => "pong".into(),
            });
            let rest = rest.to_vec();
            *got = rest;
        }
        said
    }
}

fn brief(text: &str) -> String {
    let frame: serde_json::Value = serde_json::from_str(text).unwrap();
    match frame["type"].as_str().unwrap() {
        "event" if frame["event"].is_number() => format!("event {}", frame["event"]),
        "event" => format!("event {}", frame["event"]["seq"]),
        "subscribed" => format!("subscribed {} {}", frame["seq"], frame["recovered"]),
        "gap" => format!("gap {} {} {}", frame["from_seq"], frame["to_seq"], frame["reason"]),
        other => other.into(),
    }
}

/// A shard, and the tail it reads.
struct Case {
    fanout: Fanout<Rc<Wire>>,
    tail: Tail,
    now: Duration,
    labels: u64,
}

pub(super) const LIMITS: FanoutLimits = FanoutLimits {
    window_bytes: 4096,
    groups: 64,
    max_lag: 0,
    patience: PATIENCE,
    stream_heartbeat: Duration::from_secs(15),
    reconnect_window: Duration::ZERO,
};

impl Case {
    /// A tail of at most `events`, give or take a chunk.
    fn new(limits: FanoutLimits, events: usize) -> Self {
        let tail = Tail::empty(Head::empty(Uuid::nil()), TailLimits { events, bytes: 1 << 24 });
        Self { fanout: Fanout::new(Uuid::nil(), limits), tail, now: Duration::ZERO, labels: 0 }
    }

    /// Commits events of these types.
    fn commit(&mut self, types: &[&str]) {
        let next = self.tail.next();
        let fresh = types.iter().zip(next..).map(|(name, seq)| event(seq, name)).collect();
        self.append(fresh);
    }

    fn append(&mut self, fresh: Vec<Event>) {
        let head = self.tail.head();
        let head = Head { head_seq: head.head_seq + fresh.len() as Seq, ..head };
        self.tail = self.tail.append(fresh, head);
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Fanout<Rc<Wire>>, Turn<'_>) -> R) -> R {
        act(&mut self.fanout, Turn { tail: &self.tail, now: self.now })
    }

    /// A session that takes everything, subscribed to these types from now on.
    fn session(&mut self, types: &[&str]) -> (Key, Rc<Wire>) {
        let wire = Wire::roomy();
        let key = self.fanout.join(Rc::clone(&wire), Form::Session, self.now);
        self.subscribe(key, types, Begin::Now);
        (key, wire)
    }

    fn subscribe(&mut self, key: Key, types: &[&str], begin: Begin) {
        self.with(|fanout, turn| fanout.subscribe(key, &filter(types), begin, turn)).unwrap();
    }

    fn advance(&mut self) {
        assert!(self.with(|fanout, turn| fanout.advance(turn, || true)));
    }

    /// Hands over a page of storage that holds these, of a journal that begins at `first`.
    fn page(&mut self, key: Key, events: std::ops::Range<Seq>, first: Seq) {
        let head = Head { first_seq: first, ..self.tail.head() };
        let events: Vec<_> = events.map(|seq| event(seq, "t")).collect();
        let scanned_through = events.last().map_or(head.head_seq, |event| event.seq);
        let page = PageView { events: &events, scanned_through, head };
        let subscription = self.subscription(key);
        self.with(|fanout, turn| fanout.page(key, subscription, Some(page), turn));
    }

    fn subscription(&self, key: Key) -> SubKey {
        self.fanout.sessions[key].subscriptions[0]
    }

    /// The wish of a session for the page that begins at `from`.
    fn reading(&self, key: Key, from: Seq) -> Effect {
        Effect::ReadPage { session: key, subscription: self.subscription(key), from }
    }

    fn effects(&mut self) -> Vec<Effect> {
        self.fanout.take_effects()
    }

    fn assert_balanced(&mut self) {
        assert_eq!(self.fanout.balance(&self.tail).imbalance, 0);
    }
}
