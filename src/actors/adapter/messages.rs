//! What an adapter is asked.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use chrono::{DateTime, Utc};

use crate::{
    adapters::{Transport, TransportKind},
    core::{
        breaker::{BadBreaker, BreakerLimits, BreakerState, Force},
        delivery::{
            Attempted, Batch,
            attempt::{Attempt, Outcome},
        },
        event::{Position, Seq},
        retry::RetryPolicy,
        stats::Quantiles,
    },
};

/// Sends a batch, or its beginning, as soon as the breaker lets it; `None` when the adapter stops
/// before that.
#[derive(Message)]
#[rtype(result = "Option<Attempted>")]
pub struct DeliverBatch(pub Batch);

/// Nothing else is to be said: tells readers at the destination how far the path is. Nothing is
/// said while the breaker is not closed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Announce(pub Position);

/// Sends events again that were set aside, at once or not at all.
#[derive(Message)]
#[rtype(result = "Result<(), RedeliverError>")]
pub struct Redeliver(pub Batch);

/// Why events were not sent again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedeliverError {
    /// The destination is left alone now.
    #[error("the breaker is {0}: nothing is sent now")]
    Open(&'static str),
    /// It was sent, and not taken.
    #[error("the destination did not take it: {0}")]
    NotTaken(String),
    /// The destination will never take it.
    #[error("the destination refused it again: {0}")]
    Rejected(String),
}

/// Somebody opens or closes the breaker, or lets it decide again.
#[derive(Message)]
#[rtype(result = "BreakerView")]
pub struct ForceBreaker {
    /// What it is to do.
    pub force: Force,
    /// Who says so.
    pub by: Box<str>,
}

/// How is the adapter?
#[derive(Message)]
#[rtype(result = "AdapterView")]
pub struct GetAdapter;

/// Which requests was an event in?
#[derive(Message)]
#[rtype(result = "AttemptsOf")]
pub struct GetAttempts(pub Seq);

/// The settings are others from now on; answered when what is under way has ended. Requests,
/// latencies and the breaker's state stay; of another destination, the breaker knows nothing.
#[derive(Message)]
#[rtype(result = "Result<(), BadBreaker>")]
pub struct Reconfigure {
    /// How the destination is reached, when that has changed.
    pub transport: Option<Arc<dyn Transport>>,
    /// Whether it is another destination: nothing is known of that.
    pub is_another: bool,
    /// What bounds the requests.
    pub limits: Limits,
}

/// What bounds an adapter's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// When the breaker opens and closes.
    pub breaker: BreakerLimits,
    /// How long to wait between attempts.
    pub retry: RetryPolicy,
    /// Events sent a second; 0 means any number.
    pub per_second: u32,
    /// A request that takes longer has failed, whatever the transport does.
    pub deadline: Duration,
}

/// Somebody may have set right what was misconfigured: it is tried again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TryAgain;

/// Nothing more is sent; answered when nothing is under way.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopDelivering;

/// An adapter, as it is.
#[derive(Clone, Debug)]
pub struct AdapterView {
    /// How the destination is reached.
    pub transport: TransportKind,
    /// Whether the commit is the delivery.
    pub published: bool,
    /// The breaker.
    pub breaker: BreakerView,
    /// The last transitions, newest first.
    pub transitions: Vec<BreakerView>,
    /// Requests, by how they ended.
    pub attempts: Counts,
    /// How long requests took lately.
    pub latency: Quantiles,
    /// Until when it waits, after a failure or because it was asked to.
    pub waits_until: Option<DateTime<Utc>>,
    /// The newest request that failed.
    pub last_failure: Option<Attempt>,
}

/// The breaker, as people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerView {
    /// Its state.
    pub state: BreakerState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when it is open, where it ends by itself.
    pub until: Option<DateTime<Utc>>,
    /// Why it is so.
    pub cause: Option<String>,
    /// What somebody makes it do.
    pub forced: Force,
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// Newest attempts that count.
    pub window_attempts: usize,
    /// Those of them that failed.
    pub window_failures: usize,
}

/// Requests, by how they ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts([u64; Outcome::ALL.len()]);

impl Counts {
    /// Counts one.
    pub(super) fn count(&mut self, outcome: Outcome) {
        if let Some(count) = self.0.get_mut(outcome as usize) {
            *count += 1;
        }
    }

    /// So many ended this way.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0.get(outcome as usize).copied().unwrap_or_default()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that failed for no fault of the events, nor of their number.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.of(Outcome::Transient) + self.of(Outcome::Misconfigured)
    }
}

/// The requests that an event was in, as far as they are remembered.
#[derive(Clone, Debug)]
pub struct AttemptsOf {
    /// Oldest first.
    pub attempts: Vec<Attempt>,
    /// When the oldest request was that is remembered at all; nothing is known of what was before.
    pub since: DateTime<Utc>,
}
