//! How what is new goes over all sessions, and how one session is written to.

use super::{Effect, Fanout, Key, Member, Paging, Turn, group::Place};
use crate::core::{
    cursor::Start,
    event::{Position, Seq},
    protocol::{CloseReason, ServerFrame},
    reader::{PageView, Sink, Step},
    tail::Tail,
    window::Interest,
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
        loop {
            if !self.pass.joined {
                if !self.groups.get(index).is_some_and(|group| group.is_behind(self.pass.until)) {
                    self.pass.group += 1;
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
            if let Some(member) = self.members.get_mut(key) {
                member.reader.miss(from, to);
            }
        }
    }

    fn member_in_hand(&self) -> Option<Key> {
        self.groups.get(self.pass.group)?.members.get(self.pass.member).copied()
    }

    /// Brings the group of `interest`, if there is one, to the tail's end, members and all.
    pub(super) fn bring_current(&mut self, interest: &Interest, turn: Turn<'_>) {
        let Some(index) = self.groups.find(interest) else { return };
        let end = turn.tail.next();
        while let Some(group) = self.groups.get(index).filter(|group| group.is_behind(end)) {
            let members = group.members.clone();
            self.join_group(index, turn.tail);
            for key in members {
                self.pump(key, turn);
            }
        }
    }

    /// Makes a session a member of a group, and tells it where its subscription begins.
    pub(super) fn settle(&mut self, key: Key, index: usize, start: Start) {
        let (Some(group), Some(member)) = (self.groups.get_mut(index), self.members.get_mut(key))
        else {
            return;
        };
        member.place = Some((index, group.members.len()));
        group.members.push(key);
        let position = Position { epoch: self.epoch, seq: start.next.saturating_sub(1) };
        let Start { recovered, gap, .. } = start;
        let mut frames = Vec::new();
        member.form.frame(&mut frames, &ServerFrame::Subscribed { position, recovered, gap });
        member.reader.say(&frames);
        member.reader.subscribe(start, &group.window);
    }

    /// Ends a subscription: what is still pending of it is dropped for `reason`.
    pub(super) fn unsubscribe(&mut self, key: Key, reason: &'static str, turn: Turn<'_>) {
        let Some(member) = self.members.get_mut(key) else { return };
        let Some(source) = self.groups.source(member.place, turn.tail) else { return };
        self.closed += &member.reader.unsubscribe(source, reason);
        if let Some(place) = member.place.take() {
            self.vacate(place);
        }
    }

    /// Takes a member out of its group; others move to fill its place. A pass under way must still
    /// come to everybody it has not written to.
    fn vacate(&mut self, (index, place): Place) {
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
            let moved = group.members.get(at).and_then(|&key| self.members.get_mut(key));
            if let Some(member) = moved {
                member.place = Some((index, at));
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

    /// Writes to a session what can be written; whether it is current then.
    pub(super) fn pump(&mut self, key: Key, turn: Turn<'_>) -> bool {
        let blocked = self.members.get(key).is_some_and(|member| member.blocked);
        !blocked && self.write(key, None, turn)
    }

    /// Writes what was just said to a session. What a blocked one leaves unread is bounded.
    pub(super) fn answer(&mut self, key: Key, turn: Turn<'_>) {
        let Some(member) = self.members.get(key).filter(|member| !member.gone) else { return };
        if member.blocked && member.reader.overflows() {
            self.give_up(key, CloseReason::TooMany, turn);
        } else {
            self.pump(key, turn);
        }
    }

    /// Nothing more can be written to a session.
    fn give_up(&mut self, key: Key, why: CloseReason, turn: Turn<'_>) {
        let Some(member) = self.members.get_mut(key) else { return };
        member.gone = true;
        let reason = *member.ending.get_or_insert(why);
        self.effects.push(Effect::Cut(key, reason));
        self.unsubscribe(key, reason.as_str(), turn);
        self.forget(key, reason);
    }

    /// What a session still had to get will never go out.
    pub(super) fn forget(&mut self, key: Key, reason: CloseReason) {
        let Some(member) = self.members.get_mut(key) else { return };
        if member.reader.forget() {
            self.closed.pending -= 1;
            self.closed.drop(reason.as_str(), 1);
        }
    }

    pub(super) fn write(&mut self, key: Key, page: Option<PageView<'_>>, turn: Turn<'_>) -> bool {
        let Self { members, groups, scratch, effects, totals, closed, .. } = self;
        let Some(member) = members.get_mut(key).filter(|member| !member.gone) else { return true };
        let Member { sink, reader, .. } = member;
        let (before, delivered, sought) = (reader.taken(), reader.delivered(), reader.next());
        let step = match (groups.source(member.place, turn.tail), page) {
            (Some(source), Some(page)) => reader.page(sink, page, source, scratch),
            (Some(source), None) => reader.pump(sink, source, scratch),
            (None, _) => reader.flush(sink).unwrap_or(Step::Current),
        };
        totals.bytes += reader.taken() - before;
        totals.delivered += reader.delivered() - delivered;
        if reader.take_late() {
            closed.pending -= 1;
            closed.delivered += 1;
            totals.delivered += 1;
        }
        // The clock of a stall begins with the refusal, and again whenever bytes went out.
        let refused = step == Step::Blocked;
        if (refused && !member.blocked) || (member.blocked && reader.taken() > before) {
            member.beat.moved(turn.now);
        }
        member.blocked = refused;
        match step {
            Step::Current => return true,
            Step::Blocked if !member.awaited => {
                member.awaited = true;
                effects.push(Effect::AwaitWritable(key));
            }
            Step::Page(from)
                if Some(from) == sought && page.is_some_and(|p| p.events.is_empty()) =>
            {
                member.paging = Paging::Failed;
            }
            Step::Page(from) if member.paging == Paging::Idle => {
                member.paging = Paging::Reading;
                effects.push(Effect::ReadPage(key, from));
            }
            Step::Blocked | Step::Page(_) => {}
            Step::Gone => self.give_up(key, CloseReason::ClientGone, turn),
            Step::Overflow => self.give_up(key, CloseReason::TooMany, turn),
        }
        false
    }
}
