//! One client of server-sent events: an actor that stands for it in the shard.
//!
//! The client says nothing, so there is nothing to read: the stream subscribes once, and lasts until
//! the response has ended, from whichever side.

use std::{io, sync::Arc};

use actix::{MailboxError, prelude::*};
use chrono::Utc;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    begin::{self, Unavailable},
    line::Line,
    outlet::Outlet,
    pipe::Body,
    session::{Finish, Owner, SessionOptions},
    shard::{Client, End, Handle, Join, Leave, Subscribe},
};
use crate::core::{
    fanout::{Begin, TooManyFilters},
    filter::Filter,
    protocol::{CloseReason, Form, From},
};

/// What a client wants to hear.
#[derive(Debug)]
pub struct Wanted {
    /// Whose stream it is.
    pub owner: Owner,
    /// Which events.
    pub filter: Filter,
    /// From where.
    pub from: From,
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The client is gone already.
    #[error("the client is gone: {0}")]
    Gone(#[from] io::Error),
    /// The beginning cannot be found now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Its filter is one too many.
    #[error(transparent)]
    TooManyFilters(#[from] TooManyFilters),
    /// The router stops.
    #[error("the router is shutting down")]
    Stopping(#[from] MailboxError),
}

/// What to subscribe to, and who waits for the outcome.
struct Opening {
    filter: Filter,
    begin: Begin,
    outcome: oneshot::Sender<Result<(), Refused>>,
}

/// The actor.
pub struct Stream {
    id: Uuid,
    owner: Owner,
    outlet: Arc<Outlet>,
    options: Arc<SessionOptions>,
    /// Taken at the start.
    opening: Option<Opening>,
    handle: Option<Handle>,
    /// The response has begun.
    open: bool,
    /// The end is said, and the client has a moment to take it.
    ending: bool,
}

impl Stream {
    /// Subscribes a client; the body of the response, which the server sends over `line`.
    ///
    /// # Errors
    /// When there can be no such stream now.
    pub async fn open(
        line: Arc<Line>,
        wanted: Wanted,
        options: Arc<SessionOptions>,
    ) -> Result<Body, Refused> {
        let Wanted { owner, filter, from } = wanted;
        let begin = begin::find(&*options.storage, &filter, from).await?;
        let (outlet, body) = Outlet::piped(line, options.settings().session.send_buffer)?;
        let (outcome, subscribed) = oneshot::channel();
        let stream = Self {
            id: Uuid::new_v4(),
            owner,
            outlet: Arc::new(outlet),
            options,
            opening: Some(Opening { filter, begin, outcome }),
            handle: None,
            open: false,
            ending: false,
        };
        stream.start();
        match subscribed.await {
            Ok(outcome) => outcome.map(|()| body),
            Err(_gone) => Err(Refused::Stopping(MailboxError::Closed)),
        }
    }
}

impl Stream {
    /// What its owner is known by is not good any more.
    fn expire(&self, ctx: &mut Context<Self>) {
        let Some(handle) = self.handle else { return ctx.stop() };
        let shard = self.options.shard.clone();
        let told = async move { shard.send(End(handle, CloseReason::Unauthenticated)).await };
        ctx.spawn(told.into_actor(self).map(|told, _, ctx| {
            if told.is_err() {
                ctx.stop();
            }
        }));
    }
}

impl Actor for Stream {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let metrics = &self.options.metrics;
        metrics.session_opened_total.increment(1);
        metrics.sessions.increment(1);
        let Some(Opening { filter, begin, outcome }) = self.opening.take() else {
            return ctx.stop();
        };
        let client = Client {
            id: self.id,
            client_id: self.owner.client_id.clone(),
            movable: false,
            identity: self.owner.identity.name.clone(),
            form: Form::Sse,
            outlet: self.outlet.clone(),
            session: ctx.address().recipient(),
            lost: None,
        };
        let (id, shard) = (self.id, self.options.shard.clone());
        let subscribed = async move {
            let client = Handle { key: shard.send(Join(client)).await?, id };
            Ok((client, shard.send(Subscribe { client, filter, begin }).await?))
        };
        ctx.wait(subscribed.into_actor(self).map(|subscribed, stream, ctx| {
            let result = subscribed.map_err(Refused::Stopping).and_then(|(handle, result)| {
                stream.handle = Some(handle);
                result.map_err(Refused::TooManyFilters)
            });
            // Whoever asked may be gone, and then the body is too.
            stream.open = result.is_ok() & outcome.send(result).is_ok();
            if !stream.open {
                ctx.stop();
            }
        }));
        let outlet = self.outlet.clone();
        let dropped = async move { outlet.body_dropped().await };
        ctx.spawn(dropped.into_actor(self).map(|(), stream, ctx| {
            if !stream.ending {
                ctx.stop();
            }
        }));
        let outlet = self.outlet.clone();
        let hung_up = async move { outlet.hung_up().await };
        ctx.spawn(hung_up.into_actor(self).map(|(), _, ctx| ctx.stop()));
        if let Some(expires_at) = self.owner.identity.expires_at {
            let left = (expires_at - Utc::now()).to_std().unwrap_or_default();
            ctx.run_later(left, |stream, ctx| stream.expire(ctx));
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.options.metrics.sessions.decrement(1);
        // Otherwise the connection is still to bring the answer that says why not.
        if self.open {
            self.outlet.close();
        }
        if let Some(handle) = self.handle {
            let shard = self.options.shard.clone();
            actix_rt::spawn(async move { shard.send(Leave(handle)).await });
        }
    }
}

impl Handler<Finish> for Stream {
    type Result = ();

    fn handle(&mut self, Finish(linger): Finish, ctx: &mut Self::Context) {
        self.ending = true;
        match linger {
            Some(linger) => {
                self.outlet.finish();
                ctx.run_later(linger, |_, ctx| ctx.stop());
            }
            None => ctx.stop(),
        }
    }
}
