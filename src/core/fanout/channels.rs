//! Several subscriptions of one session under one label: what a channel of Realtime listens to.

use super::{
    Attach, Effect, Fanout, Key, Label, Opening, Sink, SubKey, Subscription, TooManyFilters, Turn,
};
use crate::core::{
    cursor,
    interest::Interest,
    ledger::{LOST, MOVED},
    realtime::topic::Tuning,
};

impl<S: Sink> Fanout<S> {
    /// Says the welcome and begins the subscriptions, in one turn: whoever has read the welcome
    /// misses nothing. Nothing for a session that is about to end.
    ///
    /// # Errors
    /// When filters are new and there are as many as may be. Nothing is said then.
    pub fn open(
        &mut self,
        key: Key,
        Opening { label, welcome, chain }: Opening,
        turn: Turn<'_>,
    ) -> Result<(), TooManyFilters> {
        self.follow_epoch(turn);
        let Some(session) = self.sessions.get_mut(key).filter(|it| it.ending.is_none()) else {
            return Ok(());
        };
        self.groups.admit(chain.iter().map(|attach| &attach.interest), self.limits.groups)?;
        session.outbox.say_at_length(&welcome);
        let mut waits_for = None;
        for attach in chain {
            let ends = attach.interest.ends();
            let subscription = self.attach(key, (label, waits_for), attach, turn);
            waits_for = subscription.filter(|_| ends);
        }
        Ok(())
    }

    /// Adds a subscription to those a session has.
    fn attach(
        &mut self,
        key: Key,
        (label, waits_for): (Label, Option<SubKey>),
        Attach { interest, from }: Attach,
        turn: Turn<'_>,
    ) -> Option<SubKey> {
        self.bring_current(&interest, turn);
        let index = self.groups.find_or_make(interest, turn.tail);
        let next = self.groups.get(index)?.window.next();
        let start = cursor::at(from.unwrap_or(next).min(next));
        let subscription = self.enter(key, index, start, waits_for)?;
        if let Some(it) = self.subscriptions.get_mut(subscription) {
            it.label = label;
        }
        self.pump(subscription, turn);
        Some(subscription)
    }

    /// Ends the subscriptions of that label: what is still pending is dropped for `reason`.
    pub fn close(&mut self, key: Key, label: Label, reason: &'static str, turn: Turn<'_>) {
        for subscription in self.labelled(key, label) {
            self.detach(key, subscription, reason, turn);
        }
    }

    /// From its next message on, a channel listens in another way. It goes on from where it is.
    pub fn tune(&mut self, key: Key, label: Label, tuning: Tuning, turn: Turn<'_>) {
        for subscription in self.labelled(key, label) {
            let listening = self.subscriptions.get(subscription).and_then(|it| {
                match &self.groups.get(it.place.0)?.interest {
                    Interest::Messages(listening) => Some(listening.clone()),
                    _ => None,
                }
            });
            if let Some(listening) = listening.filter(|it| it.past.is_none()) {
                let interest = Interest::Messages(listening.tuned(tuning));
                self.move_to(key, subscription, interest, turn);
            }
        }
    }

    /// Goes on with a subscription in another group, at the place where it is.
    fn move_to(&mut self, key: Key, subscription: SubKey, interest: Interest, turn: Turn<'_>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(Subscription { place, reader, label, waits_for, .. }) =
            self.subscriptions.try_remove(subscription)
        else {
            return;
        };
        session.subscriptions.retain(|it| *it != subscription);
        let (cut, from) = (session.outbox.holds(subscription), reader.next());
        session.outbox.disown(subscription);
        if let Some(source) = self.groups.source(place, turn.tail) {
            let mut balance = reader.close(source, cut, MOVED);
            // It is counted anew where it goes.
            balance.matched -= balance.dropped.remove(MOVED).unwrap_or(0);
            self.closed += &balance;
        }
        self.vacate(place);
        self.attach(key, (label, waits_for), Attach { interest, from: Some(from) }, turn);
    }

    fn labelled(&self, key: Key, label: Label) -> Vec<SubKey> {
        let session = self.sessions.get(key).into_iter();
        let keys = session.flat_map(|session| session.subscriptions.iter().copied());
        let has_label = |it: &SubKey| {
            self.subscriptions.get(*it).is_some_and(|subscription| subscription.label == label)
        };
        keys.filter(has_label).collect()
    }

    /// Ends one of the subscriptions of a session: what is still pending is dropped for `reason`.
    pub(super) fn detach(
        &mut self,
        key: Key,
        subscription: SubKey,
        reason: &'static str,
        turn: Turn<'_>,
    ) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let before = session.subscriptions.len();
        session.subscriptions.retain(|it| *it != subscription);
        if session.subscriptions.len() < before {
            self.unsubscribe(subscription, reason, turn);
            self.release(key, subscription);
            self.pump_all(key, turn);
        }
    }

    /// Whoever waits for a subscription that is gone has its turn.
    fn release(&mut self, key: Key, gone: SubKey) {
        let Some(session) = self.sessions.get(key) else { return };
        for key in &session.subscriptions {
            if let Some(subscription) = self.subscriptions.get_mut(*key) {
                subscription.waits_for = subscription.waits_for.filter(|it| *it != gone);
            }
        }
    }

    /// Whether a subscription has had all it wanted.
    pub(super) fn is_over(&self, key: SubKey) -> bool {
        let Some(subscription) = self.subscriptions.get(key) else { return false };
        let group = self.groups.get(subscription.place.0);
        group.is_some_and(|group| group.interest.is_over(subscription.reader.next()))
    }

    /// What comes next for a subscription is nowhere any more.
    pub(super) fn lose(&mut self, key: Key, subscription: SubKey, turn: Turn<'_>) {
        let Some(label) = self.subscriptions.get(subscription).map(|it| it.label) else { return };
        self.detach(key, subscription, LOST, turn);
        self.effects.push(Effect::Lost(key, label));
    }
}
