//! The sessions of one worker thread, their subscriptions grouped by form and filter, and one pass of
//! what is new over them.
//!
//! Everything a shard decides is here: who is written to, who waits for its socket, who must read
//! storage, who is given up. The shard's actor carries out the [`Effect`]s and brings the news
//! back. Generic over the [`Sink`], so that laws are tested without sockets.

mod channels;
mod group;
#[cfg(test)]
mod model;
mod pass;
mod reach;
mod sessions;
mod subscriptions;
#[cfg(test)]
mod tests;
mod types;

pub use self::reach::Reached;
pub use self::types::{
    Attach, Begin, Effect, FanoutLimits, Key, Label, Opening, Row, TooManyFilters, Totals, Turn,
};

use std::collections::BTreeMap;

use slab::Slab;
use uuid::Uuid;

use self::{
    group::{Group, Groups, Place},
    pass::Pass,
};
use super::{
    event::Seq,
    heartbeat::Heartbeat,
    interest::{Events, Interest},
    ledger::Balance,
    protocol::{CloseReason, Form},
    reader::{Matches, Outbox, Reader, Sink, SubKey},
    tail::Tail,
    window::Window,
};

/// A client and its socket.
#[derive(Debug)]
struct Session<S> {
    sink: S,
    form: Form,
    outbox: Outbox,
    subscriptions: Vec<SubKey>,
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

/// What a session wants to hear, and how far it is with it.
#[derive(Debug)]
struct Subscription {
    session: Key,
    place: Place,
    /// The first place it is told of.
    began: Seq,
    reader: Reader,
    /// What it is known by outside.
    label: Label,
    /// Another one of its session that must be over before this one has its turn.
    waits_for: Option<SubKey>,
}

/// What became of a session's wish to read storage: one page at a time, for one of its subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paging {
    /// It has none, or may have one again.
    Idle,
    /// A page is being read.
    Reading,
    /// A page could not be read: not again before the next tick.
    Failed,
}

/// All sessions of one worker thread.
#[derive(Debug)]
pub struct Fanout<S> {
    sessions: Slab<Session<S>>,
    subscriptions: Slab<Subscription>,
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
            sessions: Slab::new(),
            subscriptions: Slab::new(),
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

    /// Takes other limits: they count from the next turn on, and nobody is closed by this alone.
    pub fn limit(&mut self, limits: FanoutLimits) {
        self.limits = limits;
    }

    /// Sessions now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
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
        self.sessions.get(key).map(|session| &session.sink)
    }

    /// The sums of all accounts, of those that ended too.
    pub fn balance(&mut self, tail: &Tail) -> Balance {
        let mut sum = self.closed.clone();
        for group in self.groups.iter() {
            let matches = Matches::new();
            let source = group.source(tail);
            for key in &group.members {
                if let Some(subscription) = self.subscriptions.get_mut(*key) {
                    let session = self.sessions.get(subscription.session);
                    let cut = session.is_some_and(|session| session.outbox.holds(*key));
                    sum += &subscription.reader.balance(source, cut, &matches);
                }
            }
        }
        sum
    }

    /// Every session.
    pub fn rows(&self) -> impl Iterator<Item = (Key, Row<'_, S>)> {
        self.sessions.iter().map(|(key, session)| {
            let keys = session.subscriptions.iter();
            let mine = || keys.clone().filter_map(|key| self.subscriptions.get(*key));
            let interests = || mine().filter_map(|it| Some((it, self.interest(it)?)));
            let of_journal = interests().filter(|(_, interest)| interest.reads_journal());
            let row = Row {
                sink: &session.sink,
                form: session.form,
                filter: interests().find_map(|(_, interest)| match interest {
                    Interest::Events(Events { filter, .. }) => Some(filter),
                    _ => None,
                }),
                topics: interests().filter_map(|(_, interest)| interest.topic()).collect(),
                seq: of_journal.map(|(it, _)| it.reader.next().saturating_sub(1)).min(),
                delivered: mine().map(|subscription| subscription.reader.delivered()).sum(),
                bytes: session.outbox.taken(),
                blocked: session.blocked,
            };
            (key, row)
        })
    }

    fn interest(&self, subscription: &Subscription) -> Option<&Interest> {
        Some(&self.groups.get(subscription.place.0)?.interest)
    }

    fn keys(&self) -> Vec<Key> {
        self.sessions.iter().map(|(key, _)| key).collect()
    }
}
