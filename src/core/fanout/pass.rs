//! How what is new goes over all sessions, and how one session is written to.

use super::{Effect, Fanout, Key, Session, Turn, group::Place};
use crate::core::{
    event::Seq,
    interest::Interest,
    ledger::OVER,
    protocol::CloseReason,
    reader::{PageView, Paid, Port, Sink, Step, SubKey},
    tail::Tail,
};

/// How many sessions of a group are written to before the clock is asked.
const STRIDE: usize = 16;
const GOLDEN_RATIO: f64 = 0.618_033_988_749_895;

/// Where a pass over all sessions stands: it may be left after any member and gone on with later.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pass {
    /// The tail's end when the pass began; 0 when none is under way.
    until: Seq,
    /// The group in hand.
    group: usize,
    /// Whether it was asked what is new for it.
    looked: bool,
    /// Whether what is new was joined for it.
    joined: bool,
    /// The next of its members to write to.
    member: usize,
    /// A member of the group in hand is not current.
    laggards: bool,
}

impl<S: Sink> Fanout<S> {
    /// One pass of what is new over all sessions, while `go_on` says so. False when it was stopped
    /// before the end: call again.
    pub fn advance(&mut self, turn: Turn<'_>, mut go_on: impl FnMut() -> bool) -> bool {
        self.follow_epoch(turn);
        loop {
            if self.pass.until == 0 {
                self.pass.until = turn.tail.next();
            }
            while self.pass.group < self.groups.end() {
                if !self.pass_group(turn, &mut go_on) {
                    return false;
                }
            }
            let again = self.pass.until < turn.tail.next();
            self.pass = Pass::default();
            if !again {
                return true;
            }
        }
    }

    /// Joins what is new for the group in hand and writes it to its members, until the group is
    /// where the tail ended when the pass began: what came later must not keep it from the others.
    fn pass_group(&mut self, turn: Turn<'_>, go_on: &mut impl FnMut() -> bool) -> bool {
        let index = self.pass.group;
        let mut written = 0_usize;
        if let Some(group) = self.groups.get_mut(index).filter(|_| !self.pass.looked) {
            group.look();
            self.pass.looked = true;
        }
        loop {
            if !self.pass.joined {
                if !self.groups.get(index).is_some_and(|group| group.is_behind(self.pass.until)) {
                    self.pass =
                        Pass { until: self.pass.until, group: index + 1, ..Pass::default() };
                    return go_on();
                }
                self.join_group(index, turn.tail);
                self.pass = Pass { joined: true, member: 0, laggards: false, ..self.pass };
            }
            while let Some(key) = self.member_in_hand() {
                self.pass.member += 1;
                self.pass.laggards |= !self.pump(key, turn);
                written += 1;
                if written.is_multiple_of(STRIDE) && !go_on() {
                    return false;
                }
            }
            self.pass.joined = false;
            if let Some(group) = self.groups.get_mut(index).filter(|_| !self.pass.laggards) {
                group.window.clear();
            }
        }
    }

    fn join_group(&mut self, index: usize, tail: &Tail) {
        let limit = self.limits.window_bytes;
        let Some(group) = self.groups.get_mut(index) else { return };
        let Some((from, to)) = group.join(tail, limit) else { return };
        for &key in &group.members {
            if let Some(subscription) = self.subscriptions.get_mut(key) {
                subscription.reader.miss(from, to);
            }
        }
    }

    fn member_in_hand(&self) -> Option<SubKey> {
        self.groups.get(self.pass.group)?.members.get(self.pass.member).copied()
    }

    /// Brings the group of `interest`, if there is one, to the tail's end, members and all.
    pub(super) fn bring_current(&mut self, interest: &Interest, turn: Turn<'_>) {
        let Some(index) = self.groups.find(interest) else { return };
        if let Some(group) = self.groups.get_mut(index) {
            group.look();
        }
        let end = turn.tail.next();
        while let Some(group) = self.groups.get(index).filter(|group| group.is_behind(end)) {
            let members = group.members.clone();
            self.join_group(index, turn.tail);
            for key in members {
                self.pump(key, turn);
            }
        }
    }

    /// Takes a member out of its group; others move to fill its place. A pass under way must still
    /// come to everybody it has not written to.
    pub(super) fn vacate(&mut self, (index, place): Place) {
        let Some(group) = self.groups.get_mut(index) else { return };
        let in_hand = self.pass.group == index && self.pass.joined;
        let mut hole = place;
        if in_hand && place < self.pass.member {
            // The last one written to moves here, and the last of all to where that one was.
            self.pass.member -= 1;
            hole = self.pass.member;
        }
        if place.max(hole) < group.members.len() {
            group.members.swap(place, hole);
            group.members.swap_remove(hole);
        }
        for at in [place, hole] {
            let moved = group.members.get(at).and_then(|&key| self.subscriptions.get_mut(key));
            if let Some(subscription) = moved {
                subscription.place = (index, at);
            }
        }
        if group.members.is_empty() {
            self.groups.remove(index);
            self.pass.joined &= !in_hand;
        }
    }

    /// On another journal no place means what it did: all sessions must come back and resume.
    pub(super) fn follow_epoch(&mut self, turn: Turn<'_>) {
        if turn.tail.epoch() != self.epoch {
            let (window, mut nth) = (self.limits.reconnect_window, 0.0);
            self.end_all(CloseReason::Restarting, turn, || {
                nth += 1.0;
                // Multiples of the golden ratio spread evenly, however many there are.
                window.mul_f64((nth * GOLDEN_RATIO).fract())
            });
            self.epoch = turn.tail.epoch();
            self.pass = Pass::default();
        }
    }

    /// Tries to write to a session: what must go out first, and then what one of its subscriptions
    /// can have, of a page or of what is in memory.
    pub(super) fn write(
        &mut self,
        key: Key,
        subscription: Option<SubKey>,
        page: Option<PageView<'_>>,
        turn: Turn<'_>,
    ) -> Step {
        let Self { sessions, subscriptions, groups, scratch, totals, .. } = self;
        let Some(session) = sessions.get_mut(key).filter(|session| !session.gone) else {
            return Step::Current;
        };
        let Session { sink, outbox, .. } = session;
        let before = outbox.taken();
        let mut sought = None;
        let step = match subscription.and_then(|key| Some((key, subscriptions.get_mut(key)?))) {
            Some((key, subscription)) => {
                let Some(source) = groups.source(subscription.place, turn.tail) else {
                    return Step::Current;
                };
                let reader = &mut subscription.reader;
                let delivered = reader.delivered();
                sought = Some((key, reader.next()));
                let port = &mut Port { sink, outbox, key };
                let step = match page {
                    Some(page) => reader.page(port, page, source, scratch),
                    None => reader.pump(port, source, scratch),
                };
                totals.delivered += reader.delivered() - delivered;
                step
            }
            None => outbox.flush(sink).unwrap_or(Step::Current),
        };
        let (moved, paid) = (outbox.taken() - before, outbox.take_paid());
        totals.bytes += moved;
        let went_on = moved > 0 || session.sink.take_moved();
        session.note(step == Step::Blocked, went_on, turn);
        if let Some(paid) = paid {
            self.pay(paid);
        }
        if let Some((subscription, _)) = sought.filter(|(key, _)| self.is_over(*key)) {
            // Of a frame that was cut, the rest goes out without it.
            self.detach(key, subscription, OVER, turn);
        }
        match (step, sought) {
            (Step::Current, _) | (Step::Page(_) | Step::Lost, None) => {}
            (Step::Page(from), Some((subscription, sought))) => {
                let in_vain = from == sought && page.is_some_and(|page| page.events.is_empty());
                self.want_page(key, subscription, from, in_vain);
            }
            (Step::Lost, Some((subscription, _))) => self.lose(key, subscription, turn),
            (Step::Blocked, _) => self.await_writable(key),
            (Step::Gone, _) => self.give_up(key, CloseReason::ClientGone, turn),
            (Step::Overflow, _) => self.give_up(key, CloseReason::TooMany, turn),
        }
        step
    }

    /// A frame that was cut has gone out whole.
    fn pay(&mut self, paid: Paid) {
        self.totals.delivered += 1;
        match paid {
            Paid::To(key) => {
                if let Some(subscription) = self.subscriptions.get_mut(key) {
                    subscription.reader.deliver();
                }
            }
            Paid::Late => {
                self.closed.pending -= 1;
                self.closed.delivered += 1;
            }
        }
    }

    fn await_writable(&mut self, key: Key) {
        if let Some(session) = self.sessions.get_mut(key).filter(|session| !session.awaited) {
            session.awaited = true;
            self.effects.push(Effect::AwaitWritable(key));
        }
    }
}

impl<S> Session<S> {
    /// The socket refused bytes, or took all; whether it took any. The clock of a stall begins with
    /// the refusal, and again whenever bytes went out.
    fn note(&mut self, refused: bool, moved: bool, turn: Turn<'_>) {
        if (refused && !self.blocked) || (self.blocked && moved) {
            self.beat.moved(turn.now);
        }
        self.blocked = refused;
    }
}
