//! What a batcher is asked, and what it tells.

use std::time::Duration;

use actix::prelude::*;

use crate::{
    adapters::Settled,
    core::{
        batching::PathPolicy,
        event::{Position, Seq},
        ledger::Balance,
    },
};

/// Nothing more is begun; answered when what was under way is settled, and its cursor on its way to
/// the journal.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FinishBatching;

/// The settings are others from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReconfigureBatcher {
    /// How many events go together, when that has changed.
    pub policy: Option<PathPolicy>,
    /// See [`BatcherOptions::max_probes`](super::BatcherOptions::max_probes).
    pub max_probes: u32,
    /// See [`BatcherOptions::announce`](super::BatcherOptions::announce).
    pub announce: Option<Duration>,
}

/// How far is it?
#[derive(Message)]
#[rtype(result = "BatcherView")]
pub struct GetBatcher;

/// A batcher, as it is.
#[derive(Clone, Debug)]
pub struct BatcherView {
    /// The last event that is settled.
    pub position: Position,
    /// Everything up to here is done.
    pub through: Seq,
    /// Events that wait, those on their way among them: such as are routed to the path. Of those that
    /// came before the path began, each that was not read yet.
    pub lag_events: u64,
    /// How long the oldest of them has been committed.
    pub lag: Duration,
    /// Most events that the next request takes.
    pub batch_events: usize,
    /// How long the next batch would wait to fill.
    pub linger: Duration,
    /// What it waits for, in a word.
    pub phase: &'static str,
    /// What became of events since the router started.
    pub settled: Settled,
    /// Whether it adds up.
    pub balance: Balance,
}
