//! The one that speaks to a destination: asks the breaker, waits, sends, and tells what came of it.
//!
//! It holds no event longer than a request takes. The rules are [`Breaker`]'s and
//! [`RetryPolicy`](crate::core::retry::RetryPolicy)'s; a batch that must wait waits here, for as long
//! as the breaker is open. One request is under way at a time.
//!
//! It survives whatever the destination does: a lost connection and a request that hangs are
//! answers like others. Each transition of the breaker is a log line, a metric, and a row of the
//! audit log.

mod desk;
mod messages;
mod state;
#[cfg(test)]
mod tests;

use std::{rc::Rc, sync::Arc};

use actix::prelude::*;

use self::desk::Desk;
pub use self::messages::{
    AdapterView, Announce, AttemptsOf, BreakerView, Counts, DeliverBatch, ForceBreaker, GetAdapter,
    GetAttempts, Limits, Reconfigure, Redeliver, RedeliverError, StopDelivering, TryAgain,
};
use super::{journal::Record, validator::news::PathNews};
use crate::{
    adapters::{Tally, Transport},
    core::{
        breaker::{BadBreaker, Breaker},
        delivery::Attempted,
    },
    telemetry::Metrics,
};

/// Messages that may wait: commands of people, and one batch.
const MAILBOX: usize = 64;

/// What an adapter is made with.
pub struct AdapterOptions {
    /// How the destination is reached.
    pub transport: Arc<dyn Transport>,
    /// When it is left alone.
    pub breaker: Breaker,
    /// What bounds its requests; those of the breaker are the breaker's own.
    pub limits: Limits,
    /// Where transitions are written down.
    pub audit: Recipient<Record>,
    /// What became of events.
    pub tally: Arc<Tally>,
    /// Who compares is told whether events flow.
    pub news: Arc<PathNews>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The actor.
pub struct Adapter {
    desk: Rc<Desk>,
}

impl Adapter {
    /// An adapter that has sent nothing yet.
    #[must_use]
    pub fn new(options: AdapterOptions) -> Self {
        Self { desk: Rc::new(Desk::new(options)) }
    }
}

impl Actor for Adapter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<DeliverBatch> for Adapter {
    type Result = ResponseFuture<Option<Attempted>>;

    fn handle(&mut self, DeliverBatch(batch): DeliverBatch, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.deliver(batch).await })
    }
}

impl Handler<Announce> for Adapter {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Announce(position): Announce, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.announce(position).await })
    }
}

impl Handler<Redeliver> for Adapter {
    type Result = ResponseFuture<Result<(), RedeliverError>>;

    fn handle(&mut self, Redeliver(batch): Redeliver, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.redeliver(batch).await })
    }
}

impl Handler<ForceBreaker> for Adapter {
    type Result = MessageResult<ForceBreaker>;

    fn handle(
        &mut self,
        ForceBreaker { force, by }: ForceBreaker,
        _: &mut Self::Context,
    ) -> Self::Result {
        MessageResult(self.desk.force(force, &by))
    }
}

impl Handler<GetAdapter> for Adapter {
    type Result = MessageResult<GetAdapter>;

    fn handle(&mut self, _: GetAdapter, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.desk.view())
    }
}

impl Handler<GetAttempts> for Adapter {
    type Result = MessageResult<GetAttempts>;

    fn handle(&mut self, GetAttempts(seq): GetAttempts, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.desk.attempts_of(seq))
    }
}

impl Handler<Reconfigure> for Adapter {
    type Result = ResponseFuture<Result<(), BadBreaker>>;

    fn handle(&mut self, reconfigure: Reconfigure, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.reconfigure(reconfigure).await })
    }
}

impl Handler<TryAgain> for Adapter {
    type Result = ();

    fn handle(&mut self, _: TryAgain, _: &mut Self::Context) {
        self.desk.try_again();
    }
}

impl Handler<StopDelivering> for Adapter {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopDelivering, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        // At once, not when this is asked for its result: who waits for leave to send gets none.
        desk.stop();
        Box::pin(async move { desk.ended().await })
    }
}
