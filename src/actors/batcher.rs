//! Reads the journal for an adapter: owns its cursor, and decides how many events go together.
//!
//! Live from the tail, from storage when behind; what is read ahead is bounded, so nothing
//! accumulates while the destination is away. How an event is settled is [`Outgoing`]'s to know, how
//! many go together [`PathPolicy`]'s. The cursor is stored after the delivery, a dead letter in one
//! transaction with it.

mod messages;
mod read;
mod settle;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use chrono::{TimeDelta, Utc};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

pub use self::messages::{BatcherView, FinishBatching, GetBatcher, ReconfigureBatcher};
use super::{
    adapter::{Announce, DeliverBatch},
    journal::{Bury, SaveCursor},
    validator::news::PathNews,
};
use crate::{
    adapters::{Settled, Tally},
    core::{
        batching::{PathPolicy, Plan},
        cursor::durable::{self, Cursor},
        delivery::{Attempted, REALTIME, outgoing::Outgoing},
        tail::SharedTail,
    },
    storage::Storage,
    telemetry::Metrics,
};

/// What a batcher is made with.
pub struct BatcherOptions {
    /// What is read when the tail does not go back far enough.
    pub storage: Arc<dyn Storage>,
    /// The tail of the process.
    pub tail: Arc<SharedTail>,
    /// Says when the tail has changed.
    pub advanced: watch::Receiver<()>,
    /// Where the adapter was, if it has stored that.
    pub cursor: Option<Cursor>,
    /// How many events go together.
    pub policy: PathPolicy,
    /// Failed probes that make an event a dead letter.
    pub max_probes: u32,
    /// How often readers at the destination are told how far the path is, while nothing else is
    /// said; `None`: there is no way to.
    pub announce: Option<Duration>,
    /// Who sends.
    pub adapter: AdapterRecipients,
    /// Who stores how far it is.
    pub journal: JournalRecipients,
    /// What became of events.
    pub tally: Arc<Tally>,
    /// Who compares is told how far it is.
    pub news: Arc<PathNews>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What the adapter is asked.
pub struct AdapterRecipients {
    /// To send a batch.
    pub deliver: Recipient<DeliverBatch>,
    /// To say how far the path is.
    pub announce: Recipient<Announce>,
}

/// What the journal is asked.
pub struct JournalRecipients {
    /// To store the cursor.
    pub save: Recipient<SaveCursor>,
    /// To set events aside.
    pub bury: Recipient<Bury>,
}

/// The actor.
pub struct Batcher {
    options: BatcherOptions,
    outgoing: Outgoing,
    phase: Phase,
    /// A step that the journal had no room for.
    unsaved: Option<SaveCursor>,
    /// Events settled since the journal last said that it knows: a crash forgets them.
    forgettable: usize,
    /// Something was sent since readers were last told how far the path is.
    spoke: bool,
    finished: Vec<oneshot::Sender<()>>,
    /// Events that were settled before this batcher began, by another one of this router.
    settled_before: u64,
    announcing: Option<SpawnHandle>,
    /// Events that came and that the policy was not told of.
    arrived: u64,
    began: Instant,
}

/// What it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// News.
    Idle,
    /// More events, to fill a batch.
    Lingering,
    /// Enough have come, or it was long enough.
    Lingered,
    /// A page of storage.
    Reading,
    /// An answer of the adapter.
    Sending,
    /// The journal, to set events aside, or to know how far it is.
    Burying,
    /// Nothing: the router stops.
    Stopped,
}

impl Batcher {
    /// A batcher that goes on where its cursor was.
    #[must_use]
    pub fn new(options: BatcherOptions) -> Self {
        let head = options.tail.load().head();
        let resume = durable::resume(options.cursor.as_ref(), &head);
        let outgoing = Outgoing::new(head.epoch, head.head_seq, &resume, options.max_probes);
        let Settled { delivered, dead, .. } = options.tally.settled();
        let mut batcher = Self {
            options,
            outgoing,
            phase: Phase::Idle,
            unsaved: None,
            forgettable: 0,
            spoke: false,
            finished: Vec::new(),
            settled_before: delivered + dead,
            announcing: None,
            arrived: 0,
            began: Instant::now(),
        };
        batcher.resumed(&resume, &head);
        batcher
    }

    /// Does what is next, unless it waits for something.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        self.look();
        self.show_lag();
        if !matches!(self.phase, Phase::Idle | Phase::Lingered) {
            return;
        }
        self.follow_epoch();
        if self.outgoing.is_under_way() {
            return self.send(ctx);
        }
        let is_read = self.outgoing.next() > self.head();
        if is_read && self.depth() == 0 {
            self.phase = Phase::Idle;
            return;
        }
        let plan = self.plan();
        // What is not routed here is passed over at once: the cursor is not to stand still for it.
        if !plan.linger.is_zero() && self.phase == Phase::Idle && self.depth() > 0 {
            return self.linger(plan.linger, ctx);
        }
        self.phase = Phase::Idle;
        let lacks = self.outgoing.ahead() < plan.size && !is_read;
        if lacks && !self.read_tail(plan.size) {
            return self.read_page(plan.size, ctx);
        }
        self.begin(plan.size, ctx);
    }

    /// Begins a batch of what was read, if any of it is for this path.
    fn begin(&mut self, size: usize, ctx: &mut Context<Self>) {
        if self.outgoing.begin(size) {
            return self.send(ctx);
        }
        if let Some(step) = self.outgoing.catch_up() {
            self.save(step);
        }
        ctx.notify(Proceed);
    }

    fn send(&mut self, ctx: &mut Context<Self>) {
        let size = self.plan().size;
        let Some((range, batch)) = self.outgoing.request(size) else { return };
        // A crash is to make it send one batch again at most.
        if self.forgettable + batch.items.len() > self.options.policy.most() && self.forgettable > 0
        {
            return self.store(ctx);
        }
        self.phase = Phase::Sending;
        self.spoke = true;
        let answer = self.options.adapter.deliver.send(DeliverBatch(batch));
        ctx.spawn(answer.into_actor(self).map(move |answer, batcher, ctx| {
            batcher.phase = Phase::Idle;
            match answer {
                Ok(Some(attempted)) => batcher.on_answer(range.start, &attempted, ctx),
                // It stops, or it is gone, which the watchdog sees.
                Ok(None) | Err(_) => batcher.stop(),
            }
        }));
    }

    fn on_answer(&mut self, start: usize, attempted: &Attempted, ctx: &mut Context<Self>) {
        let events = attempted.sent;
        #[expect(clippy::cast_precision_loss, reason = "a batch has at most 10,000 events")]
        self.options.metrics.adapter_batch_events.with([REALTIME]).record(events as f64);
        self.observe(attempted);
        let progress = self.outgoing.answered(start, attempted);
        self.settle(progress, ctx);
    }

    /// Waits for a batch to fill.
    fn linger(&mut self, linger: Duration, ctx: &mut Context<Self>) {
        self.phase = Phase::Lingering;
        ctx.run_later(linger, |batcher, ctx| {
            if batcher.phase == Phase::Lingering {
                batcher.phase = Phase::Lingered;
                batcher.proceed(ctx);
            }
        });
    }

    /// While it lingers, enough may have come.
    fn on_news(&mut self, ctx: &mut Context<Self>) {
        self.count_arrivals();
        if self.phase == Phase::Lingering && self.plan().linger.is_zero() {
            self.phase = Phase::Lingered;
        }
        self.proceed(ctx);
    }

    /// Tells readers at the destination how far the path is, when nothing else was said.
    fn announce(&mut self) {
        let is_idle = self.phase == Phase::Idle && self.depth() == 0;
        if is_idle && !std::mem::take(&mut self.spoke) {
            let announce = Announce(self.outgoing.position());
            if self.options.adapter.announce.try_send(announce).is_err() {
                tracing::debug!("the adapter has too much to do to say how far it is");
            }
        }
    }

    fn announce_now_and_then(&mut self, ctx: &mut Context<Self>) {
        if let Some(before) = self.announcing.take() {
            ctx.cancel_future(before);
        }
        let interval = self.options.announce;
        self.announcing =
            interval.map(|interval| ctx.run_interval(interval, |batcher, _| batcher.announce()));
    }

    /// How many go together now.
    fn plan(&mut self) -> Plan {
        self.options.policy.next(self.depth(), self.began.elapsed())
    }

    /// Events that wait.
    fn depth(&self) -> usize {
        self.outgoing.depth()
    }

    /// Takes note of what has come.
    fn look(&mut self) {
        self.arrived += self.outgoing.look(&self.options.tail.load());
    }

    /// The policy is told what has come since it was told last.
    fn count_arrivals(&mut self) {
        self.look();
        let arrived = usize::try_from(std::mem::take(&mut self.arrived)).unwrap_or(usize::MAX);
        self.options.policy.arrived(arrived, self.began.elapsed());
    }

    fn stop(&mut self) {
        self.phase = Phase::Stopped;
        for finished in self.finished.drain(..) {
            finished.send(()).ok();
        }
    }

    fn head(&self) -> u64 {
        self.options.tail.load().position().seq
    }

    /// How long the oldest event that waits has been committed.
    fn lag(&self) -> Duration {
        let tail = self.options.tail.load();
        let oldest = self.outgoing.oldest().map(|event| event.created_at);
        let unread = || {
            let mut unread = tail.from(self.outgoing.next());
            unread.find(|event| event.is_routed()).map(|event| event.created_at)
        };
        let since = oldest.or_else(unread).map(|at| Utc::now() - at);
        since.unwrap_or(TimeDelta::zero()).to_std().unwrap_or_default()
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    fn show_lag(&self) {
        let metrics = &self.options.metrics;
        let depth = self.depth();
        metrics.adapter_lag_events.with([REALTIME]).set(depth as f64);
        metrics.adapter_lag_seconds.with([REALTIME]).set(self.lag().as_secs_f64());
    }
}

/// There may be something to do.
#[derive(Message)]
#[rtype(result = "()")]
struct Proceed;

/// The journal has advanced. Coalesced: the next one is sent when this one was answered.
#[derive(Message)]
#[rtype(result = "()")]
struct Advanced;

impl Actor for Batcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (mut advanced, batcher) = (self.options.advanced.clone(), ctx.address());
        ctx.spawn(
            async move {
                while advanced.changed().await.is_ok() && batcher.send(Advanced).await.is_ok() {}
            }
            .into_actor(self),
        );
        self.announce_now_and_then(ctx);
        ctx.run_interval(SAVE_AGAIN, |batcher, _| {
            batcher.save_again();
            batcher.show_lag();
        });
        self.proceed(ctx);
    }
}

/// How often a step is saved again for which there was no room, and the lag looked at.
const SAVE_AGAIN: Duration = Duration::from_secs(1);

impl Handler<Advanced> for Batcher {
    type Result = ();

    fn handle(&mut self, _: Advanced, ctx: &mut Self::Context) {
        self.on_news(ctx);
    }
}

impl Handler<Proceed> for Batcher {
    type Result = ();

    fn handle(&mut self, _: Proceed, ctx: &mut Self::Context) {
        self.proceed(ctx);
    }
}

impl Handler<ReconfigureBatcher> for Batcher {
    type Result = ();

    fn handle(&mut self, change: ReconfigureBatcher, ctx: &mut Self::Context) {
        let ReconfigureBatcher { policy, max_probes, announce } = change;
        if let Some(policy) = policy {
            self.options.policy = policy;
        }
        self.outgoing.set_max_probes(max_probes);
        if std::mem::replace(&mut self.options.announce, announce) != announce {
            self.announce_now_and_then(ctx);
        }
    }
}

impl Handler<FinishBatching> for Batcher {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FinishBatching, _: &mut Self::Context) -> Self::Result {
        let (done, finished) = oneshot::channel();
        self.finished.push(done);
        if !matches!(self.phase, Phase::Sending | Phase::Burying) {
            self.stop();
        }
        Box::pin(async move { drop(finished.await) })
    }
}

impl Handler<GetBatcher> for Batcher {
    type Result = MessageResult<GetBatcher>;

    fn handle(&mut self, _: GetBatcher, _: &mut Self::Context) -> Self::Result {
        self.look();
        MessageResult(self.view())
    }
}
