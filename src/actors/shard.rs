//! The sessions of one worker thread. The rules are [`Fanout`]'s; the shard wakes it when the
//! journal advances, carries out its effects, and brings back what came of them.
//!
//! It never waits: pages are read and sockets awaited by tasks that send their news as messages.

mod channels;
mod effects;
mod limits;
mod moves;
mod passes;
mod queries;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

pub use self::channels::{CloseChannel, OpenChannel, Tune};
pub use self::limits::ShardLimits;
use self::passes::Pass;
pub use self::{
    moves::{EndSome, GetPresent, PresentRow, TellSwitches},
    queries::{EndAll, EndSession, GetBalance, GetReached, GetSessions, ReachedRow, SessionRow},
};
use super::{
    outlet::Outlet,
    session::{Finish, Lost},
};
use crate::{
    core::{
        event::{Position, Seq},
        fanout::{Begin, Fanout, Key, TooManyFilters, Totals, Turn},
        filter::Filter,
        millis,
        protocol::{CloseReason, Form, ServerFrame},
        reader::{Gone, PageView, Sink, SubKey},
        tail::SharedTail,
    },
    settings::LiveSettings,
    storage::{Page, Storage},
    telemetry::{Metrics, Traces},
};

/// A session comes; the key to speak of it by.
#[derive(Message)]
#[rtype(result = "Key")]
pub struct Join(pub Client);

/// A session asks for events.
#[derive(Message)]
#[rtype(result = "Result<(), TooManyFilters>")]
pub struct Subscribe {
    /// Who.
    pub client: Handle,
    /// Which.
    pub filter: Filter,
    /// From where.
    pub begin: Begin,
}

/// Whole frames for a session, behind what it still has to get.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Say(pub Handle, pub Vec<u8>);

/// Has all that was said to a session gone out? Of one that is gone, it has.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct IsHeard(pub Handle);

/// A session must end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End(pub Handle, pub CloseReason);

/// A session is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave(pub Handle);

/// The journal has advanced; whether all sessions have been served. Coalesced: the next one is
/// sent when this one was answered.
#[derive(Message)]
#[rtype(result = "bool")]
struct Advanced;

/// A socket takes bytes again.
#[derive(Message)]
#[rtype(result = "()")]
struct Writable(Handle);

/// A page was read for a subscription of a session, or could not be.
#[derive(Message)]
#[rtype(result = "()")]
struct PageRead(Handle, SubKey, Option<Page>);

/// A session, from outside: its key is only good together with its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// Its place in the shard.
    pub key: Key,
    /// Its id.
    pub id: Uuid,
}

/// What a shard holds of a session.
#[derive(Debug)]
pub struct Client {
    /// The session's id.
    pub id: Uuid,
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// Whether it can be moved to another path.
    pub movable: bool,
    /// How it hears things.
    pub form: Form,
    /// What it is known as.
    pub identity: Option<Arc<str>>,
    /// Its socket.
    pub outlet: Arc<Outlet>,
    /// The session.
    pub session: Recipient<Finish>,
    /// The same, when it has channels.
    pub lost: Option<Recipient<Lost>>,
}

impl Sink for Client {
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        self.outlet.write(bytes)
    }

    fn take_moved(&self) -> bool {
        self.outlet.take_moved()
    }
}

/// What a shard is made with.
#[derive(Clone)]
pub struct ShardOptions {
    /// The tail of the process.
    pub tail: Arc<SharedTail>,
    /// Says when the tail has changed.
    pub advanced: watch::Receiver<()>,
    /// What is read when the tail does not go back far enough.
    pub storage: Arc<dyn Storage>,
    /// What bounds it.
    pub limits: ShardLimits,
    /// How long a closed session may take to close its side.
    pub linger: Duration,
    /// The settings in force: `welcome` tells their number.
    pub live: Arc<LiveSettings>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where spans are made, if they are asked for.
    pub traces: Option<Arc<Traces>>,
}

/// The actor.
pub struct Shard {
    fanout: Fanout<Client>,
    options: ShardOptions,
    started: Instant,
    /// The last `seq` that a pass has come to.
    passed: Seq,
    /// The pass that is under way.
    pass: Option<Pass>,
    /// Set when all sessions were told to end: whoever comes late is told too.
    ending: Option<EndAll>,
    /// Filter groups, as they were counted last.
    groups: usize,
    /// Dropped events, as they were counted last.
    dropped: BTreeMap<&'static str, u64>,
    /// Bounds the pages in memory at a time.
    pages: Arc<Semaphore>,
}

/// Pages that a shard reads at a time.
const PAGES: usize = 4;
/// Messages that may wait. Above it a sender waits for its answer, so nothing is lost and no more
/// waits than there are senders.
const MAILBOX: usize = 1024;
/// How long a shard serves sessions before it lets others have the thread: what they bring meanwhile
/// goes out together with the rest.
const TURN: Duration = Duration::from_micros(500);

impl Shard {
    /// A shard without sessions.
    #[must_use]
    pub fn new(options: ShardOptions) -> Self {
        let Position { epoch, seq } = options.tail.load().position();
        let fanout = Fanout::new(epoch, options.limits.fanout);
        Self {
            fanout,
            options,
            started: Instant::now(),
            passed: seq,
            pass: None,
            ending: None,
            groups: 0,
            dropped: BTreeMap::new(),
            pages: Arc::new(Semaphore::new(PAGES)),
        }
    }

    /// One turn of the fan-out, and what follows from it.
    fn turn<R>(
        &mut self,
        ctx: &mut Context<Self>,
        f: impl FnOnce(&mut Fanout<Client>, Turn<'_>) -> R,
    ) -> R {
        let tail = self.options.tail.load();
        let result = f(&mut self.fanout, Turn { tail: &tail, now: self.started.elapsed() });
        let Totals { delivered, bytes } = self.fanout.take_totals();
        self.options.metrics.session_deliveries_total.increment(delivered);
        self.options.metrics.session_delivered_bytes_total.increment(bytes);
        if bytes > 0 {
            self.options.metrics.stats.delivered(delivered, bytes);
        }
        for effect in self.fanout.take_effects() {
            self.carry_out(effect, ctx);
        }
        result
    }

    fn is_here(&self, handle: Handle) -> bool {
        self.fanout.sink(handle.key).is_some_and(|client| client.id == handle.id)
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let heard: Vec<Key> = self
            .fanout
            .rows()
            .filter(|(_, row)| row.sink.outlet.take_heard())
            .map(|(key, _)| key)
            .collect();
        self.turn(ctx, |fanout, turn| {
            for key in heard {
                fanout.heard(key);
            }
            fanout.tick(turn);
        });
        self.count();
    }

    /// Counts what has changed since the last time: the metrics are sums over all shards.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    fn count(&mut self) {
        let metrics = &self.options.metrics;
        let groups = std::mem::replace(&mut self.groups, self.fanout.groups());
        metrics.filter_groups.increment(self.groups as f64 - groups as f64);
        for (reason, n) in self.fanout.dropped() {
            let before = self.dropped.insert(reason, *n).unwrap_or(0);
            metrics.session_dropped_total.with([reason]).increment(n - before);
            metrics.stats.dropped(n - before);
        }
    }
}

impl Actor for Shard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        actix_rt::spawn(follow(self.options.advanced.clone(), ctx.address()));
        ctx.run_interval(Duration::from_secs(1), Self::tick);
    }
}

/// Tells the shard when the journal has advanced, again only after it has dealt with it, and lets
/// others have the thread when it could not finish in one turn.
async fn follow(mut advanced: watch::Receiver<()>, shard: Addr<Shard>) {
    while advanced.changed().await.is_ok() {
        while let Ok(false) = shard.send(Advanced).await {
            tokio::task::yield_now().await;
        }
    }
}

impl Handler<Advanced> for Shard {
    type Result = bool;

    fn handle(&mut self, _: Advanced, ctx: &mut Self::Context) -> bool {
        let began = Instant::now();
        self.begin_pass();
        let done = self.turn(ctx, |fanout, turn| fanout.advance(turn, || began.elapsed() < TURN));
        if done {
            self.end_pass();
        }
        done
    }
}

impl Handler<Join> for Shard {
    type Result = usize;

    fn handle(&mut self, Join(client): Join, ctx: &mut Self::Context) -> Key {
        let (session, form) = (client.id, client.form);
        let generation = self.options.live.load().generation;
        let heartbeat = self.options.limits.fanout.patience.heartbeat;
        let ending = self.ending;
        self.turn(ctx, |fanout, turn| {
            let key = fanout.join(client, form, turn.now);
            let head = turn.tail.position();
            let heartbeat_ms = millis::whole(heartbeat);
            let welcome = ServerFrame::Welcome { session, head, heartbeat_ms, generation };
            fanout.tell(key, &welcome, turn);
            if let Some(ending) = ending {
                fanout.end(key, ending.reason, Some(ending.draw()), turn);
            }
            key
        })
    }
}

impl Handler<Subscribe> for Shard {
    type Result = Result<(), TooManyFilters>;

    fn handle(&mut self, message: Subscribe, ctx: &mut Self::Context) -> Self::Result {
        let Subscribe { client, filter, begin } = message;
        if !self.is_here(client) {
            return Ok(());
        }
        self.turn(ctx, |fanout, turn| fanout.subscribe(client.key, &filter, begin, turn))
    }
}

impl Handler<Say> for Shard {
    type Result = ();

    fn handle(&mut self, Say(client, frames): Say, ctx: &mut Self::Context) {
        if self.is_here(client) {
            self.turn(ctx, |fanout, turn| fanout.say(client.key, &frames, turn));
        }
    }
}

impl Handler<IsHeard> for Shard {
    type Result = bool;

    fn handle(&mut self, IsHeard(client): IsHeard, _: &mut Self::Context) -> bool {
        !self.is_here(client) || self.fanout.is_heard(client.key)
    }
}

impl Handler<End> for Shard {
    type Result = ();

    fn handle(&mut self, End(client, reason): End, ctx: &mut Self::Context) {
        if self.is_here(client) {
            self.turn(ctx, |fanout, turn| fanout.end(client.key, reason, None, turn));
        }
    }
}

impl Handler<Leave> for Shard {
    type Result = ();

    fn handle(&mut self, Leave(client): Leave, ctx: &mut Self::Context) {
        if !self.is_here(client) {
            return;
        }
        if let Some((_, reason)) = self.turn(ctx, |fanout, turn| fanout.leave(client.key, turn)) {
            self.options.metrics.session_closed_total.with([reason.as_str()]).increment(1);
        }
    }
}

impl Handler<Writable> for Shard {
    type Result = ();

    fn handle(&mut self, Writable(client): Writable, ctx: &mut Self::Context) {
        if self.is_here(client) {
            self.turn(ctx, |fanout, turn| fanout.writable(client.key, turn));
        }
    }
}

impl Handler<PageRead> for Shard {
    type Result = ();

    fn handle(&mut self, PageRead(client, subscription, page): PageRead, ctx: &mut Self::Context) {
        if !self.is_here(client) {
            return;
        }
        self.turn(ctx, |fanout, turn| {
            let view = page.as_ref().map(|page| PageView {
                events: &page.events,
                scanned_through: page.scanned_through,
                head: page.head,
            });
            fanout.page(client.key, subscription, view, turn);
        });
    }
}
