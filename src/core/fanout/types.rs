//! What a shard is told, and what it answers with: values only.

use std::time::Duration;

use crate::core::{
    event::{Position, Seq},
    filter::Filter,
    heartbeat::Patience,
    interest::Interest,
    protocol::{CloseReason, Form},
    reader::SubKey,
    tail::Tail,
};

/// A member's place in its shard.
pub type Key = usize;

/// Names some of the subscriptions of a session, to whoever began them.
pub type Label = u64;

/// What the shell must do. Each is answered: by [`writable`](super::Fanout::writable),
/// [`page`](super::Fanout::page) or [`leave`](super::Fanout::leave).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Wait until the socket takes bytes again.
    AwaitWritable(Key),
    /// Read a page of storage: all events, not only those that match. Subscriptions that stand at
    /// the same place ask for the same page, each for itself.
    ReadPage {
        /// Whose session it is.
        session: Key,
        /// Who gets it.
        subscription: SubKey,
        /// Where it begins.
        from: Seq,
    },
    /// A subscription of that label has ended: what comes next for it is nowhere any more, and only
    /// its client's own protocol can say so.
    Lost(Key, Label),
    /// The end is said, or waits behind what is unsent: give the client a moment to take
    /// it and to answer with its own.
    Close(Key, CloseReason),
    /// Nothing more can be written: drop the socket at once.
    Cut(Key, CloseReason),
}

/// What a shard knows of the world in one turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The tail as it was when the turn began.
    pub tail: &'a Tail,
    /// Time since any fixed moment.
    pub now: Duration,
}

/// What bounds a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanoutLimits {
    /// Bytes that a filter group joins at a time.
    pub window_bytes: usize,
    /// Different interests at a time.
    pub groups: usize,
    /// Events a session may be behind; 0 is no limit.
    pub max_lag: u64,
    /// Pings, pongs and stalls.
    pub patience: Patience,
    /// Time between two comments to a client that hears server-sent events.
    pub stream_heartbeat: Duration,
    /// The time over which clients spread their reconnecting when all must come back.
    pub reconnect_window: Duration,
}

impl FanoutLimits {
    /// How patient to be with a client that hears this form.
    pub(super) fn patience(&self, form: Form) -> Patience {
        let heartbeat = match form {
            Form::Sse => self.stream_heartbeat,
            Form::Session | Form::Legacy | Form::Realtime(_) => self.patience.heartbeat,
        };
        Patience { heartbeat, ..self.patience }
    }
}

/// What the sockets took, of all sessions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events whose frames were taken whole.
    pub delivered: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Where a subscription begins, as far as a shard can decide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With what comes next.
    Now,
    /// After a position.
    After(Position),
    /// At a `seq` that storage has named.
    At(Seq),
}

/// More subscriptions of a session.
#[derive(Debug)]
pub struct Opening {
    /// What names them.
    pub label: Label,
    /// Whole frames that the client hears before them.
    pub welcome: Vec<u8>,
    /// In this order: each has its turn when those before it that end are over.
    pub chain: Vec<Attach>,
}

/// One more subscription of a session.
#[derive(Debug)]
pub struct Attach {
    /// What it wants to hear.
    pub interest: Interest,
    /// The first place it is told of; from now on when nothing is said.
    pub from: Option<Seq>,
}

/// More different filters than the shard takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {most} different filters already")]
pub struct TooManyFilters {
    /// As many as there may be.
    pub most: usize,
}

/// A session, as others see it.
#[derive(Debug)]
pub struct Row<'a, S> {
    /// Its sink.
    pub sink: &'a S,
    /// How it hears things.
    pub form: Form,
    /// Its filter, when subscribed.
    pub filter: Option<&'a Filter>,
    /// The topics it listens to.
    pub topics: Vec<&'a str>,
    /// The last `seq` of the journal it is through with, when it reads that.
    pub seq: Option<Seq>,
    /// Events delivered in its subscriptions.
    pub delivered: u64,
    /// Bytes its socket took.
    pub bytes: u64,
    /// Whether its socket refuses bytes now.
    pub blocked: bool,
}
