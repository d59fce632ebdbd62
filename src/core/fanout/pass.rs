//! How what is new goes over all sessions, and how one session is written to.

use super::{Effect, Fanout, Key, Member, Paging, Turn, group::Place};
use crate::core::{
    cursor::Start,
    event::{Position, Seq},
    protocol::{CloseReason, ServerFrame},
    reader::{PageView, Sink, Step},
    tail::Tail,
};
use std::time::Duration;

/// How many sessions of a group are written to before the clock is asked.
const STRIDE: usize = 16;

/// Where a pass over all sessions stands: it may be left after any member and gone on with later.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pass {
    group: usize,
    /// The next member; 0 when the group's window is still to be joined.
    member: usize,
    /// The tail's end when the pass began.
    until: Seq,
    /// A member of the group in hand is not current.
    laggards: bool,
}

impl<S: Sink> Fanout<S> {
    /// One pass of what is new over all sessions, while `go_on` says so. False when it was stopped
    /// before the end: call again.
    pub fn advance(&mut self, turn: Turn<'_>, mut go_on: impl FnMut() -> bool) -> bool {
        self.follow_epoch(turn);
        loop {
            if self.pass.group == 0 && self.pass.member == 0 {
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
        loop {
            if self.pass.member == 0 {
                if !self.groups.get(index).is_some_and(|group| group.is_behind(self.pass.until)) {
                    self.pass.group += 1;
                    return go_on();
                }
                self.join_group(index, turn.tail);
                self.pass.laggards = false;
            }
            while let Some(key) = self.member_in_hand() {
                self.pass.member += 1;
                self.pass.laggards |= !self.pump(key, turn);
                if self.pass.member.is_multiple_of(STRIDE) && !go_on() {
                    return false;
                }
            }
            self.pass.member = 0;
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

    /// Brings a group to the tail's end, members and all.
    pub(super) fn bring_current(&mut self, index: usize, turn: Turn<'_>) {
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
        let mut frames = Vec::new();
        ServerFrame::Subscribed { position, recovered: start.recovered }.encode(&mut frames);
        if let Some(gap) = start.gap {
            ServerFrame::Gap(gap).encode(&mut frames);
        }
        member.reader.say(&frames);
        member.reader.subscribe(start, &group.window);
    }

    /// Ends a subscription: what is still pending of it is dropped for `reason`.
    pub(super) fn unsubscribe(&mut self, key: Key, reason: &'static str, turn: Turn<'_>) {
        let Some(member) = self.members.get_mut(key) else { return };
        let Some(source) = self.groups.source(member.place, self.epoch, turn.tail) else { return };
        self.closed += &member.reader.unsubscribe(source, reason);
        if let Some(place) = member.place.take() {
            self.vacate(place, turn);
        }
    }

    /// Takes a member out of its group; the last one moves to its place.
    fn vacate(&mut self, (index, place): Place, turn: Turn<'_>) {
        let Some(group) = self.groups.get_mut(index) else { return };
        if place < group.members.len() {
            group.members.swap_remove(place);
        }
        if group.members.is_empty() {
            self.groups.remove(index);
            if self.pass.group == index {
                self.pass.member = 0;
            }
        } else if let Some(&moved) = group.members.get(place) {
            if let Some(member) = self.members.get_mut(moved) {
                member.place = Some((index, place));
            }
            // A pass that was at this place already will not come back for the one that moved.
            if self.pass.group == index && place < self.pass.member {
                self.pass.laggards |= !self.pump(moved, turn);
            }
        }
    }

    /// On another journal no place means what it did: all sessions must come back and resume.
    pub(super) fn follow_epoch(&mut self, turn: Turn<'_>) {
        if turn.tail.epoch() != self.epoch {
            self.end_all(CloseReason::Restarting, turn, || Duration::ZERO);
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
            self.give_up(key, CloseReason::TooMany);
        } else {
            self.pump(key, turn);
        }
    }

    fn give_up(&mut self, key: Key, why: CloseReason) {
        if let Some(member) = self.members.get_mut(key) {
            member.gone = true;
            self.effects.push(Effect::Cut(key, *member.ending.get_or_insert(why)));
        }
    }

    pub(super) fn write(&mut self, key: Key, page: Option<PageView<'_>>, turn: Turn<'_>) -> bool {
        let Self { members, groups, scratch, effects, epoch, .. } = self;
        let Some(member) = members.get_mut(key).filter(|member| !member.gone) else { return true };
        let Member { sink, reader, .. } = member;
        let (before, sought) = (reader.taken(), reader.next());
        let step = match (groups.source(member.place, *epoch, turn.tail), page) {
            (Some(source), Some(page)) => reader.page(sink, page, source, scratch),
            (Some(source), None) => reader.pump(sink, source, scratch),
            (None, _) => reader.flush(sink).unwrap_or(Step::Current),
        };
        // The clock of a stall begins with the refusal, and again whenever bytes went out.
        let refused = step == Step::Blocked;
        if (refused && !member.blocked) || (member.blocked && reader.taken() > before) {
            member.beat.moved(turn.now);
        }
        member.blocked = refused;
        match step {
            Step::Current => return true,
            Step::Blocked => effects.push(Effect::AwaitWritable(key)),
            Step::Page(from)
                if Some(from) == sought && page.is_some_and(|p| p.events.is_empty()) =>
            {
                member.paging = Paging::Failed;
            }
            Step::Page(from) if member.paging == Paging::Idle => {
                member.paging = Paging::Reading;
                effects.push(Effect::ReadPage(key, from));
            }
            Step::Page(_) => {}
            Step::Gone => self.give_up(key, CloseReason::ClientGone),
            Step::Overflow => self.give_up(key, CloseReason::TooMany),
        }
        false
    }
}
