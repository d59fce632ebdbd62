use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use uuid::Uuid;

use super::*;
use crate::core::{
    numbering::Head,
    reader::Gone,
    tail::{TailLimits, tests::event},
};

#[derive(Default)]
struct Socket {
    got: RefCell<Vec<u8>>,
    room: Cell<usize>,
}

impl Sink for Socket {
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        let n = bytes.len().min(self.room.get());
        self.room.set(self.room.get() - n);
        self.got.borrow_mut().extend_from_slice(&bytes[..n]);
        Ok(n)
    }
}

/// Events of these types; of any type when there are none.
pub(super) fn filter(types: &[&str]) -> Filter {
    Filter { event_type: types.iter().map(|name| (*name).into()).collect() }
}

const LIMITS: FanoutLimits = FanoutLimits {
    window_bytes: 4096,
    groups: 8,
    max_lag: 0,
    patience: Patience {
        heartbeat: Duration::from_secs(25),
        pong: Duration::from_secs(10),
        stall: Duration::from_secs(30),
    },
};

fn tail(n: Seq) -> Tail {
    let head = Head::empty(Uuid::nil());
    let events = (1..=n).map(|seq| event(seq, "t")).collect();
    Tail::empty(head, TailLimits { events: 1000, bytes: 1 << 20 })
        .append(events, Head { head_seq: n, ..head })
}

#[test]
fn a_session_gets_what_comes_after_it_subscribed() {
    let mut fanout = Fanout::new(Uuid::nil(), LIMITS);
    let key = fanout.join(Socket { room: Cell::new(1 << 20), ..Socket::default() }, Duration::ZERO);
    let before = tail(3);
    let turn = Turn { tail: &before, now: Duration::ZERO };
    fanout.subscribe(key, &Filter::all(), Begin::Now, turn).unwrap();
    let after = tail(5);
    assert!(fanout.advance(Turn { tail: &after, now: Duration::ZERO }, || true));
    let got = fanout.sink(key).unwrap().got.borrow().clone();
    let text = String::from_utf8_lossy(&got);
    assert!(text.contains(r#""seq":3,"type":"subscribed""#), "{text}");
    assert!(text.ends_with(r#""event":5}"#) && text.contains(r#""event":4}"#), "{text}");
    let balance = fanout.balance(&after);
    assert_eq!((balance.matched, balance.delivered, balance.imbalance), (2, 2, 0));
}
