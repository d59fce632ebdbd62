//! How sessions come and go, what is said to them, and who is given up.

use std::time::Duration;

use super::{Effect, Fanout, Heartbeat, Key, Outbox, Paging, Session, Sink, SubKey, Turn};
use crate::core::{
    heartbeat::Beat,
    protocol::{CloseReason, Form, ServerFrame},
};

impl<S: Sink> Fanout<S> {
    /// A session comes, without a subscription.
    pub fn join(&mut self, sink: S, form: Form, now: Duration) -> Key {
        self.sessions.insert(Session {
            sink,
            form,
            outbox: Outbox::default(),
            subscriptions: Vec::new(),
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
        let reason = self.sessions.get(key)?.ending.unwrap_or(CloseReason::ClientGone);
        self.unsubscribe_all(key, reason.as_str(), turn);
        self.forget(key, reason);
        self.sessions.try_remove(key).map(|session| (session.sink, reason))
    }

    /// Says something to a session, behind what it still has to get.
    pub fn tell(&mut self, key: Key, frame: &ServerFrame, turn: Turn<'_>) {
        let Some(session) = self.sessions.get(key) else { return };
        let mut frames = Vec::new();
        session.form.frame(&mut frames, frame);
        self.say(key, &frames, turn);
    }

    /// Whether all that was said to a session has gone out.
    #[must_use]
    pub fn is_heard(&self, key: Key) -> bool {
        self.sessions.get(key).is_none_or(|session| session.outbox.is_heard())
    }

    /// Puts whole frames behind what a session still has to get.
    pub fn say(&mut self, key: Key, frames: &[u8], turn: Turn<'_>) {
        if let Some(session) = self.sessions.get_mut(key).filter(|it| it.ending.is_none()) {
            session.outbox.say(frames);
            self.answer(key, turn);
        }
    }

    /// A socket takes bytes again.
    pub fn writable(&mut self, key: Key, turn: Turn<'_>) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.awaited = false;
        }
        self.serve(key, turn);
    }

    /// Once a second: pings, pongs, stalls, lag, and pages that could not be read.
    pub fn tick(&mut self, turn: Turn<'_>) {
        self.follow_epoch(turn);
        let max_lag = self.limits.max_lag;
        for key in self.keys() {
            // A socket may have room for some bytes long before it counts as writable.
            if self.sessions.get(key).is_some_and(|session| session.blocked) {
                self.serve(key, turn);
            }
            let lag = self.lag(key, turn);
            let Some(session) = self.sessions.get_mut(key).filter(|it| it.ending.is_none()) else {
                continue;
            };
            if session.paging == Paging::Failed {
                session.paging = Paging::Idle;
            }
            let form = session.form;
            match session.beat.check(turn.now, session.blocked, &self.limits.patience(form)) {
                Beat::End(reason) => self.end(key, reason, None, turn),
                _ if max_lag > 0 && lag > max_lag => {
                    self.end(key, CloseReason::TooFarBehind, None, turn);
                }
                Beat::Ping => {
                    if !form.answers_heartbeats() {
                        session.beat.heard();
                    }
                    let mut ping = Vec::new();
                    form.heartbeat(&mut ping);
                    self.say(key, &ping, turn);
                }
                Beat::Rest => self.pump_all(key, turn),
            }
        }
    }

    /// How many events a session is behind with what it is furthest behind with.
    fn lag(&self, key: Key, turn: Turn<'_>) -> u64 {
        let Some(session) = self.sessions.get(key) else { return 0 };
        let mine = session.subscriptions.iter().filter_map(|key| self.subscriptions.get(*key));
        let lags = mine.map(|it| turn.tail.next().saturating_sub(it.reader.next()));
        lags.max().unwrap_or(0)
    }

    /// The client said something.
    pub fn heard(&mut self, key: Key) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.beat.heard();
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
        let Some(session) = self.sessions.get_mut(key).filter(|it| it.ending.is_none()) else {
            return;
        };
        let mut frames = Vec::new();
        session.form.end(&mut frames, reason, reconnect_after);
        session.ending = Some(reason);
        session.gone = reason.code().is_none();
        let gone = session.gone;
        self.unsubscribe_all(key, reason.as_str(), turn);
        if gone {
            self.forget(key, reason);
            self.effects.push(Effect::Cut(key, reason));
        } else {
            self.effects.push(Effect::Close(key, reason));
            if let Some(session) = self.sessions.get_mut(key) {
                session.outbox.say(&frames);
            }
            self.pump_all(key, turn);
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

    /// Writes what was just said to a session. What a blocked one leaves unread is bounded.
    pub(super) fn answer(&mut self, key: Key, turn: Turn<'_>) {
        let Some(session) = self.sessions.get(key).filter(|session| !session.gone) else { return };
        if session.blocked && session.outbox.overflows() {
            self.give_up(key, CloseReason::TooMany, turn);
        } else {
            self.pump_all(key, turn);
        }
    }

    /// Nothing more can be written to a session.
    pub(super) fn give_up(&mut self, key: Key, why: CloseReason, turn: Turn<'_>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.gone = true;
        let reason = *session.ending.get_or_insert(why);
        self.effects.push(Effect::Cut(key, reason));
        self.unsubscribe_all(key, reason.as_str(), turn);
        self.forget(key, reason);
    }

    /// What a session still had to get will never go out.
    fn forget(&mut self, key: Key, reason: CloseReason) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.outbox.forget() {
            self.closed.pending -= 1;
            self.closed.drop(reason.as_str(), 1);
        }
    }

    /// Writes to a session what can be written, unless its socket is known to refuse it.
    pub(super) fn pump_all(&mut self, key: Key, turn: Turn<'_>) {
        if self.sessions.get(key).is_some_and(|session| !session.blocked) {
            self.serve(key, turn);
        }
    }

    /// Tries to write to a session: what must go out first, then for each of its subscriptions.
    fn serve(&mut self, key: Key, turn: Turn<'_>) {
        self.write(key, None, None, turn);
        let mut nth = 0;
        while let Some(subscription) = self.nth(key, nth) {
            self.pump(subscription, turn);
            nth += 1;
        }
    }

    /// A subscription of a session that takes bytes.
    fn nth(&self, key: Key, nth: usize) -> Option<SubKey> {
        let session = self.sessions.get(key).filter(|session| !session.blocked)?;
        session.subscriptions.get(nth).copied()
    }
}
