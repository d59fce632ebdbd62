//! What sessions want to hear: how a subscription begins and ends, and what it gets of a page.

use super::{Begin, Effect, Fanout, Key, Paging, Sink, SubKey, Subscription, TooManyFilters, Turn};
use crate::core::{
    cursor::{self, Start},
    event::{Position, Seq},
    filter::Filter,
    interest::{Events, Interest},
    ledger::RESUBSCRIBED,
    protocol::ServerFrame,
    reader::{PageView, Reader, Step},
};

/// A page has at least so many events, if there are: fewer would cost as much.
pub(super) const SMALLEST_PAGE: usize = 8;

impl<S: Sink> Fanout<S> {
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
        let Some(session) = self.sessions.get(key).filter(|it| it.ending.is_none()) else {
            return Ok(());
        };
        let (form, epoch) = (session.form, self.epoch);
        let interest = Interest::Events(Events { form, epoch, filter: filter.clone() });
        self.groups.admit([&interest], self.limits.groups)?;
        self.unsubscribe_all(key, RESUBSCRIBED, turn);
        // From here on the group counts for this session too: it must be where the tail ends.
        self.bring_current(&interest, turn);
        let group = self.groups.find_or_make(interest, turn.tail);
        let start = self.begin(begin, turn);
        self.settle(key, group, start);
        self.answer(key, turn);
        Ok(())
    }

    /// Where a subscription begins.
    fn begin(&self, begin: Begin, turn: Turn<'_>) -> Start {
        let head = turn.tail.head();
        let after = |position| cursor::resume(position, &head);
        let start = match begin {
            Begin::Now => cursor::at(turn.tail.next()),
            Begin::At(seq) => {
                let seq = seq.min(turn.tail.next()).saturating_sub(1);
                after(Position { epoch: self.epoch, seq })
            }
            Begin::After(position) => after(position),
        };
        cursor::within(self.limits.max_lag, &head, start)
    }

    /// Puts a subscription into a group, and tells the session where it begins.
    fn settle(&mut self, key: Key, index: usize, start: Start) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let position = Position { epoch: self.epoch, seq: start.next.saturating_sub(1) };
        let Start { recovered, gap, .. } = start;
        let mut frames = Vec::new();
        session.form.frame(&mut frames, &ServerFrame::Subscribed { position, recovered, gap });
        session.outbox.say(&frames);
        self.enter(key, index, start, None);
    }

    /// Puts a subscription into a group.
    pub(super) fn enter(
        &mut self,
        key: Key,
        index: usize,
        start: Start,
        waits_for: Option<SubKey>,
    ) -> Option<SubKey> {
        let group = self.groups.get_mut(index)?;
        let session = self.sessions.get_mut(key)?;
        let subscription = self.subscriptions.insert(Subscription {
            session: key,
            place: (index, group.members.len()),
            began: start.next,
            reader: Reader::new(start, &group.window),
            label: 0,
            waits_for: waits_for.filter(|it| session.subscriptions.contains(it)),
        });
        group.members.push(subscription);
        session.subscriptions.push(subscription);
        Some(subscription)
    }

    /// Ends all subscriptions of a session: what is still pending is dropped for `reason`.
    pub(super) fn unsubscribe_all(&mut self, key: Key, reason: &'static str, turn: Turn<'_>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        for subscription in std::mem::take(&mut session.subscriptions) {
            self.unsubscribe(subscription, reason, turn);
        }
    }

    /// Ends a subscription that its session knows no more.
    pub(super) fn unsubscribe(&mut self, key: SubKey, reason: &'static str, turn: Turn<'_>) {
        let Some(Subscription { session, place, reader, .. }) = self.subscriptions.try_remove(key)
        else {
            return;
        };
        let Some(session) = self.sessions.get_mut(session) else { return };
        let cut = session.outbox.holds(key);
        session.outbox.disown(key);
        if let Some(source) = self.groups.source(place, turn.tail) {
            self.closed += &reader.close(source, cut, reason);
        }
        self.vacate(place);
    }

    /// How many events a page for a session should have at most: about what its socket takes. A slow
    /// client would have the same events read and joined over and over, at everybody's cost.
    #[must_use]
    pub fn appetite(&self, key: Key) -> usize {
        self.sessions.get(key).map_or(SMALLEST_PAGE, |session| session.appetite)
    }

    /// A page of storage for a subscription of a session, or `None` when it could not be read: it is
    /// asked for again at the next tick. The subscription may have ended meanwhile, and another one
    /// may have got its key.
    pub fn page(
        &mut self,
        key: Key,
        subscription: SubKey,
        page: Option<PageView<'_>>,
        turn: Turn<'_>,
    ) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let page = page.filter(|page| page.head.epoch == self.epoch);
        session.paging = if page.is_some() { Paging::Idle } else { Paging::Failed };
        // A blocked session reads again when its socket takes bytes.
        if page.is_none() || session.blocked {
            return;
        }
        if let Some(from) = self.stands_at(key, subscription) {
            self.write(key, Some(subscription), page, turn);
            // A page may be large, and the next one may be long in coming.
            self.scratch.clear();
            let taken = self.stands_at(key, subscription).map_or(0, |next| next - from);
            self.learn_appetite(key, taken);
        }
        // Whoever else waited for a page may ask for one now.
        self.pump_all(key, turn);
    }

    /// Where a subscription is, if it is this session's.
    fn stands_at(&self, key: Key, subscription: SubKey) -> Option<Seq> {
        let subscription = self.subscriptions.get(subscription)?;
        (subscription.session == key).then(|| subscription.reader.next())
    }

    /// A session took so many places of a page.
    fn learn_appetite(&mut self, key: Key, taken: Seq) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let enough = if session.blocked {
            usize::try_from(taken).unwrap_or(usize::MAX)
        } else {
            session.appetite
        };
        session.appetite = enough.saturating_mul(2).max(SMALLEST_PAGE);
    }

    fn is_blocked(&self, key: Key) -> bool {
        self.sessions.get(key).is_some_and(|session| session.blocked)
    }

    /// A subscription can go on only with what storage has from `from` on; a page that was just read
    /// for it `in_vain` is not asked for again at once.
    pub(super) fn want_page(
        &mut self,
        session: Key,
        subscription: SubKey,
        from: Seq,
        in_vain: bool,
    ) {
        let Some(it) = self.sessions.get_mut(session) else { return };
        if in_vain {
            it.paging = Paging::Failed;
        } else if it.paging == Paging::Idle {
            it.paging = Paging::Reading;
            self.effects.push(Effect::ReadPage { session, subscription, from });
        }
    }

    /// Writes what a subscription can have; whether it is current then.
    pub(super) fn pump(&mut self, key: SubKey, turn: Turn<'_>) -> bool {
        let Some(subscription) = self.subscriptions.get(key) else { return true };
        if subscription.waits_for.is_some() {
            return false;
        }
        let session = subscription.session;
        !self.is_blocked(session) && self.write(session, Some(key), None, turn) == Step::Current
    }
}
