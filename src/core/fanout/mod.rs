//! The sessions of one worker thread, grouped by form and filter, and one pass of what is new over
//! them.
//!
//! Everything a shard decides is here: who is written to, who waits for its socket, who must read
//! storage, who is given up. The shard's actor carries out the [`Effect`]s and brings the news
//! back. Generic over the [`Sink`], so that laws are tested without sockets.

mod group;
#[cfg(test)]
mod model;
mod pass;
#[cfg(test)]
mod tests;
mod types;

pub use self::types::{Begin, Effect, FanoutLimits, Key, Row, TooManyFilters, Totals, Turn};

use std::{collections::BTreeMap, time::Duration};

use slab::Slab;
use uuid::Uuid;

use self::{
    group::{Groups, Place},
    pass::Pass,
};
use super::{
    cursor,
    event::{Position, Seq},
    filter::Filter,
    heartbeat::{Beat, Heartbeat},
    ledger::{Balance, RESUBSCRIBED},
    protocol::{CloseReason, Form, ServerFrame},
    reader::{Matches, PageView, Reader, Sink},
    tail::Tail,
    window::{Interest, Window},
};

#[derive(Debug)]
struct Member<S> {
    sink: S,
    form: Form,
    reader: Reader,
    place: Option<Place>,
    beat: Heartbeat,
    /// The socket refuses bytes.
    blocked: bool,
    /// The shell waits until it takes some.
    awaited: bool,
    paging: Paging,
    /// Events that the next page should have at most.
    appetite: usize,
    /// Nothing more is written to it.
    gone: bool,
    ending: Option<CloseReason>,
}

/// What became of a session's wish to read storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paging {
    /// It has none, or may have one again.
    Idle,
    /// A page is being read.
    Reading,
    /// A page could not be read: not again before the next tick.
    Failed,
}

/// A page has at least so many events, if there are: fewer would cost as much.
const SMALLEST_PAGE: usize = 8;

/// All sessions of one worker thread.
#[derive(Debug)]
pub struct Fanout<S> {
    members: Slab<Member<S>>,
    groups: Groups,
    scratch: Window,
    pass: Pass,
    epoch: Uuid,
    limits: FanoutLimits,
    effects: Vec<Effect>,
    /// Accounts of subscriptions that ended.
    closed: Balance,
    totals: Totals,
}

impl<S: Sink> Fanout<S> {
    /// No sessions yet, on the journal of `epoch`.
    #[must_use]
    pub fn new(epoch: Uuid, limits: FanoutLimits) -> Self {
        Self {
            members: Slab::new(),
            groups: Groups::default(),
            scratch: Window::new(0),
            pass: Pass::default(),
            epoch,
            limits,
            effects: Vec::new(),
            closed: Balance::default(),
            totals: Totals::default(),
        }
    }

    /// Sessions now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Filter groups now.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// What the shell must do since it asked last.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What the sockets took since this was asked last.
    pub fn take_totals(&mut self) -> Totals {
        std::mem::take(&mut self.totals)
    }

    /// What subscriptions that have ended were not given, by reason.
    #[must_use]
    pub fn dropped(&self) -> &BTreeMap<&'static str, u64> {
        &self.closed.dropped
    }

    /// The sink of a session, while it is a member.
    #[must_use]
    pub fn sink(&self, key: Key) -> Option<&S> {
        self.members.get(key).map(|member| &member.sink)
    }

    /// How many events a page for a session should have at most: about what its socket takes. A slow
    /// client would have the same events read and joined over and over, at everybody's cost.
    #[must_use]
    pub fn appetite(&self, key: Key) -> usize {
        self.members.get(key).map_or(SMALLEST_PAGE, |member| member.appetite)
    }

    /// A session comes, without a subscription.
    pub fn join(&mut self, sink: S, form: Form, now: Duration) -> Key {
        self.members.insert(Member {
            sink,
            form,
            reader: Reader::default(),
            place: None,
            beat: Heartbeat::new(now),
            blocked: false,
            awaited: false,
            paging: Paging::Idle,
            appetite: usize::MAX,
            gone: false,
            ending: None,
        })
    }

    /// A session is gone; its sink, and why it ended. What it still had to get is dropped for that
    /// reason.
    pub fn leave(&mut self, key: Key, turn: Turn<'_>) -> Option<(S, CloseReason)> {
        let reason = self.members.get(key)?.ending.unwrap_or(CloseReason::ClientGone);
        self.unsubscribe(key, reason.as_str(), turn);
        self.forget(key, reason);
        self.members.try_remove(key).map(|member| (member.sink, reason))
    }

    /// Says something to a session, behind what it still has to get.
    pub fn tell(&mut self, key: Key, frame: &ServerFrame, turn: Turn<'_>) {
        let Some(member) = self.members.get(key) else { return };
        let mut frames = Vec::new();
        member.form.frame(&mut frames, frame);
        self.say(key, &frames, turn);
    }

    /// Whether all that was said to a session has gone out.
    #[must_use]
    pub fn is_heard(&self, key: Key) -> bool {
        self.members.get(key).is_none_or(|member| member.reader.is_heard())
    }

    /// Puts whole frames behind what a session still has to get.
    pub fn say(&mut self, key: Key, frames: &[u8], turn: Turn<'_>) {
        if let Some(member) = self.members.get_mut(key).filter(|member| member.ending.is_none()) {
            member.reader.say(frames);
            self.answer(key, turn);
        }
    }

    /// Subscribes a session, in the place of what it had before; the answer is written to it. One
    /// that is about to end is left alone.
    ///
    /// # Errors
    /// When the filter is new and there are as many as may be. What was before goes on then.
    pub fn subscribe(
        &mut self,
        key: Key,
        filter: &Filter,
        begin: Begin,
        turn: Turn<'_>,
    ) -> Result<(), TooManyFilters> {
        self.follow_epoch(turn);
        let Some(member) = self.members.get(key).filter(|member| member.ending.is_none()) else {
            return Ok(());
        };
        let interest = Interest { form: member.form, epoch: self.epoch, filter: filter.clone() };
        if self.groups.find(&interest).is_none() && self.groups.len() >= self.limits.groups {
            return Err(TooManyFilters);
        }
        self.unsubscribe(key, RESUBSCRIBED, turn);
        // From here on the group counts for this session too: it must be where the tail ends.
        self.bring_current(&interest, turn);
        let group = self.groups.find_or_make(interest, turn.tail);
        let head = turn.tail.head();
        let start = cursor::within(
            self.limits.max_lag,
            &head,
            match begin {
                Begin::Now => cursor::at(turn.tail.next()),
                Begin::At(seq) => {
                    let seq = seq.min(turn.tail.next()).saturating_sub(1);
                    cursor::resume(Position { epoch: self.epoch, seq }, &head)
                }
                Begin::After(position) => cursor::resume(position, &head),
            },
        );
        self.settle(key, group, start);
        self.answer(key, turn);
        Ok(())
    }

    /// A socket takes bytes again.
    pub fn writable(&mut self, key: Key, turn: Turn<'_>) {
        if let Some(member) = self.members.get_mut(key) {
            member.awaited = false;
        }
        self.write(key, None, turn);
    }

    /// A page of storage, or `None` when it could not be read: it is asked for again at the next
    /// tick.
    pub fn page(&mut self, key: Key, page: Option<PageView<'_>>, turn: Turn<'_>) {
        let Some(member) = self.members.get_mut(key) else { return };
        let page = page.filter(|page| page.head.epoch == self.epoch);
        member.paging = if page.is_some() { Paging::Idle } else { Paging::Failed };
        // A blocked session reads again when its socket takes bytes.
        if page.is_some() && !member.blocked {
            let from = member.reader.next();
            self.write(key, page, turn);
            // A page may be large, and the next one may be long in coming.
            self.scratch.clear();
            self.learn_appetite(key, from);
        }
    }

    /// A session was given a page when it stood at `from`.
    fn learn_appetite(&mut self, key: Key, from: Option<Seq>) {
        let Some(member) = self.members.get_mut(key) else { return };
        let taken = member.reader.next().zip(from).map_or(0, |(next, from)| next - from);
        let enough = if member.blocked {
            usize::try_from(taken).unwrap_or(usize::MAX)
        } else {
            member.appetite
        };
        member.appetite = enough.saturating_mul(2).max(SMALLEST_PAGE);
    }

    /// Once a second: pings, pongs, stalls, lag, and pages that could not be read.
    pub fn tick(&mut self, turn: Turn<'_>) {
        self.follow_epoch(turn);
        let FanoutLimits { patience, max_lag, .. } = self.limits;
        for key in self.keys() {
            // A socket may have room for some bytes long before it counts as writable.
            if self.members.get(key).is_some_and(|member| member.blocked) {
                self.write(key, None, turn);
            }
            let Some(member) = self.members.get_mut(key).filter(|member| member.ending.is_none())
            else {
                continue;
            };
            if member.paging == Paging::Failed {
                member.paging = Paging::Idle;
            }
            let next = member.reader.next().unwrap_or(turn.tail.next());
            let form = member.form;
            match member.beat.check(turn.now, member.blocked, &patience) {
                Beat::End(reason) => self.end(key, reason, None, turn),
                _ if max_lag > 0 && turn.tail.next().saturating_sub(next) > max_lag => {
                    self.end(key, CloseReason::TooFarBehind, None, turn);
                }
                Beat::Ping => {
                    if !form.answers_heartbeats() {
                        member.beat.heard();
                    }
                    let mut ping = Vec::new();
                    form.heartbeat(&mut ping);
                    self.say(key, &ping, turn);
                }
                Beat::Rest => drop(self.pump(key, turn)),
            }
        }
    }

    /// The client said something.
    pub fn heard(&mut self, key: Key) {
        if let Some(member) = self.members.get_mut(key) {
            member.beat.heard();
        }
    }

    /// Ends a session: what its form says at the end, and nothing after it.
    pub fn end(
        &mut self,
        key: Key,
        reason: CloseReason,
        reconnect_after: Option<Duration>,
        turn: Turn<'_>,
    ) {
        let Some(member) = self.members.get_mut(key).filter(|member| member.ending.is_none())
        else {
            return;
        };
        let mut frames = Vec::new();
        member.form.end(&mut frames, reason, reconnect_after);
        member.ending = Some(reason);
        member.gone = reason.code().is_none();
        let gone = member.gone;
        self.unsubscribe(key, reason.as_str(), turn);
        if gone {
            self.forget(key, reason);
            self.effects.push(Effect::Cut(key, reason));
        } else {
            self.effects.push(Effect::Close(key, reason));
            if let Some(member) = self.members.get_mut(key) {
                member.reader.say(&frames);
            }
            self.pump(key, turn);
        }
    }

    /// Ends all sessions, each told to come back after a time that `draw` gives.
    pub fn end_all(
        &mut self,
        reason: CloseReason,
        turn: Turn<'_>,
        mut draw: impl FnMut() -> Duration,
    ) {
        for key in self.keys() {
            self.end(key, reason, Some(draw()), turn);
        }
    }

    /// The sums of all accounts, of those that ended too.
    pub fn balance(&mut self, tail: &Tail) -> Balance {
        let mut sum = self.closed.clone();
        for group in self.groups.iter() {
            let matches = Matches::new();
            let source = group.source(tail);
            for key in &group.members {
                if let Some(member) = self.members.get_mut(*key) {
                    sum += &member.reader.balance(source, &matches);
                }
            }
        }
        sum
    }

    /// Every session.
    pub fn rows(&self) -> impl Iterator<Item = (Key, Row<'_, S>)> {
        self.members.iter().map(|(key, member)| {
            let group = member.place.and_then(|(group, _)| self.groups.get(group));
            let row = Row {
                sink: &member.sink,
                form: member.form,
                filter: group.map(|group| &group.interest.filter),
                seq: member.reader.next().map(|next| next.saturating_sub(1)),
                delivered: member.reader.delivered(),
                bytes: member.reader.taken(),
                blocked: member.blocked,
            };
            (key, row)
        })
    }

    fn keys(&self) -> Vec<Key> {
        self.members.iter().map(|(key, _)| key).collect()
    }
}
