//! Subscribers of ours, one on each path, that see exactly what a client there sees: a real session
//! of the session protocol, and a real client of Realtime. What they see they tell the validator, in
//! its order, and wait for each answer: a validator that is slow makes a probe read slowly, and
//! never lose something that it saw.
//!
//! Each proves again and again that its subscription is whole, and says when it was not. Both come by
//! sockets, never by a shortcut in memory; where the router speaks to itself, by the private listener,
//! so that they are no clients in any list, count or limit.

mod direct;
mod ear;
mod keeper;
mod realtime;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use actix::Recipient;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

pub use self::keeper::Keeper;
use self::{direct::Direct, realtime::Realtime};
use crate::{
    actors::validator::messages::{ProbeDown, ProbeProven, ProbeUp, Receipts},
    adapters::{
        realtime::{Destination, NoClient},
        rehearsal::Rehearsals,
        retry::Pauses,
    },
    core::{
        delivery::DeliveryError,
        matching::{Path, Shown},
        retry::{BadRetry, RetryLimits, RetryPolicy},
        tail::SharedTail,
    },
    telemetry::Metrics,
};

/// Messages that are read at once, at most.
const TOGETHER: usize = 256;
/// How long it may take to be subscribed, from the connection on.
const SUBSCRIBE: Duration = Duration::from_secs(10);
/// How long an answer may take, at least; and as many canaries. A probe that was subscribed for so
/// long comes back soon.
const PATIENCE: (Duration, u32) = (Duration::from_secs(3), 10);
/// How long a probe waits before it comes back.
const WAITS: RetryLimits = RetryLimits {
    initial: Duration::from_millis(250),
    max: Duration::from_secs(10),
    max_asked: Duration::from_mins(1),
};

/// Whom the probes tell.
#[derive(Clone)]
pub struct ProbeRecipients {
    /// A probe is subscribed.
    pub up: Recipient<ProbeUp>,
    /// It saw events.
    pub seen: Recipient<Receipts>,
    /// Its subscription is whole.
    pub proven: Recipient<ProbeProven>,
    /// Its subscription is over.
    pub down: Recipient<ProbeDown>,
}

/// What probes need.
pub struct ProbeOptions {
    /// The router itself, by its private listener; the topic does not matter.
    pub direct: Destination,
    /// The Realtime that events are delivered to.
    pub realtime: Destination,
    /// There they are rows of the table, and not broadcasts.
    pub rows: bool,
    /// How often they prove that they hear.
    pub canary: Duration,
    /// Where the journal is.
    pub tail: Arc<SharedTail>,
    /// Faults that are planted at the ear of the direct one.
    pub rehearsals: Arc<Rehearsals>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who hears of it.
    pub told: ProbeRecipients,
}

/// Why there are no probes.
#[derive(Debug, thiserror::Error)]
pub enum NoProbes {
    /// This machine has not what it takes.
    #[error(transparent)]
    NoClient(#[from] NoClient),
    /// They would not know how long to wait.
    #[error(transparent)]
    Retry(#[from] BadRetry),
}

/// The probes: they are gone when this is dropped.
#[derive(Debug)]
pub struct Probes {
    tasks: [JoinHandle<()>; 2],
}

impl Probes {
    /// Starts both, on the thread of the caller, which must be an arbiter's.
    ///
    /// # Errors
    /// When a socket cannot be asked for at all. A destination that is away is no error.
    pub fn start(options: &ProbeOptions) -> Result<Self, NoProbes> {
        let waits = Pauses::new(RetryPolicy::try_new(WAITS)?);
        let direct = Direct::try_new(options)?;
        let realtime = Realtime::try_new(options)?;
        let told = |path| Told::new(path, options);
        let direct = keep(direct, told(Path::Websocket), waits);
        let waits = Pauses::new(RetryPolicy::try_new(WAITS)?);
        let realtime = keep(realtime, told(Path::Realtime), waits);
        Ok(Self { tasks: [actix_rt::spawn(direct), actix_rt::spawn(realtime)] })
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Why a probe does not listen any more.
#[derive(Debug)]
enum Ended {
    /// The connection is lost, or was never made.
    Lost(DeliveryError),
    /// Nobody wants to hear of it.
    Alone,
}

impl From<DeliveryError> for Ended {
    fn from(error: DeliveryError) -> Self {
        Self::Lost(error)
    }
}

/// A connection is lost; why.
fn lost(reason: impl Into<String>) -> Ended {
    Ended::Lost(DeliveryError::Transient { reason: reason.into() })
}

/// One of the probes.
trait Listen {
    /// Connects, subscribes, and tells what it hears until that ends.
    async fn listen(&mut self, told: &mut Told) -> Ended;

    /// Its connection is lost. Whether its subscription is over too: another connection may take it
    /// up where it was.
    fn is_over(&self) -> bool;
}

/// Lets a probe listen, again and again.
async fn keep(mut probe: impl Listen, mut told: Told, mut waits: Pauses) {
    loop {
        let ended = probe.listen(&mut told).await;
        let Ended::Lost(error) = ended else { return };
        if told.since.take().is_some_and(|since| since.elapsed() > PATIENCE.0) {
            waits.begin_anew();
        }
        if told.lost(&error, probe.is_over()).await.is_err() {
            return;
        }
        sleep(waits.after(&error)).await;
    }
}

/// What a probe tells, on its path.
struct Told {
    path: Path,
    recipients: ProbeRecipients,
    metrics: Arc<Metrics>,
    /// Since when it is connected, and subscribed.
    since: Option<Instant>,
    /// The validator counts on a subscription.
    counted_on: bool,
}

impl Told {
    fn new(path: Path, options: &ProbeOptions) -> Self {
        let (recipients, metrics) = (options.told.clone(), options.metrics.clone());
        metrics.probe_connected.with([path.name()]).set(0.0);
        Self { path, recipients, metrics, since: None, counted_on: false }
    }

    /// It is subscribed, to all that is delivered after `from`.
    async fn up(&mut self, from: u64) -> Result<(), Ended> {
        self.counted_on = true;
        self.connected();
        tracing::debug!(path = self.path.name(), from, "a probe is subscribed");
        let up = ProbeUp { path: self.path, from, at: Instant::now() };
        self.recipients.up.send(up).await.map_err(|_gone| Ended::Alone)
    }

    /// It hears again.
    fn connected(&mut self) {
        self.since = Some(Instant::now());
        self.metrics.probe_connected.with([self.path.name()]).set(1.0);
    }

    /// Its subscription is over.
    async fn down(&mut self, reason: &str) -> Result<(), Ended> {
        if !std::mem::take(&mut self.counted_on) {
            return Ok(());
        }
        self.metrics.probe_breaks_total.with([self.path.name()]).increment(1);
        tracing::info!(path = self.path.name(), reason, "a probe's subscription broke");
        let down = ProbeDown { path: self.path, proven: None, reason: reason.into() };
        self.recipients.down.send(down).await.map_err(|_gone| Ended::Alone)
    }

    /// Its connection is lost.
    async fn lost(&mut self, error: &DeliveryError, is_over: bool) -> Result<(), Ended> {
        self.metrics.probe_connected.with([self.path.name()]).set(0.0);
        tracing::debug!(path = self.path.name(), %error, "a probe is not connected");
        if is_over { self.down(&error.to_string()).await } else { Ok(()) }
    }

    /// It saw events.
    async fn seen(&self, seen: Vec<(Shown, Instant)>) -> Result<(), Ended> {
        if seen.is_empty() {
            return Ok(());
        }
        self.metrics.probe_receipts_total.with([self.path.name()]).increment(seen.len() as u64);
        let receipts = Receipts { path: self.path, seen };
        self.recipients.seen.send(receipts).await.map_err(|_gone| Ended::Alone)
    }

    /// Its subscription was whole until then.
    async fn proven(&self, at: Instant) -> Result<(), Ended> {
        let proven = ProbeProven { path: self.path, at };
        self.recipients.proven.send(proven).await.map_err(|_gone| Ended::Alone)
    }

    /// An event as it was told; `None` when it is none.
    fn read(&self, json: &str) -> Option<Shown> {
        Shown::read(json)
            .inspect_err(|error| {
                self.metrics.probe_unreadable_total.with([self.path.name()]).increment(1);
                tracing::debug!(path = self.path.name(), %error, "a probe was told what is no event");
            })
            .ok()
    }

    fn echo(&self, after: Duration) {
        self.metrics.probe_echo_seconds.with([self.path.name()]).record(after);
    }
}

/// How long an answer may take.
fn patience(every: Duration) -> Duration {
    PATIENCE.0.max(every * PATIENCE.1)
}
