//! The registry: which shards there are, and so who is connected.
//!
//! It is not on the way of an event: shards are woken by the journal's own signal, which cannot be
//! full. Questions and commands to all shards go through here, and their answers are put together.

use std::{future::Future, time::Duration};

use actix::prelude::*;
use futures_util::future::join_all;
use uuid::Uuid;

use super::shard::{
    EndAll, EndSession, EndSome, GetBalance, GetPresent, GetReached, GetSessions, PresentRow,
    ReachedRow, SessionRow, Shard, ShardLimits, TellSwitches,
};
use crate::core::{ledger::Balance, protocol::CloseReason};

/// A worker thread has started its shard.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ShardStarted {
    /// The shard.
    pub shard: Addr<Shard>,
    /// Its sessions are the router's own: nobody is told of them, or tells them anything.
    pub is_private: bool,
}

/// All sessions must end, and come back after a time within the window.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Dismiss {
    /// Why.
    pub reason: CloseReason,
    /// The time over which clients spread their reconnecting.
    pub window: Duration,
}

/// Ends one session; whether there was one of that id.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct CloseSession(pub Uuid);

/// Who is connected?
#[derive(Message)]
#[rtype(result = "Vec<SessionRow>")]
pub struct ListSessions;

/// How does the ledger of the direct path stand?
#[derive(Message)]
#[rtype(result = "Balance")]
pub struct GetLedger;

/// Is every shard that started still there?
#[derive(Message)]
#[rtype(result = "bool")]
pub struct AreShardsAlive;

/// The actor.
#[derive(Debug, Default)]
pub struct Broadcaster {
    shards: Vec<Addr<Shard>>,
    private: Vec<Addr<Shard>>,
    /// What bounds shards now, where that is not what they begin with.
    limits: Option<ShardLimits>,
}

/// Messages that may wait; above it a sender waits for its answer, and nothing is lost.
const MAILBOX: usize = 256;

impl Broadcaster {
    /// Asks all shards, and waits for those that are there.
    fn ask<M, R>(&self, message: &M) -> impl Future<Output = Vec<R>> + 'static
    where
        M: Message<Result = R> + Clone + Send + 'static,
        R: Send + 'static,
        Shard: Handler<M>,
    {
        let answers = join_all(self.shards.iter().map(|shard| shard.send(message.clone())));
        // A shard that is gone has no answer; the watchdog deals with it.
        async move { answers.await.into_iter().flatten().collect() }
    }
}

impl Actor for Broadcaster {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<ShardStarted> for Broadcaster {
    type Result = ();

    fn handle(&mut self, message: ShardStarted, _: &mut Self::Context) {
        let ShardStarted { shard, is_private } = message;
        if let Some(limits) = self.limits
            && shard.try_send(limits).is_err()
        {
            tracing::error!("a shard that has just started hears of no other limits");
        }
        if is_private { self.private.push(shard) } else { self.shards.push(shard) }
    }
}

impl Handler<ShardLimits> for Broadcaster {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, limits: ShardLimits, _: &mut Self::Context) -> Self::Result {
        self.limits = Some(limits);
        let all = self.shards.iter().chain(&self.private);
        let done = join_all(all.map(|shard| shard.send(limits)));
        Box::pin(async move { drop(done.await) })
    }
}

impl Handler<Dismiss> for Broadcaster {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: Dismiss, _: &mut Self::Context) -> Self::Result {
        let Dismiss { reason, window } = message;
        let done = self.ask(&EndAll { reason, window });
        Box::pin(async move { drop(done.await) })
    }
}

impl Handler<CloseSession> for Broadcaster {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, CloseSession(id): CloseSession, _: &mut Self::Context) -> Self::Result {
        let found = self.ask(&EndSession(id));
        Box::pin(async move { found.await.contains(&true) })
    }
}

impl Handler<ListSessions> for Broadcaster {
    type Result = ResponseFuture<Vec<SessionRow>>;

    fn handle(&mut self, _: ListSessions, _: &mut Self::Context) -> Self::Result {
        let rows = self.ask(&GetSessions);
        Box::pin(async move { rows.await.concat() })
    }
}

impl Handler<GetReached> for Broadcaster {
    type Result = ResponseFuture<Vec<ReachedRow>>;

    fn handle(&mut self, event: GetReached, _: &mut Self::Context) -> Self::Result {
        let rows = self.ask(&event);
        Box::pin(async move { rows.await.concat() })
    }
}

impl Handler<GetPresent> for Broadcaster {
    type Result = ResponseFuture<Vec<PresentRow>>;

    fn handle(&mut self, present: GetPresent, _: &mut Self::Context) -> Self::Result {
        let rows = self.ask(&present);
        Box::pin(async move { rows.await.concat() })
    }
}

impl Handler<TellSwitches> for Broadcaster {
    type Result = ResponseFuture<usize>;

    fn handle(&mut self, told: TellSwitches, _: &mut Self::Context) -> Self::Result {
        let told = self.ask(&told);
        Box::pin(async move { told.await.iter().sum() })
    }
}

impl Handler<EndSome> for Broadcaster {
    type Result = ResponseFuture<usize>;

    fn handle(&mut self, some: EndSome, _: &mut Self::Context) -> Self::Result {
        let ended = self.ask(&some);
        Box::pin(async move { ended.await.iter().sum() })
    }
}

impl Handler<GetLedger> for Broadcaster {
    type Result = ResponseFuture<Balance>;

    fn handle(&mut self, _: GetLedger, _: &mut Self::Context) -> Self::Result {
        let balances = self.ask(&GetBalance);
        Box::pin(async move {
            let mut sum = Balance::default();
            for balance in balances.await {
                sum += &balance;
            }
            sum
        })
    }
}

impl Handler<AreShardsAlive> for Broadcaster {
    type Result = bool;

    fn handle(&mut self, _: AreShardsAlive, _: &mut Self::Context) -> bool {
        self.shards.iter().chain(&self.private).all(Addr::connected)
    }
}
